"""Rates of heavy neutrinos in the Standard Model bath: exact limits, regression values, equilibration temperatures.

Regression values come from an independent implementation with the same formulas; its widths from W and Z exchange are
good to 1 %.
"""

from functools import cache, partial

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit

from hpc_nu.plasma import fermi_theory, gauge_potential, gauge_propagators, higgs, neutrino_potential, vacuum_widths
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.active_neutrino import BLEND, MIN_VEV_OVER_T, self_energy
from hpc_nu.plasma.thermodynamics import hubble_rate
from hpc_nu.seesaw.casas_ibarra import pauli_components, yukawa_couplings
from hpc_nu.seesaw.damping import damping_eigenvalues, equilibration_temperatures
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.seesaw.thermal_rates import (
    EXPANDED_ABOVE,
    PROPAGATORS,
    hamiltonian_shifts,
    momentum_average,
    thermal_rates,
)

VEV_SQUARED = sm.ELECTROWEAK_VEV**2 / 2
DATA = oscillation_data("nufit_3.2", "normal")

# T -> <gamma_c>/T, <gamma_v>/T for M = 1 GeV, averaged over flavours.
AVERAGES = {
    0.5: (4.40e-7, 6.38e-6),
    1: (2.49e-6, 1.128e-4),
    2: (1.163e-5, 1.908e-3),
    5: (8.34e-5, 9.49e-2),
    10: (1.84e-3, 7.08),
    20: (2.17e-2, 4.56),
    30: (3.76e-2, 0.573),
    50: (3.69e-2, 2.67e-2),
    100: (1.07e-2, 5.72e-4),
}


# --- the self-energy at any temperature ---


def test_the_self_energy_is_that_of_the_theory_that_holds():
    k, mass = np.array([0.3, 1.0, 3.0]), 1.0
    for temperature in (0.2, BLEND[0]):
        width, potential = self_energy(k * temperature, mass, temperature)
        arguments = k * temperature, mass, temperature
        np.testing.assert_array_equal(width, fermi_theory.active_neutrino_width(*arguments))
        np.testing.assert_array_equal(potential, neutrino_potential.neutrino_potential(*arguments))
    for temperature in (BLEND[1], 40.0):
        width, potential = self_energy(k * temperature, mass, temperature)
        arguments = k * temperature, mass, temperature, higgs.higgs_expectation_value(temperature)
        tau = gauge_potential.active_potential(*arguments, sm.CHARGED_LEPTON_MASSES[2])
        np.testing.assert_array_equal(width[:, 0], gauge_propagators.active_width(*arguments))
        np.testing.assert_array_equal(potential[:, 2], tau)


def test_the_two_theories_meet():
    temperature = np.geomspace(3.0, 7.0, 60)
    width, potential = self_energy(2 * temperature, 1.0, temperature)
    slopes = np.diff(np.log(width), axis=0) / np.diff(np.log(temperature))[:, np.newaxis, np.newaxis]
    assert np.all((slopes > 4.8) & (slopes < 6.5))  # T^5, a little more by the W and Z propagators
    slopes = np.diff(np.log(-potential), axis=0) / np.diff(np.log(temperature))[:, np.newaxis, np.newaxis]
    assert np.all((slopes > 4.7) & (slopes < 5.6))


def test_the_self_energy_of_the_symmetric_phase_is_that_of_a_small_expectation_value():
    temperature = np.array([165.0, 330.0, 1e4])
    width, potential = self_energy(3 * temperature, 1e-3 * temperature, temperature)
    floor = gauge_propagators.active_width(3.0, 1e-3, 1.0, MIN_VEV_OVER_T)
    np.testing.assert_allclose(width / temperature[:, None, None], np.broadcast_to(floor, (3, 3, 2)), rtol=1e-6)
    mass2 = (3 * sm.WEAK_COUPLING_SQUARED + sm.HYPERCHARGE_COUPLING_SQUARED) / 16
    np.testing.assert_allclose(potential[..., 0] / temperature[:, None], mass2 / 6, rtol=0.02)


