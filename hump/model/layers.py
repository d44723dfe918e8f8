"""Parts of the fusion model; each respects the true length of every utterance in a batch."""

import torch
from torch import nn
from torch.nn import functional as F

__all__ = [
    "BiLSTM",
    "CrossAttentionTransformer",
    "LayerSum",
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


class LayerSum(nn.Module):
    """Weighted sum of layers; the weights are a softmax of what is learnt, and begin equal.

    Parameters
    ----------
    layers : int
    """

    def __init__(self, layers: int):
        super().__init__()
        self.score = nn.Parameter(torch.zeros(layers))

    @property
    def weight(self) -> torch.Tensor:
        """Weights of the layers, shape (L,); they add up to 1."""
        return self.score.softmax(dim=0)

    def forward(self, hubert: torch.Tensor, scale: Standardise) -> torch.Tensor:
        """Scale each layer and add them up: (B, T, L, W) to (B, T, W)."""
        shape = hubert.shape[2:]
        factor = self.weight[:, None] / scale.deviation.view(shape)
        offset = (factor * scale.mean.view(shape)).sum(dim=0)
        # Layer by layer: a product of all of them would be as large as the input.
        return sum(hubert[:, :, layer] * factor[layer] for layer in range(shape[0])) - offset


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


def _feed_forward(width, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.Dropout(dropout)
    )


class _Block(nn.Module):
    """a queries b: attention, residual, feed-forward, residual (Vaswani et al. 2017)."""

    def __init__(self, config):
        super().__init__()
        d = config.width
        self.pre = config.norm == "pre"
        self.attend = nn.MultiheadAttention(d, config.heads, batch_first=True)
        self.norm_query, self.norm_key = nn.LayerNorm(d), nn.LayerNorm(d)
        self.norm_out = nn.LayerNorm(d)
        self.feed = _feed_forward(d, config.feed_forward, config.dropout)

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


class _Apart(nn.Module):
    """A block that a sequence passes through by itself, step by step: feed-forward, residual."""

    def __init__(self, config):
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.feed = _feed_forward(config.width, config.concat_feed_forward, config.dropout)

    def forward(self, a, b, b_valid, weights):
        return a + self.feed(self.norm(a)), None


class CrossAttentionTransformer(nn.Module):
    """CAT(a, b): a queries b and b queries a, `depth` times.

    Parameters
    ----------
    config : hump.model.ModelConfig
    fusion : str
        ``cross_attention``, or ``concat``, the ablation: nothing attends across, and both
        sequences pass unchanged, or through feed-forward blocks of their own if the configuration
        gives these a width.
    """

    def __init__(self, config, fusion: str):
        super().__init__()
        block = _Block if fusion == "cross_attention" else _Apart
        depth = config.depth if block is _Block or config.concat_feed_forward else 0
        self.forwards = nn.ModuleList(block(config) for _ in range(depth))
        self.backwards = nn.ModuleList(block(config) for _ in range(depth))

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
            Attention weights of each block that has any, shape (B, heads, queries, keys), or None.
        """
        seen = []
        for forwards, backwards in zip(self.forwards, self.backwards):
            new_a, weight_a = forwards(a, b, b_valid, weights)
            new_b, weight_b = backwards(b, a, a_valid, weights)
            a, b = new_a, new_b
            if isinstance(forwards, _Block):
                seen.append((weight_a, weight_b))
        return a, b, seen
