"""Decay widths of a sterile neutrino in vacuum, per unit mixing |U_a|^2 with the active flavour a; in GeV.

All are *Dirac-like* (N -> X only, no charge conjugates): a Majorana N decays at twice the sum.  The retarded
self-energy of an active neutrino at K^2 = M^2 in vacuum is i Kslash times a constant, so that these widths fix

    Gamma_h(T = 0) = (2 Gamma_Dirac/M) (E + h k),        h = -1, +1,

with U = 1: the limit of `fermi_theory.active_neutrino_width` for M >> T.

Sources: [BBGR] Bondarenko, Boyarsky, Gorbunov and Ruchayskiy, arXiv:1805.08567: sec. 3.1.1 (charged current), 3.1.2
(neutral current and interference), 3.2.1 (one meson), 3.2.2 (into quarks).

In all functions `flavour` is 0, 1, 2 for e, mu, tau, and masses are in GeV.  Not covered: states of several mesons
below M ~ 1.5 GeV other than through the rho.
"""

import math
from functools import cache

import numpy as np

from hpc_nu.plasma import standard_model as sm

_STRONG_COUPLING_AT_Z = 0.1180  # PDG 2022
# Masses from which on a quark opens a channel: half of the lightest meson pair, rather than the current mass.
_UP_THRESHOLDS = (0.14, 1.87)
_DOWN_THRESHOLDS = (0.14, 0.5, 5.28)
_MESONS_ONLY_BELOW, _QUARKS_ONLY_ABOVE = 1.0, 1.5  # mass of the sterile neutrino


def helicity_widths(dirac_width, momentum, mass):
    """(..., 2) array [GeV]: the contribution of a vacuum width to Gamma_h, h = -1, +1.

    Parameters
    ----------
    dirac_width, mass : float [GeV]
    momentum : array [GeV]
    """
    energy = np.sqrt(momentum**2 + mass**2)
    difference = mass**2 / (energy + momentum)
    return 2 * dirac_width / mass * np.stack([difference, energy + momentum], axis=-1)


def boson_propagator_factor(mass):
    """1 + (3/5) M^2/m_W^2: the first effect of the W propagator on a decay width, as in that of the muon."""
    return 1 + 0.6 * (mass / sm.W_MASS) ** 2


def massless_width(mass):
    """G_F^2 M^5/(192 pi^3): three massless fermions through one left-left vertex; also N -> 3 neutrinos in all."""
    return sm.FERMI_CONSTANT**2 * mass**5 / (192 * math.pi**3)


def charged_current_width(mass, first, second, third):
    """N -> three distinct fermions of the given masses through a W: [BBGR] sec. 3.1.1, without colours and |V|^2.

    N -> l_a u dbar, and N -> l_a nu l_b (a != b).  Symmetric in the three masses.
    """
    if mass <= first + second + third:
        return 0.0
    x_u, x_d, x_l = sorted((first / mass, second / mass, third / mass))  # any order; this one is the smoothest
    low, high = (x_d + x_l) ** 2, (1 - x_u) ** 2
    t, w = np.polynomial.legendre.leggauss(200)
    t, w = (t + 1) / 2, w / 2
    s = low + (high - low) * t**2 * (3 - 2 * t)  # clustered: square roots at both ends
    weight = (high - low) * 6 * t * (1 - t) * w
    roots = np.sqrt(np.maximum(_kallen(s, x_l**2, x_d**2) * _kallen(1.0, s, x_u**2), 0.0))
    shape = 12 * np.sum(weight / s * (s - x_l**2 - x_d**2) * (1 + x_u**2 - s) * roots)
    return massless_width(mass) * shape


def neutral_current_width(mass, fermion_mass, left, right):
    """N -> nu_a f fbar: [BBGR] sec. 3.1.2, with C_1 = left^2 + right^2 and C_2 = left right; without colours.

    For f = l_a the charged current adds 1 to `left` (Fierz identity).
    """
    x = fermion_mass / mass
    if 2 * x >= 1:
        return 0.0
    root = math.sqrt(1 - 4 * x**2)
    # L = ln{[1 - 3x^2 - (1 - x^2) root]/[x^2 (1 + root)]} as printed loses all digits at small x; multiplied through
    # with 1 - 3x^2 + (1 - x^2) root, the difference becomes 4 x^6.
    log = math.log(4 * x**4 / ((1 + root) * (1 - 3 * x**2 + (1 - x**2) * root))) if x > 0 else 0.0
    same = (1 - 14 * x**2 - 2 * x**4 - 12 * x**6) * root + 12 * x**4 * (x**4 - 1) * log
    mixed = x**2 * (2 + 10 * x**2 - 12 * x**4) * root + 6 * x**4 * (1 - 2 * x**2 + 2 * x**4) * log
    return massless_width(mass) * ((left**2 + right**2) * same + 4 * left * right * mixed)


def leptonic_width(flavour, mass):
    """All decays into leptons: three neutrinos, nu_a l l, and l_a nu l_b for b != a."""
    total = massless_width(mass)
    for b, lepton in enumerate(sm.CHARGED_LEPTON_MASSES):
        left, right = sm.CHARGED_LEPTON_CURRENT
        total += neutral_current_width(mass, lepton, left + (b == flavour), right)
        if b != flavour:
            total += charged_current_width(mass, sm.CHARGED_LEPTON_MASSES[flavour], lepton, 0.0)
    return total


