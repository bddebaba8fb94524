"""Rates of scattering through a mediator: the integrals of the papers, every limit, what does not depend on what."""

import literal_dodelson_widrow as literal
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import gamma as gamma_function
from scipy.special import zeta

from hpc_nu.interactions import scattering
from hpc_nu.interactions.active_neutrino_rates import MediatorRates, lepton_density_ratio, mediator_rates
from hpc_nu.interactions.mediators import MEDIATORS, decay_width, is_perturbative, lepton_fractions, other_flavours
from hpc_nu.models.kev_neutrinos.bath import Bath
from hpc_nu.models.kev_neutrinos.production import accumulate
from hpc_nu.plasma.standard_model import CHARGED_LEPTON_MASSES
from hpc_nu.units import FERMI_CONSTANT, PLANCK_MASS

VELOCITIES = tuple(scattering.VELOCITIES)


def rates(name, mass, energy, temperature, velocity="paper", n_g=1.0):
    """`MediatorRates` of numbers."""
    found = mediator_rates(name, mass, np.array([[energy / temperature]]), np.array([temperature]), velocity, n_g)
    return type(found)(*(values[0, 0] for values in found))


@pytest.mark.parametrize("velocity", VELOCITIES)
@pytest.mark.parametrize("kind", ["scalar", "neutrinophilic"])
@pytest.mark.parametrize("energy, mass, coupling", [(0.1, 0.1, 1e-2), (0.05, 1.0, 0.1), (0.3, 0.03, 0.03)])
def test_they_are_the_integrals_of_the_papers(kind, velocity, energy, mass, coupling):
    expected = literal.scattering_rate(kind, energy, 0.1, mass, coupling, velocity)
    assert_allclose(rates(kind, mass, energy, 0.1, velocity).rate(coupling), expected, rtol=2e-6)


@pytest.mark.parametrize("velocity", VELOCITIES)
@pytest.mark.parametrize("name", ["lmu_ltau", "b_minus_l"])
def test_gauged_mediators_are_the_sum_of_their_channels(name, velocity):
    """The same double integral over channels with their own densities, poles with the full width."""
    energy, temperature, mass, coupling = 0.2, 0.1, 0.3, 0.1
    mediator, width = MEDIATORS[name], decay_width(name, mass, coupling)
    others, fractions = other_flavours(mediator), lepton_fractions(mediator, mass)
    leptons = np.array(CHARGED_LEPTON_MASSES)[list(mediator.leptons)]
    weights = {
        "vector": 1.0,
        "s_channel": others + 2 * sum(fractions),
        "t_channel": others + 2 * sum(lepton_density_ratio(m, np.array([temperature]))[0] for m in leptons),
    }

    def over_angles(q):
        def integrand(s):
            v = np.sqrt(s / (energy * q)) if velocity == "paper" else s / (2 * energy * q)
            sigma = sum(w * scattering.cross_section(c, s, mass, coupling, width) for c, w in weights.items())
            return float(sigma) * v / (2 * energy * q)

        top = 4 * energy * q
        edges = [mass**2 + k * mass * width for k in (-30, -3, 0, 3, 30)]
        edges = [0.0, *sorted(e for e in edges if 0 < e < top), top]
        return sum(quad(integrand, a, b, epsrel=1e-6)[0] for a, b in zip(edges, edges[1:], strict=False))

    def outer(q):
        return q**2 / (np.exp(q / temperature) + 1) * over_angles(q) / (4 * np.pi**2)

    threshold = mass**2 / (4 * energy)
    edges = [0.0, threshold, 1.05 * threshold, 3 * temperature, 3.0]
    expected = sum(quad(outer, a, b, epsrel=1e-5)[0] for a, b in zip(sorted(edges), sorted(edges)[1:], strict=False))
    assert_allclose(rates(name, mass, energy, temperature, velocity).rate(coupling), expected, rtol=2e-3)


