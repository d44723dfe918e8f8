"""14: what fine-tuning does to a model: attention, calibration, and embeddings of a target.

In some folds a model is fine-tuned as the study does at its headline fraction (first draw), except
that some training speakers' utterances are held out to fit a temperature. Test speakers choose
nothing: they are measured afterwards, and their labels enter only what is reported.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from hump import model
from hump.experiments import attention, calibration, protocol, runner
from hump.params import Params
from hump.training import fit
from hump.training.dataset import Data
from hump.util import seeds

# At least this share of the drawn utterances is held out to fit the temperature.
HELD_OUT = 0.25
# Attention is measured before the first update and this many times after it, on at most this many
# test utterances of a fold.
MOMENTS, WATCHED = 5, 64
# Utterances of each corpus in the map of embeddings.
POINTS = 200
PERPLEXITY, ITERATIONS = 30, 500


@dataclass(frozen=True)
class Diagnosis:
    """What was measured on a target.

    Attributes
    ----------
    attention : pandas.DataFrame
        Normalised entropy by head and update, on test speakers; as
        `hump.experiments.attention.summarise`. Update 0 is the source model with the target's
        feature scaling.
    calibration, reliability : pandas.DataFrame
        As `hump.experiments.calibration.summarise` and ``reliability``, at 0 % and at the headline
        fraction.
    embeddings : pandas.DataFrame
        A row an utterance and moment: moment (``before`` or ``after`` fine-tuning), corpus,
        utterance_id, emotion, x, y, by the first fold's model; no target utterance shown was
        trained on.
    separation : pandas.DataFrame
        Silhouettes of the same embeddings: corpus, moment, groups (``emotions``, of the target, or
        ``corpora``), utterances, silhouette.
    """

    attention: pd.DataFrame
    calibration: pd.DataFrame
    reliability: pd.DataFrame
    embeddings: pd.DataFrame
    separation: pd.DataFrame


def diagnose_target(source: Data, data: Data, params: Params) -> Diagnosis:
    """Fine-tune in some folds (`diagnostics.folds`) and measure.

    Parameters
    ----------
    source, data : Data
        The source corpus, of which some utterances are embedded beside the target's, and the
        target.
    params : Params

    Returns
    -------
    Diagnosis
    """
    folds = protocol.target_folds(data, params)
    # Spread evenly over all folds, which may be sorted by sex.
    numbers = np.linspace(0, len(folds) - 1, min(len(folds), params.diagnostics.folds)).astype(int)
    shared = protocol.finetuning(source, params) | {"data": data}
    calls = [shared | {"split": None, "number": None}]
    calls += [
        shared | {"split": calibration_split(data, folds[number], number, params), "number": number}
        for number in numbers.tolist()
    ]
    done = runner.run(_job, calls, params, label=f"{data.corpus}: diagnostics")
    fraction, settings = params.headline, params.evaluation
    seed = seeds.seed_of(params.seed, "diagnostics", data.corpus)
    scored = calibration.scored(data, done, fraction)
    # The source model is compared on the same utterances.
    scored = scored[scored["utterance_id"].isin(scored.loc[scored["n_train"] > 0, "utterance_id"])]
    measured = [pd.DataFrame(result["attention"]) for result in done[1:]]
    measured = pd.concat(measured, ignore_index=True).assign(corpus=data.corpus, fraction=fraction)
    # Folds that train on fewer rows may make fewer updates: the same share of them is one moment.
    most = max(fit.updates_of(params.finetune, len(call["split"].train)) for call in calls[1:])
    measured["update"] = (measured.pop("moment") * most / MOMENTS).round().astype(int)
    measured["speaker"] = data.rows["speaker"].to_numpy()[measured["position"].astype(int)]
    return Diagnosis(
        attention.summarise(measured, ["corpus", "fraction", "update"], settings, seed=seed),
        calibration.summarise(scored, settings, seed=seed),
        calibration.reliability(scored, settings, seed=seed),
        pd.DataFrame(done[1]["embeddings"]),
        pd.DataFrame(done[1]["separation"]).assign(corpus=data.corpus),
    )


def calibration_split(data: Data, fold, number: int, params: Params):
    """A fold's first draw at the headline fraction, with some of its speakers held out.

    Parameters
    ----------
    data : Data
    fold : Split
    number : int
        Number of the fold.
    params : Params

    Returns
    -------
    Split
        Its validation rows are the drawn utterances of whole training speakers, a quarter of all
        drawn or a little more; none if there is one training speaker.
    """
    # The draw of 04_finetune, so that the model is the study's but for the speakers held out.
    drawn = protocol.draw(data, fold, number, params.headline, params).train
    speaker = data.rows["speaker"].to_numpy()[drawn]
    rng = seeds.generator(params.seed, "diagnostics", data.corpus, number, "held out")
    order = rng.permutation(np.unique(speaker))
    held = np.zeros(len(drawn), bool)
    for name in order[:-1]:
        if held.mean() >= HELD_OUT:
            break
        held |= speaker == name
    return fold.with_train(drawn[~held], data.rows, validation=drawn[held])


def _job(source, data, folder, split, number, params):
    """Measurements of one fold, or of the source model as it is."""
    start = model.load(folder)
    if split is None:
        return _zero_shot(start, source, data)
    rng_key = (params.seed, "diagnostics", data.corpus, number)
    rng = seeds.generator(*rng_key, "watched")
    updates = fit.updates_of(params.finetune, len(split.train))
    watched = np.sort(rng.permutation(split.test)[:WATCHED])
    moments = {round(k * updates / MOMENTS): k for k in range(MOMENTS + 1)} | {0: 0}
    measured = []

    def watch(net, update):
        if update in moments:
            now = attention.measure(net, data, watched)
            measured.append(now.assign(moment=moments[update]))

    settings = {"start": "pretrained", "rng_key": rng_key, "source": source, "watch": watch}
    net = fit.finetune(start, data, split.train, params, **settings)
    result = calibration.measure(net, data, split) | {
        "fold": split.name,
        "n_train": len(split.train),
        "attention": pd.concat(measured, ignore_index=True).to_dict("list"),
    }
    return result | (_embeddings(start, net, source, data, split, rng_key) if number == 0 else {})


def _zero_shot(net, source, data):
    if data.labels != source.labels:
        return {"test": []}  # the source model knows other emotions
    return {"fold": "all", "n_train": 0} | calibration.measure(net, data, protocol.untrained(data))


def _embeddings(before, after, source, data, split, rng_key):
    trained = np.r_[split.train, split.validation]
    unseen = np.setdiff1d(np.arange(len(data.rows)), trained)
    rng = seeds.generator(*rng_key, "embeddings")
    of_source = np.sort(rng.permutation(len(source.rows))[:POINTS])
    shown = [(source, of_source), (data, np.sort(rng.permutation(unseen)[:POINTS]))]
    rows = pd.concat([one.rows.iloc[positions] for one, positions in shown], ignore_index=True)
    rows = rows[["corpus", "utterance_id", "emotion"]]
    target = (rows["corpus"] == data.corpus).to_numpy()
    points, separation = [], []
    for moment, net in (("before", before), ("after", after)):
        vectors = np.concatenate([embed(net, *one) for one in shown])
        x, y = project(vectors, seed=seeds.seed_of(*rng_key, "t-SNE")).T
        points.append(rows.assign(moment=moment, x=x.astype(float), y=y.astype(float)))
        emotions = ("emotions", vectors[target], rows["emotion"][target])
        for name, v, groups in (emotions, ("corpora", vectors, rows["corpus"])):
            facts = {"moment": moment, "groups": name, "utterances": len(v)}
            separation.append(facts | {"silhouette": silhouette(v, groups)})
    points = pd.concat(points, ignore_index=True).to_dict("list")
    return {"embeddings": points, "separation": separation}


def embed(net, data: Data, rows) -> np.ndarray:
    """Embeddings of some rows, scaled to length 1, since the classifier uses directions alone.

    Parameters
    ----------
    net : HumpCat
        Set to evaluation mode.
    data : Data
    rows : sequence of int

    Returns
    -------
    numpy.ndarray, shape (rows, d), float32
    """
    return normalize(fit.outputs(net, net, data, rows))


def project(vectors: np.ndarray, *, seed: int) -> np.ndarray:
    """Map to the plane by t-SNE (van der Maaten and Hinton 2008), initialised by PCA.

    Parameters
    ----------
    vectors : numpy.ndarray, shape (n, d)
        At least 3.
    seed : int

    Returns
    -------
    numpy.ndarray, shape (n, 2), float32
        The same on any number of cores.
    """
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, max_iter=ITERATIONS, init="pca", random_state=seed % 2**32)
    with threadpool_limits(1):
        return tsne.fit_transform(vectors)


def silhouette(vectors: np.ndarray, groups) -> float:
    """How well groups are separated: mean silhouette by cosine distance (Rousseeuw 1987).

    Parameters
    ----------
    vectors : numpy.ndarray, shape (n, d)
    groups : array_like, shape (n,)

    Returns
    -------
    float
        1: far apart; 0: they overlap; NaN with one group, or with a group a row.
    """
    if not 1 < len(set(groups)) < len(vectors):
        return np.nan
    return float(silhouette_score(vectors, groups, metric="cosine"))
