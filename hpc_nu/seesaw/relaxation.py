"""The momentum-averaged kinetic equations as one matrix: what relaxes, what oscillates, what is nearly conserved.

Eq. (4.3) of arXiv:2011.12637 ("EST"), dn/dT = A(T) n, is here dn/dt = A n with A in GeV: its A is -A/(H T) of this one
(T ~ 1/a).  Eleven unknowns, the asymmetries X_a = n_Delta_a/T^3 and the Pauli components of

    s = (n_N - n_eq) + (n_Nbar^* - n_eq),   d = n_N - n_Nbar^*,    each over T^3      (complex conjugate of n_Nbar!)

in the order (X_e, X_mu, X_tau, s_0 ... s_3, d_0 ... d_3):

    s' = -D s + 2 h x d
    d' = -D d + 2 h x s - 2 sum_a mu_a S_a              D v = (G_0 v_0 + G.v,  G v_0 + G_0 v)
    X_a' = -2 mu_a I_a - 2 Gt_a.d                       mu = omega X, in units of T

With the Pauli components a of Y_a (arrays a_0 ... a_3 over flavours), gamma and sigma per flavour:

    G = sum_a ((gamma_c + gamma_v) a_0, (gamma_c + gamma_v) a_1, (gamma_c - gamma_v) a_2, (gamma_c + gamma_v) a_3)
    Gt_a = ((gamma_v - gamma_c) a_0, (gamma_v - gamma_c) a_1, -(gamma_c + gamma_v) a_2, (gamma_v - gamma_c) a_3)
    S_a the same with sigma for gamma,    I_a = 2 a_0 (sigma_c + sigma_v)

These are eqs. (2.2) of EST.  EST's Y_+ and Y_- are linear combinations of s and d, so eigenvalues are the same.
A has two left null vectors, in the limits in which L_- and L_+ of eq. (4.4) are conserved: `L_MINUS` if gamma_v = 0,
`L_PLUS` if gamma_c = 0.

sigma contains f_N (1 - f_N), so that wash-out dies out at T << M, or what EST print (footnote 3), with which it does
not: see `averaged_rates`.

Not covered: the source d n_eq/dt; expansion, which for n/s adds nothing.
"""

import numpy as np

from hpc_nu.seesaw.casas_ibarra import pauli_components

SIZE = 11
X, S, D = slice(0, 3), slice(3, 7), slice(7, 11)
"""Where the unknowns are."""

L_MINUS = np.array([1.0, 1, 1, 0, 0, 0, 0, 2, 0, 0, 0])
"""Delta_N + sum_a Delta_a over T^3, with Delta_N = Tr(n_N - n_Nbar) = 2 d_0: conserved if gamma_v = 0."""

L_PLUS = np.array([1.0, 1, 1, 0, 0, 0, 0, -2, 0, 0, 0])
"""sum_a Delta_a - Delta_N over T^3: conserved if gamma_c = 0."""


def relaxation_matrix(rates, hamiltonian, yukawas, inverse_susceptibility):
    """A of the head of this module.

    Parameters
    ----------
    rates : AveragedRates
        Or anything with its gamma_c, gamma_v, source_c, source_v: (..., 3) arrays [GeV].
    hamiltonian : (..., 3) array [GeV]
        Momentum-averaged, as of `mass_splitting.hamiltonian_vector`.
    yukawas : (3, 2) complex array
        F_aI, as of `casas_ibarra.yukawa_couplings`.
    inverse_susceptibility : (..., 3, 3) array
        T^2 omega_ab in mu_a = omega_ab n_b.

    Returns
    -------
    (..., 11, 11) array [GeV]
    """
    a = pauli_components(yukawas)
    both, difference = rates.gamma_c + rates.gamma_v, rates.gamma_c - rates.gamma_v
    damping = np.stack([both @ a[:, 0], both @ a[:, 1], difference @ a[:, 2], both @ a[:, 3]], axis=-1)
    matrix = np.zeros((*both.shape[:-1], SIZE, SIZE))
    for block in (S, D):
        for i in range(4):
            matrix[..., block.start + i, block.start + i] = -damping[..., 0]
        matrix[..., block.start, block.start + 1 : block.stop] = -damping[..., 1:]
        matrix[..., block.start + 1 : block.stop, block.start] = -damping[..., 1:]
    h_1, h_2, h_3 = np.moveaxis(2 * hamiltonian, -1, 0)
    zero = np.zeros_like(h_1)
    rotation = np.stack([zero, -h_3, h_2, h_3, zero, -h_1, -h_2, h_1, zero], axis=-1).reshape(*h_1.shape, 3, 3)
    matrix[..., 4:7, 8:11] = matrix[..., 8:11, 4:7] = rotation

    back_reaction = _lepton_pattern(rates.source_c, rates.source_v, a)
    washout = 2 * a[:, 0] * (rates.source_c + rates.source_v)
    matrix[..., X, X] = -2 * washout[..., np.newaxis] * inverse_susceptibility
    matrix[..., D, X] = -2 * np.swapaxes(back_reaction, -1, -2) @ inverse_susceptibility
    matrix[..., X, D] = -2 * _lepton_pattern(rates.gamma_c, rates.gamma_v, a)
    return matrix


def _lepton_pattern(conserving, violating, a):
    """Pauli components of Gt_a, or of S_a: (..., 3, 4) [GeV], flavours and components last."""
    odd, even = violating - conserving, -(conserving + violating)
    return np.stack([odd, odd, even, odd], axis=-1) * a


def relaxation_rates(matrix):
    """Smallest and largest |Re| of the eigenvalues of A, as in fig. 5 of EST.

    Parameters
    ----------
    matrix : (..., 11, 11) array

    Returns
    -------
    (..., 2) array
        In the unit of `matrix`.  Eigenvalues are good to 1e-16 of the largest |Im|, the oscillation rate.
    """
    real = np.abs(np.linalg.eigvals(matrix).real)
    return np.stack([real.min(axis=-1), real.max(axis=-1)], axis=-1)
