"""keV sterile neutrinos from oscillations of active ones: Dodelson-Widrow, alone or with new interactions.

de Gouvea, Sen, Tangarife and Zhang, arXiv:1910.04901 ("the letter"); Kelly, Sen, Tangarife and Zhang, arXiv:2005.03681
("the vector paper"), whose equation numbers are meant below.  The mediators are those of
`hpc_nu.interactions.mediators`, the baths those of `dodelson_widrow_bath`, the integral over time that of
`dodelson_widrow_kernel`.

    n/s = g_dof/s int d^3p/(2 pi)^3 f_s,      Omega h^2 = m_4 (n/s) s_0/(rho_c/h^2).

Modes do not talk to each other, and nothing is stiff: a solve is a sum over temperatures for each mode, some
milliseconds.

Not covered: back-reaction of f_s on the active neutrinos and sterile to active oscillations (`f_ratio_max` says how
large they would be, and `equation_valid` where it is below 0.1), lepton asymmetries, m_4 comparable with the momenta
(m_4 < 1 MeV).
"""

import math
from typing import NamedTuple

import numpy as np

from hpc_nu.interactions.active_neutrino_rates import MediatorRates, mediator_rates
from hpc_nu.interactions.mediators import MEDIATORS, decay_width, is_perturbative
from hpc_nu.interactions.scattering import VELOCITIES
from hpc_nu.models.dodelson_widrow_bath import (
    BATHS_KEPT,
    REFERENCE_TEMPERATURE,
    bath,
    entropy_over_t3,
    hubble_rate,
    omega_per_yield,
    shared_bath,
)
from hpc_nu.models.dodelson_widrow_bounds import BOUND_COLUMNS, BOUND_SETTINGS, Relic, bound_values
from hpc_nu.models.dodelson_widrow_kernel import accumulate, production_rate
from hpc_nu.models.equation_of_state import (
    equation_of_state_problems,
    equation_of_state_setting,
    equation_of_state_tables,
    prepare_equation_of_state,
)
from hpc_nu.models.kept import kept
from hpc_nu.models.limits import limits_tables, prepare_limits
from hpc_nu.models.mode_system import Cost, Model, Observable, Outcome, Parameter, Preparation, Setting
from hpc_nu.models.relic import (
    MEAN_MOMENTUM_FERMI_DIRAC,
    dilution,
    free_streaming_horizon,
    thermal_relic_mass,
    velocity_today,
)
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.plasma.table_builder import MASSLESS, identity
from hpc_nu.plasma.table_file import prepare_table, seconds_to_build
from hpc_nu.solver.result_codes import ResultCode
from hpc_nu.units import DARK_MATTER_DENSITY

NO_MEDIATOR = "none"

LEAST_MASS = 1e-3
"""Of a mediator [GeV]: lighter ones go on producing when nu_4 is no longer relativistic, and are as light as nu_4."""

MOST_COUPLING = 4 * math.pi
"""Where each further loop is as large as the one before: g^2/(16 pi^2) = 1."""

MOST_F_RATIO = 0.1
"""f_s/f_a above which the missing back-reaction is no small correction."""

PARAMETERS = (
    Parameter("m_4", "GeV", 1e-7, 1e-3, "mass of the sterile neutrino", "m_4"),
    Parameter("sin2_2theta", "1", 0.0, 1.0, "sin^2 2 theta in vacuum", "sin^2 2 theta", low_is_open=True),
    Parameter("m_mediator", "GeV", 0.0, 1e4, "mass of the mediator, from 1 MeV; 0 without one", "m", default=0.0),
    Parameter("coupling", "1", 0.0, MOST_COUPLING, "coupling of the mediator: lambda or g; 0 without one", "lambda",
              default=0.0),
)  # fmt: skip

