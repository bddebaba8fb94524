#!/usr/bin/env python3
"""Draw which mixings make sterile neutrinos all of dark matter, from results files of the model `dodelson_widrow`.

    plot_dodelson_widrow.py dodelson_widrow_line.h5 letter_fig5.h5 -o region.png

Reads nothing but the results files.  One without a mediator becomes a line for each variation in the plane of mass and
mixing, and the same times m_4^2, with which production at constant g_* goes.  One with a mediator becomes fig. 5 of
arXiv:1910.04901: at each mass of the sterile neutrino the mixings that some mediator of the file needs, of all of them
and of those within every column coupling_limit_<bound>.  Of the bounds on the sterile neutrino itself the closed form
of the diffuse X-rays is drawn; the stronger ones, which the paper takes from curves in other works, are not.
"""

import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import numpy as np  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from hpc_nu.analysis import ResultsError, figures, read_results  # noqa: E402
from hpc_nu.units import DARK_MATTER_DENSITY  # noqa: E402

KEV = 1e-6  # GeV
LETTER = "arXiv:1910.04901"
BENCHMARK = (7.1, 7e-11)
"""m_4 [keV] and sin^2 2 theta of fig. 2 of the letter: the line at 3.5 keV."""
MIXING_LABEL = r"mixing $\sin^2 2\theta$"
LIMIT, LIFETIME = "coupling_limit_", "lifetime"


class Scan:
    """One variation of a results file: what each point needs for Omega h^2 = 0.12.

    NaN where it is not done, and at masses of which points are still to come: the smallest and the largest mixing of
    the others would be taken for those of all.
    """

    def __init__(self, results, variation):
        self.rows = rows = results.select(variation=variation)
        self.name, self.settings = variation.replace("_", " "), results.settings(variation)
        self.scalars, self.points = rows.scalars, rows.points
        self.m_4 = rows.points.m_4.values / KEV
        self.masses = np.unique(self.m_4)
        is_complete = ~np.isin(self.m_4, self.m_4[rows.points.status.values == "pending"])
        self.mixing = np.where(is_complete, rows.scalars.sin2_2theta_relic.values, np.nan)

    def span(self):
        """Text for the mediators that are scanned."""
        masses, couplings = self.points.m_mediator.values, self.points.coupling.values
        low, high = (figures.number_text(float(f"{end:.3g}")) for end in (couplings.min(), couplings.max()))
        return rf"$m = {masses.min():.3g} \ldots {masses.max():.3g}$ GeV, $\lambda = {low} \ldots {high}$"

    def bounds(self):
        """Those on mediators that say something about this one, and that an experiment has set already."""
        names = [name.removeprefix(LIMIT) for name in self.scalars if name.startswith(LIMIT)]
        set_already = [name for name in names if f"allowed_{name}" in self.scalars]
        return [name for name in set_already if np.isfinite(self.scalars[LIMIT + name].values).any()]

    def allowed(self):
        """Points that no bound on mediators excludes with the mixing that they need."""
        allowed = np.ones(len(self.mixing), dtype=bool)
        for name in self.bounds():
            limit = self.scalars[LIMIT + name].values
            if (
                name == LIFETIME
            ):  # the column is for the mixing that was given; the decay goes with mixing and coupling^4
                limit = limit * (self.points.sin2_2theta.values / self.mixing) ** 0.25
            allowed &= ~(self.points.coupling.values > limit)
        return allowed

    def xray_limit(self):
        """Largest mixing at each mass if nu_4 is all dark matter; NaN where no point is done."""
        fraction = self.scalars.Omega_h2.values / DARK_MATTER_DENSITY  # with which the column scales
        limit = self.scalars.sin2_2theta_limit_xray.values * fraction
        return np.array([max(limit[(self.m_4 == mass) & (limit > 0)], default=np.nan) for mass in self.masses])

    def envelope(self, rows=True):
        """Smallest and largest mixing at each mass, of some of the points; NaN where there are none."""
        found = np.full((2, len(self.masses)), np.nan)
        for i, mass in enumerate(self.masses):
            values = self.mixing[rows & (self.m_4 == mass) & np.isfinite(self.mixing)]
            if values.size:
                found[:, i] = values.min(), values.max()
        return found

    def without_mediator(self):
        """The mixing at each mass without the mediator, from the point that the mediator changes least; NaN if none."""
        ratio = self.scalars.Omega_over_DW.values
        change = np.where(np.isfinite(self.mixing), np.abs(np.log(ratio)), np.inf)
        rows = [np.argmin(np.where(self.m_4 == mass, change, np.inf)) for mass in self.masses]
        known = np.isfinite(change[rows]) & (self.m_4[rows] == self.masses)
        return np.where(known, (self.mixing * ratio)[rows], np.nan)


