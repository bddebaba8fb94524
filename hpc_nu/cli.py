"""The commands of `hpc-nu`."""

import argparse
import os
import sys
import traceback

from hpc_nu import __version__
from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE, FAILURE, CampaignError, Refused
from hpc_nu.campaign.marked_yaml import InputError
from hpc_nu.models import MODELS
from hpc_nu.solver.kernel_cache import use_kernel_cache


def main(arguments=None):
    """Run one command.

    Returns
    -------
    int
        Exit code: 0 complete, 1 failure, 2 bad input, 3 broken environment, 75 checkpointed (run again to continue).
    """
    options = _parser().parse_args(arguments)
    _prepare_libraries()
    try:
        return options.command(options)
    except (InputError, CampaignError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT if isinstance(error, InputError) else error.exit_code
    except BrokenPipeError:
        return FAILURE


def _prepare_libraries():
    """Settings that numpy and numba read when they are first loaded, which is why the commands import so late."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # a rank is one core; more threads get in the way of other ranks
    use_kernel_cache()


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
    check = command("check", _check, "validate an input file and estimate its cost; computes nothing")
    check.add_argument("input", help="YAML file of the campaign")
    status = command("status", _status, "how far a results file is")
    status.add_argument("output", help="results file (HDF5)")
    models = command("models", _models, "models with their parameters, settings and observables")
    models.add_argument("name", nargs="?", choices=list(MODELS), help="one model, in full")
    warmup = command(
        "warmup", _warmup, "compile kernels and build tables before the first campaign (under mpirun: on all ranks)"
    )
    warmup.add_argument("--rebuild", action="store_true", help="build the default table anew, into the package")
    warmup.add_argument(
        "--mass", type=float, nargs="+", action="extend", default=[], metavar="M", help="tables for these masses [GeV]"
    )
    command("doctor", _doctor, "the environment (MPI, HDF5, numba) and what is wrong with it")
    return parser


def _run(options):
    from hpc_nu.campaign.run import run

    return _on_all_ranks(lambda communicator: run(communicator, options.input, options.output))


def _warmup(options):
    from hpc_nu.campaign.warmup import warmup

    return _on_all_ranks(lambda communicator: warmup(communicator, options.mass, options.rebuild))


def _on_all_ranks(action):
    """Exit code of `action`, of which no rank is left alone with an exception."""
    from hpc_nu.campaign.communicator import world

    communicator = world()
    try:
        return action(communicator)
    except Refused as refusal:  # on all ranks alike
        if communicator.rank == 0:
            print(refusal, file=sys.stderr)
        return refusal.exit_code
    except BaseException as error:
        if isinstance(error, CampaignError):
            code = error.exit_code
            print(error, file=sys.stderr)
        else:
            code = FAILURE
            traceback.print_exc()
        if communicator.size > 1:  # the others may be waiting for this rank
            sys.stderr.flush()
            communicator.Abort(code)
        return code


def _check(options):
    from hpc_nu.campaign.reports import check_report

    print(check_report(options.input))
    return COMPLETE


def _status(options):
    from hpc_nu.campaign.reports import status_report

    print(status_report(options.output))
    return COMPLETE


def _models(options):
    from hpc_nu.campaign.reports import model_report, models_report

    print(model_report(options.name) if options.name else models_report())
    return COMPLETE


def _doctor(options):
    from hpc_nu.campaign.communicator import world_rank
    from hpc_nu.campaign.doctor import examine

    text, code = examine()
    if world_rank() == 0:
        print(text)
    return code
