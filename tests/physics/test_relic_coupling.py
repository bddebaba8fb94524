"""All roots and folds of the relic density over the coupling, and rows that say why there is none."""

from collections import OrderedDict

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import zeta

from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.models.kev_neutrinos import relic_coupling
from hpc_nu.models.kev_neutrinos.relic_coupling import RelicCoupling, find_roots
from hpc_nu.models.kev_neutrinos.relic_fold import RelicFold
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver.momentum_grid import gauss_legendre
from hpc_nu.units import PLANCK_MASS

MODEL, FOLD = RelicCoupling(), RelicFold()
DEFAULTS = {setting.name: setting.default for setting in MODEL.settings} | {"mediator": "scalar", "setup": "paper"}
GRID = gauss_legendre(32)


def outcome(mass, root=1, settings=(), **point):
    point = {"m_4": 7.1e-6, "sin2_2theta": 7e-11, "m_mediator": mass, "root": float(root)} | point
    return MODEL.solve(Problem(point, DEFAULTS | dict(settings), GRID))


def roots(mass, settings=()):
    found = [outcome(mass, root, settings) for root in (1, 2, 3)]
    return [o.observables["scalar"]["coupling"] for o in found if o.code is ResultCode.DONE]


@pytest.mark.parametrize(
    "mass, expected",
    [(0.1, [8.243e-6]), (1.0, [5.867e-5, 7.183e-3, 0.1203]), (3.0, [0.2511]), (10.0, [0.5607])],
)
def test_the_branches_of_the_letter(mass, expected):
    assert_allclose(roots(mass), expected, rtol=8e-3)


def test_roots_give_the_relic_density_that_is_asked_for():
    for root, slope in ((1, 1.93), (2, -1.72), (3, 2.97)):
        values = outcome(1.0, root).observables["scalar"]
        assert_allclose(values["Omega_h2"], 0.12, rtol=1e-8)
        assert_allclose(values["slope"], slope, atol=0.02)
        assert values["n_roots"] == 3
    other = outcome(1.0, 1, {"target": 0.06}).observables["scalar"]
    assert_allclose(other["Omega_h2"], 0.06, rtol=1e-8)


def test_a_density_of_zero_is_no_exception_but_says_what_is_wrong():
    """Below the smallest number that there is: the logarithm of zero."""
    failed = outcome(1.0, sin2_2theta=1e-320)
    assert failed.code == ResultCode.NOT_FINITE and "a parameter" in failed.message and "too extreme" in failed.message


def test_a_search_that_takes_too_long_is_not_blamed_on_temperatures():
    point = {"m_4": 7.1e-6, "sin2_2theta": 7e-11, "m_mediator": 1.234, "root": 1.0}
    failed = MODEL.solve(Problem(point, DEFAULTS, GRID, solver=SolverSettings(max_steps=5)))
    assert failed.code == ResultCode.STEP_BUDGET
    assert "5 evaluations" in failed.message and "max_steps" in failed.message and "temperature" not in failed.message


def fold(number, settings=()):
    defaults = {setting.name: setting.default for setting in FOLD.settings} | DEFAULTS
    point = {"m_4": 7.1e-6, "sin2_2theta": 7e-11, "fold": float(number)}
    return FOLD.solve(Problem(point, defaults | dict(settings), GRID))


@pytest.mark.parametrize("number, low, high, inside", [(1, 1.7, 1.9, 0.999), (2, 0.48, 0.52, 1.001)])
def test_at_a_fold_two_roots_merge(number, low, high, inside):
    """arXiv:1910.04901, fig. 2: three couplings between the folds, one outside, two of the three equal at the fold."""
    values = fold(number).observables["scalar"]
    mass, coupling = values["m_mediator"], values["coupling"]
    assert low < mass < high
    assert_allclose(values["Omega_h2"], 0.12, rtol=1e-8)
    assert len(roots(mass * inside)) == 3 and len(roots(mass / inside)) == 1
    pair = roots(mass * inside)[number - 1 : number + 1]
    assert pair[0] < coupling < pair[1] < 1.2 * pair[0]


