"""Which tasks to hand out next: longest expected first, in batches of about a second's work.

Tasks of one variation and momentum grid form a class.  The model predicts the cost of each task; what finished tasks
of a class took corrects it by one factor for the class.  Each class is tried early with a single task, and its batches
grow with the number of its tasks that are finished: a prediction may be wrong by any factor.

Tasks that share what is long to make (the coefficients of one mass) stay together, wherever the input file has them.
"""

import numpy as np

BATCH_SECONDS = 1.0
MAX_BATCH = 4096

# A master answers some 10^4 requests a second; with more ranks than that, batches grow so that it is half busy at most.
SECONDS_PER_RANK = 2e-4

LEAST_SECONDS = 1e-9  # that a task may be predicted to take
_UNTRIED = 1e30  # how much longer a class counts as that was never tried
_ROUNDING = 1e-6  # of the sums of predictions


class Schedule:
    """The queue of tasks not handed out yet.

    Parameters
    ----------
    cost : ExpectedCost
        What the model expects of the tasks.
    classes : (n_tasks,) int array
        Number of the class of each task.
    waiting : int array
        The tasks to do.
    n_ranks : int
    """

    def __init__(self, cost, classes, waiting, n_ranks):
        self.n_ranks = n_ranks
        waiting = np.asarray(waiting, dtype=np.int64)
        self.queue = waiting[_order(cost, classes, waiting)]  # class after class
        n_classes = int(classes.max(initial=0)) + 1
        edges = np.searchsorted(classes[self.queue], np.arange(n_classes + 1))
        self.first, self.end = edges[:-1], edges[1:]
        self.next = self.first.copy()  # per class, what is handed out next
        self.left = len(waiting)
        # Predicted cost of all that is in the queue before a place.
        self.before = np.append(0.0, np.cumsum(np.maximum(cost.in_order(self.queue), LEAST_SECONDS)))
        self.finished, self.seconds = np.zeros(n_classes, dtype=np.int64), np.zeros(n_classes)
        self.factor = np.ones(n_classes)

    def __len__(self):
        return self.left

    def record(self, task_class, n_tasks, seconds):
        """Learn that `n_tasks` of a class took `seconds` together."""
        self.finished[task_class] += n_tasks
        self.seconds[task_class] += seconds
        first, end = self.first[task_class], self.end[task_class]
        if first < end:  # taken to be those handed out first; the prediction counts as one task of mean cost
            finished = min(first + self.finished[task_class], end)
            mean = (self.before[end] - self.before[first]) / (end - first)
            predicted = self.before[finished] - self.before[first]
            self.factor[task_class] = (mean + self.seconds[task_class]) / (mean + predicted)

    def remaining_seconds(self):
        """Expected cost of all that is still in the queue [s]."""
        return float((self.before[self.end] - self.before[self.next]) @ self.factor)

    def batch(self):
        """The next tasks for one rank: of one class, about `BATCH_SECONDS` of work, less towards the end.

        Returns
        -------
        int64 array
            Empty if nothing is left.
        """
        if not self.left:
            return self.queue[:0]
        longest = (self.before[np.minimum(self.next + 1, self.end)] - self.before[self.next]) * self.factor
        longest[self.next == self.first] *= _UNTRIED
        longest[self.next == self.end] = -1.0  # less than rounding can make of any other
        task_class = int(np.argmax(longest))
        # What is left is shared out evenly.
        by_time = max(BATCH_SECONDS, SECONDS_PER_RANK * self.n_ranks)
        seconds = min(by_time, self.remaining_seconds() / (2 * self.n_ranks))
        start = self.next[task_class]
        most = min(start + min(MAX_BATCH, 1 + self.finished[task_class]), self.end[task_class])
        until = self.before[start] + (1 + _ROUNDING) * seconds / self.factor[task_class]
        stop = max(start + 1, start + np.searchsorted(self.before[start + 1 : most + 1], until, side="right"))
        self.next[task_class] = stop
        self.left -= stop - start
        return self.queue[start:stop]


def _order(cost, classes, waiting):
    """By class, then by what tasks share, the longest first, then the longest first."""
    keys = [classes[waiting]]
    for group in cost.group[:, waiting] if len(cost.group) else ():
        longest = np.zeros(group.max(initial=0) + 1)
        np.maximum.at(longest, group, cost.solve[waiting])
        keys += [-longest[group], group]
    return np.lexsort((waiting, -cost.solve[waiting], *reversed(keys)))
