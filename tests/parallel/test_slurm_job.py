"""Campaigns as jobs of a real Slurm with two virtual nodes: time limits, scancel, dead ranks, arrays.

Slurm's shortest time limit is a minute, and it looks at the clock twice a minute: a signal that was due after 15 s was
seen between 6 s and 28 s.  So the jobs that wait for the clock are submitted first, and looked at last.
"""

import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from campaigns import LEPTON, TOY, counts, write
from mpi import TESTS
from slurm_cluster import SlurmCluster, why_not
from toy_models import BEFORE

pytestmark = pytest.mark.slurm

ROOT = TESTS.parent
PROGRAM = f"#!{sys.executable}\n{BEFORE}\nimport sys\nfrom hpc_nu.cli import main\nsys.exit(main())\n"

# For two ranks that a launcher without any MPI has started. One dies, the other would wait for it for ever:
DEATH = "#!/bin/sh\n[ $SLURM_PROCID = 0 ] || kill -KILL $$\nsleep 600\n"
# Both have saved everything, one takes its time to leave:
STRAGGLER = "#!/bin/sh\n[ $SLURM_PROCID = 0 ] || sleep 2\nexit 75\n"


@pytest.fixture(scope="module")
def cluster():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    # Not pytest's folder: the path of a socket has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    with SlurmCluster(folder) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


def toy(seconds):
    """A campaign of tasks of 2.5 s that sleep, for so many seconds on two ranks."""
    text = TOY.replace("points: 40", f"points: {int(0.8 * seconds)}").replace("epoch_seconds: 0.1", "epoch_seconds: 1")
    return text + "settings: {steps: 50, nap: 0.05, predicted: 2.5}\n"


@dataclass
class Job:
    """A job in a folder of its own, and what it has written so far."""

    cluster: SlurmCluster
    number: str
    folder: Path

    @property
    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    @property
    def output(self):
        return self.folder / "out.h5"

    def wait_for_text(self, text, times=1):
        self.cluster.wait_for(
            f"{text!r} in the log of job {self.number}", lambda: self.log.count(text) >= times, 90, lambda: self.log
        )

    def end(self):
        """(state, exit code, number of restarts) when the job is over."""
        view = self.cluster.wait_for_end(self.number, 240, lambda: self.log)
        return view["JobState"], view["ExitCode"], int(view["Restarts"])

    def assert_complete(self):
        recorded, n_tasks = counts(self.output)
        assert recorded == n_tasks > 0


def submit(cluster, folder, *options, script="campaign.sh", program=PROGRAM, **variables):
    """`folder` has the campaign, input.yaml; two ranks on two nodes."""
    path = folder / "hpc-nu"
    path.write_text(program)
    path.chmod(0o755)
    options = ["--nodes=2", "--ntasks-per-node=1", "--time=5", f"--output={folder}/log", *options]
    variables = {
        "INPUT": folder / "input.yaml",
        "OUTPUT": folder / "out.h5",
        "HPC_NU_PROGRAM": path,
        "HPC_NU_SITE": "generic",
        "HPC_NU_VENV": sys.prefix,
        "PYTHONPATH": f"{ROOT}:{TESTS}",
    } | variables
    return Job(cluster, cluster.submit(ROOT / "jobs" / script, options, variables, ROOT), folder)


@pytest.fixture(scope="module")
def waiting_for_the_clock(cluster, tmp_path_factory):
    """Jobs that need no help, by name."""

    def start(name, text, *options, **variables):
        folder = tmp_path_factory.mktemp(name)
        write(folder, text)
        return submit(cluster, folder, *options, **variables)

    return {
        "signal": start("signal", toy(30), "--time=1", "--signal=B:USR1@45"),
        # A signal that means nothing takes the place of the script's own.
        "clock": start("clock", toy(65), "--time=1", "--signal=B:CONT@1", LAUNCH="mpirun"),
        "bad input": start("bad_input", toy(30).replace("points", "pionts")),
        "death": start("death", "", program=DEATH, LAUNCH="srun --mpi=none", HPC_NU_RESTARTS="0"),
        "straggler": start("straggler", "", program=STRAGGLER, LAUNCH="srun --mpi=none", HPC_NU_REQUEUES="0"),
    }


