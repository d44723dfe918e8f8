"""The environment is said once, in requirements.lock, and everything else follows it."""

import re
import runpy
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
SATISFIED = runpy.run_path(str(ROOT / "workflow" / "satisfied.py"))


@pytest.fixture
def pins():
    return dict(SATISFIED["pins"]([str(ROOT / "requirements.lock")]))


def test_every_line_of_the_lock_is_one_pin():
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.]*", line) for line in lines)
    assert lines == sorted(lines, key=lambda line: line.split("==")[0])
    assert len({line.split("==")[0] for line in lines}) == len(lines)


def test_the_lock_names_no_address_and_no_build_of_torch():
    assert not re.search(r"https?:|--index|--find-links|@ ", LOCK)
    assert re.search(r"^torch==2\.13\.0$", LOCK, re.MULTILINE)


def test_the_lock_is_satisfied_here_and_closed(pins):
    assert SATISFIED["missing"](pins.items()) == []
    assert "phonet" not in pins and "tensorflow" not in pins
    assert int(pins["setuptools"].split(".")[0]) < 81


def test_every_python_3_11_can_install_the_lock(pins):
    """Debian 12 has 3.11.2; pip says of a package that wants more only that versions conflict."""
    for name in pins:
        wanted = metadata.metadata(name)["Requires-Python"]
        assert wanted is None or SpecifierSet(wanted).contains("3.11.2"), f"{name}: {wanted}"


def test_what_is_asked_for_by_name_is_pinned(pins):
    header = re.search(r"what these need:\n(.*?)# setuptools", LOCK, re.DOTALL).group(1)
    assert set(header.replace("#", " ").split()) <= set(pins)


def test_conda_takes_the_same_pins():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = [item["pip"] for item in conda["dependencies"] if isinstance(item, dict)]
    assert pip == [["-r requirements.lock"]]
    assert "python=3.11" in conda["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == "==3.11.*"


def test_disvoice_has_one_version_everywhere():
    files = ("run_all.sh", "requirements.lock", "environment.yml")
    for name in files:
        found = re.findall(r"disvoice==([0-9.]+[0-9])", (ROOT / name).read_text())
        assert set(found) == {"0.1.10"}, name


def test_a_missing_package_and_another_version_are_found():
    missing = SATISFIED["missing"]([("no-such-package", "1.0"), ("pytest", "0.1")])
    assert "no-such-package==1.0 (found None)" in missing
    assert missing[1].startswith("pytest==0.1 (found ")


def test_a_local_version_counts_as_the_version(monkeypatch):
    monkeypatch.setattr(SATISFIED["metadata"], "version", lambda name: "2.13.0+cpu")
    assert SATISFIED["missing"]([("torch", "2.13.0")]) == []


def test_the_citation_is_complete():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    version = re.search(r'__version__ = "(.*)"', (ROOT / "hump/__init__.py").read_text()).group(1)
    assert citation["version"] == version
    assert all({"type", "title", "authors"} <= set(item) for item in citation["references"])
