"""When two heavy neutrinos oscillate, equilibrate, freeze out and decay: time scales of the nuMSM without evolution.

Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637 ("EST"), secs. 3 and 4: what selects parameters before kinetic
equations are solved.  Each point is linear algebra (`hpc_nu.seesaw`: `equilibration`, `mass_splitting`, `relaxation`,
`decays`) on momentum averages of `thermal_rates` that all points of the same M share.

Conventions are those of the model `lepton_asymmetry`: M_3 - M_2 = 2 delta_M.  H is that of the bath alone, with g_*(T).
Fine-tuned values of delta_M and re_omega should be given with `about`: offsets reach the formulas unrounded.
Not covered: entropy from the decays, sec. 3 of EST.

Published limits on |U_alpha|^2 are for one heavy neutrino.  They are compared with the sum over N_2 and N_3, which a
detector does not tell apart: right where neutrinos are counted when they are made (peak searches).  Where they must
also decay in the detector, each of two that share |U|^2 evenly does so half as often, and the limit on the sum is
really 2^(1/2) weaker.
"""

from functools import lru_cache

import numpy as np

from hpc_nu.interactions.digitised_limits import ALL_FLAVOURS
from hpc_nu.models.equation_of_state import equation_of_state_setting
from hpc_nu.models.heavy_neutrinos.inputs import PARAMETERS
from hpc_nu.models.heavy_neutrinos.light_neutrinos import HIERARCHY, OWN_OSCILLATION_DATA, fit_setting, light_neutrinos
from hpc_nu.models.heavy_neutrinos.tables import averages_of
from hpc_nu.models.heavy_neutrinos.thermal_settings import (
    FACTORS,
    SWITCHES,
    ModelWithThermalRates,
)
from hpc_nu.models.interface import Cost, Observable, Outcome, Preparation, Setting
from hpc_nu.models.limits import (
    CONVERSIONS,
    NO_LIMITS,
    apply_limits,
    excluded_range,
    limits_setting,
    limits_tables,
    prepare_limits,
    user_limits,
)
from hpc_nu.plasma import charge_susceptibilities, thermodynamics
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.result_codes import ResultCode
from hpc_nu.seesaw.casas_ibarra import pauli_components, yukawa_couplings
from hpc_nu.seesaw.damping import equilibration_temperatures, oscillation_temperature
from hpc_nu.seesaw.decays import heavy_neutrino_widths, lifetime, mixing_squared
from hpc_nu.seesaw.mass_splitting import vacuum_splitting_vector
from hpc_nu.seesaw.relaxation import relaxation_matrix, relaxation_rates
from hpc_nu.seesaw.time_scales import time_scales
from hpc_nu.units import SPHALERON_FREEZE_OUT

_SWITCHES = tuple(setting for setting in SWITCHES if setting.name != "propagator")  # which holds above 80 GeV alone

GRID_SETTINGS = (
    Setting("T_high", 1e5, "highest temperature at which T_in, T_osc, ... are looked for", low=1.0, high=1e6,
            unit="GeV"),
    Setting("T_low", 1e-3, "lowest temperature at which T_dec, ... are looked for", low=1e-3, high=1.0, unit="GeV"),
    Setting("points_per_decade", 60, "temperatures between them: 60 find T_in, ... to 2e-3", low=3, high=1000),
)  # fmt: skip

MIXINGS = {
    "U2": "sum of |Theta_aI|^2 over flavours, N_2 and N_3",
    **{f"U2_{name}": f"sum of |Theta_aI|^2 over N_2 and N_3, flavour {name}" for name in FLAVOUR_NAMES},
}

EIGENVALUES = {"small": "smaller", "large": "larger"}

_EVENTS = {
    "T_in": "temperature of the freeze-in, Gamma_N > H from here on",
    "T_out": "temperature of the freeze-out, Gamma_N < H from here on",
    "T_dec": "temperature of the decays, Gamma_N > H again",
}

_EIGENVALUE = "eigenvalue of the momentum-averaged Gamma_N"

