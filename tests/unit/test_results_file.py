"""The results file explains itself, and a damaged row is found and redone."""

import json
import os

import h5py
import numpy as np
import pytest
from campaigns import FREEZE_IN, LEPTON, TOY, assert_same_results, contents, write
from mpi import Run
from toy_models import BEFORE

from hpc_nu import __version__
from hpc_nu.campaign.communicator import SingleProcess
from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, COMPLETE, CampaignError, Refused
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.results_file import ResultsFile, open_results
from hpc_nu.campaign.run import run
from hpc_nu.campaign.sampling import Axis
from hpc_nu.campaign.status import status_report
from hpc_nu.campaign.verify import verify_report
from hpc_nu.models.interface import Outcome
from hpc_nu.result_codes import ResultCode

SMALL = {
    "lepton": LEPTON.replace("rtol: 1e-12", "rtol: 1e-5"),
    "freeze_in": FREEZE_IN.replace("points: 20", "points: 3").replace("points: 50", "points: 3")
    + "variations:\n  a: {}\n  b: {width_factor: 4.0}\n",
}


def complete(folder, text):
    """A complete results file, made in this process."""
    assert run(SingleProcess(), write(folder, text), folder / "out.h5") == 0
    return folder / "out.h5"


@pytest.fixture
def toy(alone, toys, tmp_path):
    return complete(tmp_path, TOY)


@pytest.mark.parametrize("model", SMALL)
def test_every_dataset_has_a_unit_a_name_and_real_dimension_scales(model, alone, tmp_path):
    path = complete(tmp_path, SMALL[model])
    seen = []

    def check(name, node):
        if not isinstance(node, h5py.Dataset) or name.startswith("input/"):
            return
        seen.append(name)
        assert node.attrs["units"] and node.attrs["long_name"], name
        assert node.maxshape == node.shape and node.chunks is None and node.compression is None, name
        if node.is_scale:
            return
        for axis, dimension in enumerate(node.dims):
            (scale,) = dimension.values()
            assert scale.parent == node.parent and scale.shape == (node.shape[axis],), name
        if name.split("/")[0] != "provenance":
            assert [*node.dims[0].keys()] == ["task"], name

    with h5py.File(path) as file:
        file.visititems(check)
        assert {"status", "error", "checksum", "cost/steps", "points/grid", "points/variation"} <= set(seen)
        assert file["status"].shape == (read_plan(tmp_path / "input.yaml").n_tasks,)


@pytest.mark.parametrize("model", SMALL)
def test_xarray_opens_every_group_with_its_coordinates(model, alone, tmp_path):
    import xarray

    path = complete(tmp_path, SMALL[model])
    plan = read_plan(tmp_path / "input.yaml")
    with h5py.File(path) as file:
        groups = [name for name in file if isinstance(file[name], h5py.Group) and name not in ("input", "provenance")]
    assert {"points", "results", "trajectory", "cost"} <= set(groups)
    for group in groups:
        with xarray.open_dataset(path, engine="h5netcdf", group=group) as dataset:
            assert dataset.sizes["task"] == plan.n_tasks
            assert not any(name.startswith("phony") for name in dataset.dims)
    with xarray.open_dataset(path, engine="h5netcdf", group="trajectory") as dataset:
        np.testing.assert_array_equal(dataset["temperature"], plan.temperatures)


def test_the_input_is_stored_as_given_and_as_completed(toy, tmp_path):
    with open_results(toy) as file:
        given, completed = file["input/given"][()].decode(), file["input/completed"][()].decode()
    assert given == TOY
    assert json.loads(completed) == read_plan(tmp_path / "input.yaml").completed
    # What is completed is a valid input for the same problem.
    again = write(tmp_path, completed, "again.yaml")
    assert read_plan(again).problem_hash == read_plan(tmp_path / "input.yaml").problem_hash


def test_the_file_says_where_and_with_what_it_was_made(toy):
    with open_results(toy) as file:
        assert file.attrs["software"] == "hpc_nu" and file.attrs["version"] == __version__
        assert file.attrs["model"] == "toy" and file.attrs["campaign"] == "toy"
        provenance = dict(file["provenance"].attrs)
    expected = {"date", "machine", "processor", "system", "python", "command", "mpi", "hdf5", "commit", "numpy_version"}
    assert expected <= set(provenance) and all(provenance.values())


