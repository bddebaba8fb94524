"""What a campaign is expected to take: its solves, and what several of them share and a rank makes once.

Models say what tasks of one variation and momentum grid, a class, take (`Model.cost`); here it is put together for all
of them.  Times are processor time [s] on a core of some 3 GHz.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hpc_nu.models.mode_system import Preparation


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
    preparation : (n_layers, n_tasks) array
        ... so long to make [s].  What most tasks share comes first.
    shared : tuple of Shared
        The same in words and numbers.
    """

    solve: np.ndarray
    group: np.ndarray = np.empty((0, 0), np.int64)
    preparation: np.ndarray = np.empty((0, 0))
    shared: tuple = ()

    def in_order(self, tasks):
        """What each of `tasks` takes a rank that does them in this order: the first of a group pays for all."""
        seconds = self.solve[tasks].astype(float)
        for group, preparation in zip(self.group, self.preparation, strict=True):
            _, first = np.unique(group[tasks], return_index=True)
            seconds[first] += preparation[tasks[first]]
        return seconds

    def shared_out(self):
        """What each task takes if all that share something pay for it alike: (n_tasks,) array."""
        seconds = self.solve.astype(float)
        for group, preparation in zip(self.group, self.preparation, strict=True):
            seconds += preparation / np.bincount(group)[group]
        return seconds

    def longest(self):
        """The longest that a task takes a rank, which makes for it all that it needs."""
        return float((self.solve + self.preparation.sum(axis=0, initial=0.0)).max())

    def total(self, n_ranks=1):
        """Of so many ranks together, each of which makes whatever its tasks need; rows and messages included."""
        return float(self.solve.sum()) + TASK_SECONDS * len(self.solve) + sum(
            shared.preparation.seconds * max(shared.n_groups, min(n_ranks, shared.n_tasks)) for shared in self.shared
        )

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
    groups, preparation = np.zeros((n_layers, plan.n_tasks), np.int64), np.zeros((n_layers, plan.n_tasks))
    shared, first_number, n_numbers = {}, {}, 0
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
            groups[layer, tasks], preparation[layer, tasks] = first_number[key] + group, made.seconds
            n_before = shared[key].n_tasks if key in shared else 0
            shared[key] = Shared(made, n_groups, n_before + n_points)
    return ExpectedCost(solve, groups, preparation, tuple(shared.values()))


def _grouped(columns, n_points):
    """Numbers (n_points,) from 0, equal where all columns are; and how many there are."""
    number, n_numbers = np.zeros(n_points, np.int64), 1
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        known, number = np.unique(number * len(values) + inverse, return_inverse=True)
        n_numbers = len(known)
    return number, n_numbers
