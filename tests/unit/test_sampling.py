"""Axes hit their ends and their middle exactly; a sample point depends on its seed and index alone."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpc_nu.campaign.sampling import Axis, Range, Sample, Variable, convert
from hpc_nu.models.interface import Parameter

FINITE = st.floats(-1e30, 1e30)


@settings(deadline=None)
@given(FINITE, FINITE, st.integers(2, 200))
def test_linear_axis_contains_both_ends_and_stays_between_them(first, last, n_points):
    values = Axis("linear", (first, last), n_points).values()
    assert values.shape == (n_points,)
    assert (values[0], values[-1]) == (first, last)
    slack = 1e-15 * max(abs(first), abs(last), 1e-280)  # subnormal numbers have no relative precision
    assert values.min() >= min(first, last) - slack and values.max() <= max(first, last) + slack
    np.testing.assert_allclose(np.diff(values), (last - first) / (n_points - 1), rtol=0, atol=300 * slack)


@settings(deadline=None)
@given(st.floats(1e-30, 1e30), st.integers(1, 100))
def test_symmetric_axis_is_exactly_symmetric_about_the_tuned_point(half_width, half):
    values = Axis("linear", (-half_width, half_width), 2 * half + 1).values()
    assert values[half] == 0.0
    assert np.array_equal(values, -values[::-1])


@pytest.mark.parametrize("ends", [(1e-12, 1e-10), (1000.0, 10.0)])
def test_log_axis_has_constant_ratios_and_exact_ends(ends):
    values = Axis("log", ends, 7).values()
    assert (values[0], values[-1]) == ends
    np.testing.assert_allclose(values[1:] / values[:-1], (ends[1] / ends[0]) ** (1 / 6), rtol=1e-14)


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_axis_of_one_point_is_its_first_end(kind):
    assert Axis(kind, (3.0, 5.0), 1).values().tolist() == [3.0]


@pytest.mark.parametrize("kind", ["sobol", "random"])
@settings(deadline=None)
@given(n_points=st.integers(1, 300), n_more=st.integers(1, 300), seed=st.integers(0, 2**70))
def test_larger_sample_starts_with_the_smaller_one(kind, n_points, n_more, seed):
    small = Sample(kind, n_points, seed).unit_cube(3)
    large = Sample(kind, n_points + n_more, seed).unit_cube(3)
    assert small.shape == (n_points, 3)
    assert np.array_equal(small, large[:n_points])


@pytest.mark.parametrize("kind", ["sobol", "random"])
def test_sample_repeats_and_follows_its_seed_alone(kind):
    first = Sample(kind, 16, 1).unit_cube(2)
    np.random.seed(7)
    np.random.random(5)
    assert np.array_equal(first, Sample(kind, 16, 1).unit_cube(2))
    assert not np.array_equal(first, Sample(kind, 16, 2).unit_cube(2))
    assert len(np.unique(first, axis=0)) == 16


def test_sobol_points_put_one_into_every_cell_and_random_points_do_not():
    def occupied(kind):
        return len(np.unique((Sample(kind, 64, 3).unit_cube(2) * 8).astype(int), axis=0))

    assert occupied("sobol") == 64
    assert occupied("random") < 64


def test_sobol_sample_of_any_size_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sample("sobol", 100, 1).unit_cube(2)


@settings(deadline=None)
@given(st.floats(1e-20, 1e20), st.floats(1e-20, 1e20), st.sampled_from(["linear", "log"]))
def test_range_stays_inside_and_grows_with_the_fraction(a, b, scale):
    low, high = sorted((a, b))
    values = Range(low, high, scale).values(np.array([0.0, 0.25, 0.5, 1 - 2**-53]))
    assert values.min() >= low and values.max() <= high
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose(values[2], (low * high) ** 0.5 if scale == "log" else low / 2 + high / 2, rtol=1e-12)


@pytest.mark.parametrize("low, high", [(-0.9, 9.0), (-1e-7, 2e-7), (-1e-25, 1e-25)])
def test_offsets_are_uniform_in_the_logarithm_of_the_whole(low, high):
    """As arXiv:2004.10766 draws Delta M; in a narrow window that is flat, to the width of the window over the value."""
    about, fractions = 4e-11, np.linspace(0, 1, 5)
    offsets = Range(low * about, high * about, "log_total", about).values(fractions)
    assert (offsets[0], offsets[-1]) == (low * about, high * about)
    steps = np.diff(np.log1p(offsets / about))
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-12)
    if high < 1e-6:
        np.testing.assert_allclose(offsets, about * (low + fractions * (high - low)), rtol=0, atol=about * high * 3e-7)


def test_offsets_of_the_fine_tuned_window_survive_the_sum():
    delta_m = Parameter("delta_M", "GeV", 0.0, 1e-6, "")
    column = Variable(delta_m, Axis("linear", (-7e-9, 7e-9), 11), "eV", about=2.06e-2, offset_unit="eV")
    offsets = column.converted(column.form.values())
    assert column.tuned_value == 2.06e-11
    np.testing.assert_allclose(offsets, np.linspace(-7e-18, 7e-18, 11), rtol=1e-15, atol=1e-33)
    assert len(set(column.values(column.form.values()))) == 11


@pytest.mark.parametrize(
    ("number", "spelling", "unit", "converted"),
    [(20.0, "keV", "GeV", 2e-5), (3.0, "eV", "GeV", 3e-9), (2.0, "TeV", "GeV", 2000.0), (180.0, "deg", "rad", np.pi),
     (0.5, "pi", "rad", np.pi / 2), (7.0, "1", "1", 7.0), (7.0, "cm", "cm", 7.0)],
)  # fmt: skip
def test_round_numbers_stay_round_in_another_unit(number, spelling, unit, converted):
    assert convert(number, spelling, unit) == converted