@pytest.mark.parametrize("name", MEDIATORS)
@pytest.mark.parametrize("mass", [0.01, 0.2, 0.25, 3.0, 100.0])
def test_the_strength_of_the_pole_does_not_depend_on_what_the_mediator_decays_into(name, mass):
    """pi N(1) m/Gamma_m = on_shell/g^2."""
    mediator = MEDIATORS[name]
    weights = {"scalar": {"scalar": 1.0}, "neutrinophilic": {"vector": 1.0}}.get(name)
    if weights is None:
        weights = {"vector": 1.0, "s_channel": other_flavours(mediator) + 2 * lepton_fractions(mediator, mass).sum()}
    residue = sum(w * scattering.CHANNELS[c].pole(np.ones(1))[0] for c, w in weights.items())
    assert_allclose(np.pi * residue * mass / decay_width(name, mass, 1.0), mediator.on_shell, rtol=1e-12)


def test_cross_sections_have_the_limits_of_the_papers():
    """(3.7) and (3.9) of arXiv:2005.03681; contact interaction of the scalar, from eq. (5) of arXiv:1910.04901."""
    heavy, light, g = 1e-4, 1e8, 0.1  # s/m^2
    assert_allclose(
        scattering.cross_section("vector", heavy, 1.0, g, 0.0), g**4 * heavy * (1 / 3 + 1 / 2) / np.pi, rtol=1e-3
    )
    assert_allclose(scattering.cross_section("vector", light, 1.0, g, 0.0), 2 * g**4 / (4 * np.pi), rtol=1e-5)
    scalar = g**4 * heavy * (1 / 32 + 1 / 48) / np.pi
    assert_allclose(scattering.cross_section("scalar", heavy, 1.0, g, 0.0), scalar, rtol=1e-3)


def test_cross_sections_are_smooth_where_series_take_over():
    y = 0.03 * (1 + np.array([-1e-9, 1e-9]))
    for channel in scattering.CHANNELS:
        below, above = scattering.cross_section(channel, y, 1.0, 1.0, 0.0)
        assert_allclose(above, below, rtol=1e-8)


@pytest.mark.parametrize("velocity", VELOCITIES)
@pytest.mark.parametrize("kind, name", [("scalar", "scalar"), ("vector", "neutrinophilic")])
def test_heavy_mediators(kind, name, velocity):
    energy, temperature, mass, g = 0.2, 0.1, 200.0, 0.3
    expected = scattering.heavy_limit(kind, energy, temperature, mass, g, velocity, n_g=2.0)
    assert_allclose(rates(name, mass, energy, temperature, velocity, n_g=2.0).rate(g), expected, rtol=1e-4)


def test_heavy_limits_are_those_printed():
    """7 pi lam^4 E T^4/(1440 m^4), eq. (5) of the letter, and /(45 m^4) with n_G = 2, (3.8) of the vector paper."""
    e, t, m, g = 0.2, 0.1, 200.0, 0.3
    assert_allclose(scattering.heavy_limit("scalar", e, t, m, g, "paper"), 7 * np.pi * g**4 * e * t**4 / 1440 / m**4)
    assert_allclose(scattering.heavy_limit("scalar", e, t, m, g, "moller"), 7 * np.pi * g**4 * e * t**4 / 1728 / m**4)
    assert_allclose(scattering.heavy_limit("vector", e, t, m, g, "paper", 2), 7 * np.pi * g**4 * e * t**4 / 45 / m**4)


def test_light_vectors_scatter_at_a_rate_without_energy():
    """zeta(3) lam^4 T^3/(pi^3 m^2), (3.10), n_G = 2."""
    expected = zeta(3.0) * 0.1**3 / (np.pi**3 * 1e-6**2)
    assert_allclose(scattering.light_vector_limit(0.1, 1e-6, 1.0, n_g=2.0), expected)
    for energy in (0.02, 0.1, 1.0):
        assert_allclose(rates("neutrinophilic", 1e-6, energy, 0.1, n_g=2.0).off_shell, expected, rtol=1e-5)


@pytest.mark.parametrize("velocity", VELOCITIES)
@pytest.mark.parametrize("name", MEDIATORS)
def test_real_mediators_are_made_at_the_rate_of_a_narrow_resonance(name, velocity):
    """int dq q^2 n_F sigma v over sigma = on_shell g^2 delta(s - m^2), by hand."""
    energy, temperature, mass, g = 0.05, 0.1, 0.2, 1e-6
    on_shell = MEDIATORS[name].on_shell

    def integrand(q):
        v = mass / np.sqrt(energy * q) if velocity == "paper" else mass**2 / (2 * energy * q)
        return q**2 / (np.exp(q / temperature) + 1) * v / (2 * energy * q) / (4 * np.pi**2)

    expected = g**2 * on_shell * quad(integrand, mass**2 / (4 * energy), 50 * temperature, epsrel=1e-10)[0]
    assert_allclose(rates(name, mass, energy, temperature, velocity).rate(g), expected, rtol=1e-6)
    assert_allclose(scattering.on_shell_rate(on_shell, energy, temperature, mass, g, velocity), expected, rtol=1e-8)


