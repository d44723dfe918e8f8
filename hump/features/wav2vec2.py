"""Encoders of raw samples: HuBERT, wav2vec 2.0, UniSpeech-SAT, WavLM and data2vec-audio.

They share a front end of convolutions, which is prepared here to run without padding:

* convolutions run in pieces of frames, which bounds memory; a frame depends on 400 samples, so
  pieces change nothing. A convolution of three taps and stride two takes five products for two
  outputs instead of six (Winograd, 1980, doi:10.1137/1.9781611970364);
* the normalisation of the first convolution over the whole utterance ("group", as in HuBERT-base):
  mean and variance of a convolution follow from mean and second moments of its input, so they are
  known before it is computed and become part of its weights;
* the convolution over positions, by Fourier transforms of overlapping blocks (overlap-save), its
  edges zero as in the model.

Values are those of transformers up to rounding: relative errors are near 2e-6 in float32
(`benchmarks/results`).
"""

import numpy as np
import torch
from torch.nn import functional

from hump.features.packed import Forward, parts

# Number of values in the front end's largest array: 8 MiB stay in a processor's cache, which a GPU
# does not need.
PIECE = {"cpu": 2**21, "cuda": 2**26}
# Blocks of the convolution over positions at once.
BLOCKS = 64
# Rows at once in feed-forward blocks, which are four times as wide as their input.
FEED_FORWARD_ROWS = 2048


