"""When a run must stop: signals, and the end of the Slurm allocation."""

import math
import os
import signal
import time
from contextlib import contextmanager

from hpc_nu.campaign.progress import log

# Slurm sends these before the end of a job (`--signal`), a user at Ctrl-C, mpirun when it is ended itself.
STOP_SIGNALS = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)

MARGIN_SECONDS = 60.0
"""Stop this long before the end of the allocation: a commit takes a second or so, a busy file system much longer.
(At most a tenth of what is left at the start, so that a short allocation does something, too.)"""


class StopRequest:
    """True once this rank was asked to stop.  The handlers only set a flag; the engine looks at it between steps.

    Attributes
    ----------
    on_signal : list of callables
        What else is done at once when a signal arrives: after one, others may not leave much time.
    """

    def __init__(self):
        self.reason, self.on_signal, self.before = "", [], {}
        end = _allocation_end()
        self.deadline = end - min(MARGIN_SECONDS, 0.1 * max(end - time.time(), 0.0))

    def listen(self):
        """Install the signal handlers."""
        for number in STOP_SIGNALS:
            before = signal.signal(number, self._on_signal)
            self.before.setdefault(number, before)

    def give_back(self):
        """Let the signals do again what they did before `listen`."""
        for number, before in self.before.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)
        self.before = {}

    def _on_signal(self, number, frame):
        self.reason = self.reason or f"received {signal.Signals(number).name}"
        for action in self.on_signal:
            action()

    @contextmanager
    def at_once(self, leave):
        """While tables are built, which goes on for a minute and has no state to save: a stop calls `leave()`."""

        def on_signal(number, frame):
            if number == signal.SIGALRM:
                self.reason = "the allocation ends soon"
            else:
                self._on_signal(number, frame)
            log.info("stopped (%s) before the first task; run it again to continue", self.reason)
            leave()

        for number in STOP_SIGNALS:
            signal.signal(number, on_signal)
        left = self.deadline - time.time()
        if has_end := math.isfinite(left):
            before = signal.signal(signal.SIGALRM, on_signal)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3))
        try:
            yield
        finally:
            if has_end:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
                signal.signal(signal.SIGALRM, before or signal.SIG_DFL)
            self.listen()

    def follow(self, reason="another rank was asked to stop"):
        """Stop for a `reason` of others, or of this rank's own."""
        self.leaves(1.0)  # by its clock the allocation may end a little earlier
        self.reason = self.reason or reason

    def leaves(self, seconds):
        """Whether something that takes `seconds` ends in time; if not, it is time to stop."""
        if time.time() + seconds > self.deadline:
            self.reason = self.reason or "the allocation ends soon"
        return not self.reason

    def __bool__(self):
        return not self.leaves(0.0)


def _allocation_end():
    """End of the Slurm job [s since 1970]; infinity if it is not known.

    jobs/campaign.sh sets the variable where Slurm does not.  One that has passed was inherited from a job that is over.
    """
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return float(end) if end.isdigit() and float(end) > time.time() else float("inf")