def test_the_self_energy_broadcasts_its_arguments():
    momentum, mass, temperature = np.array([1.0, 5.0, 20.0]), np.array([[1.0], [2.0]]), np.array([1.0, 5.0, 20.0])
    width, potential = self_energy(momentum, mass, temperature)
    assert width.shape == potential.shape == (2, 3, 3, 2)
    for i in range(2):
        for j in range(3):
            alone = self_energy(momentum[j], mass[i, 0], temperature[j])
            np.testing.assert_allclose(alone, (width[i, j], potential[i, j]), rtol=1e-13)


@pytest.mark.parametrize("arguments", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 50.0, 1.0), (1.0, 1.0, np.nan)])
def test_the_self_energy_refuses_what_is_out_of_range(arguments):
    with pytest.raises(ValueError, match="self-energy: (momentum|mass|temperature) "):
        self_energy(*arguments)


@pytest.mark.parametrize(("y", "expected"), [(1, 28.2), (2, 20.1), (3, 16.7), (5, 13.2), (8, 10.5)])
def test_the_potential_changes_sign_where_an_independent_implementation_has_it(y, expected):
    zero = brentq(lambda t: self_energy(y * t, 1.0, t)[1][0, 0], 0.8 * expected, 1.2 * expected)
    assert zero == pytest.approx(expected, rel=0.006)


# --- vacuum ---


