"""The lepton-asymmetry model as its users meet it: numbers, symmetries, limits, pauses, budgets.

Peers: `literal_lepton_asymmetry` (complex matrices, LSODA, rates without a table) and, where that would take minutes,
the right-hand side that is equal to it to 1e-12 (`test_lepton_asymmetry_equations`) under scipy's Radau, also without
a table.
"""

import numpy as np
import pytest
from closed_form_rates import closed_form_rates
from hypothesis import given, settings
from hypothesis import strategies as st
from lepton_asymmetry_points import (
    DEFAULTS,
    ENTROPY_OVER_T3,
    FREEZE_IN,
    FREEZE_OUT,
    M_0,
    MODEL,
    NAMES,
    PI,
    WITHOUT_H_PLUS,
    asymmetries,
    direct_coefficients,
    literal_equations,
    point_yukawas,
    problem,
    solve,
)
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicHermiteSpline

from hpc_nu.models.heavy_neutrinos.coefficients import FS, HC, ME
from hpc_nu.models.heavy_neutrinos.equations import MAX_VALUE, MAX_Z, right_hand_side, track_maximum
from hpc_nu.models.heavy_neutrinos.error import DRIFT, weights_ahead
from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import OBSERVABLES, SETTINGS
from hpc_nu.models.interface import SMALLEST_RTOL, Problem, SolverSettings
from hpc_nu.plasma.higgs import higgs_expectation_value
from hpc_nu.plasma.susceptibilities import baryons_per_lepton_asymmetry, inverse_susceptibility
from hpc_nu.result_codes import ResultCode
from hpc_nu.seesaw.casas_ibarra import pauli_components
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.seesaw.rate_table import N_CHANNELS
from hpc_nu.solver import evolution, momentum_grid

AVERAGED = momentum_grid.averaged()
EIGHT_MODES = momentum_grid.gauss_legendre(8)


def distance(got, expected):
    """Largest difference of the three asymmetries in units of the largest."""
    return np.max(np.abs(got - expected)) / np.max(np.abs(expected))


# ------------------------------------------------------------------------------------ against independent solutions


@pytest.mark.parametrize(
    ("point", "chosen"),
    [
        (FREEZE_IN, {}),
        (FREEZE_OUT, {"T_end": 15.0}),
        (FREEZE_IN, {"hierarchy": "inverted", "oscillation_data": "nufit_3.2"}),
        (FREEZE_IN | {"M": 0.3, "eta": 0.4}, {"T_end": 40.0}),
        (FREEZE_IN | {"M": 25.0, "delta_M": 2.5e-12}, {"T_end": 40.0}),
        (FREEZE_IN | {"im_omega": 1.2}, {"T_end": 60.0}),
        (FREEZE_IN | {"M": 25.0, "delta_M": 2.5e-12}, {"T_end": 40.0, "boltzmann_factor": False}),
    ],
    ids=["freeze-in", "freeze-out", "inverted", "light", "heavy", "large Im w", "as printed"],
)
def test_averaged_asymmetries_are_those_of_the_complex_matrices(point, chosen):
    literal = literal_equations(point, AVERAGED, **chosen)
    expected = literal.solve(1000.0, [chosen.get("T_end", 10.0)])[0]
    assert distance(asymmetries(solve(point, AVERAGED, **chosen)), expected) < 1e-4
    careful = SolverSettings(rtol=1e-8)
    assert distance(asymmetries(solve(point, AVERAGED, solver=careful, **chosen)), expected) < 5e-6


@pytest.mark.parametrize(
    ("point", "grid", "chosen"),
    [
        (FREEZE_IN, momentum_grid.equal_occupation(5), {"T_end": 40.0}),
        (FREEZE_IN, momentum_grid.gauss_legendre(6), {"T_end": 40.0, "hierarchy": "inverted"}),
        (FREEZE_OUT, momentum_grid.equal_occupation(5), {"T_end": 80.0}),
        (FREEZE_IN | {"M": 25.0}, momentum_grid.gauss_legendre(6), {"T_end": 60.0, "boltzmann_factor": False}),
    ],
    ids=["freeze-in, 5 equal", "inverted, 6 Gauss", "freeze-out, 5 equal", "as printed, 6 Gauss"],
)
def test_resolved_asymmetries_are_those_of_the_complex_matrices(point, grid, chosen):
    literal = literal_equations(point, grid, **chosen)
    expected = literal.solve(1000.0, [chosen["T_end"]])[0]
    assert distance(asymmetries(solve(point, grid, **chosen)), expected) < 1e-4


