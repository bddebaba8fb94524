"""One task solved in a process of its own, whose death is an outcome and not the end of the run.

A death is a verdict on the task if the process itself is at fault: a segmentation fault, an exit, more processor time
than the budget.  SIGKILL is not: it is what a kernel without memory sends, to whomever it likes.
"""

import os
import pickle
import signal
import subprocess
import sys
import time

from hpc_nu.campaign import watchdog
from hpc_nu.campaign.child import python_command
from hpc_nu.campaign.errors import EnvironmentProblem, is_of_the_environment
from hpc_nu.campaign.wall_time import STOP_SIGNALS
from hpc_nu.campaign.watchdog import GRACE_SECONDS, Watchdog
from hpc_nu.models.mode_system import Outcome
from hpc_nu.solver.result_codes import ResultCode

_NAP = 0.01
_START_SECONDS = 300.0  # Python and its libraries, from a slow file system
_LEAST_SECONDS = 5.0  # of solving before it is worth while to stop and start again
_READY = b"ready"
_NO_VERDICT = 74  # exit code of a process that met trouble of the environment; sysexits' EX_IOERR


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
                self.listens, self.began, self.asleep = True, time.monotonic(), 0.0
                self.patience = self.limit
            if not self.told and pause():
                if self.listens and (self.stop or (model.can_pause and time.monotonic() > self.began + _LEAST_SECONDS)):
                    self.child.send_signal(signal.SIGUSR1)
                    self.told, self.asleep, self.patience = True, 0.0, GRACE_SECONDS
                elif not self.stop:
                    return Outcome(ResultCode.PAUSED, state=state)
            if self.asleep > self.patience:
                self.child.kill()
                if self.told:
                    return self._end(Outcome(ResultCode.PAUSED, state=state))
                return self._died(f"did not come back within {self.limit:.0f} s")
            time.sleep(_NAP)
            # Only while it does nothing: a process that computes has a watchdog, and one that is suspended is not late.
            self.asleep += _NAP * _sleeps(self.child.pid)
        code = self.child.returncode
        if -code in STOP_SIGNALS:  # meant for the job
            return self._end(Outcome(ResultCode.PAUSED, state=state))
        self.answer.seek(len(_READY))
        text = self.answer.read()
        if code == -signal.SIGKILL:
            raise self._trouble("was ended by signal SIGKILL, as the system does when memory runs out")
        if code == _NO_VERDICT:
            raise self._trouble(text.decode(errors="replace") or "could not write its answer")
        if code == -watchdog.SIGNAL:
            return self._died(f"used more than {self.limit:.0f} s of processor time")
        if code or not text:
            return self._died(f"ended its process {_how(code)}")
        return self._end(pickle.loads(text))

    def _start(self, model, problem, state):
        self.limit = problem.solver.max_seconds + GRACE_SECONDS
        self.asleep, self.patience = 0.0, _START_SECONDS
        self.listens = self.told = False
        # In memory: pipes would have to be emptied in time, and a disk may be full.
        self.answer, task = (os.fdopen(os.memfd_create(name), "w+b") for name in ("answer", "task"))
        with task:
            pickle.dump((model, problem, state, GRACE_SECONDS), task)
            task.seek(0)
            code = f"from {__name__} import _child; _child()"
            self.child = subprocess.Popen(python_command(code), stdin=task, stdout=self.answer)

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
        self.child.wait()
        self.answer.close()
        self.child = None
        return outcome


def _sleeps(pid):
    """Whether a process waits for something, and neither computes nor is suspended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "SD"
    except (OSError, IndexError):
        return True


def _how(code):
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _child():
    """The other side.  It is told to pause by SIGUSR1; other signals to stop are for the parent to answer."""
    told = []
    signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)  # what a model prints must not get into the answer
        answer.write(_READY)
        answer.flush()
        model, problem, state, grace_seconds = pickle.load(sys.stdin.buffer)
        Watchdog(grace_seconds).guard(problem.solver.max_seconds)
        try:
            outcome = model.solve(problem, state, lambda: bool(told))
        except Exception as error:  # noqa: BLE001 - as in a worker
            if is_of_the_environment(error):
                answer.write(f"met {type(error).__name__}: {error}".encode())
                answer.flush()
                os._exit(_NO_VERDICT)
            outcome = Outcome.of_exception(error)
        try:
            answer.write(pickle.dumps(outcome))
            answer.flush()
        except OSError:
            os._exit(_NO_VERDICT)
