#!/usr/bin/env python3
"""Draw pictures as those of arXiv:1910.04901 and arXiv:2005.03681, new interactions of neutrinos, from results files.

    plot_new_interactions.py letter_fig2.h5 -o fig2.png                               fig. 2 of the letter
    plot_new_interactions.py letter_fig3.h5 letter_fig3_dw.h5 -o figs34.png           its figs. 3 and 4
    plot_new_interactions.py vector_fig678_light.h5 vector_fig678_heavy.h5 -o s.png   vector paper, figs. 4, 6, 7 and 8
    plot_new_interactions.py vector_fig5.h5 -o fig5.png                               its fig. 5

Reads nothing but the results files.  Those of `relic_coupling` without output temperatures are S-curves, one panel for
each mediator; those with them are histories of the points A, B and C, and a file of `dodelson_widrow` without a
mediator adds the curve DW.

Columns coupling_limit_<bound> are excluded regions, or dashed lines where there is no column allowed_<bound>: what an
experiment is expected to see.  They are those of all curves of a panel; one that is not the same for all of them, since
it depends on the sterile neutrino or on settings, is drawn and named for each.  Limits that the papers take from curves
in other works are not drawn.  The order of the files does not matter.
"""

import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import numpy as np  # noqa: E402
from scipy.integrate import trapezoid  # noqa: E402

from hpc_nu.analysis import Results, ResultsError, figures, read_results  # noqa: E402
from hpc_nu.analysis.s_curve import crossings, s_curve  # noqa: E402
from hpc_nu.interactions.bounds import BBN_MASS, BOUNDS  # noqa: E402

KEV, MEV = 1e-6, 1e-3  # GeV
LETTER, VECTOR_PAPER = "arXiv:1910.04901", "arXiv:2005.03681"
S_CURVES = {
    "scalar": (f"As fig. 2 of {LETTER}: scalar", r"\phi", r"\lambda_\phi"),
    "neutrinophilic": (f"As figs. 4 and 6 of {VECTOR_PAPER}: neutrinophilic vector", "V", r"\lambda"),
    "lmu_ltau": (rf"As fig. 7 of {VECTOR_PAPER}: gauged $L_\mu - L_\tau$", "V", r"g_{\mu\tau}"),
    "b_minus_l": (f"As fig. 8 of {VECTOR_PAPER}: gauged $B - L$", "V", "g_{B-L}"),
}
"""By mediator: title, its symbol, that of its coupling."""
POINTS = {"A": (3.0, 1), "B": (1.0, 2), "C": (0.1, 1)}
"""Mass of the mediator [GeV] and root of the points that both papers discuss."""
SLOPES = {"A": 2 / 3, "B": -5 / 2, "C": 1 / 2}
"""d ln(coupling)/d ln(mass) at a fixed relic density in the limits that hold at each of them: fig. 2 of the letter."""
COLOURS = {"A": "tab:green", "B": "tab:red", "C": "tab:blue", "DW": "k"}
NAME_OFFSETS = {"A": (6, -14), "B": (7, 4), "C": (6, -14)}
LINES = ("-", "--", ":", "-.")
CURVES = [{"color": colour, "ls": line} for line in LINES for colour in ("0.45", "k", "0.7")]
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
OF_DARK_MATTER = {bound.name for bound in BOUNDS if bound.of_dark_matter}
FLAVOURS = {"e": r"\nu_e", "mu": r"\nu_\mu", "tau": r"\nu_\tau"}


class Rows(NamedTuple):
    """Rows of a results file, a selection, that differ in mass of the mediator and root alone."""

    results: Results
    variation: str

    def __getitem__(self, name):
        holder = self.results.points if name in self.results.points else self.results.scalars
        return holder[name].values

    def setting(self, name):
        return self.results.settings(self.variation)[name]

    @property
    def mediator(self):
        return self.setting("mediator")

    @property
    def order(self):
        """Of curves in a panel, whatever that of the files is: those that the papers discuss first."""
        return self["m_4"][0], self["sin2_2theta"][0], self.setting("setup") != "paper", self.results.path

    @property
    def particle(self):
        """Text for mass and mixing of the sterile neutrino, and the flavour it mixes with."""
        mass, mixing = (figures.number_text(value, 10) for value in (self["m_4"][0] / KEV, self["sin2_2theta"][0]))
        return rf"$m_4 = {mass}$ keV, $\sin^2 2\theta = {mixing}$ with ${FLAVOURS[self.setting('flavour')]}$"


