"""Pictures say what is in the file: directions of time, signs, covered curves, what is done, and tuned values."""

import argparse
import sys
import zlib
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from campaigns import write
from numpy.testing import assert_allclose

from hpc_nu import cli
from hpc_nu.analysis import ResultsError, figures, read_results
from hpc_nu.campaign.errors import COMPLETE
from hpc_nu.campaign.input_file import read_input
from hpc_nu.campaign.plan import read_plan
from hpc_nu.result_codes import ResultCode

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

import plot_asymmetric_freeze_in  # noqa: E402
import plot_averaged_vs_resolved  # noqa: E402
import plot_convergence  # noqa: E402
import plot_equilibration  # noqa: E402
import plot_evolution  # noqa: E402
import plot_low_energy_constants  # noqa: E402
import plot_rates  # noqa: E402
import plot_variations  # noqa: E402

LEPTON = """
campaign: lepton
model: lepton_asymmetry
parameters:
  M:        {value: 10, unit: GeV}
  delta_M:  {about: 2.06e-11, list: [0, 7.0e-18], unit: GeV}
  im_omega: {value: 1.0, unit: rad}
  re_omega: {value: 0.500001, unit: pi}
  delta:    {value: 3.11, unit: pi}
  eta:      {value: 0.68, unit: pi}
settings: {T_start: {value: 1000, unit: GeV}, T_end: {value: 400, unit: GeV}}
variations:
  full: {}
  half: {rate_factor: 0.5}
grids:
  - {kind: averaged}
  - {kind: equal_occupation, n_modes: 5}
  - {kind: gauss_legendre, n_modes: 4}
output: {temperatures: {log: [1000, 400], points: 7, unit: GeV}}
"""
"""12 tasks; points 0 and 1 are those of `full`, 2 and 3 of `half`."""

EQUILIBRATION = """
campaign: small
model: equilibration
parameters:
  M:        {value: 10, unit: GeV}
  delta_M:  {value: 2.06e-11, unit: GeV}
  im_omega: {list: [1.0, 0.5], unit: rad}
  re_omega: {about: 0.5, list: [1.0e-6], unit: pi}
  delta:    {value: 3.11, unit: pi}
  eta:      {value: 0.68, unit: pi}
settings: {points_per_decade: 4, T_high: {value: 300, unit: GeV}, T_low: {value: 1, unit: GeV}}
variations:
  full: {}
  without_gamma_v: {gamma_minus_factor: 0.0}
output: {temperatures: {log: [10, 300], points: 6, unit: GeV}}
"""

FREEZE_IN = """
campaign: freeze_in
model: asymmetric_freeze_in
parameters:
  m_N:     {value: 10, unit: keV}
  m_phi:   {value: 300, unit: GeV}
  mu:      {list: [3.3e-6, 3.3001e-6]}
  epsilon: {value: 5.0e-6}
variations:
  chiral: {width_factor: 8}
  dirac:  {width_factor: 4}
output: {temperatures: {log: [1000, 1], points: 5, unit: GeV}}
"""

CONSTANTS = """
campaign: {campaign}
model: low_energy_constants
parameters:
  M:       {{value: 2.0, unit: GeV}}
  delta_M: {{about: 4.0907881e-11, list: [0], unit: GeV}}
  re_z:    {{about: 0.5, list: [1.0e-10], unit: pi, offset_unit: rad}}
  im_z:    {{value: 3.0, unit: rad}}
  delta:   {{list: {delta}, unit: rad}}
  phi:     {{value: -0.07037, unit: rad}}
  T:       {{{temperature}, unit: GeV}}
"""
OVER_T = CONSTANTS.format(campaign="over_T", delta="[-1.88496]", temperature="log: [0.2, 2], points: 31")
FIG_3 = CONSTANTS.format(campaign="fig3", delta="[-1.88496, 0.5]", temperature="value: 0.5")


pytestmark = pytest.mark.usefixtures("closed_pictures")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def solved(alone, folder, tmp_path):
    """A results file of an input, solved once, of which every test has its own copy."""

    def run(text):
        kept = folder / f"{zlib.crc32(text.encode())}.h5"
        if not kept.exists():
            assert cli.main(["run", str(write(folder, text)), "-o", str(kept)]) == COMPLETE
        path = tmp_path / "results.h5"
        path.write_bytes(kept.read_bytes())
        return path

    return run


