"""Partial widths of known particles into neutrinos and a light mediator, at tree level.

The mediator couples to one flavour of neutrinos:

    vector   L = lam (1 + h/v)^2 nubar gamma^mu P_L nu V_mu     eq. (3.1) of arXiv:2005.03681 [KSTZ], in unitary gauge
    scalar   L = (lam/2) nu nu phi + h.c.                       eq. (2) of arXiv:1910.04901 [DSTZ], phi complex

In h -> nu nubar V, W -> mu nu V and M -> mu nu V the current that V couples to is not conserved: the widths grow like
1/m_V^2 for a light V, whose longitudinal part is a Goldstone boson.  The currents in Z -> nu nubar V and in all decays
into phi do not do that; those widths grow with the logarithm of the mass at most.

[KSTZ] prints (3.19) and (3.20) with G_F^2 where the dimension asks for G_F, and 1 - w in place of 1 - 8w.  All widths
here are derived from L; the tests integrate the matrix elements, as explicit traces, over phase space.  V and phi decay
into neutrinos, so that what one sees is missing energy.

Widths are functions of (mass [GeV], coupling), arrays that broadcast, zero where the decay is closed.  The mass
is above zero: but for `z_invisible_shift` they have no limit there.  Close to the
threshold the closed forms cancel: 1 % below it they have lost all but a few digits.

Not covered: h and W into phi; the interference of mediators radiated from other flavours.
"""

import math

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import spence

from hpc_nu.plasma import standard_model as sm
from hpc_nu.units import FERMI_CONSTANT

CHARGED_PION, CHARGED_KAON = sm.MESONS[:2]
CHARGED_PION_LIFETIME, CHARGED_KAON_LIFETIME = 2.6033e-8, 1.2380e-8
"""[s]; [PDG] Workman et al., Prog. Theor. Exp. Phys. 2022, 083C01."""
MUON_MASS = sm.CHARGED_LEPTON_MASSES[1]

Z_TO_NEUTRINOS = FERMI_CONSTANT * sm.Z_MASS**3 / (12 * math.sqrt(2) * math.pi)
"""Tree-level width of Z -> nu nubar, one flavour [GeV]."""

_LIGHTEST = 1e-20  # squared ratio of masses below which the limit without a mass is reached

_NODES, _WEIGHTS = leggauss(48)  # 1e-10 of the width of a meson for mediators above 1 MeV, 1e-6 above 1 keV


# ---- shapes: functions of the squared ratio of masses, 0 from 1 on


def _open(shape):
    """The shape below threshold, where rounding must not make it negative, and zero above."""

    def bounded(ratio):
        ratio = np.asarray(ratio, dtype=float)
        below = np.clip(ratio, 1e-300, 1.0)
        return np.where(ratio < 1, np.maximum(shape(below, np.log(below)), 0.0), 0.0)

    bounded.__doc__ = shape.__doc__
    return bounded


@_open
def contact_shape(h, log):
    """P(h) = 1 + 12 h^2 (6 + (3 + 4h) ln h) - 64 h^3 - 9 h^4: a contact of two neutrinos and V, (3.19) of [KSTZ]."""
    return 1 + h * h * (72 + (36 + 48 * h) * log - h * (64 + 9 * h))


@_open
def w_shape(w, log):
    """Q(w) = 1 - 8w - 12 w^2 ln w + 8 w^3 - w^4: V radiated in the decay of a W; (3.20) of [KSTZ], corrected."""
    return 1 - w * (8 + w * (12 * log - w * (8 - w)))


@_open
def meson_scalar_shape(r, log):
    """S(r) = 1 + 9r - 9r^2 - r^3 + 6r(1 + r) ln r: a scalar radiated in the decay of a meson, massless lepton."""
    return 1 + r * (9 + 6 * (1 + r) * log - r * (9 + r))


@_open
def z_vector_shape(r, log):
    """5(1 - r^2) + (3 + 4r + 3r^2) ln r + (1 + r)^2 [ln^2 r - 4 ln r ln(1 + r) - 4 Li2(-r) - pi^2/3].

    The real emission of a massive vector by a pair of massless fermions; ln^2 r + 3 ln r + 5 - pi^2/3 for r -> 0.
    """
    return 5 * (1 - r * r) + (3 + r * (4 + 3 * r)) * log + (1 + r) ** 2 * _double_logarithm(r, log)


