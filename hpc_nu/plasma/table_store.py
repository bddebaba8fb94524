"""Where tables are looked for and kept: the package, then the cache; and if there is none, it is built, once.

A file of another identity or with damage is passed over.  What is missing is built by all ranks, under a lock, so that
of two campaigns that start together one builds and the other waits, and gets its name when it is whole.

The cache is the folder in the environment variable HPC_NU_CACHE, else the package's `__pycache__`, or ~/.cache/hpc_nu
where that cannot be written.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from hpc_nu.shared import on_rank_0

CACHE_VARIABLE = "HPC_NU_CACHE"

_LINE_EVERY_SECONDS = 15.0

log = logging.getLogger("hpc_nu")


class Unusable(Exception):
    """A file that is not the table asked for; `damaged` if it should have been."""

    def __init__(self, text, damaged=True):
        super().__init__(text)
        self.damaged = damaged


class Kind(NamedTuple):
    """One table: what to do with it.

    Attributes
    ----------
    name : str
        For messages, as "self-energy table".
    identity : str
        Hash of what it is made from.
    file_name : str
        In the cache.
    packaged : Path or None
        Where the package has it.
    read : callable
        (path) to the contents; raises `Unusable`.
    build : callable
        (communicator) to the contents on all ranks; collective.
    write : callable
        (path, contents), whole or not at all.
    """

    name: str
    identity: str
    file_name: str
    packaged: Path | None
    read: Callable
    build: Callable
    write: Callable

    def places(self):
        """Files in which the table may be, the best first."""
        return [self.packaged] * bool(self.packaged) + [folder / self.file_name for folder in cache_folders()]


def cache_folders():
    """Where tables may be kept: paths, whether they are there and can be written or not."""
    if os.environ.get(CACHE_VARIABLE):
        return [Path(os.environ[CACHE_VARIABLE])]
    folders = [Path(__file__).resolve().parents[1] / "__pycache__"]
    with suppress(RuntimeError):  # neither HOME nor an entry in the list of users
        folders.append(Path.home() / ".cache" / "hpc_nu")
    return folders


def cache_folder():
    """The first of them that can be written, or None."""
    for folder in cache_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def find_or_build(kind, communicator, rebuild=False):
    """Contents of a table and the file that has it, a string or None; collective.

    Parameters
    ----------
    kind : Kind
    communicator
        mpi4py's, or `hpc_nu.single_process.SingleProcess`.
    rebuild : bool
        Build it whatever there is, and put it in the place of the packaged one, or if that cannot be written, in the
        cache.
    """
    found = None if rebuild else on_rank_0(communicator, lambda: _read_first(kind))
    if found is not None:
        return found
    folder = cache_folder() if communicator.rank == 0 else None
    target = cached = folder / kind.file_name if folder else None
    if rebuild and kind.packaged and communicator.rank == 0 and _is_writable(kind.packaged):
        target = kind.packaged
    with _lock(kind, cached):
        if not rebuild:  # another process may have built it while this one waited
            found = on_rank_0(communicator, lambda: _read_first(kind, silent=True))
        if found is None:
            if communicator.rank == 0:
                ranks = f"{communicator.size} rank{'s' if communicator.size > 1 else ''}"
                log.info("building the %s %s on %s", kind.name, kind.identity, ranks)
            contents = kind.build(communicator)
            found = contents, on_rank_0(communicator, lambda: _store(kind, target, contents))
    return found


def on_all_ranks(communicator, compute, entries, name):
    """Values of `compute(*entry)` for all entries of a table, in their order, on rank 0, None elsewhere; collective.

    Parameters
    ----------
    name : str
        Of the table, for messages.
    """
    # Costs vary along all axes: a shuffle gives every rank the same share of each, and an estimate of the time to go.
    order = np.random.default_rng(1).permutation(len(entries))
    mine = order[communicator.rank :: communicator.size]
    started = last_line = time.monotonic()
    values = []
    for n, entry in enumerate(mine):
        values.append(compute(*entries[entry]))
        now = time.monotonic()
        if communicator.rank == 0 and now - last_line > _LINE_EVERY_SECONDS:
            last_line = now
            left = (now - started) / (n + 1) * (len(mine) - n - 1)
            log.info("%s: %.0f %%, %.0f s to go", name, 100 * (n + 1) / len(mine), left)
    shares = communicator.gather((mine, values))
    if communicator.rank:
        return None
    log.info("%s: %d entries in %.0f s", name, len(entries), time.monotonic() - started)
    found = [None] * len(entries)
    for numbers, share in shares:
        for number, value in zip(numbers, share, strict=True):
            found[number] = value
    return found


@contextmanager
def opened_table(path, file_format, identity, what):
    """An open file of a table; what goes wrong with it meanwhile is `Unusable`.

    Parameters
    ----------
    file_format, identity : str
        What its attributes `format` and `identity` must be.
    what : str
        What it is a table of, for messages.
    """
    if not os.path.exists(path):
        raise Unusable("no such file", damaged=False)
    try:
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs.get("format") != file_format:
                raise Unusable(f"is no table of {what}")
            if file.attrs["identity"] != identity:
                text = f"has the identity {file.attrs['identity']}, and this version of the code asks for {identity}"
                raise Unusable(text, damaged=False)
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise Unusable(f"cannot be read ({error})") from None


def _read_first(kind, silent=False):
    """Contents and path of the first place that has the table, or None."""
    for path in kind.places():
        try:
            return kind.read(path), os.fspath(path)
        except Unusable as problem:
            if problem.damaged and not silent:
                log.warning("%s %s %s: not used", kind.name, path, problem)
            elif path.exists() and not silent:
                log.info("%s %s %s", kind.name, path, problem)
    return None


def _store(kind, path, contents):
    """Write the table if there is a place for it; the path as a string, or None."""
    if path is None:
        log.warning("%s: no folder to keep it in; set %s to one", kind.name, CACHE_VARIABLE)
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kind.write(path, contents)
    except OSError as error:
        log.warning("%s: %s cannot be written (%s); it will be built again next time", kind.name, path, error)
        return None
    log.info("wrote the %s %s", kind.name, path)
    return os.fspath(path)


def _is_writable(path):
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(path.parent, os.W_OK)


@contextmanager
def _lock(kind, path):
    """Hold the lock that belongs to a file in the cache, after waiting for it; a process that dies leaves it."""
    if path is None:
        yield
        return
    try:
        file = open(f"{path}.lock", "w")
    except OSError as error:  # that of another user, in a folder that is shared
        log.warning("%s.lock cannot be opened (%s): another process may be building the same table", path, error)
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another process is building the %s: waiting for it", kind.name)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            log.warning("%s: this file system has no locks (%s)", path, error)
        yield
