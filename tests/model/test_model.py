"""The fusion model: padding, attention, the loss, and its files."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hump import model
from hump.errors import ModelError
from hump.model import network
from hump.model.network import KERNEL, BiLSTM, Standardise, mean_and_variance, pool_to_steps, steps

BASE = model.ModelConfig(
    labels=("angry", "happy", "neutral", "sad"), layers=2, layer_fusion="concat", hubert_width=6,
    families=(30, 24, 24, 25), width=8, heads=2, depth=1, feed_forward=16, norm="pre",
    dropout=0.5, streams=("hubert", "mfcc", "prosody"), prosody_tokens="groups",
    stage1="cross_attention", stage2="cross_attention", concat_feed_forward=0,
    head="am_softmax", scale=15.0, margin=0.2,
)  # fmt: skip

VARIANTS = [
    {"prosody_tokens": tokens, "stage1": one, "stage2": two, "norm": norm, "depth": depth}
    for tokens, one, two, norm, depth in itertools.product(
        (1, "groups"), ("cross_attention", "concat"), ("cross_attention", "concat"),
        ("pre", "post"), (1, 2),
    )
]  # fmt: skip

STREAMS = [
    streams
    for size in (1, 2)
    for streams in itertools.combinations(("hubert", "mfcc", "prosody"), size)
]
VARIANTS += [{"streams": streams} for streams in STREAMS]
VARIANTS += [
    {"layer_fusion": "weighted_sum"}, {"head": "softmax"},
    {"stage1": "concat", "stage2": "concat", "concat_feed_forward": 12, "depth": 2},
]  # fmt: skip


def build(**changes):
    torch.manual_seed(0)
    return model.HumpCat(dataclasses.replace(BASE, **changes)).eval()


def utterances(lengths, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(n, 2, 6, generator=rng), torch.randn(2 * n + 1, 39, generator=rng),
         torch.randn(103, generator=rng))
        for n in lengths
    ]  # fmt: skip


def batch_of(items):
    hubert, mfcc, prosody = zip(*items)
    lengths = [torch.tensor([len(one) for one in arrays]) for arrays in (hubert, mfcc)]
    return model.Batch(
        torch.cat(hubert), lengths[0], torch.cat(mfcc), lengths[1], torch.stack(prosody)
    )


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(map(str, v.values())))
def test_the_batch_never_changes_a_result(variant):
    net = build(**variant)
    items = utterances([3, 9, 10, 11, 14, 37, 60])
    together = net(batch_of(items))
    for item, row in zip(items, together):
        alone = net(batch_of([item]))[0]
        torch.testing.assert_close(row, alone, rtol=1e-5, atol=1e-6)


def test_the_batch_never_changes_a_gradient():
    items, target, gradients = utterances([5, 12, 40]), torch.tensor([0, 3, 1]), []
    for batches in ([[0, 1, 2]], [[0], [1], [2]]):
        net = build()
        for rows in batches:
            loss = net.loss(batch_of([items[row] for row in rows]), target[rows])
            (loss * len(rows) / 3).backward()
        gradients.append([p.grad for p in net.parameters()])
    for one, other in zip(*gradients):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(map(str, v.values())))
def test_equal_rows_for_all_change_neither_results_nor_gradients(variant):
    net, batch = build(**variant), batch_of(utterances([3, 9, 10, 11, 14, 37, 60]))
    unused = [torch.cat([x, x.new_full((9, *x.shape[1:]), torch.nan)]) for x in batch.tensors[::2]]
    stale = dataclasses.replace(batch, hubert=unused[0], mfcc=unused[1])
    even = stale.evened(64, 130)
    assert len(even.hubert) == 7 * 64
    assert len(even.mfcc) == 7 * 130
    found = []
    for one in (batch, even):
        net.zero_grad()
        embedding = net(one)
        net.head.loss(embedding, torch.arange(7) % 4).backward()
        found.append((embedding.detach(), [weight.grad for weight in net.parameters()]))
    torch.testing.assert_close(*(embedding for embedding, _ in found), rtol=1e-5, atol=1e-6)
    for one, other in zip(*(gradients for _, gradients in found)):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def plain(net, item):
    """Embedding of one utterance by torch's own modules, as the docstring of `HumpCat` draws it."""
    hubert, mfcc, prosody = item
    d, n = net.config.width, steps(len(hubert))
    scale = net.scale_hubert  # without the limit
    hubert = net.project((hubert.flatten(1) - scale.mean) / scale.deviation).T
    hubert = net.convolve(F.pad(hubert, (0, max(0, KERNEL - hubert.shape[1])))[None]).mT
    lstm = nn.LSTM(39, d // 2, num_layers=2, bidirectional=True, batch_first=True)
    directions = {"": net.recur.forwards, "_reverse": net.recur.backwards}
    weights = {
        f"{name[:-1]}{layer}{end}": value
        for end, layers in directions.items()
        for layer, one in enumerate(layers)
        for name, value in one.named_parameters()
    }
    mfcc = net.scale_mfcc(F.adaptive_avg_pool1d(mfcc.T[None], n).mT)
    fused = torch.func.functional_call(lstm, weights, (mfcc,))[0]
    tokens = net.prosody(net.scale_prosody(prosody)[None])

    def attend(block, a, b):
        own = block.attend
        key = block.norm_key(b)
        seen, weight = F.multi_head_attention_forward(
            block.norm_query(a).transpose(0, 1), key.transpose(0, 1), key.transpose(0, 1), d,
            own.num_heads, own.in_proj_weight, own.in_proj_bias, None, None, False, 0.0,
            own.out_proj.weight, own.out_proj.bias, average_attn_weights=False,
        )  # fmt: skip
        a = a + seen.transpose(0, 1)
        return a + block.feed(block.norm_out(a)), weight

    def stage(cat, a, b):
        (a_new, seen), (b_new, other) = (
            attend(cat.forwards[0], a, b), attend(cat.backwards[0], b, a)
        )  # fmt: skip
        return a_new, b_new, seen, other

    tokens, fused, *first = stage(net.stage1, tokens, fused)
    *parts, asks, asked = stage(net.stage2, hubert, torch.cat([tokens, fused], 1))
    pooled = torch.cat([torch.cat([x.mean(1), x.var(1, correction=0)], 1) for x in parts], 1)
    return net.embed(pooled), (*first, asks, asked)


def test_results_gradients_and_attention_equal_those_of_plain_torch_modules():
    net, items, target = build(), utterances([4, 10, 23, 60]), torch.tensor([0, 3, 1, 2])
    net.scale_hubert.mean.normal_(), net.scale_mfcc.deviation.uniform_(0.5, 2)
    batch, seen = batch_of(items), {}
    loss, found = net.loss(batch, target), net.probabilities(batch)
    net(batch, attention=seen)
    ours = torch.autograd.grad(loss, list(net.parameters()))
    embedding, weights = zip(*(plain(net, item) for item in items))
    embedding = torch.cat(embedding)
    theirs = torch.autograd.grad(net.head.loss(embedding, target), list(net.parameters()))
    torch.testing.assert_close(found, net.head(embedding).softmax(1), rtol=0, atol=1e-6)
    for (name, _), one, other in zip(net.named_parameters(), ours, theirs):
        torch.testing.assert_close(one, other, msg=name)
    for row, own in enumerate(weights):
        for mine, one in zip([*seen["stage1"][0], *seen["stage2"][0]], own):
            queries, keys = one.shape[2:]
            torch.testing.assert_close(mine[row, :, :queries, :keys], one[0])


def test_dropout_keeps_its_share_and_the_mean():
    drop, ones = network.Dropout(0.3), torch.ones(1001, 1001)
    torch.manual_seed(3)
    dropped = drop(ones)
    kept = dropped > 0
    assert kept.float().mean() == pytest.approx(0.7, abs=2e-3)
    assert dropped[kept].unique().tolist() == pytest.approx([1 / 0.7], rel=1e-4)
    for shift in (1, 2, 3, 4):  # four values come from one random word
        both = kept[:, shift:] & kept[:, :-shift]
        assert both.float().mean() == pytest.approx(0.49, abs=3e-3)
    torch.manual_seed(3)
    assert torch.equal(drop(ones), dropped) and not torch.equal(drop(ones), dropped)
    assert drop.eval()(ones) is ones


STEPS = [(1, 1), (9, 1), (10, 1), (13, 1), (14, 2), (50, 11)]


@pytest.mark.parametrize(("frames", "expected"), STEPS)
def test_steps_equal_those_of_the_convolution(frames, expected):
    assert steps(frames) == expected == steps(torch.tensor([frames])).item()
    if frames >= KERNEL:
        assert build().convolve(torch.zeros(1, 8, frames)).shape[2] == expected


def test_pooling_equals_adaptive_average_pooling():
    length, count = torch.tensor([50, 23, 7]), torch.tensor([11, 4, 1])
    values = torch.randn(80, 39)
    pooled = pool_to_steps(values, length, count, 11)
    for row, (frames, n) in enumerate(zip(values.split(length.tolist()), count)):
        wanted = F.adaptive_avg_pool1d(frames.T[None], int(n))[0].T
        torch.testing.assert_close(pooled[row, :n], wanted)
        assert not pooled[row, n:].any()


def test_pooling_onto_more_steps_than_frames_repeats_frames():
    two = torch.arange(2.0)[:, None]
    pooled = pool_to_steps(two, torch.tensor([2]), torch.tensor([4]), 4)
    assert pooled.flatten().tolist() == [0, 0, 1, 1]


def test_recurrence_equals_a_packed_lstm():
    torch.manual_seed(0)
    ours = BiLSTM(5, 8)
    reference = nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for layer, (ahead, behind) in enumerate(zip(ours.forwards, ours.backwards)):
            for name, value in ahead.named_parameters():
                getattr(reference, name.replace("l0", f"l{layer}")).copy_(value)
            for name, value in behind.named_parameters():
                getattr(reference, name.replace("l0", f"l{layer}_reverse")).copy_(value)
    values, length = torch.randn(4, 9, 5), torch.tensor([9, 1, 4, 6])
    packed = nn.utils.rnn.pack_padded_sequence(
        values, length, batch_first=True, enforce_sorted=False
    )
    wanted, _ = nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    got = ours(values, length)
    for row, n in enumerate(length):
        torch.testing.assert_close(got[row, :n], wanted[row, :n])


def test_mean_and_variance_of_valid_steps():
    values = torch.randn(2, 6, 3)
    valid = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]], dtype=torch.bool)
    pooled = mean_and_variance(values, valid)
    part = values[1, :2]
    torch.testing.assert_close(pooled[1], torch.cat([part.mean(0), part.var(0, correction=0)]))


