"""Width of an active neutrino in Fermi theory (T < ~4 GeV): all masses, full quantum statistics, both helicities.

Gamma_h(K) = -2 Im Sigma_h, h = -1, +1: the retarded self-energy of a left-handed neutrino of flavour a between
two-spinors of helicity h, on the mass shell K^2 = M^2 of the sterile neutrino that it mixes with.  (At M = 0,
Gamma_- is the damping rate of an active neutrino; its loss rate is Gamma_- (1 - n_F(k)).)

    Gamma_h = 64 G_F^2 T^5 sum_channels C I_h(m_leg; m_1, m_2; W)           with I_h of `fermi_kernel`

| reaction with          | C                   | leg | loop        | W            | remark |
|------------------------|---------------------|-----|-------------|--------------|--------|
| neutrinos, all flavours| 1                   | 0   | 0, 0        | chiral       | 1/4 + 1/4 + 1/2 (own, exchange) |
| charged lepton b       | g_L^2 + g_R^2       | m_b | 0, m_b      | chiral       | g_L + 1 from the W for b = a |
|                        | g_L g_R             | 0   | m_b, m_b    | interference | |
| l_a, l_b and nu_b      | 1                   | m_b | m_a, 0      | chiral       | b != a, W exchange |
| quark q                | N_c (g_L^2 + g_R^2) | m_q | 0, m_q      | chiral       | |
|                        | N_c g_L g_R         | 0   | m_q, m_q    | interference | |
| l_a, quarks i and j    | N_c |V_ij|^2        | m_j | m_a, m_i    | chiral       | W exchange |

following Asaka, Laine and Shaposhnikov, hep-ph/0612182, and Ghiglieri and Laine, arXiv:1605.07720.  Confinement is
modelled as in the former: N_c -> N_c,eff(T) = 3 p_QCD(T)/p_QCD(infinity); the remaining fraction 1 - N_c,eff/3 of the
hadronic width is that of N <-> lepton + meson with thermal statistics for M < 1 GeV, the vacuum width into quarks for
M > 1.5 GeV, and a linear mixture between.  All is multiplied by 1 + (3/5) M^2/m_W^2 for the W and Z propagators.

Not covered: scattering off two mesons (5-20 % of the total between 100 and 150 MeV), asymmetries, strong
corrections to quark scattering, reactions with photons.
"""

from functools import cache

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.plasma import hotqcd, vacuum_widths
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.fermi_kernel import (
    CHIRAL,
    INTERFERENCE,
    clustered_rule,
    is_frozen_out,
    meson_integral,
    scattering_integral,
)

MATTER = ("leptons", "quarks", "hadrons")
"""Kinds of matter that a neutrino may meet."""

N_NODES = 16
"""Of the quadrature per piece: 6e-6 of the massless kernel in the worst of 3000 random (k, M, masses)."""


def effective_colours(temperature):
    """N_c,eff = 3 p_QCD(T)/p_SB, between 0 and 3, for T in GeV (array).

    p_QCD of `hotqcd`, p_SB that of free quarks and gluons; zero below 60 MeV, where the fit is far outside of its
    range, with a smooth step from 70 MeV on.
    """
    temperature = np.asarray(temperature, dtype=float)
    pressure = hotqcd.pressure_over_t4(np.maximum(temperature, 0.06) / hotqcd.CROSSOVER)
    x = np.clip((temperature - 0.06) / 0.01, 0.0, 1.0)
    return np.clip(sm.N_COLOURS * pressure / hotqcd.FREE_PRESSURE, 0.0, 3.0) * x**2 * (3 - 2 * x)


