"""What the ranks of `hpc-nu doctor` find out together: who they are, and whether they can write one results file.

The file is that of a campaign with one task a rank, written by the code that campaigns are written with, in the folder
where results are to go.
"""

import faulthandler
import fcntl
import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from hpc_nu import __version__
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.provenance import hdf5_version, mpi_library, package_version, processor_name
from hpc_nu.campaign.results_file import ResultsFile
from hpc_nu.campaign.terminal import complain
from hpc_nu.models.interface import Outcome
from hpc_nu.result_codes import ResultCode

LIMIT = 120.0
"""Seconds after which a meeting that hangs is ended."""

_SHARED_SECONDS = 10.0
"""Time in which what one host writes must be seen by the others."""

_CAMPAIGN = """\
campaign: doctor
model: asymmetric_freeze_in
parameters:
  m_N:     {{linear: [1, 2], points: {ranks}, unit: keV}}
  m_phi:   {{value: 100, unit: GeV}}
  mu:      1.0e-7
  epsilon: 1.0e-6
"""


def meet(communicator, folder, facts, problems, remarks):
    """Add to the facts, problems and remarks of rank 0 what all ranks find; collective."""
    if communicator.size > 1:
        if communicator.rank == 0:
            complain(f"{communicator.size} ranks meet and write a file in {folder} ...")
        # The interpreter may get stuck inside a collective call.
        faulthandler.dump_traceback_later(LIMIT, exit=True, file=sys.__stderr__ or 2)
    everyone = communicator.gather((platform.node(), problems, remarks, _rank_facts()))
    if communicator.rank == 0:
        _compare(everyone, facts, problems, remarks)
    _look_at_folder(communicator, os.path.abspath(folder), facts, problems, remarks)
    faulthandler.cancel_dump_traceback_later()


def _rank_facts():
    versions = {name: package_version(name) for name in ("numpy", "numba", "h5py", "mpi4py")}
    return {
        "version": f"hpc_nu {__version__}, " + ", ".join(f"{name} {text}" for name, text in versions.items()),
        "libraries": f"{mpi_library()}, HDF5 {hdf5_version()}",
        "processor": processor_name(),
        "cores": os.sched_getaffinity(0),
    }


def _compare(everyone, facts, problems, remarks):
    hosts = Counter(host for host, *_ in everyone)
    counts = ", ".join(f"{n} on {host}" for host, n in list(hosts.items())[:8]) + (" ..." if len(hosts) > 8 else "")
    facts["ranks"] = f"{len(everyone)}: {counts}"
    for host, its_problems, its_remarks, _ in everyone[1:]:
        problems += [f"on {host}: {text}" for text in its_problems if f"on {host}: {text}" not in problems]
        remarks += [text for text in its_remarks if text not in remarks]
    for host, n in hosts.items():
        cores = set().union(*(rank["cores"] for name, *_, rank in everyone if name == host))
        if len(cores) < n:
            remarks.append(
                f"{n} ranks share {len(cores)} cores of {host}: fewer ranks, or, if it has more cores, another binding"
                " (mpirun --bind-to core, srun --cpu-bind=cores)"
            )
    for name in ("version", "libraries"):
        found = sorted({rank[name] for *_, rank in everyone})
        if len(found) > 1:
            problems.append(f"the ranks do not run the same software: {' | '.join(found)}. Let all use one environment")
    processors = sorted({rank["processor"] for *_, rank in everyone})
    if len(processors) > 1:
        remarks.append(
            f"results are the same bit for bit on one type of processor only; here are {' | '.join(processors)}"
        )


