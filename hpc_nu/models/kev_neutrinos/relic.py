"""What a relic weighs, how fast it is today, and how far it has travelled.

Momenta are given over the temperature of the photons today, T_0 = 2.7255 K.  The background is flat, with the
densities of Planck 2018, arXiv:1807.06209, table 2 (TT,TE,EE+lowE+lensing), and three massless neutrinos.
"""

import math

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import zeta

from hpc_nu.units import (
    CRITICAL_DENSITY,
    DARK_MATTER_DENSITY,
    ENTROPY_TODAY,
    HUBBLE_PARAMETER,
    KM_PER_S,
    PHOTON_TEMPERATURE,
)

MEAN_MOMENTUM_FERMI_DIRAC = 7 * math.pi**4 / (180 * zeta(3.0))
"""<p/T> = 3.1514 of relativistic fermions in equilibrium."""

_HUBBLE_100 = 100.0  # km/s/Mpc
_MATTER, _RADIATION = 0.1430, 4.18e-5  # Omega_m h^2, Omega_r h^2

OMEGA_PER_YIELD = ENTROPY_TODAY * PHOTON_TEMPERATURE**3 / CRITICAL_DENSITY
"""Omega h^2 = this * (m/GeV) * n/s: 2.7446e8, s_0 = 2892 cm^-3."""


def dilution(entropy_over_t3):
    """(p/T_0 today)/(p/T then), for s/T^3 then: entropy is conserved."""
    return (ENTROPY_TODAY / entropy_over_t3) ** (1 / 3)


def velocity_today(mean_momentum, mass):
    """Mean velocity [km/s] today, without structure formation, for <p>/T_0 and a mass [GeV]."""
    momentum = mean_momentum * PHOTON_TEMPERATURE
    return momentum / math.hypot(momentum, mass) / KM_PER_S


def free_streaming_horizon(mean_momentum, mass):
    """Comoving free-streaming horizon int v dt/a [Mpc] of the mean momentum, <p>/T_0, for a mass [GeV].

    Definition as in Boyarsky, Lesgourgues, Ruchayskiy and Viel, arXiv:0812.0010, sec. 2; from a = 1e-10, before which
    nothing is added, until today.
    """
    ratio = mean_momentum * PHOTON_TEMPERATURE / mass  # p/m at a = 1
    ln_a = np.linspace(math.log(1e-10), 0.0, 2001)
    a = np.exp(ln_a)
    vacuum = HUBBLE_PARAMETER**2 - _MATTER - _RADIATION
    expansion = np.sqrt(_RADIATION / a**4 + _MATTER / a**3 + vacuum)  # H/(100 km/s/Mpc)
    velocity = ratio / np.sqrt(ratio**2 + a**2)
    return float(trapezoid(velocity / (a * expansion), ln_a)) / KM_PER_S / _HUBBLE_100


def thermal_relic_mass(mean_momentum, mass):
    """Mass [GeV] of the thermal relic that is as fast today and makes up all dark matter, for <p>/T_0 and a mass [GeV].

    A thermal relic with two spin states has <p>/T = 3.151 and Omega h^2 = (3 zeta(3)/(2 pi^2)) m T^3/(rho_c/h^2), which
    is (m/94.1 eV) (T/T_nu)^3.  For a Dodelson-Widrow spectrum with <p>/T_nu = 3.151 this is m_s = 4.46 keV
    (m/keV)^(4/3), 4.43 in Viel et al., arXiv:astro-ph/0501562.

    Spectra of other shapes than the thermal one suppress structure at another scale than their mean velocity says: 24.4
    and 16.0 keV without resonance have the transfer functions of thermal relics of 4.09 and 2.96 keV in Baur et al.,
    arXiv:1512.01981; this is 15 and 12 % more.
    """
    wanted = mean_momentum / mass
    density = 3 * zeta(3.0) / (2 * math.pi**2) * PHOTON_TEMPERATURE**3  # GeV^3, of a relic as hot as the photons
    thermal = MEAN_MOMENTUM_FERMI_DIRAC * (DARK_MATTER_DENSITY * CRITICAL_DENSITY / density) ** (1 / 3)
    return (thermal / wanted) ** 0.75
