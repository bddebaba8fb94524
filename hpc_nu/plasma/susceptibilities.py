"""How charges are shared in the bath: chemical potentials from asymmetries, and baryons from leptons.

The charges are Delta_alpha = L_alpha - B/3 (arXiv:2011.12637, above eq. (2.2)).
"""

import numpy as np

_DIAGONAL, _OFF_DIAGONAL = 2.290, 0.290


def inverse_susceptibility():
    """T^2 omega_ab in mu_a = omega_ab n_b: a (3, 3) array, symmetric, dimensionless.

    The values of the broken phase at T ~ 10-100 GeV, taken as constant.
    """
    return np.full((3, 3), _OFF_DIAGONAL) + (_DIAGONAL - _OFF_DIAGONAL) * np.eye(3)


def baryons_per_lepton_asymmetry(temperature, vev_squared):
    """Y_B / sum_alpha Y_Delta_alpha while sphalerons are in equilibrium; negative, since sum Delta = L - B.

    Parameters
    ----------
    temperature : float [GeV]
    vev_squared : float [GeV^2]
        (v/sqrt 2)^2, i.e. 174^2 in vacuum.

    Notes
    -----
    B = X (B - L), X = 4 (77 T^2 + 54 v^2)/(869 T^2 + 666 v^2): Burnier, Laine and Shaposhnikov, hep-ph/0511246, for
    three generations.  28/79 in the symmetric phase, 12/37 for v >> T.
    """
    t2 = temperature**2
    return -4 * (77 * t2 + 54 * vev_squared) / (869 * t2 + 666 * vev_squared)
