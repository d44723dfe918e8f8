"""The streams of a corpus, and what the values of each depend on.

Stored features are used exactly while nothing that their values depend on has changed.
"""

import functools
import hashlib
from dataclasses import dataclass, field

import numpy as np

from hump.errors import ParameterError
from hump.features import egemaps, encoders, hubert, mfcc, prosody
from hump.features.base import Stream
from hump.params import Params
from hump.util import code, device

# Every stream of a corpus. A new one is a module like `mfcc`, and its name here.
STREAMS = (hubert.STREAM, mfcc.STREAM, prosody.STREAM, egemaps.STREAM, hubert.POOLED)


@dataclass(frozen=True)
class Request:
    """What is to be computed, and how; small enough to be sent to a worker.

    Attributes
    ----------
    encoder : str
        Name or folder.
    fingerprint : str
        Of the encoder's files: where they lie does not change what they compute.
    layers : tuple of int
    depth : int
        Number of the encoder's transformer layers.
    dtype : str
        Of stored sequences.
    precision : str
        Of the encoder's matrix products.
    device : str
        ``cpu`` or ``cuda``: where the encoder runs.
    context : str
        ``own`` or ``full``: whether recordings are padded where transformers does.
    mfcc : dict
        Keyword arguments of `hump.features.mfcc.extract`.
    """

    encoder: str
    fingerprint: str
    layers: tuple[int, ...]
    depth: int
    dtype: str
    precision: str
    device: str
    context: str
    mfcc: dict = field(hash=False)


def wanted(params: Params) -> tuple[Stream, ...]:
    """The streams that a study asks for."""
    chosen = params.features
    return tuple(s for s in STREAMS if not s.optional or getattr(chosen, s.name))


def request(params: Params, info: encoders.EncoderInfo) -> Request:
    """Settle what a study asks for.

    Parameters
    ----------
    params : Params
    info : encoders.EncoderInfo

    Returns
    -------
    Request

    Raises
    ------
    EncoderError
        The encoder lacks a layer.
    ParameterError
        ``device: cuda`` and there is no GPU; or bfloat16 on a processor without instructions for
        it.
    """
    chosen, where = params.features, device.resolve(params.device)
    if chosen.precision != "float32" and not device.has_bfloat16(where):
        raise ParameterError(
            f"features.precision={chosen.precision!r}: this processor has no bfloat16 instructions "
            "and would take many times longer than with float32; use float32"
        )
    return Request(
        encoder=chosen.encoder,
        fingerprint=info.fingerprint,
        layers=encoders.check_layers(info, chosen.layers),
        depth=info.n_layers,
        dtype=chosen.dtype,
        precision=chosen.precision,
        device=where,
        context=chosen.context,
        mfcc=dict(chosen.mfcc),
    )


def dependencies(stream: Stream, request: Request, audio_hashes) -> dict:
    """What the stored values of a stream depend on.

    Parameters
    ----------
    stream : Stream
    request : Request
    audio_hashes : iterable of str
        Of the utterances, in order.

    Returns
    -------
    dict
        For JSON.
    """
    return {
        "stream": stream.name,
        "dtype": request.dtype if stream.sequence else "float32",
        "audio": hashlib.sha256("\n".join(audio_hashes).encode()).hexdigest(),
        "code": code.version(stream.module, "hump.audio.load"),
        **{setting: getattr(request, setting) for setting in stream.settings},
    }


def encode(wanted, signals, request: Request) -> dict[Stream, list[np.ndarray]]:
    """Values of utterances in the streams that the encoder computes, in one pass.

    Parameters
    ----------
    wanted : collection of Stream
    signals : sequence of numpy.ndarray, each of shape (samples,), float32
    request : Request

    Returns
    -------
    dict
        Stream -> an array per utterance, as `hump.features.hubert.describe` returns it.
    """
    pooled = hubert.POOLED in wanted
    layers = request.layers if hubert.STREAM in wanted else ()
    encoder = _encoder(request, request.depth if pooled else max(layers))
    arrays = hubert.describe(signals, encoder=encoder, layers=layers, pooled=pooled)
    return {stream: arrays[stream.name] for stream in wanted}


@functools.lru_cache(maxsize=1)
def _encoder(request, last):
    options = {name: getattr(request, name) for name in ("device", "precision", "context")}
    return hubert.load_encoder(request.encoder, layers=(last,), **options)
