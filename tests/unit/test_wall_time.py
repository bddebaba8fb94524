"""When the allocation ends, as the environment says it."""

import signal
import time

import pytest

from hpc_nu.campaign.wall_time import MARGIN_SECONDS, StopRequest


@pytest.mark.parametrize("left", [30, 3600])
def test_a_run_stops_before_the_end_of_the_allocation(left, monkeypatch):
    end = int(time.time()) + left
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(end))
    stop = StopRequest()
    assert 0 < end - stop.deadline <= min(MARGIN_SECONDS, 0.1 * left)
    assert not stop
    monkeypatch.setattr(time, "time", lambda: end - 1)
    assert stop and stop.reason == "the allocation ends soon"


@pytest.mark.parametrize("said", [None, "", "UNLIMITED", "passed"])
def test_without_an_end_or_with_that_of_a_job_that_is_over_it_goes_on(said, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    if said is not None:
        monkeypatch.setenv("SLURM_JOB_END_TIME", said.replace("passed", str(int(time.time()) - 60)))
    assert not StopRequest()


def test_what_the_caller_does_at_an_alarm_is_given_back(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    before = signal.signal(signal.SIGALRM, mine := lambda number, frame: None)
    try:
        for end in ("", str(int(time.time()) + 3600)):
            monkeypatch.setenv("SLURM_JOB_END_TIME", end)
            stop = StopRequest()
            stop.listen()
            with stop.at_once(lambda: None):
                pass
            stop.give_back()
            assert signal.getsignal(signal.SIGALRM) is mine
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)
