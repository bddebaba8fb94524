#!/usr/bin/env python3
"""Write inputs/README.md, the input file key by key, from what the program accepts.

    python tools/write_inputs_page.py          after a change of a key, a default, a model or an input

All that is in it comes from `hpc_nu/campaign/input_keys.py`, the declarations of the models, and the inputs themselves;
a key without a text is an error.
"""

import inspect
import re
from collections import defaultdict
from itertools import takewhile
from pathlib import Path

from hpc_nu.campaign.input_keys import (
    FORM_KEYS,
    FORMS,
    GRID_OPTIONS,
    MODES,
    OUTPUT_FORMS,
    OUTPUTS,
    REQUIRED,
    RUN,
    SAMPLE,
    SECTIONS,
    SOLVER,
)
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.reports import range_text, unit_text
from hpc_nu.campaign.row_layout import GROUPS
from hpc_nu.interactions import digitised_limits
from hpc_nu.models import MODELS, get_model
from hpc_nu.plasma import user_equation_of_state, user_table
from hpc_nu.solver import momentum_grid
from hpc_nu.units import CONVERSIONS

INPUTS = Path(__file__).parents[1] / "inputs"
PAGE = INPUTS / "README.md"

USER_FILES = {
    "limits": (digitised_limits, "A file of digitised limits", " [limits_example.txt](limits_example.txt) is one."),
    "equation_of_state": (user_equation_of_state, "A file of an equation of state", ""),
    "self_energy": (user_table, "A file of a self-energy", ""),
}
"""By the setting that names it: the module whose head describes it, title, where an example is."""

_NO_END = r"\b(figs?|secs?|eqs?|tabs?|refs?|al|cf|vs|e\.g|i\.e)$|\.$"

HEAD = """\
# Inputs

A campaign is one YAML file. [annotated.yaml](annotated.yaml) is an example of every section and every form;
[quickstart.yaml](quickstart.yaml) is a good one to start from.

```
hpc-nu check my.yaml                        # all mistakes at once, with their lines; tasks, cost, file size
mpirun -n 4 hpc-nu run my.yaml -o my.h5     # starts, or continues
```

Numbers may be written as 1e-11 or 7E-18, switches are true and false. Unknown keys, keys given twice, missing units and
values out of range are mistakes. There are no anchors, aliases and tags. EST is arXiv:2011.12637.

*Written by `python tools/write_inputs_page.py` from what the program accepts.*
"""


FILES = """\
A setting or the section `model` names them by their path, seen from the folder in which the run starts, such as
`limits: ./my_curves.txt`. What is in a file is part of the problem, and recorded in the results by its hash; where it
lies is not: it may be moved while a campaign is under way. One that is damaged, or does not cover what a campaign
needs, is an error of the input. How to write a model of your own, `model: my_file.py:MyModel`, is on the page
[hpc_nu/models/README.md](../hpc_nu/models/README.md).
"""


def page():
    """The text of the page."""
    return "\n".join([HEAD, *_files(), *_sections(), *_parameters(), *_keys(), *_grids(), *_models(), *_user_files()])


def _files():
    rows = []
    for path in sorted(INPUTS.glob("*.yaml")):
        plan = read_plan(path)
        rows.append((f"[{path.name}]({path.name})", plan.model.name, plan.n_tasks, _first_sentence(path)))
    return ["## The inputs here", "", *_table(("file", "model", "tasks", "what"), rows)]


def _first_sentence(path):
    """Of the comment that the file starts with."""
    comment = takewhile(lambda line: line.startswith("#"), path.read_text().splitlines())
    return first_sentence(" ".join(line.lstrip("# ") for line in comment))


def first_sentence(text):
    """Up to the first full stop that ends one: neither that of an abbreviation nor the last of three dots."""
    for stop in re.finditer(r"\.(?= |$)", text):
        if not re.search(_NO_END, text[: stop.start()], re.IGNORECASE):
            return text[: stop.start()]
    return text


def _sections():
    rows = [(f"`{name}`", "needed" if name in REQUIRED else "", text) for name, text in SECTIONS.items()]
    return ["## Sections", "", *_table(("section", "", "what it is"), rows)]


def _parameters():
    forms = [(f"`{name}`", text) for name, text in FORMS.items()]
    keys = [(f"`{name}`", text) for name, text in FORM_KEYS.items()]
    units = [(f"`{unit}`", ", ".join(f"`{name}`" for name in spellings)) for unit, spellings in CONVERSIONS.items()]
    return [
        "## `parameters`",
        "",
        "Each has one of these forms, as in `M: {value: 2.0, unit: GeV}`; where there is no unit, a number is enough.",
        "Axes are multiplied with each other and with the sample, in the order of the file, the last one fastest.",
        "",
        *_table(("form", "values"), forms),
        *_table(("with it", ""), keys),
        *_table(("unit of the model", "accepted"), units),
    ]


def _keys():
    lines = ["## `sample`", "", *_table(("key", ""), [(f"`{name}`", text) for name, text in SAMPLE.items()])]
    for name, settings in (("solver", SOLVER), ("run", RUN)):
        lines += [f"## `{name}`", "", *_settings(settings)]
    forms = ", ".join(f"`{form}`" for form in OUTPUT_FORMS)
    rows = [(f"`{o.name}`", o.unit, f"{o.description}, in one of the forms {forms}") for o in OUTPUTS.values()]
    return [*lines, "## `output`", "", *_table(("key", "unit", ""), [*rows, ("`modes`", "", MODES)])]


