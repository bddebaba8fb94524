"""Width of an active neutrino from resummed W and Z propagators, 4 GeV < T < 160 GeV.

A left-handed neutrino K = (E, k), K^2 = M^2, of helicity component h has the width Gamma_h = -2 Im Sigma_h, where
V_h = (1, -h k/|k|) projects the retarded self-energy: h = -1 is the component that is close to its mass shell (E - k),
h = +1 the other one (E + k).  With a massless lepton P, a boson Q = K - P and c = cos theta_W,

    Gamma_h = (g^2/4) B_h(W) + (g^2/8c^2) B_h(Z),
    B_h     = int d^4P/(2pi)^4 2pi sgn(p0) delta(P^2) [1 - n_F(p0) + n_B(q0)] sum_{X=T,L} L_X rho_X(Q),
    rho_X   = 2 w_X / [(Q^2 - m^2 - Re Pi_X)^2 + w_X^2],    w_X = -Im Pi_X.

w_X is the exact one-loop cut through massless fermions, time-like (decays of the boson) and space-like (2 -> 2
scattering), plus the Landau damping by the weak bosons in the hard-thermal-loop (HTL) limit; Re Pi_X is the HTL one
(Klimov, Sov. Phys. JETP 55 (1982) 199; Weldon, Phys. Rev. D 26 (1982) 1394).  The physics is that of the "indirect"
contribution of Ghiglieri and Laine, arXiv:1605.07720, at leading order; the formulas below are our own.

Variables.  With a = (q0 - q)/2, b = (q0 + q)/2 and the same for the neutrino, A = (E - k)/2 and B = (E + k)/2,

    Q^2 = 4ab,   M^2 = 4AB,   the lepton is emitted where a < A < b < B, and absorbed where A < a < B < b,

so both domains are rectangles, the loop functions depend on a and b one at a time, and the traces factorise:

    L_T(-) = (8/k) (A-a)(b-A) [1 + 2 (B-a)(B-b)/q^2],   L_L(-) = (4/k) (B-a)(B-b) (A q0 - 2ab)^2/(ab q^2),

and (+) by A <-> B, k -> -k.  Every contribution to Gamma_h is then positive as it stands; nothing cancels.

Quadrature.  At each b the pole of rho_X in a is located, and the nodes are placed by a = a_pole + width sinh(t); in b
the panels end, and the nodes are dense, where that pole crosses an edge of the rectangle.  T and L, W and Z go one by
one, because their poles differ.  (One set of nodes for T and L, centred between the two poles, missed the longitudinal
one near Q^2 = m^2: errors up to 28 % in Gamma_+ at T > 130 GeV.)

Not covered: interference of W and Z exchange, photon-Z mixing, external gauge or Higgs bosons in 2 -> 2 scattering
beyond HTL, thermal masses of the lepton, fermion masses other than the top's.
"""

import math

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.plasma import standard_model as sm

PANEL_NODES = 12
"""Gauss-Legendre nodes per panel; the panels are PANEL long in t.  12 give 2e-5 for v > 0.3 T, 5e-4 at v = 0.2 T and a
few per cent at v = 0.02 T, where the direct reactions are all that matters; 16 gain another factor of 3 or more."""
PANEL = 3.0
TAIL = 45.0
"""Occupation numbers below e^-TAIL are left out."""
MIN_MASS_OVER_T = 1e-4
"""Floor of m_W/T: the longitudinal pole must not merge with the light cone."""

TRANSVERSE, LONGITUDINAL = 0, 1

# Slots of a boson: the coupling in front of B_h, m^2, c_F in w = c_F R, m_E^2 of fermions and of bosons; units of T.
COUPLING, MASS2, FERMIONS, DEBYE2_FERMIONS, DEBYE2_BOSONS, BOSON_SIZE = range(6)

_UP, _DOWN, _LEPTON = (
    current.left**2 + current.right**2
    for current in (sm.UP_QUARK_CURRENT, sm.DOWN_QUARK_CURRENT, sm.CHARGED_LEPTON_CURRENT)
)
_MASSLESS_CURRENTS = 3 / 4 + 3 * _LEPTON + sm.N_COLOURS * (2 * _UP + 3 * _DOWN)  # 3/4: neutrinos


