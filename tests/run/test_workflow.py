"""What the workflow would run, and what makes it run something again."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import yaml

from hump.__main__ import main
from hump.params import Params, sections
from hump.run import steps, study

ROOT = Path(__file__).resolve().parents[2]
PER_TARGET = ("04_finetune", "14_diagnosis")
STEP = re.compile(r"-m hump step \S+ (\w+) --workers (\d+)")


def call(root, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "hump", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "HOME": "/proc/none", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def planned(root, params_file, *arguments):
    """Step -> processes, by a dry run."""
    shown = ("--dry-run", "--printshellcmds", "--quiet", "host")
    done = call(root, "run", params_file, "--", *shown, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: int(workers) for name, workers in STEP.findall(done.stdout + done.stderr)}


@pytest.fixture
def project(tmp_path):
    """The project without results, caches and environment, where names are as bad as can be."""
    root = tmp_path / "ü {b} 语 it's"
    for name in ("hump", "notebooks", "params", "workflow"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.mark.parametrize("study", ["demo", "smoke"])
def test_one_step_a_notebook_and_target(project, study):
    shutil.copy(ROOT / "params" / f"{study}.yaml", project / (name := f'ü "{study}" \\ a: #b.yaml'))
    targets = yaml.safe_load((project / name).read_text())["targets"]
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    expected = notebooks - {"00_mini_hubert", *PER_TARGET} | {"report"}
    steps = planned(project, name)
    expected |= {f"{notebook}_{target}" for notebook in PER_TARGET for target in targets}
    assert set(steps) == expected


def test_what_is_left_out_is_not_run_and_not_waited_for(project):
    file = project / "params" / "demo.yaml"
    text = file.read_text(encoding="utf-8").replace(
        "leave_out: []", f"leave_out: [{', '.join(typing.get_args(sections.Experiment))}]"
    )
    file.write_text(text, encoding="utf-8")
    run = {re.sub("_demo_.*", "", name) for name in planned(project, "params/demo.yaml")}
    assert run == {"01_data", "02_features", "03_pretrain", "04_finetune", "07_fraction_curves",
                   "09_figures", "10_try_it", "report"}  # fmt: skip


def test_cores_are_shared_out(project):
    targets = len(yaml.safe_load((ROOT / "params" / "demo.yaml").read_text())["targets"])
    for name, workers in planned(project, "params/demo.yaml", "--cores", "10").items():
        share = 10 // targets if name.startswith(PER_TARGET) else 10
        alone = ("07_fraction_curves", "09_figures", "10_try_it", "report")
        assert workers == (1 if name in alone else share), name


def test_few_cores_are_not_left_idle(project):
    """Two at a time, of two processes each: the last of five has both cores."""
    steps = planned(project, "params/demo.yaml", "--cores", "2")
    assert {workers for name, workers in steps.items() if name.startswith("04")} == {2}


@pytest.mark.parametrize("left_out", [(), typing.get_args(sections.Experiment)])
def test_every_step_says_what_it_makes(params, left_out):
    """What a step needs is made by exactly one step before it."""
    made, params = set(), params.model_copy(update={"leave_out": left_out})
    assert {step.notebook for step in steps.TEMPLATES} - set(left_out) == {
        step.notebook for step in steps.plan(params)
    }
    for step in steps.plan(params):
        assert set(step.needs) <= made, step.name
        assert not set(step.makes) & made, step.name
        made |= set(step.makes)


@pytest.mark.parametrize("command", ["run", "report", "publish"])
def test_missing_corpora_stop_it_before_anything_runs(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUMP_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(Params, "cache", property(lambda self: tmp_path / "cache"))
    assert main([command, "params/open.yaml"]) == 2
    assert "7 missing; put each there" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_a_second_run_of_a_study_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Params, "cache", property(lambda self: tmp_path))
    folder = tmp_path / "snakemake" / "demo"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["run", "params/demo.yaml"]) == 2
    assert "study=demo: another run of it is going on; wait for it" in capsys.readouterr().err


def test_no_traceback_of_a_folder_that_is_left_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    code = "import tempfile; kept = tempfile.TemporaryDirectory(); import warnings; warnings.warn"
    for rest, status, told in (("", 0, ""), ("('x')", 1, "UserWarning: x")):
        with (tmp_path / "lock").open("w") as lock, (tmp_path / "log").open("w+") as log:
            assert study._call([sys.executable, "-c", code + rest], lock, log) == status
            log.seek(0)
            assert log.read().endswith(f"{told}\n" if told else "")
            assert told or log.tell() == 0


def test_of_an_interrupt_nobody_complains_at_length(tmp_path, capsys):
    script = """
import os, signal, sys, time
print("at work", file=sys.stderr, flush=True)
time.sleep(2)
os.kill(os.getppid(), signal.SIGTERM)  # as a scheduler does, to the first process alone
try:
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit("Traceback (most recent call last)")
"""
    with (tmp_path / "lock").open("w") as lock:
        assert study._call([sys.executable, "-c", script], lock, None) == 130
    assert capsys.readouterr().err == "at work\n"


@pytest.mark.parametrize(("handler", "status"), [(signal.SIG_DFL, 130), (signal.SIG_IGN, 0)])
def test_a_closed_terminal_stops_a_run_but_not_under_nohup(tmp_path, handler, status):
    script = "import os, signal, time; os.kill(os.getppid(), signal.SIGHUP); time.sleep(3)"
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with (tmp_path / "lock").open("w") as lock:
            assert study._call([sys.executable, "-c", script], lock, None) == status
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_before_the_first_step_is_answered():
    """Before Snakemake runs and its handlers are there."""
    code = """
import runpy, sys, time
import hump.run
sys.modules["hump.run.study"] = type(sys)("study")
sys.modules["hump.run.study"].run = lambda *_: (print("begun", flush=True), time.sleep(60))
sys.argv = ["hump", "run", "params/smoke.yaml"]
runpy.run_module("hump", run_name="__main__")
"""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        run = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=lambda: [
                signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGHUP)
            ],
        )  # fmt: skip
        assert run.stdout.readline() == "begun\n"
        run.send_signal(number)
        assert run.communicate(timeout=60)[1] == "Interrupted. Run the same command again.\n"
        assert run.returncode == 130


def test_snakemakes_own_failure_is_told(project):
    with (project / "workflow" / "Snakefile").open("a") as file:
        file.write("\nraise ValueError('a mistake in the Snakefile')\n")
    done = call(project, "run", "params/demo.yaml")
    assert done.returncode == 1
    assert "a mistake in the Snakefile" in done.stderr
    assert "The same command goes on from here." in done.stderr
    assert "Building DAG" not in done.stderr


def test_a_missing_notebook_is_named_before_anything_runs(project):
    (project / "notebooks" / "05_fusion_ablation.ipynb").unlink()
    done = call(project, "run", "params/demo.yaml")
    assert done.returncode == 2 and "started" not in done.stdout
    assert "05_fusion_ablation.ipynb: no such notebook; restore it" in done.stderr


def test_the_profiles_fit_the_workflow():
    rules = {step.notebook for step in steps.TEMPLATES if step.notebook}
    folder = ROOT / "workflow" / "profiles"
    for executor in ("slurm", "kubernetes"):
        profile = yaml.safe_load((folder / executor / "config.yaml").read_text())
        assert profile["executor"] == executor and profile["retries"] >= 1
        assert set(profile["set-threads"]) == rules
        assert set(profile["set-resources"]) <= rules
