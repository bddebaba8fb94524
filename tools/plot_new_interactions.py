#!/usr/bin/env python3
"""Draw figures of arXiv:1910.04901 and arXiv:2005.03681, new interactions of neutrinos, from results files.

    plot_new_interactions.py letter_fig2.h5 -o fig2.png                               fig. 2 of the letter
    plot_new_interactions.py letter_fig3.h5 letter_fig3_dw.h5 -o figs34.png           its figs. 3 and 4
    plot_new_interactions.py vector_fig678_light.h5 vector_fig678_heavy.h5 -o s.png   vector paper, figs. 4, 6, 7 and 8
    plot_new_interactions.py vector_fig5.h5 -o fig5.png                               its fig. 5

Reads nothing but the results files.  Those of `relic_coupling` without output temperatures are S-curves, one panel for
each mediator; those with them are histories of the points A, B and C, and a file of `dodelson_widrow` without a
mediator adds the curve DW.

Columns coupling_limit_<bound> are excluded regions, or dashed lines where there is no column allowed_<bound>: what an
experiment is expected to see.  They are those of the first curve of a panel.  Limits that the papers take from curves
in other works are not drawn.
"""

import sys
from collections.abc import Callable
from itertools import cycle
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import numpy as np  # noqa: E402

from hpc_nu.analysis import Results, ResultsError, figures, read_results  # noqa: E402
from hpc_nu.analysis.s_curve import crossings, s_curve  # noqa: E402
from hpc_nu.interactions.bounds import BBN_MASS  # noqa: E402

KEV, MEV = 1e-6, 1e-3  # GeV
LETTER, VECTOR_PAPER = "arXiv:1910.04901", "arXiv:2005.03681"
S_CURVES = {
    "scalar": (f"Fig. 2 of {LETTER}: scalar", r"\phi", r"\lambda_\phi"),
    "neutrinophilic": (f"Figs. 4 and 6 of {VECTOR_PAPER}: neutrinophilic vector", "V", r"\lambda_{\mu\mu}"),
    "lmu_ltau": (rf"Fig. 7 of {VECTOR_PAPER}: gauged $L_\mu - L_\tau$", "V", r"g_{\mu\tau}"),
    "b_minus_l": (f"Fig. 8 of {VECTOR_PAPER}: gauged $B - L$", "V", "g_{B-L}"),
}
"""By mediator: title, its symbol, that of its coupling."""
POINTS = {"A": (3.0, 1), "B": (1.0, 2), "C": (0.1, 1)}
"""Mass of the mediator [GeV] and root of the points that both papers discuss."""
SLOPES = {"A": 2 / 3, "B": -5 / 2, "C": 1 / 2}
"""d ln(coupling)/d ln(mass) at a fixed relic density in the limits that hold at each of them: fig. 2 of the letter."""
COLOURS = {"A": "tab:green", "B": "tab:red", "C": "tab:blue", "DW": "k"}
NAME_OFFSETS = {"A": (6, -14), "B": (7, 4), "C": (6, -14)}
CURVES = ({"color": "0.45"}, {"color": "k"}, {"color": "0.45", "ls": "--"}, {"color": "k", "ls": "--"})
LINES = ("-", "--", ":", "-.")
LIMITS = {
    "kaon": (r"$K \to \mu\,+$ invisible", "tab:green"),
    "pion": (r"$\pi \to \mu\,+$ invisible", "tab:olive"),
    "higgs": (r"$h \to$ invisible", "tab:purple"),
    "higgs_hl_lhc": (r"$h \to$ invisible, HL-LHC", "tab:purple"),
    "w": ("width of the $W$", "tab:cyan"),
    "z": (r"$Z \to$ invisible", "tab:red"),
    "bbn": ("nucleosynthesis", "tab:blue"),
    "lifetime": (r"lifetime of $\nu_4$", "tab:brown"),
}
OTHER_LIMITS = ("tab:orange", "tab:pink", "gold", "teal")
LIMIT = "coupling_limit_"