def _accelerated_coefficients(n):
    """c_k with sum_k (-1)^k a_k ~ sum_{k<n} c_k a_k, relative error 5.8^-n for moments a_k of a positive measure.

    Cohen, Rodriguez Villegas and Zagier, Experiment. Math. 9 (2000) 3, algorithm 1.
    """
    d = (3 + math.sqrt(8)) ** n
    d = (d + 1 / d) / 2
    b, c = -1.0, -d
    coefficients = np.empty(n)
    for k in range(n):
        c = b - c
        coefficients[k] = c / d
        b *= (k + n) * (k - n) / ((k + 0.5) * (k + 1))
    return coefficients


# -Li_s(-z) = sum_k (-1)^k z^(k+1)/(k+1)^s for 0 <= z <= 1, s = 2, 3, as polynomials without the leading z.
_DILOGARITHM = _accelerated_coefficients(20) / np.arange(1, 21) ** 2
_TRILOGARITHM = _accelerated_coefficients(20) / np.arange(1, 21) ** 3


@compiled
def fermi_integrals(x):
    """int_x^inf y^j n_F(y) dy for j = 0, 1, 2 and x >= 0: F, S_2 and S_3."""
    z = math.exp(-x)
    li2, li3 = 0.0, 0.0
    for k in range(_DILOGARITHM.size - 1, -1, -1):
        li2 = li2 * z + _DILOGARITHM[k]
        li3 = li3 * z + _TRILOGARITHM[k]
    li2 *= z
    li3 *= z
    f = math.log1p(z)
    return f, x * f + li2, x * (x * f + 2 * li2) + 2 * li3


@compiled
def fermion_loop(a, b, at_b):
    """(R_T, R_L) of one massless two-component fermion loop; b > 0, b > a, `at_b` = fermi_integrals(b).  Units of T.

    R_L = (Q^2/q^2) R_00 and 2 R_T + R_L = 2 Q^2 rho_2, where R_00 = int dPhi_2 (4 E_1 E_2 - Q^2)(1 - n_1 - n_2) and
    rho_2 = int dPhi_2 (1 - n_1 - n_2); odd in q0.
    """
    q, q0, square = b - a, a + b, 4 * a * b
    f_b, s2_b, s3_b = at_b
    f_a, s2_a, s3_a = fermi_integrals(abs(a))
    if a > 0:
        scalar = (q - 2 * (f_a - f_b)) / (8 * math.pi * q)
        if q > 0.05:
            brackets = 4 * q0 * (s2_a - s2_b) - 4 * (s3_a - s3_b) - square * (f_a - f_b)
            r00 = (2 * q**3 / 3 - 2 * brackets) / (8 * math.pi * q)
        else:  # the brackets cancel to order q^3: three nodes of Gauss for (q^2/2) int du (1 - u^2)(1 - n_1 - n_2)
            u = q / 2 * math.sqrt(0.6)
            occupied = 1 / (math.exp(q0 / 2 + u) + 1) + 1 / (math.exp(q0 / 2 - u) + 1)
            at_rest = math.tanh(q0 / 4)
            r00 = q**2 / (16 * math.pi) * (8 / 9 * at_rest + 10 / 9 * 0.4 * (1 - occupied))
    else:
        sign = 1.0 if q0 > 0 else -1.0
        q0 = abs(q0)
        if sign < 0:
            f_a, f_b, s2_a, s2_b, s3_a, s3_b = f_b, f_a, s2_b, s2_a, s3_b, s3_a
        scalar = -sign * (f_a - f_b) / (4 * math.pi * q)
        brackets = 4 * (s3_a - s3_b) + 4 * q0 * (s2_a + s2_b) + square * (f_a - f_b)
        r00 = sign * brackets / (4 * math.pi * q)
    longitudinal = square / q**2 * r00
    return square * scalar - longitudinal / 2, longitudinal


@compiled
def _off_shell(which, boson, a, b):
    """Q^2 - m^2 - Re Pi_X."""
    q, q0, square = b - a, a + b, 4 * a * b
    debye2 = boson[DEBYE2_FERMIONS] + boson[DEBYE2_BOSONS]
    if q < 0.2 * q0:
        # The closed form cancels: (x/2) ln((x+1)/(x-1)) = 1 + y^2/3 + y^4/5 + ..., x = q0/q, y = 1/x.
        y2 = (q / q0) ** 2
        series = 0.0
        for j in range(8, 0, -1):
            series = series * y2 + 1 / (2 * j + 1)
        longitudinal = debye2 * (1 - y2) * series
    else:
        longitudinal = -debye2 * square / q**2 * (1 - 0.5 * q0 / q * math.log(abs(b / a)))
    if which == LONGITUDINAL:
        return square - boson[MASS2] - longitudinal
    return square - boson[MASS2] - 0.5 * (debye2 - longitudinal)  # 2 Pi_T + Pi_L = m_E^2


