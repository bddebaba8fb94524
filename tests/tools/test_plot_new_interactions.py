"""Figures of arXiv:1910.04901 and arXiv:2005.03681: from the inputs, with fewer points, to the pictures."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from campaigns import reseal, write
from numpy.testing import assert_allclose
from scipy.integrate import trapezoid

from hpc_nu import cli
from hpc_nu.analysis import figures, read_results
from hpc_nu.campaign.errors import COMPLETE
from hpc_nu.result_codes import ResultCode

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

import plot_dodelson_widrow  # noqa: E402
import plot_new_interactions  # noqa: E402

FEWER = (
    ("points: 121,", "points: 9,"),
    ("points: 1001,", "points: 81,"),
    ("points: 300}", "points: 30}"),
    ("m_4:         {log: [1, 300], points: 61", "m_4:         {log: [1, 300], points: 5"),
    ("list: [2, 3, 5, 7.1, 10, 15, 22, 33, 50]", "list: [2, 7.1]"),
    ("points: 34,", "points: 7,"),
    ("points: 61}", "points: 13}"),
    ("n_modes: 40", "n_modes: 16"),
    ("settings: {flavour: mu, setup: paper}", "settings: {flavour: mu, setup: paper, coupling_high: 1.0}"),
)
HEIGHT = {"A": 0.2511, "B": 7.183e-3, "C": 8.243e-6}
"""Couplings of the points of the letter, from an independent code."""


pytestmark = pytest.mark.usefixtures("closed_pictures")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("new_interactions")


@pytest.fixture
def made(alone, folder):
    """The results of an input with fewer points."""

    def run(name):
        path = folder / f"{name}.h5"
        if not path.exists():
            text = (ROOT / "inputs" / f"{name}.yaml").read_text()
            for many, few in FEWER:
                text = text.replace(many, few)
            assert cli.main(["run", str(write(folder, text)), "-o", str(path)]) == COMPLETE
        return path

    return run


@pytest.fixture
def copied(made, tmp_path):
    """The same, to write to."""

    def copy(name):
        path = tmp_path / f"{name}.h5"
        path.write_bytes(made(name).read_bytes())
        return path

    return copy


def put_columns(path, **columns):
    """Other columns of the results, from functions of the mass of the mediator and the coupling."""
    with h5py.File(path, "r+") as file:
        group = file["results"]
        coupling = (file["points"] if "coupling" in file["points"] else group)["coupling"][:]
        for name, function in columns.items():
            group[name][:] = function(file["points/m_mediator"][:], coupling) * np.ones(len(coupling))


def drawn(tool, *paths):
    """The axes of all panels."""
    plan = tool.plan_panels([str(path) for path in paths])
    picture, panels = figures.panels(len(plan), 3, (6.0, 5.4))
    for axes, (draw, *what) in zip(panels, plan, strict=True):
        draw(axes, *what)
    return panels


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("tool", "names", "titles"),
    [
        (plot_new_interactions, ["letter_fig2"], ["As fig. 2"]),
        (plot_new_interactions, ["letter_fig3", "letter_fig3_dw"], ["As fig. 3", "As fig. 4"]),
        (
            plot_new_interactions,
            ["vector_fig678_light", "vector_fig678_heavy"],
            ["As figs. 4 and 6", "As fig. 7", "As fig. 8"],
        ),
        (plot_new_interactions, ["vector_fig5"], ["As fig. 5", "As fig. 5", "As fig. 5"]),
        (plot_dodelson_widrow, ["dodelson_widrow_line"], ["Dodelson-Widrow", "Dodelson-Widrow"]),
        (plot_dodelson_widrow, ["letter_fig5"], ["As fig. 5"]),
    ],
)
def test_every_figure_is_drawn_from_the_results_of_its_input(made, tmp_path, tool, names, titles):
    paths = [made(name) for name in names]
    assert [axes.get_title()[: len(title)] for axes, title in zip(drawn(tool, *paths), titles, strict=True)] == titles
    picture = tmp_path / "picture.png"
    assert tool.main([*map(str, paths), "-o", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000


def test_s_curve_is_one_line_from_c_over_b_to_a(made):
    [rows, _] = plot_new_interactions.read_rows(made("letter_fig2"))
    curve = plot_new_interactions.Curve(rows)
    [line] = curve.lines
    assert np.all(np.diff(line[:, 1]) > 0) or np.all(np.diff(line[:, 1]) < 0)
    assert line[:, 0].min() == pytest.approx(1e-3) and line[:, 0].max() == pytest.approx(10)
    points = curve.points()
    assert {name: mass for name, (mass, _) in points.items()} == {"A": 3.0, "B": 1.0, "C": 0.1}
    for name, (_, coupling) in points.items():
        assert coupling == pytest.approx(HEIGHT[name], rel=0.02)
    turns = np.flatnonzero(np.diff(np.sign(np.diff(line[:, 0])))) + 1
    assert len(turns) == 2
    assert sorted(line[turns, 0]) == pytest.approx([0.55, 1.8], rel=0.15)


def test_mass_with_a_root_that_is_not_done_is_left_out_and_said_so(copied):
    path = copied("letter_fig2")
    with h5py.File(path, "r+") as file:
        [row] = np.flatnonzero((file["points/m_mediator"][:] == 1.0) & (file["points/root"][:] == 3))[:1]
        file["status"][row] = ResultCode.STEP_BUDGET.value
    curve = plot_new_interactions.Curve(plot_new_interactions.read_rows(path)[0])
    assert 1.0 not in curve.masses and len(curve.masses) == 8
    [axes] = drawn(plot_new_interactions, path)
    assert axes.get_title().endswith("53 of 54 tasks done, 1 failed")


def test_limits_are_regions_and_expected_ones_are_lines(copied):
    path = copied("letter_fig2")
    put_columns(
        path,
        coupling_limit_kaon=lambda mass, _: np.where(mass < 0.388, 6e-3, np.inf),
        coupling_limit_higgs_hl_lhc=lambda mass, _: 1e-2 * mass,
        coupling_limit_z=lambda mass, _: np.inf,
        coupling_limit_bbn=lambda mass, _: np.inf,
        coupling_limit_lifetime=lambda mass, _: np.inf,
        coupling_limit_pion=lambda mass, _: np.inf,
    )
    [axes] = drawn(plot_new_interactions, path)
    limits = axes.get_ylim()
    [region] = axes.collections
    x, y = region.get_paths()[0].vertices.T
    assert y[x == 1e-3].min() == pytest.approx(6e-3) and y[x == 1.0].min() > limits[1]
    names = [plot_new_interactions.LIMITS[name][0] for name in ("higgs_hl_lhc", "kaon")]
    [line] = [line for line in axes.lines if line.get_label() == names[0]]
    assert_allclose(line.get_ydata(), 1e-2 * line.get_xdata())
    assert sorted(legend(axes)[3:]) == sorted(names)


LIGHT, HEAVY = "vector_fig678_light", "vector_fig678_heavy"


def regions(axes, name):
    """Mass and lower edge of every region of a bound, by what the legend says of it."""
    label = plot_new_interactions.LIMITS[name][0]
    found = {}
    for region in axes.collections:
        if region.get_label().startswith(label):
            x, y = region.get_paths()[0].vertices.T
            found[region.get_label()] = np.unique(x), np.array([y[x == mass].min() for mass in np.unique(x)])
    return found


@pytest.mark.parametrize("order", [(LIGHT, HEAVY), (HEAVY, LIGHT)])
def test_limits_are_those_of_every_curve_over_the_whole_range_of_masses(made, order):
    """The curve of the heavy neutrino ends at 2 GeV; a point at 3 GeV that the Higgs excludes must not look allowed."""
    axes = drawn(plot_new_interactions, *map(made, order))[0]
    [(mass, limit)] = regions(axes, "higgs").values()
    assert (mass[0], mass[-1]) == pytest.approx(axes.get_xlim())
    assert mass[-1] == pytest.approx(10) and np.interp(3.0, mass, limit) < 0.2
    light, heavy = (text for text in regions(axes, "lifetime"))
    assert "m_4 = 7.1$ keV" in light and "m_4 = 50$ keV" in heavy
    assert "(" not in next(text for text in legend(axes) if text.startswith(plot_new_interactions.LIMITS["higgs"][0]))
    marks = [text for text in legend(axes) if text.startswith("A, B, C")]
    assert len(marks) == 1 and "m_4 = 7.1$ keV" in marks[0]


def test_limits_that_differ_between_curves_are_not_joined(copied):
    path = copied(HEAVY)
    put_columns(path, coupling_limit_higgs=lambda mass, _: 0.3 * mass)
    axes = drawn(plot_new_interactions, path, copied(LIGHT))[0]
    found = regions(axes, "higgs")
    assert len(found) == 2 and all("keV" in text for text in found)
    [(mass, limit)] = [values for text, values in found.items() if "m_4 = 50$ keV" in text]
    assert_allclose(limit, 0.3 * mass)


def test_order_of_the_files_does_not_matter(made):
    def seen(*names):
        axes = drawn(plot_new_interactions, *map(made, names))[0]
        return [(line.get_label(), line.get_color(), *map(tuple, line.get_data())) for line in axes.lines], legend(axes)

    assert repr(seen(LIGHT, HEAVY)) == repr(seen(HEAVY, LIGHT))


def test_curve_that_ends_at_the_largest_coupling_says_so(made):
    files = [plot_new_interactions.read_rows(made(name)) for name in (LIGHT, HEAVY)]
    light, heavy = (plot_new_interactions.Curve(rows[0]) for rows in files)
    assert light.open_ends() == []
    [(mass, coupling)] = heavy.open_ends()
    assert mass == pytest.approx(1) and 0.3 < coupling < 1
    axes = drawn(plot_new_interactions, made(HEAVY))[0]
    [text] = [text for text in legend(axes) if text.startswith("end of the scan")]
    assert r"\ldots 1$" in text
    [axes] = drawn(plot_new_interactions, made("letter_fig2"))
    assert not [text for text in legend(axes) if "end of the scan" in text]


def test_curve_does_not_go_on_through_a_mass_without_a_root(copied):
    path = copied("letter_fig2")
    with h5py.File(path, "r+") as file:
        rows = np.isclose(file["points/m_mediator"][:], 1e-2) | np.isclose(file["points/m_mediator"][:], 10**-1.5)
        file["status"][:] = np.where(rows, ResultCode.NO_SOLUTION.value, file["status"][:])
    curve = plot_new_interactions.Curve(plot_new_interactions.read_rows(path)[0])
    assert len(curve.lines) == 2 and len(curve.open_ends()) == 2


def test_curves_of_one_name_in_two_files_are_told_apart(made, copied):
    path = copied("letter_fig2")
    names = plot_new_interactions.names_of(
        [rows for file in (made("letter_fig2"), path) for rows in plot_new_interactions.read_rows(file)]
    )
    assert names[0::2] == [f"setup paper, {file}" for file in (made("letter_fig2"), path)]
    rows = plot_new_interactions.read_rows(path)
    assert plot_new_interactions.names_of(rows * 2)[0::2] == ["setup paper"] * 2
    other = path.rename(path.with_name("other.h5"))
    rows = [rows for file in (made("letter_fig2"), other) for rows in plot_new_interactions.read_rows(file)]
    assert plot_new_interactions.names_of(rows)[0::2] == ["setup paper, letter_fig2", "setup paper, other"]


def test_limits_of_two_files_of_one_name_that_disagree_are_drawn_for_each(made, copied):
    path = copied(HEAVY)
    put_columns(path, coupling_limit_higgs=lambda mass, _: 0.3 * mass)
    axes = drawn(plot_new_interactions, made(HEAVY), path)[0]
    found = regions(axes, "higgs")
    assert len(found) == 2 and [str(path) in text for text in found].count(True) == 1
    hatches = {region.get_hatch() for region in axes.collections if region.get_label() in found}
    assert len(hatches) == 2
    rows = [plot_new_interactions.read_rows(file)[0] for file in (made(HEAVY), path)]
    curves = [plot_new_interactions.Curve(each) for each in rows]
    limits = plot_new_interactions.joint_limits(curves, ["one name"] * 2)
    assert [limit.of for limit in limits if limit.name == "higgs"] == ["one name"] * 2


def put_status(path, code, rows):
    with h5py.File(path, "r+") as file:
        file["status"][rows] = code.value


def test_nothing_is_drawn_at_a_mass_of_which_points_are_still_to_come(copied):
    path = copied("letter_fig5")
    mass = read_results(path).points.m_4.values
    lightest = np.flatnonzero(mass == mass.min())
    put_status(path, ResultCode.STEP_BUDGET, lightest[-1:])  # failed, and will not come
    [scan] = plot_dodelson_widrow.read_scans(path)
    assert np.isfinite(scan.envelope()).all()
    for n_pending in (1, len(lightest)):
        put_status(path, ResultCode.PENDING, lightest[:n_pending])
        [scan] = plot_dodelson_widrow.read_scans(path)
        for line in (scan.without_mediator(), *scan.envelope()):
            assert np.isnan(line[0]) and line[1] > 0
    assert np.isnan(scan.xray_limit()[0])
    [axes] = drawn(plot_dodelson_widrow, path)
    assert axes.get_title().endswith("91 of 182 tasks done")


def test_histories_are_those_of_the_points(made):
    production, spectra = drawn(plot_new_interactions, made("letter_fig3"), made("letter_fig3_dw"))
    assert [text[:2] for text in legend(production)] == ["A:", "B:", "C:", "DW"]
    lines = dict(zip(["A", "B", "C", "DW"], production.lines, strict=True))
    late = slice(-10, None)
    for name in ("A", "DW"):  # nothing but scattering off shell: df/dz goes with z^-4
        z, value = lines[name].get_data()
        assert_allclose(np.diff(np.log(value[late])) / np.diff(np.log(z[late])), -4, rtol=0.01)
    z, value = lines["DW"].get_data()
    results = read_results(made("letter_fig3_dw"))
    assert_allclose(value * z, results.trajectories.df_dlnz.values[0])
    for line in spectra.lines:
        assert trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1)
    hardest = [line.get_xdata()[np.argmax(line.get_ydata())] for line in spectra.lines]
    assert hardest[2] < hardest[0] == hardest[3] < hardest[1]  # C, then A and DW, then B


def test_region_lies_around_the_line_without_a_mediator(made):
    [scan] = plot_dodelson_widrow.read_scans(made("letter_fig5"))
    low, high = scan.envelope()
    assert_allclose(scan.without_mediator(), [2.956e-8, 2.346e-9], rtol=0.01)
    assert np.all(high > 2 * scan.without_mediator()) and np.all(low < 1e-6 * scan.without_mediator())


def test_bounds_cut_the_region(made):
    [scan] = plot_dodelson_widrow.read_scans(made("letter_fig5"))
    assert sorted(scan.bounds()) == ["kaon", "lifetime", "pion", "z"]  # nucleosynthesis excludes below 5 MeV
    assert np.all(scan.envelope(scan.allowed())[0] > scan.envelope()[0])
    [axes] = drawn(plot_dodelson_widrow, made("letter_fig5"))
    assert len(axes.collections) == 2 and "allowed by kaon, lifetime, pion, z" in legend(axes)


def test_lifetime_is_that_at_the_mixing_which_is_needed(copied):
    path = copied("letter_fig5")
    limit = 1e-3
    others = dict.fromkeys((f"coupling_limit_{name}" for name in ("z", "kaon", "pion", "bbn")), lambda *_: np.inf)
    put_columns(path, coupling_limit_lifetime=lambda *_: limit, **others)
    [scan] = plot_dodelson_widrow.read_scans(path)
    coupling, given = scan.points.coupling.values, scan.points.sin2_2theta.values
    assert np.array_equal(scan.allowed(), coupling**4 * scan.mixing <= limit**4 * given)


def test_wrong_files_are_refused_in_one_line(made, copied, tmp_path, capsys):
    def refusal(tool, *paths):
        picture = tmp_path / "picture.png"
        assert tool.main([*map(str, paths), "-o", str(picture)]) == 2 and not picture.exists()
        text = capsys.readouterr().err
        assert text.startswith(f"{tool.__name__}: ") and text.count("\n") == 1
        return text

    capsys.readouterr()
    curves, region = made("letter_fig2"), made("letter_fig5")
    capsys.readouterr()
    assert "no such file" in refusal(plot_new_interactions, tmp_path / "other.h5")
    assert "dodelson_widrow with a mediator" in refusal(plot_new_interactions, region)
    assert "expected points of relic_coupling" in refusal(plot_new_interactions, made("letter_fig3_dw"))
    assert "model is relic_coupling; expected dodelson_widrow" in refusal(plot_dodelson_widrow, curves)
    assert "has a single mass m_4" in refusal(plot_dodelson_widrow, made("letter_fig3_dw"))
    with h5py.File(copied("letter_fig2"), "r+") as file:
        file["status"][:] = 0
        path = file.filename
    assert "no point is done yet" in refusal(plot_new_interactions, path)
    with h5py.File(path, "r+") as file:
        file.attrs["model"] = "asymmetric_freeze_in"
    reseal(path)
    assert "model is asymmetric_freeze_in; expected relic_coupling" in refusal(plot_new_interactions, path)
    path = copied("vector_fig5")
    with h5py.File(path, "r+") as file:
        file["points/m_mediator"][:] = 2.0
    reseal(path)
    assert "expected A (root 1 at 3 GeV), B (root 2 at 1 GeV)" in refusal(plot_new_interactions, path)
    path = copied("letter_fig3_dw")
    with h5py.File(path, "r+") as file:
        file["points/m_4"][:] *= 2
    reseal(path)
    assert "several masses or mixings" in refusal(plot_new_interactions, made("letter_fig3"), path)
