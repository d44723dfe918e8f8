"""Metrics of predictions: WA, UAR and macro F1, from counts of confusion."""

import numpy as np
import pandas as pd

__all__ = ["METRICS", "confusions", "scores", "speaker_uar", "uar"]

METRICS = ("wa", "uar", "f1")


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


def speaker_uar(predictions: pd.DataFrame, runs) -> pd.Series:
    """UAR of each speaker in each run.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns emotion, predicted, and those of `runs`.
    runs : list of str
        Columns that tell speakers and runs apart.

    Returns
    -------
    pandas.Series of float
        Indexed by `runs`; the mean of the recalls of the classes that the speaker has.
    """
    right = predictions.assign(right=predictions["emotion"] == predictions["predicted"])
    recall = right.groupby([*runs, "emotion"], dropna=False)["right"].mean()
    return recall.groupby(level=list(range(len(runs))), dropna=False).mean()
