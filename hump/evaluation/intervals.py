"""Metrics and means with bootstrap intervals over speakers, widened for few speakers.

With four to twelve speakers the percentiles of a bootstrap are too narrow: in simulations, those of
four speakers contain the true value in 78 % of cases. There are two known reasons, and `widened`
corrects both. The variance of the bootstrap is (S - 1) / S of what it should be for S speakers,
since samples vary around the mean of these S speakers. A variance estimated from S speakers needs
Student's t distribution with S - 1 degrees of freedom in place of the normal distribution.

Intervals of metrics are computed on the logit scale, where the distribution is less skewed, so that
they stay inside [0, 1]. Bias-corrected percentiles (BCa) are no wider, and no better, than plain
ones. `benchmarks/results/intervals.json` compares the methods: the intervals of this module contain
the true value in 92 to 98 % of cases, 95 % on average, in every design but one, where most speakers
are near 1 and a few far below it; there it is 90 to 93 %.

Davison & Hinkley (1997), Bootstrap Methods and their Application, doi:10.1017/CBO9780511802843;
Hesterberg (2015), What Teachers Should Know About the Bootstrap, doi:10.1080/00031305.2015.1089789.
"""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from hump.evaluation.metrics import METRICS, confusions, scores


def bootstrap(counts: np.ndarray, resamples: int, seed) -> dict[str, np.ndarray]:
    """Metrics of all speakers, and of bootstrap samples of the speakers.

    Parameters
    ----------
    counts : numpy.ndarray, shape (repeats, speakers, classes, classes)
        As `hump.evaluation.confusions` returns them.
    resamples : int
    seed : int or sequence of int
        Equal seeds and numbers of speakers give equal samples.

    Returns
    -------
    dict of str to numpy.ndarray, shape (1 + resamples,), float64
        Keys are `METRICS`; values are means over repeats. The first is of all speakers.
    """
    speakers = counts.shape[1]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=resamples)
    weights = np.concatenate([np.ones((1, speakers)), drawn])
    values = scores(np.einsum("bs,rskl->brkl", weights, counts, optimize=True))
    return {name: value.mean(axis=1) for name, value in values.items()}


def widened(value, std, ratio, freedom, confidence: float) -> tuple[float, float]:
    """Interval of a value from the standard deviation of its bootstrap samples.

    Parameters
    ----------
    value, std : float
    ratio : float
        Variance that the bootstrap should have over the one it has: S / (S - 1) for S speakers.
    freedom : float
        Degrees of freedom of Student's t distribution: S - 1 for S speakers.
    confidence : float

    Returns
    -------
    low, high : float
    """
    reach = stats.t.ppf((1 + confidence) / 2, freedom) * (std * np.sqrt(ratio))
    return value - reach, value + reach


