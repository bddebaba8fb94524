"""Texts of `hpc-nu check` and `hpc-nu models`."""

from collections import defaultdict

import numpy as np

from hpc_nu.campaign.expected_cost import expected_cost
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.progress import duration
from hpc_nu.campaign.row_layout import RowLayout
from hpc_nu.models import MODELS, get_model
from hpc_nu.solver.momentum_grid import GRID_KINDS

_SHARED_BY_AS_MANY = 64
"""Points of one mass: then coefficients are no longer what a campaign of `lepton_asymmetry` takes its time for."""


def check_report(input_path):
    """What a valid input asks for and what it will cost; an invalid one raises `InputError`."""
    plan = read_plan(input_path)
    layout = RowLayout(plan)
    cost = expected_cost(plan)
    n_points = plan.n_tasks // (len(plan.variations) * len(plan.grids))
    lines = [
        f"{input_path}: valid",
        f"campaign    {plan.name}",
        f"model       {plan.model.name}: {plan.model.title}",
        f"tasks       {plan.n_tasks} = {n_points} points x {len(plan.grids)} grids x {len(plan.variations)} variations",
        *_cost_lines(plan, cost),
        f"file size   {size_text(layout.file_size(plan))}",
        f"problem     {plan.problem_hash}",
    ]
    if plan.grids[0].kind != "none":
        lines.insert(4, "grids       " + ", ".join(grid.label for grid in plan.grids))
    lines += [f"table       {name} {identity[:16]}" for name, identity in plan.tables.items()]
    return "\n".join(lines)


def _cost_lines(plan, cost):
    """Processor time, what of it is shared and how often that is made, and wall time by ranks."""
    total, longest = cost.total(), cost.longest()
    made = defaultdict(lambda: [0, 0.0])
    for shared in cost.shared:
        made[shared.preparation.what][0] += shared.n_groups
        made[shared.preparation.what][1] += shared.n_groups * shared.preparation.seconds
    parts = [
        f"{seconds / total:.0%} for {what}, made {times} times"
        for what, (times, seconds) in made.items()
        if what and seconds > total / 20
    ]
    useful = max(1, min(plan.n_tasks, int(total / max(longest, 1e-3))))
    counts = sorted({1, min(16, useful), useful})
    walls = [f"{rough(cost.wall(n))} on {n} rank{'s' if n > 1 else ''}" for n in counts]
    prepared = plan.model.seconds_to_prepare([settings for _, settings in plan.variations], plan.points)
    return [
        f"cost        about {rough(total)} of processor time, good to a factor of 2{_of_it(parts)}",
        *([f"            before, {rough(prepared)} for tables, shared among all ranks"] if prepared else []),
        f"wall time   about {', '.join(walls)}, each a core, and some seconds to start",
        f"useful on   up to {useful} ranks; longest task {seconds_text(longest)}",
        *_advice(cost),
    ]


def _of_it(parts):
    return f"; of it {', '.join(parts)}" if parts else ""


def _advice(cost):
    """What to change where nearly every task makes anew what it could share, if that takes most of the time."""
    for preparation, n_groups, n_tasks in cost.shared:
        spent = n_groups * preparation.seconds
        if preparation.what and n_groups > n_tasks / 2 and spent > cost.total() / 2 and n_groups >= _SHARED_BY_AS_MANY:
            names = " and ".join(preparation.shared_by)
            less = spent * (1 - 1 / _SHARED_BY_AS_MANY)
            yield (
                f"note        {spent / cost.total():.0%} of it is {preparation.what}, for {n_groups} values of {names} in"
                f" {n_tasks} tasks: with {_SHARED_BY_AS_MANY} points for each ({names} on an axis instead of a range) it"
                f" is about {rough(cost.total() - less)}"
            )


def models_report():
    """One line per model."""
    models = [get_model(name) for name in MODELS]
    width = max(len(model.name) for model in models)
    lines = [f"{model.name:{width}}  {model.title}" for model in models]
    return "\n".join([*lines, "", "`hpc-nu models NAME` shows the parameters, settings and observables of one."])


def model_report(name):
    """Everything an input file can say about one model, and what the results file will hold."""
    model = get_model(name)
    lines = [f"{model.name}: {model.title}", model.reference, "", "parameters"]
    lines += aligned(
        (p.name, unit_text(p.unit), range_text(p.low, p.high, p.low_is_open), p.description) for p in model.parameters
    )
    lines += ["", "settings (default)"]
    lines += aligned(
        (s.name, unit_text(s.unit), " | ".join(map(str, s.choices)) or range_text(s.low, s.high, s.low_is_open),
         f"{s.description} ({s.default})")
        for s in model.settings
    )  # fmt: skip
    if model.grid_kinds:
        lines += ["", "momentum grids (their keys: inputs/README.md)"]
        lines += aligned((kind, GRID_KINDS[kind]) for kind in model.grid_kinds)
    lines += ["", "observables"]
    lines += aligned((o.name, unit_text(o.unit), o.kind, o.long_name) for o in model.observables)
    return "\n".join(lines)


def aligned(rows):
    """Columns aligned, the last one free."""
    rows = [tuple(map(str, row)) for row in rows]
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return ["  " + "  ".join([*(f"{cell:{w}}" for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]


def range_text(low, high, low_is_open):
    """An interval for people: [closed, (open."""
    if low == -np.inf and high == np.inf:
        return "any"
    return f"{'(' if low_is_open else '['}{low:g}, {high:g}]"


def unit_text(unit):
    return "-" if unit == "1" else unit


def rough(seconds):
    """A time that is not known better than to two digits."""
    return f"{seconds:.2g} s" if 1 <= seconds < 10 else duration(seconds)


def seconds_text(seconds):
    """A short time with three digits."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def size_text(n_bytes):
    """A file size for people."""
    for size, unit in ((1e12, "TB"), (1e9, "GB")):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes / 1e6:.1f} MB"
