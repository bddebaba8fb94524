"""Without a parallel HDF5, or without MPI, the same program writes the same file."""

import sys

import pytest
from campaigns import LEPTON, TOY, assert_same_results, write
from mpi import Run, hpc_nu
from toy_models import BEFORE

from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.row_layout import RowLayout

SERIAL_HDF5 = """
import h5py
from types import SimpleNamespace
h5py.get_config = lambda: SimpleNamespace(mpi=False)
open_file = h5py.File.__init__
def init(self, name, mode="r", driver=None, **options):
    if driver == "mpio":
        raise ValueError("h5py was built without MPI support, can't use mpio driver")
    open_file(self, name, mode, driver, **options)
h5py.File.__init__ = init
"""

# h5py first: a parallel one does not load without mpi4py, but then mpi4py is there.
NO_MPI4PY = """
import sys
import h5py
sys.modules["mpi4py"] = sys.modules["mpi4py.MPI"] = None
"""


@pytest.fixture(scope="module")
def without_mpi4py(tmp_path_factory):
    folder = tmp_path_factory.mktemp("without_mpi4py")
    code, text = hpc_nu(folder, "run", write(folder, LEPTON), "-o", "alone.h5", before=NO_MPI4PY)
    assert code == 0, text
    return folder / "alone.h5"


@pytest.mark.mpi
def test_a_serial_hdf5_under_mpirun_gives_the_same_file(without_mpi4py, tmp_path):
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, LEPTON), "-o", "serial.h5", ranks=3, before=SERIAL_HDF5)
    assert code == 0, text
    assert "serial HDF5, rank 0 writes" in text
    assert_same_results(tmp_path / "serial.h5", without_mpi4py)


@pytest.mark.mpi
def test_more_rows_than_rank_0_can_hold_are_written_in_portions(toys, tmp_path):
    """Three of each of three ranks; those of an epoch are more, and not equally many."""
    few = BEFORE + "\nfrom hpc_nu.campaign import results_file as r\nr._GATHERED_BYTES = 9 * ROW\n"
    input_path = write(tmp_path, TOY.replace("0.1}", "60}") + "settings: {nap: 0.001}\n")
    few = few.replace("ROW", str(toy_row_size(input_path)))
    assert hpc_nu(tmp_path, "run", input_path, "-o", "alone.h5", before=BEFORE)[0] == 0
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "serial.h5", ranks=3, before=SERIAL_HDF5 + few)
    assert code == 0 and text.count("; recorded") == 1, text
    assert_same_results(tmp_path / "serial.h5", tmp_path / "alone.h5")


def toy_row_size(input_path):
    return RowLayout(read_plan(input_path)).row_type.itemsize


@pytest.mark.mpi
def test_ranks_without_mpi4py_are_refused(tmp_path):
    with Run(tmp_path, "run", write(tmp_path, LEPTON), "-o", "x.h5", ranks=2, before=NO_MPI4PY) as run:
        assert run.wait() == BROKEN_ENVIRONMENT, run.text
        assert "mpi4py does not load" in run.text
    assert not (tmp_path / "x.h5").exists()


def test_the_blocks_of_this_file_block():
    """Else the tests above would test nothing."""
    import subprocess

    for code in (
        NO_MPI4PY + "from mpi4py import MPI",
        SERIAL_HDF5 + "h5py.File('/dev/null', 'r', driver='mpio')",
    ):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and ("ModuleNotFoundError" in done.stderr or "mpio driver" in done.stderr)
