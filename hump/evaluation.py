"""Metrics, their intervals by bootstrap over speakers, and paired tests with Holm's correction.

WA is the share of utterances that are right; UAR the mean of the classes' recalls; macro F1 the
mean of their F1. Utterances of one speaker are alike, so speakers, not utterances, are resampled.
With few speakers such intervals are too narrow; tables give the number of speakers beside them.
"""

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

__all__ = ["METRICS", "average", "compare", "confusions", "scores", "summarise", "uar"]

METRICS = ("wa", "uar", "f1")
# Sign flips of the paired test: all there are, or so many drawn at random.
FLIPS = 9_999


def scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of confusion matrices.

    Parameters
    ----------
    confusion : numpy.ndarray, shape (..., classes, classes)
        Counts; rows are true classes.

    Returns
    -------
    dict of numpy.ndarray, shape (...)
        Keys `METRICS`, values in [0, 1]; NaN where there are no utterances. Classes without
        utterances count for no recall, and for F1 only if they were predicted.
    """
    confusion = np.asarray(confusion, float)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(-1), confusion.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / true
        f1 = 2 * right / (true + predicted)
        known, seen = true > 0, (true + predicted) > 0
        return {
            "wa": right.sum(-1) / true.sum(-1),
            "uar": np.where(known, recall, 0.0).sum(-1) / known.sum(-1),
            "f1": np.where(seen, f1, 0.0).sum(-1) / seen.sum(-1),
        }


def uar(true, predicted) -> float:
    """Unweighted average recall of class numbers.

    Parameters
    ----------
    true, predicted : array_like of int, shape (n,)

    Returns
    -------
    float
    """
    size = int(max(np.max(true), np.max(predicted))) + 1
    confusion = np.zeros((size, size))
    np.add.at(confusion, (np.asarray(true), np.asarray(predicted)), 1)
    return float(scores(confusion)["uar"])


def confusions(predictions: pd.DataFrame, labels) -> np.ndarray:
    """Count predictions by repeat and speaker.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns repeat, speaker, emotion, predicted.
    labels : sequence of str

    Returns
    -------
    numpy.ndarray, shape (repeats, speakers, classes, classes)
        Speakers in sorted order.
    """
    repeat, repeats = pd.factorize(predictions["repeat"], sort=True)
    speaker, speakers = pd.factorize(predictions["speaker"], sort=True)
    true = pd.Categorical(predictions["emotion"], categories=labels).codes
    guess = pd.Categorical(predictions["predicted"], categories=labels).codes
    counts = np.zeros((len(repeats), len(speakers), len(labels), len(labels)))
    np.add.at(counts, (repeat, speaker, true, guess), 1)
    return counts


def _resampled(counts, resamples, seed):
    """Metrics of all speakers, and of each bootstrap sample of them, shape (resamples,)."""
    speakers = counts.shape[1]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=resamples)
    everyone = np.ones((1, speakers))
    weights = np.concatenate([everyone, drawn])
    values = scores(np.einsum("bs,rskl->brkl", weights, counts))
    means = {name: np.nanmean(value, axis=1) for name, value in values.items()}
    return {k: v[0] for k, v in means.items()}, {k: v[1:] for k, v in means.items()}


def _line(point, samples, confidence, speakers):
    tail = (1 - confidence) / 2
    line = {}
    for name in METRICS:
        low, high = (
            np.nanquantile(samples[name], [tail, 1 - tail]) if speakers > 1 else (np.nan, np.nan)
        )
        line |= {name: point[name], f"{name}_low": low, f"{name}_high": high}
    return line


def summarise(predictions, by, labels, settings, *, seed) -> pd.DataFrame:
    """Metrics with intervals for every cell of an experiment.

    A cell's value is the mean over its repeats; its interval comes from resampling speakers.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns repeat, speaker, utterance_id, emotion, predicted, n_train, and those of `by`.
    by : list of str
        Columns that name a cell.
    labels : sequence of str
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row a cell: `by`, n_train (median), utterances, speakers, repeats, and each metric with
        ``_low`` and ``_high``.
    """
    lines = []
    for cell, part in predictions.groupby(by, sort=True, dropna=False):
        counts = confusions(part, labels)
        point, samples = _resampled(counts, settings.resamples, seed)
        facts = {
            "n_train": int(part.groupby(["repeat", "fold"])["n_train"].first().median()),
            "utterances": part["utterance_id"].nunique(),
            "speakers": counts.shape[1],
            "repeats": counts.shape[0],
        }
        line = _line(point, samples, settings.confidence, counts.shape[1])
        lines.append(dict(zip(by, cell)) | facts | line)
    return pd.DataFrame(lines)


def average(predictions, by, labels, settings, *, seed) -> pd.DataFrame:
    """Mean over corpora of each cell, with an interval: speakers are resampled in every corpus.

    Parameters
    ----------
    predictions, by, labels, settings, seed
        As `summarise`; `by` without the corpus.

    Returns
    -------
    pandas.DataFrame
        As `summarise`; counts are sums over corpora.
    """
    lines = []
    for cell, part in predictions.groupby(by, sort=True, dropna=False):
        points, samples, speakers = [], [], 0
        for number, (_, corpus) in enumerate(part.groupby("corpus", sort=True)):
            counts = confusions(corpus, labels)
            point, sample = _resampled(counts, settings.resamples, [seed, number])
            points.append(point)
            samples.append(sample)
            speakers += counts.shape[1]
        facts = {
            "n_train": int(part.groupby(["corpus", "repeat", "fold"])["n_train"].first().median()),
            "utterances": int(part.groupby("corpus")["utterance_id"].nunique().sum()),
            "speakers": speakers,
            "repeats": part["repeat"].nunique(),
        }
        point = {name: np.mean([p[name] for p in points]) for name in METRICS}
        sample = {name: np.mean([s[name] for s in samples], axis=0) for name in METRICS}
        line = _line(point, sample, settings.confidence, speakers)
        lines.append(dict(zip(by, cell)) | facts | line)
    return pd.DataFrame(lines)


def compare(predictions, pairs, settings, *, seed) -> pd.DataFrame:
    """Paired tests: is one system better than another on the same utterances?

    Each speaker gives one difference of UARs (mean over repeats); the exact sign-flip test of
    their mean assumes only that under the null hypothesis a difference is as likely as its
    opposite. With S speakers no p-value is below 2 / 2**S: ``p_least`` says what could have been
    found at all. Beyond 13 speakers 9,999 random flips stand for all.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns comparison, system, corpus, repeat, speaker, emotion, predicted.
    pairs : list of tuple of str
        Systems (a, b); the difference is a - b.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row a comparison and pair: a, b, speakers, difference with ``_low`` and ``_high``, p,
        p_least, and p_holm, corrected for all rows of the table.
    """
    lines = []
    for comparison, part in predictions.groupby("comparison", sort=True):
        values = _speaker_uar(part)
        for a, b in pairs:
            if a not in values or b not in values:
                continue
            difference = (values[a] - values[b]).dropna().to_numpy()
            facts = {"comparison": comparison, "a": a, "b": b, "speakers": len(difference)}
            lines.append(facts | _paired(difference, settings, seed))
    table = pd.DataFrame(lines)
    if len(table):
        table["p_holm"] = multipletests(table["p"], method="holm")[1]
    return table


def _speaker_uar(part):
    right = part.assign(right=part["emotion"] == part["predicted"])
    keys = ["system", "corpus", "speaker", "repeat"]
    recall = right.groupby([*keys, "emotion"])["right"].mean()
    return recall.groupby(keys).mean().groupby(keys[:-1]).mean().unstack("system")


def _paired(difference, settings, seed):
    test = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", vectorized=True,
        n_resamples=FLIPS, rng=np.random.default_rng(seed),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    drawn = rng.choice(difference, (settings.resamples, len(difference))).mean(axis=1)
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    # Beyond 13 speakers flips are drawn rather than enumerated.
    least = 2 / min(2 ** len(difference), FLIPS + 1)
    return {
        "difference": difference.mean(), "difference_low": low, "difference_high": high,
        "p": test.pvalue, "p_least": least,
    }  # fmt: skip
