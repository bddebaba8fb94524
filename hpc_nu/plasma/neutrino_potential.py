"""Dispersive part of the self-energy of an active neutrino at T << m_W, without asymmetries.

The thermal part of the one-loop self-energy in which the fermion is on shell (Feynman gauge; the thermal W and Z are
absent at these temperatures), on the mass shell of the sterile neutrino K = (E, k khat), with V_h = (1, -h khat):

    b_h = -sum_i g_i^2 int d^3p/((2 pi)^3 2 eps) n_F(eps) 4 K.P V_h.P/[D_i^2 - 4 (K.P)^2],   D_i = m_i^2 - M^2 - m_l^2,

expanded to second order in K.P/D_i, which allows the average over angles in closed form:

    b_h = -sum_i g_i^2/(pi^2 D_i^2) int dp n_F(eps) (p^2/eps) [<K.P V_h.P> + 4 <(K.P)^3 V_h.P>/D_i^2],
    <K.P V_h.P>     = E eps^2 - h k p^2/3,
    <(K.P)^3 V_h.P> = E eps^2 (E^2 eps^2 + k^2 p^2) - h k p^2 (E^2 eps^2 + k^2 p^2/5).

i runs over the W, with g_i^2 = g^2 and the charged lepton of the flavour, and the Z, with g_i^2 = g^2/(2 cos^2 theta)
and a massless neutrino.  The pole of a light neutrino is at E = k + b_-.  (Subtracting the two propagators of the
closed form in logarithms instead loses all digits: it is b ~ T^5 from terms ~ T^3.)

The first term with D_i = m_i^2, M = m_l = 0 is that of Noetzold and Raffelt, Nucl. Phys. B 307 (1988) 924,
b_- = -(8 sqrt2 G_F k/3) (rho_l/m_W^2 + rho_nu/m_Z^2), rho of particles and antiparticles.  Not included: the potential
of order G_F, proportional to asymmetries; quark and lepton loops in the boson propagators.
"""

import math

import numpy as np

from hpc_nu.plasma import standard_model as sm


def neutrino_potential(momentum, mass, temperature, flavours=(0, 1, 2), massless_leptons=False, leading_order=False):
    """b_h [GeV] of an active neutrino with the momentum and the mass shell of a sterile one.

    Good to 1e-3 below 4 GeV for k up to 3 T and M << m_W; 0.2 % off at T = 5 GeV, k = 3 T.

    Parameters
    ----------
    momentum, mass, temperature : arrays [GeV]
        Broadcast against each other.
    flavours : sequence of int
        0, 1, 2 for e, mu, tau.
    massless_leptons : bool
        Neglect the masses of the charged leptons: all flavours are then alike.
    leading_order : bool
        Drop everything of higher order in 1/m_W^2: D_i = m_i^2 and the first of the two terms.  For comparison with
        results in the literature; the difference is 2 M^2/m_W^2 (3 % at M = 10 GeV).

    Returns
    -------
    (..., n_flavours, 2) array [GeV]
        Helicities h = -1, +1 last.
    """
    k, m, t = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (momentum, mass, temperature)))
    out = np.empty((*k.shape, len(flavours), 2))
    z_coupling = sm.WEAK_COUPLING_SQUARED / (2 * sm.ON_SHELL_COS2_WEAK_ANGLE)
    z_part = _boson_part(k, m, t, z_coupling, sm.Z_MASS, 0.0, leading_order)
    for i, flavour in enumerate(flavours):
        lepton = 0.0 if massless_leptons else sm.CHARGED_LEPTON_MASSES[flavour]
        w_part = _boson_part(k, m, t, sm.WEAK_COUPLING_SQUARED, sm.W_MASS, lepton, leading_order)
        out[..., i, :] = z_part + w_part
    return out


def _boson_part(momentum, mass, temperature, coupling, boson_mass, fermion_mass, leading_order):
    """One term of the sum over W and Z: (..., 2) array [GeV]."""
    k, m, t = (x[..., np.newaxis] for x in (momentum, mass, temperature))
    p, eps, weight = _fermion_quadrature(t, fermion_mass)
    weight = weight * p**2 / eps
    k_p, e_eps = (k * p) ** 2, (k**2 + m**2) * eps**2
    energy = np.sqrt(k**2 + m**2)
    even = energy * eps**2  # the part of V_h.P without h
    odd = k * p**2
    if leading_order:
        d2, second = boson_mass**4, 0.0
    else:
        d2 = (boson_mass**2 - m**2 - fermion_mass**2) ** 2
        second = 4 / d2
    even_sum = np.sum(weight / d2 * even * (1 + second * (e_eps + k_p)), axis=-1)
    odd_sum = np.sum(weight / d2 * odd * (1 / 3 + second * (e_eps + k_p / 5)), axis=-1)
    return -coupling / math.pi**2 * np.stack([even_sum + odd_sum, even_sum - odd_sum], axis=-1)


def _fermion_quadrature(temperature, mass):
    """p, eps and weights with n_F(eps) included, along the last axis; 1e-12 for polynomials."""
    reach = np.sqrt(45 * temperature * (45 * temperature + 2 * mass))  # the momentum at which eps = m + 45 T
    t, w = np.polynomial.legendre.leggauss(64)
    p = reach * (t + 1) / 2
    eps = np.sqrt(p**2 + mass**2)
    decay = np.exp(-eps / temperature)
    return p, eps, reach * w / 2 * decay / (1 + decay)
