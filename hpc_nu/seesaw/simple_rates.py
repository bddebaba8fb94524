"""Closed-form stand-ins for the rates of heavy neutrinos, on the bath of `hpc_nu.plasma.simple_bath`.

A test double for `hpc_nu.seesaw.thermal_rates`: of the right size and shape, exact, cheap, and of no precision.
"""

import numpy as np

from hpc_nu.plasma import simple_bath
from hpc_nu.seesaw.thermal_rates import ThermalRates


def simple_rates(temperature, momentum, mass):
    """gamma_c, gamma_v, h_c and h_v per unit Yukawa coupling squared; flavours are alike.

    The mixing part has the form of arXiv:1808.10833, 2 v^2 E_nu (E +- k) gamma / (k E (4 (E +- E_nu)^2 + gamma^2));
    the direct part is that of 1 <-> 2 and 2 <-> 2 processes with a Higgs boson, averaged and spread over k by a guess.

    Parameters
    ----------
    temperature, momentum, mass : arrays [GeV]
        Broadcast against each other.

    Returns
    -------
    ThermalRates of (..., 3) arrays [GeV]
    """
    energy = np.sqrt(momentum**2 + mass**2)
    energy_minus_momentum = mass**2 / (energy + momentum)  # by subtraction it is rounding noise at k >> M
    vev_squared = simple_bath.higgs_vev_squared(temperature)
    symmetric = simple_bath.symmetric_phase_fraction(temperature)
    width = simple_bath.active_neutrino_width(temperature, momentum)
    potential = simple_bath.active_neutrino_potential(temperature, momentum)
    y = momentum / temperature

    neutrino_energy = momentum - potential
    mixing = 2 * vev_squared * neutrino_energy / (momentum * energy)
    far = energy + neutrino_energy
    near = energy_minus_momentum + potential
    plus = mixing * (energy + momentum) / (4 * far**2 + width**2)
    minus = mixing * energy_minus_momentum / (4 * near**2 + width**2)
    gamma_c = plus * width + 3.6 * symmetric * 0.0133 * temperature / (y + 0.5)
    gamma_v = minus * width + symmetric * 0.043 * mass**2 / temperature * (3.6 / (y + 0.5)) ** 2
    h_c = plus * far + symmetric * temperature**2 / (8 * momentum)
    flavour_blind = np.broadcast_arrays(gamma_c, gamma_v, h_c, minus * near)
    return ThermalRates(*(np.repeat(x[..., np.newaxis], 3, axis=-1) for x in flavour_blind))
