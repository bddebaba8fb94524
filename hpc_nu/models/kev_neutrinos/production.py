"""Production of sterile neutrinos by oscillations without back-reaction: the integral over time, mode by mode.

    df_s/dln z = Gamma/(4 H) D^2 s^2/[D^2 s^2 + Gamma^2/4 + (D c - V)^2] f_FD,

D = m_4^2/(2 E), s = sin 2 theta, c = cos 2 theta: eqs. (2.5) and (2.8) of arXiv:2005.03681, (3) and (4) of
arXiv:1910.04901.  The right-hand side does not depend on f_s, so it is a sum over uniform steps in ln z.  Trapezoidal
sums converge faster than any power for a smooth bump; where D c - V crosses zero the bump may be narrower than a step,
and there parts of the step are integrated in closed form, with D c - V and the numerator linear in each.
"""

import math

import numpy as np

from hpc_nu.compiled import compiled

RESOLVED = 0.3
"""A step over which D c - V changes by less than this part of the resonance's width is left to the trapezoidal rule."""

PARTS = 8
"""In which the others are divided."""


def factors(energy, gamma, shift, clock, fermi, m_4, sin2):
    """Numerator, D c - V and squared width of the right-hand side, with which it is numerator/(width2 + u^2).

    Energies in GeV; `clock` [GeV] is dln z/dt.  Numbers in compiled code, arrays elsewhere; `m_4`, `sin2` are numbers.
    """
    delta = m_4 * m_4 / (2.0 * energy)
    mixed = delta * delta * sin2
    u = delta * math.sqrt(1.0 - sin2) - shift
    return gamma / (4.0 * clock) * mixed * fermi, u, mixed + gamma * gamma / 4.0


_factors = compiled(factors)


@compiled(inline="always")
def _linear_step(a_0, a_1, u_0, u_1, w2_0, w2_1):
    """int_0^1 a/(w^2 + u^2) ds with a and u linear in s, and w^2 that at the point nearest to u = 0."""
    du = u_1 - u_0
    w2 = w2_0 + (w2_1 - w2_0) * min(max(-u_0 / du, 0.0), 1.0)
    w = math.sqrt(w2)
    slope = (a_1 - a_0) / du
    angle = (math.atan(u_1 / w) - math.atan(u_0 / w)) / w
    return ((a_0 - slope * u_0) * angle + slope / 2.0 * math.log((w2 + u_1 * u_1) / (w2 + u_0 * u_0))) / du


@compiled
def _resonant_step(a, u, w2, j):
    """int a/(w^2 + u^2) from node j - 1 to node j, in units of the step: `PARTS` linear steps on cubic interpolants."""
    first = min(max(j - 2, 0), a.size - 4)
    if np.min(a[first : first + 4]) <= 0.0:  # momenta at which there is nobody
        return 0.0
    total, before_a, before_u, before_w2 = 0.0, a[j - 1], u[j - 1], w2[j - 1]
    for k in range(1, PARTS + 1):
        s = j - 1 - first + k / PARTS  # Lagrange polynomials on the nodes 0 ... 3
        weights = (
            -(s - 1.0) * (s - 2.0) * (s - 3.0) / 6.0,
            s * (s - 2.0) * (s - 3.0) / 2.0,
            -s * (s - 1.0) * (s - 3.0) / 2.0,
            s * (s - 1.0) * (s - 2.0) / 6.0,
        )
        ln_a, at_u, ln_w2 = 0.0, 0.0, 0.0
        for n in range(4):
            ln_a += weights[n] * math.log(a[first + n])
            at_u += weights[n] * u[first + n]
            ln_w2 += weights[n] * math.log(w2[first + n])
        at_a, at_w2 = math.exp(ln_a), math.exp(ln_w2)
        if at_u != before_u:
            total += _linear_step(before_a, at_a, before_u, at_u, before_w2, at_w2) / PARTS
        else:
            total += before_a / (before_w2 + at_u * at_u) / PARTS
        before_a, before_u, before_w2 = at_a, at_u, at_w2
    return total


@compiled
def accumulate(bath, mediator, coupling, m_4, sin2, step, f):
    """f_s after each step, for a mediator and a coupling.

    Parameters
    ----------
    bath : hpc_nu.models.kev_neutrinos.bath.Bath
    mediator : hpc_nu.interactions.active_neutrino_rates.MediatorRates
    step : float
        Of ln z between neighbouring temperatures.
    f : (n_q, n_T) array
        Output.
    """
    g2, clock = coupling * coupling, bath.clock
    a, u, w2 = np.empty(clock.size), np.empty(clock.size), np.empty(clock.size)
    for i in range(bath.energy.shape[0]):
        for j in range(clock.size):
            # Below zero where g is far too large for powers of it.
            new = g2 * (mediator.on_shell[i, j] + g2 * mediator.off_shell[i, j])
            gamma = bath.rate[i, j] + max(new, 0.0)
            shift = bath.shift[i, j] + g2 * mediator.potential[i, j]
            a[j], u[j], w2[j] = _factors(bath.energy[i, j], gamma, shift, clock[j], bath.fermi[i, j], m_4, sin2)
        f[i, 0] = 0.0
        for j in range(1, clock.size):
            du = u[j] - u[j - 1]
            closest = 0.0 if u[j] * u[j - 1] < 0.0 else min(u[j] ** 2, u[j - 1] ** 2)
            if du * du > RESOLVED**2 * (min(w2[j], w2[j - 1]) + closest):
                part = _resonant_step(a, u, w2, j)
            else:
                part = 0.5 * (a[j - 1] / (w2[j - 1] + u[j - 1] ** 2) + a[j] / (w2[j] + u[j] ** 2))
            f[i, j] = f[i, j - 1] + step * part


def production_rate(energy, clock, fermi, gamma, shift, m_4, sin2):
    """df_s/dln z and sin^2 2 theta_eff/sin^2 2 theta at given energies and temperatures: arrays, no loop over time."""
    numerator, u, width2 = factors(energy, gamma, shift, clock, fermi, m_4, sin2)
    return numerator / (width2 + u**2), (m_4**2 / (2 * energy)) ** 2 / (width2 + u**2)
