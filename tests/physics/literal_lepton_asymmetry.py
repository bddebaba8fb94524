"""Eqs. (2.2) of arXiv:2011.12637 in complex 2x2 matrices: an independent peer for the tests.

    d rho_N/dt    = -i [H, rho_N] - {Gamma, rho_N - rho_eq}/2 - sum_a Gt_a (mu_a/T) f (1 - f)
    d rho_Nbar/dt = -i [H^*, rho_Nbar] - {Gamma^*, rho_Nbar - rho_eq}/2 + sum_a Gt_a^* (mu_a/T) f (1 - f)
    d n_a/dt      = -2 (mu_a/T) int (gamma_c^a + gamma_v^a) (F F^dagger)_aa f (1 - f)
                    + int Tr(Gt_a^* rho_Nbar - Gt_a rho_N),

    H = -(dM M/E) sigma_3 + sum_a (h_c^a Y_a + h_v^a Y_a^*),   Gamma = sum_a (gamma_c^a Y_a + gamma_v^a Y_a^*),
    Gt_a = -gamma_c^a Y_a + gamma_v^a Y_a^*,   (Y_a)_IJ = F^*_aI F_aJ,   M_2 = M - dM,   M_3 = M + dM,

each mode at a fixed comoving momentum q = (k/T) (h_0/h)^(1/3), h = s/T^3, h_0 = h(T_start).  The unknowns are
X_a = h_0 n_a/s and rho_q; z = ln(M/T).  Flavour-blind rates and constant g_* are the special case.

Shares with the package only what is input to both: rates, equation of state, susceptibilities, oscillation data,
momentum nodes.  Solved by scipy, or a hundred times faster by Radau IIA of order 5 with every step done twice.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.special import expit

from hpc_nu.plasma import charge_susceptibilities, thermodynamics
from hpc_nu.plasma.susceptibilities import inverse_susceptibility
from hpc_nu.units import SPHALERON_FREEZE_OUT

VEV = 246.22 / np.sqrt(2)  # GeV
M_0 = 7.12e17  # GeV; H = T^2/M_0 with constant g_*
CONSTANT_ENTROPY = 46.8  # s/T^3 likewise


def casas_ibarra(data, mass, delta, eta, re_omega, im_omega, vev=VEV):
    """F = U sqrt(m_nu) Omega sqrt(M)/v, (3, 2): U of the PDG times diag(1, e^(i eta), 1)."""
    s12, s13, s23 = np.sqrt([data.sin2_theta12, data.sin2_theta13, data.sin2_theta23])
    c12, c13, c23 = np.sqrt([1 - data.sin2_theta12, 1 - data.sin2_theta13, 1 - data.sin2_theta23])
    r12 = np.array([[c12, s12, 0], [-s12, c12, 0], [0, 0, 1]])
    r13 = np.array([[c13, 0, s13 * np.exp(-1j * delta)], [0, 1, 0], [-s13 * np.exp(1j * delta), 0, c13]])
    r23 = np.array([[1, 0, 0], [0, c23, s23], [0, -s23, c23]])
    solar, atmospheric = data.dm2_solar * 1e-18, data.dm2_atmospheric * 1e-18  # GeV^2
    cos, sin = np.cos(re_omega + 1j * im_omega), np.sin(re_omega + 1j * im_omega)
    if data.hierarchy == "normal":
        light = np.sqrt([0, solar, atmospheric])
        omega = np.array([[0, 0], [cos, sin], [-sin, cos]])
    else:
        light = np.sqrt([atmospheric - solar, atmospheric, 0])
        omega = np.array([[cos, sin], [-sin, cos], [0, 0]])
    pmns = r23 @ r13 @ r12 @ np.diag([1, np.exp(1j * eta), 1])
    return pmns @ np.diag(np.sqrt(light)) @ omega * np.sqrt(mass) / vev


class ConstantGstar:
    """H = T^2/M_0 and s/T^3 of arXiv:2011.12637; k/T is conserved."""

    entropy_start = CONSTANT_ENTROPY

    def entropy(self, temperature):
        """s/T^3."""
        return CONSTANT_ENTROPY

    def rate(self, temperature):
        """dz/dt [GeV]."""
        return temperature**2 / M_0


class FullExpansion:
    """H, c_s^2 and s of the equation of state, dT/dt = -3 c_s^2 H T; nodes are k/T at `t_start`."""

    def __init__(self, t_start, equation_of_state="saikawa_shirai"):
        self.equation_of_state = equation_of_state
        self.entropy_start = self.entropy(t_start)

    def entropy(self, temperature):
        return thermodynamics.entropy_density(temperature, self.equation_of_state) / temperature**3

    def rate(self, temperature):
        sound = thermodynamics.sound_speed_squared(temperature, self.equation_of_state)
        return 3 * sound * thermodynamics.hubble_rate(temperature, self.equation_of_state)


class FullSusceptibility:
    """T^2 omega_ab, with sphalerons or without, splined in ln T: a call of the real one takes a millisecond."""

    def __init__(self, t_low, t_high, **options):
        log_t = np.arange(np.log(t_low) - 0.01, np.log(t_high) + 0.01, 0.002)
        self._splines = [
            CubicSpline(log_t, charge_susceptibilities.inverse_susceptibility(np.exp(log_t), sphalerons, **options))
            for sphalerons in (False, True)
        ]

    def __call__(self, temperature, sphalerons):
        return self._splines[sphalerons](np.log(temperature))


class _Coefficients(NamedTuple):
    """At one temperature [GeV]; matrices (n_modes, 2, 2), or (3, n_modes, 2, 2) with one for each flavour."""

    hamiltonian: np.ndarray
    gamma: np.ndarray
    gamma_tilde: np.ndarray
    source: np.ndarray
    wash_out: np.ndarray  # (3,)
    rho_eq: np.ndarray
    weights: np.ndarray  # (n_modes,)
    omega: np.ndarray  # mu_a/T = omega_ab X_b
    rate: float


def _over_modes(per_mode, matrices):
    """sum_a c_a(mode) matrix_a: (n_modes, 3) and (3, 2, 2) to (n_modes, 2, 2)."""
    return np.einsum("na,aij->nij", per_mode, matrices)


def _each_flavour(per_mode, matrices):
    return np.einsum("na,aij->anij", per_mode, matrices)


def _commutator(a, b):
    return a @ b - b @ a


def _anticommutator(a, b):
    return a @ b + b @ a


class LiteralEquations:
    """State: X_a (3), then rho_N and rho_Nbar (n_modes, 2, 2) as real and imaginary parts.

    With `averaged`, rho_k = n f_N(k)/n_eq: the modes collapse to one matrix of densities h_0 n/s.

    Parameters
    ----------
    yukawas : (3, 2) complex array
    mass, delta_mass : float [GeV]
    rates : callable
        (temperature, momentum (n,), mass) [GeV] to gamma_c, gamma_v, h_c, h_v [GeV], each (n,) or (n, 3).
    nodes, weights : (n,) arrays
        Of q, q^2/(2 pi^2) in the weights.
    averaged : bool
    expansion : ConstantGstar or FullExpansion
    omega : (3, 3) array, or callable (temperature, sphalerons) to it
        mu_a/T = omega_ab n_b/T^3.
    massless_leptons : bool
        f (1 - f) is that of k, as printed (footnote 3), not that of E.
    """

    def __init__(
        self, yukawas, mass, delta_mass, rates, nodes, weights, averaged=False, expansion=None, omega=None,
        massless_leptons=False,
    ):  # fmt: skip
        self.massless_leptons = massless_leptons
        self.yukawas = np.asarray(yukawas)
        self.y_a = np.array([np.outer(f.conj(), f) for f in yukawas])
        self.f_f_dagger = np.sum(np.abs(yukawas) ** 2, axis=1)
        self.mass, self.delta_mass, self.rates = mass, delta_mass, rates
        self.q, self.w, self.averaged = nodes, weights, averaged
        self.n_modes = 1 if averaged else len(nodes)
        self.expansion = expansion or ConstantGstar()
        self.omega = inverse_susceptibility() if omega is None else omega
        self.sphalerons = False  # of the piece between two stops that is being solved

    # ------------------------------------------------------------------------------------------------ equations

    def momenta(self, temperature):
        """k/T of the nodes."""
        return self.q * np.cbrt(self.expansion.entropy(temperature) / self.expansion.entropy_start)

    def equilibrium(self, temperature):
        """f_N at the nodes."""
        return expit(-np.sqrt(self.momenta(temperature) ** 2 + (self.mass / temperature) ** 2))

    def coefficients(self, temperature):
        y, f_eq, weights = self.momenta(temperature), self.equilibrium(temperature), self.w
        energy = np.sqrt((y * temperature) ** 2 + self.mass**2)
        rates = self.rates(temperature, y * temperature, self.mass)
        # Flavours last; those alike are written thrice.
        rates = [np.broadcast_to(r if np.ndim(r) == 2 else np.reshape(r, (-1, 1)), (len(y), 3)) for r in rates]
        on_shell = y if self.massless_leptons else energy / temperature
        blocking = (expit(on_shell) * expit(-on_shell))[:, np.newaxis]  # f (1 - f)
        sources = [gamma * blocking for gamma in rates[:2]]
        m_over_e = self.mass / energy[:, np.newaxis]
        if self.averaged:
            density = weights @ f_eq
            *rates, m_over_e = ((weights * f_eq)[np.newaxis] @ c / density for c in (*rates, m_over_e))
            sources = [weights[np.newaxis] @ s for s in sources]
            f_eq, weights = np.array([density]), np.ones(1)
        gamma_c, gamma_v, h_c, h_v = rates
        source_c, source_v = sources
        vacuum = -self.delta_mass * m_over_e[..., np.newaxis] * np.diag([1.0, -1.0])
        omega = self.omega(temperature, self.sphalerons) if callable(self.omega) else self.omega
        return _Coefficients(
            hamiltonian=vacuum + _over_modes(h_c, self.y_a) + _over_modes(h_v, self.y_a.conj()),
            gamma=_over_modes(gamma_c, self.y_a) + _over_modes(gamma_v, self.y_a.conj()),
            gamma_tilde=_each_flavour(-gamma_c, self.y_a) + _each_flavour(gamma_v, self.y_a.conj()),
            source=_each_flavour(-source_c, self.y_a) + _each_flavour(source_v, self.y_a.conj()),
            wash_out=2 * (weights @ (source_c + source_v)) * self.f_f_dagger,
            rho_eq=f_eq[:, np.newaxis, np.newaxis] * np.eye(2),
            weights=weights,
            omega=omega * self.expansion.entropy(temperature) / self.expansion.entropy_start,
            rate=self.expansion.rate(temperature),
        )

    def slopes(self, at, x, rho, rhobar):
        """d/dz of X_a by wash-out (..., 3), of X_a by each mode (..., n_modes, 3), of rho_N and of rho_Nbar.

        For X (..., 3), rho_N and rho_Nbar (..., n_modes, 2, 2), which need not be hermitian.
        """
        mu = x @ at.omega.T
        production = np.einsum("...a,anij->...nij", mu, at.source)
        production_bar = np.einsum("...a,anij->...nij", mu, at.source.conj())
        d_rho = -1j * _commutator(at.hamiltonian, rho) - _anticommutator(at.gamma, rho - at.rho_eq) / 2 - production
        h_bar, gamma_bar = at.hamiltonian.conj(), at.gamma.conj()
        d_rhobar = -1j * _commutator(h_bar, rhobar) - _anticommutator(gamma_bar, rhobar - at.rho_eq) / 2
        d_rhobar = d_rhobar + production_bar
        traces = np.einsum("anij,...nji->...na", at.gamma_tilde.conj(), rhobar)
        traces = traces - np.einsum("anij,...nji->...na", at.gamma_tilde, rho)
        d_x_modes = at.weights[:, np.newaxis] * traces
        return -mu * at.wash_out / at.rate, d_x_modes / at.rate, d_rho / at.rate, d_rhobar / at.rate

    # --------------------------------------------------------------------------------------------- real unknowns

    def unpack(self, state):
        parts = state[3:].reshape(4, self.n_modes, 2, 2)
        return state[:3], parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]

    def pack(self, x, rho, rhobar):
        return np.concatenate([np.real(x), np.stack([rho.real, rho.imag, rhobar.real, rhobar.imag]).ravel()])

    def __call__(self, z, state):
        """The right-hand side for scipy."""
        at = self.coefficients(self.mass * np.exp(-z))
        wash_out, traces, d_rho, d_rhobar = self.slopes(at, *self.unpack(state))
        return self.pack(wash_out + traces.sum(axis=0), d_rho, d_rhobar)

    # -------------------------------------------------------------------------------------------------- solution

    def evolve(self, t_start, stops, method="Radau IIA", rtol=1e-6, atol=1e-14):
        """Yields at the temperatures `stops` [GeV], decreasing, from none of anything at `t_start`.

        Parameters
        ----------
        method : str
            "Radau IIA" of this module, or one of scipy's.
        rtol, atol : float
            The latter for scipy's methods.

        Returns
        -------
        dict of (n_stops, ...) arrays
            "Y_Delta" (3), "Y_N" (2): mean of both helicities, "Y_Delta_N": Tr(rho_N - rho_Nbar), "Y_N_eq".
        """
        stops = np.asarray(stops, float)
        state = np.zeros(3 + 16 * self.n_modes)
        out = {name: [] for name in ("Y_Delta", "Y_N", "Y_Delta_N", "Y_N_eq")}
        at = t_start
        self.n_steps = 0  # of "Radau IIA"
        for stop in np.unique([*stops, SPHALERON_FREEZE_OUT])[::-1]:
            if stop >= at or stop < stops.min():
                continue
            self.sphalerons = bool(at > SPHALERON_FREEZE_OUT)
            z = np.log(self.mass / np.array([at, stop]))
            if method == "Radau IIA":
                state = self._radau(z, state, rtol)
            else:
                solution = solve_ivp(self, z, state, method=method, rtol=rtol, atol=atol)
                assert solution.success, solution.message
                state = solution.y[:, -1]
            at = stop
            if stop not in stops:
                continue
            x, rho, rhobar = self.unpack(state)
            weights = np.ones(1) if self.averaged else self.w
            number = np.einsum("n,nii->i", weights, rho).real, np.einsum("n,nii->i", weights, rhobar).real
            per_entropy = (x, (number[0] + number[1]) / 2, np.sum(number[0] - number[1]), self.w @ self.equilibrium(at))
            for values, value in zip(out.values(), per_entropy, strict=True):
                values.append(value / self.expansion.entropy_start)
        return {name: np.array(values) for name, values in out.items()}

    def solve(self, t_start, stops, method="Radau IIA", rtol=1e-7, atol=1e-14):
        """Yields Y_Delta_a, shape (n_stops, 3), at the temperatures `stops` [GeV], decreasing."""
        return self.evolve(t_start, stops, method, rtol, atol)["Y_Delta"]

    # ------------------------------------------------------------------------------------------ Radau IIA, order 5

    def _linear_system(self, z):
        """(modes on modes (n, 8, 8), X on modes (n, 8, 3), modes on X (n, 3, 8), X on X (3, 3), source (n, 8)).

        d/dz of (rho_N, rho_Nbar) as 8 complex numbers a mode, and of X, by inserting each unknown.
        """
        one = np.eye(12)
        x, rho, rhobar = one[:, 8:11], one[:, :4], one[:, 4:8]
        rho, rhobar = (np.repeat(r.reshape(12, 1, 2, 2), self.n_modes, axis=1) for r in (rho, rhobar))
        wash_out, traces, d_rho, d_rhobar = self.slopes(self.coefficients(self.mass * np.exp(-z)), x, rho, rhobar)
        columns = np.concatenate([d_rho.reshape(12, -1, 4), d_rhobar.reshape(12, -1, 4)], axis=2)
        source = columns[11]
        columns = np.moveaxis(columns[:11] - source, 0, -1)
        return columns[..., :8], columns[..., 8:], np.moveaxis(traces[:8], 0, -1), wash_out[8:11].T, source

    def _radau_step(self, z, h, x, modes):
        n, eye = self.n_modes, np.eye(24).reshape(3, 8, 3, 8)
        parts = zip(*(self._linear_system(z + c * h) for c in _RADAU_C), strict=True)
        on_modes, x_on_modes, modes_on_x, x_on_x, source = (h * np.array(part) for part in parts)
        a = _RADAU_A
        matrix = (eye - np.einsum("ij,jnrc->nirjc", a, on_modes)).reshape(n, 24, 24)
        border = np.einsum("ij,jnrb->nirjb", a, x_on_modes).reshape(n, 24, 9)
        right = (modes + np.einsum("ij,jnr->inr", a, source)).transpose(1, 0, 2).reshape(n, 24, 1)
        solved = np.linalg.solve(matrix, np.concatenate([right, border], axis=2))
        to_x = np.einsum("ij,jnbc->nibjc", a, modes_on_x).reshape(n, 9, 24)
        gained = np.einsum("nij,njk->ik", to_x, solved)
        schur = np.eye(9) - np.einsum("ij,jbc->ibjc", a, x_on_x).reshape(9, 9) - gained[:, 1:]
        stages = np.linalg.solve(schur, np.tile(x, 3) + gained[:, 0])
        last = solved[:, 16:, 0] + solved[:, 16:, 1:] @ stages
        return stages[6:].real, last

    def _radau(self, z, state, rtol):
        """Each step once, and once in two halves: the halves are kept, the difference is the error."""
        x, rho, rhobar = self.unpack(state)
        modes = np.concatenate([rho.reshape(-1, 4), rhobar.reshape(-1, 4)], axis=1)
        now, h = z[0], min(1e-3, z[1] - z[0])
        weights = np.ones(1) if self.averaged else self.w * expit(-self.q)
        weights = weights / weights.sum()

        def kinds(x, modes):
            rho, rhobar = modes[:, :4], modes[:, 4:].conj()
            size = [np.sqrt(np.sum(weights * np.sum(np.abs(m) ** 2, axis=1))) for m in (rho - rhobar, rho + rhobar)]
            return np.array([np.max(np.abs(x)), *size])

        floor = np.array([1e-12, 1e-9, 1e-5])  # of X, rho_N - rho_Nbar^*, their sum; rounded at 1e-17, no less is met
        scale = np.maximum(kinds(x, modes), floor)
        while now < z[1]:
            h = min(h, z[1] - now)
            if z[1] - now - h < 1e-3 * h:
                h = z[1] - now
            middle = self._radau_step(now, h / 2, x, modes)
            fine = self._radau_step(now + h / 2, h / 2, *middle)
            coarse = self._radau_step(now, h, x, modes)
            # All three X_a may cross zero at once: a scale that forgets only slowly.
            new_scale = np.maximum(kinds(*fine), scale * np.exp(-5 * h))
            ratio = np.max(kinds(fine[0] - coarse[0], fine[1] - coarse[1]) / new_scale) / rtol
            assert np.isfinite(ratio) and h > 1e-12
            if ratio <= 1:
                now = z[1] if h == z[1] - now else now + h
                x, modes = fine
                scale = np.maximum(new_scale, floor)
                self.n_steps += 1
            h = min(h * min(4.0, 0.8 * max(ratio, 1e-8) ** (-1 / 5)), 0.2)
        return self.pack(x, modes[:, :4].reshape(-1, 2, 2), modes[:, 4:].reshape(-1, 2, 2))


_S6 = np.sqrt(6)
_RADAU_C = np.array([(4 - _S6) / 10, (4 + _S6) / 10, 1.0])
_RADAU_A = np.array(
    [
        [(88 - 7 * _S6) / 360, (296 - 169 * _S6) / 1800, (-2 + 3 * _S6) / 225],
        [(296 + 169 * _S6) / 1800, (88 + 7 * _S6) / 360, (-2 - 3 * _S6) / 225],
        [(16 - _S6) / 36, (16 + _S6) / 36, 1 / 9],
    ]
)