def interval_columns(name: str, value, low, high) -> dict[str, float]:
    """Name a value and its limits as columns of a table.

    Parameters
    ----------
    name : str
    value, low, high : float

    Returns
    -------
    dict of str to float
        Keys ``name``, ``name_low`` and ``name_high``.

    Examples
    --------
    >>> interval_columns("uar", 0.75, 0.5, 1.0)
    {'uar': 0.75, 'uar_low': 0.5, 'uar_high': 1.0}
    """
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def limits(drawn, speakers, utterances, confidence: float, runs=()) -> tuple[float, float]:
    """Interval of a metric's mean over corpora, or of the metric of one corpus.

    As in `hump.evaluation.differences`, the variance over other trainings joins that over speakers.

    Parameters
    ----------
    drawn : array_like of float, shape (corpora, 1 + resamples)
        The metric of each corpus, in [0, 1], as `bootstrap` returns it.
    speakers, utterances : array_like of int, shape (corpora,)
    confidence : float
    runs : sequence of numpy.ndarray, shape (repeats,), optional
        The metric of each repeat, by corpus.

    Returns
    -------
    low, high : float
        In [0, 1]; NaN if a corpus has one speaker only.
    """
    drawn, speakers = np.asarray(drawn, float), np.asarray(speakers, float)
    mean, samples, total = drawn[:, 0].mean(), drawn[:, 1:], float(np.sum(utterances))
    if (speakers < 2).any():
        return np.nan, np.nan
    if 0 < mean < 1:
        biased = samples.var(axis=1)
        unbiased = biased * speakers / (speakers - 1)
        if not unbiased.sum() > 0:  # the same for every speaker, as of a constant prediction
            return float(mean), float(mean)
        trained = over_trainings(runs)
        variance = unbiased.sum() + sum(part for part, _ in trained)
        # Welch and Satterthwaite's degrees of freedom; for one corpus and run, speakers - 1.
        spread = np.sum(unbiased**2 / (speakers - 1))
        spread += sum(part**2 / free for part, free in trained)
        freedom = variance**2 / spread
        std = _logit(samples.mean(axis=0), total).std()
        ratio = variance / biased.sum()
    else:
        # All correct, or all wrong: the error of so many independent utterances.
        correct = total * mean
        std, ratio = np.sqrt(1 / (correct + 0.5) + 1 / (total - correct + 0.5)), 1.0
        freedom = speakers.sum() - len(speakers)
    shares = expit(widened(_logit(mean, total), std, ratio, freedom, confidence))
    # Back to shares, without the half utterances that the empirical logit adds.
    low, high = np.clip((shares * (total + 1) - 0.5) / total, 0, 1)
    return float(low), float(high)


def over_trainings(runs) -> list[tuple[float, int]]:
    """What trainings add to the variance of a sum over corpora.

    Trainings of one number start from the same source model in every corpus, so that they may be
    good or bad in all of them together: they are added up over corpora first.

    Parameters
    ----------
    runs : sequence of numpy.ndarray, shape (repeats,)
        The metric of each repeat, by corpus. Corpora with other numbers of repeats than the others
        count as independent of these.

    Returns
    -------
    list of (float, int)
        Variances, to be added up, each with its degrees of freedom. One repeat alone shows none.
    """
    sums = {}
    for run in runs:
        sums[len(run)] = sums.get(len(run), 0.0) + np.asarray(run)
    return [(run.var(ddof=1) / n, n - 1) for n, run in sums.items() if n > 1]


def _logit(share, total):
    """Empirical logit: half an utterance more on either side keeps the logits of 0 and 1 finite."""
    return np.log((total * share + 0.5) / (total * (1 - share) + 0.5))


def mean_over_speakers(values, speakers, settings, *, seed) -> tuple[float, float, float]:
    """Mean over utterances, with a bootstrap interval over speakers.

    Parameters
    ----------
    values : array_like of float, shape (utterances,)
        NaN is left out.
    speakers : array_like of str, shape (utterances,)
    settings : EvaluationParams
    seed : int
        Equal seeds and numbers of speakers give equal samples, for numbers that are compared.

    Returns
    -------
    mean, low, high : float
        The interval lies within the range of the values. All are NaN without values, and the
        interval is NaN if there is one speaker only.
    """
    rows = pd.DataFrame({"speaker": np.asarray(speakers), "value": np.asarray(values, float)})
    rows = rows.dropna()
    if rows.empty:
        return np.nan, np.nan, np.nan
    sums = rows.groupby("speaker")["value"].agg(["sum", "count"]).to_numpy(float).T
    mean, count = float(_ratio(*sums)), sums.shape[1]
    if count == 1:
        return mean, np.nan, np.nan
    samples = stats.bootstrap(
        sums, _ratio, paired=True, method="percentile", n_resamples=settings.resamples, rng=seed
    )
    std = samples.standard_error
    low, high = widened(mean, std, count / (count - 1), count - 1, settings.confidence)
    least, most = rows["value"].min(), rows["value"].max()
    return mean, min(mean, max(low, least)), max(mean, min(high, most))


