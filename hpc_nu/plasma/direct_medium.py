"""What lepton and Higgs doublets feel in a hot plasma: masses, transverse scattering kernel, thresholds.

All in units of T, couplings of `running_couplings` at mu = pi T (or another multiple).  Asymptotic thermal masses of
the lepton doublet and of the scalars, and Debye masses, as in arXiv:1202.1288 and arXiv:1403.2776:

    m_l^2 = (g1^2 + 3 g2^2)/16,     m_phi^2 = c_T - m_H^2/(2T^2),     c_T = (g1^2 + 3 g2^2 + 4 y^2 + 8 lambda)/16,
    m_1^2 = 11/6 g1^2,              m_2^2 = 11/6 g2^2.

m_phi^2 vanishes at T = 152 GeV.  With a crossover put in by hand ("lattice") it is c_T [1 - (T_c/T)^2].  In the
impact-parameter plane, with D(x) = ln(x/2) + gamma_E + K_0(x), lepton and scalar are scattered apart at the rate

    Gamma(y) = sum_i a_i D(m_i y),        (1/8pi) [g1^2 D(m_1 y) + 3 g2^2 D(m_2 y)] in the symmetric phase.

Below T_c (our own continuation, in Feynman gauge, of what arXiv:1703.06087 does for Higgs-phase masses): the four real
scalars h, Z, W, W get (m_h, m_Z, m_W) v/V on top of max(m_phi^2, 0), and Gamma is the difference of static propagators
of magnetic (mass from v) and electric gauge fields (v and Debye, with B-W3 mixing), w = v/T, s^2 = g1^2/(g1^2 + g2^2):

    Gamma(y) = -(1/2pi) sum_i c_i [ln m_i + K_0(m_i y)],     sum_i c_i = 0.

Scattering gets fewer partners: f_B = (2 f_B(m_W) + f_B(m_Z))/3 and f_F(m_t), thermal mass integrals over their
massless values, enter as S_g = 1/3 + 2/3 (0.9 f_B + 0.1) and S_t = f_F.  These two are estimates: 13 % of gamma_c at
131 GeV, 4 % at 150 GeV.

Not covered: higher orders in g (10-20 %), the shape of the crossover; mu = 2 pi T in place of pi T moves gamma_c by 2 %
and gamma_v by 10 % at 200 GeV and 50 % at 160 GeV, through m_phi.
"""

import math
from typing import NamedTuple

import numpy as np

from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.gauge_propagators import thermal_mass_factor
from hpc_nu.plasma.higgs import CROSSOVERS, VACUUM_MASSES, higgs_expectation_value
from hpc_nu.plasma.running_couplings import running_couplings

DEFAULT_SCALE = math.pi
"""mu/T."""

_SCALARS = (("h", 1 / 4), ("Z", 1 / 4), ("W", 1 / 2))
NO_VEV = 1e-3  # v/T below which masses from v change nothing at the level of 1e-5
ELECTRIC_SHARE = 0.9  # of the gauge reactions, which have a W or Z in the initial or final state; the rest has a photon


class Medium(NamedTuple):
    """A plasma at one temperature, units of T.

    Attributes
    ----------
    gauge : float
        g1^2 + 3 g2^2.
    top_squared : float
        y_t^2.
    lepton_mass_squared : float
        m_l^2, asymptotic.
    scalars : tuple of (float, float)
        Weight and squared mass of each kind of real scalar; weights add up to one.
    kernel : (n, 2) array
        a_i and m_i of Gamma(y).
    gauge_scattering, top_scattering : float
        S_g and S_t.
    """

    gauge: float
    top_squared: float
    lepton_mass_squared: float
    scalars: tuple
    kernel: np.ndarray
    gauge_scattering: float
    top_scattering: float


