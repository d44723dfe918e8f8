"""The stream of the encoder: hidden states of chosen transformer layers, those of one file alone.

It is called ``hubert`` whichever encoder is set: HuBERT (Hsu et al. 2021,
doi:10.1109/TASLP.2021.3122291) or another one of `hump.features.encoders.FAMILIES`, by
transformers. HuBERT-base normalises its first convolution over the whole time axis, so a clip
padded to a longer one has other hidden states, by a fifth to a third, with an attention mask or
without. Utterances are therefore never padded to one another (`hump.features.packed`): each gets
what transformers gives it alone, to a relative error near 2e-6, whatever the other utterances and
their order. Only the layers asked for, and those below, are computed.

Recordings of any length are one piece to attention, as in transformers; Whisper's windows of 30 s
are the exception. Memory grows linearly with the longest recording (ten minutes take about a
gigabyte; WavLM and Wav2Vec2-BERT grow with its square), time with its square. Nothing is cut, so
nothing changes with length.
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from hump.audio import SAMPLING_RATE
from hump.errors import EncoderError
from hump.features import encoders
from hump.features.base import Stream, check_signal
from hump.util.device import exact, resolve

PRECISIONS, CONTEXTS = ("float32", "bfloat16"), ("own", "full")
# Seconds of audio run at once. On a CPU more is slower, as it no longer stays in the cache; on a
# GPU it is what this share of its memory holds.
CPU_BATCH_S = 10.0
# Samples from one frame to the next: 20 ms, for every encoder.
HOP = 320
GPU_SHARE = 0.25
# transformers cannot be imported, and told to be quiet, by two threads at once.
LOADING = threading.RLock()

_SETTINGS = ("fingerprint", "precision", "device", "context")
STREAM = Stream("hubert", __name__, sequence=True, settings=(*_SETTINGS, "layers"))
# Mean and standard deviation over time of every layer, of which `STREAM` holds some.
POOLED = Stream("pooled", __name__, optional=True, settings=_SETTINGS)


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder, cut after the last layer asked for.

    Attributes
    ----------
    info : hump.features.encoders.EncoderInfo
    forward : hump.features.packed.Forward
        The network, in evaluation mode.
    width : int
        Of a hidden state.
    kept : int
        Number of transformer layers that are loaded.
    device : str
    batch_s : float
        Seconds of audio that are run at once.
    """

    info: encoders.EncoderInfo
    forward: Any
    width: int
    kept: int
    device: str
    batch_s: float


def load_encoder(encoder, *, layers, device="cpu", precision="float32", context="own") -> Encoder:
    """Load an encoder up to the last of `layers`.

    Parameters
    ----------
    encoder : str or Path
        A local folder, a hub name, or ``untrained``; see `hump.features.encoders.find`.
    layers : sequence of int
        0 is the input of the first transformer layer, k the output of layer k.
    device : str
        ``cpu``, ``cuda``, or ``auto``.
    precision : str
        ``float32``; or ``bfloat16``, in which matrix products round to three digits: hidden states
        are then off by about one per cent (`benchmarks/results`), for speed on a GPU.
    context : str
        ``own``: each recording is described by itself; ``full``: padded with silence where
        transformers does so, which is with Whisper alone.

    Returns
    -------
    Encoder

    Raises
    ------
    EncoderError
        No such encoder, its files do not fit each other, or it lacks a layer; or no such precision.
    ParameterError
        No such device.
    """
    for name, value, known in (
        ("precision", precision, PRECISIONS), ("context", context, CONTEXTS),
    ):  # fmt: skip
        if value not in known:
            raise EncoderError(f"{name}={value!r}: choose one of {', '.join(known)}")
    info, device = encoders.find(encoder), resolve(device)
    kept = max(1, *encoders.check_layers(info, layers))

    with LOADING:
        import torch

        from hump.features import families, weights

        model = weights.load(info, kept).eval().requires_grad_(False).to(device)
    family, width = getattr(families, info.family.forward), model.config.hidden_size
    forward = family(model, info, dtype=getattr(torch, precision), context=context)
    if forward.hop != HOP:
        raise EncoderError(
            f"encoder={str(encoder)!r}: has a frame every {forward.hop} samples: one every {HOP} "
            "is required, since the model crops by time; choose another encoder"
        )
    batch_s = CPU_BATCH_S if device == "cpu" else _gpu_batch_s(width)
    return Encoder(info, forward, width, kept, device, batch_s)


def extract(signals, *, encoder, layers, batch_s=None, **options) -> list[np.ndarray]:
    """Hidden states of utterances.

    Parameters
    ----------
    signals : sequence of array_like, each of shape (samples,)
        16 kHz, full scale 1; in any order.
    encoder : Encoder, str or Path
        Loaded, or a name for `load_encoder`.
    layers : sequence of int
        0 is the input of the first transformer layer, k the output of layer k: the indices of
        ``hidden_states`` in transformers.
    batch_s : float, optional
        Seconds of audio that are run at once; by default what suits the device. Changes results by
        rounding alone.
    **options
        `device`, `precision` and `context` for `load_encoder`; a loaded encoder stays as it is.

    Returns
    -------
    list of numpy.ndarray, each of shape (frames, layers, width), float32
        50 frames a second; 400 samples make one frame (560 with Wav2Vec2-BERT), each further one
        takes 320.

    Raises
    ------
    EncoderError
        As `load_encoder`; or a layer is beyond those that `encoder` was loaded with.
    FeatureError
        A signal is shorter than one frame.
    """
    layers = tuple(layers)
    if not isinstance(encoder, Encoder):
        encoder = load_encoder(encoder, layers=layers, **options)
    return describe(signals, encoder=encoder, layers=layers, batch_s=batch_s)["hubert"]


