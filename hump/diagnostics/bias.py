"""Which emotion is said more often than it is there? A source may leave its habits behind."""

import pandas as pd

from hump import seeds
from hump.diagnostics.intervals import mean_over_speakers

__all__ = ["label_rates"]

CELL = ["corpus", "fraction", "system"]


def label_rates(predictions: pd.DataFrame, labels, params) -> pd.DataFrame:
    """Share of utterances that are predicted to be, and that are, of each emotion.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.protocol.finetune_target`; test speakers unseen alone are counted.
    labels : sequence of str
    params : Params

    Returns
    -------
    pandas.DataFrame
        A row a cell and emotion: corpus, fraction, system, emotion, utterances, speakers, repeats,
        true_rate, and, with intervals over speakers, predicted_rate and difference (predicted -
        true). Rates are means over repeats, which all test the same utterances.
    """
    seed = seeds.seed_of(params.seed, "label rates")
    rows = predictions[predictions["protocol"] == "speaker_independent"]
    lines = []
    for cell, part in rows.groupby(CELL, sort=True):
        facts = dict(zip(CELL, cell)) | {
            "utterances": part["utterance_id"].nunique(),
            "speakers": part["speaker"].nunique(),
            "repeats": part["repeat"].nunique(),
        }
        for emotion in labels:
            said = (part["predicted"] == emotion).astype(float)
            true = (part["emotion"] == emotion).astype(float)
            line = facts | {"emotion": emotion, "true_rate": true.mean()}
            for name, values in (("predicted_rate", said), ("difference", said - true)):
                found = mean_over_speakers(values, part["speaker"], params.evaluation, seed=seed)
                line |= dict(zip((name, f"{name}_low", f"{name}_high"), found))
            lines.append(line)
    return pd.DataFrame(lines)
