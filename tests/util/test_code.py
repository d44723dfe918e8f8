"""What a result depends on is derived from imports and contents, and from nothing else."""

import importlib.metadata
import inspect
import os
from pathlib import Path

import pytest

from hump import experiments
from hump.params import sections
from hump.util import code

FILES = {
    "__init__.py": "",
    "base.py": '"""Base."""\nVALUE = 1\n',
    "shapes/__init__.py": "from toy.shapes.round import circle\nfrom toy.shapes.flat import line\n",
    "shapes/round.py": "import numpy\nfrom toy import base\ndef circle(): return base.VALUE\n",
    "shapes/flat.py": "def line(): return 2\n",
    "lazy/__init__.py": "import lazy_loader\n_, _, _ = lazy_loader.attach(\n"
    '    __name__, submodules=["early"], submod_attrs={"late": ["wait"]})\n',
    "lazy/late.py": "def wait(): return 3\n",
    "lazy/early.py": "def go(): return 4\n",
    "tables.py": "from pathlib import Path\n"
    'def read(name): return Path(__file__).with_name(f"{name}.rows.csv").read_text()\n',
    "a.rows.csv": "1,2\n",
    "a.other.csv": "1,2\n",
    "forms/__init__.py": "",
    "forms/page.py": "def page(): return 'sheets/page.html'\n",
    "forms/sheets/page.html": "<p>",
    "forms/sheets/other.html": "<p>",
    "forms/folder.py": "from pathlib import Path\nALL = Path(__file__).parent / 'sheets'\n",
    "forms/csv.py": "def read(name): return open(f'forms/{name}.csv')\n",
    "forms/b.csv": "1,2\n",
    "uses_round.py": "from toy import shapes\nanswer = shapes.circle()\n",
    "uses_lazy.py": "import toy\nanswer = toy.lazy.wait()\n",
    "inside.py": "def work():\n    from toy import tables\n    return tables.read('a')\n",
    "passes_on.py": "from toy import shapes\ndef everything(): return vars(shapes)\n",
}


@pytest.fixture
def package(tmp_path):
    """A package of a few modules."""
    for name, text in FILES.items():
        file = tmp_path / "toy" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "toy"


def modules(package, *starting, source=""):
    return code.closure(*starting, source=source, package=package)[0]


@pytest.mark.parametrize(("source", "expected"), [
    ("from toy import shapes\nshapes.circle()", {"toy.shapes.round", "toy.base"}),
    ("from toy import shapes as s\ns.circle.__doc__", {"toy.shapes.round", "toy.base"}),
    ("from toy.shapes import line, circle", {"toy.shapes.flat", "toy.shapes.round", "toy.base"}),
    ("import toy\ntoy.shapes.flat.line()", {"toy.shapes.flat"}),
    ("import toy as t\nt.shapes.line().bit_length()", {"toy.shapes.flat"}),
    ("import toy.base\ntoy.shapes.line()", {"toy.base", "toy.shapes.flat"}),
    ("import toy.shapes.flat as f\nf.line()", {"toy.shapes.flat"}),
    ("import toy.base", {"toy.base"}),
    ("import toy\ntoy.lazy.wait()", {"toy.lazy.late"}),
    ("import toy\ntoy.lazy.early.go()", {"toy.lazy.early"}),
    ("from toy.lazy import wait", {"toy.lazy.late"}),
    ("def f():\n from toy.shapes import line as x\n x()\n"
     "def g():\n from toy import base as x\n x.VALUE", {"toy.shapes.flat", "toy.base"}),
    ("import importlib\nimportlib.import_module('toy.base').VALUE", {"toy.base"}),
])  # fmt: skip
def test_names_are_followed_to_the_module_that_defines_them(package, source, expected):
    assert modules(package, source=source) == expected


