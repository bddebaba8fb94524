"""The compiled equations of the lepton asymmetries: right-hand side, implicit stage, conservation laws, limits.

The peer is `literal_lepton_asymmetry`: eqs. (2.2) of arXiv:2011.12637 in complex matrices.
"""

import numpy as np
import pytest
from closed_form_rates import closed_form_rates
from lepton_asymmetry_points import (
    CONSTANT_GSTAR,
    FREEZE_IN,
    FREEZE_OUT,
    MODEL,
    direct_coefficients,
    one_flavour,
    point_yukawas,
    problem,
    solve,
)
from literal_lepton_asymmetry import LiteralEquations

from hpc_nu.models.heavy_neutrinos import stage
from hpc_nu.models.heavy_neutrinos.coefficients import FS, GC, GV, HC, HV, ME, SC, coefficients_at, find_cell
from hpc_nu.models.heavy_neutrinos.equations import right_hand_side as compiled_right_hand_side
from hpc_nu.models.heavy_neutrinos.error import DRIFT, error_norms
from hpc_nu.models.heavy_neutrinos.system import System
from hpc_nu.plasma.susceptibilities import inverse_susceptibility
from hpc_nu.result_codes import ResultCode
from hpc_nu.seesaw.averaged_rates import AveragedRates
from hpc_nu.seesaw.casas_ibarra import pauli_components
from hpc_nu.seesaw.mass_splitting import hamiltonian_vector
from hpc_nu.seesaw.rate_table import N_CHANNELS, build_rate_table, equilibrium_occupation, table_temperatures
from hpc_nu.seesaw.relaxation import SIZE, relaxation_matrix
from hpc_nu.seesaw.thermal_rates import ThermalRates
from hpc_nu.solver import momentum_grid
from hpc_nu.solver.evolution import Evolution
from hpc_nu.units import SPHALERON_FREEZE_OUT

GRIDS = {
    "averaged": momentum_grid.averaged(),
    "1 mode": momentum_grid.gauss_legendre(1),
    "5 equal": momentum_grid.equal_occupation(5),
    "11 equal, soft": momentum_grid.equal_occupation(11, soft_modes=(0.3, 0.5)),
    "16 Gauss": momentum_grid.gauss_legendre(16),
}
TWO_GRIDS = pytest.mark.parametrize("grid", [GRIDS["averaged"], GRIDS["16 Gauss"]], ids=["averaged", "16 Gauss"])
OMEGA = inverse_susceptibility()
GAMMAS, HAMILTONIAN = slice(GC, HC), slice(HC, SC)
SIGMAS = slice(SC, ME)
ONE_KIND_OF_SCATTERING = pytest.mark.parametrize(
    ("factors", "sign"), [((1, 0, 1, 1), 1), ((0, 1, 1, 1), -1)], ids=["gamma_- = 0", "gamma_+ = 0"]
)


def table_at(temperature, mass, grid, rates=closed_form_rates, factors=(1.0, 1.0, 1.0, 1.0), **options):
    """The coefficients (N_CHANNELS, n_modes) at a node of a rate table, and the weights of the modes."""
    table = rate_table(rates, mass, temperature, 0.9 * temperature, grid, **options)
    return interpolated(table, table.nodes[0], factors), table.weights


def rate_table(rates, mass, t_start, t_end, grid, **options):
    averaged, temperature = grid.kind == "averaged", table_temperatures(t_start, t_end, SPHALERON_FREEZE_OUT)
    return build_rate_table(rates, CONSTANT_GSTAR, mass, temperature, grid.nodes, grid.weights, averaged, **options)


def interpolated(table, z, factors=(1.0, 1.0, 1.0, 1.0)):
    out = np.empty((N_CHANNELS, len(table.weights)))
    cell = find_cell(z, table.nodes, 0, len(table.cells) - 1)
    t, n = z - table.nodes[cell], len(table.weights)
    coefficients_at(cell, t, table.cells, np.array(factors, float), n, out.ravel())
    return out


def right_hand_side(u, coefficients, weights, flavours, delta_mass, omega=OMEGA):
    out = np.full_like(u, np.nan)
    compiled_right_hand_side(u, coefficients, weights, flavours, delta_mass, omega, out)
    return out