@compiled
def _width(which, boson, a, b, at_b):
    """w_X."""
    r_t, r_l = fermion_loop(a, b, at_b)
    damping = 0.0
    if a < 0:
        q = b - a
        damping = -math.pi * boson[DEBYE2_BOSONS] * (a + b) * a * b / q**3
    if which == LONGITUDINAL:
        return boson[FERMIONS] * r_l - 2 * damping
    return boson[FERMIONS] * r_t + damping


@compiled
def _zero(which, boson, a_low, a_high, b_low, b_high):
    """Where `_off_shell` changes sign on the straight line between two points, as its (a, b); logarithmic bisection."""
    low, high = 0.0, 1.0
    log_a, log_b = math.log(a_high / a_low), math.log(b_high / b_low)
    for _ in range(30):
        middle = 0.5 * (low + high)
        if _off_shell(which, boson, a_low * math.exp(middle * log_a), b_low * math.exp(middle * log_b)) > 0:
            high = middle
        else:
            low = middle
    return a_low * math.exp(middle * log_a), b_low * math.exp(middle * log_b)


@compiled
def _pole(which, boson, b):
    """The a in (0, b) where Q^2 = m^2 + Re Pi_X; beyond b, a continuous stand-in where there is no pole."""
    plasma_frequency2 = boson[MASS2] + (boson[DEBYE2_FERMIONS] + boson[DEBYE2_BOSONS]) / 3
    if 4 * b * b <= plasma_frequency2:
        return plasma_frequency2 / (4 * b)
    return _zero(which, boson, boson[MASS2] / (8 * b), b, b, b)[0]


@compiled
def _crossing(which, boson, a, low, high):
    """The b in (low, high) where the pole lies at `a`; nan if there is none."""
    if a <= 0 or _off_shell(which, boson, a, low) >= 0 or _off_shell(which, boson, a, high) <= 0:
        return math.nan
    return _zero(which, boson, a, a, low, high)[1]


@compiled
def _add_panels(centre, scale, low, high, nodes, weights, x, dx, count):
    """Append nodes of int_low^high dx with x = centre + scale sinh(t); returns the new count."""
    t_low, t_high = math.asinh((low - centre) / scale), math.asinh((high - centre) / scale)
    n_panels = max(1, math.ceil((t_high - t_low) / PANEL))
    half = 0.5 * (t_high - t_low) / n_panels
    for i in range(n_panels):
        for j in range(nodes.size):
            t = t_low + half * (2 * i + 1 + nodes[j])
            x[count] = centre + scale * math.sinh(t)
            dx[count] = scale * math.cosh(t) * half * weights[j]
            count += 1
    return count


@compiled
def _add_point(which, boson, big_a, big_b, a, b, q0, at_b, weight, total):
    """Add weight * integrand at one point to total[h], h = -1 and +1."""
    q, k = b - a, big_b - big_a
    p0 = (big_a - a) + (big_b - b)
    # sgn(p0) [1 - n_F(p0) + n_B(q0)]
    if q0 > 0:
        statistics = math.copysign(1 / (math.exp(-p0) + 1) + 1 / math.expm1(q0), p0)
    else:
        statistics = -(1 / (math.exp(p0) + 1) + 1 / math.expm1(-q0))
    w = _width(which, boson, a, b, at_b)
    off_shell = _off_shell(which, boson, a, b)
    weight *= q * statistics * 2 * w / (off_shell**2 + w**2) / (4 * math.pi**2 * k)
    minus, plus = (big_a - a) * (b - big_a) / k, (big_b - a) * (big_b - b) / k
    if which == TRANSVERSE:
        total[0] += weight * 8 * minus * (1 + 2 * k * plus / q**2)
        total[1] += weight * 8 * plus * (1 - 2 * k * minus / q**2)
    else:
        ab = a * b
        total[0] += weight * 4 * plus * (big_a * (a + b) - 2 * ab) ** 2 / (ab * q**2)
        total[1] += weight * 4 * minus * (big_b * (a + b) - 2 * ab) ** 2 / (ab * q**2)


@compiled
def _light_cone_scale(which, boson, b):
    """Over which range of a rho_X varies near a = 0, where Re Pi_T = m_E^2/2 and Re Pi_L ~ (Q^2/q^2) m_E^2 vanishes."""
    debye2 = boson[DEBYE2_FERMIONS] + boson[DEBYE2_BOSONS]
    if which == TRANSVERSE:
        return 0.1 * (boson[MASS2] + debye2) / b
    return 0.1 * boson[MASS2] * b / (b * b + debye2)