@pytest.mark.parametrize(("source", "expected"), [
    ("from toy import shapes\nvars(shapes)", {"toy.shapes", "toy.shapes.flat"}),
    ("from toy import shapes\nother = shapes\nother.line()", {"toy.shapes", "toy.shapes.round"}),
    ("from toy import shapes\nshapes.NOTHING", {"toy.shapes", "toy.shapes.round"}),
    ("from toy import shapes", {"toy.shapes", "toy.shapes.flat", "toy.shapes.round"}),
    ("from toy.shapes import *", {"toy.shapes", "toy.shapes.flat", "toy.shapes.round"}),
    ("import importlib\nimportlib.import_module(f'toy.shapes.{1}')",
     {"toy.shapes", "toy.shapes.flat", "toy.shapes.round"}),
    ("from toy import lazy\nvars(lazy)", {"toy.lazy", "toy.lazy.late", "toy.lazy.early"}),
])  # fmt: skip
def test_a_package_counts_as_a_whole_where_it_is_not_known_what_of_it_is_used(
    package, source, expected
):
    assert expected <= modules(package, source=source)


def test_relative_imports_and_unknown_modules_are_refused(package):
    with pytest.raises(ValueError, match=r"from \.\.base import: relative .* whole name"):
        modules(package, source="from ..base import VALUE")
    with pytest.raises(FileNotFoundError, match="missing"):
        code.version("toy.missing", package=package)


def test_imports_within_functions_and_of_a_notebook_count(package):
    assert modules(package, "toy.inside") == {"toy.inside", "toy.tables"}
    assert modules(package, source="from toy import base\nbase.VALUE") == {"toy.base"}


@pytest.mark.parametrize(("file", "text", "changed"), [
    ("base.py", "VALUE = 2\n", {"toy.base", "toy.uses_round"}),
    ("base.py", '"""Reworded."""\n\n# A comment.\nVALUE   =  1\n', set()),
    ("shapes/flat.py", "def line(): return 4\n", {"toy.passes_on"}),
    ("a.rows.csv", "3,4\n", {"toy.inside"}),
    ("a.other.csv", "3,4\n", set()),
    ("forms/sheets/page.html", "<b>", {"toy.forms.page", "toy.forms.folder"}),
    ("forms/sheets/other.html", "<b>", {"toy.forms.folder"}),
    ("forms/b.csv", "3,4\n", {"toy.forms.csv"}),
])  # fmt: skip
def test_a_change_reaches_what_depends_on_it_and_nothing_else(package, file, text, changed):
    starting = {"toy.base", "toy.uses_round", "toy.uses_lazy", "toy.inside", "toy.passes_on",
                "toy.forms.page", "toy.forms.folder", "toy.forms.csv"}  # fmt: skip
    if file == "base.py" and changed:
        changed = changed | {"toy.passes_on"}
    before = {name: code.version(name, package=package) for name in starting}
    (package / file).write_text(text)
    after = {name: code.version(name, package=package) for name in starting}
    assert {name for name in starting if before[name] != after[name]} == changed


def test_annotations_of_functions_do_not_count(package):
    before = code.version("toy.base", package=package)
    (package / "base.py").write_text("VALUE = 1\ndef f(x): return x\n")
    plain = code.version("toy.base", package=package)
    text = "from toy.shapes import line\nVALUE = 1\ndef f(x: line) -> line: return x\n"
    (package / "base.py").write_text(text)
    assert plain != before
    assert modules(package, "toy.base") == {"toy.base"}
    (package / "base.py").write_text(text + "class A:\n    x: line\n")
    assert modules(package, "toy.base") == {"toy.base", "toy.shapes.flat"}


def test_dates_decide_nothing(package):
    before = code.version("toy.base", package=package)
    os.utime(package / "base.py", (1, 1))
    assert code.version("toy.base", package=package) == before
    (package / "base.py").write_text("VALUE = 2\n")
    os.utime(package / "base.py", (1, 1))
    assert code.version("toy.base", package=package) != before


def test_versions_of_imported_libraries_count(package, monkeypatch):
    before = [code.version(f"toy.{name}", package=package) for name in ("uses_round", "base")]
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "9" if name == "numpy" else real(name)
    )
    code._release.cache_clear()
    after = [code.version(f"toy.{name}", package=package) for name in ("uses_round", "base")]
    code._release.cache_clear()
    assert before[0] != after[0] and before[1] == after[1]


