"""Every figure of the study; only notebooks import this."""

from hump.plots.corpora import counts, durations, shortcuts, spectrograms, streams
from hump.plots.encoder import masked_prediction, random_speech, save
from hump.plots.experiments import architecture, cost, differences, layer_curves, layer_pairs
from hump.plots.fractions import few_shot, overlap, strategies, transfer, transfer_curves
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
    "architecture",
    "confusion_matrices",
    "cost",
    "counts",
    "differences",
    "durations",
    "few_shot",
    "forest",
    "fraction_curves",
    "keep",
    "layer_curves",
    "layer_pairs",
    "learning_curves",
    "masked_prediction",
    "overlap",
    "protocol_gap",
    "random_speech",
    "save",
    "shortcuts",
    "speakers",
    "spectrograms",
    "strategies",
    "streams",
    "transfer",
    "transfer_curves",
]
