"""Figures of the encoder's training."""

from pathlib import Path

import librosa
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from hump import audio
from hump.plots.style import style

__all__ = ["masked_prediction", "random_speech", "save"]

HIDDEN, SEEN = "#0072B2", "#E69F00"


def random_speech(takes, *, columns: int = 3):
    """Mel spectrograms of pieces of random speech.

    Parameters
    ----------
    takes : list of hump.babble.Take
    columns : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = -(-len(takes) // columns)
    with style():
        figure, axes = plt.subplots(rows, columns, figsize=(3.1 * columns, 1.7 * rows + 0.3),
                                    sharex=True, sharey=True, squeeze=False)  # fmt: skip
        for axis, take in zip(axes.flat, takes):
            power = librosa.feature.melspectrogram(
                y=take.signal, sr=audio.SAMPLING_RATE, n_fft=512, hop_length=160, n_mels=64
            )
            axis.imshow(librosa.power_to_db(power, ref=power.max(), top_db=70), origin="lower",
                        aspect="auto", cmap="magma", extent=(0, 0.01 * power.shape[1], 0, 64))
            axis.set_title(f"{take.language}, voice {take.variant}", fontsize=8)
            axis.grid(visible=False)
        for axis in axes.flat[len(takes) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("mel band")
        for axis in axes[-1]:
            axis.set_xlabel("seconds")
    return figure


def masked_prediction(looks):
    """Loss and accuracy on held-out speech against the hours heard, both iterations.

    Parameters
    ----------
    looks : pandas.DataFrame
        As `hump.minihubert.joined`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.2))
        panels = zip(axes, ("loss", "accuracy"),
                     ("cross-entropy (nats a frame)", "units predicted (share)"))  # fmt: skip
        for axis, measure, label in panels:
            for _, part in looks.groupby("iteration"):
                for kind, colour in (("hidden", HIDDEN), ("seen", SEEN)):
                    axis.plot(part["total_hours"], part[f"{measure}_{kind}"], color=colour,
                              marker=".", label=f"{kind} frames")  # fmt: skip
            ends = looks.groupby("iteration")["total_hours"].max()
            axis.axvline(ends.iloc[0], color="#999999", lw=1, ls=":")
            axis.set(xlabel="hours of speech heard", ylabel=label, ylim=(0, None))
        handles, labels = axes[1].get_legend_handles_labels()
        axes[1].legend(handles[:2], labels[:2], fontsize=8)
        axes[0].set_title("held-out speech; dotted: new units begin", fontsize=8)
    return figure


def save(figure, path) -> Figure:
    """Save a figure that belongs to no study.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path

    Returns
    -------
    matplotlib.figure.Figure
        The same, for a notebook to show.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return figure
