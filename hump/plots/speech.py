"""Figures of speech: what the encoder learns from, how far it has learnt, and one recording."""

import librosa
import matplotlib.pyplot as plt
import numpy as np
import parselmouth

from hump import audio
from hump.plots import parts, style


@style.applied
def spoken_pieces(pieces):
    """Mel spectrograms of pieces of speech.

    Parameters
    ----------
    pieces : list of tuple of (numpy.ndarray, str)
        As `hump.encoder.Speech` gives them: signals and titles.

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels = {"xlabel": "seconds", "ylabel": "mel band"}
    figure, axes = parts.panels(range(len(pieces)), (3.1, 1.7), share="xy", **labels)
    settings = {"sr": audio.SAMPLING_RATE, "n_fft": 512, "hop_length": 160, "n_mels": 64}
    for axis, (signal, title) in zip(axes.values(), pieces):
        power = librosa.feature.melspectrogram(y=signal, **settings)
        level_db = librosa.power_to_db(power, ref=power.max(), top_db=70)
        parts.picture(axis, level_db, 0.01 * power.shape[1], 64, cmap="magma")
        axis.set_title(title)
    return figure


@style.applied
def distillation(evaluations):
    """How well held-out speakers' states are predicted, against updates, for each teacher's layer.

    Parameters
    ----------
    evaluations : pandas.DataFrame
        As `hump.encoder.train` gives them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    stages = evaluations["stage"].unique()
    figure, axes = plt.subplots(1, len(stages), figsize=(8.2, 3.2), sharey=True, squeeze=False)
    for axis, stage in zip(axes[0], stages):
        part = evaluations[evaluations["stage"] == stage].set_index("step")
        for name in part.filter(like="error_").dropna(axis="columns", how="all"):
            layer = name.removeprefix("error_")
            axis.plot(part[name], marker=".", label=f"teacher's layer {layer}")
        axis.set(title=f"stage {stage}, held-out speakers", xlabel="updates", ylim=(0, None))
        axis.legend()
    axes[0, 0].set_ylabel("mean squared error\n(share of variance)")
    return figure


@style.applied
def recording(look):
    """Attention, waveform, pitch, spectrogram and probabilities over time, below one another.

    Parameters
    ----------
    look : hump.experiments.recording.Look

    Returns
    -------
    matplotlib.figure.Figure
    """
    if look.signal is None:
        return parts.message(look.words.replace("*", ""))
    heights = (1, 0.8, 1, 1.6, 1.4)
    figure, axes = plt.subplots(5, 1, figsize=(7, 7.5), sharex=True, height_ratios=heights)
    attention, wave, pitch, spectrum, emotions = axes
    for name, colour in zip(look.attention.columns[1:], (style.PINK, style.BLUE)):
        attention.plot(look.attention["time_s"], look.attention[name], color=colour, label=name)
    attention.axhline(1, **style.CHANCE)
    attention.set(title="Where it looked", ylabel="attention\n(1: evenly)", ylim=(0, None))
    time_s = np.arange(len(look.signal)) / audio.SAMPLING_RATE
    wave.plot(time_s, look.signal, lw=0.3, color=style.DARK)
    wave.set_ylabel("amplitude")
    track = parselmouth.Sound(look.signal.astype(float), audio.SAMPLING_RATE).to_pitch()
    hertz = track.selected_array["frequency"]
    pitch.plot(track.xs(), np.where(hertz > 0, hertz, np.nan), ".", ms=3, color=style.DARK)
    pitch.set_ylabel("pitch (Hz)")
    parts.spectrogram(spectrum, look.signal)
    spectrum.set_ylabel("frequency (kHz)")
    middle = (look.timeline["start_s"] + look.timeline["end_s"]) / 2
    for label in look.probabilities.index:
        colour = style.colour_of(label)
        emotions.plot(middle, look.timeline[label], "o-", ms=3, color=colour, label=label)
    emotions.set(title="What it heard", ylabel="probability", ylim=(0, 1), xlabel="time (s)")
    emotions.set_xlim(0, time_s[-1])
    for axis in (attention, emotions) if len(look.attention) else (emotions,):
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    plt.close(figure)
    return figure
