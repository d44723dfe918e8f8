"""Figures of the experiments on the model: fusion, layers, architecture."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from hump.experiments import PRIMARY
from hump.params import folders
from hump.params.names import CHOSEN
from hump.plots import parts, style
from hump.util import text


@style.applied
def differences(comparisons, level: float):
    """Difference of one system to every other, a panel a comparison, sorted.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        As `hump.evaluation.compare_families`. With several systems ``a`` a row names both; primary
        comparisons are bold.
    level : float
        Of significance; what is decided after Holm's correction, by an interval without 0 too, is
        coloured and filled.

    Returns
    -------
    matplotlib.figure.Figure
    """
    looks = {"better": {"color": style.BLUE, "marker": ">"},
             "worse": {"color": style.RED, "marker": "<"}}  # fmt: skip
    looks["not decided"] = {"color": style.DARK, "mfc": "white"}
    counts = comparisons["comparison"].value_counts(sort=False).to_dict()
    first, one = comparisons["a"].iloc[0], comparisons["a"].nunique() == 1
    what = f"“{first}” less the system named" if one else "first less second"
    figure, axes = parts.stack(counts, 7.2, share="x", xlabel=f"difference in UAR: {what}")
    for name, axis in axes.items():
        part = comparisons[comparisons["comparison"] == name]
        part = part.sort_values("difference", ascending=False, ignore_index=True)
        # As `hump.evaluation.verdict`: a small p, and an interval without 0.
        open_ = (part["p_holm"] >= level) | (part["difference_low"] * part["difference_high"] <= 0)
        kinds = [open_, part["difference"] > 0]
        kinds = np.select(kinds, ["not decided", "better"], "worse")
        for kind, look in looks.items():
            own = part[kinds == kind]
            parts.intervals(axis, own, "difference", own.index, **look)
        pairs = [(a, b.replace(f"{a},", "the same,")) for a, b in zip(part["a"], part["b"])]
        pairs = [f"{a}{chr(10) if len(a + b) > 40 else '  '}−  {b}" for a, b in pairs]
        labels = part["b"] if one else pairs
        parts.rows(axis, labels, fontsize=8)
        for label, row in zip(axis.get_yticklabels(), part.itertuples()):
            label.set_fontweight("bold" if row.question == PRIMARY else "normal")
            parts.beside(axis, row.Index, f"{round(row.difference, 3) + 0.0:+.3f}")
        axis.axvline(0, **style.ZERO)
        axis.set_title(f"{folders.title(name)}  ({parts.size(part)})")
    return parts.legend(figure, looks)


@style.applied
def cost(table):
    """UAR of each system, the cheapest on top, with multiply-adds and weights beside it.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one corpus: columns system, uar, uar_low, uar_high, multiply_adds, parameters.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.sort_values(["multiply_adds", "system"], ignore_index=True)
    figure, axis = plt.subplots(figsize=(7.2, 1 + parts.ROW * len(table)))
    parts.intervals(axis, table, "uar", table.index, color=style.BLUE)
    parts.rows(axis, table["system"], fontsize=8)
    for row in table.itertuples():
        price = f"{row.multiply_adds / 1e6:.2f} M, {row.parameters / 1e3:,.0f}k"
        parts.beside(axis, row.Index, price)
    axis.set_xlabel(f"UAR, speakers unseen  ({parts.size(table)})")
    axis.set_title("Beside: multiply-adds for 3 s of speech, and weights", loc="right", fontsize=8)
    return figure


@style.applied
def layer_pairs(cells, study):
    """Heat map of the probe's UAR for every pair of layers, a panel an encoder.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `hump.experiments.layers.layer_pairs`.
    study : sequence of int
        The study's layers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    encoders = list(cells["encoder"].unique())
    scale = {"cmap": "cividis", "vmin": cells["uar"].min(), "vmax": cells["uar"].max()}
    figure, axes = parts.panels(encoders, (4.8, 4.2), columns=len(encoders))
    for encoder, axis in axes.items():
        part = cells[cells["encoder"] == encoder]
        grid = part.pivot(index="layer_b", columns="layer_a", values="uar")
        sns.heatmap(grid, square=True, cbar=False, ax=axis, **scale)
        for row in part.itertuples():
            _mark(axis, row, study)
        axis.set(xlabel="layer", ylabel="other layer (diagonal: one layer alone)")
        axis.tick_params(labelsize=7, rotation=0)
        axis.grid(visible=False)
    colours = axis.collections[0]
    figure.colorbar(colours, ax=list(axes.values()), label="UAR of the linear probe", shrink=0.8)
    marks = {
        "the study's layers": {"marker": "s", "ms": 9, "mfc": "none", "mec": style.RED, "mew": 2},
        "best on test speakers": {"marker": "*", "ms": 10, "mfc": "white", "mec": "black"},
        "chosen on training speakers by n folds": {"marker": "$n$", "ms": 7, "color": "black"},
    }
    return parts.legend(figure, marks)


def _mark(axis, row, study):
    """Marks in the cell of a pair; a cell's middle is half a unit from its corner."""
    x, y = row.layer_a + 0.5, row.layer_b + 0.5
    if {row.layer_a, row.layer_b} == set(study):
        corner = (row.layer_a, row.layer_b)
        axis.add_patch(plt.Rectangle(corner, 1, 1, fc="none", ec=style.RED, lw=2, zorder=3))
    if row.best_on_test:
        axis.plot(x, y, marker="*", color="white", mec="black", ms=15, zorder=4)
    if row.chosen_by:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        axis.text(x, y, row.chosen_by, ha="center", va="center", size=7, bbox=box, zorder=5)


