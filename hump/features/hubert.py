"""HuBERT: hidden states of chosen transformer layers, exactly those of one file at a time.

Hsu et al. (2021), doi:10.1109/TASLP.2021.3122291, by transformers. HuBERT-base normalises its
first convolution over the whole time axis, so a clip padded to a longer one has other hidden
states, with an attention mask or without; and matrix products round differently in other shapes.
Utterances are therefore run one at a time. What saves time is to compute the layers asked for
only, and to run several processes of one thread each (`hump.features.extract_corpus`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hump.errors import EncoderError
from hump.features import encoders, pretrained, signals, stand_in

__all__ = ["Encoder", "extract", "load_encoder"]


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder, cut after the last layer asked for.

    Attributes
    ----------
    model : transformers.HubertModel
        In evaluation mode, float32.
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
    """

    model: Any
    width: int
    n_layers: int
    kept: int
    trained: bool
    label: str
    fingerprint: str
    normalize: bool
    device: str


def load_encoder(encoder, *, layers, device="cpu") -> Encoder:
    """Load an encoder up to the last of `layers`.

    Parameters
    ----------
    encoder : str or Path
        As `hump.features.encoders.find` takes it.
    layers : sequence of int
        0 is the input of the first transformer layer, k the output of layer k.
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    Encoder

    Raises
    ------
    EncoderError
        No such encoder, its files do not fit each other, or it lacks a layer.
    """
    import torch
    from transformers import HubertConfig

    found = encoders.find(encoder)
    kept = max(1, *encoders.check_layers(found, layers))
    config = HubertConfig.from_dict({**found.config, "num_hidden_layers": kept})
    model = pretrained.load(found, config) if found.weights else stand_in.build(config)
    if config.do_stable_layer_norm and kept < found.n_layers:
        # Such an encoder normalises once more after its last layer, which this one is not.
        model.encoder.layer_norm = torch.nn.Identity()
    return Encoder(
        model=model.eval().requires_grad_(False).to(device),
        width=config.hidden_size,
        n_layers=found.n_layers,
        kept=kept,
        trained=found.trained,
        label=found.label,
        fingerprint=found.fingerprint,
        normalize=found.normalize,
        device=device,
    )


def extract(signals_, *, encoder, layers, device="cpu") -> list[np.ndarray]:
    """Hidden states of utterances.

    Parameters
    ----------
    signals_ : sequence of array_like, each of shape (samples,)
        16 kHz, full scale 1.
    encoder : Encoder, str or Path
        Loaded, or a name for `load_encoder`.
    layers : sequence of int
        0 is the input of the first transformer layer, k the output of layer k: the indices of
        ``hidden_states`` in transformers.
    device : str
        Where an encoder given by name is run; a loaded one stays where it is.

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
        encoder = load_encoder(encoder, layers=layers, device=device)
    wrong = [layer for layer in layers if not 0 <= layer <= encoder.kept]
    if wrong or not layers:
        raise EncoderError(
            f"layers={list(layers)}: {encoder.label} was loaded with layers 0 to {encoder.kept}; "
            "load it with these layers"
        )
    return [_hidden_states(signal, encoder, layers) for signal in signals_]


def _hidden_states(signal, encoder, layers):
    import torch

    signal = signals.check(signal, stream="hubert", min_samples=_receptive_field(encoder))
    if encoder.normalize:
        # Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm
        signal = (signal - signal.mean()) / np.sqrt(signal.var() + 1e-7)
    inputs = torch.from_numpy(signal)[None].to(encoder.device)
    # On a GPU, convolutions would otherwise round to TF32's ten bits.
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
        states = encoder.model(inputs, output_hidden_states=True).hidden_states
        return torch.stack([states[layer][0] for layer in layers], dim=1).float().cpu().numpy()


def _receptive_field(encoder) -> int:
    """Samples that make one frame."""
    config = encoder.model.config
    strides = [math.prod(config.conv_stride[:i]) for i in range(len(config.conv_kernel))]
    return 1 + sum((k - 1) * s for k, s in zip(config.conv_kernel, strides, strict=True))
