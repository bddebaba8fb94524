"""The four mediators of new neutrino interactions: couplings, widths, and what a neutrino scatters into.

| name             | interaction                                                     | source                        |
|------------------|-----------------------------------------------------------------|-------------------------------|
| `scalar`         | (lambda/2) nu nu phi + h.c., phi of lepton number -2            | arXiv:1910.04901, eq. (2)     |
| `neutrinophilic` | lambda nubar gamma^mu nu V_mu, one flavour                      | arXiv:2005.03681, eq. (3.2)   |
| `lmu_ltau`       | gauged L_mu - L_tau                                             | arXiv:2005.03681, sec. 4      |
| `b_minus_l`      | gauged B - L, hadrons neglected                                 | arXiv:2005.03681, sec. 4      |

Masses and widths in GeV.  Not covered: kinetic mixing, decays into hadrons, flavour off-diagonal couplings.
"""

import math
from typing import NamedTuple

import numpy as np

from hpc_nu.plasma.standard_model import CHARGED_LEPTON_MASSES


class Mediator(NamedTuple):
    """What distinguishes one mediator from another.

    Attributes
    ----------
    n_v : int
        States in the loop relative to the scalar: V = n_v g^2 T F/x, `thermal_potential`.
    on_shell : float
        sigma -> on_shell g^2 delta(s - m^2) in the narrow-width limit.
    neutrinos : float
        Width into neutrinos in units of `unit` g^2 m.
    unit : float
    leptons : tuple of int
        Charged leptons that couple to it (0, 1, 2 for e, mu, tau); their flavours of neutrinos do, too.
    flavours : tuple of int
        Flavours of active neutrinos that may mix with the sterile one.
    """

    n_v: int
    on_shell: float
    neutrinos: float
    unit: float
    leptons: tuple = ()
    flavours: tuple = (0, 1, 2)


MEDIATORS = {
    "scalar": Mediator(1, math.pi, 1.0, 1 / (32 * math.pi)),
    "neutrinophilic": Mediator(2, 2 * math.pi, 1.0, 1 / (24 * math.pi)),
    "lmu_ltau": Mediator(2, 2 * math.pi, 1.0, 1 / (12 * math.pi), leptons=(1, 2), flavours=(1, 2)),
    "b_minus_l": Mediator(2, 2 * math.pi, 1.5, 1 / (12 * math.pi), leptons=(0, 1, 2)),
}


def other_flavours(mediator):
    """How many flavours of neutrinos couple to it besides the one that mixes."""
    return max(len(mediator.leptons) - 1, 0)


def lepton_fractions(mediator, mass):
    """Width into each of `mediator.leptons` relative to a massless one: (1 + 2 r)(1 - 4 r)^(1/2), r = m_l^2/m^2.

    Eq. (4.6) of arXiv:2005.03681; zero below threshold.

    Parameters
    ----------
    mass : float [GeV]

    Returns
    -------
    (n_leptons,) array
    """
    with np.errstate(divide="ignore"):  # a mediator without mass decays into nothing
        r = np.minimum((np.array(CHARGED_LEPTON_MASSES)[list(mediator.leptons)] / mass) ** 2, 0.25)
    return (1 + 2 * r) * np.sqrt(1 - 4 * r)


def is_perturbative(name, mass, coupling):
    """Whether orders of perturbation theory get smaller: g^2 < 4 pi, and a total width below half of the mass.

    Each loop brings g^2/(16 pi^2) times a few; a mediator with a larger width is no particle that is made and decays.
    Parameters as of `decay_width`; returns a bool.
    """
    return coupling**2 < 4 * math.pi and decay_width(name, mass, coupling) < mass / 2


def decay_width(name, mass, coupling):
    """Total width [GeV]: lambda^2 m/(32 pi) scalar, lambda^2 m/(24 pi) neutrinophilic, eq. (4.6) of 2005.03681 and
    g^2 m/(12 pi) [3/2 + sum over e, mu, tau] for B - L.

    Parameters
    ----------
    name : str
        Of `MEDIATORS`.
    mass, coupling : float

    Returns
    -------
    float [GeV]
    """
    mediator = MEDIATORS[name]
    return mediator.unit * coupling**2 * mass * (mediator.neutrinos + lepton_fractions(mediator, mass).sum())
