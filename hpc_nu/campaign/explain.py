"""`hpc-nu explain`: everything a results file knows about one task, and that task solved alone.

Like `status` it can be used while a run writes the file.  The results file is enough for all of it: it holds the input.
"""

import json
import shlex
from contextlib import suppress
from dataclasses import replace

import numpy as np
import yaml

from hpc_nu import __version__
from hpc_nu.campaign.checkpoint import Checkpoint
from hpc_nu.campaign.errors import OutputError
from hpc_nu.campaign.in_hand import InHand
from hpc_nu.campaign.plan import as_typed, read_plan
from hpc_nu.campaign.progress import duration
from hpc_nu.campaign.provenance import commit
from hpc_nu.campaign.reports import aligned, seconds_text, unit_text
from hpc_nu.campaign.results_file import as_recorded, open_results
from hpc_nu.campaign.row_layout import GROUPS, RowLayout
from hpc_nu.campaign.sampling import convert
from hpc_nu.models import get_model
from hpc_nu.result_codes import ResultCode
from hpc_nu.single_process import SingleProcess

_TASK = ("task", "variation", "grid", "n_modes")  # of /points, what is no parameter


def explain_report(output_path, task):
    """Point, settings, grid, outcome, cost, results and saved state of a task, and what to do with it next."""
    with open_results(output_path) as file:
        attributes, completed = dict(file.attrs), _completed(file)
        _refuse_no_task(output_path, file, task)
        # First: a row whose status says that it is recorded is there whole.
        status, error = int(file["status"][task]), file["error"][task].decode(errors="replace")
        point = _entries(file["points"], task, leave_out=_TASK)
        cost = {name: file[f"cost/{name}"][task] for name in ("seconds", "steps", "rejected", "tries", "rank")}
        results = [line for group in GROUPS.values() if group in file for line in _entries(file[group], task)]
        variation = file["points/variation"][task].decode(errors="replace")
        n_tasks = len(file["status"])
        grid = _grid(completed, n_tasks, task)
    code = ResultCode(status if status in set(ResultCode) else ResultCode.PENDING)  # a damaged one is nothing
    lines = [
        f"{output_path}: task {task} of campaign {attributes['campaign']}, model {attributes['model']}",
        f"status      {code.value}, {code.name.lower()}: {code.advice}",
    ]
    if error:
        lines.append(f"error       {' '.join(error.split())}")
    if code != ResultCode.PENDING:
        tries = (
            "first try" if cost["tries"] == 1 else f"try {cost['tries']}, more careful or more patient than the first"
        )
        lines.append(
            f"cost        {seconds_text(cost['seconds'])}, {cost['steps']} steps and {cost['rejected']} rejected ones,"
            f" {tries}, on rank {cost['rank']}"
        )
    lines.append(f"checkpoint  {_begun(output_path, attributes['problem_hash'], n_tasks, task)}")
    deaths, _ = InHand(output_path, attributes["problem_hash"]).recorded(n_tasks)
    if task in deaths:
        lines.append(f"suspicion   {deaths[task]} runs died while it was in hand")
    lines += ["", "point", *aligned(point)]
    lines += ["", f"variation {variation}: settings that are not the default (default)"]
    lines += _unusual(attributes["model"], completed["settings"] | completed["variations"][variation])
    if grid:
        lines += ["", f"momentum grid: {as_typed(grid)}"]
    lines += ["", f"solver: {as_typed(completed['solver'])}"]
    if code == ResultCode.DONE:
        lines += ["", "results", *aligned(results)]
    if attributes["version"] != __version__:
        lines += ["", f"remark: the file was made by version {attributes['version']}, and this is {__version__}"]
    arguments = f"{shlex.quote(str(output_path))} --task {task}"
    lines += [
        "",
        "to solve it here, on one process, and compare; nothing is written:",
        f"  hpc-nu explain {arguments} --solve",
        "the same in a debugger (with NUMBA_DISABLE_JIT=1 also inside the kernels, slowly):",
        f"  python -m pdb -m hpc_nu explain {arguments} --solve",
        "to change something about it, make it a campaign of its own:",
        f"  hpc-nu explain {arguments} --input > task{task}.yaml",
        f"  hpc-nu run task{task}.yaml -o task{task}.h5",
    ]
    return "\n".join(lines)