def flip(path, dataset, byte):
    """Flip one bit of the raw data of a dataset, behind HDF5's back."""
    with h5py.File(path) as file:
        place = file[dataset].id.get_offset() + byte
    with open(path, "r+b") as file:
        file.seek(place)
        old = file.read(1)[0]
        file.seek(place)
        file.write(bytes([old ^ 0x10]))


@pytest.mark.parametrize(
    ("dataset", "bytes_per_row"),
    [("results/end", 8), ("checksum", 4), ("error", 200), ("status", 1), ("trajectory/path", 16)],
)
def test_a_flipped_bit_in_a_row_is_found_and_the_task_redone(dataset, bytes_per_row, alone, toys, tmp_path, caplog):
    path = complete(tmp_path, TOY + "output: {temperatures: {list: [10, 1], unit: GeV}}\n")
    whole = tmp_path / "whole.h5"
    whole.write_bytes(path.read_bytes())
    results = ResultsFile(path, read_plan(tmp_path / "input.yaml"), SingleProcess())
    assert results.done().all()
    flip(path, dataset, 17 * bytes_per_row + bytes_per_row - 1)
    assert np.flatnonzero(~results.done()).tolist() == [17]
    assert run(SingleProcess(), tmp_path / "input.yaml", path) == 0
    assert "39 rows done" in caplog.text
    assert results.done().all()
    assert_same_results(path, whole)


def row(results, task, value):
    outcome = Outcome(ResultCode.DONE, {"scalar": {"end": value}}, steps=1)
    return results.layout.row(task, outcome, 0.5, 1, 0)


def test_rows_are_written_where_they_belong_in_any_order(alone, toys, tmp_path):
    results = ResultsFile(tmp_path / "out.h5", read_plan(write(tmp_path, TOY)), SingleProcess())
    results.create()
    before = contents(results.path)
    assert not results.done().any()
    results.commit(np.empty(0, results.layout.row_type))
    assert contents(results.path) == before
    tasks = [39, 3, 4, 5, 0, 20]
    results.commit(np.array([row(results, task, task / 7) for task in tasks], results.layout.row_type))
    assert np.flatnonzero(results.done()).tolist() == sorted(tasks)
    with h5py.File(results.path) as file:
        end = file["results/end"][:]
        np.testing.assert_array_equal(end[tasks], np.array(tasks) / 7)
        assert np.isnan(end).sum() == 34 and (file["status"][:] == 0).sum() == 34


def test_many_scattered_rows_are_written_where_they_belong(alone, toys, tmp_path):
    """So many that they are selected element by element, in columns of both shapes."""
    text = TOY.replace("points: 40", "points: 400") + "output: {temperatures: {list: [3, 2, 1], unit: GeV}}\n"
    results = ResultsFile(tmp_path / "out.h5", read_plan(write(tmp_path, text)), SingleProcess())
    results.create()
    tasks = np.random.default_rng(1).permutation(400)[:150]
    assert np.sum(np.diff(np.sort(tasks)) != 1) > 64
    rows = np.zeros(150, results.layout.row_type)
    rows["task"], rows["status"] = tasks, ResultCode.DONE
    rows["results/end"], rows["trajectory/path"] = tasks / 7, tasks[:, None] + np.arange(3) / 10
    rows["checksum"] = results.layout.checksums(rows)
    results.commit(rows)
    assert np.flatnonzero(results.done()).tolist() == sorted(tasks)
    with h5py.File(results.path) as file:
        np.testing.assert_array_equal(file["results/end"][:][tasks], tasks / 7)
        np.testing.assert_array_equal(file["trajectory/path"][:][tasks], tasks[:, None] + np.arange(3) / 10)
        assert np.isnan(file["trajectory/path"][:]).sum() == 250 * 3


