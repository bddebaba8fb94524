"""Momentum averages of rates and Hamiltonian of the heavy neutrinos, as the averaged kinetic equations need them.

    <X> = int dk k^2 f_N X / int dk k^2 f_N,        f_N = n_F(E)                (arXiv:2011.12637, below eq. (2.2))

for all that acts on rho_N = (n_N/n_eq) f_N, and, for what is proportional to chemical potentials of leptons,

    sigma = T^-3 int d^3k/(2 pi)^3 gamma f_N (1 - f_N),

or, without the Boltzmann factor, f_nu (1 - f_nu) of massless leptons as in arXiv:2011.12637, footnote 3, f_nu = n_F(k):
see `hpc_nu.seesaw.rate_table`.

All heavy neutrinos of one mass share them, whatever their couplings.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from hpc_nu.plasma.charge_susceptibilities import fermion_susceptibility
from hpc_nu.plasma.standard_model import ELECTROWEAK_VEV
from hpc_nu.seesaw.thermal_rates import AVERAGE_NODES, momentum_average

_MASSLESS = 1 / 12
"""T^-3 int d^3k/(2 pi)^3 f_nu (1 - f_nu); with a mass times `fermion_susceptibility`."""


class AveragedRates(NamedTuple):
    """At n temperatures; (n, 3) arrays have flavours e, mu, tau last.

    Attributes
    ----------
    gamma_c, gamma_v : (n, 3) arrays [GeV]
        <gamma_c>, <gamma_v>.
    source_c, source_v : (n, 3) arrays [GeV]
        sigma_c, sigma_v: for M << T gamma/12 if gamma were the same for all momenta.
    shift_c, shift_v : (n, 3) arrays [GeV]
        <h_c>, <h_v> less their form in vacuum, V^2/(4E) with V = 246 GeV.
    mass_over_energy : (n,) array
        <M/E>.
    """

    gamma_c: np.ndarray
    gamma_v: np.ndarray
    source_c: np.ndarray
    source_v: np.ndarray
    shift_c: np.ndarray
    shift_v: np.ndarray
    mass_over_energy: np.ndarray

    def scaled(self, mass, rate_factor=1.0, gamma_v_factor=1.0, h_c_factor=1.0, gamma_c_factor=1.0):
        """The averages at `mass` [GeV] with all gamma, gamma_v and gamma_c in addition, and h_c times these factors."""
        conservation, violation = rate_factor * gamma_c_factor, rate_factor * gamma_v_factor
        vacuum = ELECTROWEAK_VEV**2 / (4 * mass) * self.mass_over_energy[:, np.newaxis]
        return self._replace(
            gamma_c=conservation * self.gamma_c,
            gamma_v=violation * self.gamma_v,
            source_c=conservation * self.source_c,
            source_v=violation * self.source_v,
            shift_c=h_c_factor * self.shift_c + (h_c_factor - 1) * vacuum,
        )


def averaged_rates(rates_of, mass, temperature, boltzmann_factor=True, n_nodes=AVERAGE_NODES):
    """`AveragedRates` of heavy neutrinos of `mass` [GeV] at `temperature`, an (n,) array [GeV].

    Parameters
    ----------
    rates_of : callable
        (temperature, momentum, mass) [GeV] to `ThermalRates`.
    boltzmann_factor : bool
        In sigma.
    n_nodes : int
        Of the momentum average: see `thermal_rates.momentum_average`.
    """

    def per_momentum(t, k, m):
        rates = rates_of(t, k, m)
        energy = np.sqrt(k**2 + m**2)
        vacuum = (ELECTROWEAK_VEV**2 / (4 * energy))[..., np.newaxis]
        if boltzmann_factor:
            blocking = expit(energy / t)
        else:  # f_nu (1 - f_nu)/f_N times e^(-M/T), which alone would overflow at T << M
            blocking = expit(k / t) * expit(-k / t) * np.exp(k**2 / (energy + m) / t) * (1 + np.exp(-energy / t))
        flavoured = blocking[..., np.newaxis]
        return AveragedRates(
            gamma_c=rates.gamma_c,
            gamma_v=rates.gamma_v,
            source_c=flavoured * rates.gamma_c,
            source_v=flavoured * rates.gamma_v,
            shift_c=rates.h_c - vacuum,
            shift_v=rates.h_v - vacuum,
            mass_over_energy=m / energy,
        ), blocking

    def flat(t, k, m):
        averages, blocking = per_momentum(t, k, m)
        return (*averages, blocking)

    temperature = np.asarray(temperature, float)
    *averages, blocking = momentum_average(flat, temperature, mass, n_nodes)
    found = AveragedRates(*averages)
    exact = _MASSLESS * (fermion_susceptibility(mass / temperature) if boltzmann_factor else 1.0)
    scale = (exact / blocking)[:, np.newaxis]
    return found._replace(source_c=scale * found.source_c, source_v=scale * found.source_v)
