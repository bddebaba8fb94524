"""keV sterile neutrinos from resonant oscillations in a bath with lepton asymmetries: Shi and Fuller's mechanism.

Shi and Fuller, astro-ph/9810076; Laine and Shaposhnikov, arXiv:0804.4543; Venumadhav, Cyr-Racine, Abazajian and Hirata,
arXiv:1507.06655.  The kinetic equations, and how narrow resonances are integrated, are in `resonant_kernel`.  The bath
is the set-up `full` of `bath`, of each flavour that mixes; what the asymmetries n_a add to it is linear in them:

    V_a = sqrt2 G_F [n_a + (1/2) sum_b n_b + (T^2/12) sum_bc omega_bc n_c],        mu_a = omega_ab n_b,

with omega of `hpc_nu.plasma.charge_susceptibilities`.  The potential is that of Noetzold and Raffelt, Nucl. Phys. B 307
(1988) 924, with neutrinos, charged leptons and hadrons: n_nu_a + sum_b n_nu_b from the neutrinos, and the rest from
charges, whose sum vanishes; with it the weak mixing angle drops out, and n_nu_b = T^2 mu_b/6.  The asymmetry n_a is
that of all leptons of a flavour, neutrinos and charged ones, leptons minus antileptons; it is Y_a s, and Y_a is
constant but for what sterile neutrinos take.

Helicity - is what neutrinos are turned into, helicity + what antineutrinos are.  Momenta are p/T at 10 MeV, in bins
equidistant in ln p.  One flavour takes some 10 ms with 100 bins, three 20 ms, in proportion to the bins.

Not covered: oscillations between active flavours, which make asymmetries equal below 10 MeV; a baryon asymmetry;
asymmetries beyond linear order (|mu_a|/T up to 0.5, where a density is 2.5 % off); damping and V_T that depend on them;
the energy of sterile neutrinos in H; interference of flavours.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from hpc_nu.models.equation_of_state import (
    equation_of_state_problems,
    equation_of_state_tables,
    prepare_equation_of_state,
)
from hpc_nu.models.interface import (
    Cost,
    Model,
    Observable,
    Outcome,
    Parameter,
    Preparation,
    Setting,
    SolverSettings,
)
from hpc_nu.models.kept import kept
from hpc_nu.models.kev_neutrinos.bath import REFERENCE_TEMPERATURE, bath, entropy_over_t3
from hpc_nu.models.kev_neutrinos.bounds import BOUND_COLUMNS, BOUND_SETTINGS, Relic, bound_values
from hpc_nu.models.kev_neutrinos.inputs import NO_MEDIATOR, PARAMETERS, SETTINGS
from hpc_nu.models.kev_neutrinos.relic import (
    MEAN_MOMENTUM_FERMI_DIRAC,
    OMEGA_PER_YIELD,
    dilution,
    free_streaming_horizon,
    thermal_relic_mass,
    velocity_today,
)
from hpc_nu.models.kev_neutrinos.resonant_kernel import Equations, Mixing, Tables
from hpc_nu.models.kev_neutrinos.system import OBSERVABLES
from hpc_nu.models.limits import NO_LIMITS
from hpc_nu.plasma.charge_susceptibilities import inverse_susceptibility
from hpc_nu.plasma.neutrino_potential import neutrino_potential
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.plasma.table_builder import MASSLESS, identity
from hpc_nu.plasma.table_file import prepare_table, seconds_to_build
from hpc_nu.solver.exponential import Relaxation
from hpc_nu.units import DARK_MATTER_DENSITY, FERMI_CONSTANT

MOST_CHEMICAL_POTENTIAL = 0.5
"""|mu_a|/T up to which densities are taken as linear in it: the next order is (mu/(pi T))^2 of them."""

MOST_MIXING = 1e-5
"""sin^2 2theta of a flavour: with more, sterile neutrinos are in equilibrium, and too fast for these steps."""

LONGEST_STEP = 0.01
"""Of ln T."""

_OF_THE_BATH = ("opacity", "opacity_rate", "rate_factor", "potential", "equation_of_state")
_OF_THE_BINS = ("T_start", "T_end", "bins", "momentum_low", "momentum_high")
_INHERITED = {entry.name: entry for entry in (*PARAMETERS, *SETTINGS, *BOUND_SETTINGS, *OBSERVABLES)}
_BOUNDS = (
    "allowed_relic_density", "lifetime", "allowed_lifetime", "Gamma_photon", "sin2_2theta_limit_xray", "allowed_xray",
    "m_4_limit_phase_space", "allowed_phase_space", "allowed_lyman_alpha", "allowed",
)  # fmt: skip
_WITHOUT_MEDIATOR = {
    "mediator": NO_MEDIATOR, "flavour": "mu", "g_dof": 2.0, "higgs_vertex": "operator", "limits": NO_LIMITS,
}  # fmt: skip
"""What the bounds ask of settings that this model does not have."""

_SCALARS = (
    _INHERITED["Omega_h2"],
    Observable("Omega_over_dm", "1", f"relic density over {DARK_MATTER_DENSITY}, that of dark matter"),
    _INHERITED["Y"],
    Observable("Y_minus", "1", "n/s of helicity -, made from neutrinos"),
    Observable("Y_plus", "1", "n/s of helicity +, made from antineutrinos"),
    *(Observable(f"Y_Delta_{a}_end", "1", f"asymmetry n_{a}/s that is left") for a in FLAVOUR_NAMES),
    *(_INHERITED[name] for name in ("mean_momentum", "mean_momentum_over_active", "mean_momentum_today")),
    _INHERITED["T_production"],
    Observable("f_max", "1", "largest f_s for p/T above 0.1"),
    *(_INHERITED[name] for name in ("velocity_today", "free_streaming_horizon", "m_thermal_relic")),
    *(column for column in BOUND_COLUMNS if column.name in _BOUNDS),
)
_TRAJECTORIES = (
    Observable("Y_minus_of_T", "1", "n/s of helicity -", "trajectory"),
    Observable("Y_plus_of_T", "1", "n/s of helicity +", "trajectory"),
    *(Observable(f"Y_Delta_{a}_of_T", "1", f"asymmetry n_{a}/s", "trajectory") for a in FLAVOUR_NAMES),
    *(Observable(f"V_{a}", "GeV", f"potential of nu_{a} by the asymmetries; above zero helicity - is resonant",
                 "trajectory") for a in FLAVOUR_NAMES),
    *(Observable(f"resonance_{which}_{a}", "1", f"{words} resonant p/T of flavour {a} at T, to leading order, or NaN",
                 "trajectory") for a in FLAVOUR_NAMES for which, words in (("low", "smaller"), ("high", "larger"))),
)  # fmt: skip
_SPECTRA = (
    Observable("f_s", "1", "occupation of the sterile neutrino, mean of both helicities, momentum p/T at 10 MeV",
               "spectrum"),
    Observable("f_minus", "1", "occupation of helicity -; NaN outside of the bins", "spectrum"),
    Observable("f_plus", "1", "occupation of helicity +; NaN outside of the bins", "spectrum"),
)  # fmt: skip


class Bins(NamedTuple):
    """Modes and bath that all points share.

    Attributes
    ----------
    q : (n_q,) array
        p/T at 10 MeV of the bins' centres.
    temperatures : (n_T,) array [GeV]
        Of the photons.
    tables : Tables
    """

    q: np.ndarray
    temperatures: np.ndarray
    tables: Tables


def effect_of_asymmetries(temperatures, settings):
    """V_a/Y_b [GeV] and mu_a/(T Y_b): two (n_T, 3, 3) arrays, for temperatures (n_T,) [GeV]."""
    omega = inverse_susceptibility(temperatures, sphalerons=False)
    density = entropy_over_t3(temperatures, settings)[:, np.newaxis, np.newaxis]
    seen = np.eye(len(omega[0])) + 0.5 + omega.sum(axis=1)[:, np.newaxis, :] / 12
    t3 = temperatures[:, np.newaxis, np.newaxis] ** 3
    return math.sqrt(2) * FERMI_CONSTANT * t3 * density * seen, omega * density


def resonant_momenta(m_4, potential, shift, temperature):
    """The two k/T at which m_4^2/(2 k) + |V_T| = |V_a|, NaN where there are none.

    Parameters
    ----------
    m_4, potential, shift, temperature : arrays [GeV]
        Masses, |V_a|, |V_T|/(k/T) and T; broadcast against each other.

    Returns
    -------
    low, high : arrays
    """
    product = m_4**2 / (2 * temperature)
    with np.errstate(invalid="ignore"):
        total = potential + np.sqrt(potential**2 - 4 * shift * product)
    return 2 * product / total, total / (2 * shift)


def shift_over_momentum(temperatures):
    """|V_T|/(k/T) [GeV] at leading order: (n_T, 3) array."""
    return -neutrino_potential(temperatures, 0.0, temperatures, leading_order=True)[..., 0]


def latest_resonance_before(m_4, potential, shift, temperature):
    """The k/T to which the smaller resonance has come when T falls to `temperature`; arguments as `resonant_momenta`.

    Where it has met the larger one at T_m before: with V_a ~ T^3 and V_T ~ T^4 k, T_m/T is ratio^-1, and it is at k/T ~
    T^-3 of where D = |V_T| is now.
    """
    low, _ = resonant_momenta(m_4, potential, shift, temperature)
    product = m_4**2 / (2 * temperature)
    ratio = potential / (2 * np.sqrt(shift * product))
    return np.where(ratio < 1, np.sqrt(product / shift) * ratio**3, low)


BINS_KEPT = 2


@kept(BINS_KEPT)
def shared_bins(settings):
    """`Bins` of the settings."""
    start, end, low, high = (settings[name] for name in ("T_start", "T_end", "momentum_low", "momentum_high"))
    steps = math.ceil(math.log(start / end) / LONGEST_STEP)
    temperatures = np.geomspace(start, end, steps + 1)
    half_width = math.log(high / low) / (2 * settings["bins"])
    q = low * np.exp(half_width * (2 * np.arange(settings["bins"]) + 1))
    of_the_bath = {name: settings[name] for name in _OF_THE_BATH} | {"setup": "full"}
    baths = [bath(q, temperatures, of_the_bath | {"flavour": flavour}) for flavour in FLAVOUR_NAMES]
    t = baths[0].temperature
    potential, chemical = effect_of_asymmetries(temperatures, of_the_bath)
    weights = q**3 * 2 * half_width / (2 * np.pi**2) / entropy_over_t3(REFERENCE_TEMPERATURE, of_the_bath)
    width = np.stack([(one.rate / t**5).T for one in baths], axis=-1)
    shift = np.stack([(-one.shift / t**5).T for one in baths], axis=-1)
    x, potential = baths[0].x.T, potential / t[:, np.newaxis, np.newaxis] ** 3
    arrays = (np.ascontiguousarray(a) for a in (x, width, shift, potential, chemical, weights))
    tables = Tables(t, baths[0].clock, math.log(start / end) / steps, half_width, *arrays)
    return Bins(q, temperatures, tables)


class Produced(NamedTuple):
    """What has become of a point: occupations (n_q, 2), and the history (n_T, 5) that `Equations` record."""

    f: np.ndarray
    history: np.ndarray


class ResonantProduction(Model):
    """See the module's head."""

    name = "resonant_production"
    title = "sterile neutrinos of the keV scale from resonant oscillations in a bath with lepton asymmetries"
    reference = "astro-ph/9810076 and arXiv:1507.06655"
    parameters = (
        _INHERITED["m_4"],
        *(Parameter(f"sin2_2theta_{a}", "1", 0.0, MOST_MIXING, f"sin^2 2 theta in vacuum with nu_{a}",
                    f"sin^2 2 theta_{a}") for a in FLAVOUR_NAMES),
        *(Parameter(f"Y_Delta_{a}_start", "1", -0.02, 0.02,
                    f"asymmetry n_{a}/s at T_start: leptons of this flavour, nu_{a} and {a}, minus antileptons",
                    f"Y_Delta_{a}", default=0.0) for a in FLAVOUR_NAMES),
    )  # fmt: skip
    settings = (
        *(_INHERITED[name] for name in _OF_THE_BATH),
        Setting("sampling", "bin_average", "of rates: averaged over each bin, or at its centre, which is slow and"
                " converges slowly: for comparison with codes that do so", ("bin_average", "point")),
        Setting("bins", 100, "of equal width in ln p", low=10, high=4000),
        Setting("momentum_low", 0.005, "p/T at 10 MeV where the first bin begins", low=1e-5, high=0.1),
        Setting("momentum_high", 15.0, "p/T at 10 MeV where the last bin ends", low=5.0, high=50.0),
        Setting("T_start", 4.0, "highest temperature: the asymmetries are those there", low=0.5, high=20.0, unit="GeV"),
        Setting("T_end", 0.005, "lowest temperature", low=0.002, high=0.05, unit="GeV"),
        _INHERITED["lyman_alpha_mass"],
    )  # fmt: skip
    observables = (*_SCALARS, *_TRAJECTORIES, *_SPECTRA)
    can_pause = True

    def check(self, settings, temperatures):
        outside = [t for t in temperatures if not settings["T_end"] <= t <= settings["T_start"]]
        if not outside:
            return []
        span = f"T_end ... T_start = {settings['T_end']:g} ... {settings['T_start']:g} GeV"
        return [("output.temperatures", f"{outside[0]:g} GeV is outside {span}")]

    def check_points(self, settings, points, temperatures):
        problems = equation_of_state_problems(settings, settings["T_end"], settings["T_start"])
        if problems:
            return problems
        sin2, asymmetries = _of_flavours("sin2_2theta_{}", points), _of_flavours("Y_Delta_{}_start", points)
        if np.any(np.max(sin2, axis=0) == 0):
            problems.append("sin2_2theta_e, _mu and _tau are all 0: expected one above, or there is no production")
        if settings["opacity"] == "published_fit" and np.any(sin2[[0, 2]] > 0):
            text = "opacity = published_fit is that of nu_mu, and other flavours mix"
            problems.append(f"{text}; expected opacity = self_energy, or sin2_2theta_e = sin2_2theta_tau = 0")
        problems += _beyond_linear(settings, asymmetries)
        return problems or _missed_resonance(settings, points["m_4"], sin2, asymmetries)

    def tables(self, settings, points):
        tables = {"self-energy (massless)": identity(MASSLESS)} if _needs_table(settings) else {}
        return tables | equation_of_state_tables(settings)

    def prepare(self, variations, points, communicator):
        if any(_needs_table(settings) for settings in variations):
            prepare_table("massless", communicator)
        prepare_equation_of_state(variations, communicator)

    def seconds_to_prepare(self, variations, points):
        return seconds_to_build("massless") if any(_needs_table(settings) for settings in variations) else 0.0

    def cost(self, problem):
        settings = problem.settings
        entries = math.log(settings["T_start"] / settings["T_end"]) / LONGEST_STEP * settings["bins"]
        flavours = np.count_nonzero(_of_flavours("sin2_2theta_{}", problem.point), axis=0)
        each = {"bin_average": 8e-8, "point": 4e-7}[settings["sampling"]]
        steps_per_node = 1 + 0.6 * (SolverSettings.rtol / problem.solver.rtol) ** (1 / 3)
        to_prepare = {"self_energy": 2.6e-6, "published_fit": 1.4e-6}[settings["opacity"]] * entries
        key = tuple(settings[name] for name in (*_OF_THE_BATH, *_OF_THE_BINS))
        solve = 1e-3 + each * entries * steps_per_node * flavours
        return Cost(solve, (Preparation(to_prepare, key=key, kept=BINS_KEPT),))

    def solve(self, problem, state=None, pause=lambda: False):
        point, settings = problem.point, problem.settings
        bins = shared_bins(settings)
        sin2 = _of_flavours("sin2_2theta_{}", point)
        flavours = np.flatnonzero(sin2)
        mixing = Mixing(point["m_4"], flavours, sin2[flavours], settings["sampling"] == "bin_average")
        lengths = np.full(len(bins.temperatures) - 1, bins.tables.spacing)
        nothing, asymmetries = np.zeros((len(bins.q), 2)), _of_flavours("Y_Delta_{}_start", point)
        run = Relaxation(Equations(bins.tables, mixing), lengths, problem.solver, nothing, asymmetries, state)
        return Outcome.of_evolution(
            run,
            run.run(pause),
            lambda: _observables(problem, bins, Produced(run.state.f, run.records)),
            lambda z: f"T = {settings['T_start'] * math.exp(-z):.6g} GeV",
        )


