"""Direct rates of heavy neutrinos: numbers of an independent implementation, published constants, exact limits."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import k0

from hpc_nu.plasma.direct_born import born_rates
from hpc_nu.plasma.direct_medium import broken_kernel, medium, potential_factor, scalar_mass_squared, symmetric_kernel
from hpc_nu.plasma.direct_rates import direct_rates, pair_rates, scattering_rate_of
from hpc_nu.plasma.direct_scattering import (
    bose_moments,
    fermi_moments,
    on_hyperbola,
    scattering_functions,
    soft_limit,
    soft_logarithm,
)
from hpc_nu.plasma.multiple_scattering import N_NODES, absorbed_flux, resummed_rates, scattering_rate, screening
from hpc_nu.plasma.running_couplings import REFERENCE_COUPLINGS, REFERENCE_SCALE, running_couplings

LEGENDRE = np.polynomial.legendre.leggauss(N_NODES)
FINE = np.polynomial.legendre.leggauss(48)
KERNEL = symmetric_kernel(0.13, 0.40)

# T [GeV] -> g1^2, g2^2, y^2, lambda, m_phi^2 at mu = pi T.
COUPLINGS = {
    160: (0.12992, 0.41225, 0.7922, 0.10632, 0.0302),
    200: (0.13024, 0.41073, 0.7764, 0.10259, 0.1345),
    1e3: (0.13265, 0.40012, 0.6795, 0.07903, 0.2848),
    1e6: (0.14407, 0.36019, 0.4433, 0.01722, 0.1960),
}

# T [GeV] -> gamma_c/T and gamma_v T/M^2 at k/T = 0.3, 1, 3, 8.
RATES = {
    200: ((0.1422, 0.02517, 0.006149, 0.002688), (1.411, 0.03110, 0.001908, 4.652e-4)),
    1e3: ((0.1865, 0.02498, 0.005709, 0.002463), (2.239, 0.03607, 0.001065, 2.359e-4)),
    1e5: ((0.1528, 0.02232, 0.005150, 0.002237), (2.202, 0.03191, 0.001186, 2.825e-4)),
}
MOMENTA = np.array([0.3, 1.0, 3.0, 8.0])

# k/T -> gauge t (hard), its J_0, gauge s, top t, top s per coupling.
SCATTERING = {
    1: (1.3686e-3, 5.3813e-3, 1.0336e-3, 4.2273e-3, 2.1136e-3),
    3: (7.4086e-4, 9.1580e-4, 2.2735e-4, 1.3565e-3, 6.7825e-4),
}


# --- couplings and medium ---


@pytest.mark.parametrize("temperature", COUPLINGS)
def test_couplings_run(temperature):
    couplings = running_couplings(math.pi * temperature)
    got = *couplings, scalar_mass_squared(temperature, couplings)
    assert_allclose(got, COUPLINGS[temperature], rtol=2e-4, atol=5e-5)


def test_couplings_start_from_those_of_the_reference_scale():
    g1, g2, _, top, quartic = REFERENCE_COUPLINGS
    assert_allclose(running_couplings(REFERENCE_SCALE), (g1**2, g2**2, top**2, quartic), rtol=1e-14)


@pytest.mark.parametrize(("scale", "expected"), [(math.pi, 152.3), (2 * math.pi, 156.8)])
def test_the_symmetry_is_broken_where_leading_order_has_it(scale, expected):
    zero = brentq(lambda t: scalar_mass_squared(t, running_couplings(scale * t)), 130, 180)
    assert zero == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("temperature", "gauge", "top"), [(131.7, 0.85, 0.80), (140, 0.88, 0.87), (150, 0.94, 0.96)])
def test_heavy_partners_leave_the_bath(temperature, gauge, top):
    plasma = medium(temperature)
    assert (plasma.gauge_scattering, plasma.top_scattering) == pytest.approx((gauge, top), abs=0.006)
    assert 1 / 3 < potential_factor(temperature) < plasma.gauge_scattering
    assert sum(weight for weight, _ in plasma.scalars) == 1


def test_without_a_condensate_the_potential_is_the_asymptotic_mass():
    assert potential_factor(200.0) == 1.0 and potential_factor(300.0, "lattice") == 1.0


def test_a_condensate_that_vanishes_leaves_the_kernel_of_the_symmetric_phase():
    y = np.geomspace(1e-3, 1e2, 12)
    kernels = broken_kernel(0.13, 0.40, 1e-6), symmetric_kernel(0.13, 0.40)
    broken, symmetric = ([scattering_rate(kernel, x) for x in y] for kernel in kernels)
    assert_allclose(broken, symmetric, rtol=1e-6)
    vacuum = broken_kernel(0.13, 0.40, 1.0)
    assert np.all([scattering_rate(vacuum, x) for x in y] < np.array(symmetric))  # massive bosons have a shorter range


def test_rates_are_continuous_where_the_condensate_is_dropped():
    def vev_limit(t):
        return len(medium(t).scalars) - 2

    edge = brentq(vev_limit, 150, 200, xtol=1e-9)
    below, above = (np.array(direct_rates(edge + shift, 150.0)) for shift in (-1e-6, 1e-6))
    assert_allclose(below, above, rtol=1e-4)


# --- multiple scattering ---


def test_the_screening_function_has_its_closed_form_and_its_limit():
    for x in (0.1, 1.0, 8.99, 9.01, 30.0):
        assert screening(x) == pytest.approx(np.log(x / 2) + np.euler_gamma + k0(x), rel=1e-12)
    assert screening(1e-6) == pytest.approx(1e-12 / 4 * (1 - np.euler_gamma - np.log(5e-7)), rel=1e-9)
    assert screening(0.0) == 0.0


@pytest.mark.parametrize(
    ("mass_squared", "beta", "g", "f"),
    [(0.1, 0.5, 0.0101225, 0.0027987), (-0.2, 2.0, 0.243139, 0.0482657), (0.05, 50.0, 0.0694210, 0.102907)],
)
def test_the_absorbed_flux_is_that_of_an_independent_implementation(mass_squared, beta, g, f):
    assert_allclose(beta * np.array(absorbed_flux(mass_squared, beta, KERNEL, 0.05)), (g, f), rtol=2e-5)
    assert_allclose(beta * np.array(absorbed_flux(mass_squared, beta, KERNEL)), (g, f), rtol=2e-4)


def test_the_absorbed_flux_converges_with_the_fourth_power_of_the_step():
    exact = np.array(absorbed_flux(0.1, 0.5, KERNEL, 0.005))
    errors = [np.abs(np.array(absorbed_flux(0.1, 0.5, KERNEL, step)) - exact).max() for step in (0.4, 0.2, 0.1)]
    assert np.all(np.log2(np.array(errors[:-1]) / errors[1:]) > 3.5)


def test_without_scattering_pairs_are_free():
    """G -> theta(-m^2)/4, F -> -m^2 theta(-m^2)/4."""
    beta = 0.01
    g, f = np.array(absorbed_flux(-0.3, beta, KERNEL)) * beta
    assert (g, f / 0.3) == pytest.approx((1 / 4, 1 / 4), rel=3e-3)
    assert np.all(np.array(absorbed_flux(0.3, beta, KERNEL)) * beta < 1e-3)


def test_without_scattering_the_collinear_born_rate_is_left():
    plasma = medium(1e3)
    weak = plasma.kernel * [[0.01, 1.0]]
    arguments = 3.0, 0.0, plasma.lepton_mass_squared, plasma.scalars[0][1]
    _, _, born_c, born_v = born_rates(*arguments, *FINE)
    resummed_c, resummed_v = resummed_rates(*arguments, weak, *FINE)
    assert resummed_v == pytest.approx(born_v, rel=0.02)
    # gamma_c is dominated by what scattering adds, even by a weak one: extrapolated linearly to none.
    half_c, _ = resummed_rates(*arguments, plasma.kernel * [[0.005, 1.0]], *FINE)
    assert 2 * half_c - resummed_c == pytest.approx(born_c, rel=0.03)


@pytest.mark.parametrize(("mass", "ratio"), [(2.0, 1.005), (4.0, 1.000)])
def test_heavy_neutrinos_decay_at_the_born_rate(mass, ratio):
    plasma = medium(200.0)
    arguments = 1.0, mass, plasma.lepton_mass_squared, plasma.scalars[0][1]
    resummed = resummed_rates(*arguments, plasma.kernel, *LEGENDRE)[0]
    assert resummed / born_rates(*arguments, *FINE)[2] == pytest.approx(ratio, abs=1e-3)


def test_multiple_scattering_makes_a_factor_of_three():
    """arXiv:1012.3784: three times the Born rate, averaged, at high temperature.  3.05 in an independent
    implementation; soft momenta, where the Born rate grows as 1/k, matter: 2.85 with all, 3.13 with k > 0.03 T."""
    plasma = medium(1e6)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    k = 25 * ((nodes + 1) / 2) ** 2
    weight = weights * (nodes + 1) * k**2 / (np.exp(k) + 1)
    masses = plasma.lepton_mass_squared, plasma.scalars[0][1]
    resummed = weight @ [resummed_rates(q, 0.0, *masses, plasma.kernel, *LEGENDRE)[0] for q in k]
    born = weight @ [born_rates(q, 0.0, *masses, *FINE)[2] for q in k]
    assert resummed / born == pytest.approx(3.0, rel=0.07)


# --- kinematics ---


def test_born_rates_are_those_of_an_independent_implementation():
    exact_c, exact_v, collinear_c, collinear_v = born_rates(1.0, 0.0, 0.085, 0.28, *FINE)
    assert (exact_c, exact_v / 4) == pytest.approx((0.0033618, 0.043283), rel=2e-5)
    assert (collinear_c, collinear_v / 4) == pytest.approx((0.0034629, 0.045917), rel=2e-5)


@pytest.mark.parametrize(
    ("mass", "lepton", "scalar"), [(0.0, 0.085, 0.3), (0.05, 0.085, 0.3), (0.02, 0.085, 0.02), (2.0, 0.085, 0.3)]
)
def test_kinematics_are_collinear_at_large_momentum(mass, lepton, scalar):
    exact_c, exact_v, collinear_c, collinear_v = born_rates(200.0, mass, lepton, scalar, *FINE)
    assert (exact_c, exact_v) == pytest.approx((collinear_c, collinear_v), rel=0.02)


def test_a_massive_neutrino_approaches_a_massless_one():
    light, none = (born_rates(1.0, mass, 0.085, 0.28, *FINE) for mass in (1e-3, 0.0))
    assert light == pytest.approx(none, rel=1e-4)


def test_no_channel_is_open_between_the_thresholds():
    assert born_rates(1.0, 0.3, 0.09, 0.04, *FINE) == (0.0, 0.0, 0.0, 0.0)


# --- 2 <-> 2 ---


@pytest.mark.parametrize("x", [1e-3, 0.3, 0.69, 0.71, 3.0])
def test_moments_of_occupation_are_the_integrals_they_stand_for(x):
    for moments, occupation in (
        (fermi_moments, lambda p: 1 / (np.exp(p) + 1)),
        (bose_moments, lambda p: 1 / np.expm1(p)),
    ):
        for power, got in enumerate(moments(x)):
            expected, _ = quad(lambda p, n=occupation, j=power: p**j * n(p), x, x + 40, epsrel=1e-11)
            assert got == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("momentum", SCATTERING)
def test_scattering_functions_are_those_of_an_independent_implementation(momentum):
    assert_allclose(scattering_functions(float(momentum)), SCATTERING[momentum], rtol=6e-5)


@pytest.mark.parametrize("momentum", [0.03, 0.3, 3.0, 30.0])
def test_scattering_functions_have_converged(momentum):
    assert_allclose(scattering_functions(momentum), scattering_functions(momentum, 40), rtol=3e-5)


def test_soft_leptons_have_their_limit():
    nodes, weights = FINE
    for k in (1.0, 8.0):
        assert on_hyperbola(k, 1e-3, (nodes + 1) / 2, weights / 2) / soft_limit(k) == pytest.approx(1.0, abs=2e-5)


def test_production_has_the_published_constants():
    """T^4/(1536 pi) {y^2 c_Q + G [c_V + ln(1/G)]}, G = 3g2^2 + g1^2, with c_Q = 2.52, c_V = 3.17: arXiv:1202.1288."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    k = 25 * ((nodes + 1) / 2) ** 2
    weight = 1536 / math.pi * weights * 12.5 * (nodes + 1) * k**2 / (np.exp(k) + 1)  # both helicities
    hard, soft, gauge_s, top_t, top_s = np.array([scattering_functions(q) for q in k]).T
    assert weight @ (top_t + top_s) == pytest.approx(2.52, abs=0.005)
    assert weight @ (hard + gauge_s + soft * soft_logarithm(0.0, 1 / 16, strict=True)) == pytest.approx(3.17, abs=0.005)
    assert weight @ soft / 2 == pytest.approx(1.0, rel=1e-6)


