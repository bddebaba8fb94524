"""From a valid input file to the list of its tasks.

Tasks are variations x momentum grids x points, the points fastest; points are the product of the axes in the order
of the file, the last fastest, and of the sample, fastest of all.  Every combination of the axes meets the same
sample, so that a difference along an axis is free of sampling noise.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from hpc_nu.campaign.input_file import output_values, read_input
from hpc_nu.campaign.input_keys import OUTPUTS
from hpc_nu.campaign.marked_yaml import InputError, Mistake
from hpc_nu.campaign.sampling import Axis
from hpc_nu.models.interface import Model, Problem, SolverSettings
from hpc_nu.models.user_model import ask
from hpc_nu.solver import momentum_grid

LARGEST_MESSAGE = 2**31 - 1
"""Bytes that MPI sends at once."""


@dataclass(frozen=True, eq=False)
class GridSpec:
    """A momentum grid before it is built.

    Attributes
    ----------
    kind : str
        A name of `momentum_grid.GRID_KINDS`; "none" for a model without momentum modes.
    n_modes : int
        0 for the kind "none".
    options : dict
        Arguments of the function of that name in `momentum_grid`.
    label : str
        Unique in its campaign, such as "equal_occupation-48".
    """

    kind: str
    n_modes: int
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @cached_property
    def grid(self):
        """The `MomentumGrid`, built when it is first asked for; None for the kind "none"."""
        return None if self.kind == "none" else getattr(momentum_grid, self.kind)(**self.options)


@dataclass(frozen=True, eq=False)
class Plan:
    """All tasks of a campaign.  Nobody changes a plan: its arrays are read-only, and its dicts are to be treated so.

    Attributes
    ----------
    points : dict of str to (n_tasks,) float64
        Every parameter, in the model's unit, tuned value and offset added up.
    offsets : dict of str to (float, (n_tasks,) float64)
        Tuned value and offsets of a parameter given with `about`, in the model's unit.
    variations : tuple of (str, dict)
        Name and complete settings, in the model's units.
    variation, grid : (n_tasks,) int32
        Index into `variations` and `grids`.
    grids : tuple of GridSpec
        A single one of the kind "none" for a model without momentum modes.
    temperatures : (n,) float64 [GeV]
        Output temperatures, decreasing.
    momenta : (n,) float64
        Output momenta k/T, increasing.
    given : str
        The input file.
    canonical : str
        The input completed with all defaults, as JSON.  Its order matters, being that of the tasks.
    tables : dict of str to str
        What comes from files, tables and a user's model: name to identity.
    """

    name: str
    model: Model
    n_tasks: int
    points: dict
    offsets: dict
    variations: tuple
    variation: np.ndarray
    grids: tuple
    grid: np.ndarray
    temperatures: np.ndarray
    momenta: np.ndarray
    store_modes: bool
    solver: SolverSettings
    epoch_seconds: float
    given: str
    canonical: str
    tables: dict = field(default_factory=dict)

    @property
    def completed(self):
        """The input completed with all defaults: a dict that is itself a valid input, a new one at each call."""
        return json.loads(self.canonical)

    @cached_property
    def problem_hash(self):
        """SHA-256 of all that defines the problem: the input but for its section `run`, and the tables it needs.

        Of a user's file this is what is in it, wherever it lies.
        """
        problem, tables = _of_contents(self.completed, self.tables, self.model)
        return hashlib.sha256((_canonical(problem) + (_canonical(tables) if tables else "")).encode()).hexdigest()

    @property
    def message_bytes(self):
        """Size of its arrays, which every other rank is sent in one message."""
        offsets = [offsets for _, offsets in self.offsets.values()]
        return sum(array.nbytes for array in (*self.points.values(), *offsets, self.variation, self.grid))

    def problem(self, task):
        """The `Problem` of one task."""
        if not 0 <= task < self.n_tasks:
            raise IndexError(f"task {task} of a campaign of {self.n_tasks}")
        return Problem(
            point={name: float(values[task]) for name, values in self.points.items()},
            settings=dict(self.variations[self.variation[task]][1]),
            grid=self.grids[self.grid[task]].grid,
            temperatures=self.temperatures,
            momenta=self.momenta,
            solver=self.solver,
            offsets={name: (about, float(values[task])) for name, (about, values) in self.offsets.items()},
        )

    def task_class(self, task):
        """Number of the cost class of a task (or of several, by any numpy index): one per variation and grid."""
        return self.variation[task].astype(np.int64) * len(self.grids) + self.grid[task]

    def difference(self, other_completed, other_tables):
        """How the problem differs from another one, for people.

        Parameters
        ----------
        other_completed : dict
            `completed` of the other plan, as read back from a results file.
        other_tables : dict
            `tables` of it, likewise.

        Returns
        -------
        list of str
            "parameters.M: 2.0 GeV -> 3.0 GeV" stands for 2 GeV in the other plan and 3 GeV in this one; empty if
            the problem is the same.
        """
        old, old_tables = _of_contents(other_completed, other_tables, self.model)
        new, new_tables = _of_contents(self.completed, self.tables, self.model)
        old_leaves, new_leaves = dict(_leaves(old)), dict(_leaves(new))
        old_leaves |= {f"table {name}": identity for name, identity in old_tables.items()}
        new_leaves |= {f"table {name}": identity for name, identity in new_tables.items()}
        lines = [
            f"{key}: {old_leaves.get(key, 'absent')} -> {new_leaves.get(key, 'absent')}"
            for key in old_leaves | new_leaves
            if old_leaves.get(key) != new_leaves.get(key)
        ]
        if not lines and _canonical(old) != _canonical(new):
            for section in ("parameters", "variations"):
                if list(old[section]) != list(new[section]):
                    lines.append(f"order of {section}: {', '.join(old[section])} -> {', '.join(new[section])}")
        return lines


def read_plan(path, text=None):
    """Read the input file of a campaign, or `text`, which `path` then is the name of.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        With all mistakes of the file.
    """
    campaign = read_input(path, text)
    variations = tuple((name, campaign.settings | overrides) for name, overrides in campaign.variations.items())
    grids = _grid_specs(campaign.grids)
    points, offsets, n_points = _points(campaign, len(variations) * len(grids))
    grid = np.repeat(np.arange(len(grids), dtype=np.int32), n_points)
    temperatures = _frozen(output_values(campaign.outputs.get("temperatures"))[::-1].copy())
    tables = _tables(path, campaign.model, variations, points, temperatures)
    if campaign.model.source_hash:
        tables[campaign.model.name] = campaign.model.source_hash
    plan = Plan(
        name=campaign.name,
        model=campaign.model,
        n_tasks=n_points * len(grids) * len(variations),
        points=points,
        offsets=offsets,
        variations=variations,
        variation=_frozen(np.repeat(np.arange(len(variations), dtype=np.int32), len(grids) * n_points)),
        grids=grids,
        grid=_frozen(np.tile(grid, len(variations))),
        temperatures=temperatures,
        momenta=_frozen(output_values(campaign.outputs.get("momenta"))),
        store_modes=campaign.store_modes,
        solver=campaign.solver,
        epoch_seconds=campaign.epoch_seconds,
        given=campaign.given,
        canonical=_canonical(_completed(campaign)),
        tables=tables,
    )
    if plan.model.source_hash:
        _try_methods(path, plan)
    return plan


def _try_methods(path, plan):
    """Raise an `InputError` if what the engine asks a user's model besides a solve does not give what it must."""
    from hpc_nu.campaign.expected_cost import expected_cost

    settings = [settings for _, settings in plan.variations]
    for method, what, attempt in (
        ("cost", "Cost", lambda: expected_cost(plan)),
        ("seconds_to_prepare", "number", lambda: float(plan.model.seconds_to_prepare(settings, plan.points))),
        ("batch_key", "key", lambda: hash(plan.model.batch_key(plan.problem(0)))),
    ):
        try:
            attempt()
        except Exception as error:
            text = f"the method {method} of {plan.model.name} gives no {what}: {type(error).__name__}: {error}"
            raise InputError([Mistake(str(path), 0, 0, "model", None, text)]) from error


