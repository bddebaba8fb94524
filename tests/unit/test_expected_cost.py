"""What a campaign is expected to take: what is shared is counted as often as it is made.  Arithmetic, no clock."""

import numpy as np
import pytest

from hpc_nu.campaign.expected_cost import TASK_SECONDS, ExpectedCost, expected_cost
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.reports import check_report
from hpc_nu.campaign.schedule import Schedule
from hpc_nu.models import MODELS, get_model
from hpc_nu.models.interface import Cost, Model, Observable, Parameter, Preparation, Problem, Setting
from hpc_nu.solver import momentum_grid


class Sharing(Model):
    """Tasks of equal M share 100 s times the factor, those of equal M and T another 10 s."""

    name, title, reference = "sharing", "tasks that share", "none"
    parameters = (Parameter("M", "GeV", 0.1, 1e4, "mass"), Parameter("T", "GeV", 0.1, 1e4, "temperature", default=1.0))
    settings = (Setting("shape", 1.0, "enters what is shared"), Setting("factor", 1.0, "does not, but costs"))
    observables = (Observable("y", "1", "y"),)
    grid_kinds = ("averaged", "gauss_legendre")

    def cost(self, problem):
        key = problem.settings["shape"]
        by_both = Preparation(10.0, ("M", "T"), "averages", key, of_the_grid=False, kept=100)
        seconds = 100.0 * problem.settings["factor"]
        return Cost(1.0 * problem.point["T"], (Preparation(seconds, ("M",), "tables", key, kept=3), by_both))


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "sharing", f"{__name__}:Sharing")

    def read(parameters, more="grids: [{kind: averaged}]\n"):
        path = tmp_path / "input.yaml"
        path.write_text(f"campaign: a\nmodel: sharing\nparameters: {parameters}\n{more}")
        return read_plan(path)

    return read


AXES = "{M: {linear: [1, 4], points: %d, unit: GeV}, T: {list: [1, 2, 3, 4], unit: GeV}}"
VARIATIONS = "variations: {a: {}, b: {factor: 2.0}}\ngrids: [{kind: averaged}]\n"


def made(cost):
    return [shared.n_groups for shared in cost.shared]


def test_what_points_share_is_counted_once_for_all_of_them(plan_of):
    cost = expected_cost(plan_of(AXES % 2))
    assert made(cost) == [2, 8]
    assert cost.total() == pytest.approx(2 * 100 + 8 * 10 + 2 * (1 + 2 + 3 + 4) + 8 * TASK_SECONDS)
    np.testing.assert_allclose(cost.shared_out().reshape(2, 4), [100 / 4 + 10 + np.arange(1, 5)] * 2)
    assert cost.longest() == 100 + 10 + 4


def test_every_rank_makes_what_its_tasks_need(plan_of):
    cost = expected_cost(plan_of(AXES % 2))
    assert cost.total(3) == pytest.approx(cost.total() + 100), "a table for a third rank; averages were enough"
    assert cost.wall(3) == pytest.approx(cost.total(3) / 3)
    assert cost.wall(1000) == cost.longest()


def test_variations_and_grids_share_what_does_not_depend_on_them_as_long_as_it_is_kept(plan_of):
    grids = VARIATIONS.replace("]", ", {kind: gauss_legendre, n_modes: 4}]")
    assert made(expected_cost(plan_of(AXES % 3, VARIATIONS))) == [3, 12]
    assert made(expected_cost(plan_of(AXES % 4, VARIATIONS))) == [4, 16, 4], "more masses than tables are kept"
    assert made(expected_cost(plan_of(AXES % 3, VARIATIONS.replace("factor", "shape")))) == [3, 12, 3, 12]
    assert made(expected_cost(plan_of(AXES % 3, grids))) == [3, 12, 3], "each grid has its tables"


@pytest.mark.parametrize("variations", ["{a: {}, b: {factor: 2.0}}", "{b: {factor: 2.0}, a: {}}"])
def test_what_is_shared_costs_what_the_dearest_of_those_who_share_it_needs(plan_of, variations):
    cost = expected_cost(plan_of(AXES % 2, f"variations: {variations}\ngrids: [{{kind: averaged}}]\n"))
    assert made(cost) == [2, 8]
    assert cost.total() == pytest.approx(2 * 200 + 8 * 10 + 2 * 2 * (1 + 2 + 3 + 4) + 16 * TASK_SECONDS)
    assert cost.in_order(np.arange(16)).sum() == pytest.approx(cost.shared_out().sum())
    assert cost.shared_out().sum() == pytest.approx(cost.total() - 16 * TASK_SECONDS)
    assert cost.longest() == 200 + 10 + 4


