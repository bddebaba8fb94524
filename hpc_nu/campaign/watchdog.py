"""Ends a process whose solve does not come back, and shows where it was.

A budget is looked at between steps; compiled code that loops for ever never looks, and lets no signal handler run
either.  So the process is given a signal when it has used more processor time than it may; faulthandler, which needs no
interpreter, writes the traceback, and the signal ends the process, whereupon the launcher ends the job.  What the task
in hand was is on file (`in_hand`).

Processor time, because it is what the process could have used: neither a suspended hour nor a machine that is busy with
other work makes a task late.  (One that sleeps for ever instead of computing is missed at the next commit.)
"""

import faulthandler
import signal
import sys

GRACE_SECONDS = 30.0
"""How much longer than its budget a solve may take: a model looks at the clock from time to time only."""

LOAD_SECONDS = 60.0
"""What loading the libraries may take: it takes two."""

COMPILE_SECONDS = 120.0
"""What the compilation of a model's kernels may take, on top of the budget of a solve."""

SIGNAL = signal.SIGPROF


class Watchdog:
    """The one timer of this process."""

    def __init__(self, grace_seconds=None):
        self.is_set = False
        self.grace_seconds = GRACE_SECONDS if grace_seconds is None else grace_seconds

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.rest()

    def guard(self, seconds):
        """The process ends if it uses a little more than `seconds` before `guard` or `rest` is called again."""
        if not self.is_set:
            faulthandler.register(SIGNAL, file=sys.__stderr__ or 2, chain=True)  # chain: and what it does by default
            self.is_set = True
        signal.setitimer(signal.ITIMER_PROF, min(seconds + self.grace_seconds, 1e8))

    def rest(self):
        """Nothing is being solved."""
        if self.is_set:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
