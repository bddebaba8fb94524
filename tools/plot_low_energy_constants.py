#!/usr/bin/env python3
"""Draw figs. 1-3 of arXiv:2004.10766 from results files of the model `low_energy_constants`, one panel a file.

    plot_low_energy_constants.py fig1_normal.h5 fig1_inverted.h5 [...] -o figures.png [--figure N]

Reads nothing but the results files.  The figure is recognised by "fig1", "fig2" or "fig3" in the name of the campaign;
--figure overrides that.  As in the paper only points with H_lambda < 10 are drawn, and those that survive the stronger
conditions H_lambda < 1 and then 0.2 < Gamma_H < 5 are on top.
"""

import argparse
import re
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import numpy as np  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, read_results  # noqa: E402

RATE_RANGE = (0.2, 5.0)
SYMBOL = {
    "H_lambda": r"\langle\hat H_\lambda\rangle_1",
    "Gamma_H": r"\langle\hat\Gamma_H\rangle_1",
    "Gamma_osc": r"\langle\hat\Gamma_{\rm osc}\rangle_1",
}
CONDITIONS = (
    (rf"${SYMBOL['H_lambda']} < 10$", {"marker": ".", "s": 2, "color": "0.65"}),
    (rf"${SYMBOL['H_lambda']} < 1$", {"marker": "o", "s": 10, "color": "tab:red"}),
    (rf"${RATE_RANGE[0]:g} < {SYMBOL['Gamma_H']} < {RATE_RANGE[1]:g}$", {"marker": "s", "s": 12, "color": "tab:green"}),
)
"""Label and marker of each condition; each one comes on top of those before it."""


class Panel:
    """The columns of one results file, and which of its points meet each condition."""

    def __init__(self, path):
        self.path = path
        self.file = read_results(path, model="low_energy_constants")
        self.points, self.results = self.file.points, self.file.scalars
        self.n_pending = int((self.points.status.values != "done").sum())
        h_lambda, gamma_h = self.results.H_lambda.values, self.results.Gamma_H.values  # NaN meets no condition
        slow = h_lambda < 1
        self.classes = (h_lambda < 10, slow, slow & (gamma_h > RATE_RANGE[0]) & (gamma_h < RATE_RANGE[1]))
        if not self.classes[0].any():
            raise ResultsError(f"{path}: no point is done that has H_lambda < 10; run the campaign, or tune it better")

    def parameter(self, name):
        return self.points[name].values

    def offset(self, name):
        """Offsets of a parameter, and the tuned value from which they are counted."""
        entry = self.file.input["parameters"][name]
        if "about" not in entry:
            raise ResultsError(f"{self.path}: fig. 2 needs {name} to be given with `about` in the input file")
        return self.points[f"{name}_offset"].values, entry["about"], entry["unit"]

    def scatter(self, axes, x, y):
        for chosen, (label, style) in zip(self.classes, CONDITIONS, strict=True):
            axes.scatter(x[chosen], y[chosen], label=f"{label}   ({chosen.sum()})", linewidths=0, **style)

    def title(self):
        hierarchies = {self.file.settings(name)["hierarchy"] for name in self.file.input["variations"]}
        fixed = []
        for name in ("M", "T"):
            values = np.unique(self.parameter(name))
            span = f"{values[0]:g}" if len(values) == 1 else rf"{values[0]:g} \ldots {values[-1]:g}"
            fixed.append(f"${name} = {span}$ GeV")
        return ", ".join([" and ".join(sorted(hierarchies)) + " hierarchy", *fixed])


def recognise(panel):
    """Number of the figure, from the name of the campaign."""
    campaign = panel.file.attributes["campaign"]
    found = re.search(r"fig([123])(?![0-9])", campaign)
    if not found:
        raise ResultsError(f"{panel.path}: the campaign {campaign!r} names no figure; say which with --figure")
    return int(found.group(1))


def draw_rate(axes, panel):
    """Fig. 1: Gamma_H against Im z."""
    panel.scatter(axes, panel.parameter("im_z"), panel.results.Gamma_H.values)
    axes.set_yscale("log")
    for bound in RATE_RANGE:
        axes.axhline(bound, color="tab:green", lw=0.7, ls="--", zorder=0)
    axes.set_xlabel(r"Im $z$")
    axes.set_ylabel(f"${SYMBOL['Gamma_H']}$")


def draw_plane(axes, panel):
    """Fig. 2: the plane of Re z and Delta M, as offsets from the tuned point."""
    x, re_z, angle_unit = panel.offset("re_z")
    y, delta_m, unit = panel.offset("delta_M")
    panel.scatter(axes, x, y)
    axes.set_xlim(x.min(), x.max())
    axes.set_ylim(y.min(), y.max())
    axes.set_xlabel(rf"Re $z$ [rad] $-$ {re_z:.12g} {angle_unit}".replace("0.5 pi", r"$\pi/2$"))
    axes.set_ylabel(rf"$\Delta M$ [GeV] $-$ {delta_m!r} {unit}")


def draw_asymmetric_rate(axes, panel):
    """Fig. 3: Gamma_osc against delta."""
    panel.scatter(axes, panel.parameter("delta"), panel.results.Gamma_osc.values)
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(top=50 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlabel(r"$\delta$ [rad]")
    axes.set_ylabel(f"${SYMBOL['Gamma_osc']}$")


DRAW = {1: draw_rate, 2: draw_plane, 3: draw_asymmetric_rate}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="NAME.png")
    parser.add_argument("--figure", type=int, choices=sorted(DRAW), help="draw every file as this figure")
    options = parser.parse_args(arguments)

    picture, panels = figures.panels(len(options.files), 2, (6.2, 5.0))
    try:
        for axes, path in zip(panels, options.files, strict=True):
            panel = Panel(path)
            figure = options.figure or recognise(panel)
            DRAW[figure](axes, panel)
            axes.set_title(f"Fig. {figure} of arXiv:2004.10766\n{panel.title()}", fontsize="medium")
            axes.legend(loc="upper center" if figure == 1 else "upper right", fontsize="x-small", markerscale=2)
            if panel.n_pending:
                axes.text(
                    0.99, 0.01, f"{panel.n_pending} points not done", transform=axes.transAxes, ha="right",
                    fontsize="small",
                )  # fmt: skip
        figures.save(picture, options.output)
    except ResultsError as error:
        print(f"plot_low_energy_constants: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
