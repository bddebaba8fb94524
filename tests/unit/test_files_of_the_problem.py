"""A user's file is part of the problem by what is in it, wherever it lies."""

import json
import shutil
from pathlib import Path

import closed_form_rates
import h5py
import numpy as np
import pytest
from campaigns import FREEZE_IN_POINT, LEPTON, make_own_table, write

from hpc_nu import cli
from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE
from hpc_nu.campaign.plan import read_plan

EQUILIBRATION = f"""\
campaign: own
model: equilibration
parameters:
{FREEZE_IN_POINT}
settings: {{points_per_decade: 3, T_high: {{value: 150, unit: GeV}}, T_low: {{value: 1, unit: GeV}}}}
variations:
  published: {{}}
  own: {{KEY: FILE}}
"""

DODELSON_WIDROW = """\
campaign: own
model: dodelson_widrow
parameters:
  m_4: {value: 7.1, unit: keV}
  sin2_2theta: {value: 1e-10}
settings: {setup: paper}
variations:
  published: {}
  own: {KEY: FILE}
grids:
  - {kind: gauss_legendre, n_modes: 8}
"""


def limits(path, factor=1.0):
    text = "name: n\nsource: s\nx: m4\nunit: GeV\ny: U2\nexcluded: above\n"
    path.write_text(f"{text}1e-6 {1e-4 * factor!r}\n10 1e-4\n")


def equation_of_state(path, factor=1.0):
    points = "\n".join(f"{t!r} {106.75 * factor!r} {106.75 * factor!r}" for t in np.geomspace(1e-4, 1e6, 20).tolist())
    path.write_text(f"unit: GeV\n{points}\n")


def self_energy(path, factor=1.0):
    make_own_table(path, lowest=0.9, factor=factor)


KINDS = {
    "limits": (EQUILIBRATION, limits),
    "limits of dark matter": (DODELSON_WIDROW, limits),
    "equation_of_state": (EQUILIBRATION, equation_of_state),
    "self_energy": (EQUILIBRATION, self_energy),
}


@pytest.fixture(params=KINDS)
def campaign(request, tmp_path):
    """A function of a path that gives an input file in which it is named, the file there, and what writes it."""
    text, make = KINDS[request.param]
    (tmp_path / "here").mkdir()
    make(tmp_path / "here" / "mine")
    key = request.param.split()[0]

    def input_with(path):
        return write(tmp_path, text.replace("KEY", key).replace("FILE", str(path)), f"{path.parent.name}.yaml")

    return input_with, tmp_path / "here" / "mine", make


def test_a_file_that_has_moved_is_the_same_problem_and_another_content_is_not(campaign, tmp_path):
    input_with, here, make = campaign
    (tmp_path / "there").mkdir()
    (tmp_path / "other").mkdir()
    there, other = (shutil.copy(here, tmp_path / name / "yours") for name in ("there", "other"))
    make(other, factor=1.01)
    mine, moved, changed = (read_plan(input_with(path)) for path in (here, there, other))
    assert mine.problem_hash == moved.problem_hash != changed.problem_hash
    assert mine.completed != moved.completed and moved.tables[str(there)] == mine.tables[str(here)]
    assert moved.difference(mine.completed, mine.tables) == []
    [line] = changed.difference(mine.completed, mine.tables)
    identities = [plan.tables[str(path)] for plan, path in ((mine, here), (changed, other))]
    assert line.startswith("variations.own.") and line.endswith("the file {} -> the file {}".format(*identities))


def test_a_file_that_is_not_read_is_no_part_of_the_problem(tmp_path):
    """Here because the rates are others."""
    model = f"{Path(closed_form_rates.__file__)}:ClosedFormRates"
    text = LEPTON.replace("lepton_asymmetry", model).replace("settings:", "settings:\n  self_energy: FILE")
    path = write(tmp_path, text)
    one, other = (read_plan(path, text.replace("FILE", name)) for name in ("/a/x.h5", "/b/x.h5"))
    assert one.problem_hash == other.problem_hash and other.difference(one.completed, one.tables) == []


def test_a_file_in_ones_home_is_the_same_file(campaign, monkeypatch):
    input_with, here, _ = campaign
    monkeypatch.setenv("HOME", str(here.parent))
    assert read_plan(input_with(Path("~/mine"))).problem_hash == read_plan(input_with(here)).problem_hash


def test_a_run_goes_on_with_a_file_that_has_moved(alone, tmp_path, capsys):
    here, there, output = tmp_path / "mine.txt", tmp_path / "yours.txt", tmp_path / "out.h5"
    text = EQUILIBRATION.replace("KEY", "limits")
    limits(here)
    assert cli.main(["run", str(write(tmp_path, text.replace("FILE", str(here)))), "-o", str(output)]) == COMPLETE
    with h5py.File(output) as file:
        assert list(json.loads(file.attrs["tables"]))[-1] == str(here)  # as it was given
    here.rename(there)
    moved = write(tmp_path, text.replace("FILE", str(there)))
    assert cli.main(["run", str(moved), "-o", str(output)]) == COMPLETE
    limits(tmp_path / "third.txt", 2.0)
    changed = write(tmp_path, text.replace("FILE", str(tmp_path / "third.txt")))
    capsys.readouterr()
    assert cli.main(["run", str(changed), "-o", str(output)]) == BAD_INPUT
    assert "limits: the file" in capsys.readouterr().err
