"""Figures of fraction curves: where transfer hurts, what is enough, and how to fine-tune."""

import matplotlib.pyplot as plt
import numpy as np

from hump.plots.results import fraction_curves
from hump.plots.style import PROTOCOLS, SYSTEM_COLOURS, style

__all__ = ["few_shot", "overlap", "strategies", "transfer", "transfer_curves"]

PRETRAINED, SCRATCH = "HuMP-CAT pre-trained", "HuMP-CAT from scratch"
HURT, AHEAD, ENOUGH = "#D55E00", "white", "#56B4E9"
PROTOCOL_COLOURS = {"speaker_independent": "#0072B2", "paper": "#D55E00"}
WIDTH = 7.4


def transfer_curves(table, tests, points, chance: float):
    """Fraction curves with negative transfer and the break point of the pre-trained model marked.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.summary.cells`, of one protocol.
    tests : pandas.DataFrame
        As `hump.fractions.transfer`, of the same protocol.
    points : pandas.DataFrame
        As `hump.fractions.breakpoints`; empty to mark none.
    chance : float

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = fraction_curves(table, chance)
    fractions = sorted(table["fraction"].unique())
    marks = {}
    for axis, corpus in zip(figure.axes, dict.fromkeys(table["corpus"])):
        behind = tests[(tests["corpus"] == corpus) & (tests["difference"] < 0)]
        for row in behind.itertuples():
            shown = row.verdict == "negative transfer"
            label = f"scratch ahead{', shown by test' if shown else ', not shown'}"
            marks[label] = axis.plot(
                fractions.index(row.fraction), 0.04, "v", mec=HURT, mfc=HURT if shown else AHEAD,
                ms=7, transform=axis.get_xaxis_transform(), clip_on=False, ls="",
            )[0]  # fmt: skip
        own = points[(points["corpus"] == corpus) & (points["system"] == PRETRAINED)]
        for row in own.itertuples():
            ends = [fractions.index(f) if f in fractions else np.nan
                    for f in (row.breakpoint_low, row.breakpoint, row.breakpoint_high)]  # fmt: skip
            if np.isfinite(ends).all():
                axis.axvspan(ends[0] - 0.15, ends[2] + 0.15, color=ENOUGH, alpha=0.15, lw=0)
            marks["enough data, pre-trained (band: interval)"] = axis.axvline(
                ends[1], color=ENOUGH, lw=1.2, ls="--"
            )
        axis.tick_params(axis="x", labelsize=7)
    if table["protocol"].iloc[0] == "paper":
        for axis in figure.axes:
            if axis.get_xlabel():
                axis.set_xlabel("% of all utterances")
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    handles = [*legend.legend_handles, *(marks[name] for name in sorted(marks))]
    legend.remove()
    with style():
        figure.legend(handles, names + sorted(marks), loc="outside upper center", fontsize=8,
                      ncols=2 if len(figure.axes) < 3 else 4)  # fmt: skip
    return figure


def transfer(tests):
    """Pre-trained minus from scratch against the fraction, both protocols, a panel a corpus.

    Parameters
    ----------
    tests : pandas.DataFrame
        As `hump.fractions.transfer`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    lines = [(protocol, PROTOCOLS[protocol], PROTOCOL_COLOURS[protocol]) for protocol in PROTOCOLS]
    return _against_fraction(
        tests, "protocol", lines, "UAR, pre-trained\nminus scratch", filled="verdict",
        footnote="filled: shown by test; open: not shown",
    )  # fmt: skip


