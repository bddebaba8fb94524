#!/usr/bin/env python3
"""Draw pictures as figs. 1-6 of arXiv:2602.20570 from results files of `asymmetric_freeze_in`, one panel a variation.

    plot_asymmetric_freeze_in.py fig1.h5 [fig2.h5 ...] -o figures.png [--figure N]

Reads nothing but the results files.  The figure is recognised by the parameters that vary; --figure overrides that.
Beside the vertical line m_N = 5 keV of the paper's figs. 5 and 6 it draws where its eq. (20) puts the Lyman-alpha
bound, and shades the region in which its freeze-in condition Gamma_phi < H(m_phi) holds.
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, read_results  # noqa: E402

KEV = 1e-6  # GeV
BAND = (0.11, 0.13)
LYMAN_ALPHA_KEV = 5.0
SYMBOL = {"m_N": r"m_N", "m_phi": r"m_\phi", "mu": r"\mu", "epsilon": r"\varepsilon"}
AXES = {1: {"mu"}, 2: {"epsilon"}, 3: {"m_phi"}, 4: {"m_N", "epsilon"}, 5: {"m_N", "mu"}, 6: {"m_N", "epsilon"}}
"""Parameters that vary in each figure; 4 and 6 differ in how many values epsilon takes."""

FEW = 12  # a parameter with no more values than this labels lines; with more it spans an axis


class Panel:
    """The columns of one variation of a results file; rows that are not done are NaN."""

    def __init__(self, results, variation):
        self.path = path = results.path
        self.file = results.select(variation=variation)
        self.variation = variation if len(results.input["variations"]) > 1 else ""
        self.done = self.file.points.status.values == "done"
        if not self.done.any():
            raise ResultsError(f"{path}: no point of variation {variation} is done yet; run the campaign first")
        self.points = {name: self.file.points[name].values for name in SYMBOL}
        self.results = {name: column.values for name, column in self.file.scalars.items()}
        self.varying = {name: np.unique(v) for name, v in self.points.items() if len(np.unique(v)) > 1}

    def fixed(self, omitted=()):
        """Text such as `$m_phi = 300$ GeV` for every parameter that does not vary and is not `omitted`."""
        named = [name for name in self.points if name not in self.varying and name not in omitted]
        return ", ".join([*filter(None, [self.variation]), *(spelled(name, self.points[name][0]) for name in named)])

    def plane(self, name, x, y):
        """Column `name` as a (len(y), len(x)) array over two varying parameters."""
        if len(self.varying[x]) * len(self.varying[y]) != len(self.points[x]):
            raise ResultsError(f"{self.path}: the points are not a full grid in {x} and {y}")
        rows = np.searchsorted(self.varying[y], self.points[y])
        columns = np.searchsorted(self.varying[x], self.points[x])
        grid = np.full((len(self.varying[y]), len(self.varying[x])), np.nan)
        grid[rows, columns] = self.results[name]
        return grid

    def mass_limits(self):
        """m_N [keV] at which the effective mass of eq. (20) reaches 5 keV, by label; m_eff is proportional to m_N."""
        estimates = (("delta, eq. (17)", "m_WDM_delta"), ("decay spectrum", "m_WDM_true"))
        return {
            label: LYMAN_ALPHA_KEV * np.nanmedian(self.points["m_N"] / self.results[name]) for label, name in estimates
        }


def spelled(name, value):
    """A parameter with its unit, as mathematical text: two that differ are told apart."""
    scale, unit = {"m_N": (KEV, " keV"), "m_phi": (1.0, " GeV")}.get(name, (1.0, ""))
    return f"${SYMBOL[name]} = {figures.number_text(value / scale, 10)}$" + unit


def axis_label(name):
    return rf"${SYMBOL[name]}$" + {"m_N": " [keV]", "m_phi": " [GeV]"}.get(name, "")


def recognise(results):
    """Number of the figure that the varying parameters belong to."""
    fits = [figure for figure, names in AXES.items() if names == set(results.varying)]
    if not fits:
        raise ResultsError(
            f"{results.path}: no figure varies {sorted(results.varying) or 'nothing'}; expected one of mu, epsilon and"
            " m_phi, or m_N together with mu or epsilon (or say which figure with --figure)"
        )
    return fits[0] if len(results.varying.get("epsilon", ())) <= FEW else fits[-1]


def draw_history(axes, results, parameter):
    """Figs. 1-3: Y(T)."""
    history = results.file.trajectories.Y
    rows = np.flatnonzero(results.done)[np.argsort(results.points[parameter][results.done])]
    for row, width in zip(rows, figures.nested_widths(len(rows)), strict=True):
        label = spelled(parameter, results.points[parameter][row])
        axes.loglog(history.temperature, history[row], lw=width, label=label)
    figures.temperature_axis(axes, history.temperature.values)
    axes.set_ylabel(r"asymmetry yield $Y_- = (n_N - n_{\bar N})/s$")
    axes.legend(loc="lower right")


def draw_relic_density(axes, results):
    """Fig. 4: Omega h^2 against m_N, one line for each epsilon."""
    for epsilon in results.varying["epsilon"]:
        rows = np.flatnonzero(results.points["epsilon"] == epsilon)
        rows = rows[np.argsort(results.points["m_N"][rows])]
        axes.loglog(
            results.points["m_N"][rows] / KEV, results.results["Omega_h2"][rows], label=spelled("epsilon", epsilon)
        )
    axes.axhspan(*BAND, color="0.7", alpha=0.7, label=rf"${BAND[0]} \leq \Omega h^2 \leq {BAND[1]}$")
    axes.set_xlabel(axis_label("m_N"))
    axes.set_ylabel(r"relic density $\Omega_{\rm DM} h^2$")
    axes.legend(loc="upper left")


def draw_plane(axes, results, parameter, colour):
    """Figs. 5 and 6: the relic-density band in the plane of m_N and `parameter`, with the bounds on it."""
    x, y = results.varying["m_N"] / KEV, results.varying[parameter]
    omega = np.log(results.plane("Omega_h2", "m_N", parameter))
    # Interpolated in ln(Omega h^2), linear in both logarithmic axes: the band is thinner than a cell of the grid.
    axes.contourf(np.log(x), np.log(y), omega, levels=np.log(BAND), colors=[colour])
    freeze_in = np.log(results.plane("Gamma_over_H", "m_N", parameter))
    if np.nanmin(freeze_in) < 0:
        axes.contourf(np.log(x), np.log(y), freeze_in, levels=[-np.inf, 0], colors=["tab:green"], alpha=0.2)
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=colour, label=rf"${BAND[0]} \leq \Omega h^2 \leq {BAND[1]}$"),
        axes.axvline(np.log(LYMAN_ALPHA_KEV), color="k", ls="--", label=r"$m_N = 5$ keV (as published)"),
    ]
    for (label, limit), style in zip(results.mass_limits().items(), (":", "-."), strict=False):
        line = rf"$m_{{\rm WDM}}^{{\rm eff}} = 5$ keV: {label}"
        handles.append(axes.axvline(np.log(limit), color="0.4", ls=style, label=line))
    if np.nanmin(freeze_in) < 0:
        label = r"$\Gamma_\phi < H(m_\phi)$"
        handles.append(plt.Rectangle((0, 0), 1, 1, color="tab:green", alpha=0.2, label=label))
    else:
        smallest = np.exp(np.nanmin(freeze_in))
        handles.append(plt.Line2D([], [], ls="", label=rf"$\Gamma_\phi/H(m_\phi) \geq {smallest:.0f}$ everywhere"))
    label_logarithms(axes.xaxis, axes.set_xlim, x)
    label_logarithms(axes.yaxis, axes.set_ylim, y)
    axes.set_xlabel(axis_label("m_N"))
    axes.set_ylabel(axis_label(parameter))
    axes.legend(handles=handles, loc="lower left", fontsize="x-small")


def label_logarithms(axis, set_limits, values):
    """Decade ticks on an axis that carries natural logarithms of `values`."""
    decades = np.arange(np.ceil(np.log10(values[0]) - 1e-9), np.floor(np.log10(values[-1]) + 1e-9) + 1)
    axis.set_ticks(decades * np.log(10), labels=[f"$10^{{{int(decade)}}}$" for decade in decades])
    minor = np.log(np.outer(10.0 ** np.append(decades[0] - 1, decades), np.arange(2, 10)).ravel())
    axis.set_ticks(minor[(minor >= np.log(values[0])) & (minor <= np.log(values[-1]))], minor=True)
    set_limits(np.log(values[0]), np.log(values[-1]))


def draw(axes, results, figure):
    """One panel."""
    missing = AXES[figure] - set(results.varying)
    if missing:
        raise ResultsError(f"{results.path}: fig. {figure} needs {' and '.join(sorted(missing))} to vary")
    if figure <= 3:
        draw_history(axes, results, ("mu", "epsilon", "m_phi")[figure - 1])
    elif figure == 4:
        draw_relic_density(axes, results)
    else:
        draw_plane(axes, results, *(("mu", "tab:red") if figure == 5 else ("epsilon", "tab:blue")))
    # m_N does not enter the yield; naming it above figs. 1-3 would suggest that it does.
    fixed = results.fixed(omitted=("m_N",) if figure <= 3 else ())
    title = f"As fig. {figure} of arXiv:2602.20570\n{fixed}"
    axes.set_title(figures.with_progress(title, results.file), fontsize="medium")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="NAME.png")
    parser.add_argument("--figure", type=int, choices=range(1, 7), help="draw every file as this figure")
    options = parser.parse_args(arguments)

    try:
        files = [read_results(path, model="asymmetric_freeze_in") for path in options.files]
        found = [Panel(results, variation) for results in files for variation in results.input["variations"]]
        picture, all_axes = figures.panels(len(found), 3, (5.6, 4.6))
        for axes, panel in zip(all_axes, found, strict=True):
            draw(axes, panel, options.figure or recognise(panel))
        figures.save(picture, options.output)
    except ResultsError as error:
        print(f"plot_asymmetric_freeze_in: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
