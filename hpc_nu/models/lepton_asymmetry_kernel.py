"""Compiled equations of the lepton asymmetries: coefficients, right-hand side, error norm.

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

from hpc_nu.compiled import compiled
from hpc_nu.models.lepton_asymmetry_stage import (
    C1,
    C2,
    C3,
    ERROR2,
    EVEN,
    LEAST,
    NEW2,
    ODD,
    OLD2,
    TAU,
    TOTAL,
    WORST,
    add_modes,
)
from hpc_nu.seesaw.rate_table import (
    F_EQ_SLOPE,
    H_MINUS,
    H_PLUS,
    LN_GAMMA_MINUS,
    LN_GAMMA_PLUS,
    MASS_OVER_E,
    SIGMA_RATIO_MINUS,
    SIGMA_RATIO_PLUS,
)

# Rows of the coefficient array at one z, in the order of the table's channels: gamma_+-, h_+-, sigma_+- of the first
# flavour (the others follow), M/E, f_eq'.
GP, GM, HP, HM, SP, SM = LN_GAMMA_PLUS, LN_GAMMA_MINUS, H_PLUS, H_MINUS, SIGMA_RATIO_PLUS, SIGMA_RATIO_MINUS
ME, FS = MASS_OVER_E, F_EQ_SLOPE

# Absolute tolerances in units of rtol.  d is 1e-3 ... 1e-5 of s and X smaller still: with one tolerance for all, the
# asymmetries are garbage at a "converged" one.
ATOL_X, ATOL_D, ATOL_S = 1e-9, 1e-7, 1e-3

REMAINDER = 1e-3
"""The sum of the asymmetries keeps its relative accuracy down to this part of the largest of them."""

DRIFT = 3.0
"""|d ln rate/dz| where nothing happens: rates go like powers of T."""

TINY = 1e-300

MAX_STEP = 0.5
"""Longest step in z: one that spans the crossover, T = 180 ... 130 GeV, has a stage in it.  The rest is the business
of the error norm, which sees little where asymmetries are below ATOL_X."""

SAME_STOP = 1e-10
"""Stops this close in z are one: the slope that a step of rounding length leaves behind is noise."""

N_MOMENTS = 6

# Slots of `maximum`: the electron asymmetry of largest modulus so far, and the z where it was reached.
MAX_VALUE, MAX_Z = 0, 1


@compiled
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


@compiled
def exponential(x):
    """e^x to 1e-14 for |x| < 4, and to 1e-7 for |x| < 16, positive for all: ((series of e^(x/16))^2)^2 ...

    (Below x = -60 it grows again, but in the cells of a table rates rise by up to e^42 and fall by e^5.)  Without
    branches, so that loops over it run in vector registers; exp of the C library does not.
    """
    y = x * 0.0625
    e = 1.0 + y * (1.0 / 11.0)
    e = 1.0 + y * (1.0 / 10.0) * e
    e = 1.0 + y * (1.0 / 9.0) * e
    e = 1.0 + y * (1.0 / 8.0) * e
    e = 1.0 + y * (1.0 / 7.0) * e
    e = 1.0 + y * (1.0 / 6.0) * e
    e = 1.0 + y * (1.0 / 5.0) * e
    e = 1.0 + y * (1.0 / 4.0) * e
    e = 1.0 + y * (1.0 / 3.0) * e
    e = 1.0 + y * (1.0 / 2.0) * e
    e = 1.0 + y * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@compiled(inline="always")
def exponent_at(c3, c2, c1, t):
    """Logarithm of a rate over its value at t = 0."""
    return ((c3 * t + c2) * t + c1) * t


@compiled(inline="always")
def cubic_at(c3, c2, c1, c0, t, factor):
    """A channel that is a polynomial."""
    return factor * (((c3 * t + c2) * t + c1) * t + c0)


@compiled
def interpolate_rates(c, t, factor, out):
    """Rates of one channel: the last coefficient is their value at t = 0, the others (4, n) are of the logarithm."""
    c3, c2, c1, c0 = c[0], c[1], c[2], c[3]
    for k in range(out.size):
        out[k] = factor * c0[k] * exponential(exponent_at(c3[k], c2[k], c1[k], t))


@compiled
def interpolate(c, t, factor, out):
    """The same of a channel that is a polynomial."""
    c3, c2, c1, c0 = c[0], c[1], c[2], c[3]
    for k in range(out.size):
        out[k] = cubic_at(c3[k], c2[k], c1[k], c0[k], t, factor)


@compiled
def multiply(factor, out):
    for k in range(out.size):
        out[k] *= factor[k]


@compiled
def coefficients_at(cell, t, cells, factors, stride, out):
    """Interpolate the table at `t` beyond the beginning of `cell`.

    Parameters
    ----------
    cells : (n_cells, N_CHANNELS, 4, n_modes) array
        See `hpc_nu.seesaw.rate_table.RateTable`.
    factors : (4,) array
        What gamma_+, gamma_-, h_+, h_- are multiplied by.
    out : flat array
        Filled with rows GP ... FS of n_modes numbers, each `stride` after the one before.
    """
    here, n = cells[cell], cells.shape[3]
    for a in range(3):
        plus, minus = out[(GP + a) * stride :][:n], out[(GM + a) * stride :][:n]
        interpolate_rates(here[GP + a], t, factors[0], plus)
        interpolate_rates(here[GM + a], t, factors[1], minus)
        interpolate(here[HP + a], t, factors[2], out[(HP + a) * stride :][:n])
        interpolate(here[HM + a], t, factors[3], out[(HM + a) * stride :][:n])
        sigma_plus, sigma_minus = out[(SP + a) * stride :][:n], out[(SM + a) * stride :][:n]
        interpolate(here[SP + a], t, 1.0, sigma_plus)
        interpolate(here[SM + a], t, 1.0, sigma_minus)
        multiply(plus, sigma_plus)
        multiply(minus, sigma_minus)
    interpolate(here[ME], t, 1.0, out[ME * stride :][:n])
    interpolate(here[FS], t, 1.0, out[FS * stride :][:n])


@compiled
def susceptibility_at(cell, t, cells, stride, out):
    """omega at `t` beyond the beginning of `cell`, its nine elements each `stride` after the one before in `out`.

    `cells` (n_cells, 4, 3, 3) are polynomials as those of `coefficients_at`.
    """
    c = cells[cell]
    for a in range(3):
        for b in range(3):
            out[(3 * a + b) * stride] = ((c[0, a, b] * t + c[1, a, b]) * t + c[2, a, b]) * t + c[3, a, b]


@compiled
def damping_and_precession(coefficients, k, flavours, delta_mass):
    """G_0, G and 2 h of mode `k`: seven numbers."""
    g0 = g1 = g2 = g3 = h1 = h2 = h3 = 0.0
    for a in range(3):
        gp, gm = coefficients[GP + a, k], coefficients[GM + a, k]
        hp, hm = coefficients[HP + a, k], coefficients[HM + a, k]
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
        sp, sm = coefficients[SP + a, k], coefficients[SM + a, k]
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
            even = weights[k] * (coefficients[GM + a, k] - coefficients[GP + a, k])
            even0 += even * modes[4, k]
            even1 += even * modes[5, k]
            even3 += even * modes[7, k]
            odd2 -= weights[k] * (coefficients[GP + a, k] + coefficients[GM + a, k]) * modes[6, k]
            sources += weights[k] * (coefficients[SP + a, k] + coefficients[SM + a, k])
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
def error_norms(n_points, n, error, old, new, norm_weights, w):
    """Of each point, the largest of the relative errors of the asymmetries, of their sum, of s and of d.

    The sum has a place of its own since it is a small remainder (the baryon asymmetry: 1e-3 and less of each).

    s and d are measured as root mean squares over the momentum distribution, so that neither the number of modes nor
    an empty mode at high momentum changes the step.  An error perpendicular to h precesses at the rate 2|h| while all
    else changes at the rates G_0 and DRIFT, so that it acts on densities and asymmetries by its integral alone, which
    is (G_0 + DRIFT)/(2|h|) of it, or what `weights_ahead` knows of times to come.  Weighted so, undamped oscillations
    are followed until nothing depends on them any more; then steps become longer than a period, and the method,
    L-stable, damps them.

    Parameters
    ----------
    n_points, n
        As of `factor_stage`.
    error, old, new : flat arrays, as of `solve_factored`
        Error estimate of a step, and u before and after it.
    norm_weights : (n,) array
        Of the mean square, see `hpc_nu.seesaw.rate_table.RateTable`.
    w : array
        The workspace, as the last stage, which is the end of the step, has left it; least weights in row LEAST.  Filled
        is row WORST, with the norms; nan if anything is not finite.
    """
    m, t = n_points, 2 * n_points
    for k in range(n_points):
        ee, em, et = error[k], error[m + k], error[t + k]
        oe, om, ot = old[k], old[m + k], old[t + k]
        ne, nm, nt = new[k], new[m + k], new[t + k]
        size_e, size_m, size_t = max(abs(oe), abs(ne)), max(abs(om), abs(nm)), max(abs(ot), abs(nt))
        size = max(abs(oe + om + ot), abs(ne + nm + nt), REMAINDER * max(size_e, size_m, size_t))
        of_e, of_m, of_t = abs(ee) / (ATOL_X + size_e), abs(em) / (ATOL_X + size_m), abs(et) / (ATOL_X + size_t)
        of_sum = abs(ee + em + et) / (REMAINDER * ATOL_X + size)
        w[WORST + k], w[TOTAL + k] = max(of_e, of_m, of_t, of_sum), of_e + of_m + of_t + of_sum
    for first, atol in ((3 * n_points, ATOL_S), (3 * n_points + 4 * n, ATOL_D)):
        second, third, fourth = first + n, first + 2 * n, first + 3 * n
        for k in range(n):
            e0, e1, e2, e3 = error[first + k], error[second + k], error[third + k], error[fourth + k]
            c1, c2, c3 = w[C1 + k], w[C2 + k], w[C3 + k]
            cc = c1 * c1 + c2 * c2 + c3 * c3 + TINY
            along = (c1 * e1 + c2 * e2 + c3 * e3) ** 2 / cc
            across = max(e1 * e1 + e2 * e2 + e3 * e3 - along, 0.0)
            slow = w[EVEN + k] / w[ODD + k] - 1 + DRIFT * w[TAU + k]  # al = even/odd = 1 + tau G_0
            weight = min(max(slow * slow / cc, w[LEAST + k]), 1.0)
            w[ERROR2 + k] = norm_weights[k] * (e0 * e0 + along + weight * across)
        for k in range(n):
            u0, u1, u2, u3 = old[first + k], old[second + k], old[third + k], old[fourth + k]
            v0, v1, v2, v3 = new[first + k], new[second + k], new[third + k], new[fourth + k]
            w[OLD2 + k] = norm_weights[k] * (u0 * u0 + u1 * u1 + u2 * u2 + u3 * u3)
            w[NEW2 + k] = norm_weights[k] * (v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3)
        add_modes(ERROR2, n_points, n, w)
        for k in range(n_points):
            ratio = np.sqrt(w[ERROR2 + k]) / (atol + np.sqrt(max(w[OLD2 + k], w[NEW2 + k])))
            w[WORST + k], w[TOTAL + k] = max(w[WORST + k], ratio), w[TOTAL + k] + ratio
    for k in range(n_points):
        if not np.isfinite(w[TOTAL + k]):  # max() alone loses nan
            w[WORST + k] = np.nan


@compiled
def weights_ahead(nodes, cells, factors, flavours, delta_mass, least_weight, out):
    """Squares of the least weights in `error_norm`, from what is still to come: fills `out` (n_cells, n_modes).

    Where levels cross, h turns at a rate |n'| = |d(h/|h|)/dz| that may be far above DRIFT, and an oscillation that was
    forgotten before would be missed: what counts in a cell is the largest (DRIFT + |n'|)/(2|h|) of this and all later
    ones, and at least `least_weight`.  Arguments as in `coefficients_at` and `right_hand_side`.
    """
    n_cells, n = out.shape
    ahead, before = np.full(n, least_weight * least_weight), np.zeros((n, 3))
    for cell in range(n_cells - 1, -1, -1):
        c, width = cells[cell, :, 3], nodes[cell + 1] - nodes[cell]
        for k in range(n):
            h1 = h2 = h3 = 0.0
            for a in range(3):
                even = factors[2] * c[HP + a, k] + factors[3] * c[HM + a, k]
                odd = factors[2] * c[HP + a, k] - factors[3] * c[HM + a, k]
                h1 += even * flavours[a, 1]
                h2 += odd * flavours[a, 2]
                h3 += even * flavours[a, 3]
            h3 -= delta_mass * c[ME, k]
            size = np.sqrt(h1 * h1 + h2 * h2 + h3 * h3) + TINY
            h1, h2, h3 = h1 / size, h2 / size, h3 / size
            turn = 0.0
            if cell < n_cells - 1:
                turn = np.sqrt((h1 - before[k, 0]) ** 2 + (h2 - before[k, 1]) ** 2 + (h3 - before[k, 2]) ** 2) / width
            before[k, 0], before[k, 1], before[k, 2] = h1, h2, h3
            weight = (DRIFT + turn) / (2 * size)
            ahead[k] = max(ahead[k], min(weight * weight, 1.0))
            out[cell, k] = ahead[k]


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
