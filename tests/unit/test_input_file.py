"""What a wrong input file is told: every mistake, with its line, its key, and what was probably meant."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpc_nu.campaign.input_file import InputError, read_input
from hpc_nu.campaign.marked_yaml import load_marked, resolve
from hpc_nu.models import MODELS, get_model
from hpc_nu.models.interface import Model, Observable, Parameter, Setting


class ToyModel(Model):
    name = "toy"
    parameters = (
        Parameter("M", "GeV", 0.1, 100.0, "common mass"),
        Parameter("delta_M", "GeV", 0.0, 1e-6, "mass difference", low_is_open=True),
        Parameter("im_omega", "rad", -math.pi, math.pi, "imaginary part"),
        Parameter("mixing", "1", 0.0, 1.0, "mixing", default=0.5),
    )
    settings = (
        Setting("hierarchy", "normal", "mass hierarchy", choices=("normal", "inverted")),
        Setting("T_start", 1000.0, "first temperature", low=1.0, high=1e7, unit="GeV"),
        Setting("h_plus_factor", 1.0, "rate factor", low=0.0),
        Setting("n_terms", 3, "terms of a series", low=1, high=10),
        Setting("condensate", False, "whether there is one"),
    )
    observables = tuple(Observable(kind, "1", kind, kind) for kind in ("scalar", "trajectory", "spectrum", "mode"))
    grid_kinds = ("averaged", "equal_occupation", "gauss_legendre")

    def check(self, settings, temperatures):
        too_hot = temperatures[temperatures > settings["T_start"]]
        text = "the temperature {:g} GeV is above T_start"
        return [("settings", text.format(too_hot[0]))] if len(too_hot) else []


class PlainModel(Model):
    name = "plain"
    parameters = (Parameter("M", "GeV", 0.0, math.inf, "mass", low_is_open=True),)
    observables = (Observable("yield", "1", "yield"),)


VALID = """\
campaign: quickstart
model: toy
parameters:
  M: {value: 2.0, unit: GeV}
  delta_M: {about: 2.06e-11, linear: [-7e-18, 7E-18], points: 11, unit: GeV}
  im_omega: {range: [-0.5, 0.5], unit: pi}
sample: {kind: sobol, points: 100, seed: 1}
settings: {hierarchy: inverted, T_start: {value: 2, unit: TeV}}
variations:
  standard: {}
  no_h_plus: {h_plus_factor: 0.0}
grids:
  - {kind: averaged}
  - {kind: equal_occupation, n_modes: [5, 20], y_min: 0.1, y_max: 20, soft_modes: [0.3, 0.5]}
solver: {method: esdirk54, rtol: 1e-4, max_steps: 200000, max_seconds: 600}
output:
  temperatures: {log: [1000, 10], points: 5, unit: GeV}
  momenta: {linear: [0.05, 10], points: 3}
  modes: true
