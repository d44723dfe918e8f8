"""The fusion model, from top to bottom: configuration, parts, HuMP-CAT itself.

Two stages of cross-attention fuse HuBERT, MFCC and prosody; an AM-Softmax head classifies. Sizes in
comments: B utterances, T HuBERT frames, L layers of width W, F MFCC frames, T' steps, K prosody
tokens, d the model's width; N, the frames of all utterances together.

Utterances of a batch do not change one another's results: every mean, variance, attention and
convolution edge respects the true length of an utterance. Sources: HuMP-CAT (arXiv:2501.10408);
attention, Vaswani et al. (2017); AM-Softmax, Wang et al. (2018), equation 5.
"""

import dataclasses
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

# HuBERT gives a frame every 20 ms; the convolution sees 200 ms and steps 80 ms.
KERNEL, STRIDE = 10, 4


@dataclass(frozen=True)
class ModelConfig:
    """Everything that is needed to build a `HumpCat`.

    Attributes
    ----------
    labels : tuple of str
        Classes, in the order of the outputs.
    layers : int
        Number of HuBERT layers L.
    layer_fusion : str
        ``concat``, or ``weighted_sum``: one vector of width W, by weights that are learnt and add
        up to 1 (Yang et al. 2021, SUPERB, doi:10.21437/Interspeech.2021-1775).
    hubert_width : int
        Width W of a hidden state.
    families : tuple of int
        Sizes of the DisVoice families that make up the prosody vector; each becomes a token if
        `prosody_tokens` is ``groups``.
    width, heads, depth, feed_forward : int
        Of the attention blocks; `width` is d.
    norm : str
        ``pre`` or ``post``.
    dropout : float
    streams : tuple of str
        Out of ``hubert``, ``mfcc`` and ``prosody``; a model without a stream has no weights for it.
    prosody_tokens : 1 or "groups"
    stage1, stage2 : str
        ``cross_attention``, or ``concat``: the two sequences are concatenated without attention.
    concat_feed_forward : int
        Width of feed-forward blocks, `depth` of them, that each sequence passes through in a stage
        without attention, so that such a model can have as many weights; 0 for none.
    head : str
        ``am_softmax``, or ``softmax``: a linear layer, which has no `scale` and `margin`.
    scale, margin : float
        Of AM-Softmax.
    """

    labels: tuple[str, ...]
    layers: int
    layer_fusion: str
    hubert_width: int
    families: tuple[int, ...]
    width: int
    heads: int
    depth: int
    feed_forward: int
    norm: str
    dropout: float
    streams: tuple[str, ...]
    prosody_tokens: int | str
    stage1: str
    stage2: str
    concat_feed_forward: int
    head: str
    scale: float
    margin: float


