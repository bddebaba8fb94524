"""An equation of state of the user's own: g_*(T) from a text file.

    # Comments start with #.
    unit: GeV                  (of T; eV, keV, MeV, GeV or TeV)
    1.0e-4   10.56   10.55
    2.0e-4   10.56   10.55

One line for the unit, then the points: T, g_rho, g_s, with T increasing or decreasing; spaces, tabs, commas and
semicolons separate.  s = (2 pi^2/45) g_s T^3 sets redshift and c_s^2, e = (pi^2/30) g_rho T^4 sets H; both are taken
as they are given, so that g_rho may contain radiation that is not part of the bath.  (Of the published fits g_s alone
is used, and e follows from it by de = T ds.)  The points must be close enough for natural cubic splines in log T, and
free of noise: c_s^2 is a derivative, and asymmetries with a small splitting feel it.  The file must reach over all
temperatures of a campaign.
"""

import re
from typing import NamedTuple

import numpy as np

from hpc_nu.shared import shared_files
from hpc_nu.units import ENERGY_GEV
from hpc_nu.user_file import read_text, refuse

_MIN_POINTS = 8
_COLUMNS = ("T", "g_rho", "g_s")
_LARGEST = 1e4  # of g; the Standard Model has 106.75


class UserEquationOfState(NamedTuple):
    """Points of a file.

    Attributes
    ----------
    temperature : (n,) array [GeV]
        Increasing.
    g_rho, g_s : (n,) arrays
    identity : str
        SHA-256 of the file.
    """

    temperature: np.ndarray
    g_rho: np.ndarray
    g_s: np.ndarray
    identity: str


def read_equation_of_state(path):
    """Read a file as described in the head of this module.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    UserEquationOfState

    Raises
    ------
    ValueError
        All that is wrong with the file, one line each: file, line, value and what is accepted.
    """
    text, identity = read_text(path)
    unit, rows, problems = None, [], []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("#")[0].strip()
        key, colon, value = (part.strip() for part in line.partition(":"))
        if colon:
            if key != "unit" or value not in ENERGY_GEV or unit:
                accepted = f"one line `unit: ...`, of {', '.join(ENERGY_GEV)}"
                problems.append((number, f"{line!r}: expected {accepted}"))
            unit = unit or value
        elif line:
            rows.append((number, _numbers(line, number, problems)))
    if not unit:
        problems.append((1, f"no unit of T: expected a line `unit: ...`, of {', '.join(ENERGY_GEV)}"))
    if len(rows) < _MIN_POINTS:
        problems.append((1, f"{len(rows)} points: expected at least {_MIN_POINTS}, each T, g_rho, g_s"))
    if not problems:
        _check_order(rows, problems)
    refuse(path, problems)
    table = np.array([numbers for _, numbers in rows])
    temperature, g_rho, g_s = table[np.argsort(table[:, 0])].T
    return UserEquationOfState(temperature * ENERGY_GEV[unit], g_rho, g_s, identity)


user_equations_of_state = shared_files("equation of state", read_equation_of_state)
"""By path."""


def _numbers(line, number, problems):
    """The three numbers of a line; what is wrong with them goes to `problems`."""
    words = [word for word in re.split(r"[,;\s]+", line) if word]
    if len(words) != len(_COLUMNS):
        problems.append((number, f"{line!r}: expected {len(_COLUMNS)} numbers, {', '.join(_COLUMNS)}"))
        return None
    found = []
    for name, word in zip(_COLUMNS, words, strict=True):
        highest = np.inf if name == "T" else _LARGEST
        try:
            found.append(float(word) if "_" not in word else np.nan)
        except ValueError:
            found.append(np.nan)
        if not 0 < found[-1] < highest:
            wanted = "a positive number" if name == "T" else f"a number between 0 and {highest:g}"
            problems.append((number, f"{name} = {word!r}: expected {wanted}"))
    return found


def _check_order(rows, problems):
    falling = rows[1][1][0] < rows[0][1][0]
    for (_, (last, *_)), (number, (here, *_)) in zip(rows, rows[1:], strict=False):
        if here == last or (here < last) != falling:
            direction = "decreasing" if falling else "increasing"
            problems.append((number, f"T = {here:g} after {last:g}: expected {direction} numbers, as before"))
