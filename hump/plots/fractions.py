"""Figures against the share of data: where transfer hurts, what is enough, how to fine-tune."""

import numpy as np

from hump.params import folders
from hump.params.names import CHOSEN, PRETRAINED, SCRATCH
from hump.plots import parts, style

SHOWN_BY_TEST = ("transfer helps", "negative transfer")
AHEAD = {"color": style.RED, "marker": "v", "ms": 7, "ls": ""}
ENOUGH = {"color": style.BLUE, "marker": "", "lw": 1.2, "ls": "--"}


def _panels(table, x, value, looks, chance, *, by="system", **labels):
    """A panel a corpus with its curves, and a line at chance, or at 0 without any."""
    places, corpora = sorted(table[x].unique()), list(table["corpus"].unique())
    figure, axes = parts.panels(corpora, (3.1, 2.4), share="y", **labels)
    for corpus, axis in axes.items():
        part = table[table["corpus"] == corpus]
        axis.axhline(chance[corpus] if chance else 0, **(style.CHANCE if chance else style.ZERO))
        parts.curves(axis, part, x, value, looks, places=places, by=by)
        axis.set_title(f"{folders.title(corpus)}  ({parts.size(part)})", fontsize=8)
    return figure, axes


def _against_fraction(table, chance):
    paper = set(table["protocol"]) == {"paper"}
    labels = {"xlabel": "% of all utterances" if paper else "% of training speakers' data"}
    colours = style.systems(table)
    return _panels(table, "fraction", "uar", colours, chance, ylabel="UAR", **labels)


@style.applied
def fraction_curves(table, chance: dict):
    """UAR against the fraction of the training speakers' utterances, a panel a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.evaluation.summarise`, of one protocol, with columns corpus, system, fraction.
    chance : dict of str to float
        As `hump.evaluation.chance`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, _ = _against_fraction(table, chance)
    return parts.legend(figure)


@style.applied
def transfer_curves(table, tests, points, chance: dict):
    """Fraction curves with negative transfer and the break point of the pre-trained model marked.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.summary.cells`, of one protocol.
    tests : pandas.DataFrame
        As `hump.experiments.fractions.transfer`, of the same protocol.
    points : pandas.DataFrame
        As `hump.experiments.fractions.breakpoints`; empty to mark none.
    chance : dict of str to float

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _against_fraction(table, chance)
    places = {fraction: k for k, fraction in enumerate(sorted(table["fraction"].unique()))}
    marks = {}
    for corpus, axis in axes.items():
        behind = tests[(tests["corpus"] == corpus) & (tests["difference"] < 0)]
        for row in behind.itertuples():
            shown = row.verdict == "negative transfer"
            label = f"scratch ahead, {'shown by test' if shown else 'not shown'}"
            marks[label] = {**AHEAD, "mfc": style.RED if shown else "white"}
            height = {"transform": axis.get_xaxis_transform(), "clip_on": False}
            axis.plot(places[row.fraction], 0.04, **marks[label], **height)
        own = points[(points["corpus"] == corpus) & (points["system"] == PRETRAINED)]
        for row in own.itertuples():
            ends = (row.breakpoint_low, row.breakpoint, row.breakpoint_high)
            low, place, high = (places.get(end, np.nan) for end in ends)
            if np.isfinite([low, place, high]).all():
                axis.axvspan(low - 0.15, high + 0.15, color=style.BLUE, alpha=0.08, lw=0)
            marks["enough data, pre-trained (band: interval)"] = ENOUGH
            axis.axvline(place, **ENOUGH)
    return parts.legend(figure, marks)


@style.applied
def transfer(tests):
    """Pre-trained minus from scratch against the fraction, both protocols, a panel a corpus.

    Parameters
    ----------
    tests : pandas.DataFrame
        As `hump.experiments.fractions.transfer`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    words = tests["protocol"].map(style.PROTOCOLS)
    tests = tests.assign(hollow=~tests["verdict"].isin(SHOWN_BY_TEST), protocol=words)
    looks = ({"color": style.BLUE, "marker": "o"}, {"color": style.RED, "marker": "s"})
    colours = dict(zip(style.PROTOCOLS.values(), looks))
    labels = {"xlabel": "% of the data", "ylabel": "UAR, pre-trained\nminus scratch"}
    figure, _ = _panels(tests, "fraction", "difference", colours, None, by="protocol", **labels)
    return parts.legend(figure, title="filled: shown by test; open: not shown")


@style.applied
def overlap(table):
    """What shared speakers add to each system, against the fraction, a panel a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.fractions.overlap`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels = {"xlabel": "% of the data", "ylabel": "UAR, speakers shared\nminus unseen"}
    figure, _ = _panels(table, "fraction", "difference", style.systems(table), None, **labels)
    return parts.legend(figure)


@style.applied
def few_shot(table, chance: dict):
    """UAR against utterances of each emotion, of one speaker or of many, a panel a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.few_shot.table`.
    chance : dict of str to float

    Returns
    -------
    matplotlib.figure.Figure
    """
    looks = {}
    for system, look in style.systems(table).items():
        looks[system, "many speakers"] = {**look, "label": system}
        look = {**look, "label": None}
        looks[system, "one speaker"] = {**look, "ls": "--", "mfc": "white"}
        looks[system, "no target speaker"] = {**look, "ls": ""}
    table = table.assign(line=list(zip(table["system"], table["heard"])))
    labels = {"xlabel": "utterances of each emotion", "ylabel": "UAR"}
    figure, _ = _panels(table, "shots", "uar", looks, chance, by="line", **labels)
    lines = "solid: of many speakers; dashed, open: of one; at 0: trained on the source"
    return parts.legend(figure, title=lines)


@style.applied
def strategies(table):
    """Ways to fine-tune on test speakers, with intervals, a panel a corpus and fraction.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.tuning.table`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    variants = list(table["variant"].unique())
    looks = {"in force": {"color": style.BLUE}, "other": {"color": style.DARK, "mfc": "white"},
             "from scratch": style.SYSTEMS[SCRATCH],
             "chosen in each fold": {"color": style.RED, "marker": "D"}}  # fmt: skip
    kinds = [table["start"] == "scratch", table["in_force"], table["variant"] == CHOSEN]
    words = ["from scratch", "in force", "chosen in each fold"]
    table = table.assign(kind=np.select(kinds, words, "other"))
    panels = dict(list(table.groupby(["corpus", "fraction"], sort=False)))
    size = (2.3, 0.6 + 0.2 * len(variants))
    figure, axes = parts.panels(list(panels), size, share="xy", xlabel="UAR")
    for (corpus, fraction), axis in axes.items():
        part = panels[corpus, fraction]
        for kind, look in looks.items():
            own = part[part["kind"] == kind]
            parts.intervals(axis, own, "uar", own["variant"].map(variants.index), **look)
        parts.rows(axis, variants)
        title = f"{folders.title(corpus)}, {100 * fraction:g} %\n({parts.size(part)})"
        axis.set_title(title, fontsize=7)
    return parts.legend(figure, looks)
