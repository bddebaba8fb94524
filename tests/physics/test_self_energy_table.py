"""The table of the self-energy agrees with what it is made from, and with the exact self-energy between its nodes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hpc_nu.plasma import active_neutrino, table_builder, vacuum_widths
from hpc_nu.plasma.active_neutrino import self_energy
from hpc_nu.plasma.gauge_propagators import active_width
from hpc_nu.plasma.higgs import higgs_expectation_value
from hpc_nu.plasma.table_builder import (
    BLOCKS,
    DEFAULT,
    MASSLESS,
    NARROW_BELOW,
    NO_MASS,
    RESOLUTION,
    block_row,
    potential_scale,
)
from hpc_nu.plasma.table_file import PACKAGED, PACKAGED_MASSLESS, default_table, massless_table, read_table
from hpc_nu.plasma.uniform_spline import Axis
from hpc_nu.single_process import SingleProcess


@pytest.fixture(scope="module")
def table():
    assert PACKAGED.exists(), "the package comes without its table"
    return default_table(SingleProcess())


@pytest.fixture
def exact(monkeypatch):
    """`active_neutrino.self_energy` with the quadrature that the table uses for narrow poles."""

    def careful(momentum, mass, temperature, vev):
        n_nodes = DEFAULT.n_nodes[0 if vev > NARROW_BELOW * temperature else 1]
        return active_width(momentum, mass, temperature, vev, n_nodes)

    monkeypatch.setattr(active_neutrino, "active_width", careful)
    return active_neutrino.self_energy


def errors(table, exact, mass, temperature, ratio, crossover="leading_order", colour_factor=1.0):
    """Relative error of the width, and that of the potential over the larger of |b_h| and its scale."""
    momentum = np.asarray(ratio) * temperature
    width, potential = table.self_energy(momentum, mass, temperature, crossover, colour_factor)
    exact_width, exact_potential = exact(momentum, mass, temperature, crossover, colour_factor)
    vev = max(higgs_expectation_value(temperature, crossover) / temperature, active_neutrino.MIN_VEV_OVER_T)
    scale = temperature * potential_scale(np.asarray(ratio), mass / temperature, vev)
    scale = np.maximum(np.abs(exact_potential).max(axis=-1), scale[..., np.newaxis])[..., np.newaxis]
    return np.abs(width / exact_width - 1).max(), np.abs((potential - exact_potential) / scale).max()


def test_the_packaged_table_is_the_one_that_the_code_asks_for(table):
    assert table.source == str(PACKAGED)
    assert table.identity == table_builder.identity(DEFAULT)
    assert PACKAGED.stat().st_size < 5e6
    massless = massless_table(SingleProcess())
    assert massless.source == str(PACKAGED_MASSLESS)
    assert massless.identity == table_builder.identity(MASSLESS)


def test_the_massless_table_is_that_of_an_active_neutrino():
    k, t = np.array([0.3, 1.0, 3.0, 10.0]), np.array([[0.003], [0.1], [1.0], [20.0], [120.0]])
    width, potential = massless_table(SingleProcess()).self_energy(k * t, NO_MASS, t)
    exact_width, exact_potential = self_energy(k * t, 0.0, t)
    assert np.abs(width / exact_width - 1).max() < 2e-3
    scale = np.abs(exact_potential).max(axis=(1, 2, 3), keepdims=True)
    assert np.abs((potential - exact_potential) / scale).max() < 1e-3


@pytest.mark.parametrize("block", BLOCKS)
def test_random_nodes_of_the_packaged_table_can_be_computed_again(block):
    values = read_table(PACKAGED, DEFAULT)[block]
    rng = np.random.default_rng(BLOCKS.index(block))
    for _ in range(2):
        i, j = (int(rng.integers(n)) for n in values.shape[:2])
        assert_allclose(values[i, j], block_row(DEFAULT, block, i, j), rtol=2e-7, atol=0.5 * RESOLUTION + 1e-6)


# M [GeV] with thresholds of mesons, charged leptons and quarks nearby.
MASSES = (0.1, 0.107, 0.1351, 0.14, 0.35, 0.499, 0.78, 0.96, 1.3, 1.9, 3.6, 5.0, 9.0, 17.0, 29.9)


@pytest.mark.parametrize("temperature", [0.001, 0.0123, 0.0611, 0.152, 0.43, 1.7, 3.3])
def test_fermi_theory_between_the_nodes(table, exact, temperature):
    rng = np.random.default_rng(int(1e4 * temperature))
    for mass in rng.choice(MASSES, 3, replace=False):
        width, potential = errors(table, exact, mass, temperature, np.exp(rng.uniform(np.log(0.003), np.log(20), 2)))
        assert width < 1e-3 and potential < 1e-6, (mass, temperature)


@pytest.mark.parametrize("temperature", [3.9, 5.2, 7.3, 11.0, 19.0, 33.0, 62.0, 101.0, 125.0, 131.7, 141.0, 150.0])
def test_w_and_z_between_the_nodes(table, exact, temperature):
    rng = np.random.default_rng(int(1e4 * temperature))
    for mass in np.exp(rng.uniform(np.log(0.1), np.log(30), 2)):
        width, potential = errors(table, exact, mass, temperature, np.exp(rng.uniform(np.log(0.05), np.log(8), 2)))
        assert width < 1e-3 and potential < 1e-3, (mass, temperature)


@pytest.mark.parametrize("mass, temperature, ratio", [(1.0, 140.0, 4e-3), (0.3, 60.0, 2e-3), (10.0, 15.0, 1e-3)])
def test_soft_momenta(table, exact, mass, temperature, ratio):
    width, potential = errors(table, exact, mass, temperature, ratio)
    assert width < 5e-3 and potential < 5e-3


def test_every_crossover_and_any_number_of_colours_from_one_table(table, exact):
    for mass, temperature in ((0.5, 131.0), (2.0, 148.0), (20.0, 110.0)):
        assert max(errors(table, exact, mass, temperature, [0.3, 3.0], "lattice")) < 1e-3
    for factor in (0.0, 0.7, 1.4, 100.0):
        assert max(errors(table, exact, 0.8, 0.21, [0.3, 3.0], colour_factor=factor)) < 1e-3
    assert max(errors(table, exact, 0.8, 4.5, 1.0, colour_factor=0.5)) < 1e-3


@pytest.mark.parametrize("mass", [0.105, 0.3, 0.9, 3.0, 20.0])
def test_cold_bath_leaves_the_vacuum_width(table, mass):
    momentum = np.array([0.001, 0.03])
    width, _ = table.self_energy(momentum, mass, 0.001)
    for flavour in range(3):
        hadrons = vacuum_widths.mesonic_width if mass < 1 else vacuum_widths.quark_width
        dirac = vacuum_widths.leptonic_width(flavour, mass) + hadrons(flavour, mass)
        dirac *= vacuum_widths.boson_propagator_factor(mass)
        assert_allclose(width[:, flavour], vacuum_widths.helicity_widths(dirac, momentum, mass), rtol=1e-3)


def test_several_masses_at_once_are_those_one_by_one(table):
    mass, temperature = np.array([[0.5], [2.0], [11.0]]), np.array([0.1, 4.0, 140.0])
    together = table.self_energy(2 * temperature, mass, temperature)
    assert together[0].shape == together[1].shape == (3, 3, 3, 2)
    for i, one in enumerate(mass[:, 0]):
        for whole, part in zip(together, table.self_energy(2 * temperature, one, temperature), strict=True):
            assert_array_equal(whole[i], part)


def test_outside_of_the_momentum_axis(table):
    low, high = table_builder.MOMENTUM_RANGE
    for mass, temperature in ((1.0, 0.01), (2.0, 5.0), (1.0, 120.0)):
        ends = table.self_energy(np.array([low, high]) * temperature, mass, temperature)
        beyond = table.self_energy(np.array([low / 10, high * 10]) * temperature, mass, temperature)
        assert_array_equal(beyond[1], ends[1])
        assert_array_equal(beyond[0][0], ends[0][0])
        k = np.array([high, 10 * high]) * temperature
        near, far = vacuum_widths.helicity_widths(1.0, k, mass).T
        assert_allclose(beyond[0][1] / ends[0][1], [[near[1] / near[0], far[1] / far[0]]] * 3, rtol=1e-12)


def test_symmetric_phase_goes_on_from_the_floor_of_v(table, exact):
    floor = table_builder.temperatures_of_vev((active_neutrino.MIN_VEV_OVER_T,), "leading_order")[0]
    t = np.array([floor * (1 - 1e-9), floor * (1 + 1e-9), 1e6])
    width, potential = table.self_energy(3 * t, 1.0, t)
    for value in (width, potential):
        value = value / t[:, np.newaxis, np.newaxis]
        assert_allclose(value[1:], np.stack([value[0]] * 2), rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((1.0, 0.099, 1.0), "mass 0.099 GeV: expected from 0.1 to 30 GeV"),
        ((1.0, 31.0, 1.0), "mass 31 GeV: expected from 0.1 to 30 GeV"),
        ((1.0, 1.0, 9e-4), "temperature 0.0009 GeV: expected from 0.001 to 1e"),
        ((1.0, 1.0, [1.0, 2e6]), "temperature 2e.06 GeV: expected"),
        ((0.0, 1.0, 1.0), "momentum 0 GeV: expected finite and positive"),
        ((np.nan, 1.0, 1.0), "momentum nan GeV"),
        ((1.0, 1.0, 1.0, "leading_order", -1.0), "colour_factor -1: expected"),
        ((1.0, 1.0, 100.0, "sudden"), "crossover = 'sudden': expected one of leading_order, lattice"),
    ],
)
def test_nothing_is_extrapolated(table, arguments, message):
    with pytest.raises(ValueError, match=message):
        table.self_energy(*arguments)


@pytest.mark.parametrize("axis", [Axis(0.1, 30.0, 9), Axis(0.01, 70, 12, 0.1, 2.0, 1.0), Axis(1e-3, 9.0, 4)])
def test_splines_are_exact_for_cubics_of_their_coordinate(axis):
    nodes = axis.nodes()
    assert nodes[0] == axis.low and nodes[-1] == axis.high
    assert_allclose(np.diff(axis.coordinate(nodes)), axis.packed()[1], rtol=1e-10)
    x = np.geomspace(axis.low, axis.high, 50)

    def cubic(x):
        return np.polynomial.polynomial.polyval(axis.coordinate(x), [0.3, -1.0, 0.2, 0.1])

    assert_allclose(axis.cardinal(x) @ cubic(nodes), cubic(x), rtol=1e-9, atol=1e-9)


def test_splines_converge_with_the_fourth_power_of_the_spacing():
    worst = []
    for size in (20, 40, 80):
        axis = Axis(0.1, 30.0, size)
        x = np.geomspace(0.5, 6.0, 3000)
        worst.append(np.abs(axis.cardinal(x) @ np.sin(3 * np.log(axis.nodes())) - np.sin(3 * np.log(x))).max())
    orders = np.log2(np.array(worst[:-1]) / worst[1:])
    assert np.all(orders > 3.6), orders
