"""07: how much target data is enough, where transfer hurts, and what speaker overlap adds.

Everything is computed from the predictions of `04_finetune`.
"""

import numpy as np
import pandas as pd

from hump import evaluation
from hump.experiments import intervals
from hump.params import Params, names

HELPS, HURTS, OPEN = "transfer helps", "negative transfer", "not decided"
PAIR = (names.PRETRAINED, names.SCRATCH)
COLUMNS = ("speakers", "difference", "difference_low", "difference_high", "p", "p_least", "p_holm",
           "family", "detectable")  # fmt: skip
LIMITS = ("breakpoint", "breakpoint_low", "breakpoint_high")


def transfer(predictions, params: Params) -> pd.DataFrame:
    """Pre-trained against from scratch, tested for every target, protocol and fraction.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.experiments.summary.predictions`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, protocol, fraction, speakers, difference (UAR, pre-trained minus
        scratch), difference_low, difference_high, p, p_least, p_holm (over all rows), family,
        detectable, verdict: `HELPS`, `HURTS`, `OPEN`, or that so few speakers cannot decide it. In
        the average's rows all targets weigh alike.
    """
    part = predictions[predictions["system"].isin(PAIR) & (predictions["fraction"] > 0)]
    keys, groups = ["group", "protocol", "fraction"], evaluation.with_average(part)
    every = pd.concat([rows.assign(group=name) for name, rows in groups], ignore_index=True)
    every["comparison"] = every.groupby(keys, sort=False).ngroup()
    named = every.drop_duplicates("comparison").set_index("comparison")[keys]
    tests = evaluation.compare(every, [PAIR], **intervals(params, "transfer"))
    # Without models from scratch there is nothing to compare.
    tests = tests.reindex(columns=["comparison", *COLUMNS]).set_index("comparison")
    table = named.join(tests, how="inner").reset_index(drop=True)
    table = table.rename(columns={"group": "corpus"})
    table["verdict"] = [_verdict(row, len(table), params.evaluation) for row in table.itertuples()]
    return table


def _verdict(row, tests, settings):
    said = {"better": HELPS, "worse": HURTS, "not decided": OPEN}
    few = f"{row.speakers} speakers cannot decide it among {tests} tests"
    return said.get(evaluation.verdict(row, tests, settings), few)


def breakpoints(predictions, params: Params) -> pd.DataFrame:
    """The smallest fraction that is as good as all data, within the study's tolerance.

    Its interval comes from resampling speakers: in every sample the curve has its own break point.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.experiments.summary.predictions`; test speakers unseen.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, system, speakers, full (1), uar_full, breakpoint, breakpoint_low,
        breakpoint_high (fractions of the study); empty if the study did without all data.
    """
    independent = predictions[predictions["protocol"] == "speaker_independent"]
    settings, lines = intervals(params, "breakpoints"), []
    for corpus, rows in evaluation.with_average(independent):
        for system in (name for name in names.ORDER if name in set(rows["system"])):
            part = rows[rows["system"] == system]
            fractions = sorted(part["fraction"].unique())
            if system == names.MAJORITY or len(fractions) < 2 or fractions[-1] < 1:
                continue
            uar, speakers = evaluation.resampled(part, "fraction", fractions, **settings)
            enough = uar >= uar[:, -1:] - params.fraction_curves.tolerance
            point, *drawn = np.array(fractions)[enough.argmax(axis=1)]
            # Ends are fractions of the study, too.
            tail = (1 - params.evaluation.confidence) / 2
            ends = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
            ends = ends if min(speakers) > 1 else (np.nan, np.nan)
            limits = evaluation.interval_columns("breakpoint", point, *ends)
            facts = {"corpus": corpus, "system": system, "speakers": sum(speakers)}
            lines.append(facts | {"full": fractions[-1], "uar_full": uar[0, -1]} | limits)
    columns = ("corpus", "system", "speakers", "full", "uar_full", *LIMITS)
    return pd.DataFrame(lines, columns=list(columns))


def overlap(predictions, params: Params) -> pd.DataFrame:
    """How much shared speakers add: the protocol ``paper`` minus the speaker-independent one.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.experiments.summary.predictions`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.differences`, by fraction and system; empty if the study ran one
        protocol. At a fraction the protocol ``paper`` trains on that part of all utterances, the
        other one on that part of the training speakers' utterances, which are fewer.
    """
    rows = predictions[predictions["system"] != names.MAJORITY]
    protocols = ("protocol", "paper", "speaker_independent")
    return evaluation.differences(rows, ["fraction", "system"], *protocols, params.evaluation)
