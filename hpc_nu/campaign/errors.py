"""Errors that end a run with one message for the user instead of a traceback, and the exit codes."""

import re
import types

COMPLETE = 0
FAILURE = 1
BAD_INPUT = 2
BROKEN_ENVIRONMENT = 3
CHECKPOINTED = 75
"""Stopped with everything saved: run the same command again (sysexits' EX_TEMPFAIL)."""


class CampaignError(Exception):
    """The user must change something; `exit_code` says what kind of thing."""

    exit_code = FAILURE


class Failure(CampaignError):
    """The run cannot go on, and it is not the user's fault."""


class Refused(CampaignError):
    """What rank 0 found wrong with the user's files, on every rank."""

    def __init__(self, text, exit_code):
        super().__init__(text)
        self.exit_code = exit_code


class OutputError(CampaignError):
    """The output file cannot be used: foreign, damaged, of another problem, or not writable."""

    exit_code = BAD_INPUT


class EnvironmentProblem(CampaignError):
    """MPI, HDF5 or the file system is not as it must be."""

    exit_code = BROKEN_ENVIRONMENT


_LIBRARIES = ("numba", "llvmlite", "h5py", "mpi4py")
"""What they raise, be it a compiler without memory or a cache that cannot be written, is not about a task."""


def is_of_the_environment(error):
    """Whether an exception in a model says nothing about the task that it was given.

    Memory, files and imports are not a model's; nor is what a library lacks (`numpy.trapezoid` before numpy 2), or what
    the compiler and its cache raise; nor is what was raised in the place of one of these.
    """
    while error is not None:
        raised_in = _innermost_module(error)
        of_class = type(error).__module__.split(".")[0]
        if isinstance(error, (MemoryError, OSError, ImportError)) or of_class in _LIBRARIES or raised_in in _LIBRARIES:
            return True
        if isinstance(error, AttributeError) and isinstance(getattr(error, "obj", None), types.ModuleType):
            return True
        error = _in_place_of(error)
    return False


def _in_place_of(error):
    """The exception that one was raised in place of, or None.

    That is what `from` names, and what `from None` hides.  Of those without `from`, it is what an `except` caught that
    itself raises: what goes wrong in a calculation that an `except` falls back on is a verdict of that calculation.
    """
    if error.__cause__ is not None or error.__context__ is None:
        return error.__cause__
    caught, raised = error.__context__.__traceback__, _innermost(error)
    raised_there = caught is not None and raised is not None and caught.tb_frame is raised.tb_frame
    return error.__context__ if error.__suppress_context__ or raised_there else None


def _innermost_module(error):
    """Name of the package whose code raised an exception."""
    trace = _innermost(error)
    return "" if trace is None else trace.tb_frame.f_globals.get("__name__", "").split(".")[0]


def _innermost(error):
    """Of an exception's traceback, where it was raised; None for one that was not."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def refuse_trouble(error, place):
    """Raise an `EnvironmentProblem` if an exception, met at `place`, is of the environment."""
    if is_of_the_environment(error):
        raise EnvironmentProblem(trouble_text(error, place)) from error


def trouble_text(error, place):
    """What to say of an exception of the environment that `place`, such as "task 3", met."""
    first = str(error).strip().splitlines()
    return (
        f"{place}: {type(error).__name__}: {first[0] if first else 'no text'}. This is no fault of the task but of what"
        " it runs in (memory, a disk, a library): what was solved is recorded. Mend it, and run the same command again"
        " to continue"
    )


def reason(error):
    """Why a file could not be written, in few words: HDF5 says more than anyone wants to read."""
    by_hdf5 = re.search("error message = '(.*?)'", str(error))
    return by_hdf5[1] if by_hdf5 else getattr(error, "strerror", None) or str(error)


def cannot_write(path, error):
    """What to say of an OSError that ends a run."""
    return (
        f"{path}: rows or states could not be written ({reason(error)}). What was recorded before is safe: make room or"
        " mend the file system, and run the same command again to continue"
    )
