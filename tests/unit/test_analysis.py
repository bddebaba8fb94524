"""Reading results offline: selections, rows that are not done, errors of momentum grids known beforehand, pictures."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from hpc_nu.analysis import (
    ResultsError,
    by_grid,
    convergence,
    final_error,
    finest_grid,
    grid_error_estimate,
    read_results,
    trajectory_error,
)

TOOLS = Path(__file__).parents[2] / "tools"
CAMPAIGN = """
campaign: tiny
model: lepton_asymmetry
parameters:
  M: {value: 2.0, unit: GeV}
  delta_M: {about: 0.983e-11, linear: [-1.0e-13, 1.0e-13], points: 3, unit: GeV}
  im_omega: {value: -2.754e-3, unit: rad}
  re_omega: {value: 0.551, unit: pi}
  delta: {value: 0.993, unit: pi}
  eta: {value: 1.479, unit: pi}
settings: {T_start: {value: 1000, unit: GeV}, T_end: {value: 400, unit: GeV}}
grids:
  - {kind: averaged}
  - {kind: equal_occupation, n_modes: [5, 8]}
  - {kind: equal_occupation, n_modes: 8, soft_modes: [0.03, 0.3]}
  - {kind: gauss_legendre, n_modes: [4, 6]}
output: {temperatures: {log: [1000, 400], points: 7, unit: GeV}}
"""
GRIDS = {
    "averaged": ("averaged", 1, "averaged"),
    "equal_occupation-5": ("equal_occupation", 5, "equal_occupation"),
    "equal_occupation-8": ("equal_occupation", 8, "equal_occupation"),
    "equal_occupation-8-soft_modes=0.03,0.3": ("equal_occupation", 8, "equal_occupation, soft_modes 0.03 0.3"),
    "gauss_legendre-4": ("gauss_legendre", 4, "gauss_legendre"),
    "gauss_legendre-6": ("gauss_legendre", 6, "gauss_legendre"),
}
N_TASKS, TUNED_POINT = 18, 1


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A results file as a real run leaves it."""
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "tiny.yaml").write_text(CAMPAIGN)
    path = folder / "tiny.h5"
    command = [sys.executable, "-m", "hpc_nu", "run", folder / "tiny.yaml", "-o", path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    return path


@pytest.fixture
def results(campaign):
    return read_results(campaign)


@pytest.fixture
def damaged(campaign, tmp_path):
    """A copy to write to."""
    return Path(shutil.copy(campaign, tmp_path / "copy.h5"))


def set_status(path, tasks, status, error=b""):
    with h5py.File(path, "r+") as file:
        for task in tasks:
            file["status"][task], file["error"][task] = status, error


# Reading


def test_columns_have_units_and_text_is_text(results):
    assert len(results) == N_TASKS
    assert set(results.points.status.values) == {"done"} and set(results.points.variation.values) == {"standard"}
    assert results.points.delta_M.attrs["units"] == "GeV"
    assert results.settings("standard")["T_end"] == 400.0
    assert results.trajectories.temperature.attrs["units"] == "GeV"
    assert results.cost.seconds.dtype == float


@pytest.mark.parametrize("group", ["points", "scalars", "trajectories", "cost"])
def test_columns_can_be_written_to_a_file_of_ones_own(damaged, group, tmp_path):
    set_status(damaged, [2], 6, "an error, \u00e9\xff".encode())
    ours = getattr(read_results(damaged).select(grid="averaged"), group)
    ours.to_netcdf(tmp_path / "own.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "own.nc", engine="h5netcdf") as read:
        xr.testing.assert_identical(read.load(), ours)


def test_end_of_a_trajectory_is_the_scalar_of_the_same_name(results):
    assert np.abs(results.scalars.Y_L).min() > 0
    assert_allclose(results.trajectories.Y_L.sel(temperature=400.0), results.scalars.Y_L, rtol=1e-13)


def test_grids_are_those_of_the_input_and_families_differ_in_their_options(results):
    assert {label: (g.kind, g.n_modes, g.family) for label, g in results.grids.items()} == GRIDS
    for label, grid in results.grids.items():
        assert set(results.select(grid=label).points.n_modes.values) == {grid.n_modes}
    assert results.grids["equal_occupation-8-soft_modes=0.03,0.3"].options["soft_modes"] == [0.03, 0.3]


def test_values_of_a_row_that_is_not_done_are_hidden(damaged):
    set_status(damaged, [3], 0)  # its values are in the file, as an interrupted commit may leave them
    set_status(damaged, [4], 2, b"step_budget at T = 1 GeV")
    results = read_results(damaged)
    hidden = np.isin(np.arange(N_TASKS), [3, 4])
    assert np.array_equal(np.isnan(results.scalars.Y_L), hidden)
    assert np.array_equal(np.isnan(results.trajectories.Y_L).all("temperature"), hidden)
    assert list(results.points.status.values[3:6]) == ["pending", "step_budget", "done"]
    assert results.points.error.values[4] == "step_budget at T = 1 GeV"
    assert np.isfinite(results.points.delta_M).all()


def test_file_can_be_read_while_a_campaign_writes_it(damaged):
    program = f"from hpc_nu.analysis import read_results; print(read_results({str(damaged)!r}).scalars.Y_L.size)"
    with h5py.File(damaged, "r+", locking=False):  # as the campaign opens it
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == str(N_TASKS), ended.stderr


def test_analysis_needs_neither_mpi_nor_the_campaign():
    program = "import hpc_nu.analysis.figures, sys; print([m for m in sys.modules if 'mpi4py' in m or 'campaign' in m])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "[]"


# Selections


def test_selection_keeps_the_rows_that_agree_with_everything(results):
    rows = results.select(grid="gauss_legendre-6", status="done")
    assert list(rows.points.point.values) == [0, 1, 2]
    row = rows.select(point=2)
    assert row.scalars.Y_L.item() == results.scalars.Y_L.sel(task=row.points.task.item())
    assert results.select(status="pending").trajectories.Y_L.shape == (0, 7)  # no mistake, but none


@pytest.mark.parametrize("selection", [{"task": 5}, {"grid": "equal_occupation-5"}, {"point": 2}])
def test_a_selection_reads_its_own_rows(results, selection):
    chosen = results.select(**selection)
    tasks = chosen.points.task.values
    assert np.array_equal(chosen.trajectories.task, tasks)
    assert_allclose(chosen.trajectories.Y_Delta_mu, results.trajectories.Y_Delta_mu[tasks], rtol=0)


def test_nearest_point_is_found_on_all_its_grids(results):
    rows = results.nearest(delta_M_offset=0.6e-13)
    assert set(rows.points.point.values) == {2} and len(rows) == len(GRIDS)
    assert len(results.nearest(M=100.0)) == N_TASKS
    assert set(results.tuned().points.point.values) == {TUNED_POINT}


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"grid": "gauss_legendre-7"}, "no grid 'gauss_legendre-7'; there is averaged, equal_occupation-5"),
        ({"task": 18}, "no task 18; there is 0 to 17"),
        ({"variation": "standart"}, "no variation 'standart'; there is standard"),
        ({"status": "finished"}, "no status 'finished'; there is pending, done"),
    ],
)
def test_what_the_file_does_not_have_is_refused_with_what_there_is(results, selection, message):
    with pytest.raises(ResultsError, match=message):
        results.select(**selection)
    with pytest.raises(ResultsError, match="no /spectrum.*output: momenta"):
        _ = results.spectra


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (os.mkfifo, "is a pipe or a device"),
        (lambda path: path.write_text("campaign: x"), "has no seal"),
        (lambda path: path.touch(), "has no seal"),
        (lambda path: h5py.File(path, "w").close(), "was not made by this program"),
    ],
)
def test_wrong_file_is_refused_in_one_line(tmp_path, make, message):
    path = tmp_path / "wrong.h5"
    make(path)
    with pytest.raises(ResultsError, match=message) as raised:
        read_results(path)
    assert str(raised.value).startswith(str(path)) and "\n" not in str(raised.value)


