#!/usr/bin/env python3
"""How the cost of a lepton-asymmetry solve grows with the number of momentum modes, and what other solvers need.

    python tools/benchmark_solver.py                  table for N = 5 ... 82, then scipy's Radau and LSODA at N = 5, 11
    python tools/benchmark_solver.py --no-peers       the table alone

Parameters (4.1) of arXiv:2011.12637, T = 10^4 ... 10 GeV, equal-occupation grid, default rates.  All times are
processor time, without compilation and without the rate table (which points of equal mass share).  "error" is the
largest difference of the three asymmetries at 10 GeV, in units of the largest, from a solve with rtol = 1e-9.  The
peers get the same compiled right-hand side and rate table, and Radau its exact Jacobian.  The exit code is 1 if the
exponent exceeds the goal.
"""

import argparse
import os
import sys
from time import process_time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: threads in these small matrices cost, and blur

import numpy as np
from scipy.integrate import solve_ivp

from hpc_nu.models import lepton_asymmetry_kernel as kernel
from hpc_nu.models.lepton_asymmetry import SETTINGS, LeptonAsymmetry, _Solve
from hpc_nu.models.mode_system import Problem, SolverSettings
from hpc_nu.solver import esdirk, momentum_grid
from hpc_nu.solver.result_codes import ResultCode

POINT = {
    "M": 2.0,
    "delta_M": 0.983e-11,
    "im_omega": -2.754e-3,
    "re_omega": 0.551 * np.pi,
    "delta": 0.993 * np.pi,
    "eta": 1.479 * np.pi,
}
NUMBERS_OF_MODES = (5, 11, 20, 48, 82)
PEERS_AT = (5, 11)
GOAL = 1.1  # exponent from 11 to 82 modes
PEER_LIMIT = 30.0  # processor seconds before a peer is given up


class TooSlow(Exception):
    pass


def problem(grid, rtol, method="esdirk54"):
    settings = {setting.name: setting.default for setting in SETTINGS}
    return Problem(POINT, settings, grid, solver=SolverSettings(method, rtol))


def asymmetries(outcome):
    assert outcome.code == ResultCode.DONE, outcome.message
    return np.array([outcome.observables["scalar"][f"Y_Delta_{a}"] for a in ("e", "mu", "tau")])


def distance(got, expected):
    return np.max(np.abs(got - expected)) / np.max(np.abs(expected))


def measure(task, repeats):
    """(outcome, median processor time) of solving `task`."""
    model = LeptonAsymmetry()
    outcome = model.solve(task)  # compiles and fills the cache of rate tables
    seconds = []
    for _ in range(repeats):
        started = process_time()
        model.solve(task)
        seconds.append(process_time() - started)
    return outcome, np.median(seconds)


def peer(method, task, rtol):
    """(asymmetries, processor time, calls of the right-hand side) of one of scipy's methods."""
    run = _Solve(task)
    run.start()
    t, size = run.table, run.size
    at_z, omega = np.empty((kernel.N_CHANNELS, len(t.weights))), np.empty((3, 3))
    columns, matrix = np.eye(size), np.empty((size, size))
    started, calls = process_time(), 0

    def coefficients(z):
        cell = kernel.find_cell(z, t.nodes, 0, len(t.cells) - 1)
        kernel.coefficients_at(cell, z - t.nodes[cell], t.cells, run.rate_factors, len(t.weights), at_z.ravel())
        kernel.susceptibility_at(cell, z - t.nodes[cell], run.omega, omega)

    def apply(u, out):
        kernel.right_hand_side(u, at_z, t.weights, run.flavours, run.delta_mass, omega, out)
        return out

    def slope(z, u):
        nonlocal calls
        calls += 1
        if calls % 1000 == 0 and process_time() - started > PEER_LIMIT:
            raise TooSlow
        coefficients(z)
        return apply(u, np.empty(size))

    def jacobian(z, u):
        coefficients(z)
        at_z[kernel.FS] = 0
        for i in range(size):
            apply(columns[i], matrix[i])
        return matrix.T

    span = (run.clock[esdirk.Z], np.log(run.mass / run.t_end))
    # The tolerances of the package: d is far smaller than s, the asymmetries smaller still.
    n = len(t.weights)
    atol = rtol * np.repeat([kernel.ATOL_X, kernel.ATOL_S, kernel.ATOL_D], [3, 4 * n, 4 * n])
    options = {"jac": jacobian} if method == "Radau" else {}
    result = solve_ivp(slope, span, run.u, method, rtol=rtol, atol=atol, **options)
    assert result.success, result.message
    return result.y[:3, -1] / run.entropy_at_start, process_time() - started, calls


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rtol", type=float, default=SolverSettings.rtol, help="tolerance of one step (%(default)s)")
    parser.add_argument("--method", choices=sorted(esdirk.TABLEAUX), default=SolverSettings.method)
    parser.add_argument("--repeats", type=int, default=9, help="solves per row; the median counts (%(default)s)")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="the package alone")
    arguments = parser.parse_args()

    print(f"{arguments.method}, rtol = {arguments.rtol:g}, equal_occupation, median of {arguments.repeats}")
    print("    N   steps  rejected   seconds   us/step  ns/(step mode)   error")
    times, references = {}, {}
    for n in NUMBERS_OF_MODES:
        grid = momentum_grid.equal_occupation(n)
        outcome, seconds = measure(problem(grid, arguments.rtol, arguments.method), arguments.repeats)
        references[n] = asymmetries(LeptonAsymmetry().solve(problem(grid, 1e-9)))
        attempted = outcome.steps + outcome.rejected
        times[n] = seconds
        print(
            f"{n:5d} {outcome.steps:7d} {outcome.rejected:9d} {seconds:9.5f} {seconds / attempted * 1e6:9.2f}"
            f" {seconds / attempted / n * 1e9:15.1f} {distance(asymmetries(outcome), references[n]):7.0e}",
            flush=True,
        )
    fitted = [n for n in NUMBERS_OF_MODES if n >= 11]
    exponent = np.polyfit(np.log(fitted), np.log([times[n] for n in fitted]), 1)[0]
    verdict = "met" if exponent <= GOAL else "MISSED"
    print(f"seconds ~ N^{exponent:.2f} from {fitted[0]} to {fitted[-1]} modes (goal: at most {GOAL}: {verdict})")

    if arguments.peers:
        print("\npeer on the same right-hand side    N   seconds     calls   error   times slower")
        for n in PEERS_AT:
            task = problem(momentum_grid.equal_occupation(n), arguments.rtol)
            for method, rtol in (("Radau", 1e-2), ("Radau", 1e-3), ("LSODA", 1e-3)):
                label = f"scipy {method}, rtol = {rtol:g}"
                try:
                    y, seconds, calls = peer(method, task, rtol)
                except TooSlow:
                    print(f"{label:33s} {n:4d} > {PEER_LIMIT:g} s", flush=True)
                    continue
                error = distance(y, references[n])
                print(
                    f"{label:33s} {n:4d} {seconds:9.3f} {calls:9d} {error:7.0e} {seconds / times[n]:14.0f}", flush=True
                )
    return int(exponent > GOAL)


if __name__ == "__main__":
    sys.exit(main())