SETTINGS = (
    Setting("mediator", NO_MEDIATOR, "of new neutrino interactions", (NO_MEDIATOR, *MEDIATORS)),
    Setting("flavour", "mu", "of the active neutrino that mixes", FLAVOUR_NAMES),
    Setting("setup", "full", "full: g_*(T), redshift, all momenta; paper: constants of arXiv:2005.03681",
            ("full", "paper")),
    Setting("opacity", "self_energy", "of the set-up full: this project's own, or a fit to that of arXiv:1507.06655",
            ("self_energy", "published_fit")),
    Setting("opacity_rate", "equilibration",
            "of the set-up full: the width of a neutrino; loss: 1 - n_F of it, which the mediator's rate always is",
            ("equilibration", "loss")),
    Setting("rate_factor", 1.0, "multiplies the rate of the Standard Model", low=0.0, high=100.0, low_is_open=True),
    Setting("potential", "of_the_setup", "of the Standard Model: that of the set-up, or that of Noetzold and Raffelt",
            ("of_the_setup", "noetzold_raffelt")),
    equation_of_state_setting(),
    Setting("velocity", "paper", "relative velocity in scattering through the mediator", tuple(VELOCITIES)),
    Setting("n_G", 1.0, "factor of the scattering rate: 2 in eq. (3.6) of the vector paper", low=0.0, high=10.0,
            low_is_open=True),
    Setting("g_dof", 2.0, "states of the sterile neutrino: nu_s and its antiparticle", low=1.0, high=4.0),
    Setting("T_start", 10.0, "highest temperature", low=0.1, high=1000.0, unit="GeV"),
    Setting("T_end", 1e-4, "lowest temperature", low=1e-4, high=0.01, unit="GeV"),
    Setting("temperature_steps", 500, "of equal size in ln T, between them", low=50, high=10_000),
    *BOUND_SETTINGS,
    Setting("trajectory_momentum", 1.0, "p/T at 10 MeV of what is given over temperature", low=1e-3, high=50.0),
)  # fmt: skip

SCALARS = (
    Observable("Omega_h2", "1", "relic density Omega h^2, with the set-up's entropy and critical density today"),
    Observable("Omega_over_DW", "1", "relic density over that without mediator"),
    Observable("sin2_2theta_relic", "1",
               f"mixing that gives Omega h^2 = {DARK_MATTER_DENSITY}, all else equal; NaN if there is none"),
    Observable("Y", "1", "yield n/s"),
    Observable("mean_momentum", "1", "<p/T> at 10 MeV"),
    Observable("mean_momentum_over_active", "1", "<p/T> over that of the active neutrinos, 3.151"),
    Observable("mean_momentum_today", "1", "<p>/T of the photons today"),
    Observable("T_production", "GeV", "temperature at which half of the yield is there"),
    Observable("made_at_ends", "1", "share of the yield made in the first and the last e-fold of T: to be small"),
    Observable("f_ratio_max", "1", "largest f_s/f_a at the end, for p/T = 0.1 ... 30"),
    Observable("equation_valid", "1", "1 where f_s/f_a stays below 0.1, so that back-reaction may be neglected"),
    Observable("velocity_today", "km/s", "mean velocity today, without structure formation"),
    Observable("free_streaming_horizon", "Mpc", "comoving distance that the mean momentum travels until today"),
    Observable("m_thermal_relic", "GeV",
               f"mass of the thermal relic of the same mean velocity and Omega h^2 = {DARK_MATTER_DENSITY}"),
    Observable("mediator_width", "GeV", "total width of the mediator"),
    Observable("perturbative", "1", "1 where coupling^2 < 4 pi and the mediator's width is below half of its mass"),
)  # fmt: skip

TRAJECTORIES = (
    Observable("Y_of_T", "1", "yield n/s", "trajectory"),
    Observable("df_dlnz", "1", "df_s/dln z at p/T = trajectory_momentum, z = 1 MeV/T", "trajectory"),
    Observable("Gamma_over_H", "1", "rate of the active neutrino over H, there", "trajectory"),
    Observable("Gamma_mediator_over_H", "1", "part of it that is due to the mediator", "trajectory"),
    Observable("mixing_ratio", "1", "sin^2 2 theta_eff/sin^2 2 theta, there", "trajectory"),
    Observable("V_over_D", "1", "thermal potential over m_4^2/(2 E), there: resonance at cos 2 theta", "trajectory"),
)

SPECTRA = (
    Observable("f_s", "1", "occupation of the sterile neutrino after production, momentum p/T at 10 MeV", "spectrum"),
    Observable("f_s_over_f_a", "1", "occupation over that of the active neutrinos", "spectrum"),
    Observable("momentum", "1", "p/T at 10 MeV", "mode"),
    Observable("f_s_of_mode", "1", "occupation of the sterile neutrino after production", "mode"),
)


class Production(NamedTuple):
    """Sterile neutrinos that were made.

    Attributes
    ----------
    f : (n_q, n_T) array
        f_s of each mode after each step.
    y : float
        n/s.
    """

    f: np.ndarray
    y: float


