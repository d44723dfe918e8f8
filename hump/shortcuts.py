"""How far one gets without listening: who speaks, what is said, how long and how loud it is.

A corpus on which one of these predicts the emotion teaches a model to measure it. The level is
that of the whole file, so a corpus with one gain per speaker hides it well and one without does
not. Two conditions: under the corpus's own folds test speakers are unseen, so who speaks cannot
help; with speakers shared, as in much published work, it can.
"""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from hump import evaluation

__all__ = ["CONDITIONS", "SHORTCUTS", "audit"]

SHORTCUTS = {
    "speaker alone": "speaker", "sentence alone": "sentence",
    "duration alone": "duration_s", "loudness alone": "level_db",
}  # fmt: skip
CONDITIONS = ("speakers unseen", "speakers shared")
RANDOM_FOLDS = 10
LEAVES, LEAST = 16, 5


def audit(rows, folds, settings, *, seed) -> pd.DataFrame:
    """Test a simple classifier on each of `SHORTCUTS`.

    Speaker and sentence: the emotion in which training rows have it most often, relative to the
    emotion's size. Duration and loudness: a small decision tree in which classes weigh the same.
    With speakers shared, duration and loudness are cross-validated on random folds; speaker and
    sentence are counted over the whole corpus, which bounds them from above. (To leave utterances
    out of a balanced corpus makes their emotion the rarer one, and so looks worse than chance.)

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    folds : list of Split
        The corpus's own.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus, condition and system; without the sentence
        where file names do not tell it.
    """
    unseen, at_random = [(fold.train, fold.test) for fold in folds], _random(rows, seed)
    everything = [(np.arange(len(rows)), np.arange(len(rows)))]
    predictions = []
    for name, column in SHORTCUTS.items():
        if rows[column].isna().any():
            continue
        shared = at_random if is_numeric_dtype(rows[column]) else everything
        predictions += [
            _predict(rows, train, test, name).assign(condition=condition, fold=number)
            for condition, pairs in zip(CONDITIONS, (unseen, shared))
            for number, (train, test) in enumerate(pairs)
        ]
    return evaluation.summarise(
        pd.concat(predictions), ["corpus", "condition", "system"],
        sorted(rows["emotion"].unique()), settings, seed=seed,
    )  # fmt: skip


def _random(rows, seed):
    smallest = int(rows["emotion"].value_counts().min())
    folds = min(RANDOM_FOLDS, smallest)
    if folds < 2:
        return []
    cut = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    return list(cut.split(np.zeros(len(rows)), rows["emotion"]))


def _predict(rows, train, test, name):
    column, trained, tested = SHORTCUTS[name], rows.iloc[train], rows.iloc[test]
    guess = _by_size if is_numeric_dtype(rows[column]) else _by_name
    return tested[["corpus", "utterance_id", "speaker", "emotion"]].assign(
        system=name, repeat=0, n_train=len(train),
        predicted=guess(trained[column], trained["emotion"], tested[column]),
    )  # fmt: skip


def _by_size(trained, emotion, tested):
    tree = DecisionTreeClassifier(
        max_leaf_nodes=LEAVES, min_samples_leaf=LEAST, class_weight="balanced", random_state=0
    )
    tree.fit(trained.to_numpy()[:, None], emotion.to_numpy(str))
    return tree.predict(tested.to_numpy()[:, None])


def _by_name(trained, emotion, tested):
    """Of a name that was never seen it says the first emotion: whatever else would be a hint."""
    share = pd.crosstab(trained.to_numpy(str), emotion.to_numpy(str), normalize="columns")
    likeliest = share.idxmax(axis=1)
    return tested.astype(str).map(likeliest).fillna(share.columns[0]).to_numpy(str)
