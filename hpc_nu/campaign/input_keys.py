"""What may stand in an input file, key by key: `tools/write_inputs_page.py` makes inputs/README.md of it."""

import math

from hpc_nu.campaign.sampling import CUT
from hpc_nu.models.interface import SMALLEST_RTOL, Parameter, Setting, SolverSettings

SECTIONS = {
    "campaign": "name of the campaign: 1 to 64 letters, digits, _ and -",
    "model": "the system of equations",
    "parameters": "every parameter of the model: the axes of the campaign, and its fixed numbers",
    "sample": "how parameters with a `range` or `normal` are drawn; needed if there are any",
    "settings": "choices that hold for all points; those with a unit as {value, unit}",
    "variations": "name: {setting: value, ...}; the whole campaign once for each, with these settings changed",
    "grids": "momentum grids, for models that have momentum modes: a list; every point is solved on every grid",
    "solver": "accuracy and budgets of one solve; one that fails is tried once more, with rtol/10 (not below 1e-12) and"
    " more budget",
    "output": "what is stored besides one number an observable",
    "run": "how it runs; changing this does not change the problem",
}
REQUIRED = ("campaign", "model", "parameters")

FORMS = {
    "value": "one number",
    "list": "these numbers",
    "linear": "equidistant from the first to the second of two numbers, both included",
    "log": "the same on a logarithmic scale; both positive",
    "range": "between the two: drawn by `sample`",
    "normal": f"mean and standard deviation of a normal distribution: drawn by `sample`, cut off at {CUT:g} deviations",
}
DRAWN_FORMS = ("range", "normal")
OUTPUT_FORMS = ("list", "linear", "log")
FORM_KEYS = {
    "points": "how many numbers; with `linear` and `log`",
    "scale": "linear (the default) or log: how a `range` is drawn; log_total: in the logarithm of about + offset",
    "about": "a tuned value; the form then gives offsets from it, and both are stored, so that no digits are lost",
    "unit": "needed unless the parameter has none; of `about`, too",
    "offset_unit": "unit of the offsets, if it is not that of `about`",
}

SAMPLE = {
    "kind": "sobol (scrambled; powers of two are best) or random; needed",
    "points": "how many points; needed. More of them leave the first ones as they were",
    "seed": "a whole number from 0, which is the default",
}

GRID_OPTIONS = {
    "n_modes": "number of modes, or a list of numbers: one grid for each",
    "y_min": "smallest k/T",
    "y_max": "largest k/T",
    "soft_modes": "momenta k/T that are added; they count in n_modes",
    "scale": "the y in the middle of the nodes",
}

SOLVER_METHODS = ("esdirk54", "esdirk43")
SOLVER = (
    Setting("method", SolverSettings.method, "time stepping, of order 5 or 4", choices=SOLVER_METHODS),
    Setting("rtol", SolverSettings.rtol, "relative tolerance of one step", low=SMALLEST_RTOL, high=0.1),
    Setting("max_steps", SolverSettings.max_steps, "steps, rejected ones included, before a solve is given up", low=1),
    Setting("max_seconds", SolverSettings.max_seconds, "processor time before it is given up [s]", low=0.0,
            low_is_open=True),
)  # fmt: skip

OUTPUTS = {
    "temperatures": Parameter("temperatures", "GeV", 0.0, math.inf, "output temperatures", "T", low_is_open=True),
    "momenta": Parameter("momenta", "1", 0.0, math.inf, "output momenta k/T", "y", low_is_open=True),
}
MODES = "true: also the final spectrum on each task's momentum modes"

RUN = (
    Setting(
        "epoch_seconds", 60.0, "time between two commits of rows and states to the disk [s]", low=0.01, high=86400.0
    ),
)
