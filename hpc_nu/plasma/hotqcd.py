"""Pressure and entropy of quarks and gluons: HotQCD, Bazavov et al., arXiv:1407.6387, eq. (16) and table II.

The fit is of 2 + 1 quarks (u, d, s) on the lattice, 130 MeV to 400 MeV; far above it tends to free ones.
"""

import numpy as np

CROSSOVER = 0.154
"""T_c [GeV]; the variable of the fit is t = T/T_c."""

FREE_PRESSURE = 95 * np.pi**2 / 180
"""p/T^4 of free quarks u, d, s and gluons."""

_RATE, _CENTRE = 3.8706, 0.9761  # c_t and t_0 of table II

# Coefficients of 1, 1/t, 1/t^2 and 1/t^4.
_TOP, _BOTTOM = (FREE_PRESSURE, -8.7704, 3.9200, 0.3419), (1.0, -1.2600, 0.8425, -0.0475)


def _series(c, t):
    return c[0] + c[1] / t + c[2] / t**2 + c[3] / t**4


def _slope(c, t):
    """t times the derivative of `_series`."""
    return -(c[1] / t + 2 * c[2] / t**2 + 4 * c[3] / t**4)


def pressure_over_t4(t):
    """p/T^4 at t = T/T_c; meaningless near t = 0.29, where the fit has a pole."""
    return 0.5 * (1 + np.tanh(_RATE * (t - _CENTRE))) * _series(_TOP, t) / _series(_BOTTOM, t)


def entropy_over_t3(t):
    """s/T^3 = 4 q + t dq/dt at t = T/T_c, with q = p/T^4."""
    step = np.tanh(_RATE * (t - _CENTRE))
    log_slope = _RATE * t * (1 - step) + _slope(_TOP, t) / _series(_TOP, t) - _slope(_BOTTOM, t) / _series(_BOTTOM, t)
    return pressure_over_t4(t) * (4 + log_slope)
