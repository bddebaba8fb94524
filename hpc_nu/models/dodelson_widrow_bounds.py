"""Bounds on a mediator and on a sterile neutrino, as columns of every row of `dodelson_widrow`.

For each of `hpc_nu.interactions.bounds.BOUNDS` the largest coupling allowed at the mediator's mass, and whether that
of the row is: NaN where a bound says nothing about the mediator or the flavour.  For the sterile neutrino X-rays,
lifetime and phase-space density (`hpc_nu.interactions.sterile_dark_matter`); for the user's curves `digitised_limits`.
"""

import math

from hpc_nu.interactions.bounds import BOUNDS, bounds_on
from hpc_nu.interactions.digitised_limits import ALL_FLAVOURS
from hpc_nu.interactions.mediators import MEDIATORS
from hpc_nu.interactions.sterile_dark_matter import (
    XRAY_RANGE,
    dark_matter_lifetime,
    phase_space_mass_bound,
    photon_width,
    xray_mixing_limit,
)
from hpc_nu.models.limits import NO_LIMITS, apply_limits, excluded_range, shared_limits
from hpc_nu.models.mode_system import Observable
from hpc_nu.units import AGE_OF_UNIVERSE, HBAR

MOST_DARK_MATTER = 0.13
"""Omega h^2: 0.12, and what this calculation is uncertain by."""

_NAMES = {bound.name: bound for bound in BOUNDS}  # those of scalar and vector with one name are one column
_EXCLUDING = [name for name, bound in _NAMES.items() if not (bound.expected or bound.of_dark_matter)]

BOUND_COLUMNS = (
    *(Observable(f"coupling_limit_{name}", "1", f"largest coupling: {' or '.join(_texts)}")
      for name in _NAMES
      for _texts in [dict.fromkeys(bound.description for bound in BOUNDS if bound.name == name)]),
    *(Observable(f"allowed_{name}", "1", f"1 where the coupling is not above coupling_limit_{name}")
      for name in _EXCLUDING),
    Observable("allowed_relic_density", "1", "1 where Omega h^2 is not above 0.13"),
    Observable("lifetime", "s", "mean life of the sterile neutrino; without the mediator for lmu_ltau and b_minus_l"),
    Observable("allowed_lifetime", "1", "1 where the mean life is not below the age of the universe"),
    Observable("Gamma_photon", "1/s", "rate of nu_4 -> nu gamma"),
    Observable("sin2_2theta_limit_xray", "1", "largest mixing if nu_4 is all dark matter: diffuse X-rays"),
    Observable("allowed_xray", "1", "1 where sin^2 2 theta is not above sin2_2theta_limit_xray"),
    Observable("m_4_limit_phase_space", "GeV", "smallest m_4 by its own largest f_s in dwarf galaxies (Tremaine-Gunn)"),
    Observable("allowed_phase_space", "1", "1 where m_4 is not below m_4_limit_phase_space"),
    Observable("coupling_limit_user", "1", "largest coupling by the curves of the user's file"),
    Observable("sin2_2theta_limit_user", "1", "largest mixing by the curves of the user's file"),
    Observable("allowed_user", "1", "1 where no curve of the user's file excludes the point"),
    Observable("allowed", "1", "1 where all of the above allow the point; worth nothing where equation_valid is 0"),
)  # fmt: skip


def bound_values(settings, m_mediator, coupling, m_4, sin2, densest, omega_h2):
    """Values of `BOUND_COLUMNS`.

    Parameters
    ----------
    settings : mapping
        mediator, flavour and limits are asked for.
    m_mediator, m_4 : float [GeV]
    coupling, sin2 : float
    densest : float
        Largest occupation f_s; above 1, where the equations do not hold, Pauli's 1 counts.
    omega_h2 : float

    Returns
    -------
    dict of str to float
    """
    values = {column.name: math.nan for column in BOUND_COLUMNS}
    mediator = settings["mediator"]
    if mediator in MEDIATORS:
        for bound in bounds_on(mediator, settings["flavour"]):
            limit = float(bound.coupling_limit(m_mediator, m_4, sin2))
            values[f"coupling_limit_{bound.name}"] = limit
            if not (bound.expected or bound.of_dark_matter):
                values[f"allowed_{bound.name}"] = 1.0 * (coupling <= limit)
    contact = {"scalar": coupling, "neutrinophilic": coupling}.get(mediator, 0.0)
    kind = "scalar" if mediator == "scalar" else "vector"
    values["allowed_relic_density"] = 1.0 * (omega_h2 <= MOST_DARK_MATTER)
    values["lifetime"] = float(dark_matter_lifetime(m_mediator or 1.0, contact, m_4, sin2, kind))
    values["allowed_lifetime"] = 1.0 * (values["lifetime"] >= AGE_OF_UNIVERSE)
    values["Gamma_photon"] = photon_width(m_4, sin2) / HBAR
    if XRAY_RANGE[0] <= m_4 <= XRAY_RANGE[1]:
        values["sin2_2theta_limit_xray"] = float(xray_mixing_limit(m_4))
        values["allowed_xray"] = 1.0 * (sin2 <= values["sin2_2theta_limit_xray"])
    values["m_4_limit_phase_space"] = float(phase_space_mass_bound(min(densest, 1.0))) if densest > 0 else math.inf
    values["allowed_phase_space"] = 1.0 * (m_4 >= values["m_4_limit_phase_space"])
    if settings["limits"] != NO_LIMITS:
        values |= _of_the_user(shared_limits(settings["limits"]), settings["flavour"], m_mediator, coupling, m_4, sin2)
    flags = [value for name, value in values.items() if name.startswith("allowed_")]
    values["allowed"] = 1.0 * all(flag == 1.0 or math.isnan(flag) for flag in flags)
    return values


def _of_the_user(limits, flavour, m_mediator, coupling, m_4, sin2):
    """Columns of the curves of a file, those over a mediator's mass only where there is one."""
    at, values = {"mediator_mass": m_mediator, "m4": m_4}, {"coupling": coupling, "sin2_2theta": sin2}
    ranges = []
    for curve in limits.curves:
        if at[curve.x] > 0 and curve.flavour in (flavour, ALL_FLAVOURS):
            quantity = "coupling" if curve.y == "coupling" else "sin2_2theta"
            ranges.append((quantity, excluded_range(curve, at[curve.x], quantity)))
    largest, allowed = apply_limits(ranges, values)
    return {f"{name}_limit_user": value for name, value in largest.items()} | {"allowed_user": allowed}
