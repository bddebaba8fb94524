#!/usr/bin/env python3
"""Draw rates and oscillations of heavy neutrinos, as arXiv:2011.12637 does, from a results file of `equilibration`.

    plot_equilibration.py FILE.h5 [--points N] -o equilibration.png

One column a point, for the first N of the file (4); one at which the paper draws such curves says in which figure.
Top: eigenvalues of Gamma_N over the Hubble rate, and, thinner, the smallest and the largest |Re| of the eigenvalues of
A, eq. (4.3); marks are T_in, T_out and T_dec.  Bottom: Gamma_osc/H, eq. (4.5), with T_osc.  The first variation is
drawn solid with full marks, others dashed and dotted with open ones.
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
PI = np.pi
PAPER_POINTS = {
    "figs. 1 and 2": (1.0, 1e-11, 2e-3, 0.5 * PI, 1.5 * PI, 0.5 * PI),
    "figs. 4 and 5": (2.0, 0.983e-11, -2.754e-3, 0.551 * PI, 0.993 * PI, 1.479 * PI),
    "fig. 11": (10.0, 2.06e-11, 0.2, 0.500001 * PI, 3.11 * PI, 0.68 * PI),
    "fig. 13": (10.0, 2.06e-11, 1.0, 0.500001 * PI, 3.11 * PI, 0.68 * PI),
}
"""Parameters [GeV, rad] of figures of the paper, in the order of `figures.SYMBOLS`: captions, and eq. (4.1)."""


def paper_figure(point):
    """Which figure of the paper has the parameters of a row of `Results.points`; empty if none has."""
    values = [point[name].item() for name in figures.SYMBOLS]
    return next((name for name, known in PAPER_POINTS.items() if np.allclose(values, known, rtol=1e-9, atol=0)), "")


def draw_rates(axes, row, style, fill, name):
    curves, scalars = row.trajectories.isel(task=0), row.scalars.isel(task=0)
    for column, label, colour, width in CURVES:
        text = label + f", {name}" * bool(name)
        text += f": below {LOWEST:g}" * bool(np.nanmax(curves[column].values) < LOWEST)
        axes.loglog(curves.temperature, curves[column], style, color=colour, lw=width, label=text)
    for which, colour in (("large", "tab:orange"), ("small", "tab:blue")):
        for event, marker in EVENTS:
            axes.plot(scalars[f"{event}_{which}"], 1.0, marker, color=colour, ms=5, fillstyle=fill)


def draw_oscillations(axes, row, style, fill, name, width):
    curves = row.trajectories.isel(task=0)
    colour = "tab:purple" if fill == "full" else "k"
    axes.loglog(curves.temperature, curves.Gamma_osc_over_H, style, color=colour, lw=width, label=name)
    axes.plot(row.scalars.T_osc.values[0], 1.0, "o", color=colour, ms=5, fillstyle=fill)


def draw(results, n_points):
    """The picture of the first points that are done."""
    done = results.select(status="done")
    if not len(done):
        raise ResultsError(f"{results.path}: no row is done yet; run the campaign first")
    # The number of a point counts variations as well: what is one column here shares its parameters.
    keys = parameter_keys(done)
    columns = list(dict.fromkeys(keys))[:n_points]
    n_all = len(set(parameter_keys(results)))
    size = (5.6 * len(columns), 7.5)
    picture, grid = plt.subplots(2, len(columns), figsize=size, squeeze=False, sharex=True, layout="constrained")
    variations = list(done.input["variations"])
    widths = figures.nested_widths(len(variations))
    for (rates, oscillations), key in zip(grid.T, columns, strict=True):
        for i in [i for i, other in enumerate(keys) if other == key]:
            row = done.select(task=int(done.points.task.values[i]))
            name = str(row.points.variation.values[0])
            number, label = variations.index(name), name if len(variations) > 1 else ""
            how = STYLES[number % len(STYLES)], "none" if number else "full", label
            draw_rates(rates, row, *how)
            draw_oscillations(oscillations, row, *how, widths[number])
        for axes in (rates, oscillations):
            axes.axhline(1.0, color="0.4", lw=1)
        rates.set_ylim(bottom=max(LOWEST, rates.get_ylim()[0]))
        point = row.points.isel(task=0)
        figure = paper_figure(point)
        head = f"parameters of {figure} of {figures.PAPER}\n" if figure else ""
        text = figures.parameters_text(point) + figures.own_text(row, str(row.points.variation.values[0]))
        rates.set_title(head + text, fontsize="small")
        figures.temperature_axis(oscillations, row.trajectories.temperature.values)
        rates.legend(fontsize="x-small")
        if len(variations) > 1:
            oscillations.legend(fontsize="x-small")
    grid[0, 0].set_ylabel("rate $/H$")
    grid[1, 0].set_ylabel(r"$\Gamma_{\rm osc}/H$")
    hierarchies = dict.fromkeys(done.settings(name)["hierarchy"] for name in variations)
    text = f"{done.attributes['campaign']}: {' and '.join(hierarchies)} hierarchy"
    text += f", {len(columns)} of {n_all} points" * (len(columns) < n_all)
    picture.suptitle(figures.with_progress(text, results), fontsize="medium")
    return picture


def parameter_keys(results):
    """The parameters of every row, without the variation."""
    columns = [results.points[name].values.tolist() for name in results.input["parameters"]]
    columns += [results.points[name].values.tolist() for name in results.points if name.endswith("_offset")]
    return list(zip(*columns, strict=True))


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
