"""Figures of corpora and streams."""

import librosa
import matplotlib.pyplot as plt
import numpy as np

from hump import audio
from hump.features import mfcc
from hump.plots.style import colour_of, style
from hump.shortcuts import CONDITIONS, SHORTCUTS

__all__ = ["counts", "durations", "shortcuts", "spectrograms", "streams"]


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
    table = rows.groupby(["corpus", "emotion"]).size().unstack(fill_value=0)
    table = table.reindex(columns=labels).fillna(0).astype(int)
    speakers = rows.groupby("corpus")["speaker"].nunique()
    with style():
        figure, axis = plt.subplots(figsize=(7, 0.9 + 0.42 * len(table)))
        left = np.zeros(len(table))
        for label in labels:
            bars = axis.barh(table.index, table[label], left=left, color=colour_of(label),
                             label=label, height=0.7)  # fmt: skip
            axis.bar_label(bars, label_type="center", color="white", fontsize=7)
            left += table[label].to_numpy()
        for position, name in enumerate(table.index):
            axis.text(left[position], position, f"  {speakers[name]} speakers", va="center", size=7)
        axis.set(xlabel="utterances", xlim=(0, left.max() * 1.22), title="Utterances in use")
        axis.invert_yaxis()
        axis.grid(axis="y", visible=False)
        axis.legend(ncols=len(labels), loc="lower left", bbox_to_anchor=(0.3, 1.0), fontsize=8)
    return figure


def durations(rows, labels):
    """How long the utterances of each emotion last.

    Parameters
    ----------
    rows : pandas.DataFrame
    labels : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora = sorted(rows["corpus"].unique())
    with style():
        figure, axes = plt.subplots(
            1, len(corpora), figsize=(max(4, 1.7 * len(corpora)), 2.6), sharey=True, squeeze=False
        )
        for axis, corpus in zip(axes[0], corpora):
            part = rows[rows["corpus"] == corpus]
            values = [part.loc[part["emotion"] == label, "duration_s"] for label in labels]
            boxes = axis.boxplot(values, patch_artist=True, widths=0.6, flierprops={"ms": 2},
                                 medianprops={"color": "black"})  # fmt: skip
            for box, label in zip(boxes["boxes"], labels):
                box.set_facecolor(colour_of(label))
            axis.set_xticks(range(1, len(labels) + 1), labels, rotation=60)
            axis.set_title(corpus, fontsize=8)
            axis.set_ylim(bottom=0)
        axes[0, 0].set_ylabel("duration (s)")
    return figure


def shortcuts(table, chance: float):
    """UAR of classifiers that hear nothing, a panel each, a row a corpus.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.shortcuts.audit`, of all corpora.
    chance : float

    Returns
    -------
    matplotlib.figure.Figure
    """
    corpora = list(dict.fromkeys(table["corpus"]))
    systems = [name for name in SHORTCUTS if name in set(table["system"])]
    with style():
        figure, axes = plt.subplots(
            1, len(systems), figsize=(2.1 * len(systems) + 0.8, 1.4 + 0.34 * len(corpora)),
            sharey=True, sharex=True, squeeze=False,
        )  # fmt: skip
        for axis, system in zip(axes[0], systems):
            for number, condition in enumerate(CONDITIONS):
                part = table[(table["system"] == system) & (table["condition"] == condition)]
                y = part["corpus"].map(corpora.index) + 0.24 * (number - 0.5)
                axis.hlines(y, part["uar_low"], part["uar_high"], color="#33638d", lw=1.4)
                axis.plot(part["uar"], y, "o", color="#33638d", label=condition,
                          mfc="#33638d" if number == 0 else "white")  # fmt: skip
            axis.axvline(chance, color="#bbbbbb", ls=":", lw=1, zorder=0)
            axis.set(title=system, xlim=(0, 1), xlabel="UAR")
        axes[0, 0].set_yticks(range(len(corpora)), corpora)
        axes[0, 0].set_ylim(len(corpora) - 0.5, -0.5)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2,
                      fontsize=8)  # fmt: skip
    return figure


def spectrograms(rows, root, labels):
    """One utterance of each emotion by one speaker: spectrogram and waveform.

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
    speaker = rows["speaker"].iloc[0]
    own = rows[rows["speaker"] == speaker].drop_duplicates("emotion").set_index("emotion")
    shown = [label for label in labels if label in own.index]
    with style():
        figure, axes = plt.subplots(
            2, len(shown), figsize=(2.2 * len(shown), 3.2), sharey="row", squeeze=False,
            height_ratios=[1, 2],
        )  # fmt: skip
        for (wave, picture), label in zip(axes.T, shown):
            signal = audio.load(root / own.at[label, "path"])
            time_s = np.arange(len(signal)) / audio.SAMPLING_RATE
            wave.plot(time_s, signal, lw=0.3, color=colour_of(label))
            wave.set_title(label)
            power = np.abs(librosa.stft(signal, n_fft=512, hop_length=160)) ** 2
            picture.imshow(
                librosa.power_to_db(power, ref=np.max), origin="lower", aspect="auto",
                cmap="magma", extent=(0, time_s[-1], 0, 8), vmin=-70,
            )  # fmt: skip
            picture.set_xlabel("time (s)")
            picture.grid(visible=False)
        axes[1, 0].set_ylabel("frequency (kHz)")
        axes[0, 0].set_ylabel("amplitude")
        title = f"{rows['corpus'].iloc[0]}, speaker {speaker}"
        figure.suptitle(title, fontsize=9, x=0.02, ha="left")
    return figure


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
    hubert = features.hubert[number].astype(np.float32)
    rows = hubert.shape[1] + 2
    with style():
        figure, axes = plt.subplots(rows, 1, figsize=(7, 1.4 * rows))
        for axis, layer, frames in zip(axes, features.layers, hubert.transpose(1, 0, 2)):
            scaled = (frames - frames.mean(0)) / (frames.std(0) + 1e-6)
            axis.imshow(scaled.T, aspect="auto", origin="lower", cmap="RdBu_r", vmin=-3, vmax=3,
                        extent=(0, len(frames) * 0.02, 0, frames.shape[1]))  # fmt: skip
            axis.set(title=f"HuBERT layer {layer} ({features.encoder})", ylabel="unit")
        frames = features.mfcc[number].astype(np.float32)
        scaled = (frames - frames.mean(0)) / (frames.std(0) + 1e-6)
        duration_s = len(frames) * mfcc.HOP_LENGTH / audio.SAMPLING_RATE
        axes[-2].imshow(scaled.T, aspect="auto", origin="lower", cmap="RdBu_r", vmin=-3, vmax=3,
                        extent=(0, duration_s, 0, frames.shape[1]))  # fmt: skip
        axes[-2].set(title="MFCC, delta, delta-delta", ylabel="coefficient", xlabel="time (s)")
        spread = np.nanstd(features.prosody, axis=0)
        values = (features.prosody[number] - np.nanmean(features.prosody, axis=0)) / spread
        axes[-1].bar(np.arange(len(values)), np.clip(values, -4, 4), width=1.0, color="#555555")
        axes[-1].set(title="DisVoice prosody, in deviations of the corpus (gaps: undefined)",
                     xlabel="feature", ylabel="deviations")  # fmt: skip
        for axis in axes[:-1]:
            axis.grid(visible=False)
        figure.suptitle(title, fontsize=9, x=0.02, ha="left")
    return figure
