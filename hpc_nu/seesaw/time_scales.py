"""How fast two heavy neutrinos are damped and oscillate, momentum-averaged.

Eqs. (4.5), (4.7) and (A.1) of arXiv:2011.12637.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.seesaw.damping import damping_eigenvalues
from hpc_nu.seesaw.mass_splitting import hamiltonian_vector, mass_splitting, oscillation_rate


class TimeScales(NamedTuple):
    """At n temperatures.

    Attributes
    ----------
    hamiltonian : (n, 3) array [GeV]
        Of `hamiltonian_vector`.
    splitting : (n,) array [GeV]
        delta M, half of the physical mass difference.
    oscillation : (n,) array [GeV]
        Gamma_osc.
    damping : (n, 2) array [GeV]
        Eigenvalues of Gamma_N, the smaller one first.
    """

    hamiltonian: np.ndarray
    splitting: np.ndarray
    oscillation: np.ndarray
    damping: np.ndarray


def time_scales(averages, yukawas, vacuum, mass, temperature):
    """`TimeScales` of one point.

    Parameters
    ----------
    averages : AveragedRates
        At n temperatures.
    yukawas : (3, 2) complex array
        F_aI, as of `casas_ibarra.yukawa_couplings`.
    vacuum : (3,) array [GeV]
        As of `vacuum_splitting_vector`.
    mass : float [GeV]
    temperature : (n,) array [GeV]
    """
    hamiltonian = hamiltonian_vector(averages.shift_c, averages.shift_v, averages.mass_over_energy, yukawas, vacuum)
    splitting = mass_splitting(hamiltonian, averages.mass_over_energy)
    return TimeScales(
        hamiltonian,
        splitting,
        oscillation_rate(splitting, mass, temperature),
        damping_eigenvalues(averages.gamma_c, averages.gamma_v, yukawas),
    )
