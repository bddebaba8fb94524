"""The stage for arrow Jacobians solves what a dense solver does, at linear cost, and its Newton ends rightly."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from test_esdirk import step as dense_step

from hpc_nu.solver import arrow as arrows
from hpc_nu.solver import esdirk
from hpc_nu.solver.arrow import CONVERGED, FAILED, GO_ON
from hpc_nu.solver.esdirk import STEP_ACCEPTED, STEP_UNDERFLOW, Z

METHODS = sorted(esdirk.TABLEAUX)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(0, 3))
SEEDS = st.integers(0, 2**32 - 1)

# ---------------------------------------------------------------------------------------------------- linear algebra


def random_arrow(shape, rng):
    arrow = arrows.new_arrow(*shape)
    for part in arrow[:4]:
        part[...] = rng.standard_normal(part.shape)
    return arrow


def copy(arrow):
    return arrows.Arrow(*(part.copy() for part in arrow))


def dense(arrow):
    """The matrix that an arrow stands for."""
    (n, b), c = arrow.block_swaps.shape, len(arrow.corner)
    full = np.zeros((c + n * b, c + n * b))
    full[:c, :c] = arrow.corner
    for k in range(n):
        mode = slice(c + k * b, c + (k + 1) * b)
        full[mode, :c], full[:c, mode], full[mode, mode] = arrow.columns[k], arrow.rows[k], arrow.blocks[k]
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


@given(SHAPES, SEEDS)
def test_residual_is_of_rounding(shape, seed):
    """To rounding times what elimination by the blocks can add to that of elimination with pivots from anywhere."""
    rng = np.random.default_rng(seed)
    arrow = random_arrow(shape, rng)
    full = dense(arrow)
    r = rng.standard_normal(len(full))
    u = solution(arrow, r)
    inverses = np.linalg.norm(np.linalg.inv(arrow.blocks), axis=(1, 2))
    growth = np.max(np.linalg.cond(arrow.blocks) * (1 + inverses * np.linalg.norm(full)))
    scale = np.linalg.norm(full) * np.linalg.norm(u) + np.linalg.norm(r)
    assert np.linalg.norm(full @ u - r) < 1e-15 * growth * scale


@given(SHAPES, SEEDS, st.integers(0, 12))
def test_badly_scaled_modes_that_need_pivoting_are_solved_as_by_numpy(shape, seed, decades):
    """Equations and unknowns of each mode in units of their own; numpy is given the problem in common units."""
    rng = np.random.default_rng(seed)
    arrow, (n, b, c) = random_arrow(shape, rng), shape
    for block in arrow.blocks:
        block[...] = shuffled_and_dominant(b, rng)
    inverses = np.linalg.inv(arrow.blocks)
    arrow.corner[...] = shuffled_and_dominant(c, rng) + np.sum(arrow.rows @ inverses @ arrow.columns, axis=0)
    r = rng.standard_normal(c + n * b)
    expected = np.linalg.solve(dense(arrow), r)

    powers = rng.uniform(-decades, decades, (2, 1 + n))
    (border_in, *modes_in), (border_out, *modes_out) = 10**powers
    of_equation = np.concatenate([np.full(c, border_in), np.repeat(modes_in, b)])
    of_unknown = np.concatenate([np.full(c, border_out), np.repeat(modes_out, b)])
    arrow.corner[...] *= border_in * border_out
    for k in range(n):
        arrow.columns[k] *= modes_in[k] * border_out
        arrow.rows[k] *= border_in * modes_out[k]
        arrow.blocks[k] *= modes_in[k] * modes_out[k]
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


def draw_two(data, shape):
    """What to spoil: a mode or the border (as None), and two of its equations or unknowns, perhaps the same."""
    n, b, c = shape
    mode = data.draw(st.sampled_from([*range(n), *([None] if c else [])]))
    index = st.integers(0, (c if mode is None else b) - 1)
    return mode, data.draw(index), data.draw(index)


@given(SHAPES, SEEDS, st.data())
def test_singular_matrix_is_reported(shape, seed, data):
    """An equation that is zero, or another one in another unit; or an unknown that nothing depends on."""
    arrow = random_arrow(shape, np.random.default_rng(seed))
    mode, i, j = draw_two(data, shape)
    equations = [arrow.corner, *arrow.rows] if mode is None else [arrow.blocks[mode], arrow.columns[mode]]
    unknowns = [arrow.corner, *arrow.columns] if mode is None else [arrow.blocks[mode], arrow.rows[mode]]
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
    mode, i, j = draw_two(data, shape)
    factor = rng.uniform(0.1, 10) if i != j else 0.0
    for part in [arrow.corner, *arrow.columns] if mode is None else [arrow.blocks[mode], arrow.rows[mode]]:
        part[:, i] = factor * part[:, j]
    u = rng.standard_normal(len(dense(arrow)))
    if arrows.factor(arrow):
        arrows.solve(arrow, u)
        assert not np.max(np.abs(u)) < 1e6


@given(SHAPES, SEEDS, st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_element_that_is_not_finite_is_reported(shape, seed, element, data):
    arrow = random_arrow(shape, np.random.default_rng(seed))
    part = data.draw(st.sampled_from([part for part in arrow[:4] if part.size]))
    part.flat[data.draw(st.integers(0, part.size - 1))] = element
    assert not arrows.factor(arrow)


def test_mode_that_is_singular_by_itself_is_reported_though_the_whole_matrix_is_not():
    arrow = arrows.new_arrow(1, 1, 1)
    arrow.rows[...] = arrow.columns[...] = 1.0
    assert np.linalg.cond(dense(arrow)) == 1.0
    assert not arrows.factor(arrow)


def test_cost_is_linear_in_the_number_of_modes():
    """A matrix of 1e11 elements, had it been made."""
    arrow = random_arrow((100_000, 3, 2), np.random.default_rng(0))
    arrow.blocks[:] += 10 * np.eye(3)
    arrow.corner[:] += 1e5 * np.eye(2)
    r = np.random.default_rng(1).standard_normal(300_002)
    u, back = solution(arrow, r), np.empty_like(r)
    arrows.multiply(arrow, u, back)
    np.testing.assert_allclose(back, r, atol=1e-9)


# ------------------------------------------------------------------------------------------------------ linear stage


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(4, 3, 2), (3, 1, 0), (1, 4, 1)])
def test_step_by_the_arrow_equals_step_by_a_dense_solver(method, shape):
    rng = np.random.default_rng(7)
    constant, growing = random_arrow(shape, rng), random_arrow(shape, rng)
    n = len(dense(constant))
    u, z, h = rng.standard_normal(n), 0.3, 0.2

    def matrix(at):
        return arrows.Arrow(*(p + at * q for p, q in zip(constant[:4], growing[:4], strict=True)), *copy(constant)[4:])

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


# ------------------------------------------------------------------------------------------- verdict of the iteration


def verdicts(newton, norms):
    """What is said after each update, up to the first that ends the stage."""
    said = []
    for norm in norms:
        said.append(arrows.newton_verdict(newton, norm))
        if said[-1] != GO_ON:
            break
    return said


@given(st.floats(1e-6, 1e12), st.floats(1e-12, 0.99))
def test_verdict_on_a_sequence_of_known_rate(first, rate):
    newton = np.zeros(arrows.NEWTON_SIZE)
    arrows.begin_newton(newton)
    said = verdicts(newton, first * rate ** np.arange(20))
    missing = first * rate ** len(said) / (1 - rate)  # the sum of all updates not made
    at_best = first * rate**arrows.MAX_UPDATES / (1 - rate)
    assert len(said) <= arrows.MAX_UPDATES
    if said[-1] == CONVERGED:
        assert missing <= arrows.KAPPA * (1 + 1e-9) or (len(said) == 1 and first <= arrows.KAPPA)
    else:
        assert said == [GO_ON, FAILED], "given up as soon as the rate is known"
        assert at_best > arrows.KAPPA * (1 - 1e-9)


@pytest.mark.parametrize(
    "norms", [[np.nan], [np.inf], [1, np.nan], [1, np.inf], [1, 1], [1, 1.5], [1, 5], [1, 0.1, 1], [1, 0.9]]
)
def test_iteration_that_does_not_converge_fails(norms):
    newton = np.zeros(arrows.NEWTON_SIZE)
    arrows.begin_newton(newton)
    assert verdicts(newton, norms) == [GO_ON] * (len(norms) - 1) + [FAILED]


def test_rate_is_remembered_from_stage_to_stage_but_not_from_step_to_step():
    newton = np.zeros(arrows.NEWTON_SIZE)
    arrows.begin_newton(newton)
    assert verdicts(newton, [1.0, 1e-9]) == [GO_ON, CONVERGED]
    assert verdicts(newton, [1.0, 1e-9]) == [CONVERGED]
    assert verdicts(newton, [1e6, 1e4, 1e2, 1e0, 1e-2]) == [GO_ON, GO_ON, GO_ON, GO_ON, CONVERGED]
    assert verdicts(newton, [1e6, 1e-6]) == [GO_ON, CONVERGED]
    assert verdicts(newton, [1.0, 1e-9]) == [GO_ON, CONVERGED], "the slowest counts"
    arrows.begin_newton(newton)
    assert verdicts(newton, [1.0, 1e-9]) == [GO_ON, CONVERGED]


# -------------------------------------------------------------------------- nonlinear systems with known solutions
# The loop of a model.  In the package, it calls the model's own functions by name, and is kept in numba's cache.

RUNNING, AT_STOP, UNDERFLOW = range(3)
ATOL = 1e-12

# Slots of `counts`.
STAGES, NEWTON_UPDATES, NEWTON_FAILURES = range(3)


@njit(error_model="numpy")
def error_norm(error, old, new, rtol):
    worst = total = 0.0
    for n in range(error.size):
        ratio = abs(error[n]) / (ATOL + max(abs(old[n]), abs(new[n])))
        worst, total = max(worst, ratio), total + ratio
    return worst / rtol if np.isfinite(total) else np.nan  # max() alone loses nan


@functools.cache
def compiled_loop(slope_at, jacobian_at):
    @njit(error_model="numpy")
    def advance(attempts, z_stop, clock, u, slope, eps, a, c, error_weights, order, rtol, arrow, newton, counts):
        """Attempt up to `attempts` steps towards `z_stop`; `clock`, `u` and `slope` are the state."""
        n_stages = error_weights.size
        k = np.empty((n_stages, u.size))
        k[0] = slope
        residual, new, f, update = np.empty(u.size), np.empty(u.size), np.empty(u.size), np.empty(u.size)
        for _ in range(attempts):
            z, h = clock[Z], esdirk.begin_step(clock, z_stop)
            tau = a[1, 1] * h
            arrows.begin_newton(newton)
            for i in range(1, n_stages):
                esdirk.stage_residual(a, i, h, u, k, residual)
                arrows.newton_start(residual, tau, k[i - 1], new)
                jacobian_at(z + c[i] * h, new, eps, arrow)
                arrows.implicit_matrix(arrow, tau)
                verdict = GO_ON if arrows.factor(arrow) else FAILED
                counts[STAGES] += 1
                while verdict == GO_ON:
                    slope_at(z + c[i] * h, new, eps, f)
                    arrows.newton_update(arrow, residual, tau, f, new, update)
                    verdict = arrows.newton_verdict(newton, error_norm(update, u, new, rtol))
                    counts[NEWTON_UPDATES] += 1
                if verdict == FAILED:
                    counts[NEWTON_FAILURES] += 1
                    break
                esdirk.stage_derivative(new, residual, tau, k[i])
            esdirk.error_estimate(error_weights, h, k, residual)
            error = error_norm(residual, u, new, rtol) if verdict == CONVERGED else np.inf
            outcome = esdirk.end_step(clock, h, z_stop, error, order, np.inf)
            if outcome == STEP_UNDERFLOW:
                return UNDERFLOW
            if outcome == STEP_ACCEPTED:
                u[:] = new
                k[0] = k[n_stages - 1]
                slope[:] = k[0]
                if clock[Z] == z_stop:
                    return AT_STOP
        return RUNNING

    return advance


class Kaps:
    """Kaps' problem with many fast modes: y_k' = -(1/eps_k + 2) y_k + x^2/eps_k, x' = mean(y) - x - x^2.

    As eps_k -> 0, y_k = x^2 at all times; the solution x = exp(-z), y_k = exp(-2z) does not depend on eps.
    """

    shape = (1, 1)  # of a mode, of the border

    @staticmethod
    @njit(error_model="numpy")
    def slope(z, u, eps, out):
        x, mean = u[0], 0.0
        for k in range(eps.size):
            out[1 + k] = (x * x - u[1 + k]) / eps[k] - 2 * u[1 + k]
            mean += u[1 + k] / eps.size
        out[0] = mean - x - x * x

    @staticmethod
    @njit(error_model="numpy")
    def jacobian(z, u, eps, arrow):
        arrow.corner[0, 0] = -1 - 2 * u[0]
        for k in range(eps.size):
            arrow.columns[k, 0, 0] = 2 * u[0] / eps[k]
            arrow.rows[k, 0, 0] = 1 / eps.size
            arrow.blocks[k, 0, 0] = -1 / eps[k] - 2

    @staticmethod
    def exact(z, eps):
        return np.exp(-z * np.array([1.0] + [2.0] * len(eps)))


class Recombination:
    """y_k' = -y_k^2/eps_k: two-body recombination; a stage has no solution at all if h is many eps/y."""

    shape = (1, 0)

    @staticmethod
    @njit(error_model="numpy")
    def slope(z, u, eps, out):
        for k in range(eps.size):
            out[k] = -u[k] * u[k] / eps[k]

    @staticmethod
    @njit(error_model="numpy")
    def jacobian(z, u, eps, arrow):
        for k in range(eps.size):
            arrow.blocks[k, 0, 0] = -2 * u[k] / eps[k]

    @staticmethod
    def exact(z, eps):
        return 1 / (1 + z / eps)


