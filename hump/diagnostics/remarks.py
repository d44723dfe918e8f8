"""What the diagnostics of a target say, in sentences made of its tables."""

from hump import protocol

__all__ = ["about_attention", "remarks"]


def remarks(diagnosis, rates, params) -> str:
    """One line each on attention, calibration, neutral and embeddings.

    Parameters
    ----------
    diagnosis : Diagnosis
    rates : pandas.DataFrame
        As `hump.diagnostics.label_rates`, of the same target.
    params : Params

    Returns
    -------
    str
        Markdown.
    """
    lines = [
        about_attention(diagnosis.attention, "update", "after fine-tuning"),
        *_calibration(diagnosis.calibration, params),
        *_neutral(rates),
        _embeddings(diagnosis.separation),
    ]
    return "\n".join(f"* {line}" for line in lines)


def _share(fraction):
    return f"{100 * fraction:g} % of the data"


def about_attention(table, time: str, when: str) -> str:
    """How many heads have collapsed at the last time, and how even the others are.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.diagnostics.attention.summarise`, of one corpus.
    time : str
        ``update`` or ``epoch``.
    when : str
        What the last one is, in words.

    Returns
    -------
    str
        A sentence.
    """
    if table.empty:
        return "Attention: no stage attends."
    last = table[table[time] == table[time].max()]
    count = last["collapse"].value_counts().reindex(["uniform", "one key", "no choice"]).fillna(0)
    text = (
        f"Attention {when}: of {len(last)} heads {count['uniform']:.0f} look at all "
        f"keys alike, {count['one key']:.0f} at one key"
    )
    if count["no choice"]:
        text += f", and {count['no choice']:.0f} have one key only and cannot choose"
    known = last.dropna(subset="entropy")
    if len(known):
        text += (
            f"; normalised entropy {known['entropy'].min():.2f} to {known['entropy'].max():.2f}, "
            f"median {known['entropy'].median():.2f} (1 is uniform)"
        )
    return text + "."


def _calibration(table, params):
    chance = f"{100 * params.evaluation.confidence:g} %"
    for row in table.itertuples():
        what = _share(row.fraction)
        if row.scaling == "temperature":
            what += (
                f", temperature {row.temperature:.2f} ({row.temperature_lowest:.2f} to "
                f"{row.temperature_highest:.2f} over folds, each fitted on "
                f"{row.n_calibration} utterances)"
            )
        text = (
            f"Calibration, {what}: ECE {row.ece:.3f} (a calibrated model stays below "
            f"{row.ece_by_chance:.3f} in {chance} of samples); confidence less accuracy "
            f"{row.overconfidence:+.3f} [{row.overconfidence_low:+.3f}, "
            f"{row.overconfidence_high:+.3f}]"
        )
        if row.scaling == "temperature":
            verdict = _verdict(row.nll_change_low, row.nll_change_high, "lowers", "raises")
            text += (
                f"; it {verdict} the negative log-likelihood ({row.nll_change:+.3f} "
                f"[{row.nll_change_low:+.3f}, {row.nll_change_high:+.3f}])"
            )
        yield text + "."


def _verdict(low, high, below, above):
    if high < 0:
        return below
    return above if low > 0 else "does not measurably change"


def _neutral(rates):
    rows = rates[(rates["system"] == protocol.PRETRAINED) & (rates["emotion"] == "neutral")]
    for row in rows.itertuples():
        verdict = _verdict(row.difference_low, row.difference_high, "too seldom", "too often")
        verdict = verdict.replace("does not measurably change", "about as often as it is true")
        yield (
            f"Neutral, {_share(row.fraction)}: said {verdict}, of {100 * row.predicted_rate:.0f} % "
            f"[{100 * row.predicted_rate_low:.0f}, {100 * row.predicted_rate_high:.0f}] of "
            f"utterances; {100 * row.true_rate:.0f} % are neutral."
        )


def _embeddings(table):
    found = table.set_index(["moment", "groups"])["silhouette"]
    return (
        f"Embeddings, silhouettes before and after: emotions of the target "
        f"{found['before', 'emotions']:.2f} and {found['after', 'emotions']:.2f}, corpora "
        f"{found['before', 'corpora']:.2f} and {found['after', 'corpora']:.2f} (0: they overlap)."
    )
