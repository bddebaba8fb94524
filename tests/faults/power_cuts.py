"""What a power cut leaves of a run: `record` what it does to a folder, `cuts` of that with loss of what was not synced.

A write is in the page cache until its file is synced, a name until its folder is.  What the disk has at a cut is
therefore all that was synced, and of what came since anything: of writes any sectors, whatever their order; of names
(new, renamed, removed) the first so many, as file systems keep them in a journal.
"""

import os
import re
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from mpi import hpc_nu

_SOURCE = Path(__file__).with_name("record_writes.c")
_WRITE, _RESIZE, _SYNC, _CREATE, _RENAME, _REMOVE, _LINK, _SAY = range(1, 9)
_HEAD = struct.Struct("6q")
_SECTOR = 512


class Call(NamedTuple):
    """One call of a recorded program; `offset` is a length where a file is resized."""

    kind: int
    inode: int
    offset: int
    name: str
    new_name: str
    data: bytes


def compile_recorder(folder):
    """The library that records, in `folder`; None where there is no compiler."""
    library = folder / "record_writes.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"]
    try:
        subprocess.run(command, check=True, timeout=60)
    except FileNotFoundError:
        return None
    return library


def record(library, folder, *arguments, **options):
    """Run hpc-nu in the empty `folder`.

    Returns
    -------
    list of Call
    """
    log = folder.with_name(f"{folder.name}-calls")
    environment = {"LD_PRELOAD": library, "HPC_NU_RECORD_FOLDER": os.path.realpath(folder), "HPC_NU_RECORD_LOG": log}
    environment = {name: str(value) for name, value in environment.items()}
    code, text = hpc_nu(folder.parent, *arguments, environment=environment, **options)
    assert code == 0, text
    return list(_calls(log.read_bytes()))


def _calls(log):
    place = 0
    while place < len(log):
        kind, inode, offset, *lengths = _HEAD.unpack_from(log, place)
        place += _HEAD.size
        texts = []
        for length in lengths:
            texts.append(log[place : place + length])
            place += length
        yield Call(kind, inode, offset, *map(os.fsdecode, texts[:2]), texts[2])


class _File:
    def __init__(self):
        self.synced, self.since = bytearray(), []

    def sync(self):
        for call in self.since:
            _apply(self.synced, call)
        self.since = []

    def after_cut(self, survives):
        """Content of the file, if of each piece of what was not synced `survives()` says whether it is there."""
        content = bytearray(self.synced)
        for call in self.since:
            for piece in _pieces(call):
                if survives():
                    _apply(content, piece)
        return content


def _pieces(call):
    """The sectors of a write, each a call."""
    if call.kind != _WRITE:
        yield call
        return
    start, end = call.offset, call.offset + len(call.data)
    while start < end:
        stop = min(end, (start // _SECTOR + 1) * _SECTOR)
        yield call._replace(offset=start, data=call.data[start - call.offset : stop - call.offset])
        start = stop


def _apply(content, call):
    end = call.offset + len(call.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if call.kind == _RESIZE:
        del content[call.offset :]
    content[call.offset : end] = call.data


class Cut(NamedTuple):
    """What is left at a cut.

    Attributes
    ----------
    files : dict of str to bytes
    is_created, recorded : bool, int
        What the run had said by then: that there is a file, and how many rows are recorded.
    """

    files: dict
    is_created: bool
    recorded: int


def cuts(calls, number, draw, synced=True):
    """Cut the power at `number` random calls.

    Parameters
    ----------
    draw : random.Random
    synced : bool
        False: as if no sync had been called.

    Yields
    ------
    Cut
    """
    when = set(draw.sample(range(1, len(calls)), min(number, len(calls) - 1)))
    files, names, changes, said = {}, {}, [], ""
    for i, call in enumerate(calls):
        if i in when:
            chance = draw.choice([0.0, 0.1, 0.5, 0.9, 1.0])
            kept = draw.randrange(len(changes) + 1) if chance else 0
            there = _names(dict(names), changes[:kept])
            content = {n: bytes(f.after_cut(lambda: draw.random() < chance)) for n, f in there.items()}  # noqa: B023
            yield Cut(content, "created" in said, max(map(int, re.findall(r"recorded (\d+)", said)), default=0))
        if call.kind == _SAY:
            said += call.data.decode(errors="replace")
        elif call.kind == _CREATE:
            files[call.inode] = _File()
            changes.append((call, files[call.inode]))
        elif call.kind in (_WRITE, _RESIZE):
            files[call.inode].since.append(call)
        elif call.kind in (_RENAME, _REMOVE, _LINK):
            changes.append((call, None))
        elif synced and call.name:
            files[call.inode].sync()
        elif synced:
            names, changes = _names(names, changes), []


def _names(names, changes):
    """Names of the folder after changes to it."""
    for call, file in changes:
        if call.kind == _CREATE:
            names[call.name] = file
        elif call.kind == _REMOVE:
            names.pop(call.name, None)
        elif call.name in names:
            names[call.new_name] = names.pop(call.name) if call.kind == _RENAME else names[call.name]
    return names