class Rotation:
    """Linear: y_k' = (J_z y_k - z y_k)/eps_k, J_z the quarter turn; y_k = exp(-z^2/2 eps_k) (cos, sin)(z/eps_k)."""

    shape = (2, 0)

    @staticmethod
    @njit(error_model="numpy")
    def slope(z, u, eps, out):
        for k in range(eps.size):
            c, s = u[2 * k], u[2 * k + 1]
            out[2 * k], out[2 * k + 1] = (-s - z * c) / eps[k], (c - z * s) / eps[k]

    @staticmethod
    @njit(error_model="numpy")
    def jacobian(z, u, eps, arrow):
        for k in range(eps.size):
            arrow.blocks[k, 0, 0] = arrow.blocks[k, 1, 1] = -z / eps[k]
            arrow.blocks[k, 0, 1], arrow.blocks[k, 1, 0] = -1 / eps[k], 1 / eps[k]

    @staticmethod
    def exact(z, eps):
        phase = z / eps
        return (np.exp(-z * z / (2 * eps)) * np.array([np.cos(phase), np.sin(phase)])).T.ravel()


class Solve:
    """A solve from z = 0, with its whole state."""

    def __init__(self, problem, eps, method, rtol, first_step=1e-3, adaptive=True):
        self.problem, self.eps, self.tableau, self.rtol = problem, np.asarray(eps), esdirk.TABLEAUX[method], rtol
        self.clock, self.u = esdirk.new_clock(0.0, first_step), problem.exact(0.0, self.eps)
        self.slope = np.empty_like(self.u)
        problem.slope(0.0, self.u, self.eps, self.slope)
        self.counts = np.zeros(3, dtype=np.int64)
        self.error_weights = self.tableau.error_weights * adaptive

    def to(self, z_stop, attempts=100_000):
        t, arrow = self.tableau, arrows.new_arrow(len(self.eps), *self.problem.shape)
        newton = np.full(arrows.NEWTON_SIZE, np.nan)  # what it held before must not matter
        return compiled_loop(self.problem.slope, self.problem.jacobian)(
            attempts, z_stop, self.clock, self.u, self.slope, self.eps,
            t.a, t.c, self.error_weights, t.order, self.rtol, arrow, newton, self.counts,
        )  # fmt: skip

    def relative_errors(self):
        return np.abs(self.u / self.problem.exact(self.clock[Z], self.eps) - 1)


