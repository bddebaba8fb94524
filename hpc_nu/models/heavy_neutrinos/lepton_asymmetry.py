"""Lepton asymmetries of the nuMSM from the oscillations of two GeV-scale heavy neutrinos (heavy neutral leptons, HNLs).

Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637 ("EST"): eqs. (2.2) averaged over momentum (11 equations), or
resolved on a momentum grid as in sec. 6 (8 n_modes + 3 equations), from one and the same right-hand side.  The
equations are in `equations`, their coefficients in `hpc_nu.seesaw.rate_table`.

Conventions: M_3 - M_2 = 2 delta_M, as eqs. (4.7), (4.8) of EST imply; the overall sign of the asymmetries is that of
F = U sqrt(m) Omega sqrt(M)/v (`hpc_nu.seesaw.casas_ibarra`).  Delta_alpha is L_alpha - B/3 while sphalerons are in
equilibrium, T > 131.7 GeV, and keeps its value there; then mu = omega n is that of L_alpha and B = 0, so the part of
mu that B holds is neglected below.  No heavy neutrino is there at the start.  Not covered: energy and entropy of the
heavy neutrinos (sec. 3), the chiral anomaly (sec. 7), sphalerons that freeze out gradually.
"""

import numpy as np
from scipy.special import expit

from hpc_nu.models.heavy_neutrinos import lanes, stage
from hpc_nu.models.heavy_neutrinos.derivatives import EquationsWithTangents
from hpc_nu.models.heavy_neutrinos.equations import MAX_VALUE, MAX_Z, N_MOMENTS, Equations
from hpc_nu.models.heavy_neutrinos.error import weights_ahead
from hpc_nu.models.heavy_neutrinos.inputs import DIFFERENTIATED, OBSERVABLES, PARAMETERS, SETTINGS
from hpc_nu.models.heavy_neutrinos.light_neutrinos import OWN_OSCILLATION_DATA, light_neutrinos
from hpc_nu.models.heavy_neutrinos.tables import (
    KEPT,
    averages_of,
    equilibrium_of_modes,
    expansion_of,
    shared_by,
    tables_of,
)
from hpc_nu.models.heavy_neutrinos.thermal_settings import FACTORS, ModelWithThermalRates, rates_without_factors
from hpc_nu.models.interface import Cost, Outcome, Preparation
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.result_codes import ResultCode
from hpc_nu.seesaw.casas_ibarra import pauli_components, pauli_derivatives, yukawa_couplings, yukawa_derivatives
from hpc_nu.seesaw.mass_splitting import vacuum_splitting_vector
from hpc_nu.seesaw.rate_table import redshifted, table_temperatures
from hpc_nu.seesaw.time_scales import time_scales
from hpc_nu.solver import esdirk, evolution
from hpc_nu.solver.evolution import Evolution
from hpc_nu.units import SPHALERON_FREEZE_OUT

_MODE_NAMES = tuple(o.name for o in OBSERVABLES if o.kind == "mode")

_MASS_STEP = 1e-4
"""Half of the relative difference of the two masses whose coefficients give the derivative by M; at the end of a table
one of them is M itself, and the derivative is good to 1e-3."""

_MOST_STEPS_TOGETHER = 5000

# For the prediction of cost: what omega depends on, and what coefficients do not.
_OF_OMEGA = ("susceptibilities", "crossover", "expansion", "equation_of_state", "T_start", "T_end")
_OF_A_POINT = (
    "hierarchy", "oscillation_data", "rate_factor", "gamma_minus_factor", "h_plus_factor", "oscillation_weight",
    "derivatives",
)  # fmt: skip


