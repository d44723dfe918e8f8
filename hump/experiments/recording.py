"""10: one recording as a model sees it: its answer, where it looked, and what moved it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from hump import audio, prediction
from hump.errors import AudioError
from hump.experiments.attention import DIRECTIONS
from hump.features import hubert
from hump.features.recordings import pieces
from hump.model import familiar
from hump.model.network import KERNEL, STRIDE
from hump.params import names

# Windows of the timeline, in seconds: shorter than an utterance, to see it move.
WINDOW_S, HOP_S = 1.0, 0.25


@dataclass(frozen=True)
class Look:
    """What a model makes of a recording.

    Attributes
    ----------
    words : str
        The answer or why there is none, in Markdown.
    signal : numpy.ndarray or None
        Shape (samples,), 16 kHz: of a long recording the first `hump.prediction.LONGEST_S`. None,
        and nothing else, if there is nothing to describe.
    probabilities : pandas.Series
        Of every emotion, the highest first.
    timeline : pandas.DataFrame
        As `hump.predict` of windows.
    attention : pandas.DataFrame
        Columns time_s and, for each stage that attends, who attends to what: the mean over heads
        and queries of the last block, relative to equal attention to all times.
    streams : pandas.Series
        Probability of the most probable emotion ``with all streams``, ``without encoder``, ...: a
        stream is taken away by replacing it with its training mean.
    """

    words: str
    signal: np.ndarray | None = None
    probabilities: pd.Series | None = None
    timeline: pd.DataFrame | None = None
    attention: pd.DataFrame | None = None
    streams: pd.Series | None = None


def look(recording, folder, *, abstain_below: float = 0.5) -> Look:
    """Describe a recording by a saved model.

    Parameters
    ----------
    recording : str, Path, or (array, rate)
        As for `hump.predict`.
    folder : str or Path
        Of the model.
    abstain_below : float
        As for `hump.predict`; there is no answer either if it is unlike the training data.

    Returns
    -------
    Look

    Raises
    ------
    ModelError, EncoderError
        As `hump.predict`.
    """
    model = prediction.load(folder)
    whole = {"longest_s": prediction.LONGEST_S, "window_s": prediction.LONGEST_S, "hop_s": 1.0}
    settings = {"model": model, "progress": False}
    try:
        table = prediction.predict(
            recording, abstain_below=abstain_below, abstain_if_unlike=True, **settings
        )
        windows = {"window_s": WINDOW_S, "hop_s": HOP_S, "timeline": True}
        timeline = prediction.predict(recording, **windows, **settings)
    except AudioError as error:
        return Look(f"**No answer**: {error}")
    answer = table.iloc[0]
    probabilities = answer[model.labels].astype(float).sort_values(ascending=False)
    heard = (piece.signal for piece in pieces(recording, **whole) if piece.signal is not None)
    if (signal := next(heard, None)) is None:
        return Look(f"**No answer**: {answer['remark']}")
    batch = model.batch([signal])
    return Look(
        _words(answer, probabilities), signal, probabilities, timeline, _attention(model, batch),
        _streams(model, batch, model.labels.index(probabilities.index[0])),
    )  # fmt: skip


def _words(answer, probabilities):
    first, second = probabilities.index[:2]
    sure = f"{first} {probabilities[first]:.2f}, {second} {probabilities[second]:.2f}"
    if pd.isna(answer["emotion"]):
        return f"**No answer**: {answer['remark']} ({sure})"
    return f"**{first}**: {sure}" + (f" ({answer['remark']})" if answer["remark"] else "")


@torch.inference_mode()
def _attention(model, batch):
    seen, columns = {}, {}
    model.net(batch, attention=seen)
    for stage, who in (("stage1", 0), ("stage2", 1)):
        if seen[stage]:
            weights = seen[stage][-1][who].mean(dim=(0, 1, 2)).cpu().numpy()
            columns[DIRECTIONS[stage][who]] = weights * len(weights)
    steps = len(next(iter(columns.values()), ()))
    middle = (np.arange(steps) * STRIDE + KERNEL / 2) * hubert.HOP / audio.SAMPLING_RATE
    return pd.DataFrame({"time_s": middle, **columns})


def _streams(model, batch, answer):
    batches = {"with all streams": batch}
    for stream in model.net.config.streams:
        batches[f"without {names.STREAMS[stream]}"] = familiar.without(model.net, batch, stream)
    found = {name: model.describe(one)[0][0, answer] for name, one in batches.items()}
    return pd.Series(found, name=f"probability of {model.labels[answer]}")