def test_a_fold_that_is_not_there_is_a_row_with_its_reason():
    found = fold(1, {"mass_low": 0.05, "mass_high": 0.5})
    assert found.code is ResultCode.NO_SOLUTION
    assert "the maximum of Omega h^2" in found.message and "does not pass 0.12" in found.message
    assert "has no minimum" in fold(2, {"coupling_high": 1e-5}).message
    assert "expected 1 or 2" in FOLD.check_points(DEFAULTS, {"fold": np.array([1.5])}, [])[0]
    both = {setting.name: setting.default for setting in FOLD.settings} | DEFAULTS
    assert "below mass_high" in FOLD.check(both | {"mass_low": 10.0, "mass_high": 1.0}, [])[0][1]


def test_extrema_are_columns():
    values = outcome(0.52).observables["scalar"]
    assert 0.8 < values["Omega_h2_minimum"] / 0.12 < 1 and values["n_roots"] == 3
    assert values["coupling_maximum"] < values["coupling_minimum"]


def test_a_root_that_is_not_there_is_a_row_with_its_reason():
    found = outcome(3.0, 2)
    assert found.code is ResultCode.NO_SOLUTION and not found.code.is_failure and not found.observables
    assert "no root 2" in found.message and "only at 0.251" in found.message
    nowhere = outcome(3.0, 1, {"coupling_high": 0.01})
    assert "nowhere for couplings 1e-08 ... 0.01, where it goes from" in nowhere.message


def test_find_roots_of_known_functions():
    def wave(x):  # three roots of ln y = 0 at -1, 0, 1; extrema at -+1/3^(1/2)
        return (x + 1) * x * (x - 1)

    found = find_roots(wave, np.exp(-3), np.exp(3), 5, 1.0)
    assert_allclose(np.log(found.roots), [-1, 0, 1], atol=1e-9)
    places = [np.log(place) for place, _, _ in found.extrema]
    assert_allclose(places, [-(3**-0.5), 3**-0.5], atol=1e-5)
    assert [is_maximum for _, _, is_maximum in found.extrema] == [True, False]
    assert find_roots(wave, np.exp(-3), np.exp(3), 5, np.exp(100)).roots == ()


@pytest.mark.parametrize("distance", [1e-2, 1e-5, 1e-8])
def test_two_roots_about_to_merge_are_both_found(distance):
    half = distance**0.5
    found = find_roots(lambda x: (x - 0.123) ** 2 - distance, np.exp(-3), np.exp(3), 5, 1.0)
    assert_allclose(np.log(found.roots), [0.123 - half, 0.123 + half], atol=1e-7)
    none = find_roots(lambda x: (x - 0.123) ** 2 + distance, np.exp(-3), np.exp(3), 5, 1.0)
    assert none.roots == ()


@pytest.mark.parametrize("model, which", [(MODEL, {"m_mediator": 1.0, "root": 2.0}), (FOLD, {"fold": 2.0})])
def test_searches_pause_and_go_on_bit_for_bit(model, which, monkeypatch):
    defaults = {setting.name: setting.default for setting in model.settings} | DEFAULTS
    settings = defaults | {"mass_low": 0.1, "mass_high": 1.0, "masses_per_decade": 2, "temperature_steps": 100}
    problem = Problem({"m_4": 7.1e-6, "sin2_2theta": 7e-11} | which, settings, gauss_legendre(6))
    monkeypatch.setattr(relic_coupling, "_curves", OrderedDict())
    expected = model.solve(problem).observables["scalar"]
    relic_coupling._curves.clear()
    state, calls = None, 0
    asked = iter(range(10_000))
    while True:
        outcome = model.solve(problem, state, lambda: next(asked) % 40 == 39)
        calls += 1
        if outcome.code is not ResultCode.PAUSED:
            break
        assert state is None or len(outcome.state) > len(state)
        state = outcome.state
    assert outcome.code is ResultCode.DONE and calls > 2
    for name, value in outcome.observables["scalar"].items():
        assert np.array_equal(value, expected[name], equal_nan=True), name


