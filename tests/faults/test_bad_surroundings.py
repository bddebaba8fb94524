"""Full disks, quotas, folders that cannot be written, file systems without locks: exit code 3 with one clear message,
and all that was recorded before is intact."""

import os
import re
import signal
import subprocess

import pytest
from campaigns import FREEZE_IN, TOY, assert_same_results, counts, write
from mpi import Run, hpc_nu
from toy_models import BEFORE

from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, CHECKPOINTED

# What a quota does: writing beyond so many bytes fails. (MPI is loaded first: it has files of its own.)
QUOTA = """
import resource
try:
    from mpi4py import MPI
except (ImportError, RuntimeError):
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
"""
SMALL = FREEZE_IN.replace("points: 200", "points: 50")

RANKS = [None, pytest.param(2, marks=pytest.mark.mpi)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    input_path = write(folder, SMALL)
    code, text = hpc_nu(folder, "run", input_path, "-o", "whole.h5")
    assert code == 0, text
    return input_path, folder / "whole.h5"


@pytest.mark.parametrize("ranks", RANKS)
def test_no_room_for_the_file(ranks, whole, tmp_path):
    code, text = hpc_nu(tmp_path, "run", whole[0], "-o", "out.h5", ranks=ranks, before=QUOTA.format(800_000))
    assert code == BROKEN_ENVIRONMENT and "out.h5: cannot be created (File too large; it needs" in text, text
    assert "Traceback" not in text
    assert not list(tmp_path.glob("out.h5*.tmp-*")) and not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("ranks", RANKS)
def test_a_commit_that_cannot_be_written(ranks, whole, tmp_path):
    input_path, reference = whole
    with Run(tmp_path, "run", input_path, "-o", "out.h5") as run:
        assert run.wait_for_text("[1-9][0-9]* of 10000 tasks.*recorded")
        run.process.send_signal(signal.SIGUSR1)
        assert run.wait() == CHECKPOINTED
    before = counts(tmp_path / "out.h5")[0]
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=ranks, before=QUOTA.format(800_000))
    assert code == BROKEN_ENVIRONMENT and "rows or states could not be written" in text, text
    assert "Traceback" not in text
    assert counts(tmp_path / "out.h5")[0] == before > 0
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5")
    assert code == 0, text
    assert_same_results(tmp_path / "out.h5", reference)


@pytest.fixture
def disk(tmp_path):
    """A file system of 8 MB of its own, and what changes how it is mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        return subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True).returncode

    if os.geteuid() != 0 or mount("-o", "size=8m"):
        pytest.skip("file systems cannot be mounted here")
    yield folder, mount
    subprocess.run(["umount", "-l", folder], check=True)


LONG = TOY + "settings: {steps: 600, nap: 0.01, state_size: 20000}\n"


def test_a_disk_that_is_full_when_the_checkpoint_is_written(disk):
    """The file has its room since its creation; the states of the tasks in flight have not."""
    folder, _ = disk
    input_path = write(folder, LONG.replace("points: 40", "points: 2"))
    with Run(folder, "run", input_path, "-o", "out.h5", before=BEFORE) as run:
        assert run.wait_for_text("; recorded")
        with open(folder / "fill", "wb") as fill, pytest.raises(OSError):
            while True:
                os.write(fill.fileno(), bytes(4096))
        assert run.wait() == BROKEN_ENVIRONMENT, run.text
    text = run.text
    assert "rows or states could not be written (No space left on device)" in text and "Traceback" not in text
    (folder / "fill").unlink()
    code, text = hpc_nu(folder, "run", input_path, "-o", "out.h5", before=BEFORE)
    assert code == 0 and "1 tasks begun" in text, text
    assert counts(folder / "out.h5") == (2, 2)


def test_no_room_at_the_start(disk):
    folder, _ = disk
    code, text = hpc_nu(folder, "run", write(folder, FREEZE_IN), "-o", "out.h5")
    assert code == BROKEN_ENVIRONMENT and re.search("No space left on device; it needs [0-9.]+ MB", text), text


@pytest.mark.parametrize("exists", [False, True], ids=["new", "to be continued"])
def test_a_read_only_file_system(exists, disk):
    folder, mount = disk
    input_path = write(folder, TOY)
    elsewhere = folder.parent
    if exists:
        assert hpc_nu(elsewhere, "run", input_path, "-o", folder / "out.h5", before=BEFORE)[0] == 0
    assert mount("-o", "remount,ro") == 0
    code, text = hpc_nu(elsewhere, "run", input_path, "-o", folder / "out.h5", before=BEFORE)
    assert code == BROKEN_ENVIRONMENT and "cannot be written (Read-only file system)" in text, text


def test_a_link_stays_a_link_and_what_lies_beside_the_results_lies_there(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "out.h5").symlink_to("scratch/out.h5")
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, TOY), "-o", "out.h5", before=BEFORE)
    assert code == 0, text
    assert (tmp_path / "out.h5").is_symlink() and counts(tmp_path / "scratch/out.h5") == (40, 40)
    assert (tmp_path / "scratch/out.h5.lock").exists() and not (tmp_path / "out.h5.lock").exists()


def test_a_file_of_two_names_is_refused(tmp_path):
    """Two runs would not see each other, and what was meant to be a copy would change."""
    input_path = write(tmp_path, TOY)
    assert hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE)[0] == 0
    (tmp_path / "other.h5").hardlink_to(tmp_path / "out.h5")
    before = (tmp_path / "out.h5").read_bytes()
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "other.h5", before=BEFORE)
    assert code == 2 and "has another name" in text and (tmp_path / "out.h5").read_bytes() == before, text


def test_rows_that_something_else_has_removed_are_no_complete_campaign(tmp_path):
    input_path = write(tmp_path, TOY + "settings: {steps: 10, nap: 0.02}\n")
    output = tmp_path / "out.h5"
    with Run(tmp_path, "run", input_path, "-o", output, before=BEFORE) as run:
        assert run.wait_for_text("created")
        empty = output.read_bytes()
        assert run.wait_for_text("[2-9] of 40 tasks.*recorded")
        output.write_bytes(empty)
        assert run.wait() == 1, run.text
        assert "rows that were recorded are gone" in run.text
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", output, before=BEFORE)
    assert code == 0 and counts(output) == (40, 40), text


def test_a_folder_in_which_nothing_can_be_made(tmp_path):
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, TOY), "-o", "/proc/out.h5", before=BEFORE)
    assert code == BROKEN_ENVIRONMENT and "/proc/out.h5: cannot be written" in text and "Traceback" not in text, text


def test_a_file_system_without_locks_is_a_remark(tmp_path):
    no_locks = BEFORE + "\nimport errno, fcntl\ndef flock(*_): raise OSError(errno.ENOLCK, 'No locks available')\n"
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, TOY), "-o", "o.h5", before=no_locks + "fcntl.flock = flock")
    assert code == 0 and "this file system has no locks" in text, text


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path):
    input_path = write(tmp_path, LONG.replace("points: 40", "points: 1"))
    with Run(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE) as run:
        assert run.wait_until((tmp_path / "out.h5.checkpoint.previous").exists)
        run.process.send_signal(signal.SIGUSR1)
        assert run.wait() == CHECKPOINTED
    newest = tmp_path / "out.h5.checkpoint"
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    newest.write_bytes(damaged)
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE)
    assert code == 0, text
    assert "out.h5.checkpoint: passed over (it is damaged" in text and "1 tasks begun" in text
