"""`hpc-nu status`: how far a campaign is, from its results file and its checkpoint.

A run may be writing both.  Nothing is written here and no lock is asked for, so no run is disturbed.  Nor can reading
during a commit go wrong: a results file never changes its size or structure, its rows are flushed before their status,
and the status is what is read first; a checkpoint appears whole, by being renamed.
"""

import os
import re
import time
from collections import defaultdict

import numpy as np

from hpc_nu.campaign.checkpoint import Checkpoint
from hpc_nu.campaign.expected_cost import expected_cost
from hpc_nu.campaign.in_hand import InHand
from hpc_nu.campaign.marked_yaml import InputError
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.progress import duration
from hpc_nu.campaign.reports import seconds_text
from hpc_nu.campaign.results_file import open_results
from hpc_nu.campaign.schedule import LEAST_SECONDS
from hpc_nu.result_codes import ResultCode, is_failure

_MOST_LINES = 10
_SLOWEST = 5


def status_report(output_path):
    """What is done, what failed and why, what is going on, what is slow, and how long the rest will take."""
    with open_results(output_path) as file:
        status, seconds = file["status"][:], file["cost/seconds"][:]
        errors, ranks = file["error"][:], file["cost/rank"][:]
        given, attributes = file["input/given"][()].decode(errors="replace"), dict(file.attrs)
    begun, remarks = Checkpoint(output_path, attributes["problem_hash"]).load(len(status))
    begun = [task for task in begun if status[task.task] == ResultCode.PENDING]
    recorded = status != ResultCode.PENDING
    failed, without = is_failure(status), status == ResultCode.NO_SOLUTION
    lines = [
        f"{output_path}: campaign {attributes['campaign']}, model {attributes['model']}",
        f"done        {np.sum(status == ResultCode.DONE)} of {len(status)}",
        *([f"no solution {without.sum()}"] if without.any() else []),
        f"failed      {failed.sum()}",
        f"running     {_running(begun)}",
        f"in hand     {_in_hand(output_path, attributes['problem_hash'], len(status))}",
        f"pending     {np.sum(~recorded) - len(begun)}",
        f"last commit {_age(output_path)} ago",
    ]
    if recorded.any():
        spent = seconds[recorded]
        lines.append(f"cost        {duration(spent.sum())} on one rank, {seconds_text(spent.mean())} a task")
        lines.append(f"slowest     {_slowest(recorded, seconds)}")
    if not recorded.all():
        workers = len(np.unique(ranks[recorded]))
        lines.append(f"to go       {_to_go(output_path, given, recorded, seconds, begun, workers)}")
    lines += _failures(output_path, failed, status, errors)
    lines += [f"checkpoint  {remark}" for remark in remarks]
    return "\n".join(lines)


def _running(begun):
    """The tasks whose states the last commit has saved."""
    if not begun:
        return "0"
    longest = sorted(begun, key=lambda task: -task.seconds)[:_SLOWEST]
    texts = [f"{s.task} ({seconds_text(s.seconds)}{', second try' if s.attempt else ''})" for s in longest]
    return f"{len(begun)} at the last commit, for longest task {', '.join(texts)}"


def _in_hand(output_path, problem_hash, n_tasks):
    """What the ranks hold, if a run is going on, or held when it died."""
    _, held = InHand(output_path, problem_hash).recorded(n_tasks)
    held = list(filter(None, held.values()))
    return f"{sum(map(len, held))} tasks of {len(held)} ranks" if held else "0"


def _age(path):
    return duration(max(0.0, time.time() - os.path.getmtime(path)))


def _slowest(recorded, seconds):
    tasks = np.flatnonzero(recorded)
    tasks = tasks[np.argsort(-seconds[tasks], kind="stable")[:_SLOWEST]]
    return "task " + ", ".join(f"{task} ({seconds_text(seconds[task])})" for task in tasks)


def _to_go(output_path, given, recorded, seconds, begun, workers):
    """Expected time of what has no row yet: of each class what the model predicts, corrected by the finished ones."""
    try:
        plan = read_plan(f"{output_path}:/input/given", given)
    except InputError as error:
        return f"unknown: this version cannot read the input of the file ({error.mistakes[0]})"
    classes = plan.task_class(np.arange(plan.n_tasks))
    predicted = np.maximum(expected_cost(plan).shared_out(), LEAST_SECONDS)
    mean = np.bincount(classes, predicted) / np.bincount(classes)
    finished = np.bincount(classes, predicted * recorded)
    spent = np.bincount(classes, np.where(recorded, seconds, 0.0))
    factor = (mean + spent) / (mean + finished)
    total = max(0.0, (factor[classes] * predicted)[~recorded].sum() - sum(task.seconds for task in begun))
    text = f"about {duration(total)} on one rank"
    return f"{text}, {duration(total / workers)} on the {workers} that have worked" if workers > 1 else text


def _failures(output_path, failed, status, errors):
    """One line a reason, the most frequent first; reasons that differ in their numbers alone are one."""
    reasons = defaultdict(list)
    for task in np.flatnonzero(failed):
        reasons[status[task], re.sub(rb"[-+]?[0-9.]+(e[-+]?[0-9]+)?", b"#", errors[task])].append(task)
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    lines = [
        f"{ResultCode(code).name.lower()}: {len(tasks)}, first task {tasks[0]}: {text}"
        for (code, _), tasks in ordered[:_MOST_LINES]
        for text in [" ".join(errors[tasks[0]].decode(errors="replace").split())]
    ]
    if len(ordered) > _MOST_LINES:
        lines.append(f"and {len(ordered) - _MOST_LINES} more reasons")
    if ordered:
        lines.append(f"`hpc-nu explain {output_path} --task {ordered[0][1][0]}` tells all about that task")
    return lines