def test_the_queue_keeps_together_what_shares_wherever_the_file_has_it(plan_of):
    """M is the last axis, so that neighbours in the file share nothing."""
    plan = plan_of("{T: {list: [1, 3, 2], unit: GeV}, M: {linear: [1, 50], points: 50, unit: GeV}}")
    cost = expected_cost(plan)
    queue = Schedule(cost, plan.task_class(slice(None)), np.arange(plan.n_tasks), 1).queue
    masses = plan.points["M"][queue]
    assert np.count_nonzero(np.diff(masses)) == 49
    assert plan.points["T"][queue].reshape(50, 3).tolist() == [[3, 2, 1]] * 50, "and then the longest first"
    assert cost.in_order(queue).sum() == pytest.approx(cost.total() - plan.n_tasks * TASK_SECONDS)
    assert cost.in_order(queue)[:3].tolist() == [100 + 10 + 3, 10 + 2, 10 + 1]


def test_groups_with_the_longest_tasks_come_first():
    cost = ExpectedCost(np.array([1.0, 5.0, 2.0, 4.0]), np.array([[0, 1, 1, 0]]), np.ones((1, 1)))
    assert Schedule(cost, np.zeros(4, dtype=int), np.arange(4), 1).queue.tolist() == [1, 2, 3, 0]


def test_a_first_task_that_makes_what_all_share_is_no_surprise():
    """With it in the prediction, a batch after it is as long as if nothing had been shared."""
    cost = ExpectedCost(np.full(1000, 1e-3), np.zeros((1, 1000), int), np.full((1, 1), 0.5))
    schedule = Schedule(cost, np.zeros(1000, dtype=int), np.arange(1000), 1)
    assert len(schedule.batch()) == 1
    schedule.record(0, 1, 0.501)
    assert schedule.factor[0] == pytest.approx(1.0)


def test_check_says_how_often_what_is_made_and_what_would_be_cheaper(plan_of, tmp_path):
    plan_of("{M: {range: [1, 100], unit: GeV}, T: {value: 1, unit: GeV}}", "sample: {kind: sobol, points: 256}\n"
            "grids: [{kind: averaged}]\n")  # fmt: skip
    text = check_report(tmp_path / "input.yaml")
    assert "90% for tables, made 256 times" in text and "9% for averages, made 256 times" in text
    assert "about 7.9 h of processor time" in text
    assert "about 7.9 h on 1 rank, about 29.6 min on 16 ranks, about 1.9 min on 256 ranks, with" in text
    total = 256 * (100 + 10 + 1) + 256 * TASK_SECONDS
    assert "note        tables are made for nearly every task: with M on an axis instead of in a range, and 64" in text
    assert f"as many tasks would take about {(total - 100 * (256 - 4)) / 60:.1f} min" in text
    plan_of(AXES % 2)
    assert "note" not in check_report(tmp_path / "input.yaml")
    plan_of(AXES % 1)
    assert "for tables, made once, " in check_report(tmp_path / "input.yaml")


def many_points(name, **changed):
    """A `Problem` of five points of a model."""
    model = get_model(name)
    low, high = np.array([(p.low, p.high) for p in model.parameters]).T
    names = [p.name for p in model.parameters]
    points = dict(zip(names, np.linspace(low + 0.1 * (high - low), high, 5).T, strict=True))
    settings = {s.name: model.warm_up.get(s.name, s.default) for s in model.settings} | changed
    grid = momentum_grid.gauss_legendre(8) if model.grid_kinds else None
    return Problem(points, settings, grid, np.array([10.0]))


@pytest.mark.parametrize("name", MODELS)
def test_models_say_what_one_task_and_many_take(name):
    """For each model a positive time, of every task or of each of them."""
    problem = many_points(name)
    cost = get_model(name).cost(problem)
    assert np.all(np.broadcast_to(cost.solve, 5) > 0)
    for preparation in cost.preparations:
        assert preparation.seconds >= 0 and set(preparation.shared_by) <= problem.point.keys()
        hash(preparation.key)


GRIDS = {
    "dodelson_widrow": {"T_start": 20.0, "T_end": 1e-3, "temperature_steps": 600},
    "relic_coupling": {"T_start": 20.0, "T_end": 1e-3, "temperature_steps": 600},
    "relic_fold": {"T_start": 20.0, "T_end": 1e-3, "temperature_steps": 600},
    "resonant_production": {"T_start": 10.0, "T_end": 0.01, "bins": 50, "momentum_low": 0.001, "momentum_high": 20.0},
    "equilibration": {"T_high": 1e4, "T_low": 1e-2, "points_per_decade": 30},
    "lepton_asymmetry": {"T_start": 1e3, "T_end": 1.0},
}
"""Other temperatures for what is tabulated on them."""


@pytest.mark.parametrize("name, setting", [(name, one) for name, changes in GRIDS.items() for one in changes])
def test_variations_of_the_temperatures_share_nothing_that_is_tabulated_on_them(name, setting):
    problems = many_points(name), many_points(name, **{setting: GRIDS[name][setting]})
    before, after = (
        [made for made in get_model(name).cost(problem).preparations if made.key and made.what != "tables of one mass"]
        for problem in problems
    )
    assert before
    for one, other in zip(before, after, strict=True):
        assert one.key != other.key