def test_eq_6_of_the_letter_is_the_maxwell_boltzmann_limit_with_the_square_root_in_erfc():
    energy, temperature, mass = 0.05, 0.1, 0.2

    def integrand(q):
        return q**2 * np.exp(-q / temperature) * mass / np.sqrt(energy * q) / (2 * energy * q) / (4 * np.pi**2)

    expected = np.pi * quad(integrand, mass**2 / (4 * energy), 60 * temperature, epsrel=1e-10)[0]
    assert_allclose(scattering.on_shell_maxwell_boltzmann(energy, temperature, mass, 1.0), expected, rtol=1e-8)
    light = scattering.on_shell_rate(np.pi, energy, temperature, 1e-6, 1.0, "paper")
    ratio = light / scattering.on_shell_maxwell_boltzmann(energy, temperature, 1e-6, 1.0)
    assert_allclose(ratio, 0.765, rtol=1e-3)  # eta(3/2): Fermi-Dirac over Maxwell-Boltzmann


def test_moller_production_is_in_closed_form():
    energy, temperature, mass, g = 0.05, 0.1, 0.2, 1e-3
    w = mass**2 / (4 * energy * temperature)
    expected = g**2 * mass**2 * temperature / (16 * np.pi * energy**2) * np.log1p(np.exp(-w))
    assert_allclose(rates("scalar", mass, energy, temperature, "moller").on_shell * g**2, expected, rtol=2e-6)


def test_occupied_above():
    w = np.array([0.0, 1e-6, 0.3, 5.0, 60.0, 1e4])
    eta = (1 - 2**-0.5) * zeta(1.5)
    assert_allclose(scattering.occupied_above(0.0, "paper"), gamma_function(1.5) * eta, rtol=2e-8)
    direct = [quad(lambda k: k**0.5 / (np.exp(k) + 1), v, v + 60, epsabs=0, epsrel=1e-11)[0] for v in w[2:5]]
    assert_allclose(scattering.occupied_above(w[2:5], "paper"), direct, rtol=1e-7)
    for velocity in VELOCITIES:
        assert np.all(np.diff(scattering.occupied_above(w[1:], velocity)) <= 0)


def test_lepton_densities():
    t = np.array([1e-4, 0.01, 10.0])
    assert_allclose(lepton_density_ratio(CHARGED_LEPTON_MASSES[0], t)[2], 1.0, rtol=1e-6)
    z, nonrelativistic = 50.0, np.sqrt(np.pi / 2) * 50.0**1.5 * np.exp(-50.0) * (1 + 15 / 8 / 50)
    assert_allclose(lepton_density_ratio(z, np.ones(1))[0], nonrelativistic / (1.5 * zeta(3.0)), rtol=1e-3)


def test_widths():
    """lambda^2 m/(32 pi), lambda^2 m/(24 pi), eq. (4.6) with both thresholds, and B - L above all of them."""
    assert_allclose(decay_width("scalar", 2.0, 0.1), 0.01 * 2 / (32 * np.pi))
    assert_allclose(decay_width("neutrinophilic", 2.0, 0.1), 0.01 * 2 / (24 * np.pi))
    assert_allclose(decay_width("lmu_ltau", 0.1, 0.1), 0.01 * 0.1 / (12 * np.pi))
    assert_allclose(decay_width("lmu_ltau", 1e3, 0.1), 0.01 * 1e3 / (12 * np.pi) * 3, rtol=1e-4)
    assert_allclose(decay_width("b_minus_l", 1e-3, 0.1), 0.01 * 1e-3 / (12 * np.pi) * 1.5)
    assert_allclose(decay_width("b_minus_l", 1e3, 0.1), 0.01 * 1e3 / (12 * np.pi) * 4.5, rtol=1e-4)
    r = (0.10566 / 0.5) ** 2
    expected = 0.01 * 0.5 / (12 * np.pi) * (1 + (1 + 2 * r) * np.sqrt(1 - 4 * r))
    assert_allclose(decay_width("lmu_ltau", 0.5, 0.1), expected, rtol=1e-4)


