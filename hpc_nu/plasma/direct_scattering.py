"""2 <-> 2 reactions of a massless heavy neutrino with lepton and Higgs doublets, gauge bosons and top quarks.

All in units of T.  Besak and Boedeker, arXiv:1202.1288 (BB), with our own phase-space variables.  All crossings of
N -> l(P) phi A(R) have sum |M|^2 = (g1^2 + 3g2^2) (-c/a), a = (P+R)^2, c = (P+Q_phi)^2, in Feynman gauge up to terms
that cancel; each crossed fermion changes the sign.  With top quarks it is 6 y^2 for each of N lbar -> t Qbar and twice
N t -> l Q.  With L the exchanged momentum, l+- = (l0 +- l)/2, L^2 = 4 l+ l-, every rate is

    gamma_c = 1/(64 pi^3 k^2) int dl+ dl- stat(l0) int dp0 stat(p0) |M|^2,

t channels where 0 < l+ < k and l- < 0, s channels where l+ > k and 0 < l- < k.  The integrals over p0 are closed.

A soft lepton in the t channel of gauge reactions needs resummation.  On hyperbolas l+- = (Q/2) e^(+-eta) times +-1, the
integral J(Q) over eta goes to J_0 = pi^2 k [1/2 + n_B(k)] for Q -> 0.  The resummed soft part follows from a sum rule,
int dp_par/2pi rho = m_l^2/[2 (p_perp^2 + m_l^2)], so that altogether

    gauge t = (g1^2 + 3g2^2)/(64 pi^3 k^2) { int dln Q [J - J_0 theta(Q < 1)] + J_0 LL },
    LL = 1/2 [ln(1 + 4k^2/m_l^2) - ln 4k^2]   (the form chosen in BB),    or strictly  1/2 ln(1/m_l^2).

The two LL differ in gamma_c by 0.3 % at k = T, 5 % at 0.3 T, and a factor of 2 at 0.1 T.
Not covered: fermion-number violation, gamma_v = O(M^2 g^2), of which top quarks would add some 20 % at k = 3 T.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled

N_NODES = 24
"""Gauss-Legendre nodes per piece: 1e-5; 16 give 1e-3 of `gauge_t_hard`."""

LARGE = 60.0  # where occupation ends
SOFTEST = -10.0  # ln Q from which on J = J_0


class ScatteringFunctions(NamedTuple):
    """gamma_c/T of 2 <-> 2 per coupling, functions of k/T alone.

    gauge_t_hard, soft (J_0) and gauge_s go with g1^2 + 3g2^2, top_t and top_s with y_t^2.
    """

    gauge_t_hard: float
    soft: float
    gauge_s: float
    top_t: float
    top_s: float


@lru_cache(maxsize=4096)
def scattering_functions(momentum, n_nodes=N_NODES):
    """`ScatteringFunctions` at k/T = `momentum`."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    nodes, weights = (nodes + 1) / 2, weights / 2
    values = np.array(
        [
            _gauge_t_hard(momentum, nodes, weights),
            soft_limit(momentum),
            *_s_channels(momentum, nodes, weights),
            _top_t(momentum, nodes, weights),
        ]
    ) / (64 * math.pi**3 * momentum**2)
    hard, soft, gauge_s, top_s, top_t = map(float, values)
    return ScatteringFunctions(hard, soft, gauge_s, 6 * top_t, 6 * top_s)


def soft_logarithm(momentum, lepton_mass_squared, strict=False):
    """LL at k/T = `momentum` with m_l^2/T^2."""
    if strict:
        return -math.log(lepton_mass_squared) / 2
    return (math.log1p(4 * momentum**2 / lepton_mass_squared) - math.log(4 * momentum**2)) / 2


@compiled
def soft_limit(momentum):
    """J_0 at k/T = `momentum`."""
    return math.pi**2 * momentum * (0.5 + 1 / math.expm1(momentum))


_BERNOULLI = np.array([1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798])
_DEBYE = _BERNOULLI / np.array([math.factorial(2 * n + 1) for n in range(1, 10)])


@compiled
def _dilogarithm(y):
    """Li_2(1 - e^-y) for |y| < 1, to 1e-13: the Debye series y - y^2/4 + sum B_2n y^(2n+1)/(2n+1)!."""
    square, power, total = y * y, y, y - y * y / 4
    for i in range(_DEBYE.size):
        power *= square
        total += _DEBYE[i] * power
    return total


@compiled
def fermi_moments(x):
    """int_x^inf dp n_F(p) (1, p), x >= 0."""
    y = math.log1p(math.exp(-x))
    return y, x * y - _dilogarithm(-y)


@compiled
def bose_moments(x):
    """int_x^inf dp n_B(p) (1, p), x > 0."""
    y = -math.log(-math.expm1(-x))
    if x < 0.7:  # Li_2(z) + Li_2(1 - z) = pi^2/6 - ln z ln(1 - z)
        li = math.pi**2 / 6 - x * y - _dilogarithm(x)
    else:
        li = _dilogarithm(y)
    return y, x * y + li


@compiled
def _fermi(x):
    return 1 / (math.exp(x) + 1) if x < 700 else 0.0


@compiled
def _bose(x):
    return 1 / math.expm1(x) if x < 700 else 0.0


