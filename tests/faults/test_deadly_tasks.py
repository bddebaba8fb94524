"""A task that takes its process with it ends the run at once and with the reason, and after three tries is a row."""

import json
import os
import signal
import time

import h5py
import numpy as np
import pytest
from campaigns import TOY, write
from mpi import Run, hpc_nu
from toy_models import BEFORE, DIES, ENDLESS, EXITS, NO_MEMORY, SEGFAULT

from hpc_nu.campaign.checkpoint import Checkpoint
from hpc_nu.campaign.in_hand import QUARANTINE_AFTER, InHand, from_ranges, to_ranges
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.results_file import ResultsFile
from hpc_nu.result_codes import ResultCode
from hpc_nu.single_process import SingleProcess

# Task 13 of 24, the others innocent.
DEADLY = """\
campaign: deadly
model: toy
parameters:
  trouble: {list: VALUES}
  start: {value: 0.3}
settings: {steps: 3}
solver: {max_seconds: 1}
run: {epoch_seconds: 0.2}
"""
IMPATIENT = BEFORE + "; import hpc_nu.campaign.watchdog as watchdog; watchdog.GRACE_SECONDS = 1.0"


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("trouble", "ranks", "reason", "printed"),
    [
        (SEGFAULT, 2, b"ended its process by signal SIGSEGV", "[Ss]egmentation fault"),
        (DIES, None, b"ended its process with exit code 9", ""),
        (EXITS, None, b"ended its process with exit code 0", "SystemExit"),
        (ENDLESS, 2, b"used more than", "most recent call first"),
    ],
    ids=["segmentation fault", "exit", "SystemExit", "endless"],
)
def test_a_deadly_task_is_a_row_after_three_tries(trouble, ranks, reason, printed, tmp_path):
    values = [i / 100 for i in range(24)]
    values[13] = float(trouble)
    input_path = write(tmp_path, DEADLY.replace("VALUES", str(values)))
    for _ in range(2):
        with Run(tmp_path, "run", input_path, "-o", "out.h5", ranks=ranks, before=IMPATIENT) as run:
            assert run.wait(30) not in (0, 2, 3, 75), run.text
            assert run.wait_for_text(printed)
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=ranks, before=IMPATIENT)
    assert code == 0, text
    assert "in a process of its own" in text
    with h5py.File(tmp_path / "out.h5") as file:
        innocent = np.arange(24) != 13
        assert file["status"][13] == ResultCode.DIED and (file["status"][:][innocent] == ResultCode.DONE).all()
        assert file["error"][13].startswith(reason), file["error"][13]
        assert np.isfinite(file["results/end"][:][innocent]).all()
    assert not (tmp_path / "out.h5.running").exists()


@pytest.mark.mpi
def test_an_endless_first_task_ends_the_loading_of_kernels_and_becomes_a_row(tmp_path):
    """Loading solves a step of the first task of each kind; it counts as an attempt at that task."""
    input_path = write(tmp_path, DEADLY.replace("VALUES", str([float(ENDLESS), 0.1, 0.2, 0.3])))
    before = IMPATIENT + "; import hpc_nu.campaign.run as run; run.COMPILE_SECONDS = 1.0"
    for _ in range(2):
        with Run(tmp_path, "run", input_path, "-o", "out.h5", ranks=2, before=before) as run:
            assert run.wait(30) not in (0, 2, 3, 75), run.text
            assert run.wait_for_text("most recent call first")
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=2, before=before)
    assert code == 0, text
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["status"][:].tolist() == [ResultCode.DIED, *[ResultCode.DONE] * 3]


@pytest.mark.mpi
def test_a_process_without_memory_is_no_verdict(tmp_path):
    """SIGKILL is what a kernel without memory sends, to whomever it likes: all else is recorded, the task is not."""
    values = [i / 100 for i in range(24)]
    values[13] = float(NO_MEMORY)
    input_path = write(tmp_path, DEADLY.replace("VALUES", str(values)))
    for _ in range(2):
        with Run(tmp_path, "run", input_path, "-o", "out.h5", ranks=3, before=IMPATIENT) as run:
            assert run.wait(30) not in (0, 2, 3, 75), run.text
    for _ in range(2):
        code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=3, before=IMPATIENT)
        assert code == 3 and text.count("task 13 on") == 1 and "SIGKILL" in text, text
        with h5py.File(tmp_path / "out.h5") as file:
            innocent = np.arange(24) != 13
            assert file["status"][13] == ResultCode.PENDING
            assert (file["status"][:][innocent] == ResultCode.DONE).all()


