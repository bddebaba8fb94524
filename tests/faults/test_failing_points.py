"""A point that cannot be solved is a row with its status and reason, after one retry; the campaign goes on."""

import h5py
import numpy as np
import pytest
import toy_models
from campaigns import FREEZE_IN_POINT, LEPTON, TOY, columns, write
from mpi import hpc_nu
from toy_models import BEFORE, DIES, EXITS, LONG_MESSAGE, RAISES, RAISES_AT_FIRST, WRONG_SHAPE

from hpc_nu import cli
from hpc_nu.campaign.communicator import SingleProcess
from hpc_nu.campaign.errors import COMPLETE, FAILURE
from hpc_nu.campaign.run import run
from hpc_nu.result_codes import ResultCode

TROUBLE = """\
campaign: trouble
model: toy
parameters:
  trouble: {list: [0, TROUBLE]}
  start: {linear: [0.1, 0.9], points: 5}
output:
  temperatures: {list: [10, 1], unit: GeV}
run: {epoch_seconds: 0.1}
"""


def run_alone(folder, text):
    """Exit code and the open file of a run in this process."""
    code = run(SingleProcess(), write(folder, text), folder / "out.h5")
    return code, h5py.File(folder / "out.h5")


def trouble(kind):
    return TROUBLE.replace("TROUBLE", str(kind))


def test_an_exception_becomes_a_row_with_its_text(alone, toys, tmp_path):
    code, file = run_alone(tmp_path, trouble(RAISES))
    assert code == COMPLETE
    assert file["status"][:].tolist() == [ResultCode.DONE] * 5 + [ResultCode.EXCEPTION] * 5
    assert set(file["error"][5:]) == {b"ZeroDivisionError: no such vacuum"} and set(file["error"][:5]) == {b""}
    assert np.isnan(file["results/end"][5:]).all() and np.isnan(file["trajectory/path"][5:]).all()
    assert file["cost/tries"][:].tolist() == [1] * 5 + [2] * 5


def test_an_exception_in_the_first_task_becomes_a_row_too(alone, toys, tmp_path):
    code, file = run_alone(tmp_path, trouble(RAISES).replace(f"[0, {RAISES}]", f"[{RAISES}, 0]"))
    assert code == COMPLETE
    assert file["status"][:].tolist() == [ResultCode.EXCEPTION] * 5 + [ResultCode.DONE] * 5


def test_one_retry_with_a_more_careful_setting_can_save_a_point(alone, toys, tmp_path):
    code, file = run_alone(tmp_path, trouble(RAISES_AT_FIRST))
    assert code == COMPLETE
    assert (file["status"][:] == ResultCode.DONE).all() and not any(file["error"][:])
    assert file["cost/tries"][:].tolist() == [1] * 5 + [2] * 5
    assert np.isfinite(file["results/end"][:]).all()


def test_a_message_of_any_length_and_alphabet_is_kept_as_far_as_it_fits(alone, toys, tmp_path):
    code, file = run_alone(tmp_path, trouble(LONG_MESSAGE))
    assert code == COMPLETE
    assert file["error"][5].startswith(b"ValueError: ? ? ?") and len(file["error"][5]) <= 200
    assert (file["status"][5:] == ResultCode.EXCEPTION).all()


def test_an_observable_of_the_wrong_shape_becomes_a_row(alone, toys, tmp_path):
    code, file = run_alone(tmp_path, trouble(WRONG_SHAPE))
    assert code == COMPLETE
    assert (file["status"][5:] == ResultCode.EXCEPTION).all()


def test_failed_rows_are_not_computed_again_by_the_next_run(alone, toys, tmp_path, caplog):
    assert run_alone(tmp_path, trouble(RAISES))[0] == COMPLETE
    before = columns(tmp_path / "out.h5")
    assert run_alone(tmp_path, trouble(RAISES))[0] == COMPLETE
    assert "nothing to do" in caplog.text
    after = columns(tmp_path / "out.h5")
    assert all(after[name].tobytes() == before[name].tobytes() for name in before)


