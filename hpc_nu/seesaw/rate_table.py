"""Coefficients of the kinetic equations, tabulated over z = ln(M/T) for one mass and one set of momentum modes.

All points of a campaign that share a mass share a table.  The equations are linear in the couplings, so the table holds
what multiplies them, divided by the Hubble rate: per mode

    gamma_+, gamma_-, h_+, h_-, M/E           in the equations of rho,
    sigma_+, sigma_- = gamma_+- f_nu (1 - f_nu)   in the back-reaction of the asymmetries, f_nu(y) = 1/(e^y + 1),
    d f_eq/dz                                 of the equilibrium distribution f_eq = 1/(e^{E/T} + 1).

Momentum-averaged (sec. 2 of arXiv:2011.12637, rho proportional to f_eq): one mode with the averages
int q f_eq c / int q f_eq of the first five, and the integrals int q of the other three, q = y^2/(2 pi^2).
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import expit

from hpc_nu.plasma.expansion import hubble_rate

# Channels of the table.  The four rates are positive by construction: gamma as a logarithm, sigma as a multiple of it.
# (Splines of the rates themselves undershoot at a narrow level crossing; a negative rate grows without bound.)
LN_GAMMA_PLUS, LN_GAMMA_MINUS, H_PLUS, H_MINUS, MASS_OVER_E, SIGMA_RATIO_PLUS, SIGMA_RATIO_MINUS, F_EQ_SLOPE = range(8)
N_CHANNELS = 8

SPACING = 0.01
"""Step of the table in z: resolves the 3 % wide rounding of v(T) at the crossover; 5e-6 of the asymmetries."""


class RateTable(NamedTuple):
    """Cubic polynomials over cells [z_start + i spacing, z_start + (i + 1) spacing].

    Attributes
    ----------
    cells : (n_cells, N_CHANNELS, 4, n_modes) array
        Coefficients of (z - z_i)^3, ^2, ^1, ^0; modes last, so that loops over modes vectorise.
    weights : (n_modes,) array
        Momentum quadrature; 1 for the averaged mode.
    norm_weights : (n_modes,) array
        Weights of a mode in the error norm, such that f ~ f_FD has norm of order 1 on any grid.
    """

    z_start: float
    spacing: float
    cells: np.ndarray
    weights: np.ndarray
    norm_weights: np.ndarray


# Number density of one massless fermion in units of T^3: 3 zeta(3)/(4 pi^2).  Dividing by the sum of the weights
# instead would be wrong: on y in (0, inf) that is huge and silently replaces rtol by atol.
_FERMI_DIRAC_DENSITY = 0.09134536


def equilibrium_occupation(mass, temperature, nodes):
    """f_eq = 1/(e^{E/T} + 1) of shape broadcast(temperature, nodes), at y = k/T in `nodes`."""
    return expit(-np.sqrt(nodes**2 + (mass / temperature) ** 2))


def coefficients(rates, mass, temperature, nodes, weights, averaged):
    """The coefficients of the head of this module at given temperatures, over H.

    Parameters
    ----------
    rates : callable
        (temperature, momentum, mass) [GeV] to `RateCoefficients`.
    mass : float [GeV]
    temperature : (n_temperatures,) array [GeV]
    nodes, weights : (n,) arrays
        y = k/T and the quadrature weights, y^2/(2 pi^2) included.
    averaged : bool
        Collapse the modes to the momentum-averaged one.

    Returns
    -------
    (n_temperatures, N_CHANNELS, n_modes) array
        gamma_+, gamma_-, h_+, h_-, M/E [1/GeV], sigma_+, sigma_-, d f_eq/dz; dimensionless but for M/E.
    """
    temperature = np.asarray(temperature)[:, np.newaxis]
    hubble = hubble_rate(temperature)
    energy_over_t = np.sqrt(nodes**2 + (mass / temperature) ** 2)
    occupation = equilibrium_occupation(mass, temperature, nodes)
    blocking = expit(nodes) * expit(-nodes)

    linear = [c / hubble for c in rates(temperature, nodes * temperature, mass)]
    linear.append(mass / (energy_over_t * temperature) / hubble)
    sources = [c * blocking for c in linear[:2]]
    sources.append(-occupation * (1 - occupation) * (mass / temperature) ** 2 / energy_over_t)
    if averaged:
        density = occupation @ weights
        linear = [((c * occupation) @ weights / density)[:, np.newaxis] for c in linear]
        sources = [(c @ weights)[:, np.newaxis] for c in sources]
    return np.stack(np.broadcast_arrays(*linear, *sources), axis=1)


def build_rate_table(rates, mass, t_start, t_end, nodes, weights, averaged):
    """Tabulate `coefficients` from `t_start` down to `t_end` [GeV]; the other arguments are those of that function.

    Raises
    ------
    ValueError
        If a rate is not finite or a gamma not positive.
    """
    n_cells = max(4, int(np.ceil(np.log(t_start / t_end) / SPACING)))
    z = np.linspace(np.log(mass / t_start), np.log(mass / t_end), n_cells + 1)
    values = coefficients(rates, mass, mass * np.exp(-z), nodes, weights, averaged)
    gamma = values[:, :2].copy()
    if not (np.all(np.isfinite(values)) and np.all(gamma > 0)):
        raise ValueError(
            f"the rates at M = {mass} GeV are not finite and positive everywhere from {t_start} to {t_end} GeV"
        )
    values[:, LN_GAMMA_PLUS : LN_GAMMA_MINUS + 1] = np.log(gamma)
    values[:, SIGMA_RATIO_PLUS : SIGMA_RATIO_MINUS + 1] /= gamma
    # (cell, channel, power, mode)
    cells = np.ascontiguousarray(np.moveaxis(CubicSpline(z, values).c, 0, 2))
    if averaged:
        return RateTable(z[0], z[1] - z[0], cells, np.ones(1), np.array([_FERMI_DIRAC_DENSITY**-2]))
    return RateTable(z[0], z[1] - z[0], cells, weights, weights / _FERMI_DIRAC_DENSITY)