# --- all of it ---


@pytest.mark.parametrize("temperature", RATES)
def test_rates_are_those_of_an_independent_implementation(temperature):
    rates = np.array([direct_rates(temperature, k * temperature) for k in MOMENTA])
    assert_allclose(rates[:, 0], RATES[temperature][0], rtol=2e-3)
    assert_allclose(rates[:, 1] / (4 * MOMENTA**2), RATES[temperature][1], rtol=2e-3)


def test_pieces_are_those_of_an_independent_implementation():
    plasma, k = medium(1e3), 3.0
    f = scattering_functions(k)
    soft = f.soft * soft_logarithm(k, plasma.lepton_mass_squared)
    resummed = resummed_rates(k, 0.0, plasma.lepton_mass_squared, plasma.scalars[0][1], plasma.kernel, *LEGENDRE)[0]
    gauge, top = plasma.gauge * (f.gauge_t_hard + soft + f.gauge_s), plasma.top_squared * (f.top_t + f.top_s)
    assert_allclose((resummed, gauge, top), (1.518e-3, 2.809e-3, 1.383e-3), rtol=5e-4)
    assert scattering_rate_of(k, plasma) == pytest.approx(gauge + top)


@pytest.mark.parametrize(("momentum", "c", "v"), [(1.0, 0.97, 0.70), (3.0, 0.998, 0.96)])
def test_masses_matter_as_in_an_independent_implementation(momentum, c, v):
    """M = 30 GeV against none, gamma_c and gamma_v/M^2, at 200 GeV."""
    temperature = 200.0
    heavy, light = (direct_rates(temperature, momentum * temperature, mass) for mass in (30.0, 0.0))
    energy = np.hypot(momentum, 30 / temperature)
    slower = 2 * momentum**2 / (energy * (energy + momentum))
    assert heavy.gamma_c / light.gamma_c == pytest.approx(c, abs=0.005)
    assert heavy.kernel_v / light.kernel_v * slower == pytest.approx(v, abs=0.005)


@pytest.mark.parametrize(("momentum", "ratio"), [(3.0, 1.000), (1.0, 1.003), (0.5, 1.015)])
def test_the_soft_logarithm_hardly_matters_for_hard_momenta(momentum, ratio):
    default, strict = (direct_rates(1e3, momentum * 1e3, strict=s).gamma_c for s in (False, True))
    assert default / strict == pytest.approx(ratio, abs=1e-3)


def test_the_crossover_is_smooth_and_rates_stay_positive():
    temperatures = np.arange(118.0, 190.0, 4.0)
    for k in (0.3, 3.0):
        for crossover in ("leading_order", "lattice"):
            rates = np.array([direct_rates(t, k * t, crossover=crossover) for t in temperatures])
            assert np.all(rates > 0)
            assert np.all(np.abs(np.diff(np.log(rates[:, 0]))) < 0.15)


def test_below_the_crossover_each_scalar_has_its_weight():
    plasma = medium(140.0)
    alone = [(w, pair_rates(1.0, 0.0, plasma._replace(scalars=((1.0, m2),)))) for w, m2 in plasma.scalars]
    assert_allclose(pair_rates(1.0, 0.0, plasma), sum(w * np.array(r) for w, r in alone), rtol=1e-12)
