"""What figures have in common, above all those of arXiv:2011.12637: axes, marks, the text above them, saving.

Works on axes that are given; which program draws what, and how it is shown, is not decided here.
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from hpc_nu.analysis.results import ResultsError
from hpc_nu.printable import printable
from hpc_nu.result_codes import ResultCode
from hpc_nu.units import ANGLE_RAD, SPHALERON_FREEZE_OUT

PAPER = "arXiv:2011.12637"
SYMBOLS = {"M": "M", "delta_M": r"\Delta M", "im_omega": r"{\rm Im}\,\omega", "re_omega": r"{\rm Re}\,\omega"}
SYMBOLS |= {"delta": r"\delta", "eta": r"\eta"}
GRID_NAMES = {
    "averaged": "momentum-averaged",
    "equal_occupation": "equal occupation (6.2)",
    "gauss_legendre": "Gauss-Legendre",
}
TEMPERATURE_LABEL = "temperature $T$ [GeV]   (time runs from left to right)"

OWN_PARAMETERS = ("theta_12", "theta_23", "theta_13", "dm2_21", "dm2_3l")
USUAL = {"equation_of_state": "saikawa_shirai", "expansion": "full", "delta_sign": "pdg", "boltzmann_factor": True}
"""Settings that are named above a picture where they are not these."""

_DECADES = 4  # on each side of zero, of an axis that is logarithmic in both directions
_PARAMETER_DIGITS = 10
_THINNEST, _WIDER, _WIDEST = 1.3, 0.7, 6.0  # line widths [points]


def point_to_show(results):
    """Number of the tuned point (all offsets zero) if one of its rows is done, else of the first point that has one.

    Raises
    ------
    ResultsError
        If no row is done.
    """
    done = results.select(status="done")
    if not len(done):
        raise ResultsError(f"{results.path}: no row is done yet; run the campaign first")
    return (done.tuned() if len(done.tuned()) else done).points.point.values[0]


def progress_text(*results):
    """How far the campaign is, for `Results` that a picture is drawn from: "40 of 96 tasks done, 3 failed".

    Returns
    -------
    str
        Empty if every task is done, or is known to have no solution.
    """
    codes = [ResultCode[word.upper()] for rows in results for word in rows.points.status.values.tolist()]
    done = sum(code in (ResultCode.DONE, ResultCode.NO_SOLUTION) for code in codes)
    failed = sum(code.is_failure for code in codes)
    return "" if done == len(codes) else f"{done} of {len(codes)} tasks done" + f", {failed} failed" * bool(failed)


def with_progress(text, *results):
    """Text above a picture, and below it `progress_text`, if there is something to say."""
    return "\n".join(filter(None, (text, progress_text(*results))))


def nested_widths(n):
    """Line widths of `n` curves in the order in which they are drawn: what is covered looks out on both sides."""
    wider = min(_WIDER, (_WIDEST - _THINNEST) / n)
    return [_THINNEST + wider * i for i in reversed(range(n))]


def temperature_axis(axes, temperatures):
    """Logarithmic T [GeV], falling: in all pictures time runs from left to right, unlike in arXiv:2011.12637."""
    axes.set_xscale("log")
    axes.set_xlim(max(temperatures), min(temperatures))
    few = max(temperatures) < 5e3 * min(temperatures)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=99))
    axes.xaxis.set_minor_locator(LogLocator(subs=range(1, 10), numticks=99))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(TEMPERATURE_LABEL)


def asymmetry_axis(axes, curves):
    """An axis that is logarithmic in both directions and linear around zero: asymmetries change sign.

    The linear part ends 4-5 decades below the largest value, where the early, exponentially small asymmetries vanish.
    """
    largest = max(float(np.nanmax(np.abs(curve))) for curve in curves)
    top = np.floor(np.log10(largest or 1.0))
    decades = [10.0**k for k in np.arange(top - _DECADES, top + 1)]
    axes.set_yscale("symlog", linthresh=decades[0], linscale=0.5)
    axes.set_yticks([*(-np.array(decades[::-1])), 0.0, *decades])
    axes.yaxis.set_minor_locator(NullLocator())
    low = min(float(np.nanmin(curve)) for curve in curves)
    high = max(float(np.nanmax(curve)) for curve in curves)
    axes.set_ylim(min(1.6 * low, -decades[0] / 2), max(1.6 * high, decades[0] / 2))
    axes.axhline(0.0, color="0.6", lw=0.8, zorder=0)


def sphaleron_line(axes, rows):
    """Where sphalerons freeze out in the first of the rows, as in fig. 15; labelled for the legend."""
    freeze_out = rows.settings(str(rows.points.variation.values[0])).get("T_sphaleron", SPHALERON_FREEZE_OUT)
    label = f"sphaleron freeze-out,\n$T = {freeze_out:g}$ GeV"
    return axes.axvline(freeze_out, color="k", ls=":", lw=1.2, label=label)


def legend_beside(axes):
    """To the right of the axes, where it covers no curve whatever the data are."""
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small", frameon=False, handlelength=2.6)


def legend_below(axes, n_columns):
    """Under the axes, likewise."""
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
    axes.legend(**place, ncols=n_columns, fontsize="small", frameon=False, handlelength=2)


def parameters_text(point):
    """Two lines with the parameters of one row of `Results.points`."""
    texts = [parameter_text(name, symbol, point) for name, symbol in SYMBOLS.items()]
    return ", ".join(texts[:3]) + "\n" + ", ".join(texts[3:])


def parameter_text(name, symbol, point):
    """A parameter of one row of `Results.points`, to ten digits; a tuned one as the tuned value and its offset."""
    column = point[name]
    unit = column.attrs["units"]
    if unit == "rad" and not name.startswith("im_"):
        scale, unit = ANGLE_RAD["pi"], r"\,\pi"
    else:
        scale, unit = 1.0, "" if unit in ("rad", "1") else rf"\ {{\rm {unit}}}"
    offset = point[f"{name}_offset"].item() if f"{name}_offset" in point else 0.0
    text = number_text((column.item() - offset) / scale, _PARAMETER_DIGITS)
    if offset:
        text = rf"({text} {'-+'[offset > 0]} {number_text(abs(offset) / scale)})"
    return f"${symbol} = {text}{unit}$"


def settings_text(results, variation):
    """The light neutrinos in one variation of `Results`, and its name if there are several."""
    settings = results.settings(variation)
    text = f"{settings['hierarchy']} hierarchy"
    return text + f", variation {variation}" * (len(results.input["variations"]) > 1) + own_text(results, variation)


def own_text(results, variation):
    """What else a campaign has that readers of its pictures would take to be as usual: data and tables of one's own."""
    settings, points = results.settings(variation), results.points
    texts = []
    for name in OWN_PARAMETERS:
        if name in points:
            values, unit = np.unique(points[name].values), points[name].attrs["units"]
            scale, unit = (ANGLE_RAD["deg"], "deg") if unit == "rad" else (1.0, unit)
            ends = dict.fromkeys(f"{end / scale:.4g}" for end in (values[0], values[-1]))
            texts.append(f"{name} = {' ... '.join(ends)} {unit}")
    texts += [f"{name} = {settings[name]}" for name in USUAL if settings.get(name, USUAL[name]) != USUAL[name]]
    return f"\n{printable(', '.join(texts))}" if texts else ""