class Rows(NamedTuple):
    """Rows of a results file that differ in mass of the mediator and root alone."""

    results: Results
    index: np.ndarray
    variation: str

    def __getitem__(self, name):
        holder = self.results.points if name in self.results.points else self.results.scalars
        return holder[name].values[self.index]

    def setting(self, name):
        return self.results.settings(self.variation)[name]

    @property
    def mediator(self):
        return self.setting("mediator")

    @property
    def name(self):
        return self.variation.replace("_", " ")

    @property
    def particle(self):
        """Text for mass and mixing of the sterile neutrino."""
        mixing = figures.number_text(self["sin2_2theta"][0])
        return rf"$m_4 = {self['m_4'][0] / KEV:.4g}$ keV, $\sin^2 2\theta = {mixing}$"


def read_rows(path):
    """Every `Rows` of a file."""
    results = read_results(path)
    model = results.attributes["model"]
    if model not in ("relic_coupling", "dodelson_widrow"):
        raise ResultsError(f"{path}: model is {model}; expected relic_coupling, or dodelson_widrow without a mediator")
    if not np.any(results.points.status.values == "done"):
        raise ResultsError(f"{path}: no point is done yet; run the campaign first")
    columns = [results.points[name].values.tolist() for name in ("variation", "grid", "m_4", "sin2_2theta")]
    keys = list(zip(*columns, strict=True))
    found = []
    for key in dict.fromkeys(keys):
        rows = Rows(results, np.array([i for i, other in enumerate(keys) if other == key]), key[0])
        if model == "dodelson_widrow" and rows.mediator != "none":
            raise ResultsError(f"{path}: dodelson_widrow with a mediator; expected relic_coupling, or no mediator")
        found.append(rows)
    return found


# S-curves


class Curve:
    """The couplings of `Rows` that give the relic density."""

    def __init__(self, rows):
        self.rows = rows
        mass, done = rows["m_mediator"], rows["status"] == "done"
        unknown = ~done & (rows["status"] != "no_solution")
        self.n_unknown = int(unknown.sum())
        usable = done & ~np.isin(mass, mass[unknown])  # with a root missing the curve would turn elsewhere
        if not usable.any():
            raise ResultsError(f"{rows.results.path}: at no mass are all roots known yet; run the campaign first")
        self.masses, self.first = np.unique(np.where(usable, mass, np.inf), return_index=True)
        self.masses, self.first = self.masses[np.isfinite(self.masses)], self.first[np.isfinite(self.masses)]
        roots = [np.sort(rows["coupling"][usable & (mass == value)]) for value in self.masses]
        kinds = ("maximum", "minimum")
        extrema = [(self.column(f"coupling_{kind}"), self.column(f"Omega_h2_{kind}")) for kind in kinds]
        self.lines = s_curve(self.masses, roots, extrema, rows.setting("target"))

    def column(self, name):
        """At each mass."""
        return self.rows[name][self.first]

    def points(self):
        """Mass and coupling of A, B and C; none unless it has all of them."""
        found = {name: (mass, crossings(self.lines, mass)) for name, (mass, _) in POINTS.items()}
        if any(len(couplings) < POINTS[name][1] for name, (_, couplings) in found.items()):
            return {}
        return {name: (mass, couplings[POINTS[name][1] - 1]) for name, (mass, couplings) in found.items()}

    def limits(self):
        """By bound: the coupling at each mass, and whether more is excluded already."""
        scalars = self.rows.results.scalars
        names = [name.removeprefix(LIMIT) for name in scalars if name.startswith(LIMIT)]
        return {name: (self.column(LIMIT + name), f"allowed_{name}" in scalars) for name in names}


def draw_curves(axes, curves):
    """S-curves of one mediator; A, B and C are marked on the first that has them."""
    one_particle = len({curve.rows.particle for curve in curves}) == 1
    one_variation = len({curve.rows.variation for curve in curves}) == 1
    for curve, style in zip(curves, cycle(CURVES), strict=False):
        names = [curve.rows.particle] * (not one_particle) + [curve.rows.name] * (not one_variation)
        label = ", ".join(names)
        for line in curve.lines:
            axes.plot(*line.T, lw=2, zorder=3, label=label, **style)
            label = None
    masses, couplings = np.concatenate([line for curve in curves for line in curve.lines]).T
    axes.set(xscale="log", yscale="log", xlim=(masses.min(), masses.max()))
    axes.set_ylim(couplings.min() / 5, couplings.max() * 5)
    draw_points(axes, next(filter(None, (curve.points() for curve in curves)), {}))
    draw_limits(axes, curves[0])
    rows = curves[0].rows
    title, mediator, coupling = S_CURVES[rows.mediator]
    axes.set_xlabel(f"mass of the mediator $m_{mediator}$ [GeV]")
    axes.set_ylabel(f"coupling ${coupling}$")
    density = rf"$\Omega h^2 = {figures.number_text(rows.setting('target'))}$"
    axes.set_title(f"{title}\n{density}" + f", {rows.particle}" * one_particle, fontsize="medium")
    figures.legend_below(axes, 2)
    n_unknown = sum(curve.n_unknown for curve in curves)
    if n_unknown:
        axes.text(0.01, 0.01, f"{n_unknown} points not done", transform=axes.transAxes, fontsize="small")


