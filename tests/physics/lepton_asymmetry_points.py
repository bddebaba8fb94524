"""Parameter points and short cuts that the tests of the lepton asymmetries share."""

import numpy as np
from closed_form_rates import ClosedFormRates, closed_form_rates
from literal_lepton_asymmetry import LiteralEquations

from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import SETTINGS
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.plasma.expansion import Expansion
from hpc_nu.seesaw.casas_ibarra import yukawa_couplings
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.seesaw.rate_table import equilibrium_occupation

PI = np.pi
# Closed-form rates on a bath without thresholds: cheap, exact, and with every structure of the real ones.
TEST_DOUBLE = {"expansion": "constant_gstar", "susceptibilities": "constant", "T_start": 1000.0}
CONSTANT_GSTAR = Expansion("constant_gstar")
ENTROPY_OVER_T3 = 46.8
M_0 = 7.12e17  # H = T^2/M_0
MODEL = ClosedFormRates()
DEFAULTS = {setting.name: setting.default for setting in SETTINGS} | TEST_DOUBLE | {"oscillation_data": "nufit_4.0"}
NAMES = ("Y_Delta_e", "Y_Delta_mu", "Y_Delta_tau")

FREEZE_IN = {  # eq. (4.1) of arXiv:2011.12637
    "M": 2.0, "delta_M": 0.983e-11, "im_omega": -2.754e-3,
    "re_omega": 0.551 * PI, "delta": 0.993 * PI, "eta": 1.479 * PI,
}  # fmt: skip
FREEZE_OUT = {  # sec. 4.2 there: delta_M = (m_3 - m_2)/2, Re w = pi/2, where the mass splitting nearly cancels
    "M": 10.0, "delta_M": 2.06e-11, "im_omega": 0.2,
    "re_omega": 0.500001 * PI, "delta": 3.11 * PI, "eta": 0.68 * PI,
}  # fmt: skip
WITHOUT_H_PLUS = {  # fig. 19 there
    "M": 1.0, "delta_M": 1e-12, "im_omega": np.log(3),
    "re_omega": 13 / 16 * PI, "delta": 29 / 16 * PI, "eta": 22 / 16 * PI,
}  # fmt: skip


def problem(point, grid, temperatures=(), solver=None, **settings):
    """A `Problem` on the test double, with default settings but for `settings`."""
    return Problem(point, DEFAULTS | settings, grid, np.array(temperatures, float), solver=solver or SolverSettings())


def solve(point, grid, temperatures=(), solver=None, **settings):
    outcome = MODEL.solve(problem(point, grid, temperatures, solver, **settings))
    assert outcome.code.name == "DONE", outcome.message
    return outcome


def asymmetries(outcome):
    """(Y_Delta_e, Y_Delta_mu, Y_Delta_tau) at T_end."""
    return np.array([outcome.observables["scalar"][name] for name in NAMES])


def point_yukawas(point, settings=DEFAULTS):
    data = oscillation_data(settings["oscillation_data"], settings["hierarchy"])
    phases = (point[name] for name in ("delta", "eta", "re_omega", "im_omega"))
    return yukawa_couplings(data, point["M"], *phases)


def one_flavour(temperature, momentum, mass):
    return [x[..., 0] for x in closed_form_rates(temperature, momentum, mass)]


def literal_equations(point, grid, rates=one_flavour, **settings):
    """The same problem in complex matrices."""
    yukawas = point_yukawas(point, DEFAULTS | settings)
    averaged, massless_leptons = grid.kind == "averaged", not (DEFAULTS | settings)["boltzmann_factor"]
    return LiteralEquations(
        yukawas, point["M"], point["delta_M"], rates, grid.nodes, grid.weights, averaged,
        massless_leptons=massless_leptons,
    )  # fmt: skip


def direct_coefficients(temperature, mass, grid):
    """The coefficients from the rates, without a table, in the order of its channels."""
    hubble = temperature**2 / M_0
    rates = np.moveaxis(closed_form_rates(temperature, grid.nodes * temperature, mass), -1, 1).reshape(12, -1) / hubble
    energy_over_t = np.hypot(grid.nodes, mass / temperature)
    f_eq = equilibrium_occupation(mass / temperature, grid.nodes)
    sources = rates[:6] * f_eq * (1 - f_eq)
    mass_over_e = mass / (energy_over_t * temperature) / hubble
    slope = -f_eq * (1 - f_eq) * (mass / temperature) ** 2 / energy_over_t
    if grid.kind != "averaged":
        return np.vstack([rates, sources, mass_over_e, slope])
    w = grid.weights
    rates, mass_over_e = (x * f_eq @ w / (f_eq @ w) for x in (rates, mass_over_e))
    return np.concatenate([rates, sources @ w, [mass_over_e, slope @ w]])[:, np.newaxis]
