"""Campaigns for the tests of the engine, and what is asked of a results file."""

import shutil
import subprocess

import h5py
import numpy as np

from hpc_nu import seal
from hpc_nu.campaign.communicator import SingleProcess
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.results_file import ResultsFile
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.plasma.user_table import write_user_table
from hpc_nu.result_codes import ResultCode

FREEZE_IN_POINT = """\
  M:        {value: 2.0, unit: GeV}
  delta_M:  {value: 0.983e-11, unit: GeV}
  re_omega: {value: 0.551, unit: pi}
  im_omega: {value: -2.754e-3, unit: rad}
  delta:    {value: 0.993, unit: pi}
  eta:      {value: 1.479, unit: pi}
"""
"""Parameter set (4.1) of arXiv:2011.12637."""

LEPTON = """\
campaign: lepton
model: lepton_asymmetry
parameters:
  M:        {value: 2.0, unit: GeV}
  delta_M:  {about: 0.983e-11, linear: [-0.25e-11, 0.25e-11], points: 6, unit: GeV}
  re_omega: {value: 0.551, unit: pi}
  im_omega: {value: -2.754e-3, unit: rad}
  delta:    {value: 0.993, unit: pi}
  eta:      {value: 1.479, unit: pi}
settings:
  expansion: constant_gstar
  susceptibilities: constant
  T_start: {value: 1000, unit: GeV}
solver: {rtol: 1e-12}
grids:
  - {kind: averaged}
  - {kind: equal_occupation, n_modes: [5, 11, 82]}
output:
  temperatures: {log: [1000, 10], points: 8, unit: GeV}
  modes: true
run: {epoch_seconds: 0.1}
"""
"""24 tasks from 10 ms to about 0.2 s: the longest take several epochs."""

FREEZE_IN = """\
campaign: freeze_in
model: asymmetric_freeze_in
parameters:
  m_N:     {log: [1, 100], points: 200, unit: keV}
  m_phi:   {log: [100, 1000], points: 50, unit: GeV}
  mu:      {log: [1.0e-7, 1.0e-4], points: 4}
  epsilon: {value: 5.0e-6}
output:
  temperatures: {log: [1.0e+5, 1], points: 5, unit: GeV}
run: {epoch_seconds: 0.1}
"""
"""40 000 tasks of 0.04 ms."""

OWN_TABLE = (
    """\
campaign: own_table
model: lepton_asymmetry
parameters:
"""
    + FREEZE_IN_POINT
    + """\
settings:
  T_end: {value: 10, unit: GeV}
variations:
  packaged: {}
  own: {self_energy: TABLE}
grids:
  - {kind: gauss_legendre, n_modes: 8}
"""
)
"""A table from `make_own_table` takes the place of TABLE."""

TOY = """\
campaign: toy
model: toy
parameters:
  start: {linear: [0.1, 0.9], points: 40}
run: {epoch_seconds: 0.1}
"""


def write(folder, text, name="input.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def counts(path):
    """Rows recorded, and rows in all."""
    with h5py.File(path, "r") as file:
        status = file["status"][:]
    return int(np.sum(status != ResultCode.PENDING)), len(status)


def reseal(path):
    """Give a file that a test has changed, as no run does, a seal that holds."""
    with h5py.File(path, "r") as file:
        node = file[seal.NAME].id
        place, length = node.get_offset(), node.get_storage_size()
        names = []
        file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        rows = [file[name].id for name in names if name.split("/")[0] in ("status", "error", "checksum", *_OF_ROWS)]
        regions = [(row.get_offset(), row.get_storage_size()) for row in [*rows, file["provenance/runs"].id]]
    seal.put(path, place, length, [region for region in regions if region[0] is not None])


_OF_ROWS = ("results", "trajectory", "spectrum", "modes", "cost")


def columns(path):
    """Every dataset whose first axis is the task and which depends on the problem alone: path to values."""
    with h5py.File(path, "r") as file:
        found = {}

        def visit(name, node):
            if isinstance(node, h5py.Dataset) and not name.startswith(("cost", "input")):
                if len(node.dims) and "task" in node.dims[0].keys():
                    found[name] = _values(node)

        file.visititems(visit)
    return found


def assert_same_results(path, reference):
    """All but cost and provenance is equal, bit for bit."""
    mine, others = contents(path), contents(reference)
    assert mine.keys() == others.keys()
    different = [name for name in mine if mine[name] != others[name]]
    assert not different
    if shutil.which("h5diff"):
        command = ["h5diff", "--exclude-path", "/cost", "--exclude-path", "/provenance", str(path), str(reference)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "")


def contents(path):
    """Every dataset, as type, shape and bytes, and every attribute, cost and provenance aside."""
    with h5py.File(path, "r") as file:
        found = {f"/@{key}": value for key, value in file.attrs.items()}

        def visit(name, node):
            if name.split("/")[0] in ("cost", "provenance"):
                return
            if isinstance(node, h5py.Dataset):
                found[name] = node.dtype.str, node.shape, _values(node).tobytes()
            for key, value in node.attrs.items():
                if key not in ("DIMENSION_LIST", "REFERENCE_LIST"):  # addresses in the file
                    found[f"{name}@{key}"] = np.asarray(value).tolist()

        file.visititems(visit)
    return found


def _values(dataset):
    """What is in a dataset, text as fixed-length bytes: of variable length its bytes would be addresses."""
    values = np.asarray(dataset[()])
    return values.astype("S") if h5py.check_string_dtype(dataset.dtype) else values


def assert_sound(path, input_path, reference):
    """The file opens with h5py and xarray, every recorded row has its checksum and is that of `reference`.

    Returns
    -------
    int
        Number of rows recorded.
    """
    import xarray

    seal.check(path)  # HDF5 itself may crash, or go on for ever, on a file that is damaged
    with h5py.File(path, "r") as file:
        groups = ["/", *(name for name in file if isinstance(file[name], h5py.Group))]
    for group in groups:
        with xarray.open_dataset(path, engine="h5netcdf", group=group) as dataset:
            dataset.load()
    mine, others = columns(path), columns(reference)
    recorded = mine["status"] != ResultCode.PENDING
    held = ResultsFile(path, read_plan(input_path), SingleProcess()).done()
    np.testing.assert_array_equal(held, recorded, "a row says that it is done, but its checksum does not hold")
    for name in others:
        if name.startswith("points"):
            assert mine[name].tobytes() == others[name].tobytes()
        else:
            assert mine[name][recorded].tobytes() == others[name][recorded].tobytes(), name
    return int(recorded.sum())


def make_own_table(path, lowest=9.0, masses=(2.0,), factor=1.0):
    """What the packaged table says, on nodes of one's own."""
    mass, t = np.array(masses)[:, None, None], np.geomspace(lowest, 165.0, 140)[None, :, None]
    q = np.geomspace(0.005, 60.0, 40)
    width, potential = shared_table("default").self_energy(q * t, mass, t)
    write_user_table(path, masses, t.ravel(), q, factor * width, potential)
