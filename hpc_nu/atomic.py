"""Files that are whole or not there, whatever kills the process that writes them."""

import os
from contextlib import contextmanager, suppress


@contextmanager
def replacing(path):
    """Write to the temporary name that this gives, and at the end let it take the place of `path`, synced to disk."""
    temporary = path + ".tmp"
    try:
        yield temporary
    except (OSError, RuntimeError):  # a full disk (h5py knows both): what was written of it only takes up room
        with suppress(OSError):
            os.remove(temporary)
        raise
    _sync(temporary)
    os.replace(temporary, path)
    _sync(os.path.dirname(os.path.abspath(path)))


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
