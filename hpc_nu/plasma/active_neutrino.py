"""Thermal self-energy of an active neutrino on the mass shell of the sterile one it mixes with, at any temperature.

Gamma_h = -2 Im Sigma_h and b_h = Re Sigma_h (without the vacuum part) of a left-handed neutrino K = (E, k), K^2 = M^2,
of helicity component h: h = -1 is the one with a pole nearby, at E = k + b_-, and h = +1 has none.

| T              | width                                           | potential                                        |
|----------------|-------------------------------------------------|--------------------------------------------------|
| < 3.5 GeV      | Fermi theory, all masses, hadrons: `fermi_theory` | expansion in 1/m_W^2: `neutrino_potential`     |
| 3.5 ... 6 GeV  | smooth step in ln T from one to the other       | the same                                         |
| > 6 GeV        | W and Z propagators: `gauge_propagators`        | one loop: `gauge_potential`                      |
| v(T) < 0.01 T  | W and Z with the masses that belong to v = 0.01 T | the same                                       |

The mean is arithmetic.  Width and potential are parts of one analytic function, which a linear mean respects; and where
the two widths differ by more than their corrections, at k > 5 T, it is because Fermi theory lacks the W and Z pole: the
larger is the right one, so it should not be averaged away.  At k = 1 ... 3 T they differ by 3-5 % at 4 GeV (masses of
tau, c and b against none), the potentials by less than 0.1 %.  Averaged over momenta, with M = 1 GeV, gamma_v of
`hpc_nu.seesaw.thermal_rates` is smaller than with W and Z throughout by 4 % at 3.5, 7 % at 4.5-5 and 3 % at 5.5 GeV:
that is the error at the seam.

In the symmetric phase, v(T) << T, mixing with an active neutrino ceases and the self-energy is multiplied by v^2.  What
is returned there, finite and continuous, only closes the table: 0.01 T is where the quadrature of the width is still
good to a few per cent, and no rate depends on it (`hpc_nu.seesaw.thermal_rates` has left the mixing out by then).

Sources: arXiv:hep-ph/0612182, arXiv:1605.07720, and those of the modules named.
Not covered: potentials proportional to asymmetries; M comparable with m_W.
"""

import numpy as np

from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.fermi_theory import active_neutrino_width, effective_colours
from hpc_nu.plasma.gauge_potential import active_potential
from hpc_nu.plasma.gauge_propagators import active_width
from hpc_nu.plasma.higgs import higgs_expectation_value
from hpc_nu.plasma.neutrino_potential import neutrino_potential
from hpc_nu.plasma.thermodynamics import smoothstep

BLEND = (3.5, 6.0)
"""Fermi theory below the first temperature, W and Z propagators above the second [GeV]."""

MIN_VEV_OVER_T = 0.01
"""Floor of v/T in the masses of W and Z."""

MAX_MASS = 40.0
"""M [GeV] up to which the expansion in M^2/m_W^2 below the blend holds, in which the width is 1 + 0.6 M^2/m_W^2."""


def self_energy(momentum, mass, temperature, crossover="leading_order", colour_factor=1.0):
    """Width and potential of an active neutrino in the bath.

    Parameters
    ----------
    momentum, mass, temperature : arrays [GeV]
        k > 0, 0 <= M < `MAX_MASS`, T > 0; broadcast against each other.
    crossover : str
        One of `higgs.CROSSOVERS`.
    colour_factor : float
        Multiplies N_c,eff of `fermi_theory`, up to 3.

    Returns
    -------
    width, potential : (..., 3, 2) arrays [GeV]
        Gamma_h and b_h; flavours e, mu, tau, then helicities h = -1, +1.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    k, m, t = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (momentum, mass, temperature)))
    _check(k, m, t)
    shape = k.shape
    k, m, t = (x.flatten() for x in (k, m, t))
    weight = smoothstep(np.log(t), *np.log(BLEND))[:, np.newaxis, np.newaxis]
    width, potential = np.zeros((2, k.size, sm.N_FLAVOURS, 2))

    low = weight[:, 0, 0] < 1
    if np.any(low):
        arguments = k[low], m[low], t[low]
        colours = np.minimum(colour_factor * effective_colours(t[low]), sm.N_COLOURS)
        width[low] = (1 - weight[low]) * active_neutrino_width(*arguments, colours=colours)
        potential[low] = (1 - weight[low]) * neutrino_potential(*arguments)
    high = weight[:, 0, 0] > 0
    for one_mass, one_temperature in np.unique(np.column_stack([m[high], t[high]]), axis=0):
        same = (m == one_mass) & (t == one_temperature)
        vev = higgs_expectation_value(one_temperature, crossover)
        vev = max(vev, MIN_VEV_OVER_T * one_temperature)
        arguments = k[same], one_mass, one_temperature, vev
        width[same] += weight[same] * active_width(*arguments)[:, np.newaxis, :]
        for flavour, lepton in enumerate(sm.CHARGED_LEPTON_MASSES):
            potential[same, flavour] += weight[same, 0] * active_potential(*arguments, lepton)
    return width.reshape(*shape, sm.N_FLAVOURS, 2), potential.reshape(*shape, sm.N_FLAVOURS, 2)


def _check(momentum, mass, temperature):
    for name, value, in_range, wanted in (
        ("momentum", momentum, momentum > 0, "positive"),
        ("mass", mass, (mass >= 0) & (mass < MAX_MASS), f"between 0 and {MAX_MASS:g} GeV"),
        ("temperature", temperature, temperature > 0, "positive"),
    ):
        bad = ~(in_range & np.isfinite(value))
        if np.any(bad):
            raise ValueError(f"self-energy: {name} {value[bad].flat[0]:g} GeV: expected finite and {wanted}")
