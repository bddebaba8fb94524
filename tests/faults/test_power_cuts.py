"""A power cut costs what a kill does: nothing that the run has said is recorded, as far as disks do what they say."""

import random

import pytest
from campaigns import LEPTON, assert_same_results, assert_sound, write
from mpi import hpc_nu
from power_cuts import compile_recorder, cuts, record

from hpc_nu.campaign.checkpoint import Checkpoint
from hpc_nu.campaign.in_hand import InHand
from hpc_nu.campaign.plan import read_plan

CUTS = 16


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    library = compile_recorder(tmp_path_factory.mktemp("recorder"))
    return library or pytest.skip("no C compiler")


@pytest.fixture(scope="module")
def recorded(recorder, tmp_path_factory):
    """Calls of a run on so many ranks, its input and its file."""
    done = {}

    def of(ranks):
        if ranks not in done:
            folder = tmp_path_factory.mktemp("recorded") / "disk"
            folder.mkdir()
            input_path = write(folder.parent, LEPTON.replace("epoch_seconds: 0.1", "epoch_seconds: 0.05"))
            calls = record(recorder, folder, "run", input_path, "-o", "disk/out.h5", ranks=ranks)
            done[ranks] = calls, input_path, folder / "out.h5"
        return done[ranks]

    return of


def rows_after(cut, folder, input_path, reference):
    """Rows in what a cut has left, put into `folder`."""
    folder.mkdir()
    for name, content in cut.files.items():
        (folder / name).write_bytes(content)
    if not (folder / "out.h5").exists():
        return None
    plan_hash = read_plan(input_path).problem_hash
    Checkpoint(folder / "out.h5", plan_hash).load(24)
    in_hand = InHand(folder / "out.h5", plan_hash)
    in_hand.refuse_foreign()
    in_hand.recorded(24)
    return assert_sound(folder / "out.h5", input_path, reference)


@pytest.mark.parametrize("ranks", [None, pytest.param(2, marks=pytest.mark.mpi)])
def test_nothing_that_was_said_is_lost(ranks, recorded, tmp_path):
    calls, input_path, reference = recorded(ranks)
    found = []
    for i, cut in enumerate(cuts(calls, CUTS, random.Random(3))):
        rows = rows_after(cut, tmp_path / str(i), input_path, reference)
        assert rows is not None or not cut.is_created
        assert (rows or 0) >= cut.recorded
        found.append(rows)
    assert len(set(found)) > 5, "the cuts were to fall everywhere"
    for i in (CUTS // 3, 2 * CUTS // 3):
        code, text = hpc_nu(tmp_path, "run", input_path, "-o", f"{i}/out.h5")
        assert code == 0 and "Traceback" not in text, text
        assert_same_results(tmp_path / str(i) / "out.h5", reference)


def test_without_syncs_it_would_be(recorded, tmp_path):
    """The cuts find what they are to find."""
    calls, input_path, reference = recorded(None)
    lost = 0
    for i, cut in enumerate(cuts(calls, CUTS // 2, random.Random(3), synced=False)):
        try:
            rows = rows_after(cut, tmp_path / str(i), input_path, reference)
            lost += (rows or 0) < cut.recorded
        except Exception:  # noqa: BLE001 - whatever reading a broken file raises
            lost += 1
    assert lost > CUTS // 8
