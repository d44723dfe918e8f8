"""Time to read and examine corpora of published size, and whether their counts are as published.

Each corpus is written in full in every documented layout, with file names made by its grammar. Each
file holds a quarter of a second of different noise; ESD is also written with recordings of three
seconds. The corpus is read as a study reads it (every file is opened, decoded, hashed and checked)
and then examined.

    python benchmarks/corpora.py [corpus ...]
"""

import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from hump import corpora
from hump.corpora import counts, recipe
from hump.params import folders

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "corpora.json"
SECONDS, RATE = 3, 16_000


def main(chosen):
    trees = _trees()
    lines = []
    for name, layouts in trees.LAYOUTS.items():
        if chosen and name not in chosen:
            continue
        kinds = [(layout, False) for layout in layouts]
        kinds += [("plain", True)] if name.startswith("esd") else []
        for layout, long in kinds:
            lines.append(_measure(trees, name, layout, long))
            print(json.dumps(lines[-1]), flush=True)
    if not chosen:
        RESULT.parent.mkdir(exist_ok=True)
        machine = {"machine": platform.machine(), "cores": os.cpu_count()}
        RESULT.write_text(json.dumps({"machine": machine, "lines": lines}, indent=1) + "\n")


def _trees():
    """The module of the tests that writes corpora."""
    place = HERE.parent / "tests" / "corpora" / "conftest.py"
    spec = importlib.util.spec_from_file_location("trees", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _measure(trees, name, layout, long):
    with tempfile.TemporaryDirectory() as root:
        folder = trees.plant(Path(root), name, layout)
        if long:
            _lengthen(folder)
        started = time.perf_counter()
        folder = folders.corpus_folder(name, root)
        rows = recipe.read(corpora.RECIPES[name], folder, progress=False)
        took = time.perf_counter() - started
        started = time.perf_counter()
        corpora.examine(name, root)
        examined = time.perf_counter() - started
        table = counts.compare(rows)
    return {
        "corpus": name, "layout": layout, "seconds_a_file": SECONDS if long else 0.25,
        "files": len(rows), "used": len(corpora.used(rows)),
        "published_counts": len(table),
        "counts_met": int(table["expected"].eq(table["found"]).sum()),
        "read_s": round(took, 2), "ms_a_file": round(1000 * took / len(rows), 3),
        "examine_s": round(examined, 2),
    }  # fmt: skip


def _lengthen(folder):
    """Replace each file by three seconds of different noise."""
    files = sorted(folder.rglob("*.wav"))
    needed = len(files) * SECONDS * RATE * 2
    if shutil.disk_usage(folder).free < 2 * needed:
        raise SystemExit(f"{folder}: {needed / 1e9:.1f} GB are needed; make room")
    noise = np.random.default_rng(0).integers(-3000, 3000, SECONDS * RATE + len(files), np.int16)
    for number, file in enumerate(files):
        soundfile.write(file, noise[number : number + SECONDS * RATE], RATE)


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - set(folders.CORPORA):
        raise SystemExit(f"{', '.join(sorted(unknown))}: no such corpus")
    main(sys.argv[1:])
