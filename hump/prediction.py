"""Emotions in recordings of one's own, by a saved model."""

import functools

import pandas as pd
import torch

from hump import audio
from hump import model as saved
from hump.errors import ModelError, ParameterError
from hump.features import encoders, hubert, mfcc, prosody


def predict(paths, *, model: str) -> pd.DataFrame:
    """Emotions of recordings.

    Threads may call it at once. A process that is forked after a call hangs, as it inherits torch
    without torch's threads: use ``multiprocessing.get_context("spawn")``, or joblib.

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
        The model or its encoder cannot be loaded, or the encoder is not that of the training.
    """
    if isinstance(paths, str) or not len(paths):
        raise ParameterError(f"paths={paths!r}: give a list of audio files")
    net = saved.load(model)
    encoder = _encoder(net.origin, model)
    probabilities = [_probabilities(net, encoder, path) for path in paths]
    table = pd.DataFrame(probabilities, columns=list(net.config.labels))
    table.insert(0, "emotion", table.idxmax(axis=1))
    table.insert(0, "path", [str(path) for path in paths])
    return table


def _encoder(origin, folder):
    """The encoder that a model was trained with, known by what its files hold."""
    name = origin["encoder"]
    found, expected = encoders.find(name).fingerprint, origin.get("encoder_fingerprint")
    if expected not in (None, found):
        raise ModelError(
            f"{folder}: was trained with another encoder than the one that is now at {name} "
            f"(fingerprint {found[:16]}, expected {expected[:16]}); restore it or train again"
        )
    with hubert.LOADING:
        # Older models do not say in which context.
        return _load(name, found, tuple(origin["layers"]), origin.get("context", "own"))


@functools.lru_cache(maxsize=2)
def _load(name, _fingerprint, layers, context):  # which takes seconds
    return hubert.load_encoder(name, layers=layers, context=context)


@torch.inference_mode()
def _probabilities(net, encoder, path):
    signal = audio.load(path)
    (states,) = hubert.extract([signal], encoder=encoder, layers=net.origin["layers"])
    frames = mfcc.extract(signal, **net.origin.get("mfcc", {}))
    batch = saved.Batch(
        hubert=torch.from_numpy(states),
        hubert_length=torch.tensor([len(states)]),
        mfcc=torch.from_numpy(frames),
        mfcc_length=torch.tensor([len(frames)]),
        prosody=torch.from_numpy(prosody.vector(signal))[None],
    )
    return net.probabilities(batch)[0].tolist()
