"""Momentum-averaged solves of many points at once: every lane of the vector registers is a point.

One point has one mode, which leaves vector registers empty and pays for every loop.  Here the rows of the workspace of
`lepton_asymmetry_stage` are points instead of modes, each with a temperature, a step and an error of its own.  What is
computed for a point, and in which order, is what `advance` of `lepton_asymmetry_kernel` computes for one mode, so the
results are the same bit for bit, whatever points share the registers.

Vectors of unknowns are (N_UNKNOWNS, n_lanes): X_e, X_mu, X_tau, s_0 ... s_3, d_0 ... d_3.
"""

import numpy as np
from numba import njit

from hpc_nu.models.lepton_asymmetry_kernel import (
    AT_STOP,
    GP,
    HM,
    HP,
    MAX_STEP,
    NOT_FINITE,
    RUNNING,
    SAME_STOP,
    SP,
    UNDERFLOW,
    cubic_at,
    error_norm,
    exponent_at,
    exponential,
    find_cell,
    susceptibility_at,
    track_maximum,
)
from hpc_nu.models.lepton_asymmetry_stage import (
    B00,
    GP0,
    LEAST,
    PE0,
    RS0,
    S0,
    SLOPE,
    SP0,
    STRIDE,
    TAU,
    factor_modes,
    fill,
    flow_products,
    schur_complement,
    set_point,
    set_pull,
    solve_3x3,
    solve_modes,
    washout_products,
    workspace,
)
from hpc_nu.seesaw.rate_table import N_CHANNELS
from hpc_nu.solver.esdirk import (
    ACCEPTED,
    CLOCK_SIZE,
    REJECTED,
    STEP_ACCEPTED,
    STEP_UNDERFLOW,
    Z,
    begin_step,
    end_step,
)

N_UNKNOWNS = 11

RESTING = -1
"""Verdict of a lane without a point."""


