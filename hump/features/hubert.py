"""HuBERT: hidden states of chosen transformer layers, exactly those of one file at a time.

Hsu et al. (2021), doi:10.1109/TASLP.2021.3122291, by transformers. HuBERT-base normalises its
first convolution over the whole time axis, so a clip padded to a longer one has other hidden
states, by a fifth to a third, with an attention mask or without. Utterances are therefore never
padded (`hump.features.packed`): in whatever company and order, each gets what transformers gives it
alone, to a relative error near 2e-6. Only the layers asked for, and those below, are computed.

Recordings of any length are one piece to attention, as in transformers: memory grows linearly with
the longest recording (ten minutes take about a gigabyte), time with its square. Nothing is cut, so
nothing changes with length.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from hump.audio import SAMPLING_RATE
from hump.errors import EncoderError
from hump.features import encoders, pretrained, signals, untrained

__all__ = ["PRECISIONS", "Encoder", "check", "describe", "extract", "load_encoder", "pool"]

PRECISIONS = ("float32", "bfloat16")
# Seconds of audio run at once. On a CPU more is slower, as it no longer stays in the cache; a GPU
# takes what this share of its memory holds.
CPU_BATCH_S = 10.0
GPU_SHARE = 0.25


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder, cut after the last layer asked for.

    Attributes
    ----------
    forward : hump.features.packed.Forward
        The network, in evaluation mode.
    width : int
        Of a hidden state.
    n_layers : int
        Transformer layers of the whole encoder; of these, `kept` are loaded.
    kept : int
    trained : bool
    label : str
        For people: the hub name, the folder's name, or "untrained encoder".
    fingerprint : str
        SHA-256 over configuration and weights.
    normalize : bool
        Whether a signal is brought to mean 0 and variance 1 first.
    device : str
    batch_s : float
        Seconds of audio that are run at once.
    """

    forward: Any
    width: int
    n_layers: int
    kept: int
    trained: bool
    label: str
    fingerprint: str
    normalize: bool
    device: str
    batch_s: float


def load_encoder(encoder, *, layers, device="cpu", precision="float32") -> Encoder:
    """Load an encoder up to the last of `layers`.

    Parameters
    ----------
    encoder : str or Path
        As `hump.features.encoders.find` takes it.
    layers : sequence of int
        0 is the input of the first transformer layer, k the output of layer k.
    device : str
        ``cpu`` or ``cuda``.
    precision : str
        ``float32``; or ``bfloat16``, in which matrix products round to three digits: hidden states
        are then off by about one per cent (`benchmarks/results`), for speed on a GPU.

    Returns
    -------
    Encoder

    Raises
    ------
    EncoderError
        No such encoder, its files do not fit each other, or it lacks a layer; or no such precision.
    """
    if precision not in PRECISIONS:
        raise EncoderError(f"precision={precision!r}: choose one of {', '.join(PRECISIONS)}")
    found = encoders.find(encoder)
    kept = max(1, *encoders.check_layers(found, layers))

    import torch
    from transformers import HubertConfig

    from hump.features import packed

    config = HubertConfig.from_dict({**found.config, "num_hidden_layers": kept})
    model = pretrained.load(found, config) if found.weights else untrained.build(config)
    model = model.eval().requires_grad_(False).to(device)
    return Encoder(
        forward=packed.Forward(model, dtype=getattr(torch, precision)),
        width=config.hidden_size,
        n_layers=found.n_layers,
        kept=kept,
        trained=found.trained,
        label=found.label,
        fingerprint=found.fingerprint,
        normalize=found.normalize,
        device=device,
        batch_s=CPU_BATCH_S if device == "cpu" else _gpu_batch_s(config.hidden_size),
    )


def extract(
    signals_, *, encoder, layers, device="cpu", precision="float32", batch_s=None
) -> list[np.ndarray]:
    """Hidden states of utterances.

    Parameters
    ----------
    signals_ : sequence of array_like, each of shape (samples,)
        16 kHz, full scale 1; in any order.
    encoder : Encoder, str or Path
        Loaded, or a name for `load_encoder`.
    layers : sequence of int
        0 is the input of the first transformer layer, k the output of layer k: the indices of
        ``hidden_states`` in transformers.
    device, precision : str
        Of an encoder given by name; a loaded one stays as it is.
    batch_s : float, optional
        Seconds of audio that are run at once; by default what suits the device. Changes results by
        rounding alone.

    Returns
    -------
    list of numpy.ndarray, each of shape (frames, layers, width), float32
        50 frames a second; 400 samples make one frame, each further one takes 320.

    Raises
    ------
    EncoderError
        As `load_encoder`; or a layer is beyond those that `encoder` was loaded with.
    FeatureError
        A signal is shorter than one frame.
    """
    layers = tuple(layers)
    if not isinstance(encoder, Encoder):
        encoder = load_encoder(encoder, layers=layers, device=device, precision=precision)
    return describe(signals_, encoder=encoder, layers=layers, batch_s=batch_s)[0]


