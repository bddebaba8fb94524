"""The interface between a system of kinetic equations and everything that runs it.

A model is a system of momentum modes that talk to each other only through a few moments.  It declares its
parameters, settings and observables, and solves one `Problem` as a pure function of (problem, state).  The
campaign engine knows models through this file alone, so a model is one file: a user's own, or one of `models/` and a
line in its registry.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from hpc_nu.result_codes import ResultCode
from hpc_nu.solver.momentum_grid import MomentumGrid


@dataclass(frozen=True)
class Parameter:
    """A number that distinguishes one point of a campaign from another.

    Attributes
    ----------
    unit : str
        Unit in which the model receives it: "GeV", "eV^2", "rad" or "1".
    low, high : float
        Closed range, in that unit, for which the equations hold.
    low_is_open : bool
        True where `low` itself is excluded (a mass must be positive).
    default : float or None
        None: the input file must give it.
    optional : bool
        True where the model has another source for it: it may be left out, and then no point has it.
    """

    name: str
    unit: str
    low: float
    high: float
    description: str
    symbol: str = ""
    low_is_open: bool = False
    default: float | None = None
    optional: bool = False


@dataclass(frozen=True)
class Setting:
    """A choice or a number that holds for a whole variation of a campaign (a hierarchy, a rate factor).

    Attributes
    ----------
    default : str, bool, int or float
        Its type is the type that is accepted (an int default takes integers only).
    choices : tuple of str
        Accepted words; empty for numbers and switches.
    or_file : bool
        Whether the path of a file is accepted beside the words: a text with a dot or a slash in it.
    unit : str
        As for `Parameter`; "1" for words, switches and plain numbers.
    """

    name: str
    default: Any
    description: str
    choices: tuple = ()
    low: float = -np.inf
    high: float = np.inf
    low_is_open: bool = False
    unit: str = "1"
    or_file: bool = False


@dataclass(frozen=True)
class Observable:
    """One dataset of the results file.

    Attributes
    ----------
    kind : str
        "scalar" (one number a task), "trajectory" (on the output temperatures), "spectrum" (on the output
        momenta) or "mode" (on the task's own momentum modes).
    only_with : str
        Name of a switch among the settings without which there is no such observable (nan in the rows of variations
        that do not have it, if another one does); empty if it is always there.
    """

    name: str
    unit: str
    long_name: str
    kind: str = "scalar"
    only_with: str = ""


SMALLEST_RTOL = 1e-12
"""With 1e-13 rounding is an error of that size in every step: steps shrink without end."""


@dataclass(frozen=True)
class SolverSettings:
    """Accuracy and budgets of one solve.

    Attributes
    ----------
    method : str
        Name of a tableau of `hpc_nu.solver.esdirk`.
    rtol : float
        Relative tolerance of one step, not below SMALLEST_RTOL.
    max_steps : int
        Attempted steps before the solve is given up.
    max_seconds : float
        Processor time before the solve is given up [s]: what else a machine does changes no result.
    """

    method: str = "esdirk54"
    rtol: float = 3e-6
    max_steps: int = 200_000
    max_seconds: float = 600.0

    def more_careful(self):
        """The settings of the one retry that a failed task gets."""
        rtol = max(self.rtol / 10, SMALLEST_RTOL)
        return SolverSettings(self.method, rtol, self.max_steps * 4, self.max_seconds * 2)

    def more_patient(self):
        """Those of the retry of one that ran out of time: on a faster machine it would not have been one."""
        return replace(self, max_seconds=self.max_seconds * 2)


@dataclass(frozen=True)
class Problem:
    """All that one task depends on.

    Attributes
    ----------
    point : mapping of str to float
        Every parameter of the model, in its unit; of the optional ones those that the input file gives.
    settings : mapping
        Every setting of the model.
    grid : MomentumGrid or None
        The momentum modes; None for models without any.
    temperatures : (n,) array [GeV]
        Output temperatures, decreasing.
    momenta : (n,) array
        Output momenta k/T.
    offsets : mapping of str to (float, float)
        Tuned value and offset of those parameters that the input file gives with `about`; `point` has their sum.
    """

    point: Mapping[str, float]
    settings: Mapping[str, Any]
    grid: MomentumGrid | None = None
    temperatures: np.ndarray = field(default_factory=lambda: np.empty(0))
    momenta: np.ndarray = field(default_factory=lambda: np.empty(0))
    solver: SolverSettings = SolverSettings()
    offsets: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def tuned(self, name):
        """Tuned value and offset of a parameter: its value and zero if it was not given with `about`."""
        return self.offsets.get(name, (self.point[name], 0.0))


@dataclass(frozen=True)
class Outcome:
    """What one call of `Model.solve` gives back.

    Attributes
    ----------
    observables : dict of dict
        Kind to name to value: a float, or an array on the grid of the kind; empty unless `code` is DONE.
    state : (n,) float64 array or None
        Where to continue, if `code` is PAUSED.
    message : str
        Why, if `code` is a failure.
    """

    code: ResultCode
    observables: dict = field(default_factory=dict)
    state: np.ndarray | None = None
    steps: int = 0
    rejected: int = 0
    message: str = ""

    @classmethod
    def of_evolution(cls, evolution, code, observables, where):
        """Of a stiff system that has run until it was done, failed, or paused.

        Parameters
        ----------
        evolution : hpc_nu.solver.evolution.Evolution
        code : ResultCode
            What its `run` gave.
        observables : callable
            () -> what it gives, if it has come to its end.
        where : callable
            z -> words for it, as "T = 5 GeV".
        """
        outcome = cls(code, steps=evolution.steps, rejected=evolution.rejected)
        if code == ResultCode.DONE:
            return replace(outcome, observables=observables())
        if code == ResultCode.PAUSED:
            return replace(outcome, state=evolution.pack())
        return replace(outcome, message=f"{code.name.lower()} at {where(evolution.z)}: {code.advice}")

    @classmethod
    def of_exception(cls, error):
        try:
            text = str(error)
        except Exception:  # noqa: BLE001 - an exception that cannot even be printed
            text = "no text"
        return cls(ResultCode.EXCEPTION, message=f"{type(error).__name__}: {text}")


class Preparation(NamedTuple):
    """What a solve needs and several tasks share.

    A rank makes it when it comes to the first of these tasks.

    Attributes
    ----------
    seconds : float
        To make it once.
    shared_by : tuple of str
        Parameters: tasks that agree in them share it; all tasks if there are none.
    what : str
        Its name, for people; empty if they can do nothing about it.
    key : hashable
        Variations of equal key share it too; None: they do not.
    of_the_grid : bool
        Whether each momentum grid has its own.
    kept : int
        How many of them a rank keeps.
    """

    seconds: float
    shared_by: tuple = ()
    what: str = ""
    key: Hashable = None
    of_the_grid: bool = True
    kept: int = 1


class Cost(NamedTuple):
    """What the tasks of one variation and momentum grid take: processor time on a core of some 3 GHz.

    Attributes
    ----------
    solve : float or (n_tasks,) array
        Each task, where all that it shares is there [s].
    preparations : tuple of Preparation
        What it shares, from what most tasks share to what fewest do.
    """

    solve: float | np.ndarray
    preparations: tuple = ()


class Model:
    """A system of equations.  Subclasses fill in the class attributes and at least `cost` and `solve`.

    Attributes
    ----------
    name : str
        The word for it in an input file.
    source_hash : str
        SHA-256 of the user's file that it is from; empty for the models of the package.
    reference : str
        Where the equations come from.
    grid_kinds : tuple of str
        Momentum grids that it accepts (names of `hpc_nu.solver.momentum_grid.GRID_KINDS`); empty if none.
    max_modes : int
        Most modes that it can solve for.
    warm_up : dict
        Parameters and settings with which all kernels are needed, where the defaults do not need them.
    can_pause : bool
        Whether `solve` asks `pause`.  A task that cannot be interrupted is not begun if the allocation may end first.
    """

    name: str = ""
    source_hash: str = ""
    title: str = ""
    reference: str = ""
    parameters: tuple = ()
    settings: tuple = ()
    observables: tuple = ()
    grid_kinds: tuple = ()
    max_modes: int = 4096
    warm_up: Mapping[str, Any] = MappingProxyType({})
    can_pause: bool = False

    def check(self, settings, temperatures):
        """What is wrong with a combination of settings that are each valid alone.

        Returns
        -------
        list of (str, str)
            Section of the input file ("settings" or "output.temperatures") and a complete sentence, for each problem.
        """
        return []

    def without_effect(self, settings, names, with_, expected):
        """Problems, as of `check`, of those of the settings `names` that are changed, `with_` another, in vain."""
        return [
            ("settings", f"{s.name} = {settings[s.name]} has no effect with {with_}; expected {expected}")
            for s in self.settings
            if s.name in names and settings[s.name] != s.default
        ]

    def tables(self, settings, points):
        """The tables that solves read from files.  Arguments as `check_points`.

        Returns
        -------
        dict of str to str
            Name to identity (a hash of what is in it): part of the problem, and recorded in the results.  The name of
            a file of the user's is its path as a setting gives it, of which the problem then does not depend.

        Raises
        ------
        ValueError
            If a file that the user gave is not such a table.
        """
        return {}

    def check_points(self, settings, points, temperatures):
        """What is wrong with the values of parameters and the output temperatures, for these settings.

        Parameters
        ----------
        points : dict of str to (n_tasks,) array
            In the units of the model.
        temperatures : (n,) array [GeV]

        Returns
        -------
        list of str
            A complete sentence for each problem.
        """
        return []

    def prepare(self, variations, points, communicator):
        """Build what many tasks share and what is not there yet; collective, before the first task.

        Parameters
        ----------
        variations : list of dict
            The settings that occur.
        points : dict of str to (n_tasks,) array
        communicator
            With `rank`, `size`, `bcast`, `gather` and `barrier`.
        """

    def seconds_to_prepare(self, variations, points):
        """Processor time [s] that `prepare` will take all ranks together; arguments as there."""
        return 0.0

    def cost(self, problem):
        """What tasks that differ in their points alone are expected to take, for the scheduler and `hpc-nu check`.

        Parameters
        ----------
        problem : Problem
            Of all these tasks: the values of `point` are (n_tasks,) arrays.

        Returns
        -------
        Cost
        """
        raise NotImplementedError

    def batch_key(self, problem):
        """Problems of equal key may be given to `solve_together`; None for a problem that is solved alone."""
        return None

    def solve_together(self, problems, pause: Callable[[], bool] = lambda: False):
        """Solve several problems of one `batch_key` from the start, faster than one after the other.

        Returns
        -------
        list of (Outcome or None)
            Bit for bit what `solve` gives, whatever the other problems are; None for those that are not finished when
            `pause()` is true, that fail, or that take long: they are to be solved alone.
        """
        raise NotImplementedError

    def solve(self, problem, state=None, pause: Callable[[], bool] = lambda: False):
        """Solve `problem` from the start, or from `state`, until done or until `pause()` is true.

        `pause` is asked between bundles of steps.  The result does not depend on where the pauses fall: bit
        for bit the same on the same processor type and library versions.

        Returns
        -------
        Outcome
        """
        raise NotImplementedError

    def outcome(self, problem, state=None, pause: Callable[[], bool] = lambda: False):
        """What `solve` gives, if it is what a solve may give: the engine's way to it, not for models to change.

        Raises
        ------
        TypeError
            If it is no `Outcome`, says that it is pending, or paused and cannot go on.
        """
        outcome = self.solve(problem, state, pause)
        if not isinstance(outcome, Outcome) or not isinstance(outcome.code, ResultCode):
            raise TypeError(f"the model's solve gave {outcome!r}, which is no Outcome with a ResultCode")
        if outcome.code == ResultCode.PENDING:
            raise TypeError("the model's solve gave an outcome that is pending")
        if outcome.code == ResultCode.PAUSED and (outcome.state is None or not self.can_pause):
            raise TypeError("the model's solve paused without a state, or although it cannot pause")
        return outcome
