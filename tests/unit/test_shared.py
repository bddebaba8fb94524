"""What one rank reads is what all use, whatever lies under the name of the file elsewhere or later."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from hpc_nu import shared
from hpc_nu.models.equation_of_state import prepare_equation_of_state
from hpc_nu.models.limits import prepare_limits, user_limits
from hpc_nu.plasma.table_file import prepare_table, shared_table
from hpc_nu.plasma.user_equation_of_state import user_equations_of_state
from hpc_nu.plasma.user_table import write_user_table
from hpc_nu.single_process import SingleProcess

LIMITS = "name: a\nsource: b\nx: mediator_mass\nunit: GeV\ny: coupling\nexcluded: above\n0.01 {}\n1 1e-4\n"


class Rank0(SingleProcess):
    def __init__(self):
        self.said = []

    def bcast(self, value):
        self.said.append(pickle.dumps(value))
        return value


class OtherRank(SingleProcess):
    rank = 1

    def __init__(self, rank_0):
        self.hears = iter(rank_0.said)

    def bcast(self, value):
        return pickle.loads(next(self.hears))


def write_limits(path, version):
    path.write_text(LIMITS.format(version * 1e-4))


def write_equation_of_state(path, version):
    path.write_text("unit: GeV\n" + "".join(f"{t} {10 + version} {10 + version}\n" for t in np.geomspace(1e-3, 1e3, 9)))


def write_table(path, version):
    width = np.full((1, 4, 4, 3, 2), float(version))
    write_user_table(path, [1.0], np.geomspace(1, 100, 4), np.geomspace(0.1, 10, 4), width, width)


# How a file is written, how ranks prepare it, and how a solve finds it.
KINDS = {
    "limits": (
        write_limits,
        lambda path, ranks: prepare_limits([{"limits": "none"}, {"limits": path}], ranks),
        lambda path: user_limits[path].identity,
    ),
    "equation of state": (
        write_equation_of_state,
        lambda path, ranks: prepare_equation_of_state([{"equation_of_state": path}], ranks),
        lambda path: user_equations_of_state[path].identity,
    ),
    "self-energy": (
        write_table,
        lambda path, ranks: prepare_table(path, ranks),
        lambda path: shared_table(path).identity,
    ),
}


@pytest.fixture(autouse=True)
def new_process(monkeypatch):
    """A function that makes this process one that has read nothing."""
    monkeypatch.setattr(shared, "_kept", {})
    return lambda: shared._kept.clear()


@pytest.mark.parametrize("there", ["another", "none", "another that was opened"])
@pytest.mark.parametrize("before", [True, False], ids=["read before", "not read before"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_ranks_have_what_rank_0_has(kind, before, there, new_process, tmp_path):
    write, prepare, identity = KINDS[kind]
    path, rank_0 = str(tmp_path / "file"), Rank0()
    write(Path(path), 1)
    if before:  # as the input is read
        identity(path)
    prepare(path, rank_0)
    wanted = identity(path)
    new_process()
    Path(path).unlink()
    if there != "none":
        write(Path(path), 2)
    if there == "another that was opened":
        assert identity(path) != wanted
    prepare(path, OtherRank(rank_0))
    assert identity(path) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_has_what_this_one_has(kind, new_process, tmp_path):
    write, _, identity = KINDS[kind]
    write(tmp_path / "file", 1)
    wanted, everything = identity(str(tmp_path / "file")), pickle.dumps(shared.everything_shared())
    new_process()
    (tmp_path / "file").unlink()
    shared.share(pickle.loads(everything))
    assert identity(str(tmp_path / "file")) == wanted


def test_ranks_prepare_the_same_things_in_one_order(new_process):
    """Sets of words have another order in each process."""
    things, rank_0 = shared.Shared("thing", lambda key, communicator: communicator.bcast(key.upper())), Rank0()
    things.prepare(["a", "b"], rank_0)
    new_process()
    things.prepare(["b", "a"], OtherRank(rank_0))
    assert (things["a"], things["b"]) == ("A", "B")


def test_what_goes_wrong_on_rank_0_does_so_on_all(new_process, tmp_path):
    rank_0 = Rank0()
    for ranks in (rank_0, OtherRank(rank_0)):
        with pytest.raises(ValueError, match="No such file"):
            prepare_limits([{"limits": str(tmp_path / "none")}], ranks)


def test_nothing_that_was_prepared_is_forgotten(tmp_path):
    """However much there is: it would be read, or built, anew in a solve."""
    made = []
    things = shared.Shared("thing", lambda key, communicator: made.append(key) or key)
    things.prepare(range(1000), SingleProcess())
    assert [things[key] for key in range(1000)] == made
