"""Axes and samples: the numbers behind the forms in which an input file gives a parameter.

An `Axis` or a `Range` is in the unit of the input file; a `Variable` knows the way to the unit of the model.  A sample
point depends on the seed, on its index and on the number of sampled parameters, on nothing else: every rank computes
the same points, and a larger sample starts with the smaller one.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from hpc_nu.campaign.marked_yaml import Interval
from hpc_nu.models.interface import Parameter
from hpc_nu.units import CONVERSIONS

SCALES = ("linear", "log", "log_total")
SAMPLE_KINDS = ("sobol", "random")

CUT = 5.0
"""A `Normal` distribution ends at so many deviations from its mean: 6e-7 of it is beyond."""


@dataclass(frozen=True)
class Axis:
    """Values that are known beforehand.

    Attributes
    ----------
    kind : str
        "value" (one number), "list", "linear" or "log" (equidistant, both ends included).
    given : tuple of float
        The number, the list, or the two ends in either order.
    n_points : int
        With a single point, a linear or logarithmic axis is its first end.
    """

    kind: str
    given: tuple
    n_points: int

    def values(self):
        """(n_points,) float64."""
        if self.kind == "linear":
            return _equidistant(*self.given, self.n_points)
        if self.kind == "log":
            return np.geomspace(*self.given, self.n_points)
        return np.array(self.given, dtype=float)

    def completed(self):
        """The axis as an input file would give it."""
        if self.kind == "value":
            return {"value": self.given[0]}
        points = {} if self.kind == "list" else {"points": self.n_points}
        return {self.kind: list(self.given), **points}


def _equidistant(first, last, n_points):
    """Equidistant values of which those of [-a, a] are exactly symmetric.

    `numpy.linspace` computes first + i * step, and the middle of 23 points on [-0.1, 0.1] is then 1e-17 beside the
    tuned point.
    """
    if n_points == 1:
        return np.array([first])
    i = np.arange(n_points)
    values = (first * i[::-1] + last * i) / (n_points - 1)
    values[[0, -1]] = first, last
    return values


@dataclass(frozen=True)
class Range:
    """An interval from which `Sample` draws, uniformly in the value or in a logarithm.

    Attributes
    ----------
    low, high : float
    scale : str
        One of `SCALES`: "log" of the numbers themselves, "log_total" of `about` and the offset together.
    about : float
        Of "log_total": the tuned value to which the numbers are offsets, in their unit, above zero.
    """

    low: float
    high: float
    scale: str = "linear"
    about: float | None = None

    def values(self, fractions):
        """Where `fractions`, (n,) in [0, 1), lie between `low` and `high`."""
        if self.scale == "log":
            values = np.exp(np.log(self.low) + fractions * (np.log(self.high) - np.log(self.low)))
        elif self.scale == "log_total":  # offsets below the resolution of their sum keep all digits
            low, high = np.log1p(self.low / self.about), np.log1p(self.high / self.about)
            values = self.about * np.expm1(low + fractions * (high - low))
        else:
            values = self.low + fractions * (self.high - self.low)
        return np.clip(values, self.low, self.high)

    def completed(self):
        """The range as an input file would give it."""
        return {"range": [self.low, self.high], "scale": self.scale}


@dataclass(frozen=True)
class Normal:
    """A normal distribution from which `Sample` draws, cut off at `CUT` deviations.

    Attributes
    ----------
    mean, deviation : float
    """

    mean: float
    deviation: float

    @property
    def low(self):
        return self.mean - CUT * self.deviation

    @property
    def high(self):
        return self.mean + CUT * self.deviation

    def values(self, fractions):
        """Quantiles of `fractions`, (n,) in [0, 1)."""
        below = ndtr(-CUT)
        return self.mean + self.deviation * np.clip(ndtri(below + fractions * (1 - 2 * below)), -CUT, CUT)

    def completed(self):
        """The distribution as an input file would give it."""
        return {"normal": [self.mean, self.deviation]}


@dataclass(frozen=True)
class Sample:
    """A set of points in the unit cube.

    Attributes
    ----------
    kind : str
        "sobol" (scrambled, so that it does not start in the corner of the cube) or "random" (independent).
    points : int
        For Sobol, powers of two are best balanced.
    seed : int
    """

    kind: str
    points: int
    seed: int = 0

    def unit_cube(self, dimension):
        """(points, dimension) float64 in [0, 1)."""
        generator = np.random.default_rng(self.seed)
        if self.kind == "random":
            return generator.random((self.points, dimension))
        # Imported here because it takes a second, on every rank, and few campaigns need it.
        from scipy.stats import qmc

        with warnings.catch_warnings():
            # "balance properties": a sample of any size is a fair choice, and the docstring says which are better.
            warnings.simplefilter("ignore", UserWarning)
            return qmc.Sobol(dimension, scramble=True, seed=generator).random(self.points)


@dataclass(frozen=True)
class Variable:
    """A parameter as given: a form, its unit, and the tuned value from which it is counted.

    Attributes
    ----------
    parameter : Parameter
    form : Axis, Range or Normal
        In `unit`, or in `offset_unit` where there is `about`.
    unit : str
        As spelled in the file.
    about : float or None
        Tuned value [unit], to which the form is an offset.
    """

    parameter: Parameter
    form: Axis | Range | Normal
    unit: str
    about: float | None = None
    offset_unit: str = ""

    @property
    def is_fixed(self):
        """Whether the campaign has a single number here."""
        return isinstance(self.form, Axis) and self.form.kind == "value"

    @property
    def tuned_value(self):
        """`about` in the parameter's unit."""
        return convert(self.about, self.unit, self.parameter.unit)

    def converted(self, numbers):
        """Numbers of the form in the parameter's unit: values, or offsets where there is `about`."""
        return convert(numbers, self.unit if self.about is None else self.offset_unit, self.parameter.unit)

    def total(self, numbers):
        """Values of the parameter, in its unit, that numbers of the form stand for."""
        return self.converted(numbers) if self.about is None else self.tuned_value + self.converted(numbers)

    def values(self, numbers):
        """`total`, and where the rounding of a conversion led over a bound of the parameter, the bound."""
        return np.clip(self.total(numbers), self.parameter.low, self.parameter.high)

    def completed(self):
        """The column as an input file would give it."""
        if self.about is None:
            return {**self.form.completed(), "unit": self.unit}
        return {"about": self.about, **self.form.completed(), "unit": self.unit, "offset_unit": self.offset_unit}


