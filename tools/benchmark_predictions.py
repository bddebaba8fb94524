#!/usr/bin/env python3
"""What `hpc-nu check` predicts against what it takes: processor time of whole campaigns on one rank.

    python tools/benchmark_predictions.py [INPUT ...]          all of inputs/ if none is named; ten minutes

Nothing is written and no other rank is there; kernels are loaded before the clock starts.  Processor time does not
depend on what else the machine does, or by a third at most.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

INPUTS = Path(__file__).resolve().parents[1] / "inputs"


def measured(path):
    """Predicted and measured processor time [s], and their shares by class, of one campaign."""
    from hpc_nu.campaign.expected_cost import expected_cost
    from hpc_nu.campaign.plan import read_plan
    from hpc_nu.campaign.row_layout import RowLayout
    from hpc_nu.campaign.schedule import Schedule
    from hpc_nu.campaign.wall_time import StopRequest
    from hpc_nu.campaign.warmup import compile_model
    from hpc_nu.campaign.worker import Worker

    plan = read_plan(path)
    compile_model(plan.model)
    cost, classes = expected_cost(plan), plan.task_class(slice(None))
    worker = Worker(plan, RowLayout(plan), 0, {}, StopRequest())
    schedule = Schedule(cost, classes, np.arange(plan.n_tasks), 1)
    started = time.process_time()
    while len(batch := schedule.batch()):
        worker.add(batch)
        while worker.queue:
            began, task_class = time.process_time(), worker.next_class()
            done = worker.solve_next(lambda: False)
            if done:
                schedule.record(task_class, done[0], time.process_time() - began)
        worker.take_rows()
    return plan.n_tasks, cost.total(), time.process_time() - started, schedule.factor.round(2).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", metavar="INPUT", default=sorted(INPUTS.glob("*.yaml")))
    print(f"{'campaign':40} {'tasks':>7} {'predicted':>10} {'took':>10} {'ratio':>6}  correction of each class")
    for path in parser.parse_args().inputs:
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:  # what one campaign keeps is not for the next
            n_tasks, predicted, took, factors = fresh.submit(measured, path).result()
        ratio = predicted / took
        print(f"{Path(path).stem:40} {n_tasks:7} {predicted:8.3g} s {took:8.3g} s {ratio:6.2f}  {factors}", flush=True)


if __name__ == "__main__":
    main()
