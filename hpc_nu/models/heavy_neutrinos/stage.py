"""One implicit stage of the lepton asymmetries in closed form: (1 - tau A) u = r + tau g by block elimination.

The modes of `equations`, whose head has the equations and symbols, talk to each other through the three asymmetries
alone.  So each mode is solved for given asymmetries (`factor_modes`, `solve_modes`), what they contribute to the
asymmetries is summed (`border_products`, `flow_products`, `washout_products`), a 3 x 3 system gives the
asymmetries, and the modes are solved again: O(n_modes), no Newton iteration, since the equations are linear.

Everything is in a `workspace` of rows of n numbers, one for each mode of one point, or one for each of n points of one
mode (`lanes`).  What belongs to a point, omega and the asymmetries, is in rows of `n_points` numbers: 1 or n.
"""

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.seesaw.rate_table import N_CHANNELS

# Workspace of a stage, one flat array.  All rows have the same length, a constant of the compiled code, so that the
# compiler can tell that they do not overlap and runs the loops over modes in vector registers: three times faster than
# on arrays whose rows are as long as there are modes.
STRIDE = 264
"""Most modes of a solve.  Not a power of two: rows would compete for the same lines of the cache."""

# Where each row begins.  C and V: what conserves and what violates fermion number, + and - of the equations; after them
# 0, 1, 2 are e, mu, tau.  After F and P (pull) those are E, M, T, and digits are Pauli components:
#   GC0 ... SLOPE               channels of the rate table: gamma, h, sigma of the flavours, M/E, f_eq'
#   GC0_AT_NODE ...             gamma at the beginning of the cell, for `lanes`
#   OM00 ... OM22               omega of the point
#   W, LEAST                    weight of the mode; square of its least weight in the error norm
#   TAU, DM                     tau of the stage; delta_mass
#   FE0 ... FT3                 components a of Y_e, Y_mu, Y_tau
#   PE0 ... PT3                 2 tau mu_a times these: the pull of the asymmetries
#   G1 ... G3, C1 ... C3        g = tau G, c = 2 tau h
#   EG1 ... EG3, OG1 ... OG3    e = B_e g, o = B_o g, for B_e and B_o of `factor_modes`, whose scales are
#   EVEN, ODD, ALONG            al/(al^2 + c^2), 1/(al^2 + c^2), 1/(al (al^2 + c^2))
#   INVERSE                     1/(al - g.e)
#   B00 ... B22                 w Gt_a . K S_b, its sums over modes, then 1 + response omega
#   I0 ... I2, X0 ... X2        w (sigma_+ + sigma_-)_a a_0; w Gt_a . d; their sums; then X the asymmetries
#   RS0 ... RD3, S0 ... D3      right-hand side and solution
#   WORST ... NEW2              for the error norm
(
    GC0, GC1, GC2, GV0, GV1, GV2, HC0, HC1, HC2, HV0, HV1, HV2, SC0, SC1, SC2, SV0, SV1, SV2, M_OVER_E, SLOPE,
    GC0_AT_NODE, GC1_AT_NODE, GC2_AT_NODE, GV0_AT_NODE, GV1_AT_NODE, GV2_AT_NODE,
    OM00, OM01, OM02, OM10, OM11, OM12, OM20, OM21, OM22,
    W, LEAST, TAU, DM, FE0, FE1, FE2, FE3, FM0, FM1, FM2, FM3, FT0, FT1, FT2, FT3,
    PE0, PE1, PE2, PE3, PM0, PM1, PM2, PM3, PT0, PT1, PT2, PT3,
    G1, G2, G3, C1, C2, C3, EG1, EG2, EG3, OG1, OG2, OG3, EVEN, ODD, ALONG, INVERSE,
    B00, B01, B02, B10, B11, B12, B20, B21, B22, I0, I1, I2, X0, X1, X2,
    RS0, RS1, RS2, RS3, RD0, RD1, RD2, RD3,
    S0, S1, S2, S3, D0, D1, D2, D3,
    WORST, TOTAL, ERROR2, OLD2, NEW2,
    END,
) = range(0, 116 * STRIDE, STRIDE)  # fmt: skip
assert SLOPE == (N_CHANNELS - 1) * STRIDE, "the rows of coefficients are the channels of the table"


