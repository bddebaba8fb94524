"""Runs of the benchmark: the package or a peer on one problem, its processor time, its error, and what counts.

Every solve runs in a process of its own, which is killed at its limit: compiled solvers can be stopped in no other way.
"""

import multiprocessing
import resource
import signal
from functools import cache, partial
from time import thread_time
from typing import NamedTuple

import benchmark_peers
import numpy as np

from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import SETTINGS, LeptonAsymmetry
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver import esdirk, momentum_grid

OURS = "hpc_nu"
LADDER = 10.0 ** -np.arange(1.0, 9.1, 0.5)  # rtol
LONG = 1.0  # seconds of a run that is not repeated
SHORT = 0.3  # seconds below which the first call in a process does not count: it finds everything cold


class Case(NamedTuple):
    """What is solved: `n_modes` 0 is momentum-averaged."""

    label: str
    n_modes: int
    point: dict
    t_end: float = 10.0
    kind: str = "equal_occupation"


# One run


@cache
def grid(kind, n_modes):
    return getattr(momentum_grid, kind)(n_modes) if n_modes else momentum_grid.averaged()


def problem(case, rtol):
    settings = {setting.name: setting.default for setting in SETTINGS} | {"T_end": case.t_end}
    solver = SolverSettings(rtol=rtol, max_steps=10**7)
    return Problem(case.point, settings, grid(case.kind, case.n_modes), solver=solver)


def solve(task):
    """Final asymmetries Y_Delta_a (3,) of the package, and the number of implicit stages."""
    outcome = LeptonAsymmetry().solve(task)
    assert outcome.code == ResultCode.DONE, outcome.message
    stages = len(esdirk.TABLEAUX[task.solver.method].c) - 1
    y = np.array([outcome.observables["scalar"][f"Y_Delta_{a}"] for a in ("e", "mu", "tau")])
    return y, stages * (outcome.steps + outcome.rejected)


def distance(got, expected):
    return np.max(np.abs(got - expected)) / np.max(np.abs(expected))


def solve_together(tasks):
    """The same (n_tasks, 3) of momentum-averaged problems side by side, those that take long alone after them."""
    model = LeptonAsymmetry()
    outcomes = [outcome or model.solve(task) for outcome, task in zip(model.solve_together(tasks), tasks, strict=True)]
    return np.array([[o.observables["scalar"][f"Y_Delta_{a}"] for a in ("e", "mu", "tau")] for o in outcomes])


def _clocked(task):
    """The answer of `task`, a text if it gave up, and its time by the thread's clock.

    That of a process with a limit ticks in steps of milliseconds.
    """
    started = thread_time()
    try:
        answer = task()
    except benchmark_peers.Failed as error:
        answer = str(error)
    return answer, thread_time() - started


def _in_child(task, limit, repeats, sender):
    """Send the answer of `task` and the median processor time of `repeats` runs, warm if they are short."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(np.ceil(limit)), resource.RLIM_INFINITY))
    answer, seconds = _clocked(task)
    if seconds < SHORT:
        seconds = np.median([_clocked(task)[1] for _ in range(repeats)])
    sender.send((answer, seconds))


def timed(task, limit, repeats=1):
    """(answer of `task`, median processor time), in a process of its own that is killed at the limit; None if it was.

    No solver can be interrupted in any other way.  The answer is a text if the solver gave up.  A task that takes long
    runs once, others once more than `repeats` times.
    """
    fork = multiprocessing.get_context("fork")  # inherits what is compiled, and the rate tables
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_in_child, args=(task, limit, repeats, sender))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        child.join()
        if child.exitcode != -signal.SIGXCPU:
            raise RuntimeError(f"a solver crashed (exit code {child.exitcode})") from None
    finally:
        child.join()


# Many runs


class Run(NamedTuple):
    """One run of a solver.

    `error` is inf where there is no answer, killed at the limit or given up by itself, and then `message` is what it
    said; `dearest` are the seconds of the costliest run of the ladder within the same target, or killed at a tighter
    tolerance; `asked` those at rtol equal to the target, negative where that run was killed after so many.
    """

    rtol: float
    error: float
    seconds: float
    calls: int
    killed: bool = False
    dearest: float = np.nan
    asked: float = np.nan
    message: str = ""


class Bench:
    """One case: its reference, and every solver on it."""

    def __init__(self, case, limit):
        self.case, self.limit = case, limit
        self.reference, _ = solve(problem(case, 1e-10))
        self.equations = None  # for the peers

    def task(self, solver, rtol):
        if solver == OURS:
            return partial(solve, problem(self.case, rtol))
        if self.equations is None:
            self.equations = benchmark_peers.equations(problem(self.case, rtol))
        return partial(benchmark_peers.integrate, solver, self.equations, rtol)

    def run(self, solver, rtol, repeats=1):
        result = timed(self.task(solver, rtol), self.limit, repeats)
        if result is None:
            return Run(rtol, np.inf, self.limit, 0, killed=True)
        answer, seconds = result
        if isinstance(answer, str):
            return Run(rtol, np.inf, seconds, 0, message=answer)
        return Run(rtol, distance(answer[0], self.reference), seconds, answer[1])

    def ladder(self, solver, targets):
        """Runs from loose to tight until the tightest target is met, or two in a row are killed."""
        runs = []
        for rtol in LADDER:
            runs.append(self.run(solver, rtol))
            if runs[-1].error <= min(targets) or (len(runs) > 1 and runs[-1].killed and runs[-2].killed):
                break
        return runs

    def compare(self, solvers, targets, rounds, out_of_reach=()):
        """The ladders of `solvers`, and the cheapest run within each target with the median of its times.

        Parameters
        ----------
        out_of_reach : collection of (solver, target)
            Not tried.

        Returns
        -------
        dict of str to list of Run; dict of (str, float) to Run
        """
        ladders = {}
        for solver in solvers:
            wanted = [target for target in targets if (solver, target) not in out_of_reach]
            ladders[solver] = self.ladder(solver, wanted) if wanted else []
        chosen = {}
        for solver, runs in ladders.items():
            for target in targets:
                within = [run for run in runs if run.error <= target]
                if within:
                    tighter = [run for run in runs if run.killed and run.rtol < within[0].rtol]
                    dearest = max(run.seconds for run in within + tighter)
                    chosen[solver, target] = min(within, key=lambda run: run.seconds)._replace(dearest=dearest)
        seconds = self.repeat(chosen, rounds)
        chosen = {
            key: run._replace(seconds=seconds[key], dearest=max(run.dearest, seconds[key]))
            for key, run in chosen.items()
        }
        return ladders, chosen

    def ask(self, ladders, chosen, rounds):
        """`chosen` with what a run at rtol = target takes, whatever its error."""
        asked = {}
        for solver, target in chosen:
            known = [run for run in ladders[solver] if np.isclose(run.rtol, target)]
            asked[solver, target] = known[0] if known else self.run(solver, target)
        seconds = self.repeat(asked, rounds)
        return {key: run._replace(asked=seconds[key]) for key, run in chosen.items()}

    def repeat(self, runs, rounds):
        """Median times of `runs`, which are repeated in turns unless they take long; negative for those killed."""
        times = {key: [run.seconds] if run.seconds > LONG or run.killed else [] for key, run in runs.items()}
        for _ in range(rounds):
            for (solver, target), run in runs.items():
                if run.seconds <= LONG and not run.killed:
                    repeats = 9 if run.seconds < 0.05 else 1
                    times[solver, target].append(self.run(solver, run.rtol, repeats).seconds)
        return {key: np.median(times[key]) * (-1 if run.killed else 1) for key, run in runs.items()}
