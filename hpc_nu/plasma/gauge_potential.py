"""Thermal potential of an active neutrino from W and Z exchange at one loop, at any T below the electroweak crossover.

b_h = Re Sigma_h is the thermal part of the retarded self-energy of a left-handed neutrino K = (E, k), K^2 = M^2, with
V_h = (1, -h k/|k|): the component h = -1 has its pole at energy k + b_-.  In Feynman gauge, with bare propagators,

    b_h = sum_i g_i^2 { int d^3p/((2pi)^3 2E_p) n_F(E_p) V_h.P [1/(D + 2K.P) - 1/(D - 2K.P)]
                      + int d^3q/((2pi)^3 2w) n_B(w) [V_h.(K-Q)/(D' - 2K.Q) + V_h.(K+Q)/(D' + 2K.Q)] },
    D = M^2 + m_l^2 - m_i^2,   D' = M^2 + m_i^2 - m_l^2,   principal values,

where i = W with g_i^2 = g^2 and the charged lepton of mass m_l, and i = Z with g_i^2 = g^2/(2 cos^2 theta_W) and a
massless neutrino.  The principal values over the angle are logarithms in closed form; what remains is integrable, with
logarithmic singularities at momenta that are known exactly, and there the panels are cut.

Limits: for T << m_W the potential of Notzold and Raffelt, Nucl. Phys. B 307 (1988) 924,
b_- = -(8 sqrt2 G_F k/3)(rho_{l,lbar}/m_W^2 + rho_{nu,nubar}/m_Z^2); for m_i -> 0 and M -> 0, m_inf^2/(2k) with the
asymptotic mass m_inf^2 = (3g^2 + g'^2) T^2/16 (Weldon, Phys. Rev. D 26 (1982) 2789).

Not covered: potentials proportional to asymmetries, HTL corrections to the boson's propagator, Higgs exchange.
"""

import math

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.plasma import standard_model as sm

PANEL_NODES = 16
TAIL = 45.0
"""Occupation numbers below e^-TAIL are left out."""
MIN_MASS_OVER_T = 1e-6
"""Floor of m_W/T, so that a vanishing vev is the limit of a small one."""

FERMION, BOSON = 0, 1


@compiled
def _angular_integral(n0, n1, d0, d1):
    """Principal value of int_-1^1 dc (n0 + n1 c)/(d0 + d1 c)."""
    ratio = d1 / d0
    if abs(ratio) < 0.05:
        r2 = ratio * ratio
        even, odd = 0.0, 0.0
        for j in range(7, -1, -1):
            even = even * r2 + 1 / (2 * j + 1)
            odd = odd * r2 + 1 / (2 * j + 3)
        return 2 * (n0 * even - n1 * ratio * odd) / d0
    # The floor acts on a node that hits the singularity exactly, where the weight is next to nothing.
    logarithm = math.log(max(abs(d0 + d1), 1e-300) / max(abs(d0 - d1), 1e-300))
    return 2 * n1 / d1 + (n0 - n1 * d0 / d1) / d1 * logarithm


@compiled
def _integrand(kind, k, mass, energy, boson_mass, lepton_mass, p):
    """d b_h/dp / g_i^2 of the leptons or of the bosons in the bath, h = -1 and +1."""
    if kind == FERMION:
        gap = mass**2 + lepton_mass**2 - boson_mass**2
        e = math.sqrt(p**2 + lepton_mass**2)
        occupation = 1 / (math.exp(e) + 1)
    else:
        gap = mass**2 + boson_mass**2 - lepton_mass**2
        e = math.sqrt(p**2 + boson_mass**2)
        occupation = 1 / math.expm1(e)
    norm = p**2 * occupation / (8 * math.pi**2 * e)
    minus, plus = 0.0, 0.0
    for sign in (1.0, -1.0):
        d0, d1 = gap + sign * 2 * energy * e, -sign * 2 * k * p
        if kind == FERMION:
            minus += sign * _angular_integral(e, -p, d0, d1)
            plus += sign * _angular_integral(e, p, d0, d1)
        else:
            minus += _angular_integral(mass**2 / (energy + k) + sign * e, -sign * p, d0, d1)
            plus += _angular_integral(energy + k + sign * e, sign * p, d0, d1)
    return norm * minus, norm * plus


@compiled
def _singular_momenta(k, mass, energy, gap, particle_mass):
    """Where |gap| = 2 K.P with P along K: the thresholds of 1 <-> 2 reactions; 0 if there is none."""
    phase_space = gap**2 - 4 * (mass * particle_mass) ** 2
    if phase_space < 0:
        return 0.0, 0.0
    total = k * abs(gap) + energy * math.sqrt(phase_space)
    if total == 0:
        return 0.0, 0.0
    # The roots are |k gap +- E sqrt(phase_space)|/(2M^2); the smaller from their product, which does not cancel.
    return abs(4 * (energy * particle_mass) ** 2 - gap**2) / (2 * total), total / (2 * mass**2)


