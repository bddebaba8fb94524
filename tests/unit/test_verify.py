"""No bit of a results file changes unseen, and nothing that is damaged or strange makes a command crash."""

import os
import random
import shutil

import h5py
import numpy as np
import pytest
from campaigns import LEPTON, TOY, write

from hpc_nu import cli, seal
from hpc_nu.analysis import ResultsError, read_results
from hpc_nu.campaign.communicator import SingleProcess
from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE, FAILURE, CampaignError
from hpc_nu.campaign.marked_yaml import InputError
from hpc_nu.campaign.results_file import open_results
from hpc_nu.campaign.run import run
from hpc_nu.campaign.verify import verify_report

N_FLIPS = 250


@pytest.fixture(scope="module")
def lepton(tmp_path_factory):
    """A complete file with trajectories, modes and text of variable length."""
    folder = tmp_path_factory.mktemp("lepton")
    few = LEPTON.replace("points: 6", "points: 2").replace("[5, 11, 82]", "[5]").replace("1e-12", "1e-3")
    assert run(SingleProcess(), write(folder, few), folder / "out.h5") == COMPLETE
    return folder / "out.h5"


def test_a_file_as_it_was_written(lepton, capsys):
    assert cli.main(["verify", str(lepton)]) == COMPLETE
    assert "every checksum holds" in capsys.readouterr().out


def test_every_single_bit_that_flips_is_seen(lepton, tmp_path):
    content, draw = bytearray(lepton.read_bytes()), random.Random(5)
    copy, unseen = tmp_path / "flipped.h5", []
    # Half of them where most of the structure is: there are long stretches of zeros.
    places = [i for i, byte in enumerate(content) if byte]
    for i in range(N_FLIPS):
        place, bit = draw.choice(places) if i % 2 else draw.randrange(len(content)), draw.randrange(8)
        content[place] ^= 1 << bit
        copy.write_bytes(content)
        content[place] ^= 1 << bit
        try:
            code = verify_report(copy)[1]
        except (CampaignError, InputError) as refusal:
            code = refusal.exit_code if isinstance(refusal, CampaignError) else BAD_INPUT
        if code == COMPLETE:
            unseen.append((place, bit))
    assert unseen == []


def test_every_bit_of_the_seal_counts(lepton, tmp_path):
    content, copy = bytearray(lepton.read_bytes()), tmp_path / "flipped.h5"
    place = content.index(b"hpc_nu seal 1 ")
    for i in range(place, place + 40):
        content[i] ^= 4
        copy.write_bytes(content)
        content[i] ^= 4
        with pytest.raises(CampaignError):
            verify_report(copy)


@pytest.mark.parametrize(
    ("place", "flips", "code"), [("results/Y_B", 3, FAILURE), ("cost/seconds", 1, FAILURE), ("points/M", 0, BAD_INPUT)]
)
def test_what_is_damaged_is_named(lepton, tmp_path, capsys, place, flips, code):
    copy = shutil.copy(lepton, tmp_path / "copy.h5")
    with h5py.File(copy, "r+") as file:
        file[place][flips] += 1e-9
    assert cli.main(["verify", str(copy)]) == code
    said = "".join(capsys.readouterr())
    assert f"task {flips}" in said if code == FAILURE else "its seal does not hold" in said


def test_a_damaged_file_is_not_continued_nor_called_complete(lepton, tmp_path, capsys):
    copy = shutil.copy(lepton, tmp_path / "copy.h5")
    with h5py.File(copy, "r+") as file:
        file["points/M"][1] *= 1 + 1e-12
    before = copy.read_bytes()
    assert cli.main(["run", str(lepton.parent / "input.yaml"), "-o", str(copy)]) == BAD_INPUT
    assert "its seal does not hold" in capsys.readouterr().err and copy.read_bytes() == before
    with pytest.raises(ResultsError, match="seal"):
        read_results(copy)


STRANGE = {
    "empty": lambda path, good: path.touch(),
    "text": lambda path, good: path.write_text("no results\n" * 1000),
    "half": lambda path, good: path.write_bytes(good[: len(good) // 2]),
    "a folder": lambda path, good: path.mkdir(),
    "a pipe": lambda path, good: os.mkfifo(path),
    "another HDF5 file": lambda path, good: _hdf5(path),
    "a seal alone": lambda path, good: path.write_bytes(b"hpc_nu seal 1 00000000 {}"),
    "a loop of links": lambda path, good: path.symlink_to(path.name),
    "no UTF-8 in an error": lambda path, good: _error(path, good),
    "a status that is none": lambda path, good: _status(path, good),
}


def _hdf5(path):
    with h5py.File(path, "w") as file:
        file["status"] = np.zeros(3)


def _error(path, good):
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        file["error"][0] = b"\xff\xfe\x1b[2J"
        file["status"][0] = 6


def _status(path, good):
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        file["status"][0] = 77


@pytest.mark.parametrize("kind", STRANGE)
def test_no_command_crashes_hangs_or_traces_back_on_a_strange_file(kind, lepton, tmp_path, capsys):
    path = tmp_path / "strange.h5"
    STRANGE[kind](path, lepton.read_bytes())
    for arguments in (["status", path], ["explain", path, "--task", "0"], ["verify", path]):
        assert cli.main([*map(str, arguments)]) in (COMPLETE, FAILURE, BAD_INPUT)
        said = "".join(capsys.readouterr())
        assert said and "Traceback" not in said and "\x1b" not in said
    if kind not in ("no UTF-8 in an error", "a status that is none"):
        with pytest.raises(ResultsError):
            read_results(path)
    else:
        assert len(read_results(path)) == 4


def test_data_that_are_elsewhere_are_refused(tmp_path, lepton):
    """With a seal of its maker's: to write into such a file would be to overwrite another one."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious" * 100)
    for name in ("external.h5", "link.h5", "soft.h5"):
        path = shutil.copy(lepton, tmp_path / name)
        with h5py.File(path, "r+") as file:
            n = len(file["checksum"])
            del file["checksum"]
            if name == "external.h5":
                file.create_dataset("checksum", (n,), "u4", external=[(str(victim), 0, 4 * n)])
            else:
                outside = name == "link.h5"
                file["checksum"] = h5py.ExternalLink("other.h5", "/x") if outside else h5py.SoftLink("/status")
            length = file[seal.NAME].id.get_storage_size()
            place = file[seal.NAME].id.get_offset()
        seal.put(path, place, length, [])
        with pytest.raises(CampaignError, match="elsewhere|another file"), open_results(path):
            pass
    assert victim.read_bytes() == b"precious" * 100


def test_repair_by_running_again(toys, alone, tmp_path, capsys):
    assert run(SingleProcess(), write(tmp_path, TOY), tmp_path / "out.h5") == COMPLETE
    with h5py.File(tmp_path / "out.h5", "r+") as file:
        good, file["results/end"][5] = file["results/end"][5], 0.123
    assert cli.main(["verify", str(tmp_path / "out.h5")]) == FAILURE
    assert run(SingleProcess(), tmp_path / "input.yaml", tmp_path / "out.h5") == COMPLETE
    assert cli.main(["verify", str(tmp_path / "out.h5")]) == COMPLETE
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["results/end"][5] == good