def test_am_softmax_loss_by_hand():
    head = model.AMSoftmax(2, 2, scale=10.0, margin=0.3)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    angle = math.radians(30)
    embedding = 4 * torch.tensor([[math.cos(angle), math.sin(angle)]])
    right, wrong = 10 * (math.cos(angle) - 0.3), 10 * math.sin(angle)
    expected = -math.log(math.exp(right) / (math.exp(right) + math.exp(wrong)))
    assert head.loss(embedding, torch.tensor([0])).item() == pytest.approx(expected, rel=1e-5)
    logits = head(embedding)[0].tolist()
    assert logits == pytest.approx([10 * math.cos(angle), 10 * math.sin(angle)], rel=1e-5)


def test_class_weights_weigh_the_loss():
    head = model.AMSoftmax(4, 2, scale=5.0, margin=0.1)
    embedding, target = torch.randn(3, 4), torch.tensor([0, 0, 1])
    each = torch.stack([head.loss(embedding[i : i + 1], target[i : i + 1]) for i in range(3)])
    weight = torch.tensor([1.0, 3.0])
    wanted = (each * weight[target]).sum() / weight[target].sum()
    torch.testing.assert_close(head.loss(embedding, target, weight), wanted)


def test_undefined_prosody_is_the_training_mean():
    scale = Standardise(3)
    scale.mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    scale.deviation.fill_(0.5)
    scaled = scale(torch.tensor([[math.nan, 2.5, 1e30]]))
    assert scaled.tolist() == [[0.0, 1.0, scale.limit]]


