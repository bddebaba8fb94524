"""Production of sterile neutrinos as the papers write it, integral by integral in GeV: slow, and nothing shared.

arXiv:1910.04901, eqs. (2)-(7), and arXiv:2005.03681, eqs. (2.5)-(2.8), (3.3)-(3.6); scalar and neutrinophilic vector,
set-up `paper`.  No variables are scaled out, no tables, no narrow-width expansion.
"""

import numpy as np
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

G_F, M_PLANCK = 1.1663787e-5, 1.22089e19
M_W, M_Z = 80.379, 91.1876
G_STAR = 10.75


def width(kind, mass, coupling):
    return coupling**2 * mass / {"scalar": 32 * np.pi, "neutrinophilic": 24 * np.pi}[kind]


def cross_section(kind, s, mass, coupling):
    """Sum over scattering on neutrinos and on antineutrinos [GeV^-2]."""
    m2, g4 = mass**2, coupling**4
    pole = (s - m2) ** 2 + m2 * width(kind, mass, coupling) ** 2
    log = np.log1p(s / m2)
    if kind == "scalar":
        s_channel = g4 / (32 * np.pi) * s / pole
        if s < 1e-2 * m2:  # the bracket cancels to y^3/3 - y^4/2 + 3 y^5/5
            y = s / m2
            bracket = m2 * y**3 * (1 / 3 - y / 2 + 3 * y**2 / 5 - 2 * y**3 / 3)
        else:
            bracket = s + m2 * s / (s + m2) - 2 * m2 * log
        return s_channel + g4 / (16 * np.pi * s**2) * bracket
    same = g4 / (4 * np.pi * m2) * (s / (s + m2) + 2 * m2 / (s + 2 * m2) * log)
    bracket = s**2 / m2 - 4 * m2 + 4 * (m2**2 - s**2) / s * log + 10 * s / 3
    return same + g4 / (4 * np.pi * pole) * bracket


def scattering_rate(kind, energy, temperature, mass, coupling, velocity="paper"):
    """(3.6) with n_G = 1 [GeV]: over the target's energy, and over s in place of the angle."""
    gamma = width(kind, mass, coupling)

    def inner(q):
        highest = 4 * energy * q

        def over_s(s):
            v = np.sqrt(s / (energy * q)) if velocity == "paper" else s / (2 * energy * q)
            return cross_section(kind, s, mass, coupling) * v / (2 * energy * q)

        edges = [1e-6 * mass**2, 0.1 * mass**2, 0.5 * mass**2, 0.9 * mass**2]
        edges += [mass**2 + k * mass * gamma for k in (-100, -10, 0, 10, 100)]
        edges += [1.1 * mass**2, 2 * mass**2, 10 * mass**2, 100 * mass**2]
        edges = [0.0, *sorted(e for e in edges if 0 < e < highest), highest]
        return sum(quad(over_s, a, b, epsrel=1e-7, limit=200)[0] for a, b in zip(edges, edges[1:], strict=False))

    threshold = mass**2 / (4 * energy)
    edges = [0.0, *sorted({threshold, 1.0001 * threshold, 1.1 * threshold, temperature, 5 * temperature})]
    edges = [e for e in edges if e < 40 * temperature] + [40 * temperature]

    def outer(q):
        return q**2 / (np.exp(q / temperature) + 1) * inner(q) / (4 * np.pi**2)

    return sum(quad(outer, a, b, epsrel=1e-5, limit=60)[0] for a, b in zip(edges, edges[1:], strict=False))


def potential(kind, energy, temperature, mass, coupling):
    """(7), (3.3) with the overall minus sign that their own limits need [GeV]."""

    def l_1(p):
        return np.log(abs((4 * p * energy + mass**2) / (4 * p * energy - mass**2)))

    def integrand(p):
        w = np.hypot(p, mass)
        boson = mass**2 * p / (2 * w) * _l_2(p, w, energy, mass) - 4 * energy * p**2 / w
        fermion = mass**2 / 2 * l_1(p) - 4 * energy * p
        return boson / np.expm1(w / temperature) + fermion / (np.exp(p / temperature) + 1)

    singular = [mass**2 / (4 * energy), abs(energy - mass**2 / (4 * energy))]
    highest = 50 * temperature
    edges = [0.0, *sorted(p for p in singular if p < highest), highest]
    total = sum(quad(integrand, a, b, epsrel=1e-9, limit=400)[0] for a, b in zip(edges, edges[1:], strict=False))
    factor = {"scalar": 1.0, "neutrinophilic": 2.0}[kind]
    return -factor * coupling**2 / (16 * np.pi**2 * energy**2) * total


def _l_2(p, w, energy, mass):
    above = (2 * p * energy + 2 * energy * w + mass**2) * (2 * p * energy - 2 * energy * w + mass**2)
    below = (-2 * p * energy + 2 * energy * w + mass**2) * (-2 * p * energy - 2 * energy * w + mass**2)
    return np.log(abs(above / below))


def hubble(temperature):
    return np.sqrt(8 * np.pi**3 * G_STAR / 90) * temperature**2 / M_PLANCK


def occupation(x, m_4, sin2, kind="none", mass=0.0, coupling=0.0, velocity="paper", n_temperatures=60):
    """f_s(x) of a muon neutrino: (2.8) by adaptive steps, rate and potential splined in ln T."""
    t = np.geomspace(1e-4, 10.0, n_temperatures)
    gamma = 0.92 * G_F**2 * x * t**5
    shift = -3.72 * G_F * x * t**5 * (2 / M_W**2 + 1 / M_Z**2)
    # The potential of the mediator, over a power that it follows at both ends, is smooth enough for a spline.
    follows = t * (t / (mass + t)) ** 4
    ratio = np.zeros_like(t)
    if kind != "none":
        gamma = gamma + [scattering_rate(kind, x * v, v, mass, coupling, velocity) for v in t]
        ratio = np.array([potential(kind, x * v, v, mass, coupling) for v in t]) / follows
    ln_t = np.log(t)
    ln_rate, ratio = CubicSpline(ln_t, np.log(gamma)), CubicSpline(ln_t, ratio)
    weak = CubicSpline(ln_t, shift / t**5)

    def integrand(u):
        temperature = np.exp(u)
        g = np.exp(ln_rate(u))
        v = weak(u) * temperature**5 + ratio(u) * temperature * (temperature / (mass + temperature)) ** 4
        delta = m_4**2 / (2 * x * temperature)
        denominator = delta**2 * sin2 + g**2 / 4 + (delta * np.sqrt(1 - sin2) - v) ** 2
        return g / (4 * hubble(temperature)) * delta**2 * sin2 / denominator

    edges = np.linspace(ln_t[0], ln_t[-1], 40)
    total = sum(quad(integrand, a, b, epsrel=1e-7, limit=200)[0] for a, b in zip(edges, edges[1:], strict=False))
    return total / (np.exp(x) + 1)
