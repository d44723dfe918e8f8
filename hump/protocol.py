"""The study's two experiments: pre-training on the source, fine-tuning on a target.

Each is a list of small jobs (`hump.jobs`), one a fold, draw and fraction, that return predictions;
tables are made of them by `hump.evaluation`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hump import baselines, cores, corpora, jobs, model, records, seeds, splits, training
from hump.data import Data, load

__all__ = [
    "ORDER",
    "PRETRAINED",
    "SCRATCH",
    "SourceRun",
    "finetune_target",
    "pretrain_source",
    "train_final_source",
    "train_final_target",
]

PRETRAINED, SCRATCH = "HuMP-CAT pre-trained", "HuMP-CAT from scratch"
SYSTEMS = {"pretrained": PRETRAINED, "scratch": SCRATCH}
# Of the systems in tables.
ORDER = (PRETRAINED, SCRATCH, *reversed(baselines.BASELINES))


@dataclass(frozen=True)
class SourceRun:
    """Cross-validation of the source.

    Attributes
    ----------
    predictions : pandas.DataFrame
        Test predictions of every fold and system.
    history : pandas.DataFrame
        Columns fold, epoch, loss, validation_uar, kept.
    epochs : int
        Median of the epochs that the folds' validation speakers chose.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    epochs: int


def pretrain_source(data: Data, params) -> SourceRun:
    """Cross-validate on the source, one speaker (or group) out.

    Parameters
    ----------
    data : Data
    params : Params

    Returns
    -------
    SourceRun
    """
    own = corpora.frozen_folds(params.source, params)
    folds = splits.source_folds(data.rows, params.pretrain.max_folds, own)
    results = jobs.run(
        _pretrain_job,
        [{"fold": number} for number in range(len(folds))],
        shared={"data": data, "params": params, "folds": folds},
        key=records.job_key(params, data, "pretrain", own),
        folder=params.cache / "jobs",
        label=f"{params.source}: folds",
        device=params.device,
    )
    predictions = [
        records.predictions(data, fold.test, result["predicted"][system], system=system,
                            fold=fold.name, n_train=len(fold.train), protocol="source",
                            fraction=1.0, repeat=0)
        for fold, result in zip(folds, results) for system in result["predicted"]
    ]  # fmt: skip
    history = [
        pd.DataFrame({
            "fold": fold.name, "epoch": np.arange(1, len(result["loss"]) + 1),
            "loss": result["loss"], "validation_uar": result["validation_uar"],
            "kept": result["best_epoch"],
        })
        for fold, result in zip(folds, results)
    ]  # fmt: skip
    epochs = int(np.median([result["best_epoch"] for result in results]))
    return SourceRun(pd.concat(predictions, ignore_index=True), pd.concat(history), epochs)


def _pretrain_job(task, data, params, folds):
    fold = folds[task["fold"]].checked(data.rows)
    purpose = (params.seed, "pretrain", params.source, fold.name)
    net, history = training.pretrain(data, fold, params, purpose=purpose)
    predicted = {PRETRAINED: training.predict(net, data, fold.test).argmax(1).tolist()}
    for name in baselines.BASELINES:
        guess = baselines.fit_predict(name, data, fold.train, data, fold.test)
        predicted[name] = guess.tolist()
    return {"predicted": predicted, **vars(history)}


def train_final_source(data: Data, params, epochs: int) -> Path:
    """Train the source model that targets start from, on all source speakers, and save it.

    Parameters
    ----------
    data : Data
    params : Params
    epochs : int
        As chosen by the folds' validation speakers.

    Returns
    -------
    Path
        Its folder.
    """
    everything = splits.Split("all", np.arange(len(data.rows)), np.empty(0, int), np.empty(0, int))
    purpose = (params.seed, "pretrain", params.source, "all")
    with cores.one_thread():
        net, _ = training.pretrain(data, everything, params, purpose=purpose, epochs=epochs)
    folder = params.results / "models" / "source"
    return model.save(net, folder, origin=records.origin(params, data, [params.source]))


