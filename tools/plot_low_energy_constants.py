#!/usr/bin/env python3
"""Draw pictures as figs. 1-3 of arXiv:2004.10766, and over temperature, from files of `low_energy_constants`.

    plot_low_energy_constants.py fig1_normal.h5 fig3_normal.h5 over_T.h5 [...] -o figures.png [--figure 1|2|3|T]

Reads nothing but the results files.  A file in which T alone varies is drawn over temperature, with the smallest
H_lambda; of others the figure is recognised by "fig1", "fig2" or "fig3" in the name of the campaign.  --figure
overrides that.  Each variation has panels of its own, fig. 3 two of them: Gamma_osc against delta and, as its caption
says, phi_1.  As in the paper only points with H_lambda < 10 are drawn in figs. 1-3, and those that survive the stronger
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
PHASES = {"delta": r"\delta", "phi": r"\phi_1"}
POINT_SYMBOLS = {"delta_M": r"\Delta M", "re_z": r"{\rm Re}\,z", "im_z": r"{\rm Im}\,z"} | PHASES
CONDITIONS = (
    (rf"${SYMBOL['H_lambda']} < 10$", {"marker": ".", "s": 2, "color": "0.65"}),
    (rf"${SYMBOL['H_lambda']} < 1$", {"marker": "o", "s": 10, "color": "tab:red"}),
    (
        rf"and ${RATE_RANGE[0]:g} < {SYMBOL['Gamma_H']} < {RATE_RANGE[1]:g}$",
        {"marker": "s", "s": 12, "color": "tab:green"},
    ),
)
"""Label and marker of each condition; each one comes on top of those before it."""


class Panel:
    """The columns of one variation of a results file, and which of its points meet each condition."""

    def __init__(self, results, variation):
        self.path, self.variation = results.path, variation
        self.file = results.select(variation=variation)
        self.points, self.results = self.file.points, self.file.scalars
        self.is_done = self.points.status.values == "done"
        if not self.is_done.any():
            raise ResultsError(f"{self.path}: no point of variation {variation} is done yet; run the campaign first")
        h_lambda, gamma_h = self.results.H_lambda.values, self.results.Gamma_H.values  # NaN meets no condition
        slow = h_lambda < 1
        self.classes = (h_lambda < 10, slow, slow & (gamma_h > RATE_RANGE[0]) & (gamma_h < RATE_RANGE[1]))

    def parameter(self, name):
        return self.points[name].values

    def offset(self, name):
        """Offsets of a parameter, and the tuned value from which they are counted."""
        entry = self.file.input["parameters"][name]
        if "about" not in entry:
            raise ResultsError(f"{self.path}: fig. 2 needs {name} to be given with `about` in the input file")
        return self.points[f"{name}_offset"].values, entry["about"], entry["unit"]

    def varying(self):
        """Names of the parameters that have several values."""
        return {name for name in self.file.input["parameters"] if len(np.unique(self.parameter(name))) > 1}

    def scatter(self, axes, x, y):
        if not self.classes[0].any():
            raise ResultsError(f"{self.path}: no point is done that has H_lambda < 10; run on, or tune it better")
        for chosen, (label, style) in zip(self.classes, CONDITIONS, strict=True):
            axes.scatter(x[chosen], y[chosen], label=f"{label}   ({chosen.sum()})", linewidths=0, **style)

    def point_text(self):
        """What does not vary in a picture over temperature, besides the mass."""
        point = self.points.isel(task=0)
        texts = [figures.parameter_text(name, symbol, point) for name, symbol in POINT_SYMBOLS.items()]
        return ", ".join(texts[:2]) + "\n" + ", ".join(texts[2:])

    def title(self):
        texts = [f"variation {self.variation}"] * (len(self.file.input["variations"]) > 1)
        texts.append(f"{self.file.settings(self.variation)['hierarchy']} hierarchy")
        for name in ("M", "T"):
            values = np.unique(self.parameter(name))
            ends = dict.fromkeys(figures.number_text(value, 10) for value in (values[0], values[-1]))
            texts.append(f"${name} = " + r" \ldots ".join(ends) + "$ GeV")
        return ", ".join(texts) + figures.own_text(self.file, self.variation)


def recognise(panel):
    """Name of the figure, from what varies or from the name of the campaign."""
    campaign = panel.file.attributes["campaign"]
    if panel.varying() == {"T"}:
        return "T"
    found = re.search(r"fig([123])(?![0-9])", campaign)
    if not found:
        raise ResultsError(f"{panel.path}: the campaign {campaign!r} names no figure; say which with --figure")
    return found.group(1)


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
    angle = figures.number_text(re_z, 12) + {"pi": r"\,\pi", "deg": r"^\circ", "rad": ""}[angle_unit]
    axes.set_xlabel(rf"Re $z$ [rad] $-$ ${angle}$")
    axes.set_ylabel(rf"$\Delta M$ [GeV] $-$ ${figures.number_text(delta_m, 12)}$ {unit}")


def draw_asymmetric_rate(axes, panel, phase):
    """Fig. 3: Gamma_osc against one of the phases."""
    panel.scatter(axes, panel.parameter(phase), panel.results.Gamma_osc.values)
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(top=50 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlabel(f"${PHASES[phase]}$ [rad]")
    axes.set_ylabel(f"${SYMBOL['Gamma_osc']}$")


def draw_over_temperature(axes, panel):
    """All three constants at one point over T, and where H_lambda is smallest."""
    others = sorted(panel.varying() - {"T"})
    if others:
        raise ResultsError(f"{panel.path}: a picture over T is of one point; here {', '.join(others)} varies, too")
    rows = np.flatnonzero(panel.is_done)
    rows = rows[np.argsort(panel.parameter("T")[rows])]
    temperature = panel.parameter("T")[rows]
    curves = {name: panel.results[name].values[rows] for name in SYMBOL}
    for (name, values), width in zip(curves.items(), figures.nested_widths(len(curves)), strict=True):
        axes.plot(temperature, values, lw=width, label=f"${SYMBOL[name]}$")
    smallest = np.argmin(curves["H_lambda"])
    value = curves["H_lambda"][smallest]
    text = f"smallest ${SYMBOL['H_lambda']} = {value:.3f}$ at {temperature[smallest]:.2f} GeV"
    axes.plot(temperature[smallest], value, "o", color="k", ms=5, label=text)
    axes.axhline(1.0, color="0.6", lw=0.8, ls="--", zorder=0)
    wanted = rf"${RATE_RANGE[0]:g} \ldots {RATE_RANGE[1]:g}$"
    axes.axhspan(*RATE_RANGE, color="tab:green", alpha=0.1, lw=0, label=wanted)
    axes.set_yscale("symlog", linthresh=0.01)
    figures.temperature_axis(axes, temperature)
    axes.set_ylabel(r"constants over $3 c_s^2 H$")


def plan_panels(panel, figure):
    """The panels of a figure: for each the function that draws it, and its arguments behind the axes."""
    if figure == "3":
        return [(draw_asymmetric_rate, panel, phase) for phase in PHASES]
    return [({"1": draw_rate, "2": draw_plane, "T": draw_over_temperature}[figure], panel)]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="NAME.png")
    parser.add_argument("--figure", choices=("1", "2", "3", "T"), help="draw every file as this figure")
    options = parser.parse_args(arguments)

    try:
        files = [read_results(path, model="low_energy_constants") for path in options.files]
        found = [Panel(results, variation) for results in files for variation in results.input["variations"]]
        figure_of = {panel: options.figure or recognise(panel) for panel in found}
        plan = [(figure, *what) for panel, figure in figure_of.items() for what in plan_panels(panel, figure)]
        picture, all_axes = figures.panels(len(plan), 2, (6.2, 5.0))
        for axes, (figure, draw, panel, *what) in zip(all_axes, plan, strict=True):
            draw(axes, panel, *what)
            head = panel.point_text() if figure == "T" else f"As fig. {figure} of arXiv:2004.10766"
            title = f"{head}\n{panel.title()}"
            axes.set_title(figures.with_progress(title, panel.file), fontsize="medium")
            place = {"1": "upper center", "T": "best"}.get(figure, "upper right")
            axes.legend(loc=place, fontsize="x-small", markerscale=1 if figure == "T" else 2)
        figures.save(picture, options.output)
    except ResultsError as error:
        print(f"plot_low_energy_constants: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
