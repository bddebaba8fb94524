"""Published limits that have no formula, as digitised curves in a text file of the user's.

    # Comments start with #, at the beginning of a line or behind a space.
    name:     beam_dump                 (letters, digits and _; each curve has its own)
    source:   arXiv:1234.56789, fig. 3
    x:        mediator_mass             (or m4, the mass of the sterile neutrino)
    unit:     GeV                       (of x; eV, keV, MeV, GeV or TeV)
    y:        coupling                  (or sin2_2theta)
    excluded: above                     (or between)
    1e-3  2.2e-5
    1e-2  2.2e-4

Six lines of header, in any order, then the points, with increasing x: two numbers on a line, x and the largest y
allowed, or with `excluded: between` three, x and the ends of the excluded range of y.  Spaces, tabs and commas
separate.  The next header starts the next curve.

Between the points ln y is linear in ln x.  Outside of them nothing is excluded.  Curves of the mixing are as published,
for all of dark matter where they are of dark matter.
"""

import difflib
import os
import re
from dataclasses import dataclass

import numpy as np

from hpc_nu.text_file import read_text
from hpc_nu.units import ENERGY_GEV

KEYS = {
    "name": "a name of letters, digits and _ that starts with a letter",
    "source": "where the curve is from",
    "x": ("mediator_mass", "m4"),
    "unit": tuple(ENERGY_GEV),
    "y": ("coupling", "sin2_2theta"),
    "excluded": ("above", "between"),
}
"""Keys of a header, and what is accepted."""

_MIN_POINTS = 2


@dataclass(frozen=True, eq=False)
class LimitCurve:
    """One curve of a file.

    Attributes
    ----------
    name, source : str
    x, y : str
        What the axes are: "mediator_mass" or "m4", "coupling" or "sin2_2theta".
    points : (n,) array
        x of the points [GeV], increasing.
    lower, upper : (n,) arrays
        Ends of the excluded range of y; `upper` is infinite where all above `lower` is excluded.
    """

    name: str
    source: str
    x: str
    y: str
    points: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def excluded_range(self, x):
        """The range of y that is excluded at x [GeV].

        Parameters
        ----------
        x : float or array [GeV]

        Returns
        -------
        (lower, upper), arrays of the shape of x
            Both infinite outside of the points; `lower` is the limit on y if everything above is excluded.
        """
        lower = self._interpolate(x, self.lower)
        return lower, np.full_like(lower, np.inf) if np.isinf(self.upper[0]) else self._interpolate(x, self.upper)

    def _interpolate(self, x, y):
        ln_y = np.interp(np.log(x), np.log(self.points), np.log(y), left=np.inf, right=np.inf)
        return np.exp(ln_y)

    def excludes(self, x, y):
        """Whether y is inside the excluded range at x [GeV]: bools, broadcast over the arguments."""
        lower, upper = self.excluded_range(x)
        return (y > lower) & (y < upper)


@dataclass(frozen=True, eq=False)
class DigitisedLimits:
    """All curves of a file.

    Attributes
    ----------
    curves : tuple of LimitCurve
    path : str
    identity : str
        SHA-256 of the file's bytes.
    """

    curves: tuple
    path: str
    identity: str


def read_limits(path):
    """Read a file as described in the head of this module.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DigitisedLimits

    Raises
    ------
    ValueError
        All that is wrong with the file, one line each: file, line, value and what is accepted.
    """
    path = os.fspath(path)
    text, identity = read_text(path)
    problems = []
    sections = _sections(text, problems)
    if not sections and not problems:
        problems.append((1, "no curve: expected a header with " + ", ".join(KEYS) + ", and points"))
    curves = [_curve(section, problems) for section in sections]
    _check_names(sections, problems)
    if problems:
        raise ValueError("\n".join(f"{path}:{line}: {what}" for line, what in sorted(problems)))
    return DigitisedLimits(tuple(curves), path, identity)


class _Section:
    """Header and points as they stand in the file, with their lines."""

    def __init__(self, line):
        self.line = line
        self.header = {}
        self.rows = []

    def value(self, key):
        return self.header[key][1] if key in self.header else None


