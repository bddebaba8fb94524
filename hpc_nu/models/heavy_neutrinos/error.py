"""The error of a step of the lepton asymmetries, in units of its tolerance."""

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.models.heavy_neutrinos.coefficients import HC, HV, ME
from hpc_nu.models.heavy_neutrinos.stage import (
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

# Absolute tolerances in units of rtol.  d is 1e-3 ... 1e-5 of s and X smaller still: with one tolerance for all, the
# asymmetries are garbage at a "converged" one.
ATOL_X, ATOL_D, ATOL_S = 1e-9, 1e-7, 1e-3

REMAINDER = 1e-3
"""The sum of the asymmetries keeps its relative accuracy down to this part of the largest of them."""

DRIFT = 3.0
"""|d ln rate/dz| where nothing happens: rates go like powers of T."""

TINY = 1e-300


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
                even = factors[2] * c[HC + a, k] + factors[3] * c[HV + a, k]
                odd = factors[2] * c[HC + a, k] - factors[3] * c[HV + a, k]
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
