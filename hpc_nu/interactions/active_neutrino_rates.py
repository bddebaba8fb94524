"""What a mediator of a given mass does to an active neutrino in the bath, in powers of its coupling g:

    Gamma = g^2 a + g^4 b,      V = g^2 c,

a from real mediators, b from scattering off shell (`scattering`), c of `thermal_potential`.  All three come from
tables that depend on neither mass nor coupling, so that a campaign that varies the coupling computes them once for
each mass.

A narrow mediator is what makes these powers exact: the relative error of the rate is at most (Gamma_m/m)^2, at
g^2 = 4 pi 1.6 % for `scalar` and 2.8 % for `neutrinophilic`, and more for those of larger widths.  Where a mediator is
broader than 0.85 of its mass (`scalar` from g = 9.3, `lmu_ltau` from 5.4 and `b_minus_l` from 4.8, above the threshold
of the tau; `neutrinophilic` nowhere) b may be so negative that Gamma would be, too; it is zero there.
`mediators.is_perturbative` says how far to trust any of it.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.interactions import scattering, thermal_potential
from hpc_nu.interactions.mediators import MEDIATORS, lepton_fractions, other_flavours
from hpc_nu.plasma.standard_model import CHARGED_LEPTON_MASSES
from hpc_nu.plasma.uniform_spline import locate


class MediatorRates(NamedTuple):
    """Arrays of one shape [GeV]: see the module's head."""

    on_shell: np.ndarray
    off_shell: np.ndarray
    potential: np.ndarray

    def rate(self, coupling):
        """Gamma [GeV]."""
        return np.maximum(coupling**2 * self.on_shell + coupling**4 * self.off_shell, 0.0)

    def shift(self, coupling):
        """V [GeV]."""
        return coupling**2 * self.potential


def lepton_density_ratio(mass, temperature):
    """Density of one helicity of a charged lepton over that of a massless fermion, (n,) for T (n,) [GeV]; 1e-6.

    It is a sum of Bessel functions, sum_n (-1)^(n+1) (z^2/n) K_2(n z)/[(3/2) zeta(3)], z = m/T, done as an integral.
    """
    t, weight = np.polynomial.legendre.leggauss(64)
    z = np.asarray(mass / temperature, dtype=float)[..., np.newaxis]
    u = 3.5 * (t + 1)  # energy = z + u^2, in units of T
    energy = z + u**2
    momentum = u * np.sqrt(2 * z + u**2)
    number = np.sum(7.0 * weight * u * momentum * energy / (np.exp(np.minimum(energy, 700.0)) + 1), axis=-1)
    return number / _massless_number()


@cache
def _massless_number():
    t, weight = np.polynomial.legendre.leggauss(64)
    energy = (3.5 * (t + 1)) ** 2
    return float(np.sum(7.0 * weight * np.sqrt(energy) * energy**2 / (np.exp(energy) + 1)))


@cache
def _tables(name, velocity):
    """Coefficients over ln w of J and of G_reg of up to three channels: (AXIS.size + 2, n) array, and their `rises`."""
    channels = {"scalar": ("scalar",), "neutrinophilic": ("vector",)}.get(name, ("vector", "s_channel", "t_channel"))
    columns = [scattering.occupied_table(velocity)]
    columns += [scattering.regular_table(channel, velocity) for channel in channels]
    rises = [scattering.CHANNELS[channel].rises for channel in channels]
    return np.ascontiguousarray(np.stack(columns, axis=1)), np.array(rises, dtype=float)


def _channel_weights(name, mass, temperature):
    """How often each channel of `_tables` occurs, at each temperature: (n_channels, n_T) array."""
    mediator = MEDIATORS[name]
    own = np.ones_like(temperature)
    if not mediator.leptons:
        return own[np.newaxis]
    others = other_flavours(mediator)
    s_channel = others + 2 * lepton_fractions(mediator, mass).sum()
    densities = _densities(mediator.leptons, tuple(temperature.tolist()))
    return np.stack([own, s_channel * own, others + 2 * densities])


