"""A second step loop: many fast unknowns f that relax, and a few slow ones y that f feeds; compiled for each class.

    df/dz = R(z, y) [f_eq(z, y) - f],    dy/dz = what f gains and loses, and what else there is.

With constant rates f after a step is known, and with it y, however fast f is.  What the rates in a step depend on, z
and y, is known at its beginning, and at its end for z; y there is extrapolated by its trend, the mean slope of the step
before.  This is of second order in the step.  By how much y comes out otherwise is h^2, and sets the steps: the error
is h^3, so that this miss may be rtol^(2/3), in units of the largest y.

Equations are a NamedTuple of arrays and numbers whose methods are the hooks below:

    @relaxing
    class Decay(NamedTuple):
        rates: np.ndarray
        columns = 1

        def surroundings(self): ...
        def workspace(self): ...
        def look(self, j, s, there): ...
        def relax(self, step, f, f_new, y_new, work): ...
        def record(self, f, y, row): ...

They are compiled, and found by type, as those of `hpc_nu.solver.hooks`.  Time is given by nodes, on which steps end and
where `columns` numbers are recorded, and by the part s of the way from node j to the next one, as for tables.
`Relaxation` takes a system from its start to its end.
"""

import math
from functools import cache
from time import thread_time
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver.hooks import choose_by_type

ATTEMPTS = 16
"""Steps until the first look at the clock; then as many as take some 0.1 s."""

SHORTEST = 1e-9
"""Of the way from one node to the next: a step that is to be shorter than this has failed."""

_LOOK_SECONDS = 0.1

# What the loop says.
RUNNING, AT_END, UNDERFLOW, NOT_FINITE = 0, 1, 2, 3
_CODES = {AT_END: ResultCode.DONE, UNDERFLOW: ResultCode.STEP_TOO_SMALL, NOT_FINITE: ResultCode.NOT_FINITE}

# The clock: the node behind, the part of the way to the next one, the part that the next step is to have, and counters.
NODE, PART, WANTED, ACCEPTED, REJECTED = range(5)


class Step(NamedTuple):
    """What the rates of a step are averaged over.

    Attributes
    ----------
    h : float
        Its length in z.
    here, there : tuples
        The surroundings at its beginning and at its end.
    y, expected : (n,) arrays
        The slow unknowns at its beginning, and at its end as extrapolated.
    """

    h: float
    here: tuple
    there: tuple
    y: np.ndarray
    expected: np.ndarray


class State(NamedTuple):
    """All that a solve knows between two steps: see above for `clock`; `trend` (n,) is the slope of y (n,)."""

    clock: np.ndarray
    y: np.ndarray
    trend: np.ndarray
    f: np.ndarray


# ------------------------------------------------------------------------------------- what it asks of the equations


def surroundings(e):
    """A NamedTuple of arrays, all that rates depend on but y; `look` fills them."""


def workspace(e):
    """What `relax` works in."""


def look(e, j, s, there):
    """Fill the surroundings `there` with those a part s behind node j.

    For s = 1 as for s = 0 at the next node, bit for bit: the loop looks once for both, and again after a pause.
    """


def relax(e, step, f, f_new, y_new, work):
    """Fill `f_new` and `y_new` with the unknowns after a `Step` from `f` and `step.y`, exactly for constant rates.

    Rates, of f and of y, are averages over the step, with y on its way from `step.y` to `step.expected`.
    """


def record(e, f, y, row):
    """Fill `row` (columns,) with what is kept of a node."""


HOOKS = (surroundings, workspace, look, relax, record)

for _hook in HOOKS:
    choose_by_type(_hook)


def relaxing(equations):
    """Class decorator: `equations`, a NamedTuple with the methods above.

    Raises
    ------
    TypeError
        If one is missing, or `columns`.
    """
    needed = [*(hook.__name__ for hook in HOOKS), "columns"]
    missing = [name for name in needed if not hasattr(equations, name)]
    if missing:
        raise TypeError(f"{equations.__qualname__}: as equations it needs {', '.join(missing)}")
    return equations


# ---------------------------------------------------------------------------------------------------------- the loop


