"""The claim ledger as a picture."""

import numpy as np

from hump.plots import parts, style

# Other verdicts are grey.
VERDICT_COLOURS = {"supported": style.GREEN, "contradicted": style.RED}
TITLES = {
    "number": "Numbers of the paper (WA)",
    "mechanism": "Mechanisms (difference in UAR)",
    "published": "Published figures (UAR or WA)",
}


@style.applied
def claim_ledger(table):
    """Claims beside what was measured, with the verdict in words; a panel a kind.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.report.ledger.collect`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.rename(columns={"low": "value_low", "high": "value_high"})
    table = table.assign(title=table["kind"].map(TITLES))
    counts = table["title"].value_counts().reindex(TITLES.values()).dropna()
    figure, axes = parts.stack(counts.to_dict(), 10)
    for title, axis in axes.items():
        _claims(axis, table[table["title"] == title].reset_index())
    symbols = {
        "claimed": {"marker": "D", "color": "black", "mfc": "white"},
        "measured": {"color": style.BLUE, "ls": "-"},
        "measured, test speakers unseen": {"marker": "s", "color": style.ORANGE, "ls": "-"},
    }
    return parts.legend(figure, symbols)


def _claims(axis, part):
    parts.intervals(axis, part, "value", part.index, color=style.BLUE)
    labels = part["claim"]
    if part["kind"].iloc[0] == "mechanism":
        labels = (labels + "\n" + part["detail"].fillna("")).str.rstrip()
        axis.axvline(0, **style.ZERO)
        ends = part[["value_low", "value_high"]].astype(float)
        reach = 1.05 * np.fmax(0.1, ends.abs().max().max())
        axis.set_xlim(-reach, reach)
    else:
        paper = part[part["protocol"] == "paper"]
        look = {"color": style.ORANGE, "marker": "s", "ms": 3}
        parts.intervals(axis, paper, "unseen", paper.index + 0.28, elinewidth=1, **look)
        axis.plot(part["claimed"], part.index, "D", color="black", mfc="white", ms=5, zorder=3)
        axis.set_xlim(0, 1.015)
    parts.rows(axis, labels, fontsize=7.5)
    for row in part.itertuples():
        colour = VERDICT_COLOURS.get(row.verdict, style.DARK)
        parts.beside(axis, row.Index, row.verdict, size=8, weight="bold", color=colour)
