"""What is a verdict on a task in a process of its own, and what is none."""

import ctypes
import importlib
import os
import signal
import time
from pathlib import Path

import pytest

from hpc_nu.campaign import quarantine
from hpc_nu.campaign.errors import EnvironmentProblem
from hpc_nu.campaign.quarantine import Quarantine
from hpc_nu.campaign.wall_time import StopRequest
from hpc_nu.models.interface import Model, Outcome, Problem, SolverSettings
from hpc_nu.result_codes import ResultCode
from hpc_nu.shared import shared_files

files = shared_files("file of this test", lambda path: Path(path).read_text())


class Does(Model):
    """Solves by doing one thing."""

    def __init__(self, what, *arguments):
        self.what, self.arguments = what, arguments

    def solve(self, problem, state=None, pause=lambda: False):
        return Outcome(ResultCode.DONE, {"scalar": {"x": self.what(*self.arguments)}})


class Unpickled:
    """Does something where it is unpickled."""

    def __init__(self, what, *arguments):
        self.what, self.arguments = what, arguments

    def __reduce__(self):
        return self.what, self.arguments


class Pickled:
    """Raises an error where it is pickled."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        raise self.error


def read(path):
    return files[path]


def fail(error):
    raise error


def fail_from_none():
    try:
        open("/nowhere")
    except OSError:
        raise ValueError("no table") from None


def say_and_abort(words):
    os.write(2, words)
    os.abort()


def wait_for_disk():
    """Uninterruptible, as nothing else is without a disk that hangs."""
    if ctypes.CDLL(None).vfork() == 0:
        time.sleep(10.0)
        os._exit(0)


def solve(model, max_seconds=60.0):
    problem = Problem({}, {}, solver=SolverSettings(max_seconds=max_seconds))
    return Quarantine(StopRequest()).solve(model, problem, None, lambda: False)


@pytest.mark.parametrize("change", [lambda path: path.write_text("2.0"), lambda path: path.unlink()])
def test_a_file_is_what_this_process_has_read_of_it(change, tmp_path):
    path = tmp_path / "file"
    path.write_text("1.0")
    assert read(str(path)) == "1.0"
    change(path)
    assert solve(Does(read, str(path))).observables["scalar"]["x"] == "1.0"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Unpickled(importlib.import_module, "no_such_library"), "ModuleNotFoundError: No module named 'no_such"),
        (Unpickled(fail, MemoryError("at the start")), "MemoryError: at the start"),
        (Unpickled(fail, ValueError("of the engine")), "ValueError: of the engine"),
        (Unpickled(os._exit, 1), "with exit code 1 before it had begun"),
        (Does(fail, OSError(5, "Input/output error")), "Input/output error"),
        (Does(fail_from_none), "ValueError: no table"),
        (Does(Pickled, MemoryError("no room")), "MemoryError: no room"),
        (Does(signal.raise_signal, signal.SIGKILL), "SIGKILL"),
        (Does(signal.raise_signal, signal.SIGBUS), "SIGBUS"),
        (Does(say_and_abort, b"LLVM ERROR: out of memory\n"), "for want of memory"),
        (Does(say_and_abort, b"terminate called after throwing an instance of 'std::bad_alloc'\n"), "want of memory"),
    ],
)
def test_trouble_of_the_environment_is_no_verdict(model, said):
    with pytest.raises(EnvironmentProblem, match="started for a task of its own") as problem:
        solve(model)
    assert said in str(problem.value)


@pytest.mark.parametrize(
    ("what", "arguments", "code", "message"),
    [
        (fail, (ValueError("no root"),), ResultCode.EXCEPTION, "ValueError: no root"),
        (Pickled, (TypeError("what is that"),), ResultCode.EXCEPTION, "TypeError: what is that"),
        (say_and_abort, (b"assertion failed\n",), ResultCode.DIED, "ended its process by signal SIGABRT"),
    ],
)
def test_what_the_task_does_is_a_verdict(what, arguments, code, message, capfd):
    outcome = solve(Does(what, *arguments))
    assert (outcome.code, outcome.message) == (code, message)
    assert "assertion failed" in capfd.readouterr().err or what is not say_and_abort


def test_a_process_that_sleeps_is_late_and_one_that_waits_for_a_disk_is_not(monkeypatch):
    monkeypatch.setattr(quarantine, "GRACE_SECONDS", 0.5)
    assert solve(Does(time.sleep, 1000.0), max_seconds=0.0).message == "did not come back within 0 s"
    with pytest.raises(EnvironmentProblem, match="has waited for a disk or a network"):
        solve(Does(wait_for_disk), max_seconds=0.0)


def test_a_process_that_cannot_be_ended_is_not_waited_for(monkeypatch):
    """SIGKILL does not reach one whose disk hangs."""
    monkeypatch.setattr(quarantine, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(quarantine, "_ENDING_SECONDS", 0.1)
    monkeypatch.setattr(quarantine.subprocess.Popen, "kill", lambda child: None)
    monkeypatch.setattr(quarantine, "_state", lambda pid: "D")
    began = time.monotonic()
    with pytest.raises(EnvironmentProblem, match="has waited for a disk or a network"):
        solve(Does(time.sleep, 10.0), max_seconds=0.0)
    assert time.monotonic() < began + 8


class GivesNothing(Model):
    def solve(self, problem, state=None, pause=lambda: False):
        return None


def test_what_is_no_outcome_is_a_failed_row_here_too():
    outcome = solve(GivesNothing())
    assert outcome.code == ResultCode.EXCEPTION and "which is no Outcome" in outcome.message
