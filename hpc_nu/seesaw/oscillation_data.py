"""Masses and mixing of the light neutrinos, from global fits of oscillation data.

With two heavy neutrinos the lightest of the three is massless (arXiv:2011.12637, footnote 7).
"""

import cmath
import math
from dataclasses import dataclass

import numpy as np

from hpc_nu.units import EV2


@dataclass(frozen=True)
class OscillationData:
    """Best-fit values for one mass hierarchy.

    Attributes
    ----------
    hierarchy : str
        "normal" (m_1 = 0) or "inverted" (m_3 = 0).
    sin2_theta12, sin2_theta13, sin2_theta23 : float
    dm2_solar : float [eV^2]
        m_2^2 - m_1^2.
    dm2_atmospheric : float [eV^2]
        m_3^2 - m_1^2 if normal, m_2^2 - m_3^2 if inverted; positive.
    """

    hierarchy: str
    sin2_theta12: float
    sin2_theta13: float
    sin2_theta23: float
    dm2_solar: float
    dm2_atmospheric: float

    @property
    def masses(self):
        """(m_1, m_2, m_3) [GeV]."""
        if self.hierarchy == "normal":
            squares = np.array([0.0, self.dm2_solar, self.dm2_atmospheric])
        else:
            squares = np.array([self.dm2_atmospheric - self.dm2_solar, self.dm2_atmospheric, 0.0])
        return np.sqrt(squares * EV2)

    @property
    def light_masses(self):
        """(m_a, m_b) [GeV], m_a < m_b: the two light neutrinos that have a mass."""
        masses = self.masses.tolist()
        return (masses[1], masses[2]) if self.hierarchy == "normal" else (masses[0], masses[1])

    def pmns(self, delta, eta):
        """PMNS matrix in the PDG convention times diag(1, e^{i eta}, 1).

        Parameters
        ----------
        delta, eta : float [rad]
            Dirac phase, and the one Majorana phase that two heavy neutrinos leave: (alpha_21 - alpha_31)/2 for the
            normal, alpha_21/2 for the inverted hierarchy (arXiv:2011.12637, footnote 2).

        Returns
        -------
        (3, 3) complex array, rows e, mu, tau, columns 1, 2, 3.
        """
        # Plain numbers: as numpy's they would take five times longer.
        sin2 = self.sin2_theta12, self.sin2_theta13, self.sin2_theta23
        s12, s13, s23 = (math.sqrt(x) for x in sin2)
        c12, c13, c23 = (math.sqrt(1 - x) for x in sin2)
        phase = cmath.exp(1j * delta)
        u = np.array(
            [
                [c12 * c13, s12 * c13, s13 / phase],
                [-s12 * c23 - c12 * s23 * s13 * phase, c12 * c23 - s12 * s23 * s13 * phase, s23 * c13],
                [s12 * s23 - c12 * c23 * s13 * phase, -c12 * s23 - s12 * c23 * s13 * phase, c23 * c13],
            ]
        )
        return u * np.array([1, cmath.exp(1j * eta), 1])


def _sin2(degrees):
    return np.sin(np.radians(degrees)) ** 2


_FITS = {
    # Esteban et al., arXiv:1811.05487 (NuFIT 4.0, without SK atmospheric data)
    "nufit_4.0": (
        OscillationData("normal", 0.310, 0.0224, 0.580, 7.39e-5, 2.525e-3),
        OscillationData("inverted", 0.310, 0.0226, 0.584, 7.39e-5, 2.512e-3),
    ),
    # NuFIT 3.2 (2018); gives the mass combinations of eq. (A.3) of arXiv:2011.12637
    "nufit_3.2": (
        OscillationData("normal", _sin2(33.62), _sin2(8.54), _sin2(47.2), 7.40e-5, 2.494e-3),
        OscillationData("inverted", _sin2(33.62), _sin2(8.58), _sin2(48.1), 7.40e-5, 2.465e-3),
    ),
    # NuFIT 2.0, arXiv:1409.5439; the difference of its two light masses is the tuned Delta M printed in fig. 2 of
    # arXiv:2004.10766: all eight digits for the normal, seven for the inverted hierarchy
    "nufit_2.0": (
        OscillationData("normal", _sin2(33.48), _sin2(8.50), _sin2(42.3), 7.50e-5, 2.457e-3),
        OscillationData("inverted", _sin2(33.48), _sin2(8.51), _sin2(49.5), 7.50e-5, 2.449e-3),
    ),
    # NuFIT 6.0 (2024) with SK and IC24 atmospheric data, arXiv:2410.05380
    "nufit_6.0": (
        OscillationData("normal", 0.308, 0.02215, 0.470, 7.49e-5, 2.513e-3),
        OscillationData("inverted", 0.308, 0.02231, 0.550, 7.49e-5, 2.484e-3),
    ),
}

FIT_NAMES = tuple(_FITS)


def oscillation_data(fit, hierarchy):
    """The data of `fit` (one of `FIT_NAMES`) for `hierarchy` ("normal" or "inverted")."""
    return _FITS[fit][("normal", "inverted").index(hierarchy)]
