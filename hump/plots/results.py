"""Figures of results: each shows intervals, and stands alone with its caption."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hump.plots.style import PROTOCOLS, SYSTEM_COLOURS, style

__all__ = [
    "confusion_matrices",
    "forest",
    "fraction_curves",
    "learning_curves",
    "message",
    "protocol_gap",
    "speakers",
]


def fraction_curves(table, chance: float, *, columns: int = 3):
    """UAR against the fraction of the training speakers' utterances, a panel a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.evaluation.summarise`, of one protocol, with columns corpus, system, fraction.
    chance : float
        UAR of guessing.
    columns : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora = list(dict.fromkeys(table["corpus"]))
    columns = min(columns, len(corpora))
    rows = -(-len(corpora) // columns)
    fractions = sorted(table["fraction"].unique())
    place = {fraction: number for number, fraction in enumerate(fractions)}
    with style():
        size = (max(6.4, 3.1 * columns), max(3.4, 2.5 * rows + 0.6))
        figure, axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
        for axis, corpus in zip(axes.flat, corpora):
            part = table[table["corpus"] == corpus]
            _curves(axis, part, place)
            axis.axhline(chance, color="#bbbbbb", lw=1, ls=":", zorder=0)
            axis.set_title(f"{corpus}  (n={part['utterances'].max()}, "
                           f"{part['speakers'].max()} speakers)", fontsize=8)  # fmt: skip
            axis.set_xticks(range(len(fractions)), [f"{100 * f:g}" for f in fractions])
        for axis in axes.flat[len(corpora) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("UAR")
        for axis in axes[-1]:
            axis.set_xlabel("% of training speakers' data")
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2 if columns < 3 else 4,
                      fontsize=8)  # fmt: skip
    return figure


def _curves(axis, part, place):
    shown = [name for name in SYSTEM_COLOURS if name != "majority class"]
    for number, system in enumerate(shown):
        line = part[part["system"] == system].sort_values("fraction")
        # A little apart, so that intervals do not hide one another.
        x = line["fraction"].map(place) + 0.07 * (number - 1.5)
        below, above = line["uar"] - line["uar_low"], line["uar_high"] - line["uar"]
        axis.errorbar(x, line["uar"], yerr=[below, above], color=SYSTEM_COLOURS[system],
                      marker="o", label=system, elinewidth=1, capsize=1.5)  # fmt: skip


def forest(table, title: str, chance: float):
    """UAR of every system with its interval, a group of rows a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns corpus, system, uar, uar_low, uar_high.
    title : str
    chance : float

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora = list(dict.fromkeys(table["corpus"]))
    systems = [name for name in SYSTEM_COLOURS if name in set(table["system"])]
    with style():
        height = 0.9 + 0.17 * len(corpora) * (len(systems) + 1.2)
        figure, axis = plt.subplots(figsize=(7, height))
        for number, corpus in enumerate(corpora):
            for offset, system in enumerate(systems):
                row = table[(table["corpus"] == corpus) & (table["system"] == system)]
                if row.empty:
                    continue
                row, y = row.iloc[0], number * (len(systems) + 1.2) + offset
                axis.plot([row["uar_low"], row["uar_high"]], [y, y], lw=2,
                          color=SYSTEM_COLOURS[system])  # fmt: skip
                axis.plot(row["uar"], y, "o", color=SYSTEM_COLOURS[system],
                          label=system if number == 0 else None)  # fmt: skip
                axis.text(1.01, y, f"{row['uar']:.3f}", va="center", size=7,
                          transform=axis.get_yaxis_transform())  # fmt: skip
        middle = (len(systems) - 1) / 2
        ticks = [n * (len(systems) + 1.2) + middle for n in range(len(corpora))]
        axis.set_yticks(ticks, corpora)
        axis.axvline(chance, color="#bbbbbb", ls=":", lw=1)
        axis.set(xlabel="UAR", title=title, xlim=(0, 1))
        axis.grid(axis="y", visible=False)
        axis.set_ylim(len(corpora) * (len(systems) + 1.2) - 1, -1)
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3,
                      fontsize=8)  # fmt: skip
    return figure


def protocol_gap(table):
    """How much shared speakers flatter: both protocols at the same fractions.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns corpus, protocol, fraction, system, uar.

    Returns
    -------
    matplotlib.figure.Figure
    """
    cells = table.pivot_table(index=["corpus", "fraction", "system"], columns="protocol",
                              values="uar").reindex(columns=list(PROTOCOLS)).dropna()  # fmt: skip
    if cells.empty:
        return message("The study ran one protocol, or no share of the data under both.")
    cells = cells.reset_index()
    systems = [s for s in SYSTEM_COLOURS if s in set(cells["system"]) and s != "majority class"]
    fractions = sorted(cells["fraction"].unique())
    corpora = [name for name in dict.fromkeys(table["corpus"]) if name in set(cells["corpus"])]
    columns = min(2, len(fractions))
    rows = -(-len(fractions) // columns)
    with style():
        size = (max(6.4, 3.7 * columns), 0.9 + rows * (0.7 + 0.55 * len(corpora)))
        figure, axes = plt.subplots(
            rows, columns, figsize=size, sharey=True, sharex=True, squeeze=False
        )
        for axis in axes.flat[len(fractions) :]:
            axis.set_axis_off()
        for axis, fraction in zip(axes.flat, fractions):
            for offset, system in enumerate(systems):
                part = cells[(cells["fraction"] == fraction) & (cells["system"] == system)]
                y = part["corpus"].map(corpora.index) + 0.17 * (offset - (len(systems) - 1) / 2)
                colour = SYSTEM_COLOURS[system]
                axis.hlines(y, part["speaker_independent"], part["paper"], color=colour, lw=1.5)
                axis.plot(part["speaker_independent"], y, "o", color=colour, label=system)
                axis.plot(part["paper"], y, "o", mfc="white", mec=colour)
            axis.set(title=f"{100 * fraction:g} % of the data")
            axis.set_yticks(range(len(corpora)), corpora)
        axes[0, 0].set_ylim(len(corpora) - 0.5, -0.5)
        for axis in axes[-1]:
            axis.set_xlabel("UAR")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        handles += [plt.Line2D([], [], marker="o", mfc=f, mec="k", ls="") for f in ("k", "white")]
        figure.legend(handles, labels + list(PROTOCOLS.values()), loc="outside upper center",
                      ncols=3, fontsize=8)  # fmt: skip
    return figure


def message(text: str):
    """A figure that says why there is nothing to show."""
    with style():
        figure, axis = plt.subplots(figsize=(5.5, 1))
        axis.text(0, 0.5, text, va="center")
        axis.set_axis_off()
    return figure


def confusion_matrices(panels, labels):
    """Confusion matrices, rows normalised.

    Parameters
    ----------
    panels : dict of str to numpy.ndarray
        Title -> counts, shape (classes, classes), rows are true classes.
    labels : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(2.3 * len(panels) + 0.6, 2.7), sharey=True, squeeze=False
        )
        for axis, (title, counts) in zip(axes[0], panels.items()):
            share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
            axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
            for (row, column), value in np.ndenumerate(share):
                axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", size=8,
                          color="white" if value > 0.5 else "black")  # fmt: skip
            axis.set_xticks(range(len(labels)), labels, rotation=45)
            axis.set_yticks(range(len(labels)), labels)
            axis.set_title(title, fontsize=8)
            axis.set_xlabel("predicted (% of row)")
            axis.grid(visible=False)
        axes[0, 0].set_ylabel("true")
    return figure


