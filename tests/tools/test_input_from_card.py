"""Cards of other codes become input files: numbers, order of the masses, and what is refused."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from hpc_nu.campaign.plan import read_plan

TOOL = Path(__file__).parents[2] / "tools" / "input_from_card.py"
COUPLINGS = "".join(
    f"Y{a}{j}_mag {mag}\nY{a}{j}_phs {phase}\n"
    for a, j, mag, phase in (
        (1, 1, 7.1e-6, 1.5), (1, 2, 7.0e-6, 3.1), (2, 1, 5.6e-6, 0.2), (2, 2, 5.5e-6, -1.0),
        (3, 1, 4.5e-9, 0.1), (3, 2, 4.4e-9, 0.0),
    )
)  # fmt: skip
CARD = "M1 0  # log10(GeV)\nM2 8.68589035587e-11\n\nM3 7\nm -100\nY13_mag 1e-15\nY13_phs 0\n" + COUPLINGS


def convert(folder, card):
    (folder / "card.dat").write_text(card)
    command = [sys.executable, str(TOOL), "card.dat", "-o", "card.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def point_of(folder, card):
    ended = convert(folder, card)
    assert ended.returncode == 0, ended.stderr
    return read_plan(folder / "card.yaml").problem(0)


def test_masses_and_couplings_are_those_of_the_card(tmp_path):
    point = point_of(tmp_path, CARD).point
    assert 2 * point["delta_M"] == pytest.approx(math.log(10) * 8.68589035587e-11, rel=1e-9)
    assert point["M"] == pytest.approx(1.0 + 1e-10, rel=1e-14)
    assert point["F_e2"] == 7.1e-6 and point["F_e3_phase"] == 3.1 and point["F_mu3_phase"] == -1.0


def test_the_lighter_one_comes_first(tmp_path):
    swapped = CARD.replace("M1 0", "M1 1").replace("M2 8.68589035587e-11", "M2 0.99")
    point = point_of(tmp_path, swapped).point
    assert point["F_e2"] == 7.0e-6 and point["F_e3"] == 7.1e-6
    assert 2 * point["delta_M"] == pytest.approx(10 - 10**0.99) and point["M"] == pytest.approx((10 + 10**0.99) / 2)


def test_above_the_default_table_one_is_built(tmp_path):
    assert point_of(tmp_path, CARD).settings["self_energy"] == "default"
    heavy = CARD.replace("M1 0", "M1 1.5").replace("M2 8.68589035587e-11", "M2 1.5000001")
    assert point_of(tmp_path, heavy).settings["self_energy"] == "this_mass"


WRONG = {
    "a third that does not decouple": (CARD.replace("Y13_mag 1e-15", "Y13_mag 1e-7"), "does not decouple"),
    "no coupling": (CARD.replace("Y21_mag", "Y24_mag"), "Y21_mag not in it"),
    "angles": ("M1 0\nM2 0\nx1 10\ny1 20\n", "a card with Casas-Ibarra angles"),
    "no number": (CARD.replace("M3 7", "M3 seven"), "card.dat:4: 'seven' is no number"),
    "a scan": (CARD.replace("M3 7", "M3 7 8"), "card.dat:4: 'M3 7 8': expected a name and one number"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_used_is_named(what, tmp_path):
    card, expected = WRONG[what]
    ended = convert(tmp_path, card)
    assert ended.returncode == 2 and expected in ended.stderr and "Traceback" not in ended.stderr, ended.stderr
    assert not (tmp_path / "card.yaml").exists()
