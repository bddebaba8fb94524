"""A file of digitised limits: what is read from it, and what is said of a bad one."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hpc_nu.interactions.bounds import coupling_limit_higgs
from hpc_nu.interactions.digitised_limits import read_limits
from hpc_nu.models.dodelson_widrow_bounds import prepare_limits, shared_limits
from hpc_nu.single_process import SingleProcess

EXAMPLE = Path(__file__).parents[2] / "inputs" / "limits_example.txt"

HEADER = """\
name: beam
source: arXiv:0000.00000, fig. 1
x: mediator_mass
unit: MeV
y: coupling
excluded: above
"""
ABOVE = HEADER + "10 1e-4\n1000, 1e-2  # comma, comment\n"
BETWEEN = """\
# X-rays between two experiments
excluded:between
name: lines
source: nobody # at all
x: m4
unit: keV
y: sin2_2theta
2\t1e-9\t1e-7
8\t1e-11\t1e-7
"""


@pytest.fixture
def file_with(tmp_path):
    def write(text):
        path = tmp_path / "limits.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems_of(path):
    """The lines of the message, without the file's name, which each must have."""
    with pytest.raises(ValueError) as error:
        read_limits(path)
    lines = str(error.value).split("\n")
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def test_all_above_a_curve_is_excluded_and_nothing_outside_of_it(file_with):
    (curve,) = read_limits(file_with(ABOVE)).curves
    assert (curve.name, curve.source, curve.x, curve.y) == (
        "beam", "arXiv:0000.00000, fig. 1", "mediator_mass", "coupling"
    )  # fmt: skip
    np.testing.assert_allclose(curve.points, [0.01, 1.0])
    lower, upper = curve.excluded_range([0.009, 0.0100001, 0.1, 0.5, 1.1])
    np.testing.assert_allclose(lower, [np.inf, 1.00001e-4, 1e-3, 5e-3, np.inf], rtol=1e-10)  # y = x/100
    assert np.isinf(upper).all()
    assert curve.excludes(0.1, np.array([0.999e-3, 1.001e-3, 1e5])).tolist() == [False, True, True]
    assert not curve.excludes(0.001, 1e5)


def test_a_band_excludes_what_is_inside(file_with):
    (curve,) = read_limits(file_with(BETWEEN)).curves
    assert (curve.source, curve.x, curve.y) == ("nobody", "m4", "sin2_2theta")
    lower, upper = curve.excluded_range(4e-6)
    assert lower == pytest.approx(1e-10, rel=1e-9, abs=0) and upper == pytest.approx(1e-7, rel=1e-9, abs=0)
    assert curve.excludes([4e-6, 4e-6, 4e-6, 9e-6], [0.9e-10, 1e-8, 2e-7, 1e-8]).tolist() == [False, True, False, False]


def test_several_curves_in_one_file(file_with):
    limits = read_limits(file_with(ABOVE + "\n" + BETWEEN))
    assert [curve.name for curve in limits.curves] == ["beam", "lines"]
    assert limits.curves[1].excluded_range(4e-6)[0] == pytest.approx(1e-10, rel=1e-9, abs=0)


def test_identity_is_the_hash_of_the_bytes(file_with):
    path = file_with(ABOVE)
    limits = read_limits(path)
    assert limits.identity == hashlib.sha256(path.read_bytes()).hexdigest()
    assert limits.path == str(path)