def _of_flavours(name, point):
    """(3, ...) array of the parameters `name` of a point, or of many."""
    return np.array([point[name.format(flavour)] for flavour in FLAVOUR_NAMES])


def _needs_table(settings):
    return settings["opacity"] == "self_energy"


# --------------------------------------------------------------------------------------------- what is not accepted


def _beyond_linear(settings, asymmetries):
    """Problem, if there is one, of asymmetries (3, n_tasks) that are too large."""
    for t in np.geomspace(settings["T_start"], settings["T_end"], 20):
        mu = np.abs(effect_of_asymmetries(np.array([t]), _full(settings))[1][0] @ asymmetries)
        a, task = np.unravel_index(np.argmax(mu), mu.shape)
        if mu[a, task] > MOST_CHEMICAL_POTENTIAL:
            given = ", ".join(f"{y:g}" for y in asymmetries[:, task])
            most = f"at most {MOST_CHEMICAL_POTENTIAL:g}, where potentials are linear in asymmetries"
            at = f"mu/T of flavour {FLAVOUR_NAMES[a]} would be {mu[a, task]:.3g} at T = {t:.3g} GeV"
            return [f"Y_Delta_e_start, _mu_, _tau_ = {given}: {at}; expected {most}"]
    return []


def _missed_resonance(settings, m_4, sin2, asymmetries):
    """Problem, if there is one, of points whose resonance has been among the bins before T_start."""
    start = settings["T_start"]
    potential = np.abs(effect_of_asymmetries(np.array([start]), _full(settings))[0][0] @ asymmetries)
    reached = latest_resonance_before(m_4, potential, shift_over_momentum(start)[:, np.newaxis], start)
    reached = np.max(np.where(sin2 > 0, reached, 0.0), axis=0)
    entropies = [entropy_over_t3(t, _full(settings)) for t in (start, REFERENCE_TEMPERATURE)]
    lowest = settings["momentum_low"] * (entropies[0] / entropies[1]) ** (1 / 3)
    task = np.argmax(reached)
    if reached[task] <= lowest:
        return []
    at = f"at p/T = {reached[task]:.2g}, in the bins, which begin at {lowest:.2g} there"
    text = f"T_start = {start:g} GeV is too low: with m_4 = {m_4[task]:g} GeV the resonance has been {at}"
    return [
        f"{text}; expected about T_start = {start * (reached[task] / lowest) ** 0.25:.2g} GeV, or larger bins' start"
    ]


