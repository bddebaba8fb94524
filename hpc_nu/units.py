"""Physical constants and unit conversions, in natural units with GeV = hbar = c = k_B = 1.

Sources: [PDG] Workman et al., Prog. Theor. Exp. Phys. 2022, 083C01; [EST] Eijima, Shaposhnikov and Timiryasov,
arXiv:2011.12637.
"""

import math

# Energy units in GeV.
ENERGY_GEV = {"eV": 1e-9, "keV": 1e-6, "MeV": 1e-3, "GeV": 1.0, "TeV": 1e3}

# Angle units in rad.
ANGLE_RAD = {"rad": 1.0, "deg": math.pi / 180, "pi": math.pi}

# Accepted spellings of a unit, by the unit in which a model wants the number.
CONVERSIONS = {"GeV": ENERGY_GEV, "rad": ANGLE_RAD, "eV^2": {"eV^2": 1.0}, "1": {"1": 1.0}}

EV2 = 1e-18
"""One eV^2 in GeV^2."""

PLANCK_MASS = 1.22089e19
"""Planck mass, not reduced [GeV]; [PDG], as rounded in arXiv:1910.04901."""

HIGGS_MASS = 125.25
"""[GeV]; [PDG]."""

FERMI_CONSTANT = 1.1663787e-5
"""G_F [GeV^-2]; [PDG]."""

FINE_STRUCTURE_CONSTANT = 1 / 137.035999
"""alpha at zero momentum; [PDG]."""

HBAR = 6.582119569e-25
"""hbar [GeV s]; [PDG].  The lifetime in seconds is this over the width in GeV."""

AGE_OF_UNIVERSE = 13.797e9 * 3.15576e7
"""[s]; 13.797 Gyr, [PDG] table 2.1."""

SOLAR_MASS_PER_PC3 = 2.91706e-40
"""One solar mass per cubic parsec [GeV^4]; [PDG]: 1.98841e30 kg, 3.0856776e16 m."""

KM_PER_S = 1 / 299792.458
"""One km/s, in units of c; [PDG]."""

DARK_MATTER_DENSITY = 0.12
"""Observed Omega_DM h^2, 0.1200(12) of Planck 2018, arXiv:1807.06209; also that of the papers on dark matter."""

PHOTON_TEMPERATURE = 2.7255 * 8.617333262e-14
"""T_0 today [GeV], 2.7255 K; [PDG]."""

ENTROPY_TODAY = 2 * math.pi**2 / 45 * 3.91
"""s_0/T_0^3, neutrinos included: g_s = 2 + (7/8) 6 (4/11) = 3.91, and 3.931 where they are not decoupled at once when
electrons annihilate (arXiv:1803.01038)."""

HUBBLE_PARAMETER = 0.6736
"""H_0 in 100 km/s/Mpc; Planck 2018, arXiv:1807.06209, table 2 (TT,TE,EE+lowE+lensing)."""

HBAR_C = 1.973269804e-14
"""[GeV cm]; [PDG]."""

CRITICAL_DENSITY = 1.053672e-5 * HBAR_C**3
"""rho_c/h^2 [GeV^4], 1.053672(24)e-5 GeV/cm^3; [PDG]."""

SPHALERON_FREEZE_OUT = 131.7
"""Temperature at which sphalerons stop [GeV]; caption of fig. 18 of [EST]."""
