#!/usr/bin/env python3
"""Draw what the momentum-averaged equations are worth from a results file of `lepton_asymmetry` that has both.

    plot_averaged_vs_resolved.py FILE.h5 -o averaged_vs_resolved.png

Ratio of the momentum-averaged to the momentum-resolved asymmetry (the finest Gauss-Legendre grid of the file), for the
final Y_L and for Y_B: how it is distributed over the points, and against the mass and the asymmetry itself its median
(lines) and the range of four fifths of the points (bands: 10-90 %), in groups of neighbouring points.  Dotted: the
factor of 1.3 of arXiv:2011.12637, sec. 6.  The numbers behind it are printed, and of how many points they are.
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from hpc_nu.analysis import ResultsError, by_grid, figures, finest_grid, read_results  # noqa: E402

SYMBOLS = {"Y_L": "$Y_L$", "Y_B": "$Y_B$"}
COLOURS = {"Y_L": "tab:blue", "Y_B": "tab:orange"}
QUOTED = 1.3
BINS = np.linspace(-2.0, 4.0, 121)
SHOWN = (-1.0, 3.0)
N_GROUPS = 20  # of points of neighbouring mass or asymmetry


def ratios(results):
    """For each asymmetry: ratio, |resolved asymmetry| and mass of the points that are done on both grids."""
    done = results.select(status="done")
    reference = finest_grid(done)
    if "averaged" not in done.points.grid.values or reference == "averaged":
        raise ResultsError(f"{results.path}: {what_is_done(results)}")
    mass = by_grid(done, done.points.M).sel(grid=reference).values
    found = {}
    for name in SYMBOLS:
        table = by_grid(done, done.scalars[name])
        averaged, resolved = (table.sel(grid=label).values for label in ("averaged", reference))
        there = np.isfinite(averaged) & np.isfinite(resolved) & (resolved != 0)
        if np.any(there):
            found[name] = averaged[there] / resolved[there], np.abs(resolved[there]), mass[there]
    if not found:
        raise ResultsError(f"{results.path}: {what_is_done(results)}")
    return found, figures.grid_text(results.grids[reference])


def what_is_done(results):
    """Why there is nothing to compare."""
    status, grid = results.points.status.values, results.points.grid.values
    rows = [f"{label} {np.sum(status[grid == label] == 'done')} of {np.sum(grid == label)}" for label in results.grids]
    return (
        "no point is done on the grid averaged and on a resolved one; rows that are done: " + ", ".join(rows) + "; "
        "continue the campaign, or give it the grid that it lacks"
    )


def summary(name, ratio, size):
    """One line for all points, one for the hundredth with the largest asymmetries."""
    lines = []
    for label, chosen in (("all", ratio), ("largest 1 %", ratio[size >= np.quantile(size, 0.99)])):
        low, median, high = np.quantile(chosen, [0.1, 0.5, 0.9])
        within = np.mean((chosen > 1 / QUOTED) & (chosen < QUOTED))
        lines.append(
            f"{name}, {label:12s}{chosen.size:7d} points: median {median:.3f}, 10-90 % {low:.3f} ... {high:.3f},"
            f" within a factor {QUOTED}: {within:.1%}, of the other sign: {np.mean(chosen < 0):.1%}"
        )
    return "\n".join(lines)


def draw_distribution(axes, found):
    for name, (ratio, _, _) in found.items():
        share = np.full(ratio.size, 1 / ratio.size)
        axes.hist(
            np.clip(ratio, BINS[0], BINS[-1]), BINS, weights=share, color=COLOURS[name], alpha=0.5, label=SYMBOLS[name]
        )
    axes.set_yscale("log")
    axes.set_xlabel("averaged / resolved   (what is beyond is in the outermost bins)")
    axes.set_ylabel("share of the points")


def draw_against(axes, x, ratio, name):
    """Median and 10-90 % range in groups of equally many points."""
    order = np.argsort(x, kind="stable")
    groups = [group for group in np.array_split(order, min(N_GROUPS, max(1, len(x) // 10))) if group.size]
    centres = [np.median(x[group]) for group in groups]
    low, median, high = np.array([np.quantile(ratio[group], [0.1, 0.5, 0.9]) for group in groups]).T
    axes.plot(centres, median, color=COLOURS[name], marker="o", ms=3, label=SYMBOLS[name])
    axes.fill_between(centres, low, high, color=COLOURS[name], alpha=0.2, lw=0)
    axes.set_xscale("log")
    axes.set_ylim(*SHOWN)
    axes.set_ylabel("averaged / resolved")


def draw(results, found, reference):
    picture, panels = plt.subplots(3, 1, figsize=(7.5, 11.0), layout="constrained")
    draw_distribution(panels[0], found)
    for name, (ratio, size, mass) in found.items():
        draw_against(panels[1], mass, ratio, name)
        draw_against(panels[2], size, ratio, name)
    for axes in panels[1:]:
        axes.set_title(
            f"Lines: median, bands: 10-90 % of the points, in {N_GROUPS} groups of neighbouring points or fewer;\n"
            f"shown from {SHOWN[0]:g} to {SHOWN[1]:g}",
            fontsize="small",
        )
    panels[1].set_xlabel("mass $M$ [GeV]")
    panels[2].set_xlabel("size of the resolved asymmetry")
    for axes, line in zip(panels, ("axvline", "axhline", "axhline"), strict=True):
        for value, style in ((1.0, "-"), (QUOTED, ":"), (1 / QUOTED, ":")):
            getattr(axes, line)(value, color="0.4", ls=style, lw=1)
        axes.legend(fontsize="small")
    n_points = len(np.unique(results.points.point))
    counts = ", ".join(f"{SYMBOLS[name]}: {ratio.size} of {n_points} points" for name, (ratio, *_) in found.items())
    text = f"Momentum-averaged over momentum-resolved ({reference})\n{counts}"
    picture.suptitle(figures.with_progress(text, results), fontsize="medium")
    return picture


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="NAME.png")
    options = parser.parse_args(arguments)
    try:
        results = read_results(options.file, model="lepton_asymmetry")
        found, reference = ratios(results)
        figures.save(draw(results, found, reference), options.output)
    except ResultsError as error:
        print(f"plot_averaged_vs_resolved: {error}", file=sys.stderr)
        return 2
    for name, (ratio, size, _) in found.items():
        print(summary(name, ratio, size))
    if progress := figures.progress_text(results):
        print(f"Not complete: {progress}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
