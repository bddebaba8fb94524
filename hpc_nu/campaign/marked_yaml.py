"""YAML that remembers where everything stood, so that a complaint can name its line.

`load_marked` turns a file into a tree of `Marked` values.  Whoever reads the tree asks a value for what it should
be (`number`, `word`, `entries` ...); where it is something else, the mistake is noted and None comes back, so that
one pass finds all mistakes and the user repairs a file once.

Scalars are resolved as in the core schema of YAML 1.2, without its octal and hexadecimal integers: 1e-11 and 7E-18
are numbers, only true and false are switches.  Not covered: anchors, aliases, tags and several documents, which
are refused.  The parser is PyYAML's in Python also where the thirty times faster one in C is installed: their
messages and their treatment of tabs differ, and an input file is short (2 s for a list of 10^5 numbers).
"""

import difflib
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hpc_nu.user_file import LARGEST_TEXT

MAX_DEPTH = 40

_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a file.

    Attributes
    ----------
    line, column : int
        Counted from 1; line 0 stands for the file as a whole.
    key : str
        Dotted, such as "parameters.M.value" or "grids[0].n_modes"; empty where there is none.
    value : object
        What was given, as plain Python.
    accepted, suggestion : str
        What would be accepted, and the nearest of it; empty where there is nothing to say.
    """

    file: str
    line: int
    column: int
    key: str
    value: Any
    message: str
    accepted: str = ""
    suggestion: str = ""

    def __str__(self):
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = ": ".join(part for part in (place, self.key, self.message) if part)
        if self.accepted:
            text += f"; accepted: {self.accepted}"
        if self.suggestion:
            text += f"; did you mean {self.suggestion!r}?"
        return text


class InputError(Exception):
    """All that is wrong with an input file, one line each.  The command line ends with exit code 2 on it.

    Attributes
    ----------
    mistakes : tuple of Mistake
        In the order of the file.
    """

    def __init__(self, mistakes):
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column)))
        super().__init__("\n".join(map(str, self.mistakes)))

    def __reduce__(self):
        return InputError, (self.mistakes,)


@dataclass
class Report:
    """The mistakes found so far in one file."""

    file: str
    mistakes: list = field(default_factory=list)

    def fail(self, message, line=0, column=0):
        """End the reading at once: what follows cannot be understood."""
        raise InputError([*self.mistakes, Mistake(self.file, line, column, "", None, message)])

    def finish(self):
        """Raise `InputError` if anything was wrong."""
        if self.mistakes:
            raise InputError(self.mistakes)


@dataclass(frozen=True)
class Interval:
    """Accepted values of a number, in the unit of whoever asks."""

    low: float = -math.inf
    high: float = math.inf
    low_is_open: bool = False

    def contains(self, value):
        """Whether `value` lies inside; a closed bound forgives the rounding of a unit conversion."""
        above = value > self.low if self.low_is_open else value >= self.low - 1e-15 * abs(self.low)
        return math.isfinite(value) and above and value <= self.high + 1e-15 * abs(self.high)

    def describe(self, name="value", unit="", factor=1.0):
        """The interval in words, with its bounds in a unit that is `factor` times that of the interval."""
        low, high = f"{self.low / factor:.12g}", f"{self.high / factor:.12g}"
        if self.high == math.inf:
            text = f"{name} {'>' if self.low_is_open else '>='} {low}"
        else:
            text = f"{low} {'<' if self.low_is_open else '<='} {name} <= {high}"
        return f"{text} {unit}".rstrip() if self != Interval() else "any finite number"


POSITIVE = Interval(0.0, low_is_open=True)


@dataclass(frozen=True, eq=False)
class Marked:
    """A value of the file that knows its place.

    Attributes
    ----------
    value : dict of str to Marked, list of Marked, str, bool, int, float or None
    text : str
        A scalar as it was typed.
    key : str
        Dotted name of the value.
    line, column, key_line, key_column : int
        Where the value stands, and where its key does.
    """

    value: Any
    text: str
    key: str
    line: int
    column: int
    key_line: int
    key_column: int
    report: Report = field(repr=False)

    def mistake(self, message, accepted="", suggestion="", at_key=False, key=None):
        """Note a mistake; returns None, so that a reader can end with it."""
        line, column = (self.key_line, self.key_column) if at_key else (self.line, self.column)
        key = self.key if key is None else key
        self.report.mistakes.append(
            Mistake(self.report.file, line, column, key, self.plain(), message, accepted, suggestion)
        )

    def missing(self, name, accepted=""):
        """Note that the entry `name` of this mapping is missing."""
        self.mistake("missing", accepted, at_key=True, key=_dotted(self.key, name))

    def plain(self):
        """The value without its marks."""
        if isinstance(self.value, dict):
            return {name: entry.plain() for name, entry in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def section(self, name):
        """The entry `name` of this mapping, or an empty section in its place."""
        entries = self.value if isinstance(self.value, dict) else {}
        where = (self.line, self.column, self.key_line, self.key_column)
        return entries.get(name) or Marked(None, "", _dotted(self.key, name), *where, self.report)

    def entries(self, accepted, required=(), what="key"):
        """The known entries of a mapping; an empty value is a mapping without entries.

        `accepted` and `required` are the names that may and must be there, `what` is what messages call a name.
        """
        given = {} if self.value is None else self.value
        if not isinstance(given, dict):
            return self.wrong("a mapping", accepted=", ".join(accepted))
        for name in given.keys() - set(accepted):
            given[name].unknown(name, accepted, what)
        for name in required:
            if name not in given:
                self.missing(name)
        return {name: entry for name, entry in given.items() if name in accepted}

    def unknown(self, name, accepted, what):
        """Note that `name`, the key of this value, is none of `accepted`."""
        message = f"unknown {what}" + (" (is a space missing after the colon?)" if ":" in name else "")
        self.mistake(message, ", ".join(accepted), closest(name, accepted), at_key=True)

    def items(self):
        """The items of a list that is not empty."""
        if not isinstance(self.value, list):
            return self.wrong("a list")
        return self.value or self.mistake("the list is empty", "at least one item")

    def number(self, interval=Interval()):  # noqa: B008 (immutable)
        """A finite number inside `interval`, as float."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            number, unit = split_quantity(self.text)
            hint = f" (the unit has its own key: unit: {unit})" if unit else ""
            return self.wrong("a number", hint, suggestion=number)
        if not math.isfinite(self.value):
            return self.mistake(f"a finite number is needed, not {self.text}")
        if not interval.contains(self.value):
            return self.mistake(f"{self.text} is out of range", interval.describe())
        return float(self.value)

    def integer(self, low=1, high=math.inf):
        """A whole number, written without point and exponent."""
        interval = Interval(low, high)
        if isinstance(self.value, float) and self.value.is_integer() and interval.contains(self.value):
            return self.mistake(f"an integer is needed, not {self.text}", suggestion=str(int(self.value)))
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            return self.wrong("an integer", accepted=interval.describe())
        return self.value if self.number(interval) is not None else None

    def word(self, choices=(), or_file=False):
        """One of `choices`, or the path of a file, with a dot or a slash in it; any string if there are no choices."""
        if isinstance(self.value, str) and (not choices or self.value in choices):
            return self.value
        if isinstance(self.value, str) and or_file and ("." in self.value or "/" in self.value):
            return self.value
        accepted = ", ".join((*choices, *["a file of yours, such as ./table.txt"] * or_file))
        if not isinstance(self.value, str):
            return self.wrong("a word", accepted=accepted)
        return self.mistake(f"unknown value {self.value!r}", accepted, closest(self.value, choices))

    def switch(self):
        """True or False."""
        if isinstance(self.value, bool):
            return self.value
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(str(self.value).lower(), "")
        return self.wrong("a switch", accepted="true, false", suggestion=meant)

    def wrong(self, wanted, hint="", accepted="", suggestion=""):
        """Note that this is not what is `wanted`; returns None."""
        kinds = {dict: "a mapping", list: "a list", bool: "the switch", type(None): "nothing", str: "the string"}
        text = repr(self.text) if isinstance(self.value, str) else self.text if self.value is not None else ""
        given = f"{kinds.get(type(self.value), 'the number')} {text}".rstrip()
        if isinstance(self.value, str) and isinstance(resolve(self.text), (int, float)):
            hint += "; take away the quotes"
        return self.mistake(f"{wanted} is needed, not {given}{hint}", accepted, suggestion)


