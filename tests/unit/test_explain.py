"""`hpc-nu explain`: a task told from the results file alone, solved again, and made a campaign of its own."""

import h5py
import numpy as np
import pytest
from campaigns import TOY, write
from toy_models import RAISES_AT_FIRST

from hpc_nu import cli
from hpc_nu.campaign.checkpoint import Checkpoint, Suspended
from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE

TROUBLED = TOY.replace("  start: {linear: [0.1, 0.9], points: 40}\n", "  trouble: {list: [0, 1, 2]}\n  start: 0.3\n")

CONSTANTS = """\
campaign: constants
model: low_energy_constants
parameters:
  M:        {list: [2000, 3000], unit: MeV}
  delta_M:  {about: 4.1e-11, linear: [-1e-12, 1e-12], points: 3, unit: GeV, offset_unit: GeV}
  T:        {value: 0.5, unit: GeV}
  re_z:     {about: 0.5, list: [-1e-9, 1e-3], unit: pi}
  im_z:     {value: 1.0, unit: rad}
  delta:    {range: [0, 2], unit: pi}
  phi:      {value: 0.3, unit: pi}
sample: {kind: sobol, points: 2}
"""


@pytest.fixture
def troubled(alone, toys, tmp_path):
    """A campaign of three tasks: good, bad, and good at the second try."""
    output = tmp_path / "out.h5"
    assert cli.main(["run", str(write(tmp_path, TROUBLED)), "-o", str(output)]) == COMPLETE
    (tmp_path / "input.yaml").unlink()  # the results file is enough
    return output


def explain(capsys, output, task, *options):
    before = output.read_bytes()
    capsys.readouterr()
    assert cli.main(["explain", str(output), "--task", str(task), *options]) == COMPLETE
    assert output.read_bytes() == before
    return capsys.readouterr().out


def test_a_failed_task_is_told_with_what_to_do_next(troubled, capsys):
    text = explain(capsys, troubled, 1)
    assert "status      6, exception" in text and "error       ZeroDivisionError: no such vacuum" in text
    assert "try 2, more careful or more patient than the first" in text and "nothing of it" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["start", "0.3", "-", "first", "value"] in lines
    assert ["trouble", "1.0", "-", "what", "goes", "wrong;", "0:", "nothing"] in lines
    assert f"hpc-nu explain {troubled} --task 1 --solve" in text
    assert "\nresults\n" not in text


def test_a_failed_task_raises_its_exception_when_it_is_solved_alone(troubled):
    with pytest.raises(ZeroDivisionError, match="no such vacuum"):
        cli.main(["explain", str(troubled), "--task", "1", "--solve"])


@pytest.mark.parametrize("task, tries", [(0, 1), (RAISES_AT_FIRST, 2)])
def test_a_task_is_solved_as_its_last_try_and_compared(task, tries, troubled, capsys):
    text = explain(capsys, troubled, task, "--solve")
    assert f"task {task}, try {tries}: done" in text and "this is, bit for bit, what" in text
    with h5py.File(troubled, "r+") as file:
        file["results/end"][task] *= 1 + 1e-6
    text = explain(capsys, troubled, task, "--solve")
    assert "this is not what" in text and "results/end: 1e-06" in text
    with h5py.File(troubled, "r+") as file:
        file["status"][task] = 3
    assert "status: time_budget there" in explain(capsys, troubled, task, "--solve")
    with h5py.File(troubled, "r+") as file:
        file["status"][task] = 0
    assert "has no row of it yet" in explain(capsys, troubled, task, "--solve")


def test_what_the_checkpoint_has_of_a_task_is_told(troubled, capsys):
    with h5py.File(troubled, "r+") as file:
        file["status"][2], problem_hash = 0, file.attrs["problem_hash"]
    Checkpoint(troubled, problem_hash).save([Suspended(2, 1, 12.5, 12.5, np.arange(7.0))])
    assert "begun: 12 s of its second try, a state of 7 numbers" in explain(capsys, troubled, 2)
    assert "nothing of it" in explain(capsys, troubled, 0)


def test_settings_that_are_not_the_default_are_told_with_the_default(alone, toys, tmp_path, capsys):
    text = TOY + "settings: {steps: 7, nap: 0.0}\nvariations:\n  one: {}\n  two: {state_size: 5}\n"
    output = tmp_path / "out.h5"
    assert cli.main(["run", str(write(tmp_path, text)), "-o", str(output)]) == COMPLETE
    one, two = explain(capsys, output, 39), explain(capsys, output, 40)
    assert "variation one" in one and "steps  7 (10)" in one and "state_size" not in one and "nap" not in one
    lines = [line.split() for line in two.splitlines()]
    assert ["steps", "7", "(10)"] in lines and ["state_size", "5", "(2)"] in lines


@pytest.mark.parametrize("task", [0, 9, 23])
def test_the_input_of_a_task_alone_gives_its_row_bit_for_bit(task, alone, tmp_path, capsys):
    """Also with offsets from tuned values, units that are not the model's, and sampled parameters."""
    output, single = tmp_path / "out.h5", tmp_path / "single.h5"
    assert cli.main(["run", str(write(tmp_path, CONSTANTS)), "-o", str(output)]) == COMPLETE
    input_path = write(tmp_path, explain(capsys, output, task, "--input"), "single.yaml")
    assert cli.main(["run", str(input_path), "-o", str(single)]) == COMPLETE
    with h5py.File(output) as many, h5py.File(single) as one:
        assert len(many["status"]) == 24 and len(one["status"]) == 1
        for group in ("points", "results"):
            for name, dataset in one[group].items():
                if name != "task":
                    assert dataset[0] == many[group][name][task], name


def test_the_input_of_a_task_has_its_grid_and_variation(alone, toys, tmp_path, capsys):
    text = """\
campaign: grids
model: lepton_asymmetry
parameters:
  M:        {value: 2.0, unit: GeV}
  delta_M:  {list: [1e-11, 2e-11], unit: GeV}
  re_omega: {value: 0.5, unit: pi}
  im_omega: {value: 0.1, unit: rad}
  delta:    {value: 1, unit: pi}
  eta:      {value: 1, unit: pi}
settings: {expansion: constant_gstar, susceptibilities: constant}
variations:
  one: {}
  two: {T_end: {value: 100, unit: GeV}}
grids: [{kind: averaged}, {kind: equal_occupation, n_modes: [5, 8]}]
"""
    output, single = tmp_path / "out.h5", tmp_path / "single.h5"
    assert cli.main(["run", str(write(tmp_path, text)), "-o", str(output)]) == COMPLETE
    task = 6 + 2 * 2 + 1  # variation two, 8 modes, the second point
    told = explain(capsys, output, task)
    assert "variation two" in told and "n_modes: 8," in told and "100.0 GeV (10.0)" in told
    input_path = write(tmp_path, explain(capsys, output, task, "--input"), "single.yaml")
    assert cli.main(["run", str(input_path), "-o", str(single)]) == COMPLETE
    with h5py.File(output) as many, h5py.File(single) as one:
        assert one["results/Y_L"][0] == many["results/Y_L"][task] != many["results/Y_L"][task - 6]


@pytest.mark.parametrize("task", [-1, 3])
@pytest.mark.parametrize("option", [[], ["--solve"], ["--input"]])
def test_a_task_that_is_not_there_is_refused(option, task, troubled, capsys):
    assert cli.main(["explain", str(troubled), "--task", str(task), *option]) == BAD_INPUT
    assert "has the tasks 0 ... 2" in capsys.readouterr().err
