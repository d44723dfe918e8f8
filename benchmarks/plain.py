"""The plain way to compute the three streams: each file by itself, by the libraries' own calls.

What most public code does, written with care: models are loaded once, and every process uses one
thread. `features.py` compares it with hump.
"""

import io
import sys
import warnings
from pathlib import Path

import numpy as np

STREAMS = ("hubert", "mfcc", "prosody")
_LOADED = {}


def compute(stream, path, *, encoder, layers=(1, 9), device="cpu"):
    """Values of one stream of one file."""
    if stream == "hubert":
        return hubert(path, encoder, device)[layers, :].transpose(1, 0, 2)
    return {"mfcc": mfcc, "prosody": prosody, "egemaps": egemaps}[stream](path)


def hubert(path, encoder, device="cpu"):
    """All hidden states by transformers: numpy.ndarray, shape (layers + 1, frames, width)."""
    import soundfile
    import torch
    from transformers import AutoFeatureExtractor, HubertModel

    key = encoder, device
    if key not in _LOADED:
        model = HubertModel.from_pretrained(encoder).eval().to(device)
        _LOADED[key] = model, AutoFeatureExtractor.from_pretrained(encoder)
    model, extractor = _LOADED[key]
    signal, rate = soundfile.read(path, dtype="float32")
    inputs = extractor(signal, sampling_rate=rate, return_tensors="pt").input_values
    with torch.no_grad():
        states = model(inputs.to(device), output_hidden_states=True).hidden_states
    return torch.cat(states).float().cpu().numpy()


def mfcc(path):
    """MFCC by librosa: numpy.ndarray, shape (frames, 39)."""
    import librosa

    signal, rate = librosa.load(path, sr=16_000)
    cepstra = librosa.feature.mfcc(
        y=signal, sr=rate, n_mfcc=13, n_fft=512, win_length=400, hop_length=160, n_mels=40
    )
    deltas = [librosa.feature.delta(cepstra, order=order) for order in (1, 2)]
    return np.concatenate([cepstra, *deltas]).T


def prosody(path):
    """Prosody by DisVoice's file call: numpy.ndarray, shape (1, 103)."""
    if "prosody" not in _LOADED:
        _LOADED["prosody"] = _disvoice()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.asarray(_LOADED["prosody"].prosody_static(str(path), plots=False))[None]


def egemaps(path):
    """eGeMAPS by openSMILE's file call: numpy.ndarray, shape (1, 88)."""
    import opensmile

    if "egemaps" not in _LOADED:
        _LOADED["egemaps"] = opensmile.Smile(
            opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals
        )
    return _LOADED["egemaps"].process_file(path).to_numpy()


def _disvoice():
    """DisVoice's Prosody, from its own file: its package fails to import on today's SciPy."""
    import importlib.util
    from types import ModuleType

    folder = Path(importlib.util.find_spec("disvoice").submodule_search_locations[0]) / "prosody"
    unused = ModuleType("script_mananger"), ModuleType("disvoice_utils")
    unused[0].script_manager = unused[1].save_dict_kaldimat = unused[1].get_dict = None
    sys.modules |= {module.__name__: module for module in unused}
    sys.path[:0] = [str(folder), str(folder.parent)]
    printed, sys.stdout = sys.stdout, io.StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from prosody import Prosody
    finally:
        sys.stdout = printed
    return Prosody()
