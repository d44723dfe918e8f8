"""Components of the variance of a result: speakers, folds, draws of training data, seeds."""

import numpy as np
import pandas as pd

from hump.evaluation.metrics import speaker_uar

# Singular values below this share of the largest, or of 1 if that is more, count as 0.
TOLERANCE = 1e-9


def variance(predictions: pd.DataFrame, by) -> pd.DataFrame:
    """Split the variance of UAR over speakers and runs into components.

    The observations are the UARs of each speaker in each run. The factors are nested random
    effects, estimated by `components`: the fold, the speaker in the fold, the draw of training data
    (``repeat``) in the fold, and, if there is a column ``seed``, the seed (of initial weights,
    order and dropout) in the draw. Without that column a repeat changes both draw and seed. Factors
    that the data cannot separate are one component with a joint name: with one speaker a fold,
    ``fold and speaker``. The last component contains all other differences between runs.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns repeat, fold, speaker, emotion, predicted, those of `by`, and perhaps seed.
    by : list of str
        Columns that identify a cell.

    Returns
    -------
    pandas.DataFrame
        One row a cell and component: `by` and the columns of `components`.
    """
    keys = [name for name in ("fold", "speaker", "repeat", "seed") if name in predictions]
    tables = []
    for cell, part in predictions.groupby(by, sort=True, dropna=False):
        uars = speaker_uar(part, keys).rename("uar").reset_index()
        table = components(uars["uar"].to_numpy(), _factors(uars))
        tables.append(table.assign(**dict(zip(by, cell)))[[*by, *table]])
    return pd.concat(tables, ignore_index=True)


def _factors(uars):
    """Level numbers of each factor; factors with the same levels are merged."""
    keys = {"fold": ["fold"], "speaker": ["fold", "speaker"], "draw": ["fold", "repeat"]}
    if "seed" in uars:
        keys["seed"] = ["fold", "repeat", "seed"]
    else:
        keys["draw and seed"] = keys.pop("draw")
    factors = {}
    for name, columns in keys.items():
        levels = uars.groupby(columns, sort=True).ngroup().to_numpy()
        same = next((k for k, other in factors.items() if np.array_equal(other, levels)), None)
        joint = f"{same} and {name}" if same else name
        factors = {joint if k == same else k: v for k, v in factors.items()} | {joint: levels}
    return factors


def components(values: np.ndarray, factors: dict) -> pd.DataFrame:
    """Variance components of random effects by sequential analysis of variance.

    The sum of squares of each factor, after those before it, is set equal to its expected value
    (Henderson's method 3; Searle, Casella & McCulloch (1992), Variance Components, chapter 5,
    doi:10.1002/9780470316856). The data need not be balanced; for balanced data the result is that
    of the usual mean squares. Negative estimates are set to 0.

    Parameters
    ----------
    values : numpy.ndarray, shape (observations,), float64
    factors : dict of str to numpy.ndarray, shape (observations,), int
        Level numbers of each factor, outer factors first.

    Returns
    -------
    pandas.DataFrame
        One row a factor, and one ``rest`` if degrees of freedom are left: component, levels (their
        number), ``variance`` and ``deviation`` (standard deviation) of one observation, ``share``
        of the total variance, and ``deviation_of_mean``, the standard deviation that the component
        adds to the mean of all observations. Factors that add nothing to those before them, such as
        one with a single level, are left out.
    """
    n = len(values)
    designs = {k: np.equal.outer(v, np.unique(v)).astype(float) for k, v in factors.items()}
    designs["rest"] = np.eye(n)
    basis, added = np.full((n, 1), n**-0.5), {}
    for name, design in designs.items():
        left, size, _ = np.linalg.svd(design - basis @ (basis.T @ design), full_matrices=False)
        columns = left[:, size > TOLERANCE * max(size.max(initial=0), 1)]
        if columns.shape[1]:
            added[name], basis = columns, np.hstack([basis, columns])
    squares = [np.sum((columns.T @ values) ** 2) for columns in added.values()]
    # Expected sums of squares are linear in the components, and triangular.
    system = [[np.sum((c.T @ designs[name]) ** 2) for name in added] for c in added.values()]
    estimate = np.maximum(np.linalg.solve(system, squares), 0) if added else np.empty(0)
    shares = [np.sum(designs[name].mean(axis=0) ** 2) for name in added]
    return pd.DataFrame({
        "component": list(added),
        "levels": [designs[name].shape[1] for name in added],
        "variance": estimate,
        "deviation": np.sqrt(estimate),
        "share": estimate / estimate.sum() if estimate.sum() > 0 else np.nan,
        "deviation_of_mean": np.sqrt(estimate * shares),
    })  # fmt: skip
