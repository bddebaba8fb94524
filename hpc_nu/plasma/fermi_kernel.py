"""Compiled phase-space integrals for the width of a neutrino in Fermi theory: all 1 <-> 3 and 2 <-> 2 reactions.

A neutrino K = (E, k khat), K^2 = M^2, meets three fermions through a four-fermion vertex.  Two of them (masses m1, m2,
total momentum Q) are Fierz-ordered into a scalar loop whose cut rho is a closed form; the third, the *leg* (mass m_l,
momentum P = K - Q), is integrated numerically.  In units of the temperature, with V_h = (1, -h khat), h = -1, +1,

    I_h = int d^4p/(2pi)^4  2pi sgn(p0) delta(p^2 - m_l^2)  V_h.p  W(Q^2) rho(Q) [1 - n_F(p0) + n_B(q0)]
        = 1/(8 pi^2 k) sum_{s=+-1} s int dE_p [1 - n_F(s E_p) + n_B(q0)]
                       int_{|k-p|}^{k+p} q dq  W rho (s E_p + h (k^2 + p^2 - q^2)/(2k)),       q0 = E - s E_p,
    W = (Q^2 - m1^2 - m2^2)/2   or, for the interference of the two chiralities,   W = m1 m2,
    rho(Q) = int dPhi_2 (1 - n_1 - n_2) for Q^2 > (m1 + m2)^2, and its continuation below (Landau damping); odd in q0.

Reducing the 2 <-> 2 and 1 <-> 3 reactions to such a two-dimensional integral is the method of Asaka, Laine and
Shaposhnikov, hep-ph/0612182 (Appendix), and of Ghiglieri and Laine, 1605.07720; here all masses are kept.

Numerics: every boundary of the kinematic regions in the plane (E_p, q) is a boundary of a piece, and each piece is
done with a Gauss-Legendre rule whose nodes are clustered by x = t^2 (3 - 2t), which removes the square roots at
thresholds.  (Adaptive quadrature was not tried: tables of the width need a result that is smooth in k, M and T.)
"""

import math

import numpy as np
from scipy.special import bernoulli

from hpc_nu.compiled import compiled
from hpc_nu.plasma.gauge_propagators import fermi_integrals

# Kinds of weight W.
CHIRAL, INTERFERENCE = 0, 1

# Regions of Q^2: below the light cone, Landau cut of unequal masses, pair threshold and above.
SPACELIKE, UNEQUAL_MASSES, PAIR = 0, 1, 2

_TAIL = (0.5, 3.0, 8.0, 20.0, 45.0)  # where the pieces of an exponential tail end; e^-45 ~ 3e-20
_MAX_PIECES = 40

# B_2k/(2k + 1)!, k = 1, 2 ...: of the dilogarithm.
_DEBYE_SERIES = np.array([bernoulli(18)[2 * k] / math.factorial(2 * k + 1) for k in range(1, 10)])


def clustered_rule(n_nodes):
    """Nodes and weights (2, n_nodes) on (0, 1): Gauss-Legendre in t, with x = t^2 (3 - 2t)."""
    t, w = np.polynomial.legendre.leggauss(n_nodes)
    t, w = (t + 1) / 2, w / 2
    return np.array([t**2 * (3 - 2 * t), 6 * t * (1 - t) * w])


@compiled
def fermi_distribution(x):
    """1/(e^x + 1)."""
    return 1.0 / (math.exp(x) + 1.0)


@compiled
def bose_distribution(x):
    """1/(e^x - 1), x > 0."""
    return 1.0 / math.expm1(x)


