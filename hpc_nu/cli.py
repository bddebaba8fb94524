"""The commands of `hpc-nu`."""

import argparse
import os
import traceback

from hpc_nu import __version__
from hpc_nu.campaign.errors import (
    BAD_INPUT,
    BROKEN_ENVIRONMENT,
    COMPLETE,
    FAILURE,
    CampaignError,
    Refused,
    is_of_the_environment,
    trouble_text,
)
from hpc_nu.campaign.marked_yaml import InputError
from hpc_nu.campaign.terminal import complain, flush_streams, open_streams, say
from hpc_nu.result_codes import ResultCode
from hpc_nu.single_process import use_no_mpi


def main(arguments=None):
    """Run one command.

    Returns
    -------
    int
        Exit code: 0 complete, 1 failure, 2 bad input, 3 broken environment, 75 checkpointed (run again to continue).
    """
    open_streams()
    try:
        options = _parser().parse_args(arguments)
        _prepare_libraries()
        return options.command(options)
    except (InputError, CampaignError) as error:
        complain(error)
        return BAD_INPUT if isinstance(error, InputError) else error.exit_code
    except BrokenPipeError:
        return FAILURE
    except Exception as error:  # noqa: BLE001 - what is no fault of the program is said in one line
        if not is_of_the_environment(error):
            raise
        complain(trouble_text(error, "hpc-nu"))
        return BROKEN_ENVIRONMENT
    finally:
        flush_streams()