def pool(signals, *, encoder, batch_s=None, **options) -> np.ndarray:
    """Mean and standard deviation over time of the hidden states of every layer.

    Parameters
    ----------
    signals, encoder, batch_s, **options
        As in `extract`; a loaded encoder gives the layers that it was loaded with.

    Returns
    -------
    numpy.ndarray, shape (n, layers + 1, 2, width), float32
        Layers from 0, the input of the first; mean, then standard deviation with divisor n.

    Raises
    ------
    EncoderError, FeatureError
        As `extract`.
    """
    if not isinstance(encoder, Encoder):
        layers = range(encoders.find(encoder).n_layers + 1)
        encoder = load_encoder(encoder, layers=layers, **options)
    pooled = describe(signals, encoder=encoder, pooled=True, batch_s=batch_s)["pooled"]
    return np.stack(pooled) if pooled else np.empty((0, encoder.kept + 1, 2, encoder.width), "f4")


def describe(
    signals, *, encoder: Encoder, layers=(), pooled=False, batch_s=None
) -> dict[str, list[np.ndarray]]:
    """What `extract` and `pool` give, in one pass.

    Parameters
    ----------
    signals : sequence of array_like, each of shape (samples,)
    encoder : Encoder
    layers : sequence of int
        Empty for no sequences.
    pooled : bool
        Whether to compute statistics of all layers that are loaded.
    batch_s : float, optional

    Returns
    -------
    dict of str to list of numpy.ndarray, each float32
        ``hubert``: each of shape (frames, layers, width). ``pooled``: each of shape (loaded layers
        + 1, 2, width); without layers unless asked for.

    Raises
    ------
    EncoderError, FeatureError
        As `extract`.
    """
    layers = tuple(layers)
    if not (layers or pooled) or not all(0 <= layer <= encoder.kept for layer in layers):
        raise EncoderError(
            f"layers={list(layers)}: {encoder.info.label} was loaded with layers 0 to "
            f"{encoder.kept}; load it with these layers"
        )
    field, run = encoder.forward.field, encoder.forward.prepare
    signals = [run(check_signal(s, stream="hubert", min_samples=field)) for s in signals]
    spans = [encoder.forward.span(len(signal)) for signal in signals]
    states, statistics = [None] * len(signals), [None] * len(signals)
    for batch in _batches(spans, batch_s or encoder.batch_s):
        pairs = _run([signals[i] for i in batch], encoder, layers, pooled)
        for i, (frames, moments) in zip(batch, pairs, strict=True):
            states[i], statistics[i] = frames, moments
    return {"hubert": states, "pooled": statistics}


def _batches(spans, batch_s):
    """Utterances to run together, by length in samples: as many as fit, and at least one."""
    batches, samples = [], 0
    for i in sorted(range(len(spans)), key=lambda i: spans[i]):
        if not batches or samples + spans[i] > batch_s * SAMPLING_RATE:
            batches.append([])
            samples = 0
        batches[-1].append(i)
        samples += spans[i]
    return batches


def _run(batch, encoder, layers, pooled):
    """Hidden states and statistics of each utterance of a batch."""
    import torch

    forward = encoder.forward
    lengths = [forward.frames(len(signal)) for signal in batch]
    device, width = encoder.device, encoder.width
    states = torch.empty(sum(lengths), len(layers), width, device=device)
    statistics = torch.empty(len(batch), encoder.kept + 1 if pooled else 0, 2, width, device=device)
    inputs = [torch.from_numpy(signal).to(device) for signal in batch]
    last = encoder.kept if pooled else max(layers)
    with torch.inference_mode(), exact():
        for layer, hidden in enumerate(forward(inputs, last)):
            for column in [column for column, wanted in enumerate(layers) if wanted == layer]:
                states[:, column] = hidden
            if pooled:
                for utterance, frames in enumerate(hidden.split(lengths)):
                    std, mean = torch.std_mean(frames, dim=0, correction=0)
                    statistics[utterance, layer] = torch.stack([mean, std])
    parts = zip(states.cpu().split(lengths), statistics.cpu(), strict=True)
    return [(frames.numpy(), moments.numpy()) for frames, moments in parts]


def _gpu_batch_s(width) -> float:
    """Seconds of audio whose hidden states fit in a share of the GPU's memory."""
    import torch

    _, total = torch.cuda.mem_get_info()
    # A dozen arrays of float32 as wide as a hidden state are alive at a time; 50 frames a second.
    return GPU_SHARE * total / (12 * 4 * width * 50)
