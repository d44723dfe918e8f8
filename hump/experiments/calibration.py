"""Is a model as often right as it is confident, and does temperature scaling correct it?

Expected calibration error (ECE) and temperature scaling as in Guo et al. (2017), "On calibration of
modern neural networks" (arXiv:1706.04599). ECE is never 0 with finite data, so it stands beside
what a calibrated model would show by chance.
"""

import numpy as np
import pandas as pd
from scipy import optimize, special

from hump.experiments import means
from hump.training import fit
from hump.training.dataset import Data

# Guo et al. use 15; targets here have a few hundred utterances.
BINS = 10
# Where every held-out utterance is right, the loss keeps falling with the temperature.
COLDEST, HOTTEST = 0.1, 10.0
# Simulated sets of labels.
DRAWS = 1000
CELL = ["corpus", "fraction", "scaling"]


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities after dividing the logits by a temperature.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, classes)
    temperature : float
        Above 1 lowers confidence. No decision changes.

    Returns
    -------
    numpy.ndarray, float64, shape (n, classes)
    """
    # Logits are known up to a constant, which the softmax takes away again.
    return special.softmax(_log(probabilities) / temperature, axis=1)


def _log(probabilities):
    tiny = np.finfo(np.float32).tiny
    return np.log(np.maximum(np.asarray(probabilities, np.float64), tiny))


def fit_temperature(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """The temperature with the least negative log-likelihood, in [0.1, 10].

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, classes)
        Of utterances that the model was not trained on, and that do not test it.
    classes : numpy.ndarray of int, shape (n,)

    Returns
    -------
    float
    """
    logits, row = _log(probabilities), np.arange(len(classes))

    def loss(log_temperature):
        scaled = special.log_softmax(logits / np.exp(log_temperature), axis=1)
        return -scaled[row, classes].mean()

    # Convex in 1 / T, so with one minimum in log T.
    bounds = np.log([COLDEST, HOTTEST])
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def _bins(confidence, mass):
    if mass:
        inner = np.quantile(confidence, np.linspace(0, 1, BINS + 1)[1:-1])
        return np.searchsorted(inner, confidence)
    return np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)


def ece(confidence, right, *, mass: bool = False) -> float:
    """Expected calibration error.

    Parameters
    ----------
    confidence : array_like of float, shape (n,)
        Probability of the predicted class.
    right : array_like of bool, shape (n,)
    mass : bool
        `BINS` bins of equally many utterances rather than of equal width.

    Returns
    -------
    float
        Mean over utterances of the difference, in their bin, of mean confidence and accuracy.

    Examples
    --------
    >>> round(ece([0.9] * 10, [True] * 7 + [False] * 3), 6)
    0.2
    """
    confidence = np.asarray(confidence, float)
    gap = np.bincount(_bins(confidence, mass), np.asarray(right, float) - confidence)
    return float(np.abs(gap).sum() / len(confidence))


def ece_by_chance(confidence, quantile: float, *, seed: int) -> float:
    """Quantile of the ECE (equal width) that a calibrated model shows by chance.

    Parameters
    ----------
    confidence : array_like of float, shape (n,)
    quantile : float
    seed : int

    Returns
    -------
    float
        Quantile over simulated labels: each utterance is right as often as its confidence says,
        independently of the others.
    """
    confidence, rng = np.asarray(confidence, float), np.random.default_rng(seed)
    drawn = [ece(confidence, rng.random(len(confidence)) < confidence) for _ in range(DRAWS)]
    return float(np.quantile(drawn, quantile))


def measure(net, data: Data, split) -> dict:
    """What a fold tells of a model's probabilities: for JSON, and for `scored`.

    Parameters
    ----------
    net : HumpCat
    data : Data
    split : Split
        Its validation rows fit the temperature; its test rows are described.

    Returns
    -------
    dict
        test, probabilities, n_calibration, temperature (NaN without validation rows).
    """
    held, fitted = split.validation, np.nan
    if len(held):
        fitted = fit_temperature(fit.predict(net, data, held), data.classes[held])
    probabilities = fit.predict(net, data, split.test).tolist()
    facts = {"n_calibration": len(held), "temperature": fitted}
    return {"test": split.test.tolist(), "probabilities": probabilities} | facts


def scored(data: Data, results, fraction: float) -> pd.DataFrame:
    """A row an utterance and scaling: how confident models were, and whether they were right.

    Parameters
    ----------
    data : Data
    results : list of dict
        As `measure`, with fold and n_train.
    fraction : float
        Of the data that trained, where n_train is not 0.

    Returns
    -------
    pandas.DataFrame
        As for `summarise`.
    """
    parts = [_scored(data, one, fraction) for one in results if one["test"]]
    return pd.concat(parts, ignore_index=True)


def _scored(data, result, fraction):
    probabilities, fitted = np.array(result["probabilities"]), result["temperature"]
    rows, true = data.rows.iloc[result["test"]], data.classes[result["test"]]
    facts = {key: result[key] for key in ("fold", "n_train", "n_calibration")}
    facts |= {"corpus": data.corpus, "fraction": fraction if result["n_train"] else 0.0}
    facts |= {name: rows[name].to_numpy() for name in ("utterance_id", "speaker")}
    scaled = [("none", 1.0, probabilities)]
    if not np.isnan(fitted):
        scaled.append(("temperature", fitted, scale(probabilities, fitted)))
    parts = []
    for name, temperature, p in scaled:
        likelihood = np.maximum(p[np.arange(len(true)), true], np.finfo(np.float32).tiny)
        part = pd.DataFrame({"scaling": name, "temperature": temperature, **facts})
        right = p.argmax(axis=1) == true
        parts.append(part.assign(confidence=p.max(axis=1), right=right, nll=-np.log(likelihood)))
    return pd.concat(parts)


def temperature(table: pd.DataFrame | None) -> float | None:
    """The median over folds, to be stored with a model; None without a table.

    Parameters
    ----------
    table : pandas.DataFrame or None
        Of one corpus, with temperatures at one share of its data.
    """
    rows = [] if table is None else table.loc[table["scaling"] == "temperature", "temperature"]
    return float(rows.iloc[0]) if len(rows) else None


def summarise(scored: pd.DataFrame, settings, *, seed: int) -> pd.DataFrame:
    """A row a share of data and scaling: how far confidence and accuracy are apart.

    Parameters
    ----------
    scored : pandas.DataFrame
        A row an utterance: corpus, fraction, scaling (``none`` or ``temperature``), fold, n_train,
        n_calibration, temperature, utterance_id, speaker, confidence, right, nll.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns corpus, fraction, scaling, n_train and n_calibration (medians of the folds),
        temperature (median of the folds, and the lowest and highest), utterances, speakers,
        accuracy, confidence, ece, ece_mass, ece_by_chance, and, with intervals over speakers,
        overconfidence (confidence - accuracy), nll, and nll_change by the temperature.
    """
    before = scored[scored["scaling"] == "none"].set_index(["fraction", "utterance_id"])["nll"]
    keys = pd.MultiIndex.from_frame(scored[["fraction", "utterance_id"]])
    scored = scored.assign(
        overconfidence=scored["confidence"] - scored["right"],
        nll_change=scored["nll"].to_numpy() - before.reindex(keys).to_numpy(),
    )
    lines = []
    for cell, part in scored.groupby(CELL, sort=True):
        folds = part.drop_duplicates("fold")
        confidence, right, fitted = part["confidence"], part["right"], folds["temperature"]
        line = {name: int(folds[name].median()) for name in ("n_train", "n_calibration")}
        line |= {
            "temperature": fitted.median(), "temperature_lowest": fitted.min(),
            "temperature_highest": fitted.max(), "utterances": len(part),
            "speakers": part["speaker"].nunique(), "accuracy": right.mean(),
            "confidence": confidence.mean(), "ece": ece(confidence, right),
            "ece_mass": ece(confidence, right, mass=True),
            "ece_by_chance": ece_by_chance(confidence, settings.confidence, seed=seed),
        }  # fmt: skip
        columns = ("overconfidence", "nll", "nll_change")
        line |= means(part, columns, settings=settings, seed=seed)
        lines.append(dict(zip(CELL, cell)) | line)
    return pd.DataFrame(lines)


def reliability(scored: pd.DataFrame, settings, *, seed: int) -> pd.DataFrame:
    """Accuracy in each bin of confidence that has utterances.

    Parameters
    ----------
    scored, settings, seed
        As `summarise`.

    Returns
    -------
    pandas.DataFrame
        Columns corpus, fraction, scaling, bin (its middle), utterances, confidence (mean),
        accuracy, accuracy_low, accuracy_high.
    """
    middle = (_bins(scored["confidence"].to_numpy(), mass=False) + 0.5) / BINS
    scored, lines = scored.assign(bin=middle, accuracy=scored["right"]), []
    for cell, part in scored.groupby([*CELL, "bin"], sort=True):
        line = {"utterances": len(part), "confidence": part["confidence"].mean()}
        line |= means(part, ["accuracy"], settings=settings, seed=seed)
        lines.append(dict(zip([*CELL, "bin"], cell)) | line)
    return pd.DataFrame(lines)
