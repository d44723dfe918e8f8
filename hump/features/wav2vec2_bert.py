"""Wav2Vec2-BERT: conformer layers on a log-mel spectrogram, two of its frames together.

Barrault et al. (2023), arXiv:2312.05187, by transformers, front end included. Every layer has a
convolution over time beside attention, so layers run over utterances of equal length together.
Memory grows with the square of the longest recording. transformers pads one file to an even number
of spectrogram frames and masks what it has added; here a last odd frame makes none.
"""

import torch
from transformers import SeamlessM4TFeatureExtractor

from hump.audio import SAMPLING_RATE
from hump.features.packed import Forward, parts


class Wav2Vec2Bert(Forward):
    """Wav2Vec2-BERT."""

    # Two frames of 400 samples, 160 apart.
    field = 560

    def __init__(self, model, info, dtype=torch.float32, context="own"):
        super().__init__(model, info, dtype, context)
        model.config._attn_implementation = "eager"  # the one that takes a bias of positions
        self._spectrogram = SeamlessM4TFeatureExtractor.from_dict(info.preprocessor)

    def inputs(self, signals, lengths):
        """Spectrogram, projected."""
        front = torch.cat([self._front(signal) for signal in signals])
        with self.autocast(front):
            return self.model.feature_projection(front)[0].float()

    def _front(self, signal):
        values = self._spectrogram(
            signal.cpu().numpy(), sampling_rate=SAMPLING_RATE, padding=False,
            pad_to_multiple_of=None, return_tensors="pt",
        )  # fmt: skip
        return values.input_features[0].to(signal)

    def layers(self, hidden, lengths, last):
        """Yield the output of each transformer layer up to `last`, shaped like `hidden`."""
        place = self.model.encoder.embed_positions or (lambda hidden: None)
        for block in self.blocks[:last]:
            with self.autocast(hidden):
                done = [
                    block(some, relative_position_embeddings=place(some))
                    for some in parts(hidden, lengths)
                ]
            hidden = torch.cat([some.flatten(0, 1).float() for some in done])
            yield hidden
