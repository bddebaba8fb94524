"""Solving tasks on one rank: a local queue, one task in flight, the rows of this epoch."""

import time
from collections import deque
from dataclasses import replace

import numpy as np

from hpc_nu.campaign.checkpoint import Suspended
from hpc_nu.models.mode_system import Outcome
from hpc_nu.solver.result_codes import ResultCode

_TRIES = 2


class Worker:
    """The tasks that this rank holds.

    Attributes
    ----------
    queue : deque of int
        Tasks handed to this rank and not begun.
    finished : list of records
        Rows not committed yet.
    """

    def __init__(self, plan, layout, rank):
        self.plan, self.layout, self.rank = plan, layout, rank
        self.queue, self.finished = deque(), []
        self.suspended = {}  # task -> Suspended, for tasks of the queue that have been begun

    def add(self, tasks, suspended=()):
        """Queue `tasks`; those of `suspended` continue from their state."""
        self.queue.extend(int(t) for t in tasks)
        self.suspended.update({s.task: s for s in suspended})

    def next_class(self):
        """Cost class of the first task of the queue."""
        return self.plan.task_class(self.queue[0])

    def solve_next(self, pause):
        """Solve the first task of the queue until it is finished or `pause()` is true.

        Returns
        -------
        float or None
            Time of the task [s]; None if it was paused.
        """
        task = self.queue[0]
        attempt, spent, state = 0, 0.0, None
        if task in self.suspended:
            _, attempt, spent, state = self.suspended.pop(task)
        problem = self.plan.problem(task)
        while True:
            started = time.perf_counter()
            solver = problem.solver if attempt == 0 else problem.solver.more_careful()
            left = replace(solver, max_seconds=solver.max_seconds - spent)
            outcome = self._solve(replace(problem, solver=left), state, pause)
            spent += time.perf_counter() - started
            if outcome.code == ResultCode.PAUSED:
                self.suspended[task] = Suspended(task, attempt, spent, outcome.state)
                return None
            if not outcome.code.is_failure or attempt == _TRIES - 1:
                break
            attempt, spent, state = attempt + 1, 0.0, None
        self.queue.popleft()
        self.finished.append(self._row(task, outcome, spent, attempt + 1))
        return spent

    def _row(self, task, outcome, seconds, tries):
        try:
            return self.layout.row(task, outcome, seconds, tries, self.rank)
        except (KeyError, ValueError, TypeError) as error:
            return self.layout.row(task, _exception(error), seconds, tries, self.rank)

    def _solve(self, problem, state, pause):
        """The model's outcome; an exception in it is a failed point, not a failed campaign."""
        try:
            return self.plan.model.solve(problem, state, pause)
        except Exception as error:  # noqa: BLE001 - whatever a model raises must not end a thousand ranks
            return _exception(error)

    def take_rows(self):
        """The rows since the last call, as one array."""
        rows = np.array(self.finished, dtype=self.layout.row_type)
        self.finished = []
        return rows

    def in_flight(self):
        """The states to checkpoint."""
        return list(self.suspended.values())


def _exception(error):
    return Outcome(ResultCode.EXCEPTION, message=f"{type(error).__name__}: {error}")