STIFF_AND_NOT = np.geomspace(1, 1e-8, 33)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "eps, reduced_to",
    [(np.ones(5), None), (np.full(5, 1e-8), None), (STIFF_AND_NOT, 3)],
    ids=["not stiff", "stiff", "both"],
)
def test_order_of_convergence(method, eps, reduced_to):
    """Full at both ends; modes between, with eps about h, reduce it to stage order + 1, whatever solves the stage."""
    errors = []
    for n in (5, 10, 20):
        solve = Solve(Kaps, eps, method, rtol=1e-11, first_step=1.0, adaptive=False)
        for i in range(n):
            assert solve.to((i + 1) / n, attempts=1) == AT_STOP
        errors.append(np.max(solve.relative_errors()))
    order = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(order, reduced_to or esdirk.TABLEAUX[method].order, atol=0.4)


@pytest.mark.parametrize("method", METHODS)
def test_error_is_proportional_to_the_tolerance(method):
    for rtol in (1e-3, 1e-5, 1e-7, 1e-9):
        solve = Solve(Kaps, STIFF_AND_NOT, method, rtol)
        assert solve.to(3.0) == AT_STOP
        assert 1e-3 * rtol < np.max(solve.relative_errors()) < rtol
        assert solve.clock[esdirk.REJECTED] <= 2


