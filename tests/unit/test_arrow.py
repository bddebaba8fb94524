"""Arrow matrices are solved as a dense solver does it, at linear cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_esdirk import step as dense_step

from hpc_nu.solver import arrow as arrows
from hpc_nu.solver import esdirk

METHODS = sorted(esdirk.TABLEAUX)
KINDS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=3)
SHAPES = st.tuples(st.integers(0, 3), KINDS).map(lambda shape: (shape[0], *shape[1]))
"""Unknowns of the border; modes and unknowns of each, of one to three kinds."""
SEEDS = st.integers(0, 2**32 - 1)

# ---------------------------------------------------------------------------------------------------- linear algebra


def parts(arrow):
    """All arrays that hold elements."""
    return [arrow.corner, *(part for modes in arrow.kinds for part in modes[:3])]


def random_arrow(shape, rng):
    arrow = arrows.new_arrow(*shape)
    for part in parts(arrow):
        part[...] = rng.standard_normal(part.shape)
    return arrow


def copy(arrow):
    kinds = (arrows.Modes(*(part.copy() for part in modes)) for modes in arrow.kinds)
    return arrows.Arrow(arrow.corner.copy(), arrow.swaps.copy(), tuple(kinds))


def modes_of(arrow):
    """(unknowns as a slice, columns, rows, block) of each mode: views."""
    start = len(arrow.corner)
    for modes in arrow.kinds:
        for columns, rows, block in zip(*modes[:3], strict=True):
            yield slice(start, start + len(block)), columns, rows, block
            start += len(block)


def dense(arrow):
    """The matrix that an arrow stands for."""
    c = len(arrow.corner)
    size = c + sum(modes.swaps.size for modes in arrow.kinds)
    full = np.zeros((size, size))
    full[:c, :c] = arrow.corner
    for mode, columns, rows, block in modes_of(arrow):
        full[mode, :c], full[:c, mode], full[mode, mode] = columns, rows, block
    return full


def solution(arrow, r):
    factors, u = copy(arrow), r.copy()
    assert arrows.factor(factors)
    arrows.solve(factors, u)
    return u


def shuffled_and_dominant(n, rng):
    """A matrix of condition 5 or less that needs pivoting: rows exchanged, and zeros on the diagonal where n > 1."""
    matrix = rng.uniform(-0.5, 0.5, (n, n)) / max(n, 1)
    matrix[np.diag_indices(n)] = rng.choice([-1.0, 1.0], n)
    shift = rng.integers(1, n) if n > 1 else 0
    if shift:
        matrix[np.arange(n), (np.arange(n) + shift) % n] *= 0.0
    return np.roll(matrix, shift, axis=0)


@given(SHAPES, SEEDS)
def test_multiply_is_the_dense_product(shape, seed):
    rng = np.random.default_rng(seed)
    arrow = random_arrow(shape, rng)
    full = dense(arrow)
    u, out = rng.standard_normal(len(full)), np.full(len(full), np.nan)
    arrows.multiply(arrow, u, out)
    np.testing.assert_allclose(out, full @ u, atol=1e-13)


@given(SHAPES, SEEDS, st.floats(-3, 3))
def test_implicit_matrix_is_one_minus_tau_j(shape, seed, tau):
    arrow = random_arrow(shape, np.random.default_rng(seed))
    full = dense(arrow)
    arrows.implicit_matrix(arrow, tau)
    np.testing.assert_array_equal(dense(arrow), np.eye(len(full)) - tau * full)


def test_cleared_arrow_is_zero():
    arrow = random_arrow((2, (3, 2), (1, 4)), np.random.default_rng(0))
    arrows.clear(arrow)
    assert not np.any(dense(arrow))


@given(SHAPES, SEEDS)
def test_residual_is_of_rounding(shape, seed):
    """To rounding times what elimination by the blocks can add to that of elimination with pivots from anywhere."""
    rng = np.random.default_rng(seed)
    arrow = random_arrow(shape, rng)
    full = dense(arrow)
    r = rng.standard_normal(len(full))
    u = solution(arrow, r)
    blocks = [block for *_, block in modes_of(arrow)]
    growth = max(np.linalg.cond(b) * (1 + np.linalg.norm(np.linalg.inv(b)) * np.linalg.norm(full)) for b in blocks)
    scale = np.linalg.norm(full) * np.linalg.norm(u) + np.linalg.norm(r)
    assert np.linalg.norm(full @ u - r) < 1e-15 * growth * scale


@given(SHAPES, SEEDS, st.integers(0, 12))
def test_badly_scaled_modes_that_need_pivoting_are_solved_as_by_numpy(shape, seed, decades):
    """Equations and unknowns of each mode in units of their own; numpy is given the problem in common units."""
    rng = np.random.default_rng(seed)
    arrow, c = random_arrow(shape, rng), shape[0]
    arrow.corner[...] = shuffled_and_dominant(c, rng)
    for _, columns, rows, block in modes_of(arrow):
        block[...] = shuffled_and_dominant(len(block), rng)
        arrow.corner[...] += rows @ np.linalg.inv(block) @ columns
    r = rng.standard_normal(len(dense(arrow)))
    expected = np.linalg.solve(dense(arrow), r)

    border_in, border_out = 10 ** rng.uniform(-decades, decades, 2)
    of_equation, of_unknown = np.full(len(r), border_in), np.full(len(r), border_out)
    arrow.corner[...] *= border_in * border_out
    for mode, columns, rows, block in modes_of(arrow):
        of_equation[mode], of_unknown[mode] = mode_in, mode_out = 10 ** rng.uniform(-decades, decades, 2)
        columns *= mode_in * border_out
        rows *= border_in * mode_out
        block *= mode_in * mode_out
    u = solution(arrow, of_equation * r)
    np.testing.assert_allclose(of_unknown * u, expected, atol=1e-12 * max(1, np.max(np.abs(expected), initial=0)))


@given(SHAPES, SEEDS)
def test_one_factorisation_serves_many_right_hand_sides(shape, seed):
    rng = np.random.default_rng(seed)
    arrow = random_arrow(shape, rng)
    factors = copy(arrow)
    assert arrows.factor(factors)
    right_hand_sides = rng.standard_normal((4, len(dense(arrow))))
    for r in right_hand_sides:
        u = r.copy()
        arrows.solve(factors, u)
        np.testing.assert_array_equal(u, solution(arrow, r))


def draw_two(data, arrow):
    """What to spoil: all that a mode or the border feels and is felt by, and two of its equations or unknowns."""
    all_modes = list(modes_of(arrow))
    places = [([columns, block], [rows, block], len(block)) for _, columns, rows, block in all_modes]
    if c := len(arrow.corner):
        equations = [arrow.corner, *(rows for _, _, rows, _ in all_modes)]
        places.append((equations, [arrow.corner, *(columns for _, columns, _, _ in all_modes)], c))
    equations, unknowns, size = data.draw(st.sampled_from(places))
    index = st.integers(0, size - 1)
    return equations, unknowns, data.draw(index), data.draw(index)


@given(SHAPES, SEEDS, st.data())
def test_singular_matrix_is_reported(shape, seed, data):
    """An equation that is zero, or another one in another unit; or an unknown that nothing depends on."""
    arrow = random_arrow(shape, np.random.default_rng(seed))
    equations, unknowns, i, j = draw_two(data, arrow)
    if data.draw(st.booleans()):
        for part in unknowns:
            part[:, i] = 0.0
    else:
        factor = 2.0 ** data.draw(st.integers(-20, 20)) if i != j else 0.0
        for part in equations:
            part[i] = factor * part[j]
    assert not arrows.factor(arrow)


@given(SHAPES, SEEDS, st.data())
def test_matrix_that_is_singular_but_for_rounding_gives_no_plausible_solution(shape, seed, data):
    """Two unknowns that act on all in the same way."""
    rng = np.random.default_rng(seed)
    arrow = random_arrow(shape, rng)
    _, unknowns, i, j = draw_two(data, arrow)
    factor = rng.uniform(0.1, 10) if i != j else 0.0
    for part in unknowns:
        part[:, i] = factor * part[:, j]
    u = rng.standard_normal(len(dense(arrow)))
    if arrows.factor(arrow):
        arrows.solve(arrow, u)
        assert not np.max(np.abs(u)) < 1e6


@given(SHAPES, SEEDS, st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_element_that_is_not_finite_is_reported(shape, seed, element, data):
    arrow = random_arrow(shape, np.random.default_rng(seed))
    part = data.draw(st.sampled_from([part for part in parts(arrow) if part.size]))
    part.flat[data.draw(st.integers(0, part.size - 1))] = element
    assert not arrows.factor(arrow)


def test_mode_that_is_singular_by_itself_is_reported_though_the_whole_matrix_is_not():
    arrow = arrows.new_arrow(1, (1, 1))
    arrow.kinds[0].rows[...] = arrow.kinds[0].columns[...] = 1.0
    assert np.linalg.cond(dense(arrow)) == 1.0
    assert not arrows.factor(arrow)


def test_cost_is_linear_in_the_number_of_modes():
    """A matrix of 1e11 elements, had it been made."""
    arrow = random_arrow((2, (100_000, 3)), np.random.default_rng(0))
    arrow.kinds[0].blocks[:] += 10 * np.eye(3)
    arrow.corner[:] += 1e5 * np.eye(2)
    r = np.random.default_rng(1).standard_normal(300_002)
    u, back = solution(arrow, r), np.empty_like(r)
    arrows.multiply(arrow, u, back)
    np.testing.assert_allclose(back, r, atol=1e-9)


# ------------------------------------------------------------------------------------------------------ linear stage


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(2, (4, 3)), (0, (3, 1)), (1, (1, 4), (3, 2))])
def test_step_by_the_arrow_equals_step_by_a_dense_solver(method, shape):
    rng = np.random.default_rng(7)
    constant, growing = random_arrow(shape, rng), random_arrow(shape, rng)
    n = len(dense(constant))
    u, z, h = rng.standard_normal(n), 0.3, 0.2

    def matrix(at):
        matrix = copy(constant)
        for part, growth in zip(parts(matrix), parts(growing), strict=True):
            part += at * growth
        return matrix

    def source(at):
        return np.cos(at * np.arange(1, n + 1))

    t, slope = esdirk.TABLEAUX[method], np.empty(n)
    arrows.multiply(matrix(z), u, slope)
    slope += source(z)
    expected = dense_step(t, lambda at: dense(matrix(at)), source, z, h, u, slope)

    k, residual, error = np.empty((len(t.c), n)), np.empty(n), np.empty(n)
    k[0], tau = slope, t.a[1, 1] * h
    for i in range(1, len(t.c)):
        esdirk.stage_residual(t.a, i, h, u, k, residual)
        at = z + t.c[i] * h
        arrow, new = matrix(at), residual + tau * source(at)
        arrows.implicit_matrix(arrow, tau)
        assert arrows.factor(arrow)
        arrows.solve(arrow, new)
        esdirk.stage_derivative(new, residual, tau, k[i])
    esdirk.error_estimate(t.error_weights, h, k, error)
    for value, by_dense in zip((new, k[-1], error), expected, strict=True):
        np.testing.assert_allclose(value, by_dense, rtol=1e-11, atol=1e-12)
