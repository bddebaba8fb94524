"""An exception in the engine on one rank ends the job within seconds, with its traceback and without a hang."""

import time

import pytest
from campaigns import TOY, write
from mpi import Run
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