def test_scaling_folded_into_the_projection():
    scale, linear, values = Standardise(5), nn.Linear(5, 4), torch.randn(2, 7, 5)
    scale.mean.copy_(torch.randn(5))
    scale.deviation.copy_(torch.rand(5) + 0.5)
    torch.testing.assert_close(scale.project(values, linear), linear(scale(values)))


def test_attention_weights_are_given_and_ignore_padding():
    net, seen = build(), {}
    batch = batch_of(utterances([10, 50]))
    with torch.no_grad():
        plain = net(batch)
        shown = net(batch, attention=seen)
    torch.testing.assert_close(plain, shown)
    prosody_asks, mfcc_asks = seen["stage1"][0]
    assert prosody_asks.shape == (2, 2, 4, 11) and mfcc_asks.shape == (2, 2, 11, 4)
    torch.testing.assert_close(prosody_asks.sum(-1), torch.ones(2, 2, 4))
    assert not prosody_asks[0, :, :, 1:].any(), "the first utterance has one step"
    hubert_asks, fused_asks = seen["stage2"][0]
    assert hubert_asks.shape == (2, 2, 11, 15) and fused_asks.shape == (2, 2, 15, 11)


def test_one_prosody_token_leaves_attention_no_choice():
    net, seen = build(prosody_tokens=1), {}
    net(batch_of(utterances([30])), attention=seen)
    torch.testing.assert_close(seen["stage1"][0][1], torch.ones(1, 2, 6, 1))


@pytest.mark.parametrize(("variant", "fewer"), [
    ({"stage1": "concat"}, True), ({"stage2": "concat"}, True), ({"depth": 2}, False),
])  # fmt: skip
def test_parameter_count_follows_the_fusion(variant, fewer):
    count = sum(p.numel() for p in build(**variant).parameters())
    base = sum(p.numel() for p in build().parameters())
    assert (count < base) == fewer and count != base


