"""The streams of a corpus: what each is computed by, and what it depends on.

A stream's key is a hash over everything that its values depend on, so stored features are used
exactly while none of it has changed.
"""

import functools
import hashlib
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hump.errors import EncoderError, FeatureError
from hump.features import egemaps, encoders, hubert, mfcc, prosody

__all__ = ["ENCODED", "NAMES", "POOLED", "Request", "cast", "compute", "encode", "key", "request"]

# What every study has; and, where asked for, statistics of all layers of the encoder.
NAMES = ("hubert", "mfcc", "prosody", "egemaps")
POOLED = "pooled"
# Computed together, in one pass of the encoder.
ENCODED = ("hubert", POOLED)
_ENCODER = ("hubert", "packed", "encoders", "pretrained", "untrained")
_CODE = {
    "hubert": _ENCODER,
    POOLED: _ENCODER,
    "mfcc": ("mfcc",),
    "prosody": ("prosody", "disvoice"),
    "egemaps": ("egemaps",),
}
_LIBRARIES = {
    "hubert": ("numpy", "torch", "transformers"),
    POOLED: ("numpy", "torch", "transformers"),
    "mfcc": ("numpy", "scipy", "librosa"),
    "prosody": ("numpy", "scipy", "disvoice", "pysptk"),
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
    depth : int
        Transformer layers of the encoder.
    pooled : bool
        Whether statistics of all layers are wanted too.
    dtype : str
        Of the sequences (HuBERT, MFCC); vectors are float32.
    precision : str
        Of the encoder's matrix products.
    device : str
        ``cpu`` or ``cuda``: where the encoder runs.
    fingerprint : str
        Of the encoder.
    """

    encoder: str
    layers: tuple[int, ...]
    depth: int
    pooled: bool
    dtype: str
    precision: str
    device: str
    fingerprint: str

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams wanted."""
        return (*NAMES, POOLED) if self.pooled else NAMES

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
        The encoder lacks a layer; ``device: cuda`` and there is no GPU; or bfloat16 on a processor
        that would have to emulate it.
    """
    features = params.features
    device = _device(params.device)
    _check_precision(features.precision, device)
    return Request(
        encoder=features.encoder,
        layers=encoders.check_layers(found, features.layers),
        depth=found.n_layers,
        pooled=features.pooled,
        dtype=features.dtype,
        precision=features.precision,
        device=device,
        fingerprint=found.fingerprint,
    )


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
    if stream in ENCODED:  # by content: where an encoder lies does not change what it computes
        about["encoder"] = wanted.fingerprint
        about["precision"], about["device"] = wanted.precision, wanted.device
    if stream == "hubert":
        about["layers"] = wanted.layers
    text = json.dumps(about, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest(), about


def compute(stream, signal, wanted) -> np.ndarray:
    """Values of one utterance in a stream that needs no encoder, in the type that is stored.

    Returns
    -------
    numpy.ndarray, shape (frames, ...); one row for a vector

    Raises
    ------
    FeatureError
        As the stream's `extract`; or a value does not fit the type.
    """
    if stream == "mfcc":
        return cast(mfcc.extract(signal), stream, wanted)
    if stream == "prosody":
        return prosody.vector(signal)[None]  # float32, may hold NaN
    return cast(egemaps.extract(signal)[None], stream, wanted)


def encode(names, signals, wanted) -> dict[str, list[np.ndarray]]:
    """Values of utterances in streams that the encoder gives, in one pass.

    Parameters
    ----------
    names : sequence of str
        Of `ENCODED`.
    signals : sequence of numpy.ndarray, each of shape (samples,)
    wanted : Request

    Returns
    -------
    dict
        Stream -> arrays of shape (frames, ...), float32; one row for statistics.
    """
    pooled = POOLED in names
    states, statistics = hubert.describe(
        signals, encoder=_encoder(wanted, _last(names, wanted)), pooled=pooled,
        layers=wanted.layers if "hubert" in names else (),
    )
    found = {"hubert": states, POOLED: [values[None] for values in statistics]}
    return {name: found[name] for name in names}


def check(names, signal, wanted):
    """Refuse a signal that the encoder gives no frame of.

    Raises
    ------
    FeatureError
    """
    hubert.check(signal, _encoder(wanted, _last(names, wanted)))


def cast(values, stream, wanted) -> np.ndarray:
    """Bring values to the type that they are stored in.

    Raises
    ------
    FeatureError
        A value is not finite, or too large for the type.
    """
    dtype = wanted.dtype_of(stream)
    largest = np.abs(values).max()
    if not np.isfinite(largest):
        raise FeatureError(f"{stream}: values are not finite; leave this recording out")
    if largest > np.finfo(dtype).max:
        raise FeatureError(
            f"{stream}: a value of magnitude {largest:.6g} does not fit features.dtype={dtype}, "
            f"whose largest is {np.finfo(dtype).max:.6g}; set features.dtype: float32"
        )
    return values.astype(dtype)


def _last(names, wanted) -> int:
    return wanted.depth if POOLED in names else max(wanted.layers)


@functools.lru_cache(maxsize=1)
def _encoder(wanted, last):
    return hubert.load_encoder(
        wanted.encoder, layers=(last,), device=wanted.device, precision=wanted.precision
    )


def _device(device):
    if device == "cpu":
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise EncoderError("device='cuda': no GPU is visible to torch; use cpu or auto")
    return "cpu"


def _check_precision(precision, device):
    if precision == "float32" or device != "cpu":
        return
    import torch

    able = torch.cpu.get_capabilities()
    if not (able.get("avx512_bf16") or able.get("amx_bf16")):
        raise EncoderError(
            f"features.precision={precision!r}: this processor has no bfloat16 instructions and "
            "would take many times longer than with float32; use float32"
        )


@functools.cache
def _code_version(stream):
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for module in (*_SHARED_CODE, *_CODE[stream]):
        digest.update((folder / f"{module}.py").read_bytes())
    for library in (*_SHARED_LIBRARIES, *_LIBRARIES[stream]):
        digest.update(f"{library} {importlib.metadata.version(library)}\n".encode())
    return digest.hexdigest()
