"""The names that others call are there after ``import hump`` alone."""

import subprocess
import sys

NAMES = (
    "load_params", "predict", "corpora.NAMES", "corpora.read", "corpora.examine", "audio.load",
    "features.hubert.extract", "features.mfcc.extract", "features.prosody.extract",
    "features.extract_corpus", "model.HumpCat", "model.save", "model.load",
)  # fmt: skip


def test_fixed_names():
    code = "import hump\n" + "\n".join(f"hump.{name}" for name in NAMES)
    code += "\ntry: hump.nothing\nexcept AttributeError as error: print(error)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "module 'hump' has no attribute 'nothing'\n"
