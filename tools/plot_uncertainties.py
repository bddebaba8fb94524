#!/usr/bin/env python3
"""Draw what each variation of a campaign of `lepton_asymmetry` is worth, a tornado of bars for Y_L and Y_B.

    plot_uncertainties.py FILE.h5 [--grid LABEL] [--point N] [--base NAME] -o uncertainties.png

Each variation changes something that is uncertain, one at a time; its bars are the asymmetries at the end over those of
the base, less one, the first variation of the input if none is named.  The largest change of Y_B comes first.  At one
point (the tuned one, or the first that is done) and on one momentum grid (the finest).  Numbers are printed.
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from plot_variations import choose, not_done  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, read_results  # noqa: E402

NAMES = {"Y_L": "$Y_L$ at the end", "Y_B": "$Y_B$"}


def changes(rows, base):
    """Relative changes of NAMES by variation, the largest of Y_B first.

    Returns
    -------
    dict of str to (2,) array

    Raises
    ------
    ResultsError
        If the base is not among the rows, or 0.
    """
    names = [str(name) for name in rows.points.variation.values]
    if base not in names:
        raise ResultsError(
            f"{rows.path}: the variation {base!r} is not there, or not done; there is {', '.join(names)}"
        )
    values = np.array([rows.scalars[name].values for name in NAMES]).T
    of_base = values[names.index(base)]
    if not np.all(np.isfinite(of_base) & (of_base != 0)):
        raise ResultsError(f"{rows.path}: {', '.join(NAMES)} of {base} are {of_base}: nothing to compare with")
    found = {name: row / of_base - 1 for name, row in zip(names, values, strict=True) if name != base}
    return dict(sorted(found.items(), key=lambda item: -abs(item[1][1])))


def draw(rows, base, found):
    """The figure; `rows` as from `choose`, `found` as from `changes`."""
    picture, axes = plt.subplots(figsize=(9.0, 1.8 + 0.42 * len(found)), layout="constrained")
    place = np.arange(len(found))
    for i, (label, offset) in enumerate(zip(NAMES.values(), (-0.2, 0.2), strict=True)):
        bars = axes.barh(place + offset, [100 * row[i] for row in found.values()], height=0.38, label=label)
        axes.bar_label(bars, fmt="%+.3g", padding=3, fontsize="small")
    axes.set_yticks(place, [name.replace("_", " ") for name in found])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.axvline(0.0, color="0.4", lw=1)
    axes.set_xlabel(f"change against {base.replace('_', ' ')} [%]")
    axes.legend(loc="best")
    missing = [name for name in rows.input["variations"] if name not in rows.points.variation.values]
    own = figures.own_text(rows, base)
    texts = [figures.parameters_text(rows.points.isel(task=0)) + own]
    texts.append(figures.grid_text(rows.grids[rows.points.grid.values[0]]))
    picture.suptitle("\n".join([*texts, *not_done(missing)]), fontsize="medium")
    return picture


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="uncertainties.png")
    parser.add_argument("--point", type=int, metavar="N", help="draw this point")
    parser.add_argument("--grid", metavar="LABEL", help="draw the solves on this momentum grid")
    parser.add_argument("--base", metavar="NAME", help="compare with this variation")
    options = parser.parse_args(arguments)
    try:
        results = read_results(options.file, model="lepton_asymmetry")
        rows = choose(results, options.point, options.grid)
        base = options.base or next(iter(results.input["variations"]))
        found = changes(rows, base)
        figures.save(draw(rows, base, found), options.output)
    except ResultsError as error:
        print(f"plot_uncertainties: {error}", file=sys.stderr)
        return 2
    for name, row in found.items():
        print(f"{name:32} " + "  ".join(f"{label} {100 * x:+8.3g} %" for label, x in zip(NAMES, row, strict=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
