"""The project's own encoder: a small HuBERT that learns from a larger encoder."""

from hump.encoder.data import Recipe, Speech
from hump.encoder.files import card, export
from hump.encoder.training import train
