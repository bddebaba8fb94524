"""What goes wrong outside of a task is not its result: the run ends with 3 and one message, and mended it goes on."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress

import h5py
import numpy as np
import pytest
from campaigns import LEPTON, TOY, counts, write
from mpi import Run, hpc_nu
from toy_models import BEFORE

from hpc_nu.campaign.errors import BROKEN_ENVIRONMENT, CHECKPOINTED, COMPLETE, is_of_the_environment
from hpc_nu.campaign.in_hand import QUARANTINE_AFTER, InHand
from hpc_nu.campaign.plan import read_plan
from hpc_nu.result_codes import ResultCode

RANKS = [None, pytest.param(2, marks=pytest.mark.mpi)]
SLOW = TOY + "settings: {steps: 20, nap: 0.01}\n"

# The 30th solve and all later ones meet it, in whichever process.
MEETS = (
    BEFORE
    + """
import os
original, met = toy_models.Toy.solve, "MET"
def solve(self, problem, state=None, pause=lambda: False):
    if os.path.exists(met) and problem.point["start"] > 0.5:
        RAISE
    return original(self, problem, state, pause)
toy_models.Toy.solve = solve
"""
)
RAISES = {
    "memory": "raise MemoryError('no room')",
    "file": "raise OSError(28, 'No space left on device')",
    "import": "import no_such_library",
    "library": "import numpy; numpy.no_such_function(1)",
    "compiler": "import numba; numba.njit(lambda x: x.no_such_thing)(1)",
}


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("what", RAISES)
def test_it_ends_the_run_and_becomes_no_row(what, ranks, tmp_path):
    met = tmp_path / "met"
    met.touch()
    before = MEETS.replace("MET", str(met)).replace("RAISE", RAISES[what])
    input_path = write(tmp_path, TOY)
    for _ in range(2):
        code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=ranks, before=before)
        assert code == BROKEN_ENVIRONMENT and "Traceback" not in text, text
        assert text.count("This is no fault of the task") == 1, text
        with h5py.File(tmp_path / "out.h5") as file:
            assert set(file["status"][:]) <= {ResultCode.PENDING, ResultCode.DONE}
    met.unlink()
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=ranks, before=before)
    assert code == COMPLETE and counts(tmp_path / "out.h5") == (40, 40), text
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file["status"][:] == ResultCode.DONE).all()


def test_what_was_solved_before_is_recorded(tmp_path):
    met = tmp_path / "met"
    met.touch()
    before = MEETS.replace("MET", str(met)).replace("RAISE", RAISES["memory"])
    code, text = hpc_nu(tmp_path, "run", write(tmp_path, TOY), "-o", "out.h5", before=before)
    assert code == BROKEN_ENVIRONMENT and counts(tmp_path / "out.h5")[0] == 20, text
    assert not InHand(tmp_path / "out.h5", _hash(tmp_path)).recorded(40)[1], "nobody holds anything"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True), (OSError(5, "I/O"), True), (ModuleNotFoundError("x"), True),
        (np.linalg.LinAlgError("singular"), False), (ZeroDivisionError(), False), (ValueError("no root"), False),
        (AttributeError("no attribute", name="trapezoid", obj=np), True), (AttributeError("x", name="y", obj=1), False),
        (RuntimeError("of the model"), False),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_of_the_environment(error, expected):
    assert is_of_the_environment(error) is expected
    try:
        raise ValueError("because of") from error
    except ValueError as outer:
        assert is_of_the_environment(outer) is expected


def falls_back_on(calculation):
    """A model that does without a file, or a library, that is not there."""
    try:
        raise OSError(2, "no such file")
    except OSError:
        return calculation()


def gives_up():
    try:
        raise OSError(2, "no such file")
    except OSError:
        raise ValueError("no table")  # noqa: B904 - as one writes it


def gives_up_from_none():
    try:
        gives_up()
    except ValueError:
        raise RuntimeError("no solution") from None


def goes_on():
    with suppress(OSError):
        raise OSError(2, "no such file")
    raise ValueError("no root")


@pytest.mark.parametrize(
    ("solve", "expected"),
    [
        (gives_up, True),
        (gives_up_from_none, True),
        (goes_on, False),
        (lambda: falls_back_on(lambda: 1 / 0), False),
        (lambda: falls_back_on(gives_up), True),
    ],
    ids=["in its place", "from None", "afterwards", "in a fallback", "in a fallback, in its place"],
)
def test_what_is_raised_in_place_of_trouble_is_trouble(solve, expected):
    with pytest.raises((ValueError, RuntimeError, ZeroDivisionError)) as raised:
        solve()
    assert is_of_the_environment(raised.value) is expected


def test_a_cache_that_cannot_be_written_is_no_failed_row(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        few = LEPTON.replace("points: 6", "points: 2").replace("[5, 11, 82]", "[5]").replace("1e-12", "1e-3")
        environment = {"NUMBA_CACHE_DIR": str(folder)}
        code, text = hpc_nu(tmp_path, "run", write(tmp_path, few), "-o", "out.h5", environment=environment, limit=300)
        if code == BROKEN_ENVIRONMENT:
            assert "No space left on device" in text and "Traceback" not in text, text
            assert counts(tmp_path / "out.h5")[0] == 0
        else:  # compiled in memory
            assert code == COMPLETE, text
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _hash(folder):
    with h5py.File(folder / "out.h5") as file:
        return file.attrs["problem_hash"]


# ------------------------------------------------------------------------------------------------------------ suspended


def test_a_suspended_time_changes_no_bit(tmp_path):
    """Far longer than any budget; and a load that takes the processor away does not either."""
    text = TOY.replace("points: 40", "points: 4") + "settings: {steps: 40, effort: 0.02}\nsolver: {max_seconds: 3}\n"
    input_path = write(tmp_path, text)
    impatient = BEFORE + "; import hpc_nu.campaign.watchdog as watchdog; watchdog.GRACE_SECONDS = 0.5"
    with Run(tmp_path, "run", input_path, "-o", "out.h5", before=impatient) as run:
        assert run.wait_for_text("loading kernels|compiling kernels")
        time.sleep(1.0)
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(6.0)
        run.process.send_signal(signal.SIGCONT)
        assert run.wait() == COMPLETE, run.text
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file["status"][:] == ResultCode.DONE).all() and (file["cost/tries"][:] == 1).all()


def test_a_retry_for_want_of_time_has_the_same_tolerance(tmp_path):
    """Where a slow machine needs it, a fast one does not: the row must be the same."""
    from hpc_nu.models.interface import SolverSettings

    patient, careful = SolverSettings().more_patient(), SolverSettings().more_careful()
    assert patient.rtol == SolverSettings().rtol > careful.rtol
    assert patient.max_seconds == careful.max_seconds == 2 * SolverSettings().max_seconds


# -------------------------------------------------------------------------------------------------------------- orphans


def test_nothing_of_a_run_outlives_it(tmp_path):
    """Also not a process in quarantine that has only just been started."""
    input_path, output = write(tmp_path, TOY.replace("points: 40", "points: 1") + SLOW[len(TOY) :]), tmp_path / "out.h5"
    text = TOY.replace("points: 40", "points: 1") + "settings: {steps: 2000, nap: 0.05}\n"
    input_path = write(tmp_path, text)
    with Run(tmp_path, "run", input_path, "-o", output, before=BEFORE) as run:
        assert run.wait_for_text("created")
        run.process.send_signal(signal.SIGUSR1)
        run.wait()
    record = InHand(output, _hash(tmp_path))
    record.load(np.zeros(1, bool), [0])
    record.close()
    assert record.deaths == {0: QUARANTINE_AFTER}
    for delay in (0.0, 0.1, 0.3, 1.0):
        with Run(tmp_path, "run", input_path, "-o", output, before=BEFORE) as run:
            assert run.wait_until(lambda: len(run.processes()) > 1)  # noqa: B023
            time.sleep(delay)
            os.kill(run.process.pid, signal.SIGKILL)
            run.process.wait()
            time.sleep(1.0)
            assert run.processes() == []


@pytest.mark.mpi
def test_the_end_of_the_launcher_is_no_death_of_tasks(tmp_path):
    """Ctrl-C to mpirun."""
    input_path = write(tmp_path, TOY + "settings: {steps: 1000, nap: 0.02}\n")
    with Run(tmp_path, "run", input_path, "-o", "out.h5", ranks=3, before=BEFORE) as run:
        assert run.wait_for_text("; recorded")
        time.sleep(0.5)
        run.process.send_signal(signal.SIGINT)
        run.wait()
    plan_hash = _hash(tmp_path)
    assert InHand(tmp_path / "out.h5", plan_hash).read(np.zeros(40, bool)) == {}


def test_a_call_from_python_gives_the_signals_back(alone, toys, tmp_path):
    from hpc_nu.campaign.communicator import SingleProcess
    from hpc_nu.campaign.run import run

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    assert run(SingleProcess(), write(tmp_path, TOY), tmp_path / "out.h5") == COMPLETE
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)] == before


@pytest.mark.mpi
def test_without_mpi4py_every_launch_says_so(tmp_path):
    before = "import sys; sys.modules['mpi4py'] = None"
    for _ in range(5):
        code, text = hpc_nu(tmp_path, "run", write(tmp_path, LEPTON), "-o", "out.h5", ranks=2, before=before)
        assert code == BROKEN_ENVIRONMENT and text.count("mpi4py does not load") == 1, text


# ----------------------------------------------------------------------------------------------- killed again and again


def test_runs_that_live_for_two_commits_get_on(tmp_path):
    """However many of their tasks are under suspicion: these go last."""
    input_path = write(tmp_path, TOY + "settings: {steps: 5, nap: 0.01}\n")
    recorded = [0]
    for _ in range(12):
        with Run(tmp_path, "run", input_path, "-o", "out.h5", before=BEFORE) as run:
            run.wait_for_text("; recorded.*\n.*; recorded")
            run.kill()
        recorded.append(counts(tmp_path / "out.h5")[0])
        if recorded[-1] == 40:
            break
        assert recorded[-1] > recorded[-2] or recorded[-1] > 30  # the last ones each start a process
    assert recorded[-1] > 30


# ------------------------------------------------------------------------------------------------- the working folder


def test_nothing_is_imported_from_the_working_folder(tmp_path):
    for name in ("copy", "mpi4py", "random", "h5py", "pickle", "ctypes"):
        (tmp_path / f"{name}.py").write_text(f"print('IMPORTED {name} from the working folder'); raise SystemExit(7)")
    only_installed = "import sys; sys.path[:] = [p for p in sys.path if p]"
    program = [sys.executable, "-c", f"{only_installed}\nfrom hpc_nu.cli import main\nsys.exit(main())"]
    for arguments in (["doctor"],):
        done = subprocess.run([*program, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert "IMPORTED" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
    text = TOY.replace("points: 40", "points: 1") + "settings: {steps: 20, nap: 0.02}\n"
    input_path, output = write(tmp_path, text), tmp_path / "out.h5"
    plain = tmp_path / "elsewhere"
    plain.mkdir()
    with Run(plain, "run", input_path, "-o", output, before=BEFORE) as run:
        assert run.wait_for_text("created")
        run.process.send_signal(signal.SIGUSR1)
        assert run.wait() == CHECKPOINTED, run.text
    record = InHand(output, _hash(tmp_path))
    record.load(np.zeros(1, bool), [0])
    record.close()
    safe = "import sys; sys.path[:] = [p for p in sys.path if p]\n" + BEFORE
    with Run(tmp_path, "run", input_path, "-o", output, before=safe) as run:
        assert run.wait() == COMPLETE, run.text
        assert "IMPORTED" not in run.text and "in a process of its own" in run.text


# ------------------------------------------------------------------------------------------------------ changed sources


def test_changed_sources_are_refused_or_compared(tmp_path, toys, alone, monkeypatch, capsys):
    from hpc_nu import cli

    monkeypatch.setattr("hpc_nu.campaign.runs.fingerprint", lambda: "the old ones")
    output, input_path = tmp_path / "out.h5", write(tmp_path, TOY)
    arguments = ["run", str(input_path), "-o", str(output)]
    assert cli.main(arguments) == COMPLETE
    with h5py.File(output, "r+") as file:
        file["status"][20:] = 0
    monkeypatch.setattr("hpc_nu.campaign.runs.fingerprint", lambda: "the new ones")
    monkeypatch.setattr("hpc_nu.campaign.changes.fingerprint", lambda: "the new ones")
    before = output.read_bytes()
    assert cli.main(arguments) == 2 and "--accept-changes" in capsys.readouterr().err
    assert output.read_bytes() == before
    with monkeypatch.context() as patch:
        import toy_models

        original = toy_models.Toy.solve

        def other(self, problem, state=None, pause=lambda: False):
            outcome = original(self, problem, state, pause)
            outcome.observables["scalar"]["end"] *= 1.001
            return outcome

        patch.setattr(toy_models.Toy, "solve", other)
        assert cli.main([*arguments, "--accept-changes"]) == 2
        assert "give other rows" in capsys.readouterr().err and output.read_bytes() == before
    assert cli.main([*arguments, "--accept-changes"]) == COMPLETE
    assert cli.main(arguments) == COMPLETE  # the last run's sources are those of now
    with h5py.File(output) as file:
        assert file["cost/run"][:].tolist() == [0] * 20 + [1] * 20
        records = file["provenance/runs"][:3].tolist()
    assert b"the old ones" in records[0] and b"the new ones" in records[1] and records[2] == b""


def test_a_campaign_is_of_the_memory_that_it_needs(tmp_path):
    """A limit on memory: in whichever place it is met, no row is a failed one."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))\n"
    input_path = write(tmp_path, LEPTON.replace("points: 6", "points: 2").replace("1e-12", "1e-4"))
    read_plan(input_path)
    for megabytes in (600, 700, 800, 1000, 1500):
        before = limit.replace("LIMIT", str(megabytes * 10**6))
        with Run(tmp_path, "run", input_path, "-o", "out.h5", before=before) as run:
            code = run.wait()
            text = run.text
        if (tmp_path / "out.h5").exists():
            with h5py.File(tmp_path / "out.h5") as file:
                assert set(file["status"][:]) <= {ResultCode.PENDING, ResultCode.DONE}, text
        assert code != 0 or counts(tmp_path / "out.h5") == (8, 8), text
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


