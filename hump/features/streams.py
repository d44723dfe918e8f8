"""The four streams of a corpus: what each is computed by, and what it depends on.

A stream's key is a hash over everything that its values depend on, so stored features are used
exactly while none of it has changed.
"""

import functools
import hashlib
import importlib.metadata
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hump.errors import EncoderError, FeatureError
from hump.features import egemaps, encoders, hubert, mfcc, prosody

__all__ = ["NAMES", "Request", "compute", "key", "request"]

NAMES = ("hubert", "mfcc", "prosody", "egemaps")
_CODE = {
    "hubert": ("hubert", "encoders", "pretrained", "stand_in"),
    "mfcc": ("mfcc",),
    "prosody": ("prosody", "disvoice"),
    "egemaps": ("egemaps",),
}
_LIBRARIES = {
    "hubert": ("numpy", "torch", "transformers"),
    "mfcc": ("numpy", "scipy", "librosa"),
    "prosody": ("numpy", "scipy", "scikit-learn", "disvoice", "pysptk"),
    "egemaps": ("numpy", "opensmile"),
}
_SHARED_CODE = ("../audio", "signals")
_SHARED_LIBRARIES = ("soundfile", "soxr")


@dataclass(frozen=True)
class Request:
    """What is to be computed, small enough to be sent to a worker.

    Attributes
    ----------
    encoder : str
    layers : tuple of int
    dtype : str
        Of the sequences (HuBERT, MFCC); vectors are float32.
    device : str
        ``cpu`` or ``cuda``.
    fingerprint : str
        Of the encoder.
    """

    encoder: str
    layers: tuple[int, ...]
    dtype: str
    device: str
    fingerprint: str

    def dtype_of(self, stream) -> str:
        """Type that a stream is stored in."""
        return self.dtype if stream in ("hubert", "mfcc") else "float32"


def request(params, found) -> Request:
    """Settle what a study asks for.

    Parameters
    ----------
    params : Params
    found : encoders.Found

    Returns
    -------
    Request

    Raises
    ------
    EncoderError
        The encoder lacks a layer, or ``device: cuda`` and there is no GPU.
    """
    layers = encoders.check_layers(found, params.features.layers)
    return Request(params.features.encoder, layers, params.features.dtype, _device(params.device),
                   found.fingerprint)


def key(stream, wanted, audio_hashes) -> tuple[str, dict]:
    """Identity of a stream's values, and what it was made from.

    Parameters
    ----------
    stream : str
    wanted : Request
    audio_hashes : sequence of str
        Of the utterances, in order.

    Returns
    -------
    str
        Hexadecimal.
    dict
        For the index.
    """
    audio = hashlib.sha256("\n".join(audio_hashes).encode()).hexdigest()
    about = {"stream": stream, "dtype": wanted.dtype_of(stream), "audio": audio,
             "code": _code_version(stream)}
    if stream == "hubert":
        about["request"] = asdict(wanted)
        # Where an encoder lies does not change what it computes.
        del about["request"]["encoder"]
    text = json.dumps(about, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest(), about


def compute(stream, signal, wanted) -> np.ndarray:
    """Values of one utterance, in the type that they are stored in.

    Returns
    -------
    numpy.ndarray, shape (frames, ...); one row for a vector

    Raises
    ------
    FeatureError
        As the stream's `extract`; or a value does not fit the type.
    """
    if stream == "hubert":
        encoder = _encoder(wanted)
        (values,) = hubert.extract([signal], encoder=encoder, layers=wanted.layers)
    elif stream == "mfcc":
        values = mfcc.extract(signal)
    elif stream == "prosody":
        return prosody.vector(signal)[None]
    else:
        return egemaps.extract(signal)[None]
    return _cast(values, stream, wanted.dtype)


def _cast(values, stream, dtype):
    largest = np.abs(values).max()
    if not np.isfinite(largest):
        raise FeatureError(f"{stream}: values are not finite; leave this recording out")
    if largest > np.finfo(dtype).max:
        raise FeatureError(
            f"{stream}: a value of magnitude {largest:.6g} does not fit features.dtype={dtype}, "
            f"whose largest is {np.finfo(dtype).max:.6g}; set features.dtype: float32"
        )
    return values.astype(dtype)


@functools.lru_cache(maxsize=1)
def _encoder(wanted):
    return hubert.load_encoder(wanted.encoder, layers=wanted.layers, device=wanted.device)


def _device(device):
    if device == "cpu":
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise EncoderError("device='cuda': no GPU is visible to torch; use cpu or auto")
    return "cpu"


@functools.cache
def _code_version(stream):
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for module in (*_SHARED_CODE, *_CODE[stream]):
        digest.update((folder / f"{module}.py").read_bytes())
    for library in (*_SHARED_LIBRARIES, *_LIBRARIES[stream]):
        digest.update(f"{library} {importlib.metadata.version(library)}\n".encode())
    return digest.hexdigest()
