"""What ``import hump`` alone offers, and how soon."""

import doctest
import json
import subprocess
import sys

import pytest

import hump
from hump.errors import HumpError
from hump.util import code

NAMES = (
    "load_params", "predict", "corpora.NAMES", "corpora.read", "corpora.examine", "audio.load",
    "evaluation.uar", "results.read", "features.hubert.extract", "features.mfcc.extract",
    "features.prosody.extract", "features.extract_corpus", "model.HumpCat", "model.save",
    "model.load",
)  # fmt: skip
HEAVY = {"librosa", "matplotlib", "numpy", "pandas", "scipy", "sklearn", "torch", "transformers"}
SECONDS = """
import json, sys, time
start = time.process_time()
import hump
hump.load_params("params/demo.yaml")
print(json.dumps([time.process_time() - start, sorted(sys.modules)]))
"""


def run(text):
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)


def test_names_that_others_call_are_there_after_the_import_alone():
    done = run("import hump\n" + "\n".join(f"hump.{name}" for name in NAMES))
    assert (done.returncode, done.stderr) == (0, "")


def test_dir_shows_what_there_is():
    shown = dir(hump)
    assert {name.split(".")[0] for name in NAMES} | {"Params", "plots", "errors"} <= set(shown)
    for name in shown:
        assert getattr(hump, name) is not None
    assert callable(hump.predict)
    with pytest.raises(AttributeError, match="No hump attribute nothing"):
        hump.nothing  # noqa: B018


def test_names_are_followed_to_the_modules_that_define_them():
    modules, _ = code.closure(source="import hump\nhump.load_params; hump.predict")
    assert {"hump.params.load", "hump.prediction", "hump.model.files"} <= modules
    modules, _ = code.closure(source="import hump\nhump.load_params")
    assert {name.split(".")[1] for name in modules} == {"params", "util", "errors"}


def test_reading_parameters_is_quick_and_imports_little():
    """0.2 s here. Time of the processor, since others may be at work on this machine."""
    measured = [json.loads(run(SECONDS).stdout) for _ in range(3)]
    assert not HEAVY & set(measured[0][1])
    assert min(seconds for seconds, _ in measured) < 1.0


def test_examples_of_the_package():
    failed, attempted = doctest.testmod(hump)
    assert failed == 0 and attempted >= 10


def test_errors_have_one_base():
    classes = [value for value in vars(hump.errors).values() if isinstance(value, type)]
    assert len(classes) == 10 and all(issubclass(one, HumpError) for one in classes)
