"""The fusion model and its files."""

from hump.model.config import Batch, ModelConfig
from hump.model.files import load, save
from hump.model.heads import AMSoftmax
from hump.model.layers import CrossAttentionTransformer
from hump.model.network import HumpCat

__all__ = [
    "AMSoftmax",
    "Batch",
    "CrossAttentionTransformer",
    "HumpCat",
    "ModelConfig",
    "load",
    "save",
]
