"""Relaxing systems on the exponential loop: known answers, order, nodes, budgets, pauses; compiled once for a class."""

import itertools
import os
import shutil
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hpc_nu.models.interface import SolverSettings
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver import exponential
from hpc_nu.solver.exponential import Relaxation, relaxing


class Now(NamedTuple):
    g: np.ndarray


@relaxing
class Catalysis(NamedTuple):
    """f_k' = g(z) y^n (1 - f_k), y' = -sum_k w_k f_k', with n = 0 or 1, and g linear from node to node.

    With n = 1, sum_k w_k = 1, and f = 0, y = 2 at the start, f = (2 e^G - 2)/(2 e^G - 1), G = int g dz.
    """

    g: np.ndarray
    weights: np.ndarray
    n: int

    columns = 2

    def surroundings(self):
        return Now(np.empty(1))

    def workspace(self):
        return np.empty(self.weights.size)

    def look(self, j, s, there):
        there.g[0] = (1.0 - s) * self.g[j] + s * self.g[j + 1]

    def relax(self, step, f, f_new, y_new, work):
        catalyst = 0.5 * (step.y[0] + step.expected[0]) if self.n == 1 else 1.0
        work[:] = np.expm1(-0.5 * (step.here.g[0] + step.there.g[0]) * catalyst * step.h)
        y_new[0] = step.y[0]
        for k in range(f.size):
            f_new[k] = f[k] + work[k] * (f[k] - 1.0)
            y_new[0] -= self.weights[k] * (f_new[k] - f[k])

    def record(self, f, y, row):
        row[0], row[1] = f[0], y[0]


WEIGHTS = np.array([0.2, 0.5, 0.3])
LENGTHS = np.array([0.3, 1e-3, 0.7, 0.2])
NODES = np.append(0.0, np.cumsum(LENGTHS))
RISING = 1.0 + NODES
ONE = np.array([1.0, 2.0]), np.ones(1)
"""g and lengths, where there are no nodes but the ends."""


def catalysis(g=RISING, lengths=LENGTHS, n=1, state=None, **solver):
    return Relaxation(Catalysis(g, WEIGHTS, n), lengths, SolverSettings(**solver), np.zeros(3), np.array([2.0]), state)


def exact(g, lengths):
    """f at the nodes."""
    grown = 2 * np.exp(np.append(0.0, np.cumsum(lengths * (g[1:] + g[:-1]) / 2)))
    return (grown - 2) / (grown - 1)


def error(run, of):
    """That of f at the end, in the place of `exact(*of)`."""
    return abs(run.records[-1, 0] - exact(*of)[-1])


def finished(*arguments, **settings):
    run = catalysis(*arguments, **settings)
    assert run.run(never) == ResultCode.DONE
    return run


def never():
    return False


# ------------------------------------------------------------------------------------------------------ known answers


def test_steps_are_of_second_order():
    errors = []
    for n in (50, 100, 200):
        run = finished(np.linspace(1.0, 2.0, n + 1), np.full(n, 1.0 / n), rtol=np.inf)
        assert (run.steps, run.rejected) == (n, 0)
        errors.append(error(run, ONE))
    assert errors[0] < 1e-3
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.1)


def test_the_tolerance_sets_steps_and_errors():
    """h ~ rtol^(1/3), and an error of h^2."""
    tight, loose = (finished(*ONE, rtol=rtol) for rtol in (1e-10, 1e-7))
    assert tight.steps / loose.steps == pytest.approx(10, rel=0.2)
    assert error(tight, ONE) < 1e-6
    assert error(loose, ONE) / error(tight, ONE) == pytest.approx(100, rel=0.4)


@pytest.mark.parametrize("rate, rtol", [(1e-9, np.inf), (1.0, np.inf), (1e9, np.inf), (1.0, 1e-6), (1e3, 1e-6)])
def test_constant_rates_are_exact_at_every_node(rate, rtol):
    """So that a step which does not end on its node is seen: with 1e-6 there are several between two nodes."""
    run = finished(np.full(5, rate), n=0, rtol=rtol)
    assert_allclose(run.records[:, 0], -np.expm1(-rate * NODES), rtol=1e-12)
    assert_allclose(run.records[:, 1], 2 - run.records[:, 0], rtol=1e-12)
    assert run.z == pytest.approx(NODES[-1], rel=1e-15)
    assert run.steps > 20 or rtol == np.inf


def test_every_node_is_landed_on():
    run, seen = catalysis(rtol=1e-7), [0.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exponential, "ATTEMPTS", 1)
        while run.run(lambda: True) == ResultCode.PAUSED:
            seen += [run.z] if run.state.clock[exponential.PART] == 0 and run.z > seen[-1] else []
    assert_allclose([*seen, run.z], NODES, rtol=1e-15)
    assert_allclose(run.records[:, 0], exact(RISING, LENGTHS), rtol=1e-4)