def test_a_suspect_that_is_innocent_gives_the_same_row_and_can_be_stopped(tmp_path):
    """Killed twice while it was in hand, stopped the third time: it goes on in its process from where it was."""
    text = TOY.replace("points: 40", "points: 1") + "settings: {steps: 200, nap: 0.02}\n"
    input_path = write(tmp_path, text)
    for n in (1, 2):
        with Run(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE) as run:
            assert run.wait_for_text("; recorded")
            assert run.kill()
        assert InHand(tmp_path / "out.h5", _hash(tmp_path)).read(np.zeros(1, bool)) == {0: n}
    with Run(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE) as run:
        assert run.wait_for_text("each in a process of its own")
        time.sleep(2.0)
        run.process.send_signal(signal.SIGTERM)
        assert run.wait() == 75, run.text
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE)
    assert code == 0 and "1 tasks begun" in text, text
    x = 0.1
    for _ in range(200):
        x = 3.9 * x * (1 - x)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["status"][0] == ResultCode.DONE and file["results/end"][0] == x
        assert file["cost/steps"][0] == 200


def test_a_suspect_that_fails_is_a_row_however_short_the_epochs_are(toys, tmp_path):
    """Its retry goes on through several epochs and is still the last one."""
    text = TOY.replace("points: 40", "points: 1")
    text = text.replace("0.1}", "0.02}") + "settings: {steps: 100, nap: 0.05}\nsolver: {max_steps: 2}\n"
    input_path, output = write(tmp_path, text), tmp_path / "out.h5"
    after_deaths(output, read_plan(input_path))
    with Run(tmp_path, "run", input_path, "-o", output, before=BEFORE) as run:
        assert run.wait(40) == 1, run.text  # there is no other task
    with h5py.File(output) as file:
        assert file["status"][0] == ResultCode.STEP_BUDGET and file["cost/tries"][0] == 2
        assert file["error"][0] == b"step_budget at step 8"


@pytest.mark.mpi
def test_a_stop_asked_of_one_rank_saves_the_suspects_of_all(toys, tmp_path):
    text = TOY.replace("points: 40", "points: 2") + "settings: {steps: 1000, nap: 0.05}\n"
    input_path, output = write(tmp_path, text), tmp_path / "out.h5"
    plan = read_plan(input_path)
    after_deaths(output, plan)
    with Run(tmp_path, "run", input_path, "-o", output, ranks=2, before=BEFORE) as run:
        assert run.wait_for_text("; recorded")
        os.kill(max(run.rank_processes()), signal.SIGUSR1)
        assert run.wait() == 75, run.text
    suspended, _ = Checkpoint(output, plan.problem_hash).load(plan.n_tasks)
    assert sorted(s.task for s in suspended) == [0, 1]


def after_deaths(output, plan):
    """A results file without a row, and what runs leave that died with all tasks in hand."""
    ResultsFile(output, plan, SingleProcess()).create()
    deaths = {str(task): QUARANTINE_AFTER for task in range(plan.n_tasks)}
    record = {"problem_hash": plan.problem_hash, "deaths": deaths}
    (output.parent / f"{output.name}.running").write_text(json.dumps(record) + "\n")


def test_a_long_innocent_suspect_gets_on_from_kill_to_kill(tmp_path):
    """In quarantine, too, a kill costs the work since the last pauses and no more."""
    input_path = write(tmp_path, TOY.replace("points: 40", "points: 1") + "settings: {steps: 400, nap: 0.02}\n")
    impatient = BEFORE + "; import hpc_nu.campaign.quarantine as quarantine; quarantine._LEAST_SECONDS = 0.5"
    steps = []
    for _ in range(4):
        with Run(tmp_path, "run", input_path, "-o", "out.h5", before=impatient) as run:
            assert run.wait_for_text("; recorded")
            assert run.wait_until(lambda: _steps(tmp_path) > (steps or [0])[-1])
            assert run.kill(), "the task was to last longer"
        steps.append(_steps(tmp_path))
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE)
    assert code == 0 and "each in a process of its own" in text and "1 tasks begun" in text, text


def _steps(folder):
    """Of the task in the checkpoint; 0 without one."""
    suspended, _ = Checkpoint(folder / "out.h5", _hash(folder)).load(1000)
    return suspended[0].state[0] if suspended else 0


