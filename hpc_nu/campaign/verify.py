"""`hpc-nu verify`: whether a results file is what was written, to the last bit.

Everything that never changes is under the seal, each recorded row under two checksums, the records of runs under one
each.  What is left is rows that are not recorded: nobody reads them, and a run writes them whole.
"""

import numpy as np

from hpc_nu.campaign.checkpoint import Checkpoint
from hpc_nu.campaign.errors import COMPLETE, FAILURE
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.results_file import ResultsFile, as_recorded, open_results
from hpc_nu.campaign.row_layout import RowLayout
from hpc_nu.campaign.runs import RUNS, used_runs
from hpc_nu.single_process import SingleProcess

_MOST_NAMED = 10


def verify_report(path):
    """What a file is worth, in words, and the exit code: COMPLETE, or FAILURE if rows or records do not hold.

    Raises
    ------
    OutputError
        If the file is damaged outside of its rows, or is no results file.
    InputError
        If the input in the file is one that this version cannot read.
    """
    with open_results(path) as file:
        given, problem_hash = file["input/given"][()].decode(), file.attrs["problem_hash"]
        plan = read_plan(f"{path}:/input/given", given)
        is_same = plan.problem_hash == problem_hash
        results = ResultsFile(path, as_recorded(plan, file), SingleProcess())
        results.layout = RowLayout(results.plan, problem_hash)
        broken, n_recorded, last_run = _look_at_rows(results, file)
        records = file[RUNS][:]
        used = max(last_run + 1, len(np.trim_zeros(records != b"", "b")))
        records = used_runs(records[:used])
    _, remarks = Checkpoint(path, problem_hash).load(plan.n_tasks)
    lines = [
        f"{path}: structure, input, points and scales are those that were written: the seal holds",
        f"rows        {n_recorded} recorded of {plan.n_tasks}",
        f"runs        {len(records)}",
    ]
    problems = []
    if not is_same:
        lines.append("problem     another one here: a model's file, a table or this version is not that of the rows")
    for name, tasks in broken.items():
        if tasks:
            named = ", ".join(map(str, tasks[:_MOST_NAMED])) + (" ..." if len(tasks) > _MOST_NAMED else "")
            problems.append(f"{len(tasks)} rows whose {name} does not hold: task {named}")
    problems += [f"the record of run {i} is damaged" for i, record in enumerate(records) if not record]
    lines += [f"checkpoint  {remark}" for remark in remarks]
    lines += [f"DAMAGED: {text}" for text in problems]
    if problems:
        lines.append("`hpc-nu run` computes rows whose checksum does not hold again; the others stay as they are")
    else:
        lines.append("every checksum holds")
    return "\n".join(lines), FAILURE if problems else COMPLETE


def _look_at_rows(results, file):
    """Tasks with broken checksums by the name of it, the number of rows, and the last run that recorded one."""
    layout, n_recorded, last_run = results.layout, 0, -1
    broken = {"checksum": [], "checksum of the cost": []}
    for rows in results.recorded_rows(file):
        n_recorded += len(rows)
        good = layout.checksums(rows) == rows["checksum"]
        paid = layout.cost_checksums(rows) == rows["cost/checksum"]
        broken["checksum"] += rows["task"][~good].tolist()
        broken["checksum of the cost"] += rows["task"][good & ~paid].tolist()
        last_run = max(last_run, *rows["cost/run"][good & paid], -1)
    return broken, n_recorded, last_run
