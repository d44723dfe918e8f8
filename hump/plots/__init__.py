"""Every figure of the study; only notebooks import this."""

from hump.plots.corpora import counts, durations, shortcuts, spectrograms, streams
from hump.plots.diagnostics import attention_entropy, embeddings, label_rates, reliability
from hump.plots.encoder import masked_prediction, random_speech, save
from hump.plots.experiments import architecture, cost, differences, layer_curves, layer_pairs
from hump.plots.fractions import few_shot, overlap, strategies, transfer, transfer_curves
from hump.plots.ledger import claim_ledger
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
    "attention_entropy",
    "claim_ledger",
    "confusion_matrices",
    "cost",
    "counts",
    "differences",
    "durations",
    "embeddings",
    "few_shot",
    "forest",
    "fraction_curves",
    "keep",
    "label_rates",
    "layer_curves",
    "layer_pairs",
    "learning_curves",
    "masked_prediction",
    "overlap",
    "protocol_gap",
    "random_speech",
    "reliability",
    "save",
    "shortcuts",
    "speakers",
    "spectrograms",
    "strategies",
    "streams",
    "transfer",
    "transfer_curves",
]