# Convergence


def scale_by_grid(path, factors):
    """Overwrite Y_L by factors of grid times something that depends on point and temperature alone."""
    points = read_results(path).points
    factor = np.array([factors[label] for label in points.grid.values])
    with h5py.File(path, "r+") as file:
        file["results/Y_L"][:] = -factor * (1 + points.point.values)
        shape = np.array([0.0, 1.0, -4.0, 2.0, 1.0, 0.0, 1.0])
        file["trajectory/Y_L"][:] = np.outer(factor * (1 + points.point.values), shape)


FACTORS = dict(zip(GRIDS, [2.0, 1.1, 0.99, 1.003, 1.0 + 1e-4, 1.0], strict=True))


def test_errors_are_relative_to_the_finest_gauss_legendre_grid(damaged):
    scale_by_grid(damaged, FACTORS)
    results = read_results(damaged)
    error = final_error(results)
    assert error.attrs["reference"] == finest_grid(results) == "gauss_legendre-6"
    assert list(error.grid.values) == list(GRIDS)[:-1]
    assert list(error.n_modes.values) == [1, 5, 8, 8, 4]
    expected = np.array([[1.0, 0.1, 0.01, 0.003, 1e-4]] * 3)
    assert_allclose(error, expected, rtol=1e-9)
    assert_allclose(trajectory_error(results).max("temperature"), expected, rtol=1e-9)
    assert_allclose(trajectory_error(results).sel(grid="averaged")[0], [0, 0.25, 1, 0.5, 0.25, 0, 0.25], rtol=1e-12)


