"""Resonant production of keV sterile neutrinos: rates averaged over bins, and steps that follow the asymmetries.

Helicity - (index 0) mixes with neutrinos, helicity + (index 1) with antineutrinos of flavour a (Shi and Fuller,
astro-ph/9810076; Abazajian, Fuller and Patel, astro-ph/0101524; Venumadhav et al., arXiv:1507.06655):

    df_-+/dt = sum_a R_a^-+ [n_F(k -+ mu_a) - f_-+],     dY_a/dt = -(1/s) int_k {R_a^- [n_F(k - mu_a) - f_-] - (+)},
    R_a^-+ = (Gamma_a/4) S_a D^2/(w^2 + x^2),    w^2 = S_a D^2 + Gamma_a^2/4,    x = D (1 - S_a)^(1/2) - V_T,a -+ V_a,

D = m_4^2/(2 k), S_a = sin^2 2theta_a; V_T,a < 0 is the potential of a bath without asymmetries, V_a and mu_a are linear
in the asymmetries Y_b.  Sterile neutrinos of several flavours add up: R = sum_a R_a.

Near 0.2 GeV a resonance, x = 0, is 1e-3 wide in ln k, and ever narrower below: no grid resolves it.  What a rate at the
centre of a bin does instead is to convert the whole bin at once; this depletes the asymmetry, the resonance moves on,
and the bin is left half full, however narrow bins of this kind are.  So 1/(w^2 + x^2) is averaged over the bin, in
closed form, with x to second order in u = ln(k/k_i): its slope vanishes where the two resonances of a flavour merge.

A step is an exponential one: with constant rates, f and its integral over time are known, and so is what each flavour
has lost, so that lepton number is conserved to rounding.  Rates are those at the start, then the mean of the start and
the predicted end: of second order, and the difference is the error that sets the steps.
"""

import math
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled

FAR = 6.0
"""Where |x| in a bin is above this many times its changes and w, a Taylor series of second order does: 1e-3."""

NEAR, LARGEST_JUMP = 3.0, 1.0
"""Without averages, x/w of a bin that is at a resonance, and what it may change by in a step."""

SHORTEST = 1e-9
"""Of a node's interval: a step that is to be shorter than this has failed."""


class Tables(NamedTuple):
    """The bath on nodes equidistant in ln T, falling; bins on a comoving grid equidistant in ln k.

    Attributes
    ----------
    temperature, clock : (n_T,) arrays [GeV]
        Of the neutrinos; -dln T/dt of the photons.
    spacing : float
        Of ln T.
    half_width : float
        Of a bin, in ln k.
    x : (n_T, n_q) array
        k/T of the bins' centres.
    width, shift : (n_T, n_q, 3) arrays [GeV^-4]
        Gamma_a/T^5 and |V_T,a|/T^5.
    potential : (n_T, 3, 3) array [GeV^-2]
        V_a/(T^3 Y_b).
    chemical : (n_T, 3, 3) array
        mu_a/(T Y_b).
    weights : (n_q,) array
        n/s of one helicity is weights @ f.
    """

    temperature: np.ndarray
    clock: np.ndarray
    spacing: float
    half_width: float
    x: np.ndarray
    width: np.ndarray
    shift: np.ndarray
    potential: np.ndarray
    chemical: np.ndarray
    weights: np.ndarray


class Mixing(NamedTuple):
    """The sterile neutrino: mass [GeV], flavours that it mixes with (n,), sin^2 2theta of these, and sampling."""

    m_4: float
    flavours: np.ndarray
    sin2: np.ndarray
    is_averaged: bool


class Rates(NamedTuple):
    """R_a and R_a n_F(k -+ mu_a) per unit of ln T: (n_q, 2, n) arrays, helicities - and +, flavours of `Mixing`.

    `detuning`, of the same shape, is x/w at the centres of the bins; `potential` (n,) [GeV] is V_a.
    """

    rate: np.ndarray
    gain: np.ndarray
    detuning: np.ndarray
    potential: np.ndarray


