"""Decays of a scalar singlet phi that couples a sterile neutrino N to an auxiliary fermion chi.

    L = - mu phi chibar N + h.c.                  eq. (1) of arXiv:2602.20570 [Zakeri]
    Gamma_phi = mu^2 m_phi / (k pi)               tree level, massless daughters

[Zakeri] prints no width; k counts what is summed over, as in `WIDTH_FACTORS`.  All masses in GeV.

Not covered: daughter masses, corrections of relative order (m_N + m_chi)^2/m_phi^2; the strength of the Higgs
portal, on which only the kinematics of h -> phi phi is asked.
"""

import math

from hpc_nu.units import HIGGS_MASS

WIDTH_FACTORS = {
    4.0: "both charge states, non-chiral Dirac coupling: |M|^2 = 2 mu^2 m_phi^2 for each",
    8.0: "both charge states, chiral coupling: |M|^2 = mu^2 m_phi^2 for each (the text of [Zakeri] says chiral)",
    16.0: "one charge state only, chiral coupling",
}
"""Meaning of k in Gamma_phi = mu^2 m_phi/(k pi); each charge state gives |M|^2/(16 pi m_phi)."""


def decay_width(coupling, mass, width_factor=8.0):
    """Total width of phi -> chibar N, chi Nbar at rest: Gamma_phi = mu^2 m_phi/(k pi).

    Parameters
    ----------
    coupling : float or array
        mu of eq. (1) of [Zakeri], dimensionless.
    mass : float or array [GeV]
    width_factor : float
        k, see `WIDTH_FACTORS`.

    Returns
    -------
    float or array [GeV], broadcast over the arguments
    """
    return coupling**2 * mass / (width_factor * math.pi)


def coupling_of_width(width, mass, width_factor=8.0):
    """The mu at which `decay_width` is `width` [GeV]; shapes as there."""
    return (width * width_factor * math.pi / mass) ** 0.5


def higgs_decay_closed(mass):
    """Whether h -> phi phi is kinematically forbidden, m_phi >= m_h/2: below eq. (19) of [Zakeri].

    Parameters
    ----------
    mass : float or array [GeV]

    Returns
    -------
    bool, or array of bool
    """
    return mass >= HIGGS_MASS / 2
