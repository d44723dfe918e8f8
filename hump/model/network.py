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
from hump.model.layers import (
    AMSoftmax,
    BiLSTM,
    CrossAttentionTransformer,
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
    (`fit_scaling`), so that a saved model takes raw features.

    Parameters
    ----------
    config : ModelConfig
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        d = config.width
        self.scale_hubert = Standardise(config.layers * config.hubert_width)
        self.scale_mfcc = Standardise(39)
        self.scale_prosody = Standardise(sum(config.families))
        self.project = nn.Linear(config.layers * config.hubert_width, d)
        self.convolve = nn.Conv1d(d, d, KERNEL, stride=STRIDE)
        self.recur = BiLSTM(39, d)
        self.prosody = ProsodyTokens(config.families, d, grouped=config.prosody_tokens == "groups")
        self.stage1 = CrossAttentionTransformer(config, config.stage1)
        self.stage2 = CrossAttentionTransformer(config, config.stage2)
        self.dropout = nn.Dropout(config.dropout)
        self.embed = nn.Linear(4 * d, d)
        self.head = AMSoftmax(d, len(config.labels), config.scale, config.margin)

    def forward(self, batch: Batch, *, attention: dict | None = None) -> torch.Tensor:
        """Embed utterances.

        Parameters
        ----------
        batch : Batch
        attention : dict, optional
            Filled with the attention weights of both stages if given: ``stage1`` and ``stage2``,
            each a list, one entry a block, of pairs (a queries b, b queries a) with shape
            (B, heads, queries, keys).

        Returns
        -------
        Tensor, float32, shape (B, d)
        """
        hubert, mfcc, valid = self._sequences(batch)
        prosody = self.prosody(self.scale_prosody(batch.prosody))
        all_valid = valid.new_ones(prosody.shape[:2])
        weights = attention is not None
        prosody, mfcc, seen1 = self.stage1(prosody, all_valid, mfcc, valid, weights=weights)
        fused = torch.cat([prosody, mfcc], dim=1)
        fused_valid = torch.cat([all_valid, valid], dim=1)
        hubert, fused, seen2 = self.stage2(hubert, valid, fused, fused_valid, weights=weights)
        if weights:
            attention.update(stage1=seen1, stage2=seen2)
        pooled = [mean_and_variance(hubert, valid), mean_and_variance(fused, fused_valid)]
        return self.embed(self.dropout(torch.cat(pooled, dim=1)))

    def _sequences(self, batch):
        frames = torch.arange(batch.hubert.shape[1], device=batch.hubert.device)
        inside = (frames < batch.hubert_length[:, None]).unsqueeze(-1)
        hubert = self.scale_hubert.project(batch.hubert.flatten(2), self.project) * inside
        # An utterance shorter than the kernel fills one window up with zeros.
        hubert = F.pad(hubert, (0, 0, 0, max(0, KERNEL - hubert.shape[1])))
        hubert = self.convolve(hubert.transpose(1, 2)).transpose(1, 2)
        count = steps(batch.hubert_length)
        valid = torch.arange(hubert.shape[1], device=count.device) < count[:, None]
        mfcc = pool_to_steps(batch.mfcc, batch.mfcc_length, count, valid.shape[1])
        mfcc = self.recur(self.scale_mfcc(mfcc), count)
        return self.dropout(hubert), self.dropout(mfcc), valid

    def loss(self, batch: Batch, target: torch.Tensor, weight=None) -> torch.Tensor:
        """AM-Softmax loss of a batch.

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
        self.head = AMSoftmax(config.width, len(config.labels), config.scale, config.margin)
