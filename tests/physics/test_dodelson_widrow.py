"""Dodelson-Widrow with and without mediators: closed forms, an independent integration, published numbers."""

import literal_dodelson_widrow as literal
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import trapezoid
from scipy.special import zeta

from hpc_nu.models.interface import Problem
from hpc_nu.models.kev_neutrinos import relic
from hpc_nu.models.kev_neutrinos.bath import REFERENCE_TEMPERATURE, bath
from hpc_nu.models.kev_neutrinos.dodelson_widrow import DodelsonWidrow
from hpc_nu.models.limits import user_limits
from hpc_nu.plasma.opacity_fit import opacity_coefficient
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver.momentum_grid import gauss_legendre
from hpc_nu.units import AGE_OF_UNIVERSE, ENERGY_GEV, FERMI_CONSTANT, PLANCK_MASS

MODEL = DodelsonWidrow()
DEFAULTS = {setting.name: setting.default for setting in MODEL.settings}
PAPER = {"setup": "paper"}
FIT = {"opacity": "published_fit", "opacity_rate": "loss"}
"""As in the literature that the numbers are from."""
LETTER = {"m_4": 7.1e-6, "sin2_2theta": 7e-11}
"""Mass [GeV] and mixing of figs. 2-4 of arXiv:1910.04901."""

A, B, C = (3.0, 0.2511), (1.0, 7.18e-3), (0.1, 8.24e-6)
"""Mass [GeV] and coupling of a scalar on each branch of fig. 2 of the letter."""

LIGHT = (0.001, 5e-6)
"""On branch C, too, with time between the end of mixing's suppression and that of the mediator's production."""


def solve(settings=PAPER, temperatures=(), momenta=(), n_modes=32, mediator="none", at=(0.0, 0.0), **point):
    """All observables of the letter's point, without kinds; `at` is mass and coupling of the mediator."""
    problem = Problem(
        {**LETTER, "m_mediator": at[0], "coupling": at[1], **point},
        {**DEFAULTS, "mediator": mediator, **settings},
        gauss_legendre(n_modes),
        np.array(temperatures, dtype=float),
        np.array(momenta, dtype=float),
    )
    outcome = MODEL.solve(problem)
    assert outcome.code is ResultCode.DONE
    return {name: value for named in outcome.observables.values() for name, value in named.items()}


def omega(*arguments, **keywords):
    return solve(*arguments, **keywords)["Omega_h2"]


def slope(name, settings=PAPER, **keywords):
    """d ln(Omega h^2)/d ln(...) of "coupling", "m_mediator" or "m_4"; `keywords` as for `solve`."""
    values = []
    for factor in (0.99, 1.01):
        changed = dict(keywords)
        mass, coupling = changed.get("at", (0.0, 0.0))
        if name == "m_4":
            changed["m_4"] = LETTER["m_4"] * factor
        else:
            changed["at"] = (mass * factor, coupling) if name == "m_mediator" else (mass, coupling * factor)
        values.append(np.log(omega(settings, **changed)))
    return (values[1] - values[0]) / np.log(1.01 / 0.99)


# ------------------------------------------------------------------------------------------------- closed forms


def test_without_mediator_the_paper_set_up_has_a_closed_form():
    """f_s = f_FD pi g_0 s^2/(48 v_0^(1/2)): D^2 s^2 neglected, from T = infinity to 0."""
    momenta = np.array([0.1, 1.0, 3.0, 10.0])
    found = solve(momenta=momenta)
    h_0 = np.sqrt(8 * np.pi**3 * 10.75 / 90) / PLANCK_MASS
    g_0 = 0.92 * FERMI_CONSTANT**2 / h_0
    v_0 = 2 * 3.72 * FERMI_CONSTANT * (2 / 80.379**2 + 1 / 91.1876**2) / LETTER["m_4"] ** 2
    expected = np.pi * g_0 * LETTER["sin2_2theta"] / (48 * np.sqrt(v_0))
    assert_allclose(found["f_s_over_f_a"], expected, rtol=2e-4)
    assert_allclose(found["mean_momentum"], relic.MEAN_MOMENTUM_FERMI_DIRAC, rtol=1e-4)


def test_without_mediator_the_relic_density_goes_like_the_mixing_and_the_mass_squared():
    assert_allclose(omega(sin2_2theta=7e-9) / omega(), 100, rtol=1e-6)
    assert_allclose(slope("m_4"), 2.0, rtol=1e-3)
    found = solve()
    assert_allclose(omega(sin2_2theta=found["sin2_2theta_relic"]), 0.12, rtol=1e-8)


