"""A run that is asked to stop saves everything and exits with 75; another, with other ranks, continues bit for bit."""

import os
import signal
import time

import h5py
import numpy as np
import pytest
from campaigns import LEPTON, TOY, assert_same_results, counts, write
from mpi import Run, hpc_nu, is_open_mpi
from toy_models import BEFORE, LOG

from hpc_nu.campaign.checkpoint import Checkpoint
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, CHECKPOINTED
from hpc_nu.campaign.plan import read_plan

# Four tasks that are each longer than an epoch.
SLOW = (
    LEPTON.replace("points: 6", "points: 2")
    .replace("kind: averaged", "kind: equal_occupation, n_modes: 48")
    .replace("[5, 11, 82]", "82")
    .replace("settings:", "settings:\n  T_end: {value: 1, unit: GeV}")
)


def stop_after(run, seconds, number, to):
    """Send the signal `seconds` after the first commit."""
    assert run.wait_for_text("; recorded")
    time.sleep(seconds)
    os.kill(to(run), number)
    return run.wait()


def launcher(run):
    return run.process.pid


def last_rank(run):
    return max(run.rank_processes())


def suspended(folder, output):
    tasks, remarks = Checkpoint(folder / output, read_plan(folder / "input.yaml").problem_hash).load(1000)
    assert not remarks
    return tasks


@pytest.mark.mpi
def test_stopped_on_other_numbers_of_ranks_the_campaign_ends_with_the_same_file(tmp_path):
    input_path = write(tmp_path, SLOW)
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "whole.h5")
    assert code == 0, text

    states = []
    for ranks, number, to in (
        (3, signal.SIGUSR1, launcher),
        (2, signal.SIGTERM, last_rank),
        (None, signal.SIGINT, launcher),
    ):
        with Run(tmp_path, "run", input_path, "-o", "stopped.h5", ranks=ranks) as run:
            assert stop_after(run, 0.0, number, to) == CHECKPOINTED, run.text
            assert "all saved: run the same command again" in run.text
            assert "Traceback" not in run.text
        recorded, n_tasks = counts(tmp_path / "stopped.h5")
        assert recorded < n_tasks
        states.append({s.task: s.state for s in suspended(tmp_path, "stopped.h5")})
        assert states[-1], "nothing was in flight"
    both = states[0].keys() & states[1].keys()
    continued = [task for task in both if not np.array_equal(states[0][task], states[1][task])]
    assert continued, "no task went through two runs"

    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "stopped.h5", ranks=2)
    assert code == 0, text
    assert_same_results(tmp_path / "stopped.h5", tmp_path / "whole.h5")
    assert not (tmp_path / "stopped.h5.checkpoint").exists()
    with h5py.File(tmp_path / "whole.h5") as whole, h5py.File(tmp_path / "stopped.h5") as stopped:
        # Steps are counted by the state: equal numbers mean that nothing was done twice.
        np.testing.assert_array_equal(whole["cost/steps"][:], stopped["cost/steps"][:])


@pytest.mark.mpi
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_mpirun_that_is_ended_itself_leaves_everything_saved(number, tmp_path):
    """Open MPI 4 hands TERM and INT on as TERM, kills a second later, and exits with 1 whatever its ranks say."""
    input_path = write(tmp_path, TOY + "settings: {steps: 1000, nap: 0.01}\n")
    with Run(tmp_path, "run", input_path, "-o", "toy.h5", ranks=2, before=BEFORE) as run:
        code = stop_after(run, 0.2, number, launcher)
        assert "all saved: run the same command again" in run.text
    assert code == CHECKPOINTED or (is_open_mpi() and code != 0)
    assert counts(tmp_path / "toy.h5") == (0, 40)
    assert len(set(s.task for s in suspended_toys(tmp_path))) == 2


def suspended_toys(folder):
    with h5py.File(folder / "toy.h5") as file:
        problem_hash = file.attrs["problem_hash"]
    return Checkpoint(folder / "toy.h5", problem_hash).load(1000)[0]


def test_the_end_of_the_allocation_stops_a_run_by_itself(tmp_path):
    input_path = write(tmp_path, TOY + "settings: {steps: 1000, nap: 0.01}\n")
    environment = {"SLURM_JOB_END_TIME": str(int(time.time()) + 10)}  # the margin is a tenth of it
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "toy.h5", before=BEFORE, environment=environment)
    assert code == CHECKPOINTED, text
    assert "the allocation ends soon" in text


def test_a_state_is_continued_and_not_computed_again(tmp_path):
    """The second run ends a task of 300 steps that the first has begun; only the end of a solve adds to the log."""
    input_path = write(tmp_path, TOY.replace("points: 40", "points: 1") + "settings: {steps: 300, nap: 0.01}\n")
    with Run(tmp_path, "run", input_path, "-o", "toy.h5", before=BEFORE) as run:
        run.wait_for_text("; recorded")
        time.sleep(1.5)
        run.process.send_signal(signal.SIGUSR1)
        assert run.wait() == CHECKPOINTED, run.text
    (state,) = suspended_toys(tmp_path)
    assert 0 < state.state[0] < 300
    environment = {LOG: str(tmp_path / "solves")}
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "toy.h5", before=BEFORE, environment=environment)
    assert code == 0 and "1 tasks begun" in text
    assert len((tmp_path / "solves").read_text().splitlines()) == 1


def test_a_second_run_on_the_same_output_is_refused_while_the_first_goes_on(tmp_path):
    input_path = write(tmp_path, TOY.replace("points: 40", "points: 2") + "settings: {steps: 300, nap: 0.01}\n")
    with Run(tmp_path, "run", input_path, "-o", "toy.h5", before=BEFORE) as first:
        assert first.wait_for_text("; recorded")
        code, text = hpc_nu(tmp_path, "run", input_path, "-o", "toy.h5", before=BEFORE)
        assert code == BROKEN_ENVIRONMENT and "another run is writing to the same output" in text
        assert first.wait() == 0, first.text
    assert counts(tmp_path / "toy.h5") == (2, 2)


def test_no_task_is_begun_that_can_neither_end_nor_be_interrupted_in_time(tmp_path):
    input_path = write(tmp_path, TOY + "settings: {steps: 1, nap: 2.0}\n")
    before = BEFORE + "; toy_models.Toy.can_pause = False"
    end = int(time.time()) + 15
    environment = {"SLURM_JOB_END_TIME": str(end)}
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "toy.h5", before=before, environment=environment)
    assert time.time() < end
    assert code == CHECKPOINTED and "the allocation ends soon" in text, text
    assert 1 <= counts(tmp_path / "toy.h5")[0] <= 6