def _hash(folder):
    with h5py.File(folder / "out.h5") as file:
        return file.attrs["problem_hash"]


@pytest.mark.parametrize("tasks", [[], [4], [3, 4, 5], [9, 1, 2, 3, 7]])
def test_ranges_read_back(tasks):
    assert from_ranges(to_ranges(tasks), 10**6) == sorted(tasks)


def test_the_record_of_a_killed_run(tmp_path):
    """The last line of a rank counts, one that was torn by the kill does not; rows that are there clear a task."""
    record = InHand(tmp_path / "out.h5", "abc")
    done = np.zeros(10, dtype=bool)
    record.load(done)
    record.hold(0, [1, 2])
    record.hold(1, [5, 6])
    record.hold(0, [3])
    with open(record.path, "a") as file:
        file.write("1 7,")
    done[5] = True
    after = InHand(tmp_path / "out.h5", "abc")
    after.load(done)
    assert after.deaths == {3: 1, 6: 1}
    after.hold(0, [6])
    again = InHand(tmp_path / "out.h5", "abc")
    again.load(done)
    assert again.deaths == {3: 1, 6: 2}
    again.end(complete=False)
    last = InHand(tmp_path / "out.h5", "abc")
    last.load(done)
    assert last.deaths == {3: 1, 6: 2}, "a run that was stopped is no death"
    last.end(complete=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n0 1\n",
        "[]\n0 1\n",
        "not JSON\n",
        '{"problem_hash": "abc", "deaths": [1]}\n',
        '{"problem_hash": "other", "deaths": {"1": 2}}\n0 1\n',
        '{"problem',
        "\0" * 600 + "\n0 1\n",  # what a power cut leaves
    ],
)
def test_a_record_that_says_nothing_about_this_problem_is_passed_over(text, tmp_path):
    (tmp_path / "out.h5.running").write_text(text)
    record = InHand(tmp_path / "out.h5", "abc")
    record.load(np.zeros(10, dtype=bool))
    assert record.deaths == {}


@pytest.mark.mpi
def test_ranks_that_are_late_for_a_commit_are_named(tmp_path):
    before = BEFORE + "; import hpc_nu.campaign.farm as farm; farm._LATE_SECONDS = 0.5"
    text = TOY.replace("points: 40", "points: 3") + "settings: {steps: 2, nap: 3.0, predicted: 3.0}\n"
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, text), "-o", "out.h5", ranks=3, before=before)
    assert code == 0, text
    assert "before the commit" in text and "waiting for rank 1 (tasks " in text, text


@pytest.mark.mpi
def test_ranks_that_wait_for_a_late_one_are_not_taken_to_be_stuck(tmp_path):
    """With tasks in hand whose budgets end meanwhile."""
    before = (
        IMPATIENT.replace("1.0", "2.0")
        + """
import time
import hpc_nu.campaign.farm as farm
from mpi4py import MPI
farm._LATE_SECONDS, original, late = 1.0, farm._Worker.tell, []
def tell(self, message):
    if isinstance(message, farm.Arrived) and MPI.COMM_WORLD.rank == 2 and not late:
        late.append(True)
        time.sleep(6)
    original(self, message)
farm._Worker.tell = tell
"""
    )
    text = TOY.replace("points: 40", "points: 3") + "settings: {steps: 20, nap: 0.05}\nsolver: {max_seconds: 1}\n"
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, text), "-o", "out.h5", ranks=3, before=before)
    assert code == 0 and "waiting for rank 2" in text, text


@pytest.mark.mpi
def test_a_rank_that_never_comes_to_the_commit_ends_the_job(tmp_path):
    """As one that has died under a launcher that does not care."""
    before = (
        BEFORE
        + """
import signal, os, time
import hpc_nu.campaign.farm as farm
farm.GRACE_SECONDS = 0.5
from mpi4py import MPI
original = farm._Worker.epoch
def epoch(self):
    if MPI.COMM_WORLD.rank == 2:
        time.sleep(3600)
    original(self)
farm._Worker.epoch = epoch
"""
    )
    text = TOY + "settings: {steps: 2}\nsolver: {max_seconds: 0.5}\n"
    with Run(tmp_path, "run", write(tmp_path, text), "-o", "out.h5", ranks=3, before=before) as run:
        assert run.wait(60) == 1, run.text
        assert "rank 2 (tasks ) did not come to the commit" in run.text
