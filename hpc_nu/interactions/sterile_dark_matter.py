"""Sterile neutrinos nu_4 as dark matter: their decays, the X-rays of these, and how densely they can be packed.

nu_4 = cos theta nu_s + sin theta nu_a is a Majorana particle; mixing is given as sin^2 2theta, masses in GeV.  (A Dirac
nu_4 lives twice as long.)

Sources: [PW] Pal and Wolfenstein, Phys. Rev. D 25 (1982) 766; [TG] Tremaine and Gunn, Phys. Rev. Lett. 42 (1979) 407;
[BNRS] Boyarsky, Neronov, Ruchayskiy and Shaposhnikov, astro-ph/0512509; [BRI] Boyarsky, Ruchayskiy and Iakubovskyi,
arXiv:0808.3902.  Later X-ray limits are tables, for `hpc_nu.interactions.digitised_limits`.
"""

import math

import numpy as np

from hpc_nu.units import (
    DARK_MATTER_DENSITY,
    ENERGY_GEV,
    FERMI_CONSTANT,
    FINE_STRUCTURE_CONSTANT,
    HBAR,
    HUBBLE_PARAMETER,
    KM_PER_S,
    SOLAR_MASS_PER_PC3,
)

CONTACT_FACTORS = {"scalar": 6144.0, "neutrinophilic": 384.0, "lmu_ltau": 384.0 / 1.5, "b_minus_l": 384.0 / 2}
"""c of `contact_width`: "neutrinophilic" couples to the flavour that mixes alone; of the gauged ones each further
flavour adds the half of it, and charged leptons nothing for m_4 < 2 m_e."""

XRAY_CONSTANT = 3e-5
"""Omega_s sin^2 2theta < this (m_4/keV)^-5; the result of [BNRS]."""

XRAY_RANGE = (1 * ENERGY_GEV["keV"], 100 * ENERGY_GEV["keV"])
"""Masses [GeV] for which it is given here: lines, at m_4/2, in the spectra of HEAO-1 and XMM-Newton that [BNRS] use."""

DWARF_PHASE_SPACE_DENSITY = 1e-4
"""rho/sigma^3 in the cores of dwarf spheroidals [solar masses/pc^3/(km/s)^3]; astro-ph/0006074 and references there."""


def sin2_mixing(sin2_2theta):
    """sin^2 theta of the smaller theta with this sin^2 2theta (float or array, 0 to 1), also where it is tiny."""
    return sin2_2theta / (2 * (1 + np.sqrt(1 - sin2_2theta)))


def three_neutrino_width(m4, sin2_2theta):
    """nu_4 -> 3 nu through the Z: G_F^2 m_4^5 sin^2 theta/(96 pi^3) [GeV], all flavours, nu_4 Majorana; [PW].

    For small angles G_F^2 m_4^5 sin^2 2theta/(384 pi^3); the 768 that one often meets is that of a Dirac nu_4.
    """
    return FERMI_CONSTANT**2 * m4**5 * sin2_mixing(sin2_2theta) / (96 * math.pi**3)


def photon_width(m4, sin2_2theta):
    """nu_4 -> nu gamma: 9 alpha G_F^2 sin^2 2theta m_4^5/(1024 pi^4) [GeV], nu_4 Majorana; [PW]."""
    return 9 * FINE_STRUCTURE_CONSTANT * FERMI_CONSTANT**2 * sin2_2theta * m4**5 / (1024 * math.pi**4)


def contact_width(mass, coupling, m4, sin2_2theta, mediator):
    """nu_4 -> nu nu nubar through a mediator much heavier than nu_4: lam^4 sin^2 theta m_4^5/(c pi^3 m^4) [GeV].

    From the contact terms lam^2/(4 m^2) |nu nu|^2 (scalar, L = (lam/2) nu nu phi + h.c.) and -lam^2/(2 m^2) (nubar
    gamma nu)^2 (vector, L = lam nubar gamma P_L nu V), which by Fierz is 4 times the former in the amplitude; both
    decays of a Majorana nu_4.  A pair of another flavour has half of the amplitude, and no identical neutrinos.  It
    scales as in sec. III A of arXiv:2005.03681.

    Parameters
    ----------
    mass, coupling, m4, sin2_2theta : float or array
        Of the mediator [GeV] and nu_4 [GeV].
    mediator : str
        A key of `CONTACT_FACTORS`.
    """
    return coupling**4 * sin2_mixing(sin2_2theta) * m4**5 / (CONTACT_FACTORS[mediator] * math.pi**3 * mass**4)


