"""Curves in the plane of two logarithms, from all of their points at a number of abscissas: through the folds.

The model `relic_coupling` gives, mass by mass, every coupling at which Omega h^2 is the target.  From one mass to the
next the roots go on in their order; where there are fewer of them, two neighbours have merged in a fold.  An extremum
of Omega h^2 lies between such a pair, and the fold is where it reaches the target.
"""

from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

_FOLD_POINTS = 12  # of each of the two halves of the parabola about a fold


class _Node(NamedTuple):
    """A root, by the number of its mass, and its own."""

    mass: int
    root: int


def s_curve(mass, roots, extrema=(), target=1.0):
    """Continuous lines through the roots.

    Parameters
    ----------
    mass : (n,) array
        Increasing.
    roots : list of n sorted arrays
        Couplings.
    extrema : list of ((n,) array, (n,) array)
        For each kind of extremum its coupling and Omega h^2; NaN where there is none.  A fold without them is a
        straight line between the last two roots.
    target : float
        Omega h^2 of the roots.

    Returns
    -------
    list of (k, 2) arrays
        Mass and coupling along each line, from one end to the other.
    """
    log_mass, log_roots = np.log(mass), [np.log(values) for values in roots]
    turns = [np.array([log_mass, np.log(coupling), np.log(omega / target)]).T for coupling, omega in extrema]
    neighbours = {_Node(i, k): [] for i, values in enumerate(log_roots) for k in range(len(values))}
    between = {}  # pair of roots that merge: points of the fold
    for i in range(len(mass) - 1):
        few, many = sorted((i, i + 1), key=lambda j: len(log_roots[j]))
        across, merged = _connections(few, log_roots[few], many, log_roots[many])
        for a, b in across + merged:
            neighbours[a].append(b)
            neighbours[b].append(a)
        for a, b in merged:
            ends = [np.array([log_mass[many], log_roots[many][node.root]]) for node in (a, b)]
            between[a, b] = _fold(*ends, [(turn[many], turn[few]) for turn in turns])
            between[b, a] = between[a, b][::-1]
    lines = []
    for walk in _walks(neighbours):
        places = [[(log_mass[node.mass], log_roots[node.mass][node.root])] for node in walk]
        for number, step in enumerate(pairwise(walk)):
            places[number] += list(between.get(step, ()))
        lines.append(np.exp([place for group in places for place in group]))
    return lines


def crossings(lines, mass):
    """Couplings at which lines pass a mass, sorted.

    Parameters
    ----------
    lines : list of (k, 2) arrays
    mass : float

    Returns
    -------
    list of float
    """
    found, x = [], np.log(mass)
    for line in lines:
        for (x_a, y_a), (x_b, y_b) in pairwise(np.log(line)):
            if min(x_a, x_b) <= x < max(x_a, x_b):
                found.append(float(np.exp(y_a + (x - x_a) / (x_b - x_a) * (y_b - y_a))))
    return sorted(found)


def _connections(few, roots, many, other):
    """Roots that go on from one mass to its neighbour, which has no fewer, and pairs of the neighbour that merge."""
    choices = combinations(range(len(other)), len(roots))
    going_on = min(choices, key=lambda chosen: sum(abs(other[k] - root) for k, root in zip(chosen, roots, strict=True)))
    across = [(_Node(few, k), _Node(many, chosen)) for k, chosen in enumerate(going_on)]
    left, merged = [k for k in range(len(other)) if k not in going_on], []
    while len(left) > 1:
        if left[1] == left[0] + 1:
            merged.append((_Node(many, left[0]), _Node(many, left[1])))
            left = left[1:]
        left = left[1:]  # a root that is alone left the range of couplings
    return across, merged


def _fold(start, end, extrema):
    """Points between two roots that merge, on parabolas about where they do."""
    for here, beyond in extrema:
        if start[1] < here[1] < end[1] and here[2] * beyond[2] <= 0:
            fold = (here + here[2] / (here[2] - beyond[2]) * (beyond - here))[:2]
            t, powers = np.linspace(0, 1, _FOLD_POINTS)[1:, None], np.array([2, 1])
            return [*(fold + (start - fold) * t**powers)[-2::-1], fold, *(fold + (end - fold) * t**powers)[:-1]]
    return []


def _walks(neighbours):
    """Each connected part of a graph without branches, from end to end."""
    walks, seen = [], set()
    for start in sorted(neighbours, key=lambda node: len(neighbours[node])):
        walk, node = [], start if start not in seen else None
        while node is not None:
            seen.add(node)
            walk.append(node)
            node = next((other for other in neighbours[node] if other not in seen), None)
        if walk:
            walks.append(walk)
    return walks
