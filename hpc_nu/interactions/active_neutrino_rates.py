"""What a mediator of a given mass does to an active neutrino in the bath, in powers of its coupling g:

    Gamma = g^2 a + g^4 b,      V = g^2 c,

a from real mediators, b from scattering off shell (`scattering`), c of `thermal_potential`.  All three come from
tables that depend on neither mass nor coupling, so that a campaign that varies the coupling computes them once for
each mass.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

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
        return coupling**2 * self.on_shell + coupling**4 * self.off_shell

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
    masses = np.array(CHARGED_LEPTON_MASSES)[list(mediator.leptons)]
    densities = sum(lepton_density_ratio(lepton, temperature) for lepton in masses)
    return np.stack([own, s_channel * own, others + 2 * densities])


@njit(cache=True, error_model="numpy")
def _fill(
    x, temperature, mass, on_shell, n_v, n_g, moller, table, axis, rises, weights, f_table, r_axis, x_axis, out
):  # fmt: skip
    """out[0 ... 2] (n_q, n_T): a, b, c at x[q, T]."""
    w4, r4, x4 = np.empty(4), np.empty(4), np.empty(4)
    for j in range(temperature.size):
        t = temperature[j]
        r = mass / t
        row = locate(r_axis, r, r4)
        for i in range(x.shape[0]):
            xi = x[i, j]
            w = r * r / (4.0 * xi)
            cell = locate(axis, w, w4)
            if moller:
                common = n_g * t * r * r / (16.0 * np.pi**2 * xi * xi)
            else:
                common = n_g * t * r / (8.0 * np.pi**2 * xi * np.sqrt(xi))
            occupied = 0.0
            for k in range(4):
                occupied += w4[k] * table[cell + k, 0]
            out[0, i, j] = common * on_shell * occupied * np.exp(-w)
            regular = 0.0
            bare = w if moller else np.sqrt(w)
            for c in range(rises.size):
                value = 0.0
                for k in range(4):
                    value += w4[k] * table[cell + k, c + 1]
                if rises[c] == 1.0:
                    value /= bare * w * (1.0 + w)
                else:
                    value /= bare * (1.0 + w * w)
                regular += weights[c, j] * value
            out[1, i, j] = common * regular
            column = locate(x_axis, xi, x4)
            potential = 0.0
            for k in range(4):
                part = 0.0
                for m in range(4):
                    part += x4[m] * f_table[row + k, column + m]
                potential += r4[k] * part
            out[2, i, j] = n_v * t / xi * potential / (1.0 + w * w)


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
        velocity == "moller",
        table,
        scattering.AXIS.packed(),
        rises,
        _channel_weights(name, mass, temperature),
        thermal_potential.potential_table(),
        thermal_potential.MASSES.packed(),
        thermal_potential.MOMENTA.packed(),
        out,
    )
    return MediatorRates(*out)
