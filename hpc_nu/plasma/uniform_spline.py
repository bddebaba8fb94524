"""Cubic splines on nodes that are uniform in a stretched logarithm of their variable.

Uniform knots cost a few multiplications to find and to weigh, in compiled loops, whatever the number of nodes.  A
spline over n nodes has n + 2 coefficients of uniform cubic B-splines; the two more than there are values make the
third derivative continuous at the second node and at the last but one (not-a-knot).
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled

LOW, STEP, CELLS, LINEAR, GAIN, DENSE, AXIS_SIZE = range(7)
"""Slots of `Axis.packed`; LOW is the coordinate of the first node."""


@compiled
def _coordinate(linear, gain, dense, x):
    return math.log(x) + linear * x + gain * math.log1p(x / dense)


class Axis(NamedTuple):
    """Nodes from `low` to `high` (> 0), uniform in ln x + linear x + gain ln(1 + x/dense).

    `linear` > 0 makes them uniform in x itself above 1/linear, `gain` > 0 denser by the factor 1 + gain above `dense`.
    A single node has low == high.
    """

    low: float
    high: float
    size: int
    linear: float = 0.0
    gain: float = 0.0
    dense: float = 1.0

    def coordinate(self, x):
        x = np.asarray(x, dtype=float)
        return np.log(x) + self.linear * x + self.gain * np.log1p(x / self.dense)

    def nodes(self):
        """(size,) array, increasing; the first and the last are exactly `low` and `high`."""
        return _nodes(self)

    def packed(self):
        """(AXIS_SIZE,) array for `locate`."""
        low, high = self.coordinate([self.low, self.high])
        return np.array([low, (high - low) / (self.size - 1), self.size - 1, self.linear, self.gain, self.dense])

    def cardinal(self, x):
        """(n, size) array: the weights with which the values at the nodes add up to those of the spline at x, (n,)."""
        x = np.atleast_1d(np.asarray(x, dtype=float))
        if self.size == 1:
            return np.ones((x.size, 1))
        packed, operator, weights = self.packed(), coefficients(self.size), np.empty(4)
        rows = np.empty((x.size, self.size))
        for i, value in enumerate(x):
            cell = locate(packed, value, weights)
            rows[i] = weights @ operator[cell : cell + 4]
        return rows


@cache
def _nodes(axis):
    if axis.size == 1:
        return np.array([axis.low])
    wanted = np.linspace(*axis.coordinate([axis.low, axis.high]), axis.size)
    x = np.geomspace(axis.low, axis.high, axis.size)
    for _ in range(60):  # Newton's method in ln x, in which the coordinate is convex: it cannot fail
        slope = 1 + axis.linear * x + axis.gain * x / (axis.dense + x)
        x = x * np.exp((wanted - axis.coordinate(x)) / slope)
    x[0], x[-1] = axis.low, axis.high
    x.flags.writeable = False  # shared by all who ask
    return x


@cache
def coefficients(size):
    """(size + 2, size) array: from the values at the nodes to the coefficients; `size` at least 4."""
    matrix = np.zeros((size + 2, size + 2))
    for i in range(size):
        matrix[i, i : i + 3] = 1 / 6, 4 / 6, 1 / 6
    fourth_difference = 1, -4, 6, -4, 1
    matrix[size, :5] = fourth_difference
    matrix[size + 1, -5:] = fourth_difference
    return np.ascontiguousarray(np.linalg.inv(matrix)[:, :size])


@compiled
def locate(axis, x, weights):
    """First of the four coefficients for x, which is moved into the range, and their weights (4,)."""
    position = (_coordinate(axis[LINEAR], axis[GAIN], axis[DENSE], x) - axis[LOW]) / axis[STEP]
    position = min(max(position, 0.0), axis[CELLS])
    cell = min(int(position), int(axis[CELLS]) - 1)
    cubic_weights(position - cell, weights)
    return cell


@compiled
def cubic_weights(t, weights):
    """Uniform cubic B-splines at the fraction t of a cell."""
    s = 1.0 - t
    weights[0] = s * s * s / 6.0
    weights[1] = (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0
    weights[2] = (4.0 - 6.0 * s * s + 3.0 * s * s * s) / 6.0
    weights[3] = t * t * t / 6.0


@compiled
def evaluate(table, row, row_weights, column, column_weights, out):
    """out[c] = sum of the 4 x 4 weighted coefficients table[row + i, column + j, c]."""
    out[:] = 0.0
    for i in range(4):
        for j in range(4):
            weight = row_weights[i] * column_weights[j]
            for c in range(out.size):
                out[c] += weight * table[row + i, column + j, c]
