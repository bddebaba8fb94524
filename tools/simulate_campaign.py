#!/usr/bin/env python3
"""What a campaign would achieve on more ranks than there are here: the protocol of the farm, event by event.

    python tools/benchmark_engine.py                                measures what messages and commits cost
    python tools/simulate_campaign.py benchmark_engine.json         prints efficiencies, draws simulation.png (minutes)
    python tools/simulate_campaign.py --quick                       up to 1000 ranks, with the costs in `MEASURED`

Simulated are the requests, one after the other at their master, each with its answer of the package's own `Schedule`;
the way of the messages; what a rank spends on a task besides solving it; and the commits, in which all ranks stop.  Not
simulated: contention in network and file system, noise, the start of the processes, failures.  A commit costs what was
measured here, with the rows that all ranks write through one file at the measured rate, and grows with the logarithm of
the ranks: a file system of a supercomputer may be faster in rows and slower in latency.

Efficiency is the work of all tasks over ranks times wall time.  Task times are lognormal about their mean with a spread
of 0.5 in the logarithm, and predicted as the mean alone.  A campaign has a minute of work and 40 tasks for every rank,
but at most `MOST_TASKS` tasks.  With several masters the ranks are split into as many
groups, each with an equal share of the tasks dealt out beforehand.
"""

import argparse
import heapq
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hpc_nu.campaign.expected_cost import ExpectedCost
from hpc_nu.campaign.farm import COMPUTING_MASTER_RANKS
from hpc_nu.campaign.schedule import Schedule


class Costs(NamedTuple):
    """Seconds.

    Attributes
    ----------
    request, request_task : float
        Processor time of the master for one request with its answer, and on top for each task in it.
    latency : float
        From sending a message until its receiver looks at it.
    task : float
        What a rank spends on a task besides solving it.
    commit, commit_row : float
        A commit without rows on two ranks, and on top for each row.
    step : float
        How long a solve goes on before it can pause: every commit waits for it.
    """

    request: float = 0.0
    request_task: float = 0.0
    latency: float = 0.0
    task: float = 0.0
    commit: float = 0.0
    commit_row: float = 0.0
    step: float = 0.0


MEASURED = Costs(8.6e-5, 1e-7, 3.3e-4, 9.0e-5, 9.3e-3, 1.7e-6, 2e-3)
"""By `tools/benchmark_engine.py` on two cores of an AMD EPYC without other work, Open MPI 4.1.4, a local disk."""

TASK_SECONDS = (2e-3, 0.1, 10.0)
RANKS = (1, 2, 10, 100, 1000, 10_000, 100_000)
SECONDS_PER_RANK = 60.0
LEAST_TASKS_PER_RANK = 40
MOST_TASKS = 4_000_000
RANKS_PER_MASTER = 1000


class Result(NamedTuple):
    """One simulated campaign.

    Attributes
    ----------
    wall : float
        From the first request to the end of the last commit [s].
    efficiency : float
        Work over ranks times wall time.
    bound : float
        The least possible wall time: the longest task, or the work shared evenly [s].
    lost : dict of str to float
        Share of the ranks' time that went elsewhere.
    """

    wall: float
    efficiency: float
    bound: float
    lost: dict


class _Group(NamedTuple):
    """What became of the ranks under one master, without the commits.

    Attributes
    ----------
    end : float
        When its last task was done [s].
    busy : float
        How long its master served [s].
    waited : float
        For answers, summed over the ranks [s].
    """

    end: float
    busy: float
    waited: float


def simulate(seconds, n_ranks, costs=MEASURED, classes=None, predicted=None, masters=1, epoch_seconds=60.0):
    """Run a campaign.

    Parameters
    ----------
    seconds : (n_tasks,) array
        What each task takes.
    classes : (n_tasks,) int array or None
        Its cost class; None: all of one.
    predicted : (n_tasks,) array or None
        What is expected beforehand; None: the mean of all.

    Returns
    -------
    Result
    """
    seconds = np.asarray(seconds, dtype=float)
    classes = np.zeros(len(seconds), dtype=np.int64) if classes is None else classes
    predicted = np.full(len(seconds), seconds.mean()) if predicted is None else predicted
    serving = n_ranks > COMPUTING_MASTER_RANKS * masters
    workers = np.diff(np.linspace(0, n_ranks, masters + 1).astype(int)) - serving
    groups = [
        _group(seconds[i::masters], classes[i::masters], predicted[i::masters], int(n), serving, costs)
        for i, n in enumerate(workers)
    ]
    work, end = seconds.sum(), max(group.end for group in groups)
    n_commits = max(1, np.ceil(end / epoch_seconds))
    commits = n_commits * (costs.commit * max(1.0, np.log2(n_ranks)) + costs.step * (n_ranks > 1))
    commits += costs.commit_row * len(seconds)
    wall = end + commits
    spent = {
        "masters": serving * masters * end,
        "tasks' overhead": costs.task * len(seconds),
        "waiting for answers": sum(group.waited for group in groups),
        "commits": commits * n_ranks,
    }
    spent["unequal ends"] = wall * n_ranks - work - sum(spent.values())
    lost = {name: value / (wall * n_ranks) for name, value in spent.items()}
    lost["busiest master"] = max(group.busy for group in groups) / end
    return Result(wall, work / (wall * n_ranks), max(seconds.max(), work / n_ranks), lost)


