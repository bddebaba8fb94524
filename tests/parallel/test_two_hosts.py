"""One campaign on two hosts that have nothing but a network between them: two network namespaces of this machine.

Not covered: a file system that is shared over a network (both hosts see the same disk), and a link that goes silent.
"""

import os
import shutil
import signal
import subprocess

import h5py
import pytest
from campaigns import TOY, assert_same_results, assert_sound, counts, write
from mpi import Run, hpc_nu, is_open_mpi, require_mpirun
from toy_models import BEFORE

pytestmark = pytest.mark.mpi

ADDRESSES = ("10.77.0.1", "10.77.0.2")
CAMPAIGN = TOY + "settings: {steps: 10, nap: 0.03, predicted: 0.3}\n"

# Called with an address and a command. Open MPI takes two hosts of one name for one host.
ON_HOST = """#!/bin/sh
address=$1; shift
exec ip netns exec {name}-$address unshare --uts sh -c 'hostname $0; exec "$@"' host-${{address##*.}} "$@"
"""
# Called as ssh would be, with a command that a shell on the other side reads.
AGENT = """#!/bin/sh
address=$1; shift
exec {on_host} $address sh -c "$*"
"""
MPIRUN = """#!/bin/sh
exec {on_host} {address} {mpirun} "$@"
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20, check=check).stdout


class Hosts:
    """Two hosts with two slots each; `environment` makes mpirun start on the first and use both."""

    def __init__(self, folder):
        name = f"hpcnu{os.getpid()}"
        self.names = [f"{name}-{address}" for address in ADDRESSES]
        programs = folder / "bin"
        programs.mkdir()
        on_host, agent, mpirun = folder / "on_host", folder / "agent", programs / "mpirun"
        on_host.write_text(ON_HOST.format(name=name))
        agent.write_text(AGENT.format(on_host=on_host))
        mpirun.write_text(MPIRUN.format(on_host=on_host, address=ADDRESSES[0], mpirun=shutil.which("mpirun")))
        for script in (on_host, agent, mpirun):
            script.chmod(0o755)
        hostfile = folder / "hosts"
        hostfile.write_text("".join(f"{address} slots=2\n" for address in ADDRESSES))
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "OMPI_MCA_orte_default_hostfile": str(hostfile),
            "OMPI_MCA_plm_rsh_agent": str(agent),
            "OMPI_MCA_btl": "tcp,self",
            "OMPI_MCA_btl_tcp_if_include": "10.77.0.0/24",
            "OMPI_MCA_oob_tcp_if_include": "10.77.0.0/24",
        }

    def __enter__(self):
        one, two = self.names
        ip("netns", "add", one)
        ip("netns", "add", two)
        ip("-n", one, "link", "add", "link0", "type", "veth", "peer", "name", "link0", "netns", two)
        for name, address in zip(self.names, ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "link0")
            ip("-n", name, "link", "set", "link0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        for host in (0, 1):
            self.kill(host)
            ip("netns", "delete", self.names[host], check=False)

    def processes(self, host):
        return list(map(int, ip("netns", "pids", self.names[host], check=False).split()))

    def kill(self, host):
        """SIGKILL to all that runs there."""
        for pid in self.processes(host):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    require_mpirun()
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("network namespaces need root and the program ip")
    if not is_open_mpi():
        pytest.skip("the settings are those of Open MPI 4")
    hosts = Hosts(tmp_path_factory.mktemp("hosts"))
    try:
        hosts.__enter__()
    except subprocess.CalledProcessError as error:
        hosts.__exit__()
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
    yield hosts
    hosts.__exit__()


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Input, and the results file of one process."""
    folder = tmp_path_factory.mktemp("whole")
    input_path = write(folder, CAMPAIGN)
    code, text = hpc_nu(folder, "run", input_path, "-o", "whole.h5", before=BEFORE)
    assert code == 0, text
    return input_path, folder / "whole.h5"


def run_on(hosts, folder, input_path):
    return Run(folder, "run", input_path, "-o", "out.h5", ranks=4, before=BEFORE, environment=hosts.environment)


def test_a_campaign_on_two_hosts_has_the_results_of_one_process(hosts, campaign, tmp_path):
    input_path, whole = campaign
    with run_on(hosts, tmp_path, input_path) as run:
        assert run.wait_for_text("; recorded")
        assert all(hosts.processes(host) for host in (0, 1)), "one of the hosts does nothing"
        assert run.wait() == 0, run.text
    assert_same_results(tmp_path / "out.h5", whole)
    with h5py.File(tmp_path / "out.h5") as file:
        assert set(file["cost/rank"][:]) == {0, 1, 2, 3}


def test_a_host_that_dies_ends_the_run_and_the_other_one_continues_it(hosts, campaign, tmp_path, toys):
    input_path, whole = campaign
    with run_on(hosts, tmp_path, input_path) as run:
        assert run.wait_for_text(r" [1-9]\d* of 40 tasks.*; recorded")
        hosts.kill(1)
        assert run.wait(60) != 0
    assert assert_sound(tmp_path / "out.h5", input_path, whole) >= 1
    recorded, n_tasks = counts(tmp_path / "out.h5")
    assert recorded < n_tasks, "the run was at its end, so the test has shown nothing"
    code, text = hpc_nu(tmp_path, "run", input_path, "-o", "out.h5", ranks=2, before=BEFORE)
    assert code == 0, text
    assert_same_results(tmp_path / "out.h5", whole)
