"""The production of keV sterile neutrinos at one mass and in one set-up: yields, spectra, what they are today, bounds.

de Gouvea, Sen, Tangarife and Zhang, arXiv:1910.04901 ("the letter"); Kelly, Sen, Tangarife and Zhang, arXiv:2005.03681
("the vector paper"), whose equation numbers are meant below.  The mediators are those of
`hpc_nu.interactions.mediators`, the baths those of `bath`, the integral over time that of `production`.

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
from hpc_nu.interactions.mediators import decay_width, is_perturbative
from hpc_nu.models.interface import Cost, Observable, Preparation
from hpc_nu.models.kept import kept
from hpc_nu.models.kev_neutrinos.bath import (
    BATHS_KEPT,
    REFERENCE_TEMPERATURE,
    bath,
    entropy_over_t3,
    hubble_rate,
    omega_per_yield,
    shared_bath,
)
from hpc_nu.models.kev_neutrinos.bounds import BOUND_COLUMNS, Relic, bound_values
from hpc_nu.models.kev_neutrinos.inputs import NO_MEDIATOR
from hpc_nu.models.kev_neutrinos.production import accumulate, production_rate
from hpc_nu.models.kev_neutrinos.relic import (
    MEAN_MOMENTUM_FERMI_DIRAC,
    dilution,
    free_streaming_horizon,
    thermal_relic_mass,
    velocity_today,
)
from hpc_nu.units import DARK_MATTER_DENSITY

MOST_F_RATIO = 0.1
"""f_s/f_a above which the missing back-reaction is no small correction."""

_SCALARS = (
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

_TRAJECTORIES = (
    Observable("Y_of_T", "1", "yield n/s", "trajectory"),
    Observable("df_dlnz", "1", "df_s/dln z at p/T = trajectory_momentum, z = 1 MeV/T", "trajectory"),
    Observable("Gamma_over_H", "1", "rate of the active neutrino over H, there", "trajectory"),
    Observable("Gamma_mediator_over_H", "1", "part of it that is due to the mediator", "trajectory"),
    Observable("mixing_ratio", "1", "sin^2 2 theta_eff/sin^2 2 theta, there", "trajectory"),
    Observable("V_over_D", "1", "thermal potential over m_4^2/(2 E), there: resonance at cos 2 theta", "trajectory"),
)

_SPECTRA = (
    Observable("f_s", "1", "occupation of the sterile neutrino after production, momentum p/T at 10 MeV", "spectrum"),
    Observable("f_s_over_f_a", "1", "occupation over that of the active neutrinos", "spectrum"),
    Observable("momentum", "1", "p/T at 10 MeV", "mode"),
    Observable("f_s_of_mode", "1", "occupation of the sterile neutrino after production", "mode"),
)

OBSERVABLES = (*_SCALARS, *BOUND_COLUMNS, *_TRAJECTORIES, *_SPECTRA)


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
        f = np.empty(self.bath.x.shape)
        accumulate(self.bath, self.rates, coupling, self.m_4, sin2, self.step, f)
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


def solve_cost(problem):
    """`Cost` of the `System` of one point and all of its observables."""
    entries = _entries(problem)
    solve = 3e-8 if problem.settings["mediator"] != NO_MEDIATOR else 1.6e-8
    seconds = 2e-4 + solve * entries + 1.6e-6 * problem.temperatures.size
    return Cost(seconds, (bath_cost(problem), rates_cost(problem.settings, entries)))


@kept(_KEPT)
def _shared_rates(settings, momenta, temperatures, mass):
    """Those of one mass, kept for the couplings of a campaign."""
    return rates_in(shared_bath(settings, momenta, temperatures), settings, mass)