def test_reference_may_be_chosen(damaged):
    scale_by_grid(damaged, FACTORS)
    assert_allclose(final_error(read_results(damaged), reference="averaged").sel(grid="gauss_legendre-6"), 0.5)
    with pytest.raises(ResultsError, match="no grid 'average' to compare with; there is averaged"):
        final_error(read_results(damaged), reference="average")


def test_error_is_estimated_from_a_grid_half_as_large_again(damaged):
    scale_by_grid(damaged, FACTORS | {"gauss_legendre-6": 1.002})
    estimate = grid_error_estimate(read_results(damaged))  # not from 5 and 8 modes, nor from grids of two kinds
    assert list(estimate.grid.values) == ["gauss_legendre-4"]
    assert_allclose(estimate, 1 - 1.0001 / 1.002, rtol=1e-9)
    with pytest.raises(ResultsError, match="no two grids of one family with N and 3N/2 modes"):
        grid_error_estimate(read_results(damaged).select(grid="gauss_legendre-6"))


def test_eleven_and_sixteen_modes_are_no_pair(monkeypatch, results):
    def two_grids(results, array):
        along_grid = {"family": ("grid", ["gauss_legendre"] * 2), "n_modes": ("grid", [11, 16])}
        return xr.DataArray([[1.0, 1.1]], along_grid, ("point", "grid"))

    monkeypatch.setattr(convergence, "by_grid", two_grids)
    with pytest.raises(ResultsError, match="no two grids"):
        grid_error_estimate(results)


def test_missing_rows_are_not_a_number_in_a_table_of_points_and_grids(damaged):
    with h5py.File(damaged) as file:
        pending = int(np.flatnonzero(file["points/grid"][:] == b"gauss_legendre-6")[1])
    set_status(damaged, [pending], 0)
    results = read_results(damaged)
    table = by_grid(results, results.trajectories.Y_L)
    assert table.dims == ("point", "grid", "temperature") and table.shape == (3, 6, 7)
    missing = np.isnan(table).all("temperature").values
    assert missing.sum() == 1 and missing[1, -1]
    assert np.array_equal(np.isnan(final_error(results)).any("grid"), [False, True, False])
    row = results.select(point=2, grid="equal_occupation-5")
    assert_allclose(table.sel(point=2, grid="equal_occupation-5"), row.trajectories.Y_L[0], rtol=0)


def test_without_gauss_legendre_the_finest_grid_is_the_reference(damaged):
    with h5py.File(damaged) as file:
        gauss = [i for i, label in enumerate(file["points/grid"].asstr()[:]) if label.startswith("gauss")]
    set_status(damaged, gauss, 0)
    assert finest_grid(read_results(damaged)) == "equal_occupation-8"


