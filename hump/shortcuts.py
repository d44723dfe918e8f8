"""How far one gets without listening: duration alone, loudness alone.

A corpus on which either predicts the emotion teaches a model to measure it. The level is that of
the whole file, so a corpus with one gain per speaker hides it well and one without does not.
"""

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hump import audio, evaluation, seeds, splits

__all__ = ["SHORTCUTS", "audit"]

SHORTCUTS = ("duration alone", "loudness alone")


def audit(rows, root, params) -> pd.DataFrame:
    """Cross-validate an SVM on duration, and one on loudness, with test speakers unseen.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    root : Path
        The corpus folder.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, one row a shortcut, in the column system.
    """
    signals = (audio.load(root / path) for path in rows["path"])
    level_db = [10 * np.log10(np.mean(np.square(s, dtype=np.float64))) for s in signals]
    values = {"duration alone": rows["duration_s"].to_numpy(), "loudness alone": level_db}
    predictions = [
        _predict(rows, np.asarray(values[name])[:, None], fold, name)
        for name in SHORTCUTS
        for fold in splits.speaker_folds(rows, params.finetune.max_folds)
    ]
    return evaluation.summarise(
        pd.concat(predictions), ["corpus", "system"], sorted(rows["emotion"].unique()),
        params.evaluation, seed=seeds.seed_of(params.seed, "shortcuts"),
    )  # fmt: skip


def _predict(rows, values, fold, name):
    model = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
    model.fit(values[fold.train], rows["emotion"].iloc[fold.train])
    test = rows.iloc[fold.test]
    return test[["corpus", "utterance_id", "speaker", "emotion"]].assign(
        system=name, repeat=0, fold=fold.name, n_train=len(fold.train),
        predicted=model.predict(values[fold.test]),
    )  # fmt: skip