@dataclass(frozen=True)
class Batch:
    """Utterances, their frames one after the other: none is spent on padding.

    Attributes
    ----------
    hubert : torch.Tensor, shape (N, L, W), float32
    hubert_length : torch.Tensor, shape (B,), int64
        Frames of each utterance.
    mfcc : torch.Tensor, shape (frames, 39), float32
    mfcc_length : torch.Tensor, shape (B,), int64
    prosody : torch.Tensor, shape (B, 103), float32
        NaN where DisVoice has no value.
    even : bool
        Whether every utterance has as many rows as any, its last frame repeated, so that shapes
        are known without the lengths.
    """

    hubert: torch.Tensor
    hubert_length: torch.Tensor
    mfcc: torch.Tensor
    mfcc_length: torch.Tensor
    prosody: torch.Tensor
    even: bool = False

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All but `even`, in order."""
        return self.hubert, self.hubert_length, self.mfcc, self.mfcc_length, self.prosody

    def to(self, device) -> "Batch":
        """The same batch on another device."""
        return Batch(*(tensor.to(device) for tensor in self.tensors), even=self.even)

    def evened(self, hubert: int, mfcc: int) -> "Batch":
        """The same utterances in float32 with so many rows of HuBERT and MFCC each, or `even`.

        Rows after the last utterance's do not matter.
        """
        hubert = _evened(self.hubert, self.hubert_length, hubert)
        mfcc = _evened(self.mfcc, self.mfcc_length, mfcc)
        lengths = self.hubert_length, self.mfcc_length
        return Batch(hubert, lengths[0], mfcc, lengths[1], self.prosody, even=True)


def _evened(values, length, rows):
    row = torch.arange(rows, device=length.device)
    place = (length.cumsum(0) - length)[:, None] + torch.minimum(row, length[:, None] - 1)
    return values.index_select(0, place.flatten()).float()


def steps(frames):
    """Number of steps T' that the strided convolution makes of T frames; at least 1.

    Parameters
    ----------
    frames : int or Tensor

    Returns
    -------
    int or Tensor
    """
    count = (frames - KERNEL) // STRIDE + 1
    return count.clamp(min=1) if isinstance(count, torch.Tensor) else max(count, 1)


class Standardise(nn.Module):
    """Subtract a mean and divide by a standard deviation, both measured on training rows.

    NaN, a value that is undefined for an utterance, becomes the training mean, which is 0 here.
    Values beyond `limit` standard deviations are clipped: kurtoses of near-constant contours reach
    the thousands and would dominate everything else.

    Parameters
    ----------
    size : int
        Number of features.
    limit : float
        In standard deviations.
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
    """Weighted sum of layers; the weights are a softmax of trained scores and start equal.

    Parameters
    ----------
    layers : int
    """

    def __init__(self, layers: int):
        super().__init__()
        self.score = nn.Parameter(torch.zeros(layers))

    @property
    def weight(self) -> torch.Tensor:
        """Weights of the layers, shape (L,), which add up to 1."""
        return self.score.softmax(dim=0)

    def forward(self, hubert: torch.Tensor, scale: Standardise) -> torch.Tensor:
        """Scale each layer and add them up: (N, L, W) to (N, W)."""
        shape = hubert.shape[1:]
        factor = self.weight[:, None] / scale.deviation.view(shape)
        offset = (factor * scale.mean.view(shape)).sum(dim=0)
        # Layer by layer: a product of all of them would be as large as the input.
        return sum(hubert[:, layer] * factor[layer] for layer in range(shape[0])) - offset