def set_status(path, rows, code):
    with h5py.File(path, "r+") as file:
        file["status"][rows] = code.value


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def above(picture):
    return picture.get_suptitle()


# What a picture says of a point, and of a campaign


def row(**columns):
    """One row of `Results.points`: values and units."""
    data = {name: ((), value, {"units": unit}) for name, (value, unit) in columns.items()}
    return xr.Dataset(data)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"x": (0.500001 * np.pi, "rad")}, r"$s = 0.500001\,\pi$"),
        ({"x": ((0.5 + 1e-6) * np.pi, "rad"), "x_offset": (1e-6 * np.pi, "rad")}, r"$s = (0.5 + 10^{-6})\,\pi$"),
        ({"x": (0.551 * np.pi, "rad"), "x_offset": (0.0, "rad")}, r"$s = 0.551\,\pi$"),
        ({"x": (4.0907881e-11, "GeV")}, r"$s = 4.0907881 \times 10^{-11}\ {\rm GeV}$"),
        ({"x": (2.06e-11 - 7e-18, "GeV"), "x_offset": (-7e-18, "GeV")},
         r"$s = (2.06 \times 10^{-11} - 7 \times 10^{-18})\ {\rm GeV}$"),
        ({"x": (10.0001, "GeV")}, r"$s = 10.0001\ {\rm GeV}$"),
    ],
)  # fmt: skip
def test_tuned_values_are_told_apart_from_round_ones(columns, text):
    assert figures.parameter_text("x", "s", row(**columns)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-6, "10^{-6}"), (-1e-15, "-10^{-15}"), (0.0, "0"), (2.5e-3, r"2.5 \times 10^{-3}"), (1234.5, "1234.5")],
)
def test_number_as_text(value, text):
    assert figures.number_text(value) == text


def test_progress_counts_what_is_done_and_what_failed(solved):
    path = solved(LEPTON)
    assert figures.progress_text(read_results(path)) == ""
    set_status(path, [3], ResultCode.NO_SOLUTION)  # is an answer
    assert figures.progress_text(read_results(path)) == ""
    set_status(path, [0, 1], ResultCode.PENDING)
    assert figures.progress_text(read_results(path)) == "10 of 12 tasks done"
    set_status(path, [2], ResultCode.STEP_BUDGET)
    assert figures.with_progress("title", read_results(path)) == "title\n9 of 12 tasks done, 1 failed"


def test_curve_that_is_covered_is_wider_than_what_covers_it():
    for n in (1, 2, 9, 40):
        widths = figures.nested_widths(n)
        assert len(widths) == n and np.all(np.diff(widths) < 0) and 1 < min(widths) <= max(widths) <= 6


def temperature_axes(solved):
    """All axes over T that the programs draw, by program."""
    lepton = read_results(solved(LEPTON))
    evolution = plot_evolution.draw(plot_evolution.choose(lepton, None, None))
    convergence = plot_convergence.draw(lepton, plot_convergence.choose(lepton, None))
    variations = plot_variations.draw(plot_variations.choose(lepton, None, None))
    equilibration = plot_equilibration.draw(read_results(solved(EQUILIBRATION)), 4)
    freeze_in = plt.figure()
    panel = plot_asymmetric_freeze_in.Panel(read_results(solved(FREEZE_IN)), "chiral")
    plot_asymmetric_freeze_in.draw(freeze_in.add_subplot(), panel, 1)
    constants = plt.figure()
    panel = plot_low_energy_constants.Panel(read_results(solved(OVER_T)), "standard")
    plot_low_energy_constants.draw_over_temperature(constants.add_subplot(), panel)
    return {
        "evolution": evolution.axes,
        "convergence": convergence.axes[:2],
        "variations": variations.axes,
        "equilibration": equilibration.axes,
        "freeze_in": freeze_in.axes,
        "constants": constants.axes,
    }