@compiled
def _matrix_element(k, plus, minus):
    """A and B in 1 - 2 P.K/L^2 = A + B p0, averaged over the azimuth."""
    l0, square, length2 = plus + minus, 4 * plus * minus, (plus - minus) ** 2
    along = (l0 - square / (2 * k)) / length2
    return 1 - k * along, -2 * k / square * (1 - l0 * along)


@compiled
def _gauge_t(k, plus, minus):
    """Integrand in l+ > 0 > l-."""
    l0 = plus + minus
    a, b = _matrix_element(k, plus, minus)
    f0, f1 = fermi_moments(plus)
    b0, b1 = bose_moments(-minus)
    emitted = a * (f0 + b0) + b * (f1 + b1 + l0 * b0)
    f0, f1 = fermi_moments(-minus)
    b0, b1 = bose_moments(plus)
    absorbed = a * (f0 + b0) - b * (f1 + b1 - l0 * b0)
    return (1 - _fermi(l0) + _bose(k - l0)) * (emitted - absorbed)


@compiled
def on_hyperbola(k, q, nodes, weights):
    """J(Q), whose limit is J_0."""
    # u = eta_max - eta; l+ = k e^-u, where the scalar is soft at u = 0 and both moments are smooth in between.
    end = math.log(2 * k / q) + math.log(2 * LARGE / q)
    total, low = 0.0, 0.0
    for high in (min(1.0, end / 4), end / 2, 3 * end / 4, end):
        for i in range(nodes.size):
            if low == 0.0:
                u, du = high * nodes[i] ** 3, 3 * high * nodes[i] ** 2 * weights[i]
            else:
                u, du = low + (high - low) * nodes[i], (high - low) * weights[i]
            plus = k * math.exp(-u)
            total += du * q * q / 2 * _gauge_t(k, plus, -q * q / (4 * plus))
        low = high
    return total


@compiled
def _gauge_t_hard(k, nodes, weights):
    """int dln Q [J - J_0 theta(Q < 1)]."""
    limit = soft_limit(k)
    end = math.log(4 * k * LARGE) / 2
    total = 0.0
    for low, high, soft in ((SOFTEST, -4.0, limit), (-4.0, -1.5, limit), (-1.5, 0.0, limit), (0.0, end / 2, 0.0),
                            (end / 2, end, 0.0)):  # fmt: skip
        for i in range(nodes.size):
            q = math.exp(low + (high - low) * nodes[i])
            total += (high - low) * weights[i] * (on_hyperbola(k, q, nodes, weights) - soft)
    return total


@compiled
def _s_channels(k, nodes, weights):
    """Of gauge bosons, and of top quarks over 6; without 1/(64 pi^3 k^2)."""
    gauge = top = 0.0
    for i in range(nodes.size):
        for near in (True, False):  # l+ - k from 0 to 2 and from 2 on
            length, start = (2.0, k) if near else (LARGE - 2.0, k + 2.0)
            plus, weight_plus = start + length * nodes[i] ** 3, 3 * length * nodes[i] ** 2 * weights[i]
            for j in range(nodes.size):
                for low in (True, False):  # l- towards 0 and towards k
                    x, dx = k / 2 * nodes[j] ** 3, 3 * k / 2 * nodes[j] ** 2 * weights[j]
                    minus = x if low else k - x
                    beyond = plus - k + minus  # l0 - k
                    l0, weight = plus + minus, weight_plus * dx
                    a, b = _matrix_element(k, plus, minus)
                    f0_low, f1_low = fermi_moments(minus)
                    f0_high, f1_high = fermi_moments(plus)
                    b0_low, b1_low = bose_moments(minus)
                    b0_high, b1_high = bose_moments(plus)
                    f0, f1, b0, b1 = f0_low - f0_high, f1_low - f1_high, b0_low - b0_high, b1_low - b1_high
                    first = (plus**2 - minus**2) / 2
                    lepton = a * (plus - minus - f0 + b0) + b * (first - f1 + l0 * b0 - b1)
                    gauge += weight * (_fermi(l0) + _bose(beyond)) * lepton
                    top += weight * (_fermi(beyond) + _bose(l0)) * (plus - minus - 2 * f0)
    return gauge, top


@compiled
def _top_t(k, nodes, weights):
    """Over 6, without 1/(64 pi^3 k^2)."""
    total = 0.0
    for i in range(nodes.size):
        for low in (True, False):  # l+ towards 0 and towards k
            x, weight = k / 2 * nodes[i] ** 3, 3 * k / 2 * nodes[i] ** 2 * weights[i]
            plus = x if low else k - x
            # -l- from 0 to l+, dense at both ends (l0 = 0), and beyond
            for length, start, sign in ((plus / 2, 0.0, 1.0), (plus / 2, plus, -1.0), (1.0, plus, 1.0),
                                        (LARGE, plus + 1.0, 1.0)):  # fmt: skip
                for j in range(nodes.size):
                    x, dx = length * nodes[j] ** 3, 3 * length * nodes[j] ** 2 * weights[j]
                    y = start + sign * x
                    l0 = -sign * x if start == plus else plus - y
                    spread = fermi_moments(y)[0] - fermi_moments(plus)[0]
                    total += weight * dx * (1 - _fermi(k - l0) + _bose(l0)) * 2 * spread
    return total
