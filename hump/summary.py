"""The study as a whole: all targets' predictions, the main table, and what may be claimed."""

import pandas as pd

from hump import evaluation, protocol, seeds, tables

__all__ = [
    "AVERAGE",
    "cells",
    "claims",
    "comparisons",
    "headline",
    "main",
    "predictions",
    "spread",
    "wide",
]

AVERAGE = "average of targets"
FACTS = ("corpus", "data", "n_train", "utterances", "speakers")
PAIRS = [
    (protocol.PRETRAINED, protocol.SCRATCH),
    (protocol.PRETRAINED, "SVM on eGeMAPS"),
    (protocol.PRETRAINED, "linear probe on HuBERT"),
]


def predictions(params) -> pd.DataFrame:
    """Predictions of all targets.

    Parameters
    ----------
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.protocol.finetune_target`, corpora in the order of the parameter file.
    """
    parts = [tables.read(params, f"predictions_{name}") for name in params.targets]
    return pd.concat(parts, ignore_index=True)


def cells(predicted: pd.DataFrame, params) -> pd.DataFrame:
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
    by = ["protocol", "fraction", "system"]
    parts = [tables.read(params, f"finetune_{name}") for name in params.targets]
    if len(parts) > 1:
        labels = sorted(predicted["emotion"].unique())
        mean = evaluation.average(
            predicted, by, labels, params.evaluation, seed=seeds.seed_of(params.seed, "average")
        )
        parts.append(mean.assign(corpus=AVERAGE))
    return pd.concat(parts, ignore_index=True)


def main(table: pd.DataFrame, params) -> pd.DataFrame:
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
    source = tables.read(params, "source").assign(protocol="speaker_independent", fraction=1.0)
    first = wide(source, "speaker_independent").assign(data="source, other speakers")
    rows = pd.concat([first, wide(table, "speaker_independent")], ignore_index=True)
    systems = [name for name in protocol.ORDER if name in rows]
    return rows[[*FACTS, *systems]].fillna("")


def wide(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One row a corpus and fraction, one column a system, UAR with its interval as text.

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
    text = [
        f"{row.uar:.3f} [{row.uar_low:.3f}, {row.uar_high:.3f}]" for row in part.itertuples()
    ]
    share = (100 * part["fraction"]).map("{:g} %".format)
    part = part.assign(text=text, data=share)
    lines = part.pivot_table(
        index=["fraction", *FACTS], columns="system", values="text", aggfunc="first"
    ).reset_index()
    rank = {name: number for number, name in enumerate(dict.fromkeys(table["corpus"]))}
    lines = lines.sort_values(
        ["corpus", "fraction"], key=lambda c: c.map(rank) if c.name == "corpus" else c
    )
    systems = [name for name in protocol.ORDER if name in lines]
    lines.columns.name = None
    return lines[[*FACTS, *systems]].fillna("").reset_index(drop=True)


def headline(params) -> float:
    """The fraction that stands for a study: the largest up to a third, as in the paper.

    Parameters
    ----------
    params : Params

    Returns
    -------
    float
        The smallest above 0 if none is that small.
    """
    fractions = [f for f in params.finetune.fractions if f > 0]
    return max((f for f in fractions if f < 0.34), default=min(fractions))


def comparisons(predicted: pd.DataFrame, params) -> pd.DataFrame:
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
    table = evaluation.compare(
        part, PAIRS, params.evaluation, seed=seeds.seed_of(params.seed, "comparisons")
    )
    return table.rename(columns={"comparison": "fraction"})


def spread(predicted: pd.DataFrame, params) -> pd.DataFrame:
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
    part = predicted[
        (predicted["protocol"] == "speaker_independent")
        & (predicted["fraction"] == headline(params))
        & (predicted["system"] != "majority class")
    ]
    return evaluation.variance(part, ["corpus", "system", "fraction"])


def claims(table: pd.DataFrame, params) -> str:
    """What the tests allow one to say, in Markdown.

    Parameters
    ----------
    table : pandas.DataFrame
        As `comparisons`.
    params : Params

    Returns
    -------
    str
    """
    remark = tables.note(params) or "recorded speech"
    family = f"one family of {len(table)} Holm-corrected tests"
    lines = [f"Test speakers unseen; {remark}; {family}:", ""]
    for row in table.itertuples():
        verdict = evaluation.verdict(row, len(table), params.evaluation)
        if verdict in ("better", "worse"):
            verdict = f"**{verdict}**"
        lines.append(
            f"* {100 * row.fraction:g} % of the data: {row.a} against {row.b}: {verdict} "
            f"(difference in UAR {row.difference:+.3f} [{row.difference_low:+.3f}, "
            f"{row.difference_high:+.3f}], p = {row.p_holm:.3g}, {row.speakers} speakers; "
            f"detectable: {_detectable(row)})"
        )
    return "\n".join(lines)


def _detectable(row):
    return "nothing" if pd.isna(row.detectable) else f"{row.detectable:.3f}"
