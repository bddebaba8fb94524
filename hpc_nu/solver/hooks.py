"""What the step loop asks of a system of equations; each is a method of the class of the equations.

Compiled code calls `slope(e, z, u, out)` and finds the method by the type of `e`.  numba keeps that choice in its cache
on disk, as it does not for a function that is passed as an argument: every process would compile the loop again.
`hpc_nu.solver.stepping.stiff` says what a class of equations is, and has the defaults.
"""

from numba.extending import overload


def slope(e, z, u, out):
    """Fill `out` (n,) with du/dz at `z`; where coefficients jump, with what holds after it."""


def jacobian(e, z, u, arrow):
    """Add the derivatives of the slope by u to `arrow`, which is an `Arrow` of zeros: for the default stage alone."""


def solve_stage(e, stage, new, work):
    """Fill `new` (n,) with the solution of U = r + tau f(z, U); `stage` is a `hpc_nu.solver.stepping.Stage`.

    Returns
    -------
    bool
        False if there is no solution, or none is found: the step is tried again with a tenth of its length.
    """


def error_norm(e, error, old, new, work):
    """Norm of an error of u, which is `old` at the beginning of the step and `new` at its end.

    In units of rtol: the step is accepted if it is at most rtol.  Not a number if anything is not finite.
    """


def accept(e, z, h, old, new, k, memory):
    """Look at an accepted step from z to z + h, and keep what is wanted of it in `memory`.

    `k` (n_stages, n) are the slopes at the stages: k[0] at the beginning of the step and k[-1] at its end.
    """


HOOKS = (slope, jacobian, solve_stage, error_norm, accept)


def choose_by_type(hook):
    # Inlined: each call of its own would copy the whole tuple, 0.1 us a stage.  Not strict: methods may say self for e.
    @overload(hook, strict=False, jit_options={"error_model": "numpy", "forceinline": True})
    def choose(e, *arguments):
        return getattr(e.instance_class, hook.__name__)


for _hook in HOOKS:
    choose_by_type(_hook)