OBSERVABLES = (
    *(Observable(f"{event}_{which}", "GeV", f"{text}, of the {word} eigenvalue; NaN if it does not happen")
      for which, word in EIGENVALUES.items() for event, text in _EVENTS.items()),
    Observable("T_osc", "GeV", "temperature at which Gamma_osc overtakes H first, eq. (4.6) of EST; or NaN"),
    *(Observable(f"Gamma_osc_over_H_{event}_{which}", "1", f"Gamma_osc/H at T_{event} of the {word} eigenvalue")
      for which, word in EIGENVALUES.items() for event in ("in", "out")),
    Observable("delta_M_vacuum", "GeV", "half of the physical mass difference at T = 0, eq. (4.8) of EST"),
    *(Observable(name, "1", text) for name, text in MIXINGS.items()),
    *(Observable(f"width_N_{i}", "GeV", f"decay width of N_{i} in vacuum") for i in (2, 3)),
    *(Observable(f"lifetime_N_{i}", "s", f"lifetime of N_{i} in vacuum") for i in (2, 3)),
    *(Observable(f"{name}_limit_user", "1", f"largest {name} by the curves of the user's file") for name in MIXINGS),
    Observable("allowed_user", "1", "1 where no curve of the user's file excludes the point"),
    Observable("Gamma_N_small_over_H", "1", f"smaller {_EIGENVALUE} over H", "trajectory"),
    Observable("Gamma_N_large_over_H", "1", f"larger {_EIGENVALUE} over H", "trajectory"),
    Observable("Gamma_N_22_over_H", "1", "diagonal element of Gamma_N for N_2, over H", "trajectory"),
    Observable("Gamma_N_33_over_H", "1", "diagonal element of Gamma_N for N_3, over H", "trajectory"),
    Observable("Gamma_osc_over_H", "1", "oscillation rate M delta M(T)/(3 T H), eqs. (4.5), (4.7) of EST",
               "trajectory"),
    Observable("delta_M", "GeV", "half of the physical mass difference, momentum-averaged, eq. (4.7) of EST",
               "trajectory"),
    Observable("relaxation_small_over_H", "1", "smallest |Re| of the eigenvalues of A over H, eq. (4.3) of EST",
               "trajectory"),
    Observable("relaxation_large_over_H", "1", "largest |Re| of the eigenvalues of A over H, eq. (4.3) of EST",
               "trajectory"),
)  # fmt: skip


_KEPT = 32  # masses


@lru_cache(maxsize=64)
def _hubble(temperatures, equation_of_state):
    return thermodynamics.hubble_rate(np.array(temperatures), equation_of_state)


@lru_cache(maxsize=8)
def _inverse_susceptibility(temperatures, crossover):
    """(n, 3, 3) array; sphalerons are in equilibrium above 131.7 GeV."""
    with_sphalerons = np.array(temperatures) > SPHALERON_FREEZE_OUT
    both = [
        charge_susceptibilities.inverse_susceptibility(np.array(temperatures), sphalerons, crossover=crossover)
        for sphalerons in (False, True)
    ]
    return np.where(with_sphalerons[:, np.newaxis, np.newaxis], both[1], both[0])


def _search_grid(settings):
    high, low = settings["T_high"], settings["T_low"]
    n = int(np.ceil(settings["points_per_decade"] * np.log10(high / low))) + 1
    return tuple(np.geomspace(high, low, n).tolist())


class _System:
    """One parameter point: couplings, and rates at any temperatures."""

    def __init__(self, problem):
        point, self.settings = problem.point, problem.settings
        self.mass = point["M"]
        data = light_neutrinos(point, self.settings)
        self.yukawas = yukawa_couplings(
            data, self.mass, point["delta"], point["eta"], point["re_omega"], point["im_omega"]
        )
        self.vacuum = vacuum_splitting_vector(data, problem.tuned("delta_M"), problem.tuned("re_omega"))

    def averages(self, temperatures):
        factors = (self.settings[setting.name] for setting in FACTORS)
        return averages_of(self.settings, self.mass, temperatures).scaled(self.mass, *factors)

    def time_scales(self, temperatures):
        return time_scales(self.averages(temperatures), self.yukawas, self.vacuum, self.mass, np.array(temperatures))

    def hubble(self, temperatures):
        return _hubble(temperatures, self.settings["equation_of_state"])

    def scalars(self):
        temperatures = _search_grid(self.settings)
        t = np.array(temperatures)
        scales, hubble = self.time_scales(temperatures), self.hubble(temperatures)
        damping, oscillation = scales.damping, scales.oscillation
        log_oscillation = np.log(np.maximum(oscillation / hubble, np.finfo(float).tiny))[::-1]
        values = {"T_osc": oscillation_temperature(t, oscillation / hubble)}
        for i, which in enumerate(EIGENVALUES):
            found = equilibration_temperatures(t, damping[:, i] / hubble, self.mass)
            values |= {f"T_in_{which}": found.t_in, f"T_out_{which}": found.t_out, f"T_dec_{which}": found.t_dec}
            for event, at in (("in", found.t_in), ("out", found.t_out)):
                ratio = np.exp(np.interp(np.log(at), np.log(t)[::-1], log_oscillation))
                values[f"Gamma_osc_over_H_{event}_{which}"] = ratio if np.isfinite(at) else np.nan
        squared = mixing_squared(self.mass, self.yukawas).sum(axis=1)
        widths = heavy_neutrino_widths(self.mass, self.yukawas)
        values |= {"delta_M_vacuum": np.linalg.norm(self.vacuum), "U2": squared.sum()}
        values |= {f"U2_{name}": value for name, value in zip(FLAVOUR_NAMES, squared, strict=True)}
        for name, width in zip(("N_2", "N_3"), widths, strict=True):
            values |= {f"width_{name}": width, f"lifetime_{name}": lifetime(width)}
        values |= self.limits({name: values[name] for name in MIXINGS})
        return {name: float(value) for name, value in values.items()}

    def limits(self, mixings):
        """Columns of the curves of the user's file; NaN without one."""
        largest, allowed = dict.fromkeys(mixings, np.nan), np.nan
        if self.settings["limits"] != NO_LIMITS:
            curves = user_limits[self.settings["limits"]].curves
            ranges = [(_mixing_of(curve), excluded_range(curve, self.mass, "U2")) for curve in curves]
            largest, allowed = apply_limits(ranges, mixings)
        return {f"{name}_limit_user": value for name, value in largest.items()} | {"allowed_user": allowed}

    def trajectories(self, temperatures):
        scales, hubble = self.time_scales(temperatures), self.hubble(temperatures)
        a = self.averages(temperatures)
        omega = _inverse_susceptibility(temperatures, self.settings["crossover"])
        relaxation = relaxation_rates(relaxation_matrix(a, scales.hamiltonian, self.yukawas, omega))
        components = pauli_components(self.yukawas)
        both = a.gamma_c + a.gamma_v
        over_hubble = {
            "Gamma_N_small_over_H": scales.damping[:, 0],
            "Gamma_N_large_over_H": scales.damping[:, 1],
            "Gamma_N_22_over_H": both @ (components[:, 0] + components[:, 3]),
            "Gamma_N_33_over_H": both @ (components[:, 0] - components[:, 3]),
            "Gamma_osc_over_H": scales.oscillation,
            "relaxation_small_over_H": relaxation[:, 0],
            "relaxation_large_over_H": relaxation[:, 1],
        }
        return {name: rate / hubble for name, rate in over_hubble.items()} | {"delta_M": scales.splitting}


