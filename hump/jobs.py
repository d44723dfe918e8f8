"""Many small trainings: in parallel, with time left, resumable, and the same whatever the order."""

import hashlib
import json
import os
from pathlib import Path

import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

import hump
from hump import cores

__all__ = ["code_version", "run"]

# A finished job is reused while these are unchanged.
MODULES = (
    "baselines", "data", "diagnostics/attention", "diagnostics/calibration",
    "diagnostics/embedding", "diagnostics/fold", "evaluation/metrics", "experiments/probes",
    "experiments/runs", "experiments/variants", "few_shot", "jobs", "protocol",
    "records", "seeds", "splits", "strategies", "trainers", "training", "tuning",
)  # fmt: skip


def code_version() -> str:
    """Hash of the code and library that the result of a job depends on."""
    folder = Path(hump.__file__).parent
    files = [folder / f"{name}.py" for name in MODULES] + sorted((folder / "model").glob("*.py"))
    digest = hashlib.sha256(torch.__version__.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def run(function, tasks, *, shared, key, folder, label, device="cpu") -> list:
    """Call ``function(task, **shared)`` for each task.

    Parameters
    ----------
    function : callable
        At the top level of a module; returns what JSON can hold. It must depend on its arguments
        alone: each call runs on one thread, wherever it runs.
    tasks : list of dict
        What JSON can hold.
    shared : dict
        Further arguments, the same for all; sent to every process.
    key : sequence
        Whatever the results depend on besides the task and the code: parameters, fingerprints.
    folder : Path
        Finished jobs are kept here and not repeated.
    label : str
        Of the progress bar.
    device : str
        Tasks run one after another on anything but ``cpu``.

    Returns
    -------
    list
        Results in the order of the tasks.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    base = json.dumps([code_version(), function.__name__, *key], default=str, sort_keys=True)
    files = [folder / f"{_digest(base, task)}.json" for task in tasks]
    left = [(task, file) for task, file in zip(tasks, files) if not file.exists()]
    count = min(cores.workers(), len(left)) if device == "cpu" else 1
    calls = (delayed(_one)(function, task, shared, file) for task, file in left)
    bar = tqdm(total=len(tasks), initial=len(tasks) - len(left), desc=label, unit="job")
    with bar:
        # One process is this one: no start-up, and errors show where they are.
        pool = Parallel(n_jobs=max(count, 1), return_as="generator_unordered")
        for _ in pool(calls):
            bar.update()
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def _digest(base, task):
    text = base + json.dumps(task, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _one(function, task, shared, file):
    with cores.one_thread():
        result = function(task, **shared)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(json.dumps(result), encoding="utf-8")
    partial.replace(file)

