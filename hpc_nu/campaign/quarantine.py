"""One task solved in a process of its own, whose death is an outcome and not the end of the run."""

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time

from hpc_nu.campaign.errors import EnvironmentProblem
from hpc_nu.campaign.wall_time import STOP_SIGNALS
from hpc_nu.campaign.watchdog import GRACE_SECONDS
from hpc_nu.models.mode_system import Outcome
from hpc_nu.solver.result_codes import ResultCode

_NAP = 0.01
_START_SECONDS = 300.0  # Python and its libraries, from a slow file system
_LEAST_SECONDS = 5.0  # of solving before it is worth while to stop and start again
_READY = b"ready"
_PR_SET_PDEATHSIG = 1


class Quarantine:
    """Solves for one rank, one task after the other."""

    def __init__(self, stop):
        self.stop, self.child = stop, None

    def solve(self, model, problem, state, pause):
        """As `model.solve`, whatever becomes of the process that does it.

        At a pause the process is asked for its state, unless it has just begun: it then goes on, what the pause gives
        back is `state`, and the next call, for the same task, waits for the same process.
        """
        if self.child is None:
            self._start(model, problem, state)
        while self.child.poll() is None:
            if not self.listens and self._is_ready():
                self.listens, self.began = True, time.monotonic()
                self.deadline = self.began + self.limit
            if not self.told and pause():
                if self.listens and (self.stop or (model.can_pause and time.monotonic() > self.began + _LEAST_SECONDS)):
                    self.child.send_signal(signal.SIGUSR1)
                    self.told, self.deadline = True, time.monotonic() + GRACE_SECONDS
                elif not self.stop:
                    return Outcome(ResultCode.PAUSED, state=state)
            if time.monotonic() > self.deadline:
                self.child.kill()
                if self.told:
                    return self._end(Outcome(ResultCode.PAUSED, state=state))
                return self._died(f"did not come back within {self.limit:.0f} s")
            time.sleep(_NAP)
        if -self.child.returncode in STOP_SIGNALS:  # meant for the job
            return self._end(Outcome(ResultCode.PAUSED, state=state))
        self.answer.seek(len(_READY))
        if self.child.returncode or not (text := self.answer.read()):
            return self._died(f"ended its process {_how(self.child.returncode)}")
        return self._end(pickle.loads(text))

    def _start(self, model, problem, state):
        self.limit = problem.solver.max_seconds + GRACE_SECONDS
        self.deadline = time.monotonic() + _START_SECONDS + self.limit
        self.listens = self.told = False
        self.answer = tempfile.TemporaryFile()  # pipes would have to be emptied in time
        with tempfile.TemporaryFile() as task:
            pickle.dump((model, problem, state), task)
            task.seek(0)
            self.child = subprocess.Popen([sys.executable, "-m", __name__], stdin=task, stdout=self.answer)

    def _is_ready(self):
        """The process has said that it begins, and hears signals."""
        return os.fstat(self.answer.fileno()).st_size >= len(_READY)

    def _died(self, message):
        """The verdict on a task; not if its process has not even come to it."""
        if not self._is_ready():
            raise EnvironmentProblem(f"Python, started for a task of its own, {message} before it had begun")
        return self._end(Outcome(ResultCode.DIED, message=message))

    def _end(self, outcome):
        self.child.wait()
        self.answer.close()
        self.child = None
        return outcome


def _how(code):
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _child():
    """The other side.  It is told to pause by SIGUSR1; other signals to stop are for the parent to answer."""
    told = []
    signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # ends with its parent
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)  # what a model prints must not get into the answer
        answer.write(_READY)
        answer.flush()
        model, problem, state = pickle.load(sys.stdin.buffer)
        try:
            outcome = model.solve(problem, state, lambda: bool(told))
        except Exception as error:  # noqa: BLE001 - as in a worker
            outcome = Outcome.of_exception(error)
        pickle.dump(outcome, answer)


if __name__ == "__main__":
    _child()
