"""The project's own encoder: a small HuBERT that is trained on synthetic speech."""

from hump.encoder.data import Recipe, examples
from hump.encoder.files import card, export
from hump.encoder.training import joined, train
from hump.encoder.units import acoustic_units, hidden_units

__all__ = [
    "Recipe", "acoustic_units", "card", "examples", "export", "hidden_units", "joined",
    "train",
]  # fmt: skip
