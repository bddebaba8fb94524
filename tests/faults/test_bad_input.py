"""Bad input ends with exit code 2 and one clear message; nothing is computed and nothing is overwritten."""

import gc
import os

import h5py
import pytest
from campaigns import LEPTON, TOY, write
from mpi import hpc_nu
from toy_models import BEFORE

from hpc_nu import cli
from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE
from hpc_nu.models.interface import SolverSettings

GRIDS = "  - {kind: averaged}\n  - {kind: equal_occupation, n_modes: [5, 11, 82]}\n"

WRONG_INPUTS = {
    "empty": ("", ["input.yaml"]),
    "only a comment": ("# nothing\n", ["input.yaml"]),
    "syntax": (LEPTON.replace("{value: 2.0, unit: GeV}", "{value: 2.0, unit: GeV"), ["input.yaml:"]),
    "no mapping": ("- lepton\n", ["mapping"]),
    "unknown model": (LEPTON.replace("model: lepton_asymmetry", "model: lepton_asymetry"), [":2:", "lepton_asymmetry"]),
    "unknown parameter": (LEPTON.replace("  eta:", "  etta:"), [":9:", "etta", "eta"]),
    "unknown section": (LEPTON + "grid: []\n", ["grid", "grids"]),
    "negative mass": (LEPTON.replace("value: 2.0", "value: -2.0"), [":4:", "-2.0", "out of range"]),
    "one mode": (LEPTON.replace("[5, 11, 82]", "1"), ["n_modes", "2"]),
    "no points": (LEPTON.replace("points: 6", "points: 0"), ["points", "0"]),
    "empty list": (LEPTON.replace("value: 2.0", "list: []"), ["M"]),
    "no grids": (LEPTON.replace(GRIDS, "  []\n"), ["grids"]),
    "no unit": (LEPTON.replace("{value: 2.0, unit: GeV}", "2.0"), ["M", "unit"]),
    "key twice": (LEPTON + "run: {epoch_seconds: 1}\n", ["run", "twice"]),
    "binary": ("campaign: \x00\x01\n", ["input.yaml"]),
}


