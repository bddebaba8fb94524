"""`lepton_asymmetry` as it is by default: thermal rates of three flavours from the table, g_*(T), omega(T).

The peer is `literal_lepton_asymmetry`; its numbers in `reference_numbers.json` were made with its own rates, straight
from the self-energy (`make_reference_numbers`).
"""

import json
from pathlib import Path

import numpy as np
import pytest
from closed_form_rates import ClosedFormRates
from hypothesis import given, settings
from hypothesis import strategies as st
from lepton_asymmetry_points import FREEZE_IN, FREEZE_OUT, NAMES, PI, WITHOUT_H_PLUS, asymmetries

from hpc_nu.campaign.plan import read_plan
from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import SETTINGS, LeptonAsymmetry
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.plasma import thermodynamics
from hpc_nu.plasma.charge_susceptibilities import baryons_per_charge
from hpc_nu.plasma.direct_table import direct_tables
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.solver import momentum_grid

DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
AVERAGED, SIXTEEN = momentum_grid.averaged(), momentum_grid.gauss_legendre(16)
BOTH_GRIDS = pytest.mark.parametrize("grid", [AVERAGED, SIXTEEN], ids=["averaged", "16 modes"])
GRIDS = {"averaged": AVERAGED} | {f"gauss_legendre_{n}": momentum_grid.gauss_legendre(n) for n in (16, 32)}
INPUTS = Path(__file__).parents[2] / "inputs"
REFERENCE = json.loads((Path(__file__).parent / "reference_numbers.json").read_text())


def solve(point, grid, temperatures=(), solver=None, **chosen):
    problem = Problem(point, DEFAULTS | chosen, grid, np.array(temperatures, float), solver=solver or SolverSettings())
    outcome = LeptonAsymmetry().solve(problem)
    assert outcome.code.name == "DONE", outcome.message
    return outcome


def total(*arguments, **chosen):
    return solve(*arguments, **chosen).observables["scalar"]["Y_L"]


# ---------------------------------------------------------------------------------------------------- known numbers


@pytest.mark.parametrize(
    ("name", "grid"), [(name, grid) for name, there in REFERENCE["points"].items() for grid in GRIDS if grid in there]
)
def test_asymmetries_are_those_of_the_literal_equations(name, grid):
    """At 131.7, 50, 10 and 1 GeV, each flavour: to 1e-4 of the largest one, with no table or solver in common.

    The sum at 10 and 1 GeV, where it is no remainder of a cancellation, to 1e-4 of itself.  (With the default
    tolerance 1.2e-4 where the asymmetries have fallen to a hundredth of what they were.)
    """
    there = REFERENCE["points"][name]
    point = dict(there["point"])
    chosen = {setting: point.pop(setting) for setting in ("hierarchy", "oscillation_data")}
    chosen["direct_reactions"] = REFERENCE["direct_reactions"]
    outcome = solve(point, GRIDS[grid], REFERENCE["temperatures"], SolverSettings(rtol=1e-6), T_end=1.0, **chosen)
    got = outcome.observables["trajectory"]
    y, expected = (np.array([values[name] for name in NAMES]) for values in (got, there[grid]))
    assert np.max(np.abs(y - expected) / np.max(np.abs(expected), axis=0)) < 1e-4
    np.testing.assert_allclose(y.sum(axis=0)[2:], expected.sum(axis=0)[2:], rtol=1e-4)


@pytest.mark.parametrize(
    ("grid", "which", "expected"),
    [
        (AVERAGED, "fit_of_averages", 1.095e-9),
        (AVERAGED, "calculated", 1.119e-9),
        (SIXTEEN, "fit_of_averages", 2.44e-9),
        (SIXTEEN, "calculated", 3.67e-9),
        (momentum_grid.gauss_legendre(48), "calculated", 3.67e-9),
    ],
)
def test_baryon_asymmetry_is_that_of_an_independent_implementation(grid, which, expected):
    """At (4.1) of arXiv:2011.12637.  How direct rates depend on momentum changes it by a half, unlike its average."""
    got = solve(FREEZE_IN, grid, direct_reactions=which).observables["scalar"]["Y_B"]
    assert got == pytest.approx(expected, rel=0.02)


