"""Sharing of charges: free particles, published numbers, exact symmetric phase, and the limits that connect them."""

import numpy as np
import pytest
from scipy.special import kn

from hpc_nu.plasma import charge_susceptibilities as cs
from hpc_nu.plasma.higgs import higgs_expectation_value
from hpc_nu.plasma.susceptibilities import baryons_per_lepton_asymmetry

PHASES = pytest.mark.parametrize("phase", cs.PHASES)
SPHALERONS = pytest.mark.parametrize("sphalerons", [True, False])
EVERYWHERE = np.geomspace(1e-3, 1e6, 150)

# T [GeV]: chi_Q, chi_B of quarks and hadrons, omega_ee, omega_emu without sphalerons; then the same from a published
# table of susceptibilities.
REFERENCE = {
    0.02: (0.0028, 0.0, 5.341, 0.575, 0.0028, 0.0, 5.342, 0.574),
    0.05: (0.0666, 0.0, 3.679, 1.315, 0.0667, 0.0, 3.679, 1.315),
    0.10: (0.1820, 0.0032, 3.118, 1.055, 0.1819, 0.0026, 3.118, 1.055),
    0.15: (0.394, 0.115, 2.727, 0.709, 0.380, 0.087, 2.745, 0.727),
    0.20: (0.509, 0.250, 2.609, 0.600, 0.534, 0.235, 2.589, 0.581),
    0.30: (0.595, 0.284, 2.538, 0.535, 0.596, 0.292, 2.536, 0.533),
    0.50: (0.747, 0.332, 2.444, 0.443, 0.736, 0.332, 2.447, 0.446),
    1.0: (0.942, 0.398, 2.369, 0.369, 0.945, 0.399, 2.368, 0.368),
    5.0: (1.137, 0.512, 2.308, 0.308, 1.127, 0.509, 2.309, 0.309),
    10.0: (1.152, 0.523, 2.303, 0.303, 1.141, 0.518, 2.306, 0.306),
}
T_REFERENCE = np.array(list(REFERENCE))
CHI_Q, CHI_B, OMEGA_EE, OMEGA_EMU, *PUBLISHED = np.array(list(REFERENCE.values())).T


# ------------------------------------------------------------------------------------------------------- free particles


def test_massless_particles_have_susceptibility_one():
    assert cs.fermion_susceptibility(0.0) == pytest.approx(1, abs=1e-13)
    assert cs.boson_susceptibility(0.0) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("x", [0.01, 0.1, 1.0, 5.0, 30.0])
def test_free_particles_have_the_sum_over_bessel_functions(x):
    k = np.arange(1, int(60 / x) + 3)
    terms = x**2 / np.pi**2 * kn(2, k * x)
    assert cs.fermion_susceptibility(x) == pytest.approx(6 * np.sum(-((-1.0) ** k) * terms), rel=1e-11)
    assert cs.boson_susceptibility(x) == pytest.approx(3 * np.sum(terms), rel=1e-11)


def test_heavy_particles_have_boltzmann_tails_and_then_nothing():
    x = np.array([40.0, 200.0, 600.0])
    tail = x**2 * kn(2, x) / np.pi**2
    np.testing.assert_allclose(cs.fermion_susceptibility(x), 6 * tail, rtol=1e-12)
    np.testing.assert_allclose(cs.boson_susceptibility(x), 3 * tail, rtol=1e-12)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert cs.fermion_susceptibility(1e9) == cs.boson_susceptibility(1e9) == 0


def test_light_bosons_soften_linearly_in_their_mass_and_fermions_quadratically():
    x = 1e-4
    assert 1 - cs.boson_susceptibility(x) == pytest.approx(3 * x / (2 * np.pi), rel=1e-3)
    assert 1 - cs.fermion_susceptibility(x) == pytest.approx(3 * x**2 / (2 * np.pi**2), rel=1e-3)


# ----------------------------------------------------------------------------------------------------- published values


def test_quarks_and_hadrons_have_the_reference_susceptibilities():
    chi = cs.qcd_susceptibilities(T_REFERENCE)
    np.testing.assert_allclose(chi[:, 0], CHI_Q, rtol=5e-3, atol=6e-5)
    np.testing.assert_allclose(chi[:, 1], CHI_B, rtol=3e-3, atol=6e-5)


@PHASES
def test_omega_has_the_reference_values_below_the_crossover(phase):
    omega = cs.inverse_susceptibility(T_REFERENCE, sphalerons=False, phase=phase)
    tolerance = 2.2e-3 if phase == "sharp" else 3.2e-3  # the condensate's finite stiffness at 10 GeV, T^2/v^2 ~ 0.2 %
    np.testing.assert_allclose(omega[:, 0, 0], OMEGA_EE, rtol=1e-3)
    np.testing.assert_allclose(omega[:, 0, 1], OMEGA_EMU, rtol=tolerance)


def test_omega_is_as_close_to_the_published_table_as_claimed():
    omega = cs.inverse_susceptibility(T_REFERENCE, sphalerons=False)
    np.testing.assert_allclose(omega[:, 0, 0], PUBLISHED[2], rtol=0.015)
    np.testing.assert_allclose(omega[:, 0, 1], PUBLISHED[3], rtol=0.035)


