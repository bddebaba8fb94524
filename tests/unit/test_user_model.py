"""A model from a user's file is one like any other: checked, run, explained; its source is part of the problem."""

import os
import pickle
import sys

import h5py
import numpy as np
import pytest
from campaigns import write
from mpi import hpc_nu

from hpc_nu.campaign.plan import read_plan
from hpc_nu.models import get_model

DECAY = """
import numpy as np
from hpc_nu.compiled import compiled
from hpc_nu.models.interface import Cost, Model, Observable, Outcome, Parameter, Setting
from hpc_nu.result_codes import ResultCode

@compiled
def left(rate, time):
    return np.exp(-rate * time)

class Decay(Model):
    title = "one particle that decays"
    reference = "any textbook"
    parameters = (Parameter("rate", "GeV", 0.0, 10.0, "width"),)
    settings = (Setting("time", 1.0, "how long", low=0.0),)
    observables = (Observable("left", "1", "what is left"),)

    def cost(self, problem):
        return Cost(1e-5)

    def solve(self, problem, state=None, pause=lambda: False):
        return Outcome(ResultCode.DONE, {"scalar": {"left": left(problem.point["rate"], problem.settings["time"])}})

class Other:
    pass
"""

CAMPAIGN = """\
campaign: decays
model: decay.py:Decay
parameters:
  rate: {linear: [0.1, 0.9], points: 20, unit: GeV}
"""

RANKS = [None, pytest.param(2, marks=pytest.mark.mpi)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, DECAY, "decay.py")
    write(tmp_path, CAMPAIGN)
    return tmp_path


@pytest.mark.parametrize("ranks", RANKS)
def test_it_runs_like_any_other(ranks, folder):
    code, text = hpc_nu(folder, "run", "input.yaml", "-o", "out.h5", ranks=ranks)
    assert code == 0, text
    with h5py.File(folder / "out.h5") as file:
        np.testing.assert_allclose(file["results/left"][:], np.exp(-file["points/rate"][:]), rtol=1e-15)
        assert file.attrs["model"] == "decay.py:Decay"
    for command in (
        ["check", "input.yaml"], ["status", "out.h5"], ["models", "decay.py:Decay"],
        ["explain", "out.h5", "--task", "3"], ["explain", "out.h5", "--task", "3", "--solve"],
    ):  # fmt: skip
        code, text = hpc_nu(folder, *command)
        assert code == 0 and "Traceback" not in text, text
    assert "largest difference" in text or "bit for bit" in text, text


def test_its_source_is_part_of_the_problem_and_its_place_is_not(folder):
    first = read_plan("input.yaml").problem_hash
    os.makedirs("elsewhere")
    write(folder / "elsewhere", DECAY, "decay.py")
    write(folder, CAMPAIGN.replace("decay.py", "elsewhere/decay.py"))
    assert read_plan("input.yaml").problem_hash == first
    write(folder / "elsewhere", DECAY.replace("exp(-", "exp(-2 *"), "decay.py")
    assert read_plan("input.yaml").problem_hash != first


def test_a_campaign_is_not_continued_with_another_source(folder):
    assert hpc_nu(folder, "run", "input.yaml", "-o", "out.h5")[0] == 0
    write(folder, DECAY.replace("exp(-", "exp(-2 *"), "decay.py")
    code, text = hpc_nu(folder, "run", "input.yaml", "-o", "out.h5")
    assert code == 2 and "model: Decay of the file" in text, text
    assert hpc_nu(folder, "run", "input.yaml", "-o", "new.h5")[0] == 0
    with h5py.File(folder / "new.h5") as file:  # and not with old machine code either
        np.testing.assert_allclose(file["results/left"][:], np.exp(-2 * file["points/rate"][:]), rtol=1e-15)


def test_it_travels_with_its_source(folder):
    sent = pickle.dumps(get_model("decay.py:Decay"))
    os.remove("decay.py")
    model = pickle.loads(sent)
    assert model.name == "decay.py:Decay" and model.parameters[0].name == "rate"
    assert pickle.loads(pickle.dumps(model)).source_hash == model.source_hash


def with_method(name, line):
    return DECAY.replace("    def cost", f"    def {name}(self, *_):\n        {line}\n\n    def cost")


