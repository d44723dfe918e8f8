"""Where the variance of a result comes from: speakers, folds, draws of training data, seeds."""

import numpy as np
import pandas as pd

from hump.evaluation.metrics import speaker_uar

__all__ = ["components", "variance"]

# Singular values below this share of the largest are 0: a factor adds nothing there.
TOLERANCE = 1e-9


def variance(predictions: pd.DataFrame, by) -> pd.DataFrame:
    """Split the variance of UAR between one speaker's one run and another's.

    The observations are the UARs of speakers in runs; the factors are nested random effects,
    estimated by `components`: the fold, the speaker in it, the draw of training data (``repeat``)
    in the fold, and, if there is a column ``seed``, the seed (initial weights, order, dropout) in
    the draw. Without that column a repeat changes both. What the data cannot tell apart is one
    component, named after all that it holds: with one speaker a fold, fold and speaker are one,
    and the last factor holds whatever else differs between runs.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns repeat, fold, speaker, emotion, predicted, those of `by`, and perhaps seed.
    by : list of str
        Columns that name a cell.

    Returns
    -------
    pandas.DataFrame
        One row a cell and component: `by`, ``component``, ``levels`` (how many of them there were),
        and the columns of `components`.
    """
    runs = [name for name in ("fold", "speaker", "repeat", "seed") if name in predictions]
    lines = []
    for cell, part in predictions.groupby(by, sort=True, dropna=False):
        values = speaker_uar(part, runs).rename("uar").reset_index()
        found = components(values["uar"].to_numpy(), _factors(values))
        lines.append(found.assign(**dict(zip(by, cell)))[[*by, *found]])
    return pd.concat(lines, ignore_index=True)


def _factors(values):
    """Level numbers of each factor; those that cannot be told apart are named together."""
    keys = {"fold": ["fold"], "speaker": ["fold", "speaker"], "draw": ["fold", "repeat"]}
    if "seed" in values:
        keys["seed"] = ["fold", "repeat", "seed"]
    factors = {}
    for name, columns in keys.items():
        levels = values.groupby(columns, sort=True).ngroup().to_numpy()
        same = [k for k, other in factors.items() if np.array_equal(other, levels)]
        label = name if name != "draw" or "seed" in values else "draw and seed"
        if same:
            label = f"{same[0]} and {label}"
            factors = {label if k == same[0] else k: v for k, v in factors.items()}
        else:
            factors[label] = levels
    return factors


def components(values, factors: dict) -> pd.DataFrame:
    """Variance components of random effects by sequential analysis of variance.

    Each factor's sum of squares, after those before it, is equated to its expectation (Henderson's
    method 3; Searle, Casella & McCulloch (1992), Variance Components, chapter 5,
    doi:10.1002/9780470316856). It needs no balance, and of balanced data gives what textbooks' mean
    squares do. An estimate below 0 is given as 0.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (n,)
    factors : dict of str to numpy.ndarray of int, shape (n,)
        Level numbers, outer factors first.

    Returns
    -------
    pandas.DataFrame
        One row a factor and one ``rest`` (unless no degree of freedom is left): component, levels,
        ``variance`` and ``deviation`` of one observation, ``share`` of the sum, and
        ``deviation_of_mean``, what the component leaves in the mean of all observations. Factors
        that add nothing to those before them (such as one with a single level) are left out.
    """
    n = len(values)
    designs = {k: np.equal.outer(v, np.unique(v)).astype(float) for k, v in factors.items()}
    designs["rest"] = np.eye(n)
    basis, names, squares, bases = np.full((n, 1), n**-0.5), [], [], []
    for name, design in designs.items():
        added = _orthonormal(design - basis @ (basis.T @ design))
        if added.shape[1]:
            names.append(name)
            squares.append(np.sum((added.T @ values) ** 2))
            bases.append(added)
            basis = np.hstack([basis, added])
    # Expected sums of squares are linear in the components, and triangular.
    system = [[np.sum((added.T @ designs[name]) ** 2) for name in names] for added in bases]
    estimate = np.maximum(np.linalg.solve(system, squares), 0) if names else np.empty(0)
    shares = [np.sum(designs[name].mean(axis=0) ** 2) for name in names]
    return pd.DataFrame({
        "component": names,
        "levels": [designs[name].shape[1] for name in names],
        "variance": estimate,
        "deviation": np.sqrt(estimate),
        "share": estimate / estimate.sum() if estimate.sum() > 0 else np.nan,
        "deviation_of_mean": np.sqrt(estimate * shares),
    })  # fmt: skip


def _orthonormal(matrix):
    left, size, _ = np.linalg.svd(matrix, full_matrices=False)
    return left[:, size > TOLERANCE * max(size.max(initial=0), 1)]
