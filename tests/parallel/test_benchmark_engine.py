"""The benchmark of the engine runs, and what it measures is read by the simulation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mpi
import pytest

TOOLS = Path(__file__).parents[2] / "tools"
LIMIT = 300.0

pytestmark = pytest.mark.mpi


def run(folder, tool, *arguments):
    """Standard output of a tool."""
    mpi.require_mpirun()
    path = os.pathsep.join([str(TOOLS.parent), os.environ.get("PYTHONPATH", "")])
    environment = dict(os.environ) | mpi.SETTINGS | {"PYTHONPATH": path}
    command = [sys.executable, str(TOOLS / tool), "--quick", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode in (0, 1), done.stderr  # 1: a goal is missed, on a busy machine
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def test_the_engine_is_measured_and_the_simulation_reads_it(tmp_path):
    text = run(tmp_path, "benchmark_engine.py", "--parts", "overhead", "commits", "master")
    assert "mpi4py.futures, chunks of 50" in text and "not measured" in text
    costs = json.loads((tmp_path / "benchmark_engine.json").read_text())["costs"]
    assert costs["request"] > 0 and costs["task"] > 0 and costs["commit"] > 0 and min(costs.values()) >= 0
    run(tmp_path, "simulate_campaign.py", "benchmark_engine.json")
    assert (tmp_path / "simulation.png").stat().st_size > 1000
