"""Tables of a few nodes an axis: useless, but built in a second."""

from hpc_nu.plasma.table_builder import BLOCKS, DEFAULT, NO_MASS, REFERENCE_CROSSOVER, nodes_for_mass

TINY = DEFAULT._replace(
    n_nodes=(4, 4),
    **{block: tuple(axis._replace(size=4) for axis in getattr(DEFAULT, block)) for block in BLOCKS},
)
TINY_MASSLESS = nodes_for_mass(NO_MASS, REFERENCE_CROSSOVER, TINY)

BEFORE = """
from pathlib import Path
from hpc_nu.plasma import table_file
from tiny_table import TINY, TINY_MASSLESS
table_file.DEFAULT, table_file.PACKAGED = TINY, Path("packaged.h5")
table_file.MASSLESS, table_file.PACKAGED_MASSLESS = TINY_MASSLESS, Path("packaged_massless.h5")
from hpc_nu.plasma import direct_table
direct_table.PACKAGED_FOLDER, direct_table.MOMENTA = Path("."), (0.3, 1.0, 3.0, 10.0)
direct_table.BELOW, direct_table.ABOVE = (0.0, 0.1, 0.3, 1.0), (10.0, 100.0)
"""
"""To be executed before a command: the tables are the tiny ones, and the package is in the current folder."""
