"""Lepton asymmetries with closed-form stand-ins for the thermal rates: exact, with every structure of the real ones.

They have the size and the temperature dependence of the published thermal quantities (the crossover at 160 GeV, the
Fermi-theory width ~ G_F^2 T^4 k saturating at ~0.1 T, a potential that changes sign near 30 GeV) and none of their
precision.  All arguments broadcast.
"""

import numpy as np

from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import LeptonAsymmetry
from hpc_nu.seesaw.thermal_rates import ThermalRates
from hpc_nu.units import FERMI_CONSTANT

_VEV = 174.0
"""v/sqrt 2 [GeV] as rounded below eq. (2.1) of arXiv:2011.12637; that of the Yukawa couplings is 6e-4 larger."""


def higgs_vev_squared(temperature):
    """(v/sqrt 2)^2 [GeV^2] at `temperature` [GeV]: 174^2 (1 - (T/160)^2), rounded off over 3 % at the crossover."""
    x = 1 - (temperature / 160) ** 2
    return _VEV**2 * (x + np.sqrt(x**2 + 0.03**2)) / 2


def symmetric_phase_fraction(temperature):
    """0 in the broken phase, 1 in the symmetric one; a smooth step of width 8 GeV at 155 GeV."""
    return (1 + np.tanh((temperature - 155) / 8)) / 2


def active_neutrino_width(temperature, momentum):
    """Width of a left-handed neutrino of `momentum` [GeV] at `temperature` [GeV]; in GeV."""
    gauge = 0.1 * temperature
    over_gauge = 8 * FERMI_CONSTANT**2 * temperature**3 * np.sqrt(momentum**2 + 9 * temperature**2) / 0.14
    return gauge * over_gauge / (1 + over_gauge)  # the harmonic sum of the two


def active_neutrino_potential(temperature, momentum):
    """b in E_nu = k - b [GeV]: positive (Fermi theory) below some 30 GeV, negative (thermal mass) above."""
    fermi = 1.09e-8 * momentum * temperature**4 / (1 + (temperature / 25) ** 4)
    thermal_mass = 0.0435 * temperature**2 / np.sqrt(momentum**2 + 0.09 * temperature**2)
    return fermi - thermal_mass / (1 + (60 / temperature) ** 8)


def closed_form_rates(temperature, momentum, mass):
    """gamma_c, gamma_v, h_c and h_v per unit Yukawa coupling squared; flavours are alike.

    The mixing part has the form of arXiv:1808.10833, 2 v^2 E_nu (E +- k) gamma / (k E (4 (E +- E_nu)^2 + gamma^2));
    the direct part is that of 1 <-> 2 and 2 <-> 2 processes with a Higgs boson, averaged and spread over k by a guess.

    Parameters
    ----------
    temperature, momentum, mass : arrays [GeV]
        Broadcast against each other.

    Returns
    -------
    ThermalRates of (..., 3) arrays [GeV]
    """
    energy = np.sqrt(momentum**2 + mass**2)
    energy_minus_momentum = mass**2 / (energy + momentum)  # by subtraction it is rounding noise at k >> M
    vev_squared = higgs_vev_squared(temperature)
    symmetric = symmetric_phase_fraction(temperature)
    width = active_neutrino_width(temperature, momentum)
    potential = active_neutrino_potential(temperature, momentum)
    y = momentum / temperature

    neutrino_energy = momentum - potential
    mixing = 2 * vev_squared * neutrino_energy / (momentum * energy)
    far = energy + neutrino_energy
    near = energy_minus_momentum + potential
    plus = mixing * (energy + momentum) / (4 * far**2 + width**2)
    minus = mixing * energy_minus_momentum / (4 * near**2 + width**2)
    gamma_c = plus * width + 3.6 * symmetric * 0.0133 * temperature / (y + 0.5)
    gamma_v = minus * width + symmetric * 0.043 * mass**2 / temperature * (3.6 / (y + 0.5)) ** 2
    h_c = plus * far + symmetric * temperature**2 / (8 * momentum)
    flavour_blind = np.broadcast_arrays(gamma_c, gamma_v, h_c, minus * near)
    return ThermalRates(*(np.repeat(x[..., np.newaxis], 3, axis=-1) for x in flavour_blind))


def rates_of(settings, mass):
    return closed_form_rates


class ClosedFormRates(LeptonAsymmetry):
    name = "closed_form_rates"
    rates = staticmethod(rates_of)
