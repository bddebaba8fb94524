"""One implicit stage of the lepton asymmetries in closed form: (1 - tau A) u = r + tau g by block elimination.

The modes of `lepton_asymmetry_kernel`, whose head has the equations and symbols, talk to each other through the three
asymmetries alone.  So each mode is solved for given asymmetries (`factor_modes`, `solve_modes`), what they contribute
to the asymmetries is summed (`border_products`, `flow_products`, `washout_products`), a 3 x 3 system gives the
asymmetries, and the modes are solved again: O(n_modes), no Newton iteration, since the equations are linear.

Everything is in a `workspace` of rows with one number for each mode.  A row may as well hold points, one mode each:
`lepton_asymmetry_batch`.
"""

import numpy as np
from numba import njit

from hpc_nu.seesaw.rate_table import N_CHANNELS

# Workspace of a stage, one flat array.  All rows have the same length, a constant of the compiled code, so that the
# compiler can tell that they do not overlap and runs the loops over modes in vector registers: three times faster than
# on arrays whose rows are as long as there are modes.
STRIDE = 264
"""Most modes of a solve.  Not a power of two: rows would compete for the same lines of the cache."""

# Where each row begins; E, M, T (0, 1, 2 after P and M) stand for e, mu, tau, other digits for Pauli components:
#   GP0 ... SLOPE               channels of the rate table: gamma_+-, h_+-, sigma_+- of the flavours, M/E, f_eq'
#   W, LEAST                    weight of the mode; square of its least weight in the error norm
#   TAU, DM                     tau of the stage; delta_mass
#   FE0 ... FT3                 components a of Y_e, Y_mu, Y_tau
#   PE0 ... PT3                 2 tau mu_a times these: the pull of the asymmetries
#   G1 ... G3, C1 ... C3        g = tau G, c = 2 tau h
#   E1 ... E3, O1 ... O3        e = B_e g, o = B_o g, for B_e and B_o of `factor_modes`, whose scales are
#   EVEN, ODD, ALONG            al/(al^2 + c^2), 1/(al^2 + c^2), 1/(al (al^2 + c^2))
#   INVERSE                     1/(al - g.e)
#   B00 ... B22                 what is summed over modes: a matrix Bab, or a vector B0a
#   RS0 ... RD3, S0 ... D3      right-hand side and solution
(
    GP0, GP1, GP2, GM0, GM1, GM2, HP0, HP1, HP2, HM0, HM1, HM2, SP0, SP1, SP2, SM0, SM1, SM2, M_OVER_E, SLOPE,
    W, LEAST, TAU, DM, FE0, FE1, FE2, FE3, FM0, FM1, FM2, FM3, FT0, FT1, FT2, FT3,
    PE0, PE1, PE2, PE3, PM0, PM1, PM2, PM3, PT0, PT1, PT2, PT3,
    G1, G2, G3, C1, C2, C3, E1, E2, E3, O1, O2, O3, EVEN, ODD, ALONG, INVERSE,
    B00, B01, B02, B10, B11, B12, B20, B21, B22,
    RS0, RS1, RS2, RS3, RD0, RD1, RD2, RD3,
    S0, S1, S2, S3, D0, D1, D2, D3,
    SMALL,
) = range(0, 90 * STRIDE, STRIDE)  # fmt: skip
assert SLOPE == (N_CHANNELS - 1) * STRIDE, "the rows of coefficients are the channels of the table"


def workspace(weights):
    """What a stage works in, for modes of these `weights`; coefficients belong into the first N_CHANNELS rows.

    After the rows follows what is not per mode: to allocate it would take longer than to compute it.
    """
    work = np.zeros(SMALL + 64)
    work[W : W + len(weights)] = weights
    return work


@njit(cache=True, error_model="numpy")
def copy_row(source, target):
    """target[k] = source[k] for the elements of the shorter one."""
    for k in range(min(source.size, target.size)):
        target[k] = source[k]


