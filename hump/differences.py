"""Cells of an experiment and their differences in UAR, by corpus and on average."""

import numpy as np
import pandas as pd
from scipy import stats

from hump import evaluation
from hump.evaluation.intervals import resampled as bootstrap
from hump.summary import AVERAGE

__all__ = ["cells", "differences", "interval", "resampled", "with_average"]


def cells(predictions, by, settings, *, seed) -> pd.DataFrame:
    """Metrics of every cell, by corpus, and their average if there are several.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.evaluation.summarise`, with a column corpus.
    by : list of str
        Columns that name a cell, beside the corpus.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`; corpora in the order in which they come.
    """
    labels = _labels(predictions)
    parts = [
        evaluation.summarise(part, ["corpus", *by], labels, settings, seed=seed)
        for _, part in predictions.groupby("corpus", sort=False)
    ]
    if len(parts) > 1:
        mean = evaluation.average(predictions, by, labels, settings, seed=seed)
        parts.append(mean.assign(corpus=AVERAGE))
    return pd.concat(parts, ignore_index=True)


def _labels(predictions):
    return sorted({*predictions["emotion"], *predictions["predicted"]})


def differences(predictions, by, column, first, second, settings, *, seed) -> pd.DataFrame:
    """How much better one condition is than another on the same speakers.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns corpus, repeat, speaker, emotion, predicted, those of `by`, and `column`.
    by : list of str
        Columns that name a cell, beside the corpus.
    column : str
        What the conditions are values of.
    first, second : object
        The difference is first - second.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row a cell and corpus, and their average if there are several: corpus, `by`, speakers,
        difference, difference_low, difference_high. Cells without both conditions are left out.
    """
    part = predictions[predictions[column].isin([first, second])]
    lines = []
    for cell, rows in part.groupby(by, sort=True):
        for corpus, some in with_average(rows):
            uar, speakers = resampled(some, column, [first, second], settings, seed=seed)
            if not speakers:
                continue
            point, *drawn = uar[:, 0] - uar[:, 1]
            low, high = interval(point, drawn, speakers, settings)
            lines.append({
                "corpus": corpus, **dict(zip(by, cell)), "speakers": sum(speakers),
                "difference": point, "difference_low": low, "difference_high": high,
            })  # fmt: skip
    columns = ["corpus", *by, "speakers", "difference", "difference_low", "difference_high"]
    return pd.DataFrame(lines, columns=columns)


def with_average(predictions) -> list:
    """Predictions of each corpus by name, and of all for the average if there are several.

    Parameters
    ----------
    predictions : pandas.DataFrame

    Returns
    -------
    list of (str, pandas.DataFrame)
    """
    alone = list(predictions.groupby("corpus", sort=False))
    return [*alone, (AVERAGE, predictions)] if len(alone) > 1 else alone


def resampled(predictions, column, values, settings, *, seed) -> tuple[np.ndarray, list[int]]:
    """UAR of several conditions, for everyone and for bootstrap samples of the speakers.

    A sample holds the same speakers for all conditions, so that their differences are paired.
    Corpora count alike, each with its own speakers resampled.

    Parameters
    ----------
    predictions : pandas.DataFrame
    column : str
    values : list
        Conditions, values of `column`.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    numpy.ndarray, shape (1 + resamples, conditions)
        The first row is of everyone.
    list of int
        Number of speakers of each corpus of which some were tested in all conditions.
    """
    labels = _labels(predictions)
    corpora, speakers = [], []
    for number, (_, corpus) in enumerate(predictions.groupby("corpus", sort=True)):
        parts = [corpus[corpus[column] == value] for value in values]
        common = sorted(set.intersection(*(set(part["speaker"]) for part in parts)))
        if not common:
            continue
        parts = (part[part["speaker"].isin(common)] for part in parts)
        counts = [evaluation.confusions(part, labels) for part in parts]
        # Of one seed and as many speakers: the same samples.
        found = [bootstrap(c, settings.resamples, [seed, number]) for c in counts]
        uar = [np.r_[value["uar"], sample["uar"]] for value, sample in found]
        corpora.append(np.stack(uar, axis=1))
        speakers.append(len(common))
    mean = np.mean(corpora, axis=0) if corpora else np.empty((0, len(values)))
    return mean, speakers


def interval(point: float, drawn, speakers, settings) -> tuple[float, float]:
    """Interval of a difference from its bootstrap, widened for few speakers.

    As `hump.evaluation.intervals` has it: the bootstrap's variance is short of S / (S - 1), and
    Student's t stands for the normal distribution. A difference needs no other scale.

    Parameters
    ----------
    point : float
    drawn : array_like of float, shape (resamples,)
    speakers : list of int
        Of each corpus; the difference is a mean over corpora.
    settings : EvaluationParams

    Returns
    -------
    tuple of float
        Within -1 and 1; NaN if a corpus has a single speaker.
    """
    if min(speakers) < 2:
        return np.nan, np.nan
    total, freedom = sum(speakers), sum(speakers) - len(speakers)
    deviation = np.std(drawn) * np.sqrt(total / freedom)
    reach = stats.t.ppf((1 + settings.confidence) / 2, freedom) * deviation
    return max(point - reach, -1.0), min(point + reach, 1.0)
