"""A trained model on somebody's own files."""

import functools

import pandas as pd
import torch

from hump import audio
from hump import model as fusion
from hump.errors import ParameterError
from hump.features import hubert, mfcc, prosody

__all__ = ["predict"]


def predict(paths, *, model: str) -> pd.DataFrame:
    """Emotion of recordings.

    Parameters
    ----------
    paths : sequence of str or Path
        Audio files; see `hump.audio.load`.
    model : str or Path
        Folder of a model that the study saved, such as ``results/demo/models/demo_german``. It
        names the encoder, which is loaded too.

    Returns
    -------
    pandas.DataFrame
        One row a file: path, emotion, and the probability of every emotion. Probabilities are those
        of a softmax over AM-Softmax's scaled cosines; they are not calibrated.

    Raises
    ------
    ParameterError
        `paths` is a single path, or empty.
    AudioError
        A file cannot be read as audio.
    ModelError, EncoderError
        The model or its encoder cannot be loaded.
    """
    if isinstance(paths, str) or not len(paths):
        raise ParameterError(f"paths={paths!r}: give a list of audio files")
    net = _load(str(model))
    encoder = _encoder(net.origin["encoder"], tuple(net.origin["layers"]))
    probabilities = [_one(net, encoder, path) for path in paths]
    table = pd.DataFrame(probabilities, columns=list(net.config.labels))
    table.insert(0, "emotion", table.idxmax(axis=1))
    table.insert(0, "path", [str(path) for path in paths])
    return table


@functools.lru_cache(maxsize=4)
def _load(folder):
    return fusion.load(folder)


@functools.lru_cache(maxsize=2)
def _encoder(name, layers):
    return hubert.load_encoder(name, layers=layers)


@torch.inference_mode()
def _one(net, encoder, path):
    signal = audio.load(path)
    (states,) = hubert.extract([signal], encoder=encoder, layers=net.origin["layers"])
    frames, vector = mfcc.extract(signal), prosody.vector(signal)
    batch = fusion.Batch(
        torch.from_numpy(states)[None],
        torch.tensor([len(states)]),
        torch.from_numpy(frames)[None],
        torch.tensor([len(frames)]),
        torch.from_numpy(vector)[None],
    )
    return net.probabilities(batch)[0].tolist()