@compiled
def averaged_resonance(a, b, c, w, h):
    """Mean of 1/(w^2 + x^2), x = a + b u + c u^2, over u = -h ... h; w and c above zero.

    From 1/(w^2 + x^2) = Im[1/(x - i w)]/w and the two roots of x = i w, d = (b^2 - 4 c (a - i w))^(1/2) apart in units
    of c; both sides of a root's logarithm are within half a turn of each other, so that its main branch is right.
    """
    spread = abs(b) * h + c * h * h
    at_centre = 1.0 / (w * w + a * a)
    if abs(a) > FAR * (spread + w) or spread < 1e-3 * w:
        curvature = (2.0 * a * b * at_centre) ** 2 - (b * b + 2.0 * a * c) * at_centre
        return at_centre * (1.0 + h * h / 3.0 * curvature)
    d = np.sqrt(complex(b * b - 4.0 * c * a, 4.0 * c * w))
    if b < 0.0:
        d = -d
    first, second = -(b + d) / (2.0 * c), -2.0 * complex(a, -w) / (b + d)
    logs = np.log((second - h) / (second + h)) - np.log((first - h) / (first + h))
    return (logs / d).imag / (2.0 * h * w)


@compiled
def _between(values, j, s):
    return (1.0 - s) * values[j] + s * values[j + 1]


@compiled
def set_rates(tables, mixing, j, s, step, y, before, rates):
    """Rates between the nodes j and j + 1, a part s behind j, for asymmetries y (3,).

    A bin that is narrower than what the faster resonance, k/T ~ 1/(V_a T), sweeps in a step is averaged over this, as
    it is in time; `before` (n,) is V_a a `step` of ln T before.
    """
    t = tables.temperature[j] ** (1.0 - s) * tables.temperature[j + 1] ** s
    t5, clock = t**5, _between(tables.clock, j, s)
    n = mixing.flavours.size
    shift, half, more, less = rates.potential, np.zeros(n), np.empty(n), np.empty(n)
    shift[:] = 0.0
    for m in range(n):
        a, mu = mixing.flavours[m], 0.0
        for b in range(3):
            shift[m] += y[b] * t**3 * ((1.0 - s) * tables.potential[j, a, b] + s * tables.potential[j + 1, a, b])
            mu += y[b] * ((1.0 - s) * tables.chemical[j, a, b] + s * tables.chemical[j + 1, a, b])
        more[m], less[m] = math.exp(mu), math.exp(-mu)
        if mixing.is_averaged:
            largest = max(abs(shift[m]), abs(before[m]))
            change = abs(shift[m] - before[m]) / largest if largest > 0.0 else 0.0
            half[m] = max(tables.half_width, 0.5 * (change + step))
    for i in range(tables.weights.size):
        momentum = (1.0 - s) * tables.x[j, i] + s * tables.x[j + 1, i]
        delta, boltzmann = mixing.m_4**2 / (2.0 * momentum * t), math.exp(-momentum)
        for m in range(n):
            a, sin2 = mixing.flavours[m], mixing.sin2[m]
            gamma = t5 * ((1.0 - s) * tables.width[j, i, a] + s * tables.width[j + 1, i, a])
            v = t5 * ((1.0 - s) * tables.shift[j, i, a] + s * tables.shift[j + 1, i, a])
            mixed, split = sin2 * delta * delta, delta * math.sqrt(1.0 - sin2)
            strength, w = gamma / 4.0 * mixed / clock, math.sqrt(mixed + gamma * gamma / 4.0)
            slope, curvature = v - split, (v + split) / 2.0
            for helicity in range(2):
                offset, active = (-shift[m], more[m]) if helicity == 0 else (shift[m], less[m])
                x = v + split + offset
                rate = strength * averaged_resonance(x, slope, curvature, w, half[m])
                rates.rate[i, helicity, m], rates.gain[i, helicity, m] = rate, rate * _occupation(boltzmann * active)
                rates.detuning[i, helicity, m] = x / w


@compiled
def _occupation(boltzmann):
    return boltzmann / (1.0 + boltzmann)


@compiled
def _second_phi(z):
    """(z - 1 + e^-z)/z^2 for z >= 0."""
    if z < 0.02:
        return 0.5 - z * (1.0 / 6.0 - z * (1.0 / 24.0 - z * (1.0 / 120.0 - z / 720.0)))
    return (z + math.expm1(-z)) / (z * z)


