"""Parts of the fusion model; each respects the true length of every utterance in a batch."""

import torch
from torch import nn
from torch.nn import functional as F

__all__ = [
    "AMSoftmax",
    "BiLSTM",
    "CrossAttentionTransformer",
    "ProsodyTokens",
    "Standardise",
    "mean_and_variance",
    "pool_to_steps",
]


class Standardise(nn.Module):
    """Subtract a mean and divide by a deviation that were measured on training rows.

    NaN, a value that is undefined for an utterance, becomes the training mean, which is 0 here.
    Values beyond `limit` deviations are set to it: kurtoses of near-constant contours reach the
    thousands and would drown all else.

    Parameters
    ----------
    size : int
        Number of features.
    limit : float
        In deviations.
    """

    def __init__(self, size: int, limit: float = 5.0):
        super().__init__()
        self.limit = limit
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Scale the last dimension."""
        scaled = (values - self.mean) / self.deviation
        return torch.nan_to_num(scaled, nan=0.0).clamp(-self.limit, self.limit)

    def project(self, values: torch.Tensor, linear: nn.Linear) -> torch.Tensor:
        """Scale and apply a linear map in one product, without the limit.

        For long sequences of bounded features (HuBERT's are layer-normalised), where scaling on
        its own would cost more than the map.
        """
        weight = linear.weight / self.deviation
        return F.linear(values, weight, linear.bias - weight @ self.mean)


class BiLSTM(nn.Module):
    """Two-layer bidirectional LSTM over padded sequences, equal to one over packed sequences.

    The backward direction reads each sequence reversed within its own length, so that it never
    starts in the padding. Packing does the same, but leaves the fused kernel of CPUs unused.

    Parameters
    ----------
    features : int
    width : int
        Of the result; each direction has half of it.
    """

    def __init__(self, features: int, width: int):
        super().__init__()
        sizes = (features, width)
        self.forwards = nn.ModuleList(nn.LSTM(n, width // 2, batch_first=True) for n in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(n, width // 2, batch_first=True) for n in sizes)

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Map (B, steps, features) to (B, steps, width); steps after `length` mean nothing."""
        step = torch.arange(values.shape[1], device=values.device)
        mirror = torch.where(step < length[:, None], length[:, None] - 1 - step, step)[..., None]
        for forwards, backwards in zip(self.forwards, self.backwards):
            reversed_ = values.gather(1, mirror.expand_as(values))
            ahead, behind = forwards(values)[0], backwards(reversed_)[0]
            behind = behind.gather(1, mirror.expand_as(behind))
            values = torch.cat([ahead, behind], dim=2)
        return values


def pool_to_steps(values, length, count, width):
    """Average a sequence onto a smaller number of steps, each utterance by its own length.

    Step i of n averages frames floor(i F / n) up to ceil((i + 1) F / n), as adaptive average
    pooling does for a single sequence.

    Parameters
    ----------
    values : Tensor, float32, shape (B, frames, features)
    length : Tensor, int64, shape (B,)
        Valid frames F of each.
    count : Tensor, int64, shape (B,)
        Steps n of each.
    width : int
        Steps of the result, at least the largest count.

    Returns
    -------
    Tensor, float32, shape (B, width, features)
        Zero after an utterance's own steps.
    """
    index = torch.arange(width, device=values.device)
    begin = (index * length[:, None]) // count[:, None]
    end = -((-(index + 1) * length[:, None]) // count[:, None])
    inside = index < count[:, None]
    begin, end = begin * inside, torch.where(inside, end, 1)
    frame = torch.arange(values.shape[1], device=values.device)
    member = (frame >= begin[..., None]) & (frame < end[..., None]) & inside[..., None]
    weight = member / (end - begin)[..., None]
    return weight.to(values.dtype) @ values


def mean_and_variance(values, valid):
    """Mean and (biased) variance over the valid steps.

    Parameters
    ----------
    values : Tensor, float32, shape (B, steps, d)
    valid : Tensor, bool, shape (B, steps)

    Returns
    -------
    Tensor, float32, shape (B, 2 d)
    """
    weight = valid.unsqueeze(-1).to(values.dtype)
    count = weight.sum(dim=1)
    mean = (values * weight).sum(dim=1) / count
    variance = ((values - mean.unsqueeze(1)).square() * weight).sum(dim=1) / count
    return torch.cat([mean, variance], dim=1)


class ProsodyTokens(nn.Module):
    """Prosody vector -> FC ReLU -> FC sigmoid -> tokens.

    With one token, attention from MFCC to prosody has one key and cannot choose; with one token a
    DisVoice family (F0, voiced energy, unvoiced energy, duration) it can.

    Parameters
    ----------
    families : sequence of int
        Sizes of the families, in the order of the vector.
    width : int
        d.
    grouped : bool
        One token a family rather than one altogether.
    """

    def __init__(self, families, width: int, *, grouped: bool):
        super().__init__()
        self.sizes = list(families) if grouped else [sum(families)]
        self.tokens = nn.ModuleList(
            nn.Sequential(nn.Linear(size, width), nn.ReLU(), nn.Linear(width, width), nn.Sigmoid())
            for size in self.sizes
        )

    def forward(self, prosody: torch.Tensor) -> torch.Tensor:
        """Map (B, features) to (B, tokens, d)."""
        parts = prosody.split(self.sizes, dim=1)
        return torch.stack([token(p) for token, p in zip(self.tokens, parts)], dim=1)


class _Block(nn.Module):
    """a queries b: attention, residual, feed-forward, residual (Vaswani et al. 2017)."""

    def __init__(self, config):
        super().__init__()
        d = config.width
        self.pre = config.norm == "pre"
        self.attend = nn.MultiheadAttention(d, config.heads, batch_first=True)
        self.norm_query, self.norm_key = nn.LayerNorm(d), nn.LayerNorm(d)
        self.norm_out = nn.LayerNorm(d)
        self.feed = nn.Sequential(
            nn.Linear(d, config.feed_forward),
            nn.ReLU(),
            nn.Linear(config.feed_forward, d),
            nn.Dropout(config.dropout),
        )

    def forward(self, a, b, b_valid, weights):
        query, key = (self.norm_query(a), self.norm_key(b)) if self.pre else (a, b)
        seen, weight = self.attend(
            query, key, key, key_padding_mask=~b_valid, need_weights=weights,
            average_attn_weights=False,
        )  # fmt: skip
        if self.pre:
            a = a + seen
            return a + self.feed(self.norm_out(a)), weight
        a = self.norm_query(a + seen)
        return self.norm_out(a + self.feed(a)), weight


class CrossAttentionTransformer(nn.Module):
    """CAT(a, b): a queries b and b queries a, `depth` times.

    Parameters
    ----------
    config : hump.model.ModelConfig
    fusion : str
        ``cross_attention``, or ``concat``: both sequences pass unchanged, the ablation.
    """

    def __init__(self, config, fusion: str):
        super().__init__()
        depth = config.depth if fusion == "cross_attention" else 0
        self.forwards = nn.ModuleList(_Block(config) for _ in range(depth))
        self.backwards = nn.ModuleList(_Block(config) for _ in range(depth))

    def forward(self, a, a_valid, b, b_valid, *, weights: bool = False):
        """Fuse two sequences.

        Parameters
        ----------
        a, b : Tensor, float32, shape (B, steps, d)
        a_valid, b_valid : Tensor, bool, shape (B, steps)
        weights : bool
            Whether to return the attention weights, which costs time.

        Returns
        -------
        a, b : Tensor
            As given, each having looked at the other.
        seen : list of pairs of Tensor
            Attention weights of each block, shape (B, heads, queries, keys), or None.
        """
        seen = []
        for forwards, backwards in zip(self.forwards, self.backwards):
            new_a, weight_a = forwards(a, b, b_valid, weights)
            new_b, weight_b = backwards(b, a, a_valid, weights)
            a, b = new_a, new_b
            seen.append((weight_a, weight_b))
        return a, b, seen


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