def files(folder):
    """Every file below the folder with its bytes, logs aside."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.name.startswith("log-")}


def refused(capsys, *arguments):
    """The message with which the command is refused."""
    code = cli.main([*map(str, arguments)])
    gc.collect()  # an error's traceback keeps the lock of the output, which otherwise ends with the process
    out, err = capsys.readouterr()
    assert code == BAD_INPUT, err
    assert "Traceback" not in err and not out
    message = [line for line in err.splitlines() if " [0] " not in line]  # the log aside
    assert message
    return "\n".join(message)


@pytest.mark.parametrize("case", WRONG_INPUTS)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_input_file_is_refused(command, case, alone, tmp_path, capsys):
    text, clues = WRONG_INPUTS[case]
    input_path = write(tmp_path, text)
    before = files(tmp_path)
    message = refused(capsys, command, input_path, *(["-o", tmp_path / "out.h5"] if command == "run" else []))
    assert all(clue in message for clue in clues), message
    assert files(tmp_path) == before


@pytest.mark.parametrize("what", ["missing", "folder", "not text"])
def test_an_input_that_cannot_be_read_is_refused(what, alone, tmp_path, capsys):
    input_path = tmp_path / "input.yaml"
    if what == "folder":
        input_path.mkdir()
    if what == "not text":
        input_path.write_bytes(bytes(range(128, 256)))
    before = files(tmp_path)
    assert "input.yaml" in refused(capsys, "run", input_path, "-o", tmp_path / "out.h5")
    assert files(tmp_path) == before


def test_all_mistakes_are_named_at_once(alone, tmp_path, capsys):
    text = LEPTON.replace("value: 2.0", "value: -2.0").replace("[5, 11, 82]", "[5, 1]").replace("  eta:", "  etta:")
    message = refused(capsys, "check", write(tmp_path, text))
    assert all(clue in message for clue in ("-2.0", "etta", "n_modes")), message


@pytest.fixture
def finished(alone, toys, tmp_path):
    """A complete results file."""
    output = tmp_path / "out.h5"
    assert cli.main(["run", str(write(tmp_path, TOY)), "-o", str(output)]) == COMPLETE
    return output


def test_the_file_of_another_campaign_is_refused_with_the_difference(finished, tmp_path, capsys):
    for old, new, line in (
        ("points: 40", "points: 50", "points: 40, unit: 1} -> {linear: [0.1, 0.9], points: 50"),
        ("campaign: toy", "campaign: other", "campaign: toy -> other"),
        ("run:", "settings: {steps: 11}\nrun:", "settings.steps: 10 -> 11"),
        ("run:", "solver: {rtol: 1e-6}\nrun:", f"solver.rtol: {SolverSettings().rtol!r} -> 1e-06"),
    ):
        input_path = write(tmp_path, TOY.replace(old, new), "other.yaml")
        before = files(tmp_path)
        message = refused(capsys, "run", input_path, "-o", finished)
        assert line in message and str(finished) in message and "Nothing was written" in message
        assert files(tmp_path) == before


def test_another_epoch_is_the_same_campaign(finished, tmp_path):
    input_path = write(tmp_path, TOY.replace("epoch_seconds: 0.1", "epoch_seconds: 5"), "other.yaml")
    assert cli.main(["run", str(input_path), "-o", str(finished)]) == COMPLETE


def test_the_file_of_another_version_is_refused(finished, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("hpc_nu.campaign.results_file.__version__", "0.0.1")
    before = files(tmp_path)
    assert "0.0.1" in refused(capsys, "run", tmp_path / "input.yaml", "-o", finished)
    assert files(tmp_path) == before


def damage(output, how):
    content = output.read_bytes()
    if how == "truncated":
        output.write_bytes(content[: len(content) // 2])
    elif how == "one byte short":
        output.write_bytes(content[:-1])
    elif how == "empty":
        output.write_bytes(b"")
    elif how == "text":
        output.write_text("energy 1 2 3\n" * 100)
    elif how == "foreign HDF5":
        output.unlink()
        with h5py.File(output, "w") as file:
            file["status"] = [1, 1]


@pytest.mark.parametrize("how", ["truncated", "one byte short", "empty", "text", "foreign HDF5"])
@pytest.mark.parametrize("command", ["run", "status"])
def test_an_output_that_is_no_results_file_is_refused(command, how, finished, tmp_path, capsys):
    damage(finished, how)
    before = files(tmp_path)
    arguments = [tmp_path / "input.yaml", "-o", finished] if command == "run" else [finished]
    message = refused(capsys, command, *arguments)
    assert str(finished) in message
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "output",
    [
        "missing/out.h5",
        "input.yaml/out.h5",
        "folder",
        "input.yaml",
        "",
        "missing/",
    ],
)
def test_an_output_that_cannot_be_written_is_refused(output, alone, toys, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    input_path = write(tmp_path, TOY)
    before = files(tmp_path)
    assert output in refused(capsys, "run", input_path, "-o", output)
    assert files(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["folder", "input.yaml"]


@pytest.mark.parametrize("arguments", [["run"], ["run", "input.yaml"], ["rum"], [], ["status", "a", "b"]])
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == BAD_INPUT
    assert "usage: hpc-nu" in capsys.readouterr().err


def test_a_model_that_there_is_not_is_refused(capsys):
    assert "there is no model 'leptons'" in refused(capsys, "models", "leptons")


@pytest.mark.mpi
def test_under_mpirun_a_wrong_input_is_refused_once(tmp_path):
    input_path = write(tmp_path, LEPTON.replace("value: 2.0", "value: -2.0"))
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=2, limit=40)
    assert code == BAD_INPUT, text
    assert text.count("out of range") == 1 and "Traceback" not in text
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.mpi
@pytest.mark.parametrize("how", ["text", "other campaign"])
def test_under_mpirun_a_wrong_output_is_refused_once(how, finished, tmp_path):
    damage(finished, how)
    clue = "holds the results of another problem" if how == "other campaign" else "has no seal"
    input_path = write(tmp_path, TOY.replace("points: 40", "points: 50"))
    before = files(tmp_path)
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", finished, ranks=3, before=BEFORE, limit=40)
    assert code == BAD_INPUT, text
    assert text.count(clue) == 1 and "Traceback" not in text
    assert files(tmp_path) == before
