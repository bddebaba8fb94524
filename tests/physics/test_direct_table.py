"""The table of direct rates agrees with what it is made from, at its nodes and between them."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hpc_nu.plasma import direct_table
from hpc_nu.plasma.direct_medium import scalar_mass_squared
from hpc_nu.plasma.direct_rates import direct_rates
from hpc_nu.plasma.direct_table import (
    DirectTable,
    build,
    direct_tables,
    identity,
    node_values,
    nodes_for,
    open_direct_table,
    packaged_file,
    read_table,
    seconds_to_build,
    write_table,
)
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.running_couplings import running_couplings
from hpc_nu.plasma.table_store import CACHE_VARIABLE, Unusable
from hpc_nu.single_process import SingleProcess

ALONE = SingleProcess()


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_the_packaged_table_is_the_one_that_the_code_asks_for(crossover):
    table = open_direct_table(crossover, ALONE)
    assert table.source == str(packaged_file(crossover)) and seconds_to_build(crossover) == 0
    assert table.identity == identity(nodes_for(crossover)) and table.temperature_range == (100.0, 1e6)
    assert packaged_file(crossover).stat().st_size < 1e5


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_random_nodes_of_the_packaged_table_can_be_computed_again(crossover):
    nodes = nodes_for(crossover)
    values = read_table(packaged_file(crossover), nodes)
    rng = np.random.default_rng(7)
    for _ in range(10):
        i, j = rng.integers(len(nodes.temperatures)), rng.integers(len(nodes.momenta))
        assert_allclose(values[:, i, j], node_values(nodes, i, j), rtol=1e-8)


@pytest.mark.parametrize("crossover", CROSSOVERS)
@pytest.mark.parametrize(
    ("lowest", "highest", "error_c", "error_v"),
    [(0.25, 30, 2e-3, 5e-3), (0.1, 0.25, 1e-2, 3e-2), (0.03, 0.1, 0.06, 0.15)],
)
def test_between_the_nodes(crossover, lowest, highest, error_c, error_v):
    table = direct_tables[crossover]
    rng = np.random.default_rng(int(1e3 * lowest))
    for edges in ((100, 148), (148, 165), (165, 400), (400, 1e6)):
        for temperature, k in np.exp(rng.uniform(np.log([edges[0], lowest]), np.log([edges[1], highest]), (6, 2))):
            exact = direct_rates(temperature, k * temperature, crossover=crossover)
            got_c, got_v = table.rates(temperature, k * temperature, 1e-3)
            assert got_c / temperature == pytest.approx(exact.gamma_c, rel=error_c), (temperature, k)
            massless = 1e-6 / (4 * k**2 * temperature)
            assert got_v / massless == pytest.approx(exact.kernel_v, rel=error_v), (temperature, k)


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_both_splines_meet_where_the_scalars_are_massless(crossover):
    nodes = nodes_for(crossover)
    kink = nodes.temperatures[nodes.kink]
    assert scalar_mass_squared(kink, running_couplings(np.pi * kink), crossover) == pytest.approx(0, abs=1e-12)
    temperatures = kink * (1 + np.array([-1e-10, 1e-10]))
    for below, above in direct_tables[crossover].rates(temperatures, 100.0, 1.0):
        assert below == pytest.approx(above, rel=1e-7)


@pytest.mark.parametrize(("mass", "k", "error_c", "error_v"), [(2.0, 0.3, 0.005, 0.02), (10.0, 1.0, 0.01, 0.09)])
def test_a_mass_enters_by_kinematics_alone(mass, k, error_c, error_v):
    for temperature in (140.0, 160.0, 300.0):
        exact = direct_rates(temperature, k * temperature, mass)
        energy = np.hypot(k * temperature, mass)
        gamma_v = temperature * mass**2 / (2 * energy * (energy + k * temperature)) * exact.kernel_v
        got_c, got_v = direct_tables["leading_order"].rates(temperature, k * temperature, mass)
        assert got_c == pytest.approx(temperature * exact.gamma_c, rel=error_c)
        assert got_v == pytest.approx(gamma_v, rel=error_v)


def test_arguments_broadcast_and_are_refused_out_of_range():
    table = direct_tables["leading_order"]
    gamma_c, gamma_v = table.rates(np.array([[150.0], [200.0]]), [100.0, 200.0, 300.0], 1.0)
    assert gamma_c.shape == gamma_v.shape == (2, 3)
    assert gamma_c[1, 2] == table.rates(200.0, 300.0, 1.0)[0]
    assert_array_equal(table.rates(200.0, 1e-3, 0.0), table.rates(200.0, 1e-2, 0.0))
    for temperature in (99.0, 2e6, np.nan):
        with pytest.raises(ValueError, match="temperature .* GeV: expected from 100 to 1e"):
            table.rates([200.0, temperature], 100.0, 1.0)
    with pytest.raises(ValueError, match="'sudden': expected one of leading_order, lattice"):
        open_direct_table("sudden", ALONE)


# --- tables of other nodes, files ---


@pytest.fixture
def few_nodes(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(direct_table, "PACKAGED_FOLDER", tmp_path / "package")
    monkeypatch.setattr(direct_table, "MOMENTA", (0.3, 1.0, 3.0, 10.0))
    monkeypatch.setattr(direct_table, "BELOW", (0.0, 0.1, 0.3, 1.0))
    monkeypatch.setattr(direct_table, "ABOVE", (10.0, 100.0))
    nodes_for.cache_clear()
    yield tmp_path
    nodes_for.cache_clear()


def test_a_table_of_another_scale_is_built_once_and_kept(few_nodes, monkeypatch):
    table = open_direct_table("lattice", ALONE, scale=2 * np.pi)
    assert table.source.startswith(str(few_nodes / "cache"))
    i = table.nodes.kink
    expected = direct_rates(table.nodes.temperatures[i], table.nodes.temperatures[i], 0.0, "lattice", 2 * np.pi)
    got, _ = table.rates(table.nodes.temperatures[i], table.nodes.temperatures[i], 0.0)
    assert got == pytest.approx(table.nodes.temperatures[i] * expected.gamma_c, rel=1e-10)
    monkeypatch.setattr(direct_table, "build", None)
    assert open_direct_table("lattice", ALONE, scale=2 * np.pi).source == table.source


def test_rebuilding_replaces_the_packaged_table(few_nodes):
    assert seconds_to_build("lattice") > 0
    table = open_direct_table("lattice", ALONE, rebuild=True)
    assert table.source == str(packaged_file("lattice")) and seconds_to_build("lattice") == 0


def test_the_identity_follows_everything_that_enters(few_nodes, monkeypatch):
    nodes = nodes_for("lattice")
    identities = [identity(nodes), identity(nodes_for("leading_order")), identity(nodes._replace(scale=6.0))]
    for name, value in (
        ("hpc_nu.plasma.direct_table.PHYSICS_VERSION", 0),
        ("hpc_nu.plasma.standard_model.W_MASS", 80.4),
        ("hpc_nu.plasma.direct_scattering.N_NODES", 8),
        ("hpc_nu.plasma.direct_table.FREEZE_OUT", 60.0),
        ("hpc_nu.plasma.direct_medium.ELECTRIC_SHARE", 0.5),
        ("hpc_nu.plasma.direct_medium.NO_VEV", 1e-2),
        ("hpc_nu.plasma.direct_born.LENGTH", 40.0),
        ("hpc_nu.plasma.multiple_scattering.DEPTH", 10.0),
        ("hpc_nu.plasma.multiple_scattering.NEAR", 5.0),
        ("hpc_nu.plasma.multiple_scattering.FAR", 30.0),
        ("hpc_nu.plasma.direct_scattering.SOFTEST", -9.0),
        ("hpc_nu.plasma.direct_scattering.LARGE", 50.0),
        ("hpc_nu.plasma.direct_table.REFERENCE_COUPLINGS", (0.3, 0.6, 1.1, 0.9, 0.1)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(name, value)
            identities.append(identity(nodes))
    assert len(set(identities)) == len(identities) and identity(nodes) == identities[0]


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _change_a_value(path):
    with h5py.File(path, "r+") as file:
        file["gamma_c"][0, 0] *= 1.001


def _cut(path):
    with h5py.File(path, "r+") as file:
        values = file["kernel_v"][1:]
        del file["kernel_v"]
        file["kernel_v"] = values


@pytest.mark.parametrize("damage", [_truncate, _change_a_value, _cut], ids=lambda damage: damage.__name__[1:])
def test_a_damaged_table_is_not_read(damage, few_nodes):
    nodes, path = nodes_for("lattice"), few_nodes / "table.h5"
    values = np.random.default_rng(1).uniform(size=nodes.shape())
    write_table(path, nodes, values)
    assert_array_equal(read_table(path, nodes), values)
    damage(path)
    with pytest.raises(Unusable):
        read_table(path, nodes)


def test_splines_go_through_what_was_built(few_nodes):
    nodes = nodes_for("leading_order")
    values = build(nodes, ALONE)
    table = DirectTable(nodes, values)
    temperatures = np.array(nodes.temperatures)[:, np.newaxis]
    got, _ = table.rates(temperatures, temperatures * nodes.momenta, 0.0)
    assert_allclose(got / temperatures, values[0], rtol=1e-10)
