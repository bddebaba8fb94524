"""One solve of a stiff system: from stop to stop to its end, within its budgets, with pauses.

The result does not depend on where the pauses fall: bit for bit the same.
"""

from time import thread_time

import numpy as np

from hpc_nu.result_codes import ResultCode
from hpc_nu.solver.esdirk import ACCEPTED, REJECTED, TABLEAUX, Z, new_clock
from hpc_nu.solver.stepping import AT_STOP, NOT_FINITE, UNDERFLOW, State, advance, set_slope

ATTEMPTS = 64
"""Steps between two looks at the clock; fewer where they take long."""

_LOOK_SECONDS = 0.1  # a pause should not have to wait much longer


class Evolution:
    """Where a solve is, and what it has recorded.

    Parameters
    ----------
    equations : equations, or list of them
        See `hpc_nu.solver.stepping.stiff`.  Those between each two stops, where there is a list: where they are others
        than before, their coefficients may jump; they share one workspace.
    stops : (n_stops,) array
        z, rising: where the solve starts, where it lands exactly, and where it ends.
    solver : hpc_nu.models.interface.SolverSettings
        Method, tolerance and budgets.
    start : (n,) array
        u at the first stop.
    state : flat array, optional
        What `pack` gave: goes on there.

    Attributes
    ----------
    state : State
    records : (n_stops, n_recorded) array
        What the equations recorded at the stops; nan beyond the last one that was reached.
    stop : int
        Index of the next stop.
    """

    def __init__(self, equations, stops, solver, start, state=None):
        self.pieces = equations if isinstance(equations, list) else [equations] * (len(stops) - 1)
        self.stops, self.solver, self.tableau = stops, solver, TABLEAUX[solver.method]
        first = self.pieces[0]
        clock, memory = new_clock(stops[0], first.first_step), np.zeros(first.memory_size)
        self.state = State(clock, np.array(start, float), np.empty(len(start)), memory)
        recorded = first.record(self.state.u)
        self.records, self.stop = np.full((len(stops), len(recorded)), np.nan), 1
        if state is None:
            self.records[0] = recorded
            set_slope(first, self.z, self.state.u, self.state.slope)
        else:
            self._unpack(state)

    # The state is one flat array, so that the engine can send and store it without knowing what it means.

    def pack(self):
        return np.concatenate([[self.stop], *self.state, self.records.ravel()])

    def _unpack(self, state):
        sizes = [1, *(len(part) for part in self.state)]
        (stop,), *parts, records = np.split(np.array(state), np.cumsum(sizes))
        self.stop, self.state = int(stop), State(*parts)
        self.records = records.reshape(self.records.shape)

    @property
    def z(self):
        """Where the solve is now."""
        return self.state.clock[Z]

    @property
    def steps(self):
        return int(self.state.clock[ACCEPTED])

    @property
    def rejected(self):
        return int(self.state.clock[REJECTED])

    def next_stop(self):
        """The equations that hold until the next stop, and its z."""
        return self.pieces[self.stop - 1], self.stops[self.stop]

    def arrive(self):
        """Record what is asked for at a stop; True if it was the last."""
        before = self.pieces[self.stop - 1]
        self.records[self.stop] = before.record(self.state.u)
        self.stop += 1
        if self.stop == len(self.stops):
            return True
        beyond = self.pieces[self.stop - 1]
        if beyond is not before:
            set_slope(beyond, self.z, self.state.u, self.state.slope)
        return False

    def run(self, pause):
        """Step until the last stop, a failure, or `pause()`; asked after at most ATTEMPTS steps, or some 0.1 s.

        Returns
        -------
        ResultCode
        """
        work, rtol, at_once = self.pieces[0].workspace(), self.solver.rtol, ATTEMPTS
        started = looked = thread_time()
        while self.stop < len(self.stops):
            equations, z_stop = self.next_stop()
            verdict = AT_STOP
            if z_stop - self.z > equations.same_stop:
                attempts = max(1, min(at_once, self.solver.max_steps - self.steps - self.rejected))
                verdict = advance(equations, attempts, z_stop, self.tableau, rtol, equations.max_step, self.state, work)
            if verdict == UNDERFLOW:
                return ResultCode.STEP_TOO_SMALL
            if verdict == NOT_FINITE:
                return ResultCode.NOT_FINITE
            if verdict == AT_STOP and self.arrive():
                break
            if self.steps + self.rejected >= self.solver.max_steps:
                return ResultCode.STEP_BUDGET
            before, looked = looked, thread_time()
            if looked - started > self.solver.max_seconds:
                return ResultCode.TIME_BUDGET
            if looked - before > _LOOK_SECONDS:
                at_once = max(1, at_once // 2)
            if pause():
                return ResultCode.PAUSED
        return ResultCode.DONE
