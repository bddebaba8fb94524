"""Every program in tools/ runs, from the command line and in its smallest form: those that no other test starts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from campaigns import write

from hpc_nu import cli
from hpc_nu.campaign.errors import COMPLETE

ROOT = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds after which a program counts as hung."""

STARTED_BY = {
    "benchmark_engine": "tools/test_benchmark_engine.py",
    "benchmark_engine_ranks": "tools/test_benchmark_engine.py",
    "simulate_campaign": "tools/test_benchmark_engine.py",
    "input_from_card": "tools/test_input_from_card.py",
    "export_class": "tools/test_export_class.py",
    "plot_averaged_vs_resolved": "unit/test_analysis.py",
    "plot_convergence": "unit/test_analysis.py",
    "plot_dodelson_widrow": "tools/test_plot_new_interactions.py",
    "plot_equilibration": "physics/test_seesaw_equilibration.py",
    "plot_evolution": "unit/test_analysis.py",
    "plot_new_interactions": "tools/test_plot_new_interactions.py",
    "write_inputs_page": "unit/test_pages.py",
}
HERE = {
    "benchmark_predictions",
    "benchmark_solver",
    "plot_asymmetric_freeze_in",
    "plot_low_energy_constants",
    "plot_rates",
    "plot_uncertainties",
    "plot_variations",
}


def run_tool(folder, name, *arguments):
    """Standard output of a program that has drawn a picture."""
    picture = folder / "picture.png"
    command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), *map(str, arguments), "-o", str(picture)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    assert ended.returncode in (0, 1) and not ended.stderr, ended.stderr  # 1: a benchmark has missed a goal
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000
    return ended.stdout


def few(folder, name, points):
    """Results of an input, of so many points on each axis."""
    text = re.sub(r"points: \d+", f"points: {points}", (ROOT / "inputs" / f"{name}.yaml").read_text())
    path = folder / f"{name}.h5"
    assert cli.main(["run", str(write(folder, text, f"{name}.yaml")), "-o", str(path)]) == COMPLETE
    return path


def test_every_program_is_started_by_a_test():
    programs = {path.stem for path in (ROOT / "tools").glob("*.py") if "__main__" in path.read_text()}
    assert programs == HERE | STARTED_BY.keys()
    for name, test in STARTED_BY.items():
        assert name in (ROOT / "tests" / test).read_text(), name


def test_predictions_of_cost_are_compared_with_what_it_takes(alone, tmp_path):
    text = re.sub(r"points: \d+", "points: 20", (ROOT / "inputs" / "asymmetric_freeze_in_fig1.yaml").read_text())
    command = [sys.executable, str(ROOT / "tools" / "benchmark_predictions.py"), str(write(tmp_path, text))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    head, row = ended.stdout.splitlines()
    assert ended.returncode == 0 and head.split()[0] == "campaign" and float(row.split()[-2]) > 0, ended.stderr


def test_figures_of_asymmetric_freeze_in(alone, tmp_path):
    files = [few(tmp_path, f"asymmetric_freeze_in_fig{n}", 20) for n in range(1, 7)]
    run_tool(tmp_path, "plot_asymmetric_freeze_in", *files)


def test_figures_of_low_energy_constants(alone, tmp_path):
    names = ("fig1_normal", "fig2_inverted", "fig3_normal")
    files = [few(tmp_path, f"low_energy_constants_{name}", 64) for name in names]
    run_tool(tmp_path, "plot_low_energy_constants", *files)


@pytest.mark.parametrize("figure", [13, 19])
def test_figures_of_variations(figure, alone, tmp_path):
    assert "Y_L" in run_tool(tmp_path, "plot_variations", few(tmp_path, f"lepton_asymmetry_fig{figure}", 20))


def test_a_bar_for_each_uncertainty(alone, tmp_path):
    lines = run_tool(tmp_path, "plot_uncertainties", few(tmp_path, "lepton_asymmetry_uncertainties", 20)).splitlines()
    names = yaml.safe_load((ROOT / "inputs" / "lepton_asymmetry_uncertainties.yaml").read_text())["variations"]
    assert {line.split()[0] for line in lines} == names.keys() - {"default"}
    sizes = [abs(float(line.split()[-2])) for line in lines]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 50


def test_rates(tmp_path):
    run_tool(tmp_path, "plot_rates", "--points-per-decade", 1)


def test_the_solver_is_measured(tmp_path):
    few_runs = ("--cases", "averaged", "--peers", "radau_sparse", "--points", "1", "--rounds", "1", "--limit", "0.5")
    text = run_tool(tmp_path, "benchmark_solver", "--quick", *few_runs)
    assert re.search(r"\| averaged \| [0-9.]+ \| [0-9.]+ \|", text) and "at most 1.5 ms" in text
