"""Mixing of the heavy neutrinos with the active ones, and their decays in vacuum.

    |Theta_aI|^2 = v^2 |F_aI|^2/M^2,        Gamma_I = sum_a |Theta_aI|^2 Gamma_a

of arXiv:2011.12637 ("EST"), sec. 2 and eq. (3.1) at rest; Gamma_a is the width of a Majorana neutrino of unit mixing
with flavour a.  In the bath this is the limit T -> 0 of gamma_c + gamma_v of `hpc_nu.seesaw.thermal_rates`, which is
(v^2/M^2) (M/E) Gamma_a.
"""

import numpy as np

from hpc_nu.plasma import vacuum_widths
from hpc_nu.plasma.standard_model import N_FLAVOURS
from hpc_nu.seesaw.casas_ibarra import NEUTRAL_VEV
from hpc_nu.units import HBAR


def mixing_squared(mass, yukawas):
    """|Theta_aI|^2, below eq. (2.1) of EST.

    Parameters
    ----------
    mass : float [GeV]
        Of both heavy neutrinos.
    yukawas : (3, 2) complex array
        F_aI, as of `casas_ibarra.yukawa_couplings`.

    Returns
    -------
    (3, 2) array
        Rows e, mu, tau, columns N_2, N_3.
    """
    return (NEUTRAL_VEV / mass * np.abs(yukawas)) ** 2


def width_of_unit_mixing(mass):
    """Gamma_a: all decays, particles and antiparticles, of a Majorana neutrino with |Theta_a|^2 = 1.

    Parameters
    ----------
    mass : float [GeV]
        0 < M < 40 GeV.

    Returns
    -------
    (3,) array [GeV]
        For e, mu, tau: twice `vacuum_widths.total_width`; exact for leptons, 10-20 % for hadrons at M = 1-3 GeV.
    """
    return np.array([2 * vacuum_widths.total_width(flavour, mass) for flavour in range(N_FLAVOURS)])


def heavy_neutrino_widths(mass, yukawas):
    """Gamma_I [GeV] at rest, (2,) array for N_2, N_3; arguments as `mixing_squared`.

    These are diagonal elements: the widths of states that oscillate much faster than they decay.
    """
    return width_of_unit_mixing(mass) @ mixing_squared(mass, yukawas)


def lifetime(width):
    """Mean life [s] at rest for a width [GeV], of any shape."""
    return HBAR / np.asarray(width)
