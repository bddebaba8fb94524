"""Solving tasks on one rank: a local queue, one task in flight, the rows of this epoch."""

import time
from collections import deque
from dataclasses import replace

import numpy as np

from hpc_nu.campaign.checkpoint import Suspended
from hpc_nu.campaign.in_hand import QUARANTINE_AFTER
from hpc_nu.campaign.quarantine import Quarantine
from hpc_nu.campaign.watchdog import Watchdog
from hpc_nu.models.mode_system import Outcome
from hpc_nu.solver.result_codes import ResultCode

_TRIES = 2

_MOST_TOGETHER = 256
"""Most tasks that are given to the model at once."""


class _Pause:
    """The engine's `pause`, as models are given it: what goes wrong in it is not the model's fault."""

    def __init__(self, ask):
        self.ask, self.failed = ask, False

    def __call__(self):
        self.failed = True
        answer = self.ask()
        self.failed = False
        return answer


class Worker:
    """The tasks that this rank holds.  Which of them are solved together shows in their cost alone.

    Parameters
    ----------
    deaths : dict of int to int
        How many runs died while they held a task (`InHand`).
    stop : StopRequest

    Attributes
    ----------
    queue : deque of int
        Tasks handed to this rank and not begun.
    finished : list of records
        Rows not committed yet.
    """

    def __init__(self, plan, layout, rank, deaths, stop):
        self.plan, self.layout, self.rank = plan, layout, rank
        self.deaths, self.stop = deaths, stop
        self.watchdog, self.quarantine = Watchdog(), Quarantine(stop)
        self.longest = {}  # cost class -> longest solve on this rank [s]
        self.queue, self.finished = deque(), []
        self.suspended = {}  # task -> Suspended, for tasks of the queue that have been begun
        self.alone = set()  # tasks of the queue that were tried together with others, without success

    def add(self, tasks, suspended=()):
        """Queue `tasks`; those of `suspended` continue from their state."""
        self.queue.extend(int(t) for t in tasks)
        self.suspended.update({s.task: s for s in suspended})

    def next_class(self):
        """Cost class of the first task of the queue."""
        return self.plan.task_class(self.queue[0])

    def solve_next(self, pause):
        """Solve the first task of the queue until it is finished or `pause()` is true; with it, those behind it that
        the model can solve together with it.

        Returns
        -------
        (int, float) or None
            Number of tasks that were finished, all of one class, and their time [s]; None if there are none.
        """
        if not self._ends_in_time():
            return None
        pause, together = _Pause(pause), self._together()
        if len(together) > 1:
            finished = self._solve_together(together, pause)
        else:
            finished = self._solve_first(together.get(self.queue[0]) or self.plan.problem(self.queue[0]), pause)
        if not self.queue:
            self.watchdog.rest()
        return finished

    def _ends_in_time(self):
        """Whether the next task can be begun: it can be interrupted, or will end before the allocation does."""
        if self.plan.model.can_pause:
            return True
        return self.stop.leaves(self.longest.get(self.next_class(), 0.0))

    def _together(self):
        """Problems of the first tasks of the queue, as many as can be solved together; of one alone, or none."""
        problems, key = {}, None
        for task in self.queue:
            if task in self.suspended or task in self.alone or task in self.deaths or len(problems) == _MOST_TOGETHER:
                break
            problem = self.plan.problem(task)
            its_key = self.plan.model.batch_key(problem)
            if problems and its_key != key:
                break
            problems[task], key = problem, its_key
            if key is None:
                break
        return problems

    def _solve_together(self, problems, pause):
        started = time.perf_counter()
        budget = max(problem.solver.max_seconds for problem in problems.values())

        def look():  # one that is alive is not kept from what all of them may take together
            self.watchdog.guard(budget)
            return pause()

        self.watchdog.guard(budget)
        try:
            outcomes = self.plan.model.solve_together(list(problems.values()), look)
        except Exception:  # noqa: BLE001 - alone, the task that raised it becomes a row with its reason
            if pause.failed:
                raise
            outcomes = [None] * len(problems)
        seconds = time.perf_counter() - started
        outcomes = dict(zip(problems, outcomes, strict=True))
        done = [task for task, outcome in outcomes.items() if outcome is not None]
        left = [task for task, outcome in outcomes.items() if outcome is None]
        if not done or not pause():  # in an epoch too short for any of them, alone they at least leave a state
            self.alone.update(left)
        for _ in problems:
            self.queue.popleft()
        self.queue.extendleft(reversed(left))
        self.finished += [self._row(task, outcomes[task], seconds / len(done), 1) for task in done]
        return (len(done), seconds) if done else None

    def _solve_first(self, problem, pause):
        task = self.queue[0]
        attempt, spent, state = 0, 0.0, None
        if task in self.suspended:
            _, attempt, spent, state = self.suspended.pop(task)
        while True:
            started = time.perf_counter()
            solver = problem.solver if attempt == 0 else problem.solver.more_careful()
            left = replace(solver, max_seconds=max(0.0, solver.max_seconds - spent))
            outcome = self._solve(task, replace(problem, solver=left), state, pause)
            spent += time.perf_counter() - started
            if outcome.code == ResultCode.PAUSED:
                self.suspended[task] = Suspended(task, attempt, spent, outcome.state)
                return None
            if not outcome.code.is_failure or outcome.code == ResultCode.DIED or attempt == _TRIES - 1:
                break
            attempt, spent, state = attempt + 1, 0.0, None
        task_class = self.next_class()
        self.longest[task_class] = max(self.longest.get(task_class, 0.0), spent)
        self.queue.popleft()
        self.alone.discard(task)
        self.finished.append(self._row(task, outcome, spent, attempt + 1))
        return 1, spent

    def _row(self, task, outcome, seconds, tries):
        try:
            return self.layout.row(task, outcome, seconds, tries, self.rank)
        except (KeyError, ValueError, TypeError) as error:
            return self.layout.row(task, Outcome.of_exception(error), seconds, tries, self.rank)

    def _solve(self, task, problem, state, pause):
        """The model's outcome; an exception in it is a failed point, not a failed campaign."""
        if self.deaths.get(task, 0) >= QUARANTINE_AFTER:
            self.watchdog.rest()
            return self.quarantine.solve(self.plan.model, problem, state, pause)
        try:
            self.watchdog.guard(problem.solver.max_seconds)
            return self.plan.model.solve(problem, state, pause)
        except Exception as error:  # noqa: BLE001 - whatever a model raises must not end a thousand ranks
            if pause.failed:
                raise
            return Outcome.of_exception(error)

    def take_rows(self):
        """The rows since the last call, as one array."""
        rows = np.array(self.finished, dtype=self.layout.row_type)
        self.finished = []
        return rows

    def in_flight(self):
        """The states to checkpoint.  (A task in quarantine may have none yet.)"""
        return [s for s in self.suspended.values() if s.state is not None]
