"""The Slurm profile on a cluster of two nodes that is made here: a lost job starts again."""

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

# Where Debian has daemons, though users may not look there.
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
pytestmark = pytest.mark.skipif(
    not (shutil.which("slurmctld", path=PATH) and shutil.which("munged", path=PATH)),
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
    environment = {**os.environ, "SLURM_CONF": str(conf), "PATH": PATH}
    for daemon in (["munged", "--force", *munge], ["slurmctld", "-c"], ["slurmd", "-N", "n1"],
                   ["slurmd", "-N", "n2"]):  # fmt: skip
        daemon[0] = shutil.which(daemon[0], path=PATH)
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


def contents(project):
    """Tables and models, by path."""
    folder = project / "results/smoke"
    found = [*(folder / "tables").iterdir(), *(folder / "models").rglob("*.safetensors")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def lose_node(process, cluster):
    """Take the node of a process away, as if it had lost its power."""
    node = process.environ()["SLURMD_NODENAME"]
    command = [cluster / "scontrol", "update", f"nodename={node}", "state=down", "reason=test"]
    subprocess.run(command, check=True)


# Step -> what happens to it once it runs. One that hangs is ended when its time is up.
TROUBLE = {
    "01_data": lambda process, cluster: process.kill(),
    "02_features": lambda process, cluster: process.suspend(),
    "03_pretrain": lose_node,
}


def test_the_study_survives_the_loss_of_jobs_and_is_that_of_a_local_run(cluster, tmp_path):
    left_out = shutil.ignore_patterns("__pycache__")
    for place in ("far", "near"):
        for name in ("hump", "notebooks", "params", "workflow"):
            shutil.copytree(ROOT / name, tmp_path / place / name, ignore=left_out)
        shutil.copy(ROOT / "GLOSSARY.md", tmp_path / place)  # a page of the report
    far, near = tmp_path / "far", tmp_path / "near"
    threads = [f"{path.stem}=2" for path in (ROOT / "notebooks").glob("[01]*.ipynb")]
    process = run(
        far, cluster, "--profile", "workflow/profiles/slurm", "--set-threads", *threads,
        "--set-resources", "02_features:runtime=2",
        "--slurm-init-seconds-before-status-checks", "2",
    )  # fmt: skip
    try:
        for step, happens in TROUBLE.items():
            deadline = time.monotonic() + 600
            while not (found := list(processes_of(step, far))) and time.monotonic() < deadline:
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.1)
            happens(found[0], cluster)
            time.sleep(1)
        told, _ = process.communicate(timeout=3600)
    finally:
        family = (
            psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        )
        for one in [*family, process]:
            one.kill()
    assert process.returncode == 0, told
    again = [line for line in told.splitlines() if "Trying to restart job" in line]
    assert len(again) >= 2, told
    local = run(near, cluster)
    assert local.wait(3600) == 0, local.stdout.read()
    assert contents(far) == contents(near) and "tables/main.csv" in contents(far)
