"""Is an emotion predicted more often than it occurs? A source's class balance may persist."""

import pandas as pd

from hump import evaluation
from hump.params import Params
from hump.util import seeds

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
    seed = seeds.seed_of(params.seed, "label rates")
    rows = predictions[predictions["protocol"] == "speaker_independent"]
    lines = []
    for cell, part in rows.groupby(_CELL, sort=True):
        facts = dict(zip(_CELL, cell)) | {
            "utterances": part["utterance_id"].nunique(),
            "speakers": part["speaker"].nunique(),
            "repeats": part["repeat"].nunique(),
        }
        for emotion in labels:
            said = (part["predicted"] == emotion).astype(float)
            true = (part["emotion"] == emotion).astype(float)
            line = facts | {"emotion": emotion, "true_rate": true.mean()}
            for name, values in (("predicted_rate", said), ("difference", said - true)):
                mean = evaluation.mean_over_speakers(
                    values, part["speaker"], params.evaluation, seed=seed
                )
                line |= evaluation.interval_columns(name, *mean)
            lines.append(line)
    return pd.DataFrame(lines)
