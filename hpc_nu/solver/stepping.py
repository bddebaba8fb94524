"""The step loop of stiff systems, du/dz = f(z, u), compiled for each class of equations.

Equations are a NamedTuple of arrays and numbers whose methods are the hooks of `hpc_nu.solver.hooks`:

    @stiff
    class Decay(NamedTuple):
        rates: np.ndarray
        atol: np.ndarray

        def slope(self, z, u, out): ...
        def jacobian(self, z, u, arrow): ...
        def structure(self): ...

The methods are compiled by numba, but for `structure`, `workspace` and `record`, and can be called from Python as well.
`hpc_nu.solver.evolution` takes a system from its start to its end.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.solver import newton
from hpc_nu.solver.esdirk import (
    STEP_ACCEPTED,
    STEP_UNDERFLOW,
    Z,
    begin_step,
    end_step,
    error_estimate,
    stage_derivative,
    stage_residual,
)
from hpc_nu.solver.hooks import accept, error_norm, slope, solve_stage

# What the loop says.
RUNNING, AT_STOP, UNDERFLOW, NOT_FINITE = 0, 1, 2, 3


class Stage(NamedTuple):
    """One implicit stage: U = r + tau f(z, U).

    Attributes
    ----------
    number : int
        From 1, as the first stage of a step is explicit.
    rtol : float
        Tolerance of the step.
    old : (n,) array
        u at the beginning of the step.
    slope_before : (n,) array
        Slope at the stage before.
    residual : (n,) array
        r.
    """

    number: int
    z: float
    tau: float
    rtol: float
    old: np.ndarray
    slope_before: np.ndarray
    residual: np.ndarray


class State(NamedTuple):
    """All that a solve knows between two steps.

    Attributes
    ----------
    clock : (CLOCK_SIZE,) array
        See `hpc_nu.solver.esdirk`.
    u, slope : (n,) arrays
    memory : (memory_size,) array
        What `accept` keeps.
    """

    clock: np.ndarray
    u: np.ndarray
    slope: np.ndarray
    memory: np.ndarray


# ------------------------------------------------------------------------------------------- what need not be written


def _error_norm(self, error, old, new, work):
    """Largest error, each in units of the unknown; `atol` (n,) are absolute tolerances in units of rtol."""
    worst = total = 0.0
    for n in range(error.size):
        ratio = abs(error[n]) / (self.atol[n] + max(abs(old[n]), abs(new[n])))
        worst, total = max(worst, ratio), total + ratio
    return worst if np.isfinite(total) else np.nan  # max() alone loses nan


def _accept(self, z, h, old, new, k, memory):
    pass


def _workspace(self):
    return newton.workspace(*self.structure())


def _record(self, u):
    return u


_DEFAULTS = {
    "error_norm": _error_norm,
    "accept": _accept,
    "solve_stage": newton.solve_stage,
    "workspace": _workspace,
    "record": _record,
    "memory_size": 0,
    "first_step": 1e-3,
    "max_step": np.inf,
    "same_stop": 0.0,
}


def stiff(equations):
    """Class decorator: `equations`, a NamedTuple with methods, with defaults for what it does not have.

    A class has `slope`, and then either `jacobian` and `structure` for the default stage, `hpc_nu.solver.newton`, or
    `solve_stage` and `workspace`: what the stage, and `error_norm`, work in.  `error_norm` is by default the largest
    error over the unknown or its absolute tolerance in the field `atol` (n,), in units of rtol.  `record(u)` gives what
    is kept of u at a stop, by default u, and `accept` sees every step, with a memory of `memory_size` numbers, zero at
    the start.  `first_step` and `max_step` are in z; stops as close as `same_stop` in z are one.

    Raises
    ------
    TypeError
        If something is missing that has no default.
    """
    missing = [] if hasattr(equations, "slope") else ["a method slope(self, z, u, out)"]
    if not hasattr(equations, "solve_stage"):
        forms = {"jacobian": "jacobian(self, z, u, arrow)", "structure": "structure(self)"}
        missing += [f"a method {form}" for name, form in forms.items() if not hasattr(equations, name)]
    if not hasattr(equations, "error_norm") and not hasattr(equations, "atol"):
        missing.append("a field atol, or a method error_norm(self, error, old, new, work)")
    if missing:
        raise TypeError(f"{equations.__qualname__}: as equations it needs {', '.join(missing)}")
    for name, default in _DEFAULTS.items():
        if not hasattr(equations, name):
            setattr(equations, name, default)
    return equations


# ---------------------------------------------------------------------------------------------------------- the loop


def _advance(e, attempts, z_stop, tableau, rtol, max_step, state, work):
    """Attempt up to `attempts` steps towards `z_stop`; `state` is updated in place, and calling again continues.

    Returns
    -------
    int
        RUNNING, AT_STOP, UNDERFLOW or NOT_FINITE.
    """
    a, c, clock, u = tableau.a, tableau.c, state.clock, state.u
    n_stages = c.size
    k = np.empty((n_stages, u.size))
    k[0] = state.slope
    residual, new = np.empty(u.size), np.empty(u.size)
    for _ in range(attempts):
        z, h, is_solved = clock[Z], begin_step(clock, z_stop), True
        tau = a[1, 1] * h
        for i in range(1, n_stages):
            stage_residual(a, i, h, u, k, residual)
            is_solved = solve_stage(e, Stage(i, z + c[i] * h, tau, rtol, u, k[i - 1], residual), new, work)
            if not is_solved:
                break
            stage_derivative(new, residual, tau, k[i])
        error = np.inf
        if is_solved:
            error_estimate(tableau.error_weights, h, k, residual)
            error = error_norm(e, residual, u, new, work) / rtol
        verdict = end_step(clock, h, z_stop, error, tableau.order, max_step)
        if verdict == STEP_UNDERFLOW:
            is_finite = np.isfinite(error) if is_solved else np.all(np.isfinite(new))
            return UNDERFLOW if is_finite else NOT_FINITE
        if verdict == STEP_ACCEPTED:
            accept(e, z, h, u, new, k, state.memory)
            u[:] = new
            k[0] = k[n_stages - 1]
            state.slope[:] = k[0]
            if clock[Z] == z_stop:
                return AT_STOP
    return RUNNING


def _set_slope(e, z, u, out):
    slope(e, z, u, out)


@cache
def _compiled_for(equations):
    """The two above for a class of equations."""
    return tuple(compiled(function, of=equations) for function in (_advance, _set_slope))


def advance(equations, *arguments):
    """See `_advance`."""
    return _compiled_for(type(equations))[0](equations, *arguments)


def set_slope(equations, z, u, out):
    """`slope`, compiled."""
    _compiled_for(type(equations))[1](equations, z, u, out)
