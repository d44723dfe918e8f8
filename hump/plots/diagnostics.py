"""Figures of what a fine-tuned model does inside, and how far it may be believed."""

import matplotlib.pyplot as plt
import numpy as np

from hump.diagnostics import BINS, ONE_KEY, UNIFORM
from hump.plots.results import message
from hump.plots.style import SYSTEM_COLOURS, colour_of, style

__all__ = ["attention_entropy", "embeddings", "label_rates", "reliability"]

# Bars of fewer utterances are pale: they say little.
FEW = 5
# Of Okabe & Ito; heads have no order.
HEAD_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000",
                "#F0E442")  # fmt: skip


def attention_entropy(table):
    """Normalised entropy of every head over the epochs of training or the updates of fine-tuning.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.diagnostics.attention.summarise`, of one corpus.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a stage and direction; a line a head, dashed beyond the first block.
    """
    if table.empty:
        return message("Neither stage attends: both join their inputs side by side.")
    time = "epoch" if "epoch" in table else "update"
    panels = table.groupby(["stage", "direction"], sort=True)
    rows = -(-len(panels) // 2)
    with style():
        figure, axes = plt.subplots(
            rows, 2, figsize=(7, 0.7 + 2.1 * rows), sharex=True, squeeze=False
        )
        for axis, ((stage, direction), part) in zip(axes.flat, panels):
            asked, seen = direction.split(" to ")
            axis.set_title(f"{stage.replace('stage', 'Stage ')}: {asked} looks at {seen}\n"
                           f"{part['keys'].median():g} keys (median)", fontsize=8)  # fmt: skip
            _heads(axis, part, time)
        last = table[time].max()
        axes.flat[0].set_xlim(-0.04 * last, 1.04 * last)
        for axis in axes[-1]:
            axis.set_xlabel({"epoch": "epochs of training (0: random weights)",
                             "update": "fine-tuning updates (0: source model)"}[time])  # fmt: skip
        for axis in axes[:, 0]:
            axis.set_ylabel("entropy / uniform\n(axes differ)")
        heads = sorted(table["head"].unique())
        handles = [plt.Line2D([], [], color=_colour(head), marker="o") for head in heads]
        labels = [f"head {head}" for head in heads]
        handles.append(plt.Rectangle((0, 0), 1, 1, color="#e8e8e8"))
        labels.append(f"collapsed: > {UNIFORM:g} or < {ONE_KEY:g}")
        figure.legend(handles, labels, loc="outside upper center", ncols=5, fontsize=8)
    return figure


def _colour(head):
    return HEAD_COLOURS[(head - 1) % len(HEAD_COLOURS)]


def _heads(axis, part, time):
    if part["entropy"].isna().all():
        axis.text(0.5, 0.5, "one key: no choice,\nentropy undefined", ha="center", va="center",
                  transform=axis.transAxes)  # fmt: skip
        return
    # Most heads are near 1, where a common axis from 0 would not tell them apart.
    lowest = np.floor(20 * part["entropy_low"].fillna(part["entropy"]).min() - 0.5) / 20
    bottom, top = max(lowest, -0.03), 1 + 0.05 * (1 - lowest)
    axis.set_ylim(bottom, top)
    for low, high in ((UNIFORM, top), (bottom, max(bottom, ONE_KEY))):
        axis.axhspan(low, high, color="#e8e8e8", zorder=0)
    step, heads = part[time].max() / 100, part["head"].max()
    for (block, head), line in part.groupby(["block", "head"]):
        below = line["entropy"] - line["entropy_low"]
        above = line["entropy_high"] - line["entropy"]
        axis.errorbar(line[time] + step * (head - (heads + 1) / 2), line["entropy"],
                      yerr=[below, above], color=_colour(head), marker="o", markersize=3, lw=1.2,
                      ls="-" if block == 1 else "--", elinewidth=0.8)  # fmt: skip


def reliability(bins, table):
    """Accuracy against confidence, before and after temperature scaling.

    Parameters
    ----------
    bins, table : pandas.DataFrame
        As `hump.diagnostics.calibration.reliability` and ``summarise``, of one corpus.

    Returns
    -------
    matplotlib.figure.Figure
        Above, a bar a bin; below, how many utterances are in it.
    """
    cells = list(table.itertuples())
    with style():
        figure, axes = plt.subplots(
            2, len(cells), figsize=(2.45 * len(cells) + 0.4, 4.2), sharex=True, sharey="row",
            squeeze=False, height_ratios=(5, 2),
        )  # fmt: skip
        for (axis, below), cell in zip(axes.T, cells):
            part = bins[(bins["fraction"] == cell.fraction) & (bins["scaling"] == cell.scaling)]
            axis.plot([0, 1], [0, 1], color="#555555", ls=":", lw=1)
            colours = ["#56B4E9" if n >= FEW else "#cfe8f7" for n in part["utterances"]]
            axis.bar(part["bin"], part["accuracy"], 0.94 / BINS, color=colours)
            axis.vlines(part["bin"], part["accuracy_low"], part["accuracy_high"], color="#1f4e6b",
                        lw=1)  # fmt: skip
            axis.plot(part["confidence"], part["confidence"], "D", ms=3.5, color="#D55E00")
            below.bar(part["bin"], part["utterances"], 0.94 / BINS, color="#999999")
            axis.set(xlim=(0, 1), ylim=(0, 1.02))
            axis.set_title(_title(cell), fontsize=7.5)
            below.set_xlabel("confidence")
        axes[0, 0].set_ylabel("accuracy")
        axes[1, 0].set_ylabel("utterances")
        handles = [
            plt.Rectangle((0, 0), 1, 1, color="#56B4E9"),
            plt.Rectangle((0, 0), 1, 1, color="#cfe8f7"),
            plt.Line2D([], [], color="#1f4e6b", lw=1),
            plt.Line2D([], [], color="#D55E00", marker="D", ms=3.5, ls=""),
        ]  # fmt: skip
        labels = ["accuracy", f"of fewer than {FEW} utterances", "interval over speakers",
                  "mean confidence"]  # fmt: skip
        figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
    return figure


def _title(cell):
    scaled = cell.scaling == "temperature"
    how = f"temperature {cell.temperature:.2f}" if scaled else "as it is"
    return (f"{100 * cell.fraction:g} % of data, {how}\n"
            f"ECE {cell.ece:.3f} (chance < {cell.ece_by_chance:.3f})\n"
            f"n={cell.utterances}, {cell.speakers} speakers")  # fmt: skip


def label_rates(table, system: str):
    """How often neutral is said, by every system; and every emotion, by one.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.diagnostics.label_rates`, of one corpus.
    system : str
        Of the right panel.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fractions = sorted(table["fraction"].unique())
    neutral, own = table[table["emotion"] == "neutral"], table[table["system"] == system]
    if neutral.empty:
        return message("The corpus has no neutral utterances.")
    systems = [name for name in SYSTEM_COLOURS if name in set(neutral["system"])]
    systems = [name for name in systems if name != "majority class"]
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2))
        for offset, name in enumerate(systems):
            _rates(left, neutral[neutral["system"] == name], "predicted_rate", fractions,
                   offset - (len(systems) - 1) / 2, SYSTEM_COLOURS[name], name)  # fmt: skip
        left.axhline(100 * neutral["true_rate"].iloc[0], color="black", ls="--", lw=1)
        emotions = list(dict.fromkeys(own["emotion"]))
        for offset, emotion in enumerate(emotions):
            _rates(right, own[own["emotion"] == emotion], "difference", fractions,
                   offset - (len(emotions) - 1) / 2, colour_of(emotion), emotion)  # fmt: skip
        right.axhline(0, color="black", ls="--", lw=1)
        left.set(title="Neutral, by system", ylabel="% of utterances called neutral")
        left.set_ylim(bottom=0)
        right.set(title=f"All emotions, {system}", ylabel="predicted − true, % points")
        for axis in (left, right):
            axis.set_xticks(range(len(fractions)), [f"{100 * f:g}" for f in fractions])
            axis.set_xlabel("% of training speakers' data")
            axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
        facts = neutral.iloc[0]
        figure.suptitle(f"n={facts['utterances']}, {facts['speakers']} speakers; dashed: the true "
                        "share", fontsize=8, x=0.01, ha="left")  # fmt: skip
    return figure


def _rates(axis, line, name, fractions, offset, colour, label):
    line = line.sort_values("fraction")
    value, low, high = (100 * line[f"{name}{end}"] for end in ("", "_low", "_high"))
    x = line["fraction"].map(fractions.index) + 0.09 * offset
    axis.errorbar(x, value, yerr=[value - low, high - value], color=colour, marker="o",
                  elinewidth=1, label=label)  # fmt: skip


def embeddings(points, separation, source: str):
    """Maps of embeddings before and after fine-tuning: colour is emotion, shape is corpus.

    Parameters
    ----------
    points, separation : pandas.DataFrame
        As of `hump.diagnostics.Diagnosis`.
    source : str
        Corpus that is drawn hollow.

    Returns
    -------
    matplotlib.figure.Figure
    """
    found = separation.set_index(["moment", "groups"])["silhouette"]
    corpora = sorted(points["corpus"].unique(), key=lambda name: name != source)
    emotions = sorted(points["emotion"].unique())
    with style():
        figure, axes = plt.subplots(1, 2, figsize=(7.4, 4.1))
        for axis, moment in zip(axes, ("before", "after")):
            part = points[points["moment"] == moment]
            for corpus in corpora:
                shown = part[part["corpus"] == corpus]
                colours = [colour_of(emotion) for emotion in shown["emotion"]]
                fill = "none" if corpus == source else colours
                axis.scatter(shown["x"], shown["y"], s=15 if corpus == source else 19,
                             marker="o" if corpus == source else "^", facecolors=fill,
                             edgecolors=colours, linewidths=0.8)  # fmt: skip
            axis.set_title(
                f"{moment.capitalize()} fine-tuning\nsilhouettes: emotions of the target "
                f"{found[moment, 'emotions']:.2f}, corpora {found[moment, 'corpora']:.2f}",
                fontsize=8,
            )
            axis.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
            axis.spines[["top", "right"]].set_visible(True)
        count = points[points["moment"] == "before"]["corpus"].value_counts()
        handles = [plt.Line2D([], [], color=colour_of(e), marker="s", ls="") for e in emotions]
        handles += [
            plt.Line2D([], [], color="black", ls="", marker="o" if c == source else "^",
                       mfc="none" if c == source else "black")
            for c in corpora
        ]  # fmt: skip
        labels = [*emotions, *(f"{corpus} (n={count[corpus]})" for corpus in corpora)]
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=8,
                      handletextpad=0.2, columnspacing=1.0)  # fmt: skip
    return figure
