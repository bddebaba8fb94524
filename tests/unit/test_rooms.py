"""Arrows between the rooms of the package point down only."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "hpc_nu"
BELOW = {
    "campaign": {"models", "plasma", "solver"},
    "models": {"interactions", "seesaw", "plasma", "solver"},
    "seesaw": {"plasma"},
    "interactions": {"plasma"},
    "plasma": set(),
    "solver": set(),
    "analysis": set(),
}
"""What each room may import, besides the modules that belong to none."""


def imported(path):
    """Full names of the modules of the package that a file imports, at its head or later."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_room_is_known():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == BELOW.keys()


@pytest.mark.parametrize("room", BELOW)
def test_it_imports_from_below(room):
    others = BELOW.keys() - BELOW[room] - {room}
    up = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in imported(path)
        if name.startswith("hpc_nu.") and name.split(".")[1] in others | {"cli"}
    }
    assert not up


def test_modules_of_no_room_are_below_all_but_the_commands():
    for path in PACKAGE.glob("*.py"):
        rooms = {name.split(".")[1] for name in imported(path) if name.startswith("hpc_nu.")} & BELOW.keys()
        assert not rooms or path.name == "cli.py", f"{path.name} imports {rooms}"
