"""The lepton asymmetries as a stiff system: what `hpc_nu.solver.stepping` asks for.

The equations are in `lepton_asymmetry_kernel`, their stage in closed form in `lepton_asymmetry_stage`.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.models import lepton_asymmetry_stage as stages
from hpc_nu.models.lepton_asymmetry_kernel import (
    MAX_STEP,
    N_MOMENTS,
    SAME_STOP,
    add_up,
    coefficients_at,
    error_norms,
    find_cell,
    right_hand_side,
    susceptibility_at,
    track_maximum,
)
from hpc_nu.models.lepton_asymmetry_stage import (
    LEAST,
    OM00,
    STRIDE,
    TAU,
    WORST,
    factor_stage,
    fill,
    set_point,
    solve_factored,
)
from hpc_nu.seesaw.rate_table import N_CHANNELS
from hpc_nu.solver.stepping import stiff


@stiff
class Equations(NamedTuple):
    """Tables and point.

    Attributes
    ----------
    nodes, cells, weights, norm_weights : arrays
        See `hpc_nu.seesaw.rate_table.RateTable`.
    first, last : int
        The cells in which these coefficients hold; they may jump beyond.
    omega : (n_cells, 4, 3, 3) array
        Cubic polynomials of omega, as `cells`.
    least_weights : (n_cells, n_modes) array
        From `weights_ahead`.
    rate_factors : (4,) array
        What gamma_+, gamma_-, h_+, h_- are multiplied by.
    flavours : (3, 4) array
        Pauli components of Y_a.
    delta_mass : float [GeV]
        (M_3 - M_2)/2.
    """

    nodes: np.ndarray
    cells: np.ndarray
    weights: np.ndarray
    norm_weights: np.ndarray
    first: int
    last: int
    omega: np.ndarray
    least_weights: np.ndarray
    rate_factors: np.ndarray
    flavours: np.ndarray
    delta_mass: float

    memory_size = 2  # of `track_maximum`
    first_step = 0.1  # asymmetries start as powers of z, which the methods follow well
    max_step, same_stop = MAX_STEP, SAME_STOP

    def workspace(self):
        work = stages.workspace(self.weights)
        set_point(self.flavours, self.delta_mass, len(self.weights), work)
        return work

    def record(self, u):
        moments = np.empty(N_MOMENTS)
        add_up(u, self.weights, moments)
        return moments

    def slope(self, z, u, out):
        n, cell = self.weights.size, find_cell(z, self.nodes, self.first, self.last)
        coefficients, omega, t = np.empty((N_CHANNELS, n)), np.empty((3, 3)), z - self.nodes[cell]
        coefficients_at(cell, t, self.cells, self.rate_factors, n, coefficients.reshape(N_CHANNELS * n))
        susceptibility_at(cell, t, self.omega, 1, omega.reshape(9))
        right_hand_side(u, coefficients, self.weights, self.flavours, self.delta_mass, omega, out)

    def solve_stage(self, stage, new, work):
        n, cell = self.weights.size, find_cell(stage.z, self.nodes, self.first, self.last)
        t = stage.z - self.nodes[cell]
        if stage.number == 1:
            fill(stage.tau, TAU, TAU + n, work)
        coefficients_at(cell, t, self.cells, self.rate_factors, STRIDE, work)
        susceptibility_at(cell, t, self.omega, STRIDE, work[OM00:])
        for k in range(n):
            work[LEAST + k] = self.least_weights[cell, k]
        factor_stage(1, n, work)
        solve_factored(1, n, 1.0, stage.residual, new, work)
        return True

    def error_norm(self, error, old, new, work):
        error_norms(1, self.weights.size, error, old, new, self.norm_weights, work)
        return work[WORST]

    def accept(self, z, h, old, new, k, memory):
        track_maximum(z, h, old[0], new[0], k[0, 0], k[-1, 0], memory)
