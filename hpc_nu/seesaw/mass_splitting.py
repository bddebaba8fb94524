"""How fast two heavy neutrinos oscillate: effective Hamiltonian, physical mass splitting, oscillation rate.

    H_N = -Delta M (M/E) sigma_3 + sum_a (h_c Y_a + h_v Y_a^*)      M_3 - M_2 = 2 Delta M, trace dropped
    delta M = (E/2M) (lambda_2 - lambda_1),  lambda the eigenvalues of H_N         (arXiv:2011.12637, "EST", eq. (4.7))
    Gamma_osc = M delta M/(3T)                                                                              (eq. (4.5))

With h_c = h_v = v^2/(2E), the vacuum, delta M = |Delta M + (m_h - m_l)/2 e^(2i Re w)|, eq. (4.8), in which the terms
may cancel to many digits.  So they are not added up from Yukawa couplings: of H_N = (M/E) d.sigma the vacuum part is

    d_1 = -(m_h - m_l)/2 sin(2 Re w),     d_3 = -{[Delta M - (m_h - m_l)/2] + (m_h - m_l) cos^2(Re w)},     d_2 = 0

exactly, because the PMNS matrix is unitary (m_h > m_l are the two massive light neutrinos), with Delta M and Re w each
as tuned value plus offset; and only the rest, h - v^2/(2E) with V = 246 GeV, meets the couplings per flavour.
What remains is 1e-16 m_h cosh(2 Im w) of rounding.

Momentum-averaged, delta M = |<h>|/<M/E>.  Not covered: M_3 - M_2 in the Yukawa couplings, O(Delta M^2/M) in eq. (4.8).
"""

import math

import numpy as np

from hpc_nu.seesaw.casas_ibarra import pauli_components


def vacuum_splitting_vector(data, delta_mass, re_omega):
    """(d_1, d_2, d_3) of the head of this module [GeV].

    Parameters
    ----------
    data : OscillationData
    delta_mass : (float, float) [GeV]
        (M_3 - M_2)/2 as tuned value and offset from it.
    re_omega : (float, float) [rad]
        Real part of the Casas-Ibarra angle, likewise.

    Returns
    -------
    (3,) array [GeV]
    """
    light, heavy = data.light_masses
    difference = heavy - light
    tuned, offset = re_omega
    cos = math.cos(tuned) * math.cos(offset) - math.sin(tuned) * math.sin(offset)
    sin_twice = math.sin(2 * tuned) * math.cos(2 * offset) + math.cos(2 * tuned) * math.sin(2 * offset)
    excess = (delta_mass[0] - difference / 2) + delta_mass[1] + difference * cos**2
    return np.array([-difference / 2 * sin_twice, 0.0, -excess])


def hamiltonian_vector(shift_c, shift_v, mass_over_energy, yukawas, vacuum):
    """Pauli components 1, 2, 3 of H_N.

    Parameters
    ----------
    shift_c, shift_v : (..., 3) arrays [GeV]
        h_c and h_v less v^2/(2E), flavours last, at a momentum or averaged.
    mass_over_energy : (...) array
        M/E, likewise.
    yukawas : (3, 2) complex array
        F_aI, as of `casas_ibarra.yukawa_couplings`.
    vacuum : (3,) array [GeV]
        As of `vacuum_splitting_vector`, for the same neutrino data and Re w.

    Returns
    -------
    (..., 3) array [GeV]
    """
    shift_c, shift_v = np.asarray(shift_c, float), np.asarray(shift_v, float)
    _, a_1, a_2, a_3 = pauli_components(yukawas).T
    both = shift_c + shift_v
    # Complex conjugation of Y_a changes the sign of sigma_2.
    thermal = np.stack([both @ a_1, (shift_c - shift_v) @ a_2, both @ a_3], axis=-1)
    return np.asarray(mass_over_energy)[..., np.newaxis] * vacuum + thermal


def mass_splitting(hamiltonian, mass_over_energy):
    """delta M [GeV], eq. (4.7) of EST: half of the difference of the physical masses.

    Parameters
    ----------
    hamiltonian : (..., 3) array [GeV]
        As of `hamiltonian_vector`.
    mass_over_energy : (...) array
    """
    return np.linalg.norm(hamiltonian, axis=-1) / mass_over_energy


def oscillation_rate(splitting, mass, temperature):
    """Gamma_osc [GeV], eq. (4.5) of EST: arrays [GeV], broadcast against each other."""
    return mass * splitting / (3 * np.asarray(temperature))
