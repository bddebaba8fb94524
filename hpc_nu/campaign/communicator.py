"""The ranks of this run: MPI's world, or a stand-in of one process where there is no MPI.

MPI is started here and nowhere else (`use_no_mpi`), after a look at what cannot work: ranks that do not see each other,
or two MPI libraries in one process.  Both end otherwise in N processes that write one file, or in an abort that does
not name its cause.
"""

import atexit
import os
import platform
import re
import sys
import time
import warnings
from pathlib import Path

from hpc_nu.campaign.errors import EnvironmentProblem, reason
from hpc_nu.campaign.provenance import mpi_library
from hpc_nu.campaign.terminal import complain
from hpc_nu.single_process import SingleProcess, use_no_mpi

# Number of processes that a launcher says it started, and which of them this one is.
_LAUNCHER_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE", "MPI_LOCALNRANKS")
_LAUNCHER_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MPI_LOCALRANKID")

_AFTER_YOU_SECONDS = 3.0

_OPEN_FILES_ALONE, _OPEN_FILES_OF_A_RANK = 16, 32
"""How many more files a process must be able to open while it runs."""

_OPEN_FILES_OF_MPI = 32
"""Of each process, from its start on."""

# The library itself, not its Fortran and C++ bindings.  Cray's carries the name of a compiler.
_MPI_LIBRARY = re.compile(r"libmpi(ch)?(_abi|_(cray|gnu|intel|amd|aocc|nvidia)[_0-9]*)?\.so[.0-9]*")

# Libraries that end in MPI_Init, with an error that says nothing, if Open MPI's mpirun has started them.
_NOT_OF_OPEN_MPI = ("MPICH", "MVAPICH", "Intel(R) MPI")


def world():
    """MPI.COMM_WORLD, or a `SingleProcess` where mpi4py or the MPI library is missing.

    Raises
    ------
    EnvironmentProblem
        If a launcher started several processes that do not see each other: they would all be "rank 0 of 1" and
        write one file.  If h5py and mpi4py have loaded two different MPI libraries.
    """
    use_no_mpi()
    launched = launched_processes()
    want_open_files(launched, besides=_OPEN_FILES_OF_MPI)
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        if launched > 1:
            raise EnvironmentProblem(
                f"the launcher started {launched} processes, but each is alone: mpi4py does not load ({error})."
                " Install it for the MPI of this launcher: MPICC=mpicc pip install --no-binary=mpi4py mpi4py"
            ) from None
        return SingleProcess()
    if not MPI.Is_initialized():
        refuse_foreign_launcher()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # mpi4py's suspicion; what comes of it is seen below
            MPI.Init_thread()
        atexit.register(MPI.Finalize)
    if launched > 1 and MPI.COMM_WORLD.size == 1:
        raise EnvironmentProblem(_strangers(launched))
    if MPI.COMM_WORLD.size > 1:
        refuse_two_libraries()
    return MPI.COMM_WORLD


def want_open_files(n_ranks, besides=0):
    """Raise an `EnvironmentProblem` where not as many files can be opened as one of so many ranks needs, and some
    `besides`: MPI ends without a reason if it happens while it starts, and hangs if it happens to one in a commit."""
    wanted, files = (_OPEN_FILES_OF_A_RANK if n_ranks > 1 else _OPEN_FILES_ALONE) + besides, []
    try:
        while len(files) < wanted:
            files.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        raise EnvironmentProblem(
            f"{wanted} more files cannot be opened on {platform.node()} ({reason(error)}), and a run may need them:"
            " raise the limit (`ulimit -n 1024`)"
        ) from None
    finally:
        for file in files:
            os.close(file)


def end_all(text, code):
    """Say what ends this rank, and end all others, who may be waiting for it.

    Ranks but the first wait a little: what all have to say, one says, and ends the others meanwhile.
    """
    if launched_rank() > 0:
        time.sleep(_AFTER_YOU_SECONDS)
    complain(text)
    if "mpi4py.MPI" in sys.modules:
        from mpi4py import MPI

        if MPI.Is_initialized() and not MPI.Is_finalized() and MPI.COMM_WORLD.size > 1:
            MPI.COMM_WORLD.Abort(code)


def refuse_foreign_launcher():
    """Raise an `EnvironmentProblem` if Open MPI's mpirun has started ranks with a library of another family.

    (Others that do not fit give ranks that do not see each other, and may fit where one does not expect it.)
    """
    library = mpi_library()
    if "OMPI_COMM_WORLD_SIZE" in os.environ and any(name in library for name in _NOT_OF_OPEN_MPI):
        raise EnvironmentProblem(_strangers(launched_processes()))


def _strangers(launched):
    library, files = mpi_library().split(",")[0], ", ".join(loaded_mpi_libraries())
    return (
        f"the launcher started {launched} processes, but each is alone: mpi4py uses another MPI than the launcher. It"
        f" has loaded {library} ({files}). Use the mpirun or srun of that MPI, or build mpi4py for the launcher's:"
        " MPICC=mpicc pip install --force-reinstall --no-cache-dir --no-binary=mpi4py mpi4py"
        " (`hpc-nu doctor` tells more)"
    )


def refuse_two_libraries():
    """Raise an `EnvironmentProblem` if h5py does not load, or loads another MPI library than mpi4py has loaded."""
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise EnvironmentProblem(f"h5py does not load ({error}): `hpc-nu doctor` shows what is installed") from None
    libraries = loaded_mpi_libraries()
    if len(libraries) > 1:
        raise EnvironmentProblem(
            f"two MPI libraries in one process, {' and '.join(libraries)}: h5py was built against another one than"
            f" mpi4py loads, which is {mpi_library().split(',')[0]}. Build h5py with that MPI: CC=mpicc HDF5_MPI=ON"
            " HDF5_DIR=... pip install --force-reinstall --no-cache-dir --no-binary=h5py h5py (jobs/README.md), or"
            " take a serial one: pip install --force-reinstall --no-cache-dir h5py"
        )


def loaded_mpi_libraries(maps="/proc/self/maps"):
    """Files of the MPI libraries in this process, in the order of their names; empty where the system does not say."""
    try:
        lines = Path(maps).read_text().splitlines()
    except OSError:
        return []
    files = {line.split(maxsplit=5)[-1] for line in lines if "/" in line}
    return sorted(file for file in files if _MPI_LIBRARY.fullmatch(os.path.basename(file)))


def launched_processes():
    """How many processes the launcher of this one says it started; 1 if there was none."""
    sizes = [os.environ[name] for name in _LAUNCHER_SIZES if os.environ.get(name, "").isdigit()]
    if not sizes and os.environ.get("SLURM_STEP_NUM_TASKS", "").isdigit():
        # Inside a batch script, too, but there the "step" is the script itself with one task.
        sizes = [os.environ["SLURM_STEP_NUM_TASKS"]]
    return max(map(int, sizes), default=1)


def launched_rank():
    """Which of the processes of its launcher this one is: also among those that do not see each other."""
    variables = (*_LAUNCHER_RANKS, "SLURM_PROCID")
    return next((int(os.environ[name]) for name in variables if os.environ.get(name, "").isdigit()), 0)


def was_launched():
    """Whether an MPI launcher started this process; Slurm's own variables are in batch scripts, too."""
    return launched_processes() > 1 or any(name in os.environ for name in (*_LAUNCHER_SIZES, *_LAUNCHER_RANKS))
