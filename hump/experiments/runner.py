"""Jobs: many small function calls, run in parallel and kept on disk.

A job is a call of a function. Its result is kept under a key that is derived from the code that the
function depends on and from the contents of its arguments; nothing is listed by hand. To keep keys
exact, jobs get only the parameters that they may read (`Params.only`).
"""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from pydantic import BaseModel
from tqdm.auto import tqdm

from hump import model
from hump.errors import ModelError
from hump.params import Params
from hump.training.dataset import Data
from hump.util import code, device, files, parallel


def run(function, calls, params: Params, *, label: str, cpu_only: bool = False) -> list:
    """Call a function with each of several sets of arguments.

    Parameters
    ----------
    function : callable
        At the top level of a module; returns what JSON can hold. It must depend on its arguments
        alone. Each call runs on one thread.
    calls : sequence of dict
        Keyword arguments of each call: `Data`, splits, parameters, folders of models, arrays, and
        what JSON can hold.
    params : Params
        Where results are kept, and the device. A GPU is shared by as many processes as there are
        cores and it has memory for: a small fit leaves most of it idle.
    label : str
        Shown beside the progress bar.
    cpu_only : bool
        Whether the function uses the CPU whatever the device is.

    Returns
    -------
    list
        Results in the order of the calls. Finished jobs are read, not repeated.
    """
    memory = {}
    paths = [params.cache / "jobs" / f"{_key(function, call, memory)}.json" for call in calls]
    known = map(files.read_json, paths)
    missing = [(call, path) for call, path, one in zip(calls, paths, known) if one is None]
    _parallel(_one, function, missing, params, label, len(calls), cpu_only=cpu_only)
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def models(function, calls, params: Params, *, label: str) -> list[Path]:
    """Models that a function trains, each once for equal code and arguments.

    Parameters
    ----------
    function : callable
        As for `run`, but returns a `HumpCat`.
    calls, params, label
        As for `run`.

    Returns
    -------
    list of Path
        Folders in the cache, for `hump.model.load`.
    """
    memory = {}
    folders = [params.cache / "models" / _key(function, call, memory) for call in calls]
    once = {folder: call for call, folder in zip(calls, folders)}
    missing = [(call, folder) for folder, call in once.items() if not _sound(folder)]
    _parallel(_train, function, missing, params, label, len(once))
    return folders


def _sound(folder):
    try:
        return bool(model.load(folder))
    except ModelError:  # missing or damaged
        return False


def _train(function, call, folder):
    model.save(_call(function, call), folder, origin={})


def _one(function, call, path):
    files.write_text(path, json.dumps(_call(function, call)))


def _call(function, call):
    with parallel.one_thread(), device.exact():
        return function(**call)


def _parallel(task, function, missing, params, label, total, *, cpu_only=False):
    """Do what is missing, a process a core."""
    for value in {id(value): value for call, _ in missing for value in call.values()}.values():
        if isinstance(value, Data):
            value.pooled  # noqa: B018 -- computed here once, rather than in each job
    room = device.shares("cpu" if cpu_only else params.device)
    at_once = min(parallel.workers(), len(missing), room or len(missing))
    jobs = (delayed(task)(function, call, place) for call, place in missing)
    with tqdm(total=total, initial=total - len(missing), desc=label, unit="job") as bar:
        # With one process it is this one: no start-up, and errors show where they are.
        for _ in Parallel(n_jobs=max(at_once, 1), return_as="generator_unordered")(jobs):
            bar.update()


def _key(function, call, memory):
    classes = {type(value) for value in call.values() if isinstance(value, Data)}
    version = _version(function, *(f"{kind.__module__}.{kind.__name__}" for kind in classes))
    text = json.dumps([function.__name__, version, _identity(call, memory)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@functools.cache
def _version(function, *classes):
    return code.version(*classes, functions=[function])


def _identity(value, memory):
    """What JSON can hold and what is equal for equal contents; large values are hashed once."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        return {str(name): _identity(part, memory) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_identity(part, memory) for part in value]
    if id(value) not in memory:
        memory[id(value)] = _hashed(value, memory)
    return memory[id(value)]


def _hashed(value, memory):
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Data):
        return value.fingerprint
    if isinstance(value, Path):
        return files.sha256(value / "model.safetensors")
    if isinstance(value, np.ndarray):
        about = f"{value.dtype} {value.shape}".encode()
        return hashlib.sha256(about + np.ascontiguousarray(value).tobytes()).hexdigest()
    if dataclasses.is_dataclass(value):
        return {"class": type(value).__name__, **_identity(vars(value), memory)}
    raise TypeError(f"{type(value).__name__}: a job cannot be named by such an argument")


def predictions(data: Data, outcome: dict, *, column="system", **facts) -> pd.DataFrame:
    """The outcome of a job as a table.

    Parameters
    ----------
    data : Data
    outcome : dict
        As `hump.training.fit.outcome`: predicted class numbers of several systems on the same rows.
    column : str
        What the names of systems are called.
    **facts
        Further columns, the same in every row.

    Returns
    -------
    pandas.DataFrame
        Columns `column`, fold, n_train, train_speakers, those of `facts`, corpus, utterance_id,
        speaker, emotion, predicted.
    """
    facts = {name: outcome[name] for name in ("fold", "n_train", "train_speakers")} | facts
    tested, labels = data.rows.iloc[outcome["rows"]], np.array(data.labels, dtype=object)
    columns = ("corpus", "utterance_id", "speaker", "emotion")
    own = {name: tested[name].to_numpy() for name in columns}
    frames = [
        pd.DataFrame({column: name, **facts, **own, "predicted": labels[classes]})
        for name, classes in outcome["predicted"].items()
    ]
    return pd.concat(frames, ignore_index=True)
