"""Cells of an experiment, and differences in UAR between them, by corpus and on average.

One estimand everywhere: the UAR of all test utterances of a corpus together, mean over repeats; a
difference is that of two such UARs on the same speakers; an average weighs corpora alike. A
difference's interval covers other speakers and, with several repeats, other trainings:

    variance = variance over speakers / speakers + variance over repeats / repeats

The first term is of each speaker's mean over repeats, the second of each repeat's UAR; noise of
single runs counts in both, which leaves something for what one corpus cannot show: that training
sets overlap. Over speakers, variances of corpora add up; over repeats, which corpora share, it is
that of the mean over corpora. Student's t distribution has Satterthwaite's degrees of freedom. A
corpus of two speakers has one degree of freedom, so that its own interval is 13 standard errors
wide on either side, and says little. `benchmarks/intervals.py` measures coverage.

Satterthwaite (1946), doi:10.2307/3002019.
"""

import itertools

import numpy as np
import pandas as pd
from scipy import stats

from hump.evaluation.intervals import (
    average,
    bootstrap,
    interval_columns,
    over_trainings,
    summarise,
)
from hump.evaluation.metrics import confusions, shares
from hump.params.names import AVERAGE


def cells(predictions, by, settings, *, seed) -> pd.DataFrame:
    """Metrics of every cell by corpus, and their mean over corpora if there are several.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As in `hump.evaluation.summarise`, with a column corpus.
    by : list of str
        Columns that identify a cell within a corpus.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise` returns it. Corpora are in the order of `predictions`, and
        the mean over them is last.
    """
    labels = np.union1d(predictions["emotion"], predictions["predicted"])
    parts = [
        summarise(part, ["corpus", *by], labels, settings, seed=seed)
        for _, part in predictions.groupby("corpus", sort=False)
    ]
    if len(parts) > 1:
        mean = average(predictions, by, labels, settings, seed=seed)
        parts.append(mean.assign(corpus=AVERAGE))
    return pd.concat(parts, ignore_index=True)