class System:
    """All that one mass and set-up of a campaign share: the bath, and the mediator's rates.

    Parameters
    ----------
    point : mapping
        m_4 and m_mediator [GeV] are asked for.
    settings : mapping
        `SETTINGS`.
    grid : MomentumGrid
        The modes.
    momenta : (n,) array, optional
        More of them, which count in no sum; only with these are there `observables`.
    """

    def __init__(self, point, settings, grid, momenta=None):
        self.settings, self.grid, self.momenta = settings, grid, momenta
        self.m_4 = point["m_4"]
        self.mediator, self.m_mediator = settings["mediator"], point["m_mediator"]
        start, end, steps = (settings[name] for name in _TEMPERATURE_SETTINGS)
        self.temperatures = np.geomspace(start, end, steps + 1)
        self.step = math.log(start / end) / steps
        self.q = grid.nodes if momenta is None else np.concatenate([grid.nodes, momenta, _PROBES])
        momenta, temperatures = tuple(self.q.tolist()), tuple(self.temperatures.tolist())
        self.bath = shared_bath(settings, momenta, temperatures)
        self.rates = _shared_rates(settings, momenta, temperatures, self.m_mediator)
        self.entropy = entropy_over_t3(REFERENCE_TEMPERATURE, self.settings)

    def produce(self, coupling, sin2):
        """`Production` for a coupling and a mixing."""
        b, f = self.bath, np.empty(self.bath.x.shape)
        accumulate(
            b.energy, b.clock, b.fermi, b.rate, b.shift, *self.rates, coupling, self.m_4, sin2, self.step, f
        )  # fmt: skip
        return Production(f, self.yield_of(f[:, -1]))

    def yield_of(self, f):
        """n/s of occupations f (n_q, ...) of the modes and, behind them, other momenta."""
        return self.settings["g_dof"] * (self.grid.weights @ f[: len(self.grid.nodes)]) / self.entropy

    def omega(self, y):
        """Omega h^2 of a yield n/s."""
        return omega_per_yield(self.settings) * self.m_4 * y

    def mixing_for(self, omega, coupling, sin2):
        """sin^2 2 theta at which the relic density is `omega`, starting from one; NaN if it is above 1.

        The relic density is all but proportional to it: D^2 s^2 is rarely as large as Gamma^2/4 + (D c - V)^2.
        """
        for _ in range(_MOST_ITERATIONS):
            found = sin2 * omega / self.omega(self.produce(coupling, sin2).y)
            if not 0 < found <= 1:
                return math.nan
            if abs(found / sin2 - 1) < _MIXING_TOLERANCE:
                return found
            sin2 = found
        return math.nan

    def scalars(self, production, coupling, sin2):
        q, f = self.grid.nodes, production.f[: len(self.grid.nodes), -1]
        mean = self.grid.weights @ (q * f) / (self.grid.weights @ f)
        mean_today = mean * dilution(self.entropy)
        ratio = np.max(production.f[-len(_PROBES) :, -1] * (np.exp(_PROBES) + 1))
        made = self.yield_of(production.f) / production.y
        half = np.exp(np.interp(0.5, made, np.log(self.temperatures)))
        e_fold = math.ceil(1 / self.step)
        alone = self.produce(0.0, sin2).y if self.mediator != NO_MEDIATOR else production.y
        return {
            "Omega_h2": self.omega(production.y),
            "Omega_over_DW": production.y / alone,
            "sin2_2theta_relic": self.mixing_for(DARK_MATTER_DENSITY, coupling, sin2),
            "Y": production.y,
            "mean_momentum": mean,
            "mean_momentum_over_active": mean / MEAN_MOMENTUM_FERMI_DIRAC,
            "mean_momentum_today": mean_today,
            "T_production": half,
            "made_at_ends": made[e_fold] + 1 - made[-1 - e_fold],
            "f_ratio_max": ratio,
            "equation_valid": 1.0 * (ratio <= MOST_F_RATIO),
            "velocity_today": velocity_today(mean_today, self.m_4),
            "free_streaming_horizon": free_streaming_horizon(mean_today, self.m_4),
            "m_thermal_relic": thermal_relic_mass(mean_today, self.m_4),
        } | self._mediator_columns(coupling)

    def _mediator_columns(self, coupling):
        if self.mediator == NO_MEDIATOR:
            return {"mediator_width": math.nan, "perturbative": math.nan}
        of = self.mediator, self.m_mediator, coupling
        return {"mediator_width": decay_width(*of), "perturbative": 1.0 * is_perturbative(*of)}

    def trajectories(self, production, coupling, sin2, temperatures):
        b = bath([self.settings["trajectory_momentum"]], temperatures, self.settings)
        new = rates_in(b, self.settings, self.m_mediator)
        gamma, shift = b.rate + new.rate(coupling), b.shift + new.shift(coupling)
        rate, ratio = production_rate(b.energy, b.clock, b.fermi, gamma, shift, self.m_4, sin2)
        hubble = hubble_rate(temperatures, self.settings)
        ln_z = -np.log(self.temperatures)
        return {
            "Y_of_T": np.interp(-np.log(temperatures), ln_z, self.yield_of(production.f)),
            "df_dlnz": rate[0],
            "Gamma_over_H": gamma[0] / hubble,
            "Gamma_mediator_over_H": new.rate(coupling)[0] / hubble,
            "mixing_ratio": ratio[0],
            "V_over_D": shift[0] * 2 * b.energy[0] / self.m_4**2,
        }

    def spectra(self, production):
        f = production.f[len(self.grid.nodes) : -len(_PROBES), -1]
        with np.errstate(over="ignore", invalid="ignore"):
            return {"f_s": f, "f_s_over_f_a": f * (np.exp(self.momenta) + 1)}

    def modes(self, production):
        return {"momentum": self.grid.nodes, "f_s_of_mode": production.f[: len(self.grid.nodes), -1]}

    def _relic(self, production, scalars):
        """`Relic` with the range of Omega h^2 in which the truth is."""
        omega = least = most = scalars["Omega_h2"]
        if scalars["perturbative"] == 0.0:
            least, most = 0.0, math.inf
        elif scalars["equation_valid"] == 0.0:
            least = self.omega(self.yield_of(self._with_losses(production.f[:, -1])))
        densest = np.max(production.f[-len(_PROBES) :, -1])
        return Relic(omega, least, most, densest, scalars["m_thermal_relic"])

    def _with_losses(self, f):
        """A lower bound of f_s when nu_4 oscillates back, from what it is when it does not.

        The rate R of df_s/dt = R (f_a - f_s) is that of dF/dt = R f_a.  With c the smallest f_a, c (1 - e^(-F/c)) grows
        more slowly than f_s; it is f_s where momenta stay k/T.
        """
        c = self.bath.fermi.min(axis=1)
        return c * -np.expm1(-np.divide(f, c, out=np.zeros_like(f), where=c > 0))

    def observables(self, coupling, sin2, temperatures):
        """All of them, by kind; trajectories at `temperatures` (n,) [GeV], spectra at the momenta given before."""
        production = self.produce(coupling, sin2)
        scalars = self.scalars(production, coupling, sin2)
        bounds = bound_values(
            self.settings, self.m_mediator, coupling, self.m_4, sin2, self._relic(production, scalars)
        )
        values = {"scalar": scalars | bounds, "mode": self.modes(production)}
        values["trajectory"] = values["spectrum"] = {}
        if temperatures.size:
            values["trajectory"] = self.trajectories(production, coupling, sin2, temperatures)
        if self.momenta.size:
            values["spectrum"] = self.spectra(production)
        return values


