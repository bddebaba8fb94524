"""One task solved in a process of its own, whose death is an outcome and not the end of the run.

A death is a verdict on the task if the process itself is at fault: a segmentation fault, an exit, more processor time
than the budget.  Trouble of the environment is none, and may end a process too: a kernel without memory sends SIGKILL,
to whomever it likes; one that cannot read a page of a file sends SIGBUS; libraries without memory say so and abort; and
a process that waits for a disk or a network that does not answer is late without fault.
"""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

from hpc_nu.campaign import watchdog
from hpc_nu.campaign.child import python_command
from hpc_nu.campaign.errors import EnvironmentProblem, is_of_the_environment
from hpc_nu.campaign.wall_time import STOP_SIGNALS
from hpc_nu.campaign.watchdog import GRACE_SECONDS, Watchdog
from hpc_nu.models.interface import Outcome
from hpc_nu.result_codes import ResultCode
from hpc_nu.shared import everything_shared, share

_NAP = 0.01
_START_SECONDS = 300.0  # Python and its libraries, from a slow file system
_LEAST_SECONDS = 5.0  # of solving before it is worth while to stop and start again
_READY = b"ready"
_NO_VERDICT = 74  # exit code of a process that met trouble of the environment; sysexits' EX_IOERR
_ENDING_SECONDS = 5.0  # after SIGKILL: it does not reach a process that waits for a disk
_SLEEPS, _WAITS_FOR_DISK = "SD"  # states of a process as /proc has them
_ENDED_BY_SYSTEM = {
    signal.SIGKILL: "as the system does when memory runs out",
    signal.SIGBUS: "as the system does when it cannot read a page of a file, or has none for it",
}
_WANT_OF_MEMORY = re.compile(rb"out of memory|bad_alloc|cannot allocate memory|memory allocation|MemoryError", re.I)
_LAST_BYTES = 4096  # of what it has said
_PIPE_BYTES = 2**16  # that a pipe holds


class Quarantine:
    """Solves for one rank, one task after the other."""

    def __init__(self, stop):
        self.stop, self.child = stop, None

    def solve(self, model, problem, state, pause):
        """As `model.solve`, whatever becomes of the process that does it.

        At a pause the process is asked for its state, unless it has just begun: it then goes on, what the pause gives
        back is `state`, and the next call, for the same task, waits for the same process.

        Raises
        ------
        EnvironmentProblem
            If the process ended, and it is not the task's fault.
        """
        if self.child is None:
            self._start(model, problem, state)
        while self.child.poll() is None:
            if not self.listens and self._is_ready():
                self.listens, self.began = True, time.monotonic()
                self._expect(self.limit)
            if not self.told and pause():
                if self.listens and (self.stop or (model.can_pause and time.monotonic() > self.began + _LEAST_SECONDS)):
                    self.child.send_signal(signal.SIGUSR1)
                    self.told = True
                    self._expect(GRACE_SECONDS)
                elif not self.stop:
                    return Outcome(ResultCode.PAUSED, state=state)
            if max(self.idle.values(), default=0.0) > self.patience:
                if self.told:
                    return self._end(Outcome(ResultCode.PAUSED, state=state))
                if self.idle[_WAITS_FOR_DISK] > self.patience:
                    raise self._trouble(f"has waited for a disk or a network for {self.patience:.0f} s")
                return self._died(f"did not come back within {self.patience:.0f} s")
            self._hear()
            time.sleep(_NAP)
            # Only while it does nothing: a process that computes has a watchdog, and one that is suspended is not late.
            if (doing := _state(self.child.pid)) in (_SLEEPS, _WAITS_FOR_DISK):
                self.idle[doing] += _NAP
        self._hear()
        code = self.child.returncode
        if -code in STOP_SIGNALS:  # meant for the job
            return self._end(Outcome(ResultCode.PAUSED, state=state))
        self.answer.seek(0)
        text = self.answer.read().removeprefix(_READY)
        if why := _ENDED_BY_SYSTEM.get(-code):
            raise self._trouble(f"was ended {_how(code)}, {why}")
        if code == _NO_VERDICT:
            raise self._trouble(text.decode(errors="replace") or "could not write its answer")
        if code == -watchdog.SIGNAL:
            return self._died(f"used more than {self.limit:.0f} s of processor time")
        if (code or not text) and _WANT_OF_MEMORY.search(self.last_words):
            raise self._trouble(f"ended {_how(code)} and for want of memory, as it has said")
        if code or not text:
            return self._died(f"ended its process {_how(code)}")
        return self._end(pickle.loads(text))

    def _start(self, model, problem, state):
        self.limit = problem.solver.max_seconds + GRACE_SECONDS
        self._expect(_START_SECONDS)
        self.listens, self.told, self.last_words = False, False, b""
        # In memory: pipes would have to be emptied in time, and a disk may be full.
        self.answer, task = (os.fdopen(os.memfd_create(name), "w+b") for name in ("answer", "task"))
        with task:
            pickle.dump(everything_shared(), task)
            pickle.dump((model, problem, state, GRACE_SECONDS), task)
            task.seek(0)
            command = python_command(f"from {__name__} import _child; _child()")
            self.child = subprocess.Popen(command, stdin=task, stdout=self.answer, stderr=subprocess.PIPE, bufsize=0)
        os.set_blocking(self.child.stderr.fileno(), False)

    def _expect(self, seconds):
        """Have patience for so long, from now on."""
        self.patience, self.idle = seconds, Counter()

    def _hear(self):
        """Pass on what the process has printed since the last time."""
        if words := self.child.stderr.read(_PIPE_BYTES):
            self.last_words = (self.last_words + words)[-_LAST_BYTES:]
            with suppress(OSError):
                os.write(2, words)

    def _is_ready(self):
        """The process has said that it begins, and hears signals."""
        return os.fstat(self.answer.fileno()).st_size >= len(_READY)

    def _died(self, message):
        """The verdict on a task; not if its process has not even come to it."""
        if not self._is_ready():
            raise self._trouble(f"{message} before it had begun")
        return self._end(Outcome(ResultCode.DIED, message=message))

    def _trouble(self, text):
        self._end(None)
        return EnvironmentProblem(f"Python, started for a task of its own, {text}")

    def _end(self, outcome):
        self.child.kill()
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(_ENDING_SECONDS)
        self.child.stderr.close()
        self.answer.close()
        self.child = None
        return outcome


def _state(pid):
    """What a process does, as /proc has it; empty if that cannot be read."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _how(code):
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _child():
    """The other side.  It is told to pause by SIGUSR1; other signals to stop are for the parent to answer."""
    told = []
    signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    answer = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a model prints must not get into the answer
    try:
        share(pickle.load(sys.stdin.buffer))
        model, problem, state, grace_seconds = pickle.load(sys.stdin.buffer)
        answer.write(_READY)
        Watchdog(grace_seconds).guard(problem.solver.max_seconds)
        try:
            text = pickle.dumps(model.outcome(problem, state, lambda: bool(told)))
        except Exception as error:  # noqa: BLE001 - as in a worker
            if is_of_the_environment(error):
                raise
            text = pickle.dumps(Outcome.of_exception(error))
        answer.write(text)
    except Exception as error:  # noqa: BLE001 - of the environment, or of the engine
        with suppress(Exception):
            answer.write(f"met {type(error).__name__}: {error}".encode())
        os._exit(_NO_VERDICT)
