"""What a campaign is expected to take: its solves, and what several of them share and a rank makes once.

Models say what tasks of one variation and momentum grid, a class, take (`Model.cost`); here it is put together for all
of them.  Times are processor time [s] on a core of some 3 GHz.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hpc_nu.models.interface import Preparation

TASK_SECONDS = 4e-5
"""What a task takes beside its solve, all ranks together."""


class Shared(NamedTuple):
    """What is made `n_groups` times by one rank for `n_tasks` tasks."""

    preparation: Preparation
    n_groups: int
    n_tasks: int


class ExpectedCost(NamedTuple):
    """What the tasks of a campaign take.

    Attributes
    ----------
    solve : (n_tasks,) array
        Each task, where all that it shares is there [s].
    group : (n_layers, n_tasks) int array
        Tasks of equal number in a layer share what it takes ...
    preparation : (n_layers, n_classes) array
        ... so long to make [s], in each class, of which all have as many tasks.  What most tasks share comes first.
    shared : tuple of Shared
        The same in words and numbers.
    """

    solve: np.ndarray
    group: np.ndarray = np.empty((0, 0), np.int64)
    preparation: np.ndarray = np.empty((0, 1))
    shared: tuple = ()

    @property
    def _tasks_of_a_class(self):
        return len(self.solve) // self.preparation.shape[1]

    def in_order(self, tasks):
        """What each of `tasks` takes a rank that does them in this order: the first of a group pays for all."""
        seconds = self.solve[tasks].astype(float)
        for group, preparation in zip(self.group, self.preparation, strict=True):
            _, first = np.unique(group[tasks], return_index=True)
            seconds[first] += preparation[tasks[first] // self._tasks_of_a_class]
        return seconds

    def shared_out(self):
        """What each task takes if all that share something pay for it alike: (n_tasks,) array."""
        seconds = self.solve.astype(float)
        for group, preparation in zip(self.group, self.preparation, strict=True):
            seconds += np.repeat(preparation, self._tasks_of_a_class) / np.bincount(group)[group]
        return seconds

    def longest(self):
        """The longest that a task takes a rank, which makes for it all that it needs."""
        longest = self.solve.reshape(-1, self._tasks_of_a_class).max(axis=1)
        return float((longest + self.preparation.sum(axis=0)).max())

    def total(self, n_ranks=1):
        """Of so many ranks together, each of which makes whatever its tasks need; rows and messages included."""
        made = sum(
            shared.preparation.seconds * max(shared.n_groups, min(n_ranks, shared.n_tasks)) for shared in self.shared
        )
        return float(self.solve.sum()) + TASK_SECONDS * len(self.solve) + made

    def wall(self, n_ranks):
        """From the first task to the last on so many ranks."""
        return max(self.longest(), self.total(n_ranks) / n_ranks)


def expected_cost(plan):
    """`ExpectedCost` of a campaign.

    Parameters
    ----------
    plan : hpc_nu.campaign.plan.Plan

    Returns
    -------
    ExpectedCost
    """
    n_classes = len(plan.variations) * len(plan.grids)
    n_points = plan.n_tasks // n_classes
    points = {name: values[:n_points] for name, values in plan.points.items()}  # those of all classes
    costs = [
        plan.model.cost(replace(plan.problem(first), point=points, offsets={}))
        for first in range(0, plan.n_tasks, n_points)
    ]
    n_layers = max(len(cost.preparations) for cost in costs)
    solve = np.concatenate([np.broadcast_to(np.asarray(cost.solve, float), n_points) for cost in costs])
    if not np.all(np.isfinite(solve)):
        raise ValueError("a cost is not finite")
    groups = np.zeros((n_layers, plan.n_tasks), np.int32)  # 0: those that make nothing here
    keys, shared, first_number, n_numbers = {}, {}, {}, 1
    for task_class, cost in enumerate(costs):
        tasks = slice(task_class * n_points, (task_class + 1) * n_points)
        for layer, made in enumerate(cost.preparations):
            group, n_groups = _grouped([points[name] for name in made.shared_by], n_points)
            key = layer, task_class
            if made.key is not None and n_groups <= made.kept:  # else it is made anew for the next class
                key = layer, made.key, task_class % len(plan.grids) if made.of_the_grid else None
            if key not in first_number:
                first_number[key] = n_numbers
                n_numbers += n_groups
            groups[layer, tasks], keys[layer, task_class] = first_number[key] + group, key
            before = shared.get(key, Shared(made, n_groups, 0))
            dearest = max(before.preparation, made, key=lambda preparation: preparation.seconds)
            shared[key] = Shared(dearest, n_groups, before.n_tasks + n_points)
    preparation = np.zeros((n_layers, n_classes))
    for place, key in keys.items():
        preparation[place] = shared[key].preparation.seconds
    return ExpectedCost(solve, groups, preparation, tuple(shared.values()))


def _grouped(columns, n_points):
    """Numbers (n_points,) from 0, equal where all columns are; and how many there are."""
    number, n_numbers = np.zeros(n_points, np.int64), 1
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        known, number = np.unique(number * len(values) + inverse, return_inverse=True)
        n_numbers = len(known)
    return number, n_numbers
