"""CONTRIBUTING.md can be followed: a corpus is added as it says, in a copy of the package."""

import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHECK = """
import sys, hump
rows = hump.corpora.read("mycorpus", sys.argv[1])
print(hump.__file__)
emotions = rows["emotion"].fillna("none")
print(*rows["utterance_id"], *rows["speaker"], *emotions, *rows["excluded"].isna())
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package, changed as the page says."""
    copy = tmp_path / "project" / "hump"
    shutil.copytree(ROOT / "hump", copy, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    recipe = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    (copy / "corpora" / "recipes" / "mycorpus.yaml").write_text(recipe)
    insert(copy / "params" / "folders.py", "CORPORA = (", '"mycorpus", ')
    return copy


def insert(file, after, text):
    source = file.read_text()
    assert source.count(after) == 1, f"{file.name} has no {after!r}: CONTRIBUTING.md says it has"
    file.write_text(source.replace(after, after + text))


def test_a_corpus_is_added_as_the_page_says(package, tmp_path):
    for name in ("CORPORA", "hump/params/folders.py", "hump/corpora/catalogue.py"):
        assert f"`{name}`" in PAGE
    for k, name in enumerate(("anna/happy_03", "boris/bored_01")):
        path = tmp_path / "data" / "mycorpus" / f"{name}.wav"
        path.parent.mkdir(parents=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", None))
            file.writeframes(bytes(range(k, k + 200)) * 160)
    run = subprocess.run(
        [sys.executable, "-c", CHECK, tmp_path / "data"],
        cwd=package.parent, env={"PYTHONPATH": str(package.parent)}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    place, row = run.stdout.splitlines()
    assert Path(place).parent == package
    assert row == "anna_happy_03 boris_bored_01 anna boris happy none True True"


def test_files_that_the_page_names_exist():
    for path in re.findall(r"`((?:hump|tests|notebooks|params)/[\w./]*)`", PAGE):
        assert (ROOT / path).exists() or "mycorpus" in path, path


def test_the_page_is_one_page():
    assert len(PAGE.splitlines()) <= 110
