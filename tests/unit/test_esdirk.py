"""The time stepper: its methods have the order and the stability they claim, its controller keeps its word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpc_nu.solver import esdirk

METHODS = sorted(esdirk.TABLEAUX)


# ------------------------------------------------------------------------------------------------ order conditions


def rooted_trees(order):
    """All rooted trees with `order` vertices, each the sorted tuple of its branches."""
    if order == 1:
        return {()}
    grown = set()
    for tree in rooted_trees(order - 1):
        grown |= set(with_one_more_leaf(tree))
    return grown


def with_one_more_leaf(tree):
    yield tuple(sorted((*tree, ())))
    for i, branch in enumerate(tree):
        for larger in with_one_more_leaf(branch):
            yield tuple(sorted((*tree[:i], larger, *tree[i + 1 :])))


def size(tree):
    return 1 + sum(size(branch) for branch in tree)


def density(tree):
    """gamma(t) of Butcher: the order condition is sum_i b_i phi_i(t) = 1/gamma(t)."""
    return size(tree) * np.prod([density(branch) for branch in tree])


def elementary_weights(tree, a):
    phi = np.ones(len(a))
    for branch in tree:
        phi = phi * (a @ elementary_weights(branch, a))
    return phi


def worst_residual(b, a, order):
    return max(abs(b @ elementary_weights(tree, a) - 1 / density(tree)) for tree in rooted_trees(order))


def test_number_of_order_conditions():
    assert [len(rooted_trees(order)) for order in range(1, 7)] == [1, 1, 2, 4, 9, 20]


@pytest.mark.parametrize("method", METHODS)
def test_solution_has_its_order_and_no_more(method):
    t = esdirk.TABLEAUX[method]
    b = t.a[-1]
    for order in range(1, t.order + 1):
        assert worst_residual(b, t.a, order) < 1e-14
    assert worst_residual(b, t.a, t.order + 1) > 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_embedded_solution_is_one_order_lower(method):
    """One order more, and the error estimate would be blind; one less, and it would waste steps."""
    t = esdirk.TABLEAUX[method]
    b = t.a[-1] - t.error_weights
    for order in range(1, t.order):
        assert worst_residual(b, t.a, order) < 1e-14
    assert worst_residual(b, t.a, t.order) > 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_shape_that_the_step_loop_relies_on(method):
    """First stage explicit, one gamma, last stage at the end of the step, every stage of order 2."""
    t = esdirk.TABLEAUX[method]
    assert not np.any(t.a[0]) and not np.any(np.triu(t.a, 1))
    assert np.all(np.diag(t.a)[1:] == t.a[1, 1])
    assert t.c[0] == 0 and abs(t.c[-1] - 1) < 1e-14
    np.testing.assert_allclose(t.a @ t.c, t.c**2 / 2, atol=1e-14)


# --------------------------------------------------------------------------------------------- the compiled pieces
# A linear system u' = A(z) u + g(z) of any size, stepped as the head of the module says.


def step(tableau, matrix, source, z, h, u, slope):
    """One step; gives the new u, its slope, and the error estimate."""
    a, c = tableau.a, tableau.c
    k = np.empty((len(c), len(u)))
    k[0] = slope
    residual, error = np.empty(len(u)), np.empty(len(u))
    tau = a[1, 1] * h
    for i in range(1, len(c)):
        esdirk.stage_residual(a, i, h, u, k, residual)
        at = z + c[i] * h
        new = np.linalg.solve(np.eye(len(u)) - tau * matrix(at), residual + tau * source(at))
        esdirk.stage_derivative(new, residual, tau, k[i])
    esdirk.error_estimate(tableau.error_weights, h, k, error)
    return new, k[-1], error


def solve(tableau, matrix, source, z, u, stops, rtol, max_step=np.inf, first_step=1e-3):
    """Adaptive solve; gives the u at the stops, the clock, and the (z, h) of every accepted step."""
    clock = esdirk.new_clock(z, first_step)
    slope, at_stops, steps = matrix(z) @ u + source(z), [], []
    for stop in stops:
        while clock[esdirk.Z] != stop:
            before = clock[esdirk.Z]
            assert before < stop, "ran past a stop"
            h = esdirk.begin_step(clock, stop)
            new, new_slope, error = step(tableau, matrix, source, before, h, u, slope)
            norm = np.max(np.abs(error) / (1e-8 + np.maximum(np.abs(u), np.abs(new)))) / rtol
            verdict = esdirk.end_step(clock, h, stop, norm, tableau.order, max_step)
            assert verdict != esdirk.STEP_UNDERFLOW
            if verdict == esdirk.STEP_ACCEPTED:
                u, slope = new, new_slope
                steps.append((before, h))
        at_stops.append(u)
    return np.array(at_stops), clock, steps


class KnownSolution:
    """A system with a matrix that does not commute with itself at other z, and the solution (cos z, sin 2z, e^-z)."""

    def exact(self, z):
        return np.array([np.cos(z), np.sin(2 * z), np.exp(-z)])

    def matrix(self, z):
        return np.array([[-1.0, np.sin(z), 2.0], [z, -0.5, np.cos(3 * z)], [0.3, -z * z, np.sin(z)]])

    def source(self, z):
        slope = np.array([-np.sin(z), 2 * np.cos(2 * z), -np.exp(-z)])
        return slope - self.matrix(z) @ self.exact(z)


def fixed_step_errors(tableau, system, numbers_of_steps, length=2.0):
    """Error at the end, and the mean of the error estimates, for each number of steps."""
    errors, estimates = [], []
    for n in numbers_of_steps:
        u, h, estimate = system.exact(0.0), length / n, 0.0
        slope = system.matrix(0.0) @ u + system.source(0.0)
        for i in range(n):
            u, slope, e = step(tableau, system.matrix, system.source, i * h, h, u, slope)
            estimate += np.max(np.abs(e)) / n
        errors.append(np.max(np.abs(u - system.exact(length))))
        estimates.append(estimate)
    return np.array(errors), np.array(estimates)


@pytest.mark.parametrize("method", METHODS)
def test_measured_order_of_convergence(method):
    t = esdirk.TABLEAUX[method]
    errors, estimates = fixed_step_errors(t, KnownSolution(), [20, 40, 80])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), t.order, atol=0.35)
    # The local error of the embedded method, of order p - 1, is O(h^p).
    np.testing.assert_allclose(np.log2(estimates[:-1] / estimates[1:]), t.order, atol=0.35)


@pytest.mark.parametrize("method", METHODS)
def test_tighter_tolerance_gives_smaller_error_at_predictable_cost(method):
    t, system = esdirk.TABLEAUX[method], KnownSolution()
    errors, counts = [], []
    for rtol in (1e-4, 1e-6, 1e-8):
        ends, clock, _ = solve(t, system.matrix, system.source, 0.0, system.exact(0.0), [1.0], rtol)
        errors.append(np.max(np.abs(ends[0] - system.exact(1.0))))
        counts.append(clock[esdirk.ACCEPTED])
        assert errors[-1] < 10 * rtol
        assert clock[esdirk.REJECTED] < 0.3 * counts[-1]
    assert errors[2] < errors[1] / 8 and errors[1] < errors[0] / 8
    # the local error goes like h^order, so a hundredfold tighter tolerance costs 100^(1/order) times the steps
    assert counts[2] / counts[1] < 1.2 * 100 ** (1 / t.order)


# ------------------------------------------------------------------------------------------------------- stiffness


def stability_function(tableau, x):
    """R(x): what one step with h = 1 makes of u = 1 under u' = x u, x complex, as a rotation in the plane."""
    matrix = np.array([[x.real, -x.imag], [x.imag, x.real]])
    u = np.array([1.0, 0.0])
    new, _, _ = step(tableau, lambda z: matrix, lambda z: np.zeros(2), 0.0, 1.0, u, matrix @ u)
    return complex(*new)