@compiled
def _radial_integral(kind, k, mass, energy, boson_mass, lepton_mass, nodes, weights, total):
    """Add the momentum integral of `_integrand` to total[h]."""
    if kind == FERMION:
        gap, particle_mass = mass**2 + lepton_mass**2 - boson_mass**2, lepton_mass
    else:
        gap, particle_mass = mass**2 + boson_mass**2 - lepton_mass**2, boson_mass
    low, high = _singular_momenta(k, mass, energy, gap, particle_mass)
    # Panels end at the singularities and at the scales of the problem, and elsewhere at every factor of 2.
    cuts = np.empty(200)
    cuts[0] = 0.0
    n = 1
    for scale in (low, high, particle_mass, abs(k - boson_mass**2 / (4 * k)), k):
        if 0 < scale < TAIL:
            cuts[n] = scale
            n += 1
    smallest = max(min(np.min(cuts[1:n]) if n > 1 else 1.0, 1.0), 1e-8)
    cut = 0.3 * smallest
    while cut < TAIL:
        cuts[n] = cut
        n += 1
        cut *= 2.0
    cuts[n] = TAIL
    cuts[: n + 1].sort()
    for i in range(n):
        length = cuts[i + 1] - cuts[i]
        if length <= 0:
            continue
        for j in range(nodes.size):
            # x = t^4 (35 - 84t + 70t^2 - 20t^3), dx/dt = 140 t^3 (1 - t)^3, makes a logarithm at either end harmless.
            t = 0.5 * (1 + nodes[j])
            x = t**4 * (35 - t * (84 - t * (70 - 20 * t)))
            jacobian = 0.5 * weights[j] * 140 * (t * (1 - t)) ** 3
            minus, plus = _integrand(kind, k, mass, energy, boson_mass, lepton_mass, cuts[i] + length * x)
            total[0] += length * jacobian * minus
            total[1] += length * jacobian * plus


@compiled
def boson_potential(momentum, mass, boson_mass, lepton_mass, nodes, weights):
    """(b_-, b_+)/g_i^2 of one boson; everything in units of T.

    Parameters
    ----------
    momentum, mass : float
        k > 0 and M >= 0 of the neutrino.
    boson_mass, lepton_mass : float
        m_i > 0 and m_l >= 0.
    nodes, weights : (n,) arrays
        Gauss-Legendre on (-1, 1), used on every panel.

    Returns
    -------
    (2,) array
    """
    energy = math.sqrt(momentum**2 + mass**2)
    total = np.zeros(2)
    for kind in (FERMION, BOSON):
        _radial_integral(kind, momentum, mass, energy, boson_mass, lepton_mass, nodes, weights, total)
    return total


def active_potential(momentum, mass, temperature, vev, lepton_mass=0.0, n_nodes=PANEL_NODES):
    """Thermal potential b_h of an active neutrino.

    Parameters
    ----------
    momentum : float or array [GeV]
        k > 0.
    mass : float [GeV]
        M, of the sterile neutrino that sets the virtuality; 0 is allowed.
    temperature : float [GeV]
    vev : float [GeV]
        v(T), 246 in vacuum; m_W and m_Z are proportional to it.
    lepton_mass : float [GeV]
        m_l of the charged lepton of the same flavour.
    n_nodes : int
        Gauss-Legendre nodes per panel.

    Returns
    -------
    momentum.shape + (2,) array [GeV]
        b_- and b_+.
    """
    momenta = np.asarray(momentum, dtype=float)
    if not (temperature > 0 and min(vev, mass, lepton_mass) >= 0 and np.all(momenta > 0)):
        raise ValueError(
            f"active_potential: momentum = {momentum}, mass = {mass}, temperature = {temperature}, vev = {vev}, "
            f"lepton_mass = {lepton_mass}: momentum and temperature must be positive, the others not negative"
        )
    w_mass = max(sm.W_MASS * vev / (sm.ELECTROWEAK_VEV * temperature), MIN_MASS_OVER_T)
    z_mass = w_mass * sm.Z_MASS / sm.W_MASS
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    g2 = sm.WEAK_COUPLING_SQUARED
    potential = np.empty(momenta.shape + (2,))
    for index in np.ndindex(momenta.shape):
        k, m = momenta[index] / temperature, mass / temperature
        w = boson_potential(k, m, w_mass, lepton_mass / temperature, nodes, weights)
        z = boson_potential(k, m, z_mass, 0.0, nodes, weights)
        potential[index] = g2 * w + g2 / (2 * sm.ON_SHELL_COS2_WEAK_ANGLE) * z
    return temperature * potential
