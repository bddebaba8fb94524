"""Yukawa couplings of two heavy neutrinos that reproduce the oscillation data, after Casas and Ibarra.

    F = (1/v) U sqrt(m_nu) Omega sqrt(M),    Omega = [[cos w, sin w], [-sin w, cos w]]

in the rows of the two massive light neutrinos, w = Re w + i Im w, v = 174.1 GeV (arXiv:hep-ph/0103065; sec. 2
of arXiv:2011.12637).  It fixes sum_a |F_a|^2 and the products of eq. (A.2) there.  F -> F^* changes the sign of all
asymmetries; the paper does not fix it.
"""

import cmath
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
    cos, sin = cmath.cos(omega), cmath.sin(omega)
    light = data.pmns(delta, eta)[:, massive] * np.sqrt(data.masses[massive])
    return light @ np.array([[cos, sin], [-sin, cos]]) * (math.sqrt(mass) / NEUTRAL_VEV)


def yukawa_derivatives(data, mass, delta, eta, re_omega, im_omega):
    """Derivatives of `yukawa_couplings` by its parameters; arguments as there.

    F is sqrt(M) times a linear function of e^(i delta), e^(-i delta), e^(i eta), cos w and sin w, so that differences
    over a half turn are its exact derivatives by the phases, and a quarter turn is that by w.

    Returns
    -------
    dict of str to (3, 2) complex array
        By mass [1/GeV], im_omega, re_omega, delta and eta [1/rad].
    """

    def couplings(delta=delta, eta=eta, re_omega=re_omega):
        return yukawa_couplings(data, mass, delta, eta, re_omega, im_omega)

    quarter = math.pi / 2
    by_omega = couplings(re_omega=re_omega + quarter)
    return {
        "mass": couplings() / (2 * mass),
        "im_omega": 1j * by_omega,
        "re_omega": by_omega,
        "delta": (couplings(delta=delta + quarter) - couplings(delta=delta - quarter)) / 2,
        "eta": (couplings(eta=eta + quarter) - couplings(eta=eta - quarter)) / 2,
    }


def pauli_derivatives(yukawas, change):
    """Derivative of `pauli_components`, a quadratic form, where F changes by `change` times a small number.

    Parameters
    ----------
    yukawas, change : (3, 2) complex arrays

    Returns
    -------
    (3, 4) array
    """
    return (pauli_components(yukawas + change) - pauli_components(yukawas - change)) / 2


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
    components = np.empty((3, 4))
    components[:, 0] = (diagonal[:, 0] + diagonal[:, 1]) / 2
    components[:, 1] = mixed.real
    components[:, 2] = -mixed.imag
    components[:, 3] = (diagonal[:, 0] - diagonal[:, 1]) / 2
    return components