@cache
def _channels():
    """The table in the head of this module.

    Returns
    -------
    coefficients : (n, 3) array
        C for each flavour; for one colour.
    masses : (n, 3) array [GeV]
        Leg and loop.
    kinds : (n,) int array
        CHIRAL or INTERFERENCE.
    has_quarks : (n,) bool array
    """
    rows = [((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), CHIRAL, False)]

    def neutral_current(left, right, mass, has_quarks):
        left = np.asarray(left, dtype=float)
        rows.append((left**2 + right**2, (mass, 0.0, mass), CHIRAL, has_quarks))
        rows.append((left * right, (0.0, mass, mass), INTERFERENCE, has_quarks))

    leptons = sm.CHARGED_LEPTON_MASSES
    flavours = np.eye(sm.N_FLAVOURS)
    for b, mass in enumerate(leptons):
        neutral_current(sm.CHARGED_LEPTON_CURRENT.left + flavours[b], sm.CHARGED_LEPTON_CURRENT.right, mass, False)
        rows += [(flavours[a], (mass, leptons[a], 0.0), CHIRAL, False) for a in range(sm.N_FLAVOURS) if a != b]
    for current, masses in (
        (sm.UP_QUARK_CURRENT, sm.UP_QUARK_MASSES),
        (sm.DOWN_QUARK_CURRENT, sm.DOWN_QUARK_MASSES),
    ):
        for mass in masses:
            neutral_current(np.full(sm.N_FLAVOURS, current.left), current.right, mass, True)
    for up, row in zip(sm.UP_QUARK_MASSES, sm.CKM, strict=True):
        for down, element in zip(sm.DOWN_QUARK_MASSES, row, strict=True):
            rows += [(element**2 * f, (down, leptons[a], up), CHIRAL, True) for a, f in enumerate(flavours)]
    coefficients, masses, kinds, has_quarks = zip(*rows, strict=True)
    return np.array(coefficients), np.array(masses), np.array(kinds), np.array(has_quarks)


@cache
def _meson_channels():
    """Coefficients (n, 3) [GeV^2], masses (n, 2) of lepton and meson [GeV], and whether it is a vector (n,)."""
    coefficients, masses, is_vector = [], [], []
    for meson in sm.MESONS:
        if meson.charged:
            pairs = list(zip(np.eye(sm.N_FLAVOURS), sm.CHARGED_LEPTON_MASSES, strict=True))
        else:
            pairs = [(np.ones(sm.N_FLAVOURS), 0.0)]
        for flavours, lepton in pairs:
            coefficients.append(meson.coupling * flavours)
            masses.append((lepton, meson.mass))
            is_vector.append(meson.vector)
    return np.array(coefficients), np.array(masses), np.array(is_vector)


@compiled
def _sum_channels(momentum, mass, temperature, colours, coefficients, masses, kinds, has_quarks, rule, out):
    """Add 64 T^5 sum C I_h [GeV^5] to `out` (n, n_flavours, 2); momentum, mass, temperature [GeV], colours: (n,)."""
    for i in range(momentum.size):
        t = temperature[i]
        k, m = momentum[i] / t, mass[i] / t
        for c in range(kinds.size):
            number = colours[i] if has_quarks[c] else 1.0
            if number == 0.0 or not np.any(coefficients[c] != 0.0):
                continue
            leg, first, second = masses[c, 0] / t, masses[c, 1] / t, masses[c, 2] / t
            if is_frozen_out(k, m, leg, first, second):
                continue
            minus, plus = scattering_integral(k, m, leg, first, second, kinds[c], rule)
            for a in range(out.shape[1]):
                factor = 64.0 * t**5 * number * coefficients[c, a]
                out[i, a, 0] += factor * minus
                out[i, a, 1] += factor * plus


@compiled
def _sum_mesons(momentum, mass, temperature, fraction, coefficients, masses, is_vector, out):
    """Add 2 sum c J_h, times `fraction` (n,), to `out`; otherwise as `_sum_channels`."""
    for i in range(momentum.size):
        if fraction[i] == 0.0:
            continue
        t = temperature[i]
        k, m = momentum[i] / t, mass[i] / t
        for c in range(is_vector.size):
            if not np.any(coefficients[c] != 0.0):
                continue
            minus, plus = meson_integral(k, m, masses[c, 0] / t, masses[c, 1] / t, is_vector[c])
            for a in range(out.shape[1]):
                factor = 2.0 * t**3 * fraction[i] * coefficients[c, a]
                out[i, a, 0] += factor * minus
                out[i, a, 1] += factor * plus


