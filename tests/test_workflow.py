"""What the workflow would run, and what makes it run something again."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hump.__main__ import main
from hump.params import Params

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENTS = (
    "05_fusion_ablation", "06_layer_sensitivity", "07_fraction_curves", "08_architecture",
)  # fmt: skip
STEP = re.compile(r"-m hump (?:notebook \S*/(\w+)\.ipynb \S*/(\w+)\.ipynb|(report)) ")


def call(root, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "hump", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def steps(root, params_file, *arguments):
    """Commands of a dry run, from a folder that has no results yet."""
    shown = ("--dry-run", "--printshellcmds", "--quiet", "host")
    done = call(root, "run", params_file, "--", *shown, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    return [line.strip() for line in lines if STEP.search(line)]


@pytest.fixture
def project(tmp_path):
    """The project without results, caches and environment."""
    root = tmp_path / "project"
    for name in ("hump", "notebooks", "params", "workflow"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.lock", root)
    others = "01_data", "02_features", "03_pretrain", "04_finetune", "09_figures"
    for name in (*EXPERIMENTS, *others):
        (root / "notebooks" / f"{name}.ipynb").touch()
    return root


@pytest.mark.parametrize("study", ["demo", "smoke"])
def test_one_step_a_notebook_and_target(project, study):
    targets = yaml.safe_load((ROOT / "params" / f"{study}.yaml").read_text())["targets"]
    found = steps(project, f"params/{study}.yaml")
    names = {match[2] or match[3] for match in map(STEP.search, found)}
    expected = {"01_data", "02_features", "03_pretrain", *EXPERIMENTS, "09_figures", "report"}
    assert names == expected | {f"04_finetune_{target}" for target in targets}
    assert len(found) == len(names)
    labels = sorted(int(re.search(r"--step (\d+)/", line)[1]) for line in found)
    assert labels == list(range(1, len(found) + 1))
    for target in targets:
        line = next(line for line in found if f"04_finetune_{target}.ipynb" in line)
        assert line.endswith(f"--corpus {target}")


def test_cores_are_shared_out(project):
    targets = len(yaml.safe_load((ROOT / "params" / "demo.yaml").read_text())["targets"])
    for line in steps(project, "params/demo.yaml", "--cores", "10"):
        if "report" in line.split("--")[0]:
            continue
        workers = int(re.search(r"--workers (\d+)", line)[1])
        name = STEP.search(line)[1]
        assert workers == {"04_finetune": 10 // targets, "09_figures": 1}.get(name, 10)


def test_few_cores_are_not_left_idle(project):
    """Two at a time, of two processes each: the last of five has both cores."""
    lines = steps(project, "params/demo.yaml", "--cores", "2")
    finetuning = [line for line in lines if STEP.search(line)[1] == "04_finetune"]
    assert finetuning and all("--workers 2" in line for line in finetuning)


def test_published_results_are_made_anew_and_ones_own_are_kept(project):
    """In a clone they are as new as everything else."""
    whole = steps(project, "params/smoke.yaml")
    shutil.rmtree(project / "cache")
    for line in whole:
        folder = project / "results" / "smoke" / "notebooks"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{STEP.search(line)[2] or 'none'}.ipynb").touch()
    tables = project / "results" / "smoke" / "tables"
    tables.mkdir()
    for name in ("corpora", "manifest", "accounting", "features"):
        (tables / f"{name}.csv").touch()
    assert sorted(steps(project, "params/smoke.yaml")) == sorted(whole)  # equals come in any order
    assert (tables / "corpora.csv").stat().st_mtime < 1e6
    # With a model here they are this machine's own: 01 and 02 are done.
    for path in (project / "results").rglob("*.*"):
        path.touch()
    shutil.rmtree(project / "cache")
    model = project / "results" / "smoke" / "models" / "source"
    model.mkdir(parents=True)
    left = " ".join(steps(project, "params/smoke.yaml"))
    assert "01_data" not in left and "02_features" not in left and "03_pretrain" in left


def test_missing_corpora_stop_it_before_anything_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUMP_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(Params, "cache", property(lambda self: tmp_path / "cache"))
    assert main(["run", "params/open.yaml"]) == 2
    assert "2 missing; put each there" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_a_second_run_of_a_study_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Params, "cache", property(lambda self: tmp_path))
    folder = tmp_path / "snakemake" / "demo"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["run", "params/demo.yaml"]) == 2
    assert "study=demo: another run of it is going on; wait for it" in capsys.readouterr().err


def test_snakemakes_own_failure_is_told(project):
    (project / "notebooks" / "02_features.ipynb").unlink()
    done = call(project, "run", "params/demo.yaml")
    assert done.returncode == 1
    assert "MissingInputException" in done.stderr and "02_features.ipynb" in done.stderr
    assert "The same command goes on from here." in done.stderr
    assert "Building DAG" not in done.stderr


def test_the_profiles_fit_the_workflow():
    rules = set(re.findall(r'name: "(\w+)"', (ROOT / "workflow" / "Snakefile").read_text()))
    slurm = yaml.safe_load((ROOT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text())
    assert slurm["executor"] == "slurm"
    assert set(slurm["set-threads"]) == rules
    assert set(slurm["set-resources"]) <= rules