@compiled
def two_body_energies(mass, momentum, leg, system_mass_squared):
    """Energies of the leg at which (K - P)^2 = system_mass_squared with P parallel or antiparallel to K.

    Returns
    -------
    sign, low, high : float
        sign is that of the leg's energy: +1 emitted, -1 absorbed, 0 if no momentum does it; low < high bound |p0|.
    """
    energy = math.sqrt(momentum**2 + mass**2)
    half = 0.5 * (mass**2 + leg**2 - system_mass_squared)  # K.P
    root = half**2 - (mass * leg) ** 2
    if half == 0.0 or root < 0.0:
        return 0.0, 0.0, 0.0
    # p0 = (E half -+ k sqrt(root))/M^2; written so that nothing cancels and M -> 0 is allowed (high -> infinity).
    boosted = energy * abs(half) + momentum * math.sqrt(root)
    low = (half**2 + (momentum * leg) ** 2) / boosted
    high = boosted / mass**2 if mass > 0.0 else np.inf
    return math.copysign(1.0, half), low, high


@compiled
def _pair_cut(q0, q, shell, heavy, light, difference):
    """8 pi q rho for Q^2 > (m1 + m2)^2; `shell` = Q^2, `difference` = m1^2 - m2^2 >= 0, q0 > 0."""
    if heavy == 0.0:
        first = math.exp(-0.5 * (q0 - q))
        return q - 2.0 * math.log((1.0 + first) / (1.0 + first * math.exp(-q)))
    kallen = (shell - (heavy + light) ** 2) * (shell - (heavy - light) ** 2)
    half_range = 0.5 * q * math.sqrt(max(kallen, 0.0)) / shell
    centre = 0.5 * q0 * (1.0 + difference / shell)
    # The energies are centre +- half_range and q0 minus that; all positive, so no exponential overflows.
    across = math.exp(-2.0 * half_range)
    first = math.exp(-(centre - half_range))
    second = math.exp(-(q0 - centre - half_range)) if difference > 0.0 else first
    ratio = (1.0 + first) * (1.0 + second) / ((1.0 + first * across) * (1.0 + second * across))
    return 2.0 * half_range - math.log(ratio)


@compiled
def _spacelike_cut(q0, q, shell, heavy, difference, kallen, boost, one_minus_boost):
    """8 pi q rho for Q^2 < 0, q0 > 0; `boost` = e^{-q0}.  Written for small q0, where n_B diverges and rho vanishes."""
    if heavy == 0.0:
        x = math.exp(-0.5 * (q - q0))
        return -2.0 * math.log1p(x * one_minus_boost / (1.0 + x * boost))
    reach = 0.5 * q * math.sqrt(kallen) / (-shell)
    centre = 0.5 * q0 * (1.0 + difference / shell)
    # Lowest energies of the heavy particle, reach + centre, and of the light one in the crossed reaction,
    # reach - centre.  For Q^2 -> 0 one of them is a difference of large numbers; their product is not.
    product = ((shell + difference) ** 2 + (2.0 * q * heavy) ** 2) / (-4.0 * shell)
    if centre >= 0.0:
        up = reach + centre
        down = product / up
    else:
        down = reach - centre
        up = product / down
    x = math.exp(-(up - q0))
    y = math.exp(-down)
    a = x * one_minus_boost / (1.0 + x * boost)
    b = y * one_minus_boost / (1.0 + y * boost)
    return -math.log1p(a + b + a * b)


@compiled
def _unequal_mass_cut(q0, q, shell, heavy, difference, kallen, boost, one_minus_boost):
    """8 pi q rho for 0 < Q^2 < (m1 - m2)^2, q0 > 0: the heavy particle turns into the light one."""
    reach = 0.5 * q * math.sqrt(max(kallen, 0.0)) / shell
    high = 0.5 * q0 * (1.0 + difference / shell) + reach
    low = ((shell + difference) ** 2 + (2.0 * q * heavy) ** 2) / (4.0 * shell * high)
    x = math.exp(-(low - q0))
    y = math.exp(-(high - q0))
    a = x * one_minus_boost / (1.0 + x * boost)
    b = y * one_minus_boost / (1.0 + y * boost)
    return -math.log1p((a - b) / (1.0 + b))


