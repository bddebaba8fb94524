"""A file that was begun with other sources is not continued silently: its rows and new ones might not fit together."""

import numpy as np

from hpc_nu.campaign.errors import OutputError, refuse_trouble
from hpc_nu.campaign.progress import log
from hpc_nu.campaign.results_file import open_results
from hpc_nu.campaign.row_layout import ERROR, STATUS
from hpc_nu.campaign.watchdog import COMPILE_SECONDS, Watchdog
from hpc_nu.kernel_cache import fingerprint
from hpc_nu.result_codes import ResultCode

_COMPARED = 8
"""Rows that are solved again."""

_TOLERANCE = 1e-6
"""Difference of a result, in units of the largest of its dataset, up to which rows go together: rounding, no more."""


def accept_changes(results, plan, done, accept):
    """Let a file be continued with the sources of this process, or refuse it.

    Parameters
    ----------
    results : ResultsFile
        That knows which run this is.
    done : (n_tasks,) bool array
    accept : bool
        Whether the user accepts other sources that give the same rows.

    Raises
    ------
    OutputError
        If the sources are others and that is not accepted, or if they give other rows.
    """
    before = results.used_runs()
    if not before or before[-1].get("sources") == fingerprint():
        return
    if not accept:
        raise OutputError(
            f"{results.path}: was last continued with other sources of this program (commit"
            f" {before[-1].get('commit', 'unknown')}), which may give other results. Nothing was written. Continue with"
            f" those, give another output file, or compare: `hpc-nu run ... --accept-changes` solves {_COMPARED} of its"
            " rows again, and continues if they are the same"
        )
    tasks = np.flatnonzero(done)
    with open_results(results.path) as file:
        # Those of a second try have been solved with other settings.
        solved = tasks[(file["status"][:][tasks] == ResultCode.DONE) & (file["cost/tries"][:][tasks] == 1)]
        chosen = solved[np.unique(np.linspace(0, len(solved) - 1, _COMPARED).astype(int))] if len(solved) else solved
        with Watchdog() as watchdog:
            differences = [_difference(results, plan, file, int(task), watchdog) for task in chosen]
    largest = max(differences, default=0.0)
    if not largest <= _TOLERANCE:
        worst = int(chosen[int(np.argmax(differences))])
        raise OutputError(
            f"{results.path}: these sources give other rows than it has: task {worst} differs by {largest:.2g}, and"
            f" {_TOLERANCE:g} is accepted. Nothing was written. Give another output file"
        )
    log.info("other sources than before: %d rows solved again differ by %.2g at most", len(chosen), largest)


def _difference(results, plan, file, task, watchdog):
    """Of a row solved now from the recorded one: the largest of its results, each in units of the largest there."""
    problem = plan.problem(task)
    watchdog.guard(COMPILE_SECONDS + problem.solver.max_seconds)
    try:
        outcome = plan.model.outcome(problem)
    except Exception as error:  # noqa: BLE001 - a point that these sources cannot solve
        refuse_trouble(error, "comparing rows")
        return np.inf
    if outcome.code != ResultCode.DONE:
        return np.inf
    row, largest = results.layout.row(task, outcome, 0.0, 1, 0), 0.0
    for column in results.layout.columns:
        if column.dtype != "f8" or column.name.startswith("cost/") or column in (STATUS, ERROR):
            continue
        old, new = np.atleast_1d(file[column.name][task]), np.atleast_1d(row[column.name])
        if not np.array_equal(np.isnan(old), np.isnan(new)):
            return np.inf
        scale = np.nanmax(np.abs(old)) if np.any(np.isfinite(old)) else 0.0
        change = np.abs(np.where(old == new, 0.0, new - old))
        largest = max(largest, float(np.nanmax(change / scale)) if scale > 0 else float(np.nanmax(change, initial=0.0)))
    return largest