def _ratio(total, count, axis=-1):
    return total.sum(axis=axis) / count.sum(axis=axis)


def summarise(predictions, by, labels, settings, *, seed) -> pd.DataFrame:
    """Metrics with intervals for every cell of an experiment.

    The value of a cell is the mean over its repeats. Its interval comes from resampling speakers
    and, with several repeats, from the variance between them: it says how far the value would
    change with other speakers of the same kind and with other trainings of the model.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns repeat, speaker, utterance_id, emotion, predicted, n_train, and those of `by`.
    by : list of str
        Columns that identify a cell.
    labels : sequence of str
        All emotions in `predictions`.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row a cell: `by`, n_train and train_speakers (medians over trainings), rng_key (how the
        random numbers of the trainings are named), folds, utterances, speakers, repeats, uar_sd
        (standard deviation over repeats, NaN of a single one), and each metric with ``_low`` and
        ``_high``. Tables whose values differ for one system differ in
        some of these; those that `predictions` does not say are left out.
    """
    return _table(predictions, by, labels, settings, seed)


def average(predictions, by, labels, settings, *, seed) -> pd.DataFrame:
    """Mean over corpora of the metrics of every cell, with intervals.

    Corpora weigh the same, and the speakers of each corpus are resampled by themselves.

    Parameters
    ----------
    predictions, by, labels, settings, seed
        As in `summarise`; `by` does not contain the corpus, `predictions` has a column for it.

    Returns
    -------
    pandas.DataFrame
        As `summarise` returns it; counts are sums over corpora.
    """
    return _table(predictions, by, labels, settings, seed, over_corpora=True)


def _trainings(cell):
    """What a cell's models were trained on, and how."""
    known = [name for name in ("corpus", "repeat", "fold") if name in cell]
    runs = cell.groupby(known).first()
    sizes = [name for name in ("n_train", "train_speakers") if name in runs]
    facts = {name: int(runs[name].median()) for name in sizes}
    if "rng_key" in runs:
        facts["rng_key"] = ", ".join(sorted(runs["rng_key"].unique()))
    if "fold" in known:
        folds = [name for name in known if name != "repeat"]
        facts["folds"] = cell.drop_duplicates(folds).shape[0]
    return facts


def _table(predictions, by, labels, settings, seed, *, over_corpora=False):
    rows = []
    for key, cell in predictions.groupby(by, sort=True, dropna=False):
        corpora, seeds = [cell], [seed]
        if over_corpora:
            corpora = [corpus for _, corpus in cell.groupby("corpus", sort=True)]
            seeds = [[seed, number] for number in range(len(corpora))]
        counts = [confusions(corpus, labels) for corpus in corpora]
        speakers = [count.shape[1] for count in counts]
        utterances = [corpus["utterance_id"].nunique() for corpus in corpora]
        row = dict(zip(by, key)) | _trainings(cell)
        row |= {"utterances": sum(utterances), "speakers": sum(speakers)}
        row["repeats"] = cell["repeat"].nunique()
        metrics = [bootstrap(c, settings.resamples, s) for c, s in zip(counts, seeds)]
        # One corpus: (repeats, speakers, classes, classes) -> a metric of each repeat.
        trainings = [scores(count.sum(axis=1)) for count in counts]
        row["uar_sd"] = _deviation([runs["uar"] for runs in trainings])
        for name in METRICS:
            drawn, runs = np.array([m[name] for m in metrics]), [run[name] for run in trainings]
            low, high = limits(drawn, speakers, utterances, settings.confidence, runs)
            row |= interval_columns(name, drawn[:, 0].mean(), low, high)
        rows.append(row)
    return pd.DataFrame(rows)


def _deviation(runs):
    """Standard deviation of one repeat's mean over corpora."""
    if min(map(len, runs)) < 2:
        return np.nan
    variance = sum(part * (free + 1) for part, free in over_trainings(runs))
    return float(np.sqrt(variance) / len(runs))
