"""One solve of the lepton asymmetries: from the couplings of two heavy neutrinos to what is written down of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hpc_nu.models.heavy_neutrinos.derivatives import EquationsWithTangents
from hpc_nu.models.heavy_neutrinos.equations import MAX_VALUE, MAX_Z, N_MOMENTS, Equations
from hpc_nu.models.heavy_neutrinos.error import weights_ahead
from hpc_nu.models.heavy_neutrinos.inputs import DIFFERENTIATED, OBSERVABLES, PARAMETERS
from hpc_nu.models.heavy_neutrinos.tables import (
    averages_of,
    equilibrium_of_modes,
    expansion_of,
    shared_by,
    tables_of,
)
from hpc_nu.models.heavy_neutrinos.thermal_settings import FACTORS, rates_without_factors
from hpc_nu.models.interface import Outcome
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.seesaw.casas_ibarra import pauli_components, pauli_derivatives
from hpc_nu.seesaw.rate_table import redshifted
from hpc_nu.seesaw.time_scales import time_scales
from hpc_nu.solver.evolution import Evolution

_MODE_NAMES = tuple(o.name for o in OBSERVABLES if o.kind == "mode")

_MASS_STEP = 1e-4
"""Half of the relative difference of the two masses whose coefficients give the derivative by M; at the end of a table
one of them is M itself, and the derivative is good to 1e-3."""


class Pair(NamedTuple):
    """The two heavy neutrinos of a point, wherever their couplings come from.

    Attributes
    ----------
    mass : float [GeV]
        (M_2 + M_3)/2.
    delta_mass : float [GeV]
        (M_3 - M_2)/2.
    yukawas : (3, 2) complex array
        F_aI, rows e, mu, tau, columns N_2, N_3.
    vacuum : (3,) array [GeV]
        As of `mass_splitting.vacuum_splitting_vector`.
    changes : callable or None
        () -> the derivative of `yukawas` by each of PARAMETERS, name to array; None if there are none.
    """

    mass: float
    delta_mass: float
    yukawas: np.ndarray
    vacuum: np.ndarray
    changes: Callable | None = None


class System:
    """One solve: its equations, with `rates(settings, mass)` of a range of masses [GeV], and what they give.

    Attributes
    ----------
    evolution : Evolution
        What to run.
    """

    def __init__(self, problem, pair, rates=rates_without_factors, mass_range=(0.0, np.inf), state=None):
        self.pair, self.rates, self.settings, self.grid = pair, rates, problem.settings, problem.grid
        self.mass, self.temperatures = pair.mass, problem.temperatures
        self.t_start, self.t_end = self.settings["T_start"], self.settings["T_end"]
        self.expansion = expansion_of(self.settings)
        self.shared = shared_by(self.settings, self.mass, self.grid, tuple(self.temperatures.tolist()), rates)
        self.neighbours = self._neighbours(*mass_range) if self.settings.get("derivatives") else None
        self.evolution = Evolution(self._equations(), self.shared.z_stops, problem.solver, self._start(), state)

    def _equations(self):
        """Those between each two stops: coefficients jump where sphalerons freeze out."""
        table, omega, first_cold, _ = self.shared.tables
        kappa, n_cells = self.settings["rate_factor"], len(table.cells)
        plus, minus = self.settings["gamma_plus_factor"], self.settings["gamma_minus_factor"]
        factors = kappa * plus, kappa * minus, self.settings["h_plus_factor"], 1.0
        hot = Equations(
            *table, 0, min(first_cold, n_cells) - 1, omega, np.empty((n_cells, self.grid.n_modes)), np.array(factors),
            pauli_components(self.pair.yukawas), self.pair.delta_mass,
        )  # fmt: skip
        weights_ahead(
            hot.nodes, hot.cells, hot.rate_factors, hot.flavours, hot.delta_mass, self.settings["oscillation_weight"],
            hot.least_weights,
        )  # fmt: skip
        cold = hot._replace(first=first_cold, last=n_cells - 1)
        if self.neighbours:
            tangents = self._tangents()
            hot, cold = EquationsWithTangents(hot, *tangents), EquationsWithTangents(cold, *tangents)
        return [hot if stop >= self.settings["T_sphaleron"] else cold for stop in self.shared.stops[1:]]

    def _tangents(self):
        """Derivatives of all that the equations have by all parameters: what `EquationsWithTangents` add."""
        changes = self.pair.changes()
        lighter, heavier = self.neighbours
        return (
            *(tables_of(self.settings, mass, self.grid, self.rates).rates.cells for mass in self.neighbours),
            heavier - lighter,
            np.array([pauli_derivatives(self.pair.yukawas, changes[p.name]) for p in PARAMETERS]),
            np.array([float(p.name == "delta_M") for p in PARAMETERS]),
        )

    def _neighbours(self, lowest, highest):
        """The two masses [GeV] whose coefficients give the derivative by M, of those for which there are rates."""
        return max(self.mass * (1 - _MASS_STEP), lowest), min(self.mass * (1 + _MASS_STEP), highest)

    def _start(self):
        """Some heavy neutrinos, by default none, and no asymmetry at T_start: s_0 = 2 (f - f_eq), the rest zero."""
        n_parameters = len(PARAMETERS) if self.neighbours else 0
        start = np.zeros((1 + n_parameters, 3 + 8 * self.grid.n_modes))
        excess = 2 * (self.settings["initial_abundance"] - 1)
        self._modes(start[0])[0] = excess * self.shared.occupation
        if n_parameters:
            (lighter, below), (heavier, above) = ((m, self.equilibrium(self.t_start, m)) for m in self.neighbours)
            self._modes(start[1])[0] = excess * (above - below) / (heavier - lighter)
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
        scales = time_scales(averages, self.pair.yukawas, self.pair.vacuum, self.mass, temperatures)
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
