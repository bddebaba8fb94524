"""Kill runs at random, as often as you like, and see what is lost: `python tests/faults/kill_campaign.py --kills 300`.

Each kill is a SIGKILL to one rank, to rank 0, or to all and mpirun with them, at a random moment or while something is
going on that a kill might break: the creation of the file, a commit, the renaming of a checkpoint, the resume.  After
each, the file must open with h5py and xarray, every row that says that it is done must be, bit for bit, that of an
uninterrupted run, and no such row may be gone.  The next run continues, on another number of ranks; when a campaign is
complete, its file must be equal to that of the uninterrupted run, and another one begins.

(SIGKILL keeps the page cache: for power cuts see `test_power_cuts`.)
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
from campaigns import FREEZE_IN, LEPTON, assert_same_results, assert_sound, counts, write  # noqa: E402
from mpi import Run, hpc_nu  # noqa: E402

CAMPAIGNS = {
    "lepton": LEPTON.replace("epoch_seconds: 0.1", "epoch_seconds: 0.05"),
    "freeze_in": FREEZE_IN.replace("points: 200", "points: 25"),
}
RANKS = (2, 3, 4)
VICTIMS = ("a rank", "rank 0", "all")
MOMENTS = ("any", "creation", "commit", "checkpoint", "resume")


class KillCampaign:
    """Runs of one campaign in `folder`, killed.

    Attributes
    ----------
    tally : Counter
        What was hit, and what was checked.
    """

    def __init__(self, folder, campaign, seed):
        self.folder, self.draw = folder, random.Random(seed)
        self.input_path = write(folder, CAMPAIGNS[campaign])
        code, text = hpc_nu(folder, "run", self.input_path, "-o", "whole.h5")
        assert code == 0, text
        self.output, self.reference = folder / "killed.h5", folder / "whole.h5"
        self.tally = Counter()
        self.rows = 0
        self.longest = 0.2  # how long a run is left alone at most [s]; finds its own scale

    def kill_once(self):
        """Start or continue, kill, and check what is there."""
        ranks, victim, moment = self.draw.choice(RANKS), self.draw.choice(VICTIMS), self.draw.choice(MOMENTS)
        if moment == "creation" and self.output.exists():
            moment = "any"
        with Run(self.folder, "run", self.input_path, "-o", self.output, ranks=ranks) as run:
            self._wait_for(moment, run)
            if run.is_running:
                self._kill(run, victim)
                self.tally.update({"kills": 1, f"victim: {victim}": 1, f"moment: {moment}": 1})
            else:
                assert run.wait() == 0, run.text
        self._check()

    def _wait_for(self, moment, run):
        if moment == "creation":
            run.wait_until(lambda: list(self.folder.glob("killed.h5.tmp-*")))
        elif moment != "any":
            run.wait_for_text("created|continuing")
        if moment == "commit" and self.output.exists():
            time.sleep(self.longest * self.draw.random())
            before = self.output.stat().st_mtime_ns
            run.wait_until(lambda: self.output.stat().st_mtime_ns != before)
        elif moment == "checkpoint":
            time.sleep(self.longest * self.draw.random())
            run.wait_until(lambda: list(self.folder.glob("killed.h5.checkpoint.tmp-*")))
        elif moment == "any":
            run.wait_for_text("campaign")
            self._sleep(run, self.longest * self.draw.random())
        else:
            self._sleep(run, 0.1 * self.draw.random())

    @staticmethod
    def _sleep(run, seconds):
        end = time.monotonic() + seconds
        while run.is_running and time.monotonic() < end:
            time.sleep(1e-3)

    def _kill(self, run, victim):
        if victim != "all":
            ranks = sorted(run.rank_processes(), key=_rank)
            if ranks:
                try:
                    os.kill(ranks[0] if victim == "rank 0" else ranks[-1], signal.SIGKILL)
                except ProcessLookupError:
                    pass
                run.wait(30)
        run.kill()

    def _check(self):
        left_over = [path.name for path in self.folder.glob("killed.h5*.tmp-*")]
        self.tally.update(f"left over: {name}" for name in left_over)
        if not self.output.exists():
            self.tally["before the file was there"] += 1
            assert not self.rows, "the file is gone"
            return
        rows = assert_sound(self.output, self.input_path, self.reference)
        assert rows >= self.rows, f"of {self.rows} rows {rows} are left"
        self.tally["rows checked"] += rows
        self.longest *= 0.8 if rows > self.rows else 1.3
        self.rows = rows
        recorded, n_tasks = counts(self.output)
        if recorded == n_tasks:
            self._complete()

    def _complete(self):
        """See that nothing is missing, also to a run that continues a complete file; then begin anew."""
        code, text = hpc_nu(self.folder, "run", self.input_path, "-o", self.output, ranks=2)
        assert code == 0 and "nothing to do" in text, text
        assert_same_results(self.output, self.reference)
        assert not [path for path in self.folder.glob("killed.h5.*") if path.suffix != ".lock"]
        self.output.unlink()
        self.rows = 0
        self.tally["campaigns completed"] += 1

    def finish(self):
        """Continue to the end without kills, and check."""
        code, text = hpc_nu(self.folder, "run", self.input_path, "-o", self.output, ranks=2)
        assert code == 0, text
        self._check()


def _rank(pid):
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return 0
    named = dict(variable.split(b"=", 1) for variable in variables if b"=" in variable)
    return int(next((named[name] for name in (b"OMPI_COMM_WORLD_RANK", b"PMI_RANK") if name in named), 0))


def kill_campaign(folder, campaign, kills, seed, report=lambda tally: None):
    """Kill `kills` times.

    Returns
    -------
    Counter
    """
    killing = KillCampaign(folder, campaign, seed)
    while killing.tally["kills"] < kills:
        killing.kill_once()
        report(killing.tally)
    killing.finish()
    return killing.tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    share = -(-options.kills // len(CAMPAIGNS))
    for campaign in CAMPAIGNS:
        with tempfile.TemporaryDirectory(prefix="kill_campaign-") as folder:
            tally = kill_campaign(
                Path(folder), campaign, share, options.seed, lambda t: print(json.dumps(t), flush=True)
            )
        print(f"{campaign}: nothing lost")
        for name, number in sorted(tally.items()):
            print(f"  {name:40} {number}")


if __name__ == "__main__":
    main()
