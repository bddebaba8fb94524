"""Files that are whole or not there, whatever kills the process that writes them and whatever lies beside them."""

import glob
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

_TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{8}")


@contextmanager
def replacing(path, may_exist=True):
    """Write to the temporary file that this gives, and at the end let it take the place of `path`, synced to disk.

    The file is new, under a name that nobody else has.

    Parameters
    ----------
    may_exist : bool
        Whether there may be something at `path` already.

    Raises
    ------
    FileExistsError
        If there is, and must not be.
    """
    temporary = new_file(path)
    try:
        yield temporary
        sync(temporary)
        if may_exist:
            os.replace(temporary, path)
        else:
            _link(temporary, path)
    except (OSError, RuntimeError):  # a full disk (h5py knows both): what was written of it only takes up room
        with suppress(OSError):
            os.remove(temporary)
        raise
    sync(os.path.dirname(os.path.abspath(path)))


def new_file(path):
    """An empty file beside `path`, and nothing that was there before."""
    temporary = f"{path}.tmp-{token_hex(4)}"
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
    return temporary


def remove_left_over(path):
    """Remove what processes that were killed have left of `path`; by the only one that writes it."""
    folder, name = Path(os.path.abspath(path)).parent, os.path.basename(path)
    for found in folder.glob(f"{glob.escape(name)}.tmp-*"):
        if _TEMPORARY.fullmatch(found.name[len(name) :]) and found.is_file() and not found.is_symlink():
            with suppress(OSError):
                found.unlink()


def sync(path):
    """See what was written of a file, or into a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(temporary, path):
    """Give a file its name, unless that is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.replace(temporary, path)
        return
    os.remove(temporary)
