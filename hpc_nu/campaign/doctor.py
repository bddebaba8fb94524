"""`hpc-nu doctor`: the environment as this process sees it, and what is wrong with it."""

import os
import shutil

from hpc_nu import __version__
from hpc_nu.campaign.communicator import launched_processes
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, COMPLETE
from hpc_nu.campaign.provenance import DEPENDENCIES, package_version, provenance

_MINIMUM = {"numpy": (1, 24), "numba": (0, 57), "h5py": (3, 7), "scipy": (1, 10)}


def examine():
    """Returns the report and an exit code: COMPLETE, or BROKEN_ENVIRONMENT if there are problems."""
    facts = {"hpc_nu": __version__} | provenance()
    for name in ("date", "command"):
        del facts[name]
    facts["launcher"] = shutil.which("mpirun") or "no mpirun on PATH"
    facts["compiled kernels"] = _kernel_cache()
    problems, remarks = [], []
    for check in (_packages, _mpi, _launch, _hdf5, _cache):
        check(problems, remarks)
    width = max(map(len, facts))
    lines = [f"{name:{width}}  {value}" for name, value in facts.items()]
    lines += [f"remark: {text}" for text in remarks] + [f"PROBLEM: {text}" for text in problems]
    if not problems:
        lines.append("no problems found")
    return "\n".join(lines), BROKEN_ENVIRONMENT if problems else COMPLETE


def _packages(problems, remarks):
    for name in DEPENDENCIES:
        found = package_version(name)
        if found == "missing":
            if name != "mpi4py":
                problems.append(f"{name} is not installed: pip install {name}")
            continue
        minimum = _MINIMUM.get(name)
        digits = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
        if minimum and digits < minimum:
            problems.append(f"{name} {found} is older than {'.'.join(map(str, minimum))}: pip install -U {name}")


def _mpi(problems, remarks):
    try:
        from mpi4py import MPI  # noqa: F401
    except ImportError as error:
        remarks.append(f"mpi4py is not usable ({error}): campaigns run on one process. pip install mpi4py")
    except RuntimeError as error:
        remarks.append(f"mpi4py finds no MPI library ({str(error).splitlines()[0]}): campaigns run on one process")


def _launch(problems, remarks):
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError):
        size = 1
    else:
        size = MPI.COMM_WORLD.size
    launched = launched_processes()
    if launched > 1 and size == 1:
        problems.append(
            f"the launcher started {launched} processes that do not see each other: it belongs to another MPI than the"
            " library that mpi4py loads (shown above)"
        )


def _hdf5(problems, remarks):
    import h5py

    if not h5py.get_config().mpi:
        remarks.append(
            "h5py is serial: under mpirun rank 0 writes for all. Build it with CC=mpicc HDF5_MPI=ON (README)"
        )


def _kernel_cache():
    return os.environ.get("NUMBA_CACHE_DIR", "not kept")


def _cache(problems, remarks):
    folder = os.environ.get("NUMBA_CACHE_DIR", "")
    if not os.access(folder, os.W_OK):
        remarks.append(
            f"compiled kernels cannot be kept in {folder or 'any folder tried'}: every start compiles anew, unless"
            " NUMBA_CACHE_DIR names a folder on a shared file system that can be written"
        )
