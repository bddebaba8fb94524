"""A self-energy table of four nodes an axis: useless, but built in a second."""

from hpc_nu.plasma.table_builder import BLOCKS, DEFAULT

TINY = DEFAULT._replace(
    n_nodes=(4, 4),
    **{block: tuple(axis._replace(size=4) for axis in getattr(DEFAULT, block)) for block in BLOCKS},
)

BEFORE = """
from pathlib import Path
from hpc_nu.plasma import table_file
from tiny_table import TINY
table_file.DEFAULT, table_file.PACKAGED = TINY, Path("packaged.h5")
"""
"""To be executed before a command: the default table is the tiny one, and the package a file in the current folder."""
