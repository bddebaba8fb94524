"""All couplings of a mediator at which sterile neutrinos make up dark matter: the branches of the S-curve.

Over the coupling, Omega h^2 of the model `dodelson_widrow` rises on branch C (the mediator decays while mixing is not
suppressed), falls on B (mixing is suppressed by the mediator's potential) and rises again on A (scattering off shell),
arXiv:1910.04901, fig. 2.  Each task is one root, numbered from the smallest coupling; a task whose root does not exist
is a row that says so, with the status `no_solution`.

The coupling is scanned on a logarithmic grid, each extremum of Omega h^2 is then located, and between extrema a root
is bracketed or not there.  So two roots that are about to merge are found as long as the extremum between them is on
the other side of the target; it is a column (`coupling_maximum`, `Omega_h2_maximum`, ...).  Where it reaches the
target the S-curve folds: `relic_fold`.
"""

import math
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from hpc_nu.models.interface import Cost, Observable, Outcome, Parameter, Preparation, Setting
from hpc_nu.models.kev_neutrinos.inputs import (
    LEAST_MASS,
    MOST_COUPLING,
    NO_MEDIATOR,
    PARAMETERS,
    SETTINGS,
    KevNeutrinoModel,
)
from hpc_nu.models.kev_neutrinos.system import OBSERVABLES, System, rates_cost, solve_cost
from hpc_nu.models.search import Interrupted, Replay
from hpc_nu.result_codes import ResultCode
from hpc_nu.units import DARK_MATTER_DENSITY

_EXTREMUM_TOLERANCE = 1e-6  # of ln(coupling); Omega h^2 is then exact to its square
_ROOT_TOLERANCE = 1e-10  # of ln(coupling)
_FLAT = 1e-8  # of ln(Omega h^2)
_CURVES_KEPT = 32
_SLOPE_STEP = 0.01  # of ln(coupling)

MOST_ROOTS = 9

OWN_SETTINGS = (
    Setting("target", DARK_MATTER_DENSITY, "Omega h^2 that is asked for", low=0.0, low_is_open=True, high=100.0),
    Setting("coupling_low", 1e-8, "where the scan begins", low=0.0, low_is_open=True, high=MOST_COUPLING),
    Setting("coupling_high", MOST_COUPLING, "where the scan ends", low=0.0, low_is_open=True, high=MOST_COUPLING),
    Setting("scan_per_decade", 12, "couplings per decade of the scan", low=3, high=1000),
)

OWN_SCALARS = (
    Observable("coupling", "1", "coupling at which Omega h^2 is the target"),
    Observable("n_roots", "1", "number of such couplings between coupling_low and coupling_high"),
    Observable("slope", "1", "d ln(Omega h^2)/d ln(coupling) there: 2 on branch C, -2 on B, 3 on A, in the limits"),
    Observable("coupling_maximum", "1", "coupling of the first local maximum of Omega h^2; NaN if there is none"),
    Observable("Omega_h2_maximum", "1", "Omega h^2 at that maximum"),
    Observable("coupling_minimum", "1", "coupling of the first local minimum behind it; NaN if there is none"),
    Observable("Omega_h2_minimum", "1", "Omega h^2 at that minimum"),
)


class Curve(NamedTuple):
    """Omega h^2 over the coupling at one point.

    Attributes
    ----------
    roots : tuple of float
        Increasing.
    extrema : tuple of (float, float, bool)
        Coupling, Omega h^2, whether it is a maximum.
    ends : (float, float)
        Omega h^2 at both ends of the scan.
    """

    roots: tuple
    extrema: tuple
    ends: tuple


def find_roots(log_omega, low, high, per_decade, target):
    """All couplings at which a function takes a value.

    Parameters
    ----------
    log_omega : callable
        ln(Omega h^2) of ln(coupling).
    low, high : float
        Couplings.
    per_decade : int
        Of the scan: two extrema closer than about two steps are missed.
    target : float
        Omega h^2.

    Returns
    -------
    Curve
    """
    n = max(4, math.ceil(per_decade * math.log10(high / low)) + 1)
    x = np.linspace(math.log(low), math.log(high), n)
    y = np.array([log_omega(value) for value in x])
    extrema = []
    for i in range(1, n - 1):
        left, right = y[i] - y[i - 1], y[i] - y[i + 1]
        if left * right < 0 or max(abs(left), abs(right)) < _FLAT:  # without effect, small couplings only make noise
            continue
        sign = -1 if left + right > 0 else 1
        found = minimize_scalar(
            lambda value, sign=sign: sign * log_omega(value),
            bounds=(x[i - 1], x[i + 1]),
            method="bounded",
            options={"xatol": _EXTREMUM_TOLERANCE},
        )
        extrema.append((float(found.x), float(sign * found.fun), sign < 0))
    ends = [(x[0], y[0]), *((place, value) for place, value, _ in extrema), (x[-1], y[-1])]
    wanted = math.log(target)
    roots = [
        math.exp(brentq(lambda value: log_omega(value) - wanted, a, b, xtol=_ROOT_TOLERANCE))
        for (a, f_a), (b, f_b) in zip(ends, ends[1:], strict=False)
        if (f_a - wanted) * (f_b - wanted) < 0
    ]
    found = tuple((math.exp(place), math.exp(value), is_maximum) for place, value, is_maximum in extrema)
    return Curve(tuple(roots), found, (math.exp(y[0]), math.exp(y[-1])))


def scan(function, settings):
    """`find_roots` as `OWN_SETTINGS` ask for it."""
    low, high = settings["coupling_low"], settings["coupling_high"]
    return find_roots(function, low, high, settings["scan_per_decade"], settings["target"])