def _advance(e, attempts, lengths, tolerance, least, state, records):
    """Attempt up to `attempts` steps towards the last node; `state` and `records` are updated in place.

    Parameters
    ----------
    lengths : (n_nodes - 1,) array
        In z, from node to node.
    tolerance : float
        Of y as extrapolated against y as it comes out, in units of the largest, or of `least` where all are below.
    records : (n_nodes, columns) array

    Returns
    -------
    int
        RUNNING, AT_END, UNDERFLOW or NOT_FINITE.
    """
    clock, y, trend, f = state
    here, there, work = surroundings(e), surroundings(e), workspace(e)
    y_new, f_new = np.empty_like(y), np.empty_like(f)
    look(e, int(clock[NODE]), clock[PART], here)
    for _ in range(attempts):
        j, s = int(clock[NODE]), clock[PART]
        part = (1.0 - s) / math.ceil((1.0 - s) / clock[WANTED])  # even ones up to the node
        if part < SHORTEST:
            return UNDERFLOW
        h, s_end = part * lengths[j], s + part if part < 1.0 - s else 1.0
        expected = y + trend * h
        look(e, j, s_end, there)
        relax(e, Step(h, here, there, y, expected), f, f_new, y_new, work)
        largest = np.max(np.abs(y_new))
        if not np.isfinite(largest):
            return NOT_FINITE
        scale = max(largest, least)
        error = np.max(np.abs(y_new - expected)) / (tolerance * scale) if scale > 0.0 else 0.0
        clock[WANTED] = part * min(2.0, max(0.3, 0.9 / math.sqrt(error + 1e-3)))
        if error > 1.0:
            clock[REJECTED] += 1
            continue
        trend[:] = (y_new - y) / h
        y[:], f[:] = y_new, f_new
        here, there = there, here
        clock[ACCEPTED] += 1
        clock[PART] = s_end
        if s_end == 1.0:
            clock[NODE], clock[PART] = j + 1, 0.0
            record(e, f, y, records[j + 1])
            if j + 1 == lengths.size:
                return AT_END
            clock[WANTED] *= lengths[j] / lengths[j + 1]
    return RUNNING


def _set_record(e, f, y, row):
    record(e, f, y, row)


@cache
def _compiled_for(equations):
    """The two above for a class of equations."""
    return tuple(compiled(function, of=equations) for function in (_advance, _set_record))


# -------------------------------------------------------------------------------------------------- from start to end


class Relaxation:
    """One solve: where it is, and what it has recorded; bit for bit the same wherever pauses fall.

    Parameters
    ----------
    equations : NamedTuple
        See `relaxing`.
    lengths : (n_nodes - 1,) array
        In z, from each node to the next: where the solve starts, lands exactly, and ends.
    solver : hpc_nu.models.interface.SolverSettings
        Tolerance and budgets.
    f : array
        The fast unknowns at the first node, in the shape that the equations want.
    y : (n,) array
        The slow ones.  y below 1e-3 of the largest of these counts as that.
    state : flat array, optional
        What `pack` gave: goes on there.

    Attributes
    ----------
    state : State
    records : (n_nodes, columns) array
        nan beyond the last node that was reached.
    """

    def __init__(self, equations, lengths, solver, f, y, state=None):
        self.equations, self.lengths, self.solver = equations, lengths, solver
        f, y = np.array(f, float), np.array(y, float)
        self.least = 1e-3 * np.max(np.abs(y))
        self.state = State(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), y, np.zeros(y.size), f)
        self.records = np.full((len(lengths) + 1, equations.columns), np.nan)
        self._advance, set_record = _compiled_for(type(equations))
        if state is None:
            set_record(equations, f, y, self.records[0])
        else:
            self._unpack(state)

    def pack(self):
        return np.concatenate([part.ravel() for part in (*self.state, self.records)])

    def _unpack(self, state):
        parts = (*self.state, self.records)
        for part, values in zip(parts, np.split(state, np.cumsum([part.size for part in parts[:-1]])), strict=True):
            part[...] = values.reshape(part.shape)

    @property
    def z(self):
        """Where the solve is now, from the first node."""
        j = int(self.state.clock[NODE])
        return self.lengths[:j].sum() + self.state.clock[PART] * self.lengths[j : j + 1].sum()

    @property
    def steps(self):
        return int(self.state.clock[ACCEPTED])

    @property
    def rejected(self):
        return int(self.state.clock[REJECTED])

    def run(self, pause):
        """Step until the last node, a failure, or `pause()`; asked every 0.1 s or so.

        Returns
        -------
        ResultCode
        """
        solver, at_once = self.solver, ATTEMPTS
        tolerance = solver.rtol ** (2 / 3)
        started = looked = thread_time()
        while True:
            attempts = min(at_once, solver.max_steps - self.steps - self.rejected)
            verdict = self._advance(
                self.equations, attempts, self.lengths, tolerance, self.least, self.state, self.records
            )
            if verdict != RUNNING:
                return _CODES[verdict]
            if self.steps + self.rejected >= solver.max_steps:
                return ResultCode.STEP_BUDGET
            before, looked = looked, thread_time()
            if looked - started > solver.max_seconds:
                return ResultCode.TIME_BUDGET
            if looked - before > _LOOK_SECONDS:
                at_once = max(1, at_once // 2)
            elif looked - before < _LOOK_SECONDS / 4:
                at_once *= 2
            if pause():
                return ResultCode.PAUSED
