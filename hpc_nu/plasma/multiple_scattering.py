"""N <-> lepton + Higgs with any number of soft scatterings, 1 + n <-> 2 + n: Landau-Pomeranchuk-Migdal resummation.

All in units of T.  A heavy neutrino (E, k) with M << T and a lepton and scalar with thermal masses are collinear, and
while they separate the plasma scatters them about.  With p and q = E - p the lepton's and scalar's momentum, of either
sign (p < 0: antilepton, q < 0: scalar in the initial state), the pair's wave function in the impact-parameter plane
obeys (Anisimov, Besak and Boedeker, arXiv:1012.3784; with fermion-number violation apart, arXiv:1703.06087)

    (m^2 - Laplace - i beta Gamma(y)) g = delta(y),        the same for f with -grad delta(y),
    m^2 = (q m_l^2 + p m_phi^2)/E - M^2 p q/E^2,           beta = |2pq/E|,
    gamma_c = (E+k)/(2E)     1/(4pi) int dp [1 - n_F(p) + n_B(q)] beta F/(p^2 q),      F = Im div f(0),
    gamma_v = M^2/[2E (E+k)] 1/pi    int dp [1 - n_F(p) + n_B(q)] beta G/q,            G = Im g(0).

G and F follow from a flux.  Let w decay at infinity and w_l -> -ln y (l = 0), 1/y (l = 1) at the origin, with
w'' + w'/y - l^2 w/y^2 = (m^2 - i beta Gamma) w.  What flows in at y = 0 is absorbed by Gamma:

    G = beta/(2pi) int y dy Gamma |w_0|^2,       F = the same with w_1.

Both are positive by construction.  (Integrals over the inverse square of the regular solution, as in the literature,
have spikes where m^2 < 0.)  Without scattering G = theta(-m^2)/4, F = -m^2 theta(-m^2)/4: the collinear Born term.
"""

import math

import numpy as np

from hpc_nu.compiled import compiled

TOLERANCE = 0.25
"""Longest step in the phase of w; errors of G and F fall with its fourth power, 1e-4 here."""

N_NODES = 12
"""Gauss-Legendre nodes per piece of the integral over p: 1e-4 for k > 0.5 T, 1e-2 at 0.1 T."""

DEPTH = 12.0  # w has fallen by e^-12 where the integration starts
NEAR, FAR = 6.0, 40.0  # lengths of the two pieces on either side beyond p = 0 and q = 0
_MAX_STEPS = 1_000_000


@compiled
def screening(x):
    """D(x) = ln(x/2) + gamma_E + K_0(x), x >= 0, to 1e-12; x^2 ln(1/x)/4 for small x."""
    if x <= 0.0:
        return 0.0
    log = math.log(x / 2) + np.euler_gamma
    if x > 9.0:
        term, total = 1.0, 1.0
        for k in range(1, 18):
            term *= -((2 * k - 1) ** 2) / (8 * k * x)
            total += term
        return log + math.sqrt(math.pi / (2 * x)) * math.exp(-x) * total
    # K_0 = -log I_0 + sum H_k z^k/k!^2, I_0 = sum z^k/k!^2
    z = x * x / 4
    term, harmonic, total, k = 1.0, 0.0, 0.0, 0
    while k < 60:
        k += 1
        term *= z / (k * k)
        harmonic += 1.0 / k
        total += term * (harmonic - log)
        if term * k < 1e-17 * total:
            break
    return total


@compiled
def scattering_rate(kernel, y):
    """Gamma(y) of `direct_medium`."""
    total = 0.0
    for i in range(kernel.shape[0]):
        total += kernel[i, 0] * screening(kernel[i, 1] * y)
    return total


