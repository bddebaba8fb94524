"""A new results file: every dataset at its final size, all that never changes written and sealed.

Creation in place is the one thing that a kill breaks, so the file has another name until it is whole.
"""

import errno
import json
import os

import h5py
import numpy as np

from hpc_nu import __version__, seal
from hpc_nu.campaign.runs import RUNS, runs_dataset

SOFTWARE = "hpc_nu"

# Anything newer refuses to open after a kill during serial writing ("already open for write").
LIBRARY_VERSION = "earliest"


def write_new_file(path, plan, layout, provenance):
    """Fill the empty file at `path`, every row pending.

    Parameters
    ----------
    provenance : dict
        Attributes of the group `provenance`, the identity of the file among them.

    Raises
    ------
    OSError
        If there is no room for it, or it cannot be written.
    """
    _refuse_too_large(path, plan, layout)
    _fill(path, plan, layout, provenance)
    _seal(path, layout)


def _refuse_too_large(path, plan, layout):
    """See whether there is room for the file: HDF5 crashes, or says nothing, where there is none."""
    needed = layout.file_size(plan)
    with open(path, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, needed)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):  # not on this file system
                return
            raise OSError(
                error.errno, f"{error.strerror}; it needs {needed / 1e6:.1f} MB. Make room, or give another folder"
            ) from None


def _fill(path, plan, layout, attributes):
    with h5py.File(path, "w", libver=LIBRARY_VERSION) as file:
        _write_header(file, plan)
        scales = _Scales(file, plan.n_tasks, layout.dimensions)
        _write_points(file, plan, scales)
        for column in layout.columns:
            shape = (plan.n_tasks, *layout.shape(column))
            fill = layout.fill_value(column)
            dataset = _fixed_dataset(file, column.name, shape, np.dtype(column.dtype), fill)
            _describe(dataset, column.units, column.long_name)
            scales.attach(dataset, column.dimension)
        # What differs between two runs of one problem is kept apart: all the rest can be compared bit for bit.
        group = file.create_group("provenance")
        group.attrs.update(attributes)
        name, shape, dtype = runs_dataset()
        _fixed_dataset(file, name, shape, dtype, b"")
        _describe(file[name], "1", "where and with what each run that recorded rows computed: CRC-32 and JSON")
        scale = group.create_dataset("run", data=np.arange(shape[0]))
        scale.make_scale("run")
        _describe(scale, "1", "number of the run, as in cost/run")
        file[name].dims[0].attach_scale(scale)
        length = seal.size(2 + len(layout.columns))
        _fixed_dataset(file, seal.NAME, (), np.dtype(f"S{length}"), b"")
        _describe(file[seal.NAME], "1", "digest of all of this file that never changes")


def _seal(path, layout):
    with h5py.File(path, "r") as file:
        names = (RUNS, *(column.name for column in layout.columns))
        regions = [_place(file[name]) for name in names]
        place, length = _place(file[seal.NAME])
    seal.put(path, place, length, regions)


def _place(dataset):
    """Offset and length of the raw data of a contiguous dataset."""
    return dataset.id.get_offset(), dataset.id.get_storage_size()


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
