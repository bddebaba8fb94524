"""Expansion of the Universe, as the kinetic equations need it.

| kind            | H                     | c_s^2 | s/T^3      | source |
|-----------------|-----------------------|-------|------------|--------|
| full            | of an equation of state, `hpc_nu.plasma.thermodynamics` | | | |
| constant_gstar  | T^2/(7.12e17 GeV)     | 1/3   | 46.8       | arXiv:2011.12637, sec. 5.3; g_* = 106.75 |

With dT/dt = -3 c_s^2 H T, z = ln(T_0/T) runs as dz/dt = 3 c_s^2 H, whatever T_0 is.  Entropy is conserved,
a ~ s^(-1/3), so that a mode at y = k/T = q at T_0 is at y = q [h(T)/h(T_0)]^(1/3) at T, h = s/T^3.  With constant g_*
that is dz/dt = H and y = q, eq. (6.1a) there.  Not covered: the energy and the entropy of the heavy neutrinos
themselves (sec. 3 there).
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.plasma import thermodynamics

KINDS = {
    "full": "with g_*(T) of the equation of state: momenta are redshifted with s^(1/3), dT/dt = -3 c_s^2 H T",
    "constant_gstar": "with g_* = 106.75 throughout, as in arXiv:2011.12637",
}

_M0 = 7.12e17  # GeV; M_Pl/(1.66 sqrt(g_*)), arXiv:2011.12637, sec. 5.3: t = M_0/(2 T^2)
_CONSTANT_ENTROPY_OVER_T3 = 46.8  # (2 pi^2/45) g_*


class Expansion(NamedTuple):
    """Of one kind; temperatures in GeV, any shape."""

    kind: str = "full"
    equation_of_state: str = "saikawa_shirai"

    def hubble_rate(self, temperature):
        """H [GeV]."""
        if self.kind == "constant_gstar":
            return np.asarray(temperature) ** 2 / _M0
        return thermodynamics.hubble_rate(temperature, self.equation_of_state)

    def sound_speed_squared(self, temperature):
        """c_s^2 = d ln T/d ln s."""
        if self.kind == "constant_gstar":
            return np.full(np.shape(temperature), 1 / 3)[()]
        return thermodynamics.sound_speed_squared(temperature, self.equation_of_state)

    def rate(self, temperature):
        """dz/dt = 3 c_s^2 H [GeV]."""
        return 3 * self.sound_speed_squared(temperature) * self.hubble_rate(temperature)

    def entropy_over_t3(self, temperature):
        """h = s/T^3."""
        if self.kind == "constant_gstar":
            return np.full(np.shape(temperature), _CONSTANT_ENTROPY_OVER_T3)[()]
        return thermodynamics.entropy_density(temperature, self.equation_of_state) / np.asarray(temperature) ** 3
