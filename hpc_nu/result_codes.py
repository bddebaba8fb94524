"""How a solve ended, and what its user should try next.  Stored as `/status` in the results file."""

from enum import IntEnum

import numpy as np


class ResultCode(IntEnum):
    """Outcome of one task.  Values are stored on disk: add new ones at the end, never renumber."""

    PENDING = 0
    DONE = 1
    STEP_BUDGET = 2
    TIME_BUDGET = 3
    STEP_TOO_SMALL = 4
    NOT_FINITE = 5
    EXCEPTION = 6
    PAUSED = 7
    DIED = 8
    NO_SOLUTION = 9

    @property
    def advice(self):
        """What happened and what to do about it, in one sentence."""
        return _ADVICE[self]

    @property
    def is_failure(self):
        return self not in (ResultCode.PENDING, ResultCode.DONE, ResultCode.PAUSED, ResultCode.NO_SOLUTION)


def is_failure(status):
    """Which rows of a status column, (n,), failed: an array of bool."""
    return np.isin(status, [code for code in ResultCode if code.is_failure])


_ADVICE = {
    ResultCode.PENDING: "not computed yet: run the campaign again, it continues where it stopped",
    ResultCode.DONE: "solved within tolerance",
    ResultCode.STEP_BUDGET: "the budget of steps, or of a search's evaluations, ran out: raise solver.max_steps;"
    " steps are fewer with a larger solver.rtol",
    ResultCode.TIME_BUDGET: "the time budget ran out: raise solver.max_seconds; steps are fewer with a larger"
    " solver.rtol, and shorter with fewer momentum modes",
    ResultCode.STEP_TOO_SMALL: "the step fell below rounding level: something changes faster there than numbers can"
    " follow; rates or couplings are far too large, or solver.rtol too small",
    ResultCode.NOT_FINITE: "numbers over- or underflowed: a parameter, or a factor among the settings, is too extreme"
    " there",
    ResultCode.EXCEPTION: "the model raised an exception: see the row of /error for its text",
    ResultCode.PAUSED: "interrupted at a step boundary; its state is in the checkpoint",
    ResultCode.DIED: "the task took its process with it three times (a segmentation fault, no memory left, no end):"
    " solve it alone to see why, as `hpc-nu explain` says",
    ResultCode.NO_SOLUTION: "computed, and there is no such solution: the row of /error says why",
}
