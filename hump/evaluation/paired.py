"""Paired tests of the difference in UAR of two systems on the same utterances."""

import itertools
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import optimize
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from hump.evaluation.differences import apart, interval, standard_error

# All sign flips are tried for up to `EXACT` speakers; for more, `FLIPS` are drawn.
EXACT, FLIPS = 13, 9_999
POWER = 0.8
# Simulated experiments that estimate the power of the exact test, with an error of 1 %.
EXPERIMENTS = 2_000


def compare(predictions, pairs, settings, *, seed, declared: int = 0) -> pd.DataFrame:
    """Test whether one system is better than another on the same utterances.

    The sign-flip test exchanges the two systems' predictions of a speaker, and so flips what the
    speaker adds to the difference in UAR (mean over repeats, and over corpora if the comparison
    has several). It assumes that, under the null hypothesis, a difference is as likely as its
    opposite, which holds for systems that could be exchanged. For differences that
    average 0 but are as skewed as an exponential distribution, and six speakers or more, the test
    errs in 7 to 10 % of cases, and in up to 17 % of families of five. All rows of the table
    are one family: their p-values are corrected together, by Holm's method.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns comparison, system, corpus, repeat, speaker, emotion, predicted.
    pairs : list of tuple of str, or dict of str to such a list
        Systems (a, b) for all comparisons, or for each comparison by name; the difference is
        a - b. A pair is left out of a comparison that lacks one of its systems.
    settings : EvaluationParams
    seed : int
    declared : int
        Number of tests that the family was declared to have, if some were not made: the others are
        corrected for them too.

    Returns
    -------
    pandas.DataFrame
        One row a comparison and pair: comparison, a, b, the columns of `paired_test`, ``family``
        (number of rows corrected together) and p_holm; ``detectable`` is the true difference that
        80 % of studies with so many speakers and comparisons would find, if it were the only one
        of its family and speakers differed as they do here, normally distributed (NaN if no p can
        be small enough).
    """
    rows = []
    for comparison, part in predictions.groupby("comparison", sort=True):
        for a, b in pairs.get(comparison, ()) if isinstance(pairs, dict) else pairs:
            parts = apart(part, "system", a, b)
            if parts:
                test = paired_test(parts, settings, seed=seed)
                rows.append({"comparison": comparison, "a": a, "b": b} | test)
    table = pd.DataFrame(rows)
    if len(table):
        table["family"] = family = max(declared, len(table))
        every = np.append(table["p"], np.ones(family - len(table)))
        table["p_holm"] = multipletests(every, method="holm")[1][: len(table)]
        # The smallest p of a family must be below this level.
        level = (1 - settings.confidence) / family
        effects = [least_effect(count, level) for count in table["speakers"]]
        table["detectable"] = table.pop("deviation") * effects
    return table


def compare_families(predictions, families: dict, settings, *, seed) -> pd.DataFrame:
    """Paired tests in several families, so that the tests of one do not weaken those of another.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As in `compare`.
    families : dict
        Name of a family -> its pairs, as in `compare`. To be fixed before results are known.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        As `compare` returns it, with p_holm corrected within each family, and the family's name
        as ``question``.
    """
    parts = [
        compare(predictions, pairs, settings, seed=seed).assign(question=name)
        for name, pairs in families.items()
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def verdict(row, family: int, settings) -> str:
    """Conclusion about system a that a paired test allows.

    Parameters
    ----------
    row : namedtuple or pandas.Series
        A row of `compare`.
    family : int
        Number of tests that Holm's correction covers.
    settings : EvaluationParams

    Returns
    -------
    str
        ``better``, ``worse``, ``not decided``, or that the test has too few speakers to decide.
        The first two need a small p, which is of speakers alone, and an interval without 0, which
        covers other trainings too.
    """
    level = 1 - settings.confidence
    if row.p_holm < level and not row.difference_low <= 0 <= row.difference_high:
        return "better" if row.difference > 0 else "worse"
    if row.p_least * family > level:
        return f"cannot be decided with {row.speakers:g} speakers"
    return "not decided"


def paired_test(parts, settings, *, seed) -> dict:
    """Test whether a difference in UAR, mean over corpora, is 0.

    Parameters
    ----------
    parts : list of tuple
        As `hump.evaluation.differences.apart` returns them.
    settings : EvaluationParams
    seed : int
        As in `sign_flip`.

    Returns
    -------
    dict of str to float
        ``speakers``; ``difference`` with ``_low`` and ``_high``; ``p``; ``p_least``, the smallest p
        that is possible with so many speakers; ``deviation``, the standard error times the square
        root of the number of speakers: for one corpus their standard deviation.
    """
    flipped = np.concatenate([part.mean(axis=1) for part, *_ in parts])
    speakers = len(flipped)
    return {
        "speakers": speakers,
        **interval(parts, settings.confidence),
        "p": float(sign_flip(flipped[None], seed=seed)[0]),
        "p_least": 1 / len(_flips(speakers, seed)),
        "deviation": standard_error(parts)[0] * np.sqrt(speakers),
    }


def sign_flip(differences: np.ndarray, *, seed=0) -> np.ndarray:
    """Two-sided sign-flip test of means, as `scipy.stats.permutation_test` of kind ``samples``.

    Parameters
    ----------
    differences : numpy.ndarray, shape (tests, speakers), float64
    seed : int
        For more than 13 speakers, seed of the 9,999 sign flips that are drawn.

    Returns
    -------
    numpy.ndarray, shape (tests,), float64
        p-values.
    """
    return _share_as_large(_flips(differences.shape[1], seed) @ differences.T)


@lru_cache(maxsize=8)
def _flips(speakers, seed):
    """Signs, shape (flips, speakers); the first row flips nothing.

    A flip and its opposite give sums of the same size, so the first sign is never flipped.
    """
    if speakers <= EXACT:
        rest = itertools.product((1.0, -1.0), repeat=speakers - 1)
        return np.array([(1.0, *signs) for signs in rest])
    drawn = np.random.default_rng(seed).choice([-1.0, 1.0], (FLIPS, speakers))
    return np.vstack([np.ones(speakers), drawn])


def _share_as_large(sums):
    sizes = np.abs(sums)
    # Sums that are equal in theory may differ in their last digits.
    return np.mean(sizes >= sizes[0] - 1e-12, axis=0)


@lru_cache
def least_effect(speakers: int, level: float) -> float:
    """Smallest mean that the sign-flip test detects with a power of 80 %.

    Parameters
    ----------
    speakers : int
    level : float
        Level of significance.

    Returns
    -------
    float
        In standard deviations of normally distributed differences: from simulations of the exact
        test up to 13 speakers, and from the power of the t test beyond, where the two agree. NaN if
        no p is as small as `level`.
    """
    if speakers > EXACT:
        # A number, or where statsmodels falls back on another solver an array of one.
        found = TTestPower().solve_power(nobs=speakers, alpha=level, power=POWER)
        return np.asarray(found).item()
    signs = _flips(speakers, 0)
    if 1 / len(signs) > level:
        return np.nan
    sums = signs @ np.random.default_rng(0).standard_normal((speakers, EXPERIMENTS))
    shift = signs.sum(axis=1, keepdims=True)

    def surplus(effect):
        return np.mean(_share_as_large(sums + effect * shift) <= level) - POWER

    return float(optimize.bisect(surplus, 0.0, 20.0, xtol=1e-3))