@pytest.mark.parametrize("mass", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("momentum", [1e-3, 1.0, 30.0])
def test_without_a_bath_the_hamiltonian_is_that_of_the_seesaw(mass, momentum):
    rates = thermal_rates(1e-3, momentum, mass)
    expected = VEV_SQUARED / (2 * np.hypot(momentum, mass))
    np.testing.assert_allclose([rates.h_c, rates.h_v], expected, rtol=1e-12)


@pytest.mark.parametrize("mass", [0.3, 0.9])
def test_without_a_bath_the_rates_are_the_decay_width_with_time_dilation(mass):
    momentum = np.array([0.01, 0.3, 2.0])
    dirac = [vacuum_widths.leptonic_width(a, mass) + vacuum_widths.mesonic_width(a, mass) for a in range(3)]
    width = 2 * np.array(dirac) * vacuum_widths.boson_propagator_factor(mass)
    energy = np.hypot(momentum, mass)
    rates = thermal_rates(2e-4, momentum, mass)
    expected = (VEV_SQUARED / mass**2) * (mass / energy)[:, np.newaxis] * width
    np.testing.assert_allclose(rates.gamma_c + rates.gamma_v, expected, rtol=3e-6)
    np.testing.assert_allclose(rates.gamma_c, rates.gamma_v, rtol=1e-5)  # helicities alike in vacuum


def test_the_shifts_are_the_rest_of_the_hamiltonian():
    temperature = np.array([0.5, 3.0, 20.0, 100.0])
    momentum = 2 * temperature
    rates = thermal_rates(temperature, momentum, 2.0, direct_reactions="none")
    vev_squared = higgs.higgs_expectation_value(temperature) ** 2 / 2
    vacuum = (vev_squared / (2 * np.hypot(momentum, 2.0)))[:, np.newaxis]
    for h, shift in zip((rates.h_c, rates.h_v), hamiltonian_shifts(temperature, momentum, 2.0), strict=True):
        np.testing.assert_allclose(h - vacuum, shift, atol=2e-14 * vacuum.max(), rtol=1e-9)
    # To first order in b: h_v = v_D^2/(2E) [1 + b_-/(E - k)], of which nothing is left in the difference at T = 10 MeV.
    k, mass, t = 0.03, 2.0, 0.01
    energy = np.hypot(k, mass)
    _, shift = hamiltonian_shifts(t, k, mass)
    b_minus = self_energy(k, mass, t)[1][:, 0]
    expected = VEV_SQUARED / (2 * energy) * b_minus * (energy + k) / mass**2
    np.testing.assert_allclose(shift, expected, rtol=1e-6)


@pytest.mark.parametrize("delta_mass", [1e-11, 2.05e-11])
@pytest.mark.parametrize("re_omega", [0.1, 0.49 * np.pi])
def test_without_a_bath_the_mass_splitting_is_the_published_one(delta_mass, re_omega):
    """|Delta M + (m_3 - m_2)/2 exp(2i Re w)|, arXiv:2011.12637, eqs. (4.7), (4.8)."""
    mass, momentum = 2.0, 1.0
    energy = np.hypot(mass, momentum)
    yukawas = yukawa_couplings(DATA, mass, 0.7, 0.3, re_omega, 0.4)
    rates = thermal_rates(1e-3, momentum, mass)
    y = pauli_components(yukawas)
    sigma = np.array(
        [(rates.h_c + rates.h_v) @ y[:, 1], (rates.h_c - rates.h_v) @ y[:, 2], (rates.h_c + rates.h_v) @ y[:, 3]]
    )
    sigma[2] -= delta_mass * mass / energy
    split = np.linalg.norm(sigma) * energy / mass
    expected = abs(delta_mass + (DATA.masses[2] - DATA.masses[1]) / 2 * np.exp(2j * re_omega))
    assert split == pytest.approx(expected, rel=1e-10)


# --- rates in the bath ---


@pytest.mark.parametrize("temperature", AVERAGES)
def test_averages_have_the_values_of_an_independent_implementation(temperature):
    rates = momentum_average(thermal_rates, temperature, 1.0)
    got = rates.gamma_c.mean() / temperature, rates.gamma_v.mean() / temperature
    np.testing.assert_allclose(got, AVERAGES[temperature], rtol=3e-3 if temperature <= 5 else 1e-2)


@pytest.mark.parametrize(("mass", "expected"), [(0.5, 16.8), (1, 18.1), (2, 20.8), (5, 30.2), (10, 48.4), (30, 115)])
def test_h_v_vanishes_at_the_level_crossing(mass, expected):
    def h_v(temperature):
        return thermal_rates(temperature, 3 * temperature, mass).h_v[0]

    crossing = brentq(h_v, 0.8 * expected, 1.2 * expected)
    assert crossing == pytest.approx(expected, rel=0.025)  # from a coarse scan
    _, potential = self_energy(3 * crossing, mass, crossing)
    gap = mass**2 / (np.hypot(3 * crossing, mass) + 3 * crossing)
    assert potential[0, 0] == pytest.approx(gap, rel=1e-8)


def test_rates_are_finite_and_positive_everywhere():
    rng = np.random.default_rng(5)
    n = 150
    temperature, mass = 10 ** rng.uniform(-3, 5, n), 10 ** rng.uniform(-1, 1.5, n)
    rates = thermal_rates(temperature, temperature * 10 ** rng.uniform(-2.5, 1.6, n), mass)
    assert all(x.shape == (n, 3) and np.all(np.isfinite(x)) for x in rates)
    assert all(np.all(x > 0) for x in (rates.gamma_c, rates.gamma_v, rates.h_c))


def test_rates_are_continuous():
    for temperature in (3.5, 6.0, 100.0, 115.0, 152.3, 159.3, 161.5, 957.0, 1350.0):
        below, above = (np.array(thermal_rates(temperature * f, 3 * temperature, 1.0)) for f in (1 - 1e-6, 1 + 1e-6))
        np.testing.assert_allclose(above, below, rtol=1e-3, atol=1e-12)


def test_far_above_the_crossover_only_direct_reactions_are_left():
    temperature, momentum, mass = 1e3, 2e3, 1.0
    for which in ("calculated", "fit_of_averages"):
        rates = thermal_rates(temperature, momentum, mass, direct_reactions=which)
        assert np.all(rates.h_v == 0)
        np.testing.assert_allclose(rates.h_c, temperature**2 / (8 * momentum), rtol=1e-5)
        assert all(np.all(rate > 0) and np.ptp(rate) == 0 for rate in (rates.gamma_c, rates.gamma_v))
    average = momentum_average(partial(thermal_rates, direct_reactions="fit_of_averages"), temperature, mass)
    np.testing.assert_allclose(average.gamma_c / temperature, 0.0108, rtol=5e-3)
    np.testing.assert_allclose(average.gamma_v / temperature, 0.041 * (mass / temperature) ** 2, rtol=5e-3)


@pytest.mark.parametrize(("temperature", "expected"), [(101, 0.846), (120, 0.840), (131, 0.833), (139, 0.825)])
def test_the_momentum_dependence_is_the_published_one(temperature, expected):
    """<gamma_v (1 - n_F)>/<gamma_v>; public tables of rates after Ghiglieri and Laine have .838 .835 .829 .811."""

    def rate(t, k, m):
        gamma = thermal_rates(t, k, m, direct_reactions="none").gamma_v[..., 0]
        return gamma, gamma * expit(np.hypot(k, m) / t)

    all_of_it, unblocked = momentum_average(rate, temperature, 0.95)
    assert unblocked / all_of_it == pytest.approx(expected, rel=2e-3)


# --- switches ---


def test_switches_leave_out_what_they_say():
    arguments = 120.0, np.array([100.0, 400.0]), 2.0
    plain, mixing = thermal_rates(*arguments), thermal_rates(*arguments, direct_reactions="none")
    assert np.all(plain.gamma_c > mixing.gamma_c) and np.all(plain.gamma_v > mixing.gamma_v)
    np.testing.assert_array_equal(plain.h_v, mixing.h_v)
    unsuppressed = thermal_rates(*arguments, direct_reactions="none", soft_suppression=False)
    energy = np.hypot(arguments[1], arguments[2])[:, np.newaxis]
    np.testing.assert_allclose(unsuppressed.gamma_c, mixing.gamma_c * (1 + (1.5 * 120 / energy) ** 2))
    np.testing.assert_array_equal(unsuppressed.gamma_v, mixing.gamma_v)
    bare = thermal_rates(*arguments, direct_reactions="none", potential_factor=0.0)
    width, _ = self_energy(arguments[1], arguments[2], 120.0)
    near = 4 / (energy + arguments[1][:, np.newaxis])
    expected = higgs.higgs_expectation_value(120.0) ** 2 / (4 * energy) * near**2 / (near**2 + width[..., 0] ** 2 / 4)
    np.testing.assert_allclose(bare.h_v, expected)


def test_the_thermal_part_of_the_hamiltonian_is_multiplied():
    """h_c of direct reactions, and to first order the shift of that by mixing from its vacuum form."""
    hot = [thermal_rates(1e3, 2e3, 2.0, potential_factor=x).h_c for x in (1.0, 0.5)]
    np.testing.assert_allclose(hot[1], hot[0] / 2)
    bare, whole, part = (thermal_rates(1.0, 3.0, 2.0, potential_factor=x).h_v for x in (0.0, 1.0, 0.1))
    np.testing.assert_allclose((part - bare) / (whole - bare), 0.1, rtol=1e-5)


def test_the_next_to_leading_order_is_less_width_of_one_helicity_where_it_is_hot():
    plain, reduced = (thermal_rates([100.0, 20.0], [300.0, 60.0], 2.0, direct_reactions="none", nlo_reduction=x)
                      for x in (0.0, 0.4))  # fmt: skip
    np.testing.assert_array_equal(plain.gamma_c, reduced.gamma_c)
    np.testing.assert_array_equal(plain.gamma_v[1], reduced.gamma_v[1])  # pi T < m_W
    norm = [x.h_v[0] ** 2 + x.gamma_v[0] ** 2 / 4 for x in (plain, reduced)]  # strength^2/(detuning^2 + width^2/4)
    np.testing.assert_allclose(reduced.gamma_v[0] / norm[1], 0.6 * plain.gamma_v[0] / norm[0])


def test_the_expanded_propagator_is_the_limit_of_a_small_mass():
    full, expanded = (
        np.array(thermal_rates(120.0, 360.0, [1e-2, 1e-1, 20.0], direct_reactions="none", propagator=p))
        for p in PROPAGATORS
    )
    np.testing.assert_array_equal(full[[0, 2]], expanded[[0, 2]])
    deviation = np.abs(expanded[[1, 3]] / full[[1, 3]] - 1)[:, :, 0]
    assert np.all(deviation[:, 0] < 1e-6) and np.all(deviation[:, 1] < 1e-4) and np.all(deviation[:, 2] > 0.1)
    with pytest.raises(ValueError, match="expanded.*10 GeV"):
        thermal_rates([10.0, EXPANDED_ABOVE], 30.0, 1.0, propagator="expanded")
    with pytest.raises(ValueError, match="expected one of full, expanded"):
        thermal_rates(10.0, 30.0, 1.0, propagator="other")


# --- averages ---


@pytest.mark.parametrize("mass_over_t", [0.0, 0.01, 1.0, 10.0, 600.0])
@pytest.mark.parametrize("power", [-1, 0, 1])
def test_momentum_averages_are_the_integrals_they_stand_for(mass_over_t, power):
    temperature = 2.0
    mass = mass_over_t * temperature

    def integral(exponent):
        def integrand(y):
            gap = y**2 / (np.hypot(y, mass_over_t) + mass_over_t)
            return y**exponent * np.exp(-gap) / (1 + np.exp(-mass_over_t - gap))

        peak = np.sqrt(1 + 2 * mass_over_t)
        ends = (0, 0.3 * peak, 3 * peak, 10 * peak, 60 * peak)
        return sum(quad(integrand, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in zip(ends, ends[1:], strict=False))

    expected = integral(2 + power) / integral(2) * temperature**power
    got = momentum_average(lambda t, k, m: k**power, temperature, mass)
    assert got == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("temperature", "accuracy"),
    [(1.0, 1e-8), (20.0, 1e-5), (50.0, 2e-5), (100.0, 2e-3), (170.0, 1e-2), (1000.0, 4e-3)],
)
def test_momentum_averages_of_rates_have_converged(temperature, accuracy):
    coarse, fine = (momentum_average(thermal_rates, temperature, 1.0, n_nodes=n) for n in (48, 144))
    for name in ("gamma_c", "gamma_v", "h_c"):
        np.testing.assert_allclose(getattr(coarse, name), getattr(fine, name), rtol=accuracy)


def test_averages_keep_the_shape_of_what_they_average():
    temperature, mass = np.array([[1.0], [2.0]]), np.array([0.5, 1.0, 1.5])
    rates = momentum_average(lambda t, k, m: (k, k[..., np.newaxis] * np.ones(4)), temperature, mass)
    assert rates[0].shape == (2, 3) and rates[1].shape == (2, 3, 4)
    alone = momentum_average(lambda t, k, m: k, 2.0, 1.5)
    assert rates[0][1, 2] == rates[1][1, 2, 3] == pytest.approx(alone, rel=1e-14)


# --- equilibration ---


def test_the_damping_matrix_has_these_eigenvalues():
    rng = np.random.default_rng(3)
    yukawas = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
    gamma_c, gamma_v = rng.uniform(size=(2, 5, 3))
    matrices = np.einsum("...a,ai,aj->...ij", gamma_c, yukawas.conj(), yukawas)
    matrices += np.einsum("...a,ai,aj->...ij", gamma_v, yukawas, yukawas.conj())
    np.testing.assert_allclose(damping_eigenvalues(gamma_c, gamma_v, yukawas), np.linalg.eigvalsh(matrices))


def test_the_damping_matrix_follows_from_neutrino_masses_and_im_omega():
    """Eqs. (A.1), (A.2) of arXiv:2011.12637 with flavours alike."""
    mass, im_omega, gamma_c, gamma_v = 1.5, 0.3, 2.0, 0.7
    yukawas = yukawa_couplings(DATA, mass, 1.0, 2.0, 0.4, im_omega)
    scale = mass / (2 * VEV_SQUARED)
    light, heavy = DATA.masses[1:]
    x_2, x_3 = (heavy + light) * scale * np.exp(-2 * im_omega), (heavy + light) * scale * np.exp(2 * im_omega)
    a, d = gamma_c * x_3 + gamma_v * x_2, gamma_c * x_2 + gamma_v * x_3
    b = (gamma_c + gamma_v) * (heavy - light) * scale
    root = np.hypot((a - d) / 2, b)
    expected = [(a + d) / 2 - root, (a + d) / 2 + root]
    np.testing.assert_allclose(damping_eigenvalues([gamma_c] * 3, [gamma_v] * 3, yukawas), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("exponents", "mass", "expected"),
    [
        ([(50.0, -2), (2.0, 1), (0.01, -1)], 1.0, (50.0, 2.0, 0.01)),
        ([(0.01, -1)], 1.0, (np.nan, np.nan, 0.01)),
        ([(50.0, -1)], 1.0, (50.0, np.nan, np.nan)),
        ([], 1.0, (np.nan, np.nan, np.nan)),
    ],
)
def test_equilibration_temperatures_are_found_and_told_apart(exponents, mass, expected):
    temperature = np.geomspace(1e-3, 1e3, 120)
    log_ratio = -np.ones_like(temperature)
    if exponents:
        log_ratio = np.ones_like(temperature)
        for crossing, _ in exponents:
            log_ratio *= np.tanh(np.log(crossing / temperature))
    found = equilibration_temperatures(temperature, np.exp(log_ratio), mass)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@cache
def mean_rates(mass, **switches):
    temperature = np.geomspace(200.0, 1e-3, 60)
    rates = momentum_average(lambda t, k, m: thermal_rates(t, k, m, **switches), temperature, mass, n_nodes=20)
    # Flavours alike, as in the values to compare with.
    alike = [np.broadcast_to(x.mean(axis=-1, keepdims=True), x.shape) for x in (rates.gamma_c, rates.gamma_v)]
    return temperature, *alike


PUBLISHED = (2.0, 0.993 * np.pi, 1.479 * np.pi, 0.551 * np.pi, -2.754e-3)
"""M, delta, eta, Re w, Im w of eq. (4.1) of arXiv:2011.12637."""


@pytest.mark.parametrize(
    ("point", "large", "small"),
    [
        ((1.0, 0.0, 0.0, 1.0, 0.002), (56, 1.8, 0.0055), (38, 3.3, 0.0023)),
        (PUBLISHED, (74, 2.2, 0.021), (52, 4.1, 0.009)),
    ],
    ids=["M=1", "M=2"],
)
def test_equilibration_temperatures_are_those_of_an_independent_implementation(point, large, small):
    mass = point[0]
    temperature, gamma_c, gamma_v = mean_rates(mass)
    yukawas = yukawa_couplings(DATA, *point)
    ratio = damping_eigenvalues(gamma_c, gamma_v, yukawas) / hubble_rate(temperature)[:, np.newaxis]
    for i, expected in enumerate((small, large)):
        found = equilibration_temperatures(temperature, ratio[:, i], mass)
        np.testing.assert_allclose(found, expected, rtol=0.02)


def test_without_the_suppression_of_soft_momenta_freeze_in_is_earlier():
    temperature = np.geomspace(120.0, 45.0, 12)
    rates = momentum_average(lambda t, k, m: thermal_rates(t, k, m, soft_suppression=False), temperature, 2.0)
    yukawas = yukawa_couplings(DATA, *PUBLISHED)
    ratio = damping_eigenvalues(rates.gamma_c, rates.gamma_v, yukawas) / hubble_rate(temperature)[:, np.newaxis]
    found = [equilibration_temperatures(temperature, ratio[:, i], 2.0).t_in for i in (0, 1)]
    np.testing.assert_allclose(found, (53, 91), rtol=0.02)


def test_without_violation_of_fermion_number_equilibrium_is_later_and_shorter():
    """arXiv:2011.12637, fig. 13: gamma_v = 0 delays freeze-in and lets rates freeze out much earlier."""
    temperature, gamma_c, gamma_v = mean_rates(1.0)
    yukawas = yukawa_couplings(DATA, 1.0, 0.0, 0.0, 1.0, 0.002)
    hubble = hubble_rate(temperature)[:, np.newaxis]
    with_it, without = (
        equilibration_temperatures(temperature, (damping_eigenvalues(gamma_c, g, yukawas) / hubble)[:, 1], 1.0)
        for g in (gamma_v, 0 * gamma_v)
    )
    assert without.t_in < with_it.t_in and without.t_out > 3 * with_it.t_out
