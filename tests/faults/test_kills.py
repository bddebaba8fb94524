"""SIGKILL at any moment costs unfinished work and nothing else.

After every kill the file must open with h5py and xarray, and every row that says that it is done must be, bit for bit,
that of an uninterrupted run; so must the whole file be in the end.  Of the kills that a test counts on it asserts that
they met a run that was not at its end.  (SIGKILL keeps the page cache: see `test_power_cuts`.)
"""

import json
import os
import subprocess
import sys

import pytest
from campaigns import FREEZE_IN, LEPTON, assert_same_results, write
from kill_campaign import CAMPAIGNS, VICTIMS, kill_campaign
from mpi import SETTINGS, TESTS, hpc_nu

# Kills a run on one process in the same process tree many times, without the seconds that Python takes to start.  How
# long creation and commits take depends on the machine, so the moments find their own scale: after a kill that came too
# early the next may come later, after one that came too late sooner.  "Early" and "late" are about new rows, or, if the
# kills are to fall into the creation, about the file; that is then removed.
KILL_OFTEN = """
import glob, json, os, random, signal, sys, time
import mpi4py
mpi4py.rc.initialize = False
import xarray
from pathlib import Path
from campaigns import assert_sound, counts
from hpc_nu.campaign.communicator import SingleProcess
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.run import run

input_path, output, reference, n_kills, into_creation = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5] == "True"
plan = read_plan(input_path)
for task in (0, plan.n_tasks - 1):  # compiles
    plan.model.solve(plan.problem(task))
draw = random.Random(1)
tally = dict(kills=0, before_the_file=0, leftovers=0, checked=0, rows=[])
longest = 0.05
while tally["kills"] < n_kills:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        code = 1
        try:
            code = run(SingleProcess(), input_path, output)
        finally:
            os._exit(code)
    time.sleep(longest * draw.random())
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0, "the run failed instead of being killed"
        break  # at its end
    tally["kills"] += 1
    tally["leftovers"] += bool(glob.glob(output + ".tmp-*"))
    is_there = os.path.exists(output)
    if is_there:
        tally["rows"].append(assert_sound(output, input_path, reference))
        tally["checked"] += tally["rows"][-1]
        gained = tally["rows"][-1] > max([0, *tally["rows"][:-1]])
    else:
        tally["before_the_file"] += 1
    if into_creation and is_there:
        os.remove(output)
    longest *= 0.7 if is_there and (into_creation or gained) else 1.4
print(json.dumps(tally))
"""


def whole(folder, input_path):
    """The file of an uninterrupted run on one process."""
    code, text = hpc_nu(folder, "run", input_path, "-o", "whole.h5")
    assert code == 0, text
    return folder / "whole.h5"


@pytest.fixture(scope="module")
def lepton(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lepton")
    input_path = write(folder, LEPTON.replace("epoch_seconds: 0.1", "epoch_seconds: 0.05"))
    return input_path, whole(folder, input_path)


@pytest.fixture(scope="module")
def freeze_in(tmp_path_factory):
    folder = tmp_path_factory.mktemp("freeze_in")
    input_path = write(folder, FREEZE_IN.replace("epoch_seconds: 0.1", "epoch_seconds: 0.02"))
    return input_path, whole(folder, input_path)


def kill_often(folder, input_path, reference, n_kills, into_creation=False):
    variables = dict(os.environ) | SETTINGS | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    arguments = [str(input_path), str(folder / "killed.h5"), str(reference), str(n_kills), str(into_creation)]
    done = subprocess.run(
        [sys.executable, "-c", KILL_OFTEN, *arguments], env=variables, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return json.loads(done.stdout)


@pytest.mark.parametrize("model", ["lepton", "freeze_in"])
def test_many_kills_of_one_process(model, request, tmp_path):
    input_path, reference = request.getfixturevalue(model)
    tally = kill_often(tmp_path, input_path, reference, 24)
    assert tally["kills"] >= 10
    assert len(set(tally["rows"])) >= 3, "the kills were to fall between different commits"
    assert tally["rows"] == sorted(tally["rows"]), "a kill lost a committed row"
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "killed.h5")
    assert code == 0, text
    assert_same_results(tmp_path / "killed.h5", reference)
    leftovers = {p.name for p in tmp_path.iterdir() if not p.name.startswith("log-")} - {"killed.h5", "killed.h5.lock"}
    assert not leftovers


def test_kills_during_the_creation_leave_no_broken_file(freeze_in, tmp_path):
    """Each time anew: the file is either whole or not there."""
    input_path, reference = freeze_in
    tally = kill_often(tmp_path, input_path, reference, 24, into_creation=True)
    assert tally["before_the_file"] >= 2 and tally["leftovers"] >= 1, "the kills were to come before the file is there"


@pytest.mark.mpi
@pytest.mark.parametrize("campaign", list(CAMPAIGNS))
def test_killed_ranks_and_jobs_lose_nothing(campaign, tmp_path):
    """A sample of what `kill_campaign.py` does at length."""
    tally = kill_campaign(tmp_path, campaign, kills=12, seed=5)
    assert tally["kills"] >= 12 and tally["rows checked"] and tally["campaigns completed"]
    assert all(tally[f"victim: {victim}"] for victim in VICTIMS)
