"""Stiff systems on the common loop: known answers, stops, budgets and pauses; a loop is compiled once for its class."""

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import charge_exchange
import h5py
import numpy as np
import pytest
from campaigns import write
from charge_exchange import ChargeExchange
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from hpc_nu import cli
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.result_codes import ResultCode
from hpc_nu.solver import evolution
from hpc_nu.solver.evolution import Evolution
from hpc_nu.solver.stepping import stiff


@stiff
class Chain(NamedTuple):
    """u_0 -> u_1 -> u_2 by decays at two rates."""

    rates: np.ndarray
    atol: np.ndarray

    def structure(self):
        return 0, (1, 3)

    def slope(self, z, u, out):
        first, second = self.rates[0] * u[0], self.rates[1] * u[1]
        out[0], out[1], out[2] = -first, first - second, second

    def jacobian(self, z, u, arrow):
        block = arrow.kinds[0].blocks[0]
        block[0, 0], block[1, 0] = -self.rates[0], self.rates[0]
        block[1, 1], block[2, 1] = -self.rates[1], self.rates[1]

    def exact(self, z, first=1.0, second=0.0):
        fast, slow = self.rates
        u_0 = first * np.exp(-fast * z)
        u_1 = second * np.exp(-slow * z) + first * fast / (slow - fast) * (np.exp(-fast * z) - np.exp(-slow * z))
        return np.array([u_0, u_1, 1 - u_0 - u_1])


@stiff
class Robertson(NamedTuple):
    """The autocatalytic reaction of Robertson (1966), rates 0.04, 3e7 and 1e4."""

    atol: np.ndarray

    def structure(self):
        return 0, (1, 3)

    def slope(self, z, u, out):
        slow, fast, back = 0.04 * u[0], 3e7 * u[1] * u[1], 1e4 * u[1] * u[2]
        out[0], out[1], out[2] = back - slow, slow - back - fast, fast

    def jacobian(self, z, u, arrow):
        block = arrow.kinds[0].blocks[0]
        block[0, 0], block[0, 1], block[0, 2] = -0.04, 1e4 * u[2], 1e4 * u[1]
        block[1, 0], block[1, 1], block[1, 2] = 0.04, -1e4 * u[2] - 6e7 * u[1], -1e4 * u[1]
        block[2, 1] = 6e7 * u[1]


CHAIN = Chain(np.array([1e3, 0.7]), np.full(3, 1e-9))
START = np.array([1.0, 0.0, 0.0])


def chain(stops=(0.0, 1.0, 2.0), equations=CHAIN, state=None, **solver):
    return Evolution(equations, np.array(stops), SolverSettings(**solver), START, state)


def never():
    return False


# ------------------------------------------------------------------------------------------------------ known answers