def _look_at_folder(communicator, folder, facts, problems, remarks):
    place = trouble = None
    if communicator.rank == 0:
        try:
            facts["folder"] = f"{folder}, {_file_system(folder)}, {shutil.disk_usage(folder).free / 1e9:.1f} GB free"
            place = tempfile.mkdtemp(prefix="hpc_nu-doctor-", dir=folder)
        except OSError as error:
            trouble = str(error)
    place, trouble = communicator.bcast((place, trouble))
    if trouble:
        problems.append(f"{folder} cannot be written ({trouble}): give results another folder (--folder tries one)")
        return
    try:
        blind = communicator.gather(None if _appears(place) else platform.node())
        blind = communicator.bcast(blind and sorted(set(filter(None, blind))))
        if blind:
            problems.append(
                f"{folder} of rank 0 is not there for the ranks on {', '.join(blind)}: results must go to a file system"
                " that all hosts share"
            )
        else:
            _try_lock(communicator, place, remarks)
            _try_write(communicator, place, facts, problems)
    finally:
        communicator.barrier()
        if communicator.rank == 0:
            shutil.rmtree(place, ignore_errors=True)


def _file_system(folder):
    """Type of the file system, such as "lustre" or "nfs4"."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown file system"
    folder = os.path.realpath(folder)
    # Of two on one mount point the later one is seen.
    around = [(len(point), kind) for point, kind in mounts if os.path.commonpath((point, folder)) == point]
    return max(around, key=lambda mount: mount[0])[1] if around else "unknown file system"


def _appears(path):
    """Whether `path` is seen here, now or soon: network file systems remember for seconds what was not there."""
    end = time.monotonic() + _SHARED_SECONDS
    while not os.path.exists(path):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _try_lock(communicator, place, remarks):
    """Whether the lock of a run, held by rank 0, would be respected by the others."""
    path, trouble = os.path.join(place, "lock"), None
    held = open(path, "w") if communicator.rank == 0 else None
    if held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            trouble = str(error)
    trouble = communicator.bcast(trouble)
    if not trouble:
        intruders = communicator.gather(platform.node() if _appears(path) and _can_lock(path) else None)
        if communicator.rank == 0 and any(intruders):
            trouble = f"a lock of {platform.node()} is not seen on {', '.join(sorted(set(filter(None, intruders))))}"
    communicator.barrier()
    if held:
        held.close()
    if trouble and communicator.rank == 0:
        remarks.append(
            f"no locks between processes in this folder ({trouble}): a second run on the same output would not be"
            " noticed. Start only one, or mount the file system with flock"
        )


def _can_lock(path):
    """Whether a shared lock is granted, which does not keep the others from trying."""
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _try_write(communicator, place, facts, problems):
    """Let each rank write its row of a results file, and rank 0 read it back."""
    path = os.path.join(place, "test.h5")
    plan = read_plan("the campaign of the doctor", _CAMPAIGN.format(ranks=communicator.size))
    results = ResultsFile(path, plan, communicator)
    started = time.perf_counter()
    trouble = _attempt(results.create) if communicator.rank == 0 else None
    trouble, results.identity = communicator.bcast((trouble, results.identity))
    if not trouble:
        _appears(path)
        row = results.layout.row(communicator.rank, Outcome(ResultCode.DONE), 0.0, 1, communicator.rank)
        trouble = _attempt(lambda: results.commit(np.array([row])))
    troubles = communicator.gather(trouble)
    if communicator.rank == 0:
        if not any(troubles):
            troubles = [_attempt(lambda: _read_back(results))]
        how = "all ranks" if results.is_parallel else "rank 0"
        facts["test file"] = f"written by {how} and read back in {time.perf_counter() - started:.2f} s"
        if any(troubles):
            facts["test file"] = "failed"
            first = next(filter(None, troubles))
            problems.append(
                f"a results file could not be written by {how} and read back ({first}). Try another file system"
                " (--folder), or a serial h5py, with which rank 0 writes for all: pip install --force-reinstall"
                " --no-cache-dir h5py"
            )


def _read_back(results):
    if not (done := results.done()).all():
        raise OSError(f"the rows of the ranks {np.flatnonzero(~done).tolist()} are not what they have written")


def _attempt(action):
    """What went wrong with `action`, in words; None if nothing did."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - whatever it is, the report is the place to say so
        return f"{type(error).__name__}: {error}"
    return None