WRONG = {
    "no file": (None, "decay.py: cannot be read"),
    "no Python": ("class Decay(:\n", "decay.py:1: invalid syntax"),
    "no class": (DECAY.replace("class Decay", "class Decays"), "Decay is not in it; models in it: Decays"),
    "no model": (DECAY.replace("class Decay(Model)", "class Decay"), "Decay is no subclass"),
    "raises": (DECAY + "1 / 0\n", f"decay.py:{DECAY.count(chr(10)) + 1}: ZeroDivisionError"),
    "imports what is not there": ("import no_such_thing\n", "decay.py:1: ModuleNotFoundError"),
    "ends": (DECAY + "raise SystemExit(0)\n", f"decay.py:{DECAY.count(chr(10)) + 1}: SystemExit"),
    "two of a name": (
        DECAY.replace('"what is left"),)', '"what is left"), Observable("left", "1", "x"))'),
        "'left' is no name",
    ),
    "a name that is taken": (DECAY.replace('Observable("left"', 'Observable("task"'), "'task' is no name"),
    "no such grid": (DECAY.replace("title =", 'grid_kinds = ("dense",); title ='), "grid_kinds must be"),
    "a cost that is none": (DECAY.replace("Cost(1e-5)", "None"), "method cost of decay.py:Decay gives no Cost"),
    "a cost that is not finite": (DECAY.replace("Cost(1e-5)", "Cost(np.nan)"), "a cost is not finite"),
    "check raises": (with_method("check", "1 / 0"), "ZeroDivisionError"),
    "check says nonsense": (with_method("check", "return 3"), "does not give a list of problems"),
    "no seconds to prepare": (with_method("seconds_to_prepare", "return 'long'"), "gives no number: ValueError"),
    "no key": (with_method("batch_key", "return []"), "method batch_key of decay.py:Decay gives no key"),
    "no such unit": (DECAY.replace('"GeV", 0.0', '"GEV", 0.0'), "Parameter rate: the unit 'GEV' is none of GeV"),
    "no range": (DECAY.replace("0.0, 10.0", "10.0, 0.0"), "Parameter rate: low = 10.0 and high = 0.0 are no range"),
    "a default out of range": (DECAY.replace('"time", 1.0', '"time", -1.0'), "Setting time: its default -1.0 is no"),
    "a default that is no word": (
        DECAY.replace("low=0.0),", 'low=0.0), Setting("how", "slow", "how", choices=("fast",)),'),
        "Setting how: its default 'slow' is none of its choices",
    ),
    "no such switch": (DECAY.replace('"what is left")', '"what is left", only_with="time")'), "is no switch"),
    "tables raises": (with_method("tables", "1 / 0"), "ZeroDivisionError: division by zero (in the method tables)"),
    "no cost": (DECAY.replace("def cost", "def costs"), "has no method cost"),
    "no tuple": (DECAY.replace('"width"),)', '"width"))'), "must be a tuple of Parameter"),
    "raises ValueError": (DECAY + "int('x')\n", f"decay.py:{DECAY.count(chr(10)) + 1}: ValueError: invalid literal"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_it_is_said_with_its_line(what, folder):
    text, expected = WRONG[what]
    (folder / "decay.py").unlink()
    if text is not None:
        write(folder, text, "decay.py")
    code, said = hpc_nu(folder, "check", "input.yaml")
    assert code == 2 and said.startswith("input.yaml") and expected in said and "Traceback" not in said, said
    if not what.startswith(("a cost", "check", "tables", "no seconds", "no key")):
        code, said = hpc_nu(folder, "models", "decay.py:Decay")
        assert code == 2 and expected in said and "Traceback" not in said, said


def test_machine_code_belongs_to_the_text_that_was_compiled(folder):
    """Not to what the file has become meanwhile, as when it is changed while a run goes on."""
    program = (
        "import numpy; from hpc_nu.models import get_model; model = get_model('decay.py:Decay');"
        "{meanwhile}; from sys import modules;"
        "print(modules['hpc_nu_user_model_decay'].left(1.0, 1.0) == numpy.exp({factor}))"
    )
    second = DECAY.replace("exp(-", "exp(-2 *")
    for meanwhile, factor in ((f"open('decay.py', 'w').write({second!r})", -1.0), ("pass", -2.0), ("pass", -2.0)):
        program_now = program.format(meanwhile=meanwhile, factor=factor)
        environment = {"NUMBA_CACHE_DIR": str(folder / "cache")}
        code, said = hpc_nu(folder, program=[sys.executable, "-c", program_now], environment=environment)
        assert code == 0 and said.strip() == "True", said


def test_rows_are_verified_also_where_the_source_has_changed(folder):
    assert hpc_nu(folder, "run", "input.yaml", "-o", "out.h5")[0] == 0
    write(folder, DECAY + "# another\n", "decay.py")
    code, said = hpc_nu(folder, "verify", "out.h5")
    assert code == 0 and "another one here" in said and "every checksum holds" in said, said
    with h5py.File(folder / "out.h5", "r+") as file:
        file["results/left"][3] = 42.0
    code, said = hpc_nu(folder, "verify", "out.h5")
    assert code == 1 and "task 3" in said, said
