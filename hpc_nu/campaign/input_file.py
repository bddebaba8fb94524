"""The input file of a campaign: what may stand in it, and what it means.

`read_input` walks through the sections, notes every mistake with its line, and raises one `InputError` with all of
them; what it returns is valid and complete, defaults filled in.  Not covered: the expansion into tasks, which is
`hpc_nu.campaign.plan`.  The functions of this file take the `Marked` value that they read and return None where it
is wrong, the mistake then being noted.
"""

import inspect
import math
import re
from dataclasses import dataclass, replace

import numpy as np

from hpc_nu.campaign.input_keys import (
    DRAWN_FORMS,
    FORMS,
    OUTPUT_FORMS,
    OUTPUTS,
    REQUIRED,
    RUN,
    SAMPLE,
    SECTIONS,
    SOLVER,
)
from hpc_nu.campaign.marked_yaml import POSITIVE, InputError, Interval, load_marked, split_quantity
from hpc_nu.campaign.sampling import (
    CUT,
    SAMPLE_KINDS,
    Axis,
    Normal,
    Sample,
    Variable,
    conversions,
    distinct_numbers,
    read_form,
)
from hpc_nu.models import MODELS, get_model
from hpc_nu.models.interface import Model, Parameter, SolverSettings
from hpc_nu.models.user_model import ask
from hpc_nu.solver import momentum_grid

__all__ = ["CampaignInput", "InputError", "read_input"]

MAX_TASKS = 10**8
MAX_CHECKED_POINTS = 10**6
MAX_OUTPUT_POINTS = 10**6


@dataclass(frozen=True)
class CampaignInput:
    """A valid input file, all defaults filled in.

    Attributes
    ----------
    columns : tuple of Variable
        Every parameter: the varied ones in the order of the file, then the fixed ones in that of the model.
    settings : dict
        Complete, in the units of the model.
    variations : dict
        Name to what it overrides.
    grids : tuple of (str, dict)
        Kind and options; empty for a model without momentum modes.
    outputs : dict of str to Variable
        "temperatures" and "momenta", those that are asked for.
    epoch_seconds : float
        Time between two commits [s].
    given : str
        The file.
    """

    name: str
    model: Model
    columns: tuple
    sample: Sample | None
    settings: dict
    variations: dict
    grids: tuple
    solver: SolverSettings
    outputs: dict
    store_modes: bool
    epoch_seconds: float
    given: str


def read_input(path, text=None):
    """Read and validate an input file, or `text`, which `path` then is the name of.

    Returns
    -------
    CampaignInput

    Raises
    ------
    InputError
        With all mistakes of the file.
    """
    given, root = load_marked(path, text)
    root.entries(SECTIONS, REQUIRED, "section")
    if not isinstance(root.value, dict):
        root.report.finish()
    name = _name(root.section("campaign")) if "campaign" in root.value else None
    model = _model(root.section("model")) if "model" in root.value else None
    sample = _sample(root)
    solver = _solver(root.section("solver"))
    epoch_seconds = _epoch_seconds(root.section("run"))
    if model is None:  # whatever else there is, only the model can judge
        root.report.finish()
    columns = _columns(root.section("parameters"), model) if "parameters" in root.value else ()
    outputs, store_modes = _outputs(root.section("output"), model)
    settings = _settings(root.section("settings"), model.settings)
    variations = _variations(root, model)
    grids = _grids(root, model)
    _ask_model(root, model, settings, variations, outputs)
    _check_size(root, columns, sample, len(variations) * max(1, len(grids)))
    root.report.finish()
    settings = {setting.name: setting.default for setting in model.settings} | settings
    return CampaignInput(
        name, model, columns, sample, settings, variations, grids, solver, outputs, store_modes, epoch_seconds, given
    )


def output_values(column):
    """Values of an output grid, increasing, in the unit of `OUTPUTS`; none without a column."""
    return np.empty(0) if column is None else np.sort(column.values(column.form.values()))


def _name(node):
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", node.text):
        return node.text
    return node.mistake(f"{node.text!r} is no name", "1 to 64 letters, digits, _ and -")


