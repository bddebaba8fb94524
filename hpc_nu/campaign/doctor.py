"""`hpc-nu doctor`: the environment, and what is wrong with it, each line with its cure.

Alone it looks at what is installed; under mpirun it also lets the ranks meet and write a small campaign's file
(`hpc_nu.campaign.meeting`).  MPI is started only after a look at what would make it abort.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires

from hpc_nu import __version__
from hpc_nu.campaign.child import python_command
from hpc_nu.campaign.communicator import (
    launched_rank,
    loaded_mpi_libraries,
    refuse_foreign_launcher,
    refuse_two_libraries,
    was_launched,
    world,
)
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, COMPLETE, EnvironmentProblem
from hpc_nu.campaign.provenance import DEPENDENCIES, mpi_library, package_version, provenance
from hpc_nu.single_process import SingleProcess

_LAUNCHERS = {
    "Open MPI": ("Open MPI", "OpenRTE", "PRRTE"),
    "MPICH": ("HYDRA", "MPICH"),
    "Intel(R) MPI": ("Intel(R) MPI",),
}
"""What the programs `mpirun --version` of a library of the name say of themselves."""

_CHILD_SECONDS = 60.0


def examine(folder):
    """Look at everything, and at `folder` as a place for results; collective under mpirun.

    Returns
    -------
    str
        The report; empty on all ranks but the first.
    int
        COMPLETE, or BROKEN_ENVIRONMENT if there are problems.
    """
    facts, problems, remarks = {"hpc_nu": __version__}, [], []
    _packages(problems)
    is_sound = _sound_libraries(problems) & _loads(problems)
    if sys.modules.get("h5py"):
        facts |= provenance()
        for name in ("date", "command"):
            del facts[name]
        _hdf5(remarks)
    facts["MPI library"] = ", ".join(loaded_mpi_libraries()) or "none"
    facts["launcher"] = shutil.which("mpirun") or "no mpirun on PATH"
    facts["compiled kernels"] = os.environ.get("NUMBA_CACHE_DIR", "not kept")
    _mpi(remarks)
    if not was_launched():
        _launcher(problems, remarks)
    _cache(remarks)
    if launched_rank() > 0 and not is_sound:  # where the first rank has this problem, it says so before
        raise EnvironmentProblem(f"rank {launched_rank()} on {platform.node()}: {'; '.join(problems)}")
    code = _meet(folder, facts, problems, remarks) if is_sound else BROKEN_ENVIRONMENT
    if launched_rank() > 0:
        return "", code
    width = max(map(len, facts))
    lines = [f"{name:{width}}  {value}" for name, value in facts.items()]
    lines += [f"remark: {text}" for text in remarks] + [f"PROBLEM: {text}" for text in problems]
    if not problems:
        lines.append("no problems found")
    return "\n".join(lines), code


def _least_versions():
    """Name to the oldest version that the installed package asks for; empty where it is not installed."""
    try:
        wanted = [re.match(r"([\w-]+)>=([\d.]+)", text) for text in requires("hpc_nu") or ()]
    except PackageNotFoundError:
        return {}
    return {found[1].lower(): tuple(map(int, found[2].split("."))) for found in wanted if found}


def _packages(problems):
    least = _least_versions()
    for name in DEPENDENCIES:
        found = package_version(name)
        if found == "missing":
            if name != "mpi4py":
                problems.append(f"{name} is not installed: pip install {name}")
            continue
        minimum = least.get(name)
        digits = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
        if minimum and digits < minimum:
            problems.append(f"{name} {found} is older than {'.'.join(map(str, minimum))}: pip install -U {name}")


def _loads(problems):
    """Whether what a campaign needs besides MPI and HDF5 can be loaded."""
    n_problems = len(problems)
    for name in ("scipy", "numba", "yaml"):
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever keeps it from being loaded
            problems.append(f"{name} does not load ({type(error).__name__}: {error}): install it anew")
    return len(problems) == n_problems


def _sound_libraries(problems):
    """Whether one MPI is loaded, h5py with it, and not another than the launcher's: else MPI had better not start."""
    mpi_library()  # loads MPI before h5py does, as in a run
    n_before = len(problems)
    for refuse in (refuse_foreign_launcher, refuse_two_libraries):
        try:
            refuse()
        except EnvironmentProblem as problem:
            problems.append(str(problem))
    return len(problems) == n_before


