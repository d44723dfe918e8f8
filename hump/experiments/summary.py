"""The study as a whole: all targets' predictions, the main table, and what may be claimed."""

import pandas as pd

from hump import evaluation, results
from hump.params import Params, names
from hump.util import seeds, text

FACTS = (
    "corpus", "data", "n_train", "train_speakers", "folds", "repeats", "rng_key", "utterances",
    "speakers",
)  # fmt: skip
PAIRS = [(names.PRETRAINED, other) for other in (names.SCRATCH, names.SVM, names.PROBE)]


def predictions(params: Params) -> pd.DataFrame:
    """Predictions of all targets.

    Parameters
    ----------
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.experiments.protocol.finetune_target`, corpora in the order of the parameter file.
    """
    parts = [results.read(params, f"predictions_{name}") for name in params.targets]
    return pd.concat(parts, ignore_index=True)


def cells(predicted: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Every cell of every target, and their average.

    Parameters
    ----------
    predicted : pandas.DataFrame
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus, protocol, fraction and system.
    """
    parts = [results.read(params, f"finetune_{name}") for name in params.targets]
    if len(parts) > 1:
        parts.append(_average(predicted, names.AVERAGE, params))
    return pd.concat(parts, ignore_index=True)


def _average(predicted, name, params):
    by, labels = ["protocol", "fraction", "system"], sorted(predicted["emotion"].unique())
    seed = seeds.seed_of(params.seed, "average")
    mean = evaluation.average(predicted, by, labels, params.evaluation, seed=seed)
    return mean.assign(corpus=name)


def second_average(predicted: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The average over the targets that `average_without` leaves.

    Parameters
    ----------
    predicted : pandas.DataFrame
    params : Params

    Returns
    -------
    pandas.DataFrame
        As the average of `cells`, with another name; empty if nothing is to be left out.
    """
    without = params.average_without
    if not without:
        return pd.DataFrame()
    rest = predicted[~predicted["corpus"].isin(without)]
    return _average(rest, f"average without {' and '.join(without)}", params)


def main(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The main table: the source, cross-validated, then every target by fraction.

    Parameters
    ----------
    table : pandas.DataFrame
        As `cells`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `wide`, test speakers unseen.
    """
    source = results.read(params, "source").assign(protocol="speaker_independent", fraction=1.0)
    first = wide(source, "speaker_independent").assign(data="source, other speakers")
    rows = pd.concat([first, wide(table, "speaker_independent")], ignore_index=True)
    systems = [name for name in names.ORDER if name in rows]
    return rows[[*FACTS, *systems]].fillna("")


def wide(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One row a corpus and fraction, one column a system, UAR with its interval as text.

    With trainings that differ, their standard deviation follows it.

    Parameters
    ----------
    table : pandas.DataFrame
        As `cells`.
    kind : str
        The protocol.

    Returns
    -------
    pandas.DataFrame
        Empty if the study does not run that protocol.
    """
    part = table[table["protocol"] == kind]
    shown = [
        text.uar(row) + (f" ± {row.uar_sd:.3f}" if row.uar_sd > 5e-4 else "")
        for row in part.itertuples()
    ]
    part = part.assign(text=shown, data=part["fraction"].map(text.percent))
    lines = part.pivot_table("text", ["fraction", *FACTS], "system", aggfunc="first").reset_index()
    rank = {name: number for number, name in enumerate(dict.fromkeys(table["corpus"]))}
    # Within a corpus by fraction, as they are.
    lines = lines.sort_values("corpus", key=lambda column: column.map(rank), kind="stable")
    systems = [name for name in names.ORDER if name in lines]
    lines.columns.name = None
    return lines[[*FACTS, *systems]].fillna("").reset_index(drop=True)


def comparisons(predicted: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Paired tests of pre-trained HuMP-CAT against the others, test speakers unseen.

    Parameters
    ----------
    predicted : pandas.DataFrame
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.compare`, a comparison a fraction.
    """
    part = predicted[predicted["protocol"] == "speaker_independent"]
    part = part.assign(comparison=part["fraction"])
    seed = seeds.seed_of(params.seed, "comparisons")
    table = evaluation.compare(part, PAIRS, params.evaluation, seed=seed)
    return table.rename(columns={"comparison": "fraction"})


def spread(predicted: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Where the variance of UAR comes from, test speakers unseen, at the headline's fraction.

    Parameters
    ----------
    predicted : pandas.DataFrame
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.variance`, by corpus, system and fraction.
    """
    part = predicted[predicted["protocol"] == "speaker_independent"]
    part = part[(part["fraction"] == params.headline) & (part["system"] != names.MAJORITY)]
    return evaluation.variance(part, ["corpus", "system", "fraction"])
