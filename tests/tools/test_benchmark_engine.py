"""The benchmark of the engine runs, each part of it, and what it measures is read by the simulation."""

import json
import os
import sys
from pathlib import Path

import mpi
import pytest

TOOLS = Path(__file__).parents[2] / "tools"
LIMIT = 120.0
"""Seconds after which a program counts as hung."""

pytestmark = pytest.mark.mpi


def run(folder, tool, *arguments, ranks=None):
    """Exit code and output of a tool, of which nothing is left behind."""
    mpi.require_mpirun()
    program = [sys.executable, str(TOOLS / tool)]
    environment = {"PYTHONPATH": f"{TOOLS}{os.pathsep}{TOOLS.parent}"}
    return mpi.hpc_nu(folder, *arguments, limit=LIMIT, ranks=ranks, environment=environment, program=program)


def output_of(folder, tool, *arguments):
    code, text = run(folder, tool, *arguments)
    assert code in (0, 1) and "Traceback" not in text, text  # 1: a goal is missed, with few tasks on a busy machine
    return text


def test_the_engine_is_measured_and_the_simulation_reads_it(tmp_path):
    text = output_of(tmp_path, "benchmark_engine.py", "--smallest", "--parts", "overhead", "commits", "master")
    assert "mpi4py.futures, chunks of 50" in text and "not measured" in text
    costs = json.loads((tmp_path / "benchmark_engine.json").read_text())["costs"]
    assert costs["request"] > 0 and costs["task"] > 0 and costs["commit"] > 0 and min(costs.values()) >= 0
    output_of(tmp_path, "simulate_campaign.py", "--quick", "benchmark_engine.json")
    assert (tmp_path / "simulation.png").stat().st_size > 1000


@pytest.mark.parametrize(("part", "measured"), [("balance", "all of Table 1"), ("resume", "Resume of 100 points")])
def test_the_other_parts_run_too(part, measured, tmp_path):
    text = output_of(tmp_path, "benchmark_engine.py", "--smallest", "--parts", part)
    assert measured in text
    assert [line for line in text.splitlines() if f"   {part}: " in line and "not measured" not in line]


def test_a_rank_that_raises_ends_them_all(tmp_path):
    """Rank 0 finds no folder to write to, and the other one waits for it."""
    text = json.dumps({"text": "campaign: x"})
    code, text = run(tmp_path, "benchmark_engine_ranks.py", "balance", "nowhere", text, ranks=2)
    assert code != 0 and "FileNotFoundError" in text
