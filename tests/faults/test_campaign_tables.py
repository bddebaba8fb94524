"""Tables of the self-energy in a campaign: a user's own, a wrong one, one that has changed since."""

import json

import h5py
import pytest
from campaigns import LEPTON, OWN_TABLE, make_own_table, write

from hpc_nu import cli
from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE
from hpc_nu.plasma.table_file import shared_table, tables


@pytest.fixture
def campaign(tmp_path):
    path = tmp_path / "own.h5"
    make_own_table(path)
    return write(tmp_path, OWN_TABLE.replace("TABLE", str(path))), path


def ends(capsys, *arguments):
    code = cli.main([*map(str, arguments)])
    return code, capsys.readouterr().err


def test_a_table_of_ones_own_is_used_and_named(campaign, alone, tmp_path, capsys):
    input_path, table = campaign
    output = tmp_path / "out.h5"
    assert ends(capsys, "run", input_path, "-o", output)[0] == COMPLETE
    with h5py.File(output) as file:
        packaged, own = file["results/Y_L"][:]
        tables = json.loads(file.attrs["tables"])
    assert 0 < abs(own / packaged - 1) < 1e-3
    assert tables["self-energy (default)"] == shared_table("default").identity
    assert tables[str(table)] == shared_table(str(table)).identity


def test_a_table_that_has_changed_is_another_problem(campaign, alone, tmp_path, capsys):
    input_path, table = campaign
    output = tmp_path / "out.h5"
    assert ends(capsys, "run", input_path, "-o", output)[0] == COMPLETE
    before = output.read_bytes()
    make_own_table(table, factor=1.01)
    tables.clear()
    code, message = ends(capsys, "run", input_path, "-o", output)
    assert code == BAD_INPUT and "Nothing was written" in message
    assert "variations.own.self_energy: the file " in message and " -> the file " in message
    assert output.read_bytes() == before


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("spoil", "clues"),
    [
        (lambda path: path.unlink(), ["No such file"]),
        (lambda path: path.write_text("# no HDF5\n"), ["cannot be read as HDF5"]),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), ["cannot be read as HDF5"]),
        (lambda path: make_own_table(path, lowest=20.0), ["T = 20 ... 165 GeV", "10 ... "]),
        (lambda path: make_own_table(path, masses=(1.0,)), ["M = 1 ... 1 GeV", "2 ... 2 GeV"]),
    ],
    ids=["missing", "text", "truncated", "too narrow in T", "another mass"],
)
def test_a_table_that_does_not_serve_is_refused_before_anything_is_computed(
    command, spoil, clues, campaign, alone, tmp_path, capsys
):
    input_path, table = campaign
    spoil(table)
    code, message = ends(capsys, command, input_path, *(["-o", tmp_path / "out.h5"] if command == "run" else []))
    assert code == BAD_INPUT and "Traceback" not in message
    assert all(clue in message for clue in ["own.h5", "variations.own", *clues]), message
    assert not (tmp_path / "out.h5").exists()


def test_units_of_a_wrong_kind_are_refused(campaign, alone, capsys):
    input_path, table = campaign
    with h5py.File(table, "r+") as file:
        file["temperature"].attrs["units"] = "MeV"
    code, message = ends(capsys, "check", input_path)
    assert code == BAD_INPUT and "temperature has units 'MeV': expected 'GeV'" in message


@pytest.mark.parametrize(
    ("setting", "clues"),
    [
        ("propagator: expanded", ["80 GeV", "10 GeV"]),
        ("colour_factor: -1", ["colour_factor"]),
        ("crossover: letice", ["crossover", "lattice"]),
        ("T_start: {value: 1.0e+7, unit: GeV}", ["T_start", "1000000"]),
        ("T_end: {value: 0.5, unit: MeV}", ["T_end", "1 <= T_end"]),
    ],
)
def test_settings_of_the_rates_out_of_range_are_refused(setting, clues, alone, tmp_path, capsys):
    text = OWN_TABLE[: OWN_TABLE.index("settings:")] + f"settings:\n  {setting}\n" + LEPTON[LEPTON.index("grids:") :]
    code, message = ends(capsys, "check", write(tmp_path, text.replace("log: [1000, 10]", "log: [100, 20]")))
    assert code == BAD_INPUT and all(clue in message for clue in clues), message
