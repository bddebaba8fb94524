"""Models from a user's file: `model: my_file.py:MyModel` in an input file.

The file is read once, by the first rank, and travels with the model: to the other ranks, to processes in quarantine.
What is in it is part of the problem's identity, where it lies is not; so it may import what is installed, but not its
neighbours.
"""

import copyreg
import inspect
import numbers
import os
import re
import sys
import traceback
import types
from pathlib import Path

from hpc_nu.compiled import SOURCE
from hpc_nu.models.interface import Model, Observable, Parameter, Setting
from hpc_nu.solver.momentum_grid import GRID_KINDS
from hpc_nu.units import CONVERSIONS
from hpc_nu.user_file import read_text, user_path

PATTERN = re.compile(r"(?P<path>.+\.py):(?P<name>\w+)")

_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_TAKEN = ("task", "variation", "grid", "n_modes", "status", "error", "checksum", "temperature", "mode")
_KINDS = ("scalar", "trajectory", "spectrum", "mode")

_DECLARED = {"parameters": Parameter, "settings": Setting, "observables": Observable}


def load_user_model(word):
    """The model that `word` names, "path/to/file.py:Class"; the path as seen from the working folder.

    Raises
    ------
    ValueError
        If there is no such file or class, or it is no model: file, line and reason.
    """
    path = PATTERN.fullmatch(word)["path"]
    return _model(word, os.path.abspath(user_path(path)), *read_text(path))


def _model(word, absolute_path, text, text_hash):
    path, name = PATTERN.fullmatch(word).group("path", "name")
    module = types.ModuleType(f"hpc_nu_user_model_{Path(path).stem}")
    module.__file__ = absolute_path
    vars(module)[SOURCE] = text_hash
    sys.modules[module.__name__] = module  # where pickle and numba look for its classes
    try:
        exec(compile(text, absolute_path, "exec"), vars(module))
        model = _class(path, name, module)()
    except SyntaxError as error:
        raise ValueError(f"{path}:{error.lineno}: {error.msg}") from None
    except ValueError as error:
        if str(error).startswith(f"{path}:"):
            raise
        raise ValueError(_of_exception(path, absolute_path, error)) from error
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's file does
        raise ValueError(_of_exception(path, absolute_path, error)) from error
    _refuse_incomplete(path, model)
    model.name, model.source_hash = word, text_hash
    copyreg.pickle(type(model), lambda _: (_model, (word, absolute_path, text, text_hash)))
    return model


def _class(path, name, module):
    classes = {key: value for key, value in vars(module).items() if inspect.isclass(value) and issubclass(value, Model)}
    mine = [key for key, value in classes.items() if value.__module__ == module.__name__]
    if name not in classes:
        what = "is no subclass of hpc_nu.models.interface.Model" if hasattr(module, name) else "is not in it"
        raise ValueError(f"{path}: {name} {what}; models in it: {', '.join(mine) or 'none'}")
    return classes[name]


def _of_exception(path, absolute_path, error):
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == absolute_path]
    return f"{path}:{lines[-1] if lines else 1}: {type(error).__name__}: {error}"


def _refuse_incomplete(path, model):
    """Say what a model lacks before anything relies on it."""
    name = type(model).__name__
    for attribute, kind in _DECLARED.items():
        declared = getattr(model, attribute)
        if not isinstance(declared, tuple) or not all(isinstance(entry, kind) for entry in declared):
            raise ValueError(f"{path}: {name}.{attribute} must be a tuple of {kind.__name__}, not {declared!r}")
    groups = [[p.name for p in model.parameters], [setting.name for setting in model.settings]]
    groups += [[o.name for o in model.observables if o.kind == kind] for kind in _KINDS]
    if sum(map(len, groups[2:])) < len(model.observables):
        raise ValueError(f"{path}: {name}: the kinds of observables are {', '.join(_KINDS)}")
    for names in groups:
        for entry in names:
            if not isinstance(entry, str) or not _NAME.fullmatch(entry) or entry in _TAKEN or names.count(entry) > 1:
                raise ValueError(f"{path}: {name}: {entry!r} is no name, is taken, or is there twice")
    if not isinstance(model.grid_kinds, tuple) or not set(model.grid_kinds) <= GRID_KINDS.keys():
        raise ValueError(f"{path}: {name}.grid_kinds must be a tuple of some of {', '.join(GRID_KINDS)}")
    for entry in (*model.parameters, *model.settings):
        if problem := _wrong_declaration(entry):
            raise ValueError(f"{path}: {name}: {type(entry).__name__} {entry.name}: {problem}")
    switches = [setting.name for setting in model.settings if isinstance(setting.default, bool)]
    for o in model.observables:
        if o.only_with and o.only_with not in switches:
            raise ValueError(f"{path}: {name}: {o.name}.only_with is no switch among the settings: {o.only_with!r}")
    for method in ("cost", "solve"):
        if getattr(type(model), method) is getattr(Model, method):
            raise ValueError(f"{path}: {name} has no method {method}")


def _wrong_declaration(entry):
    """What is wrong with one parameter or setting that a user has declared; empty if nothing is."""
    if entry.unit not in CONVERSIONS:
        return f"the unit {entry.unit!r} is none of {', '.join(CONVERSIONS)}"
    if not (_is_number(entry.low) and _is_number(entry.high) and entry.low <= entry.high):
        return f"low = {entry.low!r} and high = {entry.high!r} are no range"
    if entry.default is None and isinstance(entry, Parameter):
        return ""
    if isinstance(entry, Setting) and isinstance(entry.default, (bool, str)):
        choices = entry.choices
        if not isinstance(choices, tuple) or not all(isinstance(word, str) for word in choices):
            return f"choices must be a tuple of words, not {choices!r}"
        is_one = not choices or entry.or_file or entry.default in choices
        return "" if is_one else f"its default {entry.default!r} is none of its choices"
    in_range = _is_number(entry.default) and entry.low <= entry.default <= entry.high
    in_range = in_range and not (entry.low_is_open and entry.default == entry.low)
    return "" if in_range else f"its default {entry.default!r} is no number of its range, {entry.low} to {entry.high}"


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def ask(model, method, *arguments):
    """What a method of a model gives; of a user's one, what it raises is a mistake in the file.

    Raises
    ------
    ValueError
        File, line and exception.
    """
    try:
        return getattr(model, method)(*arguments)
    except Exception as error:
        if not model.source_hash:
            raise
        path = PATTERN.fullmatch(model.name)["path"]
        text = _of_exception(path, os.path.abspath(user_path(path)), error)
        raise ValueError(f"{text} (in the method {method})") from error