_PROBES = np.geomspace(0.1, 30.0, 33)  # p/T at which maxima of f_s are looked for: outside there is next to nobody
_TEMPERATURE_SETTINGS = ("T_start", "T_end", "temperature_steps")
_OF_THE_BATH = ("setup", "flavour", "opacity", "opacity_rate", "rate_factor", "potential", "equation_of_state")
_OF_THE_FULL_SETUP = ("opacity", "opacity_rate", "equation_of_state")
_MOST_ITERATIONS = 20
_MIXING_TOLERANCE = 1e-8


def rates_in(bath, settings, mass):
    """`MediatorRates` in a bath; zero without a mediator."""
    if settings["mediator"] == NO_MEDIATOR:
        return MediatorRates(*np.zeros((3, *bath.x.shape)))
    return mediator_rates(settings["mediator"], mass, bath.x, bath.temperature, settings["velocity"], settings["n_G"])


_KEPT = 2


def _entries(problem):
    """Momenta times temperatures of a `System` with its observables."""
    n_momenta = len(problem.grid.nodes) + len(problem.momenta) + len(_PROBES)
    return n_momenta * problem.settings["temperature_steps"]


def bath_cost(problem):
    """`Preparation` of the bath of a `System` with its observables."""
    settings = problem.settings
    each = {"self_energy": 5.3e-7, "published_fit": 2.3e-7}[settings["opacity"]]
    key = tuple(settings[name] for name in (*_OF_THE_BATH, *_TEMPERATURE_SETTINGS))
    return Preparation((each if settings["setup"] == "full" else 1.2e-8) * _entries(problem), key=key, kept=BATHS_KEPT)


