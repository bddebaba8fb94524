"""Bounds on a mediator and on a sterile neutrino, as columns of every row of `dodelson_widrow`.

For each of `hpc_nu.interactions.bounds.BOUNDS` the largest coupling allowed at the mediator's mass, and whether that of
the row is.  For the sterile neutrino its relic density, X-rays, lifetime and phase-space density
(`hpc_nu.interactions.sterile_dark_matter`), and the Lyman-alpha forest; for the user's curves `digitised_limits`.

Flags are 1 (allowed), 0 (excluded) or NaN: the bound says nothing here, or it cannot be told.  Bounds on dark matter
are on all of it.  Where nu_4 is less than that X-rays scale with its density; the others are weaker in a way not known
here, so that they may allow a point and never exclude it.  Where the relic density is not known, because back-reaction
is not small or perturbation theory is lost, a flag says what is true of everything that it may be.

`allowed` is 0 where one of the flags is, NaN where one that applies cannot be told, and 1 elsewhere.  It covers what is
listed here and no more: no search for lines of X-rays, which excludes more than the diffuse X-rays do, and no curve
that is not in the user's file.  As the laboratory's limits on L_mu - L_tau and B - L are such curves, it is never 1 for
these without one of the coupling that reaches the mediator's mass; nor outside of the masses for which the diffuse
X-rays are given, 1 to 100 keV.
"""

import math
from typing import NamedTuple

from hpc_nu.interactions.bounds import BOUNDS, bounds_on
from hpc_nu.interactions.digitised_limits import ALL_FLAVOURS
from hpc_nu.interactions.mediator_emission import HIGGS_VERTICES
from hpc_nu.interactions.mediators import MEDIATORS
from hpc_nu.interactions.sterile_dark_matter import (
    XRAY_RANGE,
    dark_matter_lifetime,
    phase_space_mass_bound,
    photon_width,
    xray_mixing_limit,
)
from hpc_nu.models.interface import Observable, Setting
from hpc_nu.models.limits import NO_LIMITS, excluded_range, limits_setting, user_limits
from hpc_nu.units import AGE_OF_UNIVERSE, DARK_MATTER_DENSITY, HBAR

LEAST_DARK_MATTER, MOST_DARK_MATTER = 0.11, 0.13
"""Omega h^2 of all dark matter: 0.12, and what this calculation is uncertain by."""

LYMAN_ALPHA_MASS = 5.3e-6
"""Smallest mass [GeV] of a thermal relic that is all of dark matter, two standard deviations: Irsic et al.,
arXiv:1702.01764, abstract, for a smooth thermal history of the intergalactic medium; 3.5 keV for one with jumps."""

BOUND_SETTINGS = (
    Setting("higgs_vertex", "operator", "h nubar nu V of a neutrinophilic vector: of the operator (3.1), or of (3.19)",
            tuple(HIGGS_VERTICES)),
    Setting("lyman_alpha_mass", LYMAN_ALPHA_MASS, "smallest m_thermal_relic as all of dark matter; arXiv:1702.01764",
            low=0.0, high=1e-3, unit="GeV"),
    limits_setting(),
)  # fmt: skip

_NAMES = {bound.name: bound for bound in BOUNDS}  # those of scalar and vector with one name are one column
_EXCLUDING = [name for name, bound in _NAMES.items() if not (bound.expected or bound.of_dark_matter)]

