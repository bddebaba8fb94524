"""A results file, opened offline: selections of its rows, and their columns as xarray datasets with units.

Reads the file alone, without MPI, also while a campaign writes it.  Every dataset has the dimension `task`; what
belongs to a row that is not done is NaN.  Not covered: checkpoints, and
checksums (the campaign checks them when it continues).
"""

import json
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import xarray as xr

from hpc_nu import seal
from hpc_nu.result_codes import ResultCode

SOFTWARE = "hpc_nu"

# Without a lock: with one, a picture drawn during a campaign makes the campaign's next commit fail ("unable to lock
# file").  It is not needed: objects and sizes never change, and a status is written only after the rest of its row.
_OPEN = {"engine": "h5netcdf", "phony_dims": "sort", "cache": False}

_HINTS = {
    "trajectory": "; to have it, ask for output: temperatures in the input file",
    "spectrum": "; to have it, ask for output: momenta in the input file",
    "modes": "; to have it, say output: modes: true in the input file",
}


class ResultsError(Exception):
    """A file or a selection that cannot be used; one line: which file, what is wrong, what there is."""


class Grid(NamedTuple):
    """A momentum grid of the campaign.

    Attributes
    ----------
    label : str
        As in the column `grid` of the points: "equal_occupation-48".
    kind : str
        "averaged", "equal_occupation", "gauss_legendre", or "none".
    n_modes : int
        1 if averaged, 0 if none.
    options : dict
        Everything but the number of modes, with defaults.
    family : str
        Kind, and those options in which grids of this kind differ: grids of one family converge together.
    """

    label: str
    kind: str
    n_modes: int
    options: dict
    family: str


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """Rows of a results file, all of them or a selection.

    Attributes
    ----------
    path : str
    attributes : dict
        Root attributes: campaign, model, reference, problem_hash, ...
    input : dict
        The input file completed with all defaults.
    grids : dict of str to Grid
        By label, in the order of the input file.
    points : xarray.Dataset
        For each task, done or not, its parameters (and `<name>_offset` from a tuned value), `variation`, `grid`,
        `n_modes`, `status` in words, `error`, and `point`: the number of its combination of parameters and variation.
    scalars, trajectories, spectra, modes, cost : xarray.Dataset
        The groups /results, /trajectory, /spectrum, /modes and /cost of the file for the same tasks, with the columns
        of `points` as coordinates.  Read when first asked for.
    """

    path: str
    attributes: dict
    input: dict
    grids: dict
    points: xr.Dataset
    _rows: np.ndarray = field(repr=False)

    def __len__(self):
        return len(self._rows)

    def __repr__(self):
        statuses = ", ".join(f"{n} {status}" for status, n in Counter(self.points.status.values).items())
        return f"<Results {self.path}: {len(self)} tasks of {self.attributes['model']} ({statuses or 'no rows'})>"

    def settings(self, variation):
        """Settings of the model in one of its variations, in the model's units."""
        settings = {**self.input["settings"], **self.input["variations"][variation]}
        return {name: entry["value"] if isinstance(entry, dict) else entry for name, entry in settings.items()}

    # Selections

    def select(self, *, task=None, point=None, grid=None, variation=None, status=None):
        """The rows that agree with everything given.

        Parameters
        ----------
        task, point : int, optional
        grid, variation, status : str, optional
            Label of a momentum grid, name of a variation, and "done", "pending", "step_budget", ...

        Raises
        ------
        ResultsError
            If this selection has no such task or point, the file no such grid or variation, or there is no such status.
            A grid, variation or status that no row of this selection has gives an empty selection.
        """
        wanted = {"task": task, "point": point, "grid": grid, "variation": variation, "status": status}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        keep = np.ones(len(self), dtype=bool)
        for name, value in wanted.items():
            column = self.points[name].values
            if not np.any(column == value):
                self._refuse_unknown(name, value)
            keep &= column == value
        return self._keep(keep)

    def nearest(self, **values):
        """The rows of the point nearest to `values`: all rows that share its values of the columns named.

        Parameters
        ----------
        **values : float
            Columns of `points`, in the units of the file.  Distances are relative to the spread of each column in
            this selection.  Near a tuned point ask for the offset, `delta_M_offset=0`: it is exact.
        """
        columns = {name: self._number_column(name) for name in values}
        if not len(self):
            raise ResultsError(f"{self.path}: no rows are selected, so none is nearest")
        distance = np.zeros(len(self))
        for name, column in columns.items():
            distance += ((column - values[name]) / (np.ptp(column) or 1.0)) ** 2
        closest = np.argmin(distance)
        return self._keep(np.logical_and.reduce([column == column[closest] for column in columns.values()]))

    def tuned(self):
        """The rows at which every offset from a tuned value is zero; all rows if no parameter has offsets."""
        offsets = [self.points[name].values for name in self.points if name.endswith("_offset")]
        return self._keep(np.logical_and.reduce([np.ones(len(self), dtype=bool), *(column == 0 for column in offsets)]))

    def _keep(self, keep):
        return replace(self, points=self.points.isel(task=keep), _rows=self._rows[keep])

    def _number_column(self, name):
        numbers = [column for column in self.points if self.points[column].dtype.kind == "f"]
        if name not in numbers:
            raise ResultsError(f"{self.path}: points have no number {name!r}; they have {', '.join(numbers)}")
        return self.points[name].values

    def _refuse_unknown(self, name, value):
        statuses = [code.name.lower() for code in ResultCode if code != ResultCode.PAUSED]
        if name == "status" and value in statuses:
            return
        known = {"grid": list(self.grids), "variation": list(self.input["variations"]), "status": statuses}
        if value in known.get(name, ()):
            return
        accepted = ", ".join(known[name]) if name in known else _range(self.points[name].values)
        raise ResultsError(f"{self.path}: no {name} {value!r}; there is {accepted}")

    # Columns

    @cached_property
    def scalars(self):
        return self._group("results")

    @cached_property
    def trajectories(self):
        return self._group("trajectory")

    @cached_property
    def spectra(self):
        return self._group("spectrum")

    @cached_property
    def modes(self):
        return self._group("modes")

    @cached_property
    def cost(self):
        return self._group("cost")

    def _group(self, name):
        # HDF5 reads a slice at once, and a list of rows one by one.
        rows = self._rows
        if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
            rows = slice(rows[0], rows[-1] + 1)
        try:
            with xr.open_dataset(self.path, group=name, **_OPEN) as file:
                data = file.isel(task=rows).load()
        except (OSError, KeyError):
            raise ResultsError(f"{self.path}: there is no /{name} in this file{_HINTS.get(name, '')}") from None
        # An interrupted commit may have left values in a row that is not recorded as done.
        data = data.drop_encoding().where(self.points.status == "done")
        return data.assign_coords({column: self.points[column] for column in self.points if column not in data})


