"""States of the tasks in flight, saved at every commit so that a killed run loses at most one epoch of their work.

One small HDF5 file beside the results, written by rank 0: to a temporary name, synced, renamed; the one before is kept.
A checkpoint that is damaged, of another problem or of another version is passed over: its tasks start anew.
"""

import os
import zlib
from typing import NamedTuple

import h5py
import numpy as np

from hpc_nu import __version__


class Suspended(NamedTuple):
    """One task that was interrupted.

    Attributes
    ----------
    attempt : int
        0 on the first try, 1 on the retry.
    seconds : float
        Processor time spent on this try so far; it counts against the budget.
    state : (n,) float64 array
        What `Model.solve` continues from.
    """

    task: int
    attempt: int
    seconds: float
    state: np.ndarray


class Checkpoint:
    """The checkpoint files of the results file at `results_path`."""

    def __init__(self, results_path, problem_hash):
        self.path = os.fspath(results_path) + ".checkpoint"
        self.previous = self.path + ".previous"
        self.problem_hash = problem_hash

    def save(self, suspended):
        """Replace the checkpoint by `suspended`, a list of `Suspended`."""
        if not suspended:
            self.remove()
            return
        temporary = self.path + ".tmp"
        states = np.concatenate([s.state for s in suspended])
        with h5py.File(temporary, "w", libver="earliest") as file:
            file.attrs["problem_hash"], file.attrs["version"] = self.problem_hash, __version__
            file["task"] = np.array([s.task for s in suspended], dtype="i8")
            file["attempt"] = np.array([s.attempt for s in suspended], dtype="i8")
            file["seconds"] = np.array([s.seconds for s in suspended])
            file["length"] = np.array([len(s.state) for s in suspended], dtype="i8")
            file["states"] = states
            file.attrs["checksum"] = zlib.crc32(states.tobytes())
            file.flush()
        descriptor = os.open(temporary, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        if os.path.exists(self.path):
            os.replace(self.path, self.previous)
        os.replace(temporary, self.path)

    def load(self):
        """The newest usable checkpoint.

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
                return self._read(path), remarks
            except (OSError, KeyError, ValueError) as error:
                remarks.append(f"{path}: passed over ({error})")
        return [], remarks

    def _read(self, path):
        with h5py.File(path, "r") as file:
            if file.attrs["problem_hash"] != self.problem_hash:
                raise ValueError("it belongs to another problem")
            if file.attrs["version"] != __version__:
                raise ValueError(f"it was written by version {file.attrs['version']}")
            tasks, attempts, seconds, lengths = (file[name][:] for name in ("task", "attempt", "seconds", "length"))
            states = file["states"][:]
            if file.attrs["checksum"] != zlib.crc32(states.tobytes()) or lengths.sum() != len(states):
                raise ValueError("its checksum does not hold")
        parts = np.split(states, np.cumsum(lengths)[:-1])
        return [Suspended(int(t), int(a), float(c), s) for t, a, c, s in zip(tasks, attempts, seconds, parts, strict=True)]

    def remove(self):
        """Delete all of it: nothing is in flight."""
        for path in (self.path, self.previous, self.path + ".tmp"):
            if os.path.exists(path):
                os.remove(path)
