"""The smoke study through the real command, in copies of the project: killed, resumed, repeated."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest
import safetensors

from hump.params import ROOT

LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".git", "cache", "data", "results", "__pycache__", "*.egg-info"
)
TARGETS = ("demo_german", "demo_mandarin")


def copy_of_the_project(folder):
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    return folder


def start(project, log):
    """Start the study in the environment that runs the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": "", "HUMP_DATA": "nowhere"}
    return subprocess.Popen(
        [project / "run_all.sh", "params/smoke.yaml"], cwd=project, env=env, stdout=log,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def kill_all_of(process):
    family = [process.pid, *(p.pid for p in psutil.Process(process.pid).children(recursive=True))]
    for pid in family:
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def begin(project):
    with (project / "run.txt").open("w") as log:
        return start(project, log)


def end(project, process):
    log = project / "run.txt"
    assert process.wait() == 0, log.read_text()
    return log.read_text()


def kill_while_features_are_computed(project):
    process, deadline = begin(project), time.monotonic() + 300
    while not list((project / "cache" / "features").rglob("*.parts/*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    kill_all_of(process)
    assert not (project / "results/smoke/site/index.html").exists()


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Folder and output of two runs, side by side since most of a small study is starting up.

    One was killed while its second step computed, and started again; the other, in another folder,
    was left alone.
    """
    killed = copy_of_the_project(tmp_path_factory.mktemp("a") / "hump, killed")
    whole = copy_of_the_project(tmp_path_factory.mktemp("b") / "hump")
    other = begin(whole)
    kill_while_features_are_computed(killed)
    text = end(killed, begin(killed))
    return {"killed": (killed, text), "whole": (whole, end(whole, other))}


@pytest.fixture(scope="module")
def killed(studies):
    return studies["killed"]


@pytest.fixture(scope="module")
def whole(studies):
    return studies["whole"]


def results(study):
    return study[0] / "results" / "smoke"


def test_killed_run_goes_on_where_it_was(killed):
    assert "01_data" not in killed[1], "finished before the kill"
    assert "02_features  done" in killed[1]
    assert str(results(killed) / "site/index.html") in killed[1]


def test_tables_are_the_same_byte_for_byte(killed, whole):
    names = sorted(p.name for p in (results(whole) / "tables").iterdir())
    assert names == sorted(p.name for p in (results(killed) / "tables").iterdir())
    assert {"main.csv", "cells.csv", "source.csv", "accounting.csv", "shortcuts.csv"} <= set(names)
    for name in names:
        one, other = ((results(s) / "tables" / name).read_bytes() for s in (killed, whole))
        assert one == other, name


def test_models_are_the_same_byte_for_byte(killed, whole):
    for name in ("source", *TARGETS):
        one, other = (results(s) / "models" / name / "model.safetensors" for s in (killed, whole))
        assert one.read_bytes() == other.read_bytes(), name
        with safetensors.safe_open(one, "pt") as weights:
            assert "head.weight" in weights.keys()


def test_second_run_does_nothing_whatever_became_of_snakemakes_records(whole):
    index = results(whole) / "site/index.html"
    before = index.stat().st_mtime_ns
    records = list((whole[0] / "cache/snakemake/smoke/.snakemake").rglob("*"))
    records = [path for path in records if path.is_file()]
    assert any("metadata" in path.parts for path in records)
    for path in records:
        path.write_bytes(b"\xf5 noise")
    text = end(whole[0], begin(whole[0]))
    assert "started" not in text and "Finished in" in text
    assert index.stat().st_mtime_ns == before


def test_everything_says_what_it_is_made_of(whole):
    encoder = "small encoder distilled from Whisper"
    from_data_alone = {
        "corpora.csv", "manifest.csv", "accounting.csv", "published.csv", "shortcuts.csv",
    }  # fmt: skip
    for table in sorted((results(whole) / "tables").glob("*.csv")):
        with table.open() as file:
            rows = list(csv.DictReader(file))
        words = "synthetic demo speech"
        words += "" if table.name in from_data_alone else f"; {encoder}"
        # Of demo corpora nothing is published.
        assert rows or table.name == "published.csv"
        assert all(row["note"] == words and row["fingerprint"] for row in rows), table.name
    figures = list((results(whole) / "figures").glob("*.png"))
    assert len(figures) >= 12
    for figure in figures:
        assert "synthetic demo speech" in figure.with_suffix(".txt").read_text(), figure.name
    page = (results(whole) / "site/index.html").read_text()
    assert "synthetic demo speech" in page and encoder in page


def test_every_cell_is_there(whole):
    cells = pd.read_csv(results(whole) / "tables" / "cells.csv")
    count = cells.groupby(["corpus", "protocol", "fraction"])["system"].nunique()
    for corpus in (*TARGETS, "average of targets"):
        assert count[corpus].to_dict() == {
            ("paper", 0.5): 6, ("speaker_independent", 0.0): 5,
            ("speaker_independent", 0.5): 6, ("speaker_independent", 1.0): 6,
        }  # fmt: skip
    for metric in ("wa", "uar", "f1"):
        assert cells[metric].between(0, 1).all()
        assert (cells[f"{metric}_low"] <= cells[metric] + 1e-9).all()
        assert (cells[metric] <= cells[f"{metric}_high"] + 1e-9).all()


def test_every_fraction_is_tested_on_the_same_unheard_rows(whole):
    for corpus in TARGETS:
        path = results(whole) / "tables" / f"predictions_{corpus}.csv"
        rows = pd.read_csv(path, dtype={"speaker": str, "fold": str})
        rows = rows[rows["protocol"] == "speaker_independent"]
        tested = rows.groupby(["fraction", "system", "repeat"])["utterance_id"].agg(
            lambda ids: sorted(ids)
        )
        assert all(ids == tested.iloc[0] for ids in tested)
        assert len(tested.iloc[0]) == 24
        tuned = rows[rows["fraction"] > 0]
        assert (tuned["fold"] == tuned["speaker"]).all(), "one speaker out"


def test_executed_notebooks_are_whole_and_silent(whole):
    executed = sorted((results(whole) / "notebooks").glob("*.ipynb"))
    assert [p.stem for p in executed] == [
        "01_data", "02_features", "03_pretrain", "04_finetune_demo_german",
        "04_finetune_demo_mandarin", "05_fusion_ablation", "06_layer_sensitivity",
        "07_fraction_curves", "08_architecture", "09_figures", "10_try_it",
        "11_encoders", "12_transfer", "13_matrix", "14_diagnosis_demo_german",
        "14_diagnosis_demo_mandarin", "15_strategies",
    ]  # fmt: skip
    for path in executed:
        text = path.read_text()
        assert not re.search(r'"audio/|data:audio|<audio', text), path.name
        notebook = nbformat.reads(text, as_version=4)
        code = [c for c in notebook.cells if c.cell_type == "code"]
        assert all(c.execution_count for c in code)
        assert any("image/png" in o.get("data", {}) for c in code for o in c.outputs), path.name
        assert not re.search(r"Traceback|Warning:|PosixPath", text), path.name


def test_provenance_names_what_made_it(whole):
    record = json.loads((results(whole) / "provenance.json").read_text())
    assert record["seed"] == 1 and record["parameters"]["study"] == "smoke"
    assert record["packages"]["torch"].startswith("2.13.0")