@_open
def z_scalar_shape(r, log):
    """-22/3 - 10r + 18r^2 - 2r^3/3 - (2 + 16r + 6r^2) ln r - 2r^2 [ln^2 r - 4 ln r ln(1 + r) - 4 Li2(-r) - pi^2/3]."""
    polynomial = -22 / 3 - r * (10 - r * (18 - 2 * r / 3))
    return polynomial - (2 + r * (16 + 6 * r)) * log - 2 * r * r * _double_logarithm(r, log)


def _double_logarithm(r, log):
    """2 int dx dy/(x y) over the Dalitz plot of masses (0, 0, r), in units of the parent's mass."""
    return log**2 - 4 * log * np.log1p(r) - 4 * spence(1 + r) - math.pi**2 / 3  # spence(z) = Li2(1 - z)


# ---- widths


HIGGS_VERTICES = {"operator": 2.0, "printed": 1.0}
"""The vertex h nubar nu V in units of lam/v: that of the operator (3.1), whose two doublets are (v + h)^2, and what is
written below (3.19) of [KSTZ], with 1/4 of the width.  That the HL-LHC covers what is left of 50 keV dark matter near
100 MeV, sec. III B there, is true of the former alone."""


def higgs_to_vector(mass, coupling, vertex="operator"):
    """h -> nu nubar V: a^2 lam^2 G_F m_h^5/(3072 sqrt2 pi^3 m_V^2) P(m_V^2/m_h^2), a of `HIGGS_VERTICES`.

    (3.19) of [KSTZ], with one G_F, has a = 1.
    """
    constant = HIGGS_VERTICES[vertex] ** 2 * FERMI_CONSTANT * sm.HIGGS_MASS**5 / (3072 * math.sqrt(2) * math.pi**3)
    return constant * (coupling / mass) ** 2 * contact_shape((mass / sm.HIGGS_MASS) ** 2)


def w_to_vector(mass, coupling):
    """W -> l nu V, massless l: lam^2 G_F m_W^5/(512 sqrt2 pi^3 m_V^2) Q(m_V^2/m_W^2); (3.20) of [KSTZ] with one G_F."""
    constant = FERMI_CONSTANT * sm.W_MASS**5 / (512 * math.sqrt(2) * math.pi**3)
    return constant * (coupling / mass) ** 2 * w_shape((mass / sm.W_MASS) ** 2)


def z_to_vector(mass, coupling):
    """Z -> nu nubar V: Gamma(Z -> nu nubar) lam^2/(8 pi^2) `z_vector_shape`(m_V^2/m_Z^2).

    V couples to the conserved neutrino current, so that there is no 1/m_V^2.  The double logarithm of a light V
    cancels against the loop of `z_invisible_shift`.
    """
    return Z_TO_NEUTRINOS * coupling**2 / (8 * math.pi**2) * z_vector_shape((mass / sm.Z_MASS) ** 2)


def z_invisible_shift(mass, coupling):
    """Change of Gamma(Z -> invisible) by a vector to order lam^2: `z_to_vector` and the loop in Z -> nu nubar.

    The loop is Gamma(Z -> nu nubar) lam^2/(8 pi^2) Re Lambda, with w = m_V^2/(m_Z^2 + i0) and the renormalised vertex

        Lambda = -7/2 - 2w - (2w + 3) ln(-w) + 2 (1 + w)^2 [Li2(1 + 1/w) - pi^2/6]

    of massless fermions (Hollik, Fortschr. Phys. 38 (1990) 165, function Lambda_2).  The logarithms cancel: the shift
    is 3 lam^2/(16 pi^2) Gamma(Z -> nu nubar) for m_V << m_Z, also at m_V = 0, as for photons of quarks and leptons.
    Above m_Z the loop alone is left; good to 1e-6 up to 1 TeV, where its terms begin to cancel.
    """
    w = np.maximum((np.asarray(mass, dtype=float) / sm.Z_MASS) ** 2, _LIGHTEST)
    log = np.log(w)
    # Re Li2(1 + 1/w) by reflection at x = 1: pi^2/6 - ln(1 + 1/w) ln(1/w) - Li2(-1/w), then inverted: Li2(-w) is small.
    dilogarithm = math.pi**2 / 6 + np.log1p(1 / w) * log + math.pi**2 / 6 + log**2 / 2 + spence(1 + w)
    loop = -3.5 - 2 * w - (2 * w + 3) * log + 2 * (1 + w) ** 2 * (dilogarithm - math.pi**2 / 6)
    return Z_TO_NEUTRINOS * coupling**2 / (8 * math.pi**2) * (z_vector_shape(w) + loop)


