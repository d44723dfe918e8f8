"""How well speaker, sentence, duration or loudness alone predict the emotion.

If one of these predicts the emotion, a model may learn it in place of the emotion's sound. Loudness
is the level of the whole file: a gain set for each speaker hides it, a common gain does not. Every
shortcut is tested in two conditions. With test speakers unseen (the corpus's own folds) the speaker
cannot help; with speakers shared, as in many published results, it can.
"""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from hump import evaluation
from hump.params.sections import EvaluationParams

SHORTCUTS = {
    "speaker alone": "speaker", "sentence alone": "sentence",
    "duration alone": "duration_s", "loudness alone": "level_db",
}  # fmt: skip
CONDITIONS = ("speakers unseen", "speakers shared")
_RANDOM_FOLDS = 10
_TREE = {
    "max_leaf_nodes": 16, "min_samples_leaf": 5, "class_weight": "balanced", "random_state": 0,
}  # fmt: skip


def audit(rows, folds, settings: EvaluationParams, *, seed: int) -> pd.DataFrame:
    """Score a simple classifier on each of `SHORTCUTS`.

    For a speaker or sentence the classifier predicts the emotion whose training rows have it most
    often, as a share of that emotion's rows. For duration and loudness it is a small decision tree
    with balanced classes. With speakers shared, duration and loudness are cross-validated on random
    folds; for speaker and sentence, training rows and test rows are both the whole corpus, which
    gives an upper bound. (Leaving utterances out of a balanced corpus would make their emotion the
    rarer one in training, and the score lower than chance.)

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    folds : list of Split
        The corpus's own folds.
    settings : EvaluationParams
    seed : int

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus, condition and system; without the sentence
        if file names do not contain it.
    """
    unseen, random = [(fold.train, fold.test) for fold in folds], _random_folds(rows, seed)
    everything = np.arange(len(rows))
    predictions = []
    for name, column in SHORTCUTS.items():
        if rows[column].isna().any():
            continue
        shared = random if is_numeric_dtype(rows[column]) else [(everything, everything)]
        predictions += [
            _predict(rows, train, test, name).assign(condition=condition, fold=number)
            for condition, pairs in zip(CONDITIONS, (unseen, shared))
            for number, (train, test) in enumerate(pairs)
        ]
    cell, labels = ["corpus", "condition", "system"], sorted(rows["emotion"].unique())
    return evaluation.summarise(pd.concat(predictions), cell, labels, settings, seed=seed)


def _random_folds(rows, seed):
    folds = min(_RANDOM_FOLDS, int(rows["emotion"].value_counts().min()))
    if folds < 2:
        return []
    cut = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    return list(cut.split(np.zeros(len(rows)), rows["emotion"]))


def _predict(rows, train, test, name):
    trained, tested = rows.iloc[train], rows.iloc[test]
    column = SHORTCUTS[name]
    predict = _by_tree if is_numeric_dtype(rows[column]) else _by_share
    return tested[["corpus", "utterance_id", "speaker", "emotion"]].assign(
        system=name, repeat=0, n_train=len(train),
        predicted=predict(trained[column], trained["emotion"], tested[column]),
    )  # fmt: skip


def _by_tree(trained, emotion, tested):
    tree = DecisionTreeClassifier(**_TREE).fit(trained.to_numpy()[:, None], emotion.to_numpy(str))
    return tree.predict(tested.to_numpy()[:, None])


def _by_share(trained, emotion, tested):
    """Values that are not in training get the first emotion: any other choice would be a hint."""
    share = pd.crosstab(trained.to_numpy(str), emotion.to_numpy(str), normalize="columns")
    likeliest = share.idxmax(axis=1)
    return tested.astype(str).map(likeliest).fillna(share.columns[0]).to_numpy(str)