def solve_stage(tau, coefficients, weights, flavours, delta_mass, r):
    n, out, work = len(weights), np.full_like(r, np.nan), stage.workspace(weights)
    for channel, row in enumerate(coefficients):
        work[channel * stage.STRIDE :][:n] = row
    stage.set_point(flavours, delta_mass, n, work)
    stage.fill(tau, stage.TAU, stage.TAU + n, work)
    work[stage.OM00 :: stage.STRIDE][:9] = OMEGA.ravel()
    stage.factor_stage(1, n, work)
    stage.solve_factored(1, n, 1.0, r, out, work)
    return out


def random_yukawas(rng):
    return 1e-7 * (rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2)))


def random_hermitian(rng, n):
    a = rng.normal(size=(n, 2, 2)) + 1j * rng.normal(size=(n, 2, 2))
    return a + np.conj(np.swapaxes(a, 1, 2))


def to_pauli(matrices):
    """(n, 2, 2) hermitian to (4, n) real."""
    m = matrices
    parts = [m[:, 0, 0] + m[:, 1, 1], m[:, 0, 1] + m[:, 1, 0], 1j * (m[:, 0, 1] - m[:, 1, 0]), m[:, 0, 0] - m[:, 1, 1]]
    return np.real(parts) / 2


def matrix_of(size, apply):
    """The matrix of a linear function, column by column."""
    return np.column_stack([apply(column) for column in np.eye(size)])


def relative_error(got, expected):
    """Largest error of the asymmetries, s and d, each in units of the largest value of its kind."""
    n = (len(got) - 3) // 8
    blocks = [slice(0, 3), slice(3, 3 + 4 * n), slice(3 + 4 * n, None)]
    return max(np.max(np.abs(got[b] - expected[b])) / np.max(np.abs(expected[b])) for b in blocks)


# --------------------------------------------------------------------------------------------------- right-hand side


@pytest.mark.parametrize("temperature", [900.0, 160.0, 131.7, 50.0, 20.0, 5.0, 0.7])
@pytest.mark.parametrize("mass", [0.3, 10.0])
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_right_hand_side_is_that_of_the_complex_matrices(grid, mass, temperature):
    rng = np.random.default_rng(round(1000 * mass + temperature))
    yukawas, omega = random_yukawas(rng), OMEGA + 0.3 * np.diag(rng.normal(size=3))
    delta_mass = 1e-11 * rng.normal()
    coefficients, weights = table_at(temperature, mass, grid)
    n = len(weights)
    literal = LiteralEquations(
        yukawas, mass, delta_mass, one_flavour, grid.nodes, grid.weights, averaged=grid.kind == "averaged"
    )
    literal.omega = omega

    x, rho, rhobar = rng.normal(size=3), random_hermitian(rng, n), random_hermitian(rng, n)
    state = np.concatenate([x, np.stack([rho.real, rho.imag, rhobar.real, rhobar.imag]).ravel()])
    d_x, d_rho, d_rhobar = literal.unpack(literal(np.log(mass / temperature), state))

    equilibrium = literal.equilibrium(temperature)
    if grid.kind == "averaged":
        equilibrium = np.array([np.sum(grid.weights * equilibrium)])
    s, d = to_pauli(rho + rhobar.conj()), to_pauli(rho - rhobar.conj())
    s[0] -= 2 * equilibrium
    u = np.concatenate([x, s.ravel(), d.ravel()])
    d_s, d_d = to_pauli(d_rho + d_rhobar.conj()), to_pauli(d_rho - d_rhobar.conj())
    d_s[0] -= 2 * coefficients[FS]
    expected = np.concatenate([d_x, d_s.ravel(), d_d.ravel()])

    got = right_hand_side(u, coefficients, weights, pauli_components(yukawas), delta_mass, omega)
    assert relative_error(got, expected) < 1e-12


@pytest.mark.parametrize("mass", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_slope_of_the_equilibrium_distribution(grid, mass):
    for temperature in (300.0, 20.0, 5.0):
        coefficients, _ = table_at(temperature, mass, grid)
        z, h = np.log(mass / temperature), 1e-3
        f = [equilibrium_occupation(np.exp(z + i * h), grid.nodes) for i in (-2, -1, 1, 2)]
        slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)
        if grid.kind == "averaged":
            slope = np.array([slope @ grid.weights])
        np.testing.assert_allclose(coefficients[FS], slope, rtol=1e-7, atol=1e-13)


