"""The Higgs expectation value through the electroweak crossover, and the masses that follow it.

The crossover is a parametrisation: the tree-level shape v^2 = V^2 (1 - T^2/Tc^2), rounded off over a relative width
D, with the thermal correction switched off below 45 GeV, where the particles that make it are too heavy to be in the
bath:

    v(T) = V [D ln(1 + e^(x/D))]^(1/2),      x = 1 - (T/Tc)^2 e^(-(45 GeV/T)^4).

Not covered: the gauge dependence of v, and the lattice shape of <phi^dagger phi> (arXiv:1508.07161).
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.plasma import standard_model as sm

VACUUM_MASSES = {
    **dict(zip(sm.FLAVOUR_NAMES, sm.CHARGED_LEPTON_MASSES, strict=True)),
    **dict(zip("uc", sm.UP_QUARK_MASSES, strict=True)),
    **dict(zip("dsb", sm.DOWN_QUARK_MASSES, strict=True)),
    "t": sm.TOP_MASS,
    "W": sm.W_MASS,
    "Z": sm.Z_MASS,
    "h": sm.HIGGS_MASS,
}
"""By name [GeV]."""


class Crossover(NamedTuple):
    """Where the Higgs expectation value goes to zero [GeV], and over which relative width D in x."""

    temperature: float
    width: float


CROSSOVERS = {
    "leading_order": Crossover(152.0, 0.02),
    "lattice": Crossover(160.0, 0.03),
}
"""The two choices.

leading_order : goes with rates of leading order; near what the three-dimensional effective mass has at tree level.
lattice : the pseudocritical temperature 159.5 +- 1.5 GeV of D'Onofrio and Rummukainen, arXiv:1508.07161.
"""

FREEZE_OUT = 45.0  # GeV


def higgs_expectation_value(temperature, crossover="leading_order"):
    """v(T) [GeV], 246.22 in vacuum; v/sqrt(2) is the value of the neutral component.

    Parameters
    ----------
    temperature : float or array [GeV], positive
    crossover : str
        One of `CROSSOVERS`.  v^2, and fermion-number violating rates with it, differ between the two by 7 % at
        101 GeV and by a factor 2 at 146 GeV.
    """
    if crossover not in CROSSOVERS:
        raise ValueError(f"crossover = {crossover!r}: expected one of {', '.join(CROSSOVERS)}")
    temperature = np.asarray(temperature, float)
    if not np.all(temperature > 0):
        raise ValueError(f"Higgs expectation value: temperature {np.min(temperature):g} GeV is not positive")
    tc, width = CROSSOVERS[crossover]
    x = 1 - (temperature / tc) ** 2 * np.exp(-((FREEZE_OUT / temperature) ** 4))
    return (sm.ELECTROWEAK_VEV * np.sqrt(width * np.logaddexp(0, x / width)))[()]


def particle_mass(particle, temperature, crossover="leading_order"):
    """Mass of `particle` (a key of `VACUUM_MASSES`) at `temperature`: its vacuum mass times v(T)/V [GeV].

    The Higgs-induced mass alone: thermal masses are not included, and the Higgs boson's own mass is taken as
    sqrt(2 lambda) v like the others.
    """
    if particle not in VACUUM_MASSES:
        raise ValueError(f"particle = {particle!r}: expected one of {', '.join(VACUUM_MASSES)}")
    return VACUUM_MASSES[particle] * (higgs_expectation_value(temperature, crossover) / sm.ELECTROWEAK_VEV)
