"""A mean over utterances, and how much it depends on who was recorded."""

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["mean_over_speakers"]


def mean_over_speakers(values, speakers, settings, *, seed: int) -> tuple[float, float, float]:
    """Mean over utterances, with an interval by bootstrap over speakers, widened for few of them.

    As `hump.evaluation.intervals` has it: the bootstrap's variance is short of S / (S - 1), and
    Student's t with S - 1 degrees of freedom stands for the normal distribution.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        One an utterance; NaN is left out.
    speakers : array_like of str, shape (n,)
    settings : EvaluationParams
        Resamples and confidence.
    seed : int
        The same for numbers that are compared: equal speakers are then resampled alike.

    Returns
    -------
    mean, low, high : float
        Within the range of the values. NaN without values; without an interval if there is one
        speaker.
    """
    rows = pd.DataFrame({"speaker": np.asarray(speakers), "value": np.asarray(values, float)})
    sums = rows.dropna().groupby("speaker")["value"].agg(["sum", "count"]).to_numpy(float).T
    if not sums.size:
        return np.nan, np.nan, np.nan
    mean = float(_ratio(*sums))
    if sums.shape[1] == 1:
        return mean, np.nan, np.nan
    found = stats.bootstrap(
        tuple(sums), _ratio, paired=True, vectorized=True, method="percentile",
        n_resamples=settings.resamples, rng=np.random.default_rng(seed),
    )  # fmt: skip
    count = sums.shape[1]
    deviation = found.standard_error * np.sqrt(count / (count - 1))
    reach = stats.t.ppf((1 + settings.confidence) / 2, count - 1) * deviation
    least, most = rows["value"].min(), rows["value"].max()
    return mean, min(mean, max(mean - reach, least)), max(mean, min(mean + reach, most))


def _ratio(total, count, axis=-1):
    return total.sum(axis=axis) / count.sum(axis=axis)
