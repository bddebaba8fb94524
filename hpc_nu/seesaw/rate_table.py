"""Coefficients of the kinetic equations, tabulated over z = ln(T_0/T) for one mass and one set of momentum modes.

All points of a campaign that share a mass share a table.  The equations are linear in the couplings, so the table holds
what multiplies them, divided by dz/dt = 3 c_s^2 H: per mode, for each flavour a,

    gamma_+, gamma_-, h_+, h_-                     in the equations of rho,
    sigma_+, sigma_- = gamma_+- f_eq (1 - f_eq)    in the back-reaction of the asymmetries,

and M/E and d f_eq/dz, of the equilibrium distribution f_eq = 1/(e^(E/T) + 1), for all flavours alike.  "+" conserves
fermion number, "-" violates it (gamma_c and gamma_v, h_c and h_v of `hpc_nu.seesaw.thermal_rates`).

f_eq (1 - f_eq) in sigma is the change of f_eq with the chemical potential of the lepton that a heavy neutrino turns
into: energy is conserved, so it is taken at E, and back-reaction dies out at T << M (averages of the second kind, eq.
(2.2) of arXiv:2004.10766).  arXiv:2011.12637 (footnote 3) has f_nu (1 - f_nu), f_nu = 1/(e^y + 1), in its place:
without this Boltzmann factor the vacuum widths wash out the asymmetries at T << M.

The nodes q of the momentum grid are y = k/T at the start T_0.  Momenta are redshifted with entropy conserved,
y = q (h/h_0)^(1/3), h = s/T^3, h_0 = h(T_0), so that for the weights w of the grid

    n/s = sum_k w_k f_k/h_0,     n/T^3 = (h/h_0) sum_k w_k f_k.

Momentum-averaged (sec. 2 of arXiv:2011.12637, rho proportional to f_eq): one mode with the averages
sum w f_eq c/sum w f_eq of gamma, h and M/E, and the sums sum w c of the others.
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.special import expit

# Channels of the table: three rows each, for e, mu, tau, but for M/E and d f_eq/dz.  Rates are positive by
# construction: gamma as a logarithm, sigma as a multiple of it.  (Splines of the rates themselves undershoot at a
# narrow level crossing; a negative rate grows without bound.)
LN_GAMMA_C, LN_GAMMA_V, H_C, H_V, SIGMA_RATIO_C, SIGMA_RATIO_V = range(0, 18, 3)
MASS_OVER_E, F_EQ_SLOPE = 18, 19
N_CHANNELS = 20

SPACINGS = ((np.inf, 0.03), (180.0, 0.005), (130.0, 0.01))
"""Steps in ln T below each temperature [GeV].  The finest resolves the rounding of v(T) at the crossover, 1 % wide."""

_NO_RATE = 1e-9
"""Stands for gamma = 0, over the expansion rate and per unit Yukawa coupling squared."""


class RateTable(NamedTuple):
    """Cubic polynomials of z in the cells between `nodes`.

    Attributes
    ----------
    nodes : (n_cells + 1,) array
        z = ln(T_0/T), from 0, where steps may be shorter than the rounding of any other number; one of them is the
        freeze-out of sphalerons, if it is in range.
    cells : (n_cells, N_CHANNELS, 4, n_modes) array
        Coefficients of (z - z_i)^3, ^2, ^1, ^0; modes last, so that loops over modes vectorise.  Of a logarithm,
        ^0 is its exponential.
    weights : (n_modes,) array
        Momentum quadrature; 1 for the averaged mode.
    norm_weights : (n_modes,) array
        Weights of a mode in the error norm, such that f ~ f_FD has norm of order 1 on any grid.
    """

    nodes: np.ndarray
    cells: np.ndarray
    weights: np.ndarray
    norm_weights: np.ndarray


# Number density of one massless fermion in units of T^3: 3 zeta(3)/(4 pi^2).  Dividing by the sum of the weights
# instead would be wrong: on y in (0, inf) that is huge and silently replaces rtol by atol.
_FERMI_DIRAC_DENSITY = 0.09134536


def table_temperatures(t_start, t_end, t_sphaleron):
    """Temperatures [GeV] of the nodes of a table, falling from `t_start` to `t_end`; one is that of the sphalerons."""
    corners = sorted({t_start, *(t for t in (180.0, t_sphaleron, 130.0) if t_end < t < t_start), t_end}, reverse=True)
    pieces = []
    for high, low in zip(corners[:-1], corners[1:], strict=True):
        spacing = next(step for below, step in reversed(SPACINGS) if high <= below)
        n = max(4, int(np.ceil(np.log(high / low) / spacing)))
        pieces.append(np.geomspace(high, low, n + 1)[:-1])
        pieces[-1][0] = high  # to the last bit: the solver stops there
    return np.concatenate([*pieces, [t_end]])


def equilibrium_occupation(mass_over_t, momentum):
    """f_eq = 1/(e^(E/T) + 1) at M/T and y = k/T, broadcast against each other."""
    return expit(-np.sqrt(momentum**2 + mass_over_t**2))


def redshifted(nodes, temperature, t_start, expansion):
    """y = k/T at temperatures (n_temperatures,) [GeV] of the modes at y = `nodes` at `t_start`: (n_temperatures, n)."""
    ratio = expansion.entropy_over_t3(temperature) / expansion.entropy_over_t3(t_start)
    return np.multiply.outer(np.cbrt(ratio), nodes)


def coefficients(rates, expansion, mass, t_start, temperature, nodes, weights, averaged, boltzmann_factor=True):
    """The coefficients of the head of this module at given temperatures.

    Parameters
    ----------
    rates : callable
        (temperature, momentum, mass) [GeV], shapes (n_temperatures, 1), (n_temperatures, n) and (), to
        `hpc_nu.seesaw.thermal_rates.ThermalRates`.
    expansion : hpc_nu.plasma.expansion.Expansion
    mass, t_start : float [GeV]
    temperature : (n_temperatures,) array [GeV]
    nodes, weights : (n,) arrays
        y = k/T at `t_start` and the quadrature weights, y^2/(2 pi^2) included.
    averaged : bool
        Collapse the modes to the momentum-averaged one.
    boltzmann_factor : bool
        In sigma; False for the f_nu (1 - f_nu) of massless leptons.

    Returns
    -------
    (n_temperatures, N_CHANNELS, n_modes) array
        gamma_+, gamma_-, h_+, h_-, sigma_+, sigma_- (three flavours each), M/E and d f_eq/dz, in the places of the
        channels; dimensionless but for M/E [1/GeV].
    """
    temperature = np.asarray(temperature, float)
    t = temperature[:, np.newaxis]
    y = redshifted(nodes, temperature, t_start, expansion)
    energy_over_t = np.sqrt(y**2 + (mass / t) ** 2)
    occupation = equilibrium_occupation(mass / t, y)
    cooling = expansion.rate(temperature)[:, np.newaxis]
    # d ln y/dz = 1 - 1/(3 c_s^2), d ln(M/T)/dz = 1
    stretch = 1 - 1 / (3 * expansion.sound_speed_squared(temperature)[:, np.newaxis])

    per_flavour = np.stack(rates(t, y * t, mass))  # (4, n_temperatures, n, 3)
    per_flavour = np.moveaxis(per_flavour, -1, 1) / cooling  # (4, 3, n_temperatures, n)
    linear = np.concatenate([per_flavour.reshape(12, *y.shape), [mass / (energy_over_t * t) / cooling]])
    sources = np.concatenate(
        [
            linear[:6] * (occupation * (1 - occupation) if boltzmann_factor else expit(y) * expit(-y)),
            [-occupation * (1 - occupation) * (y**2 * stretch + (mass / t) ** 2) / energy_over_t],
        ]
    )
    if averaged:
        # e^(M/T) f_eq: at M >> T the occupation itself is zero in double precision
        boltzmann = np.exp(-(y**2) / (energy_over_t + mass / t))
        spectrum = boltzmann / (1 + boltzmann * np.exp(-mass / t))
        linear = ((linear * spectrum) @ weights / (spectrum @ weights))[..., np.newaxis]
        sources = (sources @ weights)[..., np.newaxis]
    return np.moveaxis(np.concatenate([linear[:12], sources[:6], linear[12:], sources[6:]]), 0, 1)


def build_rate_table(rates, expansion, mass, temperature, nodes, weights, averaged, boltzmann_factor=True):
    """Tabulate `coefficients` at `temperature` [GeV], falling; the other arguments are those of that function.

    Raises
    ------
    ValueError
        If a rate is not finite, or a gamma negative.
    """
    z = np.log(temperature[0] / temperature)
    values = coefficients(
        rates, expansion, mass, temperature[0], temperature, nodes, weights, averaged, boltzmann_factor
    )
    gamma = values[:, :H_C].copy()
    if not (np.all(np.isfinite(values)) and np.all(gamma >= 0)):
        raise ValueError(
            f"the rates at M = {mass} GeV are not finite and positive everywhere from {temperature[0]} to"
            f" {temperature[-1]} GeV"
        )
    values[:, SIGMA_RATIO_C:MASS_OVER_E] /= np.maximum(gamma, _NO_RATE)
    values[:, :H_C] = np.log(np.maximum(gamma, _NO_RATE))
    # (cell, channel, power, mode)
    cells = np.ascontiguousarray(np.moveaxis(CubicSpline(z, values).c, 0, 2))
    if not np.all(gamma > _NO_RATE):
        # Where rates vanish (mixing in the symmetric phase without direct reactions) their logarithm falls off a cliff.
        for part in (slice(None, H_C), slice(SIGMA_RATIO_C, MASS_OVER_E)):
            cells[:, part] = np.moveaxis(PchipInterpolator(z, values[:, part]).c, 0, 2)
    cells[:, :H_C, 3] = np.exp(cells[:, :H_C, 3])
    if averaged:
        return RateTable(z, cells, np.ones(1), np.array([_FERMI_DIRAC_DENSITY**-2]))
    return RateTable(z, cells, weights, weights / _FERMI_DIRAC_DENSITY)