def solve_report(output_path, task):
    """Solve a task as its last try did, from the start, and compare with its row.

    An exception of the model is not caught: its traceback is what the user is after.
    """
    with open_results(output_path) as file:
        _refuse_no_task(output_path, file, task)
        given, attributes = file["input/given"][()].decode(errors="replace"), dict(file.attrs)
        plan = read_plan(f"{output_path}:/input/given", given)
        if plan.problem_hash != attributes["problem_hash"]:
            lines = plan.difference(_completed(file), json.loads(attributes["tables"]))
            raise OutputError(
                f"{output_path}: its input means another problem here than where it was made (version"
                f" {attributes['version']}; this is {__version__}):\n  " + "\n  ".join(lines)
            )
        plan = as_recorded(plan, file)
        layout = RowLayout(plan)
        recorded = {column.name: file[column.name][task] for column in layout.columns}
        made_with = file["provenance"].attrs["commit"]
    tries = max(1, int(recorded["cost/tries"]))
    plan.model.prepare([settings for _, settings in plan.variations], plan.points, SingleProcess())
    observables = [column for column in layout.columns if column.name.split("/")[0] in GROUPS.values()]

    def attempt(solver):
        outcome = plan.model.outcome(replace(plan.problem(task), solver=solver))
        row = layout.row(task, outcome, 0.0, tries, 0)
        return outcome, row, [c for c in observables if row[c.name].tobytes() != recorded[c.name].tobytes()]

    outcome, row, different = attempt(plan.solver if tries == 1 else plan.solver.more_careful())
    if different and tries > 1:  # then the second try was perhaps for want of time
        with suppress(Exception):
            patient = attempt(plan.solver.more_patient())
            outcome, row, different = (outcome, row, different) if patient[2] else patient
    lines = [f"task {task}, try {tries}: {outcome.code.name.lower()}, {outcome.code.advice}"]
    if outcome.message:
        lines.append(f"message     {outcome.message}")
    lines.append(f"cost        {outcome.steps} steps and {outcome.rejected} rejected ones")
    if outcome.code == ResultCode.DONE:
        lines += aligned(
            (column.name, _value(row[column.name]), unit_text(column.units), column.long_name) for column in observables
        )
    if recorded["status"] == ResultCode.PENDING:
        return "\n".join([*lines, f"{output_path} has no row of it yet"])
    different = [f"  {c.name}: {_difference(row[c.name], recorded[c.name])}" for c in different]
    if recorded["status"] != outcome.code:
        there = recorded["status"]
        word = ResultCode(there).name.lower() if there in set(ResultCode) else f"{there}, which is damaged,"
        different.insert(0, f"  status: {word} there")
    if different:
        made = f"commit {made_with}; this is {commit()}" if made_with != commit() else "the same commit"
        lines += [f"this is not what {output_path} has, made with {made}; relative differences:", *different]
        return "\n".join(lines)
    return "\n".join([*lines, f"this is, bit for bit, what {output_path} has"])


def input_of_task(output_path, task):
    """An input file (YAML) of a campaign that has this task alone, with all that could be set."""
    with open_results(output_path) as file:
        _refuse_no_task(output_path, file, task)
        completed, points = _completed(file), file["points"]
        parameters = {}
        for name, given in completed["parameters"].items():
            unit = points[name].attrs["units"]
            value = {"value": float(points[name][task])}
            if "about" in given:  # value and offset apart, as they were: their sum would round the offset
                offset = float(points[f"{name}_offset"][task])
                value = {"about": convert(given["about"], given["unit"], unit), "value": offset}
            parameters[name] = value | ({} if unit == "1" else {"unit": unit})
        variation = points["variation"][task].decode(errors="replace")
        grid = _grid(completed, len(file["status"]), task)
    single = {
        "campaign": f"{completed['campaign'][:48]}-task{task}",
        "model": completed["model"],
        "parameters": parameters,
        "settings": completed["settings"] | completed["variations"][variation],
        **({"grids": [grid]} if grid else {}),
        "solver": completed["solver"],
        "output": completed["output"],
        "run": completed["run"],
    }
    head = f"# Task {task} of {output_path}, variation {variation}.\n"
    return head + yaml.safe_dump(single, sort_keys=False, default_flow_style=None, width=110).rstrip()


def _completed(file):
    return json.loads(file["input/completed"][()])


def _refuse_no_task(output_path, file, task):
    if not 0 <= task < len(file["status"]):
        raise OutputError(f"--task {task}: {output_path} has the tasks 0 ... {len(file['status']) - 1}")


def _entries(group, task, leave_out=("task", "temperature", "momentum", "mode")):
    """Name, value, unit and meaning of a task's entry in each dataset of a group."""
    return [
        (name, _value(dataset[task]), unit_text(dataset.attrs["units"]), dataset.attrs["long_name"])
        for name, dataset in group.items()
        if name not in leave_out
    ]


def _value(entry):
    if np.ndim(entry) == 0:
        return repr(entry.item())
    there = entry[~np.isnan(entry)]
    return f"{there[0]:.6g} ... {there[-1]:.6g} ({len(there)} values)" if len(there) else "not a number"


def _difference(here, there):
    """Largest difference of two entries in units of the largest value."""
    with np.errstate(all="ignore"):
        return f"{np.max(np.abs(here - there)) / np.max(np.abs(there)):.2g}"


def _grid(completed, n_tasks, task):
    """What the input says of the grid of a task; None without grids.  Tasks are variations x grids x points."""
    grids = completed.get("grids")
    if not grids:
        return None
    n_points = n_tasks // (len(grids) * len(completed["variations"]))
    return grids[task // n_points % len(grids)]


def _unusual(model, settings):
    """Lines of the settings that are not the model's defaults."""
    try:
        defaults = {setting.name: setting.default for setting in get_model(model).settings}
    except ValueError:  # one of a later version, or of a file that is not here
        defaults = {}
    numbers = {name: value["value"] if isinstance(value, dict) else value for name, value in settings.items()}
    unusual = [name for name in settings if name not in defaults or numbers[name] != defaults[name]]
    rows = [(name, f"{as_typed(settings[name])} ({defaults.get(name, 'unknown here')})") for name in unusual]
    return aligned(rows) or ["  none"]


def _begun(output_path, problem_hash, n_tasks, task):
    """What the checkpoint has of a task."""
    suspended, _ = Checkpoint(output_path, problem_hash).load(n_tasks)
    for begun in suspended:
        if begun.task == task:
            which = "second try" if begun.attempt else "first try"
            return f"begun: {duration(begun.seconds)} of its {which}, a state of {len(begun.state)} numbers"
    return "nothing of it"
