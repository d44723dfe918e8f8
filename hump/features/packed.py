"""Encoders over utterances of different lengths, with nothing between them: the shared part.

Utterances are laid end to end, frame after frame, so that matrix products are over frames of the
utterances alone: there is no padding that could be normalised, attended to or cost time. What
mixes frames is computed for each utterance by itself. All else, feed-forward blocks, projections
and norms, is transformers' own.

A family of encoders is a subclass of `Forward` with its own front end, and a line in
`hump.features.encoders.FAMILIES`.
"""

import itertools

import numpy as np
import torch
from torch.nn import functional
from transformers import AttentionInterface


class Forward:
    """An encoder, prepared to run over packed utterances; a subclass a family.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        In evaluation mode, where it is to run. It belongs to this object from here on: its
        attention may be replaced by one that gives the same values.
    info : hump.features.encoders.EncoderInfo
    dtype : torch.dtype
        Of matrix products: float32 or bfloat16. Sums of layers, norms and results are float32.
    context : str
        ``own``: a recording is described by itself; ``full``: it is padded if transformers does.

    Attributes
    ----------
    model : transformers.PreTrainedModel
    hop : int
        Samples from one frame to the next.
    field : int
        Samples that make one frame.
    """

    hop, field = 320, 400

    def __init__(self, model, info, dtype=torch.float32, context="own"):
        self.model, self.info, self.dtype, self.context = model, info, dtype, context
        model.config._attn_implementation = _ATTENTION

    @property
    def blocks(self):
        """The transformer layers: torch.nn.ModuleList."""
        return self.model.encoder.layers

    def frames(self, samples: int) -> int:
        """Frames of a signal of so many samples."""
        return 1 + (samples - self.field) // self.hop

    def span(self, samples: int) -> int:
        """Samples that are run for a signal of so many: more if it is padded."""
        return samples

    def prepare(self, signal: np.ndarray) -> np.ndarray:
        """The signal as the encoder wants it; shape (samples,), float32."""
        return signal

    def inputs(self, signals, lengths) -> torch.Tensor:
        """Input of the first transformer layer: shape (frames of all, width), float32.

        `signals` are torch.Tensor of shape (samples,), on the model's device; `lengths` are their
        numbers of frames.
        """
        raise NotImplementedError

    def layers(self, hidden, lengths, last):
        """Yield the output of each transformer layer up to `last`, shaped like `hidden`."""
        runs = _runs(lengths)
        for block in self.blocks[:last]:
            with self.autocast(hidden):
                hidden = block(hidden[None], attention_mask=None, runs=runs)[0]
            yield hidden

    def __call__(self, signals, last):
        """Run utterances through the network.

        Parameters
        ----------
        signals : sequence of torch.Tensor, each of shape (samples,), float32
            As `prepare` gives them. Those of one length are quickest next to one another.
        last : int
            Layer to stop after.

        Yields
        ------
        torch.Tensor, shape (frames of all, width), float32
            The input of the first transformer layer, then the output of each.
        """
        lengths = [self.frames(len(signal)) for signal in signals]
        hidden = self.inputs(signals, lengths)
        yield hidden
        yield from self.layers(hidden, lengths, last)

    def autocast(self, values):
        """A context in which matrix products of `values` are of type `dtype`."""
        return torch.autocast(values.device.type, self.dtype, self.dtype != torch.float32)


def parts(hidden, lengths):
    """Neighbours of equal length together, each of shape (utterances, frames, width)."""
    for start, count, length in _runs(lengths):
        yield hidden[start : start + count * length].unflatten(0, (count, length))


def _runs(lengths):
    """Neighbours of equal length: (first frame, utterances, frames of each)."""
    runs, start = [], 0
    for length, equal in itertools.groupby(lengths):
        count = len(list(equal))
        runs.append((start, count, length))
        start += count * length
    return runs


def _attend(module, query, key, value, attention_mask, *, runs, scaling, **_):
    """Attention within each utterance, in the form that transformers' layers call.

    Query, key and value are of shape (1, heads, frames, width of a head).
    """
    outputs = query.new_empty(query.shape[2], query.shape[1], query.shape[3])
    for start, count, length in runs:
        piece = slice(start, start + count * length)
        q, k, v = (
            states[0, :, piece].unflatten(1, (count, length)).transpose(0, 1)
            for states in (query, key, value)
        )
        attended = functional.scaled_dot_product_attention(q, k, v, scale=scaling)
        outputs[piece] = attended.transpose(1, 2).flatten(0, 1)
    return outputs[None], None


_ATTENTION = "hump_packed"
AttentionInterface.register(_ATTENTION, _attend)
