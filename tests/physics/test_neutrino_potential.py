"""The potential of active neutrinos at low temperature: its closed-form limits, quadrature and regression values."""

import numpy as np
import pytest
from scipy.integrate import dblquad

from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.neutrino_potential import neutrino_potential

E, MU, TAU = 0, 1, 2

# Flavour, k, M, T [GeV]: b_-, b_+ [GeV]; an independent implementation, to leading order in 1/m_W^2 ...
LEADING_ORDER = [
    (E, 1.5, 2, 0.5, -1.5308e-9, -1.0205e-9),
    (MU, 1.5, 2, 0.5, -1.5260e-9, -1.0192e-9),
    (TAU, 1.5, 2, 0.5, -7.995e-10, -5.830e-10),
    (E, 3, 1, 1, -3.3981e-8, -1.7653e-8),
]
# ... and with the propagators of W and Z.
WITH_PROPAGATORS = [(E, 6, 2, 2, -1.0894e-6, -5.657e-7), (TAU, 6, 2, 2, -1.0273e-6, -5.566e-7)]


@pytest.mark.parametrize(
    ("row", "leading_order"), [(r, True) for r in LEADING_ORDER] + [(r, False) for r in WITH_PROPAGATORS]
)
def test_potential_has_the_values_of_an_independent_implementation(row, leading_order):
    flavour, momentum, mass, temperature, *expected = row
    b = neutrino_potential(momentum, mass, temperature, (flavour,), leading_order=leading_order)
    np.testing.assert_allclose(b[0], expected, rtol=1e-4)


def test_massless_limit_is_that_of_noetzold_and_raffelt():
    k, t = np.array([0.01, 0.3]), 0.1
    two_states = 2 * 7 * np.pi**2 / 240 * t**4  # energy density of two massless fermionic states
    rho_over_mass = 2 * two_states / sm.W_MASS**2 + two_states / sm.Z_MASS**2
    expected = -8 * np.sqrt(2) * sm.FERMI_CONSTANT * k / 3 * rho_over_mass
    b = neutrino_potential(k, 0.0, t, massless_leptons=True, leading_order=True)
    np.testing.assert_allclose(b[..., 0], np.stack([expected] * 3, axis=-1), rtol=1e-10)
    # The spin-flipped component feels half of it, since rho = 3p.
    np.testing.assert_allclose(b[..., 1], b[..., 0] / 2, rtol=1e-10)
    # At T << m_W the propagators change nothing, and electrons are massless.
    np.testing.assert_allclose(neutrino_potential(k, 0.0, t, (E,))[..., 0], expected[:, np.newaxis], rtol=1e-4)


def test_leptons_too_heavy_to_be_there_leave_the_potential_of_the_neutrinos():
    t = 0.01
    expected = -8 * np.sqrt(2) * sm.FERMI_CONSTANT * t / 3 * 2 * 7 * np.pi**2 / 240 * t**4 / sm.Z_MASS**2
    assert neutrino_potential(t, 0.0, t, (TAU,))[0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("helicity", [-1, 1])
def test_expansion_agrees_with_the_propagators_integrated_over_angles(helicity):
    momentum, mass, temperature, lepton = 9.0, 5.0, 3.0, sm.CHARGED_LEPTON_MASSES[TAU]
    energy = np.hypot(momentum, mass)

    def boson(coupling, boson_mass, fermion_mass):
        def integrand(cos, p):
            eps = np.hypot(p, fermion_mass)
            scalar = energy * eps - momentum * p * cos
            heavy = boson_mass**2 - mass**2 - fermion_mass**2
            occupation = p**2 / (8 * np.pi**2 * eps) / (np.exp(eps / temperature) + 1)
            return -occupation * (eps + helicity * p * cos) * 4 * scalar / (heavy**2 - 4 * scalar**2)

        return coupling * dblquad(integrand, 0, 40 * temperature, -1, 1, epsabs=0, epsrel=1e-8)[0]

    z_coupling = sm.WEAK_COUPLING_SQUARED / (2 * sm.ON_SHELL_COS2_WEAK_ANGLE)
    expected = boson(sm.WEAK_COUPLING_SQUARED, sm.W_MASS, lepton) + boson(z_coupling, sm.Z_MASS, 0.0)
    b = neutrino_potential(momentum, mass, temperature, (TAU,))[0, (helicity + 1) // 2]
    assert b == pytest.approx(expected, rel=1e-3)


def test_helicities_are_alike_at_rest_and_all_is_negative():
    b = neutrino_potential(np.array([1e-6, 1.0]), 2.0, 0.5)
    np.testing.assert_allclose(b[0, :, 0], b[0, :, 1], rtol=1e-5)
    assert np.all(b < 0)
    assert b.shape == (2, 3, 2)
    assert neutrino_potential(1.0, 2.0, np.ones((4, 1)), (E,)).shape == (4, 1, 1, 2)
