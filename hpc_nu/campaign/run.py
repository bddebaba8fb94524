"""`hpc-nu run`: start or continue a campaign, on any number of ranks."""

import fcntl
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from hpc_nu.atomic import remove_left_over
from hpc_nu.campaign.changes import accept_changes
from hpc_nu.campaign.checkpoint import Checkpoint
from hpc_nu.campaign.communicator import want_open_files
from hpc_nu.campaign.errors import (
    BAD_INPUT,
    BROKEN_ENVIRONMENT,
    CHECKPOINTED,
    COMPLETE,
    FAILURE,
    CampaignError,
    EnvironmentProblem,
    Failure,
    OutputError,
    Refused,
    cannot_write,
    reason,
    refuse_trouble,
)
from hpc_nu.campaign.farm import Left, farm
from hpc_nu.campaign.in_hand import QUARANTINE_AFTER, InHand
from hpc_nu.campaign.marked_yaml import InputError
from hpc_nu.campaign.plan import LARGEST_MESSAGE, read_plan
from hpc_nu.campaign.progress import Progress, log, start_logging
from hpc_nu.campaign.provenance import mpi_library
from hpc_nu.campaign.results_file import ResultsFile, as_recorded, open_results
from hpc_nu.campaign.wall_time import StopRequest
from hpc_nu.campaign.watchdog import COMPILE_SECONDS, Watchdog


def run(communicator, input_path, output_path, stop=None, retry=(), accept=False):
    """Solve every task of the input that has no row in the output yet; collective.

    Parameters
    ----------
    stop : StopRequest
        That listens already.
    retry : tuple of ResultCode
        Rows with these outcomes are computed again.
    accept : bool
        Continue a file that was begun with other sources, if they give the same rows.

    Returns
    -------
    int
        Exit code: COMPLETE, CHECKPOINTED, or FAILURE if every task has failed.

    Raises
    ------
    Refused
        On all ranks, before anything is computed or written.
    """
    start_logging(communicator.rank)
    if stop is not None:
        return _run(communicator, input_path, output_path, stop, retry, accept)
    stop = StopRequest()
    stop.listen()
    try:
        return _run(communicator, input_path, output_path, stop, retry, accept)
    finally:
        stop.give_back()


def _run(communicator, input_path, output_path, stop, retry, accept):
    want_open_files(communicator.size)
    if os.path.islink(output_path):  # what lies beside the results must not depend on what they are called
        output_path = os.path.realpath(output_path)
    plan = _on_rank_0(communicator, lambda: _read_plan(input_path, output_path, communicator))
    results = ResultsFile(output_path, plan, communicator)
    checkpoint = Checkpoint(output_path, plan.problem_hash)
    in_hand = InHand(output_path, plan.problem_hash)
    with _Lock(output_path) as lock:

        def begin():
            with _writing(output_path):
                return _open(plan, results, checkpoint, in_hand, lock, communicator, stop, retry, accept)

        left = _on_rank_0(communicator, begin, shared=False)
        results.before_abort = partial(in_hand.let_go, communicator.rank)
        stop.on_signal.append(results.before_abort)  # what follows a signal may be SIGKILL, and is no task's fault
        if communicator.bcast(left and not len(left.tasks)):
            if communicator.rank == 0:
                log.info("%s is complete: nothing to do", output_path)
            return _verdict(communicator, results)
        try:
            with stop.at_once(lambda: communicator.Abort(CHECKPOINTED)), _environment("building tables"):
                plan.model.prepare([settings for _, settings in plan.variations], plan.points, communicator)
            _on_rank_0(
                communicator, lambda: compile_kernels(plan, left.tasks, in_hand, stop, communicator), shared=False
            )
            progress = Progress(plan.n_tasks, plan.n_tasks - len(left.tasks)) if communicator.rank == 0 else None
            with _writing(output_path):  # what a model raises does not come so far
                complete, trouble = farm(communicator, plan, results, checkpoint, in_hand, left, stop, progress)
        except (Exception, KeyboardInterrupt):  # not a model's: it kills, or is a row
            in_hand.let_go(communicator.rank)
            raise
        if communicator.rank == 0:
            if complete and (gone := results.pending()):
                raise Failure(
                    f"{output_path}: {gone} rows that were recorded are gone: something else has written to the file."
                    " Run the same command again to compute them"
                )
            progress.summary(output_path, complete, stop.reason)
    if trouble:
        raise Refused(trouble, BROKEN_ENVIRONMENT)
    return _verdict(communicator, results) if complete else CHECKPOINTED