def radau(point, grid, t_start, t_end):
    """Yields by scipy's Radau, with the exact Jacobian and the rates computed at every call."""
    weights = np.ones(1) if grid.kind == "averaged" else grid.weights
    n = len(weights)
    flavours, omega = pauli_components(point_yukawas(point)), inverse_susceptibility()
    columns = np.eye(3 + 8 * n)

    def slope(u, coefficients):
        out = np.empty_like(u)
        right_hand_side(u, coefficients, weights, flavours, point["delta_M"], omega, out)
        return out

    def coefficients(z):
        return direct_coefficients(point["M"] * np.exp(-z), point["M"], grid)

    def jacobian(z, _):
        at_z = coefficients(z)
        at_z[FS] = 0
        return np.column_stack([slope(column, at_z) for column in columns])

    start = np.zeros(3 + 8 * n)
    f_eq = 1 / (np.exp(np.minimum(np.hypot(grid.nodes, point["M"] / t_start), 700)) + 1)
    start[3 : 3 + n] = -2 * (f_eq @ grid.weights if grid.kind == "averaged" else f_eq)
    span = np.log(point["M"] / np.array([t_start, t_end]))
    result = solve_ivp(
        lambda z, u: slope(u, coefficients(z)), span, start, "Radau", jac=jacobian, rtol=1e-6, atol=1e-12
    )
    assert result.success, result.message
    return result.y[:3, -1] / ENTROPY_OVER_T3


def test_resolved_asymmetries_to_ten_gev_are_those_of_another_integrator():
    expected = radau(FREEZE_IN, EIGHT_MODES, 1000.0, 10.0)
    assert expected.sum() == pytest.approx(-3.86e-6, rel=2e-3)
    assert distance(asymmetries(solve(FREEZE_IN, EIGHT_MODES)), expected) < 2e-5


def test_both_methods_and_all_tolerances_agree():
    expected = asymmetries(solve(FREEZE_IN, EIGHT_MODES, solver=SolverSettings(rtol=1e-8)))
    for method in ("esdirk43", "esdirk54"):
        errors = []
        for rtol in (1e-3, 1e-4, 1e-5, 1e-6):
            outcome = solve(FREEZE_IN, EIGHT_MODES, solver=SolverSettings(method, rtol))
            errors.append(distance(asymmetries(outcome), expected))
        assert errors[0] < 1e-3 and errors[2] < 2e-5 and errors[3] < 3e-6
        assert max(errors[2:]) < max(errors[:2])  # one alone may be near zero by chance


def test_momentum_resolution_converges():
    def total(grid):
        return solve(FREEZE_IN, grid).observables["scalar"]["Y_L"]

    limit = total(momentum_grid.gauss_legendre(48))
    assert limit == pytest.approx(-3.837e-6, rel=1e-3)
    assert abs(total(momentum_grid.gauss_legendre(8)) / limit - 1) < 1e-2
    assert abs(total(momentum_grid.gauss_legendre(16)) / limit - 1) < 1e-3
    # the trapezoidal rule approaches something else, 1 to 2 % away: it leaves out y < 0.1
    assert 1e-2 < abs(total(momentum_grid.equal_occupation(48)) / limit - 1) < 2e-2
    assert 1e-2 < abs(total(momentum_grid.equal_occupation(82)) / limit - 1) < 2e-2


# -------------------------------------------------------------------------------------------------- known numbers


@pytest.fixture(scope="module")
def averaged_evolution():
    temperatures = np.geomspace(999.0, 1.0, 600)
    # The numbers of another implementation that are compared with are of the equations as printed.
    return temperatures, solve(FREEZE_IN, AVERAGED, temperatures, T_end=1.0, boltzmann_factor=False).observables


def test_total_asymmetry_of_the_freeze_in_point(averaged_evolution):
    temperatures, observables = averaged_evolution
    total = observables["trajectory"]["Y_L"]
    at_10 = total[np.argmin(np.abs(temperatures - 10))]
    assert at_10 == pytest.approx(-9.0e-6, rel=2e-2)
    assert total[-1] == pytest.approx(-8.4e-6, rel=2e-2)
    outcome = solve(FREEZE_IN, AVERAGED, boltzmann_factor=False)
    assert outcome.observables["scalar"]["Y_L"] == pytest.approx(-8.969e-6, rel=1e-3)


