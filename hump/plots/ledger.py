"""The claim ledger as a picture."""

import matplotlib.pyplot as plt
import numpy as np

from hump.plots.style import style

__all__ = ["claim_ledger"]

VERDICT_COLOURS = {
    "supported": "#009E73", "contradicted": "#D55E00", "undecided": "#666666", "not run": "#666666",
}  # fmt: skip
TITLES = {"number": "Numbers of the paper (WA)", "mechanism": "Mechanisms (difference in UAR)",
          "published": "Published figures (UAR or WA)"}  # fmt: skip
MEASURED, UNSEEN = "#0072B2", "#E69F00"


def claim_ledger(table):
    """Claims beside what was measured, with the verdict in words; a panel a kind.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.ledger.collect`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = [kind for kind in TITLES if kind in set(table["kind"])]
    sizes = [int((table["kind"] == kind).sum()) for kind in kinds]
    with style():
        figure, axes = plt.subplots(
            len(kinds), 1, figsize=(10, 0.8 + 0.55 * len(kinds) + 0.24 * sum(sizes)),
            gridspec_kw={"height_ratios": [size + 1 for size in sizes]}, squeeze=False,
        )  # fmt: skip
        for axis, kind in zip(axes[:, 0], kinds):
            _panel(axis, table[table["kind"] == kind], kind)
        handles = [
            plt.Line2D([], [], marker="D", color="k", mfc="white", ls=""),
            plt.Line2D([], [], marker="o", color=MEASURED),
            plt.Line2D([], [], marker="s", color=UNSEEN),
        ]
        words = ["claimed", "measured", "measured, test speakers unseen"]
        figure.legend(handles, words, loc="outside upper center", ncols=3, fontsize=8)
    return figure


def _panel(axis, part, kind):
    y = np.arange(len(part))
    numeric = kind != "mechanism"
    for place, row in zip(y, part.itertuples()):
        axis.plot([row.low, row.high], [place, place], color=MEASURED)
        axis.plot(row.value, place, "o", color=MEASURED)
        if numeric and row.protocol == "paper":
            axis.plot([row.unseen_low, row.unseen_high], [place + 0.28] * 2, color=UNSEEN, lw=1)
            axis.plot(row.unseen, place + 0.28, "s", color=UNSEEN, ms=3)
        if numeric:
            axis.plot(row.claimed, place, "D", color="k", mfc="white", ms=5, zorder=3)
        axis.text(1.01, place, row.verdict, va="center", size=8, weight="bold",
                  color=VERDICT_COLOURS[row.verdict],
                  transform=axis.get_yaxis_transform())  # fmt: skip
    axis.set_yticks(y, [_label(row) for row in part.itertuples()], fontsize=7.5)
    axis.set_ylim(len(part) - 0.4, -0.6)
    axis.set_title(TITLES[kind])
    if numeric:
        axis.set_xlim(0, 1.015)
    else:
        axis.axvline(0, color="#999999", lw=1)
        reach = np.nanmax(np.abs([0.1, *part["low"], *part["high"]])) * 1.05
        axis.set_xlim(-reach, reach)


def _label(row):
    return f"{row.claim}\n{row.detail}" if row.kind == "mechanism" and row.detail else row.claim
