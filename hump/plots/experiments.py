"""Figures of the experiments on the model: fusion, layers, architecture."""

import matplotlib.pyplot as plt
import numpy as np

from hump.experiments import PRIMARY
from hump.plots.style import style

__all__ = ["architecture", "cost", "differences", "layer_curves", "layer_pairs"]

BETTER, WORSE, OPEN, MARK = "#0072B2", "#D55E00", "#777777", "#D55E00"
TRAINED, CONTROL = "#0072B2", "#E69F00"


def differences(comparisons, level: float):
    """Difference of one system to every other, a panel a comparison, sorted.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        As `hump.evaluation.compare_families`. With several systems ``a`` a row names both; primary
        comparisons are bold.
    level : float
        Of significance; what is decided after Holm's correction is coloured and filled.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = list(dict.fromkeys(comparisons["comparison"]))
    parts = [comparisons[comparisons["comparison"] == name] for name in panels]
    one = comparisons["a"].nunique() == 1
    sizes = [len(part) for part in parts]
    with style():
        figure, axes = plt.subplots(
            len(panels), 1, figsize=(7.2, 0.9 + sum(0.24 * size + 0.75 for size in sizes)),
            sharex=True, squeeze=False, height_ratios=[size + 1 for size in sizes],
        )  # fmt: skip
        for axis, name, part in zip(axes[:, 0], panels, parts):
            part = part.sort_values("difference")
            for y, row in enumerate(part.itertuples()):
                colour = OPEN if row.p_holm >= level else BETTER if row.difference > 0 else WORSE
                axis.plot([row.difference_low, row.difference_high], [y, y], color=colour, lw=2)
                axis.plot(row.difference, y, "o", mec=colour,
                          mfc="white" if colour == OPEN else colour)  # fmt: skip
                axis.text(1.01, y, f"{round(row.difference, 3) + 0.0:+.3f}", va="center", size=7,
                          transform=axis.get_yaxis_transform())  # fmt: skip
            labels = part["b"] if one else part["a"] + "  −  " + part["b"]
            axis.set_yticks(range(len(part)), labels, fontsize=8)
            for label, question in zip(axis.get_yticklabels(), part["question"]):
                label.set_fontweight("bold" if question == PRIMARY else "normal")
            axis.set_ylim(-0.7, len(part) - 0.3)
            axis.axvline(0, color="#444444", lw=1)
            axis.grid(axis="y", visible=False)
            axis.set_title(f"{name}  ({part['speakers'].max()} speakers)", fontsize=9)
        first = comparisons["a"].iloc[0]
        what = f"“{first}” less the system named" if one else "first less second"
        axes[-1, 0].set_xlabel(f"difference in UAR: {what}")
        handles = [
            plt.Line2D([], [], marker="o", ls="-", color=colour, mfc=face)
            for colour, face in ((BETTER, BETTER), (WORSE, WORSE), (OPEN, "white"))
        ]
        figure.legend(handles, ["better", "worse", "not decided"], ncols=3, fontsize=8,
                      loc="outside upper right")  # fmt: skip
    return figure


def cost(table):
    """UAR against multiply-adds, a numbered point a system.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one corpus: columns system, uar, uar_low, uar_high, multiply_adds, parameters.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.sort_values(["multiply_adds", "system"], ignore_index=True)
    with style():
        figure, axis = plt.subplots(figsize=(7.2, 3.6))
        for number, row in enumerate(table.itertuples(), start=1):
            x = row.multiply_adds / 1e6
            axis.plot([x, x], [row.uar_low, row.uar_high], color="#cccccc", lw=1, zorder=1)
            axis.plot(x, row.uar, "o", color=BETTER,
                      label=f"{number}  {row.system} ({row.parameters / 1e3:,.0f}k weights)")
            # Beside the point, left and right in turn: neighbours cost nearly the same.
            left = number % 2
            axis.annotate(str(number), (x, row.uar), (-4 if left else 4, 0), size=7, va="center",
                          ha="right" if left else "left", textcoords="offset points")
        axis.set_xscale("log")
        axis.set(xlabel="million multiply-adds for 3 s of speech",
                 ylabel="UAR, speakers unseen")  # fmt: skip
        figure.legend(loc="outside right upper", fontsize=7, handlelength=0, markerscale=0)
    return figure


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
    encoders = list(dict.fromkeys(cells["encoder"]))
    with style():
        figure, axes = plt.subplots(1, len(encoders), figsize=(4.6 * len(encoders) + 0.8, 4.6),
                                    squeeze=False)  # fmt: skip
        limits = {"vmin": cells["uar"].min(), "vmax": cells["uar"].max()}
        for axis, encoder in zip(axes[0], encoders):
            part = cells[cells["encoder"] == encoder]
            size = part["layer_b"].max() + 1
            grid = np.full((size, size), np.nan)
            grid[part["layer_b"], part["layer_a"]] = part["uar"]
            image = axis.imshow(grid, cmap="cividis", origin="upper", **limits)
            for row in part.itertuples():
                _mark(axis, row, study)
            axis.set(xlabel="layer", ylabel="other layer (diagonal: one layer alone)",
                     title=encoder, xticks=range(size), yticks=range(size))  # fmt: skip
            axis.tick_params(labelsize=7)
            axis.grid(visible=False)
        figure.colorbar(image, ax=axes[0].tolist(), label="UAR of the linear probe", shrink=0.8)
        handles = [
            plt.Rectangle((0, 0), 1, 1, fc="none", ec=MARK, lw=2),
            plt.Line2D([], [], marker="*", ls="", color="white", mec="black", ms=10),
            plt.Line2D([], [], marker="$n$", ls="", color="black", ms=7),
        ]
        names = ["the study's layers", "best on test speakers",
                 "chosen on training speakers by n folds"]  # fmt: skip
        figure.legend(handles, names, loc="outside upper center", ncols=2, fontsize=8)
    return figure


