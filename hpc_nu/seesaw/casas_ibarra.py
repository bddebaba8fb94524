"""Yukawa couplings of two heavy neutrinos that reproduce the oscillation data, after Casas and Ibarra.

    F = (1/v) U sqrt(m_nu) Omega sqrt(M),    Omega = [[cos w, sin w], [-sin w, cos w]]

in the rows of the two massive light neutrinos, w = Re w + i Im w, v = 174.1 GeV (arXiv:hep-ph/0103065; sec. 2
of arXiv:2011.12637).  It fixes sum_a |F_a|^2 and the products of eq. (A.2) there.  F -> F^* changes the sign of all
asymmetries; the paper does not fix it.
"""

import math

import numpy as np

from hpc_nu.plasma.standard_model import ELECTROWEAK_VEV

NEUTRAL_VEV = ELECTROWEAK_VEV / math.sqrt(2)
"""v [GeV]: 174.104, that of the thermal rates.  With another one (174 GeV below eq. (2.1), 173.1 GeV in app. A of
arXiv:2011.12637) their Hamiltonian would not turn into eq. (4.8) there at T = 0."""


def yukawa_couplings(data, mass, delta, eta, re_omega, im_omega):
    """Yukawa couplings F_aI in the basis where the Majorana mass matrix is diagonal.

    The two heavy masses differ by far less than what the couplings can tell apart, so both enter as `mass`.

    Parameters
    ----------
    data : OscillationData
    mass : float [GeV]
    delta, eta : float [rad]
        Phases of the PMNS matrix.
    re_omega, im_omega : float [rad]

    Returns
    -------
    (3, 2) complex array, rows e, mu, tau, columns N_2, N_3.
    """
    omega = complex(re_omega, im_omega)
    massive = slice(1, 3) if data.hierarchy == "normal" else slice(0, 2)
    rotation = np.array([[np.cos(omega), np.sin(omega)], [-np.sin(omega), np.cos(omega)]])
    light = data.pmns(delta, eta)[:, massive] * np.sqrt(data.masses[massive])
    return light @ rotation * np.sqrt(mass) / NEUTRAL_VEV


def pauli_components(yukawas):
    """Pauli components of (Y_a)_IJ = F^*_aI F_aJ = a_0 + a . sigma for each flavour.

    Parameters
    ----------
    yukawas : (3, 2) complex array

    Returns
    -------
    (3, 4) array: (a_0, a_1, a_2, a_3) for e, mu, tau.
    """
    diagonal = np.abs(yukawas) ** 2
    mixed = np.conj(yukawas[:, 0]) * yukawas[:, 1]
    return np.column_stack(
        [(diagonal[:, 0] + diagonal[:, 1]) / 2, mixed.real, -mixed.imag, (diagonal[:, 0] - diagonal[:, 1]) / 2]
    )
