"""Potential that a mediator of neutrino self-interactions gives an active neutrino in the bath.

One-loop self-energy with a neutrino and a mediator of mass m in thermal equilibrium, no asymmetries: eq. (7) of
arXiv:1910.04901 (scalar), eq. (3.3) of arXiv:2005.03681 (vector).  For a neutrino of energy E, with x = E/T, r = m/T,

    V = n_V g^2 T F(x, r)/x,      n_V = 1 for the scalar, 2 for a vector,
    F = -1/(16 pi^2 x) int_0^inf dk { [r^2 k/(2 w) L_2 - 4 x k^2/w] n_B(w) + [r^2/2 L_1 - 4 x k] n_F(k) },
    F -> 1/16 for r << 1,  -7 pi^2 x^2/(90 r^4) for r >> 1 and r^2 >> x.

The papers print the integral without the overall minus sign, with which it would be the opposite of their own limits,
eqs. (3.4) and below (7).  With w^2 = k^2 + r^2, s = r^2/(4 x), and rapidities k = r sinh eta, 2 x = r e^alpha,

    L_1 = ln|(k + s)/(k - s)|,      L_2 = ln|tanh((eta - alpha)/2)/tanh((eta + alpha)/2)|,

so that the fermion's part is a function of s alone, and both have one logarithmic singularity, at which the integrals
are divided.  F changes sign near r = 3 ... 5.

Not covered: asymmetries of the bath (tadpoles), a mediator that is not in equilibrium.
"""

import math
from functools import cache

import numpy as np

from hpc_nu.plasma.uniform_spline import Axis, coefficients

MOMENTA = Axis(1e-4, 1e3, 57)
"""x = E/T of the table."""

MASSES = Axis(1e-5, 1e4, 241)
"""r = m/T of the table."""

_REACH = 45.0  # energies in units of T beyond which there is no particle
_SERIES_BELOW = 0.1  # of atanh(u) - u, which cancels


@cache
def _tanh_sinh(n=60, reach=3.2):
    """Nodes in (0, 1), their distance from 1, and weights: for integrands that are singular at the ends."""
    t = np.linspace(-reach, reach, 2 * n + 1)
    u = math.pi / 2 * np.sinh(t)
    weights = (t[1] - t[0]) * math.pi / 4 * np.cosh(t) / np.cosh(u) ** 2
    return 1 / (1 + np.exp(-2 * u)), weights


def _fermi(x):
    return 1 / (np.exp(x) + 1)


def _fermion_part(s):
    """int dk [(s/2) L_1 - k] n_F(k) for s, (n,)."""
    nodes, weights = _tanh_sinh()
    s = np.asarray(s, dtype=float)[..., np.newaxis]
    inside = np.minimum(s, _REACH)  # below the singularity: k = inside * nodes
    u = inside * nodes / s
    small = np.minimum(u, _SERIES_BELOW)
    series = small**3 * (1 / 3 + small**2 * (1 / 5 + small**2 * (1 / 7 + small**2 * (1 / 9 + small**2 / 11))))
    closed = np.arctanh(np.clip(u, _SERIES_BELOW, 1 - 1e-16)) - np.maximum(u, _SERIES_BELOW)
    below = np.where(u < _SERIES_BELOW, series, closed) * s * _fermi(inside * nodes)
    width = np.maximum(_REACH - s, 0.0)  # above it: k = s + width * nodes
    k = s + width * nodes
    logarithm = np.log1p(2 * s / np.maximum(width * nodes, 1e-200)) / 2
    above = (s * logarithm - k) * _fermi(np.minimum(k, 700.0))
    return np.sum(weights * (inside * below + width * above), axis=-1)


def _boson_part(x, r):
    """int dk [r^2 k/(2 w) L_2 - 4 x k^2/w] n_B(w) for x and r, (n,)."""
    nodes, weights = _tanh_sinh()
    x, r = x[..., np.newaxis], r[..., np.newaxis]
    end = np.arccosh(1 + _REACH / r)
    alpha = np.log(2 * x / r)
    singular = np.minimum(np.abs(alpha), end)
    total = 0.0
    # Distances from the singularity are kept apart from eta, of which they are differences.
    for start, length, direction in ((0.0, singular, -1), (singular, end - singular, 1)):
        step = length * nodes
        eta = start + step if direction > 0 else singular - step
        gap = np.where(singular < np.abs(alpha), np.abs(eta - np.abs(alpha)), step)
        # For r = 2 x both are zero at eta = 0, and L_2 is everywhere.
        gap, across = np.maximum(gap, 1e-300), np.maximum(eta + np.abs(alpha), 1e-300)
        l_2 = np.sign(alpha) * (np.log(np.tanh(gap / 2)) - np.log(np.tanh(across / 2)))
        k, w = r * np.sinh(eta), r * np.cosh(eta)
        value = (r**2 / 2 * k * l_2 - 4 * x * k**2) / np.expm1(np.minimum(w, 700.0))
        total = total + np.sum(weights * length * value, axis=-1)
    return total


def reduced_potential(x, r):
    """F(x, r) by quadrature, to 1e-12.

    Parameters
    ----------
    x, r : arrays
        E/T and m/T, both positive; broadcast against each other.

    Returns
    -------
    array
    """
    x, r = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(r, dtype=float))
    fermion = -_fermion_part(r**2 / (4 * x)) / (4 * math.pi**2)
    boson = np.zeros(x.shape)
    there = r < 700
    boson[there] = -_boson_part(x[there], r[there]) / (16 * math.pi**2 * x[there])
    return fermion + boson


def heavy_limit(x, r):
    """F for m >> T: -7 pi^2 x^2/(90 r^4), eq. (3.4) of arXiv:2005.03681."""
    return -7 * math.pi**2 * x**2 / (90 * r**4)


LIGHT_LIMIT = 1 / 16
"""F for m << T, the same."""


def scale(x, r):
    """F times this is of order one at all x and r; numbers in compiled code, arrays elsewhere."""
    w = r * r / (4.0 * x)
    return 1.0 + w * w


@cache
def potential_table():
    """Spline coefficients of F times `scale`, over ln r and ln x.

    Returns
    -------
    (MASSES.size + 2, MOMENTA.size + 2) array
    """
    r, x = np.meshgrid(MASSES.nodes(), MOMENTA.nodes(), indexing="ij")
    values = reduced_potential(x, r) * scale(x, r)
    return coefficients(MASSES.size) @ values @ coefficients(MOMENTA.size).T
