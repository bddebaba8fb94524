"""The bath in which keV sterile neutrinos are produced: expansion, redshift, rate and potential of the active neutrino.

| setup   | expansion                            | rate                                        | potential     | today |
|---------|--------------------------------------|---------------------------------------------|---------------|-------|
| `paper` | g_* = g_s = 10.75, momenta k/T fixed | 1.27 (e), 0.92 (mu, tau) G_F^2 E T^4, (2.7) | (2.6)         | [L]   |
| `full`  | g_*(T), entropy conserved            | `self_energy`: Gamma_- of `hpc_nu.plasma`   | b_- of it     | relic |
|         |                                      | `published_fit`: `plasma.opacity_fit`       | leading order |       |

Equation numbers are those of arXiv:2005.03681.  Today's entropy and critical density are those of arXiv:1910.04901 [L],
or those of `relic`, with which Omega h^2 is 0.32 % smaller.  `potential: noetzold_raffelt` puts the potential of
`neutrino_potential` at leading order, with massive leptons, in the place of the others: the prefactor of (2.6), 3.72,
is 1.71 times what the same diagrams give there, 8 sqrt2/3 7 pi^2/120 = 2.171, for massless ones.

What damps oscillations is the total width of a neutrino, loss plus gain, with which its occupation approaches
equilibrium; the loss is 1 - n_F of it, by detailed balance (Weldon, Phys. Rev. D 28 (1983) 2007).  `self_energy` is the
width, `published_fit` a table of loss rates; either is turned into what `opacity_rate` asks for: `equilibration`, or
`loss`, with which the literature on this production has its numbers.  `rate_factor` multiplies the rate of both
set-ups.  The mediator's rate (`hpc_nu.interactions.scattering`) is not part of the bath: it is one of loss, as the
papers have it and without statistics of the final state, whatever `opacity_rate` is.  Its width, 1/(1 - n_F) times as
large, would be 3 to 15 % of Omega h^2 (least on branch B); Pauli blocking in scattering, neglected too, is of that size
and opposite sign, stimulated emission of real mediators of the same sign.

Momenta are q = p/T at `REFERENCE_TEMPERATURE`, and p = q T [g_s(T)/g_s(T_ref)]^(1/3).  Below it neutrinos are taken to
be on their own, T_nu = T [g_s(T)/g_s(T_ref)]^(1/3), so that p/T_nu stays q: they leave the bath at 2 MeV, and until
then the two temperatures differ by 0.5 %.  The mediator has the temperature of the neutrinos.
"""

import math
from typing import NamedTuple

import numpy as np

from hpc_nu.models.kept import kept
from hpc_nu.models.kev_neutrinos.relic import OMEGA_PER_YIELD
from hpc_nu.plasma.expansion import Expansion
from hpc_nu.plasma.neutrino_potential import neutrino_potential
from hpc_nu.plasma.opacity_fit import loss_rate
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES, Z_MASS
from hpc_nu.plasma.table_builder import NO_MASS
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.units import FERMI_CONSTANT, PLANCK_MASS

REFERENCE_TEMPERATURE = 0.01
"""Temperature [GeV] at which momenta are k/T: neutrinos are still coupled, muons are gone."""

PAPER_G_STAR = 10.75
PAPER_W_MASS = 80.379
"""[GeV]; [L]."""
PAPER_OMEGA_PER_YIELD = 2891.2 / 1.05e-5
"""Omega h^2 = this * (m/GeV) * n/s: s_0 [cm^-3] and rho_c/h^2 [GeV/cm^3] of [L]."""

_PAPER_OPACITY = {"e": 1.27, "mu": 0.92, "tau": 0.92}  # (2.7)
_PAPER_POTENTIAL = 3.72 * FERMI_CONSTANT * (2 / PAPER_W_MASS**2 + 1 / Z_MASS**2)  # -V/(E T^4), (2.6)
_TABLE_STARTS = 1e-3  # GeV; below, rates fall like T^5 and matter no more


