"""Yukawa couplings: they reproduce the light neutrino masses, and the identities of app. A of arXiv:2011.12637."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpc_nu.seesaw.casas_ibarra import (
    NEUTRAL_VEV,
    pauli_components,
    pauli_derivatives,
    yukawa_couplings,
    yukawa_derivatives,
)
from hpc_nu.seesaw.oscillation_data import FIT_NAMES, oscillation_data

HIERARCHIES = ("normal", "inverted")
DATA = st.builds(oscillation_data, st.sampled_from(FIT_NAMES), st.sampled_from(HIERARCHIES))
ANGLE = st.floats(-7.0, 7.0)
MASS = st.floats(0.1, 30.0)
PAULI = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def light_and_heavy(data):
    """(m_l, m_h), the lighter and the heavier of the two massive light neutrinos [GeV]."""
    return np.sort(data.masses)[1:]


@given(DATA, MASS, ANGLE, ANGLE, ANGLE, st.floats(-3.0, 3.0))
def test_seesaw_gives_back_the_light_neutrino_masses(data, mass, delta, eta, re_omega, im_omega):
    f = yukawa_couplings(data, mass, delta, eta, re_omega, im_omega)
    u = data.pmns(delta, eta)
    light = NEUTRAL_VEV**2 * f @ f.T / mass
    expected = u @ np.diag(data.masses) @ u.T
    np.testing.assert_allclose(light, expected, atol=1e-12 * np.max(np.abs(f) ** 2) * NEUTRAL_VEV**2 / mass)
    if abs(im_omega) < 1:
        masses = np.linalg.svd(light, compute_uv=False)
        np.testing.assert_allclose(masses, np.sort(data.masses)[::-1], atol=1e-10 * data.masses.max())


@given(DATA, MASS, ANGLE, ANGLE, ANGLE, st.floats(-3.0, 3.0))
def test_sums_over_flavours(data, mass, delta, eta, re_omega, im_omega):
    """Eq. (A.2), in the basis h_2 = (F_2 + i F_3)/sqrt 2, h_3 = (-F_2 + i F_3)/sqrt 2; the phases drop out."""
    f = yukawa_couplings(data, mass, delta, eta, re_omega, im_omega)
    light, heavy = light_and_heavy(data)
    h2, h3 = (f[:, 0] + 1j * f[:, 1]) / np.sqrt(2), (-f[:, 0] + 1j * f[:, 1]) / np.sqrt(2)
    scale = mass / (2 * NEUTRAL_VEV**2)
    tiny = 1e-12 * scale * heavy * np.cosh(2 * im_omega)
    assert np.vdot(h2, h2).real == pytest.approx(scale * (heavy + light) * np.exp(-2 * im_omega), abs=tiny)
    assert np.vdot(h3, h3).real == pytest.approx(scale * (heavy + light) * np.exp(2 * im_omega), abs=tiny)
    mixed = np.sum(h2 * h3.conj())
    assert mixed.real == pytest.approx(scale * (heavy - light) * np.cos(2 * re_omega), abs=tiny)
    assert mixed.imag == pytest.approx(scale * (heavy - light) * np.sin(2 * re_omega), abs=tiny)


@given(DATA, MASS, ANGLE, ANGLE, ANGLE, st.floats(-3.0, 3.0))
def test_pauli_components_are_those_of_the_matrices(data, mass, delta, eta, re_omega, im_omega):
    f = yukawa_couplings(data, mass, delta, eta, re_omega, im_omega)
    matrices = np.einsum("ai,aj->aij", f.conj(), f)
    expected = np.einsum("cij,aji->ac", PAULI, matrices).real / 2
    a = pauli_components(f)
    np.testing.assert_allclose(a, expected, atol=1e-15 * np.max(np.abs(f)) ** 2)
    # each matrix has rank one: it is on the light cone
    np.testing.assert_allclose(np.linalg.norm(a[:, 1:], axis=1), a[:, 0], rtol=1e-12)


@given(DATA, ANGLE, st.floats(-1.0, 1.0), st.floats(0.0, 1e-10), MASS)
def test_mass_splitting_at_zero_temperature(data, re_omega, im_omega, delta_mass, mass):
    """Eq. (4.8), which thereby fixes M_3 - M_2 = 2 delta_M."""
    light, heavy = light_and_heavy(data)
    a = pauli_components(yukawa_couplings(data, mass, 0.3, 0.7, re_omega, im_omega)).sum(axis=0)
    # T -> 0: H_N -> (M/E) (v^2 Re(F^dagger F)/M - delta_M sigma_3), and eq. (4.7) takes the factor M/E away
    splitting = np.hypot(NEUTRAL_VEV**2 / mass * a[1], NEUTRAL_VEV**2 / mass * a[3] - delta_mass)
    expected = delta_mass**2 + delta_mass * (heavy - light) * np.cos(2 * re_omega) + (heavy - light) ** 2 / 4
    assert splitting**2 == pytest.approx(expected, abs=1e-12 * (delta_mass + heavy * np.cosh(2 * im_omega)) ** 2)


@pytest.mark.parametrize(
    ("hierarchy", "heavy_plus_light", "heavy_minus_light"),
    [("normal", 5.86e-11, 4.13e-11), ("inverted", 9.86e-11, 7.51e-13)],
)
def test_mass_combinations_of_the_paper(hierarchy, heavy_plus_light, heavy_minus_light):
    """Eq. (A.3), to the digits printed there."""
    light, heavy = light_and_heavy(oscillation_data("nufit_3.2", hierarchy))
    assert heavy + light == pytest.approx(heavy_plus_light, rel=2e-3)
    assert heavy - light == pytest.approx(heavy_minus_light, rel=2e-3)


@given(DATA, ANGLE, ANGLE)
def test_mixing_matrix_is_unitary(data, delta, eta):
    u = data.pmns(delta, eta)
    np.testing.assert_allclose(u @ u.conj().T, np.eye(3), atol=1e-14)
    s2_13 = abs(u[0, 2]) ** 2
    assert s2_13 == pytest.approx(data.sin2_theta13)
    assert abs(u[0, 1]) ** 2 / (1 - s2_13) == pytest.approx(data.sin2_theta12)
    assert abs(u[1, 2]) ** 2 / (1 - s2_13) == pytest.approx(data.sin2_theta23)
    # Jarlskog invariant of the PDG convention: the sign of delta, whatever the Majorana phase
    jarlskog = np.imag(u[0, 0] * u[1, 1] * np.conj(u[0, 1] * u[1, 0]))
    s12, s13, s23 = np.sqrt([data.sin2_theta12, data.sin2_theta13, data.sin2_theta23])
    c12, c13, c23 = np.sqrt(1 - np.array([s12, s13, s23]) ** 2)
    assert jarlskog == pytest.approx(s12 * c12 * s23 * c23 * s13 * c13**2 * np.sin(delta), abs=1e-15)


@pytest.mark.parametrize("fit", FIT_NAMES)
def test_lightest_neutrino_is_massless_and_splittings_are_as_given(fit):
    for hierarchy, massless in (("normal", 0), ("inverted", 2)):
        data = oscillation_data(fit, hierarchy)
        m = data.masses * 1e9  # eV
        assert m[massless] == 0
        assert m[1] ** 2 - m[0] ** 2 == pytest.approx(data.dm2_solar)
        largest = m[2] ** 2 - m[0] ** 2 if hierarchy == "normal" else m[1] ** 2 - m[2] ** 2
        assert largest == pytest.approx(data.dm2_atmospheric)


@given(DATA, MASS, ANGLE, ANGLE, ANGLE, st.floats(-3.0, 3.0))
def test_derivatives_are_the_limits_of_differences(data, mass, delta, eta, re_omega, im_omega):
    point = {"mass": mass, "delta": delta, "eta": eta, "re_omega": re_omega, "im_omega": im_omega}
    f = yukawa_couplings(data, **point)
    for name, derivative in yukawa_derivatives(data, **point).items():
        step = 1e-3 * (mass if name == "mass" else 1.0)

        def central(h, name=name, of=lambda f: f):
            up, down = (of(yukawa_couplings(data, **point | {name: point[name] + sign * h})) for sign in (1, -1))
            return (up - down) / (2 * h)

        scale = np.max(np.abs(f)) / (mass if name == "mass" else 1.0)
        expected = (4 * central(step) - central(2 * step)) / 3
        np.testing.assert_allclose(derivative, expected, atol=1e-10 * scale)
        expected = (4 * central(step, of=pauli_components) - central(2 * step, of=pauli_components)) / 3
        np.testing.assert_allclose(pauli_derivatives(f, derivative), expected, atol=1e-9 * scale * np.max(np.abs(f)))
