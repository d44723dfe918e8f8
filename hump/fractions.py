"""What fraction curves say: enough data, transfer that hurts, and how speaker overlap flatters.

All is read from the predictions of `04_finetune`.
"""

import numpy as np
import pandas as pd

from hump import evaluation, protocol, seeds
from hump.differences import differences, resampled, with_average

__all__ = ["answer", "breakpoints", "overlap", "transfer"]

HELPS, HURTS, OPEN = "transfer helps", "negative transfer", "not decided"
PAIR = (protocol.PRETRAINED, protocol.SCRATCH)


def transfer(predictions, params) -> pd.DataFrame:
    """Pre-trained against from scratch, tested for every target, protocol and fraction.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.summary.predictions`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, protocol, fraction, speakers, difference (UAR, pre-trained minus scratch;
        mean over speakers), difference_low, difference_high, p, p_least, p_holm (over all rows),
        verdict: `HELPS`, `HURTS`, `OPEN`, or that so few speakers cannot decide it. The average's
        rows pair the speakers of all targets.
    """
    part = predictions[predictions["system"].isin(PAIR) & (predictions["fraction"] > 0)]
    keys, groups = ["group", "protocol", "fraction"], with_average(part)
    every = pd.concat([rows.assign(group=name) for name, rows in groups], ignore_index=True)
    every["comparison"] = every.groupby(keys, sort=False).ngroup()
    named = every.drop_duplicates("comparison").set_index("comparison")[keys]
    seed = seeds.seed_of(params.seed, "transfer")
    tests = evaluation.compare(every, [PAIR], params.evaluation, seed=seed)
    columns = ["speakers", "difference", "difference_low", "difference_high", "p", "p_least",
               "p_holm"]  # fmt: skip
    # Without models from scratch there is nothing to compare.
    tests = tests.reindex(columns=["comparison", *columns])
    found = named.join(tests.set_index("comparison"), how="inner").reset_index(drop=True)
    found = found.rename(columns={"group": "corpus"})
    found["verdict"] = [
        _verdict(row, len(found), params.evaluation) for row in found.itertuples()
    ]
    return found


def _verdict(row, tests, settings):
    said = {"better": HELPS, "worse": HURTS, "not decided": OPEN}
    few = f"{row.speakers} speakers cannot decide it among {tests} tests"
    return said.get(evaluation.verdict(row, tests, settings), few)


def breakpoints(predictions, params) -> pd.DataFrame:
    """The smallest fraction that is as good as all data, within the study's tolerance.

    Its interval comes from resampling speakers: in every sample the curve has its own break point.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.summary.predictions`; test speakers unseen.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, system, speakers, full (the largest fraction), uar_full, breakpoint,
        breakpoint_low, breakpoint_high (fractions of the study).
    """
    independent = predictions[predictions["protocol"] == "speaker_independent"]
    seed = seeds.seed_of(params.seed, "breakpoints")
    settings, lines = params.evaluation, []
    for corpus, rows in with_average(independent):
        for system in (name for name in protocol.ORDER if name in set(rows["system"])):
            part = rows[rows["system"] == system]
            fractions = sorted(part["fraction"].unique())
            if system == "majority class" or len(fractions) < 2:
                continue
            uar, speakers = resampled(part, "fraction", fractions, settings, seed=seed)
            enough = uar >= uar[:, -1:] - params.fraction_curves.tolerance
            point, *drawn = np.array(fractions)[enough.argmax(axis=1)]
            low, high = np.nan, np.nan
            if min(speakers) > 1:
                # Ends are fractions of the study, too.
                tail = (1 - settings.confidence) / 2
                low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
            lines.append({
                "corpus": corpus, "system": system, "speakers": sum(speakers),
                "full": fractions[-1], "uar_full": uar[0, -1], "breakpoint": point,
                "breakpoint_low": low, "breakpoint_high": high,
            })  # fmt: skip
    return pd.DataFrame(lines)


def overlap(predictions, params) -> pd.DataFrame:
    """How much shared speakers flatter: the paper's protocol minus the speaker-independent one.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.summary.predictions`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.differences.differences`, by fraction and system; empty if the study ran one
        protocol. At a fraction the paper's protocol trains on that part of all utterances, the
        other of the training speakers' alone, which are fewer.
    """
    return differences(
        predictions[predictions["system"] != "majority class"], ["fraction", "system"], "protocol",
        "paper", "speaker_independent", params.evaluation,
        seed=seeds.seed_of(params.seed, "overlap"),
    )  # fmt: skip


def answer(tests, points, flattery, params) -> str:
    """The answers in sentences with intervals, of the average or the only target.

    Parameters
    ----------
    tests, points, flattery : pandas.DataFrame
        As `transfer`, `breakpoints`, `overlap`.
    params : Params

    Returns
    -------
    str
        A Markdown list.
    """
    corpus = points["corpus"].iloc[-1]  # the average, if there is one
    lines = []
    for row in points[points["corpus"] == corpus].itertuples():
        ends = f"[{_percent(row.breakpoint_low)}, {_percent(row.breakpoint_high)}]"
        enough = f"{_percent(row.breakpoint)} {ends} of the training speakers' data is"
        if row.breakpoint == row.full:
            enough = f"nothing below {_percent(row.full)} {ends} of the training speakers' data is"
        lines.append(
            f"* **Enough data**, {row.system}: {enough} within "
            f"{params.fraction_curves.tolerance:g} of the UAR with {_percent(row.full)} "
            f"({row.uar_full:.3f})."
        )
    independent = tests[tests["protocol"] == "speaker_independent"]
    for row in independent[independent["corpus"] == corpus].itertuples():
        lines.append(
            f"* **Transfer** at {_percent(row.fraction)}: {row.verdict} ({row.difference:+.3f} "
            f"[{row.difference_low:+.3f}, {row.difference_high:+.3f}] UAR against scratch, "
            f"p = {row.p_holm:.3g} after Holm over {len(tests)} tests, {row.speakers} speakers)."
        )
    if len(tests):
        hurt, worse = tests["verdict"] == HURTS, (tests["difference"] < 0).sum()
        lines.append(
            f"* **Negative transfer** is shown in {hurt.sum()} of {len(tests)} cells (targets, "
            f"protocols, fractions); in {worse} scratch is ahead, shown or not."
        )
    own = flattery[(flattery["corpus"] == corpus) & (flattery["system"] == protocol.PRETRAINED)]
    lines += [
        f"* **Speaker overlap** at {_percent(row.fraction)} adds {row.difference:+.3f} "
        f"[{row.difference_low:+.3f}, {row.difference_high:+.3f}] UAR to {row.system}."
        for row in own.itertuples()
    ]
    return "\n".join([f"{corpus}:", "", *lines])


def _percent(fraction):
    return f"{100 * fraction:g} %"
