"""Variants of the study's model, trained on the same folds with the same random numbers.

The source's speakers are dealt to folds; in each, one further speaker chooses the epoch, as in
`03_pretrain`. Jobs are named by what is trained, not by the experiment: a variant that two
experiments share is trained once.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hump import corpora, jobs, records, seeds, splits, summary, training
from hump.data import Data
from hump.diagnostics.attention import measure
from hump.experiments import variants

__all__ = ["ABLATED", "Run", "finetune", "train"]

# At test time alone, of the reference: the model is trained with all streams.
ABLATED = {
    ("mfcc", "shuffled"): "MFCC shuffled at test",
    ("mfcc", "zeroed"): "MFCC zeroed at test",
    ("prosody", "shuffled"): "prosody shuffled at test",
    ("prosody", "zeroed"): "prosody zeroed at test",
}


@dataclass(frozen=True)
class Run:
    """Cross-validation of variants on the source.

    Attributes
    ----------
    predictions, validation : pandas.DataFrame
        Of test speakers, and of the speakers that chose the epoch: columns system, repeat, fold,
        n_train, corpus, utterance_id, speaker, emotion, predicted.
    epochs : dict of str to int
        System -> median of the epochs chosen.
    attention : pandas.DataFrame
        Of the reference model, on its test speakers, whose labels play no part: columns corpus,
        epoch (those that every fold was trained for; 0 before training), speaker, and those of
        `hump.diagnostics.measure`. Without rows if the reference is not among the variants.
    """

    predictions: pd.DataFrame
    validation: pd.DataFrame
    epochs: dict[str, int]
    attention: pd.DataFrame


def train(data: dict[str, Data], systems, params, *, label: str) -> Run:
    """Cross-validate variants on the source, test speakers unseen.

    Parameters
    ----------
    data : dict of str to Data
        The source, described by one encoder or several.
        ``study`` is what `hump.data.load` gives.
    systems : sequence of Variant
    params : Params
        ``experiments.folds`` groups of speakers are left out in turn, or the corpus's own folds if
        these are not more.
    label : str
        Of the progress bar.

    Returns
    -------
    Run
        With the systems `ABLATED` too, if the reference is among the variants.
    """
    folds = _folds(data["study"].rows, params)
    cells = [
        (variant, repeat, number)
        for variant in systems
        for repeat in range(params.experiments.repeats)
        for number in range(len(folds))
    ]
    results = jobs.run(
        _source_job,
        [variants.identity(v, data, params) | {"repeat": r, "fold": n} for v, r, n in cells],
        shared={"data": data, "params": params, "folds": folds},
        key=variants.key(params, data["study"], "pretrain"),
        folder=params.cache / "jobs",
        label=label,
        device=params.device,
    )
    tested, validated, watched, epochs = [], [], [], {}
    for (variant, repeat, number), result in zip(cells, results):
        fold, own = folds[number], data[variant.data]
        facts = {"repeat": repeat, "fold": fold.name, "n_train": len(fold.train)}
        for name, predicted in result["test"].items():
            system = variant.system if name == "whole" else name
            tested.append(records.predictions(own, fold.test, predicted, system=system, **facts))
        facts["system"] = variant.system
        validated.append(
            records.predictions(own, fold.validation, result["validation"], **facts)
        )
        epochs.setdefault(variant.system, []).append(result["epoch"])
        watched.append(pd.DataFrame(result["attention"]))
    return Run(
        pd.concat(tested, ignore_index=True),
        pd.concat(validated, ignore_index=True),
        {system: int(np.median(chosen)) for system, chosen in epochs.items()},
        _attention(watched, data["study"].rows, params.source),
    )


def _attention(parts, rows, corpus):
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=["corpus", "epoch", "speaker", "position"])
    together = min(part["epoch"].max() for part in parts)
    found = pd.concat(parts, ignore_index=True)
    found = found[found["epoch"] <= together]
    speakers = rows["speaker"].to_numpy()[found["position"].to_numpy()]
    return found.assign(corpus=corpus, speaker=speakers)


def _folds(rows, params):
    own = corpora.frozen_folds(params.source, params)
    count = params.experiments.folds
    return splits.source_folds(rows, count, own if len(own) <= count else ())


def _source_job(task, data, params, folds):
    own = data[task["data"]].of_layers(task["layers"])
    settings = variants.settings(task, params)
    fold = folds[task["fold"]].checked(own.rows)
    purpose = (params.seed, "experiments", params.source, fold.name, task["repeat"])
    seen = []

    def watch(model, epoch):
        seen.append(measure(model, own, fold.test).assign(epoch=epoch))

    net, history = training.pretrain(
        own, fold, settings, purpose=purpose, watch=watch if task["ablate"] else None
    )
    predicted = {"whole": own}
    if task["ablate"]:
        predicted |= _ablated(own, fold.test, net, purpose)
    return {
        "test": {
            name: training.predict(net, heard, fold.test).argmax(1).tolist()
            for name, heard in predicted.items()
        },
        "validation": training.predict(net, own, fold.validation).argmax(1).tolist(),
        "epoch": history.best_epoch,
        "attention": pd.concat(seen).to_dict("list") if seen else {},
    }


def _ablated(data, test, net, purpose):
    """The same utterances with streams of other test utterances, or of none."""
    found = {}
    for (stream, how), name in ABLATED.items():
        if how == "zeroed":
            mean = getattr(net, f"scale_{stream}").mean
            found[name] = data.averaged(stream, mean.cpu().numpy())
        else:
            rng = seeds.generator(*purpose, how, stream)
            found[name] = data.shuffled(stream, test, rng)
    return found


def finetune(source: Data, targets, systems, epochs, params, *, label: str) -> pd.DataFrame:
    """Train variants on the whole source, fine-tune them on targets, test unseen speakers.

    Parameters
    ----------
    source : Data
    targets : dict of str to Data
    systems : sequence of Variant
        Of the study's features.
    epochs : dict of str to int
        System -> epochs of training on the source, as its speakers chose.
    params : Params
        The fraction is `hump.summary.headline`; folds and draws are those of `04_finetune`.
    label : str

    Returns
    -------
    pandas.DataFrame
        Predictions, columns as of `Run`; empty without targets.
    """
    data, fraction = {"study": source}, summary.headline(params)
    cells = [
        (variant, corpus, repeat)
        for variant in systems
        for corpus in targets
        for repeat in range(params.experiments.repeats)
    ]
    results = jobs.run(
        _target_job,
        [
            variants.identity(variant, data, params)
            | {"corpus": corpus, "target": records.identity(targets[corpus]), "repeat": repeat,
               "epochs": epochs[variant.system], "fraction": fraction}
            for variant, corpus, repeat in cells
        ],
        shared={"data": data, "targets": targets, "params": params},
        key=variants.key(params, source, "pretrain", "finetune"),
        folder=params.cache / "jobs",
        label=label,
        device=params.device,
    )  # fmt: skip
    parts = [
        records.predictions(targets[corpus], part["rows"], part["predicted"],
                            system=variant.system, repeat=repeat, fold=part["fold"],
                            n_train=part["n_train"])
        for (variant, corpus, repeat), result in zip(cells, results)
        for part in result
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _target_job(task, data, targets, params):
    settings = variants.settings(task, params)
    source, target = (
        corpus.of_layers(task["layers"])
        for corpus in (data[task["data"]], targets[task["corpus"]])
    )
    nobody = np.empty(0, int)
    everything = splits.Split("all", np.arange(len(source.rows)), nobody, nobody)
    purpose = (params.seed, "experiments", params.source, "all", task["repeat"])
    net, _ = training.pretrain(source, everything, settings, purpose=purpose, epochs=task["epochs"])
    found = []
    for fold in _draws(target, task, params):
        tuned = training.finetune(
            net, target, fold.train, settings, start="pretrained",
            purpose=(params.seed, "experiments", task["corpus"], task["repeat"], fold.name),
        )  # fmt: skip
        predicted = training.predict(tuned, target, fold.test).argmax(1)
        found.append({"fold": fold.name, "n_train": len(fold.train),
                      "rows": fold.test.tolist(), "predicted": predicted.tolist()})  # fmt: skip
    return found


def _draws(target, task, params):
    """Folds of a target, each with the part of its training rows that `04_finetune` draws."""
    corpus = task["corpus"]
    own = corpora.frozen_folds(corpus, params)
    folds = splits.speaker_folds(target.rows, params.finetune.max_folds, own)
    for number, fold in enumerate(folds):
        cell = ("speaker_independent", task["repeat"], number)
        rng = seeds.generator(params.seed, "draw", corpus, *cell)
        drawn = splits.stratified_draw(target.rows, fold.train, task["fraction"], rng)
        yield replace(fold, train=drawn).checked(target.rows)
