"""The tasks of a campaign: their order, their problems, and when two campaigns are the same problem."""

import dataclasses
import json
import time

import numpy as np
import pytest
import yaml

from hpc_nu.campaign.plan import read_plan
from hpc_nu.models import MODELS
from hpc_nu.models.interface import Model, Observable, Parameter, Setting, SolverSettings


class ToyModel(Model):
    name = "toy"
    parameters = (
        Parameter("M", "GeV", 0.1, 100.0, "common mass"),
        Parameter("delta_M", "GeV", 0.0, 1e-6, "mass difference"),
        Parameter("phase", "rad", -10.0, 10.0, "phase", default=0.25),
        Parameter("mixing", "1", 0.0, 1.0, "mixing", default=0.5),
    )
    settings = (
        Setting("hierarchy", "normal", "mass hierarchy", choices=("normal", "inverted")),
        Setting("T_start", 1000.0, "first temperature", low=1.0, high=1e7, unit="GeV"),
        Setting("rate_factor", 1.0, "rate factor", low=0.0),
    )
    observables = tuple(Observable(kind, "1", kind, kind) for kind in ("scalar", "trajectory", "spectrum", "mode"))
    grid_kinds = ("averaged", "equal_occupation", "gauss_legendre")


class PlainModel(ToyModel):
    name = "plain"
    grid_kinds = ()


FULL = """\
campaign: toy-1
model: toy
parameters:
  delta_M: {about: 2.06e-2, linear: [-7e-9, 7E-9], points: 3, unit: eV}
  M: {list: [3, 1], unit: GeV}
  mixing: {range: [0.1, 1], scale: log}
sample: {kind: sobol, points: 4, seed: 1}
settings: {T_start: {value: 2, unit: TeV}}
variations:
  standard: {}
  slow: {rate_factor: 0.5, T_start: {value: 500, unit: GeV}}
grids:
  - {kind: averaged}
  - {kind: equal_occupation, n_modes: [5, 9], soft_modes: [0.3, 0.5]}
solver: {rtol: 1e-6}
output:
  temperatures: {list: [10, 1000, 100], unit: GeV}
  momenta: {linear: [10, 0.5], points: 20}
  modes: true
run: {epoch_seconds: 30}
"""
PLAIN = "campaign: a\nmodel: plain\nparameters: {M: {value: 2.0, unit: GeV}, delta_M: {value: 1, unit: eV}}\n"


@pytest.fixture(autouse=True)
def toy_models(monkeypatch):
    monkeypatch.setitem(MODELS, "toy", f"{__name__}:ToyModel")
    monkeypatch.setitem(MODELS, "plain", f"{__name__}:PlainModel")


@pytest.fixture
def plan_of(tmp_path):
    """The plan of a text."""

    def read(text):
        path = tmp_path / "campaign.yaml"
        path.write_text(text)
        return read_plan(path)

    return read


def test_tasks_are_variations_grids_axes_sample_with_the_last_fastest(plan_of):
    plan = plan_of(FULL)
    shape = (2, 3, 3, 2, 4)  # variations, grids, delta_M, M, sample
    assert plan.n_tasks == np.prod(shape)
    variation, grid, i_delta_m, i_m, i_sample = np.indices(shape).reshape(5, -1)
    assert np.array_equal(plan.variation, variation) and np.array_equal(plan.grid, grid)
    assert plan.variation.dtype == plan.grid.dtype == np.int32
    assert np.array_equal(plan.points["M"], np.array([3.0, 1.0])[i_m])
    assert np.array_equal(plan.points["mixing"], plan.points["mixing"][:4][i_sample])
    assert len(set(plan.points["mixing"][:4])) == 4
    assert set(plan.points["phase"]) == {0.25}
    about, offsets = plan.offsets["delta_M"]
    assert about == 2.06e-11 and list(plan.offsets) == ["delta_M"]
    np.testing.assert_allclose(offsets, np.array([-7e-18, 0.0, 7e-18])[i_delta_m], rtol=1e-15)
    assert np.array_equal(plan.points["delta_M"], about + offsets)


def test_problem_is_what_the_columns_say(plan_of):
    plan = plan_of(FULL)
    task = plan.n_tasks - 1
    problem = plan.problem(task)
    assert problem.point == {name: values[task] for name, values in plan.points.items()}
    assert all(type(value) is float for value in problem.point.values())
    assert problem.settings == {"hierarchy": "normal", "T_start": 500.0, "rate_factor": 0.5}
    assert plan.problem(0).settings == {"hierarchy": "normal", "T_start": 2000.0, "rate_factor": 1.0}
    assert problem.grid.kind == "equal_occupation" and problem.grid.n_modes == 9
    assert {0.3, 0.5} <= set(problem.grid.nodes)
    assert problem.temperatures.tolist() == [1000.0, 100.0, 10.0]
    assert problem.momenta[[0, -1]].tolist() == [0.5, 10.0]
    assert problem.solver == dataclasses.replace(SolverSettings(), rtol=1e-6)
    assert plan.store_modes and plan.epoch_seconds == 30.0


def test_momentum_grid_is_built_once(plan_of):
    plan = plan_of(FULL)
    tasks = np.flatnonzero(plan.grid == 1)
    assert plan.problem(tasks[0]).grid is plan.problem(tasks[-1]).grid
    assert plan.problem(tasks[0]).grid is not plan.problem(0).grid


def test_tasks_outside_the_plan_are_refused(plan_of):
    plan = plan_of(PLAIN)
    for task in (-1, plan.n_tasks):
        with pytest.raises(IndexError):
            plan.problem(task)