def dark_matter_lifetime(mass, coupling, m4, sin2_2theta, mediator):
    """Mean life of nu_4 [s]: `three_neutrino_width`, `photon_width` and `contact_width`; arguments as of the last."""
    standard = three_neutrino_width(m4, sin2_2theta) + photon_width(m4, sin2_2theta)
    with np.errstate(divide="ignore"):
        return HBAR / (np.asarray(standard) + contact_width(mass, coupling, m4, sin2_2theta, mediator))


def xray_mixing_limit(m4, omega_h2=DARK_MATTER_DENSITY):
    """Upper limit on sin^2 2theta from the diffuse X-ray background, 3e-5/Omega_s (m_4/keV)^-5; [BNRS].

    An early limit that has a closed form; searches for lines from galaxies and clusters are stronger by orders of
    magnitude and come as tables.

    Parameters
    ----------
    m4 : float or array [GeV]
    omega_h2 : float or array
        Of nu_4; less of it makes fewer X-rays.

    Returns
    -------
    float or array, infinite outside of `XRAY_RANGE`, and where there is none
    """
    keV = np.asarray(m4, dtype=float) / ENERGY_GEV["keV"]
    with np.errstate(divide="ignore"):
        limit = XRAY_CONSTANT * HUBBLE_PARAMETER**2 / (omega_h2 * keV**5)
    inside = (m4 >= XRAY_RANGE[0]) & (m4 <= XRAY_RANGE[1])
    return np.where(inside, limit, np.inf)


def phase_space_mass_bound(max_occupation=1.0, density=DWARF_PHASE_SPACE_DENSITY, degrees=2.0):
    """Lower bound on m_4 [GeV]: the phase-space density of a galaxy's core cannot exceed the primordial one; [TG].

    Collisionless mixing only lowers the maximum of a distribution.  That of a core with a Maxwellian of dispersion
    sigma in one direction is rho/(m_4^4 (2 pi sigma^2)^(3/2)), so

        m_4^4 >= (2 pi)^(3/2) rho/(sigma^3 g f_max).

    Parameters
    ----------
    max_occupation : float or array
        f_max of the primordial distribution, per state: 1/2 for a relativistic Fermi-Dirac relic, its maximum for a
        spectrum of nu_4, and 1 for Pauli's principle alone.
    density : float or array
        rho/sigma^3 [solar masses/pc^3/(km/s)^3].
    degrees : float
        g, spin states of nu_4 with this distribution: 2 for a Majorana particle.

    Returns
    -------
    float or array [GeV]
    """
    with np.errstate(divide="ignore"):
        return ((2 * math.pi) ** 1.5 * _natural(density) / (degrees * np.asarray(max_occupation, dtype=float))) ** 0.25


def degenerate_mass_bound(density, degrees=2.0):
    """Lower bound on m_4 [GeV] from Pauli's principle: the Fermi velocity must not exceed the escape velocity; [BRI].

        m_4^4 >= 6 pi^2 rho/(g v_esc^3), for a sphere of mass M and radius R with v_esc^2 = 2 G M/R
               = 9 pi/(4 sqrt2 g G^(3/2) M^(1/2) R^(3/2))

    Parameters
    ----------
    density : float or array
        rho/v_esc^3 [solar masses/pc^3/(km/s)^3].
    degrees : float
        g, spin states of nu_4.

    Returns
    -------
    float or array [GeV]
    """
    return (6 * math.pi**2 * _natural(density) / degrees) ** 0.25


def _natural(density):
    """[GeV^4] of a density over the cube of a velocity [solar masses/pc^3/(km/s)^3]."""
    return np.asarray(density, dtype=float) * (SOLAR_MASS_PER_PC3 / KM_PER_S**3)
