"""Where and with what each run of a campaign computed: a row of `provenance/runs` for each that recorded rows."""

import json
import zlib

import numpy as np

from hpc_nu.campaign.provenance import provenance
from hpc_nu.kernel_cache import fingerprint

RUNS = "provenance/runs"
_MOST, _LENGTH = 256, 1024
_OPTIONAL = ("command", "system", "machine", "mpi")  # left out, in this order, where there is no room


def runs_dataset():
    """Name, shape and type of the dataset."""
    return RUNS, (_MOST,), np.dtype(f"S{_LENGTH}")


def run_record():
    """What there is to say of this run, as it is kept: a CRC-32 and JSON."""
    record = provenance() | {"sources": fingerprint()}
    for name in (None, *_OPTIONAL):
        record.pop(name, None)
        text = json.dumps(record)
        if len(text) < _LENGTH - 10:
            break
    return f"{zlib.crc32(text.encode()):08x} {text}".encode()


def used_runs(records):
    """The records that are whole, as a list of dict; {} in the place of one that is not.

    Parameters
    ----------
    records : (n,) array of bytes
    """
    return [_read(bytes(record)) for record in records]


def _read(record):
    crc, _, text = record.partition(b" ")
    if crc != f"{zlib.crc32(text):08x}".encode():
        return {}
    return json.loads(text)