class _Solve:
    """One solve: its equations, with `rates(settings, mass)`, and what their evolution gives."""

    def __init__(self, problem, state=None, rates=rates_without_factors):
        self.rates = rates
        self.point, self.settings, self.grid = problem.point, problem.settings, problem.grid
        point = self.point
        self.mass, self.delta_mass = point["M"], point["delta_M"]
        self.t_start, self.t_end = self.settings["T_start"], self.settings["T_end"]
        self.temperatures = problem.temperatures
        self.splitting = problem.tuned("delta_M"), problem.tuned("re_omega")
        self.data = light_neutrinos(point, self.settings)
        self.yukawas = yukawa_couplings(
            self.data, self.mass, point["delta"], point["eta"], point["re_omega"], point["im_omega"]
        )
        self.expansion = expansion_of(self.settings)
        self.shared = shared_by(self.settings, self.mass, self.grid, tuple(self.temperatures.tolist()), rates)
        self.neighbours = self._neighbours() if self.settings["derivatives"] else None
        self.evolution = Evolution(self._equations(), self.shared.z_stops, problem.solver, self._start(), state)

    def _equations(self):
        """Those between each two stops: coefficients jump where sphalerons freeze out."""
        table, omega, first_cold, _ = self.shared.tables
        kappa, n_cells = self.settings["rate_factor"], len(table.cells)
        factors = kappa, kappa * self.settings["gamma_minus_factor"], self.settings["h_plus_factor"], 1.0
        hot = Equations(
            *table, 0, min(first_cold, n_cells) - 1, omega, np.empty((n_cells, self.grid.n_modes)), np.array(factors),
            pauli_components(self.yukawas), self.delta_mass,
        )  # fmt: skip
        weights_ahead(
            hot.nodes, hot.cells, hot.rate_factors, hot.flavours, hot.delta_mass, self.settings["oscillation_weight"],
            hot.least_weights,
        )  # fmt: skip
        cold = hot._replace(first=first_cold, last=n_cells - 1)
        if self.neighbours:
            tangents = self._tangents()
            hot, cold = EquationsWithTangents(hot, *tangents), EquationsWithTangents(cold, *tangents)
        return [hot if stop >= SPHALERON_FREEZE_OUT else cold for stop in self.shared.stops[1:]]

    def _tangents(self):
        """Derivatives of all that the equations have by all parameters: what `EquationsWithTangents` add."""
        angles = (self.point[name] for name in ("delta", "eta", "re_omega", "im_omega"))
        changes = yukawa_derivatives(self.data, self.mass, *angles)
        changes |= {"M": changes["mass"], "delta_M": np.zeros((3, 2))}
        lighter, heavier = self.neighbours
        return (
            *(tables_of(self.settings, mass, self.grid, self.rates).rates.cells for mass in self.neighbours),
            heavier - lighter,
            np.array([pauli_derivatives(self.yukawas, changes[p.name]) for p in PARAMETERS]),
            np.array([float(p.name == "delta_M") for p in PARAMETERS]),
        )

    def _neighbours(self):
        """The two masses [GeV] whose coefficients give the derivative by M, of those for which there are rates."""
        lowest, highest = 0.0, np.inf
        if self.rates is rates_without_factors:
            table = shared_table(self.settings["self_energy"], self.mass, self.settings["crossover"])
            lowest, highest = table.mass_range
        return max(self.mass * (1 - _MASS_STEP), lowest), min(self.mass * (1 + _MASS_STEP), highest)

    def _start(self):
        """No heavy neutrino and no asymmetry at T_start: s_0 = -2 f_eq, the rest zero."""
        n_parameters = len(PARAMETERS) if self.neighbours else 0
        start = np.zeros((1 + n_parameters, 3 + 8 * self.grid.n_modes))
        self._modes(start[0])[0] = -2 * self.shared.occupation
        if n_parameters:
            (lighter, below), (heavier, above) = ((m, self.equilibrium(self.t_start, m)) for m in self.neighbours)
            self._modes(start[1])[0] = -2 * (above - below) / (heavier - lighter)
        return start.ravel()

    def outcome(self, code):
        """What is known of it, where `code` is how it ended."""
        return Outcome.of_evolution(
            self.evolution, code, self.observables, lambda z: f"T = {self.temperature(z):.6g} GeV"
        )

    def observables(self):
        """What a solve that has reached its last stop gives."""
        yields = self.yields()
        return {
            "scalar": self.scalars(yields),
            "trajectory": self.trajectories(yields) if len(self.temperatures) else {},
            "mode": self.mode_values(),
        }

    def temperature(self, z):
        """That at `z` [GeV]."""
        return self.t_start * np.exp(-z)

    def _modes(self, u):
        return u[3:].reshape(8, self.grid.n_modes)

    def momenta(self, temperature):
        """y = k/T of the modes at `temperature` [GeV]."""
        return redshifted(self.grid.nodes, temperature, self.t_start, self.expansion)

    def equilibrium(self, temperature, mass=None):
        mass = self.mass if mass is None else mass
        return equilibrium_of_modes(self.grid, self.expansion, self.t_start, mass, temperature)

    # Observables

    def yields(self):
        """Yields at the stops: name to array."""
        moments = self.evolution.records[:, :N_MOMENTS]
        x_e, x_mu, x_tau, s_0, s_3, d_0 = (moments / self.shared.entropy_at_start).T
        equilibrium = self.shared.equilibrium
        return {
            "Y_Delta_e": x_e,
            "Y_Delta_mu": x_mu,
            "Y_Delta_tau": x_tau,
            "Y_L": x_e + x_mu + x_tau,
            "Y_N_2": equilibrium + (s_0 + s_3) / 2,
            "Y_N_3": equilibrium + (s_0 - s_3) / 2,
            "Y_N_eq": equilibrium,
            "Y_Delta_N": 2 * d_0,
        }

    def rates_over_hubble(self, temperatures):
        """Momentum-averaged Gamma_N eigenvalues and oscillation rate, over H: name to array."""
        factors = (self.settings[setting.name] for setting in FACTORS)
        averages = averages_of(self.settings, self.mass, tuple(temperatures.tolist()), self.rates)
        averages = averages.scaled(self.mass, *factors)
        vacuum = vacuum_splitting_vector(self.data, *self.splitting)
        scales = time_scales(averages, self.yukawas, vacuum, self.mass, temperatures)
        hubble = self.expansion.hubble_rate(temperatures)
        return {
            "Gamma_N_small_over_H": scales.damping[:, 0] / hubble,
            "Gamma_N_large_over_H": scales.damping[:, 1] / hubble,
            "Gamma_osc_over_H": scales.oscillation / hubble,
        }

    def scalars(self, yields):
        values = {name: value[-1] for name, value in yields.items() if name != "Y_N_eq"}
        row = self.shared.freeze_out
        frozen = {name: np.nan if row is None else value[row] for name, value in yields.items()}
        values["Y_L_sphaleron"] = frozen["Y_L"]
        values["Y_B"] = self.shared.baryons @ [frozen[f"Y_Delta_{a}"] for a in FLAVOUR_NAMES]
        values |= self.derivatives()
        maximum = self.evolution.state.memory
        values["Y_Delta_e_max"] = maximum[MAX_VALUE] / self.shared.entropy_at_start
        values["T_Delta_e_max"] = self.temperature(maximum[MAX_Z])
        return values

    def derivatives(self):
        """Those of the asymmetries in DIFFERENTIATED by all parameters; none without tangents."""
        if not self.neighbours:
            return {}
        recorded = self.evolution.records[:, N_MOMENTS:].reshape(-1, len(PARAMETERS), 3)
        tangents, row = recorded / self.shared.entropy_at_start, self.shared.freeze_out
        end = tangents[-1]
        by_baryons = tangents[row] @ self.shared.baryons if row is not None else np.full(len(end), np.nan)
        columns = [*end.T, end.sum(axis=1), by_baryons]
        return {
            f"{name}_by_{p.name}": value
            for name, column in zip(DIFFERENTIATED, columns, strict=True)
            for p, value in zip(PARAMETERS, column, strict=True)
        }

    def trajectories(self, yields):
        rows = np.searchsorted(-self.shared.stops, -self.temperatures)
        return {name: value[rows] for name, value in yields.items()} | self.rates_over_hubble(self.temperatures)

    def mode_values(self):
        """Occupations per mode at T_end; the averaged mode stands for all momenta and has no spectrum of its own."""
        if self.grid.kind == "averaged":
            return dict.fromkeys(_MODE_NAMES, np.full(1, np.nan))
        size = 3 + 8 * self.grid.n_modes
        modes, f_eq = self._modes(self.evolution.state.u[:size]), self.equilibrium(self.t_end)
        return {
            "momentum": self.momenta(self.t_end),
            "weight": self.grid.weights * self.expansion.entropy_over_t3(self.t_end) / self.shared.entropy_at_start,
            "f_N_2": f_eq + (modes[0] + modes[3]) / 2,
            "f_N_3": f_eq + (modes[0] - modes[3]) / 2,
            "f_Delta_N": 2 * modes[4],
        }


