"""Folds of the S-curve: where two of the couplings of `relic_coupling` merge and end.

At the mass of a fold an extremum of Omega h^2 over the coupling is the target: the maximum where branches C and B
meet, the minimum where B and A do.  Masses are scanned on a logarithmic grid, and a fold is located where the extremum
passes the target.  Each task is one of the two folds; one that does not exist is a row with the status `no_solution`.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from hpc_nu.models.interface import Cost, Observable, Outcome, Parameter, Setting
from hpc_nu.models.kev_neutrinos.inputs import LEAST_MASS, PARAMETERS, SETTINGS, KevNeutrinoModel
from hpc_nu.models.kev_neutrinos.relic_coupling import (
    OWN_SETTINGS,
    curve_seconds,
    first_extrema,
    log_omega,
    scan,
    search_problems,
)
from hpc_nu.models.kev_neutrinos.system import OBSERVABLES, System, bath_cost
from hpc_nu.models.search import Interrupted, Replay
from hpc_nu.result_codes import ResultCode

_MASS_TOLERANCE = 1e-10  # of ln(mass)
_CONTINUOUS = 1e-6  # of ln(Omega h^2)

FOLDS = {1: "maximum", 2: "minimum"}
"""Which extremum of Omega h^2 over the coupling reaches the target."""


class RelicFold(KevNeutrinoModel):
    """See the module's head."""

    name = "relic_fold"
    title = "mediator masses and couplings at which two branches of the S-curve of relic_coupling merge"
    parameters = (
        *(parameter for parameter in PARAMETERS if parameter.name not in ("m_mediator", "coupling")),
        Parameter("fold", "1", 1, 2, "1: branches C and B merge, at a maximum of Omega h^2; 2: B and A, at a minimum"),
    )
    settings = (
        *SETTINGS,
        *OWN_SETTINGS,
        Setting("mass_low", 0.01, "mediator mass where the scan begins", low=LEAST_MASS, high=1e4, unit="GeV"),
        Setting("mass_high", 100.0, "mediator mass where it ends", low=LEAST_MASS, high=1e4, unit="GeV"),
        Setting("masses_per_decade", 6, "masses per decade of the scan", low=2, high=1000),
    )
    observables = (
        Observable("m_mediator", "GeV", "mass of the mediator at the fold"),
        Observable("coupling", "1", "coupling there"),
        *OBSERVABLES,
    )
    can_pause = True

    def check(self, settings, temperatures):
        problems = super().check(settings, temperatures) + search_problems(settings)
        low, high = settings["mass_low"], settings["mass_high"]
        if low >= high:
            problems.append(("settings", f"mass_low = {low:g} GeV must be below mass_high = {high:g} GeV"))
        return problems

    def check_points(self, settings, points, temperatures):
        problems = super().check_points(settings, points, temperatures)
        broken = [fold for fold in points["fold"] if fold not in FOLDS]
        return problems + ([f"fold = {broken[0]:g}: expected 1 or 2"] if broken else [])

    def cost(self, problem):
        decades = math.log10(problem.settings["mass_high"] / problem.settings["mass_low"])
        curves = problem.settings["masses_per_decade"] * decades + 5  # until the fold is located
        return Cost(curves * curve_seconds(problem), (bath_cost(problem),))

    def solve(self, problem, state=None, pause=lambda: False):
        point, settings = dict(problem.point), problem.settings
        kind, sin2 = FOLDS[round(point.pop("fold"))], point["sin2_2theta"]
        replay = Replay(state, pause, problem.solver)

        def system(log_mass, momenta=None):
            return System(point | {"m_mediator": math.exp(log_mass)}, settings, problem.grid, momenta)

        def extremum(log_mass):
            """Coupling and Omega h^2 of the extremum at a mass; NaN if there is none."""
            here = cache(lambda: log_omega(system(log_mass), sin2))  # not needed for values that are known already
            found = scan(lambda log_coupling: replay(lambda: here()(log_coupling)), settings)
            return [first_extrema(found)[f"{name}_{kind}"] for name in ("coupling", "Omega_h2")]

        try:
            over_target = _scanned(lambda log_mass: math.log(extremum(log_mass)[1] / settings["target"]), settings)
            if over_target.root is None:
                return Outcome(ResultCode.NO_SOLUTION, message=_no_fold(kind, over_target.values, settings))
            coupling, _ = extremum(over_target.root)
        except Interrupted as interrupted:
            return interrupted.outcome
        values = system(over_target.root, problem.momenta).observables(coupling, sin2, problem.temperatures)
        values["scalar"] = values["scalar"] | {"m_mediator": math.exp(over_target.root), "coupling": coupling}
        return Outcome(ResultCode.DONE, values)


class _Scanned(NamedTuple):
    """A function of ln(mass): its values, NaN where it has none, and its first root, or None."""

    values: np.ndarray
    root: float | None


def _scanned(function, settings):
    low, high = math.log(settings["mass_low"]), math.log(settings["mass_high"])
    n = max(3, math.ceil(settings["masses_per_decade"] * (high - low) / math.log(10)) + 1)
    masses = np.linspace(low, high, n)
    values = np.array([function(mass) for mass in masses])
    for place in np.flatnonzero(values[:-1] * values[1:] < 0):
        root = brentq(function, masses[place], masses[place + 1], xtol=_MASS_TOLERANCE)
        if abs(function(root)) < _CONTINUOUS:  # and does not jump there, from one extremum to another
            return _Scanned(values, root)
    return _Scanned(values, None)


def _no_fold(kind, log_over_target, settings):
    where = f"for mediators of {settings['mass_low']:g} ... {settings['mass_high']:g} GeV"
    there = settings["target"] * np.exp(log_over_target[np.isfinite(log_over_target)])
    if not there.size:
        return f"no fold: Omega h^2 has no {kind} over the coupling {where}"
    return (
        f"no fold: the {kind} of Omega h^2 over the coupling goes from {there.min():.3g} to {there.max():.3g} {where}"
        f" and does not pass {settings['target']:g}"
    )
