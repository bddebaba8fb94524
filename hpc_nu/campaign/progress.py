"""Progress of a run in the log: lines at a cadence, from rank 0, no terminal tricks."""

import logging
import time

from hpc_nu.printable import printable

_LINE_EVERY_SECONDS = 15.0

log = logging.getLogger("hpc_nu")


def start_logging(rank):
    """One line per message with time and rank, on standard error; only rank 0 speaks below warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(f"%(asctime)s [{rank}] %(message)s", datefmt="%H:%M:%S"))
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO if rank == 0 else logging.WARNING)


class _Formatter(logging.Formatter):
    def format(self, record):
        return printable(super().format(record))


class Progress:
    """Counts finished tasks and reports them with an estimate of the time to go."""

    def __init__(self, n_tasks, n_done):
        self.n_tasks = n_tasks
        self.done_before = self.reported = self.recorded = n_done
        self.failed = 0
        self.started = self.last_line = time.monotonic()

    def count(self, n_tasks):
        """`n_tasks` more are solved."""
        self.reported += n_tasks

    @property
    def done(self):
        """Ranks report a batch when it is solved; its first rows may be in the file before."""
        return max(self.reported, self.recorded)

    def beat(self, schedule):
        """Log a line if the last one is long ago."""
        if time.monotonic() - self.last_line > _LINE_EVERY_SECONDS:
            self._line(schedule, "")

    def committed(self, schedule, n_rows, n_failed):
        """`n_rows` more are in the file now, of which `n_failed` failed."""
        self.recorded += n_rows
        self.failed += n_failed
        self._line(schedule, f"; recorded {self.recorded}")

    def summary(self, path, complete, reason):
        """The last word of a run."""
        spent = duration(time.monotonic() - self.started)
        if complete:
            log.info("complete: %d tasks, %d failed in this run, %s; %s", self.n_tasks, self.failed, spent, path)
            if self.failed:
                log.info("`hpc-nu status %s` says why", path)
        else:
            log.info("stopped after %s (%s), all saved: run the same command again to continue", spent, reason)

    def _line(self, schedule, remark):
        now = time.monotonic()
        self.last_line = now
        per_second = (self.done - self.done_before) / max(now - self.started, 1e-9)
        failed = f", {self.failed} failed" if self.failed else ""
        # Scaled by what the work done so far took: the ranks do not only solve, nor have they always a core each.
        pace = (now - self.started) / max(schedule.seconds.sum(), 1e-9)
        left = self.n_tasks - self.done
        known = left and schedule.finished.sum() >= 2 * schedule.n_ranks  # what all do has begun to show
        eta = f", {duration(schedule.remaining_seconds() * pace)} to go" if known else ""
        log.info("%d of %d tasks%s, %.3g/s%s%s", self.done, self.n_tasks, failed, per_second, eta, remark)


def duration(seconds):
    """A time for people: "42 s", "3.5 min", "2.1 h"."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