@njit(cache=True, error_model="numpy")
def gather_coefficients(cell, t, cells, factors, lane, work):
    """`coefficients_at` of one point for its lane, but that exponents are left in rows B00 ... B12."""
    here = cells[cell]
    for i in range(6):  # gamma_+ and gamma_- of three flavours
        c3, c2, c1, c0 = here[GP + i, 0, 0], here[GP + i, 1, 0], here[GP + i, 2, 0], here[GP + i, 3, 0]
        work[GP0 + i * STRIDE + lane] = factors[i // 3] * c0
        work[B00 + i * STRIDE + lane] = exponent_at(c3, c2, c1, t)
    for i in range(HP, N_CHANNELS):
        factor = factors[2] if i < HM else factors[3] if i < SP else 1.0
        work[i * STRIDE + lane] = cubic_at(here[i, 0, 0], here[i, 1, 0], here[i, 2, 0], here[i, 3, 0], t, factor)


@njit(cache=True, error_model="numpy")
def finish_coefficients(n, work):
    """The rest of them, in vector registers."""
    for i in range(6):
        rate, exponent, sigma = GP0 + i * STRIDE, B00 + i * STRIDE, SP0 + i * STRIDE
        for k in range(n):
            work[rate + k] *= exponential(work[exponent + k])
        for k in range(n):
            work[sigma + k] *= work[rate + k]


@njit(cache=True, error_model="numpy")
def solve_stages(tau, omega, residual, flavours, new, borders, work):
    """One implicit stage of each point: `factor_stage` and `solve_factored` with lanes in the place of modes.

    Parameters
    ----------
    tau : (n_lanes,) array
    omega : (n_lanes, 3, 3) array
    residual, new : (N_UNKNOWNS, n_lanes) arrays
    flavours : (n_lanes, 3, 4) array
    borders : (n_lanes, 9) array
        Scratch.
    """
    # 0.0 + a product is what the sum over one mode gives: never -0.0.
    n = tau.size
    washout, rhs, x, schur = np.empty(3), np.empty(3), np.empty(3), np.empty((3, 3))
    for k in range(n):
        work[TAU + k] = tau[k]
    factor_modes(n, work)
    for k in range(n):
        for i in range(9):
            borders[k, i] = 0.0 + work[B00 + i * STRIDE + k]
    for i in range(8):
        for k in range(n):
            work[RS0 + i * STRIDE + k] = residual[3 + i, k]
    for k in range(n):
        work[RS0 + k] -= 2 * tau[k] * work[SLOPE + k]
    for i in range(12):
        fill(0.0, PE0 + i * STRIDE, PE0 + i * STRIDE + n, work)
    solve_modes(n, work)
    flow_products(n, work)
    for k in range(n):
        for a in range(3):
            new[a, k] = residual[a, k] - 2 * tau[k] * (0.0 + work[B00 + a * STRIDE + k])
    washout_products(n, work)
    for k in range(n):
        for a in range(3):
            washout[a], rhs[a] = 0.0 + work[B00 + a * STRIDE + k], new[a, k]
        schur_complement(tau[k], borders[k].reshape((3, 3)), washout, omega[k], schur)
        solve_3x3(schur, rhs, x)
        set_pull(tau[k], omega[k], x, flavours[k], k, k + 1, work)
        for a in range(3):
            new[a, k] = x[a]
    solve_modes(n, work)
    for i in range(8):
        for k in range(n):
            new[3 + i, k] = work[S0 + i * STRIDE + k]


@njit(cache=True, error_model="numpy")
def advance(
    attempts, z_stops, clocks, u, slopes, maxima, verdicts,
    firsts, lasts, nodes, cells, omega_cells, norm_weights, factors_of_rates, flavours, delta_masses,
    a, c, error_weights, order, rtol, least_weights, work,
):  # fmt: skip
    """Attempt up to `attempts` steps of each point that is RUNNING, until one of them is not any more.

    Parameters
    ----------
    z_stops, firsts, lasts, delta_masses : (n_lanes,) arrays
    clocks, maxima, flavours, least_weights : (n_lanes, ...) arrays
    u, slopes : (N_UNKNOWNS, n_lanes) arrays
        The state, updated in place, with `clocks` and `maxima`.
    verdicts : (n_lanes,) array
        What `lepton_asymmetry_kernel.advance` returns, for each point; those that are not RUNNING rest.
    Others as there.
    """
    n, n_stages = verdicts.size, error_weights.size
    k = np.zeros((n_stages, N_UNKNOWNS, n))
    residual, new = np.zeros((N_UNKNOWNS, n)), np.zeros((N_UNKNOWNS, n))
    h, tau, omega, borders = np.zeros(n), np.zeros(n), np.zeros((n, 3, 3)), np.empty((n, 9))
    error_of_lane, old_of_lane, new_of_lane = np.empty(N_UNKNOWNS), np.empty(N_UNKNOWNS), np.empty(N_UNKNOWNS)
    k[0] = slopes
    for lane in range(n):
        set_point(flavours[lane], delta_masses[lane], lane, lane + 1, work)
        if verdicts[lane] == RUNNING and z_stops[lane] - clocks[lane, Z] <= SAME_STOP:
            verdicts[lane] = AT_STOP
    for _ in range(attempts):
        for lane in range(n):
            if verdicts[lane] != RUNNING and verdicts[lane] != RESTING:
                return
        for lane in range(n):
            h[lane] = begin_step(clocks[lane], z_stops[lane]) if verdicts[lane] == RUNNING else 0.0
            tau[lane] = a[1, 1] * h[lane]
        for i in range(1, n_stages):
            for m in range(N_UNKNOWNS):
                for lane in range(n):
                    residual[m, lane] = u[m, lane]
            for j in range(i):
                if a[i, j] != 0.0:
                    for m in range(N_UNKNOWNS):
                        for lane in range(n):
                            residual[m, lane] += (h[lane] * a[i, j]) * k[j, m, lane]
            for lane in range(n):
                z_stage = clocks[lane, Z] + c[i] * h[lane]
                cell = find_cell(z_stage, nodes, firsts[lane], lasts[lane])
                gather_coefficients(cell, z_stage - nodes[cell], cells, factors_of_rates, lane, work)
                susceptibility_at(cell, z_stage - nodes[cell], omega_cells, omega[lane])
                work[LEAST + lane] = least_weights[lane, cell]
            finish_coefficients(n, work)
            solve_stages(tau, omega, residual, flavours, new, borders, work)
            for m in range(N_UNKNOWNS):
                for lane in range(n):
                    k[i, m, lane] = (new[m, lane] - residual[m, lane]) * (1.0 / tau[lane])
        for m in range(N_UNKNOWNS):
            for lane in range(n):
                residual[m, lane] = 0.0
        for i in range(n_stages):
            for m in range(N_UNKNOWNS):
                for lane in range(n):
                    residual[m, lane] += (h[lane] * error_weights[i]) * k[i, m, lane]
        for lane in range(n):
            if verdicts[lane] != RUNNING:
                continue
            for m in range(N_UNKNOWNS):
                error_of_lane[m], old_of_lane[m], new_of_lane[m] = residual[m, lane], u[m, lane], new[m, lane]
            error = error_norm(error_of_lane, old_of_lane, new_of_lane, norm_weights, rtol, tau[lane], work[lane:])
            z = clocks[lane, Z]
            verdict = end_step(clocks[lane], h[lane], z_stops[lane], error, order, MAX_STEP)
            if verdict == STEP_UNDERFLOW:
                verdicts[lane] = UNDERFLOW if np.isfinite(error) else NOT_FINITE
            if verdict == STEP_ACCEPTED:
                track_maximum(
                    z, h[lane], u[0, lane], new[0, lane], k[0, 0, lane], k[n_stages - 1, 0, lane], maxima[lane]
                )
                for m in range(N_UNKNOWNS):
                    u[m, lane] = new[m, lane]
                    k[0, m, lane] = k[n_stages - 1, m, lane]
                    slopes[m, lane] = k[0, m, lane]
                if clocks[lane, Z] == z_stops[lane]:
                    verdicts[lane] = AT_STOP


class Lanes:
    """The lanes of `advance`, and the solves that sit in them.

    Parameters
    ----------
    n_lanes : int
    like : a solve of `hpc_nu.models.lepton_asymmetry` on the averaged grid
        Table, tolerance and all else that the solves have in common are taken from it.
    """

    def __init__(self, n_lanes, like):
        self.runs, self.like = [None] * n_lanes, like
        self.work = workspace(np.ones(n_lanes))
        self.verdicts = np.full(n_lanes, RESTING)
        self.z_stops, self.delta_masses = np.zeros(n_lanes), np.zeros(n_lanes)
        self.firsts, self.lasts = np.zeros(n_lanes, np.int64), np.zeros(n_lanes, np.int64)
        self.clocks, self.maxima = np.zeros((n_lanes, CLOCK_SIZE)), np.zeros((n_lanes, 2))
        self.u, self.slopes = np.zeros((N_UNKNOWNS, n_lanes)), np.zeros((N_UNKNOWNS, n_lanes))
        self.flavours = np.zeros((n_lanes, 3, 4))
        self.least_weights = np.zeros((n_lanes, len(like.table.cells)))

    def load(self, lane, run):
        """Put a solve into a lane: its point, its state and where it goes next."""
        self.runs[lane] = run
        self.flavours[lane], self.delta_masses[lane] = run.flavours, run.delta_mass
        self.least_weights[lane] = run.least_weights[:, 0]
        self.clocks[lane], self.maxima[lane] = run.clock, run.maximum
        self.u[:, lane], self.slopes[:, lane] = run.u, run.slope
        self.z_stops[lane], self.firsts[lane], self.lasts[lane] = run.next_stop()
        self.verdicts[lane] = RUNNING

    def unload(self, lane):
        """Give the solve in a lane its state back."""
        run = self.runs[lane]
        run.clock, run.maximum = self.clocks[lane].copy(), self.maxima[lane].copy()
        run.u, run.slope = self.u[:, lane].copy(), self.slopes[:, lane].copy()
        return run

    def rest(self, lane):
        self.runs[lane], self.verdicts[lane] = None, RESTING

    def advance(self, attempts):
        run, tableau = self.like, self.like.tableau
        advance(
            attempts, self.z_stops, self.clocks, self.u, self.slopes, self.maxima, self.verdicts,
            self.firsts, self.lasts, run.table.nodes, run.table.cells, run.omega, run.table.norm_weights,
            run.rate_factors, self.flavours, self.delta_masses,
            tableau.a, tableau.c, tableau.error_weights, tableau.order, run.solver.rtol,
            self.least_weights, self.work,
        )  # fmt: skip


def solve_together(runs, n_lanes, attempts, most_steps, pause):
    """Bring solves to their end side by side.

    Parameters
    ----------
    runs : list
        Solves at their start, of one table and equal settings.
    attempts : int
        Steps between two looks at `pause`.
    most_steps : int
        A solve that attempts as many is left where it is: it would go on alone while the other lanes rest.
    pause : callable
        When it is true, what is not finished is left where it is.

    Returns
    -------
    list of bool
        Which of `runs` have reached their last stop.
    """
    lanes, waiting = Lanes(min(n_lanes, len(runs)), runs[0]), list(reversed(runs))
    finished = {id(run): False for run in runs}
    for lane in range(len(lanes.runs)):
        lanes.load(lane, waiting.pop())
    while np.any(lanes.verdicts != RESTING) and not pause():
        lanes.advance(attempts)
        for lane in np.flatnonzero(lanes.verdicts != RESTING):
            verdict = lanes.verdicts[lane]
            has_time = lanes.clocks[lane, ACCEPTED] + lanes.clocks[lane, REJECTED] < most_steps
            if verdict == RUNNING and has_time:
                continue
            run = lanes.unload(lane)
            if verdict == AT_STOP and has_time and not run.arrive():
                lanes.load(lane, run)
                continue
            finished[id(run)] = verdict == AT_STOP and has_time
            lanes.rest(lane)
            if waiting:
                lanes.load(lane, waiting.pop())
    return [finished[id(run)] for run in runs]
