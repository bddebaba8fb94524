"""What one rank makes of its queue, whatever the model does and whatever happens in the engine meanwhile."""

import sys

import pytest
from campaigns import TOY, write

from hpc_nu.campaign.in_hand import QUARANTINE_AFTER
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.row_layout import RowLayout
from hpc_nu.campaign.wall_time import StopRequest
from hpc_nu.campaign.worker import Worker
from hpc_nu.models.interface import Outcome
from hpc_nu.result_codes import ResultCode


@pytest.fixture
def worker(toys, tmp_path):
    plan = read_plan(write(tmp_path, TOY + "settings: {steps: 3}\n"))
    worker = Worker(plan, RowLayout(plan), 0, {}, StopRequest())
    worker.add([3, 4, 5])
    yield worker
    worker.watchdog.rest()


def rows(worker, pause, most_calls=50):
    """All rows, and that they are there after so many calls."""
    for _ in range(most_calls):
        if worker.queue:
            worker.solve_next(pause)
    assert not worker.queue
    return worker.take_rows()


def side_by_side(worker, monkeypatch, solve_together):
    model = type(worker.plan.model)
    monkeypatch.setattr(model, "batch_key", lambda self, problem: "all")
    monkeypatch.setattr(model, "solve_together", solve_together)


@pytest.mark.parametrize("together", [False, True])
def test_what_goes_wrong_in_the_engine_is_no_failed_task(together, worker, monkeypatch):
    """A full disk, when the master answers messages in the middle of a solve."""

    def pause():
        raise OSError("No space left on device")

    if together:
        side_by_side(worker, monkeypatch, lambda self, problems, pause: [pause() for _ in problems])
    with pytest.raises(OSError, match="No space left"):
        worker.solve_next(pause)
    assert not len(worker.take_rows())


def test_a_task_that_is_done_has_all_its_observables(worker, monkeypatch):
    incomplete = Outcome(ResultCode.DONE, {"scalar": {}})
    monkeypatch.setattr(type(worker.plan.model), "solve", lambda self, problem, state, pause: incomplete)
    for row in rows(worker, lambda: False):
        assert row["status"] == ResultCode.EXCEPTION and b"the model gives no results/" in row["error"]


def test_no_verdict_is_passed_on_a_task_whose_process_did_not_start(worker, monkeypatch):
    worker.deaths[3] = QUARANTINE_AFTER
    monkeypatch.setattr(sys, "executable", "false")
    assert worker.solve_next(lambda: False) is None
    task, text = worker.trouble
    assert task == 3 and "with exit code 1 before it had begun" in text and worker.stop
    assert not len(worker.take_rows()) and list(worker.queue)[0] == 3


def test_tasks_that_were_tried_together_come_to_an_end_though_no_epoch_is_long_enough(worker, monkeypatch):
    side_by_side(worker, monkeypatch, lambda self, problems, pause: [None for _ in problems])
    assert (rows(worker, lambda: True)["status"] == [ResultCode.DONE] * 3).all()


def test_a_state_goes_on_though_its_budget_is_long_over(worker):
    """Its model is asked, which looks at the clock; nothing else may fail before."""
    worker.solve_next(lambda: True)
    (state,) = worker.in_flight()
    worker.add([], [state._replace(seconds=1e6)])
    assert rows(worker, lambda: False)["cost/tries"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "given",
    [
        None, 3.0, Outcome(ResultCode.DONE, None), Outcome(ResultCode.DONE, {"scalar": {"no": 1.0}}), Outcome(17),
        Outcome(ResultCode.PENDING), Outcome(ResultCode.PAUSED), Outcome(ResultCode.DONE, {"scalar": {"end": None}}),
        Outcome(ResultCode.DONE, {"scalar": {"end": 1j}}), Outcome(ResultCode.DONE, {"scalar": {"end": 10**400}}),
        Outcome(ResultCode.DONE, {"scalar": {"end": 1.0}}, steps=10**30),
    ],
)  # fmt: skip
def test_what_is_no_outcome_is_a_failed_row(given, worker, monkeypatch):
    """As a user's model may give."""
    monkeypatch.setattr(type(worker.plan.model), "solve", lambda *_: given)
    found = rows(worker, lambda: False)
    assert set(found["status"]) == {ResultCode.EXCEPTION} and len(found) == 3 and not worker.trouble