def draw_points(axes, points):
    """A, B and C, and the power laws that hold around them."""
    for name, (mass, coupling) in points.items():
        style = {"color": COLOURS[name], "zorder": 4}
        axes.plot(mass, coupling, "o", **style)
        axes.annotate(name, (mass, coupling), NAME_OFFSETS[name], textcoords="offset points", weight="bold", **style)
        along = mass * np.array([0.5, 2] if name == "B" else [0.1, 10])
        axes.plot(along, coupling * (along / mass) ** SLOPES[name], ":", color=COLOURS[name], zorder=2)


def draw_limits(axes, curve):
    """Regions above each limit; the axes keep their range."""
    bottom, top = axes.get_ylim()
    colours = cycle(OTHER_LIMITS)
    for name, (limit, excludes) in curve.limits().items():
        if not np.any(limit < top):
            continue
        label, colour = LIMITS[name] if name in LIMITS else (name.replace("_", " "), next(colours))
        label += f" ({curve.rows['m_4'][0] / KEV:.3g} keV)" if name == "lifetime" else ""
        drawn = np.clip(limit, bottom / 10, top * 10)
        if name == "bbn":  # a threshold in the mass, which lies between two of the file
            axes.axvspan(curve.masses[0], BBN_MASS, color=colour, alpha=0.25, lw=0, label=label, zorder=1)
        elif excludes:
            axes.fill_between(curve.masses, drawn, top * 10, color=colour, alpha=0.25, lw=0, label=label, zorder=1)
        else:
            axes.plot(curve.masses, drawn, "--", color=colour, label=label, zorder=1)
    axes.set_ylim(bottom, top)


# Histories and spectra of A, B, C and DW


class Point(NamedTuple):
    """One row: its name, what else the legend says of it, and how it is drawn."""

    name: str
    note: str
    line: str
    rows: Rows
    row: int

    def label(self):
        if self.name == "DW":
            return "DW: no mediator" + self.note
        mass, coupling = (self.rows[name][self.row] for name in ("m_mediator", "coupling"))
        _, mediator, symbol = S_CURVES[self.rows.mediator]
        value = figures.number_text(float(f"{coupling:.3g}"))
        return f"{self.name}: $m_{mediator} = {mass:g}$ GeV, ${symbol} = {value}$" + self.note

    def style(self):
        return {"color": COLOURS[self.name], "ls": "--" if self.name == "DW" else self.line, "label": self.label()}

    def history(self, name):
        """z = 1 MeV/T, and a trajectory over it."""
        trajectory = self.rows.results.trajectories[name]
        return MEV / trajectory.temperature.values, trajectory.values[self.rows.index[self.row]]

    def spectrum(self):
        """p/T, and the occupation over it."""
        spectrum = self.rows.results.spectra.f_s
        return spectrum.momentum.values, spectrum.values[self.rows.index[self.row]]


class History(NamedTuple):
    """A figure over z: title, label of its axis, value from z and a trajectory, and from where on it is shown."""

    figure: str
    label: str
    trajectory: str
    value: Callable = lambda z, trajectory: trajectory
    bottom: float | None = None  # 9 decades below the largest value