def grid_text(grid):
    """A momentum grid in words, with its number of modes."""
    return family_text(grid) + (f", {grid.n_modes} modes" if grid.n_modes > 1 else "")


def family_text(grid):
    """A family of momentum grids in words."""
    return GRID_NAMES[grid.kind] + grid.family.removeprefix(grid.kind).replace(", soft_modes", " with soft modes")


def number_text(value, digits=5):
    """A number as mathematical text, so many digits of it, with a power of ten where it is small or large."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if -2 <= int(exponent) <= 3 or value == 0:
        return f"{value:.{digits}g}"
    power, mantissa = f"10^{{{int(exponent)}}}", f"{float(mantissa):.{digits}g}"
    return {"1": power, "-1": f"-{power}"}.get(mantissa, rf"{mantissa} \times {power}")


def panels(n, n_columns, size):
    """A picture with `n` panels of `size` (width, height) [inch], `n_columns` beside each other.

    Returns
    -------
    picture : matplotlib Figure
    list of matplotlib Axes
    """
    n_columns = min(n_columns, n)
    n_rows = -(-n // n_columns)
    figsize = (size[0] * n_columns, size[1] * n_rows)
    picture, grid = plt.subplots(n_rows, n_columns, figsize=figsize, squeeze=False, layout="constrained")
    for axes in grid.flat[n:]:
        axes.set_visible(False)
    return picture, list(grid.flat[:n])


def save(picture, path):
    """Write a picture in the format that the name of the file says.

    Raises
    ------
    ResultsError
        If it cannot be written there.
    """
    try:
        picture.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be written ({error})") from None


def draw_files(program, description, plan_panels, arguments=None):
    """The program that draws results files into one picture: `program FILE.h5 ... -o NAME.png`.

    Parameters
    ----------
    program, description : str
        Its name, and what it draws.
    plan_panels : callable
        Paths to a list of panels: a function of axes, and its other arguments.
    arguments : list of str, optional
        In place of those of the command line.

    Returns
    -------
    int
        Exit code: 2 for files that cannot be drawn, with one line that says why.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("files", nargs="+", metavar="FILE.h5")
    parser.add_argument("-o", "--output", required=True, metavar="NAME.png")
    options = parser.parse_args(arguments)
    try:
        plan = plan_panels(options.files)
        picture, all_axes = panels(len(plan), 3, (6.0, 5.4))
        for axes, (draw, *what) in zip(all_axes, plan, strict=True):
            draw(axes, *what)
        save(picture, options.output)
    except ResultsError as error:
        print(printable(f"{program}: {error}"), file=sys.stderr)
        return 2
    return 0