def test_the_status_is_written_after_the_flushed_rows(alone, toys, tmp_path, monkeypatch):
    """The order of the writes is what a kill depends on; the copy at the flush is what it would leave."""
    results = ResultsFile(tmp_path / "out.h5", read_plan(write(tmp_path, TOY)), SingleProcess())
    results.create()
    flush = h5py.File.flush
    copies = []

    def flush_and_copy(file):
        flush(file)
        copies.append(tmp_path / f"copy{len(copies)}.h5")
        copies[-1].write_bytes((tmp_path / "out.h5").read_bytes())

    monkeypatch.setattr(h5py.File, "flush", flush_and_copy)
    results.commit(np.array([row(results, 7, 0.25)], results.layout.row_type))
    monkeypatch.undo()
    assert len(copies) == 2
    for copy, status in zip(copies, (0, 1), strict=True):
        with h5py.File(copy) as file:
            assert (file["status"][7], file["results/end"][7]) == (status, 0.25)
            assert file["checksum"][7] != 0


def test_a_commit_changes_no_size_and_adds_no_object(toy, tmp_path):
    size = os.path.getsize(toy)
    results = ResultsFile(tmp_path / "new.h5", read_plan(tmp_path / "input.yaml"), SingleProcess())
    results.create()
    assert os.path.getsize(tmp_path / "new.h5") == size
    assert contents(tmp_path / "new.h5").keys() == contents(toy).keys()


def test_leftovers_of_killed_runs_are_removed_and_no_file_of_anybody_else(alone, toys, tmp_path):
    ours = [tmp_path / f"out.h5{name}.tmp-0123abcd" for name in ("", ".checkpoint", ".running")]
    others = [tmp_path / name for name in ("out.h5.tmp", "out.h5.tmp-0123abcd.bak", "other.h5.tmp-0123abcd", "target")]
    for path in (*ours, *others):
        path.write_text("half a file")
    (tmp_path / "out.h5.tmp-89abcdef").symlink_to("target")
    (tmp_path / "out.h5.lock").write_text("mine")
    complete(tmp_path, TOY)
    assert not any(path.exists() for path in ours)
    assert all(path.read_text() == "half a file" for path in others)
    assert (tmp_path / "out.h5.lock").read_text() == "mine"


def test_an_input_whose_name_looks_like_one_of_ours_is_not_touched(alone, toys, tmp_path):
    input_path = write(tmp_path, TOY, "out.h5.tmp")
    assert run(SingleProcess(), input_path, tmp_path / "out.h5") == COMPLETE
    assert input_path.read_text() == TOY
    (tmp_path / "new.h5.running").write_text("notes of mine")
    with pytest.raises(Refused, match="new.h5.running: is needed .* move it away"):
        run(SingleProcess(), input_path, tmp_path / "new.h5")
    assert (tmp_path / "new.h5.running").read_text() == "notes of mine"


def test_of_two_that_create_one_file_the_second_gives_way(alone, toys, tmp_path):
    """As on a file system without locks."""
    one, other = (ResultsFile(tmp_path / "out.h5", read_plan(write(tmp_path, TOY)), SingleProcess()) for _ in range(2))
    one.create()
    content = (tmp_path / "out.h5").read_bytes()
    with pytest.raises(FileExistsError):
        other.create()
    assert (tmp_path / "out.h5").read_bytes() == content and len(list(tmp_path.glob("out.h5*"))) == 1


def test_rows_do_not_go_into_another_file_that_took_the_place(alone, toys, tmp_path, monkeypatch):
    plan, ended = read_plan(write(tmp_path, TOY)), []
    one, other = (ResultsFile(tmp_path / name, plan, SingleProcess()) for name in ("out.h5", "other.h5"))
    one.create()
    other.create()
    os.replace(other.path, one.path)
    content = (tmp_path / "out.h5").read_bytes()
    monkeypatch.setattr(SingleProcess, "Abort", lambda self, code: ended.append(code))
    one.commit(np.array([one.layout.row(3, Outcome(ResultCode.DONE), 0.1, 1, 0)]))
    assert ended == [BROKEN_ENVIRONMENT] and (tmp_path / "out.h5").read_bytes() == content


def test_a_row_counts_only_where_it_was_computed_for(alone, toys, tmp_path):
    """Neither as another task, nor in a campaign of the same shape."""
    complete(tmp_path, TOY)
    other = tmp_path / "other"
    other.mkdir()
    input_path = write(other, TOY.replace("[0.1, 0.9]", "[0.2, 0.8]"))
    results = ResultsFile(other / "out.h5", read_plan(input_path), SingleProcess())
    results.create()
    with h5py.File(tmp_path / "out.h5") as source, h5py.File(other / "out.h5", "r+") as target:
        for column in results.layout.columns:
            target[column.name][...] = source[column.name][...]
    assert not results.done().any()
    results = ResultsFile(tmp_path / "out.h5", read_plan(tmp_path / "input.yaml"), SingleProcess())
    with h5py.File(tmp_path / "out.h5", "r+") as file:
        for column in results.layout.columns:
            file[column.name][7] = file[column.name][8]
    assert np.flatnonzero(~results.done()).tolist() == [7]


