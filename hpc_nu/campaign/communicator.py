"""The ranks of this run: MPI's world, or a stand-in of one process where there is no MPI."""

import os

from hpc_nu.campaign.errors import EnvironmentProblem
from hpc_nu.single_process import SingleProcess

# Number of processes that a launcher says it started.
_LAUNCHER_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE", "MPI_LOCALNRANKS")


def world():
    """MPI.COMM_WORLD, or a `SingleProcess` where mpi4py or the MPI library is missing.

    Raises
    ------
    EnvironmentProblem
        If a launcher started several processes that do not see each other: they would all be "rank 0 of 1" and
        write one file.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        communicator, reason = SingleProcess(), f"mpi4py does not load ({error})"
    else:
        communicator, reason = MPI.COMM_WORLD, "mpi4py uses another MPI than the launcher"
    launched = launched_processes()
    if launched > 1 and communicator.size == 1:
        raise EnvironmentProblem(
            f"the launcher started {launched} processes, but each is alone: {reason}. Use the mpirun or srun of the MPI"
            " that mpi4py was built for (`hpc-nu doctor` shows it)"
        )
    return communicator


def world_rank():
    """This process's rank in MPI's world; 0 without MPI."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError):
        return 0
    return MPI.COMM_WORLD.rank


def launched_processes():
    """How many processes the launcher of this one says it started; 1 if there was none."""
    sizes = [os.environ[name] for name in _LAUNCHER_SIZES if os.environ.get(name, "").isdigit()]
    if not sizes and os.environ.get("SLURM_STEP_NUM_TASKS", "").isdigit():
        # Inside a batch script, too, but there the "step" is the script itself with one task.
        sizes = [os.environ["SLURM_STEP_NUM_TASKS"]]
    return max(map(int, sizes), default=1)
