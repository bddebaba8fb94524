"""Compiled functions of the package: `@compiled`, kept on disk between runs and never taken from there if damaged.

numba does not look whether what it has kept is whole: a file that a power cut or a full disk has cut short raises one
exception or another for ever, and what a flipped bit makes of the numbers nobody notices.  So each file of this cache
ends with a digest of what comes before; where it does not, the function is compiled anew.
"""

import hashlib
import inspect
import io
import os
import sys
from contextlib import contextmanager, suppress

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

_DIGEST_SIZE = 16

SOURCE = "__source_hash__"
"""Name in a module that is not read from its file: that may be another one by the time that a kernel is kept."""


def compiled(function=None, of=None, **options):
    """Decorator: numba's `njit` with numpy's rules for division by zero, cached.

    Parameters
    ----------
    of : class, optional
        That of an argument, whose methods the function calls: this is kept apart from what is compiled for others, and
        is compiled anew if the file of the class has changed.
    options
        Of `njit`, on top of these.
    """
    if function is None:
        return lambda function: compiled(function, of, **options)
    dispatcher = njit(error_model="numpy", **options)(function)
    if of is None or _can_be_found(of):
        with suppress(OSError, RuntimeError):  # nowhere to keep it, as where its file is on another machine alone
            dispatcher._cache = _Cache(function, of)  # what `cache=True` does, with another cache
    return dispatcher


def _can_be_found(of):
    """Whether another process finds the class under the same name: what is kept refers to it by that."""
    return of.__module__ != "__main__" and "<locals>" not in of.__qualname__


class _Cache(FunctionCache):
    def __init__(self, function, of):
        super().__init__(function)
        name = self._impl.filename_base
        stamp = function.__globals__.get(SOURCE) or self._impl.locator.get_source_stamp()
        if of is not None:
            # Not one list for all classes: it cannot be read where the module of one of them is not there.
            name, stamp = f"{name}-{of.__module__}.{of.__qualname__}", (stamp, _stamp_of(of))
        self._cache_file = _CheckedFiles(self._cache_path, name, stamp)


def _stamp_of(of):
    """What tells one state of the source of a class from another."""
    stamp = vars(sys.modules[of.__module__]).get(SOURCE)
    if stamp is None:
        status = os.stat(inspect.getfile(of))
        stamp = status.st_mtime_ns, status.st_size
    return stamp


class _CheckedFiles(IndexDataCacheFile):
    """One file that lists the compiled versions of a function, and one for each of them."""

    def _load_index(self):
        if self._is_whole(self._index_path):
            with suppress(Exception):  # it may name types that the source does not have any more
                return super()._load_index()
        return {}

    def _load_data(self, name):
        if not self._is_whole(self._data_path(name)):
            raise FileNotFoundError(name)  # what numba takes for "not there"
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, path):
        written = io.BytesIO()
        yield written
        with super()._open_for_write(path) as file:
            file.write(written.getvalue() + self._digest(path, written.getvalue()))

    def _is_whole(self, path):
        data = b""
        if os.path.isfile(path):  # a pipe would wait, a device does not end
            with suppress(OSError), open(path, "rb") as file:
                data = file.read()
        return data[-_DIGEST_SIZE:] == self._digest(path, data[:-_DIGEST_SIZE])

    def _digest(self, path, data):
        """Of what is in a file, of its name, and of the source that it comes from: none takes the place of another,
        also not while processes with an old and a new text of a source write files of the same names."""
        owner = hashlib.blake2b(repr((os.path.basename(path), self._source_stamp)).encode(), digest_size=64).digest()
        return hashlib.blake2b(data, key=owner, digest_size=_DIGEST_SIZE).digest()