def test_a_channel_without_a_pole_is_finite_at_the_mediators_mass():
    """s = m^2 with no width: what multiplies the pole is zero, and so is the coupling's part."""
    around = scattering.cross_section("t_channel", np.array([1 - 1e-9, 1.0, 1 + 1e-9]), 1.0, 1.0, 0.0)
    assert_allclose(around[1], around[[0, 2]], rtol=1e-8)
    for name in scattering.CHANNELS:
        assert scattering.cross_section(name, 1.0, 1.0, 0.0, 0.0) == 0.0
    assert scattering.cross_section("vector", 1.0, 1.0, 1.0, 0.0) == np.inf


@pytest.mark.parametrize("kind", ["scalar", "neutrinophilic"])
@pytest.mark.parametrize("mass", [1.0, 0.3, 0.1])
def test_tables_of_a_narrow_pole_are_worth_the_square_of_its_width(kind, mass):
    """Against the pole with its width, up to the end of perturbation theory."""
    for coupling in (0.5, 2.0, 3.54):
        expected = literal.scattering_rate(kind, 0.1, 0.1, mass, coupling)
        error = rates(kind, mass, 0.1, 0.1).rate(coupling) / expected - 1
        assert abs(error) < 1.1 * (decay_width(kind, mass, coupling) / mass) ** 2


def test_perturbation_theory_ends_with_the_coupling_or_with_the_width():
    assert is_perturbative("scalar", 1.0, 3.5) and not is_perturbative("scalar", 1.0, 3.6)
    assert is_perturbative("b_minus_l", 10.0, 2.04) and not is_perturbative("b_minus_l", 10.0, 2.06)


@pytest.mark.parametrize("kind, mass", [("scalar", 0.1), ("lmu_ltau", 6.0), ("b_minus_l", 6.0)])
def test_no_coupling_makes_a_rate_negative(kind, mass):
    """Where the powers of a huge one would, production is as if the mediator had no rate there."""
    g2, temperature = (4 * np.pi) ** 2, np.geomspace(10.0, 1e-3, 60)
    x = np.geomspace(0.1, 30, 12)[:, np.newaxis] * np.ones(60)
    rates, nothing = mediator_rates(kind, mass, x, temperature), np.zeros_like(x)
    powers = g2 * (rates.on_shell + g2 * rates.off_shell)
    assert np.any(powers < 0) and np.any(powers > 0)
    energy, clock, fermi = x * temperature, 5 * temperature**2 / PLANCK_MASS, 1 / (np.exp(x) + 1)
    gamma, step = FERMI_CONSTANT**2 * energy * temperature**4, np.log(1e4) / 59

    def produced(gamma, on_shell, off_shell):
        f = np.empty_like(x)
        mediator = MediatorRates(on_shell, off_shell, rates.potential)
        accumulate(Bath(temperature, clock, x, energy, fermi, gamma, nothing), mediator, g2**0.5, 1e-5, 1e-10, step, f)
        return f

    f = produced(gamma, rates.on_shell, rates.off_shell)
    assert np.all(f[:, -1] > 0) and np.all(np.diff(f, axis=1) >= 0)
    assert_allclose(f, produced(gamma + np.where(powers > 0, powers, 0.0), nothing, nothing), rtol=1e-9)


@pytest.mark.parametrize(
    "kind, least", [("scalar", 9.3), ("lmu_ltau", 5.4), ("b_minus_l", 4.8), ("neutrinophilic", 12.5)]
)
def test_smaller_couplings_do_not_either(kind, least):
    """As the head of the module says: where that begins, mediators are broader than 0.85 of their mass."""
    temperature = np.geomspace(1e-4, 10.0, 40)
    x = np.geomspace(0.01, 60, 40)[:, np.newaxis] * np.ones(40)
    for velocity in VELOCITIES:
        for mass in (1e-3, 0.1, 0.25, 5.0, 6.0, 100.0):
            rates = mediator_rates(kind, mass, x, temperature, velocity)
            assert np.all(rates.on_shell + least**2 * rates.off_shell >= 0)
    assert kind == "neutrinophilic" or decay_width(kind, 6.0, least) > 0.85 * 6.0