def speakers(predictions, chance: float):
    """Recall averaged over emotions, a dot a speaker: how much a number hides.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns system, speaker, emotion, predicted.
    chance : float

    Returns
    -------
    matplotlib.figure.Figure
    """
    right = predictions.assign(right=predictions["emotion"] == predictions["predicted"])
    recall = right.groupby(["system", "speaker", "emotion"])["right"].mean()
    recall = recall.groupby(["system", "speaker"]).mean().unstack("system")
    systems = [name for name in SYSTEM_COLOURS if name in recall and name != "majority class"]
    with style():
        figure, axis = plt.subplots(figsize=(max(5, 0.55 * len(recall) + 1.5), 2.8))
        for system in systems:
            axis.plot(range(len(recall)), recall[system], "o", color=SYSTEM_COLOURS[system],
                      label=system, alpha=0.85)  # fmt: skip
        axis.axhline(chance, color="#bbbbbb", ls=":", lw=1)
        axis.set_xticks(range(len(recall)), recall.index, rotation=45)
        axis.set(xlabel="test speaker", ylabel="UAR", ylim=(0, 1.02))
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3,
                      fontsize=8)  # fmt: skip
    return figure


def learning_curves(history: pd.DataFrame):
    """Training loss and validation UAR of every fold.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns fold, epoch, loss, validation_uar, kept.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.7))
        colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, history["fold"].nunique()))
        for colour, (_, fold) in zip(colours, history.groupby("fold")):
            left.plot(fold["epoch"], fold["loss"], color=colour, lw=1)
            right.plot(fold["epoch"], fold["validation_uar"], color=colour, lw=1)
            kept = fold[fold["epoch"] == fold["kept"]]
            right.plot(kept["epoch"], kept["validation_uar"], "o", color=colour)
        left.set(xlabel="epoch", ylabel="training loss (AM-Softmax)", title="Training")
        right.set(xlabel="epoch", ylabel="UAR", title="Validation speaker (dot: kept)")
    return figure
