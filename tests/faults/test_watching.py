"""`hpc-nu status` and `hpc-nu explain` while a campaign runs: they neither fail nor disturb it."""

import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
from campaigns import LEPTON, TOY, assert_same_results, write
from mpi import Run, hpc_nu
from toy_models import BEFORE

from hpc_nu import cli
from hpc_nu.campaign.checkpoint import Checkpoint, Suspended
from hpc_nu.campaign.errors import COMPLETE
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.results_file import ResultsFile
from hpc_nu.models.interface import Outcome
from hpc_nu.result_codes import ResultCode
from hpc_nu.single_process import SingleProcess

SLOW_TOY = TOY + "settings: {steps: 40, nap: 0.005}\n"

LOCKED = """
import sys, h5py
file = h5py.File(sys.argv[1], "r+", locking=True)
print("held", flush=True)
sys.stdin.read()
"""


def watch(capsys, *arguments):
    capsys.readouterr()
    code = cli.main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert code == COMPLETE, err
    return out


def numbers(text):
    """Of the lines done, failed, running, pending."""
    return [int(re.search(rf"^{word} +(\d+)", text, re.M)[1]) for word in ("done", "failed", "running", "pending")]


@pytest.mark.mpi
def test_watching_all_the_time_disturbs_no_run(alone, toys, tmp_path, capsys):
    """40 tasks of 0.2 s with a commit every 0.1 s: the readings fall into all phases of a commit."""
    input_path, output = write(tmp_path, SLOW_TOY), tmp_path / "out.h5"
    seen = []
    with Run(tmp_path, "run", input_path, "-o", output, ranks=2, before=BEFORE) as run:
        run.wait_until(output.exists)
        while run.is_running:
            seen.append(numbers(watch(capsys, "status", output)))
            watch(capsys, "explain", output, "--task", len(seen) % 40)
        assert run.wait() == COMPLETE, run.text
    done = [line[0] for line in seen]
    assert all(sum(line) == 40 for line in seen) and done == sorted(done)
    assert any(line[2] for line in seen), "no task was seen running"
    assert numbers(watch(capsys, "status", output)) == [40, 0, 0, 0]
    assert cli.main(["run", str(input_path), "-o", str(tmp_path / "unwatched.h5")]) == COMPLETE
    assert_same_results(output, tmp_path / "unwatched.h5")


def test_rows_without_their_status_count_as_pending(alone, toys, tmp_path, capsys):
    """What a reader meets in the middle of a commit."""
    plan = read_plan(write(tmp_path, TOY))
    results = ResultsFile(tmp_path / "out.h5", plan, SingleProcess())
    results.create()
    outcome = Outcome(ResultCode.DONE, {"scalar": {"end": 0.25}}, steps=3)
    results.commit(np.array([results.layout.row(task, outcome, 0.5, 1, 0) for task in range(10)]))
    with h5py.File(results.path, "r+", locking=False) as file:
        file["status"][5:10] = 0
    assert numbers(watch(capsys, "status", results.path)) == [5, 0, 0, 35]
    assert "status      0, pending" in watch(capsys, "explain", results.path, "--task", 7)
    assert "0.25" not in watch(capsys, "explain", results.path, "--task", 7)
    with h5py.File(results.path, "r+", locking=False) as file:
        file["status"][5:10] = 1
    assert numbers(watch(capsys, "status", results.path)) == [10, 0, 0, 30]
    assert "0.25" in watch(capsys, "explain", results.path, "--task", 7)