@pytest.mark.parametrize("method", ["esdirk43", "esdirk54"])
def test_decay_chain_is_that_of_bateman_at_every_stop(method):
    stops = [0.0, 1e-4, 0.3, 0.30001, 2.0]
    run = chain(stops, method=method, rtol=1e-7)
    assert run.run(never) == ResultCode.DONE
    np.testing.assert_allclose(run.records, [CHAIN.exact(z) for z in stops], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(run.records.sum(axis=1), 1.0, rtol=1e-12)


def test_coefficients_may_jump_at_a_stop():
    beyond = Chain(np.array([20.0, 1e4]), CHAIN.atol)
    run = chain((0.0, 0.5, 1.0, 1.1), [CHAIN, CHAIN, beyond], rtol=1e-8)
    assert run.run(never) == ResultCode.DONE
    np.testing.assert_allclose(run.records[2], CHAIN.exact(1.0), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(run.records[3], beyond.exact(0.1, *CHAIN.exact(1.0)[:2]), rtol=1e-5, atol=1e-12)


def test_robertson():
    """Reference values: Hairer and Wanner, Solving Ordinary Differential Equations II, and the CVODE manual."""
    run = Evolution(Robertson(np.full(3, 1e-8)), np.array([0.0, 40.0, 4e10]), SolverSettings(rtol=1e-7), START)
    assert run.run(never) == ResultCode.DONE
    expected = [[0.7158270688, 9.185534765e-6, 0.2841637457], [5.2083e-8, 2.0833e-13, 1.0]]
    np.testing.assert_allclose(run.records[1:], expected, rtol=1e-4)
    np.testing.assert_allclose(run.records[1], expected[0], rtol=1e-6)
    assert np.max(np.abs(run.records.sum(axis=1) - 1)) < 1e-12
    assert run.steps < 1000


def test_two_kinds_of_modes_and_a_border_are_those_of_scipy():
    problem = Problem({"coupling": 1e6}, {"duration": 1.0}, solver=SolverSettings(rtol=1e-8))
    outcome = ChargeExchange().solve(problem)
    rates = 1e6 * np.array([1.0, 1e-3, 1e-6])
    equations = charge_exchange.Equations(
        rates, 10 * rates, np.array([0.1, 0.2, 0.3]), rates[:2], rates[1:], np.empty(0)
    )

    def slope(z, u):
        out = np.empty_like(u)
        equations.slope(z, u, out)  # by Python
        return out

    start = np.concatenate([[1.0], np.zeros(9), np.ones(4)])
    expected = solve_ivp(slope, (0, 1), start, "Radau", rtol=1e-9, atol=1e-14).y[:, -1]
    got = outcome.observables["scalar"]
    assert got["x"] == pytest.approx(expected[0], rel=1e-6)
    assert got["total"] == pytest.approx(equations.charge(start), rel=1e-12)
    assert outcome.steps < 1000


# ------------------------------------------------------------------------------------------- stops, budgets and pauses


def test_stops_are_hit_exactly():
    stops = np.concatenate([[0.0], np.sort(np.random.default_rng(0).uniform(0, 2, 50))])
    run, seen = chain(stops, rtol=1e-4), []
    while run.stop < len(stops):
        before = run.stop
        run.run(lambda: True)
        if run.stop > before:
            seen.append(run.z)
    np.testing.assert_array_equal(seen, stops[1:])


@settings(max_examples=20, deadline=None)
@given(data=st.data(), attempts=st.sampled_from([1, 3, 64]))
def test_paused_solve_equals_the_uninterrupted_one_bit_for_bit(data, attempts):
    stops, jump = (0.0, 0.3, 1.0, 2.0), [CHAIN, CHAIN, Chain(np.array([20.0, 1e4]), CHAIN.atol)]
    whole = chain(stops, jump, rtol=1e-6)
    assert whole.run(never) == ResultCode.DONE
    pauses = iter(data.draw(st.lists(st.booleans(), max_size=60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolution, "ATTEMPTS", attempts)
        run = chain(stops, jump, rtol=1e-6)
        while (code := run.run(lambda: next(pauses, False))) == ResultCode.PAUSED:
            run = chain(stops, jump, state=np.frombuffer(run.pack().tobytes()), rtol=1e-6)
    assert code == ResultCode.DONE
    assert run.pack().tobytes() == whole.pack().tobytes()


def test_a_pause_is_asked_for_more_often_where_steps_take_long(monkeypatch):
    whole = chain(rtol=1e-10)
    assert whole.run(never) == ResultCode.DONE
    run, steps, ticks = chain(rtol=1e-10), [0], itertools.count()
    monkeypatch.setattr(evolution, "thread_time", lambda: float(next(ticks)))
    assert run.run(lambda: steps.append(run.steps + run.rejected)) == ResultCode.DONE
    assert np.diff(steps)[:8].tolist() == [64, 32, 16, 8, 4, 2, 1, 1]
    assert run.pack().tobytes() == whole.pack().tobytes()


def test_budgets_of_steps_and_of_seconds():
    run = chain(rtol=1e-10, max_steps=100)
    assert run.run(never) == ResultCode.STEP_BUDGET
    assert 100 <= run.steps + run.rejected < 100 + evolution.ATTEMPTS
    assert np.all(np.isnan(run.records[-1]))
    assert chain(max_seconds=0.0).run(never) == ResultCode.TIME_BUDGET


@pytest.mark.parametrize("coupling", [np.nan, np.inf])
def test_slope_that_is_not_finite_ends_the_solve(coupling):
    outcome = ChargeExchange().solve(Problem({"coupling": coupling}, {"duration": 1.0}))
    assert outcome.code == ResultCode.NOT_FINITE and outcome.message.startswith("not_finite at z = 0: ")
    assert outcome.rejected < 100


def test_what_a_class_lacks_is_said_at_once():
    with pytest.raises(TypeError, match=r"slope\(self, z, u, out\), .*jacobian.*structure.*a field atol, or .*error_"):

        @stiff
        class Empty(NamedTuple):
            rates: np.ndarray


# ---------------------------------------------------------------------------------------------------------- the cache

CAMPAIGN = """\
campaign: exchange
model: charge_exchange.py:ChargeExchange
parameters:
  coupling: {log: [1.0, 1.0e+6], points: 5, unit: "1"}
"""

COUNTING = """
import sys
from hpc_nu.models import get_model
from hpc_nu.models.interface import Problem
from hpc_nu.solver import stepping
model = get_model("charge_exchange.py:ChargeExchange")
x = model.solve(Problem({"coupling": 1e3}, {"duration": 1.0})).observables["scalar"]["x"]
kernels = stepping._compiled_for(sys.modules[type(model).__module__].Equations)
print(*(sum(len(getattr(k.stats, what)) for k in kernels) for what in ("cache_hits", "cache_misses")), x.hex())
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The model of the user, and a cache with nothing in it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, Path(charge_exchange.__file__).read_text(), "charge_exchange.py")
    return tmp_path


def hits_misses_result(folder):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", COUNTING], env=environment, capture_output=True, text=True, timeout=300
    )
    hits, misses, x = done.stdout.split()
    return int(hits), int(misses), x


def test_another_process_compiles_nothing_unless_the_file_has_changed(folder):
    hits, misses, x = hits_misses_result(folder)
    assert (hits, misses) == (0, 2)
    assert hits_misses_result(folder) == (2, 0, x)
    text = (folder / "charge_exchange.py").read_text()
    (folder / "charge_exchange.py").write_text(text.replace("rise -= s *", "rise -= 3 * s *"))
    hits, misses, other = hits_misses_result(folder)
    assert (hits, misses) == (0, 2) and other != x


def test_campaign_with_the_model_of_a_user(alone, folder):
    path = write(folder, CAMPAIGN)
    assert cli.main(["run", str(path), "-o", str(folder / "out.h5")]) == 0
    with h5py.File(folder / "out.h5") as file:
        assert np.all(file["status"][()] == ResultCode.DONE)
        np.testing.assert_allclose(file["results/total"][()], 1.0, rtol=1e-12)
