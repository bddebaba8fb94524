"""Wrong launches are refused with their cause and cure, before ranks share one file or MPI aborts."""

import pytest
from campaigns import FREEZE_IN, LEPTON, write
from mpi import hpc_nu, is_open_mpi, require_mpirun

from hpc_nu.campaign.communicator import launched_processes, launched_rank, loaded_mpi_libraries
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT

# As if h5py came with another MPI: a copy of the library is another one to the loader.
TWO_LIBRARIES = """
import ctypes, os, shutil
from hpc_nu.campaign import communicator
communicator.use_no_mpi()
from mpi4py import MPI
folder = f"{os.getpid()}/other"
os.makedirs(folder)
(library,) = communicator.loaded_mpi_libraries()
copy = shutil.copy(library, folder)
ctypes.CDLL(os.path.abspath(copy))
"""

# What mpi4py says that has MPICH; MPI_Init would abort.
FOREIGN_LIBRARY = """
from hpc_nu.campaign import communicator
communicator.mpi_library = lambda: "MPICH 4.2"
"""

LAUNCHERS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")


def test_a_single_process_of_four_is_refused(tmp_path):
    input_path = write(tmp_path, LEPTON)
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", environment={"SLURM_STEP_NUM_TASKS": "4"})
    assert code == BROKEN_ENVIRONMENT, text
    assert "the launcher started 4 processes, but each is alone" in text and "hpc-nu doctor" in text
    assert "Traceback" not in text
    assert not (tmp_path / "out.h5").exists()


def test_also_with_the_variable_of_open_mpi_and_without_mpi4py(tmp_path):
    # Without mpi4py: with this variable Open MPI itself may look for a launcher that is not there.
    before = "import h5py, sys; sys.modules['mpi4py'] = None"
    environment = {"OMPI_COMM_WORLD_SIZE": "4"}
    code, text = hpc_nu(
        tmp_path, "run", write(tmp_path, LEPTON), "-o", "out.h5", environment=environment, before=before
    )
    assert code == BROKEN_ENVIRONMENT, text
    assert "the launcher started 4 processes" in text and "mpi4py does not load" in text
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_variables_of_every_launcher_are_read(name, monkeypatch):
    for other in (*LAUNCHERS, "PMIX_SIZE", "MPI_LOCALNRANKS"):
        monkeypatch.delenv(other, raising=False)
    assert launched_processes() == 1
    monkeypatch.setenv(name, "8")
    assert launched_processes() == 8
    monkeypatch.setenv(name, "nonsense")
    assert launched_processes() == 1


@pytest.mark.mpi
@pytest.mark.parametrize(
    "before, clues",
    [
        (TWO_LIBRARIES, ("two MPI libraries in one process", "other/libmpi", "HDF5_MPI=ON")),
        (FOREIGN_LIBRARY, ("the launcher started 2 processes, but each is alone", "MPICH 4.2", "MPICC=mpicc")),
    ],
    ids=["two libraries", "foreign launcher"],
)
def test_mpi_that_does_not_fit_is_refused_before_it_aborts(before, clues, tmp_path):
    require_mpirun()
    if before == FOREIGN_LIBRARY and not is_open_mpi():
        pytest.skip("mpirun is not Open MPI's")
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, FREEZE_IN), "-o", "out.h5", ranks=2, before=before)
    assert code == BROKEN_ENVIRONMENT, text
    assert all(clue in text for clue in clues) and "Traceback" not in text
    assert not (tmp_path / "out.h5").exists()


def test_the_mpi_libraries_of_a_process_are_told_from_their_bindings(tmp_path):
    libraries = ("/a/libmpi.so.40.30.4", "/b/libmpi.so.12", "/c/libmpich.so.12.2", "/d e/libmpi_gnu_123.so.12.0.0")
    others = (
        "/a/libmpi_cxx.so.40",
        "/a/libmpi_mpifh.so.40",
        "/b/libmpifort.so.12",
        "/a/libmpi.py",
        "/a/libhdf5_openmpi.so",
    )
    maps = tmp_path / "maps"
    maps.write_text("".join(f"7f00-7f01 r-xp 00000000 fe:00 123   {path}\n" for path in (*libraries, *others)) * 2)
    assert loaded_mpi_libraries(maps) == sorted(libraries)
    assert loaded_mpi_libraries(tmp_path / "none") == []


@pytest.mark.parametrize("name", ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"))
def test_strangers_know_their_number(name, monkeypatch):
    for other in ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MPI_LOCALRANKID", "SLURM_PROCID"):
        monkeypatch.delenv(other, raising=False)
    assert launched_rank() == 0
    monkeypatch.setenv(name, "3")
    assert launched_rank() == 3


@pytest.mark.mpi
def test_mpirun_with_one_rank_is_no_launcher_of_strangers(tmp_path):
    input_path = write(tmp_path, FREEZE_IN.replace("points: 50", "points: 2"))
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=1)
    assert code == 0, text