def read_rows(path):
    """Every `Rows` of a file."""
    results = read_results(path)
    model = results.attributes["model"]
    if model not in ("relic_coupling", "dodelson_widrow"):
        raise ResultsError(f"{path}: model is {model}; expected relic_coupling, or dodelson_widrow without a mediator")
    if not np.any(results.points.status.values == "done"):
        raise ResultsError(f"{path}: no point is done yet; run the campaign first")
    columns = [results.points[name].values.tolist() for name in ("variation", "grid", "m_4", "sin2_2theta")]
    found = []
    for variation, grid, m_4, sin2 in dict.fromkeys(zip(*columns, strict=True)):
        selection = results.select(variation=variation, grid=grid).nearest(m_4=m_4, sin2_2theta=sin2)
        rows = Rows(selection, variation)
        if model == "dodelson_widrow" and rows.mediator != "none":
            raise ResultsError(f"{path}: dodelson_widrow with a mediator; expected relic_coupling, or no mediator")
        found.append(rows)
    return found


def names_of(all_rows):
    """For each `Rows` what tells it from the others: particle, variation, momentum grid and file, where they differ."""
    paths = {rows.results.path for rows in all_rows}
    stems = {Path(path).stem for path in paths}
    aspects = (
        lambda rows: rows.particle,
        lambda rows: rows.variation.replace("_", " "),
        lambda rows: rows["grid"][0],
        lambda rows: Path(rows.results.path).stem if len(stems) == len(paths) else rows.results.path,
    )
    texts = [[] for _ in all_rows]
    for aspect in aspects:
        values = [aspect(rows) for rows in all_rows]
        is_last_resort = aspect is aspects[-1] and len({tuple(text) for text in texts}) == len(texts)
        if len(set(values)) > 1 and not is_last_resort:
            for text, value in zip(texts, values, strict=True):
                text.append(value)
    return [", ".join(text) for text in texts]


# S-curves


class Curve:
    """The couplings of `Rows` that give the relic density."""

    def __init__(self, rows):
        self.rows = rows
        mass, done = rows["m_mediator"], rows["status"] == "done"
        unknown = ~done & (rows["status"] != "no_solution")
        # With a root missing the curve would turn elsewhere; at a mass that has none it ends.
        self.masses = np.setdiff1d(mass, mass[unknown])
        roots = [np.sort(rows["coupling"][done & (mass == value)]) for value in self.masses]
        if not any(map(len, roots)):
            raise ResultsError(f"{rows.results.path}: at no mass are all roots known yet; run the campaign first")
        self._first = [np.flatnonzero(mass == value)[np.argmax(done[mass == value])] for value in self.masses]
        kinds = ("maximum", "minimum")
        extrema = [(self.column(f"coupling_{kind}"), self.column(f"Omega_h2_{kind}")) for kind in kinds]
        self.lines = s_curve(self.masses, roots, extrema, rows.setting("target"))

    def column(self, name):
        """At each mass; NaN where there is no root."""
        return self.rows[name][self._first]

    def points(self):
        """Mass and coupling of A, B and C; none unless it has all of them."""
        found = {name: (mass, crossings(self.lines, mass)) for name, (mass, _) in POINTS.items()}
        if any(len(couplings) < POINTS[name][1] for name, (_, couplings) in found.items()):
            return {}
        return {name: (mass, couplings[POINTS[name][1] - 1]) for name, (mass, couplings) in found.items()}

    def open_ends(self):
        """Mass and coupling where a line ends between two masses of the scan: it leaves the range of couplings."""
        ends = [end for line in self.lines for end in (line[0], line[-1])]
        return [end for end in ends if not np.isclose(end[0], [self.masses[0], self.masses[-1]], rtol=1e-9).any()]

    def limits(self):
        """By bound: mass and coupling where it is known, and whether more is excluded already."""
        scalars, found = self.rows.results.scalars, {}
        for name in [name.removeprefix(LIMIT) for name in scalars if name.startswith(LIMIT)]:
            limit = self.column(LIMIT + name)
            known = ~np.isnan(limit)
            if known.any():
                found[name] = self.masses[known], limit[known], f"allowed_{name}" in scalars
        return found


class Limit(NamedTuple):
    """A bound over mass; what is said of whom it is for is empty where it is the same for all curves."""

    name: str
    of: str
    mass: np.ndarray
    coupling: np.ndarray
    excludes: bool