@pytest.mark.parametrize("method", METHODS)
def test_l_stable(method):
    t = esdirk.TABLEAUX[method]
    for direction in (-1, 1j, -1j, -1 + 1j, -0.01 + 1j):
        for size_of_x in 10.0 ** np.arange(-3, 9):
            assert abs(stability_function(t, direction * size_of_x)) <= 1 + 1e-12
        assert abs(stability_function(t, direction * 1e8)) < 1e-6
    assert abs(stability_function(t, -0.1 + 0.2j) - np.exp(-0.1 + 0.2j)) < 1e-5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stiffness", [1e2, 1e4, 1e6, 1e8])
def test_slow_solution_of_a_stiff_problem_is_followed_with_long_steps(method, stiffness):
    """Prothero and Robinson: u' = -stiffness (u - phi) + phi', here with a fast rotation as well."""
    t = esdirk.TABLEAUX[method]
    fast = -stiffness * np.array([[1.0, 5.0], [-5.0, 1.0]])

    def exact(z):
        return np.array([np.sin(z), np.cos(z)])

    def source(z):
        return np.array([np.cos(z), -np.sin(z)]) - fast @ exact(z)

    ends, clock, _ = solve(t, lambda z: fast, source, 0.0, exact(0.0), [6.0], 1e-5, max_step=0.5)
    assert np.max(np.abs(ends[0] - exact(6.0))) < 1e-4
    assert clock[esdirk.ACCEPTED] < 250


@pytest.mark.parametrize("method", METHODS)
def test_fast_transient_is_gone_after_one_step(method):
    t = esdirk.TABLEAUX[method]
    matrix = np.array([[-1e9]])
    u = np.array([1.0])
    new, slope, _ = step(t, lambda z: matrix, lambda z: np.zeros(1), 0.0, 0.1, u, matrix @ u)
    assert abs(new[0]) < 1e-5
    new, _, _ = step(t, lambda z: matrix, lambda z: np.zeros(1), 0.1, 0.1, new, slope)
    assert abs(new[0]) < 1e-10