@njit(cache=True, error_model="numpy")
def factor_modes(n, w):
    """Factor 1 - tau A of each mode, and find what each contributes to the equation of the asymmetries.

    With al = 1 + tau G_0, g = tau G, c = 2 tau h, the two helicities are coupled by a rotation alone and
    (al -+ c x)^-1 = B_e +- B_o,  B_e v = (al^2 v + c (c.v))/(al (al^2 + c^2)),  B_o v = (c x v)/(al^2 + c^2).
    No pivoting is needed: al >= 1, and al - g.B_e g > 0 because Gamma_N is positive semidefinite.

    Parameters
    ----------
    w : array
        The workspace.  From the rows of coefficients, of weights and of what belongs to a point are filled those of g,
        c, e = B_e g, o = B_o g, the scales of B_e and B_o, 1/(al - g.e), and Gt_a . K S_b times the weight: K is the
        d-d block of the inverse, symmetric.
    """
    for k in range(n):
        tau, delta_mass = w[TAU + k], w[DM + k]
        e0, e1, e2, e3 = w[FE0 + k], w[FE1 + k], w[FE2 + k], w[FE3 + k]
        m0, m1, m2, m3 = w[FM0 + k], w[FM1 + k], w[FM2 + k], w[FM3 + k]
        t0, t1, t2, t3 = w[FT0 + k], w[FT1 + k], w[FT2 + k], w[FT3 + k]
        ge, gm, gt = w[GP0 + k] + w[GM0 + k], w[GP1 + k] + w[GM1 + k], w[GP2 + k] + w[GM2 + k]
        de, dm, dt = w[GP0 + k] - w[GM0 + k], w[GP1 + k] - w[GM1 + k], w[GP2 + k] - w[GM2 + k]
        he, hm, ht = w[HP0 + k] + w[HM0 + k], w[HP1 + k] + w[HM1 + k], w[HP2 + k] + w[HM2 + k]
        ie, im, it = w[HP0 + k] - w[HM0 + k], w[HP1 + k] - w[HM1 + k], w[HP2 + k] - w[HM2 + k]
        al = 1 + tau * (ge * e0 + gm * m0 + gt * t0)
        g1, g2, g3 = (
            tau * (ge * e1 + gm * m1 + gt * t1),
            tau * (de * e2 + dm * m2 + dt * t2),
            tau * (ge * e3 + gm * m3 + gt * t3),
        )
        c1 = 2 * tau * (he * e1 + hm * m1 + ht * t1)
        c2 = 2 * tau * (ie * e2 + im * m2 + it * t2)
        c3 = 2 * tau * (he * e3 + hm * m3 + ht * t3 - delta_mass * w[M_OVER_E + k])
        odd = 1 / (al * al + c1 * c1 + c2 * c2 + c3 * c3)
        even = al * odd
        along = odd / al
        cg = (c1 * g1 + c2 * g2 + c3 * g3) * along
        w[G1 + k], w[G2 + k], w[G3 + k] = g1, g2, g3
        w[C1 + k], w[C2 + k], w[C3 + k] = c1, c2, c3
        b1, b2, b3 = even * g1 + cg * c1, even * g2 + cg * c2, even * g3 + cg * c3
        w[E1 + k], w[E2 + k], w[E3 + k] = b1, b2, b3
        w[O1 + k], w[O2 + k], w[O3 + k] = (
            odd * (c2 * g3 - c3 * g2),
            odd * (c3 * g1 - c1 * g3),
            odd * (c1 * g2 - c2 * g1),
        )
        w[EVEN + k], w[ODD + k], w[ALONG + k] = even, odd, along
        w[INVERSE + k] = 1 / (al - g1 * b1 - g2 * b2 - g3 * b3)
    border_products(SP0, SM0, FE0, B00, n, w)
    border_products(SP1, SM1, FM0, B01, n, w)
    border_products(SP2, SM2, FT0, B02, n, w)


