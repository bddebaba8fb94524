"""Pauses in a search whose only cost is the evaluation of a function: what was evaluated is the state.

A search is deterministic, so a run that continues it asks for the same values in the same order and gets them, bit for
bit, until it comes to those that are not there yet.
"""

import math
import time

import numpy as np

from hpc_nu.models.interface import Outcome
from hpc_nu.result_codes import ResultCode


class Interrupted(Exception):
    """The search stops here; `outcome` says why, and has the state."""

    def __init__(self, outcome):
        super().__init__(outcome.message)
        self.outcome = outcome


class Replay:
    """Values in the order in which a search asks for them.

    Parameters
    ----------
    state : (n,) array or None
        Those of earlier calls.
    pause : callable
        As `Model.solve` gets it; asked before each evaluation but the first, so that every call gets on.
    solver : SolverSettings
        `max_seconds` of this call and `max_steps`, evaluations, of all.
    """

    def __init__(self, state, pause, solver):
        self.values = [] if state is None else state.tolist()
        self.left, self.asked = len(self.values), 0
        self.pause, self.end = pause, time.thread_time() + solver.max_seconds
        self.most = solver.max_steps

    def __call__(self, evaluate):
        """The next value: the one that is known, or else `evaluate()`.

        Raises
        ------
        Interrupted
            If it is time to pause, a budget is spent, or the value is not finite.
        """
        if self.asked == len(self.values):
            if len(self.values) > self.left:
                self._look()
            self.values.append(float(evaluate()))
            if not math.isfinite(self.values[-1]):
                self._fail(ResultCode.NOT_FINITE)
        self.asked += 1
        return self.values[self.asked - 1]

    def _look(self):
        if len(self.values) >= self.most:
            self._fail(ResultCode.STEP_BUDGET)
        if time.thread_time() > self.end:
            self._fail(ResultCode.TIME_BUDGET)
        if self.pause():
            raise Interrupted(Outcome(ResultCode.PAUSED, state=np.array(self.values), steps=len(self.values)))

    def _fail(self, code):
        message = f"{code.name.lower()} after {len(self.values)} evaluations: {code.advice}"
        raise Interrupted(Outcome(code, steps=len(self.values), message=message))
