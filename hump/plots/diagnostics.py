"""Figures of a fine-tuned model: its attention, its calibration, its biases, its embeddings."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from hump.experiments.attention import ONE_KEY, UNIFORM
from hump.experiments.calibration import BINS
from hump.params import folders, names
from hump.plots import parts, style
from hump.util import text

# Bars of fewer utterances are pale.
FEW = 5
PALE, SHADE = "#cfe8f7", "#e8e8e8"
EPOCHS = "epochs of training (0: random weights)"
UPDATES = "fine-tuning updates (0: source model)"


@style.applied
def attention_entropy(table):
    """Normalised entropy of every head over the epochs of training or the updates of fine-tuning.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.attention.summarise`, of one corpus.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a stage and direction; a line a head, dashed beyond the first block.
    """
    if table.empty:
        return parts.message("Neither stage attends: both join their inputs side by side.")
    time = "epoch" if "epoch" in table else "update"
    heads = sorted(table["head"].unique())
    colours = dict(zip(heads, sns.color_palette(style.PALETTE, len(heads))))
    tables = dict(list(table.groupby(["stage", "direction"], sort=True)))
    labels = {"xlabel": EPOCHS if time == "epoch" else UPDATES}
    labels["ylabel"] = "entropy / uniform\n(axes differ)"
    figure, axes = parts.panels(list(tables), (3.5, 2.1), columns=2, share="x", **labels)
    for (stage, direction), axis in axes.items():
        part = tables[stage, direction]
        title = f"{stage.replace('stage', 'Stage ')}: {direction.replace(' to ', ' looks at ')}"
        axis.set_title(f"{title}\n{part['keys'].median():g} keys (median)", fontsize=8)
        _heads(axis, part, time, colours)
    last = table[time].max()
    axis.set_xlim(-0.04 * last, 1.04 * last)
    looks = {f"head {head}": {"color": colour, "ls": "-"} for head, colour in colours.items()}
    shaded = f"collapsed: > {UNIFORM:g} or < {ONE_KEY:g}"
    return parts.legend(figure, {**looks, shaded: {"color": SHADE, "marker": "s", "ms": 9}})


def _heads(axis, part, time, colours):
    if part["entropy"].isna().all():
        place = {"transform": axis.transAxes, "ha": "center", "va": "center"}
        axis.text(0.5, 0.5, "one key: no choice,\nentropy undefined", **place)
        return
    # Most heads are near 1, where a common axis from 0 would not tell them apart.
    lowest = np.floor(20 * part["entropy_low"].fillna(part["entropy"]).min() - 0.5) / 20
    bottom, top = max(lowest, -0.03), 1 + 0.05 * (1 - lowest)
    axis.set_ylim(bottom, top)
    for low, high in ((UNIFORM, top), (bottom, max(bottom, ONE_KEY))):
        axis.axhspan(low, high, color=SHADE, zorder=0)
    step, middle = part[time].max() / 100, (len(colours) + 1) / 2
    for (block, head), line in part.groupby(["block", "head"]):
        look = {"color": colours[head], "ms": 3, "lw": 1.2, "ls": "-" if block == 1 else "--"}
        at = line[time] + step * (head - middle)
        parts.intervals(axis, line, "entropy", at, upright=True, **look)


@style.applied
def reliability(bins, table):
    """Accuracy against confidence, before and after temperature scaling.

    Parameters
    ----------
    bins, table : pandas.DataFrame
        As `hump.experiments.calibration.reliability` and ``summarise``, of one corpus.

    Returns
    -------
    matplotlib.figure.Figure
        Above, a bar a bin; below, how many utterances are in it.
    """
    grid = {"sharex": True, "sharey": "row", "squeeze": False, "height_ratios": (5, 2)}
    figure, axes = plt.subplots(2, len(table), figsize=(2.45 * len(table) + 0.4, 4.2), **grid)
    for (axis, below), cell in zip(axes.T, table.itertuples()):
        part = bins[(bins["fraction"] == cell.fraction) & (bins["scaling"] == cell.scaling)]
        axis.plot([0, 1], [0, 1], color="#555555", ls=":", lw=1)
        colours = np.where(part["utterances"] < FEW, PALE, style.SKY)
        axis.bar(part["bin"], part["accuracy"], 0.94 / BINS, color=colours)
        axis.vlines(part["bin"], part["accuracy_low"], part["accuracy_high"], color="#1f4e6b", lw=1)
        axis.plot(part["confidence"], part["confidence"], "D", ms=3.5, color=style.RED)
        below.bar(part["bin"], part["utterances"], 0.94 / BINS, color=style.GREY)
        axis.set(xlim=(0, 1), ylim=(0, 1.02))
        scaled = cell.scaling == "temperature"
        how = f"temperature {cell.temperature:.2f}" if scaled else "as it is"
        title = (
            f"{text.percent(cell.fraction)} of data, {how}\n"
            f"ECE {cell.ece:.3f} (chance < {cell.ece_by_chance:.3f})\n"
            f"n={cell.utterances}, {cell.speakers} speakers"
        )
        axis.set_title(title, fontsize=7.5)
        below.set_xlabel("confidence")
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("utterances")
    symbols = {
        "accuracy": {"color": style.SKY, "marker": "s", "ms": 9},
        f"of fewer than {FEW} utterances": {"color": PALE, "marker": "s", "ms": 9},
        "interval over speakers": {"color": "#1f4e6b", "marker": "", "ls": "-", "lw": 1},
        "mean confidence": {"color": style.RED, "marker": "D", "ms": 3.5},
    }
    return parts.legend(figure, symbols)


@style.applied
def label_rates(table, system: str):
    """How often neutral is predicted, by every system; and every emotion, by one.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.bias.label_rates`, of one corpus.
    system : str
        Of the right panel.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fractions, values = sorted(table["fraction"].unique()), ("predicted_rate", "difference")
    columns = [f"{value}{end}" for value in values for end in ("", "_low", "_high")]
    table = table.assign(**100 * table[columns])
    neutral = table[table["emotion"].str.lower().replace(names.ALIKE) == "neutral"]
    own = table[table["system"] == system]
    if neutral.empty:
        return parts.message("The corpus has no neutral utterances.")
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2))
    colours = style.systems(neutral)
    parts.curves(left, neutral, "fraction", "predicted_rate", colours, places=fractions)
    emotions = zip(own["emotion"].unique(), "vPs*dhX<>")
    colours = {e: {"color": style.colour_of(e), "marker": marker} for e, marker in emotions}
    parts.curves(right, own, "fraction", "difference", colours, places=fractions, by="emotion")
    left.set(title="Neutral, by system", ylabel="% of utterances called neutral")
    left.set_ylim(bottom=0)
    right.set(title=f"All emotions, {system}", ylabel="predicted − true, % points")
    for axis, truth in ((left, 100 * neutral["true_rate"].iloc[0]), (right, 0)):
        axis.axhline(truth, color="black", ls="--", lw=1)
        axis.set_xlabel("% of training speakers' data")
        axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    figure.suptitle(f"{parts.size(neutral)}; dashed: the true share", x=0.01, ha="left")
    return figure