def medium(temperature, crossover="leading_order", scale=DEFAULT_SCALE):
    """`Medium` at a temperature [GeV]; `crossover` one of `higgs.CROSSOVERS`, `scale` mu/T."""
    g1, g2, top, quartic = couplings = running_couplings(scale * temperature)
    vev = float(higgs_expectation_value(temperature, crossover)) / temperature
    symmetric = vev < NO_VEV
    phi = max(scalar_mass_squared(temperature, couplings, crossover), 0.0)
    if symmetric:
        scalars = ((1.0, phi),)
    else:
        scalars = tuple((weight, phi + (vev * _mass_over_vev(name)) ** 2) for name, weight in _SCALARS)
    left = share_left(vev)
    bosons = (2 * left["W"] + left["Z"]) / 3
    return Medium(
        gauge=g1 + 3 * g2,
        top_squared=top,
        lepton_mass_squared=(g1 + 3 * g2) / 16,
        scalars=scalars,
        kernel=symmetric_kernel(g1, g2) if symmetric else broken_kernel(g1, g2, vev),
        gauge_scattering=1 / 3 + 2 / 3 * (ELECTRIC_SHARE * bosons + 1 - ELECTRIC_SHARE),
        top_scattering=left["t"],
    )


def potential_factor(temperature, crossover="leading_order"):
    """What the masses of h, Z and W leave of h_c = T^2/(8E): 1/3 (leptons) + 2/3 of the mean of f_B."""
    left = share_left(float(higgs_expectation_value(temperature, crossover)) / temperature)
    return 1 / 3 + 2 / 3 * sum(weight * left[name] for name, weight in _SCALARS)


def share_left(vev):
    """f_B of h, Z and W, f_F of the top quark, by name, at v/T = `vev`: thermal mass integrals over massless ones."""
    if vev < NO_VEV:
        return dict.fromkeys(("h", "Z", "W", "t"), 1.0)
    return {p: thermal_mass_factor(vev * _mass_over_vev(p), -1.0 if p == "t" else 1.0) for p in ("h", "Z", "W", "t")}


def _mass_over_vev(particle):
    return VACUUM_MASSES[particle] / sm.ELECTROWEAK_VEV


def scalar_mass_squared(temperature, couplings, crossover="leading_order"):
    """m_phi^2/T^2, negative in the broken phase."""
    g1, g2, top, quartic = couplings
    thermal = (g1 + 3 * g2 + 4 * top + 8 * quartic) / 16
    if crossover == "leading_order":
        return thermal - (sm.HIGGS_MASS / temperature) ** 2 / 2
    return thermal * (1 - (CROSSOVERS[crossover].temperature / temperature) ** 2)


def symmetric_kernel(g1_squared, g2_squared):
    """a_i and m_i (2, 2) of Gamma(y) without a Higgs condensate."""
    return np.array(
        [
            [g1_squared / (8 * math.pi), math.sqrt(11 / 6 * g1_squared)],
            [3 * g2_squared / (8 * math.pi), math.sqrt(11 / 6 * g2_squared)],
        ]
    )


def broken_kernel(g1_squared, g2_squared, vev):
    """a_i and m_i (5, 2) of Gamma(y) with v/T = `vev`; the photon has D(0) = 0."""
    sin2 = g1_squared / (g1_squared + g2_squared)
    w_mass2, z_mass2 = g2_squared * vev**2 / 4, (g1_squared + g2_squared) * vev**2 / 4
    debye1, debye2 = 11 / 6 * g1_squared, 11 / 6 * g2_squared
    mixing = -math.sqrt(g1_squared * g2_squared) * vev**2 / 4
    electric = [[w_mass2 + debye2, mixing], [mixing, g1_squared * vev**2 / 4 + debye1]]
    squares, vectors = np.linalg.eigh(electric)
    terms = [
        (g2_squared / 2, w_mass2),
        ((g2_squared * (1 - sin2) + g1_squared * sin2) / 4, z_mass2),
        (-g2_squared / 2, w_mass2 + debye2),
        *zip(-(g2_squared * vectors[0] ** 2 + g1_squared * vectors[1] ** 2) / 4, squares, strict=True),
    ]
    return np.array([(-c / (2 * math.pi), math.sqrt(m2)) for c, m2 in terms])
