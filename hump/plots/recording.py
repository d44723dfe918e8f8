"""Figures of one recording as a model sees it."""

import matplotlib.pyplot as plt
import numpy as np
import parselmouth

from hump import audio
from hump.plots import parts, style


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
