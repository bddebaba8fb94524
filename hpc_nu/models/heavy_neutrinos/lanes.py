"""Momentum-averaged solves of many points at once: every lane of the vector registers is a point.

One point has one mode, which leaves vector registers empty and pays for every loop.  Here the rows of the workspace of
`stage` are points instead of modes, each with a temperature, a step and a tolerance of its own.  What is computed for a
point, and in which order, is what `hpc_nu.solver.stepping` computes for `Equations` of one mode, so the results are the
same bit for bit, whatever points share the registers.

Vectors of unknowns are flat, LANES numbers of each: X_e, X_mu, X_tau, s_0 ... s_3, d_0 ... d_3.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.models.heavy_neutrinos.coefficients import exponential, find_cell
from hpc_nu.models.heavy_neutrinos.equations import MAX_STEP, SAME_STOP, track_maximum
from hpc_nu.models.heavy_neutrinos.error import error_norms
from hpc_nu.models.heavy_neutrinos.stage import (
    DM,
    FE0,
    GC0,
    GC0_AT_NODE,
    HC0,
    LEAST,
    SC0,
    STRIDE,
    TAU,
    WORST,
    factor_stage,
    solve_factored,
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
from hpc_nu.solver.stepping import AT_STOP, NOT_FINITE, RUNNING, UNDERFLOW

LANES = 16
"""Two registers: they hide each other's latencies, and more would wait longer for the slowest point."""

SIZE = 11 * LANES

RESTING, OUT_OF_STEPS = -1, 10
"""Verdicts of a lane without a point, and of one whose point takes too long: it would go on alone."""

N_COLUMNS, WIDTH = N_CHANNELS + 6 + 9, 40  # whole registers


def side_by_side(cells, omega_cells):
    """Coefficients of a momentum-averaged table in the order of the first N_COLUMNS rows of the workspace.

    Parameters
    ----------
    cells : (n_cells, N_CHANNELS, 4, 1) array
    omega_cells : (n_cells, 4, 3, 3) array

    Returns
    -------
    (n_cells, 4, WIDTH) array
        Channels, gamma_+- at the beginning of the cell, omega, and nothing; of a channel that is a logarithm, ^0 is 0.
    """
    n_cells = len(cells)
    columns = np.zeros((n_cells, 4, WIDTH))
    columns[:, :, :N_CHANNELS] = np.swapaxes(cells[..., 0], 1, 2)
    columns[:, 3, N_CHANNELS : N_CHANNELS + 6] = columns[:, 3, :6]
    columns[:, 3, :6] = 0.0
    columns[:, :, N_CHANNELS + 6 : N_COLUMNS] = omega_cells.reshape(n_cells, 4, 9)
    return columns


@compiled
def coefficients_at(cell, t, columns, out):
    """Polynomials of one point at `t` beyond the beginning of `cell`, side by side in `out` (WIDTH,)."""
    here = columns[cell]
    for i in range(WIDTH):
        out[i] = ((here[0, i] * t + here[1, i]) * t + here[2, i]) * t + here[3, i]