def _model(node):
    word = node.value if isinstance(node.value, str) and ".py" in node.value else node.word(MODELS)
    try:
        return None if word is None else get_model(word)
    except ValueError as error:
        return node.mistake(str(error))


def _sample(root):
    """The `Sample`, which is there if and only if a parameter is drawn by it."""
    parameters = root.section("parameters").value
    nodes = parameters.values() if isinstance(parameters, dict) else ()
    drawn = [node.value[f] for node in nodes if isinstance(node.value, dict) for f in DRAWN_FORMS if f in node.value]
    node = root.section("sample")
    if "sample" not in root.value:
        if drawn:
            advice = "a section such as sample: {kind: sobol, points: 128}"
            drawn[0].mistake("is drawn by `sample`, which is missing", advice, at_key=True)
        return None
    if not drawn:
        node.mistake("no parameter has a `range` or `normal` to draw from", at_key=True)
    entries = node.entries(SAMPLE, ("kind", "points")) or {}
    kind = entries["kind"].word(SAMPLE_KINDS) if "kind" in entries else None
    points = entries["points"].integer(1, MAX_TASKS) if "points" in entries else None
    seed = entries["seed"].integer(0) if "seed" in entries else 0
    return None if None in (kind, points, seed) else Sample(kind, points, seed)


def _solver(node):
    return replace(SolverSettings(), **_settings(node, SOLVER, "key"))


def _epoch_seconds(node):
    (setting,) = RUN
    return _settings(node, RUN, "key").get(setting.name, setting.default)


# Parameters


def _columns(node, model):
    """Every parameter of the model as a `Variable`, those that vary first."""
    parameters = {parameter.name: parameter for parameter in model.parameters}
    entries = node.entries(parameters, what="parameter")
    if entries is None:
        return ()
    columns = {name: _column(entry, parameters[name], FORMS) for name, entry in entries.items()}
    for name, parameter in parameters.items():
        if name in entries or parameter.optional:
            continue
        if parameter.default is None:
            node.missing(name, f"{{value: ..., unit: {parameter.unit}}} ({parameter.description})")
        else:
            columns[name] = Variable(parameter, Axis("value", (float(parameter.default),), 1), parameter.unit)
    read = {name: column for name, column in columns.items() if column is not None}
    varied = [name for name, column in read.items() if not column.is_fixed]
    fixed = [name for name in parameters if name in read and read[name].is_fixed]
    return tuple(read[name] for name in varied + fixed)


def _column(node, parameter, forms, max_points=MAX_TASKS):
    """One parameter, setting or output grid in one of the `forms`."""
    if not isinstance(node.value, dict):
        return _bare_column(node, parameter, forms)
    extras = {"linear": ("points",), "range": ("scale", "about", "offset_unit")}
    entries = node.entries((*forms, *(key for form in forms for key in extras.get(form, ())), "unit"))
    unit = _unit(node, entries, parameter.unit)
    about = entries["about"].number() if "about" in entries else None
    offset_unit = unit if "about" in entries else ""
    if "offset_unit" in entries:
        offset_unit = _unit(node, entries, parameter.unit, "offset_unit")
    given = [form for form in forms if form in entries]
    if len(given) != 1:
        what = f"{' and '.join(given)} exclude each other" if given else "one of these is needed"
        return node.mistake(what, ", ".join(forms), at_key=True)
    accepted = conversions(parameter.unit)
    in_their_unit = None if None in (about, unit, offset_unit) else about * (accepted[unit] / accepted[offset_unit])
    form = read_form(node, entries, given[0], max_points, in_their_unit)
    if None in (form, unit, offset_unit) or ("about" in entries and about is None):
        return None
    column = Variable(parameter, form, unit, about, offset_unit)
    _check_range(entries[given[0]], column)
    return column


def _bare_column(node, parameter, forms):
    """A number without a mapping around it, which is accepted if it needs no unit."""
    if parameter.unit != "1" or isinstance(node.value, list):
        number, spelling = split_quantity(node.text)
        suggestion = f"{{value: {number}, unit: {spelling or parameter.unit}}}" if number else ""
        return node.wrong("a mapping", accepted=", ".join(f"{{{form}: ...}}" for form in forms), suggestion=suggestion)
    number = node.number()
    if number is None:
        return None
    column = Variable(parameter, Axis("value", (number,), 1), "1")
    _check_range(node, column)
    return column