@njit(cache=True, error_model="numpy")
def border_products(sp, sm, first, to_e, n, w):
    """Rows B0b, B1b, B2b: w_k Gt_a . K S_b, for the flavour b of the rows sigma_+-, F_b0 and B0b that are given."""
    second, third, fourth = first + STRIDE, first + 2 * STRIDE, first + 3 * STRIDE
    to_m, to_t = to_e + 3 * STRIDE, to_e + 6 * STRIDE
    for k in range(n):
        f0, f1, f2, f3 = w[first + k], w[second + k], w[third + k], w[fourth + k]
        e0, e1, e2, e3 = w[FE0 + k], w[FE1 + k], w[FE2 + k], w[FE3 + k]
        m0, m1, m2, m3 = w[FM0 + k], w[FM1 + k], w[FM2 + k], w[FM3 + k]
        t0, t1, t2, t3 = w[FT0 + k], w[FT1 + k], w[FT2 + k], w[FT3 + k]
        c1, c2, c3, along, even = w[C1 + k], w[C2 + k], w[C3 + k], w[ALONG + k], w[EVEN + k]
        b1, b2, b3, o1, o2, o3 = w[E1 + k], w[E2 + k], w[E3 + k], w[O1 + k], w[O2 + k], w[O3 + k]
        inverse = w[INVERSE + k]
        s0, s2 = (w[sm + k] - w[sp + k]) * w[W + k], -(w[sm + k] + w[sp + k]) * w[W + k] * f2
        s0, s1, s3 = s0 * f0, s0 * f1, s0 * f3
        x = inverse * (s0 - b1 * s1 - b2 * s2 - b3 * s3)
        bs, os, cs = b1 * s1 + b2 * s2 + b3 * s3, o1 * s1 + o2 * s2 + o3 * s3, along * (c1 * s1 + c2 * s2 + c3 * s3)
        bs, os = inverse * (bs - s0), inverse * os
        x1 = even * s1 + cs * c1 + bs * b1 - os * o1
        x2 = even * s2 + cs * c2 + bs * b2 - os * o2
        x3 = even * s3 + cs * c3 + bs * b3 - os * o3
        de, ge = w[GM0 + k] - w[GP0 + k], w[GM0 + k] + w[GP0 + k]
        dm, gm = w[GM1 + k] - w[GP1 + k], w[GM1 + k] + w[GP1 + k]
        dt, gt = w[GM2 + k] - w[GP2 + k], w[GM2 + k] + w[GP2 + k]
        w[to_e + k] = de * (e0 * x + e1 * x1 + e3 * x3) - ge * e2 * x2
        w[to_m + k] = dm * (m0 * x + m1 * x1 + m3 * x3) - gm * m2 * x2
        w[to_t + k] = dt * (t0 * x + t1 * x1 + t3 * x3) - gt * t2 * x2


