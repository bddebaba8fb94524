"""Tables of the self-energy under mpirun."""

import os
import signal

import pytest
from campaigns import OWN_TABLE, assert_same_results, make_own_table, write
from mpi import Run, hpc_nu
from tiny_table import BEFORE, TINY

from hpc_nu.plasma.table_builder import build
from hpc_nu.plasma.table_file import read_table
from hpc_nu.plasma.table_store import CACHE_VARIABLE
from hpc_nu.single_process import SingleProcess

pytestmark = pytest.mark.mpi


def warmup(folder, *arguments, ranks):
    environment = {CACHE_VARIABLE: str(folder / "cache")}
    return hpc_nu(folder, "warmup", *arguments, ranks=ranks, before=BEFORE, environment=environment, limit=600)


def test_two_ranks_build_the_table_of_one_process(tmp_path):
    code, text = warmup(tmp_path, "--rebuild", "--mass", "2", "--mass", "3", ranks=2)
    assert code == 0, text
    assert text.count("on 2 ranks") == 6 and text.count("default table ") == 1
    blocks = read_table(tmp_path / "packaged.h5", TINY)
    for name, values in build(TINY, SingleProcess()).items():
        assert blocks[name].tobytes() == values.tobytes(), name
    assert (tmp_path / "direct_rates_leading_order.h5").exists() and (tmp_path / "direct_rates_lattice.h5").exists()
    before = (tmp_path / "packaged.h5").read_bytes()
    code, text = warmup(tmp_path, "--mass", "2", "3", ranks=2)
    assert code == 0 and "building" not in text, text
    assert (tmp_path / "packaged.h5").read_bytes() == before


def test_a_mass_that_is_refused_ends_all_ranks(tmp_path):
    code, text = warmup(tmp_path, "--mass", "60", ranks=2)
    assert code == 2 and text.count("--mass 60: expected between 0 and 40 GeV") == 1, text


# Each rank in a folder of its own, as hosts have their own disks.
ON_HOSTS = """
import os
from hpc_nu.campaign.communicator import launched_rank
os.chdir(f"host{launched_rank()}")
"""


def test_a_table_of_ones_own_serves_all_ranks(tmp_path):
    """Rank 0 opens it first, to read the input; what others see under its name is of no interest."""
    hosts = [tmp_path / f"host{rank}" for rank in range(3)]
    for host in hosts:
        host.mkdir()
    make_own_table(hosts[0] / "own.h5")
    make_own_table(hosts[1] / "own.h5", factor=2.0)
    input_path = write(tmp_path, OWN_TABLE.replace("TABLE", "./own.h5"))
    code, text = hpc_nu(hosts[0], "run", input_path, "-o", tmp_path / "None.h5")
    assert code == 0, text
    for ranks in (2, 3):
        output = tmp_path / f"{ranks}.h5"
        code, text = hpc_nu(tmp_path, "run", input_path, "-o", output, ranks=ranks, before=ON_HOSTS)
        assert code == 0, text
        assert_same_results(output, tmp_path / "None.h5")


THIS_MASS = OWN_TABLE.replace("TABLE", "this_mass")


@pytest.mark.parametrize(("ranks", "number"), [(None, signal.SIGTERM), (2, signal.SIGUSR1)])
def test_a_stop_while_a_table_is_built_is_obeyed_at_once(ranks, number, tmp_path):
    input_path, environment = write(tmp_path, THIS_MASS), {CACHE_VARIABLE: str(tmp_path / "cache")}
    arguments = ("run", input_path, "-o", tmp_path / "out.h5")
    with Run(tmp_path, *arguments, ranks=ranks, environment=environment) as run:
        assert run.wait_for_text("building the self-energy table")
        target = max(run.rank_processes()) if ranks else run.process.pid
        os.kill(target, number)
        assert run.wait(15) == 75
    assert not list((tmp_path / "cache").glob("*.h5"))