def _unit(node, entries, model_unit, key="unit"):
    """The spelling of a unit; a number without dimension needs none."""
    accepted = conversions(model_unit)
    if key not in entries:
        return "1" if model_unit == "1" else node.missing(key, ", ".join(accepted))
    spelling = entries[key].text
    if spelling not in accepted:
        # No suggestion: eV, keV, MeV are all near, and a wrong guess would be a wrong number.
        return entries[key].mistake(f"unknown unit {spelling!r}", ", ".join(accepted))
    return spelling


def _check_range(node, column):
    """Compare every number that was typed with the bounds of the parameter, in the unit that was typed."""
    parameter = column.parameter
    interval = Interval(parameter.low, parameter.high, parameter.low_is_open)
    accepted = interval.describe(
        parameter.name, "" if column.unit == "1" else column.unit, conversions(parameter.unit)[column.unit]
    )
    form = column.form
    if isinstance(form, Normal):  # what was typed are no values of the parameter
        typed = [(node, end, f"{end:g} (at {CUT:g} deviations)") for end in (form.low, form.high)]
    else:
        items = node.value if isinstance(node.value, list) else [node]
        typed = [(item, float(item.value), item.text) for item in items]
    for item, number, text in typed:
        if not interval.contains(column.total(number)):
            about = "" if column.about is None else f"{column.about!r} {column.unit} + "
            unit = column.unit if column.about is None else column.offset_unit
            item.mistake(f"{about}{text}{'' if unit == '1' else ' ' + unit} is out of range", accepted)
    if isinstance(form, Axis) and form.n_points > MAX_CHECKED_POINTS:
        return
    values = form.values() if isinstance(form, Axis) else np.array([form.low, form.high])
    if len(np.unique(column.total(values))) < len(values):
        sum_text = "" if column.about is None else f" {column.about!r} + offset"
        node.mistake(f"the values are too close: in double precision some{sum_text} are the same")


# Output


def _outputs(node, model):
    """The output grids that are asked for, and whether the momentum modes are stored."""
    entries = node.entries((*OUTPUTS, "modes")) or {}
    kinds = {"temperatures": "trajectory", "momenta": "spectrum", "modes": "mode"}
    available = {observable.kind for observable in model.observables}
    store_modes = entries["modes"].switch() if "modes" in entries else False
    for key, entry in entries.items():
        if kinds[key] not in available and entry.value is not False:
            entry.mistake(f"the model {model.name} has no observables of the kind {kinds[key]!r}", at_key=True)
    outputs = {
        name: _column(entries[name], OUTPUTS[name], OUTPUT_FORMS, MAX_OUTPUT_POINTS)
        for name in OUTPUTS
        if name in entries
    }
    return outputs, store_modes


# Settings and variations


def _settings(node, declared, what="setting"):
    """Those of the `declared` settings that are given, in their units; None in the place of a wrong one."""
    settings = {setting.name: setting for setting in declared}
    entries = node.entries(settings, what=what) or {}
    return {name: _setting(entry, settings[name]) for name, entry in entries.items()}


def _setting(node, setting):
    if isinstance(setting.default, bool):
        return node.switch()
    if isinstance(setting.default, str):
        return node.word(setting.choices, setting.or_file)
    if isinstance(setting.default, int):
        return node.integer(setting.low, setting.high)
    parameter = Parameter(setting.name, setting.unit, setting.low, setting.high, "", low_is_open=setting.low_is_open)
    column = _column(node, parameter, ("value",))
    return None if column is None else float(column.values(column.form.values())[0])


def _variations(root, model):
    if "variations" not in root.value:
        return {"standard": {}}
    node = root.section("variations")
    if not isinstance(node.value, dict) or not node.value:
        node.wrong("a mapping with at least one variation", accepted="name: {setting: value, ...}")
        return {}
    for name, entry in node.value.items():
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            entry.mistake(f"{name!r} is no name", "1 to 64 letters, digits, _ and -", at_key=True)
    return {name: _settings(entry, model.settings) for name, entry in node.value.items()}


