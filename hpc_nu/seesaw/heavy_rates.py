"""Rates and Hamiltonian of heavy neutrinos in the bath, per unit Yukawa coupling squared.

    Gamma_N = sum_a (gamma_+ Y_a + gamma_- Y_a^*)     H_N = vacuum part + sum_a (h_+ Y_a + h_- Y_a^*)

with (Y_a)_IJ = F^*_aI F_aJ; "+" conserves fermion number, "-" violates it (arXiv:2011.12637, eqs. (2.2), (A.1)).
Everything that solves kinetic equations asks for these four functions of (T, k, M) and for nothing else, so other
rates are another entry of `RATES`.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.plasma import simple_bath


class RateCoefficients(NamedTuple):
    """All in GeV, of the common shape of the arguments; equilibration rates, d rho/dt = -gamma (rho - rho_eq)."""

    gamma_plus: np.ndarray
    gamma_minus: np.ndarray
    h_plus: np.ndarray
    h_minus: np.ndarray


def simple_rates(temperature, momentum, mass):
    """Closed-form rates of the right size, on the bath of `hpc_nu.plasma.simple_bath`; flavours are alike.

    The mixing part has the form of arXiv:1808.10833, 2 v^2 E_nu (E +- k) gamma / (k E (4 (E +- E_nu)^2 + gamma^2));
    the direct part is that of 1 <-> 2 and 2 <-> 2 processes with a Higgs boson, averaged and spread over k by a guess.

    Parameters
    ----------
    temperature, momentum, mass : arrays [GeV]
        Broadcast against each other.
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
    return RateCoefficients(
        gamma_plus=plus * width + 3.6 * symmetric * 0.0133 * temperature / (y + 0.5),
        gamma_minus=minus * width + symmetric * 0.043 * mass**2 / temperature * (3.6 / (y + 0.5)) ** 2,
        h_plus=plus * far + symmetric * temperature**2 / (8 * momentum),
        h_minus=minus * near,
    )


RATES = {"simple": simple_rates}