@compiled
def set_coefficients(coefficients, factors, w):
    """`coefficients` (LANES, WIDTH) into the rows of the workspace, as `coefficients_at` of the kernel does."""
    for k in range(LANES):
        for i in range(N_COLUMNS):
            w[i * STRIDE + k] = coefficients[k, i]
    for i in range(6):
        rate, at_node, h, sigma = GC0 + i * STRIDE, GC0_AT_NODE + i * STRIDE, HC0 + i * STRIDE, SC0 + i * STRIDE
        of_gamma, of_h = factors[i // 3], factors[2 + i // 3]
        for k in range(LANES):
            w[rate + k] = of_gamma * w[at_node + k] * exponential(w[rate + k])
            w[h + k] *= of_h
            w[sigma + k] *= w[rate + k]


@compiled
def add_multiple(weight, h, k, out):
    """out += h weight k, with a step `h` for each number."""
    for i in range(SIZE):
        out[i] += (h[i] * weight) * k[i]


class State(NamedTuple):
    """Where the points are, updated in place.

    Attributes
    ----------
    z_stops, rtols, firsts, lasts : (LANES,) arrays
    clocks, maxima, least_weights : (LANES, ...) arrays
    u, slopes : (SIZE,) arrays
    verdicts : (LANES,) array
        What the step loop of `hpc_nu.solver.stepping` returns, for each point; those that are not RUNNING rest.
    """

    z_stops: np.ndarray
    rtols: np.ndarray
    firsts: np.ndarray
    lasts: np.ndarray
    clocks: np.ndarray
    maxima: np.ndarray
    least_weights: np.ndarray
    u: np.ndarray
    slopes: np.ndarray
    verdicts: np.ndarray


@compiled
def advance(attempts, most_steps, equations, columns, norm_weights, tableau, state, work):
    """Attempt up to `attempts` steps of each point that is RUNNING, until one of them is not any more.

    Parameters
    ----------
    most_steps : int
        A point that has attempted as many is OUT_OF_STEPS.
    equations : hpc_nu.models.heavy_neutrinos.equations.Equations
        Of any of the points, for what they have in common: nodes and factors of the rates.
    columns : array
        See `side_by_side`.
    norm_weights : (LANES,) array
    state : State

    Returns
    -------
    int
        The lane that is not RUNNING any more; LANES if all are.
    """
    a, c, error_weights, order = tableau.a, tableau.c, tableau.error_weights, tableau.order
    nodes, factors_of_rates = equations.nodes, equations.rate_factors
    z_stops, rtols, firsts, lasts, clocks, maxima, least_weights, u, slopes, verdicts = state
    n_stages = error_weights.size
    k = np.zeros((n_stages, SIZE))
    residual, new, h, inverse = np.zeros(SIZE), np.zeros(SIZE), np.zeros(SIZE), np.zeros(SIZE)
    coefficients, is_accepted = np.zeros((LANES, WIDTH)), np.zeros(LANES, np.bool_)
    k[0] = slopes
    for lane in range(LANES):
        if verdicts[lane] == RUNNING and z_stops[lane] - clocks[lane, Z] <= SAME_STOP:
            verdicts[lane] = AT_STOP
    for _ in range(attempts):
        for lane in range(LANES):
            if verdicts[lane] != RUNNING and verdicts[lane] != RESTING:
                return lane
        for lane in range(LANES):
            h[lane] = begin_step(clocks[lane], z_stops[lane]) if verdicts[lane] == RUNNING else 0.0
            work[TAU + lane] = a[1, 1] * h[lane]
            inverse[lane] = 1.0 / work[TAU + lane]
        for m in range(LANES, SIZE, LANES):
            h[m : m + LANES], inverse[m : m + LANES] = h[:LANES], inverse[:LANES]
        for i in range(1, n_stages):
            residual[:] = u
            for j in range(i):
                if a[i, j] != 0.0:
                    add_multiple(a[i, j], h, k[j], residual)
            for lane in range(LANES):
                z_stage = clocks[lane, Z] + c[i] * h[lane]
                cell = find_cell(z_stage, nodes, firsts[lane], lasts[lane])
                coefficients_at(cell, z_stage - nodes[cell], columns, coefficients[lane])
                work[LEAST + lane] = least_weights[lane, cell]
            set_coefficients(coefficients, factors_of_rates, work)
            factor_stage(LANES, LANES, work)
            solve_factored(LANES, LANES, 1.0, residual, new, work)
            for m in range(SIZE):
                k[i, m] = (new[m] - residual[m]) * inverse[m]
        residual[:] = 0.0
        for i in range(n_stages):
            add_multiple(error_weights[i], h, k[i], residual)
        error_norms(LANES, LANES, residual, u, new, norm_weights, work)
        for lane in range(LANES):
            is_accepted[lane] = False
            if verdicts[lane] != RUNNING:
                continue
            z, error = clocks[lane, Z], work[WORST + lane] / rtols[lane]
            verdict = end_step(clocks[lane], h[lane], z_stops[lane], error, order, MAX_STEP)
            is_accepted[lane] = verdict == STEP_ACCEPTED
            if verdict == STEP_UNDERFLOW:
                verdicts[lane] = UNDERFLOW if np.isfinite(error) else NOT_FINITE
            if verdict == STEP_ACCEPTED:
                track_maximum(z, h[lane], u[lane], new[lane], k[0, lane], k[n_stages - 1, lane], maxima[lane])
                if clocks[lane, Z] == z_stops[lane]:
                    verdicts[lane] = AT_STOP
            if clocks[lane, ACCEPTED] + clocks[lane, REJECTED] >= most_steps:
                verdicts[lane] = OUT_OF_STEPS
        for m in range(0, SIZE, LANES):
            for lane in range(LANES):
                if is_accepted[lane]:
                    u[m + lane], k[0, m + lane] = new[m + lane], k[n_stages - 1, m + lane]
        slopes[:] = k[0]
    return LANES


class Lanes:
    """The lanes of `advance`, and the solves that sit in them.

    Parameters
    ----------
    like : hpc_nu.solver.evolution.Evolution
        On the averaged grid: table and all else that the solves have in common are taken from it.
    columns : array
        The table `side_by_side`.
    """

    def __init__(self, like, columns):
        self.runs, self.tableau, self.columns = [None] * LANES, like.tableau, columns
        self.equations, _ = like.next_stop()
        self.work, self.norm_weights = workspace(np.ones(LANES)), np.tile(self.equations.norm_weights, LANES)
        self.state = State(
            np.zeros(LANES), np.ones(LANES), np.zeros(LANES, np.int64), np.zeros(LANES, np.int64),
            np.zeros((LANES, CLOCK_SIZE)), np.zeros((LANES, 2)), np.zeros((LANES, len(self.equations.cells))),
            np.zeros(SIZE), np.zeros(SIZE), np.full(LANES, RESTING),
        )  # fmt: skip

    def load(self, lane, run):
        """Put a solve into a lane: its point, its state and where it goes next."""
        state, (equations, z_stop) = self.state, run.next_stop()
        self.runs[lane], state.rtols[lane], state.z_stops[lane] = run, run.solver.rtol, z_stop
        state.firsts[lane], state.lasts[lane] = equations.first, equations.last
        self.work[DM + lane] = equations.delta_mass
        self.work[FE0 + lane :: STRIDE][:12] = equations.flavours.ravel()
        state.least_weights[lane] = equations.least_weights[:, 0]
        state.clocks[lane], state.maxima[lane] = run.state.clock, run.state.memory
        state.u[lane::LANES], state.slopes[lane::LANES] = run.state.u, run.state.slope
        state.verdicts[lane] = RUNNING

    def unload(self, lane):
        """Give the solve in a lane its state back."""
        run, state = self.runs[lane], self.state
        run.state.clock[:], run.state.memory[:] = state.clocks[lane], state.maxima[lane]
        run.state.u[:], run.state.slope[:] = state.u[lane::LANES], state.slopes[lane::LANES]
        return run

    def rest(self, lane):
        self.runs[lane], self.state.verdicts[lane] = None, RESTING

    def advance(self, attempts, most_steps):
        """The lane of a solve that is at its stop, failed or `OUT_OF_STEPS`; LANES if there is none yet."""
        return advance(
            attempts, most_steps, self.equations, self.columns, self.norm_weights, self.tableau, self.state, self.work
        )


def solve_together(runs, columns, attempts, most_steps, pause):
    """Bring solves to their end side by side.

    Parameters
    ----------
    runs : list of hpc_nu.solver.evolution.Evolution
        Solves at their start, of one table and equal settings.
    columns : array
        The table `side_by_side`.
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
    lanes, finished, n_running = Lanes(runs[0], columns), set(), min(LANES, len(runs))
    waiting = sorted(runs, key=lambda run: -run.solver.rtol)  # the longest are taken first
    for lane in range(n_running):
        lanes.load(lane, waiting.pop())
    while n_running and not pause():
        lane = lanes.advance(attempts, most_steps)
        if lane == LANES:
            continue
        run = lanes.unload(lane)
        if lanes.state.verdicts[lane] == AT_STOP and not run.arrive():
            lanes.load(lane, run)
            continue
        if lanes.state.verdicts[lane] == AT_STOP:
            finished.add(id(run))
        if waiting:
            lanes.load(lane, waiting.pop())
        else:
            lanes.rest(lane)
            n_running -= 1
    return [id(run) in finished for run in runs]