def _ask_model(root, model, settings, variations, outputs):
    """Let the model judge each variation, once each of its settings is valid by itself."""
    if any(mistake.key.startswith(("settings", "variations", "output")) for mistake in root.report.mistakes):
        return
    temperatures = output_values(outputs.get("temperatures"))[::-1]
    defaults = {setting.name: setting.default for setting in model.settings}
    for name, overrides in variations.items():
        where = root.section("variations").section(name) if "variations" in root.value else root.section("settings")
        try:
            problems = [(str(section), str(text)) for section, text in
                        ask(model, "check", defaults | settings | overrides, temperatures)]  # fmt: skip
        except (TypeError, ValueError) as error:
            if not model.source_hash:
                raise
            problems = [("settings", f"the method check of {model.name} does not give a list of problems: {error}")]
        for section, message in problems:
            place = root.section("output").section("temperatures") if section == "output.temperatures" else where
            place.mistake(message, at_key=True)


# Momentum grids


def _grids(root, model):
    """Kind and options of every momentum grid."""
    node = root.section("grids")
    if not model.grid_kinds:
        if "grids" in root.value:
            node.mistake(f"the model {model.name} has no momentum modes; remove this section", at_key=True)
        return ()
    if "grids" not in root.value:
        root.missing("grids", f"a list such as [{{kind: {model.grid_kinds[0]}}}]")
        return ()
    grids = []
    for item in node.items() or ():
        for grid in _grid(item, model):
            if grid in grids:
                item.mistake("the same grid stands here twice")
            grids.append(grid)
    return tuple(grids)


def _grid(node, model):
    """The grids of one item: one for each of its numbers of modes."""
    if not isinstance(node.value, dict) or "kind" not in node.value:
        return node.wrong("a mapping with a kind", accepted=", ".join(model.grid_kinds)) or ()
    kind = node.value["kind"].word(model.grid_kinds)
    if kind is None:
        return ()
    options = inspect.signature(getattr(momentum_grid, kind)).parameters
    required = [name for name, option in options.items() if option.default is option.empty]
    entries = node.entries(("kind", *options), required)
    read = {
        name: _grid_option(entries[name], option.default, model.max_modes) if name in entries else option.default
        for name, option in options.items()
    }
    if "n_modes" not in options:
        return [(kind, read)]
    if "n_modes" not in entries or None in read.values():
        return ()
    _check_nodes(node, read)
    return [(kind, read | {"n_modes": n_modes}) for n_modes in read["n_modes"]]


def _grid_option(node, default, max_modes):
    """A list of numbers of modes, momenta, or a positive number, after the default of the grid's function."""
    if default is inspect.Parameter.empty:
        items = node.items() or () if isinstance(node.value, list) else [node]
        n_modes = [item.integer(2, max_modes) for item in items]
        return None if None in n_modes or not n_modes else n_modes
    if isinstance(default, tuple):
        return () if node.value == [] else distinct_numbers(node, POSITIVE)
    return node.number(Interval(1e-3, 1e3))  # momenta k/T: beyond these there are no neutrinos


def _check_nodes(node, options):
    soft_modes = options.get("soft_modes", ())
    if options.get("y_min", 0.0) >= options.get("y_max", math.inf):
        node.mistake(f"y_min must be below y_max = {options['y_max']}", at_key=True)
    for y in {options.get("y_min"), options.get("y_max")} & set(soft_modes):
        node.value["soft_modes"].mistake(f"{y} is the end of the grid already")
    for n_modes in options["n_modes"]:
        if soft_modes and len(soft_modes) >= n_modes - 1:
            node.value["soft_modes"].mistake(f"{len(soft_modes)} soft modes of {n_modes}", f"at most {n_modes - 2}")


def _check_size(root, columns, sample, n_systems):
    axes = [column.form.n_points for column in columns if isinstance(column.form, Axis)]
    n_tasks = math.prod(axes) * n_systems * (sample.points if sample else 1)
    if n_tasks > MAX_TASKS:
        root.section("parameters").mistake(f"{n_tasks} tasks in all", f"at most {MAX_TASKS}", at_key=True)
