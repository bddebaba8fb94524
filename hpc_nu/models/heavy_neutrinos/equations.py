"""The lepton asymmetries as a stiff system, as `hpc_nu.solver.stepping` asks for it.

Equations (2.2) of arXiv:2011.12637 in real form.  Per mode, in Pauli components v = (v_0, v_1, v_2, v_3),

    x = rho_N - rho_eq,  xb = rho_Nbar^* - rho_eq,  s = x + xb,  d = x - xb            (complex conjugate of rho_Nbar!)
    s' = -D s + 2 h x d - 2 f_eq' e_0
    d' = -D d + 2 h x s - 2 sum_a mu_a S_a,                       D v = (G_0 v_0 + G.v, G v_0 + G_0 v)
    X_a' = -2 mu_a I_a - 2 sum_k w_k Gt_a,k . d_k,                mu = omega X  (in units of T)

with ' = d/dz, all rates divided by 3 c_s^2 H, "h x" the cross product on the vector part, and, from the components
a of Y_a = F^dagger P_a F (complex conjugation flips component 2 alone) and the rates g_+-, h_+- of that flavour,

    G_0 = sum_a (g_+ + g_-) a_0,   G = sum_a ((g_+ + g_-) a_1, (g_+ - g_-) a_2, (g_+ + g_-) a_3)
    h = sum_a ((h_+ + h_-) a_1, (h_+ - h_-) a_2, (h_+ + h_-) a_3) - (0, 0, dM M/E)
    Gt_a = ((g_- - g_+) a_0, (g_- - g_+) a_1, -(g_+ + g_-) a_2, (g_- - g_+) a_3),    S_a the same with sigma for g
    I_a = 2 a_0 sum_k w_k (sigma_+ + sigma_-)

X_a = h_0 n_Delta_a/s, with h_0 = s/T^3 at the start (`hpc_nu.seesaw.rate_table`), so that omega is T^2 omega_ab times
(s/T^3)/h_0.  Relation to eqs. (6.1c,d) there: rho_+ = (s_0, s_1, d_2, s_3)/2, rho_- = (d_0, d_1, s_2, d_3).  No complex
numbers, so rho is hermitian exactly.  Conserved: sum_a X_a + 2 sum_k w_k d_0 if all g_- = 0,
sum_a X_a - 2 sum_k w_k d_0 if all g_+ = 0.

The unknowns are u = (X_e, X_mu, X_tau, s_0[modes], ..., s_3[modes], d_0[modes], ..., d_3[modes]).
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.models.heavy_neutrinos import stage as stages
from hpc_nu.models.heavy_neutrinos.coefficients import (
    FS,
    GC,
    GV,
    HC,
    HV,
    ME,
    SC,
    SV,
    coefficients_at,
    find_cell,
    susceptibility_at,
)
from hpc_nu.models.heavy_neutrinos.error import error_norms
from hpc_nu.models.heavy_neutrinos.stage import (
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

MAX_STEP = 0.5
"""Longest step in z: one that spans the crossover, T = 180 ... 130 GeV, has a stage in it.  The rest is the business
of the error norm, which sees little where asymmetries are below ATOL_X."""

SAME_STOP = 1e-10
"""Stops this close in z are one: the slope that a step of rounding length leaves behind is noise."""

N_MOMENTS = 6

# Slots of `maximum`: the electron asymmetry of largest modulus so far, and the z where it was reached.
MAX_VALUE, MAX_Z = 0, 1


@compiled
def damping_and_precession(coefficients, k, flavours, delta_mass):
    """G_0, G and 2 h of mode `k`: seven numbers."""
    g0 = g1 = g2 = g3 = h1 = h2 = h3 = 0.0
    for a in range(3):
        gp, gm = coefficients[GC + a, k], coefficients[GV + a, k]
        hp, hm = coefficients[HC + a, k], coefficients[HV + a, k]
        g0 += (gp + gm) * flavours[a, 0]
        g1 += (gp + gm) * flavours[a, 1]
        g2 += (gp - gm) * flavours[a, 2]
        g3 += (gp + gm) * flavours[a, 3]
        h1 += (hp + hm) * flavours[a, 1]
        h2 += (hp - hm) * flavours[a, 2]
        h3 += (hp + hm) * flavours[a, 3]
    return g0, g1, g2, g3, 2 * h1, 2 * h2, 2 * (h3 - delta_mass * coefficients[ME, k])


@compiled
def kick(coefficients, k, pull):
    """sum_a mu_a S_a of mode `k`: four Pauli components, from mu_a times those of Y_a."""
    k0 = k1 = k2 = k3 = 0.0
    for a in range(3):
        sp, sm = coefficients[SC + a, k], coefficients[SV + a, k]
        k0 += (sm - sp) * pull[a, 0]
        k1 += (sm - sp) * pull[a, 1]
        k2 -= (sp + sm) * pull[a, 2]
        k3 += (sm - sp) * pull[a, 3]
    return k0, k1, k2, k3


@compiled
def asymmetry_flow(coefficients, weights, flavours, modes, flow, washout):
    """Fill `flow` and `washout` (3,) with sum_k w_k Gt_a,k . d_k and sum_k w_k (sigma_+ + sigma_-)_a a_0."""
    flow[:] = 0.0
    washout[:] = 0.0
    for a in range(3):
        even0 = even1 = even3 = odd2 = sources = 0.0
        for k in range(weights.size):
            even = weights[k] * (coefficients[GV + a, k] - coefficients[GC + a, k])
            even0 += even * modes[4, k]
            even1 += even * modes[5, k]
            even3 += even * modes[7, k]
            odd2 -= weights[k] * (coefficients[GC + a, k] + coefficients[GV + a, k]) * modes[6, k]
            sources += weights[k] * (coefficients[SC + a, k] + coefficients[SV + a, k])
        flow[a] = even0 * flavours[a, 0] + even1 * flavours[a, 1] + odd2 * flavours[a, 2] + even3 * flavours[a, 3]
        washout[a] = sources * flavours[a, 0]


@compiled
def right_hand_side(u, coefficients, weights, flavours, delta_mass, omega, out):
    """du/dz.

    Parameters
    ----------
    u, out : (3 + 8 n_modes,) arrays
    coefficients : (N_CHANNELS, n_modes) array
    weights : (n_modes,) array
    flavours : (3, 4) array
        Pauli components of Y_a.
    delta_mass : float [GeV]
        (M_3 - M_2)/2.
    omega : (3, 3) array
        mu/T = omega X.
    """
    n = weights.size
    modes, d_modes = u[3:].reshape((8, n)), out[3:].reshape((8, n))
    mu, pull, flow, washout = np.empty(3), np.empty((3, 4)), np.empty(3), np.empty(3)
    for a in range(3):
        mu[a] = omega[a, 0] * u[0] + omega[a, 1] * u[1] + omega[a, 2] * u[2]
        for i in range(4):
            pull[a, i] = mu[a] * flavours[a, i]
    for k in range(n):
        g0, g1, g2, g3, h1, h2, h3 = damping_and_precession(coefficients, k, flavours, delta_mass)
        k0, k1, k2, k3 = kick(coefficients, k, pull)
        s0, s1, s2, s3 = modes[0, k], modes[1, k], modes[2, k], modes[3, k]
        d0, d1, d2, d3 = modes[4, k], modes[5, k], modes[6, k], modes[7, k]
        d_modes[0, k] = -(g0 * s0 + g1 * s1 + g2 * s2 + g3 * s3) - 2 * coefficients[FS, k]
        d_modes[1, k] = -(g1 * s0 + g0 * s1) + (h2 * d3 - h3 * d2)
        d_modes[2, k] = -(g2 * s0 + g0 * s2) + (h3 * d1 - h1 * d3)
        d_modes[3, k] = -(g3 * s0 + g0 * s3) + (h1 * d2 - h2 * d1)
        d_modes[4, k] = -(g0 * d0 + g1 * d1 + g2 * d2 + g3 * d3) - 2 * k0
        d_modes[5, k] = -(g1 * d0 + g0 * d1) + (h2 * s3 - h3 * s2) - 2 * k1
        d_modes[6, k] = -(g2 * d0 + g0 * d2) + (h3 * s1 - h1 * s3) - 2 * k2
        d_modes[7, k] = -(g3 * d0 + g0 * d3) + (h1 * s2 - h2 * s1) - 2 * k3
    asymmetry_flow(coefficients, weights, flavours, modes, flow, washout)
    for a in range(3):
        out[a] = -4 * mu[a] * washout[a] - 2 * flow[a]


@compiled
def weighted_sum(weights, values):
    total = 0.0
    for k in range(weights.size):
        total += weights[k] * values[k]
    return total


@compiled
def add_up(u, weights, out):
    """Fill `out` (N_MOMENTS,) with what is recorded at a stop: X_a, sum_k w_k s_0, sum_k w_k s_3, sum_k w_k d_0."""
    n = weights.size
    out[:3] = u[:3]
    for i, row in enumerate((0, 3, 4)):
        out[3 + i] = weighted_sum(weights, u[3 + row * n : 3 + (row + 1) * n])


@compiled
def track_maximum(z, h, old, new, old_slope, new_slope, maximum):
    """Update the electron asymmetry of largest modulus with the extrema of the cubic through one accepted step."""
    rise, d0, d1 = new - old, h * old_slope, h * new_slope
    quadratic, cubic = 3 * rise - 2 * d0 - d1, d0 + d1 - 2 * rise
    discriminant = quadratic * quadratic - 3 * cubic * d0
    if abs(new) > abs(maximum[MAX_VALUE]):
        maximum[MAX_VALUE], maximum[MAX_Z] = new, z + h
    if discriminant < 0.0:
        return
    larger = -quadratic - np.copysign(np.sqrt(discriminant), quadratic)  # 3 cubic times the larger root, uncancelled
    for t in (d0 / larger, larger / (3 * cubic)):
        if 0.0 < t < 1.0:
            value = old + t * (d0 + t * (quadratic + t * cubic))
            if abs(value) > abs(maximum[MAX_VALUE]):
                maximum[MAX_VALUE], maximum[MAX_Z] = value, z + t * h


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
