"""The peer of the lepton-asymmetry model by itself: what it rests on that no comparison with the model would show."""

import numpy as np
import pytest
from literal_lepton_asymmetry import VEV, ConstantGstar, FullExpansion, FullSusceptibility, LiteralEquations
from literal_lepton_asymmetry import casas_ibarra as own_casas_ibarra
from scipy.integrate import quad

from hpc_nu.plasma import thermodynamics
from hpc_nu.seesaw.oscillation_data import oscillation_data

MASS, DELTA_MASS = 2.0, 1e-12
PHASES = {"delta": 1.1, "eta": 0.7, "re_omega": 1.8, "im_omega": 0.3}
T_START = 300.0
OMEGA = FullSusceptibility(5.0, 400.0)
NODES = np.array([0.7, 2.0, 5.0])
WEIGHTS = np.array([0.6, 1.5, 2.0]) * NODES**2 * np.exp(-NODES / 20) / (2 * np.pi**2)


def flavoured_rates(temperature, momentum, mass):
    """Nothing real: smooth, a different one for each flavour, oscillations and equilibration in reach."""
    flavours = np.array([1.0, 0.8, 0.5])
    energy = np.sqrt(momentum**2 + mass**2)[:, np.newaxis]
    gamma_c = 2e-3 * temperature**2 / (energy + temperature) * flavours
    gamma_v = 6e-3 * mass**2 / (energy + 0.3 * temperature) * flavours**2
    return gamma_c, gamma_v, 0.05 * temperature**2 / energy * np.ones(3), 0.01 * temperature**2 / energy * flavours


def equations(rates=flavoured_rates, averaged=False, expansion=None, hierarchy="normal"):
    yukawas = own_casas_ibarra(oscillation_data("nufit_4.0", hierarchy), MASS, **PHASES)
    expansion = expansion or FullExpansion(T_START)
    return LiteralEquations(yukawas, MASS, DELTA_MASS, rates, NODES, WEIGHTS, averaged, expansion, OMEGA)


@pytest.mark.parametrize("hierarchy", ["normal", "inverted"])
def test_couplings_give_the_light_neutrinos_their_masses_and_mixing(hierarchy):
    data = oscillation_data("nufit_4.0", hierarchy)
    f = own_casas_ibarra(data, MASS, **PHASES)
    pmns = data.pmns(PHASES["delta"], PHASES["eta"])
    expected = pmns @ np.diag(data.masses) @ pmns.T
    np.testing.assert_allclose(VEV**2 * f @ f.T / MASS, expected, atol=1e-14 * np.max(np.abs(expected)))


@pytest.mark.parametrize("hierarchy", ["normal", "inverted"])
def test_couplings_are_those_of_the_paper(hierarchy):
    """Eq. (A.2) of arXiv:2011.12637, h_2,3 = (F_2 +- i F_3)/sqrt 2; the phase of h_2 is free."""
    data = oscillation_data("nufit_4.0", hierarchy)
    f = own_casas_ibarra(data, MASS, **PHASES)
    h_2, h_3 = (f[:, 0] + 1j * f[:, 1]) / np.sqrt(2), (f[:, 0] - 1j * f[:, 1]) / np.sqrt(2)
    light, heavy = np.sort(data.masses)[1:]
    scale = MASS / (2 * VEV**2)
    growth = np.exp(2 * PHASES["im_omega"])
    np.testing.assert_allclose(np.sum(np.abs(h_2) ** 2), (heavy + light) * scale / growth, rtol=1e-12)
    np.testing.assert_allclose(np.sum(np.abs(h_3) ** 2), (heavy + light) * scale * growth, rtol=1e-12)
    phase = np.exp(2j * PHASES["re_omega"])
    np.testing.assert_allclose(np.sum(h_2 * h_3.conj()), -(heavy - light) * scale * phase, rtol=1e-11)


@pytest.mark.parametrize("averaged", [False, True])
def test_radau_and_scipy_agree(averaged):
    """Through the jump of omega, with oscillations: two integrators, one of which needs no linear system."""
    lit = equations(averaged=averaged)
    stops = [131.7, 60.0]
    expected = lit.solve(T_START, stops, "LSODA", rtol=1e-10)
    for rtol, error in ((1e-4, 1e-4), (1e-7, 1e-7)):
        got = lit.evolve(T_START, stops, rtol=rtol)["Y_Delta"]
        assert np.all(np.abs(got - expected).max(axis=1) < error * np.abs(expected).max(axis=1))


def test_lepton_number_is_conserved_without_helicity_flips():
    def rates(*arguments):
        gamma_c, gamma_v, h_c, h_v = flavoured_rates(*arguments)
        return gamma_c, 0 * gamma_v, h_c, h_v

    yields = equations(rates).evolve(T_START, [140.0, 60.0], rtol=1e-5)
    total = yields["Y_Delta"].sum(axis=1) + yields["Y_Delta_N"]
    assert np.all(np.abs(yields["Y_Delta"]).max(axis=1) > 1e-12)
    assert np.all(np.abs(total) < 1e-9 * np.abs(yields["Y_Delta"]).max(axis=1))


def test_fast_rates_hold_equilibrium_while_momenta_are_redshifted():
    def rates(*arguments):
        gamma_c, gamma_v, h_c, h_v = flavoured_rates(*arguments)
        return 1e4 * gamma_c, 1e4 * gamma_v, h_c, h_v

    yields = equations(rates).evolve(T_START, [20.0, 2.0], rtol=1e-5)
    np.testing.assert_allclose(yields["Y_N"], np.column_stack([yields["Y_N_eq"]] * 2), rtol=1e-3)


@pytest.mark.parametrize("expansion", [FullExpansion(1e4), ConstantGstar()], ids=["full", "constant g_*"])
def test_equilibrium_yield_is_density_over_entropy(expansion):
    t, w = np.polynomial.legendre.leggauss(64)
    q, w = 3 * (1 + t) / (1 - t), 6 * w / (1 - t) ** 2
    lit = LiteralEquations(
        np.ones((3, 2)), MASS, 0.0, flavoured_rates, q, w * q**2 / (2 * np.pi**2), expansion=expansion
    )
    for temperature in (1000.0, 100.0, 1.0, 0.2):
        density = quad(lambda y, x=MASS / temperature: y**2 / (np.exp(np.hypot(y, x)) + 1), 0, 60, epsrel=1e-10)[0]
        entropy = 46.8
        if isinstance(expansion, FullExpansion):
            entropy = thermodynamics.entropy_density(temperature) / temperature**3
        got = lit.w @ lit.equilibrium(temperature) / expansion.entropy_start
        assert got == pytest.approx(density / (2 * np.pi**2) / entropy, rel=1e-9)