def workspace(weights):
    """What a stage works in, for rows of these `weights`; coefficients belong into the first N_CHANNELS rows."""
    line = 64 // 8  # rows begin where lines of the cache do
    work = np.zeros(END + line)
    work = work[-work.ctypes.data // 8 % line :][:END]
    work[W : W + len(weights)] = weights
    return work


@compiled
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
        ge, gm, gt = w[GC0 + k] + w[GV0 + k], w[GC1 + k] + w[GV1 + k], w[GC2 + k] + w[GV2 + k]
        de, dm, dt = w[GC0 + k] - w[GV0 + k], w[GC1 + k] - w[GV1 + k], w[GC2 + k] - w[GV2 + k]
        he, hm, ht = w[HC0 + k] + w[HV0 + k], w[HC1 + k] + w[HV1 + k], w[HC2 + k] + w[HV2 + k]
        ie, im, it = w[HC0 + k] - w[HV0 + k], w[HC1 + k] - w[HV1 + k], w[HC2 + k] - w[HV2 + k]
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
        w[EG1 + k], w[EG2 + k], w[EG3 + k] = b1, b2, b3
        w[OG1 + k], w[OG2 + k], w[OG3 + k] = (
            odd * (c2 * g3 - c3 * g2),
            odd * (c3 * g1 - c1 * g3),
            odd * (c1 * g2 - c2 * g1),
        )
        w[EVEN + k], w[ODD + k], w[ALONG + k] = even, odd, along
        w[INVERSE + k] = 1 / (al - g1 * b1 - g2 * b2 - g3 * b3)
    border_products(SC0, SV0, FE0, B00, n, w)
    border_products(SC1, SV1, FM0, B01, n, w)
    border_products(SC2, SV2, FT0, B02, n, w)


@compiled
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
        b1, b2, b3, o1, o2, o3 = w[EG1 + k], w[EG2 + k], w[EG3 + k], w[OG1 + k], w[OG2 + k], w[OG3 + k]
        inverse = w[INVERSE + k]
        s0, s2 = (w[sm + k] - w[sp + k]) * w[W + k], -(w[sm + k] + w[sp + k]) * w[W + k] * f2
        s0, s1, s3 = s0 * f0, s0 * f1, s0 * f3
        x = inverse * (s0 - b1 * s1 - b2 * s2 - b3 * s3)
        bs, os, cs = b1 * s1 + b2 * s2 + b3 * s3, o1 * s1 + o2 * s2 + o3 * s3, along * (c1 * s1 + c2 * s2 + c3 * s3)
        bs, os = inverse * (bs - s0), inverse * os
        x1 = even * s1 + cs * c1 + bs * b1 - os * o1
        x2 = even * s2 + cs * c2 + bs * b2 - os * o2
        x3 = even * s3 + cs * c3 + bs * b3 - os * o3
        de, ge = w[GV0 + k] - w[GC0 + k], w[GV0 + k] + w[GC0 + k]
        dm, gm = w[GV1 + k] - w[GC1 + k], w[GV1 + k] + w[GC1 + k]
        dt, gt = w[GV2 + k] - w[GC2 + k], w[GV2 + k] + w[GC2 + k]
        w[to_e + k] = de * (e0 * x + e1 * x1 + e3 * x3) - ge * e2 * x2
        w[to_m + k] = dm * (m0 * x + m1 * x1 + m3 * x3) - gm * m2 * x2
        w[to_t + k] = dt * (t0 * x + t1 * x1 + t3 * x3) - gt * t2 * x2


@compiled
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
        b1, b2, b3 = w[EG1 + k], w[EG2 + k], w[EG3 + k]
        o1, o2, o3 = w[OG1 + k], w[OG2 + k], w[OG3 + k]
        even, odd, along, inverse = w[EVEN + k], w[ODD + k], w[ALONG + k], w[INVERSE + k]
        se, sm, st = w[SV0 + k] - w[SC0 + k], w[SV1 + k] - w[SC1 + k], w[SV2 + k] - w[SC2 + k]
        ue, um, ut = w[SV0 + k] + w[SC0 + k], w[SV1 + k] + w[SC1 + k], w[SV2 + k] + w[SC2 + k]
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


@compiled
def flow_products(n, w):
    """w_k Gt_a . d_k in rows X0 ... X2, from the rows D0 ... D3."""
    for k in range(n):
        e0, e1, e2, e3 = w[FE0 + k], w[FE1 + k], w[FE2 + k], w[FE3 + k]
        m0, m1, m2, m3 = w[FM0 + k], w[FM1 + k], w[FM2 + k], w[FM3 + k]
        t0, t1, t2, t3 = w[FT0 + k], w[FT1 + k], w[FT2 + k], w[FT3 + k]
        d0, d1, d2, d3, weight = w[D0 + k], w[D1 + k], w[D2 + k], w[D3 + k], w[W + k]
        de, ge = w[GV0 + k] - w[GC0 + k], w[GV0 + k] + w[GC0 + k]
        dm, gm = w[GV1 + k] - w[GC1 + k], w[GV1 + k] + w[GC1 + k]
        dt, gt = w[GV2 + k] - w[GC2 + k], w[GV2 + k] + w[GC2 + k]
        w[X0 + k] = weight * (de * (e0 * d0 + e1 * d1 + e3 * d3) - ge * e2 * d2)
        w[X1 + k] = weight * (dm * (m0 * d0 + m1 * d1 + m3 * d3) - gm * m2 * d2)
        w[X2 + k] = weight * (dt * (t0 * d0 + t1 * d1 + t3 * d3) - gt * t2 * d2)


@compiled
def washout_products(n, w):
    """w_k (sigma_+ + sigma_-)_a a_0 in rows I0 ... I2."""
    for k in range(n):
        weight = w[W + k]
        w[I0 + k] = weight * (w[SC0 + k] + w[SV0 + k]) * w[FE0 + k]
        w[I1 + k] = weight * (w[SC1 + k] + w[SV1 + k]) * w[FM0 + k]
        w[I2 + k] = weight * (w[SC2 + k] + w[SV2 + k]) * w[FT0 + k]


@compiled
def add_modes(first, n_points, n, w):
    """Replace three rows by their sums over the modes of each point; side by side, as sums wait on sums."""
    if n_points == n:
        return
    second, third = first + STRIDE, first + 2 * STRIDE
    s0, s1, s2 = w[first], w[second], w[third]
    for k in range(1, n):
        s0 += w[first + k]
        s1 += w[second + k]
        s2 += w[third + k]
    w[first], w[second], w[third] = s0, s1, s2


# The asymmetries.  Loops over a, b = e, mu, tau unroll, since calls of BLAS cost more than the products of such small
# matrices.


@compiled
def schur_complement(n_points, w):
    """1 + response omega in rows B00 ... B22, from sums over modes of Gt_a . K S_b there and washout in I0 ... I2."""
    for a in range(3):
        first, diagonal, washout = B00 + 3 * a * STRIDE, B00 + 4 * a * STRIDE, I0 + a * STRIDE
        second, third = first + STRIDE, first + 2 * STRIDE
        for k in range(n_points):
            tau = w[TAU + k]
            w[first + k] *= -4 * tau * tau
            w[second + k] *= -4 * tau * tau
            w[third + k] *= -4 * tau * tau
        for k in range(n_points):
            w[diagonal + k] += 4 * w[TAU + k] * w[washout + k]
        for k in range(n_points):
            b0, b1, b2 = w[first + k], w[second + k], w[third + k]
            w[first + k] = b0 * w[OM00 + k] + b1 * w[OM10 + k] + b2 * w[OM20 + k]
            w[second + k] = b0 * w[OM01 + k] + b1 * w[OM11 + k] + b2 * w[OM21 + k]
            w[third + k] = b0 * w[OM02 + k] + b1 * w[OM12 + k] + b2 * w[OM22 + k]
        for k in range(n_points):
            w[diagonal + k] += 1.0


@compiled
def solve_3x3(n_points, w):
    """Rows X0 ... X2 over the matrix in rows B00 ... B22, by Gaussian elimination with row pivoting."""
    for k in range(n_points):
        a0, a1, a2, ar = w[B00 + k], w[B01 + k], w[B02 + k], w[X0 + k]
        b0, b1, b2, br = w[B10 + k], w[B11 + k], w[B12 + k], w[X1 + k]
        c0, c1, c2, cr = w[B20 + k], w[B21 + k], w[B22 + k], w[X2 + k]
        if abs(b0) > abs(a0):
            a0, a1, a2, ar, b0, b1, b2, br = b0, b1, b2, br, a0, a1, a2, ar
        if abs(c0) > abs(a0):
            a0, a1, a2, ar, c0, c1, c2, cr = c0, c1, c2, cr, a0, a1, a2, ar
        factor = b0 / a0
        b1, b2, br = b1 - factor * a1, b2 - factor * a2, br - factor * ar
        factor = c0 / a0
        c1, c2, cr = c1 - factor * a1, c2 - factor * a2, cr - factor * ar
        if abs(c1) > abs(b1):
            b1, b2, br, c1, c2, cr = c1, c2, cr, b1, b2, br
        factor = c1 / b1
        c2, cr = c2 - factor * b2, cr - factor * br
        x2 = cr / c2
        x1 = (br - b2 * x2) / b1
        w[X0 + k], w[X1 + k], w[X2 + k] = (ar - a1 * x1 - a2 * x2) / a0, x1, x2


@compiled
def set_pull(n_points, n, w):
    """2 tau mu_a a in rows PE0 ... PT3, with mu = omega X."""
    for a in range(3):
        to_e, f0, p0 = OM00 + 3 * a * STRIDE, FE0 + 4 * a * STRIDE, PE0 + 4 * a * STRIDE
        to_m, f1, p1 = to_e + STRIDE, f0 + STRIDE, p0 + STRIDE
        to_t, f2, p2 = to_m + STRIDE, f1 + STRIDE, p1 + STRIDE
        f3, p3 = f2 + STRIDE, p2 + STRIDE
        for k in range(n_points):
            mu = w[to_e + k] * w[X0 + k] + w[to_m + k] * w[X1 + k] + w[to_t + k] * w[X2 + k]
            twice = 2 * w[TAU + k]
            w[p0 + k], w[p1 + k] = twice * (mu * w[f0 + k]), twice * (mu * w[f1 + k])
            w[p2 + k], w[p3 + k] = twice * (mu * w[f2 + k]), twice * (mu * w[f3 + k])
        if n_points < n:
            for first in (p0, p1, p2, p3):
                fill(w[first], first, first + n, w)


@compiled
def fill(value, first, end, w):
    for k in range(first, end):
        w[k] = value


@compiled
def set_point(flavours, delta_mass, n, w):
    """Fill the rows of the workspace that belong to a point, for its `n` modes."""
    fill(delta_mass, DM, DM + n, w)
    for a in range(3):
        for i in range(4):
            row = FE0 + (4 * a + i) * STRIDE
            fill(flavours[a, i], row, row + n, w)


@compiled
def factor_stage(n_points, n, w):
    """Factor 1 - tau A by block elimination: each mode, and 1 + response omega for the asymmetries.

    Rows have `n` numbers, those of omega and the asymmetries `n_points`: n modes of one point, or n points of one mode.
    Weights, coefficients, omega, tau and what `set_point` fills in are in the workspace.
    """
    factor_modes(n, w)
    washout_products(n, w)
    for first in (B00, B10, B20, I0):
        add_modes(first, n_points, n, w)
    schur_complement(n_points, w)


@compiled
def solve_factored(n_points, n, source, r, out, w):
    """(1 - tau A) u = r + tau source g with what `factor_stage` left in `w`: modes, asymmetries, modes again.

    g is the inhomogeneous part, -2 f_eq' in s_0; `source` is 1 for the solution and 0 for a derivative of it.
    `r` and `out` are flat arrays of X_e, X_mu, X_tau of all points, s_0 ... s_3, d_0 ... d_3 of all modes or points.
    """
    r_modes, out_modes = r[3 * n_points :], out[3 * n_points :]
    for i in range(8):
        for k in range(n):
            w[RS0 + i * STRIDE + k] = r_modes[i * n + k]
    for k in range(n):
        w[RS0 + k] -= 2 * w[TAU + k] * source * w[SLOPE + k]
    for i in range(12):
        for k in range(n):
            w[PE0 + i * STRIDE + k] = 0.0
    solve_modes(n, w)
    flow_products(n, w)
    add_modes(X0, n_points, n, w)
    for a in range(3):
        for k in range(n_points):
            w[X0 + a * STRIDE + k] = r[a * n_points + k] - 2 * w[TAU + k] * w[X0 + a * STRIDE + k]
    solve_3x3(n_points, w)
    set_pull(n_points, n, w)
    solve_modes(n, w)
    for a in range(3):
        for k in range(n_points):
            out[a * n_points + k] = w[X0 + a * STRIDE + k]
    for i in range(8):
        for k in range(n):
            out_modes[i * n + k] = w[S0 + i * STRIDE + k]
