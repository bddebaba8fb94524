"""N <-> lepton + Higgs at Born level, with exact and with collinear kinematics, thermal masses included.

All in units of T.  With asymptotic masses m_l and m_phi there is one open channel, N -> l phi for M > m_l + m_phi,
N phi -> l for m_l > m_phi + M, N lbar -> phi for m_phi > m_l + M, or none.  With D = |M^2 + m_l^2 - m_phi^2|/2,

    gamma_c = (E+k)/(2E) 2/(8 pi k) int dE_p stat (p - p cos),      p cos = (E E_p - D)/k,   |cos| <= 1,
    gamma_v = (E-k)/(2E) 2/(8 pi k) int dE_p stat (p + p cos),

stat = 1 - n_F(E_p) + n_B(E - E_p),  n_F(E_p) + n_B(E_p - E),  n_F(E_p) + n_B(E_p + E) in the three channels.  These are
the cuts of the one-loop self-energy (arXiv:1012.3784, arXiv:1307.4909), with a light-like lepton spinor as leptons of
large momentum have.  The collinear form is that of `multiple_scattering` without scattering, where p and q are negative
in initial states:

    gamma_c = (E+k)/(2E) 1/(8 pi) int dp [1 - n_F(p) + n_B(q)] |q| (-m^2)/(|p| q E)      where m^2(p) < 0,
    gamma_v = M^2/[2E (E+k)] 1/(2 pi) int dp [1 - n_F(p) + n_B(q)] |pq|/(q E).

The exact one minus the collinear one corrects resummed rates at k < T; at k < 0.3 T that is a model, not a derivation:
massive spinors would give +12 % of gamma_c at k = 0.2 T.
"""

import math

from hpc_nu.compiled import compiled

LENGTH = 45.0  # of the integrals in units of T, where they do not end earlier
_DECAY, _INVERSE_DECAY, _OF_SCALAR = range(3)


@compiled
def born_rates(momentum, mass, lepton_mass_squared, scalar_mass_squared, nodes, weights):
    """Born rates of one complex doublet, all in units of T.

    Parameters
    ----------
    momentum, mass : float
        k > 0 and M >= 0.
    lepton_mass_squared, scalar_mass_squared : float
        m_l^2 and m_phi^2, not negative.
    nodes, weights : (n,) arrays
        Gauss-Legendre on (-1, 1); 24 give 1e-5 for m_phi > 0.1 T, 48 for any.

    Returns
    -------
    exact_c, exact_v, collinear_c, collinear_v : float
        gamma_c/T and 2E(E+k) gamma_v/(M^2 T), the latter finite for M -> 0.
    """
    energy = math.sqrt(momentum**2 + mass**2)
    gap = (mass**2 + lepton_mass_squared - scalar_mass_squared) / 2
    root2 = gap**2 - mass**2 * lepton_mass_squared
    if root2 <= 0:
        return 0.0, 0.0, 0.0, 0.0
    if gap < 0:
        channel, gap = _OF_SCALAR, -gap
    else:
        channel = _DECAY if mass**2 > lepton_mass_squared else _INVERSE_DECAY
    root = math.sqrt(root2)
    prefactor = (energy + momentum) / (2 * energy)
    # Ends of E_p, and of |p|/E, solve quadratic equations; the upper one goes to infinity with 1/M^2.
    low = (gap**2 + momentum**2 * lepton_mass_squared) / (energy * gap + momentum * root)
    high = _end(energy * gap + momentum * root, mass, low)
    x_low = energy * lepton_mass_squared / (gap + root)
    x_high = _end(energy * (gap + root), mass, x_low)
    exact_c = exact_v = collinear_c = collinear_v = 0.0
    for i in range(nodes.size):
        # Dense at both ends: at one the scalar may be soft, at the other the lepton.
        t = (nodes[i] + 1) / 2
        u, du = t**3 * (10 - 15 * t + 6 * t * t), 30 * t**2 * (1 - t) ** 2 * weights[i] / 2
        e = low + (high - low) * u
        weight = (high - low) * du * _occupation(channel, e, energy, _scalar_energy(channel, e, energy))
        p, p_cos = math.sqrt(max(e**2 - lepton_mass_squared, 0.0)), (energy * e - gap) / momentum
        exact_c += weight * (p - p_cos)
        exact_v += weight * (p + p_cos)
        x = x_low + (x_high - x_low) * u
        q = _scalar_energy(channel, x, energy)
        weight = (x_high - x_low) * du * _occupation(channel, x, energy, q)
        # -m^2 = (gap x - m_l^2) - M^2 x^2 with x = |p|/E
        binding = 2 * gap * x / energy - lepton_mass_squared - (mass * x / energy) ** 2
        collinear_c += weight * binding / (x * energy)
        collinear_v += weight * x / energy
    exact = 1 / (4 * math.pi * momentum)
    return (
        prefactor * exact * exact_c, exact * exact_v, prefactor * collinear_c / (8 * math.pi),
        collinear_v / (2 * math.pi),
    )  # fmt: skip


@compiled
def _end(numerator, mass, low):
    """numerator/M^2, or where occupation ends."""
    return numerator / mass**2 if numerator < (low + LENGTH) * mass**2 else low + LENGTH


@compiled
def _scalar_energy(channel, e, energy):
    return e + energy if channel == _OF_SCALAR else abs(energy - e)


@compiled
def _occupation(channel, e, energy, scalar_energy):
    boson = 1 / math.expm1(scalar_energy)
    return 1 / (1 + math.exp(-e)) + boson if channel == _DECAY else 1 / (1 + math.exp(e)) + boson
