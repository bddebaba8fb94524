"""The Higgs expectation value: regression values, its limits, and the masses that follow it."""

import numpy as np
import pytest

from hpc_nu.plasma.higgs import CROSSOVERS, VACUUM_MASSES, higgs_expectation_value, particle_mass

BOTH = pytest.mark.parametrize("crossover", CROSSOVERS)


def test_leading_order_choice_has_its_reference_values():
    # The one at 30 GeV is printed for e^-5 in place of e^-(45/30)^4 = e^-5.06.
    temperatures = [30.0, 50.0, 80.0, 100.0, 120.0, 140.0]
    expected = [246.1, 239.2, 213.1, 188.3, 153.6, 98.7]
    np.testing.assert_allclose(higgs_expectation_value(temperatures), expected, rtol=0, atol=0.1)


def test_the_two_choices_differ_by_what_is_documented():
    ratio = (higgs_expectation_value([101.0, 146.0], "lattice") / higgs_expectation_value([101.0, 146.0])) ** 2
    np.testing.assert_allclose(ratio, [1.07, 2.0], rtol=0.02)


@BOTH
def test_at_its_crossover_temperature_v_squared_is_d_ln_2(crossover):
    tc, width = CROSSOVERS[crossover]
    x = 1 - np.exp(-((45 / tc) ** 4))  # 0 but for particles too heavy to be in the bath
    at_zero = higgs_expectation_value(tc, crossover) ** 2 / 246.22**2 - x / 2
    assert at_zero == pytest.approx(width * np.log(2), rel=0.03)


@BOTH
def test_vacuum_at_low_and_symmetric_phase_at_high_temperature(crossover):
    assert higgs_expectation_value(1e-3, crossover) == pytest.approx(246.22, rel=1e-12)
    assert higgs_expectation_value(1e6, crossover) == 0
    assert 0 < higgs_expectation_value(180.0, crossover) < 1.0


@BOTH
def test_falls_monotonically_and_smoothly(crossover):
    t = np.linspace(1.0, 200.0, 4001)
    v = higgs_expectation_value(t, crossover)
    assert np.all(np.diff(v) <= 0)
    assert np.max(np.abs(np.diff(v))) < 0.5  # GeV per 0.05 GeV


@BOTH
def test_below_its_rounding_it_is_the_tree_level_shape(crossover):
    t, tc = 90.0, CROSSOVERS[crossover].temperature
    tree = 246.22 * np.sqrt(1 - (t / tc) ** 2 * np.exp(-((45 / t) ** 4)))
    assert higgs_expectation_value(t, crossover) == pytest.approx(tree, rel=1e-6)


def test_every_mass_is_its_vacuum_value_times_v_over_its_vacuum_value():
    t = np.array([1.0, 80.0, 140.0])
    for particle, mass in VACUUM_MASSES.items():
        np.testing.assert_allclose(particle_mass(particle, t), mass * higgs_expectation_value(t) / 246.22, rtol=1e-12)
    assert particle_mass("W", 1.0) == pytest.approx(80.377)


def test_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="lattice"):
        higgs_expectation_value(100.0, "first_order")
    with pytest.raises(ValueError, match="not positive"):
        higgs_expectation_value(np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="gluon"):
        particle_mass("gluon", 100.0)
