"""Lepton asymmetries of the nuMSM from the oscillations of two GeV-scale heavy neutrinos (heavy neutral leptons, HNLs).

Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637 ("EST"): eqs. (2.2) averaged over momentum (11 equations), or
resolved on a momentum grid as in sec. 6 (8 n_modes + 3 equations), from one and the same right-hand side.  The
equations are in `lepton_asymmetry_kernel`, their coefficients in `hpc_nu.seesaw.rate_table`.

Conventions: M_3 - M_2 = 2 delta_M, as eqs. (4.7), (4.8) of EST imply; the overall sign of the asymmetries is that of
F = U sqrt(m) Omega sqrt(M)/v (`hpc_nu.seesaw.casas_ibarra`).  Delta_alpha is L_alpha - B/3 while sphalerons are in
equilibrium, T > 131.7 GeV, and keeps its value there; then mu = omega n is that of L_alpha and B = 0, so the part of
mu that B holds is neglected below.  No heavy neutrino is there at the start.  Not covered: energy and entropy of the
heavy neutrinos (sec. 3), the chiral anomaly (sec. 7), sphalerons that freeze out gradually.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import expit

from hpc_nu.models import lepton_asymmetry_batch as batch
from hpc_nu.models import lepton_asymmetry_kernel as kernel
from hpc_nu.models import lepton_asymmetry_stage as stage
from hpc_nu.models.equation_of_state import equation_of_state_setting
from hpc_nu.models.lepton_asymmetry_derivatives import EquationsWithTangents
from hpc_nu.models.lepton_asymmetry_equations import Equations
from hpc_nu.models.light_neutrinos import HIERARCHY, OWN_OSCILLATION_DATA, fit_setting, light_neutrinos
from hpc_nu.models.mode_system import Cost, Observable, Outcome, Parameter, Preparation, Setting
from hpc_nu.models.thermal_settings import FACTORS, SWITCHES, ModelWithThermalRates, rates_without_factors
from hpc_nu.plasma import charge_susceptibilities, expansion, simple_bath
from hpc_nu.plasma import susceptibilities as constant_susceptibilities
from hpc_nu.plasma.expansion import Expansion
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.seesaw.averaged_rates import averaged_rates
from hpc_nu.seesaw.casas_ibarra import (
    pauli_components,
    pauli_derivatives,
    yukawa_couplings,
    yukawa_derivatives,
)
from hpc_nu.seesaw.equilibration import damping_eigenvalues
from hpc_nu.seesaw.mass_splitting import (
    hamiltonian_vector,
    mass_splitting,
    oscillation_rate,
    vacuum_splitting_vector,
)
from hpc_nu.seesaw.rate_table import (
    RateTable,
    build_rate_table,
    equilibrium_occupation,
    redshifted,
    table_temperatures,
)
from hpc_nu.seesaw.simple_rates import simple_rates
from hpc_nu.solver import esdirk, evolution
from hpc_nu.solver.evolution import Evolution
from hpc_nu.units import SPHALERON_FREEZE_OUT

PARAMETERS = (
    Parameter("M", "GeV", 0.1, 30.0, "common mass of the two heavy neutrinos", "M"),
    Parameter("delta_M", "GeV", 0.0, 1e-6, "half of their Majorana mass difference, M_3 - M_2 = 2 delta_M", "dM"),
    Parameter("im_omega", "rad", -10.0, 10.0, "imaginary part of the Casas-Ibarra angle: |F| ~ exp|Im w|", "Im w"),
    Parameter("re_omega", "rad", -4 * np.pi, 4 * np.pi, "real part of the Casas-Ibarra angle", "Re w"),
    Parameter("delta", "rad", -4 * np.pi, 4 * np.pi, "Dirac phase of the PMNS matrix", "delta"),
    Parameter("eta", "rad", -4 * np.pi, 4 * np.pi, "Majorana phase of the PMNS matrix", "eta"),
)

SETTINGS = (
    HIERARCHY,
    fit_setting("nufit_3.2", "global fit of the oscillation data; nufit_3.2: EST"),
    Setting("T_start", 1e4, "temperature at which no heavy neutrino is there yet", low=1.0, high=1e6, unit="GeV"),
    Setting("T_end", 10.0, "temperature at which the solve ends", low=1e-3, high=1e6, unit="GeV"),
    Setting("expansion", "full", "of the Universe: g_*(T), or constant as in EST", choices=tuple(expansion.KINDS)),
    equation_of_state_setting("of the bath, for the full expansion"),
    Setting(
        "susceptibilities",
        "standard_model",
        "omega(T) in mu = omega n, or constant at 2.29 and 0.29 as in the broken phase at 10-100 GeV",
        choices=("standard_model", "constant"),
    ),
    Setting(
        "rates",
        "standard_model",
        "thermal rates of the heavy neutrinos; simple: closed-form stand-ins, for tests alone",
        choices=("standard_model", "simple"),
    ),
    *SWITCHES,
    *FACTORS,
    Setting(
        "oscillation_weight",
        0.0,
        "least weight of errors of fast oscillations in the tolerance; 1 follows all of them for ever, not only as long"
        " as the final asymmetries depend on them",
        low=0.0,
        high=1.0,
    ),
    Setting("derivatives", False, "of the final asymmetries by all parameters, at the price of about seven solves"),
)

DIFFERENTIATED = ("Y_Delta_e", "Y_Delta_mu", "Y_Delta_tau", "Y_L", "Y_B")
"""Of these there are derivatives."""

OBSERVABLES = (
    Observable("Y_Delta_e", "1", "electron asymmetry n_Delta_e/s at T_end"),
    Observable("Y_Delta_mu", "1", "muon asymmetry n_Delta_mu/s at T_end"),
    Observable("Y_Delta_tau", "1", "tau asymmetry n_Delta_tau/s at T_end"),
    Observable("Y_L", "1", "total lepton asymmetry, sum of Y_Delta_alpha, at T_end"),
    Observable("Y_N_2", "1", "yield of N_2 (mean of both helicities) at T_end"),
    Observable("Y_N_3", "1", "yield of N_3 (mean of both helicities) at T_end"),
    Observable(
        "Y_Delta_N", "1", "asymmetry of the heavy neutrinos, Tr(rho_N - rho_Nbar)/s, at T_end, eq. (4.2) of EST"
    ),
    Observable("Y_L_sphaleron", "1", "total lepton asymmetry at the sphaleron freeze-out, T = 131.7 GeV"),
    Observable("Y_B", "1", "baryon asymmetry n_B/s, frozen in instantaneously at T = 131.7 GeV"),
    Observable("Y_Delta_e_max", "1", "electron asymmetry of largest modulus from T_start to T_end, sec. 8 of EST"),
    Observable("T_Delta_e_max", "GeV", "temperature of that maximum"),
    Observable("Y_Delta_e", "1", "electron asymmetry n_Delta_e/s", "trajectory"),
    Observable("Y_Delta_mu", "1", "muon asymmetry n_Delta_mu/s", "trajectory"),
    Observable("Y_Delta_tau", "1", "tau asymmetry n_Delta_tau/s", "trajectory"),
    Observable("Y_L", "1", "total lepton asymmetry, sum of Y_Delta_alpha", "trajectory"),
    Observable("Y_N_2", "1", "yield of N_2 (mean of both helicities)", "trajectory"),
    Observable("Y_N_3", "1", "yield of N_3 (mean of both helicities)", "trajectory"),
    Observable("Y_N_eq", "1", "equilibrium yield of one heavy neutrino, one helicity", "trajectory"),
    Observable("Y_Delta_N", "1", "asymmetry of the heavy neutrinos, eq. (4.2) of EST", "trajectory"),
    Observable("Gamma_N_small_over_H", "1", "smaller eigenvalue of the momentum-averaged Gamma_N over H", "trajectory"),
    Observable("Gamma_N_large_over_H", "1", "larger eigenvalue of the momentum-averaged Gamma_N over H", "trajectory"),
    Observable(
        "Gamma_osc_over_H", "1", "oscillation rate M delta M(T)/(3 T H), eqs. (4.5), (4.7) of EST", "trajectory"
    ),
    Observable("momentum", "1", "y = k/T of the mode at T_end", "mode"),
    Observable("weight", "1", "quadrature weight of the mode at T_end, n/T^3 = sum of weight f", "mode"),
    Observable("f_N_2", "1", "occupation of N_2 (mean of both helicities) at T_end", "mode"),
    Observable("f_N_3", "1", "occupation of N_3 (mean of both helicities) at T_end", "mode"),
    Observable("f_Delta_N", "1", "Tr(rho_N - rho_Nbar) at T_end", "mode"),
    *(
        Observable(f"{name}_by_{p.name}", f"1/{p.unit}", f"derivative of {name} by {p.name}", only_with="derivatives")
        for name in DIFFERENTIATED
        for p in PARAMETERS
    ),
)

_MODE_NAMES = tuple(o.name for o in OBSERVABLES if o.kind == "mode")

_MASS_STEP = 1e-4
"""Half of the relative difference of the two masses whose coefficients give the derivative by M; at the end of a table
one of them is M itself, and the derivative is good to 1e-3."""

_MOST_STEPS_TOGETHER = 5000

_KEPT = 8
"""Rate tables, and what else points share, that a rank keeps: up to 20 MB each."""


# What a point or a variation may change without another table.
_PER_POINT = (
    "hierarchy", "oscillation_data", "rate_factor", "gamma_minus_factor", "h_plus_factor", "oscillation_weight",
    "derivatives",
)  # fmt: skip


def _shared_settings(settings):
    """Those that points of the same table have in common, in a form that can be looked up."""
    return tuple((name, value) for name, value in settings.items() if name not in _PER_POINT)


def _rates(settings, mass):
    """The rates that `settings` ask for, less the factors that multiply them."""
    return simple_rates if settings["rates"] == "simple" else rates_without_factors(settings, mass)


class _Tables(NamedTuple):
    """What all points of the same mass, settings and momentum grid read coefficients from.

    `omega` (n_cells, 4, 3, 3) are cubic polynomials of omega, as `rates.cells`; `first_cold` is the first cell in which
    sphalerons are out of equilibrium; `side_by_side` is both for `lepton_asymmetry_batch`, if momentum-averaged.
    """

    rates: RateTable
    omega: np.ndarray
    first_cold: int
    side_by_side: np.ndarray | None


class _Shared(NamedTuple):
    """What all points of the same mass, settings, momentum grid and output temperatures share.

    `stops` (n_stops,) [GeV] are T_start and the temperatures where a solve lands and records, falling, `z_stops` their
    z, and `freeze_out` the index of that where sphalerons freeze out, or None.  `occupation` (n_modes,) is f_eq at
    T_start, `equilibrium` (n_stops,) the yield of one helicity, `baryons` (3,) n_B/n_Delta_a at the freeze-out.
    """

    tables: _Tables
    stops: np.ndarray
    z_stops: np.ndarray
    freeze_out: int | None
    occupation: np.ndarray
    equilibrium: np.ndarray
    entropy_at_start: float
    baryons: np.ndarray


@lru_cache(maxsize=64)
def _averages(settings, mass, temperatures):
    """`AveragedRates`; `settings` and `temperatures` as tuples."""
    settings = dict(settings)
    return averaged_rates(_rates(settings, mass), mass, np.array(temperatures), settings["boltzmann_factor"])


@lru_cache(maxsize=_KEPT)
def _tables(settings, mass, grid):
    """`settings` as a tuple of pairs, which can be looked up."""
    settings = dict(settings)
    t_start, t_end, averaged = settings["T_start"], settings["T_end"], grid.kind == "averaged"
    rates = build_rate_table(
        _rates(settings, mass), _expansion(settings), mass, t_start, t_end, grid.nodes, grid.weights, averaged,
        settings["boltzmann_factor"],
    )  # fmt: skip
    omega, first_cold = _susceptibility_cells(*_omega_arguments(settings))
    return _Tables(rates, omega, first_cold, batch.side_by_side(rates.cells, omega) if averaged else None)


def _equilibrium(grid, universe, t_start, mass, temperature):
    """f_eq per mode, last; the averaged mode carries the density of one helicity state, h_0 n_eq/s."""
    momenta = redshifted(grid.nodes, temperature, t_start, universe)
    occupation = equilibrium_occupation(mass / np.asarray(temperature)[..., np.newaxis], momenta)
    return (occupation @ grid.weights)[..., np.newaxis] if grid.kind == "averaged" else occupation


@lru_cache(maxsize=_KEPT)
def _shared(settings, mass, grid, temperatures):
    """`settings` and `temperatures` as tuples."""
    tables, settings = _tables(settings, mass, grid), dict(settings)
    universe, t_start, t_end = _expansion(settings), settings["T_start"], settings["T_end"]
    # The stops are part of the problem: the solver lands on each exactly, whatever is paused where.
    stops = {t_start, t_end, *(t for t in (*temperatures, SPHALERON_FREEZE_OUT) if t_end <= t <= t_start)}
    stops = np.array(sorted(stops, reverse=True))
    occupation, entropy = _equilibrium(grid, universe, t_start, mass, stops), universe.entropy_over_t3(t_start)
    return _Shared(
        tables,
        stops,
        np.log(t_start / stops),
        next(iter(np.flatnonzero(stops == SPHALERON_FREEZE_OUT)), None),
        occupation[0],
        np.array([kernel.weighted_sum(tables.rates.weights, row) for row in occupation]) / entropy,
        entropy,
        _baryons_per_charge(settings["susceptibilities"], settings["crossover"]),
    )


def _omega_arguments(settings):
    """Those of `_susceptibility_cells`."""
    return (
        settings["susceptibilities"], settings["crossover"], _expansion(settings), settings["T_start"],
        settings["T_end"],
    )  # fmt: skip


@lru_cache(maxsize=_KEPT)
def _susceptibility_cells(kind, crossover, universe, t_start, t_end):
    """`omega` and `first_cold` of `_Tables`."""
    temperature = table_temperatures(t_start, t_end)
    first_cold = int(np.sum(temperature > SPHALERON_FREEZE_OUT))
    cells = []
    for t, sphalerons in ((temperature[: first_cold + 1], True), (temperature[first_cold:], False)):
        if len(t) < 2:
            continue
        if kind == "constant":
            omega = np.tile(constant_susceptibilities.inverse_susceptibility(), (len(t), 1, 1))
        else:
            omega = charge_susceptibilities.inverse_susceptibility(t, sphalerons, crossover=crossover)
        stretch = universe.entropy_over_t3(t) / universe.entropy_over_t3(t_start)
        cells.append(np.moveaxis(CubicSpline(-np.log(t), omega * stretch[:, np.newaxis, np.newaxis]).c, 0, 1))
    return np.ascontiguousarray(np.concatenate(cells)), first_cold


@lru_cache(maxsize=_KEPT)
def _baryons_per_charge(susceptibilities, crossover):
    """n_B/n_Delta_a (3,) when sphalerons freeze out."""
    if susceptibilities == "standard_model":
        return charge_susceptibilities.baryons_per_charge(SPHALERON_FREEZE_OUT, crossover=crossover)
    vev_squared = simple_bath.higgs_vev_squared(SPHALERON_FREEZE_OUT)
    return np.full(3, constant_susceptibilities.baryons_per_lepton_asymmetry(SPHALERON_FREEZE_OUT, vev_squared))


def _expansion(settings):
    return Expansion(settings["expansion"], settings["equation_of_state"])


class _Solve:
    """One solve: its equations, and what their evolution gives."""

    def __init__(self, problem, state=None):
        point, self.settings, self.grid = problem.point, problem.settings, problem.grid
        self.mass, self.delta_mass = point["M"], point["delta_M"]
        self.t_start, self.t_end = self.settings["T_start"], self.settings["T_end"]
        self.temperatures = problem.temperatures
        self.splitting = problem.tuned("delta_M"), problem.tuned("re_omega")
        self.data = light_neutrinos(point, self.settings)
        self.yukawas = yukawa_couplings(
            self.data, self.mass, point["delta"], point["eta"], point["re_omega"], point["im_omega"]
        )
        self.expansion = _expansion(self.settings)
        self.shared = _shared(_shared_settings(self.settings), self.mass, self.grid, tuple(self.temperatures.tolist()))
        self.tangents = self._tangents(point) if self.settings["derivatives"] else None
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
        kernel.weights_ahead(
            hot.nodes, hot.cells, hot.rate_factors, hot.flavours, hot.delta_mass, self.settings["oscillation_weight"],
            hot.least_weights,
        )  # fmt: skip
        cold = hot._replace(first=first_cold, last=n_cells - 1)
        if self.tangents:
            hot, cold = EquationsWithTangents(hot, *self.tangents), EquationsWithTangents(cold, *self.tangents)
        return [hot if stop >= SPHALERON_FREEZE_OUT else cold for stop in self.shared.stops[1:]]

    def _tangents(self, point):
        """Derivatives of all that the equations have by all parameters: what `EquationsWithTangents` add."""
        angles = point["delta"], point["eta"], point["re_omega"], point["im_omega"]
        changes = yukawa_derivatives(self.data, self.mass, *angles)
        changes |= {"M": changes["mass"], "delta_M": np.zeros((3, 2))}
        tables = [_tables(_shared_settings(self.settings), mass, self.grid)[0] for mass in self._neighbours()]
        return (
            *(table.cells for table in tables),
            self._mass_step(),
            np.array([pauli_derivatives(self.yukawas, changes[p.name]) for p in PARAMETERS]),
            np.array([float(p.name == "delta_M") for p in PARAMETERS]),
        )

    def _neighbours(self):
        """The two masses [GeV] whose coefficients give the derivative by M, of those for which there are rates."""
        lowest, highest = 0.0, np.inf
        if self.settings["rates"] != "simple":
            table = shared_table(self.settings["self_energy"], self.mass, self.settings["crossover"])
            lowest, highest = table.mass_range
        return max(self.mass * (1 - _MASS_STEP), lowest), min(self.mass * (1 + _MASS_STEP), highest)

    def _mass_step(self):
        lighter, heavier = self._neighbours()
        return heavier - lighter

    def _start(self):
        """No heavy neutrino and no asymmetry at T_start: s_0 = -2 f_eq, the rest zero."""
        n_parameters = len(PARAMETERS) if self.tangents else 0
        start = np.zeros((1 + n_parameters, 3 + 8 * self.grid.n_modes))
        self._modes(start[0])[0] = -2 * self.shared.occupation
        if n_parameters:
            lighter, heavier = (self.equilibrium(self.t_start, mass) for mass in self._neighbours())
            self._modes(start[1])[0] = -2 * (heavier - lighter) / self._mass_step()
        return start.ravel()

    def outcome(self, pause):
        """Go on until the end, a failure, or `pause()`."""
        return Outcome.of_evolution(
            self.evolution, pause, self.observables, lambda z: f"T = {self.temperature(z):.6g} GeV"
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
        """[GeV]"""
        return self.t_start * np.exp(-z)

    def _modes(self, u):
        return u[3:].reshape(8, self.grid.n_modes)

    def momenta(self, temperature):
        """y = k/T of the modes at `temperature` [GeV]."""
        return redshifted(self.grid.nodes, temperature, self.t_start, self.expansion)

    def equilibrium(self, temperature, mass=None):
        mass = self.mass if mass is None else mass
        return _equilibrium(self.grid, self.expansion, self.t_start, mass, temperature)

    # Observables

    def yields(self):
        """Yields at the stops: name to array."""
        moments = self.evolution.records[:, : kernel.N_MOMENTS]
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
        shared, factors = _shared_settings(self.settings), (self.settings[setting.name] for setting in FACTORS)
        averages = _averages(shared, self.mass, tuple(temperatures.tolist())).scaled(self.mass, *factors)
        vacuum = vacuum_splitting_vector(self.data, *self.splitting)
        h = hamiltonian_vector(averages.shift_c, averages.shift_v, averages.mass_over_energy, self.yukawas, vacuum)
        splitting = mass_splitting(h, averages.mass_over_energy)
        eigenvalues = damping_eigenvalues(averages.gamma_c, averages.gamma_v, self.yukawas)
        hubble = self.expansion.hubble_rate(temperatures)
        return {
            "Gamma_N_small_over_H": eigenvalues[:, 0] / hubble,
            "Gamma_N_large_over_H": eigenvalues[:, 1] / hubble,
            "Gamma_osc_over_H": oscillation_rate(splitting, self.mass, temperatures) / hubble,
        }

    def scalars(self, yields):
        values = {name: value[-1] for name, value in yields.items() if name != "Y_N_eq"}
        row = self.shared.freeze_out
        frozen = {name: np.nan if row is None else value[row] for name, value in yields.items()}
        values["Y_L_sphaleron"] = frozen["Y_L"]
        values["Y_B"] = self.shared.baryons @ [frozen[f"Y_Delta_{a}"] for a in FLAVOUR_NAMES]
        values |= self.derivatives()
        maximum = self.evolution.state.memory
        values["Y_Delta_e_max"] = maximum[kernel.MAX_VALUE] / self.shared.entropy_at_start
        values["T_Delta_e_max"] = self.temperature(maximum[kernel.MAX_Z])
        return values

    def derivatives(self):
        """Those of the asymmetries in DIFFERENTIATED by all parameters; none without tangents."""
        if not self.tangents:
            return {}
        recorded = self.evolution.records[:, kernel.N_MOMENTS :].reshape(-1, len(PARAMETERS), 3)
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
    share = (4.5 * np.ceil(together / batch.LANES) / together)[inverse]
    given_up = expit(2.5 * np.log(steps / _MOST_STEPS_TOGETHER))
    both = share * np.minimum(steps, _MOST_STEPS_TOGETHER) + given_up * np.maximum(steps, 1.3 * _MOST_STEPS_TOGETHER)
    return np.where(together[inverse] > 1, both, steps)


class LeptonAsymmetry(ModelWithThermalRates):
    """See the module's head."""

    name = "lepton_asymmetry"
    title = "lepton asymmetries of the nuMSM, momentum-averaged or momentum-resolved"
    reference = "Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637, secs. 2 and 6"
    parameters = (*PARAMETERS, *OWN_OSCILLATION_DATA)
    settings = SETTINGS
    observables = OBSERVABLES
    grid_kinds = ("averaged", "equal_occupation", "gauss_legendre")
    max_modes = stage.STRIDE
    can_pause = True

    def temperature_span(self, settings, points, temperatures):
        return settings["T_end"], settings["T_start"]

    def needs_tables(self, settings):
        return settings["rates"] == "standard_model"

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
        omega = Preparation(4e-5 * n_cells, key=_omega_arguments(settings), of_the_grid=False, kept=_KEPT)
        per_cell = 6e-5 if averaged else 1.2e-5 + 1.7e-6 * problem.grid.n_modes
        coefficients = Preparation(
            tables * per_cell * n_cells + 3e-5 * n_stops, ("M",), "coefficients", _shared_settings(settings),
            kept=_KEPT // tables,
        )  # fmt: skip
        each = 4.2e-6 if averaged else 7.5e-6 + 5e-7 * problem.grid.n_modes
        stages = (len(esdirk.TABLEAUX[problem.solver.method].c) - 1) / 7
        steps = np.hypot(_expected_steps(problem), n_stops)
        if self.batch_key(problem) is not None:
            steps = _steps_side_by_side(steps, problem.point["M"])
        solve = steps * stages * each * (6.5 if settings["derivatives"] else 1)
        return Cost(1.5e-4 + solve + 7e-6 * n_stops, (omega, self.mass_cost(settings), coefficients))

    def solve(self, problem, state=None, pause=lambda: False):
        return _Solve(problem, state).outcome(pause)

    def batch_key(self, problem):
        """Momentum-averaged solves of equal mass, settings, stops and method share the registers."""
        if problem.grid.kind != "averaged" or problem.settings["derivatives"]:
            return None
        return problem.point["M"], tuple(problem.settings.items()), problem.grid, problem.solver.method

    def solve_together(self, problems, pause=lambda: False):
        runs = [_Solve(problem) for problem in problems]
        most_steps = min(_MOST_STEPS_TOGETHER, *(problem.solver.max_steps for problem in problems))
        evolutions, columns = [run.evolution for run in runs], runs[0].shared.tables.side_by_side
        finished = batch.solve_together(evolutions, columns, evolution.ATTEMPTS, most_steps, pause)
        return [run.outcome(pause) if done else None for run, done in zip(runs, finished, strict=True)]