def _prepare_libraries():
    """Settings that libraries read when they are first loaded, which is why the commands import so late."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # a rank is one core; more threads get in the way of other ranks
    # A run keeps others from its output by a lock of its own, and a reader needs none: rows are written before their
    # status.  HDF5's would only fail, on file systems that have no locks.
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    use_no_mpi()


def _parser():
    parser = argparse.ArgumentParser(
        prog="hpc-nu", description="Campaigns of kinetic equations for sterile neutrinos.", epilog="See README.md."
    )
    parser.add_argument("--version", action="version", version=f"hpc_nu {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name, function, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=function)
        return sub

    run = command("run", _run, "start or continue a campaign (under mpirun: on all its ranks)")
    run.add_argument("input", help="YAML file of the campaign")
    run.add_argument("-o", "--output", required=True, help="results file (HDF5); continued if it exists")
    failures = ", ".join(_failures())
    run.add_argument(
        "--retry", type=_failure_codes, default=(), metavar="KIND[,KIND...]",
        help=f"solve failed tasks of the file again: {failures}, or all",
    )  # fmt: skip
    run.add_argument(
        "--accept-changes", action="store_true",
        help="continue a file that was begun with other sources of this program, if some of its rows come out the same",
    )  # fmt: skip
    check = command("check", _check, "validate an input file and estimate its cost; computes nothing")
    check.add_argument("input", help="YAML file of the campaign")
    status = command("status", _status, "how far a campaign is, what it takes, and what failed; at any time")
    status.add_argument("output", help="results file (HDF5)")
    explain = command("explain", _explain, "all that is known about one task, and how to solve it alone")
    explain.add_argument("output", help="results file (HDF5)")
    explain.add_argument("--task", type=int, required=True, metavar="N", help="number of the task")
    how = explain.add_mutually_exclusive_group()
    how.add_argument("--solve", action="store_true", help="solve it here, on one process, and compare; writes nothing")
    how.add_argument("--input", action="store_true", help="print an input file of this task alone")
    verify = command("verify", _verify, "whether a results file is what was written, to the last bit")
    verify.add_argument("output", help="results file (HDF5)")
    models = command("models", _models, "models with their parameters, settings and observables")
    models.add_argument("name", nargs="?", help="one model, in full; one of yours: my_file.py:MyModel")
    warmup = command(
        "warmup", _warmup, "compile kernels and build tables before the first campaign (under mpirun: on all ranks)"
    )
    warmup.add_argument(
        "--rebuild",
        nargs="?",
        const="all",
        choices=("all", "self_energy", "direct_rates"),
        help="build the tables of the package anew, into the package: all, or one kind",
    )
    warmup.add_argument(
        "--mass", type=float, nargs="+", action="extend", default=[], metavar="M", help="tables for these masses [GeV]"
    )
    doctor = command(
        "doctor", _doctor, "the environment (MPI, HDF5, numba) and what is wrong with it (under mpirun: also the ranks)"
    )
    doctor.add_argument("--folder", default=".", help="where results are to be written (this folder)")
    return parser


def _failures():
    """Names of the outcomes that are failures."""
    return [code.name.lower() for code in ResultCode if code.is_failure]


def _failure_codes(text):
    """The outcomes that are named, separated by commas."""
    names = _failures() if text == "all" else text.split(",")
    for name in names:
        if name not in _failures():
            accepted = ", ".join(_failures())
            raise argparse.ArgumentTypeError(f"{name!r} is no kind of failure: expected {accepted}, or all")
    return tuple(ResultCode[name.upper()] for name in names)


def _run(options):
    from hpc_nu.campaign.wall_time import StopRequest
    from hpc_nu.campaign.watchdog import LOAD_SECONDS, Watchdog

    stop = StopRequest()
    stop.listen()  # before the libraries are loaded, which may take long

    def action(communicator):
        with Watchdog() as watchdog:  # without memory for its buffers OpenBLAS asks for it for ever
            watchdog.guard(LOAD_SECONDS)
            from hpc_nu.campaign.run import run

        return run(communicator, options.input, options.output, stop, options.retry, options.accept_changes)

    return _on_all_ranks(action)


def _warmup(options):
    def action(communicator):
        from hpc_nu.campaign.warmup import warmup

        return warmup(communicator, options.mass, options.rebuild)

    return _on_all_ranks(action)


def _on_all_ranks(action):
    """Exit code of `action`, of which no rank is left alone with an exception."""
    from hpc_nu.campaign import communicator

    def act():
        ranks = communicator.world()
        try:
            return action(ranks)
        except Refused as refusal:  # on all ranks alike
            if ranks.rank == 0:
                complain(refusal)
            return refusal.exit_code

    return _or_end_all(act)


def _or_end_all(action):
    """Exit code of `action`, or of what it raises on this rank."""
    from hpc_nu.campaign.communicator import end_all

    try:
        return action()
    except CampaignError as error:
        text, code = error, error.exit_code
    except BaseException as error:  # whatever it is, the others may be waiting for this rank
        if isinstance(error, Exception) and is_of_the_environment(error):
            text, code = trouble_text(error, "hpc-nu"), BROKEN_ENVIRONMENT
        else:
            text, code = traceback.format_exc(), FAILURE
    end_all(text, code)
    return code


def _check(options):
    from hpc_nu.campaign.reports import check_report

    say(check_report(options.input))
    return COMPLETE


def _status(options):
    from hpc_nu.campaign.status import status_report

    say(status_report(options.output))
    return COMPLETE


def _explain(options):
    from hpc_nu.campaign.explain import explain_report, input_of_task, solve_report

    report = solve_report if options.solve else input_of_task if options.input else explain_report
    say(report(options.output, options.task))
    return COMPLETE


def _verify(options):
    from hpc_nu.campaign.verify import verify_report

    text, code = verify_report(options.output)
    say(text)
    return code


def _models(options):
    from hpc_nu.campaign.reports import model_report, models_report

    try:
        say(model_report(options.name) if options.name else models_report())
    except ValueError as error:
        raise Refused(str(error), BAD_INPUT) from None
    return COMPLETE


def _doctor(options):
    from hpc_nu.campaign.doctor import examine

    def action():
        text, code = examine(options.folder)
        if text:
            say(text)
        return code

    return _or_end_all(action)