def test_time_runs_from_left_to_right_in_all_pictures(solved):
    for program, panels in temperature_axes(solved).items():
        for axes in panels:
            left, right = axes.get_xlim()
            assert left > right, program
        assert panels[-1].get_xlabel().startswith("temperature $T$ [GeV]   (time runs from left to right)"), program


# Asymmetries


def test_asymmetries_of_variations_have_their_signs(solved):
    path = solved(LEPTON)
    shape = np.array([0.0, 1e-7, 1e-6, -2e-6, -1e-6, 1e-8, -3e-7])
    with h5py.File(path, "r+") as file:
        for name in ("Y_L", "Y_Delta_e"):
            file[f"trajectory/{name}"][:] = shape
    rows = plot_variations.choose(read_results(path), None, None)
    _, *panels = plot_variations.draw(rows).axes
    for axes in panels:
        assert axes.get_yscale() == "symlog" and "|" not in axes.get_ylabel()
        full, half = axes.lines[:2]
        assert_allclose(full.get_ydata(), shape)
        assert half.get_linewidth() < full.get_linewidth()
        low, high = axes.get_ylim()
        assert low < -2e-6 and high > 1e-6


def test_variation_that_is_not_done_is_named(solved):
    path = solved(LEPTON)

    def text():
        return above(plot_variations.draw(plot_variations.choose(read_results(path), None, None)))

    assert "not done" not in text()
    set_status(path, np.flatnonzero(read_results(path).points.variation.values == "half"), ResultCode.PENDING)
    assert text().endswith("not done: half")


def test_picture_of_a_point_that_is_not_the_papers_does_not_say_it_is(solved):
    results = read_results(solved(LEPTON))
    text = above(plot_evolution.draw(plot_evolution.choose(results, None, None)))
    assert "drawn as fig. 4" in text and "variation full" in text and r"0.500001\,\pi" in text
    text = above(plot_evolution.draw(plot_evolution.choose(results.select(point=1), None, None)))
    assert r"(2.06 \times 10^{-11} + 7 \times 10^{-18})" in text


def test_errors_say_of_how_many_points_they_are(solved):
    path = solved(LEPTON)
    results = read_results(path)
    table = plot_convergence.error_table(results, "full")
    assert "2 points; reference: gauss_legendre-4" in table
    points = results.points
    set_status(path, np.flatnonzero((points.point == 0) & (points.grid == "averaged")), ResultCode.PENDING)
    results = read_results(path)
    table = plot_convergence.error_table(results, "full")
    assert "1 to 2 of 2 points" in table
    counts = {line.split()[0]: line.split()[1] for line in table.splitlines()[2:]}
    assert counts == {"averaged": "1", "equal_occupation-5": "2"}
    picture = plot_convergence.draw(results, plot_convergence.choose(results, None))
    assert above(picture).endswith("11 of 12 tasks done")
    assert "1 to 2 of 2 points" in picture.axes[2].get_title()
    set_status(path, np.flatnonzero(points.grid == "gauss_legendre-4"), ResultCode.STEP_BUDGET)
    set_status(path, np.flatnonzero(points.grid == "averaged"), ResultCode.PENDING)
    results = read_results(path)
    with pytest.raises(ResultsError, match="is the only momentum grid"):
        plot_convergence.error_table(results, "full")


def test_ratios_say_of_how_many_points_they_are(solved, capsys):
    path = solved(LEPTON)
    points = read_results(path).points
    set_status(path, np.flatnonzero((points.point == 0) & (points.grid == "averaged")), ResultCode.PENDING)
    results = read_results(path)
    text = above(plot_averaged_vs_resolved.draw(results, *plot_averaged_vs_resolved.ratios(results)))
    assert "$Y_L$: 3 of 4 points" in text and text.endswith("11 of 12 tasks done")
    assert plot_averaged_vs_resolved.main([str(path), "-o", str(path.with_suffix(".png"))]) == 0
    assert capsys.readouterr().out.endswith("Not complete: 11 of 12 tasks done\n")


# Rates


