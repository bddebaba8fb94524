"""The job script requeues itself until the campaign is complete, in a real Slurm with two virtual nodes.

Two programs stand behind it: a stand-in of twenty lines, which tests the script alone, and hpc-nu itself.
"""

import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from hpc_nu.solver.result_codes import ResultCode

sys.path.insert(0, str(Path(__file__).parents[1]))
import slurm_cluster  # noqa: E402

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[2]
CAMPAIGN = Path(__file__).with_name("slurm_campaign.yaml")

# Same manners as hpc-nu: `run INPUT -o OUTPUT`, a signal on any rank is agreed on by all, 75 after a checkpoint.
# INPUT holds the seconds of work; OUTPUT the tenths of a second done and the number of ranks of every start.
STAND_IN = """#!{python}
import json, signal, sys, time
from pathlib import Path
stop = []
signal.signal(signal.SIGUSR1, lambda *_: stop.append(1))
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
from mpi4py import MPI
world = MPI.COMM_WORLD
assert sys.argv[1] == "run" and sys.argv[3] == "-o"
wanted, output = 10 * float(Path(sys.argv[2]).read_text()), Path(sys.argv[4])
state = json.loads(output.read_text()) if output.exists() else dict(done=0, ranks=[])
state = world.bcast(state)
state["ranks"].append(world.size)
stopping = False
if world.rank == 0:
    output.with_suffix(".started").touch()
while state["done"] < wanted and not stopping:
    time.sleep(0.1)
    state["done"] += 1
    stopping = world.allreduce(len(stop)) > 0
if world.rank == 0:
    output.write_text(json.dumps(state))
MPI.Finalize()
sys.exit(0 if state["done"] >= wanted else {code})
"""


@dataclass
class Job:
    """What is submitted, and what its results file says."""

    program: str
    input: Path
    output: Path

    @property
    def log(self):
        return self.output.with_suffix(".log")

    def rows(self):
        """(recorded, asked for) in hpc-nu's results file."""
        import h5py  # starts MPI, which other tests of the same pytest process may not want

        with h5py.File(self.output) as results:
            status = results["status"][:]
        return (status != ResultCode.PENDING).sum(), status.size

    def assert_count_complete(self):
        """For the stand-in's results file."""
        state = json.loads(self.output.read_text())
        assert state["ranks"] == [4] * len(state["ranks"]), "a start did not have all its ranks in one world"
        assert len(state["ranks"]) >= 2
        assert state["done"] >= 10 * float(self.input.read_text())


def stand_in(folder, seconds, code=75):
    program = folder / "hpc-nu"
    program.write_text(STAND_IN.format(python=sys.executable, code=code))
    program.chmod(0o755)
    (folder / "work.txt").write_text(str(seconds))
    return Job(str(program), folder / "work.txt", folder / "count.json")


def hpc_nu(folder):
    return Job(str(Path(sys.executable).with_name("hpc-nu")), CAMPAIGN, folder / "campaign.h5")


@pytest.fixture(scope="module")
def cluster():
    reason = slurm_cluster.why_not()
    if reason:
        pytest.skip(reason)
    # Not pytest's folder: the path of a socket has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    with slurm_cluster.SlurmCluster(folder) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


def submit(cluster, job, minutes=1, **variables):
    # One minute is Slurm's shortest time limit. Slurm looks at the clock twice a minute, so the signal that is due
    # after 15 s was seen between 6 s and 28 s.
    options = ["--nodes=2", "--ntasks-per-node=2", f"--time={minutes}", "--signal=B:USR1@45", f"--output={job.log}"]
    variables |= {
        "INPUT": job.input,
        "OUTPUT": job.output,
        "HPC_NU_PROGRAM": job.program,
        "HPC_NU_SITE": "generic",
        "HPC_NU_VENV": sys.prefix,
    }
    return cluster.submit(ROOT / "jobs" / "campaign.sh", options, variables, ROOT)


@pytest.fixture(scope="module")
def submitted(cluster, tmp_path_factory):
    """All jobs at once, since each spends its time waiting for a clock: name -> (number, job)."""
    jobs = {
        "stand-in": stand_in(tmp_path_factory.mktemp("stand_in"), seconds=45),
        "failing": stand_in(tmp_path_factory.mktemp("failing"), seconds=45, code=2),
    }
    numbers = {name: (submit(cluster, job), job) for name, job in jobs.items()}
    job = stand_in(tmp_path_factory.mktemp("mpirun"), seconds=45)
    numbers["stand-in by mpirun"] = (submit(cluster, job, LAUNCH="mpirun"), job)
    # These two get their signals from here, long before Slurm's own would come.
    job = stand_in(tmp_path_factory.mktemp("cancelled"), seconds=45)
    numbers["cancelled"] = (submit(cluster, job, minutes=5), job)
    job = hpc_nu(tmp_path_factory.mktemp("hpc_nu"))
    numbers["hpc-nu"] = (submit(cluster, job, minutes=5), job)
    cluster.wait_for("hpc-nu to make its results file", job.output.exists, 60)
    time.sleep(2)
    cluster.command("scancel", "--signal=USR1", "--batch", str(numbers["hpc-nu"][0]))
    return numbers


def test_cancelled_job_stays_cancelled(cluster, submitted):
    number, job = submitted["cancelled"]
    cluster.wait_for("the ranks to work", job.output.with_suffix(".started").exists, 60)
    cluster.command("scancel", str(number))
    # Longer than a requeued job waits before it starts again.
    time.sleep(12)
    end = cluster.wait_for_end(number, timeout=30)
    assert (end["JobState"], end["Restarts"]) == ("CANCELLED", "0"), job.log.read_text()
    assert job.output.exists(), "the ranks had no time to write what they had\n" + job.log.read_text()


def test_job_that_fails_is_not_requeued_and_keeps_its_exit_code(cluster, submitted):
    number, job = submitted["failing"]
    end = cluster.wait_for_end(number, timeout=90)
    assert (end["JobState"], end["ExitCode"], end["Restarts"]) == ("FAILED", "2:0", "0"), job.log.read_text()


@pytest.mark.parametrize("program", ["stand-in", "stand-in by mpirun"])
def test_job_requeues_itself_until_the_campaign_is_complete(cluster, submitted, program):
    number, job = submitted[program]
    end = cluster.wait_for_end(number, timeout=150)
    log = job.log.read_text()
    assert end["JobState"] == "COMPLETED", log
    assert int(end["Restarts"]) >= 1, "the job was never stopped, so the test has shown nothing\n" + log
    assert log.count("checkpointed; requeueing") == int(end["Restarts"]), log
    job.assert_count_complete()


def test_hpc_nu_checkpoints_in_a_job_and_completes_in_the_next(cluster, submitted):
    number, job = submitted["hpc-nu"]
    end = cluster.wait_for_end(number, timeout=150)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), job.log.read_text()
    recorded, asked_for = job.rows()
    assert recorded == asked_for
