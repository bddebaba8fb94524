"""Mixing and vacuum decays of the heavy neutrinos."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpc_nu.plasma import vacuum_widths
from hpc_nu.plasma.standard_model import ELECTROWEAK_VEV, FERMI_CONSTANT
from hpc_nu.seesaw.casas_ibarra import yukawa_couplings
from hpc_nu.seesaw.decays import heavy_neutrino_widths, lifetime, mixing_squared, width_of_unit_mixing
from hpc_nu.seesaw.oscillation_data import FIT_NAMES, oscillation_data
from hpc_nu.seesaw.thermal_rates import thermal_rates
from hpc_nu.units import HBAR

DATA = st.builds(oscillation_data, st.sampled_from(FIT_NAMES), st.sampled_from(("normal", "inverted")))
ANGLE = st.floats(-7.0, 7.0)


@pytest.mark.parametrize("mass", [0.1, 0.3, 0.9, 1.25, 2.0, 5.0])
def test_rates_turn_into_the_width_in_the_cold(mass):
    """gamma_c + gamma_v -> (v^2/M^2) (M/E) Gamma_a; each helicity state decays at the same rate."""
    momentum = mass * np.array([0.01, 1.0, 5.0])
    rates = thermal_rates(min(2e-4, 1e-3 * mass), momentum, mass)
    energy = np.hypot(momentum, mass)[:, np.newaxis]
    expected = ELECTROWEAK_VEV**2 / 2 / mass**2 * mass / energy * width_of_unit_mixing(mass)
    np.testing.assert_allclose(rates.gamma_c + rates.gamma_v, expected, rtol=1e-5)
    np.testing.assert_allclose(rates.gamma_c, rates.gamma_v, rtol=1e-4)


def test_a_light_one_decays_into_three_neutrinos_and_electrons():
    """M between 2 m_e and m_e + m_mu: G_F^2 M^5/(96 pi^3) (1 + C_1) with C_1 of the neutral and charged currents."""
    mass, s2 = 0.1, 0.23121
    expected = FERMI_CONSTANT**2 * mass**5 / (96 * math.pi**3)
    same, other = (0.5 + s2) ** 2 + s2**2, (-0.5 + s2) ** 2 + s2**2
    np.testing.assert_allclose(
        width_of_unit_mixing(mass), expected * (1 + np.array([same, other, other])), rtol=1e-3
    )  # m_e^2/M^2


def test_the_hadronic_width_goes_over_from_mesons_to_quarks():
    for flavour in range(3):
        for mass, hadrons in ((0.99, vacuum_widths.mesonic_width), (1.51, vacuum_widths.quark_width)):
            factor = vacuum_widths.boson_propagator_factor(mass)
            expected = (vacuum_widths.leptonic_width(flavour, mass) + hadrons(flavour, mass)) * factor
            assert vacuum_widths.total_width(flavour, mass) == pytest.approx(expected, rel=1e-12)
    masses = np.geomspace(0.15, 20, 40)
    widths = np.array([width_of_unit_mixing(float(m)) for m in masses])
    assert np.all(np.diff(widths, axis=0) > 0)


@given(DATA, st.floats(0.1, 30.0), ANGLE, ANGLE, ANGLE, st.floats(-3.0, 3.0))
def test_the_mixing_of_all_flavours_follows_from_masses_and_im_omega(data, mass, delta, eta, re_omega, im_omega):
    """Eq. (A.2) of arXiv:2011.12637: sum of |Theta|^2 = (m_l + m_h) cosh(2 Im w)/M."""
    squared = mixing_squared(mass, yukawa_couplings(data, mass, delta, eta, re_omega, im_omega))
    assert squared.shape == (3, 2)
    assert squared.sum() == pytest.approx(sum(data.light_masses) * math.cosh(2 * im_omega) / mass, rel=1e-12)


def test_the_see_saw_line_is_the_published_one():
    """Eq. (5.3) there: |U|^2 = 6e-11 GeV/M."""
    yukawas = yukawa_couplings(oscillation_data("nufit_3.2", "normal"), 3.0, 0.1, 0.2, 0.3, 0.0)
    assert mixing_squared(3.0, yukawas).sum() == pytest.approx(6e-11 / 3.0, rel=0.05)


@given(DATA, st.floats(0.2, 20.0), ANGLE, ANGLE, ANGLE, st.floats(-3.0, 3.0))
def test_widths_are_sums_over_flavours(data, mass, delta, eta, re_omega, im_omega):
    yukawas = yukawa_couplings(data, mass, delta, eta, re_omega, im_omega)
    widths = heavy_neutrino_widths(mass, yukawas)
    for i in range(2):
        dirac = [vacuum_widths.total_width(a, mass) for a in range(3)]
        expected = sum(2 * abs(yukawas[a, i] * ELECTROWEAK_VEV) ** 2 / 2 / mass**2 * dirac[a] for a in range(3))
        assert widths[i] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(lifetime(widths) * widths, HBAR)


def test_lifetimes_are_in_seconds():
    """The muon: 2.197 us from G_F^2 m^5/(192 pi^3) with 0.44 % for the electron mass and photons."""
    assert lifetime(vacuum_widths.massless_width(0.1056583755)) == pytest.approx(2.197e-6 / 1.0044, rel=1e-3)