@lru_cache(maxsize=8)
def _densities(leptons, temperatures):
    """Sum of `lepton_density_ratio`, kept for the masses of a campaign."""
    return sum(lepton_density_ratio(CHARGED_LEPTON_MASSES[lepton], np.array(temperatures)) for lepton in leptons)


_prefactor, _rate_scale = compiled(scattering.prefactor), compiled(scattering.scale)
_potential_scale = compiled(thermal_potential.scale)


@compiled(inline="always")
def _value(table, cell, weights, column):
    """Of the spline in one column, from what `locate` found."""
    total = 0.0
    for k in range(4):
        total += weights[k] * table[cell + k, column]
    return total


class _RateTable(NamedTuple):
    """`values`, `rises` from `_tables`; `axis` is `scattering.AXIS`, packed; `weights` from `_channel_weights`."""

    values: np.ndarray
    axis: np.ndarray
    rises: np.ndarray
    weights: np.ndarray


class _PotentialTable(NamedTuple):
    """`values` from `thermal_potential.potential_table`, and its axes, packed."""

    values: np.ndarray
    r_axis: np.ndarray
    x_axis: np.ndarray


@compiled
def _fill(x, temperature, mass, on_shell, n_v, n_g, p, rates, potentials, out):
    """`MediatorRates` at x[q, T].

    Parameters
    ----------
    x, temperature : (n_q, n_T) and (n_T,) arrays [1 and GeV]
    mass : float [GeV]
    on_shell, n_v : float
        Of the `Mediator`.
    n_g, p : float
        n_G, and that of `scattering.POWER`.
    rates : _RateTable
    potentials : _PotentialTable
    out : (3, n_q, n_T) array [GeV]
        Output: a, b, c.
    """
    w4, r4, x4 = np.empty(4), np.empty(4), np.empty(4)
    for j in range(temperature.size):
        t = temperature[j]
        r = mass / t
        row = locate(potentials.r_axis, r, r4)
        for i in range(x.shape[0]):
            xi = x[i, j]
            w = r * r / (4.0 * xi)
            common = n_g * t * _prefactor(xi, r, p)
            cell = locate(rates.axis, w, w4)
            out[0, i, j] = common * on_shell * _value(rates.values, cell, w4, 0) * np.exp(-w)
            regular = 0.0
            for c in range(rates.rises.size):
                channel = rates.weights[c, j] * _value(rates.values, cell, w4, c + 1)
                regular += channel / _rate_scale(w, p, rates.rises[c])
            out[1, i, j] = common * regular
            column = locate(potentials.x_axis, xi, x4)
            potential = 0.0
            for m in range(4):
                potential += x4[m] * _value(potentials.values, row, r4, column + m)
            out[2, i, j] = n_v * t / xi * potential / _potential_scale(xi, r)


def mediator_rates(name, mass, x, temperature, velocity="paper", n_g=1.0):
    """Rate and potential in powers of the coupling.

    Parameters
    ----------
    name : str
        Of `MEDIATORS`.
    mass : float [GeV]
    x : (n_q, n_T) array
        E/T.
    temperature : (n_T,) array [GeV]
    velocity : str
        Of `scattering.VELOCITIES`.
    n_g : float

    Returns
    -------
    MediatorRates
        Arrays (n_q, n_T); 1e-5 of the rate, 1e-4 of F times `scale`.  Exact powers for
        Gamma_m << m, with relative corrections (Gamma_m/m)^2.
    """
    mediator = MEDIATORS[name]
    x = np.ascontiguousarray(x, dtype=float)
    temperature = np.ascontiguousarray(temperature, dtype=float)
    table, rises = _tables(name, velocity)
    out = np.empty((3, *x.shape))
    _fill(
        x,
        temperature,
        float(mass),
        mediator.on_shell,
        float(mediator.n_v),
        float(n_g),
        scattering.POWER[velocity],
        _RateTable(table, scattering.AXIS.packed(), rises, _channel_weights(name, mass, temperature)),
        _PotentialTable(
            thermal_potential.potential_table(), thermal_potential.MASSES.packed(), thermal_potential.MOMENTA.packed()
        ),
        out,
    )
    return MediatorRates(*out)