run: {epoch_seconds: 60}
"""


@pytest.fixture(autouse=True)
def toy_models(monkeypatch):
    monkeypatch.setitem(MODELS, "toy", f"{__name__}:ToyModel")
    monkeypatch.setitem(MODELS, "plain", f"{__name__}:PlainModel")


@pytest.fixture
def mistakes(tmp_path):
    """The mistakes of a text."""

    def read(text):
        path = tmp_path / "campaign.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError) as error:
            read_input(path)
        assert str(error.value) == "\n".join(map(str, error.value.mistakes))
        return error.value.mistakes

    return read


def replaced(number, line):
    """`VALID` with another line of that number, or without it."""
    lines = VALID.splitlines()
    lines[number - 1 : number] = [] if line is None else [line]
    return "\n".join(lines) + "\n"


def test_valid_file_is_read_in_the_units_of_the_model(tmp_path):
    path = tmp_path / "campaign.yaml"
    path.write_text(VALID)
    campaign = read_input(path)
    assert [column.parameter.name for column in campaign.columns] == ["delta_M", "im_omega", "M", "mixing"]
    assert campaign.settings == {
        "hierarchy": "inverted",
        "T_start": 2000.0,
        "h_plus_factor": 1.0,
        "n_terms": 3,
        "condensate": False,
    }
    assert campaign.grids[1][1] == {"n_modes": 5, "y_min": 0.1, "y_max": 20.0, "soft_modes": (0.3, 0.5)}
    assert campaign.solver.rtol == 1e-4 and campaign.epoch_seconds == 60.0 and campaign.store_modes


# line, what stands there instead, key, part of the message, suggestion
BAD_LINES = [
    (1, "campaign: quick start", "campaign", "no name", ""),
    (1, "campaign: [a]", "campaign", "no name", ""),
    (2, "model: toi", "model", "unknown value 'toi'", "toy"),
    (4, "  M: 2.0", "parameters.M", "a mapping is needed", "{value: 2.0, unit: GeV}"),
    (4, "  M: 2.0 TeV", "parameters.M", "not the string '2.0 TeV'", "{value: 2.0, unit: TeV}"),
    (4, "  M: {value: 2.0 GeV, unit: GeV}", "parameters.M.value", "unit: GeV", "2.0"),
    (4, "  M: {value: '2.0', unit: GeV}", "parameters.M.value", "a number is needed", "2.0"),
    (4, "  M: {value: true, unit: GeV}", "parameters.M.value", "the switch true", ""),
    (4, "  M: {value: .nan, unit: GeV}", "parameters.M.value", "finite", ""),
    (4, "  M: {value: 1e400, unit: GeV}", "parameters.M.value", "finite", ""),
    (4, "  M: {value: 0o7, unit: GeV}", "parameters.M.value", "'0o7'", ""),
    (4, "  M: {value: 1_000, unit: GeV}", "parameters.M.value", "'1_000'", ""),
    (4, "  M: {value: 2.0}", "parameters.M.unit", "missing", ""),
    (4, "  M: {value: 2.0, unit: gev}", "parameters.M.unit", "unknown unit 'gev'", ""),
    (4, "  M: {value: 2.0, unit: rad}", "parameters.M.unit", "unknown unit 'rad'", ""),
    (4, "  M: {value: 99, unit: MeV}", "parameters.M.value",
     "99 MeV is out of range; accepted: 100 <= M <= 100000 MeV", ""),
    (4, "  M: {valu: 2.0, value: 2.0, unit: GeV}", "parameters.M.valu", "unknown key", "value"),
    (4, "  M: {value:2.0, value: 2.0, unit: GeV}", "parameters.M.value:2.0", "space missing", "value"),
    (4, "  M: {value: 2.0, list: [3], unit: GeV}", "parameters.M", "value and list exclude each other", ""),
    (4, "  M: {unit: GeV}", "parameters.M", "one of these is needed; accepted: value, list, linear, log, range", ""),
    (4, "  M: {list: [], unit: GeV}", "parameters.M.list", "empty", ""),
    (4, "  M: {list: [1, 2, 1.0], unit: GeV}", "parameters.M.list[2]", "twice", ""),
    (4, "  M: {list: [1, 101, 2], unit: GeV}", "parameters.M.list[1]", "101 GeV is out of range", ""),
    (4, "  M: {list: 3, unit: GeV}", "parameters.M.list", "a list is needed", ""),
    (4, "  M: {log: [0, 2], points: 3, unit: GeV}", "parameters.M.log", "positive ends", ""),
    (4, "  M: {log: [1, 2], unit: GeV}", "parameters.M.points", "missing", ""),
    (4, "  M: {log: [1, 2], points: 0, unit: GeV}", "parameters.M.points", "0 is out of range; accepted: 1 <=", ""),
    (4, "  M: {log: [1, 2], points: 1e2, unit: GeV}", "parameters.M.points", "an integer", "100"),
    (4, "  M: {log: [1, 2], points: true, unit: GeV}", "parameters.M.points", "an integer", ""),
    (4, "  M: {linear: [1, 2, 3], points: 3, unit: GeV}", "parameters.M.linear", "not 3 numbers", ""),
    (4, "  M: {linear: [1], points: 3, unit: GeV}", "parameters.M.linear", "not 1 number", ""),
    (4, "  M: {linear: [1, 1], points: 3, unit: GeV}", "parameters.M.linear[1]", "twice", ""),
    (4, "  M: {value: 2, points: 3, unit: GeV}", "parameters.M.points", "not with value", ""),
    (4, "  M: {value: 2, scale: log, unit: GeV}", "parameters.M.scale", "goes with range", ""),
    (4, "  M: {value: 2, offset_unit: eV, unit: GeV}", "parameters.M.offset_unit", "goes with about", ""),
    (4, "  M: {value: 2, unit: GeV}\n  mixing: {value: 0.1, unit: GeV}", "parameters.mixing.unit", "unknown unit", ""),
    (4, "  M: {value: 2, unit: GeV}\n  mixing: 1.5", "parameters.mixing", "accepted: 0 <= mixing <= 1", ""),
    (4, "  M: {value: 2, unit: GeV}\n  mixin: 0.5", "parameters.mixin", "unknown parameter", "mixing"),
    (4, "  M: {value: 2, unit: GeV}\n  M: {value: 2, unit: GeV}", "parameters.M", "first in line 4", ""),
    (5, "  delta_M: {value: 0, unit: GeV}", "parameters.delta_M.value", "accepted: 0 < delta_M <= 1e-06 GeV", ""),
    (5, "  delta_M: {about: 1e-6, linear: [-1, 1], points: 3, unit: GeV, offset_unit: eV}",
     "parameters.delta_M.linear[1]", "1e-06 GeV + 1 eV is out of range", ""),
    (5, "  delta_M: {about: 2e-11, linear: [0, 1e-27], points: 5, unit: GeV}", "parameters.delta_M.linear",
     "too close", ""),
    (6, "  im_omega: {range: [0.5, -0.5], unit: pi}", "parameters.im_omega.range", "lower end", "[-0.5, 0.5]"),
    (6, "  im_omega: {range: [0, 1], scale: log, unit: pi}", "parameters.im_omega.range", "positive", ""),
    (6, "  im_omega: {range: [0.1, 1], scale: lin, unit: pi}", "parameters.im_omega.scale", "'lin'", "linear"),
    (6, "  im_omega: {range: [0.1, 1], scale: log_total, unit: pi}", "parameters.im_omega.scale",
     "goes with about", ""),
    (6, "  im_omega: {about: 0, range: [0.1, 1], scale: log_total, unit: pi}", "parameters.im_omega.about",
     "about must be positive", ""),
    (6, "  im_omega: {about: -0.5, range: [0.6, 1], scale: log_total, unit: pi}", "parameters.im_omega.about",
     "about must be positive", ""),
    (6, "  im_omega: {about: 0.1, range: [-30, 30], scale: log_total, unit: pi, offset_unit: deg}",
     "parameters.im_omega.range", "about + offset must be positive", ""),
    (6, "  im_omega: {range: [0, 181], unit: deg}", "parameters.im_omega.range[1]", "im_omega <= 180 deg", ""),
    (7, "sample: {kind: sobl, points: 100}", "sample.kind", "unknown value", "sobol"),
    (7, "sample: {kind: sobol}", "sample.points", "missing", ""),
    (7, "sample: {kind: sobol, points: 100, seed: -1}", "sample.seed", "out of range", ""),
    (7, "sample: {kind: sobol, points: 10000000}", "", "6600", ""),
    (8, "settings: {hierarchy: norml}", "settings.hierarchy", "accepted: normal, inverted", "normal"),
    (8, "settings: {T_start: 2000}", "settings.T_start", "a mapping", "{value: 2000, unit: GeV}"),
    (8, "settings: {T_start: {value: 1e12, unit: eV, points: 3}}", "settings.T_start.points", "unknown key", ""),
    (8, "settings: {T_start: {value: 1e12, unit: MeV}}", "settings.T_start.value", "<= 10000000000 MeV", ""),
    (8, "settings: {n_terms: 2.5}", "settings.n_terms", "an integer", ""),
    (8, "settings: {n_terms: 11}", "settings.n_terms", "out of range", ""),
    (8, "settings: {condensate: yes}", "settings.condensate", "a switch", "true"),
    (8, "settings: {condensate: 0}", "settings.condensate", "a switch", ""),
    (8, "settings: {hierachy: normal}", "settings.hierachy", "unknown setting", "hierarchy"),
    (11, "  no h: {h_plus_factor: 0.0}", "variations.no h", "no name", ""),
    (11, "  no_h_plus: {H_plus_factor: 0.0}", "variations.no_h_plus.H_plus_factor", "unknown", "h_plus_factor"),
    (11, "  no_h_plus: {h_plus_factor: -1}", "variations.no_h_plus.h_plus_factor", "accepted: h_plus_factor >= 0", ""),
    (11, "  no_h_plus: {T_start: {value: 900, unit: GeV}}", "variations.no_h_plus", "1000 GeV is above T_start", ""),
    (13, "  - averaged", "grids[0]", "a mapping with a kind", ""),
    (13, "  - {kind: gaus_legendre, n_modes: 5}", "grids[0].kind", "unknown value", "gauss_legendre"),
    (13, "  - {kind: averaged, n_modes: 5}", "grids[0].n_modes", "unknown key", ""),
    (13, "  - {kind: gauss_legendre}", "grids[0].n_modes", "missing", ""),
    (13, "  - {kind: gauss_legendre, n_modes: 1}", "grids[0].n_modes", "accepted: 2 <= value <= 4096", ""),
    (13, "  - {kind: gauss_legendre, n_modes: [5, 4097]}", "grids[0].n_modes[1]", "out of range", ""),
    (13, "  - {kind: gauss_legendre, n_modes: []}", "grids[0].n_modes", "empty", ""),
    (13, "  - {kind: gauss_legendre, n_modes: [5, 5]}", "grids[0]", "twice", ""),
    (13, "  - {kind: gauss_legendre, n_modes: 5, scale: 0}", "grids[0].scale", "out of range", ""),
    (13, "  - {kind: equal_occupation, n_modes: 4, soft_modes: [0.2, 0.3, 0.4]}", "grids[0].soft_modes",
     "at most 2", ""),
    (13, "  - {kind: equal_occupation, n_modes: 9, soft_modes: [0.2, 0.2]}", "grids[0].soft_modes[1]", "twice", ""),
    (13, "  - {kind: equal_occupation, n_modes: 9, soft_modes: [0.1]}", "grids[0].soft_modes",
     "the end of the grid", ""),
    (13, "  - {kind: equal_occupation, n_modes: 9, y_min: 20}", "grids[0]", "y_min must be below", ""),
    (15, "solver: {method: esdirk45}", "solver.method", "accepted: esdirk54, esdirk43", "esdirk54"),
    (15, "solver: {rtol: 0}", "solver.rtol", "out of range", ""),
    (15, "solver: {rtol: 1e-13}", "solver.rtol", "accepted: 1e-12 <= rtol <= 0.1", ""),
    (15, "solver: {max_step: 5}", "solver.max_step", "unknown key", "max_steps"),
    (15, "solver: {max_steps: 1e6}", "solver.max_steps", "an integer", "1000000"),
    (17, "  temperatures: {log: [1000, 10], points: 5}", "output.temperatures.unit", "missing", ""),
    (17, "  temperatures: {list: [10, -1], unit: GeV}", "output.temperatures.list[1]", "-1 GeV is out of range", ""),
    (17, "  temperatures: {value: 10, list: [10], unit: GeV}", "output.temperatures.value", "unknown key", ""),
    (18, "  momenta: {linear: [0.05, 10], points: 1e7}", "output.momenta.points", "an integer", ""),
    (19, "  modes: 1", "output.modes", "a switch", ""),
    (20, "run: {epoch_seconds: 0}", "run.epoch_seconds", "out of range", ""),
    (20, "run: {epoch_second: 1}", "run.epoch_second", "unknown key", "epoch_seconds"),
    (20, "runs: {epoch_seconds: 1}", "runs", "unknown section", "run"),
    (20, "run: []", "run", "a mapping is needed, not a list", ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "text", "key", "message", "suggestion"), BAD_LINES, ids=[row[1] for row in BAD_LINES])
def test_one_mistake_gives_one_message_with_its_line_and_key(mistakes, line, text, key, message, suggestion):
    (mistake,) = mistakes(replaced(line, text))
    if key:  # else the message is about the whole, not about this line
        assert (mistake.line, mistake.key) == (line + text.count("\n"), key)
    assert message in str(mistake)
    assert mistake.suggestion == suggestion


BAD_FILES = [
    (replaced(1, None), 1, "campaign", "missing"),
    (replaced(7, None), 6, "parameters.im_omega.range", "`sample`"),
    (replaced(6, "  im_omega: {value: 0, unit: pi}"), 7, "sample", "no parameter has a `range`"),
    (VALID.split("grids:")[0], 1, "grids", "missing"),
    (VALID.split("grids:")[0] + "grids: []\n", 12, "grids", "the list is empty"),
    (VALID.split("variations:")[0] + "variations: {}\ngrids: [{kind: averaged}]\n", 9, "variations", "at least one"),
    (VALID.split("variations:")[0] + "variations:\ngrids: [{kind: averaged}]\n", 9, "variations", "at least one"),
    ("campaign: a\nmodel: plain\nparameters: {M: {value: 1, unit: GeV}}\ngrids: []\n", 4, "grids", "no momentum modes"),
    ("campaign: a\nmodel: plain\nparameters: {M: {value: 1, unit: GeV}}\noutput:\n  modes: true\n", 5,
     "output.modes", "no observables of the kind 'mode'"),
    ("", 1, "", "empty"),
    ("# only a comment\n", 1, "", "empty"),
    ("- a\n- b\n", 1, "", "a mapping is needed, not a list"),
    ("a: 1\n\tb: 2\n", 2, "", "a tab stands where"),
    ("a: 1\nb: [1, 2\n", 3, "", "line 2"),
    ("a: 1\nb: c: d\n", 2, "", "not YAML"),
    ("a: &x 1\nb: *x\n", 1, "", "the anchor &x is not supported"),
    ("a: 1\nb: *x\n", 2, "", "the alias *x is not supported"),
    ("a: !!python/object:os.system x\n", 1, "", "the tag"),
    ("a: 1\n? [b]\n: 2\n", 2, "", "a key must be a word"),
    ("a: 1\n---\nb: 1\n", 2, "", "second document"),
    ("a: 1\nb: \x01\n", 2, "", "'\\x01' is not allowed"),
    (b"a: 1\nb: \xff\n", 2, "", "not UTF-8"),
    ("a: 1\nb: " + "[" * 500 + "]" * 500, 2, "", "nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "message"), BAD_FILES, ids=[repr(row[3]) for row in BAD_FILES])
def test_file_that_is_wrong_as_a_whole_gives_one_message(mistakes, text, line, key, message):
    (mistake,) = mistakes(text)
    assert (mistake.line, mistake.key) == (line, key)
    assert message in str(mistake)


def test_what_is_no_readable_file_is_said_without_a_line(tmp_path):
    for path, message in ((tmp_path / "none.yaml", "there is no such file"), (tmp_path, "this is a directory")):
        with pytest.raises(InputError) as error:
            read_input(path)
        assert str(error.value).startswith(f"{path}: {message}")


def test_all_mistakes_come_at_once_in_the_order_of_the_file(mistakes):
    text = VALID.replace("delta_M:", "delta_m:").replace("sobol", "sobl").replace("hierarchy:", "hierachy:")
    found = mistakes(text.replace("rtol: 1e-4", "rtol: high").replace("kind: averaged", "kind: average"))
    assert [(mistake.line, mistake.key) for mistake in found] == [
        (3, "parameters.delta_M"),
        (5, "parameters.delta_m"),
        (7, "sample.kind"),
        (8, "settings.hierachy"),
        (13, "grids[0].kind"),
        (15, "solver.rtol"),
    ]
    assert str(found[1]).endswith(
        "campaign.yaml:5: parameters.delta_m: unknown parameter;"
        " accepted: M, delta_M, im_omega, mixing; did you mean 'delta_M'?"
    )


def test_all_missing_parameters_and_sections_are_named(mistakes):
    assert [mistake.key for mistake in mistakes("model: toy\n")] == ["campaign", "parameters", "grids"]
    found = mistakes("campaign: a\nmodel: toy\nparameters:\ngrids: [{kind: averaged}]\n")
    assert [mistake.key for mistake in found] == ["parameters.M", "parameters.delta_M", "parameters.im_omega"]
    assert {mistake.line for mistake in found} == {3}


def test_mistake_of_the_model_is_told_for_each_variation(mistakes):
    found = mistakes(VALID.replace("log: [1000, 10]", "log: [3000, 10]"))
    assert [(mistake.line, mistake.key) for mistake in found] == [
        (10, "variations.standard"),
        (11, "variations.no_h_plus"),
    ]


def test_bound_given_in_another_unit_is_inside(tmp_path, monkeypatch):
    # 4.1 GeV are 0.0041 TeV, and 1000 times 0.0041 is above 4.1.
    bounded = (dataclasses.replace(PlainModel.parameters[0], high=4.1),)
    monkeypatch.setattr(PlainModel, "parameters", bounded)
    path = tmp_path / "campaign.yaml"
    path.write_text("campaign: a\nmodel: plain\nparameters: {M: {value: 0.0041, unit: TeV}}\n")
    (column,) = read_input(path).columns
    assert column.total(0.0041) > 4.1 and column.values(column.form.values()).tolist() == [4.1]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-11", 1e-11), ("7E-18", 7e-18), ("1.", 1.0), (".5", 0.5), ("+1e3", 1e3), ("-.5e+1", -5.0), (".inf", math.inf),
     ("-.inf", -math.inf), ("012", 12), ("true", True), ("False", False), ("~", None), ("", None)],
)  # fmt: skip
def test_plain_scalars_are_those_of_yaml_1_2(text, value):
    assert resolve(text) == value and type(resolve(text)) is type(value)


@pytest.mark.parametrize("text", ["yes", "no", "on", "off", "0o7", "0x1F", "1_000", "1:30", ".", "e5", "1e", "<<", "="])
def test_what_only_yaml_1_1_resolves_stays_a_string(text):
    assert resolve(text) == text


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back_exactly(number):
    assert resolve(repr(number)) == number and isinstance(resolve(repr(number)), float)


def test_quoted_numbers_are_strings_and_every_value_knows_its_place(tmp_path):
    path = tmp_path / "marked.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: '1'\r\nb:\r\n  c: [1,\r\n    2.5]\r\n")
    root = load_marked(path)[1]
    assert root.plain() == {"a": "1", "b": {"c": [1, 2.5]}}
    node = root.value["b"].value["c"].value[1]
    assert (node.key, node.line, node.column, node.text) == ("b.c[1]", 4, 5, "2.5")


def test_registered_models_are_found_by_name_and_others_refused():
    assert isinstance(get_model("toy"), ToyModel)
    with pytest.raises(ValueError, match="accepted: lepton_asymmetry"):
        get_model("toi")
