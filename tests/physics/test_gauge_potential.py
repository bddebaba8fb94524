"""The potential from W and Z exchange: exact limits, quad's principal values, regression values, zeros, convergence."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.gauge_potential import active_potential, boson_potential
from hpc_nu.plasma.higgs import higgs_expectation_value

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
V = sm.ELECTROWEAK_VEV

# T [GeV], k/T: b_-/T, b_+/T at M = 1 GeV, from an independent implementation
INDEPENDENT = [
    (5, 3, -2.098e-5, -1.037e-5),
    (10, 3, -4.397e-4, -2.028e-4),
    (15, 3, -4.552e-4, -7.003e-4),
    (20, 1, -2.246e-3, -1.213e-3),
    (20, 3, 1.185e-3, -5.511e-4),
    (30, 3, 4.223e-3, 1.670e-3),
    (50, 3, 7.083e-3, 7.885e-3),
    (100, 3, 1.044e-2, 2.44e-2),
    (140, 3, 1.270e-2, 4.73e-2),
]


@pytest.mark.parametrize("temperature, k, minus, plus", INDEPENDENT)
def test_potential_has_the_values_of_an_independent_implementation(temperature, k, minus, plus):
    b = active_potential(k * temperature, 1.0, temperature, higgs_expectation_value(temperature)) / temperature
    np.testing.assert_allclose(b, [minus, plus], rtol=1e-3)


def principal_value(function, singular_points, low, high):
    """int function, symmetric about each of the simple poles."""
    points = sorted(x for x in singular_points if low < x < high)
    if not points:
        return quad(function, low, high, epsrel=1e-10, limit=200)[0]
    gaps = np.diff([low, *points, high])
    reach = 0.4 * min(gaps)
    total, start = 0.0, low
    for x in points:
        total += quad(function, start, x - reach, epsrel=1e-10, limit=200)[0]
        total += quad(lambda y, x=x: function(x + y) + function(x - y), 0, reach, epsrel=1e-9, limit=200)[0]
        start = x + reach
    return total + quad(function, start, high, epsrel=1e-10, limit=200)[0]


@pytest.mark.parametrize(
    "k, mass, boson, lepton", [(3.0, 1.0, 2.0, 0.5), (0.7, 0.0, 4.0, 0.0), (2.0, 3.0, 1.0, 0.3), (1.0, 2.0, 2.5, 1.0)]
)
def test_potential_is_the_principal_value_of_the_loop_integral(k, mass, boson, lepton):
    energy = math.hypot(k, mass)
    gap = {"fermion": mass**2 + lepton**2 - boson**2, "boson": mass**2 + boson**2 - lepton**2}

    def along(kind, p, h):
        """The integrand over the momentum in the bath, by principal values over the angle."""
        e = math.hypot(p, lepton if kind == "fermion" else boson)
        occupation = 1 / (math.exp(e) + (1 if kind == "fermion" else -1))

        def integrand(c):
            product, vp = 2 * (energy * e - k * p * c), e + h * p * c
            if kind == "fermion":
                return vp * (1 / (gap[kind] + product) - 1 / (gap[kind] - product))
            v_k = energy + h * k
            return (v_k - vp) / (gap[kind] - product) + (v_k + vp) / (gap[kind] + product)

        poles = [(energy * e + sign * gap[kind] / 2) / (k * p) for sign in (1, -1)]
        return p**2 / (8 * math.pi**2 * e) * occupation * principal_value(integrand, poles, -1, 1)

    # Where a pole reaches the edge of the angular range the radial integrand has a logarithm: break there.
    breaks = [0.0, 45.0]
    for kind, particle in (("fermion", lepton), ("boson", boson)):
        grid = np.linspace(1e-6, 45, 4001)
        for c in (-1, 1):
            for sign in (-1, 1):

                def edge(p, particle=particle, kind=kind, c=c, sign=sign):
                    return energy * math.hypot(p, particle) + sign * gap[kind] / 2 - c * k * p

                values = np.array([edge(p) for p in grid])
                breaks += [brentq(edge, grid[i], grid[i + 1]) for i in np.flatnonzero(values[:-1] * values[1:] < 0)]
    breaks = np.array(sorted({*breaks, 1.0, 5.0, 12.0}))
    nodes, weights = np.polynomial.legendre.leggauss(10)
    expected = np.zeros(2)
    for low, high in zip(breaks[:-1], breaks[1:], strict=True):
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            x, jacobian = node**2 * (3 - 2 * node), 6 * node * (1 - node)
            p = low + (high - low) * x
            for index, h in enumerate((-1, 1)):
                value = along("fermion", p, h) + along("boson", p, h)
                expected[index] += weight * jacobian * (high - low) * value
    got = boson_potential(k, mass, boson, lepton, NODES, WEIGHTS)
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-4 * np.max(np.abs(expected)))


def low_temperature_potential(momentum, temperature):
    """Notzold and Raffelt (1988), symmetric bath, massless charged lepton: rho_l = 2 rho_nu = 7 pi^2 T^4/60."""
    rho = 7 * math.pi**2 / 60 * temperature**4
    return -8 * math.sqrt(2) * sm.FERMI_CONSTANT * momentum / 3 * (rho / sm.W_MASS**2 + rho / 2 / sm.Z_MASS**2)


def test_potential_is_that_of_notzold_and_raffelt_at_low_temperature():
    excess = [active_potential(t, 0.0, t, V)[0] / low_temperature_potential(t, t) - 1 for t in (1.0, 2.5, 5.0)]
    assert abs(excess[0]) < 1e-5
    assert excess[2] == pytest.approx(0.0027, rel=0.02)
    assert excess[1] / excess[0] == pytest.approx(2.5**4, rel=0.05)  # the next order in 1/m^2, squared


@pytest.mark.parametrize("k", [0.1, 1.0, 5.0])
def test_potential_is_half_the_asymptotic_mass_squared_over_k_for_massless_bosons(k):
    mass2 = (3 * sm.WEAK_COUPLING_SQUARED + sm.HYPERCHARGE_COUPLING_SQUARED) / 16
    assert active_potential(100 * k, 0.0, 100.0, 0.0)[0] / 100 == pytest.approx(mass2 / (2 * k), rel=1e-5)
    # Linear in the boson's mass, as soft bosons demand.
    deficits = [1 - active_potential(100 * k, 0.0, 100.0, v)[0] / 100 / (mass2 / (2 * k)) for v in (0.01, 0.1)]
    assert deficits[1] / deficits[0] == pytest.approx(10, rel=1e-2)


@pytest.mark.parametrize("k, zero", [(1, 28.2), (2, 20.1), (3, 16.7), (5, 13.2), (8, 10.5)])
def test_potential_changes_sign_at_the_known_temperatures(k, zero):
    def minus(temperature):
        return active_potential(k * temperature, 1.0, temperature, higgs_expectation_value(temperature))[0]

    assert brentq(minus, 5, 50) == pytest.approx(zero, abs=0.06)


@pytest.mark.parametrize("mass, crossing", [(1, 18.1), (2, 20.8), (5, 30.2), (10, 48.4), (30, 115)])
def test_levels_cross_at_the_known_temperatures(mass, crossing):
    def gap(temperature):
        k = 3 * temperature
        b = active_potential(k, mass, temperature, higgs_expectation_value(temperature))[0]
        return mass**2 / (math.hypot(k, mass) + k) - b

    assert brentq(gap, 17, 140) == pytest.approx(crossing, rel=0.02)


@pytest.mark.parametrize("temperature", [4.0, 30.0, 146.0])
def test_potential_has_converged(temperature):
    momenta, vev = temperature * np.array([0.1, 1.0, 10.0]), higgs_expectation_value(temperature)
    for mass in (0.0, 1.0, 30.0):
        for lepton_mass in (0.0, sm.CHARGED_LEPTON_MASSES[2]):
            coarse, fine = (active_potential(momenta, mass, temperature, vev, lepton_mass, n_nodes=n) for n in (16, 40))
            np.testing.assert_allclose(coarse, fine, rtol=1e-4)


def test_heavy_lepton_thins_out():
    massless, muon, tau = (active_potential(15.0, 1.0, 5.0, V, m)[0] for m in (0.0, *sm.CHARGED_LEPTON_MASSES[1:]))
    assert muon == pytest.approx(massless, rel=1e-3)
    assert 0.9 < tau / massless < 0.999


def test_meaningless_arguments_are_refused():
    for arguments in [(0.0, 1.0, 10.0, 246.0), (1.0, 1.0, 0.0, 246.0), (1.0, 1.0, 10.0, 246.0, -1.0)]:
        with pytest.raises(ValueError, match="active_potential"):
            active_potential(*arguments)