def test_published_setting():
    """Eq. (6.1) of arXiv:2011.12637 read literally: constant g_*, massless leptons, no heavy neutrinos at 1000 GeV.

    Of an independent implementation with rates averaged over flavours: -4.1e-6 and -3.6e-6.
    """
    chosen = {"expansion": "constant_gstar", "boltzmann_factor": False, "T_start": 1000.0}
    assert total(FREEZE_IN, AVERAGED, **chosen) == pytest.approx(-4.1e-6, rel=0.03)
    assert total(FREEZE_IN, SIXTEEN, **chosen) == pytest.approx(-3.6e-6, rel=0.03)


COLD = [10.0, 1.0, 0.2, 0.1, 0.03, 0.01, 0.001]
FIG_1 = {"M": 1.0, "delta_M": 1e-11, "im_omega": 2e-3, "re_omega": 0.5 * PI, "delta": 1.5 * PI, "eta": 0.5 * PI}
FIG_11 = FREEZE_OUT | {"im_omega": 0.2}
FIG_13 = FREEZE_OUT | {"im_omega": 1.0}
COLD_POINTS = pytest.mark.parametrize("point", [FIG_1, FIG_11, FIG_13], ids=["fig. 1", "fig. 11", "fig. 13"])


def down_to_one_mev(point, grid, **chosen):
    return solve(point, grid, COLD, SolverSettings(rtol=1e-6), T_end=1e-3, **chosen).observables["trajectory"]


@BOTH_GRIDS
@COLD_POINTS
def test_asymmetries_are_constant_at_temperatures_far_below_the_mass(point, grid):
    """There is nothing left that could change them: back-reaction goes with e^(-M/T)."""
    got = down_to_one_mev(point, grid)
    y = np.array([got[name] for name in NAMES])
    assert np.max(np.abs(y[:, 4:] - y[:, -1:])) < 1e-5 * np.max(np.abs(y[:, -1]))


@pytest.mark.parametrize(
    ("point", "grid", "name", "ratios"),
    [
        (FIG_1, SIXTEEN, "Y_L", {1.0: 0.993, 0.2: 0.991, 0.1: 0.990, 0.01: 0.94, 0.001: 0.087}),
        (FIG_11, SIXTEEN, "Y_Delta_e", {10.0: 0.93, 1.0: 0.85, 0.2: 0.74, 0.1: 0.33}),
        (FIG_13, SIXTEEN, "Y_L", {1.0: 0.83, 0.2: 0.95, 0.1: 0.03}),
    ],
    ids=["fig. 1", "fig. 11", "fig. 13"],
)
def test_without_the_boltzmann_factor_vacuum_widths_wash_out(point, grid, name, ratios):
    """What the equations as printed give, over what these do: numbers of an independent implementation."""
    printed, right = (down_to_one_mev(point, grid, boltzmann_factor=factor)[name] for factor in (False, True))
    for temperature, expected in ratios.items():
        row = COLD.index(temperature)
        assert printed[row] / right[row] == pytest.approx(expected, rel=0.01, abs=0.005)


def test_final_asymmetry_of_figure_13():
    """Another implementation, momentum-averaged: 2.2e-7, and 5.8e-9 with the equations as printed."""
    right, printed = (total(FIG_13, AVERAGED, T_end=0.1, boltzmann_factor=factor) for factor in (True, False))
    assert right == pytest.approx(2.2e-7, rel=0.01) and printed == pytest.approx(5.8e-9, rel=0.01)


