"""Closed-form stand-ins for the Higgs expectation value and the active neutrinos' width and potential.

They have the size and the temperature dependence of the published thermal quantities (the crossover at 160 GeV, the
Fermi-theory width ~ G_F^2 T^4 k saturating at ~0.1 T, a potential that changes sign near 30 GeV) and none of their
precision.  All arguments broadcast.
"""

import numpy as np

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
