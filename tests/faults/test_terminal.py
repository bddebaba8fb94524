"""What others have written is printed and not obeyed; streams that are closed or full, and names that are no UTF-8."""

import os
import subprocess
import sys
import unicodedata

import h5py
import pytest
from campaigns import FREEZE_IN, TOY, assert_same_results, reseal, write
from mpi import SETTINGS, TESTS, hpc_nu

from hpc_nu import cli
from hpc_nu.analysis import read_results
from hpc_nu.campaign.errors import BAD_INPUT, BROKEN_ENVIRONMENT, COMPLETE
from hpc_nu.printable import printable
from hpc_nu.result_codes import ResultCode

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\rdone\x08\u202e"
FEW = FREEZE_IN.replace("points: 200", "points: 3").replace("points: 50", "points: 2")


def assert_harmless(text):
    assert [c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs")] == []


def test_everything_that_a_terminal_obeys_is_written_out():
    assert printable(EVIL) == r"\x1b]0;owned\x07\x1b[2J\x9b31m\rdone\x08\u202e"
    assert printable("\udcff.h5") == r"\udcff.h5"
    for text in ("M\u2083 \u2212 M\u2082, \u03bc\u00e9, \U0001f600", "a\n\tb", ""):
        assert printable(text) == text
    every = "".join(map(chr, range(0x3000)))
    assert_harmless("".join(c for c in printable(every) if unicodedata.category(c) != "Cf" or c == "\u202e"))


@pytest.fixture
def evil_results(alone, toys, tmp_path):
    """A results file that somebody else has written to."""
    output = tmp_path / "out.h5"
    assert cli.main(["run", str(write(tmp_path, TOY)), "-o", str(output)]) == COMPLETE
    with h5py.File(output, "r+") as file:
        file["status"][3] = ResultCode.EXCEPTION
        file["error"][3] = b"\xff " + EVIL.encode()
        file.attrs["campaign"] = file.attrs["model"] = EVIL
        file["points/start"].attrs["long_name"] = file["points/start"].attrs["units"] = EVIL
    reseal(output)
    return output


def test_a_file_of_somebody_elses_does_not_command_the_terminal(evil_results, capsys):
    capsys.readouterr()
    for arguments in (["status"], ["explain", "--task", "3"]):
        assert cli.main([arguments[0], str(evil_results), *arguments[1:]]) == COMPLETE
        out, err = capsys.readouterr()
        assert r"\x1b]0;owned\x07" in out and not err
        assert_harmless(out)


@pytest.mark.parametrize(
    "text",
    [
        TOY.replace("model: toy", 'model: "\\e[2J\\a"'),
        TOY.replace("start:", '"\\e[2J":'),
        TOY.replace("{linear: [0.1, 0.9], points: 40}", '{value: 1, unit: "\\e[2J"}'),
    ],
)
def test_an_input_of_somebody_elses_does_not_either(text, alone, toys, tmp_path, capsys):
    for command in (["check"], ["run", "-o", str(tmp_path / "out.h5")]):
        assert cli.main([command[0], str(write(tmp_path, text)), *command[1:]]) == BAD_INPUT
        message = capsys.readouterr().err
        assert r"\x1b[2J" in message
        assert_harmless(message)


def shell(folder, line):
    """Exit code, output and errors of a line of bash in which hpc-nu is a command."""
    variables = dict(os.environ) | SETTINGS | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
    program = f'hpc-nu() {{ "{sys.executable}" -m hpc_nu "$@"; }}\n{line}'
    done = subprocess.run(["bash", "-c", program], cwd=folder, env=variables, capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    write(folder, FEW)
    assert hpc_nu(folder, "run", "input.yaml", "-o", "out.h5")[0] == COMPLETE
    return folder


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&- >&- 2>&-"])
def test_a_campaign_does_not_mind_where_its_messages_go(streams, reference, tmp_path):
    write(tmp_path, FEW)
    assert shell(tmp_path, f"hpc-nu run input.yaml -o out.h5 {streams}") == (COMPLETE, "", "")
    assert_same_results(tmp_path / "out.h5", reference / "out.h5")


def test_the_results_never_get_the_number_of_a_closed_stream(tmp_path):
    code = "import hpc_nu.campaign.terminal as t; t.open_streams(); t.sys.exit(open('out').fileno())"
    write(tmp_path, "", "out")
    for streams in ("", "<&-", "2>&-", "<&- >&- 2>&-"):
        line = f'PYTHONPATH="{TESTS.parent}" "{sys.executable}" -c "{code}" {streams}'
        assert subprocess.run(["bash", "-c", line], cwd=tmp_path, timeout=60).returncode > 2, streams


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("hpc-nu status out.h5 >/dev/full", BROKEN_ENVIRONMENT, "standard output cannot be written (No space left"),
        ("hpc-nu models >/dev/full", BROKEN_ENVIRONMENT, "standard output cannot be written (No space left"),
        ("hpc-nu status out.h5 >&-", COMPLETE, ""),
        ("hpc-nu status none.h5 2>&-", BAD_INPUT, ""),
        ("hpc-nu check none.yaml 2>/dev/full", BAD_INPUT, ""),
    ],
)
def test_a_report_that_cannot_be_printed_ends_with_a_code_and_no_traceback(line, code, message, reference):
    ended, out, err = shell(reference, line)
    assert (ended, out) == (code, "")
    assert err.startswith(message) and err.count("\n") == bool(message)


@pytest.mark.mpi
@pytest.mark.parametrize("launch", ["", "mpirun -n 2 "])
def test_names_that_are_no_utf_8(launch, reference, tmp_path):
    (tmp_path / "in\udcff.yaml").write_text(FEW)
    program = f'{launch}"{sys.executable}" -m hpc_nu'
    code, out, err = shell(tmp_path, f"{program} run $'in\\xff.yaml' -o $'out\\xff.h5'")
    assert code == COMPLETE and "Traceback" not in err, err
    output = str(tmp_path / "out\udcff.h5")
    assert_same_results(output, reference / "out.h5")
    assert len(read_results(output)) == len(read_results(reference / "out.h5"))
    if not launch:
        code, out, err = shell(tmp_path, "hpc-nu explain $'out\\xff.h5' --task 1 --solve; hpc-nu status $'out\\xff.h5'")
        assert code == COMPLETE and not err and "bit for bit" in out and r"out\udcff.h5: campaign" in out


def test_an_input_that_does_not_end_is_refused(alone, capsys):
    assert cli.main(["check", "/dev/zero"]) == BAD_INPUT
    assert "/dev/zero: is larger than an input file can be" in capsys.readouterr().err


def test_an_input_may_come_through_a_pipe(tmp_path):
    write(tmp_path, FEW)
    code, out, _ = shell(tmp_path, "hpc-nu check <(cat input.yaml)")
    assert code == COMPLETE and "valid" in out