BOUND_COLUMNS = (
    *(Observable(f"coupling_limit_{name}", "1", f"largest coupling: {' or '.join(_texts)}")
      for name in _NAMES
      for _texts in [dict.fromkeys(bound.description for bound in BOUNDS if bound.name == name)]),
    *(Observable(f"allowed_{name}", "1", f"1 where the coupling is not above coupling_limit_{name}")
      for name in _EXCLUDING),
    Observable("allowed_relic_density", "1", f"1 where Omega h^2 is not above {MOST_DARK_MATTER}"),
    Observable("lifetime", "s", "mean life of the sterile neutrino"),
    Observable("allowed_lifetime", "1", "1 where the mean life is not below the age of the universe"),
    Observable("Gamma_photon", "1/s", "rate of nu_4 -> nu gamma"),
    Observable("sin2_2theta_limit_xray", "1", "largest mixing at this Omega h^2: diffuse X-rays, no search for lines"),
    Observable("allowed_xray", "1", "1 where sin^2 2 theta is not above sin2_2theta_limit_xray"),
    Observable("m_4_limit_phase_space", "GeV",
               "smallest m_4 as all of dark matter by its own largest f_s in dwarf galaxies (Tremaine-Gunn)"),
    Observable("allowed_phase_space", "1",
               "1 where m_4 is not below m_4_limit_phase_space, NaN where it is with too little of nu_4"),
    Observable("allowed_lyman_alpha", "1",
               "1 where m_thermal_relic is not below lyman_alpha_mass, NaN where it is with too little of nu_4"),
    Observable("coupling_limit_user", "1", "largest coupling by the curves of the user's file"),
    Observable("sin2_2theta_limit_user", "1", "largest mixing by the curves of the user's file, as they are"),
    Observable("allowed_user", "1", "1 where no curve of the user's file excludes the point"),
    Observable("allowed", "1",
               "0 where one of these flags is, NaN where one cannot be told, else 1; no searches for X-ray lines"),
)  # fmt: skip


class Relic(NamedTuple):
    """What bounds ask of sterile neutrinos that were made.

    Attributes
    ----------
    omega_h2 : float
        As computed.
    least, most : float
        Omega h^2 between which the truth is; both are `omega_h2` where it is known.
    densest : float
        Largest occupation f_s; above 1, where the equations do not hold, Pauli's 1 counts.
    m_thermal_relic : float [GeV]
    """

    omega_h2: float
    least: float
    most: float
    densest: float
    m_thermal_relic: float

    @property
    def is_known(self):
        return self.least == self.most

    @property
    def is_all(self):
        """Whether it is certainly all of dark matter."""
        return self.least >= LEAST_DARK_MATTER

    @property
    def least_share(self):
        """Of dark matter."""
        return 1.0 if self.is_all else self.least / DARK_MATTER_DENSITY


def bound_values(settings, m_mediator, coupling, m_4, sin2, relic):
    """Values of `BOUND_COLUMNS`.

    Parameters
    ----------
    settings : mapping
        mediator, flavour, g_dof and `BOUND_SETTINGS` are asked for.
    m_mediator, m_4 : float [GeV]
    coupling, sin2 : float
    relic : Relic

    Returns
    -------
    dict of str to float
    """
    limits, flags = _of_the_mediator(settings, m_mediator, coupling, m_4, sin2)
    mediator = settings["mediator"]
    kind = mediator if mediator in MEDIATORS else "scalar"  # without one the coupling is 0, and either does
    limits["lifetime"] = float(dark_matter_lifetime(m_mediator or 1.0, coupling, m_4, sin2, kind))
    limits["Gamma_photon"] = photon_width(m_4, sin2) / HBAR
    limits["m_4_limit_phase_space"] = float(phase_space_mass_bound(min(relic.densest, 1.0), degrees=settings["g_dof"]))
    flags["relic_density"] = _flag(relic.most <= MOST_DARK_MATTER, relic.least > MOST_DARK_MATTER)
    flags["lifetime"] = _flag(limits["lifetime"] >= AGE_OF_UNIVERSE, relic.is_all)
    dense_enough = m_4 >= limits["m_4_limit_phase_space"]  # an upper bound of f_s makes a lower one of the limit
    flags["phase_space"] = _flag(dense_enough and relic.is_known, relic.is_all and not dense_enough)
    cold_enough = relic.m_thermal_relic >= settings["lyman_alpha_mass"]
    flags["lyman_alpha"] = _flag(cold_enough, relic.is_all) if relic.is_known else math.nan
    if XRAY_RANGE[0] <= m_4 <= XRAY_RANGE[1]:
        limits["sin2_2theta_limit_xray"] = float(xray_mixing_limit(m_4, relic.omega_h2))
        flags["xray"] = _flag(sin2 <= xray_mixing_limit(m_4, relic.most), sin2 > xray_mixing_limit(m_4, relic.least))
    if settings["limits"] != NO_LIMITS:
        columns, flags["user"] = _of_the_user(
            user_limits[settings["limits"]], settings["flavour"], m_mediator, coupling, m_4, sin2, relic.least_share
        )
        limits |= columns
    applying = list(flags.values())
    if "xray" not in flags:
        applying.append(math.nan)  # its photons are seen, and the bound on them is not here
    if mediator in MEDIATORS and MEDIATORS[mediator].leptons and not _has_curve_at(m_mediator, settings["limits"]):
        applying.append(math.nan)  # the laboratory's limits on it are curves, of which none is given
    values = {column.name: math.nan for column in BOUND_COLUMNS} | limits
    return values | {f"allowed_{name}": flag for name, flag in flags.items()} | {"allowed": _all(applying)}