def _mixing_of(curve):
    """Which of `MIXINGS` a curve limits."""
    return "U2" if curve.flavour == ALL_FLAVOURS else f"U2_{curve.flavour}"


class Equilibration(ModelWithThermalRates):
    """See the module's head."""

    name = "equilibration"
    title = "when two heavy neutrinos oscillate, equilibrate, freeze out and decay"
    reference = "Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637, secs. 3 and 4"
    parameters = (*PARAMETERS, *OWN_OSCILLATION_DATA)
    settings = (
        HIERARCHY,
        fit_setting("nufit_3.2"),
        equation_of_state_setting("of the bath, for H"),
        *_SWITCHES,
        *FACTORS,
        *GRID_SETTINGS,
        limits_setting(),
    )
    observables = OBSERVABLES

    def temperature_span(self, settings, points, temperatures):
        return min((settings["T_low"], *temperatures)), max((settings["T_high"], *temperatures))

    def check(self, settings, temperatures):
        problems = super().check(settings, temperatures)
        if settings["T_high"] <= settings["T_low"]:
            text = f"T_high = {settings['T_high']} GeV must be above T_low = {settings['T_low']} GeV"
            problems.append(("settings", text))
        low, high = charge_susceptibilities.TEMPERATURE_RANGE
        outside = [t for t in temperatures if not low <= t <= high]
        if outside:
            text = f"{outside[0]:g} GeV is outside {low:g} ... {high:g} GeV, where charge susceptibilities are known"
            problems.append(("output.temperatures", text))
        return problems

    def check_points(self, settings, points, temperatures):
        problems = super().check_points(settings, points, temperatures)
        curves = () if settings["limits"] == NO_LIMITS else user_limits[settings["limits"]].curves
        return problems + [
            f"{settings['limits']}: the curve {curve.name} limits {curve.y} over {curve.x}: expected"
            f" {', '.join(CONVERSIONS['U2'])} over m4, which are all that this model has"
            for curve in curves
            if curve.x != "m4" or curve.y not in CONVERSIONS["U2"]
        ]

    def tables(self, settings, points):
        return super().tables(settings, points) | limits_tables(settings)

    def prepare(self, variations, points, communicator):
        super().prepare(variations, points, communicator)
        prepare_limits(variations, communicator)

    def cost(self, problem):
        settings, n_output = problem.settings, problem.temperatures.size
        search_grid = _search_grid(settings)
        n_search, key = len(search_grid), (search_grid, tuple(settings[setting.name] for setting in _SWITCHES))
        averages = Preparation(5e-5 * n_search + 3e-5 * n_output, ("M",), "momentum averages", key, kept=_KEPT)
        return Cost(1.5e-3 + 5e-6 * n_search + 1.5e-5 * n_output, (self.mass_cost(settings), averages))

    def solve(self, problem, state=None, pause=lambda: False):
        system = _System(problem)
        temperatures = tuple(problem.temperatures.tolist())
        trajectories = system.trajectories(temperatures) if temperatures else {}
        return Outcome(
            ResultCode.DONE, {"scalar": system.scalars(), "trajectory": trajectories, "spectrum": {}, "mode": {}}
        )