def joint_limits(curves, names):
    """Every `Limit` that some curve has, over the masses of all curves for which it is the same."""
    found = []
    each = [curve.limits() for curve in curves]
    for name in dict.fromkeys(name for limits in each for name in limits):
        have = [i for i in range(len(curves)) if name in each[i]]
        keys = [[("",)] * len(curves), [(curve.rows.particle,) for curve in curves], [(text,) for text in names]]
        keys.append(list(enumerate(names)))  # each alone, whatever it is called
        if name in OF_DARK_MATTER or len(have) < len(curves):
            keys = keys[1:]
        for key in keys:
            groups = [[each[i][name] for i in have if key[i] == text] for text in dict.fromkeys(key[i] for i in have)]
            merged = [_merged(group) for group in groups]
            if None not in merged:
                break
        texts = [text * (len(set(key)) > 1) for *_, text in dict.fromkeys(key[i] for i in have)]
        found += [Limit(name, text, *join) for text, join in zip(texts, merged, strict=True)]
    return found


def _merged(limits):
    """The same limit at the masses of several curves as one; None if they disagree."""
    mass, coupling = (np.concatenate([limit[i] for limit in limits]) for i in (0, 1))
    order = np.argsort(mass, kind="stable")
    mass, coupling = mass[order], coupling[order]
    with np.errstate(invalid="ignore"):
        same = np.isclose(coupling[1:], coupling[:-1], rtol=1e-6, atol=0)
    if np.any(~same & (mass[1:] == mass[:-1])):
        return None
    mass, first = np.unique(mass, return_index=True)
    return mass, coupling[first], limits[0][2]


def draw_curves(axes, curves):
    """S-curves of one mediator; A, B and C are marked on the first that has them."""
    curves = sorted(curves, key=lambda curve: curve.rows.order)
    names = names_of([curve.rows for curve in curves])
    for curve, name, style in zip(curves, names, cycle(CURVES), strict=False):
        for i, line in enumerate(curve.lines):
            marker = "." if len(line) == 1 else None
            axes.plot(*line.T, lw=2, marker=marker, zorder=3, label=name if i == 0 else None, **style)
    masses, couplings = np.concatenate([line for curve in curves for line in curve.lines]).T
    axes.set(xscale="log", yscale="log", xlim=(masses.min(), masses.max()))
    axes.set_ylim(couplings.min() / 5, couplings.max() * 5)
    draw_points(axes, *next(((curve.points(), name) for curve, name in zip(curves, names, strict=True)
                             if curve.points()), ({}, "")))  # fmt: skip
    draw_open_ends(axes, curves)
    draw_limits(axes, joint_limits(curves, names))
    rows = curves[0].rows
    title, mediator, coupling = S_CURVES[rows.mediator]
    axes.set_xlabel(f"mass of the mediator $m_{mediator}$ [GeV]")
    axes.set_ylabel(f"coupling ${coupling}$")
    densities = dict.fromkeys(figures.number_text(curve.rows.setting("target"), 10) for curve in curves)
    text = rf"$\Omega h^2 = {' , '.join(densities)}$"
    text += f", {rows.particle}" * (len({curve.rows.particle for curve in curves}) == 1)
    text = figures.with_progress(f"{title}\n{text}", *(curve.rows.results for curve in curves))
    axes.set_title(text, fontsize="medium")
    figures.legend_below(axes, 2)


def draw_points(axes, points, curve_name):
    """A, B and C, and the power laws that hold around them."""
    for name, (mass, coupling) in points.items():
        style = {"color": COLOURS[name], "zorder": 4}
        axes.plot(mass, coupling, "o", **style)
        axes.annotate(name, (mass, coupling), NAME_OFFSETS[name], textcoords="offset points", weight="bold", **style)
        along = mass * np.array([0.5, 2] if name == "B" else [0.1, 10])
        axes.plot(along, coupling * (along / mass) ** SLOPES[name], ":", color=COLOURS[name], zorder=2)
    if points:
        text = "A, B, C, dotted: power laws there" + f"\n({curve_name})" * bool(curve_name)
        axes.plot([], [], ":", color="0.3", label=text)


def draw_open_ends(axes, curves):
    """Where curves end because no more couplings were scanned, and which were."""
    ends = {}
    for curve in curves:
        scan = curve.rows.setting("coupling_low"), curve.rows.setting("coupling_high")
        ends.setdefault(scan, []).extend(curve.open_ends())
    for (low, high), places in ends.items():
        if places:
            text = rf"end of the scan, couplings ${figures.number_text(low)} \ldots {figures.number_text(high)}$"
            axes.plot(*np.transpose(places), "x", color="k", ms=8, mew=2, zorder=5, clip_on=False, label=text)


