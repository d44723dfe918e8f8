"""The README says what is true: its numbers are those of the published table, its files exist."""

import csv
import re

import pytest

from hump import corpora, names
from hump.params import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLISHED = ROOT / "results" / "demo"


def test_table_is_that_of_the_demo_study():
    with (PUBLISHED / "tables" / "main.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"] == "average of targets"]
    assert rows and all(row["note"] == "synthetic demo speech; untrained encoder" for row in rows)
    table = [line for line in README.splitlines() if re.match(r"\| \d+ %", line)]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    systems = [name for name in rows[0] if name.startswith(("HuMP-CAT", "SVM", "linear"))]
    assert "| data | " + " | ".join(systems) + " |" in README
    assert shown == [[row["data"], *(row[name] for name in systems)] for row in rows]


def test_picture_says_what_it_is_made_of():
    assert (PUBLISHED / "figures" / "fractions.png").stat().st_size > 10_000
    assert "synthetic demo speech, untrained encoder" in README


@pytest.mark.parametrize("path", sorted(set(re.findall(
    r"`((?:notebooks|hump|params|workflow|results|tests)/[\w./]*|environment\.yml|CITATION\.cff)`",
    README,
))))  # fmt: skip
def test_paths_exist_or_are_made(path):
    made = path.startswith("results/")
    assert made or (ROOT / path).exists()


def test_every_real_corpus_is_listed():
    for name in set(names.CORPORA) - set(names.DEMO):
        recipe = corpora.RECIPES[name]
        assert f"| `{name}` |" in README and recipe.source in README
