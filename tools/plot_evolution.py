#!/usr/bin/env python3
"""Draw how a lepton asymmetry comes about, as fig. 4 of arXiv:2011.12637, from a results file of `lepton_asymmetry`.

    plot_evolution.py FILE.h5 [--task N] [--grid LABEL] -o evolution.png

Rates over the Hubble rate, yields, asymmetries and oscillation rate of one solve against temperature.  Without --task
it draws the tuned point (all offsets zero), else the first that is done; without --grid the finest Gauss-Legendre grid,
else the finest (with --task: the grid of that task).
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, finest_grid, read_results  # noqa: E402

ASYMMETRIES = {
    "Y_Delta_e": (r"$Y_{\Delta_e}$", "tab:blue", "-"),
    "Y_Delta_mu": (r"$Y_{\Delta_\mu}$", "tab:orange", "-"),
    "Y_Delta_tau": (r"$Y_{\Delta_\tau}$", "tab:green", "-"),
    "Y_L": ("total, $Y_L$", "black", "-"),
    "Y_Delta_N": (r"HNLs, $\Delta_N/s$", "tab:red", "--"),
}
WIDTHS = figures.nested_widths(len(ASYMMETRIES))


def choose(results, task, grid):
    """The one row to draw.

    Raises
    ------
    ResultsError
        If there is no such row, or it is not done.
    """
    if task is not None:
        row = results.select(task=task)
        if grid is not None:
            row = results.select(point=row.points.point.item(), grid=grid)
        if row.points.status.item() != "done":
            number, status = row.points.task.item(), row.points.status.item()
            raise ResultsError(f"{results.path}: task {number} is not done, but {status}")
        return row
    rows = results if grid is None else results.select(grid=grid)
    rows = rows.select(point=figures.point_to_show(rows), status="done")
    return rows.select(grid=finest_grid(rows))


def draw_rates(axes, curves, temperature):
    """First panel: both eigenvalues of Gamma_N over H."""
    wide, narrow = figures.nested_widths(2)
    axes.loglog(temperature, curves.Gamma_N_large_over_H, color="tab:orange", lw=wide, label="larger eigenvalue")
    axes.loglog(temperature, curves.Gamma_N_small_over_H, color="tab:blue", lw=narrow, label="smaller eigenvalue")
    axes.axhline(1.0, color="0.4", lw=1)
    axes.set_ylabel(r"$\Gamma_N/H$")


def draw_yields(axes, curves, temperature):
    """Second panel: yields of the heavy neutrinos."""
    wide, middle, narrow = figures.nested_widths(3)
    axes.plot(temperature, curves.Y_N_eq, color="0.75", lw=wide, label=r"equilibrium, $Y^{\rm eq}$")
    axes.plot(temperature, curves.Y_N_2, color="tab:blue", lw=middle, label="$Y_{N_2}$")
    axes.plot(temperature, curves.Y_N_3, color="tab:orange", lw=narrow, ls="--", label="$Y_{N_3}$")
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("HNL yields $n/s$")


def draw_asymmetries(axes, curves, temperature):
    """Third panel: asymmetries per flavour, in total, and of the heavy neutrinos."""
    for (name, (label, colour, style)), width in zip(ASYMMETRIES.items(), WIDTHS, strict=True):
        axes.plot(temperature, curves[name], color=colour, ls=style, lw=width, label=label)
    figures.asymmetry_axis(axes, [curves[name] for name in ASYMMETRIES])
    axes.set_ylabel("asymmetries $n/s$")


def draw_oscillations(axes, curves, temperature):
    """Fourth panel: oscillation rate over H."""
    axes.loglog(temperature, curves.Gamma_osc_over_H, color="tab:blue", label=r"$\Gamma_{\rm osc}/H$, eq. (4.5)")
    axes.axhline(1.0, color="0.4", lw=1)
    axes.set_ylabel(r"$\Gamma_{\rm osc}/H$")


def draw(row):
    """The figure of one row of a results file."""
    curves = row.trajectories.isel(task=0)
    temperature = curves.temperature.values
    picture, panels = plt.subplots(4, 1, figsize=(8.5, 12.0), sharex=True, layout="constrained")
    for axes, panel in zip(panels, (draw_rates, draw_yields, draw_asymmetries, draw_oscillations), strict=True):
        panel(axes, curves, temperature)
        line = figures.sphaleron_line(axes, row)
        if axes is not panels[0]:
            line.set_label(None)
        figures.legend_beside(axes)
    figures.temperature_axis(panels[-1], temperature)
    grid, variation = row.grids[curves.grid.item()], curves.variation.item()
    picture.suptitle(
        f"Generation of lepton asymmetries, drawn as fig. 4 of {figures.PAPER}\n"
        f"{figures.parameters_text(row.points.isel(task=0))}\n"
        f"{figures.grid_text(grid)}; {figures.settings_text(row, variation)}; task {curves.task.item()}",
        fontsize="medium",
    )
    return picture


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="evolution.png")
    parser.add_argument("--task", type=int, metavar="N", help="draw the point of this task")
    parser.add_argument("--grid", metavar="LABEL", help="draw the solve on this momentum grid")
    options = parser.parse_args(arguments)
    try:
        results = read_results(options.file, model="lepton_asymmetry")
        figures.save(draw(choose(results, options.task, options.grid)), options.output)
    except ResultsError as error:
        print(f"plot_evolution: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