# ---------------------------------------------------------------------------------------------------- implicit stage


def random_coefficients(rng, n):
    """Positive rates over many orders of magnitude, a Hamiltonian of either sign."""
    out = np.empty((N_CHANNELS, n))
    out[GAMMAS] = 10.0 ** rng.uniform(10, 18, size=(6, n))
    out[HAMILTONIAN] = 10.0 ** rng.uniform(8, 20, size=(6, n)) * rng.choice([-1, 1], size=(6, n))
    out[ME] = 10.0 ** rng.uniform(8, 16, size=n)
    out[SIGMAS] = out[GAMMAS] * rng.uniform(0, 0.25, size=n)
    out[FS] = -rng.uniform(0, 1, size=n)
    return out


@pytest.mark.parametrize("n_modes", [1, 2, 3, 7, 8, 16, 29])
@pytest.mark.parametrize("log_tau", [-12, -9, -6, -4, -3, -2, -1, 0, 1, 3, 6])
def test_stage_solve_is_that_of_dense_linear_algebra(n_modes, log_tau):
    rng = np.random.default_rng(100 * n_modes + log_tau + 12)
    tau, delta_mass = 10.0**log_tau, 1e-11
    coefficients, weights = random_coefficients(rng, n_modes), rng.uniform(0.01, 0.3, size=n_modes)
    flavours, size = pauli_components(random_yukawas(rng)), 3 + 8 * n_modes
    without_source = coefficients.copy()
    without_source[FS] = 0
    a = matrix_of(size, lambda u: right_hand_side(u, without_source, weights, flavours, delta_mass))
    source = right_hand_side(np.zeros(size), coefficients, weights, flavours, delta_mass)

    r = rng.normal(size=size)
    given = r.copy()
    out = solve_stage(tau, coefficients, weights, flavours, delta_mass, given)

    matrix, rhs = np.eye(size) - tau * a, r + tau * source
    residual = np.abs(matrix @ out - rhs)
    assert np.max(residual) < 1e-12 * (np.linalg.norm(matrix, np.inf) * np.max(np.abs(out)) + np.max(np.abs(rhs)))
    # row by row, too, so that a small equation is not hidden by a large one
    assert np.all(residual < 1e-11 * (np.abs(matrix) @ np.abs(out) + np.abs(rhs)))
    np.testing.assert_allclose(given, r, rtol=1e-14, atol=1e-15 * tau)  # the caller still needs it
    if np.linalg.cond(matrix) < 1e8:
        np.testing.assert_allclose(out, np.linalg.solve(matrix, rhs), atol=1e-6 * np.max(np.abs(out)))


@pytest.mark.parametrize("point", [FREEZE_IN, FREEZE_OUT], ids=["freeze-in", "freeze-out"])
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_stage_solve_with_the_rates_of_the_model(grid, point):
    flavours = pauli_components(point_yukawas(point))
    for temperature in (900.0, 100.0, 10.0, 1.0):
        coefficients, weights = table_at(temperature, point["M"], grid)
        n = len(weights)
        u = np.random.default_rng(1).normal(size=3 + 8 * n)
        for tau in (1e-6, 1e-2, 0.1):
            slope = right_hand_side(u, coefficients, weights, flavours, point["delta_M"])
            r = u - tau * slope
            out = solve_stage(tau, coefficients, weights, flavours, point["delta_M"], r)
            assert np.max(np.abs(out - u)) < 1e-12 * max(1.0, np.max(np.abs(r)))


