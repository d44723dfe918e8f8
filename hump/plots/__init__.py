"""Every figure of the study; only notebooks import this."""

from hump.plots.corpora import counts, durations, shortcuts, spectrograms, streams
from hump.plots.diagnostics import attention_entropy, embeddings, label_rates, reliability
from hump.plots.encoder import masked_prediction, random_speech, save
from hump.plots.results import (
    confusion_matrices,
    forest,
    fraction_curves,
    learning_curves,
    protocol_gap,
    speakers,
)
from hump.plots.style import keep

__all__ = [
    "attention_entropy",
    "confusion_matrices",
    "counts",
    "durations",
    "embeddings",
    "forest",
    "fraction_curves",
    "keep",
    "label_rates",
    "learning_curves",
    "masked_prediction",
    "protocol_gap",
    "random_speech",
    "reliability",
    "save",
    "shortcuts",
    "speakers",
    "spectrograms",
    "streams",
]