def overlap(table):
    """What shared speakers add to each system, against the fraction, a panel a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.fractions.overlap`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    lines = [(name, name, colour) for name, colour in SYSTEM_COLOURS.items()
             if name in set(table["system"])]  # fmt: skip
    return _against_fraction(table, "system", lines, "UAR, speakers shared\nminus unseen")


def _against_fraction(table, column, lines, ylabel, *, filled=None, footnote=""):
    corpora, fractions = list(dict.fromkeys(table["corpus"])), sorted(table["fraction"].unique())
    with style():
        figure, axes = _panels(len(corpora), columns=3)
        for axis, corpus in zip(axes.flat, corpora):
            axis.axhline(0, color="#888888", lw=1, zorder=0)
            for number, (value, label, colour) in enumerate(lines):
                part = table[(table["corpus"] == corpus) & (table[column] == value)]
                part = part.sort_values("fraction")
                x = part["fraction"].map(fractions.index) + 0.1 * (number - (len(lines) - 1) / 2)
                _line(axis, x, part, "difference", colour, label)
                if filled:
                    open_ = ~part[filled].isin(["transfer helps", "negative transfer"])
                    axis.plot(x[open_], part["difference"][open_], "o", mfc="white", mec=colour,
                              zorder=4)  # fmt: skip
            shown = table.loc[table["corpus"] == corpus, "speakers"].max()
            axis.set_title(f"{corpus}  ({shown} speakers)", fontsize=8)
            axis.set_xticks(range(len(fractions)), [f"{100 * f:g}" for f in fractions])
        _finish(figure, axes, len(corpora), "% of the data", ylabel, footnote)
    return figure


def strategies(table):
    """Ways to fine-tune on validation speakers, with intervals, a panel a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.tuning.table`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora, names = (list(dict.fromkeys(table[column])) for column in ("corpus", "variant"))
    colours = {True: SYSTEM_COLOURS[PRETRAINED], False: "#666666"}
    with style():
        columns = min(3, len(corpora))
        rows = -(-len(corpora) // columns)
        size = (3.2 + 2.0 * columns, 0.9 + rows * (0.6 + 0.2 * len(names)))
        figure, axes = plt.subplots(
            rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False
        )
        for axis, corpus in zip(axes.flat, corpora):
            part = table[table["corpus"] == corpus]
            for row in part.itertuples():
                y, colour = names.index(row.variant), colours[bool(row.in_force)]
                colour = SYSTEM_COLOURS[SCRATCH] if row.start == "scratch" else colour
                axis.plot([row.uar_low, row.uar_high], [y, y], color=colour, lw=1.5)
                axis.plot(row.uar, y, "*" if row.winner else "o", color=colour,
                          ms=10 if row.winner else 5)  # fmt: skip
            axis.set_title(f"{corpus}\n({part['speakers'].max()} validation speakers, "
                           f"n={part['utterances'].max()})", fontsize=7)  # fmt: skip
        for axis in axes.flat[len(corpora) :]:
            axis.set_axis_off()
        for axis in axes[-1]:
            axis.set_xlabel("UAR")
        axes[0, 0].set_yticks(range(len(names)), names)
        axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
        handles = [plt.Line2D([], [], marker=m, color=c, ms=s, ls="") for m, c, s in (
            ("o", colours[True], 5), ("o", colours[False], 5), ("*", colours[False], 10),
            ("o", SYSTEM_COLOURS[SCRATCH], 5))]  # fmt: skip
        figure.legend(handles, ["in force", "other", "best on validation", "from scratch"],
                      loc="outside upper center", ncols=4, fontsize=8)  # fmt: skip
    return figure


def few_shot(table, chance: float):
    """UAR against utterances of each emotion, of one speaker or of many, a panel a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.few_shot.table`.
    chance : float

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora, shots = list(dict.fromkeys(table["corpus"])), sorted(table["shots"].unique())
    systems = [name for name in SYSTEM_COLOURS if name in set(table["system"])]
    with style():
        figure, axes = _panels(len(corpora), columns=3)
        for axis, corpus in zip(axes.flat, corpora):
            part = table[table["corpus"] == corpus]
            axis.axhline(chance, color="#bbbbbb", lw=1, ls=":", zorder=0)
            for number, system in enumerate(systems):
                for heard, dashes, face in (("many speakers", "-", None),
                                            ("one speaker", "--", "white"),
                                            ("no target speaker", "", None)):  # fmt: skip
                    line = part[(part["system"] == system) & (part["heard"] == heard)]
                    shift = 0.12 * (number - 1) + (0.05 if heard == "one speaker" else 0)
                    x = line["shots"].map(shots.index) + shift
                    label = system if heard == "many speakers" else None
                    _line(axis, x, line, "uar", SYSTEM_COLOURS[system], label, dashes, face)
            axis.set_title(f"{corpus}  (n={part['utterances'].max()}, {part['speakers'].max()} "
                           "speakers)", fontsize=8)  # fmt: skip
            axis.set_xticks(range(len(shots)), shots)
        _finish(figure, axes, len(corpora), "utterances of each emotion", "UAR",
                "solid: of many speakers; dashed, open: of one; at 0: trained on the source")
    return figure


def _line(axis, x, part, value, colour, label, dashes="-", face=None):
    below, above = part[value] - part[f"{value}_low"], part[f"{value}_high"] - part[value]
    axis.errorbar(x, part[value], yerr=[below.clip(lower=0), above.clip(lower=0)], color=colour,
                  marker="o", mfc=face or colour, ls=dashes, label=label, elinewidth=1,
                  capsize=1.5)  # fmt: skip


def _panels(count, columns):
    columns = min(columns, count)
    rows = -(-count // columns)
    size = (max(WIDTH if columns > 1 else 5.5, 3.1 * columns), 2.3 * rows + 1.1)
    return plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)


def _finish(figure, axes, used, xlabel, ylabel, footnote):
    for axis in axes.flat[used:]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel(ylabel)
    for column in range(axes.shape[1]):
        below = [axis for axis in axes[:, column] if axis.axison]
        below[-1].set_xlabel(xlabel)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    title = {"title": footnote, "title_fontsize": 8} if footnote else {}
    figure.legend(handles, labels, loc="outside upper center", fontsize=8,
                  ncols=2 if axes.shape[1] == 1 else 4, **title)  # fmt: skip
