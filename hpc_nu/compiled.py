"""Compiled functions of the package: `@compiled`, kept on disk between runs and never taken from there if damaged.

numba does not look whether what it has kept is whole: a file that a power cut or a full disk has cut short raises one
exception or another for ever, and what a flipped bit makes of the numbers nobody notices.  So each file of this cache
ends with a digest of what comes before; where it does not, the function is compiled anew.
"""

import hashlib
import io
from contextlib import contextmanager, suppress

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

_DIGEST_SIZE = 16


def compiled(function=None, **options):
    """Decorator: numba's `njit` with numpy's rules for division by zero, cached.

    Parameters
    ----------
    options
        Of `njit`, on top of these.
    """
    if function is None:
        return lambda function: compiled(function, **options)
    dispatcher = njit(error_model="numpy", **options)(function)
    with suppress(RuntimeError):  # nowhere to keep it, as where the file that it is from is on another machine alone
        dispatcher._cache = _Cache(function)  # what `cache=True` does, with another cache
    return dispatcher


class _Cache(FunctionCache):
    def __init__(self, function):
        super().__init__(function)
        self._cache_file = _CheckedFiles(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )


class _CheckedFiles(IndexDataCacheFile):
    """One file that lists the compiled versions of a function, and one for each of them."""

    def _load_index(self):
        if _is_whole(self._index_path):
            with suppress(Exception):  # it may name types that the source does not have any more
                return super()._load_index()
        return {}

    def _load_data(self, name):
        if not _is_whole(self._data_path(name)):
            raise FileNotFoundError(name)  # what numba takes for "not there"
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, path):
        written = io.BytesIO()
        yield written
        with super()._open_for_write(path) as file:
            file.write(written.getvalue() + _digest(written.getvalue()))


def _is_whole(path):
    data = b""
    with suppress(OSError), open(path, "rb") as file:
        data = file.read()
    return data[-_DIGEST_SIZE:] == _digest(data[:-_DIGEST_SIZE])


def _digest(data):
    return hashlib.blake2b(data, digest_size=_DIGEST_SIZE).digest()
