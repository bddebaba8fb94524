"""The matrix A of the momentum-averaged equations: against complex matrices, and what it conserves."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpc_nu.plasma.charge_susceptibilities import inverse_susceptibility
from hpc_nu.seesaw.casas_ibarra import pauli_components, yukawa_couplings
from hpc_nu.seesaw.damping import damping_eigenvalues
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.seesaw.relaxation import L_MINUS, L_PLUS, SIZE, D, S, X, relaxation_matrix, relaxation_rates

PAULI = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
SEED = st.integers(0, 2**31)


def system(seed, gamma_c=1.0, gamma_v=1.0, size=()):
    """Random rates that differ between flavours, a Hamiltonian, couplings and susceptibilities."""
    rng = np.random.default_rng(seed)
    rates = SimpleNamespace(
        gamma_c=gamma_c * rng.uniform(0.1, 2, (*size, 3)),
        gamma_v=gamma_v * rng.uniform(0.1, 2, (*size, 3)),
        source_c=gamma_c * rng.uniform(0.1, 2, (*size, 3)) / 12,
        source_v=gamma_v * rng.uniform(0.1, 2, (*size, 3)) / 12,
    )
    yukawas = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
    return rates, rng.normal(size=(*size, 3)), yukawas, inverse_susceptibility(100.0, True)


def literal_derivative(state, rates, hamiltonian, yukawas, omega):
    """Eqs. (2.2) of EST in complex 2x2 matrices, integrated over momentum; `state` and result in the order of A."""

    def matrix(components):
        return np.einsum("c,cij->ij", components, PAULI)

    x, s, d = state[X], matrix(state[S]), matrix(state[D])
    rho, rhobar = (s + d) / 2, ((s - d) / 2).conj()  # less their equilibrium
    h = matrix(np.array([0.0, *hamiltonian]))
    y = np.einsum("ai,aj->aij", yukawas.conj(), yukawas)
    gamma = np.einsum("a,aij->ij", rates.gamma_c, y) + np.einsum("a,aij->ij", rates.gamma_v, y.conj())
    mu = omega @ x

    def evolve(matrix, hamiltonian, gamma):
        return -1j * (hamiltonian @ matrix - matrix @ hamiltonian) - (gamma @ matrix + matrix @ gamma) / 2

    d_rho, d_rhobar, d_x = evolve(rho, h, gamma), evolve(rhobar, h.conj(), gamma.conj()), np.zeros(3)
    for a in range(3):
        source = -rates.source_c[a] * y[a] + rates.source_v[a] * y[a].conj()
        d_rho, d_rhobar = d_rho - mu[a] * source, d_rhobar + mu[a] * source.conj()
        tilde = (-rates.gamma_c[a] * y[a] + rates.gamma_v[a] * y[a].conj()).conj()
        norm = np.sum(np.abs(yukawas[a]) ** 2)
        d_x[a] = np.trace(tilde @ rhobar - tilde.conj() @ rho).real
        d_x[a] -= 2 * mu[a] * (rates.source_c[a] + rates.source_v[a]) * norm
    d_s, d_d = d_rho + d_rhobar.conj(), d_rho - d_rhobar.conj()
    parts = [np.einsum("cij,ji->c", PAULI, m).real / 2 for m in (d_s, d_d)]
    return np.concatenate([d_x, *parts])


@given(SEED)
def test_the_matrix_is_that_of_the_complex_equations(seed):
    arguments = system(seed)
    columns = [literal_derivative(unit, *arguments) for unit in np.eye(SIZE)]
    np.testing.assert_allclose(relaxation_matrix(*arguments), np.array(columns).T, atol=1e-14 * np.abs(columns).max())


@given(SEED)
def test_without_violation_l_minus_is_conserved(seed):
    matrix = relaxation_matrix(*system(seed, gamma_v=0.0))
    assert np.abs(L_MINUS @ matrix).max() < 1e-14 * np.abs(matrix).max()
    assert np.abs(L_PLUS @ matrix).max() > 1e-3 * np.abs(matrix).max()
    assert relaxation_rates(matrix)[0] < 1e-12 * np.abs(matrix).max()


@given(SEED)
def test_without_conservation_l_plus_is_conserved(seed):
    matrix = relaxation_matrix(*system(seed, gamma_c=0.0))
    assert np.abs(L_PLUS @ matrix).max() < 1e-14 * np.abs(matrix).max()
    assert np.abs(L_MINUS @ matrix).max() > 1e-3 * np.abs(matrix).max()
    assert relaxation_rates(matrix)[0] < 1e-12 * np.abs(matrix).max()


def test_nothing_grows():
    """With rates of physical sizes: sources within what detailed balance allows."""
    for seed in range(200):
        rates, *others = system(seed)
        rates.source_c, rates.source_v = rates.gamma_c / 12, rates.gamma_v / 12
        eigenvalues = np.linalg.eigvals(relaxation_matrix(rates, *others))
        assert eigenvalues.real.max() < 1e-13 * np.abs(eigenvalues).max()


def test_without_leptons_what_relaxes_are_the_eigenvalues_of_gamma_n():
    """No Hamiltonian, no back-reaction: s relaxes with the means of pairs of eigenvalues of Gamma_N."""
    rates, hamiltonian, yukawas, omega = system(3)
    matrix = relaxation_matrix(rates, 0 * hamiltonian, yukawas, omega)
    small, large = damping_eigenvalues(rates.gamma_c, rates.gamma_v, yukawas)
    mean = (small + large) / 2
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(-matrix[S, S]).real), [small, mean, mean, large])


def test_many_temperatures_at_once():
    rates, hamiltonian, yukawas, omega = system(4, size=(5,))
    omegas = np.stack([omega * (1 + 0.1 * i) for i in range(5)])
    together = relaxation_matrix(rates, hamiltonian, yukawas, omegas)
    assert together.shape == (5, SIZE, SIZE) and relaxation_rates(together).shape == (5, 2)
    for i in range(5):
        one = SimpleNamespace(**{name: value[i] for name, value in vars(rates).items()})
        np.testing.assert_allclose(together[i], relaxation_matrix(one, hamiltonian[i], yukawas, omegas[i]), rtol=1e-14)


def test_without_rates_eigenvalues_of_gamma_n_are_zero():
    yukawas = yukawa_couplings(oscillation_data("nufit_3.2", "normal"), 2.0, 0.1, 0.2, 0.3, 0.4)
    np.testing.assert_array_equal(damping_eigenvalues(np.zeros((2, 3)), 0.0, yukawas), 0.0)


@given(SEED, st.floats(-10.0, 10.0), st.floats(0.0, 1.0))
def test_eigenvalues_of_gamma_n_are_positive_however_far_apart(seed, im_omega, gamma_v):
    """Their product is a determinant in which nothing cancels; in double-double it would be the same to 7 digits."""
    rng = np.random.default_rng(seed)
    yukawas = yukawa_couplings(oscillation_data("nufit_3.2", "normal"), 2.0, *rng.uniform(0, 6, 3), im_omega)
    gamma_c, gamma_v = rng.uniform(0.1, 1, 3), gamma_v * rng.uniform(0.1, 1, 3)
    small, large = damping_eigenvalues(gamma_c, gamma_v, yukawas)
    a = pauli_components(yukawas)
    assert 0 < small <= large and small + large == pytest.approx(2 * (gamma_c + gamma_v) @ a[:, 0], rel=1e-12)
    extended = yukawas.astype(np.clongdouble)
    matrix = np.einsum("a,ai,aj->ij", gamma_c, extended.conj(), extended)
    matrix += np.einsum("a,ai,aj->ij", gamma_v, extended, extended.conj())
    determinant = (matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]).real
    noise = np.finfo(np.longdouble).eps * 10 * large**2
    assert small * large == pytest.approx(float(determinant), rel=1e-6, abs=float(noise))