@pytest.mark.parametrize(
    ("grid", "sign", "expected"),
    [(AVERAGED, 1, 1.651e-10), (SIXTEEN, 1, 1.756e-10), (AVERAGED, -1, 2.67e-10)],
    ids=["averaged", "16 modes", "averaged, other sign of delta"],
)
def test_baryon_asymmetry_of_footnote_3_of_2004_10766(grid, sign, expected):
    """1.65e-10 there, at the point of its sec. 5: omega = -z^*, eta = phi_1, half of its Delta M."""
    plan = read_plan(INPUTS / "lepton_asymmetry_footnote3.yaml")
    point, chosen = dict(plan.problem(0).point), dict(plan.variations)["fit_of_direct_reactions"]
    point["delta"] *= sign
    got = solve(point, grid, **chosen).observables["scalar"]["Y_B"]
    assert got == pytest.approx(expected, rel=2e-3)


@BOTH_GRIDS
def test_asymmetry_is_stable_against_the_size_of_the_rates(grid):
    """Fig. 18 of arXiv:2011.12637, "surprisingly stable": within a factor of 2 for kappa = 1/2 and 2."""
    point = {
        "M": 1.0, "delta_M": 1.26e-11, "im_omega": -0.14, "re_omega": 0.52 * PI, "delta": 1.30 * PI, "eta": 1.02 * PI,
    }  # fmt: skip
    full = total(point, grid)
    for kappa in (0.5, 2.0):
        assert 0.5 < total(point, grid, rate_factor=kappa) / full < 2
    assert abs(total(point, grid, rate_factor=10.0)) < 0.05 * abs(full)


@BOTH_GRIDS
def test_without_h_plus_the_asymmetry_is_three_orders_of_magnitude_larger(grid):
    """Fig. 19 there."""
    ratio = total(WITHOUT_H_PLUS, grid, h_plus_factor=0.0) / total(WITHOUT_H_PLUS, grid)
    assert 300 < abs(ratio) < 5000


def test_averaged_and_resolved_asymmetries_differ_by_little_late_and_by_much_early():
    """Sec. 6 there: a factor of 1.3 at low temperature, while the baryon asymmetry needs the momenta."""
    averaged, resolved = (solve(FREEZE_IN, grid).observables["scalar"] for grid in (AVERAGED, SIXTEEN))
    assert 1.0 < averaged["Y_L"] / resolved["Y_L"] < 1.35
    assert not 0.7 < averaged["Y_B"] / resolved["Y_B"] < 1.4


def test_start_temperature_matters_for_the_baryon_asymmetry_alone():
    late, early = (solve(FREEZE_IN, SIXTEEN, T_start=t).observables["scalar"] for t in (1000.0, 1e4))
    earlier = solve(FREEZE_IN, SIXTEEN, T_start=1e5).observables["scalar"]
    assert late["Y_L"] == pytest.approx(early["Y_L"], rel=0.01)
    assert 0.75 < late["Y_B"] / early["Y_B"] < 0.92
    assert early["Y_B"] == pytest.approx(earlier["Y_B"], rel=0.05)


# ------------------------------------------------------------------------------------- exact symmetries, conservation

ANGLE = st.floats(-3.0, 3.0)
POINTS = st.builds(
    dict,
    M=st.floats(0.3, 10.0),
    delta_M=st.floats(-12.5, -10.5).map(lambda x: 10.0**x),
    im_omega=st.floats(-1.5, 1.5),
    re_omega=ANGLE,
    delta=ANGLE,
    eta=ANGLE,
)
HIERARCHY = st.sampled_from(["normal", "inverted"])


@settings(max_examples=8, deadline=None)
@given(POINTS, HIERARCHY, st.booleans())
def test_complex_conjugate_couplings_change_the_sign(point, hierarchy, resolved):
    """(delta, eta, Im w) -> minus all three is F -> F^*: to the last bit, since no number changes but in sign."""
    mirrored = point | {name: -point[name] for name in ("delta", "eta", "im_omega")}
    grid = SIXTEEN if resolved else AVERAGED
    y, y_mirrored = (asymmetries(solve(p, grid, hierarchy=hierarchy, T_end=30.0)) for p in (point, mirrored))
    np.testing.assert_allclose(y_mirrored, -y, rtol=1e-12, atol=1e-12 * np.max(np.abs(y)))