@njit(cache=True, error_model="numpy")
def solve_modes(n, w):
    """(1 - tau A) v = r for each mode at given asymmetries: from the rows RS0 ... RD3 to S0 ... D3.

    Rows PE0 ... PT3 hold 2 tau mu_a a: the back-reaction of the asymmetries on d is -2 tau sum_a mu_a S_a.
    """
    for k in range(n):
        e0, e1, e2, e3 = w[PE0 + k], w[PE1 + k], w[PE2 + k], w[PE3 + k]
        m0, m1, m2, m3 = w[PM0 + k], w[PM1 + k], w[PM2 + k], w[PM3 + k]
        t0, t1, t2, t3 = w[PT0 + k], w[PT1 + k], w[PT2 + k], w[PT3 + k]
        g1, g2, g3 = w[G1 + k], w[G2 + k], w[G3 + k]
        c1, c2, c3 = w[C1 + k], w[C2 + k], w[C3 + k]
        b1, b2, b3 = w[E1 + k], w[E2 + k], w[E3 + k]
        o1, o2, o3 = w[O1 + k], w[O2 + k], w[O3 + k]
        even, odd, along, inverse = w[EVEN + k], w[ODD + k], w[ALONG + k], w[INVERSE + k]
        se, sm, st = w[SM0 + k] - w[SP0 + k], w[SM1 + k] - w[SP1 + k], w[SM2 + k] - w[SP2 + k]
        ue, um, ut = w[SM0 + k] + w[SP0 + k], w[SM1 + k] + w[SP1 + k], w[SM2 + k] + w[SP2 + k]
        rs0, rs1, rs2, rs3 = w[RS0 + k], w[RS1 + k], w[RS2 + k], w[RS3 + k]
        rd0 = w[RD0 + k] - (se * e0 + sm * m0 + st * t0)
        rd1 = w[RD1 + k] - (se * e1 + sm * m1 + st * t1)
        rd2 = w[RD2 + k] + (ue * e2 + um * m2 + ut * t2)
        rd3 = w[RD3 + k] - (se * e3 + sm * m3 + st * t3)
        s0 = inverse * (rs0 - b1 * rs1 - b2 * rs2 - b3 * rs3 + o1 * rd1 + o2 * rd2 + o3 * rd3)
        d0 = inverse * (rd0 - b1 * rd1 - b2 * rd2 - b3 * rd3 + o1 * rs1 + o2 * rs2 + o3 * rs3)
        ps1, ps2, ps3 = rs1 - g1 * s0, rs2 - g2 * s0, rs3 - g3 * s0
        pd1, pd2, pd3 = rd1 - g1 * d0, rd2 - g2 * d0, rd3 - g3 * d0
        cs = (c1 * ps1 + c2 * ps2 + c3 * ps3) * along
        cd = (c1 * pd1 + c2 * pd2 + c3 * pd3) * along
        w[S0 + k] = s0
        w[S1 + k] = even * ps1 + cs * c1 + odd * (c2 * pd3 - c3 * pd2)
        w[S2 + k] = even * ps2 + cs * c2 + odd * (c3 * pd1 - c1 * pd3)
        w[S3 + k] = even * ps3 + cs * c3 + odd * (c1 * pd2 - c2 * pd1)
        w[D0 + k] = d0
        w[D1 + k] = even * pd1 + cd * c1 + odd * (c2 * ps3 - c3 * ps2)
        w[D2 + k] = even * pd2 + cd * c2 + odd * (c3 * ps1 - c1 * ps3)
        w[D3 + k] = even * pd3 + cd * c3 + odd * (c1 * ps2 - c2 * ps1)


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
def flow_products(n, w):
    """w_k Gt_a . d_k in rows B00 ... B02, from the rows D0 ... D3."""
    for k in range(n):
        e0, e1, e2, e3 = w[FE0 + k], w[FE1 + k], w[FE2 + k], w[FE3 + k]
        m0, m1, m2, m3 = w[FM0 + k], w[FM1 + k], w[FM2 + k], w[FM3 + k]
        t0, t1, t2, t3 = w[FT0 + k], w[FT1 + k], w[FT2 + k], w[FT3 + k]
        d0, d1, d2, d3, weight = w[D0 + k], w[D1 + k], w[D2 + k], w[D3 + k], w[W + k]
        de, ge = w[GM0 + k] - w[GP0 + k], w[GM0 + k] + w[GP0 + k]
        dm, gm = w[GM1 + k] - w[GP1 + k], w[GM1 + k] + w[GP1 + k]
        dt, gt = w[GM2 + k] - w[GP2 + k], w[GM2 + k] + w[GP2 + k]
        w[B00 + k] = weight * (de * (e0 * d0 + e1 * d1 + e3 * d3) - ge * e2 * d2)
        w[B01 + k] = weight * (dm * (m0 * d0 + m1 * d1 + m3 * d3) - gm * m2 * d2)
        w[B02 + k] = weight * (dt * (t0 * d0 + t1 * d1 + t3 * d3) - gt * t2 * d2)


@njit(cache=True, error_model="numpy")
def washout_products(n, w):
    """w_k (sigma_+ + sigma_-)_a a_0 in rows B00 ... B02."""
    for k in range(n):
        weight = w[W + k]
        w[B00 + k] = weight * (w[SP0 + k] + w[SM0 + k]) * w[FE0 + k]
        w[B01 + k] = weight * (w[SP1 + k] + w[SM1 + k]) * w[FM0 + k]
        w[B02 + k] = weight * (w[SP2 + k] + w[SM2 + k]) * w[FT0 + k]


