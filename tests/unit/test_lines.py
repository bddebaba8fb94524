"""No line is longer than the 120 characters that pyproject.toml sets."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = [path for pattern in ("*/*.py", "*/*/*.py", "inputs/*.yaml") for path in sorted(ROOT.glob(pattern))]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_are_short(path):
    assert [line for line in path.read_text().splitlines() if len(line) > 120] == []
