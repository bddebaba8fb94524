"""When two heavy neutrinos are in equilibrium: eigenvalues of their damping matrix against the Hubble rate.

    Gamma_N = sum_a (gamma_c,a Y_a + gamma_v,a Y_a^*),    (Y_a)_IJ = F^*_aI F_aJ          (arXiv:2011.12637, eq. (A.1))

As the Universe cools, Gamma_N/H rises above 1 at T_in (freeze-in), falls below it at T_out (freeze-out) and rises once
more at T_dec, when the heavy neutrinos decay (fig. 1 there).
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from hpc_nu.seesaw.casas_ibarra import pauli_components

_TINY = np.finfo(float).tiny


class EquilibrationTemperatures(NamedTuple):
    """Where Gamma_N = H [GeV]; nan where that does not happen."""

    t_in: float
    t_out: float
    t_dec: float


def damping_eigenvalues(gamma_c, gamma_v, yukawas):
    """Eigenvalues of Gamma_N.

    Parameters
    ----------
    gamma_c, gamma_v : (..., 3) arrays [GeV]
        Per unit Yukawa coupling squared, flavours last; 0 is allowed.
    yukawas : (3, 2) complex array
        F_aI, as of `casas_ibarra.yukawa_couplings`.

    Returns
    -------
    (..., 2) array [GeV]
        The smaller one first.
    """
    gamma_c, gamma_v = np.broadcast_arrays(np.asarray(gamma_c, float), np.asarray(gamma_v, float))
    components = pauli_components(yukawas)
    both, difference = (gamma_c + gamma_v) @ components, (gamma_c - gamma_v) @ components
    # Complex conjugation of Y_a changes the sign of sigma_2.
    larger = both[..., 0] + np.sqrt(both[..., 1] ** 2 + difference[..., 2] ** 2 + both[..., 3] ** 2)
    # By subtraction the smaller one is noise at large |Im w|.  The determinant of a sum of matrices of rank one is the
    # sum over pairs of gamma_i gamma_j |F_i2 F_j3 - F_i3 F_j2|^2: nothing cancels.
    rows = np.concatenate([yukawas, yukawas.conj()])
    minors = np.abs(np.outer(rows[:, 0], rows[:, 1]) - np.outer(rows[:, 1], rows[:, 0])) ** 2
    gamma = np.concatenate([gamma_c, gamma_v], axis=-1)
    determinant = ((gamma @ minors) * gamma).sum(axis=-1) / 2
    smaller = np.divide(determinant, larger, out=np.zeros_like(larger), where=larger > 0)
    return np.stack([smaller, larger], axis=-1)


def crossings(temperature, rate_over_hubble):
    """Where a rate becomes faster than the expansion, and where slower.

    Interpolated between the given temperatures, monotonically in logarithms: 30 per decade find them to 1e-3.

    Parameters
    ----------
    temperature : (n,) array [GeV]
        In any order.
    rate_over_hubble : (n,) array
        Not negative.

    Returns
    -------
    upward, downward : arrays [GeV]
        In the order of time, decreasing.
    """
    order = np.argsort(-np.asarray(temperature))  # in the order of time
    time = -np.log(np.asarray(temperature)[order])
    ratio = PchipInterpolator(time, np.log(np.maximum(rate_over_hubble, _TINY)[order]))
    roots = ratio.roots(extrapolate=False)
    slopes = ratio(roots, 1)
    return np.exp(-roots[slopes > 0]), np.exp(-roots[slopes < 0])


def oscillation_temperature(temperature, rate_over_hubble):
    """T_osc [GeV]: where Gamma_osc, eq. (4.5), overtakes H for the first time; nan where it does not.

    With the delta M of that temperature it solves T = T_osc(T), eq. (4.6); arguments as `crossings`.
    """
    upward, _ = crossings(temperature, rate_over_hubble)
    return upward[0] if upward.size else np.nan


def equilibration_temperatures(temperature, rate_over_hubble, mass):
    """T_in, T_out and T_dec of one eigenvalue.

    Parameters
    ----------
    temperature, rate_over_hubble : (n,) arrays
        As for `crossings`.
    mass : float [GeV]
        Of the heavy neutrinos.  If the rate crosses H upwards only once, that is T_in above this temperature, and
        T_dec below.

    Returns
    -------
    EquilibrationTemperatures
        Of several upward crossings the first in time is T_in, the last T_dec; T_out is the first crossing downwards.
    """
    upward, downward = crossings(temperature, rate_over_hubble)
    early, late = upward[upward > mass], upward[upward <= mass]
    t_in = early[0] if early.size else (late[0] if late.size > 1 else np.nan)
    t_dec = upward[-1] if upward.size and upward[-1] != t_in else np.nan
    return EquilibrationTemperatures(t_in, downward[0] if downward.size else np.nan, t_dec)
