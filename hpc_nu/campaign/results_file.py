"""The results file: created whole, written by all ranks together, readable between commits.

Rank 0 creates the file with every dataset at its final size under a temporary name, syncs and renames it: creation in
place is the one thing that a kill breaks.  Afterwards only raw data are written, no attribute, object or size changes,
so a kill at any moment leaves a file that opens.  A commit writes rows and checksums, flushes, and only then the
status; on resume a row counts as done only if its status says so and its checksum holds.  What never changes has a seal
(`seal`), and a commit looks whether the file at the path is still the one that the run began with.

With a parallel HDF5 all ranks write collectively; with a serial one they send their rows to rank 0, which writes.
"""

import json
import math
import os
import traceback
import uuid
from contextlib import contextmanager
from dataclasses import replace

import h5py
import numpy as np

from hpc_nu import __version__, seal
from hpc_nu.atomic import replacing
from hpc_nu.campaign.communicator import end_all
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, EnvironmentProblem, OutputError, cannot_write
from hpc_nu.campaign.new_file import LIBRARY_VERSION, SOFTWARE, write_new_file
from hpc_nu.campaign.provenance import provenance
from hpc_nu.campaign.row_layout import STATUS, RowLayout
from hpc_nu.campaign.runs import RUNS, run_record, runs_dataset, used_runs
from hpc_nu.result_codes import ResultCode, is_failure

_ROWS_PER_READ = 4096

# What comes of a file that is sealed and yet not what a run writes.
_OF_DAMAGE = (KeyError, IndexError, ValueError, TypeError, AttributeError, OSError, MemoryError)

# Of rows that travel at a time where rank 0 writes for all: it has to hold them, and beyond 2 GB MPI takes no message.
_GATHERED_BYTES = 2**28

# HDF5's time to unite runs of rows grows with the square of their number: beyond so many it is given single elements.
_MOST_RUNS = 64