def test_plan_cannot_be_changed(plan_of):
    plan = plan_of(FULL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.n_tasks = 1
    arrays = [*plan.points.values(), plan.offsets["delta_M"][1], plan.variation, plan.grid]
    for array in (*arrays, plan.temperatures, plan.momenta):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    plan.problem(0).settings["T_start"] = 1.0
    plan.completed["solver"]["rtol"] = 1.0
    assert plan.problem(0).settings["T_start"] == 2000.0 and plan.completed["solver"]["rtol"] == 1e-6


def test_model_without_modes_gets_one_grid_of_none(plan_of):
    plan = plan_of(PLAIN)
    assert [(spec.kind, spec.n_modes, spec.label) for spec in plan.grids] == [("none", 0, "none")]
    assert plan.n_tasks == 1 and plan.problem(0).grid is None
    assert plan.variations == (("standard", {"hierarchy": "normal", "T_start": 1000.0, "rate_factor": 1.0}),)
    assert plan.temperatures.size == plan.momenta.size == 0 and not plan.store_modes


def test_grid_labels_are_unique_and_short_where_they_can_be(plan_of):
    grids = """grids:
  - {kind: averaged}
  - {kind: gauss_legendre, n_modes: [8, 16]}
  - {kind: gauss_legendre, n_modes: 16, scale: 2}
"""
    labels = [spec.label for spec in plan_of(PLAIN.replace("plain", "toy") + grids).grids]
    assert labels == ["averaged", "gauss_legendre-8", "gauss_legendre-16-scale=3.0", "gauss_legendre-16-scale=2.0"]


def test_completed_input_is_a_valid_input_for_the_same_problem(plan_of):
    for text in (FULL, PLAIN):
        plan = plan_of(text)
        again = plan_of(yaml.safe_dump(json.loads(json.dumps(plan.completed)), sort_keys=False))
        assert again.completed == plan.completed
        assert again.problem_hash == plan.problem_hash
        assert all(np.array_equal(again.points[name], plan.points[name]) for name in plan.points)


def test_way_of_running_and_of_writing_is_not_part_of_the_problem(plan_of):
    plan = plan_of(FULL)
    same = plan_of(FULL.replace("epoch_seconds: 30", "epoch_seconds: 60").replace("7E-9", "0.7e-8") + "# a comment\n")
    assert same.problem_hash == plan.problem_hash
    assert same.given != plan.given and same.epoch_seconds != plan.epoch_seconds
    assert same.difference(plan.completed, {}) == []


# text in FULL, what stands there instead, the line that explains it
CHANGES = [
    ("list: [3, 1]", "list: [3, 2]", "parameters.M: {list: [3.0, 1.0], unit: GeV} -> {list: [3.0, 2.0], unit: GeV}"),
    ("seed: 1", "seed: 2", "sample: {kind: sobol, points: 4, seed: 1} -> {kind: sobol, points: 4, seed: 2}"),
    ("value: 2, unit: TeV", "value: 3, unit: TeV", "settings.T_start: 2000.0 GeV -> 3000.0 GeV"),
    ("rate_factor: 0.5", "rate_factor: 0.6", "variations.slow.rate_factor: 0.5 -> 0.6"),
    ("  - {kind: averaged}\n", "", "grids[0]: {kind: averaged} -> "
     "{kind: equal_occupation, n_modes: 5, y_min: 0.1, y_max: 20.0, soft_modes: [0.3, 0.5]}"),
    ("solver: {rtol: 1e-6}", "solver: {rtol: 1e-7}", "solver.rtol: 1e-06 -> 1e-07"),
    ("modes: true", "modes: false", "output.modes: true -> false"),
    ("campaign: toy-1", "campaign: toy-2", "campaign: toy-1 -> toy-2"),
    ("points: 20", "points: 21",
     "output.momenta: {linear: [10.0, 0.5], points: 20, unit: 1} -> {linear: [10.0, 0.5], points: 21, unit: 1}"),
    ("  standard: {}\n", "", "variations.standard: {} -> absent"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), CHANGES, ids=[row[2] for row in CHANGES])
def test_every_change_of_the_problem_changes_the_hash_and_is_explained(plan_of, old, new, line):
    plan, changed = plan_of(FULL), plan_of(FULL.replace(old, new))
    assert changed.problem_hash != plan.problem_hash
    assert changed.difference(plan.completed, {})[0] == line


def test_fixed_value_is_explained_with_its_unit(plan_of):
    plan = plan_of(PLAIN.replace("2.0", "3.0"))
    assert plan.difference(plan_of(PLAIN).completed, {}) == ["parameters.M: 2.0 GeV -> 3.0 GeV"]


def test_order_counts_for_axes_and_variations_but_not_for_fixed_values(plan_of):
    lines = FULL.splitlines()
    lines[3], lines[4] = lines[4], lines[3]
    lines[9], lines[10] = lines[10], lines[9]
    assert plan_of("\n".join(lines)).difference(plan_of(FULL).completed, {}) == [
        "order of parameters: delta_M, M, mixing, phase -> M, delta_M, mixing, phase",
        "order of variations: standard, slow -> slow, standard",
    ]
    swapped = "{delta_M: {value: 1, unit: eV}, M: {value: 2.0, unit: GeV}}\n"
    assert plan_of(PLAIN.split("{M")[0] + swapped).problem_hash == plan_of(PLAIN).problem_hash


def test_plan_of_a_million_points_is_quick_and_small(plan_of):
    text = PLAIN.replace("{value: 2.0,", "{range: [1, 100], scale: log,")
    plan_of(text + "sample: {kind: sobol, points: 2}\n")  # the import of scipy.stats is not what is measured
    start = time.perf_counter()
    plan = plan_of(text + "sample: {kind: sobol, points: 1000000}\n")
    assert time.perf_counter() - start < 3.0
    assert plan.n_tasks == 10**6
    assert plan.points["delta_M"].base.nbytes < 100  # a fixed value is stored once
