"""Digitised curves of the user's as bounds of a model: files read once for all ranks, limits in the model's own words.

A curve that is given in another measure of the mixing is converted for one heavy neutrino that mixes with one active
one, |U|^2 = sin^2 theta and sin^2 2 theta = 4 sin^2 theta (1 - sin^2 theta), with theta at most 45 degrees.
"""

import math

from hpc_nu.interactions.digitised_limits import read_limits
from hpc_nu.models.interface import Setting
from hpc_nu.shared import shared_files

NO_LIMITS = "none"


def limits_setting():
    """The setting `limits`."""
    text = "none, or your file of digitised limits (hpc_nu.interactions.digitised_limits)"
    return Setting("limits", NO_LIMITS, text, (NO_LIMITS,), or_file=True)


user_limits = shared_files("limits", read_limits)
"""`DigitisedLimits` by path."""


def prepare_limits(variations, communicator):
    """Read the files once, for all ranks; arguments as of `Model.prepare`."""
    user_limits.prepare({settings["limits"] for settings in variations} - {NO_LIMITS}, communicator)


def limits_tables(settings):
    """The file that the settings name, with its hash: as of `Model.tables`."""
    path = settings["limits"]
    return {} if path == NO_LIMITS else {path: user_limits[path].identity}


def _double_angle(squared_sine):
    """sin^2 2 theta; infinite, which excludes nothing, beyond 45 degrees."""
    return 4 * squared_sine * (1 - squared_sine) if squared_sine < 0.5 else math.inf


def _half_angle(sin2):
    """sin^2 theta of sin^2 2 theta, without the cancellation in (1 - cos 2 theta)/2."""
    return sin2 / (2 * (1 + math.sqrt(1 - sin2))) if sin2 <= 1 else math.inf


def _same(value):
    return value


CONVERSIONS = {
    "coupling": {"coupling": _same},
    "sin2_2theta": {"sin2_2theta": _same, "theta2": _double_angle, "U2": _double_angle},
    "U2": {"sin2_2theta": _half_angle, "theta2": _same, "U2": _same},
}
"""To each quantity of a model from those that a curve may be given in."""


def excluded_range(curve, x, quantity):
    """Ends of the range of the model's `quantity` that a `LimitCurve` excludes at x [GeV]: as of its method."""
    convert = CONVERSIONS[quantity][curve.y]
    return tuple(convert(float(end)) for end in curve.excluded_range(x))


def apply_limits(ranges, values):
    """What curves leave of the model's quantities.

    Parameters
    ----------
    ranges : iterable of (str, (float, float))
        Name of a value, and the ends of a range of it that a curve excludes.
    values : mapping of str to float

    Returns
    -------
    largest : dict of str to float
        For each value the largest one that curves allow which exclude all above; infinite without any.
    allowed : float
        1 where no curve excludes its value, else 0.
    """
    largest, allowed = dict.fromkeys(values, math.inf), True
    for name, (lower, upper) in ranges:
        if math.isinf(upper):
            largest[name] = min(largest[name], lower)
        allowed = allowed and not lower < values[name] < upper
    return largest, 1.0 * allowed