def test_a_heavy_mediator_has_the_same_closed_form():
    """Branch A: g_0 = 7 pi lam^4/(1440 m^4)/h_0, v_0 = 7 pi^2 lam^2/(45 m^4 m_4^2); the weak interaction adds 1e-3."""
    mass, coupling = A
    h_0 = np.sqrt(8 * np.pi**3 * 10.75 / 90) / PLANCK_MASS
    g_0 = 7 * np.pi * coupling**4 / (1440 * mass**4) / h_0
    v_0 = 7 * np.pi**2 * coupling**2 / (45 * mass**4 * LETTER["m_4"] ** 2)
    expected = np.pi * g_0 * LETTER["sin2_2theta"] / (48 * np.sqrt(v_0))
    found = solve(mediator="scalar", at=A, momenta=[1.0, 3.0])
    assert_allclose(found["f_s_over_f_a"], expected, rtol=3e-3)


def test_a_light_mediator_has_a_closed_form():
    """Branch C: f_s/f_FD = (s^2/4) lam^2 Gamma(5/2) eta(5/2)/(4 pi x^(1/2) h_0 m), no potential, no weak rate."""
    mass, coupling = 0.01, 1e-7
    momenta = np.array([0.3, 1.0, 3.0])
    h_0 = np.sqrt(8 * np.pi**3 * 10.75 / 90) / PLANCK_MASS
    moment = 0.75 * np.sqrt(np.pi) * (1 - 2**-1.5) * zeta(2.5)  # Gamma(5/2) eta(5/2)
    assert_allclose(moment, 1.1528, rtol=1e-4)
    expected = LETTER["sin2_2theta"] / 4 * coupling**2 * moment / (4 * np.pi * np.sqrt(momenta) * h_0 * mass)
    weak = solve(momenta=momenta)["f_s_over_f_a"]
    found = solve(mediator="scalar", at=(mass, coupling), momenta=momenta)
    assert_allclose(found["f_s_over_f_a"] - weak, expected, rtol=5e-3)
    grid, alone, both = gauss_legendre(32), solve(), solve(mediator="scalar", at=(mass, 1e-6))
    density = grid.weights * (both["f_s_of_mode"] - alone["f_s_of_mode"])
    assert_allclose(density @ grid.nodes / density.sum(), 2.674, rtol=2e-3)  # (5/2) eta(7/2)/eta(5/2)


# -------------------------------------------------------------------------------------- an independent integration