@style.applied
def embeddings(points, separation, source: str):
    """Maps of embeddings before and after fine-tuning: colour is emotion, shape is corpus.

    Parameters
    ----------
    points, separation : pandas.DataFrame
        As of `hump.experiments.diagnosis.Diagnosis`.
    source : str
        Corpus that is drawn hollow.

    Returns
    -------
    matplotlib.figure.Figure
    """
    silhouettes = separation.set_index(["moment", "groups"])["silhouette"]
    corpora = sorted(points["corpus"].unique(), key=lambda name: name != source)
    figure, axes = parts.panels(["before", "after"], (3.7, 3.5), xlabel="t-SNE 1", ylabel="t-SNE 2")
    for moment, axis in axes.items():
        part = points[points["moment"] == moment]
        for corpus in corpora:
            shown = part[part["corpus"] == corpus]
            colours = [style.colour_of(emotion) for emotion in shown["emotion"]]
            hollow = corpus == source
            look = {"facecolors": "none" if hollow else colours, "marker": "o" if hollow else "^"}
            axis.scatter(shown["x"], shown["y"], 17, edgecolors=colours, linewidths=0.8, **look)
        title = (
            f"{moment.capitalize()} fine-tuning\nsilhouettes: emotions of the target "
            f"{silhouettes[moment, 'emotions']:.2f}, corpora {silhouettes[moment, 'corpora']:.2f}"
        )
        axis.set_title(title, fontsize=8)
        axis.set(xticks=[], yticks=[])
        axis.spines[["top", "right"]].set_visible(True)
    count = part["corpus"].value_counts()
    emotions = sorted(points["emotion"].unique())
    looks = {name: {"color": style.colour_of(name), "marker": "s"} for name in emotions}
    for corpus in corpora:
        shape = {"marker": "o", "mfc": "none"} if corpus == source else {"marker": "^"}
        looks[f"{folders.title(corpus)} (n={count[corpus]})"] = {"color": "black", **shape}
    return parts.legend(figure, looks)
