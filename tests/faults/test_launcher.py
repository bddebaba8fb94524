"""Processes that a launcher started, but that do not see each other, are refused before they share one file."""

import pytest
from campaigns import FREEZE_IN, LEPTON, write
from mpi import hpc_nu

from hpc_nu.campaign.communicator import launched_processes
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT

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
def test_mpirun_with_one_rank_is_no_launcher_of_strangers(tmp_path):
    input_path = write(tmp_path, FREEZE_IN.replace("points: 50", "points: 2"))
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=1)
    assert code == 0, text