def test_equilibration_names_the_figure_of_a_point_that_the_paper_has_and_no_other(solved):
    path = solved(EQUILIBRATION)
    picture = plot_equilibration.draw(read_results(path), 4)
    rates = picture.axes[0:2]
    first, second = (axes.get_title() for axes in rates)
    assert first.startswith("parameters of fig. 13 of arXiv:2011.12637") and r"(0.5 + 10^{-6})\,\pi" in first
    assert "fig" not in second and "fig" not in above(picture)
    picture = plot_equilibration.draw(read_results(path), 1)
    assert "1 of 2 points" in above(picture)
    set_status(path, [0], ResultCode.PENDING)
    assert above(plot_equilibration.draw(read_results(path), 4)).endswith("3 of 4 tasks done")


def test_oscillations_of_variations_that_coincide_are_both_seen(solved):
    picture = plot_equilibration.draw(read_results(solved(EQUILIBRATION)), 1)
    rates, oscillations = picture.axes
    full, other = [line for line in oscillations.lines if len(line.get_xdata()) == 6]
    assert_allclose(full.get_ydata(), other.get_ydata())
    assert full.get_linewidth() > other.get_linewidth() and full.get_color() != other.get_color()
    assert legend(oscillations) == ["full", "without_gamma_v"]
    [unseen] = [text for text in legend(rates) if "below" in text]
    assert unseen == "$A$, smallest |Re|, without_gamma_v: below 1e-07"


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "inputs").glob("equilibration_*.yaml")))
def test_inputs_resolve_the_dips_of_the_oscillation_rate(name):
    """They are some 5 % wide, Gamma_osc having zeros; with steps of 6 % they were polygons of two lines."""
    output = read_input(ROOT / "inputs" / f"{name}.yaml").outputs["temperatures"]
    temperatures = np.sort(output.form.values())
    assert np.max(temperatures[1:] / temperatures[:-1]) < 1.01


def test_dips_of_the_potential_are_drawn_down_to_their_zeros(monkeypatch):
    zero = 20.0

    def self_energy(momentum, mass, temperature, crossover):
        potential = 1e-3 * np.log(temperature / zero)
        return [np.broadcast_to(values[:, None, None], (len(temperature), 1, 2)) for values in (temperature, potential)]

    monkeypatch.setattr(plot_rates, "self_energy", self_energy)
    arguments = argparse.Namespace(mass=1.0, momentum=3.0, crossover="leading_order")
    _, (width, potential) = plt.subplots(2)
    plot_rates.draw_self_energy(width, potential, arguments)
    assert width.get_xlim()[0] > width.get_xlim()[1] and "left to right" in potential.get_xlabel()
    temperature, size = next(line for line in potential.lines if "b > 0" in line.get_label()).get_data()
    assert temperature[size > 0].min() == pytest.approx(zero, rel=1e-3)
    assert np.nanmin(size) < 1e-2 * size[np.nanargmin(abs(temperature - 1.1 * zero))]


def test_rates_name_all_that_they_depend_on():
    arguments = argparse.Namespace(mass=1.0, im_omega=0.002, re_omega=0.500001 * np.pi, delta=0.0, eta=0.5 * np.pi)
    text = plot_rates.parameters_text(arguments)
    assert r"0.500001\,\pi" in text and r"\delta = 0\," in text and r"\eta = 0.5\," in text and "M = 1$ GeV" in text


# Other models


def test_freeze_in_has_a_panel_for_each_variation_and_tells_couplings_apart(solved, monkeypatch):
    path, drawn = solved(FREEZE_IN), []
    monkeypatch.setattr(figures, "save", lambda picture, path: drawn.append(picture))
    assert plot_asymmetric_freeze_in.main([str(path), "-o", "out.png"]) == 0
    chiral, dirac = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert "chiral" in chiral.get_title() and "dirac" in dirac.get_title()
    assert legend(chiral) == [r"$\mu = 3.3 \times 10^{-6}$", r"$\mu = 3.3001 \times 10^{-6}$"]
    assert dirac.lines[0].get_ydata()[-1] == pytest.approx(2 * chiral.lines[0].get_ydata()[-1], rel=0.2)
    set_status(path, [0], ResultCode.PENDING)
    assert plot_asymmetric_freeze_in.main([str(path), "-o", "out.png"]) == 0
    assert [axes.get_title().splitlines()[-1] for axes in drawn[1].axes[:1]] == ["1 of 2 tasks done"]