@compiled
def _time_like(which, boson, big_a, big_b, a_range, b_range, nodes, weights, x, dx, total):
    """Q^2 > 0: the rectangle a_range x b_range."""
    (a_low, a_high), (b_low, b_high) = a_range, b_range
    # Edges in b: where the pole enters the rectangle and where it leaves; the smearing there is that of the pole.
    edges, scales = np.empty(4), np.empty(4)
    edges[0] = b_low
    corner, at_b = b_low * (1 - 1e-6), fermi_integrals(b_low)
    smearing = abs(_off_shell(which, boson, corner, b_low)) + abs(_width(which, boson, corner, b_low, at_b))
    scales[0] = min(smearing / (8 * b_low), 0.3 * b_low, 0.3)
    n_edges = 1
    for a in (a_high, a_low):
        b = _crossing(which, boson, a, b_low, b_high)
        if b > edges[n_edges - 1]:
            edges[n_edges] = b
            scales[n_edges] = abs(_width(which, boson, a, b, fermi_integrals(b))) / (4 * a)
            n_edges += 1
    edges[n_edges], scales[n_edges] = b_high, math.inf
    count = 0
    for i in range(n_edges):
        low, high, middle = edges[i], edges[i + 1], 0.5 * (edges[i] + edges[i + 1])
        count = _add_panels(low, min(scales[i], middle - low), low, middle, nodes, weights, x[0], dx[0], count)
        count = _add_panels(high, min(scales[i + 1], high - middle), middle, high, nodes, weights, x[0], dx[0], count)
    for i in range(count):
        b, db = x[0, i], dx[0, i]
        at_b = fermi_integrals(b)
        pole = _pole(which, boson, b)
        width = abs(_width(which, boson, min(pole, b * (1 - 1e-6)), b, at_b)) / (4 * b)
        split = min(max(0.5 * pole, a_low), a_high)
        inner = 0
        if split > a_low:
            scale = _light_cone_scale(which, boson, b)
            inner = _add_panels(0.0, scale, a_low, split, nodes, weights, x[1], dx[1], inner)
        if split < a_high:
            scale = max(width, 1e-6 * pole)
            inner = _add_panels(pole, scale, split, a_high, nodes, weights, x[1], dx[1], inner)
        for j in range(inner):
            a = max(x[1, j], a_low, 1e-14 * b)  # rounding at the end next to the light cone
            _add_point(which, boson, big_a, big_b, a, b, a + b, at_b, db * dx[1, j], total)


@compiled
def _space_like(which, boson, big_a, big_b, nodes, weights, x, dx, total):
    """Q^2 < 0: a < 0, A < b < B."""
    debye2 = boson[DEBYE2_FERMIONS] + boson[DEBYE2_BOSONS]
    soft = min(0.1 * math.sqrt(boson[MASS2]), 0.03)  # 0.03: for n_B(q0) at small q, however heavy the boson
    count = _add_panels(big_a, max(soft, 0.3 * big_a), big_a, big_b, nodes, weights, x[0], dx[0], 0)
    for i in range(count):
        b, db = x[0, i], dx[0, i]
        at_b = fermi_integrals(b)
        # n_B(q0) rho_X peaks at q0 = 0; magnetic fields are screened only dynamically: for soft q their peak is narrow.
        peak = 0.5 * b
        if which == TRANSVERSE:
            peak = min(peak, b * (4 * b * b + boson[MASS2]) / debye2)
        light_cone = _light_cone_scale(which, boson, b)
        inner = _add_panels(0.0, peak, 0.0, 0.5 * b, nodes, weights, x[1], dx[1], 0)
        inner = _add_panels(b, min(light_cone, 0.5 * b), 0.5 * b, b, nodes, weights, x[1], dx[1], inner)
        inner = _add_panels(0.0, peak, -TAIL, 0.0, nodes, weights, x[1], dx[1], inner)
        for j in range(inner):
            q0 = x[1, j]
            a = min(q0 - b, -1e-14 * b)
            _add_point(which, boson, big_a, big_b, a, b, q0, at_b, db * dx[1, j], total)