@compiled
def thermal_cut(q0, q, heavy, light):
    """Cut of the scalar loop, rho(Q) at q0 > 0, in units of the temperature.

    Parameters
    ----------
    q0, q : float [T]
        Energy and momentum of the pair, both positive.
    heavy, light : float [T]
        Masses, heavy >= light.

    Notes
    -----
    In vacuum 8 pi rho = sqrt(lambda(Q^2, m1^2, m2^2))/Q^2 above the pair threshold.
    """
    shell = (q0 - q) * (q0 + q)
    boost, one_minus_boost = math.exp(-q0), -math.expm1(-q0)
    difference = (heavy - light) * (heavy + light)
    kallen = (shell - (heavy + light) ** 2) * (shell - (heavy - light) ** 2)
    if shell < 0.0:
        cut = _spacelike_cut(q0, q, shell, heavy, difference, kallen, boost, one_minus_boost)
    elif shell > (heavy + light) ** 2:
        cut = _pair_cut(q0, q, shell, heavy, light, difference)
    elif 0.0 < shell < (heavy - light) ** 2:
        cut = _unequal_mass_cut(q0, q, shell, heavy, difference, kallen, boost, one_minus_boost)
    else:
        cut = 0.0
    return cut / (8.0 * math.pi * q)


@compiled
def _inner_integral(momentum, leg, leg_energy, leg_momentum, sign, q0, heavy, light, kind, rule):
    """int q dq W 8 pi rho(|q0|, q) |V_h.p| for one energy of the leg: (h = -1, h = +1)."""
    lowest, highest = abs(momentum - leg_momentum), momentum + leg_momentum
    threshold, other_threshold = heavy + light, heavy - light
    difference = threshold * other_threshold
    boost, one_minus_boost = math.exp(-q0), -math.expm1(-q0)
    # Without cancellation, |V_h.p| is E_p - p plus (q^2 - (k-p)^2)/(2k) or ((k+p)^2 - q^2)/(2k).
    mass_part = leg**2 / (leg_energy + leg_momentum)
    minus = plus = 0.0
    for region in range(3):
        if region == SPACELIKE:
            start, end = max(lowest, q0), highest
        elif region == UNEQUAL_MASSES:
            if other_threshold == 0.0:
                continue
            inside = q0**2 - other_threshold**2
            start, end = max(lowest, math.sqrt(max(inside, 0.0))), min(highest, q0)
        else:
            if q0 <= threshold:
                continue
            start, end = lowest, min(highest, math.sqrt((q0 - threshold) * (q0 + threshold)))
        # A long range is cut once more: rho falls like e^{-q/2} below the light cone.
        n_parts = 2 if region == SPACELIKE and end - start > 12.0 else 1
        part_start = start
        for part in range(n_parts):
            part_end = start + 6.0 if part < n_parts - 1 else end
            width = part_end - part_start
            if not width > 1e-14 * highest:
                continue
            for j in range(rule.shape[1]):
                q = part_start + width * rule[0, j]
                shell = (q0 - q) * (q0 + q)
                if shell == 0.0:  # rounding, at the very end of a piece
                    continue
                if region == PAIR:
                    cut = _pair_cut(q0, q, shell, heavy, light, difference)
                else:
                    kallen = (shell - threshold**2) * (shell - other_threshold**2)
                    if region == SPACELIKE:
                        cut = _spacelike_cut(q0, q, shell, heavy, difference, kallen, boost, one_minus_boost)
                    else:
                        cut = _unequal_mass_cut(q0, q, shell, heavy, difference, kallen, boost, one_minus_boost)
                w = heavy * light if kind == INTERFERENCE else 0.5 * (shell - heavy**2 - light**2)
                term = rule[1, j] * width * w * cut
                near = mass_part + (q - lowest) * (q + lowest) / (2.0 * momentum)
                far = mass_part + (highest - q) * (highest + q) / (2.0 * momentum)
                minus += term * near
                plus += term * far
            part_start = part_end
    if sign > 0:
        return minus, plus
    return plus, minus