def differences(predictions, by, column, first, second, settings) -> pd.DataFrame:
    """Difference in UAR between two conditions, on the same speakers.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns corpus, repeat, speaker, emotion, predicted, those of `by`, and `column`.
    by : list of str
        Columns that identify a cell within a corpus.
    column : str
        Column that holds the condition.
    first, second : object
        The two conditions; the difference is first - second.
    settings : EvaluationParams

    Returns
    -------
    pandas.DataFrame
        One row a cell and corpus, and their mean over corpora if there are several: corpus, `by`,
        speakers, difference, difference_low, difference_high (within -1 and 1; NaN if a corpus has
        one speaker only). Cells without both conditions are left out.
    """
    rows = []
    for cell, cell_rows in predictions.groupby(by, sort=True) if by else [((), predictions)]:
        for corpus, corpus_rows in with_average(cell_rows):
            parts = apart(corpus_rows, column, first, second)
            if parts:
                speakers = sum(len(part) for part, *_ in parts)
                row = {"corpus": corpus, **dict(zip(by, cell)), "speakers": speakers}
                rows.append(row | interval(parts, settings.confidence))
    columns = ["corpus", *by, "speakers", "difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=columns)


def against(predictions, by, column, own, settings) -> pd.DataFrame:
    """Differences of every other condition to one, `own`.

    Parameters
    ----------
    predictions, by, column, settings
        As in `differences`.
    own : object
        The condition that is subtracted.

    Returns
    -------
    pandas.DataFrame
        As `differences`, with the other condition in `column`.
    """
    parts = [
        differences(predictions, by, column, other, own, settings).assign(**{column: other})
        for other in predictions[column].unique()
        if other != own
    ]
    return pd.concat(parts, ignore_index=True)


def apart(predictions, column, first, second) -> list[tuple[np.ndarray, np.ndarray, tuple]]:
    """By corpus, what each speaker adds to the difference in UAR between two conditions.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns corpus, repeat, speaker, emotion, predicted, and `column`.
    column : str
        Column that holds the condition.
    first, second : object
        The two conditions.

    Returns
    -------
    list of (numpy.ndarray, numpy.ndarray, tuple)
        Two of shape (speakers, repeats), float64, as `hump.evaluation.metrics.shares`, first less
        second, for speakers that both have; corpora without any are left out. Then the difference
        in UAR of each repeat, in a tuple of one. If the conditions have other repeats, means over
        them are subtracted, and the tuple has the UARs of either, which are not paired.
    """
    labels = np.union1d(predictions["emotion"], predictions["predicted"])
    parts = []
    for _, corpus in predictions.groupby("corpus", sort=True):
        one, other = (corpus[corpus[column] == value] for value in (first, second))
        common = set(one["speaker"]) & set(other["speaker"])
        one, other = (part[part["speaker"].isin(common)] for part in (one, other))
        if common:
            both = [shares(confusions(part, labels)) for part in (one, other)]
            runs = tuple(part.sum(axis=0) for part, _ in both)
            if set(one["repeat"]) == set(other["repeat"]):
                runs = (runs[0] - runs[1],)
            else:
                both = [[p.mean(axis=1, keepdims=True) for p in part] for part in both]
            parts.append((*(a - b for a, b in zip(*both)), runs))
    return parts


def interval(parts, confidence: float) -> dict[str, float]:
    """A difference in UAR, mean over corpora, with its interval.

    Parameters
    ----------
    parts : list of tuple
        As `apart` returns them.
    confidence : float

    Returns
    -------
    dict of str to float
        ``difference``, ``difference_low`` and ``difference_high``, within -1 and 1; the interval is
        NaN if a corpus has one speaker only.
    """
    value = np.mean([part.sum(axis=0).mean() for part, *_ in parts])
    error, freedom = standard_error(parts)
    reach = stats.t.ppf((1 + confidence) / 2, freedom) * error if error else error
    return interval_columns("difference", value, max(value - reach, -1), min(value + reach, 1))


def standard_error(parts) -> tuple[float, float]:
    """Standard error of a difference in UAR, and its degrees of freedom.

    Parameters
    ----------
    parts : list of tuple
        As `apart` returns them.

    Returns
    -------
    error, freedom : float
        NaN if a corpus has one speaker only; the degrees of freedom are NaN if the error is 0.
    """
    variances, freedoms = [], []
    for part, deviations, _ in parts:
        speakers = len(part)
        if speakers < 2:
            return np.nan, np.nan
        variances.append(np.sum(deviations.mean(axis=1) ** 2) * speakers / (speakers - 1))
        freedoms.append(speakers - 1)
    for runs in itertools.zip_longest(*(runs for *_, runs in parts), fillvalue=()):
        for variance, freedom in over_trainings(runs):
            variances.append(variance)
            freedoms.append(freedom)
    total, each = sum(variances), np.array(variances) ** 2 / freedoms
    return np.sqrt(total) / len(parts), total**2 / each.sum() if total else np.nan


def with_average(predictions: pd.DataFrame) -> list:
    """Predictions of each corpus, and those of all corpora for their average if there are several.

    Parameters
    ----------
    predictions : pandas.DataFrame
        With a column corpus.

    Returns
    -------
    list of (str, pandas.DataFrame)
        Name of the corpus, or `hump.params.names.AVERAGE`, and predictions.
    """
    corpora = list(predictions.groupby("corpus", sort=False))
    return [*corpora, (AVERAGE, predictions)] if len(corpora) > 1 else corpora


def resampled(predictions, column, values, settings, *, seed) -> tuple[np.ndarray, list[int]]:
    """UAR of several conditions, for all speakers and for bootstrap samples of them.

    A sample has the same speakers in all conditions, so that differences are paired. Corpora weigh
    the same, and the speakers of each corpus are resampled by themselves.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns corpus, repeat, speaker, emotion, predicted, and `column`.
    column : str
        Column that holds the condition.
    values : list
        The conditions.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    uar : numpy.ndarray, shape (1 + resamples, conditions), float64
        Means over corpora; the first row is of all speakers.
    speakers : list of int
        Number of speakers in all conditions, of each corpus that has such speakers.
    """
    labels = np.union1d(predictions["emotion"], predictions["predicted"])
    uars, speakers = [], []
    for number, (_, corpus) in enumerate(predictions.groupby("corpus", sort=True)):
        parts = [corpus[corpus[column] == value] for value in values]
        common = set.intersection(*(set(part["speaker"]) for part in parts))
        if common:
            counts = [confusions(part[part["speaker"].isin(common)], labels) for part in parts]
            # With equal seeds and numbers of speakers, samples have the same speakers.
            samples = [bootstrap(c, settings.resamples, [seed, number])["uar"] for c in counts]
            uars.append(np.stack(samples, axis=1))
            speakers.append(len(common))
    return np.mean(uars, axis=0) if uars else np.empty((0, len(values))), speakers