@pytest.mark.parametrize(
    "mediator, at, velocity",
    [("none", (0.0, 0.0), "paper"), ("scalar", B, "paper"), ("scalar", (0.8, 2e-3), "moller"),
     ("neutrinophilic", (1.0, 0.05374), "paper")],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_the_papers_equations_integrated_literally_give_the_same(mediator, at, velocity):
    x = 1.3
    expected = literal.occupation(x, **LETTER_NAMES, kind=mediator, mass=at[0], coupling=at[1], velocity=velocity)
    found = solve(PAPER | {"velocity": velocity}, mediator=mediator, at=at, momenta=[x])
    assert_allclose(found["f_s"][0], expected, rtol=4e-3)


LETTER_NAMES = {"m_4": LETTER["m_4"], "sin2": LETTER["sin2_2theta"]}


@pytest.mark.parametrize("at", [A, B, C, (0.3, 1e-4), (2.0, 1e-3)])
def test_steps_and_modes_are_converged(at):
    fine = omega(PAPER | {"temperature_steps": 4000}, mediator="scalar", at=at, n_modes=96)
    assert_allclose(omega(mediator="scalar", at=at), fine, rtol=2e-5)


def test_narrow_resonances_are_integrated():
    """Without the mediator's own scattering off shell the resonance of B is narrower than a step."""
    settings = PAPER | {"n_G": 1e-6}
    fine = omega(settings | {"temperature_steps": 50_000}, mediator="scalar", at=(1.0, 1e-2), n_modes=24)
    assert_allclose(omega(settings, mediator="scalar", at=(1.0, 1e-2), n_modes=24), fine, rtol=1e-3)


# ------------------------------------------------------------------------------------------------ reference numbers


@pytest.mark.parametrize("m_kev, sin2", [(2, 2.956e-8), (5, 4.729e-9), (7.1, 2.346e-9), (10, 1.182e-9), (50, 4.73e-11)])
def test_the_line_of_the_paper_set_up(m_kev, sin2):
    assert_allclose(solve(m_4=m_kev * 1e-6)["sin2_2theta_relic"], sin2, rtol=1e-3)


@pytest.mark.parametrize(
    "m_kev, sin2", [(2, 2.230e-8), (5, 3.589e-9), (7.1, 1.782e-9), (10, 8.995e-10), (50, 3.61e-11)]
)
def test_the_line_with_the_potential_of_noetzold_and_raffelt(m_kev, sin2):
    found = solve(PAPER | {"potential": "noetzold_raffelt"}, m_4=m_kev * 1e-6)
    assert_allclose(found["sin2_2theta_relic"], sin2, rtol=5e-3)


@pytest.mark.parametrize(
    "m_kev, sin2, tolerance",
    [(2, 1.842e-8, 0.02), (5, 3.680e-9, 0.02), (7.1, 2.050e-9, 0.02), (10, 1.163e-9, 0.02), (50, 6.93e-11, 0.08)],
)
def test_the_line_with_published_opacities(m_kev, sin2, tolerance):
    """Of loss.  50 keV are made at 0.2-0.5 GeV, where equations of state differ by up to 15 %; see the next test."""
    assert_allclose(solve(FIT, m_4=m_kev * 1e-6)["sin2_2theta_relic"], sin2, rtol=tolerance)


def test_equations_of_state_differ_by_per_cents_at_50_kev():
    line = [
        solve(FIT | {"equation_of_state": name}, m_4=5e-5)["sin2_2theta_relic"]
        for name in ("saikawa_shirai", "borsanyi", "hotqcd")
    ]
    assert 0.01 < max(line) / min(line) - 1 < 0.05


def test_the_public_code_with_the_same_opacities():
    """arXiv:1507.06655 with a lepton asymmetry of 1e-12: 0.11771 and 2.0263e-4; <p/T> = 2.758 at 7.1 keV.

    It has rates of loss.
    """
    found = solve(FIT, m_4=7.1e-6, sin2_2theta=2.05e-9)
    assert_allclose(found["Omega_h2"], 0.11771, rtol=0.025)
    assert_allclose(found["mean_momentum"], 2.758, rtol=0.02)
    assert_allclose(omega(FIT, m_4=1e-5, sin2_2theta=2e-12), 2.0263e-4, rtol=0.04)


@pytest.mark.parametrize(
    "mediator, at",
    [("scalar", (0.005, 1.828e-6)), ("scalar", (0.01, 2.586e-6)), ("scalar", (0.03, 4.481e-6)),
     ("scalar", (0.1, 8.243e-6)), ("scalar", (1, 5.867e-5)), ("scalar", (1, 7.183e-3)), ("scalar", (1, 0.1203)),
     ("scalar", (3, 0.2511)), ("scalar", (10, 0.5607)),
     ("neutrinophilic", (0.01, 1.828e-6)), ("neutrinophilic", (0.1, 5.829e-6)), ("neutrinophilic", (0.3, 1.080e-5)),
     ("neutrinophilic", (1, 4.148e-5)), ("neutrinophilic", (1, 5.081e-3)), ("neutrinophilic", (1, 5.374e-2)),
     ("neutrinophilic", (3, 0.1120)), ("neutrinophilic", (10, 0.2499)),
     ("lmu_ltau", (3, 0.0889)), ("b_minus_l", (3, 0.0736))],
)  # fmt: skip
def test_couplings_of_the_letters_point(mediator, at):
    """Omega h^2 = 0.12 at these couplings, to 1 % of the coupling."""
    found = np.log(omega(mediator=mediator, at=at) / 0.12) / slope("coupling", mediator=mediator, at=at)
    assert abs(found) < 0.01


@pytest.mark.parametrize("at", [(0.1, 4.752e-4), (1, 0.605)])
def test_couplings_of_a_heavier_neutrino(at):
    heavier = {"m_4": 5e-5, "sin2_2theta": 1e-15, "mediator": "neutrinophilic"}
    assert_allclose(omega(at=at, **heavier), 0.12, rtol=0.01)


@pytest.mark.parametrize("at", [(0.1, 9.17e-6), (0.3, 2.06e-5), (1, 1.01e-4), (1, 4.95e-3), (1, 0.1224), (3, 0.2646)])
def test_couplings_of_the_full_set_up(at):
    found = np.log(omega(FIT, mediator="scalar", at=at) / 0.12) / slope("coupling", FIT, mediator="scalar", at=at)
    assert abs(found) < 0.01


def test_the_three_vectors_coincide_where_they_are_on_shell():
    for at in (C, (1.0, 4.148e-5)):
        neutrinophilic, *gauged = (omega(mediator=m, at=at) for m in ("neutrinophilic", "lmu_ltau", "b_minus_l"))
        assert_allclose(gauged, neutrinophilic, rtol=1e-4)


def test_a_vector_on_branch_c_is_a_scalar_of_twice_the_rate():
    mass, coupling = C
    assert_allclose(
        omega(mediator="neutrinophilic", at=(mass, coupling / np.sqrt(2))), omega(mediator="scalar", at=C), rtol=1e-6
    )


@pytest.mark.parametrize(
    "at, by_coupling, by_mass, by_m_4, mean",
    [(A, 3.00, -2.00, 2.00, 3.152), (B, -1.72, -4.73, 4.72, 4.48), (C, 1.94, -1.00, 1.04, 2.69)],
)
def test_scalings_of_the_branches(at, by_coupling, by_mass, by_m_4, mean):
    arguments = {"mediator": "scalar", "at": at}
    assert_allclose(slope("coupling", **arguments), by_coupling, atol=0.02)
    assert_allclose(slope("m_mediator", **arguments), by_mass, atol=0.02)
    assert_allclose(slope("m_4", **arguments), by_m_4, atol=0.02)
    assert_allclose(solve(**arguments)["mean_momentum"], mean, rtol=2e-3)


@pytest.mark.parametrize(
    "at, velocity, z, power",
    [(A, "paper", 6e-3, 9.0), (A, "paper", 1.0, -3.0), (LIGHT, "paper", 0.1, 2.0), (LIGHT, "moller", 0.1, 3.0)],
)
def test_growth_of_the_production_rate(at, velocity, z, power):
    """df_s/dln z at p = T: z^9 and z^-3 on A; z^2 on C while the mediator is light, z^3 with Moeller velocity."""
    temperatures = 1e-3 / (z * np.array([0.95, 1.05]))
    rate = solve(PAPER | {"velocity": velocity}, mediator="scalar", at=at, temperatures=temperatures)["df_dlnz"]
    found = np.log(rate[1] / rate[0]) / np.log(1.05 / 0.95)
    assert_allclose(found, power, atol=0.02 if at is LIGHT else 0.1)


def test_the_potential_of_point_b_changes_sign_before_its_production_ends():
    """F(1, r) = 0 at r = 2.95, where D c = V once; at p = T most is made later, near z = 0.006."""
    z = np.geomspace(1e-3, 2e-2, 600)
    found = solve(mediator="scalar", at=B, temperatures=1e-3 / z)
    above = found["V_over_D"] > 1
    [crossing] = z[1:][above[1:] != above[:-1]]
    assert_allclose(crossing, 2.95e-3, rtol=0.01)
    assert_allclose(z[np.argmax(found["df_dlnz"])], 5.8e-3, rtol=0.05)


@pytest.mark.parametrize(
    "m_kev, expected, at", [(2, 0.064, (2.0, 0.015)), (7.1, 0.104, (3.2, 0.022)), (50, 0.211, (6.3, 0.05))]
)
def test_mediators_can_hinder_production(m_kev, expected, at):
    """Smallest Omega/Omega_DW near these masses and couplings: fig. 5 of the letter, above the Dodelson-Widrow line."""
    ratios = [
        solve(mediator="scalar", m_4=m_kev * 1e-6, at=(at[0] * dm, at[1] * dg), n_modes=16)["Omega_over_DW"]
        for dm in (0.8, 1.0, 1.25)
        for dg in (0.8, 1.0, 1.25)
    ]
    assert_allclose(min(ratios), expected, rtol=0.1)


def test_overproduction_is_flagged():
    found = solve(mediator="scalar", at=(0.3, 1.0))
    assert_allclose(found["Omega_h2"], 759, rtol=0.01)
    assert found["equation_valid"] == 0.0 and found["f_ratio_max"] > 0.1
    assert solve()["equation_valid"] == 1.0


# --------------------------------------------------------------------------------------------- the bath, set-up full


def test_published_opacities_are_close_to_our_own():
    """A loss rate is 1 - n_F times an equilibration rate; the range of confinement is left out."""
    momenta = np.array([0.5, 1.0, 3.0, 6.0])
    temperatures = np.array([3.0, 1.0, 0.1, 0.05, 0.03])
    own = bath(momenta, temperatures, DEFAULTS)
    loss = own.rate * (1 - own.fermi) / (FERMI_CONSTANT**2 * own.temperature**4 * own.energy)
    assert_allclose(loss, opacity_coefficient(own.x, own.temperature), rtol=0.12)
    for kind in ("equilibration", "loss"):
        own, fit = (bath(momenta, temperatures, DEFAULTS | {"opacity": opacity, "opacity_rate": kind}).rate
                    for opacity in ("self_energy", "published_fit"))  # fmt: skip
        assert_allclose(own, fit, rtol=0.12)


@pytest.mark.parametrize("opacity", ["self_energy", "published_fit"])
def test_the_loss_is_the_width_without_what_is_regained(opacity):
    momenta, temperatures = [0.01, 1.0, 10.0], [5.0, 0.3, 0.02, 5e-3]
    width, loss = (bath(momenta, temperatures, DEFAULTS | {"opacity": opacity, "opacity_rate": kind})
                   for kind in ("equilibration", "loss"))  # fmt: skip
    assert_allclose(loss.rate, width.rate * np.exp(width.x) / (np.exp(width.x) + 1), rtol=1e-14)
    assert_allclose(loss.shift, width.shift, rtol=0)


@pytest.mark.parametrize("m_kev", [2, 7.1, 10])
@pytest.mark.parametrize("kind", ["equilibration", "loss"])
def test_opacities_of_one_kind_give_one_line(kind, m_kev):
    """Above the masses that confinement makes uncertain; different kinds are 8 % apart."""
    own, fit = (solve({"opacity": opacity, "opacity_rate": kind}, m_4=m_kev * 1e-6)["sin2_2theta_relic"]
                for opacity in ("self_energy", "published_fit"))  # fmt: skip
    assert_allclose(own, fit, rtol=0.015)


@pytest.mark.parametrize("settings", [PAPER, {}, FIT])
def test_a_factor_on_the_rate_is_one_on_the_relic_density(settings):
    """D^2 s^2 and Gamma^2 hardly matter without a mediator."""
    usual, twice = (bath([1.0], [1.0, 0.1], DEFAULTS | settings | {"rate_factor": f}).rate for f in (1.0, 2.0))
    assert_allclose(twice, 2 * usual, rtol=1e-15)
    assert_allclose(omega(settings | {"rate_factor": 2.0}) / omega(settings), 2, rtol=1e-3)


def test_the_bath_redshifts_with_the_entropy():
    found = bath([1.0], [10.0, 1.0, REFERENCE_TEMPERATURE, 1e-4], DEFAULTS)
    assert_allclose(found.x[0, 2:], 1.0, rtol=1e-12)
    assert 1.9 < found.x[0, 0] < 2.1  # (86/10.75)^(1/3)
    assert_allclose(found.temperature[3] / 1e-4, (3.91 / 10.75) ** (1 / 3), rtol=0.08)  # on the way to (4/11)^(1/3)
    paper = bath([1.0], [10.0, 1e-4], DEFAULTS | PAPER)
    assert_allclose(paper.x, 1.0)
    assert_allclose(paper.clock, np.sqrt(8 * np.pi**3 * 10.75 / 90) * paper.temperature**2 / PLANCK_MASS, rtol=1e-12)


@pytest.mark.parametrize("mass, expected", [(0.001, 0.1710), (0.002, 0.0867), (0.005, 0.0349)])
def test_light_mediators_are_made_by_decoupled_neutrinos(mass, expected):
    """Against an integration with the neutrinos' own temperature as its clock, decoupling at 2 MeV."""
    assert_allclose(omega({}, mediator="scalar", at=(mass, 1e-6)) - omega({}), expected, rtol=0.03)


def test_too_narrow_a_range_of_temperatures_shows():
    assert solve()["made_at_ends"] < 1e-4
    assert solve(PAPER | {"T_start": 0.1, "T_end": 0.01})["made_at_ends"] > 0.5


def excluding(found):
    """Names of the flags that are 0."""
    return {name.removeprefix("allowed_") for name, value in found.items() if name[:8] == "allowed_" and value == 0}


@pytest.mark.parametrize(
    "point, excluded",
    [({"m_4": 1e-3, "sin2_2theta": 1.0}, {"relic_density", "lifetime"}), ({"m_4": 1e-3}, {"relic_density", "lifetime"}),
     ({"sin2_2theta": 1e-7}, {"relic_density", "xray", "lyman_alpha"}),
     ({"m_4": 5e-7, "sin2_2theta": 4.73e-7}, {"phase_space", "lyman_alpha"})],
)  # fmt: skip
def test_what_is_excluded(point, excluded):
    found = solve(**point)
    assert excluding(found) == excluded
    assert found["allowed"] == 0.0


@pytest.mark.parametrize("m_kev, others", [(2, set()), (5, set()), (7.1, set()), (9, set()), (20, {"xray"})])
@pytest.mark.parametrize("settings", [PAPER, {}])
def test_dodelson_widrow_dark_matter_is_excluded_by_the_forest(settings, m_kev, others):
    """As arXiv:1910.04901 and 2005.03681 say of it; the diffuse X-rays alone begin near 10 keV."""
    mixing = solve(settings, m_4=m_kev * 1e-6)["sin2_2theta_relic"]
    found = solve(settings, m_4=m_kev * 1e-6, sin2_2theta=mixing)
    assert excluding(found) == {"lyman_alpha"} | others and found["allowed"] == 0.0
    assert excluding(solve(settings | {"lyman_alpha_mass": 0.0}, m_4=m_kev * 1e-6, sin2_2theta=mixing)) == others


def test_a_part_of_dark_matter_is_not_excluded_by_bounds_on_all_of_it():
    """3 % of dark matter: too warm and too thin for all of it, and nobody knows for so little."""
    found = solve()
    assert found["Omega_h2"] < 0.005 and found["m_thermal_relic"] < 5.3e-6
    assert np.isnan(found["allowed_lyman_alpha"]) and np.isnan(found["allowed"]) and not excluding(found)
    thin = solve(m_4=2e-7, sin2_2theta=1e-9)
    assert thin["m_4_limit_phase_space"] > 2e-7 and np.isnan(thin["allowed_phase_space"]) and not excluding(thin)
    heavy = solve(m_4=1e-3, sin2_2theta=1e-13)  # whose photons nobody has seen, but no bound says so here
    assert heavy["Omega_h2"] < 0.11 and heavy["lifetime"] > AGE_OF_UNIVERSE
    assert np.isnan(heavy["allowed_xray"]) and np.isnan(heavy["allowed"]) and not excluding(heavy)


def test_a_cold_part_is_allowed_as_all_of_it_would_be():
    found = solve(m_4=5e-5, sin2_2theta=1e-13)
    assert found["Omega_h2"] < 0.01 and found["m_thermal_relic"] > 5.3e-6 and found["allowed"] == 1.0


def test_x_rays_count_particles():
    """3e-5 (m_4/keV)^-5 for Omega sin^2 2 theta, astro-ph/0512509: twice the mixing, twice the particles."""
    once, twice = solve(sin2_2theta=1e-10), solve(sin2_2theta=2e-10)
    for found in (once, twice):
        assert_allclose(found["sin2_2theta_limit_xray"] * found["Omega_h2"] / 0.6736**2, 3e-5 * 7.1**-5, rtol=1e-12)
    assert_allclose(once["sin2_2theta_limit_xray"] / twice["sin2_2theta_limit_xray"], 2, rtol=1e-6)
    limit = (1e-10 * once["sin2_2theta_limit_xray"]) ** 0.5  # production is linear
    assert [solve(sin2_2theta=limit * by)["allowed_xray"] for by in (0.99, 1.01)] == [1.0, 0.0]


def test_limits_for_which_the_laboratory_has_curves_alone_are_not_told(tmp_path):
    """A gauged mediator: nothing else speaks against it, and nothing that is covered would."""
    point = {"mediator": "b_minus_l", "at": (0.1, 5.829e-6), "m_4": 7.1e-6}
    settings = PAPER | {"lyman_alpha_mass": 1e-6}
    assert np.isnan(solve(settings, **point)["allowed"]) and not excluding(solve(settings, **point))
    assert solve(settings, **(point | {"mediator": "neutrinophilic"}))["allowed"] == 1.0
    assert solve(settings, **(point | {"at": (4e-3, 1e-6)}))["allowed"] == 0.0  # nucleosynthesis
    curves = tmp_path / "curves.txt"
    curves.write_text(
        "name: a\nsource: b\nx: mediator_mass\nunit: GeV\ny: coupling\nexcluded: above\n0.01 1e-4\n1 1e-4"
    )
    assert solve(settings | {"limits": str(curves)}, **point)["allowed"] == 1.0
    for text in ("0.2 1e-4\n1 1e-4", "1e-3 1e-4\n0.09 1e-4"):  # does not reach it
        curves.with_suffix(".2").write_text(curves.read_text().split("0.01")[0] + text)
        user_limits.clear()
        assert np.isnan(solve(settings | {"limits": str(curves.with_suffix(".2"))}, **point)["allowed"])


def test_density_of_phase_space_is_that_of_each_state():
    one, two, four = (solve(PAPER | {"g_dof": g})["m_4_limit_phase_space"] for g in (1.0, 2.0, 4.0))
    assert_allclose([one / two, two / four], 2**0.25, rtol=1e-12)


def test_what_is_not_known_is_neither_allowed_nor_excluded():
    """Back-reaction makes fewer particles, but not few enough here; without perturbation theory nothing is known."""
    found = solve(mediator="scalar", at=(0.3, 1.0))
    assert found["equation_valid"] == 0.0 and {"relic_density", "lifetime", "kaon", "z"} <= excluding(found)
    omega_per_mixing = omega(m_4=1e-7, sin2_2theta=1e-6) / 1e-6
    for wanted, flag in ((0.125, 1.0), (0.132, np.nan), (0.2, 0.0)):
        light = solve(m_4=1e-7, sin2_2theta=wanted / omega_per_mixing)
        assert light["equation_valid"] == 0.0 and np.isnan(light["allowed_lyman_alpha"])
        assert_allclose(light["allowed_relic_density"], flag)
    strong = solve(mediator="scalar", at=(100.0, 4.0), settings=PAPER | {"T_start": 100.0})
    assert strong["perturbative"] == 0.0 and np.isnan(strong["allowed"]) and not excluding(strong)


def test_curves_of_the_mixing_count_particles_or_do_not(tmp_path):
    """Excluded with all of dark matter and with the share that it is; nobody says which of them a curve is for."""
    curves = tmp_path / "curves.txt"
    head = "name: a\nsource: b\nx: m4\nunit: keV\ny: sin2_2theta\n"

    def flag(text, settings=PAPER, **point):
        curves.write_text(head + text)
        user_limits.clear()
        return solve(settings | {"limits": str(curves)}, **point)["allowed_user"]

    share = omega() / 0.12  # 3 %
    above = "excluded: above\n1 {0}\n100 {0}"
    assert flag(above.format(8e-11)) == 1.0 and flag(above.format(0.9 * share * 7e-11)) == 0.0
    assert np.isnan(flag(above.format(6e-11)))
    between = "excluded: between\n1 {0} {1}\n100 {0} {1}"
    assert np.isnan(flag(between.format(1e-11, 2e-11))) and flag(between.format(1e-13, 1e-10)) == 0.0
    mixing = solve()["sin2_2theta_relic"]
    assert flag(above.format(0.9 * mixing), sin2_2theta=mixing) == 0.0  # all of it


@pytest.mark.parametrize("m_kev, thermal_kev", [(16.0, 2.96), (24.4, 4.09)])
def test_the_mass_of_the_thermal_relic_is_near_that_of_its_transfer_function(m_kev, thermal_kev):
    """Bounds of Baur et al., arXiv:1512.01981, on neutrinos made without resonance and on thermal relics."""
    assert_allclose(solve({}, m_4=m_kev * 1e-6)["m_thermal_relic"], thermal_kev * 1e-6, rtol=0.16)


def test_potentials_agree_where_both_hold():
    own = bath([1.0, 3.0], [0.5, 0.1, 0.02], DEFAULTS)
    leading = bath([1.0, 3.0], [0.5, 0.1, 0.02], DEFAULTS | {"potential": "noetzold_raffelt"})
    assert_allclose(own.shift, leading.shift, rtol=2e-3)
    assert np.all(own.shift < 0)


def test_flavours_differ_where_their_leptons_are_gone():
    electron, muon, tau = (omega({"flavour": name}, sin2_2theta=2e-9) for name in ("e", "mu", "tau"))
    assert tau < 0.8 * muon and abs(electron / muon - 1) < 0.1


def test_the_start_is_early_enough():
    for m_4 in (2e-6, 5e-5, 5e-4):
        late, early = (omega({"T_start": t}, m_4=m_4, sin2_2theta=1e-12) for t in (10.0, 100.0))
        assert_allclose(late, early, rtol=1e-3)


# ------------------------------------------------------------------------------------------------------ observables


def test_trajectories_end_at_the_observables():
    temperatures = [9.0, 1.0, 0.1, 1.0001e-4]
    found = solve(mediator="scalar", at=B, temperatures=temperatures, momenta=[1.0])
    assert np.all(np.diff(found["Y_of_T"]) > 0)
    assert_allclose(found["Y_of_T"][-1], found["Y"], rtol=1e-6)
    assert_allclose(found["Gamma_over_H"] > found["Gamma_mediator_over_H"], True)
    late = solve(mediator="scalar", at=B, temperatures=[1.05e-4])
    assert_allclose(late["mixing_ratio"], 1.0, rtol=1e-6)
    half = found["T_production"]
    middle = solve(mediator="scalar", at=B, temperatures=[half])
    assert_allclose(middle["Y_of_T"][0], found["Y"] / 2, rtol=2e-3)


def test_the_production_rate_integrates_to_the_occupation():
    temperatures = np.geomspace(10.0, 1e-4, 3001)[1:-1]
    found = solve(mediator="scalar", at=C, temperatures=temperatures, momenta=[1.0])
    assert_allclose(trapezoid(found["df_dlnz"], -np.log(temperatures)), found["f_s"][0], rtol=1e-4)


def test_spectra_and_modes_are_one_function():
    found = solve(mediator="scalar", at=C)
    again = solve(mediator="scalar", at=C, momenta=found["momentum"][5:8])
    assert_allclose(again["f_s"], found["f_s_of_mode"][5:8], rtol=1e-12)


def test_states_and_rates_count_as_they_are_asked_to():
    """On branch C twice the rate and half the states are the same (n_G = 2, g_dof = 1)."""
    once = omega(mediator="scalar", at=C)
    weak = omega()
    other = omega(PAPER | {"n_G": 2.0, "g_dof": 1.0}, mediator="scalar", at=C)
    assert_allclose(other - weak / 2, once - weak, rtol=5e-3)


def test_what_a_relic_is_today():
    kev = ENERGY_GEV["keV"]
    dilution = relic.dilution(2 * np.pi**2 / 45 * 10.75)
    assert_allclose(dilution, (3.91 / 10.75) ** (1 / 3), rtol=1e-12)
    mean = relic.MEAN_MOMENTUM_FERMI_DIRAC * (4 / 11) ** (1 / 3)
    assert_allclose(relic.thermal_relic_mass(mean, 4.46 * kev), 1.0 * kev, rtol=5e-3)
    assert_allclose(relic.velocity_today(mean, 1 * kev), 2.9979e5 * mean * 2.7255 * 8.617e-8, rtol=1e-3)
    assert_allclose(relic.velocity_today(mean, 1e-30), 299792.458, rtol=1e-6)
    # Massless: the whole particle horizon since a = 1e-10; slower particles travel less.
    horizons = [relic.free_streaming_horizon(mean, m) for m in (1e-30, 1 * kev, 10 * kev)]
    assert 13_500 < horizons[0] < 14_500 and horizons[0] > horizons[1] > 5 * horizons[2] > 0
    assert 0.5 < horizons[1] < 5  # Mpc


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "settings, section, words",
    [({"mediator": "lmu_ltau", "flavour": "e"}, "settings", "mu or tau"),
     ({"T_start": 1.0}, "output.temperatures", "5 GeV is outside"),
     ({"opacity": "published_fit", "flavour": "tau"}, "settings", "is that of nu_mu"),
     (PAPER | {"equation_of_state": "hotqcd"}, "settings", "has no effect with setup = paper"),
     (PAPER | {"opacity_rate": "loss"}, "settings", "opacity_rate = loss has no effect with setup = paper")],
)  # fmt: skip
def test_settings_that_do_not_go_together(settings, section, words):
    [(where, text)] = MODEL.check({**DEFAULTS, **settings}, np.array([5.0, 0.5]))
    assert where == section and words in text


def test_a_mediator_needs_mass_and_coupling_and_they_need_a_mediator():
    points = {"m_mediator": np.array([0.0, 1.0]), "coupling": np.array([0.1, 0.0])}
    problems = MODEL.check_points({**DEFAULTS, "mediator": "scalar"}, points, np.empty(0))
    assert [problem.split(" needs ")[1].split()[0] for problem in problems] == ["m_mediator", "coupling"]
    problems = MODEL.check_points(DEFAULTS, points, np.empty(0))
    assert len(problems) == 2 and all("expected settings.mediator to be scalar" in problem for problem in problems)
    assert not MODEL.check_points(DEFAULTS, dict.fromkeys(points, np.zeros(2)), np.empty(0))
    light = {"m_mediator": np.array([1e-4, 1.0]), "coupling": np.ones(2)}
    [problem] = MODEL.check_points({**DEFAULTS, "mediator": "scalar"}, light, np.empty(0))
    assert "m_mediator = 0.0001 GeV is too light: expected at least 0.001 GeV" in problem
