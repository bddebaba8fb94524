"""Where and with what a results file was made."""

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hpc_nu.printable import printable
from hpc_nu.single_process import use_no_mpi

DEPENDENCIES = ("numpy", "scipy", "numba", "llvmlite", "h5py", "mpi4py", "pyyaml")


def provenance():
    """Name to text: date, machine, commit, versions of what the numbers depend on."""
    record = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": platform.node(),
        "processor": processor_name(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "command": printable(" ".join(sys.argv)),  # a name that is no UTF-8 is no text for HDF5
        "mpi": mpi_library(),
        "hdf5": hdf5_version(),
        "commit": commit(),
    }
    return record | {f"{name}_version": package_version(name) for name in DEPENDENCIES}


def package_version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def hdf5_version():
    import h5py

    return f"{h5py.version.hdf5_version} ({'parallel' if h5py.get_config().mpi else 'serial'})"


def mpi_library():
    """First line of what the MPI library says of itself; does not start it."""
    use_no_mpi()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError):
        return "none"
    first = MPI.Get_library_version().splitlines()[0].strip("\0")
    return " ".join(first.split())


def processor_name():
    """Model of the processor: bit for bit equal results are promised on the same one."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit():
    """Git commit of the source, with "-dirty" if it was changed; "unknown" outside a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return "unknown"
    command = ["git", "-C", os.fspath(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"