@style.applied
def layer_curves(cells, chance: float):
    """UAR of each layer alone, by the linear probe, a curve an encoder.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `hump.experiments.layers.layer_pairs`.
    chance : float
        UAR of guessing.

    Returns
    -------
    matplotlib.figure.Figure
    """
    single = cells[cells["layer_a"] == cells["layer_b"]].sort_values("layer_a")
    figure, axis = plt.subplots(figsize=(6.4, 3))
    looks = zip(single["encoder"].unique(), (style.BLUE, style.ORANGE), "os")
    for encoder, colour, marker in looks:
        part = single[single["encoder"] == encoder]
        layer, band = part["layer_a"], {"color": colour, "alpha": 0.18, "lw": 0}
        axis.fill_between(layer, part["uar_low"], part["uar_high"], **band)
        axis.plot(layer, part["uar"], marker=marker, color=colour, label=encoder)
    axis.axhline(chance, **style.CHANCE)
    axis.set_xticks(single["layer_a"].unique())
    axis.set_xlabel("layer of the encoder (0: input of the first)")
    axis.set_ylabel("UAR, speakers unseen")
    axis.set_title(f"One layer alone, linear probe  ({parts.size(single)})")
    return parts.legend(figure)


@style.applied
def architecture(table):
    """UAR of each variant on test speakers of the source, and of what each fold chose.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.architecture.summarise`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    y, nested = np.arange(len(table)), (table["system"] == CHOSEN).to_numpy()
    figure, axis = plt.subplots(figsize=(7.2, 1.2 + 0.3 * len(table)))
    looks = {"fixed beforehand": {"color": style.BLUE},
             "chosen in each fold": {"color": style.RED, "marker": "D"}}  # fmt: skip
    for rows, look in zip((~nested, nested), looks.values()):
        parts.intervals(axis, table[rows], "uar", y[rows], **look)
    labels = [
        f"{row.system} (chosen by {row.chosen_by} of {row.runs})" if row.chosen_by else row.system
        for row in table.itertuples()
    ]
    parts.rows(axis, labels, fontsize=8)
    axis.set_xlabel(f"UAR, speakers unseen  ({parts.size(table)})")
    return parts.legend(figure, looks)


@style.applied
def trainings(uars):
    """UAR of every training of every system, a panel a corpus.

    Parameters
    ----------
    uars : pandas.DataFrame
        Columns corpus, system, uar; a row a training.

    Returns
    -------
    matplotlib.figure.Figure
    """
    order = list(dict.fromkeys(uars["system"]))
    size = (2.5, 0.9 + 0.22 * len(order))
    figure, axes = parts.panels(list(dict.fromkeys(uars["corpus"])), size, columns=3, share="xy")
    for corpus, axis in axes.items():
        part = uars[uars["corpus"] == corpus]
        look = {"order": order, "color": style.BLUE, "alpha": 0.6, "size": 4, "jitter": False}
        sns.stripplot(part, x="uar", y="system", ax=axis, **look)
        means = part.groupby("system")["uar"].mean().reindex(order)
        axis.plot(means, range(len(order)), "|", color="black", ms=9)
        axis.set(title=folders.title(corpus), xlabel="UAR", ylabel="")
    return figure


@style.applied
def matrix(table):
    """UAR by source and target, a panel a system and fraction.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns source, corpus, fraction, system, uar.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sources, targets = (list(dict.fromkeys(table[name])) for name in ("source", "corpus"))
    cells = {
        f"{system}, {text.percent(fraction)}": part
        for (fraction, system), part in table.groupby(["fraction", "system"], sort=True)
    }
    size = (0.8 + 0.42 * len(targets), 1 + 0.34 * len(sources))
    figure, axes = parts.panels(list(cells), size, columns=3, share="y")
    for title, axis in axes.items():
        uar = cells[title].pivot_table("uar", "source", "corpus").reindex(sources, columns=targets)
        uar = uar.rename(folders.title).rename(folders.title, axis=1)
        look = {"vmin": 0.2, "vmax": 0.8, "cmap": "Blues", "annot": True, "fmt": ".2f"}
        sns.heatmap(uar, ax=axis, cbar=False, annot_kws={"size": 7}, **look)
        axis.set(title=title, xlabel="target", ylabel="source")
        axis.tick_params("x", rotation=90)
    return figure