def _sections(text, problems):
    sections = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not line:
            continue
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not sections or (colon and sections[-1].rows):
            sections.append(_Section(number))
        if not colon:
            sections[-1].rows.append((number, re.split(r"[,\s]+", line)))
        elif key not in KEYS:
            near = difflib.get_close_matches(key.lower(), KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append((number, f"unknown key {key!r}: expected one of {', '.join(KEYS)}{hint}"))
        elif key in sections[-1].header:
            problems.append((number, f"{key} is given twice, first in line {sections[-1].header[key][0]}"))
        else:
            sections[-1].header[key] = (number, value)
    return sections


def _curve(section, problems):
    """The curve of a section, or None."""
    before = len(problems)
    _check_header(section, problems)
    rows = _numbers(section, problems)
    if len(problems) > before:
        return None
    table = np.array(rows)
    x, lower = table[:, 0] * ENERGY_GEV[section.value("unit")], table[:, 1]
    upper = table[:, 2] if section.value("excluded") == "between" else np.full_like(x, np.inf)
    named = {key: section.value(key) for key in ("name", "source", "x", "y")}
    return LimitCurve(**named, points=x, lower=lower, upper=upper)


def _check_header(section, problems):
    missing = [key for key in KEYS if key not in section.header]
    if missing:
        problems.append((section.line, f"the curve that starts here has no {', '.join(missing)}"))
    for key, (line, value) in section.header.items():
        accepted = KEYS[key]
        if isinstance(accepted, tuple):
            if value not in accepted:
                problems.append((line, f"{key} = {value!r}: expected {' or '.join(accepted)}"))
        elif not value or (key == "name" and not re.fullmatch(r"[A-Za-z]\w*", value, re.ASCII)):
            problems.append((line, f"{key} = {value!r}: expected {accepted}"))


def _check_names(sections, problems):
    first = {}
    for section in sections:
        line, name = section.header.get("name", (None, None))
        if name in first and name is not None:
            problems.append((line, f"name = {name!r}: the curve in line {first[name]} has it already"))
        first.setdefault(name, line)


def _numbers(section, problems):
    """The points, as far as they are numbers; what is wrong with them goes to `problems`."""
    columns = {"above": ("x", "y"), "between": ("x", "lower y", "upper y")}.get(section.value("excluded"))
    rows, last = [], None
    for line, words in section.rows:
        numbers, wrong = _row(words, columns, section.value("y"))
        problems += [(line, what) for what in wrong]
        if not wrong:
            if last is not None and numbers[0] <= last:
                problems.append((line, f"x = {words[0]} after {last:g}: expected increasing numbers"))
            last = numbers[0]
            rows.append(numbers)
    if len(section.rows) < _MIN_POINTS:
        what = f"the curve that starts here has {len(section.rows)} of at least {_MIN_POINTS} points"
        problems.append((section.line, what))
    return rows


def _row(words, columns, quantity):
    """The numbers of a line, and a list of what is wrong with them; `columns` is None if the header is wrong."""
    if columns and len(words) != len(columns):
        return None, [f"{' '.join(words)!r}: expected {len(columns)} numbers, {', '.join(columns)}"]
    highest = 1.0 if quantity == "sin2_2theta" else np.inf
    wanted = "a number above 0 and not above 1" if quantity == "sin2_2theta" else "a positive number"
    numbers, wrong = [], []
    for i, word in enumerate(words):
        numbers.append(_number(word))
        if not 0 < numbers[-1] < np.inf or (i > 0 and numbers[-1] > highest):
            name = columns[i] if columns else f"number {i + 1}"
            wrong.append(f"{name} = {word!r}: expected {wanted if i else 'a positive number'}")
    if not wrong and len(numbers) > 2 and columns and numbers[1] >= numbers[2]:
        wrong.append(f"upper y = {words[2]}: expected more than lower y = {words[1]}")
    return numbers, wrong


def _number(word):
    """The word as a float, NaN if it is none."""
    try:
        return float(word) if "_" not in word else np.nan
    except ValueError:
        return np.nan
