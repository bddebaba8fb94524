"""Published opacity of a muon neutrino, by a fit, Gamma = c(k/T, T) G_F^2 T^4 k: to compare with, and to reproduce.

Chebyshev polynomials in ln(k/T) and ln T for ln c, fitted to the loss rates tabulated with Venumadhav et al.,
arXiv:1507.06655, to 1.3 % rms and 6 % at most for k/T = 0.2 ... 20 and T = 10 MeV ... 10 GeV.  Between 150 MeV and 1
GeV, the range of confinement, ln c is interpolated in ln T, as the program published with that paper does.  Outside of
its range the fit is continued with its value at the end.

A loss rate is (1 - n_F) times the equilibration rate, or width, that `fermi_theory` computes (Weldon, Phys. Rev. D 28
(1983) 2007), which with this factor agrees with the fit to 5-15 %, but for soft neutrinos around 0.3 GeV, where hadrons
are modelled differently.
"""

import numpy as np
from numpy.polynomial.chebyshev import chebval2d

from hpc_nu.units import FERMI_CONSTANT

MOMENTUM_RANGE = (0.2, 20.0)
"""Of k/T."""

_CONFINED = (0.01, 0.15)  # GeV
_FREE = (1.0, 10.0)  # GeV

# fmt: off
_LOW = np.array(
    [
        [0.43106, 0.69113, -0.32951, -0.06656, 0.10287, 0.01978, 0.00971, -0.0462, 0.02383],
        [0.13107, -0.05365, 0.41924, 0.11571, -0.14395, -0.05785, -0.00784, 0.07711, -0.04174],
        [0.07162, 0.16014, -0.19095, -0.18804, 0.01777, 0.10352, 0.05138, -0.10998, 0.0465],
        [0.02252, -0.18219, -0.05553, 0.12761, 0.1033, -0.06116, -0.08779, 0.08401, -0.02433],
        [-0.03457, 0.06268, 0.06286, 0.0434, -0.10648, -0.02232, 0.1064, -0.06504, 0.01322],
        [-0.00631, 0.02947, 0.0107, -0.07598, 0.03012, 0.0606, -0.05064, -0.01808, 0.02655],
        [0.0281, -0.04707, 0.00356, -0.00401, 0.03327, -0.02942, -0.04851, 0.0737, -0.02926],
        [-0.0233, 0.03525, -0.03834, 0.03837, -0.02519, -0.02851, 0.07211, -0.04068, 0.00939],
        [0.01804, -0.03044, 0.03301, -0.01201, -0.01107, 0.04262, -0.02906, 0.00516, -0.00564],
        [0.00261, -0.00503, 0.01203, -0.01632, 0.01196, 0.0027, -0.02334, 0.01336, -0.00188],
    ]
)
_HIGH = np.array(
    [
        [2.06424, 0.05218, -0.01639, 0.00208, 0.00073],
        [0.24173, -0.027, 0.00432, 0.00257, -0.00149],
        [-0.02277, 0.00369, 0.00376, -0.00318, 0.00183],
        [-0.03118, 0.00309, -0.00335, 0.00245, -0.00104],
        [0.00459, -0.00264, 0.00241, -0.00136, 0.00075],
    ]
)
# fmt: on


def _on_unit_interval(value, low, high):
    return 2 * np.log(np.clip(value, low, high) / low) / np.log(high / low) - 1


def opacity_coefficient(momentum_over_t, temperature):
    """c(k/T, T) of the loss rate of a muon neutrino.

    Parameters
    ----------
    momentum_over_t : array
    temperature : array [GeV]
        Broadcast against each other.

    Returns
    -------
    array
    """
    y, t = np.broadcast_arrays(np.asarray(momentum_over_t, dtype=float), np.asarray(temperature, dtype=float))
    x = _on_unit_interval(y, *MOMENTUM_RANGE)
    low = chebval2d(x, _on_unit_interval(t, *_CONFINED), _LOW)
    high = chebval2d(x, _on_unit_interval(t, *_FREE), _HIGH)
    weight = np.clip(np.log(t / _CONFINED[1]) / np.log(_FREE[0] / _CONFINED[1]), 0.0, 1.0)
    return np.exp((1 - weight) * low + weight * high)


def loss_rate(momentum, temperature):
    """Gamma [GeV] of a muon neutrino; momentum and temperature [GeV], arrays that broadcast."""
    momentum, temperature = np.asarray(momentum, dtype=float), np.asarray(temperature, dtype=float)
    return opacity_coefficient(momentum / temperature, temperature) * FERMI_CONSTANT**2 * temperature**4 * momentum