def closest(word, accepted):
    """The one of `accepted` that `word` probably stands for, or an empty string."""
    by_lower = {name.lower(): name for name in accepted}
    return next((by_lower[name] for name in difflib.get_close_matches(word.lower(), by_lower, n=1)), "")


def resolve(text):
    """The value of a plain scalar: None, bool, int, float or str."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    return text


def load_marked(path, text=None):
    """Read a YAML file, or `text`, which `path` then is the name of.

    Returns
    -------
    text : str
        The file as given.
    root : Marked
        Its tree; `root.report` collects the mistakes, repeated keys already among them.

    Raises
    ------
    InputError
        If there is no such file, or no understanding it as YAML.
    """
    report = Report(str(path))
    text = _read_text(Path(path), report) if text is None else text
    try:
        root = _TreeBuilder(text, report).document()
    except yaml.MarkedYAMLError as error:
        _syntax_error(error, text, report)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        report.fail(f"not YAML: the character {chr(error.character)!a} is not allowed", line)
    return text, root


def _read_text(path, report):
    try:
        with open(path, "rb") as file:  # may be a pipe: <(...)
            raw = file.read(LARGEST_TEXT + 1)
    except FileNotFoundError:
        report.fail("there is no such file")
    except IsADirectoryError:
        report.fail("this is a directory; an input file is needed")
    except (OSError, ValueError) as error:
        report.fail(f"cannot be read: {error}")
    if len(raw) > LARGEST_TEXT:
        report.fail(f"is larger than an input file can be, {LARGEST_TEXT / 1e6:.0f} MB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.fail("the file is not UTF-8; save it in that encoding", raw.count(b"\n", 0, error.start) + 1)


def _syntax_error(error, text, report):
    mark = error.problem_mark
    message = f"not YAML: {error.problem}"
    if text[mark.index : mark.index + 1] == "\t":
        message = "not YAML: a tab stands where YAML wants spaces"
    elif error.context_mark is not None and error.context_mark.line != mark.line:
        message += f" ({error.context} that starts in line {error.context_mark.line + 1})"
    report.fail(message, mark.line + 1, mark.column + 1)


class _TreeBuilder:
    """Builds the tree from the parser's events.

    The events are taken directly, without PyYAML's composer and constructors: those resolve as YAML 1.1 does,
    let a repeated key win silently, and know aliases and tags.
    """

    def __init__(self, text, report):
        self.report = report
        self.events = (
            event
            for event in yaml.parse(text, Loader=yaml.SafeLoader)
            if not isinstance(event, (yaml.StreamStartEvent, yaml.DocumentEndEvent))
        )

    def document(self):
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self.report.fail("the file is empty", 1, 1)
        root = self.node(next(self.events), "", None, 0)
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            self.report.fail("a second document starts here; one file is one campaign", *_place(event))
        return root

    def node(self, event, key, key_place, depth):
        """The tree that starts with `event`."""
        self.refuse_extras(event, depth)
        text = ""
        if isinstance(event, yaml.ScalarEvent):
            text = event.value
            value = resolve(text) if event.implicit[0] else text
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(key, depth)
        else:
            value = self.mapping(key, depth)
        return Marked(value, text, key, *_place(event), *(key_place or _place(event)), self.report)

    def sequence(self, key, depth):
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, f"{key}[{len(items)}]", None, depth + 1))
        return items

    def mapping(self, key, depth):
        entries = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            self.refuse_extras(event, depth)
            if not isinstance(event, yaml.ScalarEvent):
                self.report.fail("a key must be a word, not a list or a mapping", *_place(event))
            name = event.value
            entry = self.node(next(self.events), _dotted(key, name), _place(event), depth + 1)
            if name in entries:
                entry.mistake(f"given twice (first in line {entries[name].key_line})", at_key=True)
            else:
                entries[name] = entry
        return entries

    def refuse_extras(self, event, depth):
        if isinstance(event, yaml.AliasEvent):
            self.report.fail(f"the alias *{event.anchor} is not supported; repeat the value", *_place(event))
        if event.anchor is not None:
            self.report.fail(f"the anchor &{event.anchor} is not supported; remove it", *_place(event))
        if event.tag is not None:
            self.report.fail(f"the tag {event.tag} is not supported; remove it", *_place(event))
        if depth > MAX_DEPTH:
            self.report.fail("nested too deeply", *_place(event))


def _place(event):
    return event.start_mark.line + 1, event.start_mark.column + 1


def _dotted(key, name):
    return f"{key}.{name}" if key else name


def split_quantity(text):
    """Number and unit of a string such as "2.0 GeV", the unit empty in "2.0"; two empty strings for any other."""
    match = _FLOAT.match(text.strip())
    unit = text.strip()[match.end() :].strip() if match else ""
    return (match.group(), unit) if match and re.fullmatch(r"[A-Za-z]*", unit) else ("", "")