def test_no_lock_of_hdf5_is_asked_for(alone, toys, tmp_path, monkeypatch):
    """Neither kept from reading by another program's lock, nor in need of a file system that has locks."""
    output = tmp_path / "out.h5"
    assert cli.main(["run", str(write(tmp_path, TOY)), "-o", str(output)]) == COMPLETE
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING")  # set by the command above, for this process and its children
    command = [sys.executable, "-c", LOCKED, str(output)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            refused = [sys.executable, "-c", f"import h5py; h5py.File({str(output)!r}, 'r', locking=True)"]
            assert subprocess.run(refused, capture_output=True, timeout=60).returncode == 1, "nothing is locked"
            for arguments in (["status", output], ["explain", output, "--task", "3"]):
                code, text = hpc_nu(tmp_path, *arguments, before=BEFORE)
                assert code == COMPLETE, text
        finally:
            holder.stdin.close()


def test_running_tasks_and_the_time_to_go_come_from_checkpoint_and_rows(alone, toys, tmp_path, capsys):
    """10 of 40 tasks of 0.5 s are done; the prediction of 10 ms counts as one more that is finished."""
    plan = read_plan(write(tmp_path, TOY))
    results = ResultsFile(tmp_path / "out.h5", plan, SingleProcess())
    results.create()
    outcome = Outcome(ResultCode.DONE, {"scalar": {"end": 0.25}}, steps=3)
    rows = [results.layout.row(t, outcome, 0.5 + 0.25 * (t == 7) - 0.25 * (t == 8), 1, t % 2) for t in range(10)]
    results.commit(np.array(rows))
    suspended = [
        Suspended(3, 0, 9.0, 9.0, np.zeros(2)),
        Suspended(11, 0, 0.1, 0.1, np.zeros(2)),
        Suspended(12, 1, 0.2, 0.2, np.ones(2)),
    ]
    Checkpoint(results.path, plan.problem_hash).save(suspended)
    text = watch(capsys, "status", results.path)
    assert numbers(text) == [10, 0, 2, 28]  # task 3 has its row meanwhile
    assert "running     2 at the last commit, for longest task 12 (200 ms, second try), 11 (100 ms)" in text
    assert "slowest     task 7 (750 ms), 0 (500 ms)" in text
    expected = 30 * (0.01 + 5.0) / 11 - 0.3
    assert f"to go       about {expected:.0f} s on one rank, {expected / 2:.0f} s on the 2 that have worked" in text
    Checkpoint(results.path, plan.problem_hash).remove()
    (tmp_path / "out.h5.checkpoint").write_bytes(b"damaged")
    assert "passed over (it is damaged" in watch(capsys, "status", results.path)


def test_reasons_that_differ_in_numbers_alone_are_one(alone, toys, tmp_path, capsys):
    plan = read_plan(write(tmp_path, TOY))
    results = ResultsFile(tmp_path / "out.h5", plan, SingleProcess())
    results.create()
    messages = {4: "stopped at T = 3.5e-2 GeV", 5: "no such vacuum", 6: "stopped at T = 12 GeV"}
    rows = [
        results.layout.row(task, Outcome(ResultCode.EXCEPTION, message=text), 0.1, 2, 0)
        for task, text in messages.items()
    ]
    results.commit(np.array(rows))
    lines = watch(capsys, "status", results.path).splitlines()
    first = lines.index("exception: 2, first task 4: stopped at T = 3.5e-2 GeV")
    assert lines[first + 1 :] == [
        "exception: 1, first task 5: no such vacuum",
        f"`hpc-nu explain {results.path} --task 4` tells all about that task",
    ]


def test_the_commands_that_read_do_not_start_mpi(tmp_path):
    """On a login node it may not start, and end the process."""
    before = (
        "import atexit, sys\n"
        "def look():\n"
        "    from mpi4py import MPI\n"
        "    print('MPI was started:', MPI.Is_initialized())\n"
        "atexit.register(look)\n"
    )
    pytest.importorskip("mpi4py")
    input_path = write(tmp_path, LEPTON)
    for arguments in (["check", input_path], ["models"], ["status", "none.h5"], ["explain", "none.h5", "--task", "1"]):
        _, text = hpc_nu(tmp_path, *arguments, before=before)
        assert "MPI was started: False" in text, text
    assert "MPI was started: True" in hpc_nu(tmp_path, "run", write(tmp_path, LEPTON), "-o", "x/y.h5", before=before)[1]