def read_scans(path):
    """Every `Scan` of a file."""
    results = read_results(path, model="dodelson_widrow")
    scans = [Scan(results, variation) for variation in results.input["variations"]]
    if not any(np.isfinite(scan.mixing).any() for scan in scans):
        raise ResultsError(f"{path}: at no mass m_4 are all points done that have a sin2_2theta_relic; run on")
    if len(scans[0].masses) < 2:
        raise ResultsError(f"{path}: has a single mass m_4; expected an axis of them")
    return scans


def draw_lines(axes, scans, power):
    """The mixing times m_4^power without a mediator, a line for each scan."""
    unit = 1e-7 if power else 1.0
    for scan, width in zip(scans, figures.nested_widths(len(scans)), strict=True):
        axes.plot(scan.masses, scan.envelope()[0] * scan.masses**power / unit, lw=width, label=scan.name)
    if power:
        axes.set_ylim(bottom=0)
        axes.set_ylabel(r"$\sin^2 2\theta \times (m_4/{\rm keV})^2\ /\ 10^{-7}$")
    else:
        axes.set_yscale("log")
        axes.set_ylabel(MIXING_LABEL)
    finish(axes, "Dodelson-Widrow production", scans)


def draw_region(axes, scan):
    """Fig. 5 of the letter."""
    style = {"color": "tab:orange", "lw": 0}
    axes.fill_between(scan.masses, *scan.envelope(), alpha=0.25, label=scan.span(), **style)
    if scan.bounds():
        label = "allowed by " + ", ".join(name.replace("_", " ") for name in scan.bounds())
        axes.fill_between(scan.masses, *scan.envelope(scan.allowed()), alpha=0.5, label=label, **style)
    axes.plot(scan.masses, scan.without_mediator(), "k", lw=2, label="DW: no mediator")
    if np.isfinite(scan.xray_limit()).any():
        axes.plot(scan.masses, scan.xray_limit(), "--", color="tab:blue", label="diffuse X-rays, astro-ph/0512509")
    mass, mixing = BENCHMARK
    axes.plot(mass, mixing, "*", color="tab:red", ms=11, label=f"{mass} keV, ${figures.number_text(mixing)}$: fig. 2")
    axes.set_yscale("log")
    axes.set_ylabel(MIXING_LABEL)
    mediator, setup = scan.settings["mediator"], scan.settings["setup"]
    figure = f"As fig. 5 of {LETTER}: " if (mediator, setup) == ("scalar", "paper") else ""
    finish(axes, f"{figure}{mediator.replace('_', ' ')} mediator, set-up {setup}", [scan])


def finish(axes, title, scans):
    axes.set_xscale("log")
    axes.set_xlim(scans[0].masses[0], scans[0].masses[-1])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda mass, _: f"{mass:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("mass of the sterile neutrino $m_4$ [keV]")
    text = rf"{title}, $\Omega h^2 = 0.12$"
    axes.set_title(figures.with_progress(text, *(scan.rows for scan in scans)), fontsize="medium")
    figures.legend_below(axes, 2)


def plan_panels(paths):
    """The panels that the files make: for each the function that draws it, and its arguments behind the axes."""
    panels = []
    for path in paths:
        scans = read_scans(path)
        alone = [scan for scan in scans if scan.settings["mediator"] == "none"]
        panels += [(draw_lines, alone, power) for power in (0, 2) if alone]
        panels += [(draw_region, scan) for scan in scans if scan not in alone]
    return panels


def main(arguments=None):
    return figures.draw_files("plot_dodelson_widrow", __doc__.splitlines()[0], plan_panels, arguments)


if __name__ == "__main__":
    sys.exit(main())