def draw_limits(axes, limits):
    """Regions above each limit; the axes keep their range."""
    bottom, top = axes.get_ylim()
    left, _ = axes.get_xlim()
    others = cycle(OTHER_LIMITS)
    colours = {}
    for place, limit in enumerate(limits):
        if not np.any(limit.coupling < top):
            continue
        label, colour = LIMITS[limit.name] if limit.name in LIMITS else (limit.name.replace("_", " "), None)
        colour = colours.setdefault(limit.name, colour or next(others))
        label += f"\n({limit.of})" if limit.of else ""
        number = sum(other.name == limit.name for other in limits[:place])
        style = {"color": colour, "label": label, "zorder": 1}
        region = style | {"alpha": 0.25, "lw": 0, "hatch": ("", "//", "..", "xx")[number % 4]}
        drawn = np.clip(limit.coupling, bottom / 10, top * 10)
        if limit.name == "bbn":  # a threshold in the mass, which lies between two of the file
            axes.axvspan(left, BBN_MASS, **region)
        elif limit.excludes:
            axes.fill_between(limit.mass, drawn, top * 10, **region)
        else:
            axes.plot(limit.mass, drawn, "--", **style)
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
        return MEV / trajectory.temperature.values, trajectory.values[self.row]

    def spectrum(self):
        """p/T, and the occupation over it."""
        spectrum = self.rows.results.spectra.f_s
        return spectrum.momentum.values, spectrum.values[self.row]


class History(NamedTuple):
    """A figure over z: title, label of its axis, value from z and a trajectory, and from where on it is shown."""

    figure: str
    label: str
    trajectory: str
    value: Callable = lambda z, trajectory: trajectory
    bottom: float | None = None  # 9 decades below the largest value


LETTER_HISTORY = History(f"As fig. 3 of {LETTER}", r"$df_s/dz$ at $x = 1$", "df_dlnz", lambda z, per_ln_z: per_ln_z / z)
VECTOR_HISTORIES = (
    History(
        f"As fig. 5 of {VECTOR_PAPER}, top",
        r"rate through the mediator, $\Gamma/H$ at $x = 1$",
        "Gamma_mediator_over_H",
        bottom=0.1,
    ),
    History(
        f"As fig. 5 of {VECTOR_PAPER}, middle",
        r"mixing angle $\theta_{\rm eff}/\theta$ at $x = 1$",
        "mixing_ratio",
        lambda z, ratio_of_sin2: np.sqrt(ratio_of_sin2),
    ),
    History(f"As fig. 5 of {VECTOR_PAPER}, bottom", r"$df_s/d\ln z$ at $x = 1$", "df_dlnz"),
)


def read_points(all_rows):
    """Every `Point` that they hold."""
    notes = {}
    found = []
    with_mediator = [rows for rows in all_rows if rows.mediator != "none"]
    alone = [rows for rows in all_rows if rows.mediator == "none"]
    for rows, name in zip(with_mediator + alone, names_of(with_mediator) + names_of(alone), strict=True):
        note = f", {name}" * bool(name)
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
    curves = [(point, *point.history(history.trajectory)) for point in points]
    curves = [(point, z, history.value(z, trajectory)) for point, z, trajectory in curves]
    curves = [curve for curve in curves if np.any(curve[2] > 0)]  # there is no new rate without a mediator
    for (point, z, value), width in zip(curves, figures.nested_widths(len(curves)), strict=True):
        axes.loglog(z, value, lw=width, **point.style())
    all_z, largest = (np.concatenate([curve[i] for curve in curves]) for i in (1, 2))
    axes.set_xlim(all_z.min(), all_z.max())
    axes.set_ylim(history.bottom or 1e-9 * largest.max(), 5 * largest.max())
    axes.set_xlabel("$z = 1$ MeV$/T$   (time runs from left to right)")
    axes.set_ylabel(history.label)
    finish_points(axes, points, history.figure)


def draw_spectra(axes, points):
    """Fig. 4 of the letter, each spectrum with area 1."""
    spectra = [point.spectrum() for point in points]
    for point, (x, f), width in zip(points, spectra, figures.nested_widths(len(points)), strict=True):
        axes.plot(x, x**2 * f / trapezoid(x**2 * f, x), lw=width, **point.style())
    axes.set_xlim(0, max(x.max() for x, _ in spectra))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("$x = p/T$ at 10 MeV")
    axes.set_ylabel(r"$x^2 f_s\,/\int x^2 f_s\, dx$")
    finish_points(axes, points, f"As fig. 4 of {LETTER}")


def finish_points(axes, points, figure):
    every = {id(point.rows.results): point.rows.results for point in points}
    title = figures.with_progress(f"{figure}\n{points[0].rows.particle}", *every.values())
    axes.set_title(title, fontsize="medium")
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
