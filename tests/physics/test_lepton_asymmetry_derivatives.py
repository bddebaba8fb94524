"""Derivatives of the final asymmetries by the parameters: tangent-linear equations against differences of solves."""

import h5py
import numpy as np
import pytest
from campaigns import write
from hypothesis import given, settings
from hypothesis import strategies as st
from lepton_asymmetry_points import FREEZE_IN, FREEZE_OUT, problem

from hpc_nu import cli
from hpc_nu.models.heavy_neutrinos.inputs import DIFFERENTIATED, OBSERVABLES, PARAMETERS, SETTINGS
from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import LeptonAsymmetry
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver import momentum_grid

AVERAGED, EIGHT_MODES = momentum_grid.averaged(), momentum_grid.gauss_legendre(8)
MODEL = LeptonAsymmetry()
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def scalars(point, grid, **chosen):
    """With the default rates, at a tolerance that leaves differences their digits."""
    outcome = MODEL.solve(Problem(point, DEFAULTS | chosen, grid, solver=SolverSettings(rtol=1e-8)))
    assert outcome.code == ResultCode.DONE
    return outcome.observables["scalar"]


def difference(point, parameter, step, grid, **chosen):
    """Derivatives of fourth order in `step`."""

    def central(h):
        up, down = (scalars(point | {parameter: point[parameter] + s * h}, grid, **chosen) for s in (1, -1))
        return np.array([(up[name] - down[name]) / (2 * h) for name in DIFFERENTIATED])

    return (4 * central(step) - central(2 * step)) / 3


@pytest.mark.parametrize("grid", [AVERAGED, EIGHT_MODES], ids=["averaged", "8 modes"])
@pytest.mark.parametrize(
    ("parameter", "step"),
    [("M", 1e-2), ("delta_M", 1e-13), ("im_omega", 1e-3), ("re_omega", 1e-3), ("delta", 1e-2), ("eta", 1e-2)],
)
def test_derivatives_are_the_limits_of_differences(grid, parameter, step):
    chosen = {"T_end": 20.0}
    found = scalars(FREEZE_IN, grid, derivatives=True, **chosen)
    got = np.array([found[f"{name}_by_{parameter}"] for name in DIFFERENTIATED])
    expected = difference(FREEZE_IN, parameter, step, grid, **chosen)
    scale = np.array([np.max(np.abs(expected[:3]))] * 4 + [np.abs(expected[4])])
    assert np.all(np.abs(got - expected) < scale * [*[2e-5] * 4, 5e-3])  # Y_B is a remainder: its differences are noisy


def test_derivatives_hold_at_freeze_out_with_factors():
    chosen = {"T_end": 20.0, "gamma_minus_factor": 0.5, "h_plus_factor": 0.3}
    found = scalars(FREEZE_OUT, AVERAGED, derivatives=True, **chosen)
    for parameter, step in (("M", 1e-3), ("im_omega", 1e-4), ("eta", 1e-3)):
        expected = difference(FREEZE_OUT, parameter, step, AVERAGED, **chosen)[:3]
        got = np.array([found[f"{name}_by_{parameter}"] for name in DIFFERENTIATED[:3]])
        assert np.max(np.abs(got - expected)) < 1e-4 * np.max(np.abs(expected))


def test_solution_is_the_same_bit_for_bit_with_derivatives():
    plain, differentiated = (scalars(FREEZE_IN, EIGHT_MODES, derivatives=on) for on in (False, True))
    assert len(differentiated) == len(plain) + len(DIFFERENTIATED) * len(PARAMETERS)
    assert all(differentiated[name] == value for name, value in plain.items())


@settings(max_examples=10)
@given(st.lists(st.booleans(), max_size=40), st.booleans())
def test_paused_solve_has_the_same_derivatives_bit_for_bit(pauses, resolved):
    task = problem(
        FREEZE_IN, EIGHT_MODES if resolved else AVERAGED, [100.0], SolverSettings(rtol=1e-7), derivatives=True
    )
    expected, answers, state = MODEL.solve(task).observables["scalar"], iter(pauses), None
    while True:
        outcome = MODEL.solve(task, state, pause=lambda: next(answers, False))
        if outcome.code == ResultCode.DONE:
            break
        state = np.frombuffer(outcome.state.tobytes())
    assert outcome.observables["scalar"] == expected


