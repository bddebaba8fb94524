"""Matrices that are arrows: modes that talk to each other only through a thin border, as in a gas with a few fields.

With c unknowns x of the border and modes y_k, the state is u = (x, y_0, y_1, ...), and

    A u = (corner x + sum_k rows_k y_k,  columns_0 x + blocks_0 y_0,  columns_1 x + blocks_1 y_1, ...)

is solved by block elimination, with the Schur complement S = corner - sum_k rows_k blocks_k^-1 columns_k of the border,
in O(sum_k (b^3 + b^2 c + b c^2) + c^3) for modes of b unknowns.  There may be several kinds of modes, each of a size of
its own; first come all modes of the first kind.  All vectors are contiguous.

A dense matrix is one mode without a border, and independent systems are modes without a border.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled


class Modes(NamedTuple):
    """The K modes of one kind, of b unknowns each.

    Attributes
    ----------
    columns : (K, b, c) array
        How the modes feel the border; factored: blocks^-1 columns.
    rows : (K, c, b) array
        How the border feels the modes.
    blocks : (K, b, b) array
        Each mode to itself; factored: LU.
    swaps : (K, b) array
        Row exchanges of the LUs.
    """

    columns: np.ndarray
    rows: np.ndarray
    blocks: np.ndarray
    swaps: np.ndarray


class Arrow(NamedTuple):
    """An arrow matrix, and after `factor` its factors in the same place.

    Attributes
    ----------
    corner : (c, c) array
        Border to border; factored: LU of the Schur complement.
    swaps : (c,) array
        Row exchanges of that.
    kinds : tuple of Modes
    """

    corner: np.ndarray
    swaps: np.ndarray
    kinds: tuple


def new_arrow(border_size, *kinds):
    """An arrow of zeros, for (n_modes, mode_size) of each kind, at least one; `border_size` may be 0."""
    c = border_size
    modes = [
        Modes(np.zeros((k, b, c)), np.zeros((k, c, b)), np.zeros((k, b, b)), np.zeros((k, b), np.int64))
        for k, b in kinds
    ]
    return Arrow(np.zeros((c, c)), np.zeros(c, np.int64), tuple(modes))


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
    c = arrow.swaps.size
    return arrow.corner.reshape((1, c, c)), arrow.swaps.reshape((1, c))


@compiled
def _stack(u, start, shape):
    """The part (K, b, 1) of a state, from `start` on; its modes of one kind, or its border as one."""
    k, b = shape
    return u[start : start + k * b].reshape((k, b, 1))


@compiled
def clear(arrow):
    """Set all elements to zero."""
    arrow.corner[:] = 0.0
    for modes in arrow.kinds:
        modes.columns[:] = 0.0
        modes.rows[:] = 0.0
        modes.blocks[:] = 0.0


@compiled
def implicit_matrix(arrow, tau):
    """Turn J into 1 - tau J, in place."""
    _scale(-tau, arrow.corner)
    for n in range(arrow.swaps.size):
        arrow.corner[n, n] += 1.0
    for modes in arrow.kinds:
        _scale(-tau, modes.columns)
        _scale(-tau, modes.rows)
        _scale(-tau, modes.blocks)
        for k in range(modes.blocks.shape[0]):
            for n in range(modes.blocks.shape[1]):
                modes.blocks[k, n, n] += 1.0


@compiled
def _scale(factor, a):
    elements = a.ravel()
    for n in range(elements.size):
        elements[n] *= factor


@compiled
def multiply(arrow, u, out):
    """out = A u, of an arrow that is not factored: the slope of a linear system."""
    out[:] = 0.0
    start = arrow.swaps.size
    x, x_out = _stack(u, 0, (1, start)), _stack(out, 0, (1, start))
    _add_product(1.0, _corner(arrow)[0], x, x_out)
    for modes in arrow.kinds:
        y, y_out = _stack(u, start, modes.swaps.shape), _stack(out, start, modes.swaps.shape)
        _add_product(1.0, modes.rows, y, x_out)
        _add_product(1.0, modes.columns, x, y_out)
        _add_product(1.0, modes.blocks, y, y_out)
        start += modes.swaps.size


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
    for modes in arrow.kinds:
        if not _factor_lu(modes.blocks, modes.swaps):
            return False
        _solve_lu(modes.blocks, modes.swaps, modes.columns)
        _add_product(-1.0, modes.rows, modes.columns, corner)
    return _factor_lu(corner, corner_swaps)


@compiled
def solve(arrow, u):
    """u = A^-1 u in place, for an arrow that `factor` has gone over; for as many u as there are."""
    corner, corner_swaps = _corner(arrow)
    end_of_border = arrow.swaps.size
    x, start = _stack(u, 0, (1, end_of_border)), end_of_border
    for modes in arrow.kinds:
        y = _stack(u, start, modes.swaps.shape)
        _solve_lu(modes.blocks, modes.swaps, y)
        _add_product(-1.0, modes.rows, y, x)
        start += modes.swaps.size
    _solve_lu(corner, corner_swaps, x)
    start = end_of_border
    for modes in arrow.kinds:
        _add_product(-1.0, modes.columns, x, _stack(u, start, modes.swaps.shape))
        start += modes.swaps.size
