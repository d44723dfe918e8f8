"""Figures of the encoder's training."""

import librosa
import matplotlib.pyplot as plt

from hump import audio
from hump.plots import parts, style


@style.applied
def random_speech(utterances):
    """Mel spectrograms of utterances of random speech.

    Parameters
    ----------
    utterances : list of hump.encoder.speech.Utterance

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels = {"xlabel": "seconds", "ylabel": "mel band"}
    figure, axes = parts.panels(range(len(utterances)), (3.1, 1.7), share="xy", **labels)
    settings = {"sr": audio.SAMPLING_RATE, "n_fft": 512, "hop_length": 160, "n_mels": 64}
    for axis, one in zip(axes.values(), utterances):
        power = librosa.feature.melspectrogram(y=one.signal, **settings)
        level_db = librosa.power_to_db(power, ref=power.max(), top_db=70)
        parts.picture(axis, level_db, 0.01 * power.shape[1], 64, cmap="magma")
        axis.set_title(f"{one.language}, voice {one.variant}")
    return figure


@style.applied
def masked_prediction(evaluations):
    """Loss and accuracy on held-out speech against hours of training speech, both iterations.

    Parameters
    ----------
    evaluations : pandas.DataFrame
        As `hump.encoder.training.joined`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.2))
    labels = ("cross-entropy (nats a frame)", "units predicted (share)")
    for axis, measure, label in zip(axes, ("loss", "accuracy"), labels):
        for kind, colour in (("masked", style.BLUE), ("unmasked", style.ORANGE)):
            look = {"color": colour, "marker": ".", "label": f"{kind} frames"}
            for _, part in evaluations.groupby("iteration"):
                axis.plot(part["total_hours"], part[f"{measure}_{kind}"], **look)
        end = evaluations.loc[evaluations["iteration"] == 1, "total_hours"].max()
        axis.axvline(end, color=style.GREY, lw=1, ls=":")
        axis.set(xlabel="hours of training speech", ylabel=label, ylim=(0, None))
    axes[0].set_title("held-out speech; dotted: new units begin")
    return parts.legend(figure)
