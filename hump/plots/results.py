"""Figures of results: each shows intervals, and can be read alone with its caption."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from hump.plots import parts, style
from hump.util import text


@style.applied
def forest(table, title: str, chance: dict):
    """UAR of every system with its interval, a group of rows a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns corpus, system, uar, uar_low, uar_high.
    title : str
    chance : dict of str to float
        As `hump.evaluation.chance`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora, shown = list(table["corpus"].unique()), style.systems(table, majority=True)
    if not shown:
        looks = zip(table["system"].unique(), style.PALETTE, "osD^v<>P")
        shown = {name: {"color": colour, "marker": marker} for name, colour, marker in looks}
    step = 1 / (len(shown) + 1.2)
    figure, axis = plt.subplots(figsize=(7, 0.9 + 0.17 * len(corpora) / step))
    parts.rows(axis, corpora)
    parts.chance(axis, corpora, chance)
    for number, (system, look) in enumerate(shown.items()):
        own = table[table["system"] == system]
        y = parts.positions(own["corpus"], corpora, number, len(shown), step)
        parts.intervals(axis, own, "uar", y, label=system, **look)
        for place, value in zip(y, own["uar"]):
            parts.beside(axis, place, f"{value:.3f}")
    axis.set(xlabel="UAR", title=title, xlim=(0, 1))
    return parts.legend(figure)


@style.applied
def protocol_gap(table):
    """UAR with speakers unseen and with speakers shared, at the same fractions.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns corpus, protocol, fraction, system, uar.

    Returns
    -------
    matplotlib.figure.Figure
    """
    cells = table.pivot_table("uar", ["corpus", "fraction", "system"], "protocol")
    cells = cells.reindex(columns=list(style.PROTOCOLS)).dropna().reset_index()
    if cells.empty:
        return parts.message("The study ran one protocol, or no share of the data under both.")
    corpora = [name for name in table["corpus"].unique() if name in set(cells["corpus"])]
    shown = style.systems(cells)
    fractions, panel = sorted(cells["fraction"].unique()), (3.7, 0.9 + 0.55 * len(corpora))
    figure, axes = parts.panels(fractions, panel, columns=2, share="xy", xlabel="UAR")
    for fraction, axis in axes.items():
        parts.rows(axis, corpora)
        axis.set_title(f"{text.percent(fraction)} of the data")
        for number, (system, look) in enumerate(shown.items()):
            part = cells[(cells["fraction"] == fraction) & (cells["system"] == system)]
            y = parts.positions(part["corpus"], corpora, number, len(shown), 0.17)
            unseen, shared = (part[protocol] for protocol in style.PROTOCOLS)
            axis.hlines(y, unseen, shared, color=look["color"])
            axis.plot(unseen, y, ls="", label=system, **look)
            axis.plot(shared, y, ls="", mfc="white", **look)
    fills = zip(style.PROTOCOLS.values(), ("black", "white"))
    return parts.legend(figure, {name: {"color": "black", "mfc": fill} for name, fill in fills})


@style.applied
def confusion_matrices(matrices, labels):
    """Confusion matrices, in percent of rows.

    Parameters
    ----------
    matrices : dict of str to numpy.ndarray
        Title -> counts, shape (classes, classes), rows are true classes.
    labels : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    count = len(matrices)
    figure, axes = parts.panels(list(matrices), (2.4, 2), columns=count, least=0, share="y")
    true, predicted = pd.Index(labels, name="true"), pd.Index(labels, name="predicted (% of row)")
    look = {"cmap": "Blues", "vmin": 0, "vmax": 100, "cbar": False, "annot": True, "fmt": ".0f"}
    for title, axis in axes.items():
        counts = pd.DataFrame(matrices[title], true, predicted)
        share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
        sns.heatmap(100 * share, square=True, ax=axis, **look)
        axis.tick_params(axis="x", rotation=45)
        axis.tick_params(axis="y", rotation=0)
        axis.label_outer()
    return figure


@style.applied
def speakers(predictions, chance: float):
    """Recall averaged over emotions, a dot a speaker and system.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns system, speaker, emotion, predicted.
    chance : float

    Returns
    -------
    matplotlib.figure.Figure
    """
    right = predictions.assign(uar=predictions["emotion"] == predictions["predicted"])
    recall = right.groupby(["system", "speaker", "emotion"])["uar"].mean()
    recall = recall.groupby(["system", "speaker"]).mean().reset_index()
    looks, order = style.systems(recall), sorted(recall["speaker"].unique())
    figure, axis = plt.subplots(figsize=(max(5, 0.55 * len(order) + 1.5), 2.8))
    axis.axhline(chance, **style.CHANCE)
    for number, (system, look) in enumerate(looks.items()):
        own = recall[recall["system"] == system]
        at = parts.positions(own["speaker"], order, number, len(looks), 0.18)
        axis.plot(at, own["uar"], ls="", **look)
    axis.set_xticks(range(len(order)), order)
    axis.tick_params(axis="x", rotation=45)
    axis.set(xlabel="test speaker", ylabel="UAR", ylim=(0, 1.02))
    return parts.legend(figure, looks)


@style.applied
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
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.7))
    look = {"x": "epoch", "hue": "fold", "palette": "viridis", "legend": False}
    for axis, measure in ((left, "loss"), (right, "validation_uar")):
        sns.lineplot(history, y=measure, estimator=None, lw=1, ax=axis, **look)
    kept = history[history["epoch"] == history["kept"]]
    sns.scatterplot(kept, y="validation_uar", ax=right, **look)
    left.set(ylabel="training loss", title="Training")
    right.set(ylabel="UAR", title="Validation speakers (dot: kept)")
    return figure
