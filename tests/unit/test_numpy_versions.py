"""No function is named that numpy 1.26 lacks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("hpc_nu", "tools", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
NEW_IN_NUMPY_2 = set(
    "acos acosh asin asinh atan atan2 atanh astype bitwise_count bitwise_invert bitwise_left_shift bitwise_right_shift"
    " concat cumulative_prod cumulative_sum isdtype matrix_transpose matvec permute_dims pow trapezoid unique_all"
    " unique_counts unique_inverse unique_values unstack vecdot vecmat".split()
)
"""Functions of numpy 2.0 to 2.3 that 1.26 does not have."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_is_used_that_only_numpy_2_has(path):
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np"
    }
    assert not used & NEW_IN_NUMPY_2
