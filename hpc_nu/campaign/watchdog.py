"""Ends a process whose solve does not come back, and shows where it was.

A budget is looked at between steps; compiled code that loops for ever never looks, and lets no signal handler run
either.  The timer of faulthandler needs no interpreter: it writes the traceback and ends the process, whereupon the
launcher ends the job.  What the task in hand was is on file (`in_hand`).
"""

import faulthandler
import math
import sys
import time

GRACE_SECONDS = 30.0
"""How much longer than its budget a solve may take: a model looks at the clock from time to time only."""


class Watchdog:
    """The one timer of this process."""

    def __init__(self):
        self.end = -math.inf

    def guard(self, seconds):
        """The process ends if neither `guard` nor `rest` is called within a little more than `seconds`."""
        now = time.monotonic()
        # Setting the timer starts a thread, which takes longer than many a task: not more often than needed.
        if not now + seconds + GRACE_SECONDS / 2 < self.end <= now + seconds + GRACE_SECONDS:
            limit = min(seconds + GRACE_SECONDS, 1e8)
            faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__)
            self.end = now + seconds + GRACE_SECONDS

    def rest(self):
        """Nothing is being solved."""
        if self.end > 0:
            faulthandler.cancel_dump_traceback_later()
            self.end = -math.inf
