"""Masses and couplings of the Standard Model that the bath is made of; in GeV.

Sources: [PDG] Workman et al., Prog. Theor. Exp. Phys. 2022, 083C01; [BBGR] Bondarenko, Boyarsky, Gorbunov and
Ruchayskiy, arXiv:1805.08567.

Everything electroweak at tree level follows from (V, m_W, m_Z), so that Fermi theory is exactly the low-energy limit
of the theory with W and Z propagators: G_F = g^2/(4 sqrt2 m_W^2) = 1/(sqrt2 V^2).  (The measured G_F of
`hpc_nu.units` differs from this one by 3e-6.)
"""

import math
from typing import NamedTuple

N_FLAVOURS = 3
FLAVOUR_NAMES = ("e", "mu", "tau")

# --- electroweak ---
ELECTROWEAK_VEV = 246.22
"""V, with <phi> = V/sqrt2 in vacuum."""
W_MASS, Z_MASS, HIGGS_MASS = 80.377, 91.1876, 125.25
"""[PDG]"""
FERMI_CONSTANT = 1 / (math.sqrt(2) * ELECTROWEAK_VEV**2)
"""[GeV^-2]"""
WEAK_COUPLING_SQUARED = 4 * W_MASS**2 / ELECTROWEAK_VEV**2
"""g^2 of SU(2)."""
HYPERCHARGE_COUPLING_SQUARED = 4 * (Z_MASS**2 - W_MASS**2) / ELECTROWEAK_VEV**2
"""g'^2 of U(1)."""
ON_SHELL_COS2_WEAK_ANGLE = W_MASS**2 / Z_MASS**2
"""cos^2 of the weak mixing angle that belongs to the boson masses; for amplitudes with W and Z propagators."""
SIN2_WEAK_ANGLE = 0.23121
"""sin^2 of the weak mixing angle at m_Z, MS-bar; for the four-fermion couplings of the neutral current.  [PDG]"""

# --- matter ---
CHARGED_LEPTON_MASSES = (0.51099895e-3, 0.1056583755, 1.77686)
"""e, mu, tau; [PDG]."""
UP_QUARK_MASSES = (0.0022, 1.27)
DOWN_QUARK_MASSES = (0.0047, 0.094, 4.18)
"""(u, c) and (d, s, b); [PDG].  MS-bar at 2 GeV for u, d, s, at their own mass for c, b."""
TOP_MASS = 172.5
CKM = ((0.97435, 0.22500, 0.00369), (0.22486, 0.97349, 0.04182))
"""|V_ij|, rows u, c and columns d, s, b; [PDG]."""
N_COLOURS = 3


class NeutralCurrent(NamedTuple):
    """Couplings in 2 sqrt2 G_F [nubar gamma^mu P_L nu] [fbar gamma_mu (left P_L + right P_R) f]."""

    left: float
    right: float


def neutral_current(isospin, charge):
    """left = T_3 - Q sin^2 theta_w, right = -Q sin^2 theta_w."""
    return NeutralCurrent(isospin - charge * SIN2_WEAK_ANGLE, -charge * SIN2_WEAK_ANGLE)


CHARGED_LEPTON_CURRENT = neutral_current(-0.5, -1.0)
UP_QUARK_CURRENT = neutral_current(0.5, 2 / 3)
DOWN_QUARK_CURRENT = neutral_current(-0.5, -1 / 3)


class Meson(NamedTuple):
    """A meson to which a neutrino couples through one weak current.

    Attributes
    ----------
    mass : float [GeV]
    charged : bool
        Produced with a charged lepton (else with a neutrino).
    vector : bool
        Spin 1 (else a pseudoscalar).
    coupling : float [GeV^2]
        c in |amplitude|^2 ~ 2 G_F^2 c: f^2 |V_CKM|^2 (charged pseudoscalar), f^2/2 (neutral one),
        g^2 |V_CKM|^2/m^2 (charged vector), g^2 kappa^2/(2 m^2) (neutral one).
    """

    name: str
    mass: float
    charged: bool
    vector: bool
    coupling: float


# Decay constants f (GeV) and g (GeV^2): tables of [BBGR].
_RHO_MASS, _RHO_CONSTANT = 0.775, 0.162
MESONS = (
    Meson("pi+", 0.13957039, True, False, (0.1302 * CKM[0][0]) ** 2),
    Meson("K+", 0.493677, True, False, (0.1556 * CKM[0][1]) ** 2),
    Meson("rho+", _RHO_MASS, True, True, (_RHO_CONSTANT * CKM[0][0] / _RHO_MASS) ** 2),
    Meson("pi0", 0.1349768, False, False, 0.1302**2 / 2),
    Meson("eta", 0.547862, False, False, 0.0817**2 / 2),
    Meson("eta'", 0.95778, False, False, 0.0947**2 / 2),
    Meson("rho0", _RHO_MASS, False, True, ((1 - 2 * SIN2_WEAK_ANGLE) * _RHO_CONSTANT / _RHO_MASS) ** 2 / 2),
)
"""Those that matter below a sterile-neutrino mass of about 1 GeV."""