def test_a_library_is_identified_by_the_release_of_its_distribution():
    assert code._release("sklearn") == importlib.metadata.version("scikit-learn")
    assert code._release("no_such_library") == "not installed"


def test_the_whole_package_can_be_followed():
    files = code.PACKAGE.rglob("[!_]*.py")
    whole = {".".join(f.relative_to(code.PACKAGE.parent).with_suffix("").parts) for f in files}
    assert code.closure(*whole)[0] >= whole
    assert "hump.features.mfcc" in code.closure(source="import hump\nhump.features.mfcc.extract")[0]


def test_jobs_do_not_run_the_code_of_parameters():
    """A job's name has the values of parameters, and only the code that imports lead to."""
    nodes, _, _ = code._follow(("hump.experiments.protocol._finetune_job",), "", (), code.PACKAGE)
    assert ("hump.training.fit", "updates_of") in nodes
    methods = {
        name
        for section in vars(sections).values()
        if inspect.isclass(section) and issubclass(section, sections.Section)
        for name, value in vars(section).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert methods == {"averaged"}, "called before jobs are made"


def test_jobs_are_not_repeated_for_a_change_of_tables_or_plots():
    """Names are followed by their spelling: a local one that a module defines too leads astray."""
    functions = [
        getattr(module, name)
        for file in Path(experiments.__file__).parent.glob("[!_]*.py")
        for module in [importlib.import_module(f"hump.experiments.{file.stem}")]
        for name in vars(module)
        if name.endswith("_job")
    ]
    assert len(functions) >= 10
    for function in functions:
        used = {name.split(".")[1] for name in code.closure(functions=[function])[0]}
        assert not {"results", "report", "plots", "run"} & used, function


def test_streams_depend_on_their_own_code_and_libraries():
    mfcc, libraries = code.closure("hump.features.mfcc")
    assert mfcc == {"hump.features.mfcc", "hump.features.base", "hump.audio", "hump.errors"}
    assert libraries == {"librosa", "numpy", "scipy"}
    assert {"soundfile", "soxr"} <= code.closure("hump.audio.load")[1]
    prosody, libraries = code.closure("hump.features.prosody")
    assert "hump.features.disvoice" in prosody
    assert {"disvoice", "pysptk", "sklearn"} <= libraries
    assert "hump.features.encoders" not in mfcc | prosody
    assert "torch" in code.closure("hump.features.hubert")[1]


def used_by_two():
    return LIMIT


LIMIT = 3
OTHER = 4


def test_a_function_depends_on_what_it_uses_of_its_own_module(package):
    """Of a module outside the package, too: a test's."""
    nodes, _, _ = code._follow((), "", [used_by_two], package)
    assert {name for module, name in nodes if module == __name__} == {"used_by_two", "LIMIT", ""}


@pytest.mark.parametrize(("text", "changed"), [
    ("LIMIT = 2\ndef f(): return LIMIT\ndef g(): return 1\n", True),
    ("LIMIT = 1\ndef f(): return LIMIT\ndef g(): return 2\n", False),
    ("LIMIT = 1\ndef f(): return LIMIT\ndef g(): return 1\nprint('effect')\n", True),
])  # fmt: skip
def test_a_change_of_another_function_of_the_module_does_not_count(package, text, changed):
    (package / "two.py").write_text("LIMIT = 1\ndef f(): return LIMIT\ndef g(): return 1\n")
    before = code.version("toy.two.f", package=package)
    (package / "two.py").write_text(text)
    assert (code.version("toy.two.f", package=package) != before) == changed


def test_methods_count_with_their_class_and_effects_with_their_module(package):
    text = "import toy.base\nclass A:\n    def f(self): return toy.base.VALUE\n"
    (package / "kind.py").write_text(text)
    assert modules(package, source="from toy.kind import A\nA()") == {"toy.kind", "toy.base"}
    (package / "effect.py").write_text("from toy import shapes\nshapes.line()\nONE = 1\n")
    assert modules(package, source="from toy.effect import ONE\nONE") == {
        "toy.effect", "toy.shapes.flat",
    }  # fmt: skip
