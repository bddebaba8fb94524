"""A checkpoint is taken whole or passed over: no damage leads to a wrong state."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from hpc_nu.campaign import checkpoint as checkpoint_module
from hpc_nu.campaign.checkpoint import Checkpoint, Suspended

FIRST = [Suspended(7, 0, 1.5, 1.0, np.arange(5.0)), Suspended(3, 1, 0.25, 0.2, np.linspace(0, 1, 300))]
SECOND = [Suspended(8, 0, 2.5, 2.0, np.array([np.pi])), Suspended(3, 1, 9.0, 8.0, np.linspace(1, 2, 300))]


def same(one, other):
    return len(one) == len(other) and all(
        a[:4] == b[:4] and a.state.tobytes() == b.state.tobytes() for a, b in zip(one, other, strict=True)
    )


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "out.h5", "hash of the problem")


def test_what_is_saved_is_loaded(checkpoint):
    assert checkpoint.load(10) == ([], [])
    checkpoint.save(FIRST)
    loaded, remarks = checkpoint.load(10)
    assert same(loaded, FIRST) and not remarks
    checkpoint.save(SECOND)
    assert same(checkpoint.load(10)[0], SECOND)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "gone"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(damage, checkpoint):
    checkpoint.save(FIRST)
    checkpoint.save(SECOND)
    content = open(checkpoint.path, "rb").read()
    if damage == "gone":
        os.remove(checkpoint.path)
    else:
        new = {"truncated": content[: len(content) // 2], "empty": b"", "text": b"no checkpoint" * 100}[damage]
        open(checkpoint.path, "wb").write(new)
    loaded, remarks = checkpoint.load(10)
    assert same(loaded, FIRST)
    assert len(remarks) == (damage != "gone") and all(checkpoint.path in remark for remark in remarks)


def test_two_damaged_checkpoints_are_as_none(checkpoint):
    checkpoint.save(FIRST)
    checkpoint.save(SECOND)
    for path in (checkpoint.path, checkpoint.previous):
        open(path, "r+b").truncate(1000)
    loaded, remarks = checkpoint.load(10)
    assert loaded == [] and len(remarks) == 2


def flip_bytes(path, every):
    """Change one byte after the other of the checkpoint; returns the places where it led to something wrong."""
    checkpoint = Checkpoint(path, "hash of the problem")
    content = open(checkpoint.path, "rb").read()
    wrong, passed_over = {}, 0
    with open(checkpoint.path, "r+b", buffering=0) as file:
        for place in range(0, len(content), every):
            file.seek(place)
            file.write(bytes([content[place] ^ 0x55]))
            try:
                loaded, remarks = checkpoint.load(10)
            except Exception as error:  # noqa: BLE001 - whatever it is, it would end the run
                wrong[place] = repr(error)
            else:
                passed_over += bool(remarks)
                if not (same(loaded, FIRST) or (loaded == [] and remarks)):
                    wrong[place] = [s.task for s in loaded]
            file.seek(place)
            file.write(content[place : place + 1])
    assert passed_over > 10
    return wrong


def test_no_flipped_byte_leads_to_a_wrong_state(checkpoint, tmp_path):
    """The state is the saved one, or the file is passed over.  In another process, since this one should survive."""
    checkpoint.save(FIRST)
    code = f"import test_checkpoint; print(test_checkpoint.flip_bytes({str(tmp_path / 'out.h5')!r}, 5))"
    folders = Path(__file__).parents[2], Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "{}\n")


def test_the_checkpoint_of_another_problem_or_version_is_passed_over(checkpoint, tmp_path, monkeypatch):
    checkpoint.save(FIRST)
    loaded, remarks = Checkpoint(tmp_path / "out.h5", "another").load(10)
    assert loaded == [] and "another problem" in remarks[0]
    monkeypatch.setattr(checkpoint_module, "__version__", "999")
    loaded, remarks = Checkpoint(tmp_path / "out.h5", "hash of the problem").load(10)
    assert loaded == [] and "written by version" in remarks[0]


@pytest.mark.parametrize("moment", range(1, 4))
def test_a_kill_between_any_two_steps_of_saving_leaves_a_usable_one(moment, checkpoint, monkeypatch):
    """The steps: synced, moved to .previous, put in place.  The process dies before the `moment`-th of them."""
    checkpoint.save(FIRST)

    class Killed(BaseException):
        pass

    calls = []

    def dying(function):
        def call(*arguments):
            calls.append(function)
            if len(calls) == moment:
                raise Killed
            return function(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("fsync", "replace"):
            patch.setattr(os, name, dying(getattr(os, name)))
        with pytest.raises(Killed):
            checkpoint.save(SECOND)
    loaded, remarks = checkpoint.load(10)
    assert same(loaded, FIRST) and not remarks


def test_the_new_file_is_written_and_synced_under_another_name(checkpoint, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    replace = os.replace
    order = []
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append((list(synced), a, b)), replace(a, b)))
    checkpoint.save(FIRST)
    ((before, source, target),) = order
    assert target == checkpoint.path and source != target and source in before


def test_nothing_in_flight_leaves_no_file(checkpoint, tmp_path):
    checkpoint.save(FIRST)
    checkpoint.save(SECOND)
    checkpoint.save([])
    assert os.listdir(tmp_path) == []


def test_states_of_other_sources_are_passed_over(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_module, "fingerprint", lambda: "others")
    Checkpoint(tmp_path / "out.h5", "hash of the problem").save(FIRST)
    loaded, remarks = checkpoint.load(10)
    assert loaded == [] and "other sources" in remarks[0]


@pytest.mark.parametrize("body", ["[]", "{}", "[" * 100_000, '{"suspended": 3}', "\xff"])
def test_what_no_run_has_written_is_passed_over_although_its_checksum_holds(body, checkpoint):
    body = body.encode("latin-1")
    Path(checkpoint.path).write_bytes(b"%08x\n" % zlib.crc32(body) + body)
    loaded, remarks = checkpoint.load(10)
    assert loaded == [] and len(remarks) == 1


def test_tasks_that_there_are_not_are_passed_over(checkpoint):
    checkpoint.save(FIRST)
    loaded, remarks = checkpoint.load(5)
    assert loaded == [] and "tasks that there are not" in remarks[0]
