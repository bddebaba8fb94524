"""What each rank of `benchmark_engine.py` does: campaigns of the real engine, and peers on the same ranks.

    mpirun -n 2 python tools/benchmark_engine_ranks.py PART FOLDER [OPTIONS as JSON]

Rank 0 prints the measurement as one line of JSON, the last one of its output.
"""

import json
import sys
import time
import traceback
from pathlib import Path

STARTED = time.time()

import h5py  # noqa: E402
import numpy as np  # noqa: E402
from benchmark_tasks import naps, use_naps  # noqa: E402
from mpi4py import MPI  # noqa: E402

from hpc_nu.campaign import farm, run, schedule  # noqa: E402
from hpc_nu.campaign.checkpoint import Checkpoint  # noqa: E402
from hpc_nu.campaign.in_hand import InHand  # noqa: E402
from hpc_nu.campaign.plan import read_plan  # noqa: E402
from hpc_nu.campaign.progress import Progress  # noqa: E402
from hpc_nu.campaign.results_file import ResultsFile  # noqa: E402
from hpc_nu.campaign.wall_time import StopRequest  # noqa: E402
from hpc_nu.campaign.worker import Worker  # noqa: E402
from hpc_nu.result_codes import ResultCode  # noqa: E402
from hpc_nu.single_process import SingleProcess  # noqa: E402

WORLD = MPI.COMM_WORLD


class Stopwatch(Progress):
    """Tells the time in epochs from that in commits: rank 0 beats between messages, and says when it has committed."""

    def __init__(self, n_tasks):
        super().__init__(n_tasks, 0)
        self.wall, self.processor = {"epochs": 0.0, "commits": 0.0}, {"epochs": 0.0, "commits": 0.0}
        self.n_commits, self.last = 0, None

    def beat(self, schedule):
        self._add("epochs")

    def committed(self, schedule, n_rows, n_failed):
        self._add("commits")
        self.n_commits += 1

    def _add(self, where):
        now = time.perf_counter(), time.process_time()
        if self.last:
            self.wall[where] += now[0] - self.last[0]
            self.processor[where] += now[1] - self.last[1]
        self.last = now


def campaign(folder, text, communicator=WORLD):
    """Run a campaign from its first request to its last commit.

    Returns
    -------
    Stopwatch, float
        And the wall time [s].
    """
    path, output = Path(folder, "input.yaml"), Path(folder, "output.h5")
    if communicator.rank == 0:
        path.write_text(text)
        output.unlink(missing_ok=True)
    communicator.barrier()
    plan = read_plan(path)
    results = ResultsFile(output, plan, communicator)
    left, in_hand = farm.Left(np.arange(plan.n_tasks), []), InHand(output, plan.problem_hash)
    if communicator.rank == 0:
        results.create()
        in_hand.load(np.ones(plan.n_tasks, dtype=bool))
        if plan.model.name != "naps":
            run.compile_kernels(plan, left.tasks, in_hand, StopRequest(), communicator)
    stopwatch = Stopwatch(plan.n_tasks)
    checkpoint = Checkpoint(output, plan.problem_hash)
    communicator.barrier()
    started = time.perf_counter()
    stopwatch.last = started, time.process_time()
    farm.farm(communicator, plan, results, checkpoint, in_hand, left, StopRequest(), stopwatch)
    return stopwatch, time.perf_counter() - started


# Overhead against peers


_job = {}


def nothing(task):
    return 0.0


def our_row(task):
    """What a rank of ours does for a task: the problem, its solution, its row with a checksum."""
    worker = _job["worker"]
    worker.add([task])
    worker.solve_next(lambda: False)
    return worker.take_rows().tobytes()