def test_flavoured_asymmetries_peak_near_40_gev_far_above_what_is_left(averaged_evolution):
    temperatures, observables = averaged_evolution
    y = np.abs([observables["trajectory"][name] for name in NAMES])
    flavour, peak = np.unravel_index(np.argmax(y), y.shape)
    assert 35 < temperatures[peak] < 50
    printed = literal_equations(FREEZE_IN, AVERAGED, boltzmann_factor=False)
    literal = printed.solve(1000.0, [temperatures[peak]])[0]
    assert y[flavour, peak] == pytest.approx(np.max(np.abs(literal)), rel=1e-4)
    assert y[flavour, peak] == pytest.approx(2.1e-4, rel=2e-2)


def test_heavy_neutrinos_enter_equilibrium_below_the_sphaleron_freeze_out(averaged_evolution):
    """Fig. 4 of arXiv:2011.12637: both eigenvalues of Gamma_N cross H at 50 ... 100 GeV; and again at a few GeV."""
    temperatures, observables = averaged_evolution
    for name in ("Gamma_N_small_over_H", "Gamma_N_large_over_H"):
        ratio = observables["trajectory"][name]
        crossings = temperatures[1:][np.diff(np.sign(ratio - 1)) != 0]
        assert len(crossings) == 2
        assert 50 < crossings[0] < 75 and 2 < crossings[1] < 5
    assert 60 < np.max(observables["trajectory"]["Gamma_N_large_over_H"]) < 100
    y = observables["trajectory"]
    at_15 = np.argmin(np.abs(temperatures - 15))
    assert y["Y_N_2"][at_15] == pytest.approx(y["Y_N_eq"][at_15], rel=1e-2)
    assert y["Y_N_2"][0] < 1e-2 * y["Y_N_eq"][0]


@pytest.mark.parametrize("temperature", [300.0, 50.0, 10.0])
def test_rates_over_hubble_are_those_of_the_matrices(temperature):
    point = FREEZE_OUT | {"im_omega": -0.7}
    f, w, mass = point_yukawas(point), AVERAGED.weights, point["M"]
    energy = np.hypot(AVERAGED.nodes * temperature, mass)
    occupation = w / (np.exp(np.minimum(energy / temperature, 700)) + 1)
    rates = np.array(closed_form_rates(temperature, AVERAGED.nodes * temperature, mass))[..., 0]
    gp, gm, hp, hm = rates @ occupation / occupation.sum()
    m_over_e = (mass / energy) @ occupation / occupation.sum()
    y = f.conj().T @ f  # (F^dagger F)_IJ
    hubble = temperature**2 / M_0
    small, large = np.linalg.eigvalsh(gp * y + gm * y.conj()) / hubble
    levels = np.linalg.eigvalsh(hp * y + hm * y.conj() - point["delta_M"] * m_over_e * np.diag([1, -1]))
    oscillation = mass * (levels[1] - levels[0]) / (2 * m_over_e) / (3 * temperature * hubble)  # (4.7) in (4.5)
    got = solve(point, EIGHT_MODES, [temperature]).observables["trajectory"]
    assert got["Gamma_N_small_over_H"][0] == pytest.approx(small, rel=1e-3)
    assert got["Gamma_N_large_over_H"][0] == pytest.approx(large, rel=1e-4)
    assert got["Gamma_osc_over_H"][0] == pytest.approx(oscillation, rel=1e-4)


def test_oscillation_rate_at_low_temperature_is_that_of_the_vacuum():
    """Eqs. (4.5) and (4.8)."""
    light, heavy = oscillation_data("nufit_4.0", "normal").masses[1:]
    m, dm = FREEZE_IN["M"], FREEZE_IN["delta_M"]
    splitting = np.sqrt(dm**2 + dm * (heavy - light) * np.cos(2 * FREEZE_IN["re_omega"]) + (heavy - light) ** 2 / 4)
    got = solve(FREEZE_IN, AVERAGED, [1.0], T_end=1.0).observables["trajectory"]["Gamma_osc_over_H"][0]
    assert got == pytest.approx(m * splitting / 3 * M_0, rel=2e-3)


def test_fermion_number_conserving_hamiltonian_suppresses_the_asymmetry():
    """Fig. 19 of arXiv:2011.12637: without h_+ the asymmetry is larger by orders of magnitude."""
    for grid in (AVERAGED, momentum_grid.gauss_legendre(12)):
        with_it = np.abs(asymmetries(solve(WITHOUT_H_PLUS, grid)))
        without = np.abs(asymmetries(solve(WITHOUT_H_PLUS, grid, h_plus_factor=0.0)))
        assert np.min(without) > 300 * np.max(with_it)