def _read_plan(path, output_path, communicator):
    plan = read_plan(path)
    if os.path.isfile(output_path):
        with open_results(output_path) as file:
            if file.attrs["problem_hash"] == plan.problem_hash:
                plan = as_recorded(plan, file)
    if communicator.size > 1 and plan.message_bytes > LARGEST_MESSAGE:
        raise EnvironmentProblem(
            f"{path}: the plan of {plan.n_tasks} tasks is sent whole to every rank, and MPI sends"
            f" {LARGEST_MESSAGE / 1e9:.1f} GB at most of its {plan.message_bytes / 1e9:.1f} GB: start it on one rank,"
            " or make several campaigns of it (`hpc-nu check` says how large)"
        )
    return plan


def _verdict(communicator, results):
    """Exit code of a campaign that is complete: not as if all were well where nothing is."""
    all_failed = communicator.bcast(results.all_failed() if communicator.rank == 0 else None)
    if all_failed and communicator.rank == 0:
        log.error("every task of the campaign has failed: `hpc-nu status %s` says why", results.path)
    return FAILURE if all_failed else COMPLETE


@contextmanager
def _environment(place):
    """What is of the environment meanwhile ends the run with one message."""
    try:
        yield
    except CampaignError:
        raise
    except Exception as error:
        refuse_trouble(error, place)
        raise


def _on_rank_0(communicator, action, shared=True):
    """Result of `action`, done by rank 0 alone, on all ranks, or there alone if not `shared`; what it has to say
    against the user's files on all."""
    result = refusal = None
    if communicator.rank == 0:
        try:
            result = action()
        except InputError as error:
            refusal = (str(error), BAD_INPUT)
        except CampaignError as error:
            refusal = (str(error), error.exit_code)
    told, refusal = communicator.bcast((result if shared else None, refusal))
    if refusal is not None:
        raise Refused(*refusal)
    return told if shared else result


@contextmanager
def _writing(output_path):
    """What the file system refuses meanwhile ends the run with one message."""
    try:
        yield
    except OSError as error:
        raise EnvironmentProblem(cannot_write(output_path, error)) from error


class _Lock:
    """Keeps a second run from the same output, until it is left or its process dies.

    A file of its own: HDF5 locks the results file for every reader, too.
    """

    def __init__(self, output_path):
        self.path, self.file = os.fspath(output_path) + ".lock", None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.file:
            self.file.close()

    def take(self):
        try:
            self.file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+")
        except OSError as error:
            raise EnvironmentProblem(
                f"{self.path}: this file must be made beside the output and cannot ({reason(error)})"
            ) from None
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentProblem(
                f"another run is writing to the same output (it holds {self.path}). Wait for it, stop it, or give"
                " another output file"
            ) from None
        except OSError as error:
            log.warning("%s: this file system has no locks (%s); start only one run on this output", self.path, error)