def test_a_search_ends_when_its_budget_is_spent():
    spent = SolverSettings(max_seconds=0.0)
    problem = Problem(
        {"m_4": 7.2e-6, "sin2_2theta": 7e-11, "m_mediator": 1.0, "root": 1.0}, DEFAULTS, GRID, solver=spent
    )
    found = MODEL.solve(problem)
    assert found.code is ResultCode.TIME_BUDGET and "time_budget after 1 evaluations" in found.message


def test_bad_settings_and_points():
    problems = MODEL.check(DEFAULTS | {"mediator": "none", "coupling_low": 0.1, "coupling_high": 0.01}, [])
    assert ["expected a mediator" in problems[0][1], "below coupling_high" in problems[1][1]] == [True, True]
    assert "whole number" in MODEL.check_points(DEFAULTS, {"root": np.array([1.5])}, [])[0]
    assert not MODEL.check_points(DEFAULTS, {"root": np.array([1.0, 3.0])}, [])


@pytest.mark.parametrize("mediator", ["neutrinophilic", "lmu_ltau", "b_minus_l"])
@pytest.mark.parametrize("mass", [3.0, 10.0])
def test_couplings_above_one_are_found(mediator, mass):
    """The heavy ends of figs. 6-8 of arXiv:2005.03681 for 50 keV: on branch A, and the mediator is still a particle."""
    found = outcome(mass, 1, {"mediator": mediator}, m_4=5e-5, sin2_2theta=1e-15).observables["scalar"]
    assert 0.8 < found["coupling"] < 3 and found["n_roots"] == 1 and found["perturbative"] == 1.0
    assert 2.6 < found["slope"] < 3.0


@pytest.mark.parametrize(
    "vertex, now, later", [("operator", (0.026, 0.41), (0.21, 0.35)), ("printed", (7e-3, 0.41), (0.066, 0.41))]
)
def test_where_invisible_higgs_decays_leave_heavy_dark_matter_open(vertex, now, later):
    """Sec. III B of arXiv:2005.03681: now near 100 MeV, "but that will be covered by the HL-LHC"; 50 keV, 1e-15.

    With the vertex of the operator it will, but for a little above 0.2 GeV; with that of (3.19) it would not.
    """
    settings, point = {"mediator": "neutrinophilic", "higgs_vertex": vertex}, {"m_4": 5e-5, "sin2_2theta": 1e-15}
    masses = np.geomspace(5e-3, 1.0, 60)
    rows = [outcome(mass, 1, settings, **point).observables["scalar"] for mass in masses]
    step = masses[1] / masses[0]
    for name, (low, high) in (("coupling_limit_higgs", now), ("coupling_limit_higgs_hl_lhc", later)):
        left = masses[[row["coupling"] <= row[name] for row in rows]]
        assert low < left[0] < low * step**1.5 and high / step**1.5 < left[-1] < high
        assert np.any(np.isclose(left, 0.1, rtol=step - 1)) == (name == "coupling_limit_higgs" or vertex == "printed")


def test_a_coupling_above_one_has_the_closed_form_of_a_heavy_mediator():
    """f_s = f_FD pi g_0 s^2/(48 v_0^(1/2)), with g_0 = 7 pi g^4/(90 m^4)/h_0 and v_0 = 14 pi^2 g^2/(45 m^4 m_4^2)."""
    mass, m_4, sin2 = 3.0, 5e-5, 1e-15
    found = outcome(mass, 1, {"mediator": "neutrinophilic"}, m_4=m_4, sin2_2theta=sin2)
    coupling = found.observables["scalar"]["coupling"]
    assert coupling > 1.2
    g_0 = 7 * np.pi * coupling**4 / (90 * mass**4) / (np.sqrt(8 * np.pi**3 * 10.75 / 90) / PLANCK_MASS)
    v_0 = 14 * np.pi**2 * coupling**2 / (45 * mass**4 * m_4**2)
    per_entropy = 2 * 0.75 * zeta(3.0) / np.pi**2 / (2 * np.pi**2 / 45 * 10.75)
    omega = 2891.2 / 1.05e-5 * m_4 * per_entropy * np.pi * g_0 * sin2 / (48 * np.sqrt(v_0))
    assert_allclose(omega, 0.12, rtol=0.01)
