"""Derivatives of the lepton asymmetries by parameters: the tangents du/dp, solved for together with u.

The unknowns are u and then the tangents, one after the other.  Those are the derivatives of the discrete solution, for
the steps that u needs: the error norm sees u alone.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.models.heavy_neutrinos.coefficients import FS, coefficients_at, find_cell, susceptibility_at
from hpc_nu.models.heavy_neutrinos.equations import Equations, right_hand_side
from hpc_nu.models.heavy_neutrinos.stage import OM00, STRIDE, solve_factored
from hpc_nu.seesaw.rate_table import N_CHANNELS
from hpc_nu.solver import hooks
from hpc_nu.solver.stepping import Stage, stiff


class Workspace(NamedTuple):
    """`stage` is that of `Equations`; the others are for the right-hand sides of the tangents."""

    stage: np.ndarray
    coefficients: np.ndarray
    mass_slopes: np.ndarray
    omega: np.ndarray
    source: np.ndarray
    scratch: np.ndarray


@stiff
class EquationsWithTangents(NamedTuple):
    """Derivatives by n_parameters parameters, of which the first is the mass.

    Attributes
    ----------
    equations : Equations
    lighter, heavier : arrays as `equations.cells`
        Of two masses that differ by `mass_step` [GeV], on the same temperatures.
    flavour_slopes, delta_mass_slopes : (n_parameters, 3, 4) and (n_parameters,) arrays
        Derivatives of `flavours` and of `delta_mass`.
    """

    equations: Equations
    lighter: np.ndarray
    heavier: np.ndarray
    mass_step: float
    flavour_slopes: np.ndarray
    delta_mass_slopes: np.ndarray

    memory_size, first_step = Equations.memory_size, Equations.first_step
    max_step, same_stop = Equations.max_step, Equations.same_stop

    def workspace(self):
        size, shape = 3 + 8 * len(self.equations.weights), (N_CHANNELS, len(self.equations.weights))
        return Workspace(
            self.equations.workspace(), np.empty(shape), np.empty(shape), np.empty((3, 3)), np.empty(size),
            np.empty(size),
        )  # fmt: skip

    def record(self, u):
        """What `Equations` do, and the derivatives of the three asymmetries by each parameter."""
        u, *tangents = u.reshape(1 + len(self.delta_mass_slopes), -1)
        return np.concatenate([self.equations.record(u), *(tangent[:3] for tangent in tangents)])

    def slope(self, z, u, out):
        e, n = self.equations, self.equations.weights.size
        size, cell = 3 + 8 * n, find_cell(z, e.nodes, e.first, e.last)
        at_z, coefficients, mass_slopes = np.empty(N_CHANNELS * n), np.empty((N_CHANNELS, n)), np.empty((N_CHANNELS, n))
        omega, scratch = np.empty((3, 3)), np.empty(size)
        t = z - e.nodes[cell]
        coefficients_at(cell, t, e.cells, e.rate_factors, n, at_z)
        susceptibility_at(cell, t, e.omega, 1, omega.reshape(9))
        coefficients_and_mass_slopes(
            at_z, n, cell, t, self.lighter, self.heavier, self.mass_step, e.rate_factors, coefficients, mass_slopes
        )
        hooks.slope(e, z, u[:size], out[:size])
        for p in range(self.delta_mass_slopes.size):
            tangent = slice((1 + p) * size, (2 + p) * size)
            tangent_slope(self, p, u[:size], u[tangent], coefficients, mass_slopes, omega, scratch, out[tangent])

    def solve_stage(self, stage, new, work):
        e, n, tau = self.equations, self.equations.weights.size, stage.tau
        size, cell = 3 + 8 * n, find_cell(stage.z, e.nodes, e.first, e.last)
        of_u = Stage(
            stage.number, stage.z, tau, stage.rtol, stage.old[:size], stage.slope_before[:size], stage.residual[:size]
        )
        hooks.solve_stage(e, of_u, new[:size], work.stage)
        coefficients_and_mass_slopes(
            work.stage, STRIDE, cell, stage.z - e.nodes[cell], self.lighter, self.heavier, self.mass_step,
            e.rate_factors, work.coefficients, work.mass_slopes,
        )  # fmt: skip
        for j in range(9):
            work.omega[j // 3, j % 3] = work.stage[OM00 + j * STRIDE]
        nothing = new[:0]
        for p in range(self.delta_mass_slopes.size):
            tangent = slice((1 + p) * size, (2 + p) * size)
            residual = stage.residual[tangent]
            tangent_slope(
                self, p, new[:size], nothing, work.coefficients, work.mass_slopes, work.omega, work.scratch,
                work.source,
            )  # fmt: skip
            for m in range(size):
                work.scratch[m] = residual[m] + tau * work.source[m]
            solve_factored(1, n, 0.0, work.scratch, new[tangent], work.stage)
        return True

    def error_norm(self, error, old, new, work):
        size = 3 + 8 * self.equations.weights.size
        return hooks.error_norm(self.equations, error[:size], old[:size], new[:size], work.stage)

    def accept(self, z, h, old, new, k, memory):
        hooks.accept(self.equations, z, h, old, new, k, memory)


@compiled
def tangent_slope(e, p, u, tangent, coefficients, mass_slopes, omega, scratch, out):
    """d/dz of the derivative of u by parameter `p`: A (du/dp) + (dA/dp) u + dg/dp.

    The right-hand side is linear in the Yukawa components with `delta_mass`, and in the coefficients.

    Parameters
    ----------
    e : EquationsWithTangents
    tangent : (3 + 8 n_modes,) array
        du/dp; of length 0 for (dA/dp) u + dg/dp alone, which is the source of a stage.
    coefficients, mass_slopes : (N_CHANNELS, n_modes) arrays
        At this z, and their derivatives by the mass at this temperature; those of f_eq' count in the second alone.
    omega : (3, 3) array
        mu/T = omega X.
    scratch : (3 + 8 n_modes,) array
    """
    weights, flavours, delta_mass = e.equations.weights, e.equations.flavours, e.equations.delta_mass
    right_hand_side(u, coefficients, weights, e.flavour_slopes[p], e.delta_mass_slopes[p], omega, out)
    if p == 0:
        right_hand_side(u, mass_slopes, weights, flavours, delta_mass, omega, scratch)
        for m in range(out.size):
            out[m] += scratch[m]
    if tangent.size:
        right_hand_side(tangent, coefficients, weights, flavours, delta_mass, omega, scratch)
        for m in range(out.size):
            out[m] += scratch[m]


@compiled
def coefficients_and_mass_slopes(
    work, stride, cell, t, lighter, heavier, mass_step, factors, coefficients, mass_slopes
):  # fmt: skip
    """Fill what `tangent_slope` needs, from the coefficients in `work` and from tables of two masses.

    Parameters
    ----------
    work, stride
        Rows of coefficients as from `coefficients_at`.
    lighter, heavier : arrays as `cells` of `coefficients_at`
        Of two masses that differ by `mass_step` [GeV], on the same temperatures.
    """
    n = coefficients.shape[1]
    coefficients_at(cell, t, heavier, factors, n, mass_slopes.reshape(mass_slopes.size))
    coefficients_at(cell, t, lighter, factors, n, coefficients.reshape(coefficients.size))
    for i in range(coefficients.shape[0]):
        for k in range(n):
            mass_slopes[i, k] = (mass_slopes[i, k] - coefficients[i, k]) / mass_step
            coefficients[i, k] = work[i * stride + k]
    coefficients[FS] = 0.0
