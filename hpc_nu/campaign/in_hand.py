"""The tasks that each rank holds, on file: what was going on when a run died.

A task that kills its process (a segmentation fault, too much memory) would end every run that comes to it.  So the
master, which hands out all tasks, keeps a record; what a run leaves behind that did not end by itself is suspicion
against the tasks that were held and have no row.  After one death a task is handed out alone, after `QUARANTINE_AFTER`
it is solved in a process of its own, whose death is a row (`quarantine`): a verdict is never passed on suspicion.

The file is a line of JSON, then a line "rank tasks" whenever a rank's tasks change, tasks as in "3-7,9"; the last line
of a rank counts, and after a line "nobody" no rank holds anything.  It is not synced: what SIGKILL leaves is whole, and
to lose it with the power costs nothing.
"""

import json
import os
from contextlib import suppress

import numpy as np

from hpc_nu.atomic import new_file
from hpc_nu.campaign.beside import read_bytes, refuse_foreign

_NOBODY = "nobody"

_HEAD = b'{"problem_hash"'

QUARANTINE_AFTER = 2
"""Deaths of runs after which a task is solved in a process of its own."""


class InHand:
    """The record beside the results file at `results_path`; used on rank 0.

    Attributes
    ----------
    deaths : dict of int to int
        How many runs died while they held a task, for tasks without a row.
    held : dict of int to str
        Rank to the tasks that it holds, as `to_ranges` writes them.
    """

    def __init__(self, results_path, problem_hash):
        self.path = os.fspath(results_path) + ".running"
        self.problem_hash = problem_hash
        self.deaths, self.held = {}, {}
        self.file = None

    def load(self, done, died=()):
        """Take over what the run before left, and begin the record of this one; as `read`.

        Parameters
        ----------
        died : list of int
            Tasks that are known to end their process.
        """
        self.deaths = dict.fromkeys(died, QUARANTINE_AFTER) | self.read(done)
        self.save()

    def read(self, done):
        """What the run before left.

        Parameters
        ----------
        done : (n_tasks,) bool array
            Tasks that have a row: they are above suspicion.

        Returns
        -------
        dict of int to int
            As `deaths`.
        """
        deaths, held = self.recorded(len(done))
        for tasks in held.values():
            for task in tasks:
                deaths[task] = deaths.get(task, 0) + 1
        return {task: n for task, n in deaths.items() if 0 <= task < len(done) and not done[task]}

    def recorded(self, n_tasks):
        """`deaths` and `held` as they are on file; empty if there is no file, or not one of this problem."""
        try:
            # What follows the last line end was torn by the kill.
            header, *lines = read_bytes(self.path).decode().split("\n")[:-1]
            header = json.loads(header)
            if header["problem_hash"] != self.problem_hash:
                return {}, {}
            deaths, held = {int(task): n for task, n in header["deaths"].items()}, {}
            for line in lines:
                if line == _NOBODY:
                    held = {}
                    continue
                rank, tasks = line.split(" ")
                held[int(rank)] = from_ranges(tasks, n_tasks)
            return deaths, held
        except Exception:  # noqa: BLE001 - whatever it is
            return {}, {}

    def hold(self, rank, tasks):
        """`rank` holds `tasks` from now on, and nothing else."""
        self.held[rank] = to_ranges(tasks)
        os.write(self.file, self._line(rank))

    def save(self):
        """Write the record anew, without what is out of date."""
        header = json.dumps({"problem_hash": self.problem_hash, "deaths": self.deaths})
        self.close()
        temporary = new_file(self.path)
        self.file = os.open(temporary, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        os.write(self.file, f"{header}\n".encode() + b"".join(self._line(rank) for rank in sorted(self.held)))
        os.replace(temporary, self.path)

    def blame(self, tasks):
        """Let tasks go last in the next run: at them, this one met trouble that may be theirs."""
        for task in tasks:
            self.deaths[task] = self.deaths.get(task, 0) + 1

    def refuse_foreign(self):
        """Raise an `OutputError` if what is called so is a file of somebody's, and not such a record."""
        refuse_foreign(self.path, lambda head: head[: len(_HEAD)] == _HEAD[: len(head)], "a record of the run")

    def let_go(self, rank=None):
        """`rank`, or every rank, ends for another reason than a task: on any rank, also from a signal handler.

        (When one rank dies, the launcher ends the others by a signal: then the tasks of the one that could not say so
        remain.)
        """
        with suppress(OSError):
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
            os.write(file, f"{_NOBODY if rank is None else f'{rank} '}\n".encode())
            os.close(file)

    def end(self, complete):
        """The run ends by itself: nobody holds anything."""
        self.held = {}
        self.save()
        self.close()
        if complete or not self.deaths:
            os.remove(self.path)

    def close(self):
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def _line(self, rank):
        return f"{rank} {self.held[rank]}\n".encode()


def to_ranges(tasks):
    """Task numbers as text: "3-7,9"."""
    tasks = np.sort(np.asarray(tasks, dtype=np.int64))
    runs = np.split(tasks, np.flatnonzero(np.diff(tasks) != 1) + 1) if len(tasks) else []
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def from_ranges(text, n_tasks):
    """The task numbers of `to_ranges`, below `n_tasks`.

    Returns
    -------
    list of int
    """
    tasks = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        tasks.extend(range(int(first), min(int(last or first) + 1, n_tasks)))
    return tasks
