"""How charges are shared in the bath: mu_a = omega_ab n_b, from 1 MeV to 10^6 GeV.

The pressure to second order in the chemical potentials is a sum over two-component fermions and complex bosons,

    p = (1/2) sum_X chi_X mu_X^2,     chi = (T^2/6) c_F(m/T)  or  (T^2/3) c_B(m/T),
    c_F(x) = (6/pi^2) int dy y^2 n_F (1 - n_F),     c_B(x) = (3/pi^2) int dy y^2 n_B (1 + n_B),     E^2 = y^2 + x^2,

each mu_X the sum of what X carries: mu_a (lepton flavour), mu_B/3, and the charges Y mu_Y and T_3 mu_3 of the gauge
group.  The gauge charges vanish; the Higgs condensate, which holds p = v^2 (mu_Y - mu_3)^2/8, makes mu_Y = mu_3 = mu_Q
where v >> T, and leaves mu_3 = 0 where v = 0 (Khlebnikov and Shaposhnikov, hep-ph/9607386; Burnier, Laine and
Shaposhnikov, hep-ph/0511246).  Without sphalerons n_B = 0 and the charges are L_a; with them sum_a mu_a + 3 mu_B = 0
and the charges are L_a - B/3.  What remains is a quadratic form of the three mu_a; its inverse is omega.

Quarks and gluons below the crossover at 157 MeV are a gas of hadrons, above it free quarks times a factor S(T).

Not covered: the baryon asymmetry's own contribution to the mu_a, corrections of O(g^2) to leptons and Higgs, neutrinos
that have decoupled (T < 2 MeV).
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.plasma.higgs import VACUUM_MASSES, higgs_expectation_value
from hpc_nu.plasma.standard_model import ELECTROWEAK_VEV, FLAVOUR_NAMES, N_COLOURS, N_FLAVOURS
from hpc_nu.plasma.temperature_range import checked_temperature

TEMPERATURE_RANGE = (1e-3, 1e6)
"""[GeV]"""

PHASES = {
    "condensate": "the gauge charges with the condensate v(T), smooth through the crossover",
    "sharp": "the limits of the broken phase where v(T) > T/10, and of the symmetric phase above",
}

# ------------------------------------------------------------------------------------------------------- free particles

# y = exp(t - e^-t) on equidistant t: spectrally accurate for every m/T from 0 to 1000, where a rule in y misses the
# step of y^2/(y^2 + x^2) at small x.
_STEP = 0.1
_T = np.arange(-3.6, 6.9, _STEP)
_Y = np.exp(_T - np.exp(-_T))
_WEIGHT = _STEP * (1 + np.exp(-_T)) * _Y**3


def _free_susceptibility(mass_over_temperature, statistics):
    x = np.asarray(mass_over_temperature, float)[..., None]
    energy = np.hypot(x, _Y)
    boltzmann = np.exp(-energy)
    denominator = 1 + boltzmann if statistics == 1 else -np.expm1(-energy)
    return np.sum(_WEIGHT * boltzmann / denominator**2, axis=-1)


def fermion_susceptibility(mass_over_temperature):
    """c_F(m/T): 1 for massless particles, (6/pi^2) x^2 K_2(x) for x >> 1; any shape, dimensionless."""
    return 6 / np.pi**2 * _free_susceptibility(mass_over_temperature, 1)


def boson_susceptibility(mass_over_temperature):
    """c_B(m/T): 1 for massless particles, (3/pi^2) x^2 K_2(x) for x >> 1; any shape, dimensionless."""
    return 3 / np.pi**2 * _free_susceptibility(mass_over_temperature, -1)


# ---------------------------------------------------------------------------------------------------------- the species

_B, _Q, _C = 3, 4, 5
"""Places of mu_B, mu_Q = (mu_Y + mu_3)/2 and mu_C = (mu_Y - mu_3)/2 after those of mu_e, mu_mu, mu_tau."""


def _charges(hypercharge=0.0, isospin=0.0, flavour=None, baryon=0.0):
    vector = np.zeros(6)
    if flavour is not None:
        vector[flavour] = 1
    vector[_B], vector[_Q], vector[_C] = baryon, hypercharge + isospin, hypercharge - isospin
    return vector


_NEUTRINOS = np.array([_charges(-1 / 2, 1 / 2, flavour) for flavour in range(N_FLAVOURS)])
_LEPTONS = np.array([[_charges(-1 / 2, -1 / 2, f), _charges(-1, 0, f)] for f in range(N_FLAVOURS)])
_UP = np.array([_charges(1 / 6, 1 / 2, baryon=1 / 3), _charges(2 / 3, baryon=1 / 3)])
_DOWN = np.array([_charges(1 / 6, -1 / 2, baryon=1 / 3), _charges(-1 / 3, baryon=1 / 3)])
_QUARKS = {name: _UP if name in "uct" else _DOWN for name in "udscbt"}
_W_TRANSVERSE, _HIGGS_PLUS, _HIGGS_ZERO = _charges(0, 1), _charges(1 / 2, 1 / 2), _charges(1 / 2, -1 / 2)


class Hadron(NamedTuple):
    """An isospin multiplet: mass [GeV], spin states, charges of its states (of mesons, the positive ones), B."""

    name: str
    mass: float
    spins: int
    charges: tuple
    baryon: int


HADRONS = (
    Hadron("pi", 0.13957, 1, (1,), 0),
    Hadron("K", 0.49368, 1, (1,), 0),
    Hadron("rho", 0.77526, 3, (1,), 0),
    Hadron("K*", 0.89167, 3, (1,), 0),
    Hadron("a1(1260)", 1.230, 3, (1,), 0),
    Hadron("a2(1320)", 1.3182, 5, (1,), 0),
    Hadron("N", 0.93892, 2, (1, 0), 1),
    Hadron("Lambda", 1.11568, 2, (0,), 1),
    Hadron("Sigma", 1.19315, 2, (1, 0, -1), 1),
    Hadron("Xi", 1.31829, 2, (0, -1), 1),
    Hadron("Delta(1232)", 1.232, 4, (2, 1, 0, -1), 1),
    Hadron("Sigma(1385)", 1.3846, 4, (1, 0, -1), 1),
    Hadron("N(1440)", 1.440, 2, (1, 0), 1),
    Hadron("heavier baryons", 1.600, 5, (1, 1, 1, 0, 0, 0, 0, -1), 1),
)
"""Masses and spins: PDG, Prog. Theor. Exp. Phys. 2022, 083C01, averaged over a multiplet.

