"""The commands: what they print and with which code they end."""

from importlib.metadata import version

import h5py
import pytest
from campaigns import LEPTON, TOY, write
from mpi import hpc_nu

from hpc_nu import __version__, cli
from hpc_nu.campaign import reports
from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE
from hpc_nu.campaign.warmup import compile_model
from hpc_nu.models import MODELS, get_model
from hpc_nu.plasma.direct_table import packaged_file
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.table_builder import DEFAULT, MASSLESS, identity
from hpc_nu.plasma.table_file import PACKAGED, PACKAGED_MASSLESS


def output_of(capsys, *arguments):
    assert cli.main([*map(str, arguments)]) == COMPLETE
    return capsys.readouterr().out


def test_version_and_help(capsys):
    for option, text in (("--version", f"hpc_nu {__version__}"), ("--help", "campaign")):
        with pytest.raises(SystemExit) as end:
            cli.main([option])
        assert end.value.code == 0 and text in capsys.readouterr().out


def test_check_counts_the_tasks_and_writes_nothing(alone, tmp_path, capsys):
    text = output_of(capsys, "check", write(tmp_path, LEPTON))
    for expected in ("24 = 6 points x 4 grids x 1 variations", "equal_occupation-82", "lepton_asymmetry"):
        assert expected in text
    assert [p.name for p in tmp_path.iterdir()] == ["input.yaml"]


def test_check_says_which_campaigns_are_too_large_for_more_than_one_rank(alone, tmp_path, capsys, monkeypatch):
    path = write(tmp_path, LEPTON)  # 24 tasks of 6 parameters, an offset, and two numbers of 4 bytes
    for largest, remarks in ((24 * 64, 0), (24 * 64 - 1, 1)):
        monkeypatch.setattr(reports, "LARGEST_MESSAGE", largest)
        text = output_of(capsys, "check", path)
        assert text.count("remark      runs on one rank alone") == text.count("most 23 tasks") == remarks
        assert ("up to 1 ranks" in text) == bool(remarks)


def test_status_follows_a_campaign_and_counts_failures_by_reason(alone, toys, tmp_path, capsys):
    parameters = "  trouble: {list: [0, 1]}\n  start: {linear: [0.1, 0.9], points: 20}\n"
    text = TOY.replace("  start: {linear: [0.1, 0.9], points: 40}\n", parameters)
    output = tmp_path / "out.h5"
    assert cli.main(["run", str(write(tmp_path, text)), "-o", str(output)]) == COMPLETE
    before = output.read_bytes()
    lines = output_of(capsys, "status", output).splitlines()
    assert "done        20 of 40" in lines and "failed      20" in lines and "pending     0" in lines
    assert "exception: 20, first task 20: ZeroDivisionError: no such vacuum" in lines
    assert output.read_bytes() == before
    with h5py.File(output, "r+") as file:
        file["status"][:15] = 0
    lines = output_of(capsys, "status", output).splitlines()
    assert "done        5 of 40" in lines and "pending     15" in lines


def test_status_of_a_missing_file(alone, tmp_path, capsys):
    assert cli.main(["status", str(tmp_path / "none.h5")]) == BAD_INPUT
    assert "none.h5: no such file" in capsys.readouterr().err


def test_models_lists_all_and_describes_one(alone, capsys):
    text = output_of(capsys, "models")
    assert all(name in text for name in MODELS)
    for name in MODELS:
        text, model = output_of(capsys, "models", name), get_model(name)
        for thing in (*model.parameters, *model.settings, *model.observables):
            assert thing.name in text, thing.name


def test_warmup_compiles_what_switches_add_to_the_observables(monkeypatch):
    model, asked = get_model("lepton_asymmetry"), []
    monkeypatch.setattr(type(model), "solve", lambda self, problem: asked.append(problem.settings["derivatives"]))
    monkeypatch.setattr(type(model), "solve_together", lambda self, problems: None)
    compile_model(model)
    assert asked == [False, True]


def test_warmup_says_where_the_table_and_the_kernels_are(alone, capsys):
    lines = output_of(capsys, "warmup").splitlines()
    assert f"{PACKAGED}, identity {identity(DEFAULT)}" in lines[0] and "kernels" in lines[4]
    assert f"{PACKAGED_MASSLESS}, identity {identity(MASSLESS)}" in lines[1]
    for line, crossover in zip(lines[2:4], CROSSOVERS, strict=True):
        assert f"{packaged_file(crossover)}, identity" in line
    assert cli.main(["warmup", "--mass", "-1"]) == BAD_INPUT
    assert "--mass -1: expected between 0 and 40 GeV" in capsys.readouterr().err


def test_doctor_names_the_environment_and_what_is_wrong_with_it(tmp_path):
    code, text = hpc_nu(tmp_path, "doctor")
    found = dict(line.split(maxsplit=1) for line in text.splitlines() if line.split(maxsplit=1)[1:])
    assert found["numba_version"] == version("numba") and found["h5py_version"] == version("h5py"), text
    assert found["hpc_nu"] == __version__ and h5py.version.hdf5_version in found["hdf5"], text
    # This machine may have a problem; then it is named, and the exit code says so.
    assert code == (3 if "PROBLEM: " in text else 0) and ("no problems found" in text) == (code == 0), text
    code, text = hpc_nu(tmp_path, "doctor", environment={"SLURM_STEP_NUM_TASKS": "4"})
    assert code == 3 and "PROBLEM: the launcher started 4 processes" in text
