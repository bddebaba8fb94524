"""Physical constants and unit conversions, in natural units with GeV = hbar = c = k_B = 1.

Sources: [PDG] Workman et al., Prog. Theor. Exp. Phys. 2022, 083C01; [Zakeri] arXiv:2602.20570;
[EST] Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637.
"""

import math

# Energy units in GeV.
ENERGY_GEV = {"eV": 1e-9, "keV": 1e-6, "MeV": 1e-3, "GeV": 1.0, "TeV": 1e3}

# Angle units in rad.
ANGLE_RAD = {"rad": 1.0, "deg": math.pi / 180, "pi": math.pi}

# Accepted spellings of a unit, by the unit in which a model wants the number.
CONVERSIONS = {"GeV": ENERGY_GEV, "rad": ANGLE_RAD, "1": {"1": 1.0}}

EV2 = 1e-18
"""One eV^2 in GeV^2."""

PLANCK_MASS = 1.22089e19
"""Planck mass, not reduced [GeV]; [PDG], as rounded in arXiv:1910.04901."""

HIGGS_MASS = 125.25
"""[GeV]; [PDG]."""

FERMI_CONSTANT = 1.1663787e-5
"""G_F [GeV^-2]; [PDG]."""

HBAR = 6.582119569e-25
"""hbar [GeV s]; [PDG].  The lifetime in seconds is this over the width in GeV."""

RELIC_DENSITY_PER_YIELD = 2.75e8
"""Omega h^2 = this * (m/GeV) * n/s, eq. (14) of [Zakeri]."""

DARK_MATTER_DENSITY = 0.12
"""Observed Omega_DM h^2, sec. III.2 of [Zakeri]."""

SPHALERON_FREEZE_OUT = 131.7
"""Temperature at which sphalerons stop [GeV]; caption of fig. 18 of [EST]."""
