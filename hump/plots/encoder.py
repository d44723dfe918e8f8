"""Figures of the encoder's training."""

import librosa
import matplotlib.pyplot as plt

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