def pool(signals_, *, encoder, device="cpu", precision="float32", batch_s=None) -> np.ndarray:
    """Mean and standard deviation over time of the hidden states of every layer.

    Parameters
    ----------
    signals_, encoder, device, precision, batch_s
        As in `extract`; a loaded encoder gives the layers that it was loaded with.

    Returns
    -------
    numpy.ndarray, shape (n, layers + 1, 2, width), float32
        Layers from 0, the input of the first; mean, then deviation (of the frames themselves: their
        number is the divisor).

    Raises
    ------
    EncoderError, FeatureError
        As `extract`.
    """
    if not isinstance(encoder, Encoder):
        layers = range(encoders.find(encoder).n_layers + 1)
        encoder = load_encoder(encoder, layers=layers, device=device, precision=precision)
    pooled = describe(signals_, encoder=encoder, pooled=True, batch_s=batch_s)[1]
    return np.stack(pooled) if pooled else np.empty((0, encoder.kept + 1, 2, encoder.width), "f4")


def describe(signals_, *, encoder, layers=(), pooled=False, batch_s=None):
    """What `extract` and `pool` give, in one pass.

    Parameters
    ----------
    signals_ : sequence of array_like, each of shape (samples,)
    encoder : Encoder
    layers : sequence of int
        Empty for no sequences.
    pooled : bool
        Whether to compute statistics of all layers that are loaded.
    batch_s : float, optional

    Returns
    -------
    list of numpy.ndarray, each of shape (frames, layers, width), float32
    list of numpy.ndarray, each of shape (loaded layers + 1, 2, width), float32
        Empty unless `pooled`.

    Raises
    ------
    EncoderError, FeatureError
        As `extract`.
    """
    layers = tuple(layers)
    wrong = [layer for layer in layers if not 0 <= layer <= encoder.kept]
    if wrong or not (layers or pooled):
        raise EncoderError(
            f"layers={list(layers)}: {encoder.label} was loaded with layers 0 to {encoder.kept}; "
            "load it with these layers"
        )
    signals_ = [_prepare(signal, encoder) for signal in signals_]
    states, statistics = [None] * len(signals_), [None] * len(signals_)
    for batch in _batches(signals_, batch_s or encoder.batch_s):
        found = _run([signals_[i] for i in batch], encoder, layers, pooled)
        for i, (frames, moments) in zip(batch, found, strict=True):
            states[i], statistics[i] = frames, moments
    return states, statistics if pooled else []


def check(signal, encoder) -> np.ndarray:
    """Refuse a signal that `encoder` gives no frame of.

    Returns
    -------
    numpy.ndarray, shape (samples,), float32

    Raises
    ------
    FeatureError
    """
    return signals.check(signal, stream="hubert", min_samples=encoder.forward.field)


def _prepare(signal, encoder):
    signal = check(signal, encoder)
    if encoder.normalize:
        # Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm
        signal = (signal - signal.mean()) / np.sqrt(signal.var() + 1e-7)
    return signal


def _batches(signals_, batch_s):
    """Utterances to run together, by length: as many as fit, and at least one."""
    batches, samples = [], 0
    for i in sorted(range(len(signals_)), key=lambda i: len(signals_[i])):
        if not batches or samples + len(signals_[i]) > batch_s * SAMPLING_RATE:
            batches.append([])
            samples = 0
        batches[-1].append(i)
        samples += len(signals_[i])
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
    with torch.inference_mode(), _full_precision():
        for layer, hidden in enumerate(forward(inputs, last)):
            for column, wanted in enumerate(layers):
                if wanted == layer:
                    states[:, column] = hidden
            if pooled:
                for utterance, frames in enumerate(hidden.split(lengths)):
                    deviation, mean = torch.std_mean(frames, dim=0, correction=0)
                    statistics[utterance, layer] = torch.stack([mean, deviation])
    parts = zip(states.cpu().split(lengths), statistics.cpu(), strict=True)
    return [(frames.numpy(), moments.numpy()) for frames, moments in parts]


@contextlib.contextmanager
def _full_precision():
    """On a GPU, keep float32 from being rounded to TF32's ten bits, whatever the caller chose."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _gpu_batch_s(width) -> float:
    """Seconds of audio whose hidden states fit in a share of the GPU's memory."""
    import torch

    _, total = torch.cuda.mem_get_info()
    # A dozen arrays of float32 as wide as a hidden state are alive at a time; 50 frames a second.
    return GPU_SHARE * total / (12 * 4 * width * 50)