ANGLE = st.floats(-7.0, 7.0)


@given(ANGLE, ANGLE, ANGLE, st.floats(-1.0, 1.0))
@settings(max_examples=10)
def test_derivatives_share_the_symmetries_of_the_asymmetries(delta, eta, re_omega, im_omega):
    """(delta, eta, Im w) -> minus all three changes the sign of all Y: of their derivatives by the others, too."""
    point = FREEZE_IN | {"delta": delta, "eta": eta, "re_omega": re_omega, "im_omega": im_omega}
    mirrored = point | {"delta": -delta, "eta": -eta, "im_omega": -im_omega}
    one, other = (
        MODEL.solve(problem(p, AVERAGED, derivatives=True, T_end=60.0)).observables["scalar"] for p in (point, mirrored)
    )
    for parameter, sign in (("M", -1), ("delta_M", -1), ("re_omega", -1), ("im_omega", 1), ("delta", 1), ("eta", 1)):
        a, b = (np.array([y[f"{name}_by_{parameter}"] for name in DIFFERENTIATED[:3]]) for y in (one, other))
        np.testing.assert_allclose(a, sign * b, atol=1e-9 * np.max(np.abs(a)) + 1e-25)


def test_no_baryons_no_derivatives_of_them():
    late = MODEL.solve(problem(FREEZE_IN, AVERAGED, derivatives=True, T_start=100.0)).observables["scalar"]
    assert np.isnan(late["Y_B_by_eta"]) and late["Y_L_by_eta"] != 0


def test_mass_at_the_end_of_the_table():
    for mass in (0.1, 30.0):
        found = scalars(FREEZE_IN | {"M": mass}, AVERAGED, derivatives=True, T_end=50.0)
        inside = FREEZE_IN | {"M": mass * (1.002 if mass < 1 else 0.998)}
        expected = difference(inside, "M", 1e-4 * mass, AVERAGED, T_end=50.0)[3]
        assert found["Y_L_by_M"] == pytest.approx(expected, rel=0.05)


CAMPAIGN = """\
campaign: derivatives
model: lepton_asymmetry
parameters:
  M:        {value: 2.0, unit: GeV}
  delta_M:  {list: [0.9e-11, 1.0e-11], unit: GeV}
  re_omega: {value: 0.551, unit: pi}
  im_omega: {value: -2.754e-3, unit: rad}
  delta:    {value: 0.993, unit: pi}
  eta:      {value: 1.479, unit: pi}
settings: {SETTINGS}
grids: [{kind: averaged}]
"""


def test_derivatives_are_stored_on_request_alone(alone, tmp_path, capsys):
    for name, chosen in (("without", ""), ("with", "derivatives: true")):
        input_path = write(tmp_path, CAMPAIGN.replace("SETTINGS", chosen))
        assert cli.main(["run", str(input_path), "-o", str(tmp_path / f"{name}.h5")]) == 0
    with h5py.File(tmp_path / "without.h5") as without, h5py.File(tmp_path / "with.h5") as there:
        added = set(there["results"]) - set(without["results"])
        assert added == {o.name for o in OBSERVABLES if o.only_with}
        dataset = there["results/Y_L_by_delta_M"]
        assert dataset.attrs["units"] == "1/GeV" and np.all(dataset[:] > 0)
        np.testing.assert_array_equal(there["results/Y_L"][:], without["results/Y_L"][:])


def test_derivatives_need_a_table_of_several_masses(alone, tmp_path, capsys):
    input_path = write(tmp_path, CAMPAIGN.replace("SETTINGS", "derivatives: true, self_energy: this_mass"))
    assert cli.main(["check", str(input_path)]) == 2
    message = capsys.readouterr().err
    assert "derivatives = true" in message and "self_energy = this_mass" in message and "default" in message