def active_neutrino_width(
    momentum, mass, temperature, flavours=(0, 1, 2), *, matter=MATTER, colours=None, n_nodes=N_NODES
):
    """Gamma_h [GeV] for h = -1 and +1.

    All flavours at once cost less than twice as much as one: they share most integrals.

    Parameters
    ----------
    momentum, mass, temperature : arrays [GeV]
        k > 0, M >= 0, T > 0 (T < ~4 GeV for the theory to hold); broadcast against each other.
    flavours : sequence of int
        0, 1, 2 for e, mu, tau.
    matter : sequence of str
        What to scatter off, of `MATTER`.
    colours : array, optional
        In place of `effective_colours(temperature)`.
    n_nodes : int
        Of the quadrature in each direction of each piece.

    Returns
    -------
    (..., n_flavours, 2) array [GeV]
        Helicities h = -1, +1 last.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or `matter` is not known.
    """
    k, m, t = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (momentum, mass, temperature)))
    _check(k, m, t, matter)
    shape = k.shape
    k, m, t = (x.flatten() for x in (k, m, t))
    if colours is None:
        colours = effective_colours(t)
    else:
        colours = np.broadcast_to(np.asarray(colours, dtype=float), shape).flatten()
    flavours = list(flavours)
    rule = clustered_rule(n_nodes)
    out = np.zeros((k.size, len(flavours), 2))

    has_quarks = _channels()[-1]
    wanted = np.where(has_quarks, "quarks" in matter, "leptons" in matter)
    coefficients, masses, kinds, has_quarks = (column[wanted] for column in _channels())
    _sum_channels(k, m, t, colours, coefficients[:, flavours], masses, kinds, has_quarks, rule, out)
    if "hadrons" in matter:
        confined = 1 - colours / sm.N_COLOURS
        decays = vacuum_widths.quark_fraction(m)
        coefficients, masses, is_vector = _meson_channels()
        _sum_mesons(k, m, t, confined * (1 - decays), coefficients[:, flavours], masses, is_vector, out)
        for value in np.unique(m[decays > 0]):
            same = m == value
            for i, flavour in enumerate(flavours):
                width = vacuum_widths.quark_width(flavour, float(value)) / sm.FERMI_CONSTANT**2
                vacuum = vacuum_widths.helicity_widths(width, k[same], value)
                out[same, i] += (confined * decays)[same, np.newaxis] * vacuum
    out *= (sm.FERMI_CONSTANT**2 * vacuum_widths.boson_propagator_factor(m))[:, np.newaxis, np.newaxis]
    return out.reshape(*shape, len(flavours), 2)


def massless_kernel(momentum, mass, n_nodes=N_NODES):
    """Gamma_h/(G_F^2 T^5) of massless fermions per unit C, as a universal function of k/T and M/T.

    Parameters
    ----------
    momentum, mass : arrays [T]
        Broadcast against each other; k > 0.

    Returns
    -------
    (..., 2) array
        Helicities h = -1, +1 last.
    """
    k, m = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (momentum, mass)))
    _check(k, m, np.ones(1), MATTER)
    out = np.zeros((k.size, 1, 2))
    one, no_mass = np.ones(k.size), np.zeros((1, 3))
    kind, not_quark = np.array([CHIRAL]), np.array([False])
    _sum_channels(
        k.flatten(), m.flatten(), one, one, np.ones((1, 1)), no_mass, kind, not_quark, clustered_rule(n_nodes), out
    )
    return out.reshape(*k.shape, 2)


def _check(momentum, mass, temperature, matter):
    for name, value, in_range, wanted in (
        ("momentum", momentum, momentum > 0, "positive"),
        ("mass", mass, mass >= 0, "zero or positive"),
        ("temperature", temperature, temperature > 0, "positive"),
    ):
        bad = ~(in_range & np.isfinite(value))
        if np.any(bad):
            raise ValueError(f"neutrino width: {name} = {value[bad].flat[0]} GeV must be finite and {wanted}")
    unknown = [kind for kind in matter if kind not in MATTER]
    if unknown:
        raise ValueError(f"neutrino width: unknown matter {unknown[0]!r}; known are {', '.join(MATTER)}")
