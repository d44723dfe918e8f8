"""Cells of an experiment, and differences in UAR between them, by corpus and on average."""

import numpy as np
import pandas as pd

from hump.evaluation.intervals import average, bootstrap, interval_columns, summarise, widened
from hump.evaluation.metrics import confusions
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


def differences(predictions, by, column, first, second, settings, *, seed) -> pd.DataFrame:
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
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row a cell and corpus, and their mean over corpora if there are several: corpus, `by`,
        speakers, difference, difference_low, difference_high (within -1 and 1; NaN if a corpus has
        one speaker only). Cells without both conditions are left out.
    """
    part = predictions[predictions[column].isin([first, second])]
    rows = []
    for cell, cell_rows in part.groupby(by, sort=True):
        for corpus, corpus_rows in with_average(cell_rows):
            uar, speakers = resampled(corpus_rows, column, [first, second], settings, seed=seed)
            if not speakers:
                continue
            value, *samples = uar[:, 0] - uar[:, 1]
            low = high = np.nan
            if min(speakers) > 1:
                total, freedom = sum(speakers), sum(speakers) - len(speakers)
                std, ratio = np.std(samples), total / freedom
                limits = widened(value, std, ratio, freedom, settings.confidence)
                low, high = np.clip(limits, -1, 1)
            row = {"corpus": corpus, **dict(zip(by, cell)), "speakers": sum(speakers)}
            rows.append(row | interval_columns("difference", value, low, high))
    columns = ["corpus", *by, "speakers", "difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=columns)


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
