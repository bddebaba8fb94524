"""Files that a run keeps beside its results: never somebody's own file of that name, nor a pipe, which would wait."""

import os

from hpc_nu.campaign.errors import OutputError
from hpc_nu.user_file import open_user_file

_LARGEST = 2**40


def read_bytes(path):
    """What is in a file.

    Raises
    ------
    ValueError
        If it is no file, or cannot be read.
    """
    with open_user_file(path, _LARGEST) as file:
        return file.read()


def refuse_foreign(path, is_ours, purpose):
    """Raise an `OutputError` if there is something at `path` that no run has put there.

    Parameters
    ----------
    is_ours : callable
        Whether a file that begins with some bytes, up to 64 of them, may be one of a run: also if it was cut short.
    """
    if not os.path.lexists(path):
        return
    try:
        with open_user_file(path, _LARGEST) as file:
            head = file.read(64).strip(b"\0")  # a power cut leaves zeros of what was not synced
    except ValueError:
        head = None
    except OSError:  # said where it is read
        return
    if head is None or not is_ours(head):
        raise OutputError(f"{path}: is needed for {purpose}, and is another file: move it away")
