"""The environment is said once, in requirements.lock, and everything else follows it."""

import json
import re
import runpy
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import hump

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SATISFIED = runpy.run_path(str(ROOT / "workflow" / "satisfied.py"))


@pytest.fixture
def pins():
    return dict(SATISFIED["pins"]([str(ROOT / "requirements.lock")]))


def test_every_line_of_the_lock_is_one_pin():
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    pin = r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.]*"
    marker = r'; python_version (== "3\.12"|>= "3\.13")'
    assert all(re.fullmatch(f"{pin}({marker})?", line) for line in lines)
    assert lines == sorted(lines, key=lambda line: line.split("==")[0])
    assert len({line.split("==")[0] for line in lines}) == len(lines)


def test_the_lock_names_no_address_and_no_build_of_torch():
    assert not re.search(r"https?:|--index|--find-links|@ ", LOCK)
    assert re.search(r"^torch==2\.13\.0$", LOCK, re.MULTILINE)


def test_the_lock_is_satisfied_here(pins):
    assert SATISFIED["missing"](pins.items()) == []
    assert "phonet" not in pins and "tensorflow" not in pins
    assert int(pins["setuptools"].split(".")[0]) < 81


@pytest.mark.parametrize("python", ["3.11.2", "3.12.0", "3.13.0"])
def test_every_supported_python_can_install_the_lock(python):
    """Debian 12 has 3.11.2; pip says of a package that wants more only that versions conflict."""
    everywhere = dict(SATISFIED["pins"]([str(ROOT / "requirements.lock")], minor=0))
    for name in everywhere:
        wanted = metadata.metadata(name).get("Requires-Python")
        assert wanted is None or SpecifierSet(wanted).contains(python), f"{name}: {wanted}"


def test_a_marker_is_true_of_the_versions_that_it_names():
    every = [dict(SATISFIED["pins"]([str(ROOT / "requirements.lock")], minor))
             for minor in (11, 12, 13)]  # fmt: skip
    assert ["aiohttp" in pins for pins in every] == [False, True, False]
    assert ["audioop-lts" in pins for pins in every] == [False, False, True]
    assert all("torch" in pins for pins in every)


def test_the_lock_is_closed_under_requirements(pins):
    """What a pinned package requires here is pinned too; torch pins its CUDA packages itself."""
    canonical = {canonicalize_name(name) for name in pins}
    unpinned = set()
    for name in pins:
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if applies and canonicalize_name(needed.name) not in canonical:
                unpinned.add(canonicalize_name(needed.name))
    assert {n for n in unpinned if not n.startswith(("nvidia-", "cuda-", "triton"))} == set()


def test_what_is_asked_for_by_name_is_pinned(pins):
    header = re.search(r"what these need:\n(.*?)# setuptools", LOCK, re.DOTALL).group(1)
    assert set(header.replace("#", " ").split()) <= set(pins)


def test_conda_takes_the_same_pins():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = [item["pip"] for item in conda["dependencies"] if isinstance(item, dict)]
    assert pip == [["-r requirements.lock"]]
    assert f"python{PROJECT['project']['requires-python']}" in conda["dependencies"]


def test_the_container_is_made_from_files_that_are_there():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    assert {"run_all.sh", "requirements.lock", "."} <= {name for names in copied for name in names}
    assert all((ROOT / name).exists() for names in copied for name in names)
    editor = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert editor["postCreateCommand"] == "./run_all.sh setup"
    for image in (lines[1], editor["image"]):
        assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(
            re.search(r":(3\.\d+)-", image)[1] + ".2"
        ), image


def test_the_image_holds_what_a_clone_does():
    """A file that git keeps and the image lacks would count there as an uncommitted change."""
    ignored = [line for line in (ROOT / ".gitignore").read_text().splitlines() if line[0] != "#"]
    wanted = [line if "results/" in line else f"**/{line}" for line in ignored]
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert [line for line in lines if line[0] != "#"] == [line.rstrip("/") for line in wanted]


def test_supported_versions_of_python_are_the_same_everywhere():
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.14"
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    for name in ("run_all.sh", "workflow/satisfied.py"):
        assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / name).read_text(), name
    assert "Python 3.11 to 3.13" in (ROOT / "README.md").read_text()


def test_every_data_file_is_installed_with_the_package():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    packages = [file.parent for file in (ROOT / "hump").rglob("__init__.py")]
    installed = {file for package in packages for glob in patterns for file in package.glob(glob)}
    files = {f for f in (ROOT / "hump").rglob("*") if f.is_file() and "__pycache__" not in f.parts}
    assert {f for f in files if f.suffix != ".py"} - installed == set()


def test_an_archive_is_told_what_a_citation_says():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    archived = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    assert archived["version"] == cited["version"] == hump.__version__
    for name in ("title", "license"):
        assert archived[name] == cited[name], name
    assert [one["name"] for one in archived["creators"]] == [a["name"] for a in cited["authors"]]


def test_tools_have_one_version_everywhere():
    pins = dict(SATISFIED["pins"]([str(ROOT / "requirements-dev.lock")]))
    assert set(pins) == {"codespell", "ruff"}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    needed = {pin for hook in hooks for pin in hook["additional_dependencies"]}
    assert {f"{name}=={version}" for name, version in pins.items()} <= needed


def test_disvoice_has_one_version_everywhere():
    files = ("run_all.sh", "requirements.lock", "environment.yml")
    for name in files:
        found = re.findall(r"disvoice==([0-9.]+[0-9])", (ROOT / name).read_text())
        assert set(found) == {"0.1.10"}, name


def test_a_missing_package_and_another_version_are_found():
    missing = SATISFIED["missing"]([("no-such-package", "1.0"), ("pytest", "0.1")])
    assert "no-such-package==1.0 (installed: None)" in missing
    assert missing[1].startswith("pytest==0.1 (installed: ")


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
