"""Rate at which an active neutrino of energy E scatters in the bath through a mediator of mass m and coupling g.

    Gamma(E, T) = n_G int d^3q/(2 pi)^3 n_F(q) sigma(s) v_rel,                                         eq. (3.6) of [V]

with cross sections in terms of y = s/m^2, sigma = (g^4/m^2) S(y), N = S [(y - 1)^2 + (Gamma_m/m)^2] where there is a
pole:

| channel                         | S or N                                                         | source    |
|---------------------------------|----------------------------------------------------------------|-----------|
| scalar: nu nu                   | N = y/(32 pi)                                                  | [L], (28) |
| scalar: nu nubar                | [y + y/(1 + y) - 2 ln(1 + y)]/(16 pi y^2)                      | [L], (28) |
| vector: nu nu                   | [y/(1 + y) + 2 ln(1 + y)/(2 + y)]/(4 pi)                       | [V] (3.5) |
| vector: nu nubar                | N = [y^2 - 4 + 4 (1 - y^2) ln(1 + y)/y + 10 y/3]/(4 pi)        | [V] (3.5) |
| nu nubar -> neutrinos of others | N = y/(12 pi)                                                  | here      |
| nu nubar -> charged leptons     | N = (1 + 2 r)(1 - 4 r)^(1/2) y/(6 pi), r = m_l^2/m^2           | here      |
| on others, left-left            | y/(1 + y)/(4 pi)                                               | here      |
| on others, left-right           | [y^2 + 2 y - 2 (1 + y) ln(1 + y)]/(4 pi y^2)                   | here      |

[L] arXiv:1910.04901 and the talk on it; [V] arXiv:2005.03681, which has no rates for L_mu - L_tau and B - L that could
be copied: those are tree level with massless kinematics, charged leptons counted by their density over that of a
massless species.  (The pole in (3.5) of [V] is given its width.)

v_rel is (2 (1 - cos))^(1/2) = (s/(E q))^(1/2) in both papers (`paper`); the Moeller velocity is 1 - cos = s/(2 E q)
(`moller`).  With w = m^2/(4 E T), x = E/T, r = m/T and p = 1/2 for `paper`, 1 for `moller`, Gamma is one-dimensional:

    Gamma = n_G g^4 T C(x, r) G(w),      C = r/(8 pi^2 x^(3/2)) for `paper`, r^2/(16 pi^2 x^2) for `moller`,
    G(w)  = int_0^inf dy y^p S(y) J(w y),       J(w) = int_w^inf dk k^p' n_F(k),   p' = 1/2 for `paper`, 0 for `moller`.

For a narrow pole G = (pi N(1) m/Gamma_m) J(w) + G_reg(w), G_reg the finite part of the integral without width: both are
independent of g and m.  pi N(1) m/Gamma_m = on_shell/g^2 whatever the mediator decays into.  Error: (Gamma_m/m)^2.

n_G: 1 for the rate of a neutrino alone, with g_dof = 2 for nu_s and anti-nu_s; [V] has the factor 2 in the rate, (3.6).
(3.6) is a rate of loss; that of the approach to equilibrium, which damps oscillations, is 1/(1 - n_F(E)) times larger.
Not covered: that, Pauli blocking and stimulated emission in the final state, mediators off equilibrium, lepton masses
in t-channel kinematics.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import erfc, zeta

from hpc_nu.plasma.uniform_spline import Axis, coefficients

VELOCITIES = {
    "paper": "v_rel = (2 (1 - cos))^(1/2), as in arXiv:1910.04901 and 2005.03681",
    "moller": "Moeller velocity 1 - cos",
}

AXIS = Axis(1e-10, 1e8, 241)
"""w of the tables."""

POWER = {"paper": 0.5, "moller": 1.0}
"""p."""

_NO_PARTICLES = 740.0  # e^-w is zero in double precision
_SERIES_BELOW = 0.03  # of y, where closed forms cancel


def prefactor(x, r, p):
    """C(x, r), for p of `POWER`; numbers in compiled code, arrays elsewhere."""
    if p == 1.0:
        return r * r / (16.0 * np.pi**2 * x * x)
    return r / (8.0 * np.pi**2 * x * np.sqrt(x))


def occupied_above(w, velocity):
    """J(w): int_w^inf dk k^(1/2) n_F(k) for `paper`, by a spline, to 1e-8; ln(1 + e^-w) for `moller`.

    Parameters
    ----------
    w : array, not negative

    Returns
    -------
    array
    """
    w = np.minimum(np.asarray(w, dtype=float), _NO_PARTICLES)
    if velocity == "moller":
        return np.log1p(np.exp(-w))
    return np.exp(-w) * _occupied_spline()(np.sqrt(w))


@cache
def _occupied_spline():
    """e^w J(w) for `paper`, a smooth function of w^(1/2)."""
    root = np.linspace(0.0, _NO_PARTICLES**0.5, 1500)
    t, weight = np.polynomial.legendre.leggauss(64)
    u = 3.5 * (t + 1)  # k = w + u^2
    k = root[:, np.newaxis] ** 2 + u**2
    integrand = 2 * u * np.sqrt(k) * np.exp(-(u**2)) / (1 + np.exp(-k))
    return CubicSpline(root, np.sum(3.5 * weight * integrand, axis=1))


# ------------------------------------------------------------------------------------------------- cross sections


def _series(y, terms):
    return np.polynomial.polynomial.polyval(np.minimum(y, _SERIES_BELOW), terms)


def _scalar_nu_nubar(y):
    n = np.arange(10)
    terms = (-1.0) ** n * (1 - 2 / (n + 3))  # of [y/(1 + y) + y - 2 ln(1 + y)]/y^3
    far = np.maximum(y, _SERIES_BELOW)
    closed = (far + far / (1 + far) - 2 * np.log1p(far)) / far**2
    return np.where(y < _SERIES_BELOW, y * _series(y, terms), closed) / (16 * math.pi)


def _vector_nu_nu(y):
    return (y / (1 + y) + 2 / (2 + y) * np.log1p(y)) / (4 * math.pi)


def _vector_nu_nubar(y):
    """N; below 0.03 by the series 4 (1 - y^2) ln(1 + y)/y = 4 - 2 y + ..."""
    n = np.arange(12)
    logarithm = (-1.0) ** n / (n + 1)  # of ln(1 + y)/y
    product = 4 * (logarithm - np.concatenate([[0, 0], logarithm[:-2]]))
    product[0] = 0  # 4 - 4
    product[1] += 10 / 3
    product[2] += 1
    far = np.maximum(y, _SERIES_BELOW)
    closed = far**2 - 4 + 4 * (1 - far**2) * np.log1p(far) / far + 10 * far / 3
    return np.where(y < _SERIES_BELOW, _series(y, product), closed) / (4 * math.pi)


def _vector_t_channel(y):
    """Left-left plus left-right scattering on a fermion of another flavour."""
    n = np.arange(12)
    terms = (-1.0) ** n * 2 / ((n + 2) * (n + 3))  # of [y^2 + 2 y - 2 (1 + y) ln(1 + y)]/y^3
    far = np.maximum(y, _SERIES_BELOW)
    closed = (far**2 + 2 * far - 2 * (1 + far) * np.log1p(far)) / far**2
    left_right = np.where(y < _SERIES_BELOW, y * _series(y, terms), closed)
    return (y / (1 + y) + left_right) / (4 * math.pi)


def _no_pole(y):
    return np.zeros_like(y)


class Channel(NamedTuple):
    """S = regular(y) + pole(y)/[(y - 1)^2 + (Gamma_m/m)^2].

    Attributes
    ----------
    rises : int
        S(y) -> y^(rises - 1) for y -> infinity: 0 like 1/y, 1 constant.
    """

    regular: object
    pole: object
    rises: int


CHANNELS = {
    "scalar": Channel(_scalar_nu_nubar, lambda y: y / (32 * math.pi), 0),
    "vector": Channel(_vector_nu_nu, _vector_nu_nubar, 1),
    "s_channel": Channel(_no_pole, lambda y: y / (12 * math.pi), 0),
    "t_channel": Channel(_vector_t_channel, _no_pole, 1),
}


def cross_section(channel, s, mass, coupling, width):
    """sigma(s) [GeV^-2] of one of `CHANNELS`; s [GeV^2], an array; mass, width of the mediator [GeV].

    Infinite on a pole without a width.
    """
    y = np.asarray(s, dtype=float) / mass**2
    regular, pole, _ = CHANNELS[channel]
    scale, resonance = coupling**4 / mass**2, np.asarray((y - 1) ** 2 + (width / mass) ** 2)
    on_pole = np.asarray(scale * pole(y))  # nothing where there is no pole, also at y = 1 without a width
    with np.errstate(divide="ignore"):
        return scale * regular(y) + np.divide(on_pole, resonance, out=np.zeros_like(on_pole), where=on_pole != 0)


# --------------------------------------------------------------------------------------------------------- limits


def heavy_limit(kind, energy, temperature, mass, coupling, velocity, n_g=1.0):
    """Gamma [GeV] for m^2 >> E T: sigma = a g^4 s/m^4, eq. (5) of [L] for the scalar, (3.8) of [V] for a vector.

    7 pi g^4 E T^4/(1440 m^4) and 7 pi g^4 E T^4/(90 m^4) with `paper`, 5/6 of them with `moller`; times n_G.

    Parameters
    ----------
    kind : str
        "scalar" or "vector" (neutrinophilic).
    energy, temperature, mass : arrays [GeV]
    """
    factor = {"scalar": 7 * math.pi / 1440, "vector": 7 * math.pi / 90}[kind]
    moller = {"paper": 1.0, "moller": 5 / 6}[velocity]
    return n_g * factor * moller * coupling**4 * energy * temperature**4 / mass**4


def on_shell_rate(on_shell, energy, temperature, mass, coupling, velocity, n_g=1.0):
    """Gamma [GeV] of the production of real mediators, sigma = on_shell g^2 delta(s - m^2), with Fermi-Dirac targets.

    Its limit for `paper` and Maxwell-Boltzmann targets is eq. (6) of [L]; for `moller` it is in closed form,
    on_shell g^2 m^2 T/(16 pi^2 E^2) ln(1 + e^-w).  Arguments as `heavy_limit`; `on_shell` as in `mediators.Mediator`.
    """
    x, r, w = energy / temperature, mass / temperature, mass**2 / (4 * energy * temperature)
    return n_g * coupling**2 * on_shell * temperature * prefactor(x, r, POWER[velocity]) * occupied_above(w, velocity)


def on_shell_maxwell_boltzmann(energy, temperature, mass, coupling, n_g=1.0):
    """Gamma [GeV] of eq. (6) of [L]: the scalar on shell, `paper` velocity, Maxwell-Boltzmann targets.

    The argument of the complementary error function is w^(1/2); printed is w.
    """
    w = mass**2 / (4 * energy * temperature)
    bracket = 2 * w / math.pi * np.exp(-w) + np.sqrt(w / math.pi) * erfc(np.sqrt(w))
    return n_g * coupling**2 * temperature**2 / (8 * energy) * bracket


def light_vector_limit(temperature, mass, coupling, n_g=1.0):
    """Gamma [GeV] for m^2 << E T off shell: zeta(3) g^4 T^3/(2 pi^3 m^2) times n_G with `paper`, eq. (3.10) of [V]."""
    return n_g * zeta(3.0) * coupling**4 * temperature**3 / (2 * math.pi**3 * mass**2)


# --------------------------------------------------------------------------------------------------------- tables


def scale(w, p, rises):
    """w^(p + rises) (1 + w^(2 - rises)): G_reg times this is of order one.  Numbers in compiled code, arrays elsewhere.

    p of `POWER`, `rises` of a `Channel`.
    """
    power = w if p == 1.0 else np.sqrt(w)
    if rises == 1:
        return power * w * (1.0 + w)
    return power * (1.0 + w * w)


_HALF = 0.5  # the pole is subtracted for |y - 1| below this


def regular_part(channel, velocity, w):
    """G_reg(w) by quadrature, 1e-7.

    Parameters
    ----------
    channel : str
        One of `CHANNELS`.
    w : (n,) array

    Returns
    -------
    (n,) array
    """
    regular, pole, _ = CHANNELS[channel]
    p = POWER[velocity]
    w = np.asarray(w, dtype=float)[:, np.newaxis]

    def occupied(y):
        return occupied_above(w * y, velocity)

    # Everything but the neighbourhood of the pole: in ln y, from where y^(p + 2) is nothing to where J(w y) is.
    t, weight = np.polynomial.legendre.leggauss(40)
    total = 0.0
    low = np.log(np.minimum(1e-5 / w, 1e-5))
    high = np.log(np.maximum(700 / w, 1e4))
    edges = np.log([1 - _HALF, 1 + _HALF])
    for start, end, panels in ((low, edges[0], 6), (edges[1], np.maximum(high, 1.0), 6)):
        for i in range(panels):
            a, b = start + (end - start) * i / panels, start + (end - start) * (i + 1) / panels
            y = np.exp((a + b) / 2 + (b - a) / 2 * t)
            value = y ** (p + 1) * (regular(y) + pole(y) / (y - 1) ** 2) * occupied(y)
            total = total + np.sum((b - a) / 2 * weight * value, axis=1)
    # Near it, the regular part as it is, and the finite part of the pole: with Phi = y^p N J even differences do,
    # fp int Phi/(y - 1)^2 = int_0^h [Phi(1 + u) + Phi(1 - u) - 2 Phi(1)]/u^2 du - 2 Phi(1)/h.
    u = _HALF * (t + 1) / 2
    half_weight = _HALF / 2 * weight

    def phi(y):
        return y**p * pole(y) * occupied(y)

    for sign in (-1, 1):
        y = 1 + sign * u
        total = total + np.sum(half_weight * y**p * regular(y) * occupied(y), axis=1)
    centre = phi(np.ones(1))
    second = (phi(1 + u) + phi(1 - u) - 2 * centre) / u**2
    return total + np.sum(half_weight * second, axis=1) - 2 * centre[:, 0] / _HALF


@cache
def occupied_table(velocity):
    """Spline coefficients of e^w J(w) over ln w: (AXIS.size + 2,) array."""
    w = AXIS.nodes()
    if velocity == "moller":
        values = np.where(w < 30, np.log1p(np.exp(-np.minimum(w, 30.0))) * np.exp(np.minimum(w, 30.0)), 1.0)
    else:
        values = _occupied_spline()(np.sqrt(np.minimum(w, _NO_PARTICLES)))
    return coefficients(AXIS.size) @ values


@cache
def regular_table(channel, velocity):
    """Spline coefficients of G_reg times `scale`, over ln w: (AXIS.size + 2,) array."""
    w = AXIS.nodes()
    scaled = regular_part(channel, velocity, w) * scale(w, POWER[velocity], CHANNELS[channel].rises)
    return coefficients(AXIS.size) @ scaled