# ------------------------------------------------------------------------------------------- calls from Python


def test_a_program_that_calls_run_needs_no_preparation(tmp_path):
    """MPI is there and is not started; no timer of ours goes on."""
    program = (
        BEFORE + "; import signal, sys; from hpc_nu.campaign.run import run;"
        "from hpc_nu.single_process import SingleProcess;"
        f"code = run(SingleProcess(), {str(write(tmp_path, TOY))!r}, 'out.h5');"
        "assert signal.getitimer(signal.ITIMER_PROF)[0] == 0; sys.exit(code)"
    )
    code, text = hpc_nu(tmp_path, program=[sys.executable, "-c", program])
    assert code == COMPLETE, text


def test_trouble_while_kernels_are_loaded_leaves_no_timer(alone, toys, tmp_path, monkeypatch):
    from toy_models import Toy

    from hpc_nu import cli

    def solve(*_):
        raise MemoryError

    monkeypatch.setattr(Toy, "solve", solve)
    assert cli.main(["run", str(write(tmp_path, TOY)), "-o", str(tmp_path / "out.h5")]) == BROKEN_ENVIRONMENT
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0


def test_a_signal_before_the_file_is_open_takes_no_suspicion_away(tmp_path):
    """What a dead run has left must outlive a stop during the start of the next one."""
    input_path, output = write(tmp_path, SLOW), tmp_path / "out.h5"
    with Run(tmp_path, "run", input_path, "-o", output, before=BEFORE) as run:
        assert run.wait_for_text("; recorded")
        run.kill()
    left = InHand(output, _hash(tmp_path)).read(np.zeros(40, bool))
    assert left
    sleeps = (
        "; import time, hpc_nu.campaign.run as r; p = r.read_plan; r.read_plan = lambda f: (time.sleep(3), p(f))[1]"
    )
    with Run(tmp_path, "run", input_path, "-o", output, before=BEFORE + sleeps) as run:
        time.sleep(2.0)
        run.process.send_signal(signal.SIGTERM)
        assert run.wait() == CHECKPOINTED, run.text
    after = InHand(output, _hash(tmp_path))
    assert after.read(np.zeros(40, bool)).keys() >= left.keys()


