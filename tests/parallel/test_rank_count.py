"""The number of ranks changes nothing but the time: equal files, every task solved once."""

import collections

import h5py
import pytest
from campaigns import LEPTON, TOY, assert_same_results, counts, write
from mpi import hpc_nu
from toy_models import BEFORE, LOG

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The campaign on one process without mpirun."""
    folder = tmp_path_factory.mktemp("alone")
    code, text = hpc_nu(folder, "run", write(folder, LEPTON), "-o", "alone.h5")
    assert code == 0, text
    return folder / "alone.h5"


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_any_number_of_ranks_gives_the_file_of_one_process(ranks, alone, tmp_path):
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, LEPTON), "-o", "ranks.h5", ranks=ranks)
    assert code == 0, text
    assert f"on {ranks} rank" in text
    assert_same_results(tmp_path / "ranks.h5", alone)
    with h5py.File(tmp_path / "ranks.h5") as file:
        assert set(file["cost/rank"][:]) == set(range(ranks)), "a rank had nothing to do"
        assert (file["cost/tries"][:] == 1).all()
    assert "24 of 24 tasks" in text
    assert not (tmp_path / "ranks.h5.checkpoint").exists()


def test_a_run_that_compiles_gives_the_file_of_one_that_loads_compiled_kernels(alone, tmp_path):
    """With reassociation or contraction allowed these two were different programs, and so were the ranks of one run."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, LEPTON), "-o", "compiled.h5", environment=environment)
    assert code == 0, text
    assert any((tmp_path / "cache").rglob("*.nbi")), "nothing was compiled"
    assert_same_results(tmp_path / "compiled.h5", alone)


def test_every_task_is_solved_exactly_once_also_through_many_epochs(tmp_path):
    text = TOY + "settings: {steps: 7, nap: 0.01, state_size: 20000}\n"
    environment = {LOG: str(tmp_path / "solves")}
    code, text = hpc_nu(
        tmp_path, "run", write(tmp_path, text), "-o", "toy.h5", ranks=4, before=BEFORE, environment=environment
    )
    assert code == 0, text
    solves = [line.split() for line in (tmp_path / "solves").read_text().splitlines()]
    per_start = collections.Counter(start for _, start in solves)
    assert len(per_start) == 40 and set(per_start.values()) == {1}
    assert len({process for process, _ in solves}) == 4
    assert text.count("; recorded") > 3, "the campaign was to last for several epochs"
    with h5py.File(tmp_path / "toy.h5") as file:
        assert (file["status"][:] == 1).all()
        processes = collections.Counter(process for process, _ in solves)
        ranks = collections.Counter(file["cost/rank"][:].tolist())
        assert sorted(processes.values()) == sorted(ranks.values())


def test_more_ranks_than_tasks(tmp_path):
    text = TOY.replace("points: 40", "points: 2")
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, text), "-o", "toy.h5", ranks=4, before=BEFORE)
    assert code == 0, text
    assert counts(tmp_path / "toy.h5") == (2, 2)