@compiled
def _leg_pieces(mass, momentum, energy, leg, heavy, light, sign, out):
    """Boundaries of the pieces of the leg's energy, sorted, in `out`; returns how many."""
    n = 0
    out[n] = leg
    n += 1
    out[n] = math.sqrt(momentum**2 + leg**2)  # |k - p| has a kink
    n += 1
    start = leg
    for i in range(3):
        pair = 0.0 if i == 0 else (heavy - light if i == 1 else heavy + light)
        if i > 0 and pair == 0.0:
            continue
        which, low, high = two_body_energies(mass, momentum, leg, pair**2)
        if which == sign:
            out[n], out[n + 1] = low, high
            n += 2
        if sign < 0 and i == 2 and which == sign and heavy == light:
            start = low  # an absorbed leg must reach the threshold
    if sign > 0:
        start = max(start, energy)
        out[n] = energy
        n += 1
        if energy - leg > 12.0:
            out[n] = energy - 4.0
            n += 1
        if energy > leg + 12.0:
            out[n] = leg + 4.0
            n += 1
    for i in range(len(_TAIL)):
        out[n] = start + _TAIL[i]
        n += 1
    stop = start + _TAIL[-1]
    out[:n].sort()
    last = 0
    for i in range(1, n):
        if out[i] > stop or out[i] < leg:
            continue
        if out[i] - out[last] > 1e-12 * out[i]:
            last += 1
            out[last] = out[i]
    return last + 1


@compiled
def scattering_integral(momentum, mass, leg, first, second, kind, rule):
    """(I_-, I_+) of the head of this module.

    Parameters
    ----------
    momentum, mass : float [T]
        k > 0 and M >= 0.
    leg, first, second : float [T]
        Masses of the leg and of the two particles of the loop.
    kind : int
        CHIRAL or INTERFERENCE.
    rule : (2, n) array
        `clustered_rule(n)`; 16 nodes give 1e-6.
    """
    heavy, light = max(first, second), min(first, second)
    if kind == INTERFERENCE and light == 0.0:
        return 0.0, 0.0
    energy = math.sqrt(momentum**2 + mass**2)
    bounds = np.empty(_MAX_PIECES)
    minus = plus = 0.0
    for sign in (1.0, -1.0):
        n_bounds = _leg_pieces(mass, momentum, energy, leg, heavy, light, sign, bounds)
        for i in range(n_bounds - 1):
            width = bounds[i + 1] - bounds[i]
            for j in range(rule.shape[1]):
                leg_energy = bounds[i] + width * rule[0, j]
                leg_momentum = math.sqrt((leg_energy - leg) * (leg_energy + leg))
                q0 = energy - sign * leg_energy
                if abs(q0) < 1e-7 or leg_momentum == 0.0:
                    continue
                # s [1 - n_F(s E_p) + n_B(q0)] rho(q0) sgn(V.p) as a factor of rho(|q0|) |V.p|
                if sign > 0 and q0 > 0.0:
                    statistics = 1.0 - fermi_distribution(leg_energy) + bose_distribution(q0)
                else:
                    statistics = fermi_distribution(leg_energy) + bose_distribution(abs(q0))
                a, b = _inner_integral(momentum, leg, leg_energy, leg_momentum, sign, abs(q0), heavy, light, kind, rule)
                factor = rule[1, j] * width * statistics
                minus += factor * a
                plus += factor * b
    norm = 1.0 / (64.0 * math.pi**3 * momentum)
    return norm * minus, norm * plus


@compiled
def is_frozen_out(momentum, mass, leg, first, second):
    """Whether the reactions of a channel need a partner so energetic that there is none (Boltzmann factor < e^-50)."""
    total = leg + first + second
    if mass > total:  # decays
        return False
    lowest = np.inf
    for partner in (leg, first, second):
        sign, low, _ = two_body_energies(mass, momentum, partner, (total - partner) ** 2)
        lowest = min(lowest, low if sign < 0 else partner)
    return lowest > 50.0


