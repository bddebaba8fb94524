"""The columns of a results file, and one task's row as a numpy record.

A row travels between ranks and is checksummed as one record; on disk each of its fields is a dataset, task index first.
"""

import zlib
from typing import NamedTuple

import numpy as np

from hpc_nu.result_codes import ResultCode

ERROR_LENGTH = 200

# The group of a results file for each kind of observable.
GROUPS = {"scalar": "results", "trajectory": "trajectory", "spectrum": "spectrum", "mode": "modes"}


class Column(NamedTuple):
    """One dataset: `name` is its path, `dimension` the scale of its second axis or None."""

    name: str
    dtype: str
    units: str
    long_name: str
    dimension: str | None = None


_COST = (
    Column("cost/seconds", "f8", "s", "time of the last try"),
    Column("cost/steps", "i8", "1", "accepted steps of the last try"),
    Column("cost/rejected", "i8", "1", "rejected steps of the last try"),
    Column("cost/tries", "i4", "1", "tries: 2 if the first failed"),
    Column("cost/rank", "i4", "1", "rank that finished the task"),
    Column("cost/run", "i4", "1", "run that finished it: a row of provenance/runs"),
    Column("cost/checksum", "u4", "1", "CRC-32 of the task number and the other columns of its cost"),
)
_STATUS_MEANING = ", ".join(f"{code.value} {code.name.lower()}" for code in ResultCode if code != ResultCode.PAUSED)
STATUS = Column("status", "i1", "1", f"outcome of the task: {_STATUS_MEANING}")
CHECKSUM = Column(
    "checksum",
    "u4",
    "1",
    "CRC-32 of the hash of the problem, the task number, its parameters, and status, error and results as in the file",
)
ERROR = Column("error", f"S{ERROR_LENGTH}", "1", "why the task failed; empty if it did not")


class RowLayout:
    """Columns and record type of a campaign.

    Parameters
    ----------
    problem_hash : str, optional
        That of the rows, where it is not that of the plan.

    Attributes
    ----------
    dimensions : dict of str to array
        Coordinates of the second axes: temperature [GeV], momentum k/T, mode index.
    columns : tuple of Column
    row_type : numpy dtype
        Fields `task`, then one per column.
    """

    def __init__(self, plan, problem_hash=None):
        n_modes = max(grid.n_modes for grid in plan.grids)
        modes = np.arange(n_modes if plan.store_modes else 0)
        self.dimensions = {"temperature": plan.temperatures, "momentum": plan.momenta, "mode": modes}
        self.dimensions = {name: values for name, values in self.dimensions.items() if len(values)}
        second_axis = {"scalar": None, "trajectory": "temperature", "spectrum": "momentum", "mode": "mode"}
        observables = [
            Column(f"{GROUPS[o.kind]}/{o.name}", "f8", o.unit, o.long_name, second_axis[o.kind])
            for o in plan.model.observables
            if (o.kind == "scalar" or second_axis[o.kind] in self.dimensions)
            and (not o.only_with or any(settings[o.only_with] for _, settings in plan.variations))
        ]
        self.columns = (STATUS, ERROR, *observables, *_COST, CHECKSUM)
        self.run = 0  # number of this run among those that recorded rows
        self._seed = zlib.crc32((problem_hash or plan.problem_hash).encode())
        self._parameters = tuple(plan.points.values())
        self.row_type = np.dtype([("task", "i8"), *((c.name, c.dtype, self.shape(c)) for c in self.columns)])
        self.blank = np.zeros((), self.row_type)
        for column in self.columns:
            self.blank[column.name] = self.fill_value(column)
        self.declared = {f"{GROUPS[o.kind]}/{o.name}" for o in plan.model.observables}
        always = {f"{GROUPS[o.kind]}/{o.name}" for o in plan.model.observables if not o.only_with}
        self.expected = [column.name for column in observables if column.name in always]

    def shape(self, column):
        """Shape of one row's entry."""
        return (len(self.dimensions[column.dimension]),) if column.dimension else ()

    def file_size(self, plan):
        """Bytes of the results file, generously."""
        points = 8 * (len(plan.points) + len(plan.offsets) + 16)  # labels, task numbers of the groups
        return 500_000 + plan.n_tasks * (self.row_type.itemsize + points)

    def fill_value(self, column):
        return np.nan if column.dtype == "f8" else b"" if column.dtype.startswith("S") else 0

    def row(self, task, outcome, seconds, tries, rank):
        """The record of one finished task; what an `Outcome` does not give stays not a number.

        Raises
        ------
        KeyError, TypeError or ValueError
            If the outcome has an observable that the model does not declare, or one of the wrong shape.
        """
        row = self.blank.copy()
        row["task"], row["status"] = task, outcome.code
        row["error"] = outcome.message.encode("ascii", "replace")[:ERROR_LENGTH]
        for kind, values in outcome.observables.items():
            for name, value in values.items():
                column = f"{GROUPS[kind]}/{name}"
                if column not in self.declared:
                    raise KeyError(f"the model does not declare the {kind} observable {name!r}")
                if column not in self.row_type.names:
                    continue  # not asked for
                if np.asarray(value).dtype.kind not in "fiub":
                    raise TypeError(f"the {kind} observable {name!r} is no real number: {value!r:.80}")
                if kind == "mode":
                    row[column][: len(value)] = value  # a grid smaller than the largest leaves the rest empty
                else:
                    row[column] = value
        row["cost/seconds"], row["cost/steps"], row["cost/rejected"] = seconds, outcome.steps, outcome.rejected
        row["cost/tries"], row["cost/rank"], row["cost/run"] = tries, rank, self.run
        row["checksum"] = self.checksums(row.reshape(1))[0]
        row["cost/checksum"] = self.cost_checksums(row.reshape(1))[0]
        return row

    def refuse_incomplete(self, outcome):
        """Raise a ValueError if a task is done and an observable that it must have is not there."""
        given = {f"{GROUPS[kind]}/{name}" for kind, values in outcome.observables.items() for name in values}
        if outcome.code == ResultCode.DONE and (missing := [name for name in self.expected if name not in given]):
            raise ValueError(f"the model gives no {', '.join(missing)}")

    def checksums(self, rows):
        """CRC-32 of each of `rows`: whose it is, and everything but the cost, which differs from run to run."""
        owners = np.empty((len(rows), 1 + len(self._parameters)))
        owners[:, 0] = rows["task"]
        for i, values in enumerate(self._parameters):
            owners[:, 1 + i] = values[rows["task"]]
        return self._crc(owners, rows, STATUS.name, _COST[0].name)

    def cost_checksums(self, rows):
        """CRC-32 of the cost of each of `rows`."""
        return self._crc(rows["task"].astype(float)[:, np.newaxis], rows, _COST[0].name, _COST[-1].name)

    def _crc(self, owners, rows, first, behind):
        """Of the fields from `first` to the one before `behind`."""
        first, behind = (self.row_type.fields[name][1] for name in (first, behind))
        data = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), self.row_type.itemsize)
        pairs = zip(np.ascontiguousarray(owners).view(np.uint8), data, strict=True)
        return np.array([zlib.crc32(row[first:behind], zlib.crc32(key, self._seed)) for key, row in pairs], dtype="u4")
