"""The package stays small, and imports go one way."""

import runpy

from hump.params import ROOT

STRUCTURE = runpy.run_path(str(ROOT / "benchmarks" / "structure.py"))["measure"](ROOT / "hump")


def test_the_package_is_small_and_imports_go_one_way():
    assert STRUCTURE["in circles"] == []
    assert STRUCTURE["parts"] <= 17 and STRUCTURE["levels"] <= 8


def test_what_computes_does_not_know_what_writes_it_up():
    imports = STRUCTURE["imports"]
    for part in set(imports) - {"plots", "report", "run"}:
        assert not {"plots", "report", "run"} & set(imports[part]), part
    for part in ("features", "model"):
        assert not {"corpora", "features", "model"} & set(imports[part]), part
    # The examination of a corpus counts recordings without prosody.
    assert "model" not in imports["corpora"]