def _hdf5(remarks):
    import h5py

    if not h5py.get_config().mpi:
        remarks.append(
            "h5py is serial: under mpirun rank 0 writes for all, which is slow with many ranks. For a parallel one:"
            " CC=mpicc HDF5_MPI=ON HDF5_DIR=... pip install --force-reinstall --no-cache-dir --no-binary=h5py h5py"
            " (jobs/README.md); Debian's h5py, under another launcher than mpirun: export H5PY_ALWAYS_USE_MPI=1"
        )


def _mpi(remarks):
    try:
        from mpi4py import MPI  # noqa: F401
    except ImportError as error:
        remarks.append(f"mpi4py is not usable ({error}): campaigns run on one process. pip install mpi4py")
    except RuntimeError as error:
        remarks.append(f"mpi4py finds no MPI library ({str(error).splitlines()[0]}): campaigns run on one process")


def _launcher(problems, remarks):
    """Whether the mpirun on PATH, which a user will type, is that of the library."""
    library, mpirun = mpi_library(), shutil.which("mpirun")
    marks = next((marks for name, marks in _LAUNCHERS.items() if name in library), ())
    if not marks or not mpirun:
        return
    try:
        done = subprocess.run([mpirun, "--version"], capture_output=True, text=True, timeout=_CHILD_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        remarks.append(f"{mpirun} --version does not answer ({error})")
        return
    text = done.stdout + done.stderr
    if not any(mark in text for mark in marks):
        says = text.strip().splitlines()[0] if text.strip() else "nothing"
        trouble = (
            f"{mpirun} (it says {says!r}) is not of the MPI that mpi4py loads ({library}): its ranks would not see each"
            " other. Put that MPI's mpirun first on PATH, or build mpi4py for this one: MPICC=mpicc pip install"
            " --force-reinstall --no-cache-dir --no-binary=mpi4py mpi4py"
        )
        if shutil.which("srun"):
            remarks.append(f"{trouble}. With srun this does not matter")
        else:
            problems.append(trouble)


def _cache(remarks):
    folder = os.environ.get("NUMBA_CACHE_DIR", "")
    if not os.access(folder, os.W_OK):
        remarks.append(
            f"compiled kernels cannot be kept in {folder or 'any folder tried'}: every start compiles anew, unless"
            " NUMBA_CACHE_DIR names a folder on a shared file system that can be written"
        )


def _meet(folder, facts, problems, remarks):
    """Start MPI and let the ranks look together; the exit code, the same on all of them."""
    from hpc_nu.campaign.meeting import meet  # needs h5py

    try:
        communicator = world() if was_launched() or _starts_mpi(remarks) else SingleProcess()
    except EnvironmentProblem as problem:
        if launched_rank() > 0:  # others may not have it; if the first rank has, it says so before
            raise
        problems.append(str(problem))
        return BROKEN_ENVIRONMENT
    meet(communicator, folder, facts, problems, remarks)
    if communicator.size == 1:
        remarks.append("`mpirun -n 2 hpc-nu doctor` also checks that ranks see each other and write a file together")
    return communicator.bcast(BROKEN_ENVIRONMENT if problems else COMPLETE)


def _starts_mpi(remarks):
    """Whether MPI starts: asked of another process, since it may end the one in which it does not."""
    code = "from mpi4py import MPI; MPI.Is_initialized() or MPI.Init()"
    try:
        done = subprocess.run(python_command(code), capture_output=True, text=True, timeout=_CHILD_SECONDS)
        trouble = done.returncode and (done.stderr.strip() or f"code {done.returncode}").splitlines()[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        trouble = str(error)
    if trouble and mpi_library() != "none":
        remarks.append(f"MPI does not start without a launcher here ({trouble}), as on many login nodes: try in a job")
    return not trouble
