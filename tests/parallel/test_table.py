"""Tables of the self-energy under mpirun."""

import pytest
from mpi import hpc_nu
from tiny_table import BEFORE, TINY

from hpc_nu.plasma.table_builder import build
from hpc_nu.plasma.table_file import CACHE_VARIABLE, read_table
from hpc_nu.single_process import SingleProcess

pytestmark = pytest.mark.mpi


def warmup(folder, *arguments, ranks):
    environment = {CACHE_VARIABLE: str(folder / "cache")}
    return hpc_nu(folder, "warmup", *arguments, ranks=ranks, before=BEFORE, environment=environment, limit=600)


def test_two_ranks_build_the_table_of_one_process(tmp_path):
    code, text = warmup(tmp_path, "--rebuild", "--mass", "2", "--mass", "3", ranks=2)
    assert code == 0, text
    assert text.count("on 2 ranks") == 3 and text.count("default table ") == 1
    blocks = read_table(tmp_path / "packaged.h5", TINY)
    for name, values in build(TINY, SingleProcess()).items():
        assert blocks[name].tobytes() == values.tobytes(), name
    before = (tmp_path / "packaged.h5").read_bytes()
    code, text = warmup(tmp_path, "--mass", "2", "3", ranks=2)
    assert code == 0 and "building" not in text, text
    assert (tmp_path / "packaged.h5").read_bytes() == before


def test_a_mass_that_is_refused_ends_all_ranks(tmp_path):
    code, text = warmup(tmp_path, "--mass", "60", ranks=2)
    assert code == 2 and text.count("mass 60 GeV: expected between 0 and 40 GeV") == 1, text