class Wav2Vec2(Forward):
    """HuBERT, wav2vec 2.0 (XLS-R and MMS too) and UniSpeech-SAT; the base of the two below."""

    def __init__(self, model, info, dtype=torch.float32, context="own"):
        super().__init__(model, info, dtype, context)
        self.kernels = model.config.conv_kernel
        self.strides = model.config.conv_stride
        self.hop = int(np.prod(self.strides))
        self.field = 1 + sum(
            (kernel - 1) * int(np.prod(self.strides[:i])) for i, kernel in enumerate(self.kernels)
        )
        layers = model.feature_extractor.conv_layers
        # (kernel, in, out): one matrix product a stride
        self._kernels = [
            layer.conv.weight.permute(2, 1, 0).to(dtype if i else torch.float32).contiguous()
            for i, layer in enumerate(layers)
        ]
        self.positions = self.positions_of(model.encoder.pos_conv_embed)
        for layer in self.blocks:
            layer.feed_forward = _ByRows(layer.feed_forward)

    def positions_of(self, embedding):
        """The convolution over positions: from hidden states and lengths to what is added."""
        return _Positions(embedding)

    def prepare(self, signal):
        """Bring the signal to mean 0 and variance 1, if the preprocessor's file says so."""
        if self.info.normalize:
            # Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm
            signal = (signal - signal.mean()) / np.sqrt(signal.var() + 1e-7)
        return signal

    def inputs(self, signals, lengths):
        """Convolutions, projection and positions."""
        front = torch.cat([self._front(signal) for signal in signals])
        with self.autocast(front):
            hidden = self.model.feature_projection(front)
        # All but HuBERT's return what they project, too.
        hidden = (hidden[0] if isinstance(hidden, tuple) else hidden).float()
        hidden = hidden + self.positions(hidden, lengths)
        if not getattr(self.model.config, "do_stable_layer_norm", False):
            hidden = self.model.encoder.layer_norm(hidden)
        return hidden

    def _front(self, signal):
        """The convolutions: shape (samples,) -> (frames, channels)."""
        layers = self.model.feature_extractor.conv_layers
        first, shift = self._first(signal)
        frames, largest = self.frames(len(signal)), self.hop // self.strides[0] * first.shape[2]
        pieces, size = [], max(1, PIECE[signal.device.type] // largest)
        for start in range(0, frames, size):
            stop = min(start + size, frames)
            values = signal[self.hop * start : self.hop * (stop - 1) + self.field, None]
            for i, layer in enumerate(layers):
                kernel, bias = (first, shift) if i == 0 else (self._kernels[i], layer.conv.bias)
                convolve = _convolve_fast if (len(kernel), self.strides[i]) == (3, 2) else _convolve
                values = convolve(values.to(kernel.dtype), kernel, self.strides[i])
                if bias is not None:
                    values += bias
                if isinstance(getattr(layer, "layer_norm", None), torch.nn.LayerNorm):
                    values = layer.layer_norm(values.float())
                values = layer.activation(values)
            pieces.append(values.float())
        return torch.cat(pieces)

    def _first(self, signal):
        """The first convolution's kernel and bias, its norm over the utterance within them."""
        layer, kernel = self.model.feature_extractor.conv_layers[0], self._kernels[0]
        if not isinstance(getattr(layer, "layer_norm", None), torch.nn.GroupNorm):
            return kernel, layer.conv.bias
        norm = layer.layer_norm
        patches = signal.double().unfold(0, self.kernels[0], self.strides[0])
        mean = patches.mean(0)
        covariance = patches.T @ patches / len(patches) - torch.outer(mean, mean)
        weights = kernel[:, 0].double()
        variance = (weights * (covariance @ weights)).sum(0)
        gain = norm.weight / (variance.clamp(min=0) + norm.eps).sqrt()
        # A bias of the convolution shifts its mean with it, and so is without effect.
        return (weights * gain)[:, None].float(), (norm.bias - mean @ weights * gain).float()


class Data2Vec(Wav2Vec2):
    """data2vec-audio: several small convolutions over positions, a norm after each."""

    def positions_of(self, embedding):
        """Each utterance by itself."""
        return lambda hidden, lengths: torch.cat(
            [embedding(some).flatten(0, 1) for some in parts(hidden, lengths)]
        )


class WavLM(Wav2Vec2):
    """WavLM: the first layer makes a bias of relative positions, which every layer gates.

    Its layers run over utterances of equal length together; memory grows with the square of the
    longest.
    """

    def layers(self, hidden, lengths, last):
        """Yield the output of each transformer layer up to `last`, shaped like `hidden`."""
        biases = [None] * len(lengths)
        for block in self.blocks[:last]:
            pairs = zip(parts(hidden, lengths), biases)
            with self.autocast(hidden):
                done = [block(some, position_bias=bias) for some, bias in pairs]
            biases = [bias for _, bias in done]
            hidden = torch.cat([some.flatten(0, 1).float() for some, _ in done])
            yield hidden


def _convolve(values, kernel, stride):
    """Convolve, without padding: shapes (time, in) and (taps, in, out) -> (time', out)."""
    width, channels, _ = kernel.shape
    steps = 1 + (len(values) - width) // stride
    if channels == 1:
        return values[:, 0].unfold(0, width, stride) @ kernel[:, 0]
    outputs = None
    for start in range(0, width, stride):
        taps = kernel[start : start + stride].flatten(0, 1)
        # Rows of neighbouring samples, which do not overlap: a view, not a copy.
        rows = values.as_strided((steps, len(taps)), (stride * channels, 1), start * channels)
        outputs = rows @ taps if outputs is None else outputs.addmm_(rows, taps)
    return outputs


def _convolve_fast(values, kernel, stride=2):
    """`_convolve` for three taps and stride two.

    The outer taps a and c see the even rows e alone, each row once by either: for two neighbouring
    outputs, a e0 + c e1 = (a + c) e1 + a (e0 - e1) and a e1 + c e2 = (a + c) e1 + c (e2 - e1).
    """
    channels = values.shape[1]
    steps = 1 + (len(values) - 3) // 2
    pairs = steps // 2
    outputs = values.as_strided((steps, channels), (2 * channels, 1), channels) @ kernel[1]
    if steps % 2:
        last = 2 * (steps - 1)
        outputs[-1:].addmm_(values[last : last + 1], kernel[0])
        outputs[-1:].addmm_(values[last + 2 : last + 3], kernel[2])
    if pairs:
        e0, e1, e2 = (
            values.as_strided((pairs, channels), (4 * channels, 1), row * channels)
            for row in (0, 2, 4)
        )
        two = outputs[: 2 * pairs].unflatten(0, (pairs, 2))
        two += (e1 @ (kernel[0] + kernel[2]))[:, None]
        two[:, 0].addmm_(e0 - e1, kernel[0])
        two[:, 1].addmm_(e2 - e1, kernel[2])
    return outputs


class _Positions:
    """The convolution over positions and its activation: shape (frames, width) -> the same."""

    def __init__(self, embedding):
        convolution = embedding.conv
        self._embedding, self._bias = embedding, convolution.bias
        (self._kernel,), self._groups = convolution.kernel_size, convolution.groups
        self._block = 2 * self._kernel
        weight = convolution.weight.unflatten(0, (self._groups, -1))
        spectrum = torch.fft.rfft(weight.float(), n=self._block).conj()
        self._spectrum = spectrum.permute(3, 0, 2, 1).contiguous()  # (frequency, group, in, out)

    def __call__(self, hidden, lengths):
        values = hidden.T
        if getattr(self._embedding, "batch_norm", None) is not None:
            values = self._embedding.batch_norm(values[None])[0]
        step, before = self._block - self._kernel + 1, self._kernel // 2
        counts = [-(-length // step) for length in lengths]
        blocks = []
        for part, count in zip(values.split(lengths, dim=1), counts, strict=True):
            after = (count - 1) * step + self._block - before - part.shape[1]
            blocks.append(functional.pad(part, (before, after)).unfold(1, self._block, step))
        blocks = torch.cat(blocks, dim=1).split(BLOCKS, dim=1)
        outputs = torch.cat([self._convolve(some)[..., :step] for some in blocks], dim=1)
        outputs = torch.cat([
            part.flatten(1)[:, :length]
            for part, length in zip(outputs.split(counts, dim=1), lengths, strict=True)
        ], dim=1)  # fmt: skip
        return self._embedding.activation(outputs.T + self._bias)

    def _convolve(self, blocks):
        """Convolve circularly: shape (width, blocks, samples of a block) -> the same."""
        spectrum = torch.fft.rfft(blocks).unflatten(0, (self._groups, -1)).permute(3, 0, 2, 1)
        product = (spectrum @ self._spectrum).permute(1, 3, 2, 0).flatten(0, 1)
        return torch.fft.irfft(product, n=self._block)


class _ByRows(torch.nn.Module):
    """A feed-forward block, some rows at a time."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, hidden):
        return torch.cat([self.block(rows) for rows in hidden.split(FEED_FORWARD_ROWS, dim=1)], 1)