@settings(max_examples=8, deadline=None)
@given(POINTS, HIERARCHY, st.booleans())
def test_reflection_of_the_casas_ibarra_angle_changes_nothing(point, hierarchy, resolved):
    """(Re w, Im w, eta) -> (pi - Re w, -Im w, eta + pi): signs of F_a2 alone, to rounding that oscillations amplify."""
    reflected = point | {"re_omega": PI - point["re_omega"], "im_omega": -point["im_omega"], "eta": point["eta"] + PI}
    grid = SIXTEEN if resolved else AVERAGED
    y, y_reflected = (asymmetries(solve(p, grid, hierarchy=hierarchy, T_end=30.0)) for p in (point, reflected))
    np.testing.assert_allclose(y_reflected, y, atol=1e-5 * np.max(np.abs(y)) + 1e-18)


@BOTH_GRIDS
def test_lepton_number_is_conserved_without_helicity_flips(grid):
    """sum_a L_a + Delta_N with gamma_- = 0, through the freeze-out of sphalerons and with g_*(T)."""
    y = solve(FREEZE_IN, grid, [200.0, 100.0, 20.0], gamma_minus_factor=0.0).observables["trajectory"]
    assert np.max(np.abs(y["Y_L"] + y["Y_Delta_N"])) < 1e-11 * np.max(np.abs(y["Y_Delta_e"]))


@BOTH_GRIDS
def test_equilibrium_yield(grid):
    """n_eq/s of one helicity: quadrature over momenta at T against that over comoving ones, at every temperature."""
    temperatures = np.array([1e3, 100.0, 10.0, 1.0, 0.3])
    y = solve(FREEZE_IN | {"M": 0.5}, grid, temperatures, T_end=0.3).observables["trajectory"]["Y_N_eq"]
    nodes, weights = momentum_grid.averaged().nodes, momentum_grid.averaged().weights
    for temperature, got in zip(temperatures, y, strict=True):
        density = weights @ (1 / (np.exp(np.minimum(np.hypot(nodes, 0.5 / temperature), 700)) + 1)) * temperature**3
        assert got == pytest.approx(density / thermodynamics.entropy_density(temperature), rel=1e-4)


def test_heavy_neutrinos_follow_equilibrium_while_their_rates_are_fast():
    point = FREEZE_IN | {"M": 2.0}
    y = solve(point, SIXTEEN, [15.0, 8.0], T_end=8.0).observables["trajectory"]
    np.testing.assert_allclose(y["Y_N_2"], y["Y_N_eq"], rtol=5e-3)


# ------------------------------------------------------------------------------------------------ switches, tables


def test_baryons_per_charge_are_those_of_the_bath():
    scalars = solve(FREEZE_IN, AVERAGED, [131.7], T_end=131.7).observables
    y = [scalars["trajectory"][name][0] for name in NAMES]
    assert scalars["scalar"]["Y_B"] == pytest.approx(baryons_per_charge(131.7) @ y, rel=1e-12)
    assert scalars["scalar"]["Y_L_sphaleron"] == pytest.approx(sum(y), rel=1e-12)


