"""Nothing in the bath is extrapolated: a temperature outside the range of a function is refused."""

import numpy as np


def checked_temperature(temperature, allowed, what):
    """`temperature` [GeV] as a float array.

    Parameters
    ----------
    allowed : (float, float) [GeV]
        Lowest and highest temperature.
    what : str
        What is asked for, for the message.

    Raises
    ------
    ValueError
        If a temperature is outside, or not a number.
    """
    temperature = np.asarray(temperature, float)
    low, high = allowed
    outside = ~((temperature >= low) & (temperature <= high))
    if np.any(outside):
        worst = temperature[outside].flat[0]
        raise ValueError(f"{what}: temperature {worst:g} GeV is outside {low:g} ... {high:g} GeV")
    return temperature
