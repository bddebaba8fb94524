"""What is printed for people: no text that comes from a file commands a terminal, and no stream that fails ends a run.

Names, errors of rows and values of an input are somebody else's: printed as they are, they could clear the screen, hide
what was said before, or type for the user.
"""

import os
import re
import sys

from hpc_nu.campaign.errors import EnvironmentProblem, reason

# Control characters but tabs and line ends; marks and overrides of the direction; bytes of a name that are no UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text):
    """The text with everything written out that a terminal would obey, as in Python: `\\x1b[2J`."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


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
