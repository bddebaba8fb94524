"""Resonant production of keV sterile neutrinos: rates averaged over bins and steps, and what they make in a step.

Helicity - (index 0) mixes with neutrinos, helicity + (index 1) with antineutrinos of flavour a (Shi and Fuller,
astro-ph/9810076; Abazajian, Fuller and Patel, astro-ph/0101524; Venumadhav et al., arXiv:1507.06655):

    df_-+/dt = sum_a R_a^-+ [n_F(k -+ mu_a) - f_-+],     dY_a/dt = -(1/s) int_k {R_a^- [n_F(k - mu_a) - f_-] - (+)},
    R_a^-+ = (Gamma_a/4) S_a D^2/(w^2 + x^2),    w^2 = S_a D^2 + Gamma_a^2/4,    x = D (1 - S_a)^(1/2) - V_T,a -+ V_a,

D = m_4^2/(2 k), S_a = sin^2 2theta_a; V_T,a < 0 is the potential of a bath without asymmetries, V_a and mu_a are linear
in the asymmetries Y_b.  Sterile neutrinos of several flavours add up: R = sum_a R_a.

Near 0.2 GeV a resonance, x = 0, is 1e-3 wide in ln k, and ever narrower below: no grid resolves it.  What a rate at the
centre of a bin does instead is to convert the whole bin at once; this depletes the asymmetry, the resonance moves on,
and the bin is left half full, however narrow bins of this kind are.  Nor is it resolved in time, without feedback.  So
1/(w^2 + x^2) is averaged over the bin and over the step, in closed form, with x linear in time and to second order in
u = ln(k/k_i): its slope vanishes where the two resonances of a flavour merge.

Steps are those of `hpc_nu.solver.exponential`.  With constant rates, f and its integral over time are known, and so is
what each flavour has lost, so that lepton number is conserved to rounding.
"""

import math
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.solver.exponential import relaxing

FAR = 6.0
"""Where |x| is above this many times its changes in a bin and a step, and w, a Taylor series of second order does:
1e-3."""


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


class Moment(NamedTuple):
    """The bath at one time, for the n flavours of a `Mixing`.

    Attributes
    ----------
    clock : (1,) array [GeV]
    split : (n_q,) array [GeV]
        D.
    boltzmann : (n_q,) array
        e^(-k/T).
    width, shift : (n_q, n) arrays [GeV]
        Gamma_a and |V_T,a|.
    potential : (n, 3) array [GeV]
        V_a/Y_b.
    chemical : (n, 3) array
        mu_a/(T Y_b).
    """

    clock: np.ndarray
    split: np.ndarray
    boltzmann: np.ndarray
    width: np.ndarray
    shift: np.ndarray
    potential: np.ndarray
    chemical: np.ndarray


class Rates(NamedTuple):
    """R_a and R_a n_F(k -+ mu_a) per unit of ln T: (n_q, 2, n) arrays, helicities - and +, flavours of `Mixing`."""

    rate: np.ndarray
    gain: np.ndarray


@compiled
def averaged_resonance(first, last, b, c, w, h):
    """Mean of 1/(w^2 + x^2), x = a + b u + c u^2, over a = first ... last and u = -h ... h; w and c above zero.

    int da 1/(w^2 + x^2) = atan(x/w)/w, and atan(x/w) is pi/2 - Im ln(x + i w); at one time, 1/(w^2 + x^2) = Im[1/(x -
    i w)]/w.  Either is integrated over u with the two roots of x + i w = 0.
    """
    a, sweep = 0.5 * (first + last), 0.5 * abs(last - first)
    across = abs(b) * h + c * h * h
    if abs(a) > FAR * (across + sweep + w) or across + sweep < 1e-3 * w:
        g = 1.0 / (w * w + a * a)
        of_bin = h * h * ((2.0 * a * b * g) ** 2 - (b * b + 2.0 * a * c) * g)
        return g * (1.0 + (of_bin + sweep * sweep * ((2.0 * a * g) ** 2 - g)) / 3.0)
    if sweep < 1e-3 * (across + w):
        return _over_bin(a, b, c, w, h)
    if across < 1e-3 * (sweep + w):
        return (math.atan((a + sweep) / w) - math.atan((a - sweep) / w)) / (2.0 * sweep * w)
    return (_angle(a - sweep, b, c, w, h) - _angle(a + sweep, b, c, w, h)) / (4.0 * h * sweep * w)


@compiled
def _roots(a, b, c, w):
    """Those of a + b u + c u^2 + i w, without cancellation, and c times their distance."""
    d = np.sqrt(complex(b * b - 4.0 * c * a, -4.0 * c * w))
    if b < 0.0:
        d = -d
    return -(b + d) / (2.0 * c), -2.0 * complex(a, w) / (b + d), d


@compiled
def _over_bin(a, b, c, w, h):
    """Mean of 1/(w^2 + x^2) at one time.

    Seen from a root the ends of the bin are less than half a turn apart: main branches are right.
    """
    first, second, d = _roots(a, b, c, w)
    logs = np.log((first - h) / (first + h)) - np.log((second - h) / (second + h))
    return (logs / d).imag / (2.0 * h * w)


