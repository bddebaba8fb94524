"""The mediator's potential: its integral as the papers write it, its limits, its table."""

import literal_dodelson_widrow as literal
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from hpc_nu.interactions.active_neutrino_rates import mediator_rates
from hpc_nu.interactions.thermal_potential import LIGHT_LIMIT, heavy_limit, reduced_potential, scale


@pytest.mark.parametrize("x, r", [(1, 1e-3), (1, 1), (1, 3), (0.1, 2), (3, 5), (10, 30), (1e-3, 0.01), (20, 0.3)])
def test_it_is_the_integral_of_the_papers(x, r):
    temperature, coupling = 0.1, 0.3
    expected = literal.potential("scalar", x * temperature, temperature, r * temperature, coupling)
    assert_allclose(coupling**2 * temperature * reduced_potential(x, r) / x, expected, rtol=2e-5)  # it cancels


def test_it_has_twelve_digits():
    """The same integral with 30 digits."""
    assert_allclose(reduced_potential(0.1, 2.0), -0.000977735510632653436, rtol=1e-12)
    assert_allclose(reduced_potential(1e-3, 0.01), 0.0609448590171272976, rtol=1e-12)


@pytest.mark.parametrize("x", [1e-3, 0.5, 3.0, 30.0, 1e3])
def test_it_is_continuous_where_l_2_vanishes(x):
    """At r = 2 x, alone and in an array: the value between its neighbours."""
    at = reduced_potential(x, 2 * x)
    below, same, above = reduced_potential(x, 2 * x * np.array([1 - 1e-6, 1.0, 1 + 1e-6]))
    assert same == at
    assert_allclose(at, (below + above) / 2, rtol=1e-9)


def test_it_is_the_integral_of_the_papers_where_l_2_vanishes():
    x, r = 0.5, 1.0

    def integrand(k):  # L_2 = 0; L_1 is singular at k = r^2/(4 x) = 1/2
        l_1 = np.log(abs((4 * k * x + r**2) / (4 * k * x - r**2)))
        w = np.hypot(k, r)
        return -4 * x * k**2 / w / np.expm1(w) + (r**2 / 2 * l_1 - 4 * x * k) / (np.exp(k) + 1)

    integral = sum(quad(integrand, *ends, epsrel=1e-11, limit=200)[0] for ends in ((0, 0.5), (0.5, 1), (1, 60)))
    assert_allclose(reduced_potential(x, r), -integral / (16 * np.pi**2 * x), rtol=1e-8)


def test_it_has_the_limits_that_the_papers_state():
    x = np.array([0.05, 1.0, 10.0])
    assert_allclose(reduced_potential(x, 1e-5), LIGHT_LIMIT, rtol=2e-4)
    assert_allclose(reduced_potential(x, 1e4), heavy_limit(x, 1e4), rtol=1e-6)


def test_it_changes_sign_where_the_mediator_becomes_heavy():
    for x, r in ((1, 2.95), (3, 5.1)):
        below, above = reduced_potential(x, np.array([0.9, 1.1]) * r)
        assert below > 0 > above


def test_a_vector_has_twice_the_potential_of_a_scalar():
    x, temperature = np.array([[0.3], [2.0]]), np.array([0.01, 0.3])
    scalar = mediator_rates("scalar", 0.1, x * np.ones(2), temperature).potential
    for name in ("neutrinophilic", "lmu_ltau", "b_minus_l"):
        assert_allclose(mediator_rates(name, 0.1, x * np.ones(2), temperature).potential, 2 * scalar, rtol=1e-14)


def test_the_table_is_as_good_as_it_says():
    rng = np.random.default_rng(3)
    x, r = np.exp(rng.uniform(np.log(1e-3), np.log(50), 2000)), np.exp(rng.uniform(np.log(1e-4), np.log(1e3), 2000))
    temperature = np.ones(1)
    for one_x, one_r in zip(x[:300], r[:300], strict=True):
        table = mediator_rates("scalar", one_r, np.array([[one_x]]), temperature).potential[0, 0] * one_x
        error = (table - reduced_potential(one_x, one_r)) * scale(one_x, one_r)
        assert abs(error) < 1e-4
