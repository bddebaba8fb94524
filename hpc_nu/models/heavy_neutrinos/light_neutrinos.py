"""The light neutrinos as inputs of a model: those of a global fit of the oscillation data, or the user's own.

Angles and mass differences are parameters that may be left out; each that is given takes the place of the value of the
fit.  So they can be fixed, be an axis, or be drawn within their errors, `theta_12: {normal: [33.68, 0.7], unit: deg}`.
"""

import math
from dataclasses import replace

import numpy as np

from hpc_nu.models.interface import Parameter, Setting
from hpc_nu.seesaw.oscillation_data import FIT_NAMES, oscillation_data

HIERARCHY = Setting("hierarchy", "normal", "mass hierarchy of the light neutrinos", ("normal", "inverted"))

_ANGLE = "mixing angle of the light neutrinos; of oscillation_data if it is not given"

OWN_OSCILLATION_DATA = (
    Parameter("theta_12", "rad", 0.0, np.pi / 2, _ANGLE, "theta_12", optional=True),
    Parameter("theta_23", "rad", 0.0, np.pi / 2, _ANGLE, "theta_23", optional=True),
    Parameter("theta_13", "rad", 0.0, np.pi / 2, _ANGLE, "theta_13", optional=True),
    Parameter("dm2_21", "eV^2", 1e-6, 1e-3, "m_2^2 - m_1^2; of oscillation_data if it is not given", optional=True),
    Parameter("dm2_3l", "eV^2", -1e-2, 1e-2, "m_3^2 - m_1^2 > 0 (normal) or m_3^2 - m_2^2 < 0 (inverted), as NuFIT has"
              " it; of oscillation_data if it is not given", optional=True),
)  # fmt: skip


def fit_setting(default, description="global fit of the oscillation data"):
    """The setting `oscillation_data`, one of the fits by name."""
    return Setting("oscillation_data", default, description, FIT_NAMES)


def light_neutrinos(point, settings):
    """The `OscillationData` of a point.

    Parameters
    ----------
    point : mapping
        Those of `OWN_OSCILLATION_DATA` that are given are looked at.
    settings : mapping
        hierarchy and oscillation_data are asked for.
    """
    own = {
        f"sin2_theta{pair}": math.sin(point[f"theta_{pair}"]) ** 2
        for pair in ("12", "23", "13")
        if f"theta_{pair}" in point
    }
    if "dm2_21" in point:
        own["dm2_solar"] = point["dm2_21"]
    if "dm2_3l" in point:
        own["dm2_atmospheric"] = abs(point["dm2_3l"])
    fit = oscillation_data(settings["oscillation_data"], settings["hierarchy"])
    return replace(fit, **own) if own else fit


def hierarchy_problems(settings, points):
    """What is wrong with the mass differences of a campaign; arguments and result as of `Model.check_points`."""
    hierarchy = settings["hierarchy"]
    fit = oscillation_data(settings["oscillation_data"], hierarchy)
    sign = 1 if hierarchy == "normal" else -1
    wanted = f"expected {'m_3^2 - m_1^2 > 0' if sign > 0 else 'm_3^2 - m_2^2 < 0'} in the {hierarchy} hierarchy"
    large = sign * points.get("dm2_3l", np.array([sign * fit.dm2_atmospheric]))
    small = points.get("dm2_21", np.array([fit.dm2_solar]))
    if np.any(large <= 0):
        return [f"dm2_3l = {sign * large.min():g} eV^2: {wanted}"]
    large, small = np.broadcast_arrays(large, small)
    crossed = np.flatnonzero(large <= small)
    if crossed.size:
        of_3l, of_21 = sign * large[crossed[0]], small[crossed[0]]
        return [f"dm2_3l = {of_3l:g} eV^2 with dm2_21 = {of_21:g} eV^2: expected |dm2_3l| > dm2_21"]
    return []