def _mark(axis, row, study):
    place = row.layer_a, row.layer_b
    if set(place) == set(study):
        axis.add_patch(plt.Rectangle((place[0] - 0.5, place[1] - 0.5), 1, 1, fc="none",
                                     ec=MARK, lw=2, zorder=3))  # fmt: skip
    if row.best_on_test:
        axis.plot(*place, marker="*", color="white", mec="black", ms=15, zorder=4)
    if row.chosen_by:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        axis.text(*place, row.chosen_by, ha="center", va="center", size=7, bbox=box, zorder=5)


def layer_curves(cells, chance: float):
    """UAR of each layer alone, by the linear probe, an encoder a curve.

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
    single = cells[cells["layer_a"] == cells["layer_b"]]
    with style():
        figure, axis = plt.subplots(figsize=(6.4, 3))
        for encoder, colour, marker in zip(dict.fromkeys(single["encoder"]), (TRAINED, CONTROL),
                                           "os"):  # fmt: skip
            part = single[single["encoder"] == encoder].sort_values("layer_a")
            axis.fill_between(part["layer_a"], part["uar_low"], part["uar_high"], color=colour,
                              alpha=0.18, lw=0)  # fmt: skip
            axis.plot(part["layer_a"], part["uar"], marker=marker, color=colour, label=encoder)
        axis.axhline(chance, color="#bbbbbb", ls=":", lw=1)
        axis.set_xticks(sorted(single["layer_a"].unique()))
        axis.set(xlabel="layer of the encoder (0: input of the first)",
                 ylabel="UAR, speakers unseen",
                 title=f"One layer alone, linear probe  (n={single['utterances'].max()}, "
                       f"{single['speakers'].max()} speakers)")  # fmt: skip
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper right", ncols=2,
                      fontsize=8)  # fmt: skip
    return figure


def architecture(table):
    """UAR of each variant on validation and test speakers of the source, grouped by factor.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.architecture.summarise`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = {
        "validation_uar": (f"validation speakers ({table['validation_speakers'].max()}), which "
                           "choose", TRAINED, "o", -0.14),
        "uar": (f"test speakers ({table['speakers'].max()}), which do not", CONTROL, "s", 0.14),
    }  # fmt: skip
    with style():
        figure, axis = plt.subplots(figsize=(7.2, 1.2 + 0.36 * len(table)))
        for name, (label, colour, marker, shift) in kinds.items():
            y = np.arange(len(table)) + shift
            axis.hlines(y, table[f"{name}_low"], table[f"{name}_high"], color=colour, lw=2)
            axis.plot(table[name], y, marker, color=colour, label=label)
        chosen = int(np.flatnonzero(table["chosen"])[0])
        axis.axhspan(chosen - 0.45, chosen + 0.45, color="#f0e9d2", zorder=0)
        labels = [f"{name} (chosen)" if k == chosen else name
                  for k, name in enumerate(table["system"])]  # fmt: skip
        axis.set_yticks(range(len(table)), labels, fontsize=8)
        axis.set_ylim(len(table) - 0.5, -0.5)
        axis.set(xlabel="UAR")
        axis.grid(axis="y", visible=False)
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper right", ncols=2,
                      fontsize=8)  # fmt: skip
    return figure
