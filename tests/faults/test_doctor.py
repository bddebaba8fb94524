"""`hpc-nu doctor` finds what would make a run fail, and ranks try out together what a run needs."""

import os
import sys

import pytest
from mpi import LIMIT, hpc_nu, is_open_mpi, require_mpirun
from test_launcher import FOREIGN_LIBRARY, TWO_LIBRARIES

from hpc_nu.campaign import doctor
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, COMPLETE

SERIAL_HDF5 = """
import h5py
from types import SimpleNamespace
h5py.get_config = lambda: SimpleNamespace(mpi=False)
"""


def lines(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


@pytest.mark.mpi
def test_ranks_meet_and_write_a_file_together(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    code, text = hpc_nu(tmp_path, "doctor", "--folder", "results", ranks=3)
    assert code == COMPLETE and not lines(text, "PROBLEM"), text
    (ranks,), (place,), (file,) = lines(text, "ranks "), lines(text, "folder "), lines(text, "test file")
    assert "3: 3 on " in ranks and f" {folder}, " in place and "GB free" in place and "read back in" in file
    assert len(lines(text, "mpi ")) == 1, "one report, not one from each rank"
    assert not list(folder.iterdir())


@pytest.mark.mpi
def test_a_serial_hdf5_is_remarked_and_tried(tmp_path):
    code, text = hpc_nu(tmp_path, "doctor", ranks=2, before=SERIAL_HDF5)
    assert code == COMPLETE, text
    assert "HDF5_MPI=ON" in lines(text, "remark: h5py is serial")[0]
    assert "written by rank 0 and read back" in lines(text, "test file")[0]


@pytest.mark.mpi
def test_a_write_that_fails_on_one_rank_is_a_problem(tmp_path):
    before = (
        "from hpc_nu.campaign.results_file import ResultsFile\n"
        "commit = ResultsFile.commit\n"
        "def fail(self, rows):\n"
        "    commit(self, rows)\n"
        "    if self.communicator.rank == 1: raise OSError('a disk too far')\n"
        "ResultsFile.commit = fail\n"
    )
    code, text = hpc_nu(tmp_path, "doctor", ranks=2, before=before)
    assert code == BROKEN_ENVIRONMENT, text
    assert "OSError: a disk too far" in lines(text, "PROBLEM: a results file could not be written")[0]


@pytest.mark.mpi
def test_rows_that_do_not_arrive_are_a_problem(tmp_path):
    before = (
        "from hpc_nu.campaign.results_file import ResultsFile\n"
        "commit = ResultsFile.commit\n"
        "ResultsFile.commit = lambda self, rows: commit(self, rows[:0] if self.communicator.rank == 1 else rows)\n"
    )
    code, text = hpc_nu(tmp_path, "doctor", ranks=2, before=before)
    assert code == BROKEN_ENVIRONMENT and "the rows of the ranks [1] are not what" in text, text


@pytest.mark.mpi
def test_a_meeting_that_hangs_is_ended(tmp_path):
    before = (
        "import os, time\n"
        "from hpc_nu.campaign import meeting\n"
        "meeting.LIMIT = 2.0\n"
        "if os.environ.get('OMPI_COMM_WORLD_RANK', os.environ.get('PMI_RANK')) == '1':\n"
        f"    meeting._rank_facts = lambda: time.sleep({10 * LIMIT})\n"
    )
    code, text = hpc_nu(tmp_path, "doctor", ranks=2, before=before)
    assert code != COMPLETE and "2 ranks meet" in text and "Timeout" in text, text


@pytest.mark.mpi
@pytest.mark.parametrize(
    "flock, clue", [("raise OSError(38, 'Function not implemented')", "not implemented"), ("pass", "is not seen on")]
)
def test_a_file_system_without_locks_is_remarked(flock, clue, tmp_path):
    before = f"import fcntl\ndef flock(*arguments):\n    {flock}\nfcntl.flock = flock\n"
    code, text = hpc_nu(tmp_path, "doctor", ranks=2, before=before)
    assert code == COMPLETE, text
    (remark,) = lines(text, "remark: no locks between processes")
    assert clue in remark and "Start only one" in remark


@pytest.mark.parametrize("folder", ["/proc", "nowhere"])
def test_a_folder_that_cannot_be_written_is_a_problem(folder, tmp_path):
    code, text = hpc_nu(tmp_path, "doctor", "--folder", folder)
    assert code == BROKEN_ENVIRONMENT, text
    assert folder in lines(text, "PROBLEM")[0] and "--folder" in lines(text, "PROBLEM")[0]


def test_an_mpirun_of_another_mpi_is_found_before_it_is_used(tmp_path):
    pytest.importorskip("mpi4py")
    require_mpirun()
    other = "HYDRA build details:" if is_open_mpi() else "mpirun (Open MPI) 4.1.4"
    (tmp_path / "mpirun").write_text(f"#!/bin/sh\necho '{other}'\n")
    (tmp_path / "mpirun").chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}/bin"}
    code, text = hpc_nu(tmp_path, "doctor", environment=environment)
    (trouble,) = [line for line in text.splitlines() if "is not of the MPI that mpi4py loads" in line]
    assert f"{tmp_path}/mpirun" in trouble and "MPICC=mpicc" in trouble
    # Where there is srun, this mpirun need not be used.
    assert (code, trouble.split(":")[0]) in ((BROKEN_ENVIRONMENT, "PROBLEM"), (COMPLETE, "remark"))


def test_without_h5py_the_rest_is_told_all_the_same(tmp_path):
    code, text = hpc_nu(tmp_path, "doctor", before="import sys; sys.modules['h5py'] = None")
    assert code == BROKEN_ENVIRONMENT and "Traceback" not in text, text
    assert lines(text, "PROBLEM: h5py does not load") and lines(text, "launcher")


def test_an_mpi_that_starts_in_jobs_only_is_remarked(tmp_path):
    """As on login nodes, where MPI_Init ends the process."""
    pytest.importorskip("mpi4py")
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'from mpi4py import MPI; ' in ' '.join(sys.orig_argv): os._exit(15)\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    code, text = hpc_nu(tmp_path, "doctor", before=f"import os; os.environ['PYTHONPATH'] = {path!r}")
    assert code == COMPLETE, text
    assert lines(text, "remark: MPI does not start without a launcher here (code 15)")
    assert "written by rank 0 and read back" in lines(text, "test file")[0]


@pytest.mark.mpi
def test_two_mpi_libraries_in_one_process_are_a_problem(tmp_path):
    code, text = hpc_nu(tmp_path, "doctor", ranks=2, before=TWO_LIBRARIES)
    assert code == BROKEN_ENVIRONMENT, text
    assert "other/libmpi" in lines(text, "PROBLEM: two MPI libraries in one process")[0]


@pytest.mark.mpi
def test_a_launcher_of_another_mpi_is_a_problem(tmp_path):
    if not is_open_mpi():
        pytest.skip("mpirun is not Open MPI's")
    code, text = hpc_nu(tmp_path, "doctor", ranks=2, before=FOREIGN_LIBRARY)
    assert code == BROKEN_ENVIRONMENT, text
    assert "MPICH 4.2" in lines(text, "PROBLEM: the launcher started 2 processes, but each is alone")[0]


def test_the_oldest_versions_are_those_that_the_package_asks_for(monkeypatch):
    wanted = ["numpy>=1.26", "scipy>=1.11", 'mpi4py; extra == "mpi"']
    monkeypatch.setattr(doctor, "requires", lambda name: wanted)
    monkeypatch.setattr(doctor, "package_version", lambda name: {"numpy": "1.25.9", "scipy": "1.11"}.get(name, "99"))
    problems = []
    doctor._packages(problems)
    assert problems == ["numpy 1.25.9 is older than 1.26: pip install -U numpy"]
