"""One fold of a target, looked into: fine-tuned, watched, calibrated, embedded."""

from dataclasses import replace

import numpy as np
import pandas as pd

from hump import model, seeds, splits, summary, training
from hump.data import Data
from hump.diagnostics import attention, calibration, embedding

__all__ = ["calibration_split", "job"]

# Of the drawn utterances, at least so many fit the temperature.
HELD_OUT = 0.25
# Attention is measured before the first update and so many times after it, on at most so many
# test utterances a fold.
MOMENTS, WATCHED = 5, 64
# Of each corpus in the map of embeddings.
POINTS = 200


def job(task, source, data, params, folds, folder) -> dict:
    """What is found out about one fold, or about the source model as it is, as JSON can hold it.

    Parameters
    ----------
    task : dict
        ``fold``: its number; None for the source model.
    source, data : Data
    params : Params
    folds : list of Split
    folder : Path
        Of the source model.

    Returns
    -------
    dict
        ``test`` (positions; none if the source model knows other emotions), ``probabilities``
        (a row each), fold, n_train, n_calibration, temperature (NaN if nothing was held out); of a
        fold also ``attention``, of the first also ``embeddings`` and ``separation``.
    """
    start = model.load(folder)
    if task["fold"] is None:
        return _zero_shot(start, source, data)
    corpus, number = data.rows["corpus"].iloc[0], task["fold"]
    purpose = (params.seed, "diagnostics", corpus, number)
    split = calibration_split(data, folds[number], number, params)
    rng = seeds.generator(*purpose, "watched")
    watched = np.sort(rng.permutation(split.test)[:WATCHED])
    seen, every = [], max(1, params.finetune.updates // MOMENTS)

    def watch(net, update):
        if update % every == 0 or update == params.finetune.updates:
            seen.append(attention.measure(net, data, watched).assign(update=update))

    net = training.finetune(
        start, data, split.train, params, start="pretrained", purpose=purpose, source=source,
        watch=watch,
    )
    result = {
        "fold": split.name, "n_train": len(split.train), "n_calibration": len(split.validation),
        "temperature": _temperature(net, data, split.validation),
        "test": split.test.tolist(),
        "probabilities": training.predict(net, data, split.test).tolist(),
        "attention": pd.concat(seen, ignore_index=True).to_dict("list"),
    }  # fmt: skip
    if number == 0:
        result |= _embeddings(start, net, source, data, split, purpose)
    return result


def _zero_shot(net, source, data):
    if data.labels != source.labels:
        return {"test": []}  # the source model knows other emotions
    everyone = np.arange(len(data.rows))
    return {
        "fold": "all", "n_train": 0, "n_calibration": 0, "temperature": np.nan,
        "test": everyone.tolist(), "probabilities": training.predict(net, data, everyone).tolist(),
    }  # fmt: skip


def _temperature(net, data, held):
    if not len(held):
        return np.nan
    return calibration.fit_temperature(training.predict(net, data, held), data.classes[held])


def calibration_split(data: Data, fold, number: int, params):
    """A fold's first draw at the headline fraction, some of its speakers held out.

    Parameters
    ----------
    data : Data
    fold : Split
    number : int
        Of the fold.
    params : Params

    Returns
    -------
    Split
        Its validation rows are the drawn utterances of whole training speakers, a quarter of all
        drawn or a little more; none if there is one training speaker.
    """
    corpus = data.rows["corpus"].iloc[0]
    # The draw of hump.protocol, so that the model is the study's but for those held out.
    rng = seeds.generator(params.seed, "draw", corpus, "speaker_independent", 0, number)
    drawn = splits.stratified_draw(data.rows, fold.train, summary.headline(params), rng)
    speaker = data.rows["speaker"].to_numpy()[drawn]
    rng = seeds.generator(params.seed, "diagnostics", corpus, number, "held out")
    order = rng.permutation(np.unique(speaker))
    held = np.zeros(len(drawn), bool)
    for name in order[:-1]:
        if held.mean() >= HELD_OUT:
            break
        held |= speaker == name
    return replace(fold, train=drawn[~held], validation=drawn[held]).checked(data.rows)


def _embeddings(before, after, source, data, split, purpose):
    trained = np.r_[split.train, split.validation]
    unseen = np.setdiff1d(np.arange(len(data.rows)), trained)
    rng = seeds.generator(*purpose, "embeddings")
    chosen = [(source, np.sort(rng.permutation(len(source.rows))[:POINTS])),
              (data, np.sort(rng.permutation(unseen)[:POINTS]))]  # fmt: skip
    rows = pd.concat([
        one.rows.iloc[positions][["corpus", "utterance_id", "emotion"]]
        for one, positions in chosen
    ], ignore_index=True)  # fmt: skip
    target = (rows["corpus"] == data.rows["corpus"].iloc[0]).to_numpy()
    points, separation = [], []
    for moment, net in (("before", before), ("after", after)):
        vectors = np.concatenate([embedding.embed(net, *one) for one in chosen])
        x, y = embedding.project(vectors, seed=seeds.seed_of(*purpose, "t-SNE")).T
        points.append(rows.assign(moment=moment, x=x.astype(float), y=y.astype(float)))
        separation += [
            {"moment": moment, "groups": groups, "utterances": len(v),
             "silhouette": embedding.silhouette(v, group)}
            for groups, v, group in (
                ("emotions", vectors[target], rows["emotion"][target]),
                ("corpora", vectors, rows["corpus"]),
            )
        ]  # fmt: skip
    return {
        "embeddings": pd.concat(points, ignore_index=True).to_dict("list"),
        "separation": separation,
    }