def _full(settings):
    return {"setup": "full", "equation_of_state": settings["equation_of_state"]}


# ---------------------------------------------------------------------------------------------------------- results


def _observables(problem, bins, produced):
    """All of them, by kind."""
    values = {"scalar": _scalars(problem, bins, produced), "trajectory": {}, "spectrum": {}}
    if problem.temperatures.size:
        values["trajectory"] = _trajectories(problem, bins, produced)
    if problem.momenta.size:
        values["spectrum"] = _spectra(problem.momenta, bins, produced)
    return values


def _scalars(problem, bins, produced):
    m_4, weights, f = problem.point["m_4"], bins.tables.weights, produced.f.mean(axis=1)
    *left, minus, plus = produced.history[-1]
    made = produced.history[:, 3:].sum(axis=1)
    omega = OMEGA_PER_YIELD * m_4 * made[-1]
    mean = (weights * bins.q) @ f / (weights @ f)
    mean_today = mean * dilution(entropy_over_t3(REFERENCE_TEMPERATURE, _full(problem.settings)))
    relic_mass = thermal_relic_mass(mean_today, m_4)
    densest = np.max(f[bins.q > 0.1])
    bounds = bound_values(
        _WITHOUT_MEDIATOR | {"lyman_alpha_mass": problem.settings["lyman_alpha_mass"]},
        0.0, 0.0, m_4, float(_of_flavours("sin2_2theta_{}", problem.point).sum()),
        Relic(omega, omega, omega, densest, relic_mass),
    )  # fmt: skip
    return {
        "Omega_h2": omega,
        "Omega_over_dm": omega / DARK_MATTER_DENSITY,
        "Y": made[-1],
        "Y_minus": minus,
        "Y_plus": plus,
        "mean_momentum": mean,
        "mean_momentum_over_active": mean / MEAN_MOMENTUM_FERMI_DIRAC,
        "mean_momentum_today": mean_today,
        "T_production": math.exp(np.interp(0.5 * made[-1], made, np.log(bins.temperatures))),
        "f_max": densest,
        "velocity_today": velocity_today(mean_today, m_4),
        "free_streaming_horizon": free_streaming_horizon(mean_today, m_4),
        "m_thermal_relic": relic_mass,
        **{f"Y_Delta_{a}_end": y for a, y in zip(FLAVOUR_NAMES, left, strict=True)},
        **{name: bounds[name] for name in _BOUNDS},
    }


