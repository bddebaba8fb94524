"""Published limits that have no formula, as digitised curves in a text file of the user's.

    # Comments start with #, at the beginning of a line or behind a space.
    name:     beam_dump                 (letters, digits and _; each curve has its own)
    source:   arXiv:1234.56789, fig. 3
    x:        m4                        (mass of the sterile neutrino, also m_4, M, m_N; or mediator_mass)
    unit:     GeV                       (of x; eV, keV, MeV, GeV or TeV)
    y:        U2                        (|U|^2; or theta2, sin^2 theta; sin2_2theta; coupling)
    excluded: above                     (or below, or between)
    flavour:  mu                        (with which the neutrino mixes, e, mu or tau; if left out: all)
    1e-1  2.2e-5
    1e+0  2.2e-7

Lines of header, in any order, then the points, with x that increases or decreases: two numbers on a line, x and the
largest y allowed (with `excluded: below` the smallest), or with `excluded: between` three, x and the ends of the
excluded range of y.  Spaces, tabs, commas and semicolons separate; beside a semicolon a comma is a decimal sign.  A
line of words above the points is their title.  The next header starts the next curve.

Between the points ln y is linear in ln x; where several have the same x, y jumps there.  Outside of the points nothing
is excluded.  Curves of the mixing are as published, for all of dark matter where they are of dark matter.
"""

import difflib
import os
import re
from dataclasses import dataclass

import numpy as np

from hpc_nu.units import ENERGY_GEV
from hpc_nu.user_file import read_text, refuse

X_NAMES = {"mediator_mass": "mediator_mass", "m4": "m4", "m_4": "m4", "M": "m4", "m_N": "m4"}
"""Words for x, and what they mean."""

ALL_FLAVOURS = "all"

KEYS = {
    "name": "a name of letters, digits and _ that starts with a letter",
    "source": "where the curve is from",
    "x": tuple(X_NAMES),
    "unit": tuple(ENERGY_GEV),
    "y": ("coupling", "sin2_2theta", "theta2", "U2"),
    "excluded": ("above", "below", "between"),
    "flavour": ("e", "mu", "tau", ALL_FLAVOURS),
}
"""Keys of a header, and what is accepted."""

_NEEDED = tuple(key for key in KEYS if key != "flavour")
_COLUMNS = {"above": ("x", "y"), "below": ("x", "y"), "between": ("x", "lower y", "upper y")}
_MIN_POINTS = 2


@dataclass(frozen=True, eq=False)
class LimitCurve:
    """One curve of a file.

    Attributes
    ----------
    name, source : str
    x, y : str
        What the axes are: "mediator_mass" or "m4"; "coupling", "sin2_2theta", "theta2" or "U2".
    flavour : str
        "e", "mu", "tau" or "all".
    points : (n,) array
        x of the points [GeV], never decreasing.
    lower, upper : (n,) arrays
        Ends of the excluded range of y; `upper` is infinite where all above `lower` is excluded, `lower` is zero where
        all below `upper` is.
    """

    name: str
    source: str
    x: str
    y: str
    flavour: str
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
        return self._interpolate(x, self.lower), self._interpolate(x, self.upper)

    def _interpolate(self, x, y):
        """At a jump y is that of the last of its points."""
        if y[0] in (0.0, np.inf):  # an open end
            return np.where((x >= self.points[0]) & (x <= self.points[-1]), y[0], np.inf)
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
        What is wrong with the file, one line each: file, line, value and what is accepted.
    """
    path = os.fspath(path)
    text, identity = read_text(path)
    problems = []
    sections = _sections(text, problems)
    if not sections and not problems:
        problems.append((1, "no curve: expected a header with " + ", ".join(_NEEDED) + ", and points"))
    curves = [_curve(section, problems) for section in sections]
    _check_names(sections, problems)
    refuse(path, problems)
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
            sections[-1].rows.append((number, _words(line)))
        elif key not in KEYS:
            near = difflib.get_close_matches(key.lower(), KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append((number, f"unknown key {key!r}: expected one of {', '.join(KEYS)}{hint}"))
        elif key in sections[-1].header:
            problems.append((number, f"{key} is given twice, first in line {sections[-1].header[key][0]}"))
        else:
            sections[-1].header[key] = (number, value)
    return sections


def _words(line):
    """What separators leave of a line; from where a semicolon separates, 0,5 is a half."""
    if ";" in line:
        line = re.sub(r"(?<=\d),(?=\d)", ".", line)
    return [word for word in re.split(r"[,;\s]+", line) if word]


def _curve(section, problems):
    """The curve of a section, or None."""
    before = len(problems)
    _check_header(section, problems)
    rows = _numbers(section, problems)
    if len(problems) > before:
        return None
    table = np.array(rows)
    if table[-1, 0] < table[0, 0]:
        table = table[::-1]
    x, excluded = table[:, 0] * ENERGY_GEV[section.value("unit")], section.value("excluded")
    return LimitCurve(
        name=section.value("name"),
        source=section.value("source"),
        x=X_NAMES[section.value("x")],
        y=section.value("y"),
        flavour=section.value("flavour") or ALL_FLAVOURS,
        points=x,
        lower=np.zeros_like(x) if excluded == "below" else table[:, 1],
        upper=np.full_like(x, np.inf) if excluded == "above" else table[:, -1],
    )


def _check_header(section, problems):
    missing = [key for key in _NEEDED if key not in section.header]
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
    columns = _COLUMNS.get(section.value("excluded"))
    if section.rows and _is_title(section.rows[0][1]):
        del section.rows[0]
    rows = []
    for line, words in section.rows:
        numbers, wrong = _row(words, columns, section.value("y"))
        problems += [(line, what) for what in wrong]
        if not wrong:
            rows.append((line, words[0], numbers))
    _check_order(rows, problems)
    if len(section.rows) < _MIN_POINTS:
        what = f"the curve that starts here has {len(section.rows)} of at least {_MIN_POINTS} points"
        problems.append((section.line, what))
    return [numbers for _, _, numbers in rows]


def _is_title(words):
    """Whether a line above the points names the columns: it neither starts like a number nor ends with one."""
    return words[0][0] not in "+-.0123456789" and not _is_number(words[-1])


def _check_order(rows, problems):
    """x must go one way; where it goes is what its first two values say."""
    x = [numbers[0] for _, _, numbers in rows]
    steps = np.sign(np.diff(x))
    direction = next(filter(None, steps), 0)
    if len(x) > 1 and not direction:
        problems.append((rows[-1][0], f"x = {rows[-1][1]} at all points: expected at least two values"))
    for (line, word, _), before, step in zip(rows[1:], x, steps, strict=False):
        if step * direction < 0:
            wanted = "increasing" if direction > 0 else "decreasing"
            advice = "an outline that turns back has two ends of y at each x, `excluded: between`"
            problems.append((line, f"x = {word} after {before:g}: expected {wanted} numbers, as before; {advice}"))


def _row(words, columns, quantity):
    """The numbers of a line, and a list of what is wrong with them; `columns` is None if the header is wrong."""
    if columns and len(words) != len(columns):
        return None, [f"{' '.join(words)!r}: expected {len(columns)} numbers, {', '.join(columns)}"]
    highest = np.inf if quantity in (None, "coupling") else 1.0
    wanted = "a positive number" if quantity in (None, "coupling") else "a number above 0 and not above 1"
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
    return float(word) if _is_number(word) else np.nan


def _is_number(word):
    try:
        return "_" not in word and float(word) is not None
    except ValueError:
        return False
