"""Predictions of anybody's system, scored on the study's folds beside the study's own systems."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hump.errors import HumpError
from hump.evaluation.intervals import summarise
from hump.evaluation.paired import compare

YOURS = "your system"
_TEXT = ("utterance_id", "predicted", "fold", "speaker", "emotion")


@dataclass(frozen=True)
class Score:
    """What `score` found.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a system: as `hump.evaluation.summarise`.
    tests : pandas.DataFrame
        A row a system of the study: as `hump.evaluation.compare`, in one family; empty without any.
    """

    table: pd.DataFrame
    tests: pd.DataFrame


def score(predictions, *, corpus, folds, settings, against=None, seed: int = 1) -> Score:
    """Score predictions on the test rows of a corpus's folds.

    Whether a prediction comes from a model that has not seen the speaker cannot be checked here:
    train one model for each fold, on its training speakers, and predict its test rows with it.

    Parameters
    ----------
    predictions : str, Path or pandas.DataFrame
        A CSV file with columns utterance_id and predicted, perhaps fold (checked) and repeat (a
        number; every repeat predicts every test row).
    corpus : pandas.DataFrame
        The manifest, as `hump.corpora.read`.
    folds : sequence of Fold
        As `hump.corpora.frozen`.
    settings : EvaluationParams
        ``evaluation`` of a parameter file.
    against : str, Path or pandas.DataFrame, optional
        The study's own predictions: ``tables/predictions_<corpus>.csv``. Those for unseen speakers
        at the largest fraction are compared, on the same rows.
    seed : int

    Returns
    -------
    Score

    Raises
    ------
    HumpError
        A column, utterance or label is missing, unknown or there twice, or an utterance is in
        another fold; or the study's predictions are of other utterances. The message names the
        first.
    """
    rows = _test_rows(corpus, folds)
    systems = [_yours(_read(predictions), rows, predictions)]
    if against is not None:
        systems.append(_ours(_read(against), rows, against))
    every = pd.concat(systems, ignore_index=True)
    labels = sorted(rows["emotion"].unique())
    table = summarise(every, ["corpus", "system"], labels, settings, seed=seed)
    pairs = [(YOURS, name) for name in every["system"].unique() if name != YOURS]
    tests = compare(every.assign(comparison=rows["corpus"].iloc[0]), pairs, settings, seed=seed)
    return Score(table, tests)


def _read(predictions):
    if isinstance(predictions, pd.DataFrame):
        return predictions
    file = Path(predictions).expanduser()
    if not file.is_file():
        raise HumpError(f"{file}: no such file of predictions")
    return pd.read_csv(file, dtype=dict.fromkeys(_TEXT, "string"))


def _test_rows(corpus, folds):
    """Utterances in use, with the fold that tests each."""
    used = corpus[corpus["emotion"].notna()]
    if "excluded" in used:
        used = used[used["excluded"].isna()]
    parts = []
    for fold in folds:
        tested = used["speaker"].isin(fold.test)
        if fold.sentences:
            tested &= used["sentence"].isin(fold.sentences)
        parts.append(used[tested].assign(fold=fold.name))
    rows = pd.concat(parts) if parts else used[:0]
    if rows.empty:
        raise HumpError("folds: none of them tests an utterance of this corpus; give its own")
    columns = ["corpus", "utterance_id", "speaker", "emotion", "fold"]
    return rows[columns].astype(dict.fromkeys(columns, object)).reset_index(drop=True)


def _yours(predicted, rows, name):
    where = name if isinstance(name, (str, Path)) else "predictions"
    if absent := [c for c in ("utterance_id", "predicted") if c not in predicted]:
        raise HumpError(f"{where}: no column {', '.join(absent)}; add it")
    predicted = predicted.assign(**({} if "repeat" in predicted else {"repeat": 0}))
    known = set(rows["emotion"])
    _refuse(where, predicted, ~predicted["predicted"].isin(known), "predicted",
            f"no such label; the corpus has {', '.join(sorted(known))}")  # fmt: skip
    unknown = ~predicted["utterance_id"].isin(set(rows["utterance_id"]))
    _refuse(where, predicted, unknown, "utterance_id", "no test row of these folds; take it out")
    twice = predicted.duplicated(["utterance_id", "repeat"])
    _refuse(where, predicted, twice, "utterance_id", "there twice; keep one for each repeat")
    for repeat, part in predicted.groupby("repeat"):
        left = ~rows["utterance_id"].isin(set(part["utterance_id"]))
        _refuse(where, rows, left, "utterance_id", f"no prediction in repeat {repeat}; add one")
    both = rows.merge(predicted, on="utterance_id", suffixes=("", "_given"))
    if "fold_given" in both:
        _refuse(where, both, both["fold"] != both["fold_given"], "utterance_id",
                "in another fold than that which tests its speaker")  # fmt: skip
    return both.assign(system=YOURS)[[*rows, "repeat", "predicted", "system"]]


def _refuse(where, rows, wrong, column, why):
    if wrong.any():
        first = rows.loc[wrong, column].iloc[0]
        raise HumpError(f"{where}: {wrong.sum()} rows, first {column}={first!r}: {why}")


def _ours(predicted, rows, name):
    where = name if isinstance(name, (str, Path)) else "against"
    own = predicted[predicted["protocol"] == "speaker_independent"]
    own = own[own["fraction"] == own["fraction"].max()]
    others = set(own["utterance_id"]) ^ set(rows["utterance_id"])
    if others:
        raise HumpError(
            f"{where}: its test rows are others ({len(others)} utterances, one is "
            f"{min(others)!r}): give the predictions of a study with the same corpus and folds"
        )
    return own[[*rows, "repeat", "predicted", "system"]]
