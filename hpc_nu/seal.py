"""A seal on all of a results file that never changes: structure, attributes, points, scales, input.

After its creation nothing but the raw data of some datasets is written into a results file.  So everything else has a
digest, which is kept in the file together with the places that do change.  It is looked at before HDF5 is: a damaged
structure can crash that library.  Rows have checksums of their own.

The seal is the raw data of a dataset: a mark, the CRC-32 of what follows, and JSON.
"""

import hashlib
import json
import mmap
import zlib

NAME = "provenance/seal"
_MARK = b"hpc_nu seal 1 "
_BLOCK = 1 << 24

_OPEN = (20, 4)
"""Place and length of the flags in the head of a file with which some versions of HDF5 note that they are writing."""


class Broken(Exception):
    """The file is not what was sealed, or was never sealed; the text says which."""


def size(n_regions):
    """Bytes that are enough for a seal with so many places that change."""
    return 512 + 48 * n_regions


def put(path, place, length, regions):
    """Seal a file.

    Parameters
    ----------
    place, length : int
        Where the seal goes.
    regions : list of (int, int)
        Offset and length of what will change.
    """
    regions = _merged([*regions, (place, length), _OPEN])
    seal = {"digest": _digest(path, regions), "regions": regions, "length": length}
    text = json.dumps(seal, separators=(",", ":")).encode()
    seal = _MARK + f"{zlib.crc32(text):08x} ".encode() + text
    if len(seal) > length:
        raise ValueError(f"a seal of {len(seal)} bytes does not fit into {length}")
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(seal.ljust(length))


def check(path):
    """Compare a file with its seal.

    Raises
    ------
    Broken
        If they do not agree.
    OSError
        If the file cannot be read.
    """
    try:
        holds = _holds(path)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):  # a seal of somebody else's making
        holds = None
    if holds is None:
        raise Broken("has no seal: it is damaged, or was not made by this program")
    if not holds:
        raise Broken("is damaged outside of its rows: its seal does not hold")


def _holds(path):
    """Whether what never changes is what was sealed; None without a seal."""
    found = _find(path)
    if found is None:
        return None
    with open(path, "rb") as file:
        file.seek(_OPEN[0])
        is_strange = int.from_bytes(file.read(_OPEN[1]), "little") not in (0, 1)
    return not is_strange and _digest(path, found["regions"]) == found["digest"]


def _find(path):
    """The first seal in the file that is whole, wherever it is; None without one."""
    with open(path, "rb") as file:
        try:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # empty
            return None
        with view:
            place = view.find(_MARK)
            while place >= 0:
                head = place + len(_MARK)
                crc, text = view[head : head + 9], view[head + 9 : head + _BLOCK].split(b" ", 1)[0]
                if crc == f"{zlib.crc32(text):08x} ".encode():
                    found, behind = json.loads(text), head + 9 + len(text)
                    end = place + found["length"]
                    return found if not view[behind:end].strip(b" ") and end <= len(view) else None
                place = view.find(_MARK, head)
    return None


def _digest(path, regions):
    """Of all bytes outside of the regions, and of how many there are."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        here = 0
        for place, length in [*regions, (None, 0)]:
            while place is None or here < place:
                block = file.read(_BLOCK if place is None else min(_BLOCK, place - here))
                if not block:
                    break
                digest.update(block)
                here += len(block)
            if place is not None:
                digest.update(f"{place}+{length}".encode())
                here = file.seek(place + length)
        digest.update(str(file.seek(0, 2)).encode())
    return digest.hexdigest()


def _merged(regions):
    """The same places, in order, neighbours united."""
    merged = []
    for place, length in sorted(regions):
        if merged and place == sum(merged[-1]):
            merged[-1][1] += length
        elif length:
            merged.append([place, length])
    return merged