@pytest.mark.parametrize(
    ("chosen", "low", "high"),
    [
        ({"crossover": "lattice"}, 0.01, 0.1),
        ({"direct_reactions": "none"}, 0.9, 1.0),
        ({"direct_reactions": "fit_of_averages"}, 0.2, 0.5),
        ({"soft_suppression": False}, 0.02, 0.2),
        ({"boltzmann_factor": False}, 1e-5, 1e-3),
        ({"potential_factor": 0.0}, 1e-3, 0.5),
        ({"nlo_reduction": 0.4}, 1e-4, 0.05),
        ({"T_sphaleron": 134.0}, 1e-3, 0.1),
        ({"expansion": "constant_gstar"}, 0.03, 0.25),
        ({"equation_of_state": "borsanyi"}, 1e-3, 0.1),
        ({"susceptibilities": "constant"}, 1e-4, 0.2),
        ({"susceptibilities": "interacting_quarks"}, 1e-2, 0.04),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_every_switch_acts_and_none_too_much(chosen, low, high):
    """Relative change of the baryon asymmetry at (4.1)."""
    plain, switched = (solve(FREEZE_IN, SIXTEEN, **c).observables["scalar"]["Y_B"] for c in ({}, chosen))
    assert low <= abs(switched / plain - 1) <= high


def test_an_equation_of_state_that_nothing_reads_is_refused():
    settings = DEFAULTS | {"expansion": "constant_gstar"}
    model = LeptonAsymmetry()
    assert model.check(settings, []) == []
    [(section, text)] = model.check(settings | {"equation_of_state": "borsanyi"}, [])
    assert section == "settings" and "equation_of_state = borsanyi has no effect with expansion = const" in text


def test_colours_matter_with_confinement_alone():
    """N_c,eff is 3 far above the QCD crossover; at 0.3 GeV half of the colours are 20 % less of the rate."""
    options = {"T_end": 0.3, "rate_factor": 1.0}
    plain, fewer = (
        solve(FREEZE_IN | {"M": 0.5}, AVERAGED, [30.0, 0.3], colour_factor=c, **options).observables["trajectory"]
        for c in (1.0, 0.5)
    )
    ratio = fewer["Gamma_N_large_over_H"] / plain["Gamma_N_large_over_H"]
    assert ratio[0] == pytest.approx(1.0, abs=1e-12) and 0.6 < ratio[1] < 0.95


@BOTH_GRIDS
@pytest.mark.parametrize("mass", [0.1, 30.0])
def test_down_to_one_mev(grid, mass):
    """M/T up to 3 10^4, where the occupation underflows."""
    point = FREEZE_IN | {"M": mass, "delta_M": 1e-12}
    outcome = solve(point, grid, [1.0, 0.0011], T_end=1e-3, solver=SolverSettings(rtol=1e-4))
    y = outcome.observables["trajectory"]
    assert np.all(np.isfinite(list(y.values())))
    if mass == 30.0:
        assert abs(y["Y_N_2"][1]) < 1e-15 and y["Y_N_eq"][1] == 0.0


def test_expanded_propagator_has_no_level_crossing():
    """It holds above 80 GeV, where it changes little at M = 2 GeV; below it is refused."""
    full, expanded = (total(FREEZE_IN, SIXTEEN, T_end=85.0, propagator=p) for p in ("full", "expanded"))
    assert 1e-4 < abs(expanded / full - 1) < 0.2
    [problem] = LeptonAsymmetry().check_points(DEFAULTS | {"propagator": "expanded"}, {"M": np.array([2.0])}, [])
    assert "80 GeV" in problem


def test_table_is_named_by_its_identity():
    model = LeptonAsymmetry()
    points = {"M": np.array([1.0, 2.0])}
    direct = direct_tables["leading_order"].identity
    assert list(model.tables(DEFAULTS, points).values()) == [shared_table("default").identity, direct]
    fit = DEFAULTS | {"direct_reactions": "fit_of_averages"}
    assert list(model.tables(fit, points).values()) == [shared_table("default").identity]
    assert ClosedFormRates().tables(DEFAULTS, points) == {}
    own = DEFAULTS | {"self_energy": "this_mass"}
    campaigns = [([1.0], "lattice"), ([1.0], "leading_order"), ([2.0], "lattice"), ([1.0, 2.0], "lattice")]
    names = {str(model.tables(own | {"crossover": c}, {"M": np.array(masses)})) for masses, c in campaigns}
    assert len(names) == len(campaigns)