def test_saved_model_gives_the_same_result(tmp_path):
    net = build()
    net.scale_mfcc.mean.normal_()
    model.save(net, tmp_path / "m", origin={"encoder": "x", "layers": [1, 9]})
    files = sorted(p.name for p in (tmp_path / "m").iterdir())
    assert files == ["config.json", "model.safetensors"]
    again = model.load(tmp_path / "m")
    batch = batch_of(utterances([20, 30]))
    torch.testing.assert_close(again.probabilities(batch), net.probabilities(batch), rtol=0, atol=0)
    assert again.origin == {"encoder": "x", "layers": [1, 9]} and again.config == net.config


@pytest.mark.parametrize("streams", STREAMS, ids="+".join)
def test_a_model_without_a_stream_has_no_weights_for_it(streams):
    net = build(streams=streams)
    owners = {"project": "hubert", "convolve": "hubert", "recur": "mfcc", "prosody": "prosody"}
    parts = {name.split(".")[0] for name, _ in net.named_parameters()}
    assert parts & set(owners) == {part for part, owner in owners.items() if owner in streams}
    assert ("stage1" in parts) == (set(streams) == {"mfcc", "prosody"})
    assert ("stage2" in parts) == ("hubert" in streams and len(streams) == 2)
    items = utterances([20, 33])
    before = net(batch_of(items))
    for name, other in (("hubert", 0), ("mfcc", 1), ("prosody", 2)):
        changed = [list(item) for item in items]
        for item in changed:
            item[other] = item[other] + 1.5
        same = torch.equal(net(batch_of(changed)), before)
        assert same == (name not in streams), name


def test_sum_of_layers_is_of_scaled_layers_by_weights_that_add_up_to_one():
    net = build(layer_fusion="weighted_sum")
    net.scale_hubert.mean.normal_()
    net.scale_hubert.deviation.uniform_(0.5, 2)
    with torch.no_grad():
        net.sum_layers.score.copy_(torch.tensor([0.3, -1.0]))
    hubert = torch.randn(5, 2, 6)
    scaled = (hubert - net.scale_hubert.mean.view(2, 6)) / net.scale_hubert.deviation.view(2, 6)
    weight = torch.tensor([0.3, -1.0]).softmax(0)
    wanted = weight[0] * scaled[:, 0] + weight[1] * scaled[:, 1]
    torch.testing.assert_close(net.sum_layers(hubert, net.scale_hubert), wanted)
    assert build(layer_fusion="weighted_sum").sum_layers.weight.tolist() == [0.5, 0.5]
    assert net.project.in_features == 6


def test_concatenation_with_feed_forward_blocks_attends_to_nothing():
    net = build(stage1="concat", stage2="concat", concat_feed_forward=12, depth=2)
    seen = {}
    net(batch_of(utterances([20])), attention=seen)
    assert seen == {"stage1": [], "stage2": []}
    assert len(net.stage1.forwards) == len(net.stage2.backwards) == 2


def test_plain_softmax_is_cross_entropy_of_a_linear_layer():
    net = build(head="softmax")
    batch, target = batch_of(utterances([20, 30])), torch.tensor([1, 3])
    logits = F.linear(net(batch), net.head.weight, net.head.bias)
    torch.testing.assert_close(net.loss(batch, target), F.cross_entropy(logits, target))
    torch.testing.assert_close(net.probabilities(batch), logits.softmax(1))
    net.new_head(["joy", "boredom"])
    assert net.probabilities(batch).shape == (2, 2)


def test_new_head_keeps_the_rest():
    net = build()
    before = net(batch_of(utterances([20])))
    net.new_head(["joy", "boredom"])
    torch.testing.assert_close(net(batch_of(utterances([20]))), before)
    assert net.probabilities(batch_of(utterances([20]))).shape == (1, 2)
    assert net.config.labels == ("joy", "boredom")


def test_files_that_are_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json: no such file; expected the folder of a"):
        model.load(tmp_path)
    model.save(build(), tmp_path, origin={})
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(ModelError, match="format=99, expected 2; train it again"):
        model.load(tmp_path)
    config["model"]["width"] = 16
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="is not a model that hump saved"):
        model.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="is not a model that hump saved"):
        model.load(tmp_path)


def test_a_model_with_weights_that_are_not_finite_is_refused(tmp_path):
    net = build()
    net.embed.bias.data[0] = float("nan")
    model.save(net, tmp_path, origin={})
    with pytest.raises(ModelError, match=r"embed\.bias holds values that are not finite.*again"):
        model.load(tmp_path)


def test_probabilities_sum_to_one():
    probabilities = build().probabilities(batch_of(utterances([5, 80])))
    np.testing.assert_allclose(probabilities.detach().sum(1), 1, rtol=1e-6)