def finetune_target(source: Data, data: Data, params) -> pd.DataFrame:
    """Every cell of a target: protocols, fractions, draws, folds, starts, and the baselines.

    Parameters
    ----------
    source, data : Data
        The source corpus, on which zero-shot baselines are trained, and the target.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Predictions: columns protocol, fraction, system, repeat, fold, n_train, corpus,
        utterance_id, speaker, emotion, predicted.
    """
    folder = params.results / "models" / "source"
    weights = records.model_hash(folder)
    own = corpora.frozen_folds(data.rows["corpus"].iloc[0], params)
    folds = splits.speaker_folds(data.rows, params.finetune.max_folds, own)
    tasks = _cells(params, len(folds))
    results = jobs.run(
        _finetune_job,
        tasks,
        shared={"source": source, "data": data, "params": params, "folds": folds, "folder": folder},
        key=[*records.job_key(params, data, "finetune", own), weights, source.features.fingerprint],
        folder=params.cache / "jobs",
        label=f"{data.rows['corpus'].iloc[0]}: fine-tuning",
        device=params.device,
    )
    parts = []
    for task, result in zip(tasks, results):
        cell = {k: task[k] for k in ("protocol", "fraction", "repeat")}
        parts += [
            records.predictions(data, np.array(result["test"]), predicted, system=system,
                                fold=result["fold"], n_train=result["n_train"], **cell)
            for system, predicted in result["predicted"].items()
        ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _cells(params, folds):
    """The jobs of a target; without target data there is one cell, the same for all protocols."""
    settings = params.finetune
    tasks = []
    for protocol in settings.protocols:
        for fraction in settings.fractions:
            independent = protocol == "speaker_independent"
            if fraction == 0:
                if independent:
                    cell = {"protocol": protocol, "fraction": 0.0, "repeat": 0, "fold": None}
                    tasks.append(cell)
            elif independent or fraction < 1:
                tasks += [
                    {"protocol": protocol, "fraction": fraction, "repeat": repeat, "fold": fold}
                    for repeat in range(settings.repeats)
                    for fold in (range(folds) if independent else [None])
                ]
    return tasks


def _finetune_job(task, source, data, params, folds, folder):
    corpus = data.rows["corpus"].iloc[0]
    if task["fraction"] == 0:
        return _zero_shot(source, data, folder)
    train, test, fold = _rows_of(task, data, params, folds, corpus)
    purpose = (params.seed, "finetune", corpus, task["protocol"], task["repeat"], fold)
    predicted = {}
    for start in params.finetune.starts:
        named = (*purpose, task["fraction"], start)
        net = training.starting(start, folder, data, params, purpose=named)
        net = training.finetune(
            net, data, train, params, start=start, purpose=named, source=source
        )
        predicted[SYSTEMS[start]] = training.predict(net, data, test).argmax(1).tolist()
    for name in baselines.BASELINES:
        predicted[name] = baselines.fit_predict(name, data, train, data, test).tolist()
    return {"fold": fold, "test": test.tolist(), "n_train": len(train), "predicted": predicted}


def _rows_of(task, data, params, folds, corpus):
    """Fine-tuning rows and test rows of a job, checked once more where they are used."""
    # Not of the fraction: a larger draw holds the smaller one.
    cell = (task["protocol"], task["repeat"], task["fold"])
    rng = seeds.generator(params.seed, "draw", corpus, *cell)
    if task["protocol"] == "paper":
        split = splits.paper_split(data.rows, task["fraction"], rng)
        return split.train, split.test, split.name
    fold = folds[task["fold"]]
    train = splits.stratified_draw(data.rows, fold.train, task["fraction"], rng)
    drawn = replace(fold, train=train).checked(data.rows)
    return drawn.train, drawn.test, drawn.name


def _zero_shot(source, data, folder):
    test = np.arange(len(data.rows))
    everything = np.arange(len(source.rows))
    predicted = {PRETRAINED: training.predict(model.load(folder), data, test).argmax(1).tolist()}
    for name in baselines.BASELINES:
        predicted[name] = baselines.fit_predict(name, source, everything, data, test).tolist()
    return {"fold": "all", "test": test.tolist(), "n_train": 0, "predicted": predicted}


def train_final_target(data: Data, params) -> Path:
    """Fine-tune the source model on all of a target's utterances and save it, for use on new files.

    Nothing is tested with it.

    Parameters
    ----------
    data : Data
    params : Params

    Returns
    -------
    Path
        Its folder.
    """
    corpus = data.rows["corpus"].iloc[0]
    net = model.load(params.results / "models" / "source")
    purpose = (params.seed, "finetune", corpus, "final")
    everything = np.arange(len(data.rows))
    source = load(params.source, params) if params.finetune.strategy == "joint" else None
    with cores.one_thread():
        net = training.finetune(
            net, data, everything, params, start="pretrained", purpose=purpose, source=source
        )
    origin = records.origin(params, data, [params.source, corpus])
    return model.save(net, params.results / "models" / corpus, origin=origin)