def _tables(path, model, variations, points, temperatures):
    """Tables of all variations, if the points of the campaign are such that they can be solved with them."""
    tables, mistakes = {}, []
    for name, settings in variations:
        try:
            problems = ask(model, "check_points", settings, points, temperatures)
            if not problems:
                tables |= ask(model, "tables", settings, points)
            problems = [problems] if isinstance(problems, str) else list(problems)
        except ValueError as error:
            problems = [str(error)]
        key = f"variations.{name}" if len(variations) > 1 else "settings"
        mistakes += [Mistake(str(path), 0, 0, key, None, problem) for problem in problems]
    if mistakes:
        raise InputError(mistakes)
    return tables


def _points(campaign, n_systems):
    """Values and offsets of every parameter for all tasks, and the number of points."""
    axes = [column for column in campaign.columns if isinstance(column.form, Axis) and not column.is_fixed]
    drawn = [column for column in campaign.columns if not isinstance(column.form, Axis)]
    shape = [column.form.n_points for column in axes] + ([campaign.sample.points] if drawn else [])
    cube = campaign.sample.unit_cube(len(drawn)) if drawn else None
    points, offsets = {}, {}
    for column in campaign.columns:
        name = column.parameter.name
        numbers = column.form.values(cube[:, drawn.index(column)]) if column in drawn else column.form.values()
        dimension = axes.index(column) if column in axes else len(shape) - 1
        points[name] = _spread(column.values(numbers), dimension, shape, n_systems)
        if column.about is not None:
            offsets[name] = (column.tuned_value, _spread(column.converted(numbers), dimension, shape, n_systems))
    return points, offsets, math.prod(shape)


