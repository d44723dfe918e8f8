"""Weighted accuracy, unweighted average recall and macro F1, computed from confusion matrices."""

import numpy as np
import pandas as pd

from hump.params.names import AVERAGE

METRICS = ("wa", "uar", "f1")


def scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of confusion matrices.

    Parameters
    ----------
    confusion : numpy.ndarray, shape (..., classes, classes)
        Numbers of utterances; rows are true classes, columns predicted ones.

    Returns
    -------
    dict of str to numpy.ndarray, shape (...), float64
        Keys are `METRICS`; values lie in [0, 1], or are NaN where there are no utterances. A class
        without utterances has no recall, and has an F1 score only if it was predicted.
    """
    confusion = np.asarray(confusion, float)
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(-1), confusion.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = correct.sum(-1) / true.sum(-1)
        recall, f1 = correct / true, 2 * correct / (true + predicted)
    return {"wa": accuracy, "uar": np.nanmean(recall, -1), "f1": np.nanmean(f1, -1)}


def uar(true, predicted) -> float:
    """Unweighted average recall of predicted class numbers.

    Parameters
    ----------
    true, predicted : array_like of int, shape (utterances,)

    Returns
    -------
    float
        Mean recall of the classes in `true`.

    Notes
    -----
    The same as `sklearn.metrics.balanced_accuracy_score`, without its warning that a predicted
    class is not in `true`, which is usual when few speakers validate.
    """
    classes = int(max(np.max(true), np.max(predicted))) + 1
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (np.asarray(true), np.asarray(predicted)), 1)
    return float(scores(confusion)["uar"])


def chance(rows: pd.DataFrame) -> dict[str, float]:
    """UAR of guessing: one over the number of classes among the rows that are tested.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns corpus, emotion.

    Returns
    -------
    dict of str to float
        By corpus, and for their average.
    """
    by_corpus = 1 / rows.groupby("corpus")["emotion"].nunique()
    return {**by_corpus, AVERAGE: float(by_corpus.mean())}


def confusions(predictions: pd.DataFrame, labels) -> np.ndarray:
    """Confusion matrix of each repeat and speaker.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns repeat, speaker, emotion, predicted.
    labels : sequence of str

    Returns
    -------
    numpy.ndarray, shape (repeats, speakers, classes, classes), float64
        Repeats and speakers in sorted order, classes in the order of `labels`.
    """
    repeat, repeats = pd.factorize(predictions["repeat"], sort=True)
    speaker, speakers = pd.factorize(predictions["speaker"], sort=True)
    true = pd.Categorical(predictions["emotion"], categories=labels).codes
    predicted = pd.Categorical(predictions["predicted"], categories=labels).codes
    counts = np.zeros((len(repeats), len(speakers), len(labels), len(labels)))
    np.add.at(counts, (repeat, speaker, true, predicted), 1)
    return counts


def speaker_uar(predictions: pd.DataFrame, keys) -> pd.Series:
    """Unweighted average recall of each speaker in each run.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns emotion, predicted, and those of `keys`.
    keys : list of str
        Columns that identify a speaker and a run, such as fold, speaker and repeat.

    Returns
    -------
    pandas.Series of float
        Indexed by `keys`; the mean recall of the classes that the speaker has.
    """
    correct = predictions.assign(correct=predictions["emotion"] == predictions["predicted"])
    recall = correct.groupby([*keys, "emotion"], dropna=False)["correct"].mean()
    return recall.groupby(level=list(range(len(keys))), dropna=False).mean()


def shares(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each speaker adds to the UAR of all of them, and how far that is from the average.

    A recall is a sum over speakers divided by the utterances of the class, so the UAR is a sum
    over speakers too.

    Parameters
    ----------
    counts : numpy.ndarray, shape (repeats, speakers, classes, classes)
        As `confusions` returns them.

    Returns
    -------
    shares : numpy.ndarray, shape (speakers, repeats), float64
        Their sum over speakers is the UAR of the repeat.
    deviations : numpy.ndarray, shape (speakers, repeats), float64
        The share less what the speaker's utterances would add at the recalls of all speakers. The
        sum over speakers is 0; the variance of the UAR is that of this sum (linearisation of a
        ratio; Cochran (1977), Sampling Techniques, chapter 6).
    """
    correct, true = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1)
    total = true.sum(axis=1, keepdims=True)
    weight = np.divide(1.0, total, where=total > 0, out=np.zeros_like(total))
    recall = correct.sum(axis=1, keepdims=True) * weight
    weight = weight / (total > 0).sum(axis=-1, keepdims=True)
    parts = (correct * weight, (correct - true * recall) * weight)
    return tuple(part.sum(axis=-1).T for part in parts)
