"""Whether an extraction that is killed at any moment resumes and ends as if nothing had happened.

    python benchmarks/kills.py [kills]

`extract_corpus` runs over demo speech with two workers. The process, or in every second trial its
whole group, gets SIGKILL at a random moment and is started again, several times a trial, and then
runs to its end. Counted are the trials that ended byte-identical to an undisturbed run, and the
finished parts that were lost.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORKERS, KILLS_A_TRIAL, UTTERANCES = 2, 5, 96

CHILD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from hump import corpora, features, load_params
params = load_params("params/demo.yaml")
manifest = corpora.used(corpora.manifests(params)["demo_source"]).head({utterances})
chosen = params.features.model_copy(update={{"pooled": True}})
settings = SimpleNamespace(device="cpu", cache=Path(sys.argv[1]), features=chosen)
features.extract_corpus(manifest, settings, root=params.folder("demo_source"),
                        workers={workers}, progress=False)
"""


def main(kills):
    rng = random.Random(1)
    child = CHILD.format(utterances=UTTERANCES, workers=WORKERS)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        _start(child, Path(folder) / "undisturbed").wait()
        whole = time.perf_counter() - started
        expected = _contents(Path(folder) / "undisturbed")
        result = {"workers": WORKERS, "utterances": UTTERANCES, "kills": 0, "trials": 0,
                  "identical": 0, "left_over": 0, "finished_parts_lost": 0}  # fmt: skip
        while result["kills"] < kills:
            cache = Path(folder) / f"trial{result['trials']}"
            for _ in range(KILLS_A_TRIAL):
                finished = _parts(cache)
                process = _start(child, cache)
                time.sleep(rng.uniform(0, whole))
                if process.poll() is not None:
                    break
                group = result["trials"] % 2
                (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
                process.wait()
                result["kills"] += 1
                # A finished part is only ever removed once its stream is stored as a whole.
                lost = [part for part in finished - _parts(cache) if not _stored(part)]
                result["finished_parts_lost"] += len(lost)
            if _start(child, cache).wait():
                sys.exit(f"trial {result['trials']}: the last start failed")
            result["trials"] += 1
            result["identical"] += _contents(cache) == expected
            result["left_over"] += len([path for path in cache.rglob("*.npz")])
            print(result, flush=True)
    (HERE / "results" / "kills.json").write_text(json.dumps(result, indent=1) + "\n")


def _start(child, cache):
    return subprocess.Popen(
        [sys.executable, "-c", child, str(cache)], cwd=HERE.parent, start_new_session=True
    )


def _contents(cache):
    return {path.name: path.read_bytes() for path in cache.rglob("*-*.npy")} | {
        path.name: path.read_bytes() for path in cache.rglob("*-*.json")
    }


def _parts(cache):
    return set(cache.rglob("*.npz"))


def _stored(part):
    folder = part.parent
    return (folder.parent / f"{folder.name.removesuffix('.parts')}.json").is_file()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
