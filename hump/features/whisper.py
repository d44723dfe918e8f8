"""Whisper's encoder: transformer layers on a log-mel spectrogram, 30 s at most.

Radford et al. (2022), arXiv:2212.04356, by transformers, whose spectrogram is used as it is.
transformers pads every recording with silence to a window of 30 s, and every frame attends to that
silence (`context` ``full``). With ``own``, the default, spectrogram and layers see the recording
alone, which costs less the shorter it is and gives other hidden states. In both, the frames of the
recording alone are returned, and what is longer than a window is cut into several, each described
by itself; a rest of less than a frame (400 samples) makes none.
"""

import torch
from torch.nn import functional
from transformers import WhisperFeatureExtractor

from hump.audio import SAMPLING_RATE
from hump.features.packed import Forward


class Whisper(Forward):
    """Whisper's encoder."""

    def __init__(self, model, info, dtype=torch.float32, context="own"):
        super().__init__(model, info, dtype, context)
        settings = {"feature_size": model.config.num_mel_bins, **info.preprocessor}
        self._spectrogram = WhisperFeatureExtractor.from_dict(settings)
        self.window = model.config.max_source_positions * self.hop

    @property
    def blocks(self):
        """The transformer layers: torch.nn.ModuleList."""
        return self.model.layers

    def frames(self, samples):
        """Frames of a signal of so many samples: half as many as of its spectrogram, rounded up."""
        whole, rest = divmod(samples, self.window)
        rest = -(-(rest // 160) // 2) if rest >= self.field else 0
        return whole * (self.window // self.hop) + rest

    def span(self, samples):
        """Samples that are run for a signal of so many: whole windows with ``full``."""
        return samples if self.context == "own" else -(-samples // self.window) * self.window

    def __call__(self, signals, last):
        """Run utterances through the network, in windows; as `Forward`."""
        windows = [part for signal in signals for part in signal.split(self.window)]
        windows = [part for part in windows if len(part) >= self.field]
        kept = slice(None)
        if self.context == "full":
            kept = [torch.arange(self.window // self.hop) < self.frames(len(w)) for w in windows]
            kept = torch.cat(kept).to(windows[0].device)
            windows = [functional.pad(part, (0, self.window - len(part))) for part in windows]
        for hidden in super().__call__(windows, last):
            yield hidden[kept]

    def inputs(self, signals, lengths):
        """Spectrogram, two convolutions and positions."""
        return torch.cat([self._front(signal) for signal in signals])

    def _front(self, signal):
        values = self._spectrogram(
            signal.cpu().numpy(), sampling_rate=SAMPLING_RATE, padding=False, truncation=False,
            return_tensors="pt",
        )  # fmt: skip
        values = values.input_features.to(signal)
        with self.autocast(values):
            for convolution in (self.model.conv1, self.model.conv2):
                values = functional.gelu(convolution(values))
        hidden = values[0].T.float()
        return hidden + self.model.embed_positions.weight[: len(hidden)]

    def layers(self, hidden, lengths, last):
        """As `Forward.layers`, with the norm after the last layer that Whisper has."""
        for number, output in enumerate(super().layers(hidden, lengths, last), start=1):
            yield self.model.layer_norm(output) if number == self.info.norm_after else output