def _grids():
    lines = ["## `grids`", ""]
    for kind, text in momentum_grid.GRID_KINDS.items():
        lines += [f"`kind: {kind}`: {text}.", ""]
        options = inspect.signature(getattr(momentum_grid, kind)).parameters
        rows = [(f"`{name}`", _default(option.default), GRID_OPTIONS[name]) for name, option in options.items()]
        lines += _table(("key", "default", ""), rows) if rows else []
    return lines


def family(name):
    """Models of one folder of `hpc_nu/models` are a family; empty for a model that stands alone."""
    folders = MODELS[name].partition(":")[0].split(".")[2:-1]
    return folders[0] if folders else ""


def families():
    """Models by family, in the order of `MODELS`; one that stands alone is under its own name."""
    members = defaultdict(list)
    for name in MODELS:
        members[family(name) or name].append(name)
    return members


def page_of(name):
    """The page of a model, seen from the root of the repository."""
    return "/".join(filter(None, ("hpc_nu/models", family(name), "README.md")))


def _models():
    lines = []
    for title, names in families().items():
        if len(names) == 1:
            lines += [*_model(names[0], "##", set()), _what_to_know(names[0]), ""]
            continue
        lines += [f"## Family `{title}`", "", f"{_words(names)}: what several of them have is here,"]
        lines += ["what one has for itself below.", _what_to_know(names[0]), ""]
        shared = {kind: _shared(names, kind) for kind in _KINDS}
        for kind, declared in shared.items():
            rows = [(*_row(kind, entry), _members(users, names)) for entry, users in declared.items()]
            lines += _table((*_KINDS[kind], "models"), rows) if rows else []
        for name in names:
            lines += _model(name, "###", {entry for declared in shared.values() for entry in declared})
    return lines


def _what_to_know(name):
    return f"What to know before you quote a number: [{family(name) or 'models'}](../{page_of(name)})."


def _shared(names, kind):
    """Declarations that are the same in at least two of these models, and those that have them."""
    users = defaultdict(list)
    for name in names:
        for entry in getattr(get_model(name), kind):
            users[entry].append(name)
    return {entry: models for entry, models in users.items() if len(models) > 1}


def _members(users, names):
    return "all" if users == names else _words(users)


def _words(names):
    return ", ".join(f"`{name}`" for name in names)


def _model(name, level, shared):
    """A model, without what its family has told already."""
    model = get_model(name)
    lines = [f"{level} Model `{name}`", "", f"{model.title[0].upper()}{model.title[1:]}; {model.reference}.", ""]
    if model.grid_kinds:
        lines += [f"Momentum grids: {_words(model.grid_kinds)}.", ""]
    for kind, heads in _KINDS.items():
        rows = [_row(kind, entry) for entry in getattr(model, kind) if entry not in shared]
        lines += _table(heads, rows) if rows else []
    return lines


_KINDS = {
    "parameters": ("parameter", "unit", "accepted", "", "default"),
    "settings": ("setting", "default", "accepted", ""),
    "observables": ("dataset of the results", "unit", "what"),
}


def _row(kind, entry):
    """Cells of a declaration of a model."""
    if kind == "settings":
        return _setting(entry)
    if kind == "observables":
        return f"`{GROUPS[entry.kind]}/{entry.name}`", unit_text(entry.unit), entry.long_name
    accepted = range_text(entry.low, entry.high, entry.low_is_open)
    default = "optional" if entry.optional else _default(entry.default)
    return f"`{entry.name}`", unit_text(entry.unit), accepted, entry.description, default


def _user_files():
    """The formats of files of the user's, as the heads of the modules that read them describe them."""
    lines = ["## Files of your own", "", FILES, ""]
    for setting, (module, heading, example) in USER_FILES.items():
        title, *paragraphs = module.__doc__.strip().split("\n\n")
        users = [name for name in MODELS if any(s.name == setting for s in get_model(name).settings)]
        named = f"It is named by `{setting}` among the settings of {_words(users[:-1])} and `{users[-1]}`."
        lines += [f"### {heading}", "", f"{title}{example}", named, ""]
        for text in paragraphs:
            is_example = text.startswith("    ")
            lines += ["```", inspect.cleandoc(text), "```", ""] if is_example else [text, ""]
    return lines


def _settings(settings):
    return _table(("key", "default", "accepted", ""), [_setting(s) for s in settings])


def _setting(setting):
    default = _default(setting.default) + ("" if setting.unit == "1" else f" {setting.unit}")
    return f"`{setting.name}`", default, _accepted(setting), setting.description


def _accepted(setting):
    if setting.choices:
        return ", ".join((*setting.choices, *["or a file"] * setting.or_file))
    if isinstance(setting.default, bool):
        return "true, false"
    return "any" if isinstance(setting.default, str) else range_text(setting.low, setting.high, setting.low_is_open)


def _default(value):
    if value is None or value is inspect.Parameter.empty:
        return "needed"
    return str(value).lower() if isinstance(value, bool) else "[]" if value == () else str(value)


def _table(heads, rows):
    """A Markdown table and an empty line."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return [*(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *cells]), ""]


if __name__ == "__main__":
    PAGE.write_text(page().rstrip() + "\n")
    print(f"{PAGE} written")