class Bath(NamedTuple):
    """At temperatures T (n_T,), for momenta q (n_q,).

    Attributes
    ----------
    temperature, clock : (n_T,) arrays [GeV]
        Temperature of the neutrinos; dln z/dt, z = 1 MeV/T with the temperature of the photons.
    x : (n_q, n_T) array
        p over the temperature of the neutrinos.
    energy : (n_q, n_T) array [GeV]
        p.
    fermi : (n_q, n_T) array
        1/(e^x + 1).
    rate, shift : (n_q, n_T) arrays [GeV]
        Gamma, of the kind `opacity_rate`, and V: those of the Standard Model.
    """

    temperature: np.ndarray
    clock: np.ndarray
    x: np.ndarray
    energy: np.ndarray
    fermi: np.ndarray
    rate: np.ndarray
    shift: np.ndarray


def entropy_over_t3(temperature, settings):
    """s/T^3 of the bath."""
    if settings["setup"] == "paper":
        return np.full(np.shape(temperature), 2 * math.pi**2 / 45 * PAPER_G_STAR)[()]
    return Expansion("full", settings["equation_of_state"]).entropy_over_t3(temperature)


def omega_per_yield(settings):
    """Omega h^2 over (m/GeV) n/s, with today's entropy and critical density as the set-up has them."""
    return PAPER_OMEGA_PER_YIELD if settings["setup"] == "paper" else OMEGA_PER_YIELD


def hubble_rate(temperature, settings):
    """H [GeV]."""
    if settings["setup"] == "paper":
        return math.sqrt(8 * math.pi**3 * PAPER_G_STAR / 90) * np.asarray(temperature) ** 2 / PLANCK_MASS
    return Expansion("full", settings["equation_of_state"]).hubble_rate(temperature)


def bath(momenta, temperatures, settings):
    """Everything that depends on neither the sterile neutrino nor the mediator.

    Parameters
    ----------
    momenta : (n_q,) array
        q = p/T at `REFERENCE_TEMPERATURE`.
    temperatures : (n_T,) array [GeV]
        Of the photons.
    settings : mapping
        Those of the model `dodelson_widrow`.

    Returns
    -------
    Bath
    """
    photons, q = np.asarray(temperatures, dtype=float), np.asarray(momenta, dtype=float)[:, np.newaxis]
    redshift = (entropy_over_t3(photons, settings) / entropy_over_t3(REFERENCE_TEMPERATURE, settings)) ** (1 / 3)
    clock = hubble_rate(photons, settings)
    if settings["setup"] == "full":
        clock = Expansion("full", settings["equation_of_state"]).rate(photons)
    coupled = photons >= REFERENCE_TEMPERATURE
    t, x = np.where(coupled, photons, photons * redshift), q * np.where(coupled, redshift, 1.0)
    flavour = FLAVOUR_NAMES.index(settings["flavour"])
    if settings["setup"] == "paper":
        rate = _PAPER_OPACITY[settings["flavour"]] * FERMI_CONSTANT**2 * x * t**5
        shift = -_PAPER_POTENTIAL * x * t**5
    else:
        lost = 1 / (1 + np.exp(-x))  # 1 - n_F
        if settings["opacity"] == "published_fit":
            rate, shift = loss_rate(x * t, t) / lost, None
        else:
            rate, shift = _own_self_energy(x, t, flavour)
        rate = rate * lost if settings["opacity_rate"] == "loss" else rate
    rate = settings["rate_factor"] * rate
    if shift is None or settings["potential"] == "noetzold_raffelt":
        shift = x * neutrino_potential(t, 0.0, t, flavours=(flavour,), leading_order=True)[:, 0, 0]  # linear in k
    with np.errstate(over="ignore"):
        fermi = 1 / (np.exp(x) + 1)
    return Bath(*(np.ascontiguousarray(value, dtype=float) for value in (t, clock, x, x * t, fermi, rate, shift)))


def _own_self_energy(x, temperature, flavour):
    """Gamma_- and b_- [GeV] of a massless neutrino of one flavour, from the table; below 1 MeV in proportion to T^5."""
    t = np.maximum(temperature, _TABLE_STARTS)
    width, potential = shared_table("massless").self_energy(x * t, NO_MASS, t)
    falling = (temperature / t) ** 5
    return width[..., flavour, 0] * falling, potential[..., flavour, 0] * falling


BATHS_KEPT = 4


@kept(BATHS_KEPT)
def shared_bath(settings, momenta, temperatures):
    """`bath` of tuples, kept for the points of a campaign; the arrays are not to be changed."""
    return bath(np.array(momenta), np.array(temperatures), settings)
