"""Coefficients of the equations of the lepton asymmetries at one z, from the polynomials of a table.

What they are is in `equations`, the table in `hpc_nu.seesaw.rate_table`.
"""

from hpc_nu.compiled import compiled
from hpc_nu.seesaw.rate_table import (
    F_EQ_SLOPE,
    H_C,
    H_V,
    LN_GAMMA_C,
    LN_GAMMA_V,
    MASS_OVER_E,
    SIGMA_RATIO_C,
    SIGMA_RATIO_V,
)

# Rows of the coefficient array at one z, in the order of the table's channels: gamma_+-, h_+-, sigma_+- of the first
# flavour (the others follow), M/E, f_eq'.
GC, GV, HC, HV, SC, SV = LN_GAMMA_C, LN_GAMMA_V, H_C, H_V, SIGMA_RATIO_C, SIGMA_RATIO_V
ME, FS = MASS_OVER_E, F_EQ_SLOPE


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
        Filled with rows GC ... FS of n_modes numbers, each `stride` after the one before.
    """
    here, n = cells[cell], cells.shape[3]
    for a in range(3):
        plus, minus = out[(GC + a) * stride :][:n], out[(GV + a) * stride :][:n]
        interpolate_rates(here[GC + a], t, factors[0], plus)
        interpolate_rates(here[GV + a], t, factors[1], minus)
        interpolate(here[HC + a], t, factors[2], out[(HC + a) * stride :][:n])
        interpolate(here[HV + a], t, factors[3], out[(HV + a) * stride :][:n])
        sigma_plus, sigma_minus = out[(SC + a) * stride :][:n], out[(SV + a) * stride :][:n]
        interpolate(here[SC + a], t, 1.0, sigma_plus)
        interpolate(here[SV + a], t, 1.0, sigma_minus)
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