def _open(plan, results, checkpoint, in_hand, lock, communicator, stop, retry, accept):
    """Create the file, or find out what is missing in it.

    Returns
    -------
    Left
    """
    _refuse_unwritable(results.path)
    if os.path.exists(results.path):
        results.refuse_foreign()
    for beside in (in_hand, checkpoint):
        beside.refuse_foreign()
    lock.take()
    for path in (results.path, checkpoint.path, in_hand.path):
        remove_left_over(path)
    if os.path.exists(results.path) and os.stat(results.path).st_nlink > 1:
        raise OutputError(
            f"{results.path}: the same file has another name, too (a hard link), where a run would not see this one,"
            " and a copy that was meant to stay would change: remove one of the names, or copy the file"
        )
    ranks = f"{communicator.size} rank{'s' if communicator.size > 1 else ''}"
    log.info("campaign %s: %d tasks of %s on %s", plan.name, plan.n_tasks, plan.model.name, ranks)
    if communicator.size > 1:
        log.info("MPI: %s; %s", mpi_library(), "parallel HDF5" if results.is_parallel else "serial HDF5, rank 0 writes")
    if not os.path.exists(results.path):
        try:
            results.create()
        except FileExistsError:
            raise EnvironmentProblem(
                f"{results.path}: another run has just created it. Wait for it, or give another output file"
            ) from None
        except (OSError, RuntimeError) as error:
            raise EnvironmentProblem(f"{results.path}: cannot be created ({reason(error)})") from None
        checkpoint.remove()
        in_hand.load(np.ones(plan.n_tasks, dtype=bool))
        log.info("created %s", results.path)
        return Left(np.arange(plan.n_tasks), [])
    done = results.done()
    if retry or not done.all():
        with stop.at_once(lambda: communicator.Abort(CHECKPOINTED)):
            accept_changes(results, plan, done, accept)
    died = results.forget(retry, done) if retry else []
    waiting = np.flatnonzero(~done)
    in_hand.load(done, died)
    if len(waiting):
        results.begin_run()
    else:  # killed after its last commit
        checkpoint.remove()
        in_hand.end(complete=True)
        return Left(waiting, [])
    suspended, remarks = checkpoint.load(plan.n_tasks)
    for remark in remarks:
        log.warning("checkpoint %s", remark)
    suspended = [s for s in suspended if not done[s.task]]
    log.info("continuing %s: %d rows done, %d tasks begun", results.path, done.sum(), len(suspended))
    if in_hand.deaths:
        twice = sum(n >= QUARANTINE_AFTER for n in in_hand.deaths.values())
        log.warning(
            "a run died while %d of the tasks were in hand: they go last and one at a time%s",
            len(in_hand.deaths),
            f", {twice} of them, which were in hand {QUARANTINE_AFTER} times, each in a process of its own"
            * (twice > 0),
        )
    return Left(waiting, suspended)


def _refuse_unwritable(path):
    folder = os.path.dirname(os.path.abspath(path))
    if not path or path.endswith(os.sep) or (os.path.exists(path) and not os.path.isfile(path)):
        raise OutputError(f"{path or '(empty)'}: is not the name of a file; give one")
    if not os.path.isdir(folder):
        raise OutputError(f"{path}: cannot be written: there is no folder {folder}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if os.path.exists(path):
            with open(path, "r+b"):
                pass
    except OSError as error:
        raise EnvironmentProblem(
            f"{path}: cannot be written ({reason(error)}); give a file in a folder that you can write to"
        ) from None


def compile_kernels(plan, waiting, in_hand, stop, communicator):
    """Fill the on-disk cache of compiled kernels from rank 0, before the others load it: they would all compile.

    One step of a task of every variation and kind of grid.  A stop ends it at once.
    """
    if _is_empty(os.environ.get("NUMBA_CACHE_DIR")):
        log.info("compiling kernels, which takes some 20 s; the next runs find them")
    else:
        log.info("loading kernels")
    tasks = np.setdiff1d(waiting, list(in_hand.deaths))
    kinds = {grid.kind: i for i, grid in enumerate(plan.grids)}
    kind = np.array([kinds[grid.kind] for grid in plan.grids])
    _, firsts = np.unique(np.stack([plan.variation[tasks], kind[plan.grid[tasks]]]), axis=1, return_index=True)

    def leave():
        in_hand.hold(0, ())
        communicator.Abort(CHECKPOINTED)

    in_hand.hold(0, tasks[firsts])
    with stop.at_once(leave), Watchdog() as watchdog:
        for task in tasks[firsts]:
            problem = plan.problem(task)
            watchdog.guard(COMPILE_SECONDS + problem.solver.max_seconds)
            problem = replace(problem, solver=replace(problem.solver, max_steps=1))
            try:
                plan.model.solve(problem)
                if plan.model.batch_key(problem) is not None:
                    plan.model.solve_together([problem])
            except Exception as error:  # noqa: BLE001 - a point that fails becomes a row with its reason, later
                refuse_trouble(error, "loading kernels")
    in_hand.hold(0, ())


def _is_empty(folder):
    """Whether nothing is kept in a folder, or there is none."""
    try:
        return not folder or not os.listdir(folder)
    except OSError:
        return True