class ResultsFile:
    """The results of one plan at `path`, as seen by one rank of `communicator`.

    Attributes
    ----------
    identity : str
        That of the file, which no other has, once it is known.
    last_run : int
        Number of the last run that recorded rows, once `done` has looked; -1 for none.
    before_abort : callable
        Called before a commit that fails ends all ranks.
    """

    def __init__(self, path, plan, communicator):
        self.path, self.plan, self.communicator = os.fspath(path), plan, communicator
        self.identity, self.last_run, self.before_abort = None, -1, lambda: None
        self.layout = RowLayout(plan)
        self.is_parallel = communicator.size > 1 and h5py.get_config().mpi

    # Creation and resume: rank 0 alone

    def create(self):
        """Create the file with every row pending.

        Raises
        ------
        OSError
            If there is no room for it, it cannot be written, or there is one by now.
        """
        self.identity = uuid.uuid4().hex
        made = provenance() | {"identity": self.identity}  # before the file is open: it starts processes
        with replacing(self.path, may_exist=False) as temporary:
            write_new_file(temporary, self.plan, self.layout, made)
        self._begin_run(0)

    def refuse_foreign(self):
        """Raise an `OutputError` if the file is not one of this plan; else know which file it is."""
        with open_results(self.path) as file:
            self._refuse_other_version(file)
            self._refuse_other_problem(file)
            self.identity = file["provenance"].attrs["identity"]

    def done(self):
        """Which tasks are recorded: (n_tasks,) bool, True where the status says so and the checksum holds.

        Known from then on is which run this is, too.
        """
        done, self.last_run = np.zeros(self.plan.n_tasks, dtype=bool), -1
        with open_results(self.path) as file:
            for rows in self.recorded_rows(file):
                done[rows["task"]] = good = self.layout.checksums(rows) == rows["checksum"]
                paid = self.layout.cost_checksums(rows) == rows["cost/checksum"]
                self.last_run = max(self.last_run, *rows["cost/run"][good & paid], -1)
        self.layout.run = min(self.last_run + 1, runs_dataset()[1][0] - 1)
        return done

    def recorded_rows(self, file):
        """Rows whose status says that they are recorded, some thousands at a time."""
        recorded = np.flatnonzero(file["status"][:] != ResultCode.PENDING)
        blocks = np.flatnonzero(np.diff(recorded // _ROWS_PER_READ)) + 1
        for tasks in filter(len, np.split(recorded, blocks)):
            yield self._read_rows(file, tasks)

    def used_runs(self):
        """What is known of the runs that recorded rows: a list of dict."""
        with open_results(self.path) as file:
            return used_runs(file[RUNS][: self.last_run + 1])

    def begin_run(self):
        """Write down where and with what this run computes; after `done`."""
        self._begin_run(self.layout.run)

    def _begin_run(self, number):
        self.layout.run = number
        self._overwrite(RUNS, number, np.array([run_record()], runs_dataset()[2]))

    def _overwrite(self, name, first, values):
        """Write entries of a dataset from `first` on, by rank 0 alone, and see them to the disk.

        Past HDF5, which crashes or is silent where there is no room.
        """
        with open_results(self.path) as file:
            self._refuse_replaced(file)
            place = file[name].id.get_offset() + first * values.itemsize
        descriptor = os.open(self.path, os.O_WRONLY)
        try:
            os.pwrite(descriptor, values.tobytes(), place)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, codes, done):
        """Take the rows of these outcomes for rows that are not there.

        Parameters
        ----------
        codes : tuple of ResultCode
        done : (n_tasks,) bool array
            As of `done`; becomes False for these rows.

        Returns
        -------
        list of int
            Those of the tasks that had died.
        """
        with open_results(self.path) as file:
            status = file["status"][:]
        tasks = np.flatnonzero(np.isin(status, codes))
        died = tasks[status[tasks] == ResultCode.DIED].tolist()
        status[tasks] = ResultCode.PENDING
        self._overwrite(STATUS.name, 0, status)
        done[tasks] = False
        return died

    def _refuse_replaced(self, file):
        if file["provenance"].attrs["identity"] != self.identity:
            raise EnvironmentProblem(
                f"{self.path}: is another file than the one that this run began with: something else has put it there."
                " Nothing was written into it. Give another output file"
            )

    def all_failed(self):
        """Whether every task is recorded as one that failed."""
        with open_results(self.path) as file:
            return bool(np.all(is_failure(file["status"][:])))

    def pending(self):
        """Number of tasks whose status says that they have no row."""
        with open_results(self.path) as file:
            return int(np.sum(file["status"][:] == ResultCode.PENDING))

    def _read_rows(self, file, tasks):
        rows = np.zeros(len(tasks), self.layout.row_type)
        rows["task"] = tasks
        first, last = tasks[0], tasks[-1] + 1
        for column in self.layout.columns:
            rows[column.name] = file[column.name][first:last][tasks - first]
        return rows

    def _refuse_other_version(self, file):
        if file.attrs["version"] != __version__:
            raise OutputError(
                f"{self.path}: was begun by {SOFTWARE} {file.attrs['version']}, and this is {__version__}: one file"
                " does not mix them. Nothing was written. Continue it with that version, or give another output file"
            )

    def _refuse_other_problem(self, file):
        if file.attrs["problem_hash"] == self.plan.problem_hash:
            return
        there = json.loads(file["input/completed"][()])
        lines = self.plan.difference(there, json.loads(file.attrs.get("tables", "{}"))) or [
            "(only the order of keys differs)"
        ]
        raise OutputError(
            f"{self.path}: holds the results of another problem. In the file -> in the input:\n  "
            + "\n  ".join(lines)
            + "\nNothing was written. Give another output file, or the input file of that campaign."
        )

    # Commits: all ranks

    def commit(self, rows):
        """Record `rows` (records of the layout's `row_type`) of this rank; every rank calls this, empty or not."""
        if self.is_parallel:
            self._record(rows)
            return
        most = self.communicator.bcast(max(self.communicator.gather(len(rows)) or [0]))
        portion = max(1, _GATHERED_BYTES // (self.communicator.size * self.layout.row_type.itemsize))
        for start in range(0, max(most, 1), portion):
            gathered = self.communicator.gather(rows[start : start + portion])
            if gathered:
                self._record(np.concatenate(gathered))
        self.communicator.barrier()

    def _record(self, rows):
        rows = rows[np.argsort(rows["task"], kind="stable")]
        with self._open_for_writing() as file:
            try:
                self._refuse_replaced(file)
                self._write(file, rows)
            except Exception as error:  # noqa: BLE001 - a write that fails, a flush, no memory
                # Not by an exception: HDF5 crashes when it closes a file that it could not write, and to close it is
                # collective, while the others are still writing.
                self.before_abort()
                if isinstance(error, EnvironmentProblem):
                    end_all(error, BROKEN_ENVIRONMENT)
                elif isinstance(error, (OSError, RuntimeError)):
                    end_all(cannot_write(self.path, error), BROKEN_ENVIRONMENT)
                else:
                    end_all(traceback.format_exc(), BROKEN_ENVIRONMENT)
                self.communicator.Abort(BROKEN_ENVIRONMENT)  # alone

    def _write(self, file, rows):
        selections = _Selections(rows["task"], self.plan.n_tasks, self.is_parallel)
        # Held until they are flushed: what fails when a dataset is closed, h5py does not tell.
        datasets = {column.name: file[column.name] for column in self.layout.columns}
        for name, dataset in datasets.items():
            if name != STATUS.name:
                selections.write(dataset, rows[name])
        self._flush(file)
        selections.write(datasets[STATUS.name], rows[STATUS.name])
        self._flush(file)

    def _flush(self, file):
        """See what was written to the disk: only then is what follows true."""
        file.flush()
        if self.is_parallel:
            self.communicator.barrier()  # HDF5 has called MPI_File_sync, which is an fsync on each rank
        else:
            os.fsync(file.id.get_vfd_handle())

    def _open_for_writing(self):
        if self.is_parallel:
            return h5py.File(self.path, "r+", libver=LIBRARY_VERSION, driver="mpio", comm=self.communicator)
        # Without HDF5's lock: a reader that holds the file must not make a commit fail.
        return h5py.File(self.path, "r+", libver=LIBRARY_VERSION, locking=False)


class _Selections:
    """Writes rows of arbitrary task numbers with one call a dataset, collective if the file is parallel."""

    def __init__(self, tasks, n_tasks, collective):
        self.n_tasks, self.n_rows, self.tasks = n_tasks, len(tasks), tasks
        breaks = np.flatnonzero(np.diff(tasks) != 1) + 1
        self.runs = [(int(run[0]), len(run)) for run in np.split(tasks, breaks) if len(run)]
        self.transfer = h5py.h5p.create(h5py.h5p.DATASET_XFER)
        if collective:
            self.transfer.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE)
        self.spaces = {}

    def write(self, dataset, values):
        width = dataset.shape[1:]
        if width not in self.spaces:
            self.spaces[width] = self._space(width)
        memory, in_file = self.spaces[width]
        dataset.id.write(memory, in_file, np.ascontiguousarray(values), dxpl=self.transfer)

    def _space(self, width):
        in_file = h5py.h5s.create_simple((self.n_tasks, *width))
        memory = h5py.h5s.create_simple((max(self.n_rows, 1), *width))
        in_file.select_none()
        if not self.n_rows:
            memory.select_none()
        elif len(self.runs) <= _MOST_RUNS:
            for start, count in self.runs:
                origin = (start,) + (0,) * len(width)
                in_file.select_hyperslab(origin, (count, *width), op=h5py.h5s.SELECT_OR)
        else:
            in_file.select_elements(self._elements(width))
        return memory, in_file

    def _elements(self, width):
        """Indices of all elements of the rows: (n, 1 + len(width)) uint64."""
        inner = np.indices(width, dtype=np.uint64).reshape(len(width), math.prod(width)).T
        elements = np.empty((self.n_rows, len(inner), 1 + len(width)), dtype=np.uint64)
        elements[..., 0] = self.tasks[:, None]
        elements[..., 1:] = inner
        return elements.reshape(-1, 1 + len(width))


# Reading, for everyone


@contextmanager
def open_results(path):
    """A results file, opened for reading.

    Raises
    ------
    OutputError
        If it is missing, damaged, or not a results file of this software.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise OutputError(f"{path}: is not a file, so no results file")
        seal.check(path)
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise OutputError(f"{path}: no such file") from None
    except seal.Broken as error:
        raise OutputError(
            f"{path}: {error}. Nothing was written. Give another output file, or move this one away"
        ) from None
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be opened as HDF5, so it is truncated, damaged or something else ({error}). Nothing was"
            " written. Give another output file, or move this one away"
        ) from None
    with file:
        if file.attrs.get("software") != SOFTWARE:
            raise OutputError(
                f"{path}: is an HDF5 file, but not a results file of {SOFTWARE}. Nothing was written. Give another"
                " output file"
            )
        _refuse_elsewhere(path, file)
        try:
            yield file
        except _OF_DAMAGE as error:
            raise OutputError(f"{path}: is damaged: {error}. Give another output file, or move this one away") from None


def as_recorded(plan, file):
    """The plan with the points of an open results file of the same input.

    Computed again, by another library or on another type of processor, they may differ in the last bit.
    """
    points = {name: file[f"points/{name}"][:] for name in plan.points}
    offsets = {name: (about, file[f"points/{name}_offset"][:]) for name, (about, _) in plan.offsets.items()}
    return replace(plan, points=points, offsets=offsets)


def _refuse_elsewhere(path, file):
    """Refuse a file some of whose data are in another one: to write into it would be to write there."""

    def visit(name):
        link = file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise OutputError(f"{path}: {name} is a link to elsewhere, which results never are. Nothing was written")
        node = file[name]
        if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual):
            raise OutputError(f"{path}: the data of {name} are in another file. Nothing was written")

    for name in file:
        visit(name)
        if isinstance(file[name], h5py.Group):
            for inner in file[name]:
                visit(f"{name}/{inner}")