def _expected_steps(problem):
    """Mean number of attempted steps of points, (n,), or one: a fit to random points of all parameters, two thirds of
    which are within a factor of 1.5.

    Oscillations are dearest where they are fast and the asymmetries still depend on them; strong washout ends that.
    """
    point, settings, mass = problem.point, problem.settings, problem.point["M"]
    length = np.log(settings["T_start"] / settings["T_end"]) / np.log(1e3)
    oscillations = np.log10(np.maximum(point["delta_M"], 1e-17))
    washout = np.abs(point["im_omega"])
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


class LeptonAsymmetry(ModelWithThermalRates):
    """See the module's head.

    Attributes
    ----------
    rates : callable
        (settings, mass [GeV]) -> function of (temperature, momentum, mass), as `thermal_rates`.  A subclass, in a file
        of yours, may have others.
    """

    name = "lepton_asymmetry"
    title = "lepton asymmetries of the nuMSM, momentum-averaged or momentum-resolved"
    reference = "Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637, secs. 2 and 6"
    parameters = (*PARAMETERS, *OWN_OSCILLATION_DATA)
    settings = SETTINGS
    observables = OBSERVABLES
    grid_kinds = ("averaged", "equal_occupation", "gauss_legendre")
    max_modes = stage.STRIDE
    can_pause = True
    rates = staticmethod(rates_without_factors)

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
        if settings["derivatives"] and self.needs_tables(settings) and not problems:
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
        averaged, tables = problem.grid.kind == "averaged", 3 if settings["derivatives"] else 1
        n_cells = len(table_temperatures(settings["T_start"], settings["T_end"]))
        of_omega = tuple(settings[name] for name in _OF_OMEGA)
        of_coefficients = tuple(value for name, value in settings.items() if name not in _OF_A_POINT)
        omega = Preparation(4e-5 * n_cells, key=of_omega, of_the_grid=False, kept=KEPT)
        per_cell = 6e-5 if averaged else 1.2e-5 + 1.7e-6 * problem.grid.n_modes
        coefficients = Preparation(
            tables * per_cell * n_cells + 3e-5 * n_stops, ("M",), "coefficients", of_coefficients, kept=KEPT // tables
        )  # fmt: skip
        each = 4.2e-6 if averaged else 7.5e-6 + 5e-7 * problem.grid.n_modes
        stages = (len(esdirk.TABLEAUX[problem.solver.method].c) - 1) / 7
        steps = np.hypot(_expected_steps(problem), n_stops)
        if self.batch_key(problem) is not None:
            steps = _steps_side_by_side(steps, problem.point["M"])
        solve = steps * stages * each * (6.5 if settings["derivatives"] else 1)
        return Cost(1.5e-4 + solve + 7e-6 * n_stops, (omega, self.mass_cost(settings), coefficients))

    def solve(self, problem, state=None, pause=lambda: False):
        run = _Solve(problem, state, self.rates)
        return run.outcome(run.evolution.run(pause))

    def batch_key(self, problem):
        """Momentum-averaged solves of equal mass, settings, stops and method share the registers."""
        if problem.grid.kind != "averaged" or problem.settings["derivatives"]:
            return None
        return problem.point["M"], tuple(problem.settings.items()), problem.grid, problem.solver.method

    def solve_together(self, problems, pause=lambda: False):
        runs = [_Solve(problem, rates=self.rates) for problem in problems]
        most_steps = min(_MOST_STEPS_TOGETHER, *(problem.solver.max_steps for problem in problems))
        evolutions, columns = [run.evolution for run in runs], runs[0].shared.tables.side_by_side
        finished = lanes.solve_together(evolutions, columns, evolution.ATTEMPTS, most_steps, pause)
        return [run.outcome(ResultCode.DONE) if done else None for run, done in zip(runs, finished, strict=True)]
