"""Errors that end a run with one message for the user instead of a traceback, and the exit codes."""

import re

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
