"""States of the tasks in flight, saved at every commit so that a killed run loses at most one epoch of their work.

One small file beside the results, written by rank 0 and renamed into place; the one before is kept.  A checkpoint that
is damaged, of another problem or of other sources is passed over: its tasks start anew.

The file is a line "CRC-32 of all that follows", a line of JSON, and the states as float64.  (It was HDF5 once: one
flipped byte could crash the library or send it into an endless loop before any checksum was looked at.)
"""

import json
import os
import re
import zlib
from typing import NamedTuple

import numpy as np

from hpc_nu import __version__
from hpc_nu.atomic import replacing
from hpc_nu.campaign.beside import read_bytes, refuse_foreign
from hpc_nu.kernel_cache import fingerprint


class Suspended(NamedTuple):
    """One task that was interrupted.

    Attributes
    ----------
    attempt : int
        0 on the first try, 1 on a more careful retry, 2 on a more patient one.
    seconds : float
        Time spent on this try so far.
    used : float
        Processor time of it, which counts against the budget.
    state : (n,) float64 array
        What `Model.solve` continues from.
    """

    task: int
    attempt: int
    seconds: float
    used: float
    state: np.ndarray


class Checkpoint:
    """The checkpoint files of the results file at `results_path`."""

    def __init__(self, results_path, problem_hash):
        self.path = os.fspath(results_path) + ".checkpoint"
        self.previous = self.path + ".previous"
        self.header = {"problem_hash": problem_hash, "version": __version__, "sources": fingerprint()}

    def save(self, suspended):
        """Replace the checkpoint by `suspended`, a list of `Suspended`."""
        if not suspended:
            self.remove()
            return
        entries = [[int(s.task), int(s.attempt), float(s.seconds), float(s.used), len(s.state)] for s in suspended]
        header = json.dumps(self.header | {"suspended": entries}).encode()
        body = header + b"\n" + b"".join(np.asarray(s.state, dtype="<f8").tobytes() for s in suspended)
        if os.path.exists(self.path):
            os.replace(self.path, self.previous)
        with replacing(self.path) as temporary, open(temporary, "wb") as file:
            file.write(b"%08x\n" % zlib.crc32(body) + body)

    def refuse_foreign(self):
        """Raise an `OutputError` if what is called so is a file of somebody's, and no checkpoint."""
        for path in (self.path, self.previous):
            refuse_foreign(path, re.compile(rb"[0-9a-f]{8}\n\{.*|[0-9a-f]{,8}\n?", re.DOTALL).fullmatch, "checkpoints")

    def load(self, n_tasks):
        """The newest usable checkpoint of a campaign of so many tasks.

        Returns
        -------
        list of Suspended
            Empty if there is none.
        list of str
            A line about each file that had to be passed over.
        """
        remarks = []
        for path in (self.path, self.previous):
            if not os.path.exists(path):
                continue
            try:
                return self._read(path, n_tasks), remarks
            except (OSError, ValueError) as error:
                remarks.append(f"{path}: passed over ({error})")
            except Exception as error:  # noqa: BLE001 - of one whose checksum holds and that no run has written
                remarks.append(f"{path}: passed over (it is no checkpoint: {type(error).__name__})")
        return [], remarks

    def _read(self, path, n_tasks):
        checksum, _, body = read_bytes(path).partition(b"\n")
        if checksum != b"%08x" % zlib.crc32(body):
            raise ValueError("it is damaged: its checksum does not hold")
        line, _, data = body.partition(b"\n")
        header = json.loads(line)
        if header["problem_hash"] != self.header["problem_hash"]:
            raise ValueError("it belongs to another problem")
        if header["version"] != self.header["version"]:
            raise ValueError(f"it was written by version {header['version']}")
        if header["sources"] != self.header["sources"]:
            raise ValueError("it was written by other sources of this program")
        states = np.frombuffer(data, dtype="<f8")
        suspended, start = [], 0
        for task, attempt, seconds, used, length in header["suspended"]:
            suspended.append(Suspended(task, attempt, seconds, used, states[start : start + length].copy()))
            start += length
        if not all(0 <= s.task < n_tasks for s in suspended):
            raise ValueError("it has tasks that there are not")
        return suspended

    def remove(self):
        """Delete all of it: nothing is in flight."""
        for path in (self.path, self.previous):
            if os.path.exists(path):
                os.remove(path)
