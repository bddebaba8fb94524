"""A model that does what a test wants: take its time, carry a large state, fail in every way a model can.

Its equation is the logistic map, so the slightest deviation after a pause would show in the result.
"""

import ctypes
import itertools
import os
import signal
import time

import numpy as np

from hpc_nu.models import MODELS  # noqa: F401 - a test adds to it
from hpc_nu.models.interface import Cost, Model, Observable, Outcome, Parameter, Setting, SolverSettings
from hpc_nu.result_codes import ResultCode

PLACES = {"toy": "toy_models:Toy"}

BEFORE = "import toy_models; toy_models.MODELS.update(toy_models.PLACES)"
"""For `mpi.Run`: makes hpc-nu know the toy models."""

LOG = "HPC_NU_TOY_LOG"
"""Variable that names a file to which every solve adds a line when it ends: process, start."""

RAISES, RAISES_AT_FIRST, LONG_MESSAGE, WRONG_SHAPE, DIES, EXITS, SEGFAULT, NO_MEMORY, ENDLESS = range(1, 10)
"""What can be wrong with a point (the parameter `trouble`)."""


class Toy(Model):
    name = "toy"
    title = "the logistic map"
    reference = "none"
    parameters = (
        Parameter("start", "1", 0.0, 1.0, "first value"),
        Parameter("trouble", "1", 0.0, 10.0, "what goes wrong; 0: nothing", default=0.0),
    )
    settings = (
        Setting("steps", 10, "number of steps", low=1),
        Setting("nap", 0.0, "time a step sleeps [s]", low=0.0),
        Setting("effort", 0.0, "processor time of a step [s]", low=0.0),
        Setting("state_size", 2, "numbers in the state", low=2),
        Setting("predicted", 0.01, "what a solve is said to take [s]", low=0.0),
    )
    can_pause = True
    observables = (Observable("end", "1", "last value"), Observable("path", "1", "value", "trajectory"))

    def cost(self, problem):
        return Cost(problem.settings["predicted"])

    def solve(self, problem, state=None, pause=lambda: False):
        settings, start, trouble = problem.settings, problem.point["start"], int(problem.point["trouble"])
        self._fail(trouble, problem.solver.rtol)
        step, x = (0, start) if state is None else (int(state[0]), state[1])
        while step < settings["steps"]:
            if step >= problem.solver.max_steps:
                return Outcome(ResultCode.STEP_BUDGET, steps=step, message=f"step_budget at step {step}")
            step, x = step + 1, 3.9 * x * (1 - x)
            busy_until = time.process_time() + settings["effort"]
            while time.process_time() < busy_until:
                pass
            time.sleep(settings["nap"])
            if step < settings["steps"] and pause():
                state = np.full(settings["state_size"], np.pi)
                state[:2] = step, x
                return Outcome(ResultCode.PAUSED, state=state, steps=step)
        if LOG in os.environ:
            with open(os.environ[LOG], "a") as log:
                log.write(f"{os.getpid()} {start!r}\n")
        scalars = {"end": np.zeros(3) if trouble == WRONG_SHAPE else x}
        path = np.full(len(problem.temperatures), x)
        return Outcome(ResultCode.DONE, {"scalar": scalars, "trajectory": {"path": path}}, steps=step)

    @staticmethod
    def _fail(trouble, rtol):
        if trouble == RAISES or (trouble == RAISES_AT_FIRST and rtol >= SolverSettings().rtol):
            raise ZeroDivisionError("no such vacuum")
        if trouble == LONG_MESSAGE:
            raise ValueError("\N{GREEK SMALL LETTER MU} " * 500)
        if trouble == DIES:
            os._exit(9)
        if trouble == EXITS:
            raise SystemExit(0)
        if trouble == SEGFAULT:
            ctypes.string_at(0)
        if trouble == NO_MEMORY:  # what the kernel does about it
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == ENDLESS:  # in compiled code, which lets no signal handler run
            sum(itertools.repeat(0))
