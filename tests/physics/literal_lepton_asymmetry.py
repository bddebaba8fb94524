"""Eqs. (2.2) of arXiv:2011.12637 in complex 2x2 matrices, solved by LSODA: an independent peer for the tests.

Shares with the package only what is input to both: the rates, the Yukawa couplings, the momentum nodes.
"""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import expit

from hpc_nu.plasma.susceptibilities import inverse_susceptibility

ENTROPY_OVER_T3 = 46.8
REDUCED_PLANCK_TIME_SCALE = 7.12e17


class LiteralEquations:
    """State: n_Delta_a/T^3 (3), then rho_N and rho_Nbar (n_modes, 2, 2) as real and imaginary parts.

    With `averaged`, rho_k = n f_N(k)/n_eq: the modes collapse to one matrix of densities n/T^3.
    """

    def __init__(self, yukawas, mass, delta_mass, rates, nodes, weights, averaged=False):
        self.f_dagger_f = [np.outer(yukawas[a].conj(), yukawas[a]) for a in range(3)]
        self.f_f_dagger = np.sum(np.abs(yukawas) ** 2, axis=1)
        self.mass, self.delta_mass, self.rates = mass, delta_mass, rates
        self.y, self.w, self.averaged = nodes, weights, averaged
        self.n_modes = 1 if averaged else len(nodes)
        self.omega = inverse_susceptibility()
        self.blocking = expit(nodes) * expit(-nodes)

    def equilibrium(self, temperature):
        return expit(-np.sqrt(self.y**2 + (self.mass / temperature) ** 2))

    def unpack(self, state):
        x = state[:3]
        parts = state[3:].reshape(4, self.n_modes, 2, 2)
        return x, parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]

    def __call__(self, z, state):
        temperature = self.mass * np.exp(-z)
        hubble = temperature**2 / REDUCED_PLANCK_TIME_SCALE
        energy = np.sqrt((self.y * temperature) ** 2 + self.mass**2)
        gp, gm, hp, hm = self.rates(temperature, self.y * temperature, self.mass)
        f_eq, weights = self.equilibrium(temperature), self.w
        m_over_e = self.mass / energy
        sp, sm = gp * self.blocking, gm * self.blocking
        if self.averaged:
            density = np.sum(weights * f_eq)
            gp, gm, hp, hm, m_over_e = (
                np.array([np.sum(weights * f_eq * c) / density]) for c in (gp, gm, hp, hm, m_over_e)
            )
            sp, sm = np.array([np.sum(weights * sp)]), np.array([np.sum(weights * sm)])
            f_eq, weights = np.array([density]), np.ones(1)

        def over_modes(per_mode, matrix):
            return per_mode[:, np.newaxis, np.newaxis] * matrix

        def commutator(a, b):
            return a @ b - b @ a

        def anticommutator(a, b):
            return a @ b + b @ a

        x, rho, rhobar = self.unpack(state)
        mu = self.omega @ x
        total = sum(self.f_dagger_f)
        hamiltonian = over_modes(hp, total) + over_modes(hm, total.conj())
        hamiltonian = hamiltonian - over_modes(self.delta_mass * m_over_e, np.diag([1.0, -1.0]))
        gamma = over_modes(gp, total) + over_modes(gm, total.conj())
        rho_eq = over_modes(f_eq, np.eye(2))
        d_rho = -1j * commutator(hamiltonian, rho) - 0.5 * anticommutator(gamma, rho - rho_eq)
        d_rhobar = -1j * commutator(hamiltonian.conj(), rhobar) - 0.5 * anticommutator(gamma.conj(), rhobar - rho_eq)
        d_x = np.zeros(3)
        for a, matrix in enumerate(self.f_dagger_f):
            source = -over_modes(sp, matrix) + over_modes(sm, matrix.conj())
            d_rho = d_rho - mu[a] * source
            d_rhobar = d_rhobar + mu[a] * source.conj()
            tilde_nu = (-over_modes(gp, matrix) + over_modes(gm, matrix.conj())).conj()  # (Gamma~_N)^*
            traces = np.trace(tilde_nu @ rhobar - tilde_nu.conj() @ rho, axis1=1, axis2=2)
            d_x[a] = np.sum(weights * traces.real) - 2 * mu[a] * np.sum(weights * (sp + sm)) * self.f_f_dagger[a]
        d_state = np.concatenate([d_x, np.stack([d_rho.real, d_rho.imag, d_rhobar.real, d_rhobar.imag]).ravel()])
        return d_state / hubble

    def solve(self, t_start, stops, method="LSODA", rtol=1e-10, atol=1e-14):
        """Yields Y_Delta_a, shape (n_stops, 3), at the temperatures `stops` [GeV], decreasing."""
        z = np.log(self.mass / np.array([t_start, *stops]))
        start = np.zeros(3 + 16 * self.n_modes)
        solution = solve_ivp(self, (z[0], z[-1]), start, method=method, t_eval=z[1:], rtol=rtol, atol=atol)
        assert solution.success, solution.message
        return solution.y[:3].T / ENTROPY_OVER_T3
