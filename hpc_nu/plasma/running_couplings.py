"""Couplings of the Standard Model at the scale of a hot plasma, MS-bar, with one-loop running.

Values at mu_0 = 173.34 GeV are those of Buttazzo et al., arXiv:1307.3536 (two-loop matching of the measured masses),
with V = lambda |phi|^4.  With t = ln mu, the derivatives times 16 pi^2 are the textbook ones of one loop,

    g1' = 41/6 g1^3,   g2' = -19/6 g2^3,   g3' = -7 g3^3,
    y'  = y (9/2 y^2 - 8 g3^2 - 9/4 g2^2 - 17/12 g1^2),
    lambda' = 24 lambda^2 + 12 lambda y^2 - 6 y^4 - 3 lambda (3 g2^2 + g1^2) + 3/8 [2 g2^4 + (g1^2 + g2^2)^2],

and those of the squares of the couplings are integrated, the gauge ones in closed form.  A tree-level y_t = sqrt2 m_t/V
would be 25 % too large in y^2 at the temperature of the crossover.

Not covered: two-loop running, the difference between mu and the scales of dimensional reduction.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

REFERENCE_SCALE = 173.34
"""mu_0 [GeV]."""
REFERENCE_COUPLINGS = (0.35830, 0.64779, 1.1666, 0.93690, 0.12604)
"""g1, g2, g3, y_t and lambda there."""

_LONGEST_STEP = 0.1  # of ln mu, in Runge-Kutta steps of fourth order: 1e-8
_GAUGE_BETA = (41 / 6, -19 / 6, -7.0)


class Couplings(NamedTuple):
    """g1^2, g2^2, y_t^2 and lambda at one scale."""

    g1_squared: float
    g2_squared: float
    top_squared: float
    quartic: float


@lru_cache(maxsize=1024)
def running_couplings(scale):
    """`Couplings` at mu = `scale` [GeV]."""
    length = math.log(scale / REFERENCE_SCALE)
    n_steps = max(1, math.ceil(abs(length) / _LONGEST_STEP))
    step = length / n_steps
    state = np.array([REFERENCE_COUPLINGS[3] ** 2, REFERENCE_COUPLINGS[4]])
    for i in range(n_steps):
        t = i * step
        k1 = _slope(t, state)
        k2 = _slope(t + step / 2, state + step / 2 * k1)
        k3 = _slope(t + step / 2, state + step / 2 * k2)
        k4 = _slope(t + step, state + step * k3)
        state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    g1, g2, _ = _gauge(length)
    return Couplings(g1, g2, float(state[0]), float(state[1]))


def _gauge(t):
    """g1^2, g2^2, g3^2 at t = ln mu/mu_0."""
    return tuple(
        g**2 / (1 - beta * g**2 * t / (8 * math.pi**2))
        for g, beta in zip(REFERENCE_COUPLINGS[:3], _GAUGE_BETA, strict=True)
    )


def _slope(t, state):
    """Derivatives of y^2 and lambda with respect to t."""
    y, quartic = state
    g1, g2, g3 = _gauge(t)
    yukawa = 2 * y * (9 / 2 * y - 8 * g3 - 9 / 4 * g2 - 17 / 12 * g1)
    gauge = 3 / 8 * (2 * g2**2 + (g1 + g2) ** 2)
    higgs = 24 * quartic**2 + 12 * quartic * y - 6 * y**2 - 3 * quartic * (3 * g2 + g1) + gauge
    return np.array([yukawa, higgs]) / (16 * math.pi**2)
