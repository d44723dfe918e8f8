"""Paired comparison of systems on the same utterances, a difference a speaker."""

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from hump.evaluation.metrics import speaker_uar

__all__ = ["compare", "compare_families", "least_effect", "paired_test", "sign_flip", "verdict"]

# Speakers up to which all sign flips are tried, and how many are drawn beyond.
EXACT, FLIPS = 13, 9_999
POWER = 0.8
# Simulated experiments from which the power of the exact test is read; its error is 1 %.
EXPERIMENTS = 2_000


def compare(predictions, pairs, settings, *, seed) -> pd.DataFrame:
    """Paired tests: is one system better than another on the same utterances?

    Each speaker gives one difference of UARs (mean over repeats). The exact sign-flip test of
    their mean assumes only that under the null hypothesis a difference is as likely as its
    opposite, as of systems that could be exchanged. (Differences that average 0 but are as skewed
    as an exponential break that: with six speakers or more it then errs in 7 to 10 % of tests, and
    in up to 17 % of families of five.) One call is one family: p-values are corrected, by Holm, for
    all rows of its table.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns comparison, system, corpus, repeat, speaker, emotion, predicted.
    pairs : list of tuple of str, or dict of str to such a list
        Systems (a, b), of all comparisons or by comparison; the difference is a - b. A pair that a
        comparison does not have is left out.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row a comparison and pair: comparison, a, b, the columns of `paired_test`, ``family``
        (how many rows were corrected for together) and p_holm.
    """
    lines = []
    for comparison, part in predictions.groupby("comparison", sort=True):
        runs = speaker_uar(part, ["system", "corpus", "speaker", "repeat"])
        values = runs.groupby(["system", "corpus", "speaker"]).mean().unstack("system")
        for a, b in pairs.get(comparison, ()) if isinstance(pairs, dict) else pairs:
            if a not in values or b not in values:
                continue
            difference = (values[a] - values[b]).dropna().to_numpy()
            if len(difference):
                facts = {"comparison": comparison, "a": a, "b": b}
                lines.append(facts | paired_test(difference, settings, seed=seed))
    table = pd.DataFrame(lines)
    if len(table):
        table["family"] = len(table)
        table["p_holm"] = multipletests(table["p"], method="holm")[1]
    return table


def compare_families(predictions, families, settings, *, seed) -> pd.DataFrame:
    """Paired tests in several families, so that a few questions need not pay for many others.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `compare`.
    families : dict
        Name of a family -> its pairs, as `compare` takes them. Fixed before results are seen.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        As `compare`, with p_holm within each family, and its name as ``question``.
    """
    parts = [
        compare(predictions, pairs, settings, seed=seed).assign(question=name)
        for name, pairs in families.items()
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def verdict(row, family: int, settings) -> str:
    """What a paired test allows one to say of system a.

    Parameters
    ----------
    row : namedtuple or pandas.Series
        A line of `compare`.
    family : int
        Comparisons that Holm's correction is for.
    settings : EvaluationParams

    Returns
    -------
    str
        ``better``, ``worse``, ``not decided``, or that so few speakers could not decide it.
    """
    level = 1 - settings.confidence
    if row.p_holm < level:
        return "better" if row.difference > 0 else "worse"
    if row.p_least * family > level:
        return f"cannot be decided with {row.speakers:g} speakers"
    return "not decided"


def paired_test(difference, settings, *, seed) -> dict[str, float]:
    """Test whether the mean of the speakers' differences is 0, and say what could be found.

    Parameters
    ----------
    difference : numpy.ndarray of float, shape (speakers,)
    settings : EvaluationParams
    seed : int
        As `sign_flip`.

    Returns
    -------
    dict
        ``speakers``; ``difference`` (mean) with ``_low`` and ``_high`` (Student's t, speakers - 1
        degrees of freedom; NaN of one speaker); ``p``; ``p_least``, the smallest p that so many
        speakers can give; ``detectable``, the true mean difference that would be found in 80 % of
        studies of so many speakers, if differences were normal and spread as those observed, at the
        level 1 - confidence before Holm's correction; NaN where p_least is above that level.
    """
    speakers, level = len(difference), 1 - settings.confidence
    mean, flips = difference.mean(), _flips(speakers, seed)
    low = high = spread = np.nan
    if speakers > 1:
        spread = difference.std(ddof=1)
        reach = stats.t.ppf(1 - level / 2, speakers - 1) * spread / np.sqrt(speakers)
        low, high = max(mean - reach, -1.0), min(mean + reach, 1.0)
    return {
        "speakers": speakers, "difference": mean, "difference_low": low, "difference_high": high,
        "p": float(_share_as_large(flips @ difference)), "p_least": 1 / len(flips),
        "detectable": least_effect(speakers, level) * spread,
    }  # fmt: skip


def sign_flip(differences, *, seed=0) -> np.ndarray:
    """Two-sided sign-flip test of means, as `scipy.stats.permutation_test` of kind ``samples``.

    Parameters
    ----------
    differences : numpy.ndarray of float, shape (tests, speakers)
    seed : int
        Beyond 13 speakers 9,999 flips, drawn with it, stand for all.

    Returns
    -------
    numpy.ndarray of float, shape (tests,)
        p-values.
    """
    return _share_as_large(_flips(differences.shape[1], seed) @ differences.T)


@lru_cache(maxsize=8)
def _flips(speakers, seed):
    """Signs, shape (flips, speakers); the first row flips nothing.

    A flip and its opposite give sums of one size, so the first sign can be kept.
    """
    if speakers <= EXACT:
        free = speakers - 1
        rest = np.indices((2,) * free).reshape(free, 2**free).T
        return np.hstack([np.ones((2**free, 1)), 1.0 - 2 * rest])
    drawn = np.random.default_rng(seed).choice([-1.0, 1.0], (FLIPS, speakers))
    return np.vstack([np.ones(speakers), drawn])


def _share_as_large(sums):
    sizes = np.abs(sums)
    # Equal sums differ in their last digits.
    return np.mean(sizes >= sizes[0] - 1e-12, axis=0)


@lru_cache
def least_effect(speakers: int, level: float) -> float:
    """Smallest mean that the sign-flip test finds with a power of 80 %, in standard deviations.

    Parameters
    ----------
    speakers : int
    level : float

    Returns
    -------
    float
        Of normal differences: up to 13 speakers from simulations of the exact test; beyond, where
        the two agree, from the power of the t test. NaN if no p is as small as `level`.
    """
    if speakers > EXACT:
        return float(TTestPower().solve_power(nobs=speakers, alpha=level, power=POWER))
    signs = _flips(speakers, 0)
    if 1 / len(signs) > level:
        return np.nan
    sums = signs @ np.random.default_rng(0).standard_normal((speakers, EXPERIMENTS))
    moved = signs.sum(axis=1, keepdims=True)

    def surplus(effect):
        return np.mean(_share_as_large(sums + effect * moved) <= level) - POWER

    return float(optimize.bisect(surplus, 0.0, 20.0, xtol=1e-3))