The last entry stands for all the others with 40 states.  More (there are some 100 below 1.9 GeV) are not better: with
these, chi_B already is above the lattice at 0.15 GeV, where the gas ceases to be dilute.
"""

_HADRON_STATES = np.array([_charges(isospin=q, baryon=h.baryon) for h in HADRONS for q in h.charges])
_HADRON_STATES[:, _C] = 0  # charges of whole hadrons; where they matter, mu_C is 0 to 1e-5
_QCD_CROSSOVER, _QCD_WIDTH = 0.157, 0.020  # GeV
_HADRONS_UP_TO = 0.19  # GeV: above, the gas of hadrons stays as it is here, while its weight goes to 0


def _hadron_susceptibilities(temperature):
    """chi/T^2 of each of `_HADRON_STATES`: (..., n_states)."""
    t = np.minimum(temperature, _HADRONS_UP_TO)
    columns = []
    for hadron in HADRONS:
        x = hadron.mass / t
        chi = hadron.spins * (fermion_susceptibility(x) / 6 if hadron.baryon else boson_susceptibility(x) / 3)
        columns += [chi] * len(hadron.charges)
    return np.stack(columns, axis=-1)


def _quark_fraction(temperature):
    return (1 + np.tanh((temperature - _QCD_CROSSOVER) / _QCD_WIDTH)) / 2


SYMMETRIC_QUARKS = {
    "ideal": "an ideal gas in the symmetric phase: the strong correction fades with v^2 towards the crossover",
    "interacting": "the strong correction of the broken phase at all temperatures",
}


def _strong_factor(temperature, vev, symmetric_quarks):
    """S(T), the susceptibility of quarks in units of that of free ones.

    0.95 - 0.040 GeV/T, fitted to published susceptibilities far below the electroweak crossover; 1 - 2 alpha_s/pi, the
    leading order in the strong coupling (Vuorinen, hep-ph/0212283), is 0.95 where alpha_s = 0.08.
    """
    broken = np.where(temperature < 0.12, 0.6, 0.95 - 0.040 / np.maximum(temperature, 0.12))
    if symmetric_quarks == "interacting":
        return broken
    return 1 - (1 - broken) * (vev / ELECTROWEAK_VEV) ** 2


def _quadratic_form(susceptibilities, charges):
    """sum_X chi_X (q_X outer q_X): (..., n) and (n, 6) to (..., 6, 6)."""
    return np.einsum("...x,xi,xj->...ij", susceptibilities, charges, charges)


def _qcd_form(temperature, mass_vev, symmetric_quarks="ideal"):
    quarks = _quark_fraction(temperature)
    hadrons = (1 - quarks)[..., None] * _hadron_susceptibilities(temperature)
    form = _quadratic_form(hadrons, _HADRON_STATES)
    for name, charges in _QUARKS.items():
        free = N_COLOURS / 6 * fermion_susceptibility(_mass_over_temperature(name, temperature, mass_vev))
        chi = quarks * _strong_factor(temperature, mass_vev, symmetric_quarks) * free
        form = form + _quadratic_form(np.stack([chi, chi], axis=-1), charges)
    return form


def _mass_over_temperature(particle, temperature, mass_vev):
    return VACUUM_MASSES[particle] * mass_vev / (ELECTROWEAK_VEV * temperature)


def pressure_form(temperature, condensate, mass_vev, symmetric_quarks="ideal"):
    """The quadratic form of p/T^2 in (mu_e, mu_mu, mu_tau, mu_B, mu_Q, mu_C).

    Parameters
    ----------
    temperature : array [GeV]
    condensate, mass_vev : arrays [GeV], like `temperature`
        The Higgs expectation value v(T), as what holds the gauge charges and as what gives masses.
    symmetric_quarks : str
        One of `SYMMETRIC_QUARKS`.

    Returns
    -------
    (..., 6, 6) array, symmetric
        p = T^2/2 times it; mu_Q = (mu_Y + mu_3)/2 and mu_C = (mu_Y - mu_3)/2.
    """
    form = _qcd_form(temperature, mass_vev, symmetric_quarks)
    form = form + _quadratic_form(np.full((*temperature.shape, N_FLAVOURS), 1 / 6), _NEUTRINOS)
    for name, charges in zip(FLAVOUR_NAMES, _LEPTONS, strict=True):
        chi = fermion_susceptibility(_mass_over_temperature(name, temperature, mass_vev)) / 6
        form = form + _quadratic_form(np.stack([chi, chi], axis=-1), charges)
    w, h, z = (boson_susceptibility(_mass_over_temperature(x, temperature, mass_vev)) / 3 for x in "WhZ")
    bosons = np.stack([2 * w, w, (h + z) / 2 + (condensate / temperature) ** 2], axis=-1)
    return form + _quadratic_form(bosons, np.array([_W_TRANSVERSE, _HIGGS_PLUS, _HIGGS_ZERO]))


def _eliminate(form, place):
    """Minimise over one potential, which stays as a row of zeros: its charge vanishes.

    What nothing carries (mu_B at 1 MeV, where e^(-m/T) underflows) drops out.
    """
    pivot = form[..., place, place]
    carried = pivot > 1e-250
    row = form[..., place, :] * np.where(carried, 1 / np.where(carried, pivot, 1), 0)[..., None]
    return form - form[..., :, place, None] * row[..., None, :]


# ------------------------------------------------------------------------------------------------------------- results


def _checked(temperature, phase):
    temperature = checked_temperature(temperature, TEMPERATURE_RANGE, "susceptibilities")
    if phase not in PHASES:
        raise ValueError(f"phase = {phase!r}: expected one of {', '.join(PHASES)}")
    return temperature


def _neutral_form(temperature, phase, crossover, symmetric_quarks):
    """`pressure_form` at zero gauge charges, as a form of (mu_e, mu_mu, mu_tau, mu_B)."""
    vev = higgs_expectation_value(temperature, crossover) * np.ones_like(temperature)
    if phase == "condensate":
        form = _eliminate(pressure_form(temperature, vev, vev, symmetric_quarks), _C)
    else:
        symmetric = vev < 0.1 * temperature
        form = pressure_form(temperature, 0 * vev, np.where(symmetric, 0, vev), symmetric_quarks)
        form = np.where(symmetric[..., None, None], _eliminate(form, _C), form)  # broken: mu_C = 0
    return _eliminate(form, _Q)[..., :_Q, :_Q]


_SPHALERONS = np.vstack([np.eye(N_FLAVOURS), np.full((1, N_FLAVOURS), -1 / 3)])
"""(mu_e, mu_mu, mu_tau, mu_B) as functions of the mu_a."""


def inverse_susceptibility(
    temperature, sphalerons, phase="condensate", crossover="leading_order", symmetric_quarks="ideal"
):
    """T^2 omega_ab in mu_a = omega_ab n_b.

    Parameters
    ----------
    temperature : float or array [GeV], in `TEMPERATURE_RANGE`
    sphalerons : bool
        In equilibrium (n_b is L_b - B/3) or not (n_b is L_b, and B = 0).
    phase : str
        One of `PHASES`.  "sharp" jumps where v = T/10, with sphalerons by 12 %.
    crossover : str
        One of `higgs.CROSSOVERS`.
    symmetric_quarks : str
        One of `SYMMETRIC_QUARKS`.

    Returns
    -------
    (..., 3, 3) array, symmetric, dimensionless
    """
    form = _neutral_form(_checked(temperature, phase), phase, crossover, symmetric_quarks)
    form = _SPHALERONS.T @ form @ _SPHALERONS if sphalerons else _eliminate(form, _B)[..., :_B, :_B]
    return np.linalg.inv(form)


def baryons_per_charge(temperature, phase="condensate", crossover="leading_order", symmetric_quarks="ideal"):
    """beta_a in n_B = sum_a beta_a (n_a - n_B/3) with sphalerons in equilibrium: (..., 3) array, negative.

    Arguments as `inverse_susceptibility`.  -28/79 in the symmetric phase, for each flavour.
    """
    form = _neutral_form(_checked(temperature, phase), phase, crossover, symmetric_quarks) @ _SPHALERONS
    return np.einsum("...a,...ab->...b", form[..., _B, :], np.linalg.inv(_SPHALERONS.T @ form))


def qcd_susceptibilities(temperature):
    """(chi_Q, chi_B, chi_QB)/T^2 of quarks and hadrons in the broken phase, (..., 3) array.

    `temperature` : float or array [GeV], in `TEMPERATURE_RANGE`.
    """
    temperature = _checked(temperature, "sharp")
    form = _qcd_form(temperature, higgs_expectation_value(temperature))
    return np.stack([form[..., _Q, _Q], form[..., _B, _B], form[..., _Q, _B]], axis=-1)