def test_asymmetry_is_smaller_in_the_inverted_hierarchy():
    """Sec. 5 and app. A of arXiv:2011.12637."""
    inverted = solve(FREEZE_IN, AVERAGED, hierarchy="inverted").observables["scalar"]["Y_L"]
    assert abs(inverted) < 0.1 * 8.97e-6


# ------------------------------------------------------------------------------------------------- exact symmetries

ANGLE = st.floats(-3.0, 3.0)


@settings(max_examples=10, deadline=None)
@given(ANGLE, ANGLE, ANGLE, st.floats(-1.5, 1.5), st.sampled_from(["normal", "inverted"]), st.booleans())
def test_complex_conjugate_couplings_change_the_sign(delta, eta, re_omega, im_omega, hierarchy, resolved):
    """(delta, eta, Im w) -> minus all three is F -> F^*: matter and antimatter exchanged."""
    point = FREEZE_IN | {"delta": delta, "eta": eta, "re_omega": re_omega, "im_omega": im_omega}
    mirrored = point | {"delta": -delta, "eta": -eta, "im_omega": -im_omega}
    grid = EIGHT_MODES if resolved else AVERAGED
    y = asymmetries(solve(point, grid, hierarchy=hierarchy, T_end=30.0))
    y_mirrored = asymmetries(solve(mirrored, grid, hierarchy=hierarchy, T_end=30.0))
    np.testing.assert_allclose(y_mirrored, -y, atol=1e-9 * np.max(np.abs(y)) + 1e-18)


@settings(max_examples=10, deadline=None)
@given(ANGLE, ANGLE, ANGLE, st.floats(-1.5, 1.5), st.sampled_from(["normal", "inverted"]), st.booleans())
def test_reflection_of_the_casas_ibarra_angle_changes_nothing(delta, eta, re_omega, im_omega, hierarchy, resolved):
    """(Re w, Im w, eta) -> (pi - Re w, -Im w, eta + pi): signs of F_a2 alone."""
    point = FREEZE_IN | {"delta": delta, "eta": eta, "re_omega": re_omega, "im_omega": im_omega}
    reflected = point | {"re_omega": PI - re_omega, "im_omega": -im_omega, "eta": eta + PI}
    grid = EIGHT_MODES if resolved else AVERAGED
    # Rounding is enough for other steps, so they agree as far as both are accurate.
    y, y_reflected = (
        asymmetries(solve(p, grid, (), SolverSettings(rtol=1e-9), hierarchy=hierarchy, T_end=30.0))
        for p in (point, reflected)
    )
    np.testing.assert_allclose(y_reflected, y, atol=1e-6 * np.max(np.abs(y)) + 1e-18)


# ----------------------------------------------------------------------------------------------------- pauses, state


def same_bits(a, b):
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.fixture(scope="module")
def uninterrupted():
    careful = SolverSettings(rtol=1e-7)
    return {grid.kind: solve(FREEZE_IN, grid, [300.0, 100.0, 30.0], careful) for grid in (AVERAGED, EIGHT_MODES)}


