"""The fusion model and its files."""

from hump.model.files import load, save
from hump.model.network import AMSoftmax, Batch, CrossAttentionTransformer, HumpCat, ModelConfig

__all__ = [
    "AMSoftmax",
    "Batch",
    "CrossAttentionTransformer",
    "HumpCat",
    "ModelConfig",
    "load",
    "save",
]