def test_chosen_failures_are_tried_again_in_the_same_file(alone, toys, tmp_path, monkeypatch):
    """As after a fault of a library that is mended by now; rows that are done, and other failures, stay."""
    assert run_alone(tmp_path, trouble(RAISES))[0] == COMPLETE
    arguments = ["run", str(tmp_path / "input.yaml"), "-o", str(tmp_path / "out.h5")]
    monkeypatch.setattr(toy_models.Toy, "_fail", staticmethod(lambda trouble, rtol: None))
    assert cli.main([*arguments, "--retry", "died,step_budget"]) == COMPLETE
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file["status"][5:] == ResultCode.EXCEPTION).all()
    assert cli.main([*arguments, "--retry", "exception"]) == COMPLETE
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file["status"][:] == ResultCode.DONE).all() and not any(file["error"][:])
        assert file["cost/run"][:].tolist() == [0] * 5 + [1] * 5
    with pytest.raises(SystemExit) as error:
        cli.main([*arguments, "--retry", "nonsense"])
    assert error.value.code == 2


def test_a_campaign_without_a_single_solution_does_not_end_as_if_all_were_well(alone, toys, tmp_path):
    text = trouble(RAISES).replace(f"[0, {RAISES}]", f"[{RAISES}]")
    assert [run_alone(tmp_path, text)[0] for _ in range(2)] == [FAILURE, FAILURE]


@pytest.mark.mpi
def test_a_step_budget_that_runs_out_is_counted_by_status_under_mpirun(tmp_path):
    text = LEPTON.replace("rtol: 1e-12", "rtol: 1e-12, max_steps: 650")  # the retry has four times as many
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, text), "-o", "out.h5", ranks=2)
    assert code == 0, text
    with h5py.File(tmp_path / "out.h5") as file:
        failed = file["status"][:] == ResultCode.STEP_BUDGET
        assert 0 < failed.sum()
        assert (file["cost/tries"][:][failed] == 2).all()
        assert all(b"step_budget at T = " in message for message in file["error"][:][failed])
        assert np.isnan(file["results/Y_B"][:][failed]).all()
        np.testing.assert_array_equal(file["status"][:] == ResultCode.DONE, ~failed)
    assert f"{failed.sum()} failed" in text
    code, text = hpc_nu(tmp_path, "status", "out.h5")
    assert code == 0, text
    assert "step_budget" in text.lower().replace(" ", "_") and str(failed.sum()) in text


TIME = (
    """\
campaign: time
model: lepton_asymmetry
parameters:
"""
    + FREEZE_IN_POINT.replace("0.983e-11", "1e-7")
    + """\
settings: {oscillation_weight: 1}
solver: {max_steps: 100000000, max_seconds: 0.2}
grids:
  - {kind: equal_occupation, n_modes: 82}
run: {epoch_seconds: EPOCH}
"""
)
"""Millions of oscillations, all of which are followed."""


@pytest.mark.parametrize("epoch", [10, 0.05])
def test_a_time_budget_runs_out_however_short_the_epochs_are(epoch, alone, tmp_path):
    code, file = run_alone(tmp_path, TIME.replace("EPOCH", str(epoch)))
    assert code == FAILURE  # as of every campaign without a single solution
    assert file["status"][0] == ResultCode.TIME_BUDGET and file["cost/tries"][0] == 2


def test_the_cost_of_a_task_is_that_of_all_its_epochs(alone, toys, tmp_path):
    text = TOY.replace("points: 40", "points: 1") + "settings: {steps: 20, effort: 0.02}\n"
    code, file = run_alone(tmp_path, text)
    assert code == COMPLETE and file["cost/steps"][0] == 20
    assert file["cost/seconds"][0] >= 0.4


@pytest.mark.mpi
@pytest.mark.parametrize("kind", [DIES, EXITS])
def test_a_model_that_ends_its_process_ends_the_job_at_once(kind, tmp_path):
    text = trouble(kind).replace("{list: [0, ", "{list: [0, 0.5, ")
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, text), "-o", "out.h5", ranks=2, before=BEFORE, limit=40)
    assert code not in (0, 2, 3, 75), text
