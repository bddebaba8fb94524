"""Texts of `hpc-nu check` and `hpc-nu models`."""

import numpy as np

from hpc_nu.campaign.expected_cost import expected_cost
from hpc_nu.campaign.plan import LARGEST_MESSAGE, read_plan
from hpc_nu.campaign.progress import duration
from hpc_nu.campaign.row_layout import RowLayout
from hpc_nu.models import MODELS, get_model
from hpc_nu.solver.momentum_grid import GRID_KINDS

_RANKS = (1, 16, 256, 4096)
"""For which wall times are given, as far as they are useful."""

_SHARED_BY = 64
"""Points of one mass, say: then coefficients are no longer what takes the time."""

_NOT_WORTH_IT = 10.0
"""Seconds."""


def check_report(input_path):
    """What a valid input asks for and what it will cost; an invalid one raises `InputError`."""
    plan = read_plan(input_path)
    layout = RowLayout(plan)
    cost = expected_cost(plan)
    fits = plan.message_bytes <= LARGEST_MESSAGE
    n_points = plan.n_tasks // (len(plan.variations) * len(plan.grids))
    lines = [
        f"{input_path}: valid",
        f"campaign    {plan.name}",
        f"model       {plan.model.name}: {plan.model.title}",
        f"tasks       {plan.n_tasks} = {n_points} points x {len(plan.grids)} grids x {len(plan.variations)} variations",
        *_cost_lines(plan, cost, fits),
        f"file size   {size_text(layout.file_size(plan))}",
        f"problem     {plan.problem_hash}",
    ]
    if plan.grids[0].kind != "none":
        lines.insert(4, "grids       " + ", ".join(grid.label for grid in plan.grids))
    kinds = {plan.model.name: "source"}
    lines += [f"{kinds.get(name, 'table'):11} {name} {identity[:16]}" for name, identity in plan.tables.items()]
    if not fits:
        most = LARGEST_MESSAGE * plan.n_tasks // plan.message_bytes
        lines.append(
            "remark      runs on one rank alone: all others are sent the whole plan, and MPI sends at most"
            f" {size_text(LARGEST_MESSAGE)} of its {size_text(plan.message_bytes)}. Make several campaigns of it, of at"
            f" most {most} tasks each"
        )
    return "\n".join(lines)


def _cost_lines(plan, cost, fits):
    """Processor time, what of it is shared and how often that is made, wall time by ranks; on one if no more fit."""
    total, longest = cost.total(), cost.longest()
    tables = plan.model.seconds_to_prepare([settings for _, settings in plan.variations], plan.points)
    useful = max(1, min(plan.n_tasks, int(total / max(longest, 1e-3)))) if fits else 1
    walls = {n: tables / n + cost.wall(n) for n in sorted({*_RANKS, useful}) if n <= useful}
    enough = next((n for n, wall in walls.items() if wall < 1), useful)
    by_ranks = [f"{rough(wall)} on {n} rank{'s' if n > 1 else ''}" for n, wall in walls.items() if n <= enough]
    return [
        f"cost        {rough(total)} of processor time, good to a factor of 2{_of_it(cost)}",
        *([f"tables      {rough(tables)} of processor time before, to build what is not there"] if tables else []),
        f"wall time   {', '.join(by_ranks)}, with a core for each, and some seconds to start",
        f"useful on   up to {useful} ranks; longest task {seconds_text(longest)}",
        *_advice(cost),
    ]


def _of_it(cost):
    """What takes more than a twentieth of the time and is shared, and how often it is made."""
    parts = [
        f"{seconds / cost.total():.0%} for {what}, made {'once' if times == 1 else f'{times} times'}"
        for (what, _), (times, _, seconds) in _made(cost).items()
        if seconds > cost.total() / 20
    ]
    return f"; of it {', '.join(parts)}" if parts else ""


def _advice(cost):
    """What to change where nearly every task makes anew what it could share, if that takes long."""
    for (what, shared_by), (times, n_tasks, seconds) in _made(cost).items():
        saved = seconds * (1 - 1 / _SHARED_BY)
        if times > n_tasks / 2 and saved > max(cost.total() / 2, _NOT_WORTH_IT):
            names = " and ".join(shared_by)
            yield (
                f"note        {what} are made for nearly every task: with {names} on an axis instead of in a range, and"
                f" {_SHARED_BY} points for each value, as many tasks would take {rough(cost.total() - saved)}"
            )


def _made(cost):
    """How often what is made, for how many tasks, and how long that takes, by name and parameters."""
    made = {}
    for preparation, n_groups, n_tasks in cost.shared:
        key, new = (preparation.what, preparation.shared_by), (n_groups, n_tasks, n_groups * preparation.seconds)
        if preparation.what:
            made[key] = tuple(map(sum, zip(made.get(key, (0, 0, 0.0)), new, strict=True)))
    return made


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
        (p.name, unit_text(p.unit), range_text(p.low, p.high, p.low_is_open), _with_default(p))
        for p in model.parameters
    )
    lines += ["", "settings (default)"]
    lines += aligned(
        (s.name, unit_text(s.unit), _accepted(s), f"{s.description} ({s.default})") for s in model.settings
    )
    if model.grid_kinds:
        lines += ["", "momentum grids (their keys: inputs/README.md)"]
        lines += aligned((kind, GRID_KINDS[kind]) for kind in model.grid_kinds)
    lines += ["", "observables"]
    lines += aligned((o.name, unit_text(o.unit), o.kind, o.long_name) for o in model.observables)
    return "\n".join(lines)


def _accepted(setting):
    """Words, or a range of numbers."""
    words = " | ".join((*setting.choices, *["a file"] * setting.or_file))
    return words or range_text(setting.low, setting.high, setting.low_is_open)


def _with_default(parameter):
    """Description of a parameter, and its default if it has one."""
    return parameter.description + ("" if parameter.default is None else f" ({parameter.default:g})")


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
    text = f"{seconds:.2g} s" if 1 <= seconds < 10 else duration(seconds)
    return text if seconds < 1 else f"about {text}"


def seconds_text(seconds):
    """A short time with three digits."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def size_text(n_bytes):
    """A file size for people."""
    for size, unit in ((1e12, "TB"), (1e9, "GB")):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes / 1e6:.1f} MB"