def z_to_scalar(mass, coupling):
    """Z -> nu nu phi* and nubar nubar phi: Gamma(Z -> nu nubar) lam^2/(32 pi^2) `z_scalar_shape`(m_phi^2/m_Z^2).

    The two diagrams add up with the sign of identical particles.  Not in it: the loop in Z -> nu nubar.  It takes away
    the logarithm of m_phi (arXiv:2407.12738) and, since phi carries a charge that the Z sees, leaves that of a cutoff.
    """
    return Z_TO_NEUTRINOS * coupling**2 / (32 * math.pi**2) * z_scalar_shape((mass / sm.Z_MASS) ** 2)


def meson_to_vector(mass, coupling, meson, lepton_mass=MUON_MASS):
    """M+ -> l+ nu V, radiated from the neutrino.

    With p = l + N the momentum of the meson, N that of the virtual neutrino, s = N^2, the amplitude is
    sqrt2 G_F V f lam eps*_mu ubar gamma^mu P_L (1 - m_l Nslash/s) v, and after averaging over the angles in N -> nu V

        Gamma = lam^2 G_F^2 V^2 f^2/(256 pi^3 M^3) int ds sqrt(K(M^2, m_l^2, s)) A(s)/s^2 E(s)
        A     = (s + m_l^2)(M^2 - m_l^2) - s^2 + 3 m_l^2 s,     E = (s - m_V^2)^2 (s + 2 m_V^2)/(s m_V^2)

    over s from m_V^2 to (M - m_l)^2.  For m_l = 0: lam^2 G_F^2 V^2 f^2 M^5/(3072 pi^3 m_V^2) P(m_V^2/M^2).

    Parameters
    ----------
    mass, coupling : float or array
        m_V [GeV] > 0 and lam.
    meson : `standard_model.Meson`
        A charged pseudoscalar.
    lepton_mass : float [GeV]

    Returns
    -------
    array [GeV]
    """
    if lepton_mass == 0:
        constant = FERMI_CONSTANT**2 * meson.coupling * meson.mass**5 / (3072 * math.pi**3)
        return constant * (coupling / mass) ** 2 * contact_shape((mass / meson.mass) ** 2)
    return coupling**2 * _meson_width(mass, meson, lepton_mass, lambda s, m2: (s - m2) ** 2 * (s + 2 * m2) / (s * m2))


def meson_to_scalar(mass, coupling, meson, lepton_mass=MUON_MASS):
    """M+ -> l+ nubar phi*, radiated from the neutrino; parameters and result as for `meson_to_vector`.

    The amplitude is sqrt2 G_F V f lam ubar P_L (1 - m_l Nslash/s) v: the integral of `meson_to_vector` with
    E = (s - m_phi^2)^2/s.  For m_l = 0: lam^2 G_F^2 V^2 f^2 M^3/(768 pi^3) S(m_phi^2/M^2).  The process is that of
    arXiv:1802.00009.
    """
    if lepton_mass == 0:
        constant = FERMI_CONSTANT**2 * meson.coupling * meson.mass**3 / (768 * math.pi**3)
        return constant * coupling**2 * meson_scalar_shape((mass / meson.mass) ** 2)
    return coupling**2 * _meson_width(mass, meson, lepton_mass, lambda s, m2: (s - m2) ** 2 / s)


def _meson_width(mass, meson, lepton_mass, emission):
    """The integral over s, with s = (M - m_l)^2/cosh^2 y: logarithmic below, without the square root's end above."""
    end = meson.mass - lepton_mass
    m = np.asarray(mass, dtype=float)[..., np.newaxis]
    y_end = np.arccosh(np.maximum(end / m, 1.0))  # 0 where closed
    y = y_end / 2 * (1 + _NODES)
    s = np.where(y_end > 0, (end / np.cosh(y)) ** 2, meson.mass**2)  # any number where closed
    big, small = meson.mass**2, lepton_mass**2
    # sqrt(K) ds = 2 (M - m_l) tanh^2 y sqrt((M + m_l)^2 - s) s dy
    measure = y_end * end * np.tanh(y) ** 2 * np.sqrt((meson.mass + lepton_mass) ** 2 - s) * s
    leptonic = (s + small) * (big - small) - s**2 + 3 * small * s
    constant = FERMI_CONSTANT**2 * meson.coupling / (256 * math.pi**3 * meson.mass**3)
    return constant * np.sum(_WEIGHTS * measure * leptonic / s**2 * emission(s, m**2), axis=-1)
