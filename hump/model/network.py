"""The fusion model: two stages of cross-attention over HuBERT, MFCC and prosody, and AM-Softmax.

Padding never changes a result: every mean, variance, attention and convolution edge respects the
true length of an utterance. Sources: HuMP-CAT (arXiv:2501.10408); attention, Vaswani et al. (2017);
AM-Softmax, Wang et al. (2018), equation 5.
"""

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

from hump.model.config import KERNEL, STRIDE, Batch, ModelConfig, steps
from hump.model.heads import make_head
from hump.model.layers import (
    BiLSTM,
    CrossAttentionTransformer,
    LayerSum,
    ProsodyTokens,
    Standardise,
    mean_and_variance,
    pool_to_steps,
)

__all__ = ["HumpCat"]


class HumpCat(nn.Module):
    """HuMP-CAT.

    ::

        HuBERT layers [T, L, W] -> projection to d, convolution (kernel 10, stride 4) -> [T', d]
        MFCC [F, 39] -> averaged onto the T' steps -> 2-layer Bi-LSTM                 -> [T', d]
        prosody [103] -> FC ReLU -> FC sigmoid                                        -> [K, d]
        R = CAT1(prosody, MFCC): [K + T', d];  Z = CAT2(HuBERT, R)
        [mean; variance] of either part of Z over its valid steps -> embedding -> AM-Softmax

    Each stream is scaled by means and deviations of training rows, kept in the model
    (`fit_scaling`), so that a saved model takes raw features. A model of fewer streams has the
    parts of these alone (scaling is kept for all: it has no weights); a stage that has one input
    passes it on. Without HuBERT the steps T' are the same: they are of time.

    Parameters
    ----------
    config : ModelConfig
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        d, streams = config.width, config.streams
        self.scale_hubert = Standardise(config.layers * config.hubert_width)
        self.scale_mfcc = Standardise(39)
        self.scale_prosody = Standardise(sum(config.families))
        if "hubert" in streams:
            summed = config.layer_fusion == "weighted_sum"
            self.sum_layers = LayerSum(config.layers) if summed else None
            self.project = nn.Linear((1 if summed else config.layers) * config.hubert_width, d)
            self.convolve = nn.Conv1d(d, d, KERNEL, stride=STRIDE)
        if "mfcc" in streams:
            self.recur = BiLSTM(39, d)
        if "prosody" in streams:
            grouped = config.prosody_tokens == "groups"
            self.prosody = ProsodyTokens(config.families, d, grouped=grouped)
        if {"mfcc", "prosody"} <= set(streams):
            self.stage1 = CrossAttentionTransformer(config, config.stage1)
        if "hubert" in streams and len(streams) > 1:
            self.stage2 = CrossAttentionTransformer(config, config.stage2)
        self.dropout = nn.Dropout(config.dropout)
        parts = ("hubert" in streams) + (set(streams) != {"hubert"})
        self.embed = nn.Linear(2 * parts * d, d)
        self.head = make_head(config)

    def forward(self, batch: Batch, *, attention: dict | None = None) -> torch.Tensor:
        """Embed utterances.

        Parameters
        ----------
        batch : Batch
        attention : dict, optional
            Filled with the attention weights of both stages if given: ``stage1`` and ``stage2``,
            each a list, one entry a block, of pairs (a queries b, b queries a) with shape
            (B, heads, queries, keys); empty where nothing attends.

        Returns
        -------
        Tensor, float32, shape (B, d)
        """
        streams, seen = self.config.streams, {"stage1": [], "stage2": []}
        weights = attention is not None
        count, valid = self._steps(batch)
        parts = [(self._hubert(batch), valid)] if "hubert" in streams else []
        fused = [(self._prosody(batch), None)] if "prosody" in streams else []
        fused += [(self._mfcc(batch, count, valid.shape[1]), valid)] if "mfcc" in streams else []
        fused = [(x, valid.new_ones(x.shape[:2]) if ok is None else ok) for x, ok in fused]
        if len(fused) == 2:
            (a, a_valid), (b, b_valid) = fused
            a, b, seen["stage1"] = self.stage1(a, a_valid, b, b_valid, weights=weights)
            fused = [(torch.cat([a, b], dim=1), torch.cat([a_valid, b_valid], dim=1))]
        parts += fused
        if len(parts) == 2:
            (a, a_valid), (b, b_valid) = parts
            a, b, seen["stage2"] = self.stage2(a, a_valid, b, b_valid, weights=weights)
            parts = [(a, a_valid), (b, b_valid)]
        if weights:
            attention.update(seen)
        pooled = torch.cat([mean_and_variance(*part) for part in parts], dim=1)
        return self.embed(self.dropout(pooled))

    def _steps(self, batch):
        """Number of steps of each utterance, and which of the longest's it has."""
        count = steps(batch.hubert_length)
        longest = steps(max(batch.hubert.shape[1], KERNEL))
        return count, torch.arange(longest, device=count.device) < count[:, None]

    def _hubert(self, batch):
        frames = torch.arange(batch.hubert.shape[1], device=batch.hubert.device)
        inside = (frames < batch.hubert_length[:, None]).unsqueeze(-1)
        if self.sum_layers is None:
            hubert = self.scale_hubert.project(batch.hubert.flatten(2), self.project)
        else:
            hubert = self.project(self.sum_layers(batch.hubert, self.scale_hubert))
        hubert = hubert * inside
        # An utterance shorter than the kernel fills one window up with zeros.
        hubert = F.pad(hubert, (0, 0, 0, max(0, KERNEL - hubert.shape[1])))
        return self.dropout(self.convolve(hubert.transpose(1, 2)).transpose(1, 2))

    def _mfcc(self, batch, count, width):
        mfcc = pool_to_steps(batch.mfcc, batch.mfcc_length, count, width)
        return self.dropout(self.recur(self.scale_mfcc(mfcc), count))

    def _prosody(self, batch):
        return self.prosody(self.scale_prosody(batch.prosody))

    def loss(self, batch: Batch, target: torch.Tensor, weight=None) -> torch.Tensor:
        """Loss of a batch.

        Parameters
        ----------
        batch : Batch
        target : Tensor, int64, shape (B,)
        weight : Tensor, float32, shape (classes,), optional
            Weight of each class.

        Returns
        -------
        Tensor, scalar
        """
        return self.head.loss(self(batch), target, weight)

    def probabilities(self, batch: Batch) -> torch.Tensor:
        """Class probabilities, without the margin.

        Parameters
        ----------
        batch : Batch

        Returns
        -------
        Tensor, float32, shape (B, classes)
        """
        return self.head(self(batch)).softmax(dim=1)

    def new_head(self, labels) -> None:
        """Replace the classifier, for a target's own label set.

        Parameters
        ----------
        labels : sequence of str
        """
        self.config = config = dataclasses.replace(self.config, labels=tuple(labels))
        self.head = make_head(config)