@compiled
def relax(mixing, weights, rates, step, f, new, y, y_new):
    """Occupations (n_q, 2) and asymmetries (3,) after a step of ln T with constant rates."""
    n = mixing.flavours.size
    made = np.empty((2, n))
    y_new[:] = y
    for i in range(weights.size):
        for helicity in range(2):
            rate, gain = 0.0, 0.0
            for m in range(n):
                rate += rates.rate[i, helicity, m]
                gain += rates.gain[i, helicity, m]
            before = f[i, helicity]
            integral = step * (before + (gain - rate * before) * step * _second_phi(rate * step))  # of f over ln T
            new[i, helicity] = before
            for m in range(n):
                made[helicity, m] = rates.gain[i, helicity, m] * step - rates.rate[i, helicity, m] * integral
                new[i, helicity] += made[helicity, m]
        for m in range(n):
            y_new[mixing.flavours[m]] -= weights[i] * (made[0, m] - made[1, m])


@compiled
def _mean(first, second, out):
    for i in range(out.rate.shape[0]):
        for helicity in range(2):
            for m in range(out.rate.shape[2]):
                out.rate[i, helicity, m] = 0.5 * (first.rate[i, helicity, m] + second.rate[i, helicity, m])
                out.gain[i, helicity, m] = 0.5 * (first.gain[i, helicity, m] + second.gain[i, helicity, m])


@compiled
def _largest_jump(start, end):
    """Largest change of x/w in a step, of the bins at whose centres there is a resonance in it."""
    largest = 0.0
    for i in range(start.detuning.shape[0]):
        for helicity in range(2):
            for m in range(start.detuning.shape[2]):
                before, after = start.detuning[i, helicity, m], end.detuning[i, helicity, m]
                if before * after < 0.0 or min(abs(before), abs(after)) < NEAR:
                    largest = max(largest, abs(after - before))
    return largest


@compiled
def _new_rates(n_q, n):
    return Rates(np.zeros((n_q, 2, n)), np.zeros((n_q, 2, n)), np.zeros((n_q, 2, n)), np.zeros(n))


@compiled
def evolve(tables, mixing, tolerance, most_attempts, f, history):
    """From node to node, with as many steps between two as the error asks for.

    Parameters
    ----------
    tolerance : float
        Of the predicted asymmetries against the corrected ones, in units of the largest.
    f : (n_q, 2) array
        Occupations, updated.
    history : (n_T, 5) array
        Y_e, Y_mu, Y_tau, given in its first row, and n/s of helicities - and +, at each node.

    Returns
    -------
    (int, int, bool)
        Steps, rejected ones, and whether the last node is reached; not within `most_attempts`, or with `SHORTEST`.
    """
    n_q, n = tables.weights.size, mixing.flavours.size
    start, end, mean = _new_rates(n_q, n), _new_rates(n_q, n), _new_rates(n_q, n)
    y, predicted, corrected, new = history[0, :3].copy(), np.empty(3), np.empty(3), np.empty_like(f)
    least = 1e-3 * np.max(np.abs(y))
    steps, rejected, wanted = 0, 0, 1.0
    set_rates(tables, mixing, 0, 0.0, 0.0, y, start.potential, start)
    for j in range(tables.temperature.size - 1):
        s = 0.0
        while s < 1.0:
            part = (1.0 - s) / math.ceil((1.0 - s) / wanted)
            if steps + rejected >= most_attempts or part < SHORTEST:
                return steps, rejected, False
            step, s_end = part * tables.spacing, s + part if part < 1.0 - s else 1.0
            relax(mixing, tables.weights, start, step, f, new, y, predicted)
            set_rates(tables, mixing, j, s_end, step, predicted, start.potential, end)
            _mean(start, end, mean)
            relax(mixing, tables.weights, mean, step, f, new, y, corrected)
            scale = max(np.max(np.abs(corrected)), least)
            error = np.max(np.abs(corrected - predicted)) / (tolerance * scale) if scale > 0.0 else 0.0
            if not mixing.is_averaged:
                error = max(error, (_largest_jump(start, end) / LARGEST_JUMP) ** 2)
            wanted = part * min(2.0, max(0.3, 0.9 / math.sqrt(error + 1e-3)))
            if error > 1.0:
                rejected += 1
                continue
            steps, s = steps + 1, s_end
            y[:], f[:] = corrected, new
            if not mixing.is_averaged:
                set_rates(tables, mixing, j, s_end, step, y, start.potential, end)
            start, end = end, start
        history[j + 1, :3] = y
        for helicity in range(2):
            history[j + 1, 3 + helicity] = np.sum(tables.weights * f[:, helicity])
    return steps, rejected, True
