"""What models of the lepton asymmetries share: how a solve is begun, what it costs, which points go side by side.

Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637 ("EST"): eqs. (2.2) averaged over momentum (11 equations), or
resolved on a momentum grid as in sec. 6 (8 n_modes + 3 equations), from one and the same right-hand side.  The
equations are in `equations`, their coefficients in `hpc_nu.seesaw.rate_table`.

M_3 - M_2 = 2 delta_M, as eqs. (4.7), (4.8) of EST imply.  Delta_alpha is L_alpha - B/3 while sphalerons are in
equilibrium, T > T_sphaleron, and keeps its value there; then mu = omega n is that of L_alpha and B = 0, so the part of
mu that B holds is neglected below.  Not covered: energy and entropy of the heavy neutrinos (sec. 3), the chiral anomaly
(sec. 7), sphalerons that freeze out gradually.
"""

import numpy as np
from scipy.special import expit

from hpc_nu.models.heavy_neutrinos import lanes, stage
from hpc_nu.models.heavy_neutrinos.system import System
from hpc_nu.models.heavy_neutrinos.tables import KEPT, temperatures_of
from hpc_nu.models.heavy_neutrinos.thermal_settings import ModelWithThermalRates, rates_without_factors
from hpc_nu.models.interface import Cost, Preparation
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver import esdirk, evolution

_MOST_STEPS_TOGETHER = 5000

# For the prediction of cost: what omega depends on, and what coefficients do not.
_OF_OMEGA = ("susceptibilities", "T_sphaleron", "crossover", "expansion", "equation_of_state", "T_start", "T_end")
_OF_A_POINT = (
    "hierarchy", "oscillation_data", "initial_abundance", "rate_factor", "gamma_minus_factor", "h_plus_factor",
    "gamma_plus_factor", "oscillation_weight", "derivatives",
)  # fmt: skip


def _expected_steps(problem, mass, delta_mass, im_omega):
    """Mean number of attempted steps of points, (n,), or one: a fit to random points of all parameters, two thirds of
    which are within a factor of 1.5.

    Oscillations are dearest where they are fast and the asymmetries still depend on them; strong washout ends that.
    """
    settings = problem.settings
    length = np.log(settings["T_start"] / settings["T_end"]) / np.log(1e3)
    oscillations = np.log10(np.maximum(delta_mass, 1e-17))
    washout = np.abs(im_omega)
    damped = 215 * np.exp(-washout / 13)
    oscillating = 7 * 10 ** (0.3 * (oscillations + 14)) * np.exp(-washout / 2.8)
    dearest = np.exp(-(((oscillations + 8.8) / 0.85) ** 2)) * expit(4.2 * (1.27 - 0.31 * np.log10(mass) - washout))
    both = np.exp(-(((washout - 1.78) / 1.03) ** 2)) * expit(2 * (oscillations + 14.5))
    expected = damped + oscillating + 5700 * mass**-0.1 * dearest + 470 * mass**-0.6 * both
    by_tolerance = (3e-6 / problem.solver.rtol) ** 0.39
    by_grid = 1.0 if problem.grid.kind == "averaged" else 1.27
    return by_grid * by_tolerance * length**0.77 * expected


def _steps_side_by_side(steps, mass):
    """What the steps of averaged points, (n,), cost among those of their mass, in steps of a point alone.

    Expected steps scatter by a factor of 2; a point that takes too many is given up, and solved again alone.
    """
    _, inverse, together = np.unique(mass, return_inverse=True, return_counts=True)
    share = (4.5 * np.ceil(together / lanes.LANES) / together)[inverse]
    given_up = expit(2.5 * np.log(steps / _MOST_STEPS_TOGETHER))
    both = share * np.minimum(steps, _MOST_STEPS_TOGETHER) + given_up * np.maximum(steps, 1.3 * _MOST_STEPS_TOGETHER)
    return np.where(together[inverse] > 1, both, steps)


