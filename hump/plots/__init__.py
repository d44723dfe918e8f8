"""Every figure of the study; only notebooks import this."""

from hump.plots.corpora import counts, durations, shortcuts, spectrograms, streams
from hump.plots.encoder import masked_prediction, random_speech, save
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
    "claim_ledger",
    "confusion_matrices",
    "counts",
    "durations",
    "forest",
    "fraction_curves",
    "keep",
    "learning_curves",
    "masked_prediction",
    "protocol_gap",
    "random_speech",
    "save",
    "shortcuts",
    "speakers",
    "spectrograms",
    "streams",
]
