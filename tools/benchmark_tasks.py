"""Tasks that take a prescribed time, for measuring the engine: they sleep, so two cores stand for many ranks."""

import time

import numpy as np

from hpc_nu.models import MODELS
from hpc_nu.models.interface import Cost, Model, Observable, Outcome, Parameter, Setting
from hpc_nu.result_codes import ResultCode

STEP = 2e-3
"""Seconds between two moments at which a task can pause."""

N_SCALARS = 20
OBSERVABLES = tuple(f"y{i}" for i in range(N_SCALARS))


class Naps(Model):
    """A task sleeps for a time drawn from a Pareto distribution: `shortest` u^(-1/tail), at most `longest`."""

    name = "naps"
    title = "tasks that sleep"
    reference = "none"
    parameters = (Parameter("u", "1", 0.0, 1.0, "share of the tasks that take longer", low_is_open=True),)
    settings = (
        Setting("shortest", 0.0, "time of the shortest task [s]", low=0.0),
        Setting("longest", 0.0, "time of the longest task [s]", low=0.0),
        Setting("tail", 1.0, "exponent of the share of tasks above a time", low=0.0, low_is_open=True),
        Setting("predicted", 0.01, "what a task is said to take [s]", low=0.0),
    )
    observables = (*(Observable(name, "1", name) for name in OBSERVABLES), Observable("path", "1", "p", "trajectory"))

    def cost(self, problem):
        return Cost(problem.settings["predicted"])

    def solve(self, problem, state=None, pause=lambda: False):
        left = seconds_of(problem.point["u"], problem.settings) if state is None else float(state[0])
        while left > 0:
            started = time.perf_counter()
            time.sleep(min(left, STEP))
            left -= time.perf_counter() - started
            if left > 0 and pause():
                return Outcome(ResultCode.PAUSED, state=np.array([left]))
        scalars = dict.fromkeys(OBSERVABLES, problem.point["u"])
        path = np.full(len(problem.temperatures), problem.point["u"])
        return Outcome(ResultCode.DONE, {"scalar": scalars, "trajectory": {"path": path}})


def seconds_of(u, settings):
    """How long the task of share `u` sleeps [s]."""
    return np.minimum(settings["shortest"] * u ** (-1 / settings["tail"]), settings["longest"])


def use_naps():
    """Make the model known to this process."""
    MODELS["naps"] = "benchmark_tasks:Naps"


def naps(n_points, epoch_seconds=60.0, variations=None, **settings):
    """An input file."""
    lines = [
        "campaign: naps",
        "model: naps",
        "parameters: {u: {range: [1.0e-9, 1]}}",
        f"sample: {{kind: random, points: {n_points}, seed: 1}}",
        f"settings: {_flow(settings)}",
        f"run: {{epoch_seconds: {epoch_seconds}}}",
        "output: {temperatures: {log: [1000, 10], points: 20, unit: GeV}}",
    ]
    if variations:
        lines.append("variations:")
        lines += [f"  {name}: {_flow(overrides)}" for name, overrides in variations.items()]
    return "\n".join(lines) + "\n"


def _flow(values):
    return "{" + ", ".join(f"{name}: {float(value)!r}" for name, value in values.items()) + "}"