@compiled
def _bose_moments(x):
    """int_x^inf dy y^j n_B(y) for j = 0, 1 and x > 0."""
    z = math.exp(-x)
    zeroth = -math.log1p(-z) if z <= 0.5 else -math.log(-math.expm1(-x))
    # Li_2(z) = u - u^2/4 + sum B_2k u^(2k+1)/(2k+1)!, u = -ln(1-z); above z = 1/2 from the reflection.
    u = zeroth if z <= 0.5 else x
    u2 = u * u
    total = 0.0
    for k in range(_DEBYE_SERIES.size - 1, -1, -1):
        total = total * u2 + _DEBYE_SERIES[k]
    dilogarithm = u * (1.0 - u / 4 + u2 * total)
    if z > 0.5:
        dilogarithm = math.pi**2 / 6 - x * zeroth - dilogarithm
    return zeroth, x * zeroth + dilogarithm


@compiled
def meson_integral(momentum, mass, leg, meson, is_vector):
    """(J_-, J_+): N <-> lepton + meson and N + lepton <-> meson, in units of the temperature.

    J_h = int d^4p/(2pi)^4 2pi sgn(p0) delta(p^2 - m_l^2) 2pi sgn(q0) delta(q^2 - m^2) [1 - n_F(p0) + n_B(q0)]
              (2 V.Q P.Q -+ m^2 V.P),   P.Q = K.P - m_l^2,   - for a pseudoscalar, + for a vector,
    of which one integral over the lepton's energy remains.  It is linear in p0 but for the statistics: dilogarithms.

    Parameters
    ----------
    momentum, mass, leg, meson : float [T]
        k > 0, M >= 0, masses of the lepton and of the meson (> 0).
    """
    sign, low, high = two_body_energies(mass, momentum, leg, meson**2)
    decays = sign > 0.0 and mass > leg  # not mass > leg + meson: at the threshold itself, the range is empty
    if sign == 0.0 or (low > 50.0 and not decays):
        return 0.0, 0.0
    if not decays:  # nothing is left of the occupation numbers, and `high` may be infinite
        high = min(high, low + 100.0)
    energy = math.sqrt(momentum**2 + mass**2)
    sum_, difference = energy + momentum, mass**2 / (energy + momentum)  # E +- k
    half = 0.5 * (mass**2 + leg**2 - meson**2)  # K.P
    # int dE_p s sgn(q0) [1 - n_F + n_B] (p0 - centre)^j, j = 0, 1: about the centre, since the range may be narrow.
    centre = 0.5 * (low + high)
    f_low, f_high = fermi_integrals(low), fermi_integrals(high)
    zeroth = f_low[0] - f_high[0]
    first = f_low[1] - f_high[1] - centre * zeroth
    if decays:
        zeroth, first = high - low - zeroth, -first
        b_low, b_high = _bose_moments(energy - high), _bose_moments(energy - low)
        slope = -1.0  # of the lepton's energy in that of the meson
        offset = energy - centre
    else:
        shift = -sign * energy
        b_low, b_high = _bose_moments(low + shift), _bose_moments(high + shift)
        slope, offset = 1.0, -shift - centre
    number = b_low[0] - b_high[0]
    zeroth += number
    first += slope * (b_low[1] - b_high[1]) + offset * number
    # h = -1: P.V = (K.P - (E - k) p0)/k, h = +1: P.V = ((E + k) p0 - K.P)/k.
    pair = 2.0 * (half - leg**2)
    spin = (meson**2 if is_vector else -(meson**2)) - pair
    at_centre = sign * centre
    p_minus = ((half - difference * at_centre) * zeroth - difference * sign * first) / momentum
    p_plus = ((sum_ * at_centre - half) * zeroth + sum_ * sign * first) / momentum
    minus = pair * difference * zeroth + spin * p_minus
    plus = pair * sum_ * zeroth + spin * p_plus
    norm = sign / (8.0 * math.pi * momentum)
    return norm * minus, norm * plus