@settings(max_examples=25, deadline=None)
@given(data=st.data(), attempts=st.sampled_from([1, 7, 64, 1000]), resolved=st.booleans())
def test_paused_solve_equals_the_uninterrupted_one_bit_for_bit(uninterrupted, data, attempts, resolved):
    """Wherever the pauses fall, whatever the bundles of steps, and with the state written and read in between."""
    grid = EIGHT_MODES if resolved else AVERAGED
    task = problem(FREEZE_IN, grid, [300.0, 100.0, 30.0], SolverSettings(rtol=1e-7))
    pauses = iter(data.draw(st.lists(st.booleans(), max_size=60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolution, "ATTEMPTS", attempts)
        state, n_pauses = None, 0
        while True:
            before = None if state is None else state.copy()
            outcome = MODEL.solve(task, state, pause=lambda: next(pauses, False))
            if before is not None:
                assert same_bits(state, before), "the state that came in was changed"
            if outcome.code == ResultCode.DONE:
                break
            assert outcome.code == ResultCode.PAUSED and outcome.observables == {}
            state, n_pauses = np.frombuffer(outcome.state.tobytes()), n_pauses + 1
    expected = uninterrupted[grid.kind]
    assert (outcome.steps, outcome.rejected) == (expected.steps, expected.rejected)
    for kind, values in expected.observables.items():
        for name, value in values.items():
            assert same_bits(outcome.observables[kind][name], value), (kind, name, n_pauses)


def test_pause_is_asked_for_and_obeyed():
    task = problem(FREEZE_IN, EIGHT_MODES, [300.0, 100.0])
    first = MODEL.solve(task, pause=lambda: True)
    second = MODEL.solve(task, first.state, pause=lambda: True)
    assert first.code == second.code == ResultCode.PAUSED
    assert 0 < first.steps < second.steps
    assert first.state.dtype == np.float64 and first.state.ndim == 1 and np.all(np.isfinite(first.state[:20]))


def test_solves_do_not_share_anything():
    """The same task before and after others gives the same bits."""
    first = MODEL.solve(problem(FREEZE_IN, AVERAGED)).observables["scalar"]
    solve(FREEZE_OUT, AVERAGED, T_end=50.0)
    solve(FREEZE_IN, AVERAGED, h_plus_factor=0.0)
    last = MODEL.solve(problem(FREEZE_IN, AVERAGED)).observables["scalar"]
    assert same_bits(list(last.values()), list(first.values()))


# --------------------------------------------------------------------------------------------------- output, stops


@pytest.mark.parametrize("grid", [AVERAGED, EIGHT_MODES], ids=["averaged", "8 modes"])
def test_output_temperatures_change_nothing_beyond_the_tolerance(grid):
    plain = asymmetries(solve(FREEZE_IN, grid))
    for temperatures in ([999.0], np.geomspace(1000.0, 10.0, 100), np.linspace(40.0, 39.0, 30), [131.7, 50.0, 10.0]):
        assert distance(asymmetries(solve(FREEZE_IN, grid, temperatures)), plain) < 3e-5


def test_values_at_an_output_temperature_are_those_of_a_solve_that_ends_there():
    temperatures = [500.0, 131.7, 60.0, 25.0]
    y = solve(FREEZE_IN, EIGHT_MODES, temperatures).observables["trajectory"]
    for i, temperature in enumerate(temperatures):
        ended = solve(FREEZE_IN, EIGHT_MODES, T_end=temperature).observables["scalar"]
        for name in (*NAMES, "Y_L", "Y_N_2", "Y_N_3", "Y_Delta_N"):
            scale = max(abs(ended[n]) for n in NAMES) if "Delta" in name or name == "Y_L" else abs(ended[name])
            assert y[name][i] == pytest.approx(ended[name], abs=1e-4 * scale)


@pytest.mark.parametrize("digits", [13, 14, 15])
def test_output_temperatures_that_nearly_coincide_do_no_harm(digits):
    plain = asymmetries(solve(FREEZE_IN, AVERAGED))
    close = asymmetries(solve(FREEZE_IN, AVERAGED, [50.0, 50.0 * (1 - 10.0**-digits)]))
    assert distance(close, plain) < 3e-5


@pytest.mark.parametrize("temperature", [np.nextafter(1000.0, 0), np.nextafter(131.7, 200)])
def test_output_temperature_next_to_another_stop_does_no_harm(temperature):
    assert MODEL.solve(problem(FREEZE_IN, AVERAGED, [temperature])).code == ResultCode.DONE


def test_start_temperature_is_an_output_temperature_like_any_other():
    y = solve(FREEZE_IN, EIGHT_MODES, [1000.0, 999.999]).observables["trajectory"]
    assert y["Y_N_2"][0] == 0 and y["Y_L"][0] == 0
    assert y["Y_N_eq"][0] == pytest.approx(y["Y_N_eq"][1], rel=1e-4)
    assert np.all(np.isfinite(list(y.values())))


@pytest.mark.parametrize("point", [FREEZE_IN, FREEZE_OUT, WITHOUT_H_PLUS], ids=["in", "out", "fig. 19"])
def test_largest_electron_asymmetry_is_that_of_a_fine_trajectory(point):
    for chosen in ({}, {"T_end": 45.0}, {"T_end": 200.0}):
        scalars = solve(point, AVERAGED, **chosen).observables["scalar"]
        temperatures = np.geomspace(999.9, chosen.get("T_end", 10.0), 2000)
        fine = solve(point, AVERAGED, temperatures, SolverSettings(rtol=1e-7), **chosen).observables["trajectory"]
        fine = fine["Y_Delta_e"]
        largest = np.argmax(np.abs(fine))
        assert scalars["Y_Delta_e_max"] == pytest.approx(fine[largest], rel=2e-3)
        if largest < len(fine) - 1:
            assert scalars["T_Delta_e_max"] == pytest.approx(temperatures[largest], rel=2e-2)


@pytest.mark.parametrize("old_slope", [0.0, 1e-17, 0.3, -2.0])
def test_maximum_within_a_step(old_slope):
    """On a cubic that rises and falls again, its slope zero at the beginning or not."""
    z, h, old, new, new_slope = -3.0, 0.5, 0.1, 0.2, -4.0
    maximum = np.array([old, z])
    track_maximum(z, h, old, new, old_slope, new_slope, maximum)
    t = np.linspace(0, h, 10001)
    fine = np.abs(CubicHermiteSpline([0, h], [old, new], [old_slope, new_slope])(t))
    assert abs(maximum[MAX_VALUE]) == pytest.approx(np.max(fine), rel=1e-6)
    assert maximum[MAX_Z] == pytest.approx(z + t[np.argmax(fine)], abs=h / 5000)


def test_every_declared_observable_is_there_and_no_other():
    temperatures = [200.0, 50.0]
    for grid in (AVERAGED, EIGHT_MODES):
        observables = solve(FREEZE_IN, grid, temperatures).observables
        assert set(observables) == {"scalar", "trajectory", "mode"}
        for kind, values in observables.items():
            assert set(values) == {o.name for o in OBSERVABLES if o.kind == kind and not o.only_with}
        for value in observables["trajectory"].values():
            assert value.shape == (2,) and np.all(np.isfinite(value))
        for value in observables["mode"].values():
            assert value.shape == (grid.n_modes,)
        assert np.all(np.isfinite(list(observables["scalar"].values())))


def test_spectra_add_up_to_the_yields():
    observables = solve(FREEZE_IN, EIGHT_MODES).observables
    modes, scalars = observables["mode"], observables["scalar"]
    for spectrum, total in (("f_N_2", "Y_N_2"), ("f_N_3", "Y_N_3"), ("f_Delta_N", "Y_Delta_N")):
        assert modes["weight"] @ modes[spectrum] / ENTROPY_OVER_T3 == pytest.approx(scalars[total], rel=1e-12)
    assert scalars["Y_L"] == pytest.approx(sum(scalars[name] for name in NAMES), rel=1e-12)


def test_no_baryons_are_claimed_for_solves_that_miss_the_sphaleron_freeze_out():
    late = solve(FREEZE_IN, AVERAGED, T_start=100.0).observables["scalar"]
    early = solve(FREEZE_IN, AVERAGED, T_end=140.0).observables["scalar"]
    for scalars in (late, early):
        assert np.isnan(scalars["Y_B"]) and np.isnan(scalars["Y_L_sphaleron"])


def test_baryons_per_lepton_asymmetry():
    """28/79 in the symmetric phase, 12/37 deep in the broken one (hep-ph/0511246); L > 0 gives B < 0."""
    assert baryons_per_lepton_asymmetry(200.0, 0.0) == pytest.approx(-28 / 79, rel=1e-14)
    assert baryons_per_lepton_asymmetry(1.0, 1e12) == pytest.approx(-12 / 37, rel=1e-9)
    scalars = solve(FREEZE_IN, EIGHT_MODES, T_end=100.0).observables["scalar"]
    ratio = scalars["Y_B"] / scalars["Y_L_sphaleron"]
    assert -28 / 79 < ratio < -12 / 37
    assert ratio == pytest.approx(
        baryons_per_lepton_asymmetry(131.7, higgs_expectation_value(131.7) ** 2 / 2), rel=1e-13
    )


# ------------------------------------------------------------------------------------------------ fast oscillations


@pytest.mark.parametrize("grid", [AVERAGED, EIGHT_MODES], ids=["averaged", "8 modes"])
def test_fast_oscillations_are_followed_as_long_as_they_matter(grid):
    """delta_M = 3e-10 GeV: 10^5 radians of phase, most of which need not be followed."""
    point, solver = FREEZE_IN | {"delta_M": 3e-10}, SolverSettings(rtol=1e-5)
    plain, followed = (solve(point, grid, [50.0], solver, oscillation_weight=weight) for weight in (0.0, 1.0))
    assert distance(asymmetries(plain), asymmetries(followed)) < 1e-5
    for name in ("Y_N_2", "Y_N_3"):
        assert plain.observables["scalar"][name] == pytest.approx(followed.observables["scalar"][name], rel=1e-4)
    assert plain.steps < followed.steps / 3


CROSSING = {
    "M": 11.228446853726554, "delta_M": 2.4686e-13, "im_omega": 0.0371444,
    "re_omega": 4.712601, "delta": 1.173478, "eta": 1.099992,
}  # fmt: skip


@pytest.mark.parametrize("grid", [AVERAGED, EIGHT_MODES], ids=["averaged", "8 modes"])
def test_oscillations_are_not_forgotten_before_levels_cross(grid):
    """Without gamma_- and h_+ levels cross near 54 GeV, where h turns 1000 times faster than anything else changes."""
    chosen = {"gamma_minus_factor": 0.0, "h_plus_factor": 0.0, "rate_factor": 0.1}

    def final(rtol, **more):
        defaults = {setting.name: setting.default for setting in SETTINGS}
        problem = Problem(CROSSING, defaults | chosen | more, grid, solver=SolverSettings(rtol=rtol))
        return asymmetries(MODEL.solve(problem))

    # 0.35-0.49 if the weights know of the present alone, 0.002-0.05 if all oscillations are followed
    assert distance(final(1e-4), final(1e-7, oscillation_weight=1.0)) < 0.1


def test_least_weights_know_what_is_to_come():
    """One mode, one flavour; h turns by a right angle between the nodes 3 and 4 of 6 cells, and is long but there."""
    cells = np.zeros((6, N_CHANNELS, 4, 1))
    cells[:4, HC, 3], cells[4:, ME, 3] = 100.0, 100.0
    flavours, out = np.zeros((3, 4)), np.empty((6, 1))
    flavours[0, 1] = 1.0
    nodes = np.arange(7) * 0.01
    weights_ahead(nodes, cells, np.ones(4), flavours, 1.0, 0.0, out)
    turning = (DRIFT + np.sqrt(2) / 0.01) / 200
    np.testing.assert_allclose(out[:, 0], [turning**2] * 4 + [(DRIFT / 200) ** 2] * 2, rtol=1e-12)
    weights_ahead(nodes, cells, np.ones(4), flavours, 1.0, 0.5, out)
    np.testing.assert_allclose(out[:, 0], [max(turning, 0.5) ** 2] * 4 + [0.25] * 2, rtol=1e-12)
    weights_ahead(nodes, np.zeros_like(cells), np.ones(4), flavours, 1.0, 0.0, out)
    assert np.all(out == 1.0)


def test_cost_is_bounded_whatever_the_mass_splitting():
    steps = [solve(FREEZE_IN | {"delta_M": 10.0**n}, AVERAGED).steps for n in range(-9, -5)]
    assert steps[0] < 3000 and max(steps) == steps[0]


@settings(max_examples=20)
@given(st.floats(-10, -6), st.floats(-0.3, 0.3), ANGLE, st.booleans())
def test_tolerance_holds_whatever_the_mass_splitting(log_delta_m, im_omega, re_omega, resolved):
    point = FREEZE_IN | {"delta_M": 10**log_delta_m, "im_omega": im_omega, "re_omega": re_omega}
    grid = EIGHT_MODES if resolved else AVERAGED
    plain, careful = (asymmetries(solve(point, grid, solver=SolverSettings(rtol=rtol))) for rtol in (1e-5, 1e-7))
    np.testing.assert_allclose(plain, careful, atol=1e-3 * np.max(np.abs(careful)) + 1e-20)


@pytest.mark.parametrize("chosen", [{}, {"gamma_minus_factor": 1e6}, {"h_plus_factor": 1e6}, {"T_start": 140.0}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("grid", [AVERAGED, EIGHT_MODES], ids=["averaged", "resolved"])
def test_rates_of_any_size_bring_equilibrium_at_once(grid, chosen):
    """Up to 10^20 H: the first steps are shorter than the rounding of any number but zero."""
    point = FREEZE_IN | {"M": 20.0, "im_omega": 10.0}
    problems = [problem(point | {"delta": delta}, grid, [50.0, 10.0], rate_factor=1e6, **chosen) for delta in (1, 2)]
    outcome = MODEL.solve(problems[0])
    assert outcome.code == ResultCode.DONE, outcome.message
    trajectory = outcome.observables["trajectory"]
    for name in ("Y_N_2", "Y_N_3"):
        np.testing.assert_allclose(trajectory[name], trajectory["Y_N_eq"], rtol=1e-5)
    assert np.max(np.abs([trajectory[name] for name in (*NAMES, "Y_Delta_N")])) < 1e-9 * trajectory["Y_N_eq"][-1]
    if grid is AVERAGED:
        together = MODEL.solve_together(problems)[0].observables
        np.testing.assert_equal(together["trajectory"], trajectory)


# --------------------------------------------------------------------------------------------------------- failures


def test_step_budget_is_a_result_and_says_what_to_do():
    outcome = MODEL.solve(problem(FREEZE_IN, EIGHT_MODES, solver=SolverSettings(max_steps=100)))
    assert outcome.code == ResultCode.STEP_BUDGET
    assert outcome.observables == {} and outcome.state is None
    assert 100 <= outcome.steps + outcome.rejected <= 200
    assert "max_steps" in outcome.message and "GeV" in outcome.message
    enough = MODEL.solve(problem(FREEZE_IN, EIGHT_MODES, solver=SolverSettings(max_steps=1000)))
    assert enough.code == ResultCode.DONE


def test_step_budget_counts_what_came_before_a_pause():
    task = problem(FREEZE_IN, EIGHT_MODES, solver=SolverSettings(max_steps=300))
    state = None
    for _ in range(20):
        outcome = MODEL.solve(task, state, pause=lambda: True)
        state = outcome.state
        if outcome.code != ResultCode.PAUSED:
            break
    assert outcome.code == ResultCode.STEP_BUDGET
    assert outcome.steps == MODEL.solve(task).steps


def test_time_budget_is_a_result_and_says_what_to_do():
    endless = problem(
        FREEZE_IN | {"delta_M": 1e-7}, EIGHT_MODES, solver=SolverSettings(max_seconds=0.01), oscillation_weight=1.0
    )
    outcome = MODEL.solve(endless)
    assert outcome.code == ResultCode.TIME_BUDGET
    assert outcome.observables == {} and "max_seconds" in outcome.message


def test_finished_solve_is_not_thrown_away_for_its_time():
    outcome = MODEL.solve(problem(FREEZE_IN, AVERAGED, T_end=900.0, solver=SolverSettings(max_seconds=0.0)))
    assert outcome.code == ResultCode.DONE


def test_retry_gets_further():
    first = SolverSettings(max_steps=40)
    assert MODEL.solve(problem(FREEZE_IN, AVERAGED, solver=first)).code == ResultCode.STEP_BUDGET
    assert MODEL.solve(problem(FREEZE_IN, AVERAGED, solver=first.more_careful())).code == ResultCode.DONE


def test_the_smallest_tolerance_that_is_accepted_can_be_met_and_no_retry_goes_below():
    smallest = SolverSettings(rtol=SMALLEST_RTOL)
    assert MODEL.solve(problem(FREEZE_IN, AVERAGED, solver=smallest)).code == ResultCode.DONE
    assert smallest.more_careful().rtol == SMALLEST_RTOL


@pytest.mark.parametrize("grid", [AVERAGED, EIGHT_MODES], ids=["averaged", "8 modes"])
def test_both_rates_twice_are_all_rates_twice(grid):
    together = solve(FREEZE_IN, grid, [100.0], rate_factor=2.0).observables
    apart = solve(FREEZE_IN, grid, [100.0], gamma_plus_factor=2.0, gamma_minus_factor=2.0).observables
    for kind in ("scalar", "trajectory"):
        for name, value in together[kind].items():
            np.testing.assert_array_equal(apart[kind][name], value, err_msg=name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, -1e-30])
def test_bad_rates_are_named_with_the_mass_where_they_are_bad(monkeypatch, bad):
    def rates(temperature, momentum, mass):
        good = closed_form_rates(temperature, momentum, mass)
        return good._replace(gamma_c=np.where((momentum / temperature > 5)[..., np.newaxis], bad, good.gamma_c))

    monkeypatch.setattr(type(MODEL), "rates", lambda self, settings, mass: rates)
    with pytest.raises(ValueError, match="rates at M = 2.0 GeV"):
        MODEL.solve(problem(FREEZE_IN, EIGHT_MODES, T_start=999.0))


@pytest.mark.parametrize("name", ["delta_M", "eta"])
def test_solve_that_is_not_a_number_says_so(name):
    outcome = MODEL.solve(problem(FREEZE_IN | {name: np.nan}, AVERAGED))
    assert outcome.code == ResultCode.NOT_FINITE


def test_not_a_number_ends_in_a_failure_after_few_steps():
    outcome = MODEL.solve(problem(FREEZE_IN | {"delta_M": np.nan}, AVERAGED))
    assert outcome.code.is_failure and outcome.observables == {}
    assert outcome.steps == 0 and outcome.rejected < 50


def test_combinations_of_settings_that_make_no_sense_are_named():
    assert MODEL.check(DEFAULTS, [1000.0, 10.0]) == []
    assert any("T_end" in message for _, message in MODEL.check(DEFAULTS | {"T_end": 1000.0}, []))
    assert any("5.0 GeV" in message for _, message in MODEL.check(DEFAULTS, [20.0, 5.0]))
