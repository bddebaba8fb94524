"""Which direct reactions the rates of heavy neutrinos contain: choices, seams, and no Goldstone boson counted twice."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.direct_born import born_rates
from hpc_nu.plasma.direct_medium import potential_factor
from hpc_nu.plasma.direct_table import direct_tables
from hpc_nu.plasma.gauge_propagators import active_width
from hpc_nu.plasma.higgs import CROSSOVERS, higgs_expectation_value, particle_mass
from hpc_nu.seesaw.direct_reactions import CALCULATED_FROM, DIRECT_REACTIONS, direct_rates, goldstone_width
from hpc_nu.seesaw.thermal_rates import thermal_rates

FINE = np.polynomial.legendre.leggauss(48)


def at(which, temperature, momentum, mass=1.0, crossover="leading_order"):
    t, k, m = np.broadcast_arrays(np.asarray(temperature, float), momentum, mass)
    return direct_rates(which, t, k, m, crossover)


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_calculated_rates_are_those_of_the_table_of_the_crossover(crossover):
    t = np.array([115.1, 140.0, 155.0, 1e4])
    gamma_c, gamma_v, h_c = at("calculated", t, 2 * t, 1.0, crossover)
    assert_allclose((gamma_c, gamma_v), direct_tables[crossover].rates(t, 2 * t, 1.0), rtol=1e-13)
    factor = [potential_factor(x, crossover) for x in t]
    assert_allclose(h_c, factor * t**2 / (8 * np.hypot(2 * t, 1.0)))
    assert factor[3] == 1 and factor[0] < factor[1] < factor[2] < 1


def test_below_the_seam_there_is_the_fit_and_nothing_jumps():
    t = np.array([5.0, 50.0, CALCULATED_FROM[0]])
    assert_array_equal(at("calculated", t, t), at("fit_of_averages", t, t))
    cold = [thermal_rates(t, 2 * t, 1.0, direct_reactions=which) for which in ("calculated", "fit_of_averages")]
    assert_array_equal(*cold)
    t = np.linspace(CALCULATED_FROM[0] - 1, CALCULATED_FROM[1] + 1, 200)
    assert np.abs(np.diff(np.log(at("calculated", t, t)), axis=1)).max() < 0.02


def test_the_fit_has_the_published_averages():
    t = np.array([300.0, 1e3])
    gamma_c, gamma_v, h_c = at("fit_of_averages", t, t)
    assert_allclose(gamma_c / t * 0.4563, 0.0108, rtol=5e-3)
    assert_allclose(gamma_v * t * 0.4563, 0.041, rtol=5e-3)


def test_choices():
    t = np.array([50.0, 150.0])
    assert_array_equal(at("none", t, t), np.zeros((3, 2)))
    assert set(DIRECT_REACTIONS) == {"calculated", "fit_of_averages", "none"}
    with pytest.raises(ValueError, match="direct_reactions = True: expected one of calculated, fit_of_averages, none"):
        at(True, t, t)


def test_goldstone_bosons_are_counted_once():
    """What is taken out of Gamma_+ is, through mixing, the Born rate of the W and Z among the scalars: 1/2 and 1/4."""
    temperature, k = 140.0, np.array([0.3, 1.0, 5.0])
    t = np.full(3, temperature)
    removed = goldstone_width("calculated", t, k * t, np.zeros(3), "leading_order") / temperature
    vev = higgs_expectation_value(temperature) / temperature
    by_mixing = vev**2 / 2 * removed / (2 * k) ** 2
    born = np.zeros(3)
    for boson, weight in (("W", 1 / 2), ("Z", 1 / 4)):
        square = (particle_mass(boson, temperature) / temperature) ** 2
        born += weight * np.array([born_rates(q, 0.0, 0.0, square, *FINE)[0] for q in k])
    assert_allclose(by_mixing, born, rtol=1e-5)
    assert sm.WEAK_COUPLING_SQUARED * vev**2 / 4 == pytest.approx((particle_mass("W", temperature) / temperature) ** 2)


@pytest.mark.parametrize("temperature", [131.7, 140.0, 146.0])
def test_goldstone_bosons_are_a_tenth_to_a_fifth_of_the_width(temperature):
    k = np.array([0.3, 1.0, 3.0, 8.0]) * temperature
    t = np.full(4, temperature)
    width = active_width(k, 2.0, temperature, higgs_expectation_value(temperature))[:, 1]
    share = goldstone_width("calculated", t, k, np.full(4, 2.0), "leading_order") / width
    assert np.all((share > 0.1) & (share < 0.21))
    assert_array_equal(goldstone_width("fit_of_averages", t, k, np.full(4, 2.0), "leading_order"), 0)


def test_mixing_and_direct_reactions_add_up():
    t, k, m = 140.0, np.array([400.0, 1400.0]), 2.0  # hard, so that Gamma_+ << k
    for which in DIRECT_REACTIONS:
        mixing, total = (thermal_rates(t, k, m, direct_reactions=x) for x in ("none", which))
        direct_c, direct_v, direct_h = (x[:, np.newaxis] for x in at(which, t, k, m))
        assert_allclose(total.gamma_v, mixing.gamma_v + direct_v, rtol=1e-12)
        taken = goldstone_width(which, np.full(2, t), k, np.full(2, m), "leading_order")
        less = (mixing.gamma_c - (total.gamma_c - direct_c)) / mixing.gamma_c
        width = active_width(k, m, t, higgs_expectation_value(t))[:, 1]
        assert_allclose(less, np.repeat((taken / width)[:, np.newaxis], 3, axis=1), rtol=0.02, atol=1e-12)
        assert_allclose(total.h_c - direct_h, mixing.h_c, rtol=1e-3)
        assert_array_equal(total.h_v, mixing.h_v)