def _has_curve_at(m_mediator, limits):
    """Whether the user's file has a curve of the coupling that reaches the mass of a mediator."""
    curves = () if limits == NO_LIMITS else user_limits[limits].curves
    return any(
        curve.x == "mediator_mass" and curve.y == "coupling" and min(curve.points) <= m_mediator <= max(curve.points)
        for curve in curves
    )


def _flag(allows, excludes):
    """1 or 0 for what is certain, `allows` first, else NaN."""
    return 1.0 if allows else 0.0 if excludes else math.nan


def _all(flags):
    """0 if one of them is, else NaN if one of them is, else 1."""
    return 0.0 if 0.0 in flags else math.nan if any(math.isnan(flag) for flag in flags) else 1.0


def _of_the_mediator(settings, m_mediator, coupling, m_4, sin2):
    """Columns coupling_limit_..., and flags by name, of the bounds that hold for the mediator of the settings."""
    limits, flags = {}, {}
    for bound in bounds_on(settings["mediator"], settings["flavour"]) if settings["mediator"] in MEDIATORS else ():
        limit = float(bound.coupling_limit(m_mediator, m_4, sin2, settings["higgs_vertex"]))
        limits[f"coupling_limit_{bound.name}"] = limit
        if not (bound.expected or bound.of_dark_matter):
            flags[bound.name] = 1.0 * (coupling <= limit)
    return limits, flags


def _of_the_user(limits, flavour, m_mediator, coupling, m_4, sin2, share):
    """Columns and flag of the curves of a file; a curve over a mediator's mass says nothing where there is none.

    Curves of the mixing may be for all of dark matter.  Those that count particles then hold for `share` sin^2 2theta:
    a point is excluded if its mixing is, with all of dark matter and with this share of it, and allowed if neither it
    nor anything between is.
    """
    at = {"mediator_mass": m_mediator, "m4": m_4}
    of = {"coupling": (coupling, coupling), "sin2_2theta": (share * sin2, sin2)}
    lowest, flags = {"coupling": math.inf, "sin2_2theta": math.inf}, []
    for curve in limits.curves:
        if at[curve.x] > 0 and curve.flavour in (flavour, ALL_FLAVOURS):
            quantity = "coupling" if curve.y == "coupling" else "sin2_2theta"
            lower, upper = excluded_range(curve, at[curve.x], quantity)
            if math.isinf(upper):
                lowest[quantity] = min(lowest[quantity], lower)
            least, most = of[quantity]
            flags.append(_flag(not (lower < most and least < upper), lower < least and most < upper))
    return {f"{name}_limit_user": limit for name, limit in lowest.items()}, _all(flags)
