"""The one place where commands print: no text of a file commands a terminal, and no stream that fails ends a run."""

import os
import sys

from hpc_nu.campaign.errors import EnvironmentProblem, reason
from hpc_nu.printable import printable


def say(text):
    """Print on standard output.

    Raises
    ------
    BrokenPipeError
        If the reader has left.
    EnvironmentProblem
        If it cannot be written, to a full disk, say.
    """
    try:
        _write(text, sys.stdout)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise EnvironmentProblem(f"standard output cannot be written ({reason(error)})") from None


def complain(text):
    """Print on standard error, if that is possible."""
    try:
        _write(text, sys.stderr)
    except OSError:
        pass


def _write(text, stream):
    text = printable(str(text)).encode(stream.encoding or "utf-8", "backslashreplace")
    print(text.decode(stream.encoding or "utf-8"), file=stream, flush=True)


def open_streams():
    """Let nothing stand in the place of standard streams that are closed, `2>&-`.

    The next file that is opened, the results, would get their number, and with it all that libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which gets the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))


def flush_streams():
    """Write out what is printed; drop what cannot be written, or Python would try again at its end, and say so."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