def overhead(folder, n_tasks, n_dear, rounds):
    """Seconds a task of zero work, wall time over number of tasks: the package, and others with `nothing` or `our_row`.

    The package includes its rows and commits, the others what their master gets back into a list.  And the processor
    time of a task of zero work on one rank.
    """
    from mpi4py.futures import MPICommExecutor

    text = naps(n_tasks)
    Path(folder).mkdir(exist_ok=True)
    if WORLD.rank == 0:
        Path(folder, "peers.yaml").write_text(text)
    WORLD.barrier()
    plan = read_plan(Path(folder, "peers.yaml"))
    _job["worker"] = Worker(plan, ResultsFile("unused", plan, WORLD).layout, WORLD.rank, {}, StopRequest())

    def ours():
        stopwatch, wall = campaign(folder, text)
        found["hpc_nu, messages and rows alone"].append(stopwatch.wall["epochs"] / n_tasks)
        return wall / n_tasks

    def futures(function, chunk, n):
        with MPICommExecutor(WORLD, root=0) as executor:
            if executor is not None:
                list(executor.map(nothing, range(WORLD.size)))  # the workers are there
                started = time.perf_counter()
                assert len(list(executor.map(function, range(n), chunksize=chunk))) == n
                return (time.perf_counter() - started) / n

    def schwimmbad(function, n):
        from schwimmbad import MPIPool

        try:
            with MPIPool(comm=WORLD) as pool:
                started = time.perf_counter()
                assert len(pool.map(function, range(n))) == n
                return (time.perf_counter() - started) / n
        except SystemExit:  # how its workers end
            return None

    found = {"hpc_nu, messages and rows alone": []}
    methods = {"hpc_nu": ours}
    for what, function in (("", nothing), (", with our rows", our_row)):
        methods |= {
            f"mpi4py.futures{what}": lambda f=function: futures(f, 1, n_dear),
            f"mpi4py.futures, chunks of 50{what}": lambda f=function: futures(f, 50, n_tasks // 5),
            f"schwimmbad MPIPool{what}": lambda f=function: schwimmbad(f, n_dear),
        }
    try:
        import schwimmbad as _  # noqa: F401
    except ImportError:
        methods = {name: method for name, method in methods.items() if "schwimmbad" not in name}
    for _ in range(rounds):
        for name, method in methods.items():
            WORLD.barrier()
            found.setdefault(name, []).append(method())
    if WORLD.rank != 0:
        return None
    started = time.process_time()
    for task in range(n_dear):
        our_row(task)
    found = {name: [float(np.median(s)), min(s), max(s)] for name, s in found.items()}
    return {"times": found, "processor": (time.process_time() - started) / n_dear}


# The master


def master(folder, n_tasks, batch_seconds=None, nap=0.0, predicted=0.01, serves=True):
    """Processor time of a master that only serves, and the rate of tasks meanwhile."""
    if serves:
        farm.COMPUTING_MASTER_RANKS = 0
    if batch_seconds is not None:
        schedule.BATCH_SECONDS = batch_seconds
        schedule.SECONDS_PER_RANK = 0.0
    requests = _count_batches()
    text = naps(n_tasks, shortest=nap, longest=nap, predicted=predicted)
    stopwatch, _ = campaign(folder, text)
    if WORLD.rank != 0:
        return None
    return {
        "tasks_per_second": n_tasks / stopwatch.wall["epochs"],
        "requests_per_second": len(requests) / stopwatch.wall["epochs"],
        "share_of_a_core": stopwatch.processor["epochs"] / stopwatch.wall["epochs"],
        "requests": len(requests),
        "processor": stopwatch.processor["epochs"],
        "wall": stopwatch.wall["epochs"],
    }


def _count_batches():
    """Make the schedule count what it hands out."""
    handed_out, batch = [], schedule.Schedule.batch

    def counted(self):
        tasks = batch(self)
        if len(tasks):
            handed_out.append(len(tasks))
        return tasks

    schedule.Schedule.batch = counted
    return handed_out


# Commits


def commits(folder, n_tasks, nap, epoch_seconds):
    """Share of the wall time between epochs, and the number of rows recorded then."""
    text = naps(n_tasks, epoch_seconds, shortest=nap, longest=nap, predicted=nap)
    stopwatch, wall = campaign(folder, text)
    return {"share": stopwatch.wall["commits"] / wall, "seconds": stopwatch.wall["commits"],
            "n": stopwatch.n_commits, "rows": n_tasks, "wall": wall}  # fmt: skip


# Balance


def balance(folder, text):
    """Makespan over its lower bound max(longest task, total/ranks), by what the tasks took."""
    stopwatch, _ = campaign(folder, text)
    if WORLD.rank == 0:
        with h5py.File(Path(folder, "output.h5")) as file:
            seconds = file["cost/seconds"][:]
        bound = max(seconds.max(), seconds.sum() / WORLD.size)
        return {"makespan": stopwatch.wall["epochs"], "bound": bound, "ratio": stopwatch.wall["epochs"] / bound,
                "longest": seconds.max(), "mean": seconds.mean(), "tasks": len(seconds)}  # fmt: skip


# Resume


RESUMED = """\
campaign: resumed
model: lepton_asymmetry
parameters:
  M:        {{value: 2.0, unit: GeV}}
  delta_M:  {{range: [1.0e-12, 1.0e-10], scale: log, unit: GeV}}
  im_omega: {{range: [-0.2, 0.2], unit: rad}}
  re_omega: {{range: [0.4, 0.6], unit: pi}}
  delta:    {{range: [0, 2], unit: pi}}
  eta:      {{range: [0, 2], unit: pi}}
sample: {{kind: sobol, points: {n_points}, seed: 1}}
grids:
  - {{kind: gauss_legendre, n_modes: 16}}
output:
  temperatures: {{log: [1000, 10], points: 20, unit: GeV}}
"""


def prepare_resume(folder, n_points, n_waiting=64):
    """A results file with all rows but `n_waiting`; by one process."""
    path = Path(folder, "resume.yaml")
    path.write_text(RESUMED.format(n_points=n_points))
    plan = read_plan(path)
    results = ResultsFile(Path(folder, "resume.h5"), plan, SingleProcess())
    results.create()
    rows = np.repeat(results.layout.blank.reshape(1), plan.n_tasks - n_waiting)
    rows["task"], rows["status"] = np.arange(len(rows)), ResultCode.DONE
    rows["checksum"] = results.layout.checksums(rows)
    results.commit(rows)
    return {"rows": len(rows)}


def resume(folder, launched):
    """Seconds from the launch of a resume to its first task, by stages of rank 0."""
    stages = {"start of the ranks, imports": time.time() - launched}

    def timed(owner, attribute, name):
        function = getattr(owner, attribute)

        def wrapped(*arguments, **options):
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                stages[name] = stages.get(name, 0.0) + time.perf_counter() - started

        setattr(owner, attribute, wrapped)

    def first_task(self, pause):
        stages.setdefault("first task", time.time() - launched)
        return solve_next(self, pause)

    from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import LeptonAsymmetry

    timed(run, "read_plan", "reading the plan")
    timed(ResultsFile, "_read_rows", "reading the rows")
    timed(ResultsFile, "refuse_foreign", "comparing the problem")
    timed(LeptonAsymmetry, "prepare", "tables of the model")
    timed(run, "compile_kernels", "loading kernels")
    timed(schedule.Schedule, "__init__", "queue")
    timed(ResultsFile, "done", "rows and checksums")
    solve_next = Worker.solve_next
    Worker.solve_next = first_task
    run.run(WORLD, Path(folder, "resume.yaml"), Path(folder, "resume.h5"))
    if WORLD.rank != 0:
        return None
    stages["checksums"] = stages.pop("rows and checksums") - stages["reading the rows"]
    first = stages.pop("first task")
    stages["broadcast of the plan, waiting for other ranks, the rest"] = first - sum(stages.values())
    return {"first_task": first, "stages": stages}


PARTS = {f.__name__: f for f in (overhead, master, commits, balance, prepare_resume, resume)}


def main():
    part, folder, *options = sys.argv[1:]
    use_naps()
    try:
        found = PARTS[part](folder, **json.loads(options[0] if options else "{}"))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        WORLD.Abort(1)  # the others would wait for this rank for ever
    if WORLD.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