class BiLSTM(nn.Module):
    """Two-layer bidirectional LSTM over padded sequences, equal to one over packed sequences.

    The backward direction reads each sequence reversed within its own length, so that it never
    starts in the padding. Packed sequences do the same, but without the fused kernel of CPUs.

    Parameters
    ----------
    features : int
    width : int
        Width of the result; each direction has half of it.
    """

    def __init__(self, features: int, width: int):
        super().__init__()
        sizes = (features, width)
        self.forwards = nn.ModuleList(nn.LSTM(n, width // 2, batch_first=True) for n in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(n, width // 2, batch_first=True) for n in sizes)

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Map (B, steps, features) to (B, steps, width); steps after `length` are meaningless."""
        step = torch.arange(values.shape[1], device=values.device)
        mirror = torch.where(step < length[:, None], length[:, None] - 1 - step, step)
        mirror = (
            mirror + len(step) * torch.arange(len(length), device=step.device)[:, None]
        ).flatten()
        for forwards, backwards in zip(self.forwards, self.backwards):
            ahead, behind = forwards(values)[0], backwards(_Mirrored.apply(values, mirror))[0]
            values = torch.cat([ahead, _Mirrored.apply(behind, mirror)], dim=2)
        return values


class _Mirrored(torch.autograd.Function):
    """Steps in another order. A mirror's gradient is mirrored: nothing has to be added up."""

    @staticmethod
    def forward(ctx, values, mirror):
        ctx.save_for_backward(mirror)
        return values.flatten(0, 1).index_select(0, mirror).view(values.shape)

    @staticmethod
    def backward(ctx, gradient):
        return _Mirrored.forward(ctx, gradient, *ctx.saved_tensors), None


def convolve(values, length, layer: nn.Conv1d, *, even: bool = False):
    """The strided convolution of each utterance; one shorter than the kernel gets zeros after it.

    As one product: blocks of as many frames as a stride, times all blocks of the kernel.

    Parameters
    ----------
    values : torch.Tensor, shape (N, d), float32
        The frames of all utterances one after the other.
    length : torch.Tensor, shape (B,), int64
        Frames of each.
    layer : torch.nn.Conv1d
        Its weights, shape (d, d, KERNEL).
    even : bool
        As of `Batch`.

    Returns
    -------
    torch.Tensor, shape (B, steps of the longest, d), float32
        Meaningless after an utterance's own steps.
    """
    count, d = len(length), values.shape[1]
    longest = len(values) // count if even else int(length.max())
    width, parts = steps(longest), -(-KERNEL // STRIDE)
    blocks = max(-(-longest // STRIDE), width + parts - 1)
    frame = torch.arange(blocks * STRIDE, device=length.device)
    own = frame < length[:, None]
    if even:
        padded = F.pad(values.view(count, longest, d), (0, 0, 0, len(frame) - longest))
        padded = padded.where(own[..., None], 0.0)
    else:
        place = own.flatten().nonzero().squeeze(1)
        padded = values.new_zeros(count * len(frame), d).index_copy(0, place, values)
    kernel = F.pad(layer.weight, (0, parts * STRIDE - KERNEL)).view(d, d, parts, STRIDE)
    kernel = kernel.permute(3, 1, 2, 0).reshape(STRIDE * d, parts * d)
    product = (padded.view(-1, STRIDE * d) @ kernel).view(count, blocks, parts, d)
    return sum(product[:, k : k + width, k] for k in range(parts)) + layer.bias


def pool_to_steps(values, length, count, width, *, even: bool = False):
    """Average a sequence onto a smaller number of steps, each utterance by its own length.

    Step i of n averages frames floor(i F / n) up to ceil((i + 1) F / n), as adaptive average
    pooling does for a single sequence.

    Parameters
    ----------
    values : torch.Tensor, shape (frames, features), float32
        The frames of all utterances one after the other.
    length : torch.Tensor, shape (B,), int64
        Frames F of each.
    count : torch.Tensor, shape (B,), int64
        Steps n of each.
    width : int
        Steps of the result, at least the largest count.
    even : bool
        As of `Batch`.

    Returns
    -------
    torch.Tensor, shape (B, width, features), float32
        Zero after an utterance's own steps.
    """
    index, length, count = (
        torch.arange(width, device=length.device),
        length[:, None],
        count[:, None],
    )
    begin, end = (index * length) // count, -((-(index + 1) * length) // count)
    if even:
        values = values.view(len(length), -1, values.shape[1])
        frame = torch.arange(values.shape[1], device=length.device)
        begin, end = begin[..., None], end[..., None]  # (B, width, 1)
        share = ((begin <= frame) & (frame < end)) / (end - begin)
        return torch.bmm(share * (index < count)[..., None], values)
    size = ((end - begin) * (index < count)).flatten()
    bag = size.cumsum(0) - size
    # Frames of each step, one step after the other; a frame may belong to two.
    first = (begin + length.cumsum(0) - length).flatten() - bag
    frame = torch.repeat_interleave(first, size)
    frame = frame + torch.arange(len(frame), device=frame.device)
    return F.embedding_bag(frame, values, bag, mode="mean").view(len(length), width, -1)


def mean_and_variance(values, valid):
    """Mean and (biased) variance over the valid steps.

    Parameters
    ----------
    values : torch.Tensor, shape (B, steps, d), float32
    valid : torch.Tensor, shape (B, steps), bool

    Returns
    -------
    torch.Tensor, shape (B, 2 d), float32
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


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` with cheaper random numbers: 16 bits decide about a value, not 53.

    The share of values that is kept is the nearest multiple of 2**-16, and they are divided by it.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Set values to 0 at random, in training."""
        if not self.training or not self.p:
            return values
        kept, count = min(round((1 - self.p) * 2**16), 2**16 - 1), values.numel()
        words = torch.empty(-(-count // 4), dtype=torch.int64, device=values.device)
        bits = words.random_(-(2**63), None).view(torch.int16)[:count].view(values.shape)
        return values * ((bits < kept - 2**15) * (2**16 / kept))


class Attention(nn.MultiheadAttention):
    """`torch.nn.MultiheadAttention`, with few operations: sequences are short here."""

    def forward(self, query, key, key_valid):
        """Attend from one sequence to another.

        Parameters
        ----------
        query : torch.Tensor, shape (B, queries, d), float32
        key : torch.Tensor, shape (B, keys, d), float32
            Values, too.
        key_valid : torch.Tensor, shape (B, keys), bool

        Returns
        -------
        seen : torch.Tensor, shape (B, queries, d), float32
        weight : torch.Tensor, shape (B, heads, queries, keys), float32
        """
        (b, queries, d), keys, heads = query.shape, key.shape[1], self.num_heads
        weight, bias = self.in_proj_weight, self.in_proj_bias
        # (B, steps, d) -> (B heads, steps, d / heads); keys and values by one product
        asks = F.linear(query, weight[:d], bias[:d]).view(b, queries, heads, -1)
        asks = asks.transpose(1, 2).flatten(0, 1)
        both = F.linear(key, weight[d:], bias[d:]).view(b, keys, 2, heads, -1)
        key, value = both.permute(2, 0, 3, 1, 4).flatten(1, 2)
        closed = torch.zeros_like(key_valid, dtype=query.dtype).masked_fill(~key_valid, -torch.inf)
        closed = closed.repeat_interleave(heads, 0)[:, None]
        score = torch.baddbmm(closed, asks, key.transpose(1, 2), alpha=self.head_dim**-0.5)
        weight = score.softmax(dim=-1)
        seen = torch.bmm(weight, value).view(b, heads, queries, -1).transpose(1, 2).flatten(2)
        return self.out_proj(seen), weight.view(b, heads, queries, keys)


def _feed_forward(width, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width), Dropout(dropout)
    )


class _Block(nn.Module):
    """a queries b: attention, residual, feed-forward, residual (Vaswani et al. 2017)."""

    def __init__(self, config):
        super().__init__()
        d = config.width
        self.pre = config.norm == "pre"
        self.attend = Attention(d, config.heads)
        self.norm_query, self.norm_key = nn.LayerNorm(d), nn.LayerNorm(d)
        self.norm_out = nn.LayerNorm(d)
        self.feed = _feed_forward(d, config.feed_forward, config.dropout)

    def forward(self, a, b, b_valid):
        query, key = (self.norm_query(a), self.norm_key(b)) if self.pre else (a, b)
        seen, weight = self.attend(query, key, b_valid)
        if self.pre:
            a = a + seen
            return a + self.feed(self.norm_out(a)), weight
        a = self.norm_query(a + seen)
        return self.norm_out(a + self.feed(a)), weight


class _Apart(nn.Module):
    """The block of ``concat``: a sequence by itself, step by step; feed-forward, residual."""

    def __init__(self, config):
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.feed = _feed_forward(config.width, config.concat_feed_forward, config.dropout)

    def forward(self, a, b, b_valid):
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

    def forward(self, a, a_valid, b, b_valid):
        """Fuse two sequences.

        Parameters
        ----------
        a, b : torch.Tensor, shape (B, steps, d), float32
        a_valid, b_valid : torch.Tensor, shape (B, steps), bool

        Returns
        -------
        a, b : Tensor
            As given, each having attended to the other.
        seen : list of pairs of Tensor
            Attention weights of each block that has any, shape (B, heads, queries, keys).
        """
        seen = []
        for forwards, backwards in zip(self.forwards, self.backwards):
            new_a, weight_a = forwards(a, b, b_valid)
            new_b, weight_b = backwards(b, a, a_valid)
            a, b = new_a, new_b
            if isinstance(forwards, _Block):
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


class LinearSoftmax(nn.Linear):
    """Plain softmax over a linear layer, with the interface of `AMSoftmax`."""

    def loss(self, embedding: torch.Tensor, target: torch.Tensor, weight=None) -> torch.Tensor:
        """Mean cross-entropy over the batch, weighted by class if weights are given."""
        return F.cross_entropy(self(embedding), target, weight)


def make_head(config) -> nn.Module:
    """The classifier that a configuration asks for.

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


class HumpCat(nn.Module):
    """HuMP-CAT.

    ::

        HuBERT layers [T, L, W] -> projection to d, convolution (kernel 10, stride 4) -> [T', d]
        MFCC [F, 39] -> averaged onto the T' steps -> 2-layer Bi-LSTM                 -> [T', d]
        prosody [103] -> FC ReLU -> FC sigmoid                                        -> [K, d]
        R = CAT1(prosody, MFCC): [K + T', d];  Z = CAT2(HuBERT, R)
        [mean; variance] of either part of Z over its valid steps -> embedding -> AM-Softmax

    Each stream is scaled by means and standard deviations of training rows, kept in the model
    (`hump.training.fit_scaling`), so that a saved model takes raw features. A model of fewer
    streams has only their parts (scaling is kept for all: it has no weights); a stage with one
    input passes it on. Without HuBERT the steps T' are the same: they are points in time.

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
        self.dropout = Dropout(config.dropout)
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
        torch.Tensor, shape (B, d), float32
        """
        streams, seen = self.config.streams, {"stage1": [], "stage2": []}
        count, valid = self._steps(batch)  # (B,), (B, T')
        # Pairs of a sequence, (B, steps, d), and which of its steps are valid, (B, steps).
        parts = [(self._hubert(batch), valid)] if "hubert" in streams else []
        fused = [(self._prosody(batch), None)] if "prosody" in streams else []
        fused += [(self._mfcc(batch, count, valid.shape[1]), valid)] if "mfcc" in streams else []
        fused = [(x, valid.new_ones(x.shape[:2]) if ok is None else ok) for x, ok in fused]
        if len(fused) == 2:
            (a, a_valid), (b, b_valid) = fused  # (B, K, d), (B, T', d)
            a, b, seen["stage1"] = self.stage1(a, a_valid, b, b_valid)
            # (B, K + T', d)
            fused = [(torch.cat([a, b], dim=1), torch.cat([a_valid, b_valid], dim=1))]
        parts += fused
        if len(parts) == 2:
            (a, a_valid), (b, b_valid) = parts  # (B, T', d), (B, K + T', d)
            a, b, seen["stage2"] = self.stage2(a, a_valid, b, b_valid)
            parts = [(a, a_valid), (b, b_valid)]
        if attention is not None:
            attention.update(seen)
        pooled = torch.cat([mean_and_variance(*part) for part in parts], dim=1)  # (B, 4 d)
        return self.embed(self.dropout(pooled))  # (B, d)

    def _steps(self, batch):
        """Number of steps of each utterance, and which steps of the batch are its own."""
        count = steps(batch.hubert_length)
        width = steps(len(batch.hubert) // len(count)) if batch.even else int(count.max())
        return count, torch.arange(width, device=count.device) < count[:, None]

    def _hubert(self, batch):
        if self.sum_layers is None:
            # (N, L, W) -> (N, L W) -> (N, d)
            hubert = self.scale_hubert.project(batch.hubert.flatten(1), self.project)
        else:
            hubert = self.project(self.sum_layers(batch.hubert, self.scale_hubert))
        hubert = convolve(hubert, batch.hubert_length, self.convolve, even=batch.even)
        return self.dropout(hubert)  # (B, T', d)

    def _mfcc(self, batch, count, width):
        frames, length = batch.mfcc, batch.mfcc_length
        mfcc = pool_to_steps(frames, length, count, width, even=batch.even)  # (B, T', 39)
        return self.dropout(self.recur(self.scale_mfcc(mfcc), count))

    def _prosody(self, batch):
        return self.prosody(self.scale_prosody(batch.prosody))

    def loss(self, batch: Batch, target: torch.Tensor, weight=None) -> torch.Tensor:
        """Loss of a batch.

        Parameters
        ----------
        batch : Batch
        target : torch.Tensor, shape (B,), int64
        weight : torch.Tensor, shape (classes,), float32, optional
            Weight of each class.

        Returns
        -------
        torch.Tensor, scalar
        """
        return self.head.loss(self(batch), target, weight)

    def probabilities(self, batch: Batch) -> torch.Tensor:
        """Class probabilities, without the margin.

        Parameters
        ----------
        batch : Batch

        Returns
        -------
        torch.Tensor, shape (B, classes), float32
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