def test_rows_of_a_second_try_do_not_speak_against_other_sources(tmp_path, toys, alone, monkeypatch):
    from toy_models import RAISES_AT_FIRST

    from hpc_nu import cli

    monkeypatch.setattr("hpc_nu.campaign.runs.fingerprint", lambda: "the old ones")
    text = TOY.replace("points: 40}", f"points: 40}}\n  trouble: {{value: {RAISES_AT_FIRST}}}")
    output, input_path = tmp_path / "out.h5", write(tmp_path, text)
    arguments = ["run", str(input_path), "-o", str(output)]
    assert cli.main(arguments) == COMPLETE
    with h5py.File(output, "r+") as file:
        assert (file["cost/tries"][:] == 2).all()
        file["status"][20:] = 0
    assert cli.main([*arguments, "--accept-changes"]) == COMPLETE


def test_libraries_that_are_never_loaded_end_the_run(tmp_path):
    """OpenBLAS, without memory for its buffers, asks for them for ever."""
    spins = """
import sys, hpc_nu.campaign.watchdog as watchdog
watchdog.LOAD_SECONDS, watchdog.GRACE_SECONDS = 0.5, 0.5
class Spins:
    def find_spec(self, name, *rest):
        while name == "hpc_nu.campaign.run":
            pass
sys.meta_path.insert(0, Spins())
"""
    with Run(tmp_path, "run", write(tmp_path, TOY), "-o", "out.h5", before=spins) as run:
        assert run.wait(30) == -signal.SIGPROF and "find_spec" in run.text, run.text
