"""Implicit stages of systems whose Jacobian is an arrow: modes that talk to each other only through a thin border.

With c unknowns x of the border and K modes y_k of b unknowns each, the state is u = (x, y_0, ..., y_{K-1}), and

    A u = (corner x + sum_k rows_k y_k,  columns_0 x + blocks_0 y_0,  columns_1 x + blocks_1 y_1, ...)

is solved by block elimination, with the Schur complement S = corner - sum_k rows_k blocks_k^-1 columns_k of the border,
in O(K (b^3 + b^2 c + b c^2) + c^3).  All vectors are contiguous.

Linear stage of `esdirk`, (1 - tau A) U = r + tau g, as a model's compiled loop has it:

    <arrow = A(z_i), new = residual + tau g(z_i)>
    implicit_matrix(arrow, tau);  if factor(arrow): solve(arrow, new) else: <reject the step, as below>

Nonlinear stage, U = r + tau f(z, U), by simplified Newton iterations (1 - tau J) dU = r + tau f(z, U) - U: Hairer and
Wanner, Solving Ordinary Differential Equations II, sec. IV.8.  One attempted step is

    begin_newton(newton)
    for i in 1 ... n_stages - 1:
        stage_residual(...);  newton_start(residual, tau, k[i - 1], new)
        <arrow = J(z_i, new)>;  implicit_matrix(arrow, tau)
        verdict = GO_ON if factor(arrow) else FAILED
        while verdict == GO_ON:
            <slope = f(z_i, new)>;  newton_update(arrow, residual, tau, slope, new, update)
            verdict = newton_verdict(newton, <norm of update, in units of the tolerance>)
        if verdict == FAILED: break
        stage_derivative(...)
    error_estimate(...);  error = <norm of it> if verdict == CONVERGED else inf;  end_step(...)

where an infinite error makes `end_step` try again with a tenth of the step.  Nothing that an iteration has learnt is
kept from step to step, neither Jacobian nor rate of convergence: the state between two steps is still the clock, u and
its slope.  (One Jacobian for all stages of a step took a third more updates in the tests.)
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled

# What newton_verdict says.
CONVERGED, GO_ON, FAILED = 0, 1, 2

# Slots of `newton`: updates made in this stage, norm of the last one, largest eta of this step (see newton_verdict).
UPDATES, LAST_NORM, ETA, NEWTON_SIZE = range(4)

KAPPA = 0.01
"""Error allowed in a stage, in units of the tolerance.  An error d of U_j makes one of d/tau in k_j, which enters the
solution as sum_j |b_j|/gamma <= 27 times d where the problem is not stiff, and the error estimate as up to 3.4 d; the
slope that the next step begins with adds a tenth to that."""

MAX_UPDATES = 8
"""Most Newton updates of a stage: one that needs more is better served by a shorter step."""


class Arrow(NamedTuple):
    """An arrow matrix, and after `factor` its factors in the same place.

    Attributes
    ----------
    corner : (c, c) array
        Border to border; factored: LU of the Schur complement.
    columns : (K, b, c) array
        How the modes feel the border; factored: blocks^-1 columns.
    rows : (K, c, b) array
        How the border feels the modes.
    blocks : (K, b, b) array
        Each mode to itself; factored: LU.
    corner_swaps, block_swaps : (c,) and (K, b) arrays
        Row exchanges of the LUs.
    """

    corner: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    blocks: np.ndarray
    corner_swaps: np.ndarray
    block_swaps: np.ndarray


def new_arrow(n_modes, mode_size, border_size):
    """An arrow of zeros: K = `n_modes`, b = `mode_size`, c = `border_size`, of which c may be 0."""
    k, b, c = n_modes, mode_size, border_size
    matrices = [np.zeros(shape) for shape in ((c, c), (k, b, c), (k, c, b), (k, b, b))]
    return Arrow(*matrices, np.zeros(c, np.int64), np.zeros((k, b), np.int64))


# The loops over modes are inside these functions, on stacks of matrices: a view of each mode's matrices takes ten times
# as long as their elements, if these are few.


@compiled
def _factor_lu(a, swaps):
    """LU of square matrices (K, n, n) in place, with partial pivoting; False if a pivot is zero or not finite."""
    n = swaps.shape[1]
    for k in range(swaps.shape[0]):
        for j in range(n):
            pivot = j
            for i in range(j + 1, n):
                if abs(a[k, i, j]) > abs(a[k, pivot, j]):
                    pivot = i
            if not 0.0 < abs(a[k, pivot, j]) < np.inf:  # so written that nan, which spreads to the last pivot, counts
                return False
            swaps[k, j] = pivot
            if pivot != j:
                for m in range(n):
                    a[k, j, m], a[k, pivot, m] = a[k, pivot, m], a[k, j, m]
            for i in range(j + 1, n):
                a[k, i, j] /= a[k, j, j]
                for m in range(j + 1, n):
                    a[k, i, m] -= a[k, i, j] * a[k, j, m]
    return True


@compiled
def _solve_lu(lu, swaps, x):
    """x_k = (L_k U_k)^-1 x_k for matrices x (K, n, m)."""
    n = swaps.shape[1]
    for k in range(swaps.shape[0]):
        for m in range(x.shape[2]):
            for j in range(n):
                pivot = swaps[k, j]
                x[k, j, m], x[k, pivot, m] = x[k, pivot, m], x[k, j, m]
            for i in range(n):
                for j in range(i):
                    x[k, i, m] -= lu[k, i, j] * x[k, j, m]
            for i in range(n - 1, -1, -1):
                for j in range(i + 1, n):
                    x[k, i, m] -= lu[k, i, j] * x[k, j, m]
                x[k, i, m] /= lu[k, i, i]


@compiled
def _add_product(sign, a, b, out):
    """out_k += sign a_k b_k for matrices a (K, n, l); b or out may be one matrix, the same for all k."""
    last_b, last_out = b.shape[0] - 1, out.shape[0] - 1
    for k in range(a.shape[0]):
        k_b, k_out = min(k, last_b), min(k, last_out)
        for i in range(a.shape[1]):
            for m in range(b.shape[2]):
                total = 0.0
                for j in range(a.shape[2]):
                    total += a[k, i, j] * b[k_b, j, m]
                out[k_out, i, m] += sign * total


@compiled
def _corner(arrow):
    """The corner and its row exchanges as stacks of one."""
    c = arrow.corner_swaps.size
    return arrow.corner.reshape((1, c, c)), arrow.corner_swaps.reshape((1, c))


@compiled
def _border_and_modes(arrow, u):
    """Views of a state: its border (1, c, 1) and its modes (K, b, 1)."""
    c, (k, b) = arrow.corner_swaps.size, arrow.block_swaps.shape
    return u[:c].reshape((1, c, 1)), u[c:].reshape((k, b, 1))


@compiled
def implicit_matrix(arrow, tau):
    """Turn J into 1 - tau J, in place."""
    for elements in (arrow.corner.ravel(), arrow.columns.ravel(), arrow.rows.ravel(), arrow.blocks.ravel()):
        for n in range(elements.size):
            elements[n] *= -tau
    for n in range(arrow.corner_swaps.size):
        arrow.corner[n, n] += 1.0
    for k in range(arrow.blocks.shape[0]):
        for n in range(arrow.blocks.shape[1]):
            arrow.blocks[k, n, n] += 1.0


@compiled
def multiply(arrow, u, out):
    """out = A u, of an arrow that is not factored: the slope of a linear system at the start of a solve."""
    out[:] = 0.0
    x, y = _border_and_modes(arrow, u)
    x_out, y_out = _border_and_modes(arrow, out)
    _add_product(1.0, _corner(arrow)[0], x, x_out)
    _add_product(1.0, arrow.rows, y, x_out)
    _add_product(1.0, arrow.columns, x, y_out)
    _add_product(1.0, arrow.blocks, y, y_out)


@compiled
def factor(arrow):
    """Replace an arrow by its factors.

    Rows are exchanged within a block only, so that a block must not be singular even where the whole matrix is not;
    of 1 - tau J that happens at single values of tau, if a mode grows by itself.

    Returns
    -------
    bool
        False if a pivot is zero or not finite; the arrow is spoilt then.  (A matrix that is singular but for rounding
        passes, as in LAPACK; its solutions are so large that the step is rejected by its norms.)
    """
    corner, corner_swaps = _corner(arrow)
    if not _factor_lu(arrow.blocks, arrow.block_swaps):
        return False
    _solve_lu(arrow.blocks, arrow.block_swaps, arrow.columns)
    _add_product(-1.0, arrow.rows, arrow.columns, corner)
    return _factor_lu(corner, corner_swaps)


@compiled
def solve(arrow, u):
    """u = A^-1 u in place, for an arrow that `factor` has gone over; for as many u as there are."""
    corner, corner_swaps = _corner(arrow)
    x, y = _border_and_modes(arrow, u)
    _solve_lu(arrow.blocks, arrow.block_swaps, y)
    _add_product(-1.0, arrow.rows, y, x)
    _solve_lu(corner, corner_swaps, x)
    _add_product(-1.0, arrow.columns, x, y)


@compiled
def begin_newton(newton):
    """Forget what earlier steps have shown of the convergence."""
    newton[UPDATES], newton[ETA] = 0.0, 0.0


@compiled
def newton_start(residual, tau, k_before, out):
    """out = r_i + tau k_{i-1}: off by O(h^2), where r_i and the stage before are off by O(h).

    It takes 1.3 to 1.9 updates a stage on Kaps' problem, those 1.8 to 3.  (Where f is not defined everywhere, the
    stage before is the safer start: what `out` already holds, if it held u at the start of the step.)
    """
    for n in range(out.size):
        out[n] = residual[n] + tau * k_before[n]


@compiled
def newton_update(arrow, residual, tau, slope, solution, update):
    """update = (1 - tau J)^-1 (r + tau f - U), with f = `slope` at U = `solution`, which it is added to."""
    for n in range(solution.size):
        update[n] = residual[n] + tau * slope[n] - solution[n]
    solve(arrow, update)
    for n in range(solution.size):
        solution[n] += update[n]


@compiled
def newton_verdict(newton, norm):
    """Whether the stage is solved to KAPPA, can be within MAX_UPDATES, or is to be given up.

    With the rate theta = |dU_m|/|dU_{m-1}|, what is missing is at most eta |dU_m|, eta = theta/(1 - theta).  At the
    first update of a stage there is no theta, and eta is the largest so far in this step to the power 0.8, or else 1.
    (With the last eta in place of the largest, a good stage made the next one end too early, and steps be rejected.)

    Parameters
    ----------
    newton : (NEWTON_SIZE,) array
        Memory of the iteration.
    norm : float
        Norm of the update in units of the tolerance, that in which the error of the step is measured.

    Returns
    -------
    int
        CONVERGED, GO_ON or FAILED.
    """
    left = MAX_UPDATES - 1 - newton[UPDATES]
    theta, eta = 0.0, newton[ETA] ** 0.8 if newton[ETA] > 0.0 else 1.0
    if newton[UPDATES] > 0:
        theta = norm / newton[LAST_NORM]
        eta = theta / (1 - theta)
        newton[ETA] = max(newton[ETA], eta, 1e-16)
    newton[UPDATES] += 1
    newton[LAST_NORM] = norm
    if theta >= 1.0:
        return FAILED
    if eta * norm <= KAPPA:
        newton[UPDATES] = 0
        return CONVERGED
    return GO_ON if theta**left * eta * norm <= KAPPA else FAILED  # so written that nan fails
