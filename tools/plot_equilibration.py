#!/usr/bin/env python3
"""Draw figs. 1, 4, 5, 11 and 13 (rates and oscillations) of arXiv:2011.12637 from a results file of `equilibration`.

    plot_equilibration.py FILE.h5 [--points N] -o equilibration.png

One column a point, for the first N of the file (4).  Top: eigenvalues of Gamma_N over the Hubble rate, and, thinner,
the smallest and the largest |Re| of the eigenvalues of A, eq. (4.3); marks are T_in, T_out and T_dec.  Bottom:
Gamma_osc/H, eq. (4.5), with T_osc.  The first variation is drawn solid, others dashed and dotted.
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, read_results  # noqa: E402

CURVES = (
    ("Gamma_N_large_over_H", r"$\Gamma_N$, larger eigenvalue", "tab:orange", 1.6),
    ("Gamma_N_small_over_H", r"$\Gamma_N$, smaller eigenvalue", "tab:blue", 1.6),
    ("relaxation_large_over_H", "$A$, largest |Re|", "tab:red", 0.8),
    ("relaxation_small_over_H", "$A$, smallest |Re|", "tab:green", 0.8),
)
EVENTS = (("T_in", "o"), ("T_out", "s"), ("T_dec", "^"))
STYLES = ("-", "--", ":", "-.")
LOWEST = 1e-7
"""Lower end of the axis of rates, as in fig. 5."""


def draw_rates(axes, row, style, is_first, name):
    curves, scalars = row.trajectories.isel(task=0), row.scalars.isel(task=0)
    for column, label, colour, width in CURVES:
        full = label if is_first else f"{label}, {name}"
        axes.loglog(curves.temperature, curves[column], style, color=colour, lw=width, label=full)
    for which, colour in (("large", "tab:orange"), ("small", "tab:blue")):
        for event, marker in EVENTS:
            axes.plot(scalars[f"{event}_{which}"], 1.0, marker, color=colour, ms=5, clip_on=True)


def draw_oscillations(axes, row, style):
    curves = row.trajectories.isel(task=0)
    axes.loglog(curves.temperature, curves.Gamma_osc_over_H, style, color="tab:purple")
    axes.plot(row.scalars.T_osc.values[0], 1.0, "o", color="tab:purple", ms=5)


def draw(results, n_points):
    """The picture of the first points that are done."""
    done = results.select(status="done")
    if not len(done):
        raise ResultsError(f"{results.path}: no row is done yet; run the campaign first")
    # The number of a point counts variations as well: what is one column here shares its parameters.
    parameters = [name for name in done.input["parameters"]]
    keys = np.column_stack([done.points[name].values for name in parameters])
    _, first = np.unique(keys, axis=0, return_index=True)
    columns = [keys[i] for i in sorted(first)[:n_points]]
    size = (5.6 * len(columns), 7.5)
    picture, grid = plt.subplots(2, len(columns), figsize=size, squeeze=False, sharex=True, layout="constrained")
    variations = list(done.input["variations"])
    for (rates, oscillations), key in zip(grid.T, columns, strict=True):
        drawn = [i for i in range(len(done)) if np.array_equal(keys[i], key)]
        for number, i in enumerate(drawn):
            row = done.select(task=int(done.points.task.values[i]))
            name = str(row.points.variation.values[0])
            style = STYLES[variations.index(name) % len(STYLES)]
            draw_rates(rates, row, style, number == 0, name)
            draw_oscillations(oscillations, row, style)
        for axes in (rates, oscillations):
            axes.axhline(1.0, color="0.4", lw=1)
        rates.set_ylim(bottom=max(LOWEST, rates.get_ylim()[0]))
        rates.set_title(figures.parameters_text(row.points.isel(task=0)), fontsize="small")
        temperatures = row.trajectories.temperature.values
        oscillations.set_xlim(temperatures.min(), temperatures.max())
        oscillations.set_xlabel("temperature $T$ [GeV]   (time runs from right to left)")
        rates.legend(fontsize="x-small")
    grid[0, 0].set_ylabel("rate $/H$")
    grid[1, 0].set_ylabel(r"$\Gamma_{\rm osc}/H$")
    picture.suptitle(f"After figs. 1, 4, 5, 11, 13 of {figures.PAPER}", fontsize="medium")
    return picture


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="NAME.png")
    parser.add_argument("--points", type=int, default=4, metavar="N", help="draw the first N points (4)")
    options = parser.parse_args(arguments)
    try:
        figures.save(draw(read_results(options.file, model="equilibration"), options.points), options.output)
    except ResultsError as error:
        print(f"plot_equilibration: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