def _trajectories(problem, bins, produced):
    t = problem.temperatures
    history = np.array([np.interp(-np.log(t), -np.log(bins.temperatures), y) for y in produced.history.T])
    potential = np.einsum("tab,bt->at", effect_of_asymmetries(t, _full(problem.settings))[0], history[:3])
    low, high = resonant_momenta(problem.point["m_4"], np.abs(potential), shift_over_momentum(t).T, t)
    values = {"Y_minus_of_T": history[3], "Y_plus_of_T": history[4]}
    for a, flavour in enumerate(FLAVOUR_NAMES):
        values[f"Y_Delta_{flavour}_of_T"], values[f"V_{flavour}"] = history[a], potential[a]
        values[f"resonance_low_{flavour}"], values[f"resonance_high_{flavour}"] = low[a], high[a]
    return values


def _spectra(momenta, bins, produced):
    """Cubics in ln f and ln p between the bins' centres that are monotonous where f is."""
    half, at, centres = bins.tables.half_width, np.log(momenta), np.log(bins.q)
    ln_f = np.log(np.maximum(produced.f, np.finfo(float).tiny))
    is_inside = (at >= centres[0] - half) & (at <= centres[-1] + half)
    minus, plus = np.where(is_inside[:, np.newaxis], np.exp(PchipInterpolator(centres, ln_f)(at)), np.nan).T
    return {"f_s": (minus + plus) / 2, "f_minus": minus, "f_plus": plus}