def meson_width(mass, lepton_mass, meson):
    """N -> lepton + meson ([BBGR] sec. 3.2.1) for a `standard_model.Meson`; `lepton_mass` 0 with a neutral one."""
    x, y = lepton_mass / mass, meson.mass / mass
    if x + y >= 1:
        return 0.0
    if meson.vector:
        shape = (1 - x**2) ** 2 + y**2 * (1 + x**2) - 2 * y**4
    else:
        shape = (1 - x**2) ** 2 - y**2 * (1 + x**2)
    shape *= math.sqrt(max(_kallen(1.0, x**2, y**2), 0.0))  # rounding at the threshold
    return sm.FERMI_CONSTANT**2 * meson.coupling * mass**3 / (16 * math.pi) * shape


def mesonic_width(flavour, mass):
    """All decays into a lepton and one of `standard_model.MESONS`."""
    lepton = sm.CHARGED_LEPTON_MASSES[flavour]
    return sum(meson_width(mass, lepton if meson.charged else 0.0, meson) for meson in sm.MESONS)


@cache
def quark_width(flavour, mass):
    """Decays into quarks with constituent thresholds and the QCD correction of hadronic tau decays.

    Crude: 10-20 % between M = 1 and 3 GeV (thresholds, and the size of the last known orders).  Zero below 1 GeV, where
    alpha_s diverges and there are mesons.
    """
    if mass < _MESONS_ONLY_BELOW:
        return 0.0
    x_l = sm.CHARGED_LEPTON_MASSES[flavour] / mass
    shape = 0.0
    for current, thresholds in (
        (sm.UP_QUARK_CURRENT, _UP_THRESHOLDS),
        (sm.DOWN_QUARK_CURRENT, _DOWN_THRESHOLDS),
    ):
        for threshold in thresholds:
            shape += (current.left**2 + current.right**2) * max(1 - 4 * (threshold / mass) ** 2, 0.0) ** 2.5
    for up, row in zip(_UP_THRESHOLDS, sm.CKM, strict=True):
        for down, element in zip(_DOWN_THRESHOLDS, row, strict=True):
            shape += element**2 * _one_massive_product(max(x_l, up / mass, down / mass))
    return sm.N_COLOURS * massless_width(mass) * shape * qcd_factor(mass)


def qcd_factor(mass):
    """1 + a + 5.2 a^2 + 26.4 a^3, a = alpha_s(M)/pi: Gorishnii, Kataev and Larin, Phys. Lett. B 259 (1991) 144."""
    a = strong_coupling(mass) / math.pi
    return 1 + a + 5.2 * a**2 + 26.4 * a**3


def quark_fraction(mass):
    """Share of the quark picture in the hadronic width: 0 below M = 1 GeV, 1 above 1.5 GeV, linear between.

    `mass` : float or array [GeV]
    """
    return np.clip((mass - _MESONS_ONLY_BELOW) / (_QUARKS_ONLY_ABOVE - _MESONS_ONLY_BELOW), 0.0, 1.0)


@cache
def total_width(flavour, mass):
    """All decays, with the first effect of the W and Z propagators: the T = 0 limit of `fermi_theory`."""
    fraction = float(quark_fraction(mass))
    total = leptonic_width(flavour, mass)
    if fraction < 1:
        total += (1 - fraction) * mesonic_width(flavour, mass)
    if fraction > 0:
        total += fraction * quark_width(flavour, mass)
    return total * boson_propagator_factor(mass)


@cache
def strong_coupling(scale):
    """alpha_s at `scale` [GeV] > 0.8 with two-loop running from m_Z and 3 to 5 quarks."""
    alpha, start = _STRONG_COUPLING_AT_Z, math.log(sm.Z_MASS)
    for n_quarks, stop in ((5, sm.DOWN_QUARK_MASSES[2]), (4, sm.UP_QUARK_MASSES[1]), (3, 0.0)):
        end = math.log(max(stop, scale))
        alpha = _run_coupling(alpha, end - start, n_quarks)
        start = end
        if scale >= stop:
            break
    return alpha


def _run_coupling(alpha, log_ratio, n_quarks):
    """Integrate d alpha/d ln mu = -2 alpha^2 (b_0 + b_1 alpha) over `log_ratio`."""
    b_0 = (33 - 2 * n_quarks) / (12 * math.pi)
    b_1 = (153 - 19 * n_quarks) / (24 * math.pi**2)

    def slope(a):
        return -2 * a**2 * (b_0 + b_1 * a)

    n_steps = 64
    h = log_ratio / n_steps
    for _ in range(n_steps):
        k1 = slope(alpha)
        k2 = slope(alpha + h / 2 * k1)
        k3 = slope(alpha + h / 2 * k2)
        alpha += h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(alpha + h * k3))
    return alpha


def _one_massive_product(x):
    """Width into one massive (x = m/M) and two massless fermions, over that into massless ones."""
    if x >= 1:
        return 0.0
    return 1 - 8 * x**2 + 8 * x**6 - x**8 - 12 * x**4 * math.log(x**2)


def _kallen(a, b, c):
    return a**2 + b**2 + c**2 - 2 * (a * b + b * c + c * a)