class AsymmetryModel(ModelWithThermalRates):
    """A model that gives a `Pair` for a point; all else is here.

    Attributes
    ----------
    rates : callable
        (settings, mass [GeV]) -> function of (temperature, momentum, mass), as `thermal_rates`.  A subclass, in a file
        of yours, may have others; if those make use of the package's, its `needs_tables` must say True.
    """

    grid_kinds = ("averaged", "equal_occupation", "gauss_legendre")
    max_modes = stage.STRIDE
    can_pause = True
    rates = staticmethod(rates_without_factors)

    def pair(self, problem):
        """The `Pair` of a problem."""
        raise NotImplementedError

    def oscillation_and_washout(self, point, settings):
        """(M [GeV], delta_M [GeV], Im omega): what the number of steps depends on; `point` as of `cost`.

        Without a Casas-Ibarra angle, the one of couplings of this size.
        """
        return point["M"], point["delta_M"], point["im_omega"]

    def temperature_span(self, settings, points, temperatures):
        return settings["T_end"], settings["T_start"]

    def needs_tables(self, settings):
        return self.rates is rates_without_factors

    def check(self, settings, temperatures):
        problems = super().check(settings, temperatures)
        if settings["expansion"] == "constant_gstar":
            problems += self.without_effect(
                settings, ("equation_of_state",), "expansion = constant_gstar", "expansion = full"
            )
        if settings["T_end"] >= settings["T_start"]:
            text = (
                f"T_end = {settings['T_end']} GeV must be below T_start = {settings['T_start']} GeV: time runs that way"
            )
            problems.append(("settings", text))
        outside = [t for t in temperatures if not settings["T_end"] <= t <= settings["T_start"]]
        if outside:
            text = f"{outside[0]} GeV is outside T_end ... T_start = {settings['T_end']} ... {settings['T_start']} GeV"
            problems.append(("output.temperatures", text))
        return problems

    def check_points(self, settings, points, temperatures):
        problems = super().check_points(settings, points, temperatures)
        if settings.get("derivatives") and self.needs_tables(settings) and not problems:
            which = settings["self_energy"]
            lowest, highest = (0.0, 0.0) if which == "this_mass" else shared_table(which).mass_range
            if lowest == highest:
                problems.append(
                    f"derivatives = true with self_energy = {which}, a table of one mass: the derivative by M needs"
                    " its neighbours; expected self_energy = default, or a table of several masses"
                )
        return problems

    def cost(self, problem):
        settings, n_stops = problem.settings, problem.temperatures.size
        averaged, tables = problem.grid.kind == "averaged", 3 if settings.get("derivatives") else 1
        n_cells = len(temperatures_of(settings))
        of_omega = tuple(settings[name] for name in _OF_OMEGA)
        of_coefficients = tuple(value for name, value in settings.items() if name not in _OF_A_POINT)
        omega = Preparation(4e-5 * n_cells, key=of_omega, of_the_grid=False, kept=KEPT)
        per_cell = 6e-5 if averaged else 1.2e-5 + 1.7e-6 * problem.grid.n_modes
        coefficients = Preparation(
            tables * per_cell * n_cells + 3e-5 * n_stops, ("M",), "coefficients", of_coefficients, kept=KEPT // tables
        )  # fmt: skip
        each = 4.2e-6 if averaged else 7.5e-6 + 5e-7 * problem.grid.n_modes
        stages = (len(esdirk.TABLEAUX[problem.solver.method].c) - 1) / 7
        steps = np.hypot(_expected_steps(problem, *self.oscillation_and_washout(problem.point, settings)), n_stops)
        if self.batch_key(problem) is not None:
            steps = _steps_side_by_side(steps, problem.point["M"])
        solve = steps * stages * each * (6.5 if settings.get("derivatives") else 1)
        return Cost(1.5e-4 + solve + 7e-6 * n_stops, (omega, self.mass_cost(settings), coefficients))

    def solve(self, problem, state=None, pause=lambda: False):
        system = self._system(problem, state)
        return system.outcome(system.evolution.run(pause))

    def _system(self, problem, state=None):
        mass_range, settings = (0.0, np.inf), problem.settings
        if self.needs_tables(settings):
            mass_range = shared_table(settings["self_energy"], problem.point["M"], settings["crossover"]).mass_range
        return System(problem, self.pair(problem), self.rates, mass_range, state)

    def batch_key(self, problem):
        """Momentum-averaged solves of equal mass, settings, stops and method share the registers."""
        if problem.grid.kind != "averaged" or problem.settings.get("derivatives"):
            return None
        return problem.point["M"], tuple(problem.settings.items()), problem.grid, problem.solver.method

    def solve_together(self, problems, pause=lambda: False):
        systems = [self._system(problem) for problem in problems]
        most_steps = min(_MOST_STEPS_TOGETHER, *(problem.solver.max_steps for problem in problems))
        evolutions, columns = [system.evolution for system in systems], systems[0].shared.tables.side_by_side
        finished = lanes.solve_together(evolutions, columns, evolution.ATTEMPTS, most_steps, pause)
        return [
            system.outcome(ResultCode.DONE) if done else None for system, done in zip(systems, finished, strict=True)
        ]