def test_cancelled_job_saves_all_and_stays_cancelled(cluster, waiting_for_the_clock, tmp_path):
    write(tmp_path, toy(60))
    job = submit(cluster, tmp_path)
    job.wait_for_text("; recorded")
    cluster.command("scancel", job.number)
    state, _, restarts = job.end()
    assert (state, restarts) == ("CANCELLED", 0), job.log
    assert "all saved" in job.log and "so it does not requeue itself" in job.log
    assert counts(job.output)[0] < counts(job.output)[1], "the job was at its end, so the test has shown nothing"


def test_killed_ranks_are_started_again_until_there_were_too_many(cluster, waiting_for_the_clock, tmp_path):
    write(tmp_path, toy(24))
    job = submit(cluster, tmp_path, HPC_NU_RESTARTS="1", SLURM_WAIT="5")
    for times in (1, 2):
        job.wait_for_text("tasks of toy", times)  # the start that is to be killed, not the one before
        seen = job.log.count("; recorded")
        job.wait_for_text("; recorded", seen + 1)
        os.kill(cluster.rank_process(job.number, 1), signal.SIGKILL)
        job.wait_for_text("a rank has died", times)
    assert job.end() == ("FAILED", "137:0", 0), job.log
    assert job.log.count("starting the ranks again") == 1
    assert "not started again after death number 2" in job.log
    recorded, n_tasks = counts(job.output)
    assert recorded < n_tasks, "the job was at its end, so the test has shown nothing"

    again = submit(cluster, tmp_path)
    assert again.end() == ("COMPLETED", "0:0", 0), again.log
    assert "continuing" in again.log
    again.assert_complete()


def test_tasks_of_an_array_requeue_themselves_one_by_one(cluster, waiting_for_the_clock, tmp_path):
    """The last task of an array has the number of the whole array, and must not requeue all of it."""
    jobs = []
    for task, text in ((1, LEPTON), (2, toy(20))):
        folder = tmp_path / str(task)
        folder.mkdir()
        write(folder, text)
        jobs.append(Job(cluster, "", folder))
    campaigns = [f"{job.folder}/input.yaml {job.output}" for job in jobs]
    (tmp_path / "list").write_text("\n".join(["# input and output", campaigns[0], "", campaigns[1]]))
    options = ["--array=1-2", f"--output={tmp_path}/%a/log"]
    array = submit(cluster, tmp_path, *options, script="array.sh", LIST=tmp_path / "list", LAUNCH="mpirun")
    for task, job in enumerate(jobs, start=1):
        job.number = f"{array.number}_{task}"
    jobs[1].wait_for_text("; recorded")
    cluster.command("scancel", "--signal=USR1", "--batch", jobs[1].number)
    assert [job.end() for job in jobs] == [("COMPLETED", "0:0", 0), ("COMPLETED", "0:0", 1)], jobs[1].log
    for job in jobs:
        job.assert_complete()


def test_job_that_fails_is_not_requeued_and_keeps_its_exit_code(waiting_for_the_clock):
    job = waiting_for_the_clock["bad input"]
    assert job.end() == ("FAILED", "2:0", 0), job.log
    assert "hpc-nu ended with 2" in job.log


def test_dead_rank_ends_the_step_where_the_launcher_knows_no_mpi(waiting_for_the_clock):
    job = waiting_for_the_clock["death"]
    assert job.end() == ("FAILED", "137:0", 0), job.log
    assert "a rank has died" in job.log


def test_rank_that_leaves_first_does_not_turn_a_checkpoint_into_a_death(waiting_for_the_clock):
    job = waiting_for_the_clock["straggler"]
    assert job.end() == ("FAILED", "75:0", 0), job.log
    assert "not requeued, since it has been 0 times" in job.log and "has died" not in job.log


def test_job_requeues_itself_at_the_signal_until_the_campaign_is_complete(waiting_for_the_clock):
    job = waiting_for_the_clock["signal"]
    state, _, restarts = job.end()
    assert state == "COMPLETED", job.log
    assert restarts >= 1, "the job was never stopped, so the test has shown nothing\n" + job.log
    assert job.log.count("SIGUSR1: asking") == job.log.count(" requeueing\n") == restarts
    job.assert_complete()


def test_without_a_signal_it_does_so_by_the_clock(waiting_for_the_clock):
    job = waiting_for_the_clock["clock"]
    state, _, restarts = job.end()
    assert state == "COMPLETED", job.log
    assert job.log.count("the allocation ends soon") == restarts >= 1
    assert "asking the ranks" not in job.log
    job.assert_complete()
