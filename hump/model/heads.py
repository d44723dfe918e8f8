"""Classifiers on top of an embedding."""

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["AMSoftmax", "LinearSoftmax", "make_head"]


class AMSoftmax(nn.Module):
    """Additive-margin softmax (Wang et al. 2018, doi:10.1109/LSP.2018.2822810, equation 5).

    Logits are s cos(angle between embedding and class weight); the loss subtracts s m from that of
    the true class.

    Parameters
    ----------
    width, classes : int
    scale, margin : float
        s and m.
    """

    def __init__(self, width: int, classes: int, scale: float, margin: float):
        super().__init__()
        self.scale, self.margin = scale, margin
        self.weight = nn.Parameter(torch.empty(classes, width))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        """Logits without the margin, (B, d) -> (B, classes)."""
        return self.scale * F.linear(F.normalize(embedding), F.normalize(self.weight))

    def loss(self, embedding: torch.Tensor, target: torch.Tensor, weight=None) -> torch.Tensor:
        """Mean loss over the batch, weighted by class if weights are given."""
        margin = self.scale * self.margin * F.one_hot(target, self.weight.shape[0])
        return F.cross_entropy(self(embedding) - margin, target, weight)


class LinearSoftmax(nn.Linear):
    """Plain softmax over a linear layer, with the interface of `AMSoftmax`."""

    def loss(self, embedding: torch.Tensor, target: torch.Tensor, weight=None) -> torch.Tensor:
        """Mean cross-entropy over the batch, weighted by class if weights are given."""
        return F.cross_entropy(self(embedding), target, weight)


def make_head(config) -> nn.Module:
    """The classifier that a configuration names.

    Parameters
    ----------
    config : hump.model.ModelConfig

    Returns
    -------
    AMSoftmax or LinearSoftmax
    """
    if config.head == "softmax":
        return LinearSoftmax(config.width, len(config.labels))
    return AMSoftmax(config.width, len(config.labels), config.scale, config.margin)
