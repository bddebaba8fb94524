"""The default stage on nonlinear systems with known solutions; its iteration ends rightly."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpc_nu.solver import esdirk, newton
from hpc_nu.solver.newton import CONVERGED, FAILED, GO_ON
from hpc_nu.solver.stepping import AT_STOP, NOT_FINITE, UNDERFLOW, State, advance, set_slope, stiff

METHODS = sorted(esdirk.TABLEAUX)

# Slots of `counts`.
STAGES, SLOPES = range(2)


@stiff
class Kaps(NamedTuple):
    """Kaps' problem with many fast modes: y_k' = -(1/eps_k + 2) y_k + x^2/eps_k, x' = mean(y) - x - x^2.

    As eps_k -> 0, y_k = x^2 at all times; the solution x = exp(-z), y_k = exp(-2z) does not depend on eps.
    """

    eps: np.ndarray
    atol: np.ndarray
    counts: np.ndarray

    def structure(self):
        return 1, (len(self.eps), 1)

    def slope(self, z, u, out):
        self.counts[SLOPES] += 1
        x, mean = u[0], 0.0
        for k in range(self.eps.size):
            out[1 + k] = (x * x - u[1 + k]) / self.eps[k] - 2 * u[1 + k]
            mean += u[1 + k] / self.eps.size
        out[0] = mean - x - x * x

    def jacobian(self, z, u, arrow):
        self.counts[STAGES] += 1
        modes = arrow.kinds[0]
        arrow.corner[0, 0] = -1 - 2 * u[0]
        for k in range(self.eps.size):
            modes.columns[k, 0, 0] = 2 * u[0] / self.eps[k]
            modes.rows[k, 0, 0] = 1 / self.eps.size
            modes.blocks[k, 0, 0] = -1 / self.eps[k] - 2

    def exact(self, z):
        return np.exp(-z * np.array([1.0] + [2.0] * len(self.eps)))


@stiff
class Recombination(NamedTuple):
    """y_k' = -y_k^2/eps_k: two-body recombination; a stage has no solution at all if h is many eps/y."""

    eps: np.ndarray
    atol: np.ndarray
    counts: np.ndarray

    def structure(self):
        return 0, (len(self.eps), 1)

    def slope(self, z, u, out):
        self.counts[SLOPES] += 1
        for k in range(self.eps.size):
            out[k] = -u[k] * u[k] / self.eps[k]

    def jacobian(self, z, u, arrow):
        self.counts[STAGES] += 1
        for k in range(self.eps.size):
            arrow.kinds[0].blocks[k, 0, 0] = -2 * u[k] / self.eps[k]

    def exact(self, z):
        return 1 / (1 + z / self.eps)


@stiff
class Rotation(NamedTuple):
    """Linear: y_k' = (J_z y_k - z y_k)/eps_k, J_z the quarter turn; y_k = exp(-z^2/2 eps_k) (cos, sin)(z/eps_k)."""

    eps: np.ndarray
    atol: np.ndarray
    counts: np.ndarray

    def structure(self):
        return 0, (len(self.eps), 2)

    def slope(self, z, u, out):
        self.counts[SLOPES] += 1
        for k in range(self.eps.size):
            c, s = u[2 * k], u[2 * k + 1]
            out[2 * k], out[2 * k + 1] = (-s - z * c) / self.eps[k], (c - z * s) / self.eps[k]

    def jacobian(self, z, u, arrow):
        self.counts[STAGES] += 1
        blocks = arrow.kinds[0].blocks
        for k in range(self.eps.size):
            blocks[k, 0, 0] = blocks[k, 1, 1] = -z / self.eps[k]
            blocks[k, 0, 1], blocks[k, 1, 0] = -1 / self.eps[k], 1 / self.eps[k]

    def exact(self, z):
        phase = z / self.eps
        return (np.exp(-z * z / (2 * self.eps)) * np.array([np.cos(phase), np.sin(phase)])).T.ravel()


class Solve:
    """A solve from z = 0, with its whole state."""

    def __init__(self, kind, eps, method, rtol, first_step=1e-3, adaptive=True):
        eps, self.rtol, self.tableau = np.asarray(eps), rtol, esdirk.TABLEAUX[method]
        self.equations = kind(eps, np.empty(0), np.zeros(2, dtype=np.int64))
        u = self.equations.exact(0.0)
        self.equations = self.equations._replace(atol=np.full(len(u), 1e-12))
        self.state = State(esdirk.new_clock(0.0, first_step), u, np.empty_like(u), np.empty(0))
        set_slope(self.equations, 0.0, u, self.state.slope)
        self.equations.counts[:] = 0
        if not adaptive:
            self.tableau = self.tableau._replace(error_weights=0 * self.tableau.error_weights)

    def to(self, z_stop, attempts=100_000):
        work = self.equations.workspace()
        work.memory[:] = np.nan  # what it held before must not matter
        return advance(self.equations, attempts, z_stop, self.tableau, self.rtol, np.inf, self.state, work)

    def relative_errors(self):
        return np.abs(self.state.u / self.equations.exact(self.state.clock[esdirk.Z]) - 1)

    @property
    def counts(self):
        return self.equations.counts

    @property
    def rejected(self):
        return self.state.clock[esdirk.REJECTED]

    @property
    def accepted(self):
        return self.state.clock[esdirk.ACCEPTED]


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
        assert solve.rejected <= 2


