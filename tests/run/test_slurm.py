"""The Slurm profile on a cluster of two nodes that is made here: a killed job starts again."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from hump.params import ROOT

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol", "sacctmgr")
# There is no accounting here: what is asked about jobs, squeue knows.
SACCT = """#!/bin/sh
case "$*" in *parsable2*) exec squeue --noheader --states=all --format='%i|%T' ;; *) exit 1 ;; esac
"""
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={ports[0]}
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
MinJobAge=3600
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=64000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=64000
PartitionName=all Nodes=ALL Default=YES State=UP
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("slurmctld") and shutil.which("munged")),
    reason="Slurm is not installed (Debian and Ubuntu: apt-get install slurm-wlm munge)",
)


@pytest.fixture
def cluster():
    """A folder of Slurm's commands, which speak to a cluster of our own."""
    # Not below tmp_path: a socket's path has at most 108 characters.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    for name in ("state", "n1", "n2", "bin"):
        (folder / name).mkdir()
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    facts = {"host": socket.gethostname().split(".")[0], "user": psutil.Process().username()}
    conf = folder / "slurm.conf"
    conf.write_text(CONFIGURATION.format(folder=folder, ports=ports, **facts))
    # The executor takes Slurm's variables out of the environment of jobs.
    for name in COMMANDS:
        wrapper = folder / "bin" / name
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which(name)} "$@"\n')
        wrapper.chmod(0o755)
    (folder / "bin" / "sacct").write_text(SACCT)
    (folder / "bin" / "sacct").chmod(0o755)
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o600)
    munge = {"key-file": "key", "socket": "munge.socket", "pid-file": "munge.pid",
             "seed-file": "munge.seed", "log-file": "munge.log"}  # fmt: skip
    munge = [f"--{option}={folder / name}" for option, name in munge.items()]
    environment = {**os.environ, "SLURM_CONF": str(conf)}
    for daemon in (["munged", "--force", *munge], ["slurmctld", "-c"], ["slurmd", "-N", "n1"],
                   ["slurmd", "-N", "n2"]):  # fmt: skip
        subprocess.run(daemon, env=environment, check=True, capture_output=True)
    yield folder / "bin"
    daemons = [psutil.Process(int(file.read_text())) for file in folder.glob("*.pid")]
    for daemon in daemons:
        daemon.terminate()
    psutil.wait_procs(daemons, 20)  # one that ends writes its state
    shutil.rmtree(folder, ignore_errors=True)


def run(project, folder, *arguments):
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.Popen(
        [sys.executable, "-m", "hump", "run", "params/smoke.yaml", "--", *arguments],
        cwd=project, env={**os.environ, "PATH": path, "PYTHONPATH": str(project)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def processes_of(step, project):
    """Processes that run a step in a project."""
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if words[1:4] == ["-m", "hump", "step"] and step in words:
                if process.cwd().startswith(str(project)):
                    yield process
        except (psutil.Error, OSError):
            continue


def tables(project):
    return {p.name: p.read_bytes() for p in (project / "results/smoke/tables").iterdir()}


def test_a_killed_job_starts_again_and_the_tables_are_those_of_a_local_run(cluster, tmp_path):
    left_out = shutil.ignore_patterns("__pycache__")
    for place in ("far", "near"):
        for name in ("hump", "notebooks", "params", "workflow"):
            shutil.copytree(ROOT / name, tmp_path / place / name, ignore=left_out)
    far, near = tmp_path / "far", tmp_path / "near"
    process = run(
        far, cluster, "--profile", "workflow/profiles/slurm", "--until", "01_data",
        "--set-threads", "01_data=2", "--slurm-init-seconds-before-status-checks", "2",
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while not (found := list(processes_of("01_data", far))) and time.monotonic() < deadline:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.1)
        found[0].kill()
        told, _ = process.communicate(timeout=600)
    finally:
        family = (
            psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        )
        for one in [*family, process]:
            one.kill()
    assert process.returncode == 0, told
    assert told.count("has been submitted with SLURM jobid") == 2
    assert "Trying to restart job" in told
    local = run(near, cluster, "--until", "01_data")
    assert local.wait(300) == 0, local.stdout.read()
    assert tables(far) == tables(near) and "manifest.csv" in tables(far)
