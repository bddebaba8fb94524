"""Solving tasks on one rank: a local queue, one task in flight, the rows of this epoch."""

import os
import platform
import time
from collections import deque
from dataclasses import replace

import numpy as np

from hpc_nu.campaign.checkpoint import Suspended
from hpc_nu.campaign.errors import is_of_the_environment, trouble_text
from hpc_nu.campaign.in_hand import QUARANTINE_AFTER
from hpc_nu.campaign.quarantine import Quarantine
from hpc_nu.campaign.watchdog import Watchdog
from hpc_nu.models.interface import Outcome
from hpc_nu.result_codes import ResultCode

FIRST, CAREFUL, PATIENT = range(3)
"""Tries at a task, as they are kept in checkpoints: a failed one is tried once more, one way or the other."""

_NAP = 1e-3
_MOST_TOGETHER = 256
"""Most tasks that are given to the model at once."""


def _processor_time():
    """Of this thread, and of processes that it started and that have ended [s]."""
    times = os.times()
    return time.thread_time() + times.children_user + times.children_system


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
    trouble : (int, str) or None
        The task in whose solve something went wrong that is no fault of it, and what to say of it.  From then on
        nothing is solved here, and the run is asked to stop.
    """

    def __init__(self, plan, layout, rank, deaths, stop):
        self.plan, self.layout, self.rank = plan, layout, rank
        self.deaths, self.stop = deaths, stop
        self.watchdog, self.quarantine = Watchdog(), Quarantine(stop)
        self.longest = {}  # cost class -> longest solve on this rank [s]
        self.queue, self.finished = deque(), []
        self.suspended = {}  # task -> Suspended, for tasks of the queue that have been begun
        self.trouble = None
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
        if self.trouble or not self._ends_in_time():
            time.sleep(_NAP)
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
        except Exception as error:  # noqa: BLE001 - alone, the task that raised it becomes a row with its reason
            if pause.failed:
                raise
            if is_of_the_environment(error):
                self._give_up(next(iter(problems)), error)
                return None
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
        attempt, spent, used, state = FIRST, 0.0, 0.0, None
        if task in self.suspended:
            _, attempt, spent, used, state = self.suspended.pop(task)
        tries = {CAREFUL: problem.solver.more_careful, PATIENT: problem.solver.more_patient}
        while True:
            started, began = time.perf_counter(), _processor_time()
            solver = tries[attempt]() if attempt else problem.solver
            left = replace(solver, max_seconds=max(0.0, solver.max_seconds - used))
            outcome = self._solve(task, replace(problem, solver=left), state, pause)
            spent, used = spent + time.perf_counter() - started, used + _processor_time() - began
            if outcome.code == ResultCode.PAUSED:
                self.suspended[task] = Suspended(task, attempt, spent, used, outcome.state)
                return None
            if not outcome.code.is_failure or outcome.code == ResultCode.DIED or attempt != FIRST:
                break
            attempt = PATIENT if outcome.code == ResultCode.TIME_BUDGET else CAREFUL
            spent, used, state = 0.0, 0.0, None
        task_class = self.next_class()
        self.longest[task_class] = max(self.longest.get(task_class, 0.0), spent)
        self.queue.popleft()
        self.alone.discard(task)
        self.finished.append(self._row(task, outcome, spent, 1 + (attempt != FIRST)))
        return 1, spent

    def _row(self, task, outcome, seconds, tries):
        try:
            self.layout.refuse_incomplete(outcome)
            return self.layout.row(task, outcome, seconds, tries, self.rank)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
            return self.layout.row(task, Outcome.of_exception(error), seconds, tries, self.rank)

    def _solve(self, task, problem, state, pause):
        """The model's outcome; an exception in it is a failed point, not a failed campaign, unless it is of the
        environment: then the task stays where it is.  So it does if its own process gives no verdict."""
        in_quarantine = self.deaths.get(task, 0) >= QUARANTINE_AFTER
        try:
            if in_quarantine:
                self.watchdog.rest()
                return self.quarantine.solve(self.plan.model, problem, state, pause)
            self.watchdog.guard(problem.solver.max_seconds)
            return self.plan.model.outcome(problem, state, pause)
        except Exception as error:  # noqa: BLE001 - whatever a model raises must not end a thousand ranks
            if pause.failed:
                raise
            if not in_quarantine and not is_of_the_environment(error):
                return Outcome.of_exception(error)
            self._give_up(task, error)
            return Outcome(ResultCode.PAUSED, state=state)

    def _give_up(self, task, error):
        """Nothing more is solved here: what was is recorded, and the run ends with what is to be said."""
        text = trouble_text(error, f"task {task} on {platform.node()}")
        self.trouble = task, text
        self.stop.follow("trouble outside of the tasks")

    def take_rows(self):
        """The rows since the last call, as one array."""
        rows = np.array(self.finished, dtype=self.layout.row_type)
        self.finished = []
        return rows

    def in_flight(self):
        """The states to checkpoint.  (A task in quarantine may have none yet.)"""
        return [s for s in self.suspended.values() if s.state is not None]