def conversions(unit):
    """Accepted spellings of a model's unit, and what each is worth in it."""
    return CONVERSIONS.get(unit, {unit: 1.0})


def convert(numbers, spelling, unit):
    """Numbers in the unit of a model.  Divides where it can: 20 keV are 20/10^6 = 2e-05 GeV, but 20 * 1e-6 are not."""
    factor = conversions(unit)[spelling]
    inverse = round(1 / factor)
    return numbers / inverse if inverse > 1 and 1 / inverse == factor else numbers * factor


def read_form(node, entries, kind, max_points, about=None):
    """The `Axis`, `Range` or `Normal` that the entry `kind` of the mapping `node` gives; None if it is wrong.

    Parameters
    ----------
    node : Marked
    entries : dict of str to Marked
        The known entries of `node`.
    kind : str
        "value", "list", "linear", "log", "range" or "normal".
    about : float, optional
        Tuned value to which the numbers are offsets, in their unit.
    """
    _refuse_misplaced(entries, kind)
    if kind == "value":
        number = entries[kind].number()
        return None if number is None else Axis(kind, (number,), 1)
    if kind == "normal":
        return _normal(entries[kind])
    numbers = distinct_numbers(entries[kind])
    if kind == "list":
        return None if numbers is None else Axis(kind, numbers, len(numbers))
    if kind == "range":
        scale = entries["scale"].word(SCALES) if "scale" in entries else "linear"
        ends = _ends(entries[kind], numbers, scale)
        if ends and ends[0] > ends[1]:
            return entries[kind].mistake("the lower end comes first", suggestion=f"[{ends[1]}, {ends[0]}]")
        if scale == "log_total":
            if "about" not in entries:
                return entries["scale"].mistake("log_total goes with about: it is the logarithm of about + offset")
            if None in (ends, about):
                return None
            if about <= 0:
                return entries["about"].mistake("about must be positive on the scale log_total")
            if about + ends[0] <= 0:
                return entries[kind].mistake("about + offset must be positive on the scale log_total")
            return Range(*ends, scale, about)
        return Range(*ends, scale) if ends and scale else None
    if "points" not in entries:
        node.missing("points")
    points = entries["points"].integer(1, max_points) if "points" in entries else None
    ends = _ends(entries[kind], numbers, kind)
    return Axis(kind, ends, points) if ends and points else None


def _normal(node):
    numbers = [item.number() for item in node.items() or ()]
    if None in numbers or not numbers:
        return None
    if len(numbers) != 2:
        return node.mistake(f"mean and standard deviation are needed, not {_numbers(len(numbers))}")
    if numbers[1] <= 0:
        return node.value[1].mistake(f"a standard deviation of {node.value[1].text}", "a number above zero")
    return Normal(*numbers)


def _ends(node, numbers, scale):
    """The two ends of an axis or a range."""
    if numbers is None:
        return None
    if len(numbers) != 2:
        return node.mistake(f"the two ends are needed, not {_numbers(len(numbers))}")
    if scale == "log" and min(numbers) <= 0:
        return node.mistake("a logarithmic scale needs positive ends")
    return numbers


def _numbers(n):
    return f"{n} number{'s' if n > 1 else ''}"


def distinct_numbers(node, interval=Interval()):  # noqa: B008 (immutable)
    """A list of numbers, as a tuple."""
    numbers = tuple(item.number(interval) for item in node.items() or ())
    if not numbers or None in numbers:
        return None
    seen = set()
    for item, number in zip(node.value, numbers, strict=True):
        if number in seen:
            return item.mistake(f"{item.text} stands here twice")
        seen.add(number)
    return numbers


def _refuse_misplaced(entries, kind):
    for key, partners in {"points": ("linear", "log"), "scale": ("range",)}.items():
        if key in entries and kind not in partners:
            entries[key].mistake(f"goes with {' or '.join(partners)}, not with {kind}", at_key=True)
    if "offset_unit" in entries and "about" not in entries:
        entries["offset_unit"].mistake("goes with about", at_key=True)
