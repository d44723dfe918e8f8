"""Is an emotion predicted more often than it occurs? A source's class balance may persist."""

import pandas as pd

from hump.experiments import intervals, means
from hump.params import Params

_CELL = ["corpus", "fraction", "system"]


def label_rates(predictions: pd.DataFrame, labels, params: Params) -> pd.DataFrame:
    """Share of utterances predicted as each emotion, and the true share.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.experiments.protocol.finetune_target`; only those with unseen test speakers count.
    labels : sequence of str
    params : Params

    Returns
    -------
    pandas.DataFrame
        A row a cell and emotion: corpus, fraction, system, emotion, utterances, speakers, repeats,
        true_rate, and, with intervals over speakers, predicted_rate and difference (predicted -
        true). Rates are means over repeats, which all test the same utterances.
    """
    rows = predictions[predictions["protocol"] == "speaker_independent"]
    settings, lines = intervals(params, "label rates"), []
    for cell, part in rows.groupby(_CELL, sort=True):
        facts = dict(zip(_CELL, cell)) | {
            "utterances": part["utterance_id"].nunique(),
            "speakers": part["speaker"].nunique(),
            "repeats": part["repeat"].nunique(),
        }
        for emotion in labels:
            is_it = part[["predicted", "emotion"]].eq(emotion).astype(float)
            said, true = is_it["predicted"], is_it["emotion"]
            rates = part.assign(predicted_rate=said, difference=said - true)
            line = facts | {"emotion": emotion, "true_rate": true.mean()}
            lines.append(line | means(rates, ("predicted_rate", "difference"), **settings))
    return pd.DataFrame(lines)
