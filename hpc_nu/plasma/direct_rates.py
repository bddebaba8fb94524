"""Rates of heavy neutrinos by reactions with lepton and Higgs doublets, from first principles at leading order.

Per unit |Yukawa coupling|^2 and flavour, equilibration rates (1 - n_F + n_B, not gain or loss), helicities as in
`hpc_nu.seesaw.thermal_rates`:

    gamma_c = LPM + (Born, exact - collinear) + 2 <-> 2,         gamma_v = LPM + (Born, exact - collinear),

of `multiple_scattering`, `direct_born` and `direct_scattering`, in the plasma of `direct_medium`; below T_c summed over
h, Z and W with weights 1/4, 1/4, 1/2, and the 2 <-> 2 reactions times S_g and S_t.  Where exact kinematics leaves less
than 30 % of the LPM part, that is multiplied by the ratio of the two Born rates instead.

The physics is that of Anisimov, Besak and Boedeker, arXiv:1012.3784, arXiv:1202.1288, and, for the helicities apart and
the neighbourhood of the crossover, of Ghisoiu, Ghiglieri and Laine, arXiv:1403.2776, arXiv:1605.07720,
arXiv:1703.06087; exact kinematics and the treatment of everything below T_c are our own.

Errors.  k > T: unknown higher orders, 10-20 %; gamma_v lacks 2 <-> 2 at O(M^2 y^2), some 20 % at 3 T; see
`direct_medium` for the scale mu.  k < 0.3 T: 15 % (gamma_c), 25 % (gamma_v), and a factor of 2 at 0.1 T, because exact
kinematics and the soft logarithm are models there.  k < M is not reliable at all.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from hpc_nu.plasma.direct_born import born_rates
from hpc_nu.plasma.direct_medium import DEFAULT_SCALE, medium
from hpc_nu.plasma.direct_scattering import scattering_functions, soft_logarithm
from hpc_nu.plasma.multiple_scattering import N_NODES, resummed_rates

BORN_NODES = 48
"""Gauss-Legendre nodes of `born_rates`."""

LEAST_SHARE = 0.3
"""Of the LPM part that exact kinematics may leave by subtraction."""


class DirectRates(NamedTuple):
    """Units of T: gamma_c/T, and the kernel 2E(E+k) gamma_v/(M^2 T), which is finite for M -> 0."""

    gamma_c: float
    kernel_v: float


def direct_rates(temperature, momentum, mass=0.0, crossover="leading_order", scale=DEFAULT_SCALE, strict=False):
    """`DirectRates` at one point.

    Parameters
    ----------
    temperature, momentum, mass : float [GeV]
        T >= 100 GeV: below, W, Z and h are too heavy to be collinear; k > 0; M >= 0, with 2 <-> 2 that of M = 0.
    crossover : str
        One of `hpc_nu.plasma.higgs.CROSSOVERS`.
    scale : float
        mu/T of the couplings.
    strict : bool
        With the soft logarithm to strict leading order.
    """
    plasma = medium(temperature, crossover, scale)
    k = momentum / temperature
    pairs = pair_rates(k, mass / temperature, plasma)
    return DirectRates(pairs.gamma_c + scattering_rate_of(k, plasma, strict), pairs.kernel_v)


def pair_rates(momentum, mass, plasma):
    """`DirectRates` by 1 + n <-> 2 + n with exact kinematics; momentum and mass in units of T."""
    total = np.zeros(2)
    for weight, scalar in plasma.scalars:
        arguments = momentum, mass, plasma.lepton_mass_squared, scalar
        resummed = resummed_rates(*arguments, plasma.kernel, *_legendre(N_NODES))
        exact_c, exact_v, collinear_c, collinear_v = born_rates(*arguments, *_legendre(BORN_NODES))
        exact, collinear = np.array([exact_c, exact_v]), np.array([collinear_c, collinear_v])
        corrected = resummed + exact - collinear
        ratio = np.divide(exact, collinear, out=np.ones(2), where=collinear > 0)
        total += weight * np.where(corrected < LEAST_SHARE * resummed, resummed * np.minimum(1.0, ratio), corrected)
    return DirectRates(*map(float, total))


def scattering_rate_of(momentum, plasma, strict=False):
    """gamma_c/T by 2 <-> 2; the momentum in units of T."""
    f = scattering_functions(float(momentum))
    gauge = f.gauge_t_hard + f.soft * soft_logarithm(momentum, plasma.lepton_mass_squared, strict) + f.gauge_s
    top = f.top_t + f.top_s
    return plasma.gauge_scattering * plasma.gauge * gauge + plasma.top_scattering * plasma.top_squared * top


@cache
def _legendre(n):
    return np.polynomial.legendre.leggauss(n)
