"""Reactions of heavy neutrinos with lepton and Higgs doublets ("direct", not through mixing), in three choices.

calculated.  gamma_c and gamma_v of `hpc_nu.plasma.direct_table`, leading order from first principles, and
h_c = [1/3 + 2/3 mean f_B(m_i)] T^2/(8E) from asymptotic masses, i = h, Z, W.  Below T_c the W and Z among the scalars
are Goldstone bosons, whose emission is also in Gamma_+ of `hpc_nu.plasma.gauge_propagators` (the term with Q Q/Q^2).
There it is taken out, as by Feynman gauge in both; in units of T, e = m^2/4k,

    Gamma_+ -> Gamma_+ - 2 (E+k) [g^2/4 P(m_W) + g^2/(8c^2) P(m_Z)],
    P(m) = {ln(1 + e^-e) - ln[1 - e^-(e+k)]}/(8 pi k),

11-21 % of Gamma_+ for k > 0.1 T between 131 and 146 GeV.  Gamma_- has no such term: V_- K = E - k.  At k < 0.03 T,
where nothing is known, Gamma_+ is kept from falling below zero.  (Our own derivation, as all that is below T_c.)

Below 100 GeV W, Z and h are too heavy for collinear kinematics, and the fit of averages takes over, between 115 and
100 GeV, as a smooth step in ln T.

fit_of_averages.  Fits to averages over momenta of the rates of arXiv:1605.07720 and arXiv:1703.06085, with an assumed
1/k and S = exp(-m_W(T)/T), k -> [k^2 + (0.05 T)^2]^(1/2), 0.4563 = <T/k>:

    gamma_c = A_c S T^2/(0.4563 k),        A_c = min(0.0108, 0.01072 - 2.35e-4 ln(T/1350 GeV)),
    gamma_v = A_v S M^2/(0.4563 k),        A_v = 0.041 {1 + 1.4 exp[-((T - 157 GeV)/7 GeV)^2]},
    h_c     = S T^2/(8E).

The assumed shape is wrong by a factor of up to 28 in gamma_v and of 5 in gamma_c (k = 0.1 T against 3 T).

none.  Without them.
"""

import math
from functools import lru_cache

import numpy as np

from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.direct_medium import potential_factor
from hpc_nu.plasma.direct_table import direct_tables
from hpc_nu.plasma.higgs import particle_mass
from hpc_nu.plasma.thermodynamics import smoothstep

DIRECT_REACTIONS = {
    "calculated": "from first principles above 100-115 GeV, the fit below",
    "fit_of_averages": "momentum averages of published rates and an assumed 1/k",
    "none": "without them",
}

CALCULATED_FROM = (100.0, 115.0)
"""[GeV].  The fit below the first temperature, the calculation above the second."""

_MEAN_INVERSE_MOMENTUM = 0.4563  # <T/k> of massless fermions, pi^2/(18 zeta(3))
_GOLDSTONES = (
    ("W", sm.WEAK_COUPLING_SQUARED / 4),
    ("Z", sm.WEAK_COUPLING_SQUARED / (8 * sm.ON_SHELL_COS2_WEAK_ANGLE)),
)


def direct_rates(which, temperature, momentum, mass, crossover):
    """gamma_c, gamma_v and h_c of direct reactions [GeV], per unit Yukawa coupling squared.

    Parameters
    ----------
    which : str
        One of `DIRECT_REACTIONS`.
    temperature, momentum, mass : arrays [GeV]
        Of one shape.
    crossover : str
        One of `hpc_nu.plasma.higgs.CROSSOVERS`.

    Returns
    -------
    gamma_c, gamma_v, h_c : arrays [GeV]
        Of that shape.
    """
    if which == "none":
        return np.zeros((3, *temperature.shape))
    if which == "fit_of_averages":
        return _fit(temperature, momentum, mass, crossover)
    if which != "calculated":
        raise ValueError(f"direct_reactions = {which!r}: expected one of {', '.join(DIRECT_REACTIONS)}")
    share = _calculated_share(temperature)
    rates = np.zeros((3, *temperature.shape))
    for rate_of, weight in ((_fit, 1 - share), (_calculated, share)):
        counts = weight > 0
        if np.any(counts):
            rates[:, counts] += weight[counts] * rate_of(temperature[counts], momentum[counts], mass[counts], crossover)
    return rates


def goldstone_width(which, temperature, momentum, mass, crossover):
    """The part of Gamma_+ [GeV] that is already in the direct reactions; arguments as `direct_rates`."""
    if which != "calculated":
        return np.zeros(temperature.shape)
    k, energy = momentum / temperature, np.hypot(momentum, mass) / temperature
    width = 0.0
    for boson, coupling in _GOLDSTONES:
        e = (particle_mass(boson, temperature, crossover) / temperature) ** 2 / (4 * k)
        width = width + coupling * (np.log1p(np.exp(-e)) - np.log(-np.expm1(-(e + k))))
    return _calculated_share(temperature) * temperature * (energy + k) / (4 * math.pi * k) * width


def _calculated_share(temperature):
    return smoothstep(np.log(temperature), *np.log(CALCULATED_FROM))


def _fit(temperature, momentum, mass, crossover):
    t = temperature
    broken = np.exp(-particle_mass("W", t, crossover) / t)
    spectrum = broken / (_MEAN_INVERSE_MOMENTUM * np.hypot(momentum, 0.05 * t))
    a_c = np.minimum(0.0108, 0.01072 - 2.35e-4 * np.log(t / 1350))
    a_v = 0.041 * (1 + 1.4 * np.exp(-(((t - 157) / 7) ** 2)))
    h_c = broken * t**2 / (8 * np.hypot(momentum, mass))
    return np.stack([a_c * t**2 * spectrum, a_v * mass**2 * spectrum, h_c])


def _calculated(temperature, momentum, mass, crossover):
    values, places = np.unique(temperature, return_inverse=True)
    factor = np.array([_potential_factor(float(t), crossover) for t in values])[places]
    h_c = factor * temperature**2 / (8 * np.hypot(momentum, mass))
    return np.stack([*direct_tables[crossover].rates(temperature, momentum, mass), h_c])


_potential_factor = lru_cache(maxsize=4096)(potential_factor)
