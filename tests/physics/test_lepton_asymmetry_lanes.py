"""Momentum-averaged solves side by side: bit for bit what they are one by one, whoever shares the registers."""

import json

import h5py
import numpy as np
import pytest
from campaigns import write
from hypothesis import given, settings
from hypothesis import strategies as st
from lepton_asymmetry_points import FREEZE_IN, FREEZE_OUT, PI, problem

from hpc_nu import cli
from hpc_nu.campaign.plan import read_plan
from hpc_nu.models.heavy_neutrinos import asymmetry_model, lanes
from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import SETTINGS, LeptonAsymmetry
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver import evolution, momentum_grid

AVERAGED = momentum_grid.averaged()
MODEL = LeptonAsymmetry()
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
POINTS = st.fixed_dictionaries(
    {
        "M": st.just(2.0),
        "delta_M": st.floats(-17, -9).map(lambda x: 10**x),
        "im_omega": st.floats(-2, 2),
        "re_omega": st.floats(0, 2 * PI),
        "delta": st.floats(0, 2 * PI),
        "eta": st.floats(0, 2 * PI),
    }
)
RTOLS = st.floats(-6, -2).map(lambda x: 10**x)


def same(together, alone):
    assert (together.code, together.steps, together.rejected) == (alone.code, alone.steps, alone.rejected)
    for kind, values in alone.observables.items():
        for name, value in values.items():
            assert np.asarray(together.observables[kind][name]).tobytes() == np.asarray(value).tobytes(), name


@settings(max_examples=15)
@given(st.lists(st.tuples(POINTS, RTOLS), min_size=1, max_size=40), st.sampled_from([1, 50, 64]))
def test_solves_together_are_those_alone_bit_for_bit(points, attempts):
    """Default rates; more points than lanes and fewer; looks at the clock wherever they fall; long ones are left."""
    chosen, temperatures = DEFAULTS | {"T_end": 20.0}, np.array([300.0, 50.0])
    problems = [
        Problem(point, chosen, AVERAGED, temperatures, solver=SolverSettings(rtol=rtol)) for point, rtol in points
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolution, "ATTEMPTS", attempts)
        outcomes = MODEL.solve_together(problems)
    for task, outcome in zip(problems, outcomes, strict=True):
        alone = MODEL.solve(task)
        if outcome is not None:
            same(outcome, alone)
        else:
            assert alone.steps + alone.rejected >= asymmetry_model._MOST_STEPS_TOGETHER


def test_factors_and_both_methods():
    for method in ("esdirk43", "esdirk54"):
        chosen = {
            "gamma_minus_factor": 0.3,
            "h_plus_factor": 2.0,
            "rate_factor": 0.5,
            "oscillation_weight": 0.5,
            "T_end": 50.0,
        }
        solver = SolverSettings(method, 1e-5)
        problems = [problem(FREEZE_IN | {"eta": eta}, AVERAGED, (), solver, **chosen) for eta in (0.1, 2.0, 4.0)]
        for task, outcome in zip(problems, MODEL.solve_together(problems), strict=True):
            same(outcome, MODEL.solve(task))


def test_what_takes_long_or_fails_is_left_to_be_solved_alone():
    long = problem(FREEZE_IN | {"delta_M": 1e-9}, AVERAGED, (), SolverSettings(rtol=1e-8))
    bad = problem(FREEZE_IN | {"delta_M": np.nan}, AVERAGED, (), SolverSettings(rtol=1e-8))
    good = problem(FREEZE_IN, AVERAGED, (), SolverSettings(rtol=1e-8))
    outcomes = MODEL.solve_together([long, good, bad, good])
    assert outcomes[0] is None and outcomes[2] is None
    same(outcomes[1], MODEL.solve(good))
    same(outcomes[3], MODEL.solve(good))


@pytest.mark.parametrize("max_steps", [50, 100, 150, 1000])
def test_step_budget_is_that_of_a_solve_alone(max_steps):
    task = problem(FREEZE_IN, AVERAGED, (), SolverSettings(max_steps=max_steps))
    alone = MODEL.solve(task)
    for outcome in MODEL.solve_together([task, task]):
        assert outcome is None or alone.code == ResultCode.DONE
    assert max_steps < 1000 or alone.code == ResultCode.DONE


def test_pause_leaves_what_is_not_finished():
    answers = iter([False] * 3 + [True] * 1000)
    problems = [problem(FREEZE_IN | {"eta": 0.1 * i}, AVERAGED) for i in range(40)]
    outcomes = MODEL.solve_together(problems, lambda: next(answers))
    assert outcomes[-1] is None
    assert MODEL.solve_together(problems, lambda: True) == [None] * 40


def test_only_what_shares_a_table_is_solved_together():
    key = MODEL.batch_key(problem(FREEZE_IN, AVERAGED))
    assert key == MODEL.batch_key(problem(FREEZE_IN | {"eta": 1.0, "delta_M": 1e-12}, AVERAGED))
    assert key == MODEL.batch_key(problem(FREEZE_IN, AVERAGED, solver=SolverSettings(rtol=1e-5)))
    others = [
        problem(FREEZE_OUT, AVERAGED),
        problem(FREEZE_IN, AVERAGED, hierarchy="inverted"),
        problem(FREEZE_IN, AVERAGED, T_end=20.0),
        problem(FREEZE_IN, AVERAGED, solver=SolverSettings("esdirk43")),
    ]
    assert all(MODEL.batch_key(other) not in (None, key) for other in others)
    assert MODEL.batch_key(problem(FREEZE_IN, momentum_grid.gauss_legendre(8))) is None
    assert MODEL.batch_key(problem(FREEZE_IN, AVERAGED, derivatives=True)) is None


CAMPAIGN = """\
campaign: batch
model: lepton_asymmetry
parameters:
  M:        {list: [1.0, 2.0], unit: GeV}
  delta_M:  {log: [1.0e-12, 2.0e-10], points: 40, unit: GeV}
  re_omega: {value: 0.551, unit: pi}
  im_omega: {list: [-0.1, 0.2], unit: rad}
  delta:    {value: 0.993, unit: pi}
  eta:      {value: 1.479, unit: pi}
settings: {T_start: {value: 1000, unit: GeV}}
grids: [{kind: averaged}, {kind: gauss_legendre, n_modes: 6}]
solver: {max_steps: 1100}
"""


def test_rows_of_a_campaign_are_those_of_solves_alone(alone, tmp_path, monkeypatch):
    """Failed ones, slow ones and those on another grid among them."""
    sizes = []
    together = lanes.solve_together

    def counting(runs, *arguments):
        sizes.append(len(runs))
        return together(runs, *arguments)

    monkeypatch.setattr(lanes, "solve_together", counting)
    input_path, output = write(tmp_path, CAMPAIGN), tmp_path / "out.h5"
    assert cli.main(["run", str(input_path), "-o", str(output)]) == 0
    assert max(sizes) > 10
    plan = read_plan(input_path)
    with h5py.File(output) as file:
        assert json.loads(file["input/completed"][()])["solver"]["max_steps"] == 1100
        failed = 0
        for task in range(plan.n_tasks):
            outcome = MODEL.solve(plan.problem(task))
            if outcome.code != ResultCode.DONE:
                failed += 1
                continue
            assert file["status"][task] == ResultCode.DONE
            assert file["cost/steps"][task] == outcome.steps
            for name, value in outcome.observables["scalar"].items():
                assert file[f"results/{name}"][task].tobytes() == np.float64(value).tobytes()
        assert 0 < failed < plan.n_tasks / 2
