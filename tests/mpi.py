"""Runs of hpc-nu for the tests: alone or under mpirun, each with a time limit, and none left behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# As root, with more ranks than cores, and without burning the cores of the others while waiting. The names with PRTE
# are those of Open MPI 5; other MPIs read none of them.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}

LIMIT = 120.0
"""Seconds after which a run counts as hung. Thirty times what it takes: the machine may be busy."""


def require_mpirun():
    """Skip the test where there is nothing to start ranks with."""
    for program, there in {"mpirun": shutil.which("mpirun"), "mpi4py": find_spec("mpi4py")}.items():
        if not there:
            pytest.skip(f"no {program}")


@cache
def is_open_mpi():
    """Whether mpirun is Open MPI's."""
    return "Open MPI" in subprocess.run(["mpirun", "--version"], capture_output=True, text=True, timeout=60).stdout


class Run:
    """`hpc-nu` with `arguments`, started at once.

    Parameters
    ----------
    folder : Path
        Where it runs.
    ranks : int or None
        Under mpirun with so many; None: without mpirun.
    before : str
        Python code that is executed before the command, to put something wrong.
    environment : dict
        Variables on top of those of this process.
    program : sequence of str
        What takes the place of hpc-nu.
    """

    def __init__(self, folder, *arguments, ranks=None, before="", environment=None, program=None):
        program = program or [sys.executable, "-m", "hpc_nu"]
        if before:
            code = f"{before}\nimport sys\nfrom hpc_nu.cli import main\nsys.exit(main())"
            program = [sys.executable, "-c", code]
        if ranks is not None:
            require_mpirun()
            program = ["mpirun", "-n", str(ranks), *program]
        path = os.pathsep.join(filter(None, [str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH")]))
        variables = dict(os.environ) | SETTINGS | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | (environment or {})
        self.log = open(folder / f"log-{time.monotonic_ns()}", "w+")
        self.process = subprocess.Popen(
            [*program, *map(str, arguments)],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # mpirun gives each rank a process group of its own, but the session stays
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.log.close()

    @property
    def text(self):
        """Standard output and error so far."""
        return Path(self.log.name).read_text(errors="replace")

    @property
    def is_running(self):
        return self.process.poll() is None

    def processes(self):
        """Ids of the launcher and of all that it has started."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _session(pid) == self.process.pid]

    def rank_processes(self):
        """Ids of the ranks of a run under mpirun."""
        return [pid for pid in self.processes() if pid != self.process.pid and b"run" in _command(pid)]

    def kill(self):
        """SIGKILL to everything, whether or not it runs; True if the launcher was still running."""
        was_running = self.is_running
        while pids := self.processes():
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.poll()
            time.sleep(1e-3)
        self.process.wait()
        return was_running

    def wait(self, limit=LIMIT):
        """The exit code; fails the test if there is none within `limit` seconds."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            text = self.text
            self.kill()
            pytest.fail(f"no end after {limit} s:\n{text}")

    def wait_until(self, condition, limit=LIMIT):
        """Wait until `condition()` holds or the run ends; True if it holds."""
        end = time.monotonic() + limit
        while not condition():
            if not self.is_running:
                return condition()
            if time.monotonic() > end:
                pytest.fail(f"still waiting after {limit} s:\n{self.text}")
            time.sleep(2e-3)
        return True

    def wait_for_text(self, pattern, limit=LIMIT):
        """Wait until the output has `pattern`; True if it does."""
        return self.wait_until(lambda: re.search(pattern, self.text), limit)


def hpc_nu(folder, *arguments, limit=LIMIT, **options):
    """Run to the end.

    Returns
    -------
    int
        Exit code.
    str
        Standard output and error.
    """
    with Run(folder, *arguments, **options) as run:
        return run.wait(limit), run.text


def _session(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # gone meanwhile
        return None
    state, _, _, session = stat.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else int(session)


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
