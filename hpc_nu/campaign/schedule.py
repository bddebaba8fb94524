"""Which tasks to hand out next: longest predicted first, in batches of about a second's work.

Tasks of one variation and momentum grid form a class.  The model's prediction orders the classes; what finished tasks
of a class took corrects it.
"""

import numpy as np

BATCH_SECONDS = 1.0
MAX_BATCH = 4096


class Schedule:
    """The queue of tasks not handed out yet.

    Parameters
    ----------
    predicted : (n_tasks,) array
        What the model expects each task to cost [s].
    classes : (n_tasks,) int array
        Number of the class of each task.
    waiting : int array
        The tasks to do.
    n_ranks : int
    """

    def __init__(self, predicted, classes, waiting, n_ranks):
        self.n_ranks, self.classes = n_ranks, classes
        order = np.lexsort((waiting, classes[waiting], -predicted[waiting]))
        self.queue, self.next = np.asarray(waiting, dtype=np.int64)[order], 0
        n_classes = int(classes.max(initial=0)) + 1
        self.predicted = np.zeros(n_classes)
        self.predicted[classes] = predicted  # the same for all of a class
        self.finished, self.seconds = np.zeros(n_classes), np.zeros(n_classes)

    def __len__(self):
        return len(self.queue) - self.next

    def record(self, task_class, n_tasks, seconds):
        """Learn that `n_tasks` of a class took `seconds` together."""
        self.finished[task_class] += n_tasks
        self.seconds[task_class] += seconds

    def expected_seconds(self):
        """Expected cost of one task of each class [s]: the prediction counts as one finished task."""
        return (self.predicted + self.seconds) / (1 + self.finished)

    def remaining_seconds(self):
        """Expected cost of all that is still in the queue [s]."""
        counts = np.bincount(self.classes[self.queue[self.next :]], minlength=len(self.predicted))
        return float(counts @ self.expected_seconds())

    def batch(self):
        """The next tasks for one rank: of one class, about `BATCH_SECONDS` of work, fewer towards the end.

        Returns
        -------
        int64 array
            Empty if nothing is left.
        """
        if not len(self):
            return self.queue[:0]
        task_class = self.classes[self.queue[self.next]]
        by_time = BATCH_SECONDS / max(self.expected_seconds()[task_class], 1e-9)
        by_share = len(self) / (2 * self.n_ranks)  # what is left is shared out evenly
        size = int(np.clip(min(by_time, by_share), 1, MAX_BATCH))
        tasks = self.queue[self.next : self.next + size]
        tasks = tasks[self.classes[tasks] == task_class]
        self.next += len(tasks)
        return tasks
