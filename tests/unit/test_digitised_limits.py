"""A file of digitised limits: what is read from it, and what is said of a bad one."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from hpc_nu.interactions.bounds import coupling_limit_higgs
from hpc_nu.interactions.digitised_limits import read_limits
from hpc_nu.models.kev_neutrinos.bounds import Relic, bound_values
from hpc_nu.models.limits import CONVERSIONS, apply_limits, excluded_range
from hpc_nu.plasma.user_equation_of_state import read_equation_of_state

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


TURNS = "an outline that turns back has two ends of y at each x, `excluded: between`"


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
        (ABOVE.replace("x: mediator_mass", "x: mass"),
         "3: x = 'mass': expected mediator_mass or m4 or m_4 or M or m_N"),
        (ABOVE.replace("arXiv:0000.00000, fig. 1", ""), "2: source = '': expected where the curve is from"),
        (ABOVE.replace("beam", "beam dump"),
         "1: name = 'beam dump': expected a name of letters, digits and _ that starts with a letter"),
        (ABOVE.replace("unit", "Units: x\nunit"),
         "4: unknown key 'Units': expected one of name, source, x, unit, y, excluded, flavour; did you mean 'unit'?"),
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
        (ABOVE + "500 2\n", "9: x = 500 after 1000: expected increasing numbers, as before; " + TURNS),
        (HEADER + "9 1\n9 2\n7 1\n8 1\n", "10: x = 8 after 7: expected decreasing numbers, as before; " + TURNS),
        (HEADER + "9 1\n9 2\n", "8: x = 9 at all points: expected at least two values"),
        (HEADER + "nan 3\n" + "1 1\n2 2\n", "7: x = 'nan': expected a positive number"),
        (HEADER + "1 1\nm 3\n2 2\n", "8: x = 'm': expected a positive number"),
        (ABOVE.replace("y: coupling", "y: U2").replace("1e-2", "2"),
         "8: y = '2': expected a number above 0 and not above 1"),
        ("flavour: nue\n" + ABOVE, "1: flavour = 'nue': expected e or mu or tau or all"),
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
        "12: x = 'm5': expected mediator_mass or m4 or m_4 or M or m_N",
    ]


def test_a_file_that_is_not_there(tmp_path):
    for path, reason in ((tmp_path / "none.txt", "No such file or directory"), (tmp_path, "Is a directory")):
        assert problems_of(path) == [f" cannot be read ({reason}); looked in {Path.cwd()}"]


def read_at(curve, x):
    return curve.excluded_range(x)[0].tolist()


def test_points_may_fall_as_they_are_published(file_with):
    """By HEPData, say: titles, and x that decreases."""
    text = HEADER + '#: data_file: limits.yaml\nHNL mass [GeV],"Observed 95 % CL []"\n1000,1e-2\n100,1e-3\n10,1e-4\n'
    (falling,) = read_limits(file_with(text)).curves
    (rising,) = read_limits(file_with(HEADER + "10 1e-4\n100 1e-3\n1000 1e-2\n")).curves
    x = np.array([0.009, 0.01, 0.03, 0.9, 1.0, 1.1])
    assert read_at(falling, x) == read_at(rising, x) and np.isinf(read_at(rising, x)[::5]).all()


@pytest.mark.parametrize(
    "points",
    ["10;1e-4\n1000;1e-2\n", "10; 1e-4;\n1000 ; 1e-2\n", "10,0; 0,0001\n1000; 0,01\n", "10.0,\t1e-4\r\n1000, 1e-2\r\n"],
)
def test_separators_and_signs_of_other_programs(file_with, points):
    (curve,) = read_limits(file_with(HEADER + points)).curves
    assert curve.points.tolist() == [0.01, 1.0] and curve.lower.tolist() == [1e-4, 1e-2]


def test_a_vertical_edge_is_a_jump(file_with):
    (curve,) = read_limits(file_with(HEADER + "10 1\n10 1e-4\n100 1e-4\n100 1e-2\n100 1\n1000 1\n1000 5")).curves
    x = [0.009, 0.01, 0.05, 0.0999, 0.1, 0.1001, 0.9, 1.0, 1.1]
    np.testing.assert_allclose(read_at(curve, x), [np.inf, 1e-4, 1e-4, 1e-4, 1, 1, 1, 5, np.inf], rtol=1e-12)


def test_below_a_curve_everything_is_excluded(file_with):
    (curve,) = read_limits(file_with(ABOVE.replace("above", "below"))).curves
    assert curve.excludes([0.1, 0.1, 0.009], [0.999e-3, 1.001e-3, 1e-9]).tolist() == [True, False, False]


def test_words_for_the_mass_and_for_the_mixing(file_with):
    for x in ("m4", "m_4", "M", "m_N"):
        (curve,) = read_limits(file_with(ABOVE.replace("mediator_mass", x).replace("y: coupling", "y: U2"))).curves
        assert (curve.x, curve.y, curve.flavour) == ("m4", "U2", "all")
    (curve,) = read_limits(file_with("flavour: tau\n" + ABOVE)).curves
    assert curve.flavour == "tau"


@pytest.mark.parametrize("theta", [1e-9, 1e-3, 0.3, 0.78])
def test_measures_of_a_mixing_are_those_of_one_angle(theta):
    sine, double = np.sin(theta) ** 2, np.sin(2 * theta) ** 2
    for quantity, there in (("U2", sine), ("sin2_2theta", double)):
        for given, value in (("U2", sine), ("theta2", sine), ("sin2_2theta", double)):
            assert CONVERSIONS[quantity][given](value) == pytest.approx(there, rel=1e-9)
            assert np.isinf(CONVERSIONS[quantity][given](np.inf))


def test_a_limit_beyond_45_degrees_excludes_nothing_and_an_end_there_is_open(file_with):
    text = BETWEEN.partition("2\t")[0].replace("sin2_2theta", "theta2") + "2 1e-2 0.9\n8 1e-2 0.9\n"
    (band,) = read_limits(file_with(text)).curves
    lower, upper = excluded_range(band, 4e-6, "sin2_2theta")
    assert lower == pytest.approx(0.0396) and np.isinf(upper)
    (weak,) = read_limits(file_with(ABOVE.replace("coupling", "U2").replace("1e-4", "0.6").replace("1e-2", "1"))).curves
    assert apply_limits([("s", excluded_range(weak, 0.1, "sin2_2theta"))], {"s": 1.0}) == ({"s": np.inf}, 1.0)


@pytest.mark.parametrize(("flavour", "limit"), [("mu", 4e-4 * (1 - 1e-4)), ("e", np.inf)])
def test_dark_matter_meets_the_curves_of_its_own_flavour_as_sin2_2theta(flavour, limit, file_with):
    text = "flavour: mu\n" + HEADER.replace("mediator_mass", "m4").replace("coupling", "U2").replace("MeV", "keV")
    path = str(file_with(text + "10 1e-4\n1 1e-4\n"))
    settings = {"mediator": "none", "flavour": flavour, "limits": path, "lyman_alpha_mass": 5.3e-6, "g_dof": 2.0}
    for sin2, allowed in ((0.999 * 4e-4, 1.0), (4e-4, float(flavour != "mu"))):
        found = bound_values(settings, 0.0, 0.0, 2e-6, sin2, Relic(0.12, 0.12, 0.12, 1e-3, 6e-6))
        assert found["sin2_2theta_limit_user"] == pytest.approx(limit) and found["allowed_user"] == allowed


def test_a_file_in_ones_home(file_with, monkeypatch):
    path = file_with(ABOVE)
    monkeypatch.setenv("HOME", str(path.parent))
    assert read_limits("~/limits.txt").identity == read_limits(path).identity


def strange_file(kind, folder):
    """What lies where a text file was to be."""
    path = folder / "strange"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "terabytes":
        with open(path, "wb") as file:
            file.truncate(2**42)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "device":
        return "/dev/zero"
    else:
        path.write_bytes({"empty": b"", "binary": bytes(range(256)) * 4, "garbage": b"x y z\n" * 10_000}[kind])
    return path


@pytest.mark.parametrize("read", [read_limits, read_equation_of_state])
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("pipe", "is a pipe or a device: expected a file"),
        ("device", "is a pipe or a device: expected a file"),
        ("terabytes", "has 4398047 MB: expected at most 34 MB"),
        ("loop", "cannot be read (Too many levels of symbolic links)"),
        ("empty", ":1: "),
        ("binary", "is no text: expected UTF-8"),
        ("garbage", "more of this kind"),
    ],
)
def test_what_is_no_text_file_is_told_at_once(read, kind, told, tmp_path):
    path = strange_file(kind, tmp_path)
    with pytest.raises(ValueError) as error:
        read(path)
    assert told in str(error.value) and str(path) in str(error.value)
    assert len(str(error.value)) < 5000


def test_the_example_is_the_computed_limit():
    (curve,) = read_limits(EXAMPLE).curves
    np.testing.assert_allclose(curve.lower, coupling_limit_higgs(curve.points), rtol=1e-6)
    masses = np.geomspace(1.1e-3, 30, 40)
    np.testing.assert_allclose(curve.excluded_range(masses)[0], coupling_limit_higgs(masses), rtol=2e-2)
