"""Emotions in recordings of one's own, by a saved model."""

import functools

import pandas as pd
import torch

from hump import audio
from hump import model as saved
from hump.errors import ParameterError
from hump.features import hubert, mfcc, prosody

# Loading an encoder takes seconds.
_load_encoder = functools.lru_cache(maxsize=2)(hubert.load_encoder)


def predict(paths, *, model: str) -> pd.DataFrame:
    """Emotions of recordings.

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
        One row per file: path, emotion, and the probability of every emotion. Probabilities are
        those of a softmax over AM-Softmax's scaled cosines; they are not calibrated.

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
    net = saved.load(model)
    encoder = _load_encoder(net.origin["encoder"], layers=tuple(net.origin["layers"]))
    probabilities = [_probabilities(net, encoder, path) for path in paths]
    table = pd.DataFrame(probabilities, columns=list(net.config.labels))
    table.insert(0, "emotion", table.idxmax(axis=1))
    table.insert(0, "path", [str(path) for path in paths])
    return table


@torch.inference_mode()
def _probabilities(net, encoder, path):
    signal = audio.load(path)
    (states,) = hubert.extract([signal], encoder=encoder, layers=net.origin["layers"])
    frames = mfcc.extract(signal, **net.origin.get("mfcc", {}))
    batch = saved.Batch(
        hubert=torch.from_numpy(states)[None],
        hubert_length=torch.tensor([len(states)]),
        mfcc=torch.from_numpy(frames)[None],
        mfcc_length=torch.tensor([len(frames)]),
        prosody=torch.from_numpy(prosody.vector(signal))[None],
    )
    return net.probabilities(batch)[0].tolist()