@compiled
def absorbed_flux(mass_squared, beta, kernel, tolerance=TOLERANCE):
    """(G, F)/beta [T^-2, 1]; `kernel` of `direct_medium`, `tolerance` the longest step in phase."""
    strength = np.abs(kernel[:, 0]).sum()
    innermost = 1e-3 / math.sqrt(abs(mass_squared) + beta * strength)
    s, depth = math.log(innermost), 0.0
    for _ in range(_MAX_STEPS):
        s += 0.1
        y = math.exp(s)
        depth += 0.1 * y * np.sqrt(complex(mass_squared, -beta * scattering_rate(kernel, y))).real
        if depth > DEPTH:
            break
    # w = 1 and its slope in s = ln y of a decaying wave; then inwards, where it grows.
    y = math.exp(s)
    gamma = scattering_rate(kernel, y)
    v = complex(mass_squared, -beta * gamma)
    w0 = w1 = complex(1.0)
    d0 = d1 = -(np.sqrt(v) * y + 0.5)
    g = f = 0.0
    for _ in range(_MAX_STEPS):
        if y <= innermost:
            break
        h = -min(tolerance / (y * math.sqrt(abs(v))), tolerance / 2)
        y_mid, y_end = y * math.exp(h / 2), y * math.exp(h)
        gamma_mid, gamma_end = scattering_rate(kernel, y_mid), scattering_rate(kernel, y_end)
        a = y * y * v
        b = y_mid**2 * complex(mass_squared, -beta * gamma_mid)
        v = complex(mass_squared, -beta * gamma_end)
        c = y_end**2 * v
        new0, new_d0 = _step(w0, d0, a, b, c, h)
        new1, new_d1 = _step(w1, d1, a + 1, b + 1, c + 1, h)
        left, middle, right = y * y * gamma, y_mid**2 * gamma_mid, y_end**2 * gamma_end
        g -= h / 6 * (left * _norm(w0) + 4 * middle * _norm(_midpoint(w0, d0, new0, new_d0, h)) + right * _norm(new0))
        f -= h / 6 * (left * _norm(w1) + 4 * middle * _norm(_midpoint(w1, d1, new1, new_d1, h)) + right * _norm(new1))
        w0, d0, w1, d1, y, gamma = new0, new_d0, new1, new_d1, y_end, gamma_end
    return g / (2 * math.pi * _norm(d0)), f / (2 * math.pi * _norm(w1 * y))


@compiled
def _step(w, d, a, b, c, h):
    """Fourth-order Runge-Kutta step of w'' = V w, with V = a, b, c at start, middle and end."""
    k1, l1 = d, a * w
    k2, l2 = d + h / 2 * l1, b * (w + h / 2 * k1)
    k3, l3 = d + h / 2 * l2, b * (w + h / 2 * k2)
    k4, l4 = d + h * l3, c * (w + h * k3)
    return w + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), d + h / 6 * (l1 + 2 * l2 + 2 * l3 + l4)


@compiled
def _midpoint(w, d, new_w, new_d, h):
    """Of the cubic through both ends with their slopes."""
    return (w + new_w) / 2 + h / 8 * (d - new_d)


@compiled
def _norm(w):
    return w.real**2 + w.imag**2


@compiled
def _statistics(p, q):
    """1 - n_F(p) + n_B(q)."""
    return 1 / (1 + math.exp(-p)) + 1 / math.expm1(q)


@compiled
def _add_point(p, q, weight, energy, mass, lepton, scalar, kernel, total):
    """Integrands of gamma_c and gamma_v at one p, without the factors in front of the integrals."""
    mass_squared = (q * lepton + p * scalar) / energy - mass**2 * p * q / energy**2
    beta = abs(2 * p * q / energy)
    g, f = absorbed_flux(mass_squared, beta, kernel)
    common = weight * _statistics(p, q) * beta**2 / q
    total[0] += common * f / p**2
    total[1] += common * g


@compiled
def resummed_rates(momentum, mass, lepton_mass_squared, scalar_mass_squared, kernel, nodes, weights):
    """1 + n <-> 2 + n for one complex doublet, all in units of T.

    Parameters
    ----------
    momentum, mass : float
        k > 0 and M >= 0; meaningful for k > M or M > T.
    lepton_mass_squared, scalar_mass_squared : float
        m_l^2 and m_phi^2, not negative.
    kernel : (n, 2) array
        Of `direct_medium`.
    nodes, weights : (N_NODES,) arrays
        Gauss-Legendre on (-1, 1).

    Returns
    -------
    (2,) array
        gamma_c/T and 2E(E+k) gamma_v/(M^2 T): finite for M -> 0.
    """
    energy = math.sqrt(momentum**2 + mass**2)
    half = energy / 2
    total = np.zeros(2)
    for i in range(nodes.size):
        t = (nodes[i] + 1) / 2
        cube, weight = t**3, 3 * t**2 * weights[i] / 2
        # Nodes are dense at p = 0 and q = 0; q is not energy - p, which cancels.
        for length, start in ((NEAR, 0.0), (FAR, NEAR)):
            x, dx = start + length * cube, length * weight
            _add_point(-x, energy + x, dx, energy, mass, lepton_mass_squared, scalar_mass_squared, kernel, total)
            _add_point(energy + x, -x, dx, energy, mass, lepton_mass_squared, scalar_mass_squared, kernel, total)
        x, dx = half * cube, half * weight
        _add_point(x, energy - x, dx, energy, mass, lepton_mass_squared, scalar_mass_squared, kernel, total)
        _add_point(energy - x, x, dx, energy, mass, lepton_mass_squared, scalar_mass_squared, kernel, total)
    total[0] *= (energy + momentum) / (2 * energy) / (4 * math.pi)
    total[1] /= math.pi
    return total