# ------------------------------------------------------------------------------------------------------ controller


@given(st.lists(st.floats(1e-9, 3.0), min_size=1, max_size=8, unique=True))
def test_stops_are_hit_exactly(stops):
    t, system = esdirk.TABLEAUX["esdirk43"], KnownSolution()
    stops = sorted(stops)
    at_stops, clock, _ = solve(t, system.matrix, system.source, 0.0, system.exact(0.0), stops, 1e-4)
    assert clock[esdirk.Z] == stops[-1]
    for z, u in zip(stops, at_stops, strict=True):
        np.testing.assert_allclose(u, system.exact(z), atol=1e-2)


def test_stops_are_hit_exactly_where_rounding_would_miss_them():
    rng = np.random.default_rng(1)
    pairs = np.sort(rng.uniform(-7, 3, size=(1000, 2)), axis=1)
    pairs = [(z, stop) for z, stop in pairs if z + (stop - z) != stop]
    assert len(pairs) > 10
    for z, stop in pairs:
        clock = esdirk.new_clock(z, 100.0)
        h = esdirk.begin_step(clock, stop)
        assert esdirk.end_step(clock, h, stop, 0.5, 5, 100.0) == esdirk.STEP_ACCEPTED
        assert clock[esdirk.Z] == stop


@given(st.floats(-10, 10), st.floats(1e-6, 10), st.floats(1e-8, 100))
def test_no_slivers(z, distance, proposed):
    """What is left after a step is nothing, or at least about as long as the step."""
    clock = esdirk.new_clock(z, proposed)
    left = (z + distance) - z
    h = esdirk.begin_step(clock, z + distance)
    assert 0 < h <= proposed
    assert h == left or left - h >= h * (1 - 1e-12)
    assert h >= 0.5 * min(proposed, left)


def test_cut_step_does_not_shrink_the_next_one():
    clock = esdirk.new_clock(0.0, 0.4)
    h = esdirk.begin_step(clock, 1e-3)
    assert h == 1e-3
    # in the worst case allowed, an error just within the tolerance
    assert esdirk.end_step(clock, h, 1e-3, 0.999, 5, 1.0) == esdirk.STEP_ACCEPTED
    assert clock[esdirk.STEP] >= 0.4
    assert clock[esdirk.Z] == 1e-3


def test_many_stops_cost_little_more_than_the_stops():
    t, system = esdirk.TABLEAUX["esdirk54"], KnownSolution()
    start = system.exact(0.0)
    _, free, _ = solve(t, system.matrix, system.source, 0.0, start, [3.0], 1e-6)
    stops = [*np.linspace(0.1, 2.9, 15), *(np.linspace(0.1, 2.9, 15) + 1e-4), 3.0]  # pairs close together
    _, cut, _ = solve(t, system.matrix, system.source, 0.0, start, sorted(stops), 1e-6)
    assert cut[esdirk.ACCEPTED] <= 1.2 * free[esdirk.ACCEPTED] + 2 * len(stops)


@pytest.mark.parametrize("error", [np.nan, np.inf, -np.nan])
def test_step_that_is_not_finite_is_rejected(error):
    clock = esdirk.new_clock(1.0, 0.1)
    assert esdirk.end_step(clock, 0.1, 2.0, error, 5, 1.0) == esdirk.STEP_REJECTED
    assert clock[esdirk.Z] == 1.0 and clock[esdirk.ACCEPTED] == 0 and clock[esdirk.REJECTED] == 1
    assert clock[esdirk.STEP] == pytest.approx(0.01)


@pytest.mark.parametrize("z", [-3.0, 0.0, 7.0])
def test_hopeless_step_ends_in_underflow_after_few_attempts(z):
    clock = esdirk.new_clock(z, 0.1)
    for attempt in range(400):  # noqa: B007
        h = esdirk.begin_step(clock, z + 1)
        assert h > 0
        if esdirk.end_step(clock, h, z + 1, np.nan, 5, 1.0) == esdirk.STEP_UNDERFLOW:
            break
    else:
        pytest.fail("never gave up")
    assert attempt < 20 or z == 0.0
    assert clock[esdirk.Z] == z


@given(st.floats(1e-12, 1e12), st.floats(1e-4, 1.0), st.booleans())
def test_next_step_is_bounded(error, last_error, just_rejected):
    clock = esdirk.new_clock(0.0, 0.01)
    clock[esdirk.LAST_ERROR], clock[esdirk.JUST_REJECTED] = last_error, just_rejected
    verdict = esdirk.end_step(clock, 0.01, 1.0, error, 5, 0.03)
    assert (verdict == esdirk.STEP_ACCEPTED) == (error <= 1)
    if error > 1:
        assert 0.001 * (1 - 1e-12) <= clock[esdirk.STEP] < 0.01
    else:
        assert 0.002 * (1 - 1e-12) <= clock[esdirk.STEP] <= (0.01 if just_rejected else 0.03)