def log_omega(system, sin2):
    """ln(Omega h^2) as a function of ln(coupling)."""

    def function(log_coupling):
        omega = system.omega(system.produce(math.exp(log_coupling), sin2).y)
        return math.log(omega) if omega > 0 else -math.inf  # which ends a search as not_finite

    return function


_curves = OrderedDict()


def _shared_curve(point, system, replay):
    """`Curve` of one point, kept for its other roots."""
    key = tuple(point.items()), tuple(system.settings.items()), system.grid
    if key not in _curves:
        function = log_omega(system, point["sin2_2theta"])
        _curves[key] = scan(lambda log_coupling: replay(lambda: function(log_coupling)), system.settings)
        if len(_curves) > _CURVES_KEPT:
            _curves.popitem(last=False)
    return _curves[key]


def search_problems(settings):
    """What is wrong with a search for couplings, as of `Model.check`."""
    problems = []
    if settings["mediator"] == NO_MEDIATOR:
        problems.append(("settings", "mediator = none has no coupling to be found: expected a mediator"))
    low, high = settings["coupling_low"], settings["coupling_high"]
    if low >= high:
        problems.append(("settings", f"coupling_low = {low:g} must be below coupling_high = {high:g}"))
    return problems


class RelicCoupling(KevNeutrinoModel):
    """See the module's head."""

    name = "relic_coupling"
    title = "all couplings of a mediator at which sterile neutrinos of the keV scale make up dark matter"
    parameters = (
        *(parameter for parameter in PARAMETERS if parameter.name not in ("m_mediator", "coupling")),
        Parameter("m_mediator", "GeV", LEAST_MASS, 1e4, "mass of the mediator", "m"),
        Parameter("root", "1", 1, MOST_ROOTS, "which of the couplings, counted from the smallest", default=1.0),
    )
    settings = (*SETTINGS, *OWN_SETTINGS)
    observables = (*OWN_SCALARS, *OBSERVABLES)
    can_pause = True

    def check(self, settings, temperatures):
        return super().check(settings, temperatures) + search_problems(settings)

    def check_points(self, settings, points, temperatures):
        problems, broken = super().check_points(settings, points, temperatures), points["root"] % 1 != 0
        if np.any(broken):
            problems.append(f"root = {points['root'][broken][0]:g}: expected a whole number from 1 to {MOST_ROOTS}")
        return problems

    def cost(self, problem):
        one = solve_cost(problem)
        curve = Preparation(
            curve_seconds(problem), ("m_4", "sin2_2theta", "m_mediator"), key=tuple(problem.settings.items()),
            kept=_CURVES_KEPT,
        )  # fmt: skip
        return Cost(one.solve, (*one.preparations, curve))

    def solve(self, problem, state=None, pause=lambda: False):
        point, settings = dict(problem.point), problem.settings
        root, sin2 = round(point.pop("root")), point["sin2_2theta"]
        replay = Replay(state, pause, problem.solver)
        try:
            curve = _shared_curve(point, System(point, settings, problem.grid), replay)
        except Interrupted as interrupted:
            return interrupted.outcome
        if root > len(curve.roots):
            return Outcome(ResultCode.NO_SOLUTION, message=_no_root(root, curve, settings))
        coupling = curve.roots[root - 1]
        system = System(point, settings, problem.grid, problem.momenta)
        values = system.observables(coupling, sin2, problem.temperatures)
        function, at = log_omega(system, sin2), math.log(coupling)
        slope = (function(at + _SLOPE_STEP / 2) - function(at - _SLOPE_STEP / 2)) / _SLOPE_STEP
        own = {"coupling": coupling, "n_roots": len(curve.roots), "slope": slope}
        values["scalar"] = values["scalar"] | own | first_extrema(curve)
        return Outcome(ResultCode.DONE, values)


def curve_seconds(problem):
    """Of the scan, its extrema and its roots, and of the rates of the modes alone that these need."""
    settings, entries = problem.settings, len(problem.grid.nodes) * problem.settings["temperature_steps"]
    decades = math.log10(settings["coupling_high"] / settings["coupling_low"])
    return 8e-9 * (settings["scan_per_decade"] * decades + 40) * entries + rates_cost(settings, entries).seconds


def first_extrema(curve):
    """The first maximum, and the first minimum at a larger coupling, as columns of `OWN_SCALARS`."""
    maxima = [(place, value) for place, value, is_maximum in curve.extrema if is_maximum]
    maximum = maxima[0] if maxima else (math.nan, math.nan)
    minima = [(place, value) for place, value, is_maximum in curve.extrema if not is_maximum]
    behind = [found for found in minima if not found[0] < maximum[0]]  # all of them without a maximum
    minimum = behind[0] if behind else (math.nan, math.nan)
    return {
        "coupling_maximum": maximum[0],
        "Omega_h2_maximum": maximum[1],
        "coupling_minimum": minimum[0],
        "Omega_h2_minimum": minimum[1],
    }


def _no_root(root, curve, settings):
    low, high = settings["coupling_low"], settings["coupling_high"]
    values = [*curve.ends, *(value for _, value, _ in curve.extrema)]
    found = ", ".join(f"{value:.4g}" for value in curve.roots)
    which = f"only at {found}" if found else "nowhere"
    return (
        f"no root {root}: Omega h^2 = {settings['target']:g} is reached {which} for couplings {low:g} ... {high:g},"
        f" where it goes from {min(values):.3g} to {max(values):.3g}"
    )
