"""What a model is built from, and what it is fed."""

from dataclasses import dataclass

import torch

__all__ = ["KERNEL", "STRIDE", "Batch", "ModelConfig", "steps"]

# HuBERT gives a frame every 20 ms; the convolution sees 200 ms and steps 80 ms.
KERNEL, STRIDE = 10, 4


@dataclass(frozen=True)
class ModelConfig:
    """All that is needed to build a `HumpCat` anew.

    Attributes
    ----------
    labels : tuple of str
        Classes, in the order of the outputs.
    layers : int
        Number of HuBERT layers L.
    layer_fusion : str
        ``concat``, or ``weighted_sum``: one vector of width W, by weights that are learnt and add
        up to 1 (Yang et al. 2021, SUPERB, doi:10.21437/Interspeech.2021-1775).
    hubert_width : int
        Their width W.
    families : tuple of int
        Sizes of the DisVoice families that make up the prosody vector; each becomes a token if
        `prosody_tokens` is ``groups``.
    width, heads, depth, feed_forward : int
        Of the attention blocks; `width` is d.
    norm : str
        ``pre`` or ``post``.
    dropout : float
    streams : tuple of str
        Of ``hubert``, ``mfcc`` and ``prosody``; a model without a stream has no weights for it.
    prosody_tokens : 1 or "groups"
    stage1, stage2 : str
        ``cross_attention``, or ``concat``: the two sequences stand side by side and nothing
        attends across.
    concat_feed_forward : int
        Width of feed-forward blocks, `depth` of them, that each sequence passes through in a stage
        without attention, so that such a model can have as many weights; 0 for none.
    head : str
        ``am_softmax``, or ``softmax``: a linear layer, which has no `scale` and `margin`.
    scale, margin : float
        Of AM-Softmax.
    """

    labels: tuple[str, ...]
    layers: int
    layer_fusion: str
    hubert_width: int
    families: tuple[int, ...]
    width: int
    heads: int
    depth: int
    feed_forward: int
    norm: str
    dropout: float
    streams: tuple[str, ...]
    prosody_tokens: int | str
    stage1: str
    stage2: str
    concat_feed_forward: int
    head: str
    scale: float
    margin: float


@dataclass(frozen=True)
class Batch:
    """Utterances padded with zeros to the longest.

    Attributes
    ----------
    hubert : Tensor, float32, shape (B, T, L, W)
    hubert_length : Tensor, int64, shape (B,)
        Frames that are not padding.
    mfcc : Tensor, float32, shape (B, F, 39)
    mfcc_length : Tensor, int64, shape (B,)
    prosody : Tensor, float32, shape (B, 103)
        NaN where DisVoice has no value.
    """

    hubert: torch.Tensor
    hubert_length: torch.Tensor
    mfcc: torch.Tensor
    mfcc_length: torch.Tensor
    prosody: torch.Tensor

    def to(self, device) -> "Batch":
        """Same batch on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def steps(frames):
    """Number of steps T' that the strided convolution makes of T frames; at least 1.

    Parameters
    ----------
    frames : int or Tensor

    Returns
    -------
    int or Tensor
    """
    count = (frames - KERNEL) // STRIDE + 1
    return count.clamp(min=1) if isinstance(count, torch.Tensor) else max(count, 1)