def test_someone_who_keeps_the_file_open_does_not_stop_the_campaign(alone, toys, tmp_path):
    input_path = write(tmp_path, TOY + "settings: {steps: 5, nap: 0.01}\n")
    with Run(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE) as writer:
        assert writer.wait_for_text("created")
        with h5py.File(tmp_path / "out.h5", "r"):
            assert writer.wait() == 0, writer.text


def test_errors_name_the_file(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("missing", "folder"):
        with pytest.raises(CampaignError, match=name):
            with open_results(tmp_path / name):
                pass


def test_rows_that_are_not_done_have_empty_texts(alone, tmp_path):
    """Whatever lay in memory before: h5py writes fill values of fixed-length texts from there."""
    plan = read_plan(write(tmp_path, LEPTON))
    rubbish = [bytes(range(256)) * 16 for _ in range(1000)]
    file = ResultsFile(tmp_path / "out.h5", plan, SingleProcess())
    file.create()
    del rubbish
    with h5py.File(tmp_path / "out.h5") as opened:
        texts = {
            name: node[:] for name, node in opened.items() if isinstance(node, h5py.Dataset) and node.dtype.kind == "S"
        }
    assert "error" in texts and all(np.all(values == b"") for values in texts.values())


def test_points_are_those_of_the_file_wherever_it_is_continued(alone, toys, tmp_path, monkeypatch):
    """Another processor or library may compute them with other last bits."""
    input_path, output = write(tmp_path, TOY), tmp_path / "out.h5"
    assert run(SingleProcess(), input_path, output) == COMPLETE
    with h5py.File(output, "r+") as file:
        file["status"][20:] = ResultCode.PENDING
        before = file["results/end"][:20]
    values = Axis.values
    monkeypatch.setattr(Axis, "values", lambda self: np.nextafter(values(self), 1.0))
    with h5py.File(output) as file:
        assert (file["points/start"][:] != read_plan(input_path).points["start"]).all()
    assert verify_report(output)[1] == COMPLETE
    assert run(SingleProcess(), input_path, output) == COMPLETE
    assert verify_report(output)[1] == COMPLETE
    with h5py.File(output) as file:
        np.testing.assert_array_equal(file["results/end"][:20], before)
        assert (file["cost/run"][:] == [0] * 20 + [1] * 20).all()
        x = file["points/start"][:]
        for _ in range(10):
            x = 3.9 * x * (1 - x)
        np.testing.assert_array_equal(file["results/end"][:], x)


@pytest.mark.parametrize("name", [".checkpoint", ".checkpoint.previous", ".running"])
@pytest.mark.parametrize("is_pipe", [False, True])
def test_what_lies_beside_the_output_and_is_not_ours_is_left_alone(name, is_pipe, alone, toys, tmp_path):
    path = tmp_path / f"out.h5{name}"
    os.mkfifo(path) if is_pipe else path.write_text("notes of mine")
    with pytest.raises(Refused, match=f"out.h5{name}: is needed .* move it away"):
        run(SingleProcess(), write(tmp_path, TOY), tmp_path / "out.h5")
    assert is_pipe or path.read_text() == "notes of mine"
    assert not (tmp_path / "out.h5").exists()


def test_a_pipe_beside_a_file_keeps_nobody_waiting(alone, toys, tmp_path):
    output = complete(tmp_path, TOY)
    for name in (".checkpoint", ".running"):
        os.mkfifo(f"{output}{name}")
    assert "done        40 of 40" in status_report(output)
    assert verify_report(output)[1] == COMPLETE


def test_a_flipped_run_number_is_no_change_of_sources(alone, toys, tmp_path):
    output = complete(tmp_path, TOY)
    with h5py.File(output, "r+") as file:
        file["status"][20:] = ResultCode.PENDING
        file["cost/run"][3] = 77
    assert run(SingleProcess(), tmp_path / "input.yaml", output) == COMPLETE
