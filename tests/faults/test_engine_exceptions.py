"""An exception in the engine on one rank ends the job within seconds, with its traceback and without a hang."""

import time

import pytest
from campaigns import TOY, write
from mpi import Run, hpc_nu
from toy_models import BEFORE

pytestmark = pytest.mark.mpi

RAISE = """
from mpi4py import MPI
from {module} import {owner} as owner
original = owner.{method}
def broken(self, *arguments):
    if MPI.COMM_WORLD.rank == {rank} {condition}:
        raise RuntimeError("a fault on rank {rank}")
    return original(self, *arguments)
owner.{method} = broken
"""


@pytest.mark.parametrize(
    ("module", "owner", "method", "rank", "condition"),
    [
        ("hpc_nu.campaign.results_file", "ResultsFile", "commit", 1, "and len(arguments[0])"),
        ("hpc_nu.campaign.worker", "Worker", "add", 2, ""),
        ("hpc_nu.campaign.schedule", "Schedule", "record", 0, ""),
        ("hpc_nu.campaign.checkpoint", "Checkpoint", "save", 0, ""),
    ],
    ids=["commit on a worker", "work arriving", "master in an epoch", "checkpoint"],
)
def test_a_fault_of_one_rank_ends_all(module, owner, method, rank, condition, tmp_path):
    before = BEFORE + RAISE.format(module=module, owner=owner, method=method, rank=rank, condition=condition)
    input_path = write(tmp_path, TOY + "settings: {nap: 0.01}\n")
    with Run(tmp_path, "run", input_path, "-o", "out.h5", ranks=3, before=before) as run:
        assert run.wait_for_text(f"RuntimeError: a fault on rank {rank}")
        seen = time.monotonic()
        assert run.wait(20) not in (0, 2, 3, 75), run.text
        assert time.monotonic() - seen < 10
        assert run.text.count("RuntimeError: a fault on rank") == 1


LONE = """
import os
if os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK")) in {ranks!r}:
    import sys
    sys.modules["h5py"] = None
"""


@pytest.mark.parametrize("ranks", [("1",), ("0",), ("0", "1", "2")])
@pytest.mark.parametrize("command", [["run", "input.yaml", "-o", "out.h5"], ["doctor"]])
def test_an_environment_that_is_wrong_on_some_ranks_ends_all_and_is_said(command, ranks, tmp_path):
    write(tmp_path, TOY)
    with Run(tmp_path, *command, ranks=3, before=LONE.format(ranks=ranks) + BEFORE) as run:
        assert run.wait(30) == 3, run.text
        assert "h5py" in run.text and "Traceback" not in run.text, run.text
        assert run.text.count("h5py does not load") == 1 or command == ["doctor"], run.text


@pytest.mark.parametrize("library", ["numba", "mpi4py"])
@pytest.mark.parametrize("rank", ["0", "1"])
def test_the_doctor_names_what_one_rank_lacks(library, rank, tmp_path):
    before = LONE.format(ranks=(rank,)).replace("h5py", library)
    with Run(tmp_path, "doctor", ranks=2, before=before) as run:
        assert run.wait(60) == 3, run.text
        assert f"{library} does not load" in run.text and "no problems found" not in run.text, run.text


REMOVES = """
import hpc_nu.campaign.results_file as module
original = module.ResultsFile.commit
def commit(self, rows):
    self.communicator.barrier()
    if self.communicator.rank == 0:
        {how}
    self.communicator.barrier()
    return original(self, rows)
module.ResultsFile.commit = commit
"""


@pytest.mark.parametrize(
    "how", ["__import__('os').remove('out.h5')", "__import__('shutil').copy('other.h5', 'out.h5')"]
)
def test_what_all_ranks_meet_is_said_once(how, tmp_path):
    """The output is gone, or another file."""
    input_path = write(tmp_path, TOY + "settings: {nap: 0.01}\n")
    with Run(tmp_path, "run", input_path, "-o", "other.h5", before=BEFORE) as run:
        assert run.wait() == 0, run.text
    with Run(tmp_path, "run", input_path, "-o", "out.h5", ranks=3, before=BEFORE + REMOVES.format(how=how)) as run:
        assert run.wait(30) == 3, run.text
        assert run.text.count("out.h5: ") == 1 and "Traceback" not in run.text, run.text


def test_a_commit_that_hangs_is_ended(tmp_path):
    """One rank waits inside of MPI for another that has left."""
    hangs = """
import time
import hpc_nu.campaign.farm as farm
import hpc_nu.campaign.results_file as module
farm._LONGEST_COMMIT = 2.0
original = module.ResultsFile.commit
def commit(self, rows):
    if self.communicator.rank == 1:
        time.sleep(1000)
    return original(self, rows)
module.ResultsFile.commit = commit
"""
    with Run(tmp_path, "run", write(tmp_path, TOY), "-o", "out.h5", ranks=2, before=BEFORE + hangs) as run:
        assert run.wait(30) not in (0, 2, 3, 75), run.text
        assert "Timeout" in run.text, run.text


@pytest.mark.parametrize("ranks", [None, 2])
def test_too_few_open_files_are_said_before_mpi_starts(ranks, tmp_path):
    few = "\nimport os, resource\nn = len(os.listdir('/proc/self/fd')) + 30\n"
    few += "resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))\n"
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, TOY), "-o", "out.h5", ranks=ranks, before=BEFORE + few)
    assert code == 3 and "more files cannot be opened" in text and "MPI_INIT" not in text, text


@pytest.mark.parametrize("ranks", [None, 2])
def test_too_few_open_files_are_said_before_anything_else(ranks, tmp_path):
    few = "n = len(os.listdir('/proc/self/fd')) + 8; resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))"
    late = f"\nimport os, resource, hpc_nu.campaign.run as run\ndef few():\n    {few}\n"
    late += "original = run.want_open_files\nrun.want_open_files = lambda n: (few(), original(n))\n"
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, TOY), "-o", "out.h5", ranks=ranks, before=BEFORE + late)
    assert code == 3 and text.count("ulimit -n 1024") == 1 and not (tmp_path / "out.h5").exists(), text