def test_solve_3x3_with_every_order_of_pivots():
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(200, 3, 3)) * 10.0 ** rng.uniform(-8, 8, size=(200, 3, 1))
    matrix[np.arange(200), rng.integers(3, size=200), rng.integers(3, size=200)] = 0.0
    scaled = matrix / np.abs(matrix).max(axis=2, keepdims=True)
    matrix = matrix[np.linalg.cond(scaled) < 1e3]
    n, work = len(matrix), stage.workspace(np.ones(1))
    rows = work.reshape(-1, stage.STRIDE)[:, :n]
    rows[stage.B00 // stage.STRIDE :][:9] = matrix.reshape(n, 9).T
    rows[stage.X0 // stage.STRIDE :][:3] = (matrix @ [1.0, -2.0, 3.0]).T
    stage.solve_3x3(n, work)
    assert n > 150
    np.testing.assert_allclose(rows[stage.X0 // stage.STRIDE :][:3].T, np.tile([1.0, -2.0, 3.0], (n, 1)), rtol=1e-11)


# -------------------------------------------------------------------------------------------------------- error norm


def error_norm(error, u=None, tau=0.1, h=(0.0, 0.0, 0.0), damping=0.0, least_weight=0.0):
    """Of modes that all have the same h and G_0, with rtol 1e-5."""
    n = (len(error) - 3) // 8
    u = np.ones(len(error)) if u is None else u
    work = stage.workspace(np.ones(n))
    rows = work.reshape(-1, stage.STRIDE)[:, :n]
    c, al = 2 * tau * np.array(h), 1 + tau * damping
    for row, value in zip((stage.C1, stage.C2, stage.C3), c, strict=True):
        rows[row // stage.STRIDE] = value
    rows[stage.ODD // stage.STRIDE] = 1 / (al**2 + c @ c)
    rows[stage.EVEN // stage.STRIDE] = al / (al**2 + c @ c)
    rows[stage.LEAST // stage.STRIDE] = least_weight**2
    rows[stage.TAU // stage.STRIDE] = tau
    error_norms(1, n, error, u, u, np.full(n, 1 / n), work)
    return work[stage.WORST] / 1e-5


@pytest.mark.parametrize("bad", [0, 2, 3, 14])
def test_error_norm_lets_nan_of_asymmetries_and_s_through(bad):
    error = np.zeros(27)
    error[bad] = np.nan
    assert not error_norm(error) <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_error_norm_lets_what_is_not_finite_in_d_through(bad):
    for i in range(15, 27):
        error = np.zeros(27)
        error[i] = bad
        assert not error_norm(error) <= 1


def test_error_norm_is_the_same_for_any_number_of_modes():
    """The same occupation error on more modes of the same total weight is as large."""
    norms = []
    for n in (1, 5, 80):
        error = np.zeros(3 + 8 * n)
        error[3:] = 1e-6
        norms.append(error_norm(error))
    assert norms[0] == pytest.approx(0.1, rel=1e-2)
    np.testing.assert_allclose(norms, norms[0], rtol=1e-12)


def test_error_norm_has_a_scale_for_each_kind_of_unknown():
    """An error of rtol times its own block counts one, however small that block is beside the others."""
    u = np.full(11, 1.0)
    u[:3], u[7:] = [3e-6, 2e-6, 1e-6], 1e-4
    for part in (slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 7), slice(7, 11)):
        error = np.zeros(11)
        error[part] = 1e-5 * u[part]
        assert error_norm(error, u) == pytest.approx(1.0, rel=1e-2)


def test_error_norm_of_a_small_sum_of_large_asymmetries():
    """To a thousandth of each, the sum has the relative accuracy of its own."""
    u, error = np.ones(11), np.zeros(11)
    u[:3], error[:3] = [1e-5, -2e-5, 1.02e-5], 1e-12
    assert error_norm(error, u) == pytest.approx(3e-12 / 2e-7 / 1e-5, rel=1e-2)
    u[:3] = [1e-5, -2e-5, 1e-5]
    assert error_norm(error, u) == pytest.approx(3e-12 / 2e-8 / 1e-5, rel=1e-2)


def test_error_norm_counts_what_precesses_by_what_it_leaves_behind():
    h, damping, n = np.array([30.0, -10.0, 20.0]), 2.0, 4
    along, across = h / np.linalg.norm(h), np.array([1.0, 1.0, -1.0]) / np.sqrt(3)
    expected = (damping + DRIFT) / (2 * np.linalg.norm(h))
    assert along @ across == pytest.approx(0, abs=1e-15) and expected < 0.1
    for block in (3, 3 + 4 * n):  # s, d
        norms = []
        for direction in (along, across):
            error = np.zeros(3 + 8 * n)
            error[block + n : block + 4 * n] = np.repeat(1e-5 * direction, n)
            norms += [error_norm(error, h=h, damping=damping, least_weight=least) for least in (0.0, 0.3, 1.0)]
        np.testing.assert_allclose(norms, np.array([1, 1, 1, expected, 0.3, 1]) * norms[0], rtol=1e-10)
        # Nothing precesses where h = 0, and damping faster than the precession leaves all of it.
        assert error_norm(error) == pytest.approx(norms[0]) == error_norm(error, h=h, damping=1e3)


# ------------------------------------------------------------------------------------- conservation laws, equilibrium


@ONE_KIND_OF_SCATTERING
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_lepton_numbers_are_conserved_by_the_equations(grid, factors, sign):
    """gamma_- = 0: leptons plus helicities; gamma_+ = 0: leptons minus helicities; each for every state."""
    rng = np.random.default_rng(3)
    for temperature in (900.0, 100.0, 10.0):
        coefficients, weights = table_at(temperature, 2.0, grid, factors=factors)
        n = len(weights)
        charge = np.concatenate([np.ones(3), np.zeros(4 * n), 2 * sign * weights, np.zeros(3 * n)])
        u = rng.normal(size=3 + 8 * n)
        slope = right_hand_side(u, coefficients, weights, pauli_components(random_yukawas(rng)), 1e-11)
        assert abs(charge @ slope) < 1e-14 * (np.abs(charge) @ np.abs(slope))
        assert np.abs(charge) @ np.abs(slope) > 0


@ONE_KIND_OF_SCATTERING
@TWO_GRIDS
def test_lepton_numbers_are_conserved_by_the_solve(grid, factors, sign):
    task = problem(FREEZE_IN, grid, [100.0, 40.0])
    solve = System(task, MODEL.pair(task), MODEL.rates).evolution
    pieces = [e._replace(rate_factors=np.array(factors, float)) for e in solve.pieces]
    run = Evolution(pieces, solve.stops, solve.solver, solve.state.u)
    assert run.run(lambda: False) == ResultCode.DONE
    x, helicities = run.records[:, :3], run.records[:, -1]
    scale = np.max(np.abs(x))
    assert scale > 1e-9
    assert np.max(np.abs(x.sum(axis=1) + 2 * sign * helicities)) < 1e-12 * scale


def test_lepton_number_is_conserved_in_the_results_without_helicity_flips():
    outcome = solve(FREEZE_IN, momentum_grid.gauss_legendre(8), [200.0, 50.0], gamma_minus_factor=0.0)
    y = outcome.observables["trajectory"]
    total = y["Y_L"] + y["Y_Delta_N"]
    assert np.max(np.abs(total)) < 1e-12 * np.max(np.abs(y["Y_Delta_e"]))


def test_equilibrium_without_expansion_stays():
    coefficients = random_coefficients(np.random.default_rng(2), 6)
    coefficients[FS] = 0
    weights, flavours = np.full(6, 0.1), pauli_components(random_yukawas(np.random.default_rng(3)))
    u = np.zeros(51)
    assert not np.any(right_hand_side(u, coefficients, weights, flavours, 1e-11))
    assert not np.any(solve_stage(0.1, coefficients, weights, flavours, 1e-11, u))


@pytest.mark.parametrize("boltzmann_factor", [True, False])
@ONE_KIND_OF_SCATTERING
def test_detailed_balance(factors, sign, boltzmann_factor):
    """One kind of scattering, equal chemical potentials mu: then heavy neutrinos at +-mu are in equilibrium with it.

    That is n_F(E -+ mu) at any temperature; for the equations as printed n_F(k -+ mu).
    """
    grid, mu = GRIDS["16 Gauss"], 0.01
    for temperature in (900.0, 100.0, 10.0, 2.0, 0.3):
        coefficients, weights = table_at(temperature, 2.0, grid, factors=factors, boltzmann_factor=boltzmann_factor)
        energy = np.hypot(grid.nodes, 2.0 / temperature if boltzmann_factor else 0.0)
        blocking = 1 / (2 + 2 * np.cosh(np.minimum(energy, 700)))  # f (1 - f)
        u = np.zeros(3 + 8 * 16)
        u[:3] = np.linalg.solve(OMEGA, np.full(3, mu))
        u[3:].reshape(8, 16)[4] = sign * 2 * mu * blocking
        source = right_hand_side(np.zeros_like(u), coefficients, weights, np.zeros((3, 4)), 0.0)
        flavours = pauli_components(random_yukawas(np.random.default_rng(4)))
        slope = right_hand_side(u, coefficients, weights, flavours, 1e-11) - source
        wrong = u.copy()
        wrong[3:] *= -1
        scale = np.max(np.abs(right_hand_side(wrong, coefficients, weights, flavours, 1e-11) - source))
        assert np.max(np.abs(slope)) < 1e-14 * scale


def test_both_kinds_of_scattering_wash_out_everything():
    """No state other than equilibrium is stationary, and every eigenvalue decays."""
    coefficients, weights = table_at(30.0, 2.0, GRIDS["5 equal"])
    coefficients[FS] = 0
    flavours = pauli_components(point_yukawas(FREEZE_IN))
    a = matrix_of(43, lambda u: right_hand_side(u, coefficients, weights, flavours, FREEZE_IN["delta_M"]))
    assert np.max(np.linalg.eigvals(a).real) < 0


# ------------------------------------------------------------------------------------------------------------ limits


@TWO_GRIDS
def test_without_rates_no_heavy_neutrino_is_ever_made(grid):
    y = solve(FREEZE_IN | {"M": 20.0}, grid, [100.0, 10.0], rate_factor=0.0).observables["trajectory"]
    for name in ("Y_N_2", "Y_N_3"):
        assert np.max(np.abs(y[name])) < 1e-4 * np.min(y["Y_N_eq"])
    for name in ("Y_Delta_e", "Y_Delta_mu", "Y_Delta_tau", "Y_Delta_N"):
        assert not np.any(y[name])


@TWO_GRIDS
def test_fast_rates_keep_heavy_neutrinos_in_equilibrium(grid):
    y = solve(FREEZE_IN | {"M": 20.0}, grid, [100.0, 30.0, 10.0], rate_factor=1e5).observables["trajectory"]
    np.testing.assert_allclose(y["Y_N_2"], y["Y_N_eq"], rtol=1e-4)
    np.testing.assert_allclose(y["Y_N_3"], y["Y_N_eq"], rtol=1e-4)


def test_equilibrium_yield_of_light_particles():
    """3 zeta(3)/(4 pi^2)/(s/T^3) for M << T."""
    y = solve(FREEZE_IN | {"M": 0.1}, GRIDS["averaged"], [100.0], T_end=90.0).observables["trajectory"]
    assert y["Y_N_eq"][0] == pytest.approx(0.0913453711 / 46.8, rel=1e-5)


def test_no_asymmetry_without_cp_violation():
    """Real couplings, delta = eta = Im w = 0: asymmetries and helicities stay at zero."""
    point = {"M": 2.0, "delta_M": 1e-11, "im_omega": 0.0, "re_omega": 0.7, "delta": 0.0, "eta": 0.0}
    outcome = solve(point, GRIDS["5 equal"], [100.0])
    y = outcome.observables["trajectory"]
    assert y["Y_N_2"][0] > 1e-5
    for name in ("Y_Delta_e", "Y_Delta_mu", "Y_Delta_tau", "Y_Delta_N"):
        assert abs(y[name][0]) < 1e-18


@pytest.mark.parametrize(
    "point", [FREEZE_IN, FREEZE_OUT, FREEZE_IN | {"im_omega": -2.0}], ids=["in", "out", "Im w = -2"]
)
def test_occupations_stay_positive_and_near_or_below_equilibrium(point):
    """Eigenvalues of rho_N and rho_Nbar of every mode at many temperatures (hermitian they are by construction)."""
    task = problem(point, momentum_grid.gauss_legendre(8), np.geomspace(990.0, 10.0, 40))
    run = System(task, MODEL.pair(task), MODEL.rates)
    populated = run.grid.nodes < 100
    lowest, highest, code = [], [], ResultCode.PAUSED
    while code == ResultCode.PAUSED:
        code = run.evolution.run(lambda: True)
        modes, f_eq = run.evolution.state.u[3:].reshape(8, -1), run.equilibrium(run.temperature(run.evolution.z))
        for x in ((modes[:4] + modes[4:]) / 2, (modes[:4] - modes[4:]) / 2):
            length = np.linalg.norm(x[1:], axis=0)
            lowest.append(np.min((1 + (x[0] - length) / f_eq)[populated]))
            highest.append(np.max((1 + (x[0] + length) / f_eq)[populated]))
    assert code == ResultCode.DONE and len(lowest) >= 80
    assert min(lowest) > -1e-6
    assert 0.9 < max(highest) < 1.5  # freeze-out: above equilibrium, but not by far while T > M


# --------------------------------------------------------------------------------------------------------- rate table


@pytest.mark.parametrize("mass", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_interpolated_rates_are_the_rates(grid, mass):
    """To 3e-4, but at the crossover, where v(T) bends within 3 %, to 3e-3; and positive everywhere."""
    table = rate_table(closed_form_rates, mass, 1000.0, 1.0, grid)
    worst = {True: 0.0, False: 0.0}
    rng = np.random.default_rng(7)
    for temperature in [*(10 ** rng.uniform(0, 3, size=300)), *rng.uniform(150, 170, size=100)]:
        out = interpolated(table, np.log(1000.0 / temperature))
        direct = direct_coefficients(temperature, mass, grid)
        scale = np.abs(direct)
        # h_- crosses zero at the resonance where gamma_- peaks
        scale[HV : HV + 3] += scale[GV : GV + 3]
        at_crossover = bool(150 < temperature < 170)
        occupied = scale > 1e-250
        error = np.max(np.abs(out - direct)[occupied] / scale[occupied])
        worst[at_crossover] = max(worst[at_crossover], error)
        assert np.all(out[GAMMAS] > 0) and np.all(out[SIGMAS] >= 0)
    assert worst[False] < 3e-4 and worst[True] < 3e-3


def test_narrow_level_crossing_leaves_the_interpolated_rates_positive():
    """A resonance far narrower than the table's spacing: splines of the rates themselves would undershoot."""

    def narrow(temperature, momentum, mass):
        peak = 1e-14 / ((temperature - 25.013) ** 2 + 1e-6) + 1e-15 + 0 * momentum
        peak = np.stack([peak, 2 * peak, peak], axis=-1)
        return ThermalRates(peak, peak, peak, -peak)

    grid = GRIDS["5 equal"]
    table = rate_table(narrow, 2.0, 30.0, 20.0, grid)
    for z in np.linspace(np.log(2 / 30), np.log(2 / 20), 5000):
        out = interpolated(table, z)
        assert np.all(out[GAMMAS] >= 0) and np.all(out[SIGMAS] >= 0)


@pytest.mark.parametrize("bad", [np.nan, -1e-20, np.inf])
def test_rates_that_are_not_finite_and_positive_are_refused(bad):
    def rates(temperature, momentum, mass):
        good = closed_form_rates(temperature, momentum, mass)
        return good._replace(gamma_v=np.where(temperature[..., np.newaxis] < 50, bad, good.gamma_v))

    grid = GRIDS["5 equal"]
    with pytest.raises(ValueError, match="M = 2.0 GeV are not finite and positive"):
        rate_table(rates, 2.0, 100.0, 10.0, grid)


@pytest.mark.parametrize("temperature", [500.0, 120.0, 20.0])
def test_averaged_equations_are_those_whose_eigenvalues_are_published(temperature):
    """The compiled right-hand side is the matrix of `relaxation`, which `equilibration` takes the eigenvalues of."""
    mass, delta_mass, yukawas = 2.0, 3e-11, random_yukawas(np.random.default_rng(5))
    coefficients, weights = table_at(temperature, mass, GRIDS["averaged"])
    flavours = pauli_components(yukawas)

    def rate_of_change(u):
        return right_hand_side(u, coefficients, weights, flavours, delta_mass)

    compiled = matrix_of(SIZE, lambda u: rate_of_change(u) - rate_of_change(np.zeros(SIZE)))
    gamma_c, gamma_v, h_c, h_v, source_c, source_v = coefficients[: 6 * 3, 0].reshape(6, 3)
    rates = AveragedRates(gamma_c, gamma_v, source_c, source_v, h_c, h_v, coefficients[ME, 0])
    vacuum = np.array([0.0, 0.0, -delta_mass])
    hamiltonian = hamiltonian_vector(h_c, h_v, rates.mass_over_energy, yukawas, vacuum)
    expected = relaxation_matrix(rates, hamiltonian, yukawas, OMEGA)
    np.testing.assert_allclose(compiled, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())