def test_line_ends_and_byte_order_mark_of_other_systems(file_with):
    (curve,) = read_limits(file_with(b"\xef\xbb\xbf" + ABOVE.replace("\n", "\r\n").encode())).curves
    np.testing.assert_allclose(curve.points, [0.01, 1.0])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "1: no curve: expected a header with name, source, x, unit, y, excluded, and points"),
        ("# nothing\n", "1: no curve: expected a header with name, source, x, unit, y, excluded, and points"),
        (b"name: \xff\n", "1: byte 0xff is no text: expected UTF-8"),
        (ABOVE.replace("unit: MeV\n", ""), "1: the curve that starts here has no unit"),
        (ABOVE.replace("MeV", "mev"), "4: unit = 'mev': expected eV or keV or MeV or GeV or TeV"),
        (ABOVE.replace("x: mediator_mass", "x: mass"), "3: x = 'mass': expected mediator_mass or m4"),
        (ABOVE.replace("arXiv:0000.00000, fig. 1", ""), "2: source = '': expected where the curve is from"),
        (ABOVE.replace("beam", "beam dump"),
         "1: name = 'beam dump': expected a name of letters, digits and _ that starts with a letter"),
        (ABOVE.replace("unit", "Units: x\nunit"),
         "4: unknown key 'Units': expected one of name, source, x, unit, y, excluded; did you mean 'unit'?"),
        (ABOVE.replace("y: coupling", "y: coupling\ny: coupling"), "6: y is given twice, first in line 5"),
        (ABOVE.replace("1e-4", "1e-4x"), "7: y = '1e-4x': expected a positive number"),
        (ABOVE.replace("1e-4", "-1e-4"), "7: y = '-1e-4': expected a positive number"),
        (ABOVE.replace("1e-4", "nan"), "7: y = 'nan': expected a positive number"),
        (ABOVE.replace("1e-4", "inf"), "7: y = 'inf': expected a positive number"),
        (ABOVE.replace("10 1e-4", "0 1e-4"), "7: x = '0': expected a positive number"),
        (ABOVE.replace("1e-4", "1e-4 2"), "7: '10 1e-4 2': expected 2 numbers, x, y"),
        (BETWEEN.replace("8\t1e-11\t1e-7", "8\t1e-11"), "9: '8 1e-11': expected 3 numbers, x, lower y, upper y"),
        (BETWEEN.replace("8\t1e-11\t1e-7", "8\t1e-7\t1e-11"), "9: upper y = 1e-11: expected more than lower y = 1e-7"),
        (BETWEEN.replace("8\t1e-11\t1e-7", "8 1e-11 2"), "9: upper y = '2': expected a number above 0 and not above 1"),
        (ABOVE + "1000 2\n", "9: x = 1000 after 1000: expected increasing numbers"),
        (HEADER + "10 1e-4\n", "1: the curve that starts here has 1 of at least 2 points"),
        (ABOVE + ABOVE, "9: name = 'beam': the curve in line 1 has it already"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_value_and_what_is_accepted(file_with, text, expected):
    assert problems_of(file_with(text)) == [expected]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(file_with):
    text = ABOVE.replace("MeV", "m").replace("1e-4", "x") + BETWEEN.replace("m4", "m5").replace(
        "excluded:between\n", ""
    )
    assert problems_of(file_with(text)) == [
        "4: unit = 'm': expected eV or keV or MeV or GeV or TeV",
        "7: y = 'x': expected a positive number",
        "10: the curve that starts here has no excluded",
        "12: x = 'm5': expected mediator_mass or m4",
    ]


def test_a_file_that_is_not_there(tmp_path):
    for path, reason in ((tmp_path / "none.txt", "No such file or directory"), (tmp_path, "Is a directory")):
        assert problems_of(path) == [f" cannot be read ({reason}); looked in {Path.cwd()}"]


def test_the_example_is_the_computed_limit():
    (curve,) = read_limits(EXAMPLE).curves
    np.testing.assert_allclose(curve.lower, coupling_limit_higgs(curve.points), rtol=1e-6)
    masses = np.geomspace(1.1e-3, 30, 40)
    np.testing.assert_allclose(curve.excluded_range(masses)[0], coupling_limit_higgs(masses), rtol=2e-2)


def test_all_ranks_use_what_rank_0_has_read(tmp_path):
    """Whatever happens to the file afterwards: rows must be those of the identity that is recorded."""
    path = str(tmp_path / "limits.txt")
    (tmp_path / "limits.txt").write_text(EXAMPLE.read_text())
    prepare_limits({"none", path}, SingleProcess())
    (tmp_path / "limits.txt").unlink()
    assert shared_limits(path).identity == read_limits(EXAMPLE).identity

    class OtherRank(SingleProcess):
        rank = 1

        def bcast(self, value):
            return {path: "of rank 0"}

    prepare_limits({path}, OtherRank())
    assert shared_limits(path) == "of rank 0"
