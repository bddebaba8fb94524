"""A Slurm of two virtual nodes on this machine, for the tests of the job script.

It keeps to itself: configuration, keys, ports and spool lie in a folder of its own, so that a Slurm which the machine
may already be part of is neither used nor disturbed. Needs root, which slurmd does; on Debian missing packages are
installed. Not covered: accounting, cgroups, and anything between two real machines.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")

# TmpFS and the other %n: without a folder per node both slurmds make the same one and srun fails in PMIx.
# KillOnBadExit is what some centres have: the job must not mind.
# cred_expire is also the time a requeued job waits before it may start again; the default is two minutes.
CONFIGURATION = """
ClusterName=hpcnutest
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldPort={controller_port}
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmctldTimeout=30
SlurmdTimeout=60
TmpFS={folder}/tmp.%n
KillWait=5
KillOnBadExit=1
MinJobAge=600
JobRequeue=1
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node1_port} CPUs=16 State=UNKNOWN
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={node2_port} CPUs=16 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing_programs():
    # Debian keeps the daemons in sbin, which is not on everyone's PATH.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in PROGRAMS if shutil.which(program, path=path) is None]


def why_not():
    """A reason why no cluster can be started here, or None; installs Slurm where that is possible."""
    if os.geteuid() != 0:
        return "a Slurm of one's own needs root"
    missing = missing_programs()
    if missing and shutil.which("apt-get"):
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (["update"], ["install", "-y", "--no-install-recommends", "slurm-wlm", "munge"]):
            subprocess.run(
                ["apt-get", "-qq", *command],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=240,
            )
        missing = missing_programs()
    return f"no Slurm here: {', '.join(missing)} not found" if missing else None


def _end_with_parent():
    """Ask the kernel for SIGTERM when the tests end, for a test run that is killed cannot end its daemons itself."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class SlurmCluster:
    """Two nodes of 16 virtual CPUs each, so that several jobs run at once.

    Use as a context manager; on leaving, jobs are cancelled and daemons ended.

    Parameters
    ----------
    folder : Path
        Place for everything the daemons write. Its path must be short: munge's socket lies in it.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.daemons = []
        self.environment = dict(os.environ, SLURM_CONF=str(self.folder / "slurm.conf"))
        self.environment["PATH"] += ":/usr/sbin:/sbin"
        # Both "nodes" would take each other's shared-memory segments for their own; and Open MPI cannot know that
        # the nodes' cores are the same two.
        self.environment.update(OMPI_MCA_btl="tcp,self", OMPI_MCA_mpi_yield_when_idle="1")

    def __enter__(self):
        folder = self.folder
        for name in ("state", "spool.node1", "spool.node2", "tmp.node1", "tmp.node2"):
            (folder / name).mkdir(parents=True)
        controller_port, node1_port, node2_port = _free_ports(3)
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=socket.gethostname().split(".")[0],
                folder=folder,
                controller_port=controller_port,
                node1_port=node1_port,
                node2_port=node2_port,
            )
        )
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        try:
            munge = {
                "socket": "munge.socket",
                "key-file": key.name,
                "pid-file": "munge.pid",
                "log-file": "munge.log",
                "seed-file": "munge.seed",
            }
            # --force: munged complains of root as its user and of folders that others might write to.
            self._start(
                "munged", "--foreground", "--force", *(f"--{option}={folder / name}" for option, name in munge.items())
            )
            self.wait_for("munge's socket", lambda: (folder / "munge.socket").exists(), 15)
            self._start("slurmctld", "-D")
            for node in ("node1", "node2"):
                self._start("slurmd", "-D", "-N", node)
            self.wait_for("two idle nodes", lambda: self._idle_nodes() == 2, 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if len(self.daemons) > 1:
            self.command("scancel", "--user=root", check=False)
            try:
                self.wait_for("an empty queue", lambda: not self.command("squeue", "--noheader").strip(), 20)
            except (AssertionError, subprocess.SubprocessError):
                pass  # the daemons are ended all the same
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(timeout=10)
        self.daemons = []

    def command(self, *words, check=True, timeout=20, environment=None):
        """Run one of Slurm's commands; returns what it prints."""
        done = subprocess.run(
            words, env=environment or self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def submit(self, script, options, variables, cwd):
        """sbatch `script`; returns the job's number as text. `variables` are added to the job's environment."""
        environment = {**self.environment, **{name: str(value) for name, value in variables.items()}}
        words = ["sbatch", "--parsable", f"--chdir={cwd}", "--export=ALL", *options, str(script)]
        return self.command(*words, environment=environment).strip()

    def job(self, number):
        """scontrol's view of the job, as a dictionary: JobState, Restarts, ExitCode, ..."""
        words = self.command("scontrol", "--oneliner", "show", "job", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_for_end(self, number, timeout, explain=str):
        """Wait until the job is neither pending nor running nor on its way between them; returns its last view."""
        ended = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "OUT_OF_MEMORY"}
        self.wait_for(f"job {number} to end", lambda: self.job(number)["JobState"] in ended, timeout, explain)
        return self.job(number)

    def rank_process(self, number, rank):
        """Id of the process that is `rank` (from 1 on) of the step that the job runs by srun."""
        wanted = {f"SLURM_JOB_ID={number}".encode(), f"SLURM_PROCID={rank}".encode()}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                    return int(folder.name)
            except OSError:
                pass  # gone meanwhile
        raise AssertionError(f"job {number} has no rank {rank}")

    def _start(self, *words):
        with open(self.folder / f"{words[0]}.out", "ab") as output:
            self.daemons.append(
                subprocess.Popen(
                    words,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,
                )
            )

    def _idle_nodes(self):
        return self.command("sinfo", "--noheader", "--Node", "--format=%T", check=False).split().count("idle")

    def wait_for(self, what, condition, timeout, explain=str):
        """Wait until `condition()` holds; `explain()` has more to say if it never does."""
        end = time.monotonic() + timeout
        while not condition():
            dead = [str(daemon.args[0]) for daemon in self.daemons if daemon.poll() is not None]
            assert not dead, f"{', '.join(dead)} ended while waiting for {what}; logs in {self.folder}"
            assert time.monotonic() < end, f"waited {timeout} s in vain for {what}; logs in {self.folder}\n{explain()}"
            time.sleep(0.5)