@pytest.mark.parametrize("method", METHODS)
def test_stiffness_costs_no_steps_and_few_updates(method):
    steps = []
    for stiffest in (1e-4, 1e-6, 1e-8, 1e-10):
        solve = Solve(Kaps, np.geomspace(1, stiffest, 33), method, rtol=1e-5)
        assert solve.to(3.0) == AT_STOP
        steps.append(solve.clock[esdirk.ACCEPTED])
        assert solve.counts[NEWTON_UPDATES] < 2 * solve.counts[STAGES]
        assert solve.counts[NEWTON_FAILURES] == 0
    assert max(steps) < 1.1 * min(steps)


@pytest.mark.parametrize("method", METHODS)
def test_linear_stage_costs_one_update(method):
    """But for the first stage of a step, after which the rate of convergence is known."""
    solve = Solve(Rotation, [0.3, 0.1], method, rtol=1e-6)
    assert solve.to(0.5) == AT_STOP
    assert np.max(solve.relative_errors()) < 1e-4
    steps = solve.clock[esdirk.ACCEPTED] + solve.clock[esdirk.REJECTED]
    assert solve.counts[NEWTON_UPDATES] == solve.counts[STAGES] + steps


@pytest.mark.parametrize("method", METHODS)
def test_step_whose_stage_has_no_solution_is_shortened(method):
    eps = np.geomspace(1, 1e-8, 9)
    solve = Solve(Recombination, eps, method, rtol=1e-5, first_step=1.0)
    assert solve.to(3.0) == AT_STOP
    assert solve.counts[NEWTON_FAILURES] >= 8, "the first step is 1e8 times too long"
    assert solve.clock[esdirk.REJECTED] <= solve.counts[NEWTON_FAILURES] + 3
    assert np.max(solve.relative_errors()) < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_solve_continues_bit_for_bit_after_any_attempt(method):
    """So it is with a first step too long, when attempts are rejected between."""
    whole = Solve(Recombination, [1.0, 1e-3], method, rtol=1e-4, first_step=1.0)
    parts = Solve(Recombination, [1.0, 1e-3], method, rtol=1e-4, first_step=1.0)
    assert whole.to(3.0) == AT_STOP
    for _ in range(10_000):
        if parts.to(3.0, attempts=1) == AT_STOP:
            break
    assert whole.counts[NEWTON_FAILURES] > 0
    for name in ("clock", "u", "slope", "counts"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
