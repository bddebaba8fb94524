"""The results file: created whole, written by all ranks together, readable between commits.

Rank 0 creates the file with every dataset at its final size under a temporary name, syncs and renames it: creation in
place is the one thing that a kill breaks.  Afterwards only raw data are written, no attribute, object or size changes,
so a kill at any moment leaves a file that opens.  A commit writes rows and checksums, flushes, and only then the
status; on resume a row counts as done only if its status says so and its checksum holds.  What never changes has a seal
(`seal`), and a commit looks whether the file at the path is still the one that the run began with.

With a parallel HDF5 all ranks write collectively; with a serial one they send their rows to rank 0, which writes.
"""

import errno
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
from hpc_nu.campaign.provenance import provenance
from hpc_nu.campaign.row_layout import STATUS, RowLayout
from hpc_nu.campaign.runs import RUNS, run_record, runs_dataset, used_runs
from hpc_nu.result_codes import ResultCode, is_failure

SOFTWARE = "hpc_nu"

# Anything newer refuses to open after a kill during serial writing ("already open for write").
_LIBRARY_VERSION = "earliest"

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
        made = provenance()  # before the file is open: it starts processes, which would keep it so
        with replacing(self.path, may_exist=False) as temporary:
            self._refuse_too_large(temporary)
            self._fill(temporary, made)
            self._seal(temporary)
        self._begin_run(0)

    def _refuse_too_large(self, path):
        """See whether there is room for the file: HDF5 crashes, or says nothing, where there is none."""
        needed = self.layout.file_size(self.plan)
        with open(path, "wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, needed)
            except OSError as error:
                if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):  # not on this file system
                    return
                raise OSError(
                    error.errno, f"{error.strerror}; it needs {needed / 1e6:.1f} MB. Make room, or give another folder"
                ) from None

    def _fill(self, path, made):
        with h5py.File(path, "w", libver=_LIBRARY_VERSION) as file:
            _write_header(file, self.plan)
            scales = _Scales(file, self.plan.n_tasks, self.layout.dimensions)
            _write_points(file, self.plan, scales)
            for column in self.layout.columns:
                shape = (self.plan.n_tasks, *self.layout.shape(column))
                fill = self.layout.fill_value(column)
                dataset = _fixed_dataset(file, column.name, shape, np.dtype(column.dtype), fill)
                _describe(dataset, column.units, column.long_name)
                scales.attach(dataset, column.dimension)
            # What differs between two runs of one problem is kept apart: all the rest can be compared bit for bit.
            group = file.create_group("provenance")
            self.identity = uuid.uuid4().hex
            group.attrs.update(made | {"identity": self.identity})
            name, shape, dtype = runs_dataset()
            _fixed_dataset(file, name, shape, dtype, b"")
            _describe(file[name], "1", "where and with what each run that recorded rows computed: CRC-32 and JSON")
            scale = group.create_dataset("run", data=np.arange(shape[0]))
            scale.make_scale("run")
            _describe(scale, "1", "number of the run, as in cost/run")
            file[name].dims[0].attach_scale(scale)
            length = seal.size(2 + len(self.layout.columns))
            _fixed_dataset(file, seal.NAME, (), np.dtype(f"S{length}"), b"")
            _describe(file[seal.NAME], "1", "digest of all of this file that never changes")

    def _seal(self, path):
        with h5py.File(path, "r") as file:
            names = (RUNS, *(column.name for column in self.layout.columns))
            regions = [_place(file[name]) for name in names]
            place, length = _place(file[seal.NAME])
        seal.put(path, place, length, regions)

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
            return h5py.File(self.path, "r+", libver=_LIBRARY_VERSION, driver="mpio", comm=self.communicator)
        # Without HDF5's lock: a reader that holds the file must not make a commit fail.
        return h5py.File(self.path, "r+", libver=_LIBRARY_VERSION, locking=False)


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
    """The plan with the points of an open results file of the same problem; as it is for any other file.

    Computed again, by another library or on another type of processor, they may differ in the last bit.
    """
    if file.attrs["problem_hash"] != plan.problem_hash:
        return plan
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


def _place(dataset):
    """Offset and length of the raw data of a contiguous dataset."""
    return dataset.id.get_offset(), dataset.id.get_storage_size()


# What create() writes

_DIMENSIONS = {
    "task": ("1", "task number"),
    "temperature": ("GeV", "temperature of the bath, decreasing"),
    "momentum": ("1", "comoving momentum k/T"),
    "mode": ("1", "number of the momentum mode"),
}


def _write_header(file, plan):
    attributes = {
        "software": SOFTWARE,
        "version": __version__,
        "campaign": plan.name,
        "model": plan.model.name,
        "reference": plan.model.reference,
        "problem_hash": plan.problem_hash,
        "tables": json.dumps(plan.tables),
    }
    file.attrs.update({name: str(value) for name, value in attributes.items()})
    inputs = file.create_group("input")
    for name, text in (("given", plan.given), ("completed", plan.canonical)):
        inputs[name] = np.bytes_(text.encode())


class _Scales:
    """Dimension scales, made when first needed: each group has its own, so that it opens with its coordinates.

    (One for all would also tie /cost to the rest: h5diff follows the references of a scale to what it is attached to.)
    """

    def __init__(self, file, n_tasks, dimensions):
        self.file, self.values = file, {"task": np.arange(n_tasks), **dimensions}

    def attach(self, dataset, second_dimension=None):
        """Attach the scales of task, and of the second axis if there is one, to `dataset`."""
        group = dataset.parent
        for axis, name in enumerate(filter(None, ("task", second_dimension))):
            if name not in group:
                scale = group.create_dataset(name, data=self.values[name])
                scale.make_scale(name)
                _describe(scale, *_DIMENSIONS[name])
            dataset.dims[axis].attach_scale(group[name])


def _write_points(file, plan, scales):
    points = file.create_group("points")
    columns = [
        (p.name, plan.points[p.name], p.unit, p.description) for p in plan.model.parameters if p.name in plan.points
    ]
    units = {p.name: p.unit for p in plan.model.parameters}
    for name, (about, offsets) in plan.offsets.items():
        columns.append((f"{name}_offset", offsets, units[name], f"offset of {name} from its tuned value {about!r}"))
    # Text of variable length, which xarray gives back as str: written once and by one process, it needs no more.
    names = np.array([name for name, _ in plan.variations], dtype=h5py.string_dtype())
    labels = np.array([grid.label for grid in plan.grids], dtype=h5py.string_dtype())
    n_modes = np.array([grid.n_modes for grid in plan.grids], dtype="i4")
    columns.append(("variation", names[plan.variation], "1", "name of the variation of the settings"))
    columns.append(("grid", labels[plan.grid], "1", "momentum grid"))
    columns.append(("n_modes", n_modes[plan.grid], "1", "number of momentum modes; 1 if averaged, 0 if none"))
    for name, values, unit, long_name in columns:
        points[name] = values
        _describe(points[name], unit, long_name)
        scales.attach(points[name])


def _fixed_dataset(file, name, shape, dtype, fill):
    """A contiguous dataset, its space allocated and filled at once: later writes change no metadata."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    if dtype.kind == "S":  # h5py would write what lies in its memory; the default is zeros
        properties.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    else:
        properties.set_fill_value(np.array(fill, dtype=dtype))
    properties.set_obj_track_times(False)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    file_type = h5py.h5t.py_create(dtype, logical=True)
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), file_type, space, dcpl=properties, lcpl=links))


def _describe(dataset, unit, long_name):
    dataset.attrs["units"], dataset.attrs["long_name"] = unit, long_name