def test_broken_phase_with_sphalerons_at_140_gev():
    omega = cs.inverse_susceptibility(140.0, sphalerons=True, phase="sharp")
    assert omega[0, 0] == pytest.approx(1.93, abs=0.006)
    assert omega[0, 1] == pytest.approx(-0.07, abs=0.006)


def test_quarks_far_above_all_masses_are_free():
    np.testing.assert_allclose(cs.qcd_susceptibilities(1e5), [5 / 3, 2 / 3, 1 / 3], rtol=1e-12)


# -------------------------------------------------------------------------------------------------------- exact limits


@PHASES
@pytest.mark.parametrize("crossover", ["leading_order", "lattice"])
def test_symmetric_phase_is_exact(phase, crossover):
    omega = cs.inverse_susceptibility(np.array([400.0, 1e6]), sphalerons=True, phase=phase, crossover=crossover)
    exact = 6 / 711 * (20 + (257 - 20) * np.eye(3))
    np.testing.assert_allclose(omega, np.broadcast_to(exact, (2, 3, 3)), rtol=1e-12)
    baryons = cs.baryons_per_charge(400.0, phase, crossover)
    np.testing.assert_allclose(baryons, -28 / 79, rtol=1e-12)


@pytest.mark.parametrize("v_over_t", [0.0, 0.3, 1.0, 2.0, 10.0, 1e4])
def test_massless_particles_with_a_condensate_give_the_published_baryon_number(v_over_t):
    t = np.array(1e3)
    form = cs.pressure_form(t, v_over_t * t, 0 * t)
    gauge = [4, 5]
    schur = form[:4, :4] - form[:4, gauge] @ np.linalg.solve(form[np.ix_(gauge, gauge)], form[gauge, :4])
    potentials = np.vstack([np.eye(3), np.full((1, 3), -1 / 3)])
    baryons = schur[3] @ potentials @ np.linalg.inv(potentials.T @ schur @ potentials)
    np.testing.assert_allclose(baryons, baryons_per_lepton_asymmetry(1.0, v_over_t**2 / 2), rtol=1e-12)


def test_at_1_mev_each_flavour_is_on_its_own():
    # tau number sits in neutrinos alone; so does electron number, because electrons may not carry net charge
    np.testing.assert_allclose(cs.inverse_susceptibility(1e-3, False), 6 * np.eye(3), atol=1e-6)


def test_the_two_descriptions_agree_far_from_the_crossover():
    for t, tolerance in ((1e-2, 1e-8), (1.0, 1e-5), (300.0, 1e-12)):
        for sphalerons in (True, False):
            smooth, sharp = (cs.inverse_susceptibility(t, sphalerons, phase) for phase in cs.PHASES)
            np.testing.assert_allclose(smooth, sharp, rtol=tolerance, atol=tolerance)


def test_only_the_sharp_description_jumps_at_the_crossover():
    t = np.linspace(150.0, 160.0, 201)
    jumps = [np.max(np.abs(np.diff(cs.inverse_susceptibility(t, True, phase)[:, 0, 0]))) for phase in cs.PHASES]
    assert jumps[0] < 1e-3 and jumps[1] == pytest.approx(0.239, abs=2e-3)
    edge = t[np.argmax(np.abs(np.diff(cs.inverse_susceptibility(t, True, "sharp")[:, 0, 0]))) + 1]
    assert higgs_expectation_value(edge) < 0.1 * edge <= higgs_expectation_value(edge - 0.05) + 0.005


@PHASES
@SPHALERONS
def test_omega_is_symmetric_and_positive_definite_everywhere(phase, sphalerons):
    omega = cs.inverse_susceptibility(EVERYWHERE, sphalerons, phase)
    assert omega.shape == (len(EVERYWHERE), 3, 3)
    np.testing.assert_allclose(omega, np.swapaxes(omega, 1, 2), rtol=1e-9, atol=1e-12)
    assert np.all(np.linalg.eigvalsh(omega) > 0)


def test_scalars_and_arrays_agree():
    np.testing.assert_array_equal(
        cs.inverse_susceptibility(np.array([[0.2], [20.0]]), True)[1, 0], cs.inverse_susceptibility(20.0, True)
    )
    assert cs.qcd_susceptibilities(0.2).shape == (3,)


def test_refuses_what_it_does_not_know():
    for outside in (0.9e-3, 1.1e6, np.nan, [1.0, 1e7]):
        with pytest.raises(ValueError, match="outside"):
            cs.inverse_susceptibility(outside, True)
    with pytest.raises(ValueError, match="condensate, sharp"):
        cs.inverse_susceptibility(1.0, True, phase="blunt")


def test_interacting_quarks_in_the_symmetric_phase():
    """mu_a = mu for all flavours, mu_B = -mu, and mu_Y = y mu without hypercharge: algebra with quarks times S."""
    rows = [cs.inverse_susceptibility(1e4, True, symmetric_quarks=x).sum(axis=1) for x in cs.SYMMETRIC_QUARKS]
    for strong, row in zip((1.0, 0.95), rows, strict=True):
        y = (1 + strong / 3) / (11 / 12 + 11 / 12 * strong)
        np.testing.assert_allclose(row, 1 / (1 / 2 - y / 3 + strong * (2 - y) / 9), rtol=1e-5)
    broken = [cs.inverse_susceptibility(1.0, False, symmetric_quarks=x) for x in cs.SYMMETRIC_QUARKS]
    np.testing.assert_allclose(*broken, rtol=1e-4)
