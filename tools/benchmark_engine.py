#!/usr/bin/env python3
"""The campaign engine: overhead against others, balance, commits, resume, and what its master can serve.

    source tools/environment.sh
    python tools/benchmark_engine.py                  everything: tables, goals, benchmark_engine.json (ten minutes)
    python tools/benchmark_engine.py --quick          the same, smaller (a minute or two)
    python tools/benchmark_engine.py --smallest       whether all of it runs: seconds a part, whose numbers say nothing

Overhead: wall time per task of zero work, all methods in turns on the same ranks of one mpirun; median (least, most).
`hpc_nu` is the whole engine: its rows, checksums and commits to the file included.  The others hand an empty function
to their workers, or ("with our rows") one that does for a task what a rank of ours does, and collect the answers in
memory.  `MPIPoolExecutor` and `MPICommExecutor` are one pool, started in two ways.

Balance: wall time from the first request to the last task over its lower bound max(longest task, total/ranks), from
what the tasks took.  Tasks sleep, so that two cores stand for many ranks; the last campaign solves equations.

Master: processor time of a rank 0 that only serves.  What messages, tasks and commits cost goes into the JSON file for
`tools/simulate_campaign.py`, if all of it is measured.

The exit code is 1 if a goal is missed.  `pip install -e '.[peers]'` installs schwimmbad.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmark_solver import Goal
from benchmark_tasks import STEP, naps

TOOLS = Path(__file__).parent
LIMIT = 600  # seconds of a part on so many ranks: beyond, it hangs, and ends with 124
FULL, QUICK, SMALLEST = range(3)  # sizes

# Momentum grids of 5 to 82 modes, say: the dearest takes a hundred times the cheapest, and nobody knows beforehand.
GRIDS = {f"grid_{i}": {"shortest": s, "longest": 3 * s} for i, s in enumerate((0.004, 0.01, 0.03, 0.08, 0.2, 0.4))}
TAIL = {"shortest": 0.01, "tail": 1.5, "longest": 0.6, "predicted": 0.01}


def launch(part, folder, ranks=None, **options):
    """Run a part of `benchmark_engine_ranks.py`, on so many ranks; what it found."""
    program = [sys.executable, str(TOOLS / "benchmark_engine_ranks.py"), part, str(folder), json.dumps(options)]
    if ranks is not None:
        program = ["mpirun", "-n", str(ranks), *program]
    path = os.pathsep.join([str(TOOLS), str(TOOLS.parent), os.environ.get("PYTHONPATH", "")])
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | os.environ | {"PYTHONPATH": path}
    # By `timeout`, which lets mpirun end its ranks.
    program = ["timeout", "--foreground", "--kill-after=10", str(LIMIT), *program]
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{part} on {ranks} ranks ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def overhead(folder, size):
    """Least ratio of each of the others to the package over the numbers of ranks; processor time of a task [s]."""
    ratios = {}
    n_tasks, n_dear, rounds = ((100_000, 4000, 3), (4000, 300, 1), (100, 20, 1))[size]
    for ranks in (2,) if size else (2, 4):
        found = launch("overhead", folder, ranks, n_tasks=n_tasks, n_dear=n_dear, rounds=rounds)
        times, ours = found["times"], found["times"]["hpc_nu"][0]
        print(f"\nOverhead of a task on {ranks} ranks: microseconds, and over the package's", flush=True)
        for name, (median, least, largest) in times.items():
            print(f"    {name:45s} {median * 1e6:8.1f}  ({least * 1e6:.1f}-{largest * 1e6:.1f})  {median / ours:6.2f}")
            if name.startswith(("mpi4py", "schwimmbad")):
                ratios[name] = min(ratios.get(name, float("inf")), median / ours)
    print(f"    processor time of a task of the package: {found['processor'] * 1e6:.1f}")
    return ratios, found["processor"]


def balance(folder, size):
    """The worst ratio of the campaigns that sleep, and that of the real one."""
    print("\nBalance: wall time over the lower bound max(longest task, total/ranks)", flush=True)
    scale = (1.0, 0.1, 0.01)[size]
    ratios = []
    for name, text, all_ranks in (
        ("six grids, costs unknown", naps(int(200 * scale), variations=GRIDS, tail=2.0, predicted=0.01), (4, 16)),
        ("one class, heavy tail unknown", naps(int(3000 * scale), **TAIL), (4, 8)),
    ):
        for ranks in all_ranks[:1] if size else all_ranks:
            found = launch("balance", folder, ranks, text=text)
            ratios.append(found["ratio"])
            _print_balance(name, ranks, found)
    table_1 = (
        (TOOLS.parent / "inputs" / "broad_range.yaml")
        .read_text()
        .replace("points: 1024", f"points: {(256, 16, 2)[size]}")
    )
    found = launch("balance", folder, 2, text=table_1)
    _print_balance("lepton_asymmetry, all of Table 1", 2, found)
    return max(ratios), found["ratio"]


def _print_balance(name, ranks, found):
    print(
        f"    {name:34s} {ranks:3d} ranks  {found['tasks']:6d} tasks, mean {found['mean'] * 1e3:6.1f} ms,"
        f" longest {found['longest'] * 1e3:6.0f} ms: {found['makespan']:7.2f} s, ratio {found['ratio']:.3f}",
        flush=True,
    )


def commits(folder, size):
    """Share of the wall time in commits; and the seconds of an empty commit and of a row, from a second campaign."""
    epoch, nap = (60.0, 1.0, 0.2)[size], 2e-3
    rows = int(2.2 * epoch * 2 / (nap + 2e-4))
    found = launch("commits", folder, 2, n_tasks=rows, nap=nap, epoch_seconds=epoch)
    print(
        f"\nCommits every {epoch:g} s, {found['rows']} tasks of {nap * 1e3:g} ms on 2 ranks: {found['n']} commits,"
        f" {found['seconds']:.3f} s of {found['wall']:.1f} s, {found['share']:.2%}",
        flush=True,
    )
    often = launch("commits", folder, 2, n_tasks=150, nap=2e-2, epoch_seconds=0.1)
    empty = often["seconds"] / often["n"]
    row = max(0.0, found["seconds"] - found["n"] * empty) / found["rows"]
    print(f"    a commit of a few rows takes {empty * 1e3:.1f} ms, a row on top {row * 1e6:.1f} us", flush=True)
    return found["share"], empty, row


def resume(folder, size):
    """Seconds to the first task."""
    n_points = (100_000, 2000, 100)[size]
    launch("prepare_resume", folder, n_points=n_points)
    found = launch("resume", folder, 2, launched=time.time())
    print(f"\nResume of {n_points} points on 2 ranks: first task after {found['first_task']:.2f} s", flush=True)
    for stage, seconds in found["stages"].items():
        print(f"    {stage:60s} {seconds:6.2f} s")
    return found["first_task"]


def master(folder, size):
    """Shares of a core: idle, and per 1000 tasks a second; and the costs of a message."""
    print("\nA master that only serves", flush=True)
    n, n_idle = ((10_000, 100), (800, 30), (40, 4))[size]
    idle = launch("master", folder, 4, n_tasks=n_idle, nap=0.1)
    single = launch("master", folder, 4, n_tasks=n, batch_seconds=0.0)
    batches = launch("master", folder, 4, n_tasks=10 * n)
    round_trip = launch("master", folder, 2, n_tasks=n // 4, batch_seconds=0.0)
    for name, found in {
        "almost idle": idle,
        "zero work, task by task": single,
        "zero work, in batches": batches,
        "zero work, task by task, one worker": round_trip,
    }.items():
        print(
            f"    {name:37s} {found['tasks_per_second']:9.0f} tasks/s, {found['requests_per_second']:7.0f} requests/s:"
            f" {found['share_of_a_core']:6.1%} of a core",
            flush=True,
        )
    request = single["processor"] / single["requests"]
    in_batches = batches["share_of_a_core"] / batches["tasks_per_second"] * 1000
    print(f"    a request takes {request * 1e6:.0f} us of processor time, polling included", flush=True)
    trip = round_trip["wall"] / round_trip["requests"]
    return idle["share_of_a_core"], in_batches, request, trip


def costs(found):
    """What `simulate_campaign.py` reads."""
    request, trip = found["master"][2:]
    _, commit, row = found["commits"]
    _, task = found["overhead"]
    return {
        "request": request,
        "request_task": 1e-7,  # eight bytes to copy and to send
        "latency": max(0.0, (trip - request - task) / 2),
        "task": task,
        "commit": commit,
        "commit_row": row,
        "step": STEP,
    }


def goals(found):
    """All of them, those not measured too."""
    ratios, _ = found.get("overhead", ({}, None))
    unknown, real = found.get("balance", (None, None))
    idle, per_thousand, *_ = found.get("master", (None, None))
    peers = ("mpi4py.futures", "schwimmbad MPIPool", "mpi4py.futures, chunks of 50")
    names = [f"{peer}{rows}" for rows in ("", ", with our rows") for peer in peers]
    return [
        *(Goal(f"overhead: {name}, at least 5 times ours", ratios.get(name), 5) for name in names),
        Goal("balance: tasks that sleep, worst ratio at most 1.10", unknown, 1.10, False),
        Goal("balance: lepton_asymmetry, ratio at most 1.10", real, 1.10, False),
        Goal("commits: share of the wall time at most 0.02", found.get("commits", (None,))[0], 0.02, False),
        Goal("resume: first task after at most 10 s", found.get("resume"), 10.0, False),
        Goal("master: share of a core per 1000 tasks/s, at most 0.01", per_thousand, 0.01, False),
        Goal("master: share of a core when almost idle, at most 0.01", idle, 0.01, False),
    ]


PARTS = {f.__name__: f for f in (overhead, balance, commits, resume, master)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_const", const=QUICK, dest="size", help="few tasks: a minute or two")
    sizes.add_argument("--smallest", action="store_const", const=SMALLEST, dest="size", help="does it run?")
    parser.set_defaults(size=FULL)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    parser.add_argument("-o", "--output", default="benchmark_engine.json", help="costs (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {part: PARTS[part](folder, arguments.size) for part in arguments.parts}
    if {"overhead", "commits", "master"} <= found.keys():
        measured = {"costs": costs(found)}
        Path(arguments.output).write_text(json.dumps(measured, indent=1) + "\n")
    print("\nGoals")
    reached = goals(found)
    for goal in reached:
        print("  ", goal)
    return int(any(goal.verdict == "MISSED" for goal in reached))


if __name__ == "__main__":
    sys.exit(main())