@njit(cache=True, error_model="numpy")
def add_rows(n, w, out):
    """Sums over modes of rows B00 ... B22 in the nine elements of `out`; side by side, as sums wait on sums."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = 0.0
    for k in range(n):
        s0 += w[B00 + k]
        s1 += w[B01 + k]
        s2 += w[B02 + k]
        s3 += w[B10 + k]
        s4 += w[B11 + k]
        s5 += w[B12 + k]
        s6 += w[B20 + k]
        s7 += w[B21 + k]
        s8 += w[B22 + k]
    for i, total in enumerate((s0, s1, s2, s3, s4, s5, s6, s7, s8)):
        out[i] = total


@njit(cache=True, error_model="numpy")
def add_three_rows(n, w, out):
    """The same of rows B00 ... B02 alone."""
    s0 = s1 = s2 = 0.0
    for k in range(n):
        s0 += w[B00 + k]
        s1 += w[B01 + k]
        s2 += w[B02 + k]
    out[0], out[1], out[2] = s0, s1, s2


# Slots of what is not per mode, behind the rows of the workspace.
SCHUR, MATRIX, RHS = SMALL, SMALL + 9, SMALL + 18


@njit(cache=True, error_model="numpy")
def schur_complement(tau, border, washout, omega, out):
    """1 + response omega (3, 3), from sums over modes of Gt_a . K S_b and of (sigma_+ + sigma_-)_a a_0."""
    # Loops, since calls of BLAS cost more than the products of such small matrices.
    for a in range(3):
        for b in range(3):
            border[a, b] *= -4 * tau * tau
        border[a, a] += 4 * tau * washout[a]
        for b in range(3):
            out[a, b] = border[a, 0] * omega[0, b] + border[a, 1] * omega[1, b] + border[a, 2] * omega[2, b]
        out[a, a] += 1.0


@njit(cache=True, error_model="numpy")
def fill(value, first, end, work):
    for k in range(first, end):
        work[k] = value


@njit(cache=True, error_model="numpy")
def set_point(flavours, delta_mass, first, end, work):
    """Fill the rows of the workspace that belong to a point, for the modes `first` to `end`."""
    fill(delta_mass, DM + first, DM + end, work)
    for a in range(3):
        for i in range(4):
            row = FE0 + (4 * a + i) * STRIDE
            fill(flavours[a, i], row + first, row + end, work)


@njit(cache=True, error_model="numpy", inline="always")
def chemical_potential(omega, x, a):
    """mu_a/T = (omega X)_a."""
    return omega[a, 0] * x[0] + omega[a, 1] * x[1] + omega[a, 2] * x[2]


@njit(cache=True, error_model="numpy")
def set_pull(tau, omega, x, flavours, first, end, work):
    """Fill rows PE0 ... PT3 for asymmetries `x`."""
    for a in range(3):
        mu = chemical_potential(omega, x, a)
        for i in range(4):
            row = PE0 + (4 * a + i) * STRIDE
            fill(2 * tau * (mu * flavours[a, i]), row + first, row + end, work)


@njit(cache=True, error_model="numpy")
def factor_stage(tau, n, omega, work):
    """Factor 1 - tau A by block elimination: each mode, and 1 + response omega for the asymmetries.

    Weights, coefficients and what `set_point` fills in are in the workspace; `omega` (3, 3) is that of mu = omega X.
    """
    fill(tau, TAU, TAU + n, work)
    factor_modes(n, work)
    border, washout = work[MATRIX : MATRIX + 9], work[RHS : RHS + 3]
    add_rows(n, work, border)
    washout_products(n, work)
    add_three_rows(n, work, washout)
    schur_complement(tau, border.reshape((3, 3)), washout, omega, work[SCHUR : SCHUR + 9].reshape((3, 3)))


@njit(cache=True, error_model="numpy")
def solve_factored(tau, n, flavours, omega, source, r, out, work):
    """(1 - tau A) u = r + tau source g with what `factor_stage` left in `work`: modes, asymmetries, modes again.

    g is the inhomogeneous part, -2 f_eq' in s_0; `source` is 1 for the solution and 0 for a derivative of it.
    """
    matrix, rhs = work[MATRIX : MATRIX + 9].reshape((3, 3)), work[RHS : RHS + 3]
    for i in range(8):
        copy_row(r[3 + i * n : 3 + (i + 1) * n], work[RS0 + i * STRIDE :])
    for k in range(n):
        work[RS0 + k] -= 2 * tau * source * work[SLOPE + k]
    for i in range(12):
        fill(0.0, PE0 + i * STRIDE, PE0 + i * STRIDE + n, work)
    solve_modes(n, work)
    flow_products(n, work)
    add_three_rows(n, work, rhs)
    for a in range(3):
        rhs[a] = r[a] - 2 * tau * rhs[a]
    copy_row(work[SCHUR : SCHUR + 9], work[MATRIX : MATRIX + 9])
    solve_3x3(matrix, rhs, out[:3])
    set_pull(tau, omega, out, flavours, 0, n, work)
    solve_modes(n, work)
    for i in range(8):
        copy_row(work[S0 + i * STRIDE :], out[3 + i * n : 3 + (i + 1) * n])
