"""However many ranks start at once with nothing compiled, one compiles; the others, and later runs, read its cache."""

import re
from collections import Counter

import pytest
from campaigns import TOY, write
from mpi import hpc_nu
from toy_models import BEFORE

pytestmark = pytest.mark.mpi

KERNEL = """
from hpc_nu.compiled import compiled
@compiled
def inner(x):
    return x + 1.0
@compiled
def outer(x):
    return inner(x) * 2.0
"""

# A toy with a kernel; and as numba prints what it does with the cache, lines that tell the ranks apart.
WITH_KERNEL = (
    BEFORE
    + """
import builtins, os
rank, plain = os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK")), builtins.print
def print_of_rank(*words, **options):
    plain(f"rank {rank}:", *words, **options)
builtins.print = print_of_rank
def solve(self, *arguments, original=toy_models.Toy.solve):
    import kernel
    kernel.outer(1.0)
    return original(self, *arguments)
toy_models.Toy.solve = solve
"""
)


def savers(text):
    """Rank to the number of compiled functions that it kept."""
    return Counter(re.findall(r"rank (\d+): \[cache\] data saved", text))


def test_one_rank_compiles_for_all(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DEBUG_CACHE": "1"}
    input_path = write(tmp_path, TOY)
    options = {"ranks": 4, "environment": environment, "before": WITH_KERNEL}
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "first.h5", **options)
    assert code == 0, text
    assert savers(text) == {"0": 2}, text
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "second.h5", **options)
    assert code == 0 and not savers(text) and "data loaded" in text, text