def test_comparison_without_grids_or_observable_is_refused_with_what_there_is(results):
    with pytest.raises(ResultsError, match="averaged is the only momentum grid"):
        final_error(results.select(grid="averaged"))
    with pytest.raises(ResultsError, match="no observable 'Y_l'; there is .*Y_L"):
        final_error(results, "Y_l")


# Pictures


def run_tool(name, *arguments):
    command = [sys.executable, "-W", "error", str(TOOLS / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("tool", ["plot_evolution", "plot_convergence"])
def test_tool_draws_a_picture_of_a_campaign_that_is_not_complete(damaged, tool):
    set_status(damaged, [0, 9], 0)
    picture = damaged.with_suffix(".png")
    ended = run_tool(tool, damaged, "-o", picture)
    assert ended.returncode == 0, ended.stderr
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000


def test_averaged_and_resolved_are_compared_point_by_point(damaged):
    scale_by_grid(damaged, FACTORS | {"averaged": 1.2})
    picture = damaged.with_suffix(".png")
    ended = run_tool("plot_averaged_vs_resolved", damaged, "-o", picture)
    assert ended.returncode == 0, ended.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "Y_L, all               3 points: median 1.200, 10-90 % 1.200 ... 1.200" in ended.stdout
    assert "Y_B" not in ended.stdout  # the campaign ends before it is frozen in
    with h5py.File(damaged) as file:
        averaged = np.flatnonzero(file["points/grid"].asstr()[:] == "averaged")
    set_status(damaged, averaged, 0)
    ended = run_tool("plot_averaged_vs_resolved", damaged, "-o", picture)
    assert ended.returncode == 2 and "rows that are done: averaged 0 of 3" in ended.stderr


@pytest.mark.parametrize("tool", ["plot_evolution", "plot_convergence"])
def test_tool_says_in_one_line_why_it_draws_nothing(damaged, tool):
    picture = damaged.with_suffix(".png")

    def refusal(*arguments):
        ended = run_tool(tool, *arguments, "-o", picture)
        assert ended.returncode == 2 and not picture.exists()
        assert ended.stderr.startswith(f"{tool}: ") and ended.stderr.count("\n") == 1
        return ended.stderr

    assert "no such file" in refusal(damaged.with_name("other.h5"))
    assert "no task 99; there is 0 to 17" in refusal(damaged, "--task", 99)
    set_status(damaged, range(N_TASKS), 0)
    assert "no row is done yet" in refusal(damaged)
    with h5py.File(damaged, "r+") as file:
        file.attrs["note"] = "mine"
    assert "its seal does not hold; one that was repacked on purpose opens with sealed=False" in refusal(damaged)
    assert len(read_results(damaged, sealed=False)) == N_TASKS
    with pytest.raises(ResultsError, match="model is lepton_asymmetry; expected other"):
        read_results(damaged, model="other", sealed=False)


def test_evolution_is_drawn_at_the_tuned_point_on_the_finest_grid_unless_told_otherwise(damaged):
    specification = importlib.util.spec_from_file_location("plot_evolution", TOOLS / "plot_evolution.py")
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)

    def chosen(task=None, grid=None):
        row = tool.choose(read_results(damaged), task, grid).points
        return row.point.item(), row.grid.item()

    assert chosen() == (TUNED_POINT, "gauss_legendre-6")
    assert chosen(grid="averaged") == (TUNED_POINT, "averaged")
    points = read_results(damaged).points
    assert chosen(task=N_TASKS - 1) == (2, "gauss_legendre-6")
    assert chosen(task=N_TASKS - 1, grid="averaged") == (2, "averaged")
    set_status(damaged, np.flatnonzero(points.point.values == TUNED_POINT), 0)
    assert chosen() == (0, "gauss_legendre-6")
    set_status(damaged, [N_TASKS - 1], 4)
    with pytest.raises(ResultsError, match="task 17 is not done, but step_too_small"):
        chosen(task=N_TASKS - 1)
