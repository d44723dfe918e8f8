"""Figures of corpora and streams."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from hump import audio
from hump.corpora.shortcuts import CONDITIONS, SHORTCUTS
from hump.params import folders
from hump.plots import parts, style


@style.applied
def counts(rows, labels):
    """Utterances of each emotion, one bar a corpus.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use, of all corpora.
    labels : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = rows.groupby(["corpus", "emotion"]).size().unstack().reindex(columns=labels).fillna(0)
    speakers = rows.groupby("corpus")["speaker"].nunique()
    colours = [style.colour_of(label) for label in labels]
    figure, axis = plt.subplots(figsize=(7, 1 + 0.42 * len(table)))
    table.plot.barh(stacked=True, color=colours, width=0.7, legend=False, ax=axis)
    for bars in axis.containers:
        words = [f"{count:g}" if count else "" for count in bars.datavalues]
        axis.bar_label(bars, words, label_type="center", color="white", fontsize=7)
    total = table.sum(axis=1)
    for y, corpus in enumerate(table.index):
        axis.text(total[corpus], y, f"  {speakers[corpus]} speakers", va="center", size=7)
    parts.rows(axis, table.index)
    axis.set(xlabel="utterances", ylabel="", xlim=(0, 1.22 * total.max()))
    axis.set_title("Utterances in use")
    return parts.legend(figure)


@style.applied
def durations(rows, labels):
    """How long the utterances of each emotion last: quartiles, a group of boxes a corpus.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use, of all corpora.
    labels : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora = sorted(rows["corpus"].unique())
    colours = {label: style.colour_of(label) for label in labels}
    figure, axis = plt.subplots(figsize=(max(5, 1.3 * len(corpora)), 3))
    groups = {"hue": "emotion", "hue_order": labels, "palette": colours, "order": corpora}
    look = {"saturation": 1, "gap": 0.1, "linecolor": "black", "linewidth": 0.8, "fliersize": 2}
    sns.boxplot(rows, x="corpus", y="duration_s", legend=False, ax=axis, **groups, **look)
    axis.set_xticks(range(len(corpora)), map(folders.title, corpora))
    axis.set(xlabel="", ylabel="duration (s)", ylim=(0, None))
    return parts.legend(figure, colours)


@style.applied
def shortcuts(table, chance: dict):
    """UAR of classifiers without access to the speech, a panel each, a row a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.corpora.shortcuts.audit`, of all corpora.
    chance : dict of str to float
        As `hump.evaluation.chance`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora = list(table["corpus"].unique())
    shown = [name for name in SHORTCUTS if name in set(table["system"])]
    panel = (2.3, 0.7 + 0.34 * len(corpora))
    figure, axes = parts.panels(shown, panel, columns=len(shown), share="xy", xlabel="UAR")
    for system, axis in axes.items():
        parts.chance(axis, corpora, chance)
        for number, (condition, fill) in enumerate(zip(CONDITIONS, (None, "white"))):
            part = table[(table["system"] == system) & (table["condition"] == condition)]
            y = parts.positions(part["corpus"], corpora, number, 2, 0.24)
            parts.intervals(axis, part, "uar", y, color="#33638d", mfc=fill, label=condition)
        parts.rows(axis, corpora)
        axis.set_xlim(0, 1)
    return parts.legend(figure)


@style.applied
def spectrograms(rows, root, labels):
    """One utterance of each emotion by one speaker: waveform and spectrogram.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows of one corpus.
    root : Path
        The corpus folder.
    labels : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpus, speaker = rows.iloc[0][["corpus", "speaker"]]
    own = rows[rows["speaker"] == speaker].drop_duplicates("emotion").set_index("emotion")
    shown = [label for label in labels if label in own.index]
    grid = {"sharex": "col", "sharey": "row", "squeeze": False, "height_ratios": (1, 2)}
    figure, axes = plt.subplots(2, len(shown), figsize=(2.2 * len(shown), 3.2), **grid)
    for (wave, below), label in zip(axes.T, shown):
        signal = audio.load(root / own.at[label, "path"])
        time_s = np.arange(len(signal)) / audio.SAMPLING_RATE
        wave.plot(time_s, signal, lw=0.3, color=style.colour_of(label))
        wave.set_title(label)
        parts.spectrogram(below, signal)
        below.set_xlabel("time (s)")
    axes[0, 0].set_ylabel("amplitude")
    axes[1, 0].set_ylabel("frequency (kHz)")
    figure.suptitle(f"{folders.title(corpus)}, speaker {speaker}", x=0.02, ha="left")
    return figure


@style.applied
def streams(features, number: int, title: str):
    """The three streams of one utterance.

    Parameters
    ----------
    features : Features
    number : int
        Position of the utterance.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    layers, hop_s = features.hubert[number], 1 / features.mfcc_rate
    titles = [f"layer {layer} of {features.encoder}" for layer in features.layers]
    shown = [(name, "unit", layers[:, k], 0.02) for k, name in enumerate(titles)]
    shown += [("MFCC, delta, delta-delta", "coefficient", features.mfcc[number], hop_s)]
    figure, axes = plt.subplots(len(shown) + 1, 1, figsize=(7, 1.4 * len(shown) + 1.4))
    colours = {"cmap": "RdBu_r", "vmin": -3, "vmax": 3}
    for axis, (name, row, frames, hop_s) in zip(axes, shown):
        frames = frames.astype(np.float32)
        scaled = ((frames - frames.mean(0)) / (frames.std(0) + 1e-6)).T
        parts.picture(axis, scaled, len(frames) * hop_s, len(scaled), **colours)
        axis.set(title=name, ylabel=row)
    axes[-2].set_xlabel("time (s)")
    mean, spread = np.nanmean(features.prosody, axis=0), np.nanstd(features.prosody, axis=0)
    values = np.clip((features.prosody[number] - mean) / spread, -4, 4)
    axes[-1].bar(np.arange(len(values)), values, width=1.0, color="#555555")
    axes[-1].set(xlabel="feature", ylabel="std. deviations")
    axes[-1].set_title("DisVoice prosody, in standard deviations of the corpus (gaps: undefined)")
    figure.suptitle(folders.title(title), x=0.02, ha="left")
    return figure