@compiled
def boson_exchange(boson, momentum, mass, nodes, weights):
    """(2,) array: what one boson, a row of `gauge_bosons`, adds to Gamma_- and Gamma_+; everything in units of T.

    `momentum` > 0 and `mass` >= 0 are k and M of the neutrino; `nodes`, `weights` are those of Gauss-Legendre on
    (-1, 1), used on every panel.
    """
    energy = math.sqrt(momentum**2 + mass**2)
    big_b = 0.5 * (energy + momentum)
    big_a = 0.25 * mass**2 / big_b
    x, dx = np.empty((2, 100 * nodes.size)), np.empty((2, 100 * nodes.size))
    total = np.zeros(2)
    for which in (TRANSVERSE, LONGITUDINAL):
        _time_like(which, boson, big_a, big_b, (big_a, big_b), (big_b, big_b + TAIL), nodes, weights, x, dx, total)
        if big_a > 0:
            _time_like(which, boson, big_a, big_b, (0.0, big_a), (big_a, big_b), nodes, weights, x, dx, total)
        _space_like(which, boson, big_a, big_b, nodes, weights, x, dx, total)
    return boson[COUPLING] * total


@compiled
def thermal_mass_factor(x, sign):
    """int y^2 n/e dy, e^2 = y^2 + x^2, n = 1/(e^e - sign), over its value at x = 0; x > 0."""
    # y = x sinh(t) resolves the bosons' term linear in x; trapezoids converge geometrically.
    end, n = math.acosh(1 + TAIL / x), 200
    step, total = end / n, 0.0
    for i in range(1, n):
        e = x * math.cosh(i * step)
        total += (e * e - x * x) / (math.exp(e) - sign)
    return total * step * (6 if sign > 0 else 12) / math.pi**2


def gauge_bosons(temperature, vev):
    """W and Z in the plasma.

    Parameters
    ----------
    temperature : float [GeV]
    vev : float [GeV]
        v(T), 246 in vacuum; all masses are proportional to it.

    Returns
    -------
    (2, BOSON_SIZE) array, units of T
        Per boson: g^2/4 or g^2/8c^2; m^2; c_F; m_E^2 of fermions, c_F T^2/3; m_E^2 of W, Z and Higgs bosons.  The top
        quark and the bosons count in proportion to their thermal mass integrals.
    """
    scale = max(vev, MIN_MASS_OVER_T * temperature) / (sm.ELECTROWEAK_VEV * temperature)
    g2, cos2 = sm.WEAK_COUPLING_SQUARED, sm.ON_SHELL_COS2_WEAK_ANGLE
    top = thermal_mass_factor(scale * sm.TOP_MASS, -1.0)
    bosons = (thermal_mass_factor(scale * sm.W_MASS, 1.0) + thermal_mass_factor(scale * sm.HIGGS_MASS, 1.0)) / 2
    fermions_w = g2 / 4 * (9 + 3 * top)
    fermions_z = g2 / (2 * cos2) * (_MASSLESS_CURRENTS + top * sm.N_COLOURS * _UP)
    debye2_z = 5 * cos2 * g2 / 6 + (1 - cos2) * sm.HYPERCHARGE_COUPLING_SQUARED / 6
    return np.array(
        [
            [g2 / 4, (scale * sm.W_MASS) ** 2, fermions_w, fermions_w / 3, 5 / 6 * g2 * bosons],
            [g2 / (8 * cos2), (scale * sm.Z_MASS) ** 2, fermions_z, fermions_z / 3, debye2_z * bosons],
        ]
    )


def active_width(momentum, mass, temperature, vev, n_nodes=PANEL_NODES):
    """Width of an active neutrino through W and Z exchange.

    Parameters
    ----------
    momentum : float or array [GeV]
        k > 0.
    mass : float [GeV]
        M, of the sterile neutrino that sets the virtuality; 0 is allowed.
    temperature : float [GeV]
    vev : float [GeV]
        v(T).
    n_nodes : int
        Gauss-Legendre nodes per panel.

    Returns
    -------
    momentum.shape + (2,) array [GeV]
        Gamma_- and Gamma_+, the same for all flavours.
    """
    momenta = np.asarray(momentum, dtype=float)
    if not (temperature > 0 and vev >= 0 and mass >= 0 and np.all(momenta > 0)):
        raise ValueError(
            f"active_width: momentum = {momentum}, mass = {mass}, temperature = {temperature}, vev = {vev}: "
            "momentum and temperature must be positive, mass and vev not negative"
        )
    bosons = gauge_bosons(temperature, vev)
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    width = np.empty(momenta.shape + (2,))
    for index in np.ndindex(momenta.shape):
        k, m = momenta[index] / temperature, mass / temperature
        width[index] = sum(boson_exchange(boson, k, m, nodes, weights) for boson in bosons)
    return temperature * width