@compiled
def _angle(a, b, c, w, h):
    """int Im ln(x + i w) du over the bin; one root on each side of the real axis, so that main branches add up."""
    first, second, _ = _roots(a, b, c, w)
    return (_primitive(h - first) + _primitive(h - second) - _primitive(-h - first) - _primitive(-h - second)).imag


@compiled
def _primitive(z):
    """That of ln z, but for z."""
    return z * np.log(z)


@compiled
def set_moment(tables, mixing, j, s, moment):
    """Fill in what the bath is between the nodes j and j + 1, a part s behind j."""
    t = tables.temperature[j] ** (1.0 - s) * tables.temperature[j + 1] ** s
    t3, t5 = t**3, t**5
    moment.clock[0] = (1.0 - s) * tables.clock[j] + s * tables.clock[j + 1]
    for m in range(mixing.flavours.size):
        a = mixing.flavours[m]
        for b in range(3):
            at, after = tables.potential[j, a, b], tables.potential[j + 1, a, b]
            moment.potential[m, b] = t3 * ((1.0 - s) * at + s * after)
            at, after = tables.chemical[j, a, b], tables.chemical[j + 1, a, b]
            moment.chemical[m, b] = (1.0 - s) * at + s * after
    for i in range(tables.weights.size):
        momentum = (1.0 - s) * tables.x[j, i] + s * tables.x[j + 1, i]
        moment.split[i], moment.boltzmann[i] = mixing.m_4**2 / (2.0 * momentum * t), math.exp(-momentum)
        for m in range(mixing.flavours.size):
            a = mixing.flavours[m]
            moment.width[i, m] = t5 * ((1.0 - s) * tables.width[j, i, a] + s * tables.width[j + 1, i, a])
            moment.shift[i, m] = t5 * ((1.0 - s) * tables.shift[j, i, a] + s * tables.shift[j + 1, i, a])


@compiled
def set_rates(mixing, half, first, last, y_first, y_last, rates):
    """Rates of a step from one `Moment` to another, and from asymmetries (3,) to others, of bins of a half width."""
    clock = 0.5 * (first.clock[0] + last.clock[0])
    for m in range(mixing.flavours.size):
        v_first, v_last, mu, sin2 = 0.0, 0.0, 0.0, mixing.sin2[m]
        for b in range(3):
            v_first += first.potential[m, b] * y_first[b]
            v_last += last.potential[m, b] * y_last[b]
            mu += 0.5 * (first.chemical[m, b] * y_first[b] + last.chemical[m, b] * y_last[b])
        more, less, cosine = math.exp(mu), math.exp(-mu), math.sqrt(1.0 - sin2)
        for i in range(first.split.size):
            gamma, delta = 0.5 * (first.width[i, m] + last.width[i, m]), 0.5 * (first.split[i] + last.split[i])
            boltzmann, shift = (
                0.5 * (first.boltzmann[i] + last.boltzmann[i]),
                0.5 * (first.shift[i, m] + last.shift[i, m]),
            )
            mixed, split = sin2 * delta * delta, cosine * delta
            strength, w = gamma / 4.0 * mixed / clock, math.sqrt(mixed + gamma * gamma / 4.0)
            x_first, x_last = cosine * first.split[i] + first.shift[i, m], cosine * last.split[i] + last.shift[i, m]
            b, c = shift - split, 0.5 * (shift + split)
            minus = strength * averaged_resonance(x_first - v_first, x_last - v_last, b, c, w, half)
            plus = strength * averaged_resonance(x_first + v_first, x_last + v_last, b, c, w, half)
            rates.rate[i, 0, m], rates.gain[i, 0, m] = minus, minus * _occupation(boltzmann * more)
            rates.rate[i, 1, m], rates.gain[i, 1, m] = plus, plus * _occupation(boltzmann * less)


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


@relaxing
class Equations(NamedTuple):
    """What `hpc_nu.solver.exponential` is to solve: f (n_q, 2), which feeds Y_a (3,), over ln T.

    Recorded are Y_e, Y_mu, Y_tau, and n/s of helicities - and +.
    """

    tables: Tables
    mixing: Mixing

    columns = 5

    def surroundings(self):
        n_q, n = self.tables.weights.size, self.mixing.flavours.size
        of_bins, of_both, matrix = np.empty(n_q), np.empty((n_q, n)), np.empty((n, 3))
        return Moment(np.empty(1), of_bins, of_bins.copy(), of_both, of_both.copy(), matrix, matrix.copy())

    def workspace(self):
        shape = self.tables.weights.size, 2, self.mixing.flavours.size
        return Rates(np.empty(shape), np.empty(shape))

    def look(self, j, s, there):
        set_moment(self.tables, self.mixing, j, s, there)

    def relax(self, step, f, f_new, y_new, work):
        half = self.tables.half_width if self.mixing.is_averaged else 0.0
        set_rates(self.mixing, half, step.here, step.there, step.y, step.expected, work)
        relax(self.mixing, self.tables.weights, work, step.h, f, f_new, step.y, y_new)

    def record(self, f, y, row):
        row[:3] = y
        for helicity in range(2):
            row[3 + helicity] = np.sum(self.tables.weights * f[:, helicity])