LETTER_HISTORY = History(f"Fig. 3 of {LETTER}", r"$df_s/dz$ at $x = 1$", "df_dlnz", lambda z, per_ln_z: per_ln_z / z)
VECTOR_HISTORIES = (
    History(
        f"Fig. 5 of {VECTOR_PAPER}, top",
        r"rate through the mediator, $\Gamma/H$ at $x = 1$",
        "Gamma_mediator_over_H",
        bottom=0.1,
    ),
    History(
        f"Fig. 5 of {VECTOR_PAPER}, middle",
        r"mixing angle $\theta_{\rm eff}/\theta$ at $x = 1$",
        "mixing_ratio",
        lambda z, ratio_of_sin2: np.sqrt(ratio_of_sin2),
    ),
    History(f"Fig. 5 of {VECTOR_PAPER}, bottom", r"$df_s/d\ln z$ at $x = 1$", "df_dlnz"),
)


def read_points(all_rows):
    """Every `Point` that they hold."""
    notes = {}
    found = []
    for rows in all_rows:
        note = f", {rows.name}" if len(rows.results.input["variations"]) > 1 else ""
        line = notes.setdefault(note, LINES[len(notes) % len(LINES)])
        for name, (mass, root) in POINTS.items() if rows.mediator != "none" else [("DW", (0.0, None))]:
            here = (rows["status"] == "done") & np.isclose(rows["m_mediator"], mass, rtol=1e-6)
            here &= root is None or rows["root"] == root
            found += [Point(name, note, line, rows, row) for row in np.flatnonzero(here)]
    path = all_rows[0].results.path
    if not any(point.name in POINTS for point in found):
        expected = ", ".join(f"{name} (root {root} at {mass:g} GeV)" for name, (mass, root) in POINTS.items())
        raise ResultsError(f"{path}: has none of the points that are drawn; expected {expected}")
    if len({point.rows.particle for point in found}) > 1:
        raise ResultsError(f"{path}: several masses or mixings of nu_4 in one figure; expected the same in all files")
    return sorted(found, key=lambda point: point.name)


def draw_history(axes, points, history):
    largest = 0.0
    for point in points:
        z, trajectory = point.history(history.trajectory)
        value = history.value(z, trajectory)
        if np.any(value > 0):  # there is no new rate without a mediator
            axes.loglog(z, value, **point.style())
            largest = max(largest, value.max())
    axes.set_xlim(z.min(), z.max())
    axes.set_ylim(history.bottom or 1e-9 * largest, 5 * largest)
    axes.set_xlabel("$z = 1$ MeV$/T$")
    axes.set_ylabel(history.label)
    axes.set_title(f"{history.figure}\n{points[0].rows.particle}", fontsize="medium")
    figures.legend_below(axes, 2)


def draw_spectra(axes, points):
    """Fig. 4 of the letter, each spectrum with area 1."""
    for point in points:
        x, f = point.spectrum()
        axes.plot(x, x**2 * f / np.trapezoid(x**2 * f, x), **point.style())
    axes.set_xlim(0, x.max())
    axes.set_ylim(bottom=0)
    axes.set_xlabel("$x = p/T$ at 10 MeV")
    axes.set_ylabel(r"$x^2 f_s\,/\int x^2 f_s\, dx$")
    axes.set_title(f"Fig. 4 of {LETTER}\n{points[0].rows.particle}", fontsize="medium")
    figures.legend_below(axes, 2)


def plan_panels(paths):
    """The panels that the files make: for each the function that draws it, and its arguments behind the axes."""
    curves, with_histories = {}, {}
    for path in paths:
        for rows in read_rows(path):
            if rows.mediator == "none" or "temperatures" in rows.results.input["output"]:
                with_histories.setdefault(rows.mediator, []).append(rows)
            else:
                curves.setdefault(rows.mediator, []).append(Curve(rows))
    alone = with_histories.pop("none", [])
    if alone and not with_histories:
        raise ResultsError(f"{alone[0].results.path}: has no mediator; expected points of relic_coupling beside it")
    panels = [(draw_curves, curves[mediator]) for mediator in S_CURVES if mediator in curves]
    for mediator, rows in with_histories.items():
        points = read_points(rows + alone)
        if mediator == "scalar":
            panels += [(draw_history, points, LETTER_HISTORY), (draw_spectra, points)]
        else:
            panels += [(draw_history, points, history) for history in VECTOR_HISTORIES]
    return panels


def main(arguments=None):
    return figures.draw_files("plot_new_interactions", __doc__.splitlines()[0], plan_panels, arguments)


if __name__ == "__main__":
    sys.exit(main())