def test_steps_that_miss_are_tried_again_and_leave_nothing():
    """Where a rate sets in all at once, y is not where its trend has been."""
    g = np.array([0.0, 0.0, 0.0, 5.0, 0.0])
    run, careless = (finished(g, rtol=rtol) for rtol in (1e-7, np.inf))
    assert run.rejected > 2 and careless.rejected == 0
    assert_allclose(run.records[:, 0], exact(g, LENGTHS), rtol=1e-4)
    assert_allclose(run.records.sum(axis=1), 2.0, rtol=1e-13)
    assert error(careless, (g, LENGTHS)) > 1e-3


# ------------------------------------------------------------------------------------------------- budgets and pauses


def test_budgets_of_steps_and_of_seconds():
    run = catalysis(rtol=1e-10, max_steps=100)
    assert run.run(never) == ResultCode.STEP_BUDGET
    assert run.steps + run.rejected == 100
    assert np.all(np.isnan(run.records[-1]))
    needed = finished(rtol=1e-6)
    assert finished(rtol=1e-6, max_steps=needed.steps + needed.rejected).pack().tobytes() == needed.pack().tobytes()
    assert catalysis(rtol=1e-10, max_seconds=0.0).run(never) == ResultCode.TIME_BUDGET


def test_a_tolerance_that_cannot_be_met_ends_the_solve():
    run = catalysis(rtol=1e-30)
    assert run.run(never) == ResultCode.STEP_TOO_SMALL
    assert run.rejected < 100


@pytest.mark.parametrize("g", [np.nan, -np.inf])
def test_rates_that_are_not_finite_end_the_solve(g):
    run = catalysis(np.array([1.0, 1.0, 1.0, g, 1.0]))
    assert run.run(never) == ResultCode.NOT_FINITE
    assert run.z == pytest.approx(NODES[2])


@settings(max_examples=20, deadline=None)
@given(data=st.data(), attempts=st.sampled_from([1, 3, 16]))
def test_paused_solve_equals_the_uninterrupted_one_bit_for_bit(data, attempts):
    whole = finished(rtol=1e-7)
    pauses = iter(data.draw(st.lists(st.booleans(), max_size=60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exponential, "ATTEMPTS", attempts)
        run = catalysis(rtol=1e-7)
        while (code := run.run(lambda: next(pauses, False))) == ResultCode.PAUSED:
            run = catalysis(rtol=1e-7, state=np.frombuffer(run.pack().tobytes()))
    assert code == ResultCode.DONE
    assert run.pack().tobytes() == whole.pack().tobytes()


def test_a_pause_is_asked_for_more_often_where_steps_take_long(monkeypatch):
    whole = finished(rtol=1e-10)
    run, steps, ticks = catalysis(rtol=1e-10, max_seconds=np.inf), [0], itertools.count()
    monkeypatch.setattr(exponential, "thread_time", lambda: float(next(ticks)))
    assert run.run(lambda: steps.append(run.steps + run.rejected)) == ResultCode.DONE
    assert np.diff(steps)[:6].tolist() == [16, 8, 4, 2, 1, 1]
    assert run.pack().tobytes() == whole.pack().tobytes()


def test_what_a_class_lacks_is_said_at_once():
    with pytest.raises(TypeError, match="Empty: .* surroundings, workspace, look, relax, record, columns"):

        @relaxing
        class Empty(NamedTuple):
            rates: np.ndarray


# ---------------------------------------------------------------------------------------------------------- the cache

COUNTING = """
import catalysis
from hpc_nu.solver import exponential
f = catalysis.finished(rtol=1e-6).records[-1, 0]
kernels = exponential._compiled_for(catalysis.Catalysis)
print(*(sum(len(getattr(k.stats, what)) for k in kernels) for what in ("cache_hits", "cache_misses")), f.hex())
"""


def hits_misses_result(folder):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", COUNTING], env=environment, cwd=folder, capture_output=True, text=True, timeout=300
    )
    hits, misses, f = done.stdout.split()
    return int(hits), int(misses), f


def test_another_process_compiles_nothing_unless_the_file_has_changed(tmp_path):
    file = tmp_path / "catalysis.py"
    shutil.copy(__file__, file)
    hits, misses, f = hits_misses_result(tmp_path)
    assert (hits, misses) == (0, 2)
    assert hits_misses_result(tmp_path) == (2, 0, f)
    text = file.read_text()
    file.write_text(text.replace("np.expm1(-0.5 *", "np.expm1(-0.6 *"))
    hits, misses, other = hits_misses_result(tmp_path)
    assert (hits, misses) == (0, 2) and other != f
