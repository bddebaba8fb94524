#!/usr/bin/env python3
"""Draw pictures as figs. 14 and 15 of arXiv:2011.12637 and the error behind them from a file of `lepton_asymmetry`.

    plot_convergence.py FILE.h5 [--task N] -o convergence.png

Electron asymmetry for the numbers of modes of the paper's grid; total asymmetry momentum-averaged and resolved; and the
errors of the final total asymmetry and of the baryon asymmetry against the number of modes, for every family of grids.
The first two show the point of task N, else the tuned point (all offsets zero), else the first; the others all points
that are done on the grid and on the reference, and so does the table of errors that is printed; both say how many.
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, final_error, finest_grid, read_results  # noqa: E402

PAPER_OPTIONS = {"y_min": 0.1, "y_max": 20.0, "soft_modes": []}
ERRORS_OF = {"Y_L": "$Y_L$", "Y_B": "$Y_B$"}
# Dashes of the one fall into the gaps of the other: the curves coincide.
RESOLVED_IN_FIG_15 = {48: ("tab:orange", (0, (4, 4))), 82: ("tab:green", (4, (4, 4)))}


def choose(results, task):
    """All done rows of one point."""
    point = figures.point_to_show(results) if task is None else results.select(task=task).points.point.item()
    return results.select(point=point, status="done")


def paper_grids(rows):
    """The grids of eq. (6.2) exactly as in the paper, by number of modes."""
    present = [rows.grids[label] for label in rows.points.grid.values]
    papers = [grid for grid in present if grid.kind == "equal_occupation" and grid.options == PAPER_OPTIONS]
    return {grid.n_modes: grid for grid in sorted(papers, key=lambda grid: grid.n_modes)}


def curve(rows, label, name):
    return rows.select(grid=label).trajectories[name].isel(task=0)


def draw_electron(axes, rows, reference):
    """Fig. 14."""
    grids = paper_grids(rows)
    colours = plt.cm.viridis_r(np.linspace(0.1, 1.0, len(grids)))
    curves = {grid.label: curve(rows, grid.label, "Y_Delta_e") for grid in grids.values()}
    widths = figures.nested_widths(len(grids))
    for (n_modes, grid), colour, width in zip(grids.items(), colours, widths, strict=True):
        axes.plot(curves[grid.label].temperature, curves[grid.label], color=colour, lw=width, label=f"{n_modes} modes")
    if reference not in curves:
        curves[reference] = curve(rows, reference, "Y_Delta_e")
        text = figures.grid_text(rows.grids[reference]).replace(", ", ",\n")
        axes.plot(curves[reference].temperature, curves[reference], color="k", lw=0.8, label=text)
    figures.asymmetry_axis(axes, curves.values())
    axes.set_ylabel(r"electron asymmetry $Y_{\Delta_e} = n_{\Delta_e}/s$")
    axes.set_title(f"As fig. 14 of {figures.PAPER}: numbers of modes on the grid (6.2)")


def draw_total(axes, rows, reference):
    """Fig. 15."""
    grids = paper_grids(rows)
    lines = [("averaged", "tab:blue", "-", 2.0)] if "averaged" in rows.points.grid.values else []
    lines += [(grids[n].label, *style, 2.5) for n, style in RESOLVED_IN_FIG_15.items() if n in grids]
    lines += [(reference, "k", "-", 0.8)] if reference not in {label for label, *_ in lines} else []
    curves = [curve(rows, label, "Y_L") for label, *_ in lines]
    for (label, colour, style, width), values in zip(lines, curves, strict=True):
        text = figures.grid_text(rows.grids[label]).replace(", ", ",\n")
        axes.plot(values.temperature, values, color=colour, ls=style, lw=width, label=text)
    figures.asymmetry_axis(axes, curves)
    figures.sphaleron_line(axes, rows)
    axes.set_ylabel("total lepton asymmetry $Y_L$")
    axes.set_title(f"As fig. 15 of {figures.PAPER}: momentum-averaged and momentum-resolved")


def known_errors(results, variation, observable):
    """`final_error` of the points that have one on some grid, and how many have one on each grid."""
    error = final_error(results.select(variation=variation, status="done"), observable)
    error = error.dropna("point", how="all").dropna("grid", how="all")
    return error, error.notnull().sum("point").values


def points_text(counts, results, variation):
    """How many points there are behind the errors, of how many that the campaign has."""
    n_all = len(np.unique(results.select(variation=variation).points.point))
    known = " to ".join(map(str, dict.fromkeys((counts.min(), counts.max()))))
    return "one point" if n_all == 1 else f"{n_all} points" if counts.min() == n_all else f"{known} of {n_all} points"


def draw_error(axes, results, variation, observable, symbol):
    """Error of a final asymmetry, median over the points and the range of four fifths of them."""
    error, counts = known_errors(results, variation, observable)
    n_points = error.sizes["point"]
    n_modes = error.n_modes.values
    low, median, high = error.quantile([0.1, 0.5, 0.9], dim="point", skipna=True).values
    families = dict.fromkeys(error.family.values.tolist())
    markers = iter("osD^vP")
    for family in families:
        members = np.flatnonzero(error.family.values == family)
        members = members[np.argsort(n_modes[members])]
        label = figures.family_text(results.grids[error.grid.values[members[0]]])
        label = label.replace(" with", "\nwith")
        if family == "averaged":
            axes.axhline(median[members[0]], color="0.4", ls="-.", label=label)
            continue
        (line,) = axes.plot(n_modes[members], median[members], marker=next(markers), ms=5, label=label)
        if n_points > 1:
            axes.fill_between(n_modes[members], low[members], high[members], color=line.get_color(), alpha=0.2, lw=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = [n for n in (5, 10, 20, 50, 100, 200, 500) if n <= 1.2 * n_modes.max()]
    axes.set_xticks(ticks, labels=[str(n) for n in ticks])
    axes.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes.set_xlabel(r"number of momentum modes $N_{\rm modes}$")
    axes.set_ylabel(rf"error of {symbol}, $|Y/Y^{{\rm ref}} - 1|$")
    axes.grid(alpha=0.3)
    reference = figures.grid_text(results.grids[error.attrs["reference"]])
    points = points_text(counts, results, variation)
    range_text = f"median and 10-90 % range of {points};\n" if n_points > 1 else f"{points}; "
    axes.set_title(f"Error of the final {symbol}, {range_text}reference: {reference}")


def draw(results, rows):
    """The figure; `rows` are those of the point in the first two panels."""
    reference = finest_grid(rows)
    variation = rows.points.variation.values[0]
    observables = asymmetries_that_are_there(results, variation)
    n_panels = 2 + len(observables)
    picture, panels = plt.subplots(n_panels, 1, figsize=(8.5, 4.3 * n_panels), layout="constrained")
    draw_electron(panels[0], rows, reference)
    draw_total(panels[1], rows, reference)
    for axes in panels[:2]:
        figures.temperature_axis(axes, rows.trajectories.temperature.values)
    for axes, observable in zip(panels[2:], observables, strict=True):
        draw_error(axes, results, variation, observable, ERRORS_OF[observable])
    for axes in panels:
        figures.legend_beside(axes)
        axes.title.set_fontsize("medium")
    text = f"{figures.parameters_text(rows.points.isel(task=0))}\n{figures.settings_text(results, variation)}"
    picture.suptitle(figures.with_progress(text, results), fontsize="medium")
    return picture


def asymmetries_that_are_there(results, variation):
    """Of ERRORS_OF; no baryons in a campaign that misses the sphaleron freeze-out, no errors without a reference."""
    return [name for name in ERRORS_OF if known_errors(results, variation, name)[1].size]


def error_table(results, variation):
    """Errors on each grid: their quantiles over the points, or those of the only point."""
    names = asymmetries_that_are_there(results, variation)
    if not names:
        return f"No point is done both on the reference, {finest_grid(results)}, and on another grid yet."
    errors, counts = zip(*(known_errors(results, variation, name) for name in names), strict=True)
    n_points = errors[0].sizes["point"]
    quantiles = {"median": 0.5, "90 %": 0.9, "largest": 1.0} if n_points > 1 else {"error": 0.5}
    head = [f"{name}: {text}" if i == 0 else text for name in names for i, text in enumerate(["points", *quantiles])]
    widths = [max(9, len(text) + 3) for text in head]
    rows = [("grid", *head)]
    for grid in errors[0].grid.values:
        cells = []
        for error in errors:
            known = error.reindex(grid=errors[0].grid).sel(grid=grid).dropna("point")
            quantile = known.quantile(list(quantiles.values())) if known.size else np.full(len(quantiles), np.nan)
            cells += [str(known.size), *(f"{value:.1e}" for value in np.asarray(quantile))]
        rows.append((str(grid), *cells))
    label = max(len(row[0]) for row in rows)
    lines = [
        f"{grid:{label}s}" + "".join(f"{text:>{width}s}" for text, width in zip(cells, widths, strict=True))
        for grid, *cells in rows
    ]
    points = points_text(counts[0], results, variation)
    return "\n".join([f"Errors of the final asymmetries, {points}; reference: {errors[0].attrs['reference']}", *lines])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="convergence.png")
    parser.add_argument("--task", type=int, metavar="N", help="show the point of this task in the first two panels")
    options = parser.parse_args(arguments)
    try:
        results = read_results(options.file, model="lepton_asymmetry")
        rows = choose(results, options.task)
        figures.save(draw(results, rows), options.output)
        print(error_table(results, rows.points.variation.values[0]))
    except ResultsError as error:
        print(f"plot_convergence: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