def drawn_constants(path, monkeypatch, *options):
    pictures = []
    monkeypatch.setattr(figures, "save", lambda picture, path: pictures.append(picture))
    assert plot_low_energy_constants.main([str(path), "-o", "out.png", *options]) == 0
    return [axes for axes in pictures[0].axes if axes.get_visible()]


def test_asymmetric_rate_is_drawn_against_both_phases(solved, monkeypatch):
    path = solved(FIG_3)
    over_delta, over_phi = drawn_constants(path, monkeypatch)
    assert (over_delta.get_xlabel(), over_phi.get_xlabel()) == (r"$\delta$ [rad]", r"$\phi_1$ [rad]")
    places = over_delta.collections[0].get_offsets(), over_phi.collections[0].get_offsets()
    assert sorted(places[0][:, 0]) == pytest.approx([-1.88496, 0.5]) and set(places[1][:, 0]) == {-0.07037}
    assert_allclose(places[0][:, 1], places[1][:, 1])
    set_status(path, [1], ResultCode.PENDING)
    assert drawn_constants(path, monkeypatch)[1].get_title().endswith("1 of 2 tasks done")


def test_constants_over_temperature_have_the_minimum_of_the_papers_example(solved, monkeypatch):
    """0.281 at 0.71 GeV by an independent implementation."""
    path = solved(OVER_T)
    [axes] = drawn_constants(path, monkeypatch)
    assert axes.get_title().startswith(r"$\Delta M = 4.0907881 \times 10^{-11}\ {\rm GeV}$")
    assert "(0.5 + " in axes.get_title() and r"0.2 \ldots 2$ GeV" in axes.get_title()
    h_lambda, gamma_h, gamma_osc = axes.lines[:3]
    smallest = np.argmin(h_lambda.get_ydata())
    assert h_lambda.get_ydata()[smallest] == pytest.approx(0.281, rel=0.01)
    assert h_lambda.get_xdata()[smallest] == pytest.approx(0.71, rel=0.05)
    assert np.all(gamma_h.get_ydata() > 0) and np.all(gamma_osc.get_ydata() < 0)
    assert any("smallest" in text and "0.28" in text for text in legend(axes))


def test_picture_over_temperature_is_of_one_point(solved, capsys):
    path = solved(FIG_3)
    assert plot_low_energy_constants.main([str(path), "-o", "out.png", "--figure", "T"]) == 2
    assert "a picture over T is of one point; here delta varies, too" in capsys.readouterr().err


def test_shipped_example_is_that_of_the_paper():
    """Eq. (5.1) of arXiv:2004.10766."""
    plan = read_plan(ROOT / "inputs" / "low_energy_constants_example.yaml")
    assert plan.n_tasks == 1
    found = plan.model.solve(plan.problem(0)).observables["scalar"]
    for name, value in {"H_lambda": 0.397, "Gamma_H": 2.323, "Gamma_osc": -0.800}.items():
        assert found[name] == pytest.approx(value, rel=0.01)
    over_t = read_plan(ROOT / "inputs" / "low_energy_constants_over_T.yaml")
    assert {name for name, values in over_t.points.items() if len(np.unique(values)) > 1} == {"T"}
    here, there = plan.problem(0), over_t.problem(0)
    assert here.point | {"T": 0} == there.point | {"T": 0} and here.settings == there.settings


@pytest.mark.parametrize("path", sorted((ROOT / "inputs").glob("low_energy_constants_fig*.yaml")), ids=lambda p: p.stem)
def test_scans_are_those_of_the_paper(path):
    """Sec. 4.1 of arXiv:2004.10766: random, logarithmic in Delta M, flat in the others, |Im z| up to 6."""
    given = read_input(path)
    assert given.sample.kind == "random"
    forms = {column.parameter.name: column.form for column in given.columns}
    assert forms["delta_M"].scale == "log_total"
    assert {forms[name].scale for name in ("re_z", "im_z", "delta", "phi")} == {"linear"}
    assert (forms["im_z"].low, forms["im_z"].high) == (-6, 6)