def _group(seconds, classes, predicted, n_workers, serving, costs):
    schedule = Schedule(ExpectedCost(predicted), classes, np.arange(len(seconds)), n_workers + serving)
    # When a request reaches the master, who sent it and when, and what it reports.  Rank 0 asks itself.
    events = [(0.0 if rank == 0 and not serving else costs.latency, rank, 0.0, 0, 0, 0.0) for rank in range(n_workers)]
    free, busy, waited, end = 0.0, 0.0, 0.0, 0.0
    heapq.heapify(events)
    while events:
        arrived, rank, sent, task_class, n_done, spent = events[0]
        schedule.record(task_class, n_done, spent)
        tasks = schedule.batch()
        if not len(tasks):
            heapq.heappop(events)
            continue
        alone = rank == 0 and not serving
        service = 0.0 if alone else costs.request + costs.request_task * len(tasks)
        free = max(arrived, free) + service
        busy += service
        begins = sent if alone else free + costs.latency
        waited += begins - sent
        spent = float(seconds[tasks].sum())
        ends = begins + spent + costs.task * len(tasks)
        end = max(end, ends)
        heapq.heapreplace(
            events,
            (ends if alone else ends + costs.latency, rank, ends, int(classes[tasks[0]]), len(tasks), spent),
        )
    return _Group(end, busy, waited)


def campaign(seconds, n_ranks):
    """Times of the tasks of a campaign for so many ranks: (n_tasks,) array [s]."""
    n_tasks = int(min(MOST_TASKS, n_ranks * max(LEAST_TASKS_PER_RANK, SECONDS_PER_RANK / seconds)))
    return np.random.default_rng(1).lognormal(np.log(seconds) - 0.125, 0.5, n_tasks)


def limit(result):
    """What took most of what was lost."""
    shares = {name: share for name, share in result.lost.items() if name != "busiest master"}
    name = max(shares, key=shares.get)
    return f"{name} {shares[name]:.1%}"


def draw(results, path):
    """Efficiency against ranks, a colour for each length of tasks, dashed with several masters."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    picture, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for i, seconds in enumerate(TASK_SECONDS):
        for several, style in ((False, "o-"), (True, "s--")):
            line = [(n, r.efficiency) for (s, n, m), r in results.items() if s == seconds and (m > 1) == several]
            if line:
                label = f"tasks of {seconds:g} s" + (f", a master per {RANKS_PER_MASTER} ranks" if several else "")
                axes.semilogx(
                    *zip(*line, strict=True), style, color=f"C{i}", mfc="none" if several else None, label=label
                )
    axes.set_xlabel("ranks")
    axes.set_ylabel("efficiency")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    picture.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("measured", nargs="?", help="JSON file of tools/benchmark_engine.py (default: MEASURED)")
    parser.add_argument("--quick", action="store_true", help="up to 1000 ranks")
    parser.add_argument("-o", "--output", default="simulation.png", help="the plot (%(default)s)")
    arguments = parser.parse_args()
    costs = Costs(**json.loads(Path(arguments.measured).read_text())["costs"]) if arguments.measured else MEASURED
    print(", ".join(f"{name} {value:.2g} s" for name, value in costs._asdict().items()))
    print(f"\n{'task':>8s} {'ranks':>7s} {'masters':>7s} {'tasks':>8s} {'wall':>9s} {'efficiency':>10s} {'/bound':>7s} "
          f"{'master busy':>11s}   most lost to")  # fmt: skip
    results = {}
    for seconds in TASK_SECONDS:
        for n_ranks in RANKS[:5] if arguments.quick else RANKS:
            times = campaign(seconds, n_ranks)
            for masters in (1, n_ranks // RANKS_PER_MASTER):
                if masters < 1 or (seconds, n_ranks, masters) in results:
                    continue
                result = results[seconds, n_ranks, masters] = simulate(times, n_ranks, costs, masters=masters)
                print(
                    f"{seconds:6g} s {n_ranks:7d} {masters:7d} {len(times):8d} {result.wall:7.1f} s"
                    f" {result.efficiency:10.1%} {result.wall / result.bound:7.2f}"
                    f" {result.lost['busiest master']:11.1%}   {limit(result)}",
                    flush=True,
                )
    draw(results, arguments.output)


if __name__ == "__main__":
    main()
