"""Compiled equations of the lepton asymmetries: right-hand side, implicit stage in closed form, error norm, step loop.

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

import numpy as np
from numba import njit

from hpc_nu.seesaw.rate_table import (
    F_EQ_SLOPE,
    H_MINUS,
    H_PLUS,
    LN_GAMMA_MINUS,
    LN_GAMMA_PLUS,
    MASS_OVER_E,
    N_CHANNELS,
    SIGMA_RATIO_MINUS,
    SIGMA_RATIO_PLUS,
)
from hpc_nu.solver.esdirk import (
    STEP_ACCEPTED,
    STEP_UNDERFLOW,
    Z,
    begin_step,
    end_step,
    error_estimate,
    stage_derivative,
    stage_residual,
)

# Rows of the coefficient array at one z, in the order of the table's channels: gamma_+-, h_+-, sigma_+- of the first
# flavour (the others follow), M/E, f_eq'.
GP, GM, HP, HM, SP, SM = LN_GAMMA_PLUS, LN_GAMMA_MINUS, H_PLUS, H_MINUS, SIGMA_RATIO_PLUS, SIGMA_RATIO_MINUS
ME, FS = MASS_OVER_E, F_EQ_SLOPE

# Absolute tolerances in units of rtol.  d is 1e-3 ... 1e-5 of s and X smaller still: with one tolerance for all, the
# asymmetries are garbage at a "converged" one.
ATOL_X, ATOL_D, ATOL_S = 1e-9, 1e-7, 1e-3

MAX_STEP = 0.5
"""Longest step in z: no structure of the rates is narrower than a few of the inner stages."""

SAME_STOP = 1e-10
"""Stops this close in z are one: the slope that a step of rounding length leaves behind is noise."""

# What advance says.
RUNNING, AT_STOP, UNDERFLOW, NOT_FINITE = 0, 1, 2, 3

# Slots of `maximum`: the electron asymmetry of largest modulus so far, and the z where it was reached.
MAX_VALUE, MAX_Z = 0, 1


@njit(cache=True, error_model="numpy")
def find_cell(z, nodes, first, last):
    """The cell of `nodes` that holds `z`, of those from `first` to `last`."""
    low, high = first, last
    while low < high:
        middle = (low + high + 1) // 2
        if nodes[middle] <= z:
            low = middle
        else:
            high = middle - 1
    return low


@njit(cache=True, error_model="numpy")
def coefficients_at(cell, t, cells, factors, out):
    """Interpolate the table at `t` beyond the beginning of `cell`.

    Parameters
    ----------
    cells : (n_cells, N_CHANNELS, 4, n_modes) array
        See `hpc_nu.seesaw.rate_table.RateTable`.
    factors : (4,) array
        What gamma_+, gamma_-, h_+, h_- are multiplied by.
    out : (N_CHANNELS, n_modes) array
        Rows GP ... FS.
    """
    for channel in range(N_CHANNELS):
        c = cells[cell, channel]
        for k in range(out.shape[1]):
            out[channel, k] = ((c[0, k] * t + c[1, k]) * t + c[2, k]) * t + c[3, k]
    for a in range(3):
        for k in range(out.shape[1]):
            out[GP + a, k] = np.exp(out[GP + a, k]) * factors[0]
            out[GM + a, k] = np.exp(out[GM + a, k]) * factors[1]
            out[HP + a, k] *= factors[2]
            out[HM + a, k] *= factors[3]
            out[SP + a, k] *= out[GP + a, k]
            out[SM + a, k] *= out[GM + a, k]


@njit(cache=True, error_model="numpy")
def susceptibility_at(cell, t, cells, out):
    """Fill `out` (3, 3) with omega at `t` beyond the beginning of `cell`; `cells` (n_cells, 4, 3, 3)."""
    c = cells[cell]
    for a in range(3):
        for b in range(3):
            out[a, b] = ((c[0, a, b] * t + c[1, a, b]) * t + c[2, a, b]) * t + c[3, a, b]


@njit(cache=True, error_model="numpy")
def chemical_potentials(omega, x, flavours, pull):
    """Fill `pull` (3, 4) with mu_a times the Pauli components of Y_a, and return mu = omega X (3,)."""
    mu = np.empty(3)
    for a in range(3):
        mu[a] = omega[a, 0] * x[0] + omega[a, 1] * x[1] + omega[a, 2] * x[2]
        for i in range(4):
            pull[a, i] = mu[a] * flavours[a, i]
    return mu


@njit(cache=True, error_model="numpy")
def damping_and_precession(coefficients, k, flavours, delta_mass):
    """G_0, G and 2 h of mode `k`: seven numbers."""
    g0 = g1 = g2 = g3 = h1 = h2 = h3 = 0.0
    for a in range(3):
        gp, gm, hp, hm = (
            coefficients[GP + a, k],
            coefficients[GM + a, k],
            coefficients[HP + a, k],
            coefficients[HM + a, k],
        )
        g0 += (gp + gm) * flavours[a, 0]
        g1 += (gp + gm) * flavours[a, 1]
        g2 += (gp - gm) * flavours[a, 2]
        g3 += (gp + gm) * flavours[a, 3]
        h1 += (hp + hm) * flavours[a, 1]
        h2 += (hp - hm) * flavours[a, 2]
        h3 += (hp + hm) * flavours[a, 3]
    return g0, g1, g2, g3, 2 * h1, 2 * h2, 2 * (h3 - delta_mass * coefficients[ME, k])


@njit(cache=True, error_model="numpy")
def kick(coefficients, k, pull):
    """sum_a mu_a S_a of mode `k`: four Pauli components."""
    k0 = k1 = k2 = k3 = 0.0
    for a in range(3):
        sp, sm = coefficients[SP + a, k], coefficients[SM + a, k]
        k0 += (sm - sp) * pull[a, 0]
        k1 += (sm - sp) * pull[a, 1]
        k2 -= (sp + sm) * pull[a, 2]
        k3 += (sm - sp) * pull[a, 3]
    return k0, k1, k2, k3


@njit(cache=True, error_model="numpy")
def asymmetry_flow(coefficients, weights, flavours, modes, flow, washout):
    """Fill `flow` and `washout` (3,) with sum_k w_k Gt_a,k . d_k and sum_k w_k (sigma_+ + sigma_-)_a a_0."""
    flow[:] = 0.0
    washout[:] = 0.0
    for a in range(3):
        even0 = even1 = even3 = odd2 = sources = 0.0
        for k in range(weights.size):
            even = weights[k] * (coefficients[GM + a, k] - coefficients[GP + a, k])
            even0 += even * modes[4, k]
            even1 += even * modes[5, k]
            even3 += even * modes[7, k]
            odd2 -= weights[k] * (coefficients[GP + a, k] + coefficients[GM + a, k]) * modes[6, k]
            sources += weights[k] * (coefficients[SP + a, k] + coefficients[SM + a, k])
        flow[a] = even0 * flavours[a, 0] + even1 * flavours[a, 1] + odd2 * flavours[a, 2] + even3 * flavours[a, 3]
        washout[a] = sources * flavours[a, 0]


@njit(cache=True, error_model="numpy")
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
    pull, flow, washout = np.empty((3, 4)), np.empty(3), np.empty(3)
    mu = chemical_potentials(omega, u, flavours, pull)
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


# Rows of the factored stage matrix, (N_FACTORS, n_modes): see `factor_stage`.
G1, G2, G3, C1, C2, C3, E1, E2, E3, O1, O2, O3, EVEN, ODD, ALONG, INVERSE = range(16)
N_FACTORS = 16


@njit(cache=True, error_model="numpy")
def factor_stage(tau, coefficients, weights, flavours, delta_mass, factors, border):
    """Factor 1 - tau A of each mode, and sum up what the modes contribute to the equation of the asymmetries.

    With al = 1 + tau G_0, g = tau G, c = 2 tau h, the two helicities are coupled by a rotation alone and
    (al -+ c x)^-1 = B_e +- B_o,  B_e v = (al^2 v + c (c.v))/(al (al^2 + c^2)),  B_o v = (c x v)/(al^2 + c^2).
    No pivoting is needed: al >= 1, and al - g.B_e g > 0 because Gamma_N is positive semidefinite.

    Parameters
    ----------
    factors : (N_FACTORS, n_modes) array
        Filled with g, c, e = B_e g, o = B_o g, the scales of B_e and B_o, and 1/(al - g.e).
    border : (3, 3) array
        Filled with sum_k w_k Gt_a . K S_b, K the d-d block of the inverse.
    """
    border[:] = 0.0
    for k in range(weights.size):
        g0, g1, g2, g3, h1, h2, h3 = damping_and_precession(coefficients, k, flavours, delta_mass)
        al = 1 + tau * g0
        g1, g2, g3, c1, c2, c3 = tau * g1, tau * g2, tau * g3, tau * h1, tau * h2, tau * h3
        odd = 1 / (al * al + c1 * c1 + c2 * c2 + c3 * c3)
        even = al * odd
        along = odd / al
        cg = (c1 * g1 + c2 * g2 + c3 * g3) * along
        e1, e2, e3 = even * g1 + cg * c1, even * g2 + cg * c2, even * g3 + cg * c3
        o1, o2, o3 = odd * (c2 * g3 - c3 * g2), odd * (c3 * g1 - c1 * g3), odd * (c1 * g2 - c2 * g1)
        inverse = 1 / (al - g1 * e1 - g2 * e2 - g3 * e3)
        factors[G1, k], factors[G2, k], factors[G3, k] = g1, g2, g3
        factors[C1, k], factors[C2, k], factors[C3, k] = c1, c2, c3
        factors[E1, k], factors[E2, k], factors[E3, k] = e1, e2, e3
        factors[O1, k], factors[O2, k], factors[O3, k] = o1, o2, o3
        factors[EVEN, k], factors[ODD, k], factors[ALONG, k], factors[INVERSE, k] = even, odd, along, inverse

        # K is symmetric.
        k01, k02, k03 = -e1 * inverse, -e2 * inverse, -e3 * inverse
        k11 = even + c1 * c1 * along + (e1 * e1 - o1 * o1) * inverse
        k12 = c1 * c2 * along + (e1 * e2 - o1 * o2) * inverse
        k13 = c1 * c3 * along + (e1 * e3 - o1 * o3) * inverse
        k22 = even + c2 * c2 * along + (e2 * e2 - o2 * o2) * inverse
        k23 = c2 * c3 * along + (e2 * e3 - o2 * o3) * inverse
        k33 = even + c3 * c3 * along + (e3 * e3 - o3 * o3) * inverse
        for b in range(3):
            sp, sm = coefficients[SP + b, k], coefficients[SM + b, k]
            s0, s1, s3 = (sm - sp) * flavours[b, 0], (sm - sp) * flavours[b, 1], (sm - sp) * flavours[b, 3]
            s2 = -(sp + sm) * flavours[b, 2]
            t0 = weights[k] * (inverse * s0 + k01 * s1 + k02 * s2 + k03 * s3)
            t1 = weights[k] * (k01 * s0 + k11 * s1 + k12 * s2 + k13 * s3)
            t2 = weights[k] * (k02 * s0 + k12 * s1 + k22 * s2 + k23 * s3)
            t3 = weights[k] * (k03 * s0 + k13 * s1 + k23 * s2 + k33 * s3)
            for a in range(3):
                gp, gm = coefficients[GP + a, k], coefficients[GM + a, k]
                even_part = flavours[a, 0] * t0 + flavours[a, 1] * t1 + flavours[a, 3] * t3
                border[a, b] += (gm - gp) * even_part - (gp + gm) * flavours[a, 2] * t2


@njit(cache=True, error_model="numpy")
def solve_modes(tau, coefficients, factors, pull, r, out):
    """(1 - tau A) v = r for each mode at given asymmetries.

    Parameters
    ----------
    pull : (3, 4) array
        mu_a a of `chemical_potentials`: the back-reaction of the asymmetries on d is -2 tau sum_a mu_a S_a.
    r, out : (8, n_modes) arrays
    """
    for k in range(factors.shape[1]):
        g1, g2, g3 = factors[G1, k], factors[G2, k], factors[G3, k]
        c1, c2, c3 = factors[C1, k], factors[C2, k], factors[C3, k]
        e1, e2, e3 = factors[E1, k], factors[E2, k], factors[E3, k]
        o1, o2, o3 = factors[O1, k], factors[O2, k], factors[O3, k]
        even, odd, along, inverse = factors[EVEN, k], factors[ODD, k], factors[ALONG, k], factors[INVERSE, k]
        k0, k1, k2, k3 = kick(coefficients, k, pull)
        rs0, rs1, rs2, rs3 = r[0, k], r[1, k], r[2, k], r[3, k]
        rd0, rd1, rd2, rd3 = (
            r[4, k] - 2 * tau * k0,
            r[5, k] - 2 * tau * k1,
            r[6, k] - 2 * tau * k2,
            r[7, k] - 2 * tau * k3,
        )
        s0 = inverse * (rs0 - e1 * rs1 - e2 * rs2 - e3 * rs3 + o1 * rd1 + o2 * rd2 + o3 * rd3)
        d0 = inverse * (rd0 - e1 * rd1 - e2 * rd2 - e3 * rd3 + o1 * rs1 + o2 * rs2 + o3 * rs3)
        ps1, ps2, ps3 = rs1 - g1 * s0, rs2 - g2 * s0, rs3 - g3 * s0
        pd1, pd2, pd3 = rd1 - g1 * d0, rd2 - g2 * d0, rd3 - g3 * d0
        cs = (c1 * ps1 + c2 * ps2 + c3 * ps3) * along
        cd = (c1 * pd1 + c2 * pd2 + c3 * pd3) * along
        out[0, k] = s0
        out[1, k] = even * ps1 + cs * c1 + odd * (c2 * pd3 - c3 * pd2)
        out[2, k] = even * ps2 + cs * c2 + odd * (c3 * pd1 - c1 * pd3)
        out[3, k] = even * ps3 + cs * c3 + odd * (c1 * pd2 - c2 * pd1)
        out[4, k] = d0
        out[5, k] = even * pd1 + cd * c1 + odd * (c2 * ps3 - c3 * ps2)
        out[6, k] = even * pd2 + cd * c2 + odd * (c3 * ps1 - c1 * ps3)
        out[7, k] = even * pd3 + cd * c3 + odd * (c1 * ps2 - c2 * ps1)


@njit(cache=True, error_model="numpy")
def solve_3x3(matrix, rhs, out):
    """Gaussian elimination with row pivoting; overwrites `matrix` and `rhs`."""
    for column in range(2):
        pivot = column
        for row in range(column + 1, 3):
            if abs(matrix[row, column]) > abs(matrix[pivot, column]):
                pivot = row
        if pivot != column:
            for j in range(3):
                matrix[column, j], matrix[pivot, j] = matrix[pivot, j], matrix[column, j]
            rhs[column], rhs[pivot] = rhs[pivot], rhs[column]
        for row in range(column + 1, 3):
            factor = matrix[row, column] / matrix[column, column]
            for j in range(column, 3):
                matrix[row, j] -= factor * matrix[column, j]
            rhs[row] -= factor * rhs[column]
    for row in range(2, -1, -1):
        rest = rhs[row]
        for j in range(row + 1, 3):
            rest -= matrix[row, j] * out[j]
        out[row] = rest / matrix[row, row]


@njit(cache=True, error_model="numpy")
def solve_stage(tau, coefficients, weights, flavours, delta_mass, omega, r, out, factors):
    """(1 - tau A) u = r + tau source, by block elimination: modes, then the asymmetries, then the modes again.

    Arguments as in `right_hand_side`; `r` and `out` hold all unknowns, `factors` is workspace.
    """
    n = weights.size
    r_modes, modes = r[3:].reshape((8, n)), out[3:].reshape((8, n))
    border, pull, flow, washout = np.empty((3, 3)), np.zeros((3, 4)), np.empty(3), np.empty(3)
    factor_stage(tau, coefficients, weights, flavours, delta_mass, factors, border)
    for k in range(n):
        r_modes[0, k] -= 2 * tau * coefficients[FS, k]
    solve_modes(tau, coefficients, factors, pull, r_modes, modes)
    asymmetry_flow(coefficients, weights, flavours, modes, flow, washout)
    # (1 + response omega) X = rhs.  Loops, since calls of BLAS cost more than the products of such small matrices.
    matrix, rhs = np.empty((3, 3)), np.empty(3)
    for a in range(3):
        for b in range(3):
            border[a, b] *= -4 * tau * tau
        border[a, a] += 4 * tau * washout[a]
        for b in range(3):
            matrix[a, b] = border[a, 0] * omega[0, b] + border[a, 1] * omega[1, b] + border[a, 2] * omega[2, b]
        matrix[a, a] += 1.0
        rhs[a] = r[a] - 2 * tau * flow[a]
    solve_3x3(matrix, rhs, out[:3])
    chemical_potentials(omega, out, flavours, pull)
    solve_modes(tau, coefficients, factors, pull, r_modes, modes)
    for k in range(n):  # the residual is as it was: stage_derivative needs it
        r_modes[0, k] += 2 * tau * coefficients[FS, k]


@njit(cache=True, error_model="numpy")
def error_norm(error, old, new, norm_weights, rtol):
    """Largest of the errors of the asymmetries, of s and of d, in units of the tolerance.

    s and d are measured as root mean squares over the momentum distribution, so that neither the number of modes nor
    an empty mode at high momentum changes the step.
    """
    n = norm_weights.size
    worst = total = 0.0
    for a in range(3):
        ratio = abs(error[a]) / (ATOL_X + max(abs(old[a]), abs(new[a])))
        worst, total = max(worst, ratio), total + ratio
    e, u, v = error[3:].reshape((8, n)), old[3:].reshape((8, n)), new[3:].reshape((8, n))
    for block in range(2):
        e2 = u2 = v2 = 0.0
        for i in range(4 * block, 4 * block + 4):
            for k in range(n):
                e2 += norm_weights[k] * e[i, k] * e[i, k]
                u2 += norm_weights[k] * u[i, k] * u[i, k]
                v2 += norm_weights[k] * v[i, k] * v[i, k]
        ratio = np.sqrt(e2) / ((ATOL_S if block == 0 else ATOL_D) + np.sqrt(max(u2, v2)))
        worst, total = max(worst, ratio), total + ratio
    return worst / rtol if np.isfinite(total) else np.nan  # max() alone loses nan


@njit(cache=True, error_model="numpy")
def track_maximum(z, h, old, new, old_slope, new_slope, maximum):
    """Update the electron asymmetry of largest modulus with the extrema of the cubic through one accepted step."""
    rise, d0, d1 = new - old, h * old_slope, h * new_slope
    quadratic, cubic = 3 * rise - 2 * d0 - d1, d0 + d1 - 2 * rise
    discriminant = quadratic * quadratic - 3 * cubic * d0
    if abs(new) > abs(maximum[MAX_VALUE]):
        maximum[MAX_VALUE], maximum[MAX_Z] = new, z + h
    if discriminant < 0.0:
        return
    for sign in (-1.0, 1.0):
        divisor = quadratic + sign * np.sqrt(discriminant)  # roots of the slope in the form that does not cancel
        if divisor == 0.0:
            continue
        t = -d0 / divisor
        if 0.0 < t < 1.0:
            value = old + t * (d0 + t * (quadratic + t * cubic))
            if abs(value) > abs(maximum[MAX_VALUE]):
                maximum[MAX_VALUE], maximum[MAX_Z] = value, z + t * h


@njit(cache=True, error_model="numpy")
def advance(
    attempts, z_stop, clock, u, slope, maximum,
    first, last, nodes, cells, omega_cells, weights, norm_weights, factors_of_rates, flavours, delta_mass,
    a, c, error_weights, order, rtol,
):  # fmt: skip
    """Attempt up to `attempts` steps towards `z_stop`.

    The state (`clock`, `u`, `slope`, `maximum`) is updated in place and is complete: calling again continues.
    Coefficients are those of the cells `first` to `last` of the table, which may jump beyond.

    Returns
    -------
    int
        RUNNING, AT_STOP, UNDERFLOW or NOT_FINITE.
    """
    n_stages, n = error_weights.size, weights.size
    k = np.empty((n_stages, u.size))
    k[0] = slope
    residual, new = np.empty(u.size), np.empty(u.size)
    coefficients, factors, omega = np.empty((N_CHANNELS, n)), np.empty((N_FACTORS, n)), np.empty((3, 3))
    tau_over_h = a[1, 1]
    if z_stop - clock[Z] <= SAME_STOP:
        return AT_STOP
    for _ in range(attempts):
        z = clock[Z]
        h = begin_step(clock, z_stop)
        tau = tau_over_h * h
        for i in range(1, n_stages):
            stage_residual(a, i, h, u, k, residual)
            z_stage = z + c[i] * h
            cell = find_cell(z_stage, nodes, first, last)
            coefficients_at(cell, z_stage - nodes[cell], cells, factors_of_rates, coefficients)
            susceptibility_at(cell, z_stage - nodes[cell], omega_cells, omega)
            solve_stage(tau, coefficients, weights, flavours, delta_mass, omega, residual, new, factors)
            stage_derivative(new, residual, tau, k[i])
        error_estimate(error_weights, h, k, residual)
        error = error_norm(residual, u, new, norm_weights, rtol)
        verdict = end_step(clock, h, z_stop, error, order, MAX_STEP)
        if verdict == STEP_UNDERFLOW:
            return UNDERFLOW if np.isfinite(error) else NOT_FINITE
        if verdict == STEP_ACCEPTED:
            track_maximum(z, h, u[0], new[0], k[0, 0], k[n_stages - 1, 0], maximum)
            u[:] = new
            k[0] = k[n_stages - 1]
            slope[:] = k[0]
            if clock[Z] == z_stop:
                return AT_STOP
    return RUNNING