def read_results(path, model=None, sealed=True):
    """Open a results file; it is not kept open.

    Parameters
    ----------
    path : str or path
    model : str, optional
        Refuse the results of any other model.
    sealed : bool
        Refuse a file whose seal does not hold: HDF5 itself may crash on one that is damaged.  False for a copy that was
        repacked or added to on purpose.

    Returns
    -------
    Results

    Raises
    ------
    ResultsError
        If it is missing, damaged, or not a results file of this software.
    """
    path = os.fspath(path)
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise ResultsError(f"{path}: is a pipe or a device, not a results file")
    try:
        if sealed:
            seal.check(path)
        with xr.open_dataset(path, **_OPEN) as file:
            if file.attrs.get("software") != SOFTWARE:
                raise ResultsError(f"{path}: is an HDF5 file, but not a results file of {SOFTWARE}")
            if model not in (None, file.attrs["model"]):
                raise ResultsError(f"{path}: model is {file.attrs['model']}; expected {model}")
            rows = file[["status", "error"]].load()
        with xr.open_dataset(path, group="points", **_OPEN) as file:
            points = file.load()
        with xr.open_dataset(path, group="input", **_OPEN) as file:
            completed = json.loads(file["completed"].item())
        words = {code.value: code.name.lower() for code in ResultCode}
        status = [words.get(code, "damaged") for code in rows.status.values]
        points["status"] = rows.status.copy(data=np.array(status, dtype=str))
        points["error"] = rows.error
        # Numbers there, words here: `to_netcdf` would write as it was there.
        points = points.map(_decoded).drop_encoding()
        points["point"] = _point_numbers(points)
        grids = _grids(points, completed.get("grids", [{"kind": "none"}]))
        return Results(path, dict(rows.attrs), completed, grids, points, np.arange(points.sizes["task"]))
    except seal.Broken as error:
        raise ResultsError(f"{path}: {error}; one that was repacked on purpose opens with sealed=False") from None
    except FileNotFoundError:
        raise ResultsError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ResultsError(f"{path}: is a folder, not a results file") from None
    except (OSError, KeyError, IndexError, ValueError, TypeError, AttributeError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise ResultsError(f"{path}: cannot be read, so it is truncated, damaged or no HDF5 file ({reason})") from None


def _decoded(column):
    """Bytes as text."""
    return column.copy(data=np.char.decode(column.values, "utf-8", "replace")) if column.dtype.kind == "S" else column


def _point_numbers(points):
    """Which rows differ in nothing but the grid, numbered as they first appear."""
    columns = [name for name in points if name not in ("grid", "n_modes", "status", "error")]
    numbers = {}
    rows = zip(*(points[name].values.tolist() for name in columns), strict=True)
    values = np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=int)
    attributes = {"units": "1", "long_name": "number of the combination of parameters and variation"}
    return xr.DataArray(values, dims="task", attrs=attributes)


def _grids(points, specifications):
    """Grids by label: the tasks of every point take them in the order of the input file."""
    labels = dict.fromkeys(points.grid.values.tolist())
    grids = {}
    for label, entry in zip(labels, specifications, strict=True):
        options = {name: value for name, value in entry.items() if name not in ("kind", "n_modes")}
        namesakes = [other for other in specifications if other["kind"] == entry["kind"]]
        differing = [name for name in options if any(other[name] != options[name] for other in namesakes)]
        spelled = [f"{name} {_spelled(options[name])}" for name in differing if options[name] != []]
        n_modes = entry.get("n_modes", 0 if entry["kind"] == "none" else 1)
        grids[label] = Grid(label, entry["kind"], n_modes, options, ", ".join([entry["kind"], *spelled]))
    return grids


def _spelled(value):
    return " ".join(f"{number:g}" for number in value) if isinstance(value, list) else f"{value}"


def _range(numbers):
    return f"{numbers.min()} to {numbers.max()}" if len(numbers) else "none in this selection"
