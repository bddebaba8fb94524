"""The benchmark: other people's solvers get the package's own equations, and comparisons cannot flatter."""

import ctypes
import multiprocessing
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

sys.path.append(str(Path(__file__).parents[2] / "tools"))

import benchmark_peers  # noqa: E402
import benchmark_runs  # noqa: E402
from benchmark_runs import OURS, Bench, Run  # noqa: E402
from benchmark_solver import CASES, Goal  # noqa: E402

from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import LeptonAsymmetry  # noqa: E402
from hpc_nu.models.heavy_neutrinos.system import System  # noqa: E402
from hpc_nu.solver.stepping import set_slope  # noqa: E402

CASE = CASES["5"]


@cache
def pieces():
    """Equations of the package before and after the jump."""
    problem = benchmark_runs.problem(CASE, 1e-3)
    pieces = System(problem, LeptonAsymmetry().pair(problem)).evolution.pieces
    return pieces[0], pieces[-1]


@cache
def equations():
    return benchmark_peers.equations(benchmark_runs.problem(CASE, 1e-3))


def scale():
    return benchmark_peers.parts(equations().parameters)[6]


def slope(z, v):
    out = np.empty_like(v)
    benchmark_peers.slope(z, v, out, equations().parameters)
    return out


def choose(segment):
    p = equations().parameters
    p[benchmark_peers.FIRST], p[benchmark_peers.LAST] = segment.first, segment.last


def some_state(seed):
    return np.random.default_rng(seed).normal(size=len(scale()))


@pytest.mark.parametrize("side", [0, 1], ids=["sphalerons", "no sphalerons"])
def test_peers_get_the_right_hand_side_of_the_package_on_both_sides_of_the_jump(side):
    segments = equations().segments
    assert segments[0].end == segments[1].begin
    choose(segments[side])
    for cell in (segments[side].first, (segments[side].first + segments[side].last) // 2, segments[side].last):
        z, u, expected = pieces()[side].nodes[cell], scale() * some_state(cell), np.empty(len(scale()))
        set_slope(pieces()[side], z, u, expected)
        assert_allclose(slope(z, u / scale()) * scale(), expected, rtol=1e-12)


def test_the_right_hand_side_for_c_has_the_same_numbers():
    choose(equations().segments[0])
    z, v, out = equations().segments[0].begin + 2.0, some_state(1), np.empty(len(scale()))
    pointers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for array in (v, out, equations().parameters)]
    benchmark_peers.slope_for_c.ctypes(z, *pointers)
    assert_allclose(out, slope(z, v), rtol=0, atol=0)


@pytest.mark.parametrize("segment", [0, 1])
def test_the_jacobian_is_exact_dense_and_sparse(segment):
    segment = equations().segments[segment]
    choose(segment)
    z, size = (segment.begin + segment.end) / 2, len(scale())
    _, dense, sparse = benchmark_peers._scipy_functions(equations().parameters, size)
    zero = slope(z, np.zeros(size))
    columns = np.array([slope(z, unit) - zero for unit in np.eye(size)]).T
    jacobian = dense(z, zero)
    # The inhomogeneous part drops out in a difference, at the price of its rounding.
    assert_allclose(jacobian, columns, rtol=1e-12, atol=1e-14 * np.max(np.abs(zero)))
    np.testing.assert_array_equal(sparse(z, zero).toarray(), jacobian)
    # Without differences: the equations are linear.
    v = some_state(2) * 1e6
    assert_allclose(jacobian @ v, slope(z, v) - zero, rtol=1e-9, atol=1e-12 * np.max(np.abs(jacobian) @ np.abs(v)))


def test_radau_and_the_package_agree_within_their_tolerances():
    bench = Bench(CASE, limit=60)
    for solver, rtol, error in (("radau", 1e-3, 1e-4), ("radau_sparse", 1e-3, 1e-4), (OURS, 1e-6, 1e-6)):
        result = bench.run(solver, rtol)
        assert 0 < result.error < error and result.seconds > 0 and result.calls > 100, (solver, result)


def test_every_installed_peer_solves_the_equations():
    bench = Bench(CASE, limit=60)
    installed = [name for name, peer in benchmark_peers.PEERS.items() if peer.is_installed]
    assert {"lsoda", "radau", "radau_sparse"} <= set(installed)
    for name in installed:
        assert bench.run(name, 1e-3).error < 1e-2, name


def test_a_run_is_killed_at_its_limit_and_a_failure_is_told():
    def endless():
        while True:
            pass

    def fails():
        raise benchmark_peers.Failed("no more steps")

    assert benchmark_runs.timed(endless, limit=1) is None
    assert benchmark_runs.timed(fails, limit=60)[0] == "no more steps"


def test_the_first_call_of_a_short_run_does_not_count():
    calls = multiprocessing.Value("i", 0)

    def task():
        calls.value += 1

    benchmark_runs.timed(task, limit=60, repeats=3)
    assert calls.value == 1 + 3


class Scripted(Bench):
    """A bench whose runs are made up: solver to (rtol, error, seconds) from loose to tight, seconds None: killed."""

    def __init__(self, script):
        self.script, self.tried = script, []

    def run(self, solver, rtol, repeats=1):
        self.tried.append((solver, rtol))
        at = int(np.argmin(np.abs(np.log(benchmark_runs.LADDER / rtol))))
        error, seconds = self.script[solver][min(at, len(self.script[solver]) - 1)]
        return Run(rtol, error, 9.0, 0, True) if seconds is None else Run(rtol, error, seconds, 1)


def test_the_cheapest_run_within_the_error_counts_and_not_the_first():
    script = {OURS: [(1e-2, 1.0), (5e-5, 3.0), (2e-4, 2.0), (6e-5, 2.5), (1e-7, 4.0), (1e-9, 1.0)]}
    bench = Scripted(script)
    ladders, chosen = bench.compare([OURS], (1e-4, 1e-6), rounds=2)
    assert chosen[OURS, 1e-4].seconds == 2.5 and chosen[OURS, 1e-6].seconds == 4.0
    assert len(ladders[OURS]) == 5  # all targets were met there
    assert bench.ask(ladders, chosen, rounds=2)[OURS, 1e-4].asked == 1.0  # the run at rtol 1e-4, which is beyond them


def test_one_killed_run_does_not_end_a_solver_and_two_do():
    script = {"a": [(1e-2, None), (1e-5, 1.0)], "b": [(1e-2, 1.0), (1.0, None), (1.0, None), (1e-9, 0.1)]}
    ladders, chosen = Scripted(script).compare(["a", "b"], (1e-4,), rounds=1)
    assert chosen["a", 1e-4].seconds == 1.0
    assert ("b", 1e-4) not in chosen and len(ladders["b"]) == 3


@pytest.mark.parametrize(
    "goal, verdict",
    [
        (Goal("", 99.0, 100.0), "MISSED"),
        (Goal("", 100.0, 100.0), "met"),
        (Goal("", 101.0, 100.0, is_bound=True), "met"),
        (Goal("", 99.0, 100.0, is_bound=True), "not decided (raise --limit)"),
        (Goal("", 1.01, 1.0, is_ratio=False), "MISSED"),
        (Goal("", 0.99, 1.0, is_ratio=False), "met"),
        (Goal("", None, 1.0), "not measured"),
    ],
)
def test_a_missed_goal_is_called_missed(goal, verdict):
    assert goal.verdict == verdict and verdict in str(goal)