def rates_cost(settings, entries):
    """`Preparation` of the mediator's rates in it."""
    if settings["mediator"] == NO_MEDIATOR:
        return Preparation(0.0)
    return Preparation(1.1e-7 * entries, ("m_mediator",), "rates of the mediator", kept=_KEPT)


@kept(_KEPT)
def _shared_rates(settings, momenta, temperatures, mass):
    """Those of one mass, kept for the couplings of a campaign."""
    return rates_in(shared_bath(settings, momenta, temperatures), settings, mass)


class DodelsonWidrow(Model):
    """See the module's head."""

    name = "dodelson_widrow"
    title = "sterile neutrinos of the keV scale from oscillations, alone or with new interactions of active neutrinos"
    reference = "arXiv:1910.04901 and arXiv:2005.03681"
    parameters = PARAMETERS
    settings = SETTINGS
    observables = (*SCALARS, *BOUND_COLUMNS, *TRAJECTORIES, *SPECTRA)
    grid_kinds = ("gauss_legendre", "equal_occupation")
    max_modes = 256
    warm_up = {"mediator": "scalar", "m_mediator": 1.0, "coupling": 1e-3}

    def check(self, settings, temperatures):
        problems = []
        if settings["mediator"] != NO_MEDIATOR:
            flavours = [FLAVOUR_NAMES[i] for i in MEDIATORS[settings["mediator"]].flavours]
            if settings["flavour"] not in flavours:
                text = f"mediator = {settings['mediator']} does not couple to flavour = {settings['flavour']}"
                problems.append(("settings", f"{text}; expected flavour {' or '.join(flavours)}"))
        if settings["opacity"] == "published_fit" and settings["flavour"] != "mu":
            text = f"opacity = published_fit is that of nu_mu, and flavour = {settings['flavour']}"
            problems.append(("settings", f"{text}; expected opacity = self_energy, or flavour = mu"))
        if settings["setup"] == "paper":
            problems += self.without_effect(settings, _OF_THE_FULL_SETUP, "setup = paper", "setup = full")
        outside = [t for t in temperatures if not settings["T_end"] <= t <= settings["T_start"]]
        if outside:
            span = f"T_end ... T_start = {settings['T_end']:g} ... {settings['T_start']:g} GeV"
            problems.append(("output.temperatures", f"{outside[0]:g} GeV is outside {span}"))
        return problems

    def check_points(self, settings, points, temperatures):
        problems = equation_of_state_problems(settings, settings["T_end"], settings["T_start"])
        mediator = settings["mediator"]
        for name in ("m_mediator", "coupling"):
            if name not in points:
                continue
            if mediator != NO_MEDIATOR and np.any(points[name] == 0):
                problems.append(f"mediator = {mediator} needs {name} above zero at every point")
            elif mediator != NO_MEDIATOR and name == "m_mediator" and np.any(points[name] < LEAST_MASS):
                least = points[name].min()
                problems.append(f"m_mediator = {least:g} GeV is too light: expected at least {LEAST_MASS:g} GeV")
            if mediator == NO_MEDIATOR and np.any(points[name] != 0):
                value = points[name][points[name] != 0][0]
                accepted = ", ".join(MEDIATORS)
                problems.append(f"{name} = {value:g} and no mediator: expected settings.mediator to be {accepted}")
        return problems

    def tables(self, settings, points):
        tables = {"self-energy (massless)": identity(MASSLESS)} if needs_table(settings) else {}
        return tables | limits_tables(settings) | equation_of_state_tables(settings)

    def prepare(self, variations, points, communicator):
        if any(needs_table(settings) for settings in variations):
            prepare_table("massless", communicator)
        prepare_limits(variations, communicator)
        prepare_equation_of_state(variations, communicator)

    def seconds_to_prepare(self, variations, points):
        return seconds_to_build("massless") if any(needs_table(settings) for settings in variations) else 0.0

    def cost(self, problem):
        has_mediator = problem.settings["mediator"] != NO_MEDIATOR
        entries = _entries(problem)
        solve = 2e-4 + (3e-8 if has_mediator else 1.6e-8) * entries + 1.6e-6 * problem.temperatures.size
        return Cost(solve, (bath_cost(problem), rates_cost(problem.settings, entries)))

    def solve(self, problem, state=None, pause=lambda: False):
        point = problem.point
        system = System(point, problem.settings, problem.grid, problem.momenta)
        return Outcome(
            ResultCode.DONE, system.observables(point["coupling"], point["sin2_2theta"], problem.temperatures)
        )


def needs_table(settings):
    return settings["setup"] == "full" and settings["opacity"] == "self_energy"
