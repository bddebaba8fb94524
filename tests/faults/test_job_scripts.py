"""The job scripts where no Slurm is: what they say, what they ask, and which campaign of a list they take."""

import os
import subprocess

import pytest
from mpi import TESTS

ROOT = TESTS.parent

# Answers as Slurm does, with the time of the user's format, and with nothing where the user's filters hide the job.
SQUEUE = """#!/bin/bash
[ -z "${SQUEUE_STATES:-}" ] || exit 0
end=2030-05-06T07:08:09
[ "${SLURM_TIME_FORMAT:-standard}" = standard ] || end="$(date --date=$end "+$SLURM_TIME_FORMAT")"
[[ "$*" == *%e* ]] && echo "7 $end" || echo "7 RUNNING"
"""
PROGRAM = """#!/bin/bash
echo "run $2 to $4 until ${SLURM_JOB_END_TIME:-unknown}"
"""


@pytest.fixture
def job(tmp_path):
    """A function that runs a script of jobs/ with variables; exit code, output and errors."""
    for name, text in (("squeue", SQUEUE), ("program", PROGRAM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SQUEUE"))}

    def run(script, **variables):
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LAUNCH": "env", "HPC_NU_PROGRAM": f"{tmp_path}/program"}
        done = subprocess.run(["bash", str(ROOT / "jobs" / script)], env=clean | path | variables, cwd=ROOT,
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return run


IN_SLURM = {"SLURM_JOB_ID": "7", "SLURM_SUBMIT_DIR": str(ROOT), "TZ": "UTC"}
CAMPAIGN = {"INPUT": "in.yaml", "OUTPUT": "out.h5"}


@pytest.mark.parametrize(
    "users", [{}, {"SLURM_TIME_FORMAT": "%d/%m %H:%M"}, {"SLURM_TIME_FORMAT": "relative"}, {"SQUEUE_STATES": "PENDING"}]
)
def test_the_end_of_the_allocation_is_known_whatever_the_user_likes(users, job):
    code, out, err = job("campaign.sh", **IN_SLURM, **CAMPAIGN, **users)
    assert (code, err) == (0, "")
    assert "run in.yaml to out.h5 until 1904281689\n" in out  # 2030-05-06 07:08:09 UTC


def test_outside_of_slurm_the_scripts_say_what_they_are(job, tmp_path):
    code, out, err = job("campaign.sh", **CAMPAIGN)
    assert (code, out) == (2, "") and "sbatch" in err and "mpirun -n 4 hpc-nu run in.yaml -o out.h5" in err
    code, out, err = job("array.sh", LIST=str(tmp_path / "list"))
    assert (code, out) == (2, "") and "sbatch --array=1-20" in err


LISTS = {
    "plain": b"a.yaml a.h5\nb.yaml b.h5\n",
    "carriage returns": b"\xef\xbb\xbf# campaigns\r\na.yaml a.h5\r\n\r\nb.yaml b.h5\r\n",
    "comments": b"\t# first\na.yaml a.h5 # the best\n   \n#x\nb.yaml\tb.h5\t# the rest",
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_campaigns_may_have_comments_and_any_line_ends(kind, job, tmp_path):
    (tmp_path / "list").write_bytes(LISTS[kind])
    for task, name in ((1, "a"), (2, "b")):
        code, out, _ = job("array.sh", LIST=str(tmp_path / "list"), SLURM_ARRAY_TASK_ID=str(task), **IN_SLURM)
        assert code == 0 and f"run {name}.yaml to {name}.h5 until" in out


@pytest.mark.parametrize(("task", "line"), [("1", "a.yaml"), ("2", "my campaign.yaml a.h5"), ("3", "")])
def test_a_line_that_is_no_campaign_is_shown(task, line, job, tmp_path):
    (tmp_path / "list").write_text("a.yaml\nmy campaign.yaml a.h5\n")
    code, out, err = job("array.sh", LIST=str(tmp_path / "list"), SLURM_ARRAY_TASK_ID=task, **IN_SLURM)
    assert (code, out) == (2, "") and f'campaign number {task} is "{line}": expected' in err
