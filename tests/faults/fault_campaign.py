"""Run campaigns in bad surroundings: `python tests/faults/fault_campaign.py --faults 500`.

Each run, alone or on two ranks, meets a fault that is no fault of its tasks: too little memory, stack or room for
files, too few open ones, a full disk under the results, the kernels or the temporary files, damaged kernels, processes
of tasks in quarantine that are killed.  The run must end by itself, the file must open, no row of it may be a failed
one, every row must be, bit for bit, that of a run in good surroundings, and none may be gone.  Now and then, and in the
end, the campaign is completed without faults, and compared.

(Disks of little room need root; other users get the limit on file sizes in their place.)
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from campaigns import LEPTON, assert_same_results, assert_sound, counts, write  # noqa: E402
from mpi import Run, hpc_nu  # noqa: E402

from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, COMPLETE  # noqa: E402
from hpc_nu.campaign.in_hand import InHand  # noqa: E402
from hpc_nu.result_codes import ResultCode  # noqa: E402

CAMPAIGN = LEPTON.replace("1e-12", "1e-6").replace("points: 6", "points: 3")
KERNELS = Path(os.environ["NUMBA_CACHE_DIR"])  # the import of the package has chosen it
LIMIT = 240.0
_ROOM = (4, 1500)  # of a small disk [kB]


class FaultCampaign:
    """Runs of one campaign in `folder`.

    Attributes
    ----------
    tally : Counter
        Which faults there were, and how the runs ended.
    """

    def __init__(self, folder, seed):
        self.folder, self.draw = folder, random.Random(seed)
        self.input_path, self.output = write(folder, CAMPAIGN), folder / "out.h5"
        self.reference = folder / "whole.h5"
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.tally, self.rows = Counter(), 0
        code, text = self._run(output=self.reference)
        assert code == COMPLETE, text
        self.faults = {
            name.removeprefix("_with_"): getattr(self, name) for name in dir(self) if name.startswith("_with_")
        }
        if os.geteuid() or not _can_mount(self.disk):
            self.faults = {name: fault for name, fault in self.faults.items() if "disk" not in name}

    def fault_once(self):
        """Run in bad surroundings, and check what is there."""
        name = self.draw.choice(sorted(self.faults))
        code, text = self.faults[name]()
        self.tally.update({"faults": 1, f"{name}: exit code {code}": 1})
        if code not in (COMPLETE, BROKEN_ENVIRONMENT):
            self.tally[f"{name}: {text.strip().splitlines()[-1][-200:] if text.strip() else 'nothing said'}"] += 1
        # A process that has no room to start in, or that the system ends, has no say in how.
        if code == BROKEN_ENVIRONMENT and "[0]" in text:
            assert "Traceback" not in text, f"{name}:\n{text}"
        self._check(name, text)

    def _run(self, before="", output=None, environment=None, ranks=None):
        arguments = ["run", self.input_path, "-o", output or self.output]
        return hpc_nu(self.folder, *arguments, before=before, environment=environment, ranks=ranks, limit=LIMIT)

    def _ranks(self):
        return self.draw.choice([None, 2])

    def _with_little_memory(self):
        return self._limited("AS", self.draw.randrange(350, 1500) * 10**6)

    def _with_few_open_files(self):
        return self._limited("NOFILE", self.draw.randrange(8, 60))

    def _with_small_files(self):
        return self._limited("FSIZE", self.draw.randrange(1, 900) * 1000)

    def _with_little_stack(self):
        return self._limited("STACK", self.draw.randrange(100, 2000) * 1000)

    def _limited(self, what, limit):
        before = f"import resource; resource.setrlimit(resource.RLIMIT_{what}, ({limit}, {limit}))"
        return self._run(before, ranks=self._ranks())

    def _with_full_disk_for_results(self):
        with self._small_disk() as disk:
            code, text = self._run(output=disk / "out.h5", ranks=self._ranks())
            if (disk / "out.h5").exists():
                self._assert_no_failures(disk / "out.h5", text)
        return code, text

    def _with_full_disk_for_kernels(self):
        with self._small_disk() as disk:
            return self._run(environment={"NUMBA_CACHE_DIR": str(disk)}, ranks=self._ranks())

    def _with_full_disk_for_temporary_files(self):
        with self._small_disk() as disk:
            fill(disk)
            return self._run(environment={"TMPDIR": str(disk)}, ranks=self._ranks())

    def _with_damaged_kernels(self):
        """Some files of the cache are cut short, emptied, or hold other bytes."""
        kernels = self.folder / "kernels" / KERNELS.name
        shutil.copytree(KERNELS, kernels)
        for path in kernels.rglob("*.nb?"):
            how = self.draw.choice(["whole"] * 9 + ["cut", "empty", "a bit"])
            data = bytearray(path.read_bytes())
            if how == "cut":
                data = data[: self.draw.randrange(len(data))]
            elif how == "empty":
                data = b""
            elif how == "a bit":
                data[self.draw.randrange(len(data))] ^= 1 << self.draw.randrange(8)
            path.write_bytes(data)
        try:
            return self._run(environment={"NUMBA_CACHE_DIR": str(kernels.parent)}, ranks=self._ranks())
        finally:
            shutil.rmtree(kernels.parent)

    def _with_killed_processes(self):
        """Tasks in quarantine whose processes are killed as they come."""
        while not self.output.exists():
            with self._started() as run:
                run.wait_for_text("created")
                time.sleep(self.draw.random())
                run.kill()
        with h5py.File(self.output) as file:
            done = file["status"][:] != ResultCode.PENDING
            record = InHand(self.output, file.attrs["problem_hash"])
        record.load(done, np.flatnonzero(~done).tolist())
        record.close()
        with self._started(self._ranks()) as run:
            end = time.monotonic() + LIMIT
            while run.is_running and time.monotonic() < end:
                time.sleep(2 * self.draw.random())
                for pid in run.processes():
                    if b"quarantine" in _command_line(pid):
                        _kill(pid)
            return run.wait(10), run.text

    def _started(self, ranks=None):
        return Run(self.folder, "run", self.input_path, "-o", self.output, ranks=ranks)

    @contextmanager
    def _small_disk(self):
        room = f"size={self.draw.randrange(*_ROOM)}k"
        subprocess.run(["mount", "-t", "tmpfs", "-o", room, "tmpfs", self.disk], check=True)
        try:
            yield self.disk
        finally:
            subprocess.run(["umount", "-l", self.disk], check=True)

    def _check(self, name, text):
        if not self.output.exists():
            assert not self.rows, f"{name}: the file is gone\n{text}"
            return
        self._assert_no_failures(self.output, text)
        rows = assert_sound(self.output, self.input_path, self.reference)
        assert rows >= self.rows, f"{name}: of {self.rows} rows {rows} are left\n{text}"
        self.tally["rows checked"] += rows
        self.rows = rows
        if rows == counts(self.output)[1] or self.draw.random() < 0.3:
            self.finish()

    @staticmethod
    def _assert_no_failures(path, text):
        with h5py.File(path) as file:
            codes = {ResultCode(code).name for code in set(file["status"][:].tolist())}
            errors = set(file["error"][:].tolist()) - {b""}
        assert codes <= {"PENDING", "DONE"}, f"{codes}: {errors}\n{text}"

    def finish(self):
        """Complete the campaign in good surroundings, and compare; the next begins anew."""
        code, text = self._run()
        assert code == COMPLETE, text
        self._assert_no_failures(self.output, text)
        assert_same_results(self.output, self.reference)
        for path in self.folder.glob("out.h5*"):
            path.unlink()
        self.rows = 0
        self.tally["campaigns completed"] += 1


def fill(folder):
    """Leave no room on a small disk."""
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(1024)):
                pass
        except OSError:
            pass


def _can_mount(folder):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True).returncode:
        return False
    subprocess.run(["umount", "-l", folder], check=True)
    return True


def _command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def fault_campaign(folder, faults, seed, report=lambda tally: None):
    """Meet so many faults.

    Returns
    -------
    Counter
    """
    campaign = FaultCampaign(folder, seed)
    while campaign.tally["faults"] < faults:
        campaign.fault_once()
        report(campaign.tally)
    campaign.finish()
    return campaign.tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fault_campaign-") as folder:
        tally = fault_campaign(
            Path(folder), options.faults, options.seed, lambda tally: print(json.dumps(tally), flush=True)
        )
    print("no row was lost, failed or changed")
    for name, number in sorted(tally.items()):
        print(f"  {name:40} {number}")


if __name__ == "__main__":
    main()
