"""Stiff time stepping: singly diagonally implicit Runge-Kutta methods with an explicit first stage (ESDIRK).

    U_i = r_i + tau f(z_i, U_i),   r_i = u_n + h sum_{j<i} a_ij k_j,   tau = h gamma,   k_i = (U_i - r_i)/tau

All methods here are L-stable and stiffly accurate (u_{n+1} is the last stage, its k the first k of the next step), so
one step costs `n_stages - 1` implicit stages and no evaluation of the right-hand side.  The loop that puts these pieces
together is in `hpc_nu.solver.stepping`.

The state between two steps is `clock`, u and k[0] alone, so a solve can be stopped after any step and continued bit
for bit.  Tableaux: Kennedy and Carpenter, Appl. Numer. Math. 44 (2003) 139 (NASA/TM-2001-211038), the implicit parts of
additive methods.  (ESDIRK4(3)6L[2]SA and ESDIRK5(4)8L[2]SA of their NASA/TM-2016-219173 are others.)
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled

# Slots of `clock`: position, next step, last error, steps accepted and rejected, and whether the last try failed.
Z, STEP, LAST_ERROR, ACCEPTED, REJECTED, JUST_REJECTED, CLOCK_SIZE = range(7)

# What end_step says.
STEP_REJECTED, STEP_ACCEPTED, STEP_UNDERFLOW = 0, 1, 2

SMALLEST_STEP = 1e-40
"""At z = 0, where rounding sets no limit."""

# No fastmath anywhere: with reassociation or contraction a kernel that was compiled in this process and the same one
# loaded from numba's cache differ in the last bits, so that results depend on who compiled (gain: 15 %).


class Tableau(NamedTuple):
    """Coefficients of one method.

    Attributes
    ----------
    order : int
        Order of the solution; the embedded one has order - 1.
    a : (s, s) array
        Lower triangular, a[0] = 0, a[i, i] = gamma for i > 0; the last row is b.
    c : (s,) array
        Abscissae, the row sums of a.
    error_weights : (s,) array
        b - b_embedded.
    """

    order: int
    a: np.ndarray
    c: np.ndarray
    error_weights: np.ndarray


def _tableau(order, gamma, lower_rows, embedded):
    s = len(embedded)
    a = np.zeros((s, s))
    for i, row in enumerate(lower_rows, start=1):
        a[i, : len(row)] = [float(Fraction(x)) for x in row]
        a[i, i] = float(Fraction(gamma))
    b_embedded = np.array([float(Fraction(x)) for x in embedded])
    return Tableau(order, a, a.sum(axis=1), a[-1] - b_embedded)


TABLEAUX = {
    # ARK4(3)6L[2]SA-ESDIRK
    "esdirk43": _tableau(
        4,
        "1/4",
        [
            ["1/4"],
            ["8611/62500", "-1743/31250"],
            ["5012029/34652500", "-654441/2922500", "174375/388108"],
            ["15267082809/155376265600", "-71443401/120774400", "730878875/902184768", "2285395/8070912"],
            ["82889/524892", "0", "15625/83664", "69875/102672", "-2260/8211"],
        ],
        [
            "4586570599/29645900160",
            "0",
            "178811875/945068544",
            "814220225/1159782912",
            "-3700637/11593932",
            "61727/225920",
        ],
    ),
    # ARK5(4)8L[2]SA-ESDIRK
    "esdirk54": _tableau(
        5,
        "41/200",
        [
            ["41/200"],
            ["41/400", "-567603406766/11931857230679"],
            ["683785636431/9252920307686", "0", "-110385047103/1367015193373"],
            [
                "3016520224154/10081342136671",
                "0",
                "30586259806659/12414158314087",
                "-22760509404356/11113319521817",
            ],
            [
                "218866479029/1489978393911",
                "0",
                "638256894668/5436446318841",
                "-1179710474555/5321154724896",
                "-60928119172/8023461067671",
            ],
            [
                "1020004230633/5715676835656",
                "0",
                "25762820946817/25263940353407",
                "-2161375909145/9755907335909",
                "-211217309593/5846859502534",
                "-4269925059573/7827059040749",
            ],
            [
                "-872700587467/9133579230613",
                "0",
                "0",
                "22348218063261/9555858737531",
                "-1143369518992/8141816002931",
                "-39379526789629/19018526304540",
                "32727382324388/42900044865799",
            ],
        ],
        [
            "-975461918565/9796059967033",
            "0",
            "0",
            "78070527104295/32432590147079",
            "-548382580838/3424219808633",
            "-33438840321285/15594753105479",
            "3629800801594/4656183773603",
            "4035322873751/18575991585200",
        ],
    ),
}


def new_clock(z, first_step):
    """The clock of a solve that starts at `z`."""
    clock = np.zeros(CLOCK_SIZE)
    clock[Z], clock[STEP], clock[LAST_ERROR] = z, first_step, 1.0
    return clock


@compiled
def begin_step(clock, z_stop):
    """Length of the step to attempt: the proposed one, cut so that it ends exactly at `z_stop`."""
    left = z_stop - clock[Z]
    h = clock[STEP]
    if h >= left:
        return left
    if h > 0.5 * left:  # two even steps rather than a long one and a sliver
        return 0.5 * left
    return h


@compiled
def stage_residual(a, i, h, u, k, out):
    """out = u + h sum_{j<i} a_ij k_j."""
    for n in range(u.size):
        out[n] = u[n]
    for j in range(i):
        c = h * a[i, j]
        if c != 0.0:
            for n in range(u.size):
                out[n] += c * k[j, n]


@compiled
def stage_derivative(solution, residual, tau, out):
    """out = (U - r)/tau: the derivative at the stage, without the amplification of a stiff right-hand side."""
    factor = 1.0 / tau
    for n in range(solution.size):
        out[n] = (solution[n] - residual[n]) * factor


@compiled
def error_estimate(error_weights, h, k, out):
    """out = h sum_i (b_i - b_embedded_i) k_i."""
    for n in range(out.size):
        out[n] = 0.0
    for i in range(error_weights.size):
        c = h * error_weights[i]
        for n in range(out.size):
            out[n] += c * k[i, n]


@compiled
def end_step(clock, h, z_stop, error, order, max_step):
    """Accept or reject the attempted step, and propose the next one.

    Parameters
    ----------
    error : float
        Norm of the error estimate in units of the tolerance: accepted if at most 1.  Not a number counts as infinite.
    order : int
        Order of the method, for the PI controller.

    Returns
    -------
    int
        STEP_ACCEPTED, STEP_REJECTED or STEP_UNDERFLOW.
    """
    if not error <= 1.0:  # so written that nan is rejected too
        clock[REJECTED] += 1
        clock[JUST_REJECTED] = 1.0
        shrink = 0.9 * error ** (-1.0 / order) if np.isfinite(error) else 0.1
        clock[STEP] = h * max(shrink, 0.1)
        if clock[Z] + 1e-2 * clock[STEP] == clock[Z] or clock[STEP] < SMALLEST_STEP:
            return STEP_UNDERFLOW
        return STEP_REJECTED
    error = max(error, 1e-4)
    growth = 0.9 * error ** (-0.7 / order) * clock[LAST_ERROR] ** (0.4 / order)
    growth = min(max(growth, 0.2), 1.0 if clock[JUST_REJECTED] else 4.0)
    proposed = min(h * growth, max_step)
    if h < clock[STEP]:  # a step that was cut for a stop says nothing against the longer one proposed before
        clock[STEP] = max(proposed, min(clock[STEP], max_step))
    else:
        clock[STEP], clock[LAST_ERROR] = proposed, error
    clock[JUST_REJECTED] = 0.0
    clock[ACCEPTED] += 1
    clock[Z] = z_stop if h == z_stop - clock[Z] else clock[Z] + h
    return STEP_ACCEPTED
