"""Roots joined into curves: x = y^3 - 3 y in logarithms, whose folds are at (2, -1) and (-2, 1)."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hpc_nu.analysis.s_curve import crossings, s_curve

X = np.linspace(-4, 4, 28)  # meets no fold
TARGET = 0.12


def real_roots(x):
    roots = np.roots([1, 0, -3, -x])
    return np.sort(roots[np.abs(roots.imag) < 1e-9].real)


ROOTS = [np.exp(real_roots(x)) for x in X]
# ln(Omega/TARGET) = y^3 - 3 y - x over y at fixed x: a maximum at y = -1, a minimum at y = 1.
EXTREMA = [(np.full(X.size, np.exp(y)), TARGET * np.exp(height - X)) for y, height in ((-1, 2), (1, -2))]


def test_one_line_goes_through_both_folds():
    [line] = s_curve(np.exp(X), ROOTS, EXTREMA, TARGET)
    x, y = np.log(line if line[0, 1] < line[-1, 1] else line[::-1]).T
    assert np.all(np.diff(y) > 0) and (x[0], x[-1]) == pytest.approx((-4, 4))
    for fold in ((2, -1), (-2, 1)):
        assert np.hypot(x - fold[0], y - fold[1]).min() < 1e-9
    assert_allclose(y**3 - 3 * y, x, atol=0.05)  # parabolas about the folds, else the roots themselves
    roots = np.log(np.concatenate(ROOTS))
    assert np.abs(np.subtract.outer(roots, y)).min(axis=1).max() < 1e-12


def test_without_extrema_a_fold_is_straight():
    [line] = s_curve(np.exp(X), ROOTS)
    assert_allclose(np.sort(line[:, 1]), np.sort(np.concatenate(ROOTS)))
    x, y = np.log(line).T
    assert_allclose(y**3 - 3 * y, x, atol=1e-9)
    assert np.all(np.diff(y) * np.sign(y[-1] - y[0]) > 0)


def test_extrema_of_another_pair_are_not_used():
    elsewhere = [(np.full(X.size, np.exp(-3.0)), EXTREMA[0][1]), (np.full(X.size, np.nan), EXTREMA[1][1])]
    [line] = s_curve(np.exp(X), ROOTS, elsewhere, TARGET)
    assert len(line) == len(np.concatenate(ROOTS))


def test_a_root_that_leaves_the_range_of_couplings_ends_the_line():
    inside = [roots[roots < 1.0] for roots in ROOTS]  # y < 0: the second branch is cut on its way
    [line] = s_curve(np.exp(X), inside, EXTREMA, TARGET)
    x, y = np.log(line if line[0, 1] < line[-1, 1] else line[::-1]).T
    assert x[0] == pytest.approx(-4) and np.all(np.diff(y) > 0)
    assert 0 < x[-1] < 0.3  # of the last mass before y = 0
    assert s_curve(np.exp(X[:2]), [np.array([]), np.array([])]) == []


def test_two_curves_stay_two():
    low, high = s_curve(np.exp(X), [np.array([1e-3, 1e-1]) * np.exp(x / 3) for x in X])
    assert_allclose(np.log(low[:, 1]) - np.log(low[:, 0]) / 3, np.log(1e-3))
    assert_allclose(np.log(high[:, 1]) - np.log(high[:, 0]) / 3, np.log(1e-1))


def test_crossings_are_all_couplings_at_a_mass():
    lines = s_curve(np.exp(X), ROOTS, EXTREMA, TARGET)
    for x in (-3.0, -1.5, 0.0, X[15], 1.7, 3.5):
        assert_allclose(np.log(crossings(lines, np.exp(x))), real_roots(x), atol=0.03)
    assert crossings(lines, np.exp(5.0)) == []
