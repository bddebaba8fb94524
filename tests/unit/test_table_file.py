"""Tables on disk: found, refused, built once, and never half-written; and those of users."""

import logging
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny_table import BEFORE, TINY

from hpc_nu.plasma import table_file, table_store
from hpc_nu.plasma.table_builder import BLOCKS, build, identity
from hpc_nu.plasma.table_file import default_table, open_table, read_table, table_for_mass, write_table
from hpc_nu.plasma.user_table import UserTable, write_user_table
from hpc_nu.single_process import SingleProcess

ALONE = SingleProcess()


@pytest.fixture(scope="module")
def blocks():
    return build(TINY, ALONE)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no packaged table, and a default table that is built in a second."""
    monkeypatch.setenv(table_store.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(table_file, "DEFAULT", TINY)
    monkeypatch.setattr(table_file, "PACKAGED", tmp_path / "package" / "table.h5")
    return tmp_path / "cache"


@pytest.fixture
def builds(monkeypatch, blocks):
    """Counts builds, and makes them free."""
    done = []

    def counted(nodes, communicator):
        done.append(nodes)
        return blocks if nodes == TINY else build(nodes, communicator)

    monkeypatch.setattr(table_file, "build", counted)
    return done


def test_a_table_is_built_once_and_then_read(cache, builds, blocks):
    first, second = default_table(ALONE), default_table(ALONE)
    assert len(builds) == 1 and first.source == second.source and Path(first.source).parent == cache
    assert first.identity == second.identity == identity(TINY)
    for read, built in zip(read_table(first.source, TINY).values(), blocks.values(), strict=True):
        assert_array_equal(read, built)
    assert not list(cache.glob("*.tmp*"))


def test_the_packaged_table_comes_first_and_one_of_other_physics_is_passed_over(cache, builds, blocks, monkeypatch):
    table_file.PACKAGED.parent.mkdir()
    write_table(table_file.PACKAGED, TINY, blocks)
    assert default_table(ALONE).source == str(table_file.PACKAGED) and not builds
    monkeypatch.setattr("hpc_nu.plasma.table_builder.PHYSICS_VERSION", 0)
    assert Path(default_table(ALONE).source).parent == cache and len(builds) == 1


def test_rebuilding_replaces_the_packaged_table_or_where_that_cannot_be_the_cached_one(cache, builds, monkeypatch):
    assert default_table(ALONE, rebuild=True).source == str(table_file.PACKAGED)
    assert default_table(ALONE).source == str(table_file.PACKAGED) and len(builds) == 1
    monkeypatch.setattr(table_file, "PACKAGED", Path("/proc/nowhere/table.h5"))
    assert Path(default_table(ALONE, rebuild=True).source).parent == cache


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip_a_byte(path):
    with h5py.File(path) as file:
        place = file["bosons"].id.get_chunk_info(0).byte_offset + 40
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def _change_a_value(path):
    with h5py.File(path, "r+") as file:
        file["leptons"][0, 0, 0, 0] += 1e-3


def _drop_a_block(path):
    with h5py.File(path, "r+") as file:
        del file["matter"]


def _cut_a_block(path):
    with h5py.File(path, "r+") as file:
        values = file["matter"][1:]
        del file["matter"]
        file["matter"] = values


def _claim_terabytes(path):
    with h5py.File(path, "r+") as file:
        del file["matter"]
        file.create_dataset("matter", shape=(2**20, 2**20), dtype="f4")


def _make_a_group(path):
    with h5py.File(path, "r+") as file:
        del file["matter"]
        file.create_group("matter")


def _fill_with_text(path):
    path.write_text("not HDF5")


DAMAGE = [
    _truncate, _flip_a_byte, _change_a_value, _drop_a_block, _cut_a_block, _claim_terabytes, _make_a_group,
    _fill_with_text,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__[1:])
def test_a_damaged_table_is_named_and_built_again(damage, cache, builds, caplog):
    path = Path(default_table(ALONE).source)
    damage(path)
    with caplog.at_level(logging.WARNING, "hpc_nu"):
        table = default_table(ALONE)
    assert str(path) in caplog.text and "not used" in caplog.text
    assert len(builds) == 2 and table.source == str(path)
    read_table(path, TINY)


def test_without_a_place_to_keep_it_the_table_stays_in_memory(cache, builds, monkeypatch, caplog):
    monkeypatch.setattr(table_store, "cache_folder", lambda: None)
    assert default_table(ALONE).source is None
    assert table_store.CACHE_VARIABLE in caplog.text


def test_the_identity_follows_everything_that_enters(monkeypatch):
    identities = [identity(TINY), identity(TINY._replace(n_nodes=(4, 5))), identity(TINY._replace(crossover="lattice"))]
    for name, value in (
        ("hpc_nu.plasma.standard_model.W_MASS", 80.4),
        ("hpc_nu.plasma.standard_model.MESONS", ()),
        ("hpc_nu.plasma.table_builder.PHYSICS_VERSION", 0),
        ("hpc_nu.plasma.fermi_theory.N_NODES", 12),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(name, value)
            identities.append(identity(TINY))
    assert len(set(identities)) == len(identities) and identity(TINY) == identities[0]


def test_two_processes_that_start_together_build_once(tmp_path):
    code = BEFORE + (
        "import logging\nlogging.basicConfig(level=logging.INFO)\n"
        "from hpc_nu.single_process import SingleProcess\n"
        "print(table_file.default_table(SingleProcess()).source)\n"
    )
    tests = Path(__file__).parents[1]
    path = os.pathsep.join(filter(None, [str(tests.parent), str(tests), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, table_store.CACHE_VARIABLE: str(tmp_path / "cache")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        texts = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], texts
    assert sum(" on 1 rank" in error for _, error in texts) == 1, texts
    assert sum("waiting for it" in error for _, error in texts) <= 1 and texts[0][0] == texts[1][0]


def test_a_table_for_one_mass_is_for_that_mass_and_crossover_alone(cache, monkeypatch):
    table = open_table("this_mass", ALONE, mass=2.5, crossover="lattice")
    assert table.mass_range == (2.5, 2.5) and table.identity != identity(TINY)
    width, _ = table.self_energy([1.0, 300.0], 2.5, [1.0, 100.0], "lattice")
    assert np.all(width > 0)
    with pytest.raises(ValueError, match="mass 2.6 GeV: expected from 2.5 to 2.5"):
        table.self_energy(1.0, 2.6, 1.0, "lattice")
    with pytest.raises(ValueError, match="'leading_order' needs another table"):
        table.self_energy(1.0, 2.5, 1.0)
    assert table_for_mass(2.5, ALONE, "lattice").source == table.source
    with pytest.raises(ValueError, match="mass 50 GeV: expected between 0 and 40"):
        table_for_mass(50.0, ALONE)
    with pytest.raises(ValueError, match="needs a mass"):
        open_table("this_mass", ALONE)


# Users' tables

MASS, TEMPERATURE, MOMENTUM = np.geomspace(0.5, 5, 4), np.geomspace(0.1, 200, 12), np.geomspace(0.01, 20, 9)


def analytic(momentum, mass, temperature):
    """Powers, of which splines in logarithms are exact."""
    flavour, helicity = np.arange(1.0, 4)[:, np.newaxis], np.array([-1.0, 1.0])
    m, t, q = (np.asarray(x)[..., np.newaxis, np.newaxis] for x in (mass, temperature, momentum / temperature))
    return flavour * m**2 * t**3 * q ** (0.5 * helicity), t * helicity * (np.log(q) + flavour * np.log(t) * np.log(m))


@pytest.fixture
def user_file(tmp_path):
    m, t, q = np.meshgrid(MASS, TEMPERATURE, MOMENTUM, indexing="ij")
    path = tmp_path / "mine.h5"
    write_user_table(path, MASS, TEMPERATURE, MOMENTUM, *analytic(q * t, m, t))
    return path


def test_a_users_table_gives_back_what_it_was_made_from(user_file):
    table = open_table(user_file, ALONE)
    assert isinstance(table, UserTable) and table.mass_range == (0.5, 5) and table.temperature_range == (0.1, 200)
    m, t = np.array([[0.5], [1.7], [5.0]]), np.array([0.1, 0.3, 4.0, 200.0])
    for result, expected in zip(table.self_energy(3 * t, m, t, "lattice"), analytic(3 * t, m, t), strict=True):
        assert_allclose(result, expected, rtol=1e-10, atol=1e-12)
    ends = table.self_energy([0.01, 20.0], 1.0, 1.0), table.self_energy([1e-3, 2e3], 1.0, 1.0)
    assert_array_equal(*ends)
    for arguments, name in (
        ((1.0, 0.4, 1.0), "mass"),
        ((1.0, 1.0, 201.0), "temperature"),
        ((0.0, 1.0, 1.0), "momentum"),
    ):
        with pytest.raises(ValueError, match=name):
            table.self_energy(*arguments)
    with pytest.raises(ValueError, match="colour_factor = 2"):
        table.self_energy(1.0, 1.0, 1.0, colour_factor=2.0)


def test_a_users_table_of_one_mass_and_in_units_of_t(user_file, tmp_path):
    before = open_table(user_file, ALONE)
    with h5py.File(user_file, "r+") as file:
        for name in ("width", "potential"):
            values = file[name][:] / TEMPERATURE[:, np.newaxis, np.newaxis, np.newaxis]
            del file[name]
            file[name] = values[1:2]
            file[name].attrs["units"] = "1"
        mass = file["mass"][1]
        del file["mass"]
        file["mass"] = [mass]
        file["mass"].attrs["units"] = "GeV"
    after = open_table(user_file, ALONE)
    assert after.identity != before.identity
    assert_allclose(after.self_energy(2.0, mass, 1.0), before.self_energy(2.0, mass, 1.0), rtol=1e-10)


def _set(name, index, value):
    def change(file):
        file[name][index] = value

    return change


def _units(name, value):
    def change(file):
        file[name].attrs["units"] = value

    return change


def _replace(name, value):
    def change(file):
        units = file[name].attrs["units"]
        del file[name]
        file[name] = value
        file[name].attrs["units"] = units

    return change


def _delete(name):
    def change(file):
        del file[name]

    return change


@pytest.mark.parametrize(
    "change, message",
    [
        (_delete("potential"), "no dataset 'potential': expected mass, temperature, momentum, width, potential"),
        (_units("mass", "MeV"), "mass has units 'MeV': expected 'GeV'"),
        (_units("momentum", "GeV"), "momentum has units 'GeV': expected '1'"),
        (_units("width", "1/GeV"), "width has units '1/GeV': expected '1' or 'GeV'"),
        (lambda file: file["width"].attrs.pop("units"), "width has no attribute 'units': expected '1' or 'GeV'"),
        (_set("width", (1, 2, 3, 0, 1), 0.0), r"width\[1, 2, 3, 0, 1\] = 0: expected positive numbers"),
        (_set("potential", (0, 0, 0, 2, 0), np.nan), r"potential\[0, 0, 0, 2, 0\] = nan: expected finite numbers"),
        (_set("temperature", 3, 0.1), r"temperature\[3\] = 0.1 after 0.39\d*: expected increasing numbers"),
        (_set("momentum", 0, -1.0), r"momentum\[0\] = -1: expected finite positive numbers"),
        (_replace("mass", MASS[:2]), r"mass has the shape \(2,\): expected one axis with 1 or at least 4 nodes"),
        (_replace("momentum", MOMENTUM[:-1]), r"width has the shape \(4, 12, 9, 3, 2\): expected \(4, 12, 8, 3, 2\)"),
        (_replace("mass", b"heavy"), "mass is of type .*: expected real numbers"),
    ],
)
def test_every_mistake_in_a_users_table_is_named(change, message, user_file):
    with h5py.File(user_file, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=message) as error:
        open_table(user_file, ALONE)
    assert str(user_file) in str(error.value)


def _create(name, **options):
    """A dataset with nothing in it, as it claims to be."""

    def change(file):
        units = file[name].attrs["units"]
        del file[name]
        file.create_dataset(name, **options).attrs["units"] = units

    return change


def _link(name, link):
    def change(file):
        del file[name]
        file[name] = link

    return change


def _virtual(file):
    layout = h5py.VirtualLayout(file["mass"].shape, "f8")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "mass", file["mass"].shape)
    del file["mass"]
    file.create_virtual_dataset("mass", layout)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_create("momentum", shape=(2**39,), dtype="f8"), f"momentum has {2**39} nodes: expected at most 10000"),
        (_create("width", shape=(2**39,), dtype="f8"), r"width has the shape \(549755813888,\): expected"),
        (_create("mass", shape=(4,), dtype="f8", chunks=(2**28,), maxshape=(None,)), "mass is stored in chunks"),
        (_create("mass", shape=(4,), dtype="f8", external=[("/dev/zero", 0, 32)]), "mass has its numbers in another"),
        (_create("mass", data=h5py.Empty("f8")), "mass is empty: expected real numbers"),
        (_create("mass", shape=(4,), dtype=[("m", "f8"), ("n", "f8")]), "mass is of type .*: expected real numbers"),
        (_create("mass", shape=(4,), dtype=h5py.string_dtype()), "mass is of type object: expected real numbers"),
        (_virtual, "mass has its numbers in another file"),
        (_link("mass", h5py.SoftLink("/mass")), "mass is a link to something else"),
        (_link("mass", h5py.ExternalLink("other.h5", "/mass")), "mass is a link to something else"),
        (_units("mass", np.zeros(1000)), "mass has units array.*: expected 'GeV'"),
        (_units("mass", b"\xff\x1b[2J"), r"mass has units '.*\\x1b\[2J': expected 'GeV'"),
        (_units("mass", h5py.Empty("f8")), "mass has units .*: expected 'GeV'"),
    ],
)
def test_a_table_is_looked_at_before_it_is_read(change, message, user_file):
    """Nothing is allocated, and nothing outside of the file is opened, whatever it claims."""
    with h5py.File(user_file, "r+") as file:
        change(file)
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as error:
        open_table(user_file, ALONE)
    assert tracemalloc.get_traced_memory()[1] < 1e7 and str(user_file) in str(error.value)
    tracemalloc.stop()


def test_a_table_with_more_numbers_than_ranks_can_hold_is_refused(user_file):
    with h5py.File(user_file, "r+") as file:
        for name in ("temperature", "momentum"):
            _replace(name, np.geomspace(1.0, 2.0, 5000))(file)
    with pytest.raises(ValueError, match="4 x 5000 x 5000 x 3 x 2 numbers: expected at most 67108864"):
        open_table(user_file, ALONE)


def test_a_users_file_that_is_none(tmp_path):
    (tmp_path / "text.h5").write_text("text")
    os.mkfifo(tmp_path / "pipe.h5")
    for name, told in {
        "none.h5": "cannot be read .No such file",
        "text.h5": "cannot be read as HDF5",
        "pipe.h5": "is a pipe or a device",
    }.items():
        with pytest.raises(ValueError, match=f"{name}: {told}"):
            open_table(tmp_path / name, ALONE)


def test_blocks_have_the_shapes_of_their_nodes(blocks):
    assert tuple(blocks) == BLOCKS
    for block, values in blocks.items():
        assert values.shape == TINY.shape(block) and values.dtype == np.float32 and np.all(np.isfinite(values))
