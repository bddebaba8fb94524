#!/usr/bin/env python3
"""Draw what the variations of a campaign of `lepton_asymmetry` change, as figs. 13, 18 and 19 of arXiv:2011.12637.

    plot_variations.py FILE.h5 [--grid LABEL] [--point N] -o variations.png

Eigenvalues of Gamma_N over H, total lepton asymmetry and electron asymmetry of every variation against temperature, at
one point (the tuned one, or the first that is done) and on one momentum grid (the finest).  Asymmetries have their
signs, on axes that are linear around zero.  The values at the end are printed.
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, finest_grid, read_results  # noqa: E402

PANELS = {
    "Y_L": "total asymmetry $Y_L$",
    "Y_Delta_e": r"electron asymmetry $Y_{\Delta_e}$",
}


def choose(results, point, grid):
    """One row for each variation.

    Raises
    ------
    ResultsError
        If there is none that is done.
    """
    rows = results if grid is None else results.select(grid=grid)
    shown = rows.select(point=figures.point_to_show(rows) if point is None else point, status="done")
    if not len(shown):
        raise ResultsError(f"{results.path}: no row of that point and grid is done")
    numbers = [*figures.SYMBOLS, *(name for name in shown.points if name.endswith("_offset"))]
    values = {name: shown.points[name].values[0] for name in numbers}
    rows = rows.nearest(**values).select(status="done")
    return rows if grid is not None else rows.select(grid=finest_grid(rows))


def draw(rows):
    """The figure; `rows` as from `choose`."""
    picture, panels = plt.subplots(3, 1, figsize=(9.0, 11.0), sharex=True, layout="constrained")
    temperature = rows.trajectories.temperature.values
    colours = plt.get_cmap("tab20" if len(rows) > 10 else "tab10").colors
    for i, width in enumerate(figures.nested_widths(len(rows))):
        curves, style = rows.trajectories.isel(task=i), {"color": colours[i % len(colours)], "lw": width}
        label = curves.variation.item()
        panels[0].loglog(temperature, curves.Gamma_N_large_over_H, label=label, **style)
        panels[0].loglog(temperature, curves.Gamma_N_small_over_H, ls="--", **style)
        for axes, name in zip(panels[1:], PANELS, strict=True):
            axes.plot(temperature, curves[name], label=label, **style)
    panels[0].axhline(1.0, color="0.4", lw=1)
    panels[0].set_ylabel(r"$\Gamma_N/H$, larger eigenvalue," "\nand (dashed) smaller one")
    for axes, (name, label) in zip(panels[1:], PANELS.items(), strict=True):
        figures.asymmetry_axis(axes, rows.trajectories[name])
        axes.set_ylabel(label)
    for axes in panels:
        figures.sphaleron_line(axes, rows).set_label(None)
        figures.legend_beside(axes)
    figures.temperature_axis(panels[-1], temperature)
    grid = rows.grids[rows.points.grid.values[0]]
    missing = [name for name in rows.input["variations"] if name not in rows.points.variation.values]
    own = figures.own_text(rows, str(rows.points.variation.values[0]))
    texts = [figures.parameters_text(rows.points.isel(task=0)) + own, figures.grid_text(grid)]
    picture.suptitle("\n".join([*texts, *not_done(missing)]), fontsize="medium")
    return picture


def not_done(variations):
    """Lines that name the variations which are missing."""
    return [f"not done: {', '.join(variations)}"] if variations else []


def report(rows):
    """The values at the end, as text."""
    width = max(len(name) for name in rows.points.variation.values)
    lines = [f"{'variation':{width}}  {'Y_L':>11}  {'Y_Delta_e':>11}  {'Y_B':>11}"]
    for i, variation in enumerate(rows.points.variation.values):
        end = rows.scalars.isel(task=i)
        values = "  ".join(f"{end[name].item():11.3e}" for name in ("Y_L", "Y_Delta_e", "Y_B"))
        lines.append(f"{variation:{width}}  {values}")
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="variations.png")
    parser.add_argument("--point", type=int, metavar="N", help="draw this point")
    parser.add_argument("--grid", metavar="LABEL", help="draw the solves on this momentum grid")
    options = parser.parse_args(arguments)
    try:
        rows = choose(read_results(options.file, model="lepton_asymmetry"), options.point, options.grid)
        figures.save(draw(rows), options.output)
    except ResultsError as error:
        print(f"plot_variations: {error}", file=sys.stderr)
        return 2
    print(report(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