def _spread(values, dimension, shape, n_systems):
    """Repeat the values along one dimension of the points over all others; a single value stays a view of itself."""
    place = [-1 if i == dimension else 1 for i in range(len(shape))]
    return _frozen(np.broadcast_to(values.reshape(place), (n_systems, *shape)).reshape(-1))


def _frozen(array):
    array.setflags(write=False)
    return array


def _grid_specs(grids):
    """Grids with labels of kind and size, and where that is ambiguous also of the options that differ."""
    if not grids:
        return (GridSpec("none", 0, label="none"),)
    return tuple(
        GridSpec(kind, options.get("n_modes", 1), options, _label(kind, options, grids)) for kind, options in grids
    )


def _label(kind, options, grids):
    n_modes = options.get("n_modes")
    namesakes = [other for other_kind, other in grids if other_kind == kind and other.get("n_modes") == n_modes]
    differing = [name for name in options if any(other[name] != options[name] for other in namesakes)]
    return "-".join(
        [
            kind,
            *([str(n_modes)] if n_modes else []),
            *(f"{name}={_plain(options[name])}" for name in differing if options[name] != ()),
        ]
    )


def _plain(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def _completed(campaign):
    """The input with all defaults, in one order."""
    completed = {
        "campaign": campaign.name,
        "model": campaign.model.name,
        "parameters": {column.parameter.name: column.completed() for column in campaign.columns},
        "sample": campaign.sample and asdict(campaign.sample),
        "settings": _with_units(campaign.settings, campaign.model),
        "variations": {name: _with_units(overrides, campaign.model) for name, overrides in campaign.variations.items()},
        "grids": [{"kind": kind, **options} for kind, options in campaign.grids],
        "solver": asdict(campaign.solver),
        "output": {name: campaign.outputs[name].completed() for name in OUTPUTS if name in campaign.outputs}
        | {"modes": campaign.store_modes},
        "run": {"epoch_seconds": campaign.epoch_seconds},
    }
    return {section: value for section, value in completed.items() if value or section not in ("sample", "grids")}


def _with_units(values, model):
    return {
        setting.name: values[setting.name]
        if setting.unit == "1"
        else {"value": values[setting.name], "unit": setting.unit}
        for setting in model.settings
        if setting.name in values
    }


def _canonical(completed):
    """JSON of which every byte is determined; floats are written by repr, which reads back exactly."""
    return json.dumps(completed, separators=(",", ":"))


def _of_contents(completed, tables, model):
    """A completed input but for its section `run`, and its tables: the user's files by what is in them.

    Returns
    -------
    dict, dict
        The input with the identity of a file in the place of its path, and the tables that are no such files.
    """
    words = {setting.name: setting.choices for setting in model.settings if setting.or_file}
    named = set()

    def by_content(settings):
        files = {name: value for name, value in settings.items() if name in words and value not in words[name]}
        named.update(files.values())
        return settings | {name: f"the file {tables.get(path, 'that is not read')}" for name, path in files.items()}

    problem = {section: value for section, value in completed.items() if section != "run"}
    if (word := problem["model"]) in tables:
        named.add(word)
        problem["model"] = f"{word.rpartition(':')[2]} of the file {tables[word]}"
    problem["settings"] = by_content(problem["settings"])
    problem["variations"] = {name: by_content(overrides) for name, overrides in problem["variations"].items()}
    return problem, {name: identity for name, identity in tables.items() if name not in named}


def _leaves(value, key=""):
    """Dotted key and text of everything in a completed input, a quantity and its unit together."""
    if isinstance(value, dict) and value and "unit" not in value and "kind" not in value:
        for name, entry in value.items():
            yield from _leaves(entry, f"{key}.{name}" if key else name)
    elif key == "grids":
        for i, grid in enumerate(value):
            yield f"{key}[{i}]", as_typed(grid)
    else:
        yield key, as_typed(value)


def as_typed(value):
    """A value as a user would type it."""
    if isinstance(value, dict) and value.keys() == {"value", "unit"}:
        return f"{value['value']!r} {'' if value['unit'] == '1' else value['unit']}".rstrip()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {as_typed(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(as_typed, value)) + "]"
    return json.dumps(value) if isinstance(value, (bool, float)) else str(value)