@pytest.mark.parametrize("method", METHODS)
def test_stiffness_costs_no_steps_and_few_updates(method):
    steps = []
    for stiffest in (1e-4, 1e-6, 1e-8, 1e-10):
        solve = Solve(Kaps, np.geomspace(1, stiffest, 33), method, rtol=1e-5)
        assert solve.to(3.0) == AT_STOP
        steps.append(solve.accepted)
        assert solve.counts[SLOPES] < 2 * solve.counts[STAGES]
        assert solve.counts[STAGES] == (solve.accepted + solve.rejected) * (len(solve.tableau.c) - 1), "none fails"
    assert max(steps) < 1.1 * min(steps)


@pytest.mark.parametrize("method", METHODS)
def test_linear_stage_costs_one_update(method):
    """But for the first stage of a step, after which the rate of convergence is known."""
    solve = Solve(Rotation, [0.3, 0.1], method, rtol=1e-6)
    assert solve.to(0.5) == AT_STOP
    assert np.max(solve.relative_errors()) < 1e-4
    assert solve.counts[SLOPES] == solve.counts[STAGES] + solve.accepted + solve.rejected


@pytest.mark.parametrize("method", METHODS)
def test_step_whose_stage_has_no_solution_is_shortened(method):
    solve = Solve(Recombination, np.geomspace(1, 1e-8, 9), method, rtol=1e-5, first_step=1.0)
    assert solve.to(3.0, attempts=8) != AT_STOP
    assert solve.rejected == 8, "the first step is 1e8 times too long"
    assert solve.counts[STAGES] < 8 * (len(solve.tableau.c) - 1), "no stage is tried after one that failed"
    assert solve.to(3.0) == AT_STOP
    assert solve.rejected <= 12
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
    assert whole.rejected > 0
    for part, expected in zip((*parts.state, parts.counts), (*whole.state, whole.counts), strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize(
    "eps, verdict", [([np.nan], NOT_FINITE), ([0.0], NOT_FINITE), ([-1.0], UNDERFLOW)], ids=["nan", "inf", "blows up"]
)
def test_hopeless_solve_says_why(eps, verdict):
    """y' = y^2 has no solution beyond z = 1, where numbers are still finite."""
    solve = Solve(Recombination, [1.0], "esdirk54", rtol=1e-5)
    solve.equations.eps[:] = eps
    set_slope(solve.equations, 0.0, solve.state.u, solve.state.slope)
    assert solve.to(3.0) == verdict


# --------------------------------------------------------------------------------------------- verdict of the iteration


def verdicts(memory, norms):
    """What is said after each update, up to the first that ends the stage."""
    said = []
    for norm in norms:
        said.append(newton.verdict(memory, norm))
        if said[-1] != GO_ON:
            break
    return said


@given(st.floats(1e-6, 1e12), st.floats(1e-12, 0.99))
def test_verdict_on_a_sequence_of_known_rate(first, rate):
    memory = np.zeros(newton.MEMORY_SIZE)
    newton.begin(memory)
    said = verdicts(memory, first * rate ** np.arange(20))
    missing = first * rate ** len(said) / (1 - rate)  # the sum of all updates not made
    at_best = first * rate**newton.MAX_UPDATES / (1 - rate)
    assert len(said) <= newton.MAX_UPDATES
    if said[-1] == CONVERGED:
        assert missing <= newton.KAPPA * (1 + 1e-9) or (len(said) == 1 and first <= newton.KAPPA)
    else:
        assert said == [GO_ON, FAILED], "given up as soon as the rate is known"
        assert at_best > newton.KAPPA * (1 - 1e-9)


@pytest.mark.parametrize(
    "norms", [[np.nan], [np.inf], [1, np.nan], [1, np.inf], [1, 1], [1, 1.5], [1, 5], [1, 0.1, 1], [1, 0.9]]
)
def test_iteration_that_does_not_converge_fails(norms):
    memory = np.zeros(newton.MEMORY_SIZE)
    newton.begin(memory)
    assert verdicts(memory, norms) == [GO_ON] * (len(norms) - 1) + [FAILED]


def test_rate_is_remembered_from_stage_to_stage_but_not_from_step_to_step():
    memory = np.zeros(newton.MEMORY_SIZE)
    newton.begin(memory)
    assert verdicts(memory, [1.0, 1e-9]) == [GO_ON, CONVERGED]
    assert verdicts(memory, [1.0, 1e-9]) == [CONVERGED]
    assert verdicts(memory, [1e6, 1e4, 1e2, 1e0, 1e-2]) == [GO_ON, GO_ON, GO_ON, GO_ON, CONVERGED]
    assert verdicts(memory, [1e6, 1e-6]) == [GO_ON, CONVERGED]
    assert verdicts(memory, [1.0, 1e-9]) == [GO_ON, CONVERGED], "the slowest counts"
    newton.begin(memory)
    assert verdicts(memory, [1.0, 1e-9]) == [GO_ON, CONVERGED]
