"""Entropy of attention: values that are known, whatever the padding; measuring changes nothing."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from hump.experiments import attention
from hump.training import fit


def everyone(*size):
    return torch.ones(size, dtype=torch.bool)


def test_uniform_attention_has_entropy_one_and_one_hot_zero():
    uniform, one_hot = torch.full((2, 3, 5, 4), 0.25), torch.zeros(2, 3, 5, 4)
    one_hot[..., 2] = 1
    for weights, expected in ((uniform, 1.0), (one_hot, 0.0)):
        measured = attention.entropy(weights, everyone(2, 5), everyone(2, 4))
        assert measured.shape == (2, 3) and measured.tolist() == [[expected] * 3] * 2


def test_entropy_of_two_keys_of_four_is_a_half():
    weights = torch.tensor([0.5, 0.5, 0.0, 0.0]).expand(1, 1, 3, 4)
    measured = attention.entropy(weights, everyone(1, 3), everyone(1, 4))
    assert measured.item() == pytest.approx(math.log(2) / math.log(4))


def test_padding_plays_no_part_in_entropy():
    weights = torch.rand(1, 2, 3, 4).softmax(-1)
    padded = torch.full((1, 2, 6, 9), 0.7)
    padded[:, :, :3, :4] = weights
    queries, keys = torch.arange(6)[None] < 3, torch.arange(9)[None] < 4
    alone = attention.entropy(weights, everyone(1, 3), everyone(1, 4))
    torch.testing.assert_close(attention.entropy(padded, queries, keys), alone)


def test_one_key_leaves_entropy_undefined():
    measured = attention.entropy(torch.ones(1, 2, 3, 1), everyone(1, 3), everyone(1, 1))
    assert measured.isnan().all()


@pytest.mark.parametrize(
    ("value", "said"),
    [(1.0, "uniform"), (0.991, "uniform"), (0.99, "no"), (0.05, "no"), (0.049, "one key"),
     (math.nan, "no choice")],
)  # fmt: skip
def test_collapse(value, said):
    assert attention.collapse(value) == said


def test_measured_alike_alone_and_in_a_padded_batch(make_data, params):
    data = make_data()
    net = fit.build(data, params, seed=1)
    together = attention.measure(net, data, range(6))
    alone = pd.concat([attention.measure(net, data, [k]) for k in range(6)])
    order = ["stage", "direction", "block", "head", "position"]
    together, alone = (table.sort_values(order).reset_index(drop=True)
                       for table in (together, alone))  # fmt: skip
    pd.testing.assert_frame_equal(together, alone, check_dtype=False, atol=1e-5)
    assert together["entropy"].dropna().between(0, 1 + 1e-6).all()
    steps = together.query("direction == 'prosody to MFCC' and head == 1").set_index("position")
    frames = [len(data.features.hubert[k]) for k in range(6)]
    assert steps["keys"].tolist() == [max(1, (n - 10) // 4 + 1) for n in frames]
    fused = together.query("direction == 'encoder to fused' and head == 1").set_index("position")
    assert (fused["keys"] == steps["keys"] + 4).all(), "four prosody tokens before the MFCC steps"


def test_heads_without_weights_attend_uniformly(make_data, params):
    data = make_data()
    net = fit.build(data, params, seed=1)
    for name, weights in net.named_parameters():
        if "in_proj" in name:
            weights.data.zero_()
    measured = attention.measure(net, data, range(20))
    assert measured["entropy"].isna().eq(measured["keys"] == 1).all()
    assert measured["entropy"].dropna().to_numpy() == pytest.approx(1.0)


def test_one_prosody_token_is_no_choice_and_concatenation_has_no_heads(make_data, params):
    data = make_data()
    one = params.model.model_copy(update={"prosody_tokens": 1})
    net = fit.build(data, params.model_copy(update={"model": one}), seed=1)
    measured = attention.measure(net, data, range(4))
    assert measured.loc[measured["direction"] == "MFCC to prosody", "entropy"].isna().all()
    concat = params.model.fusion.model_copy(update={"stage1": "concat", "stage2": "concat"})
    plain = params.model.model_copy(update={"fusion": concat})
    net = fit.build(data, params.model_copy(update={"model": plain}), seed=1)
    measured = attention.measure(net, data, range(4)).assign(corpus="x", fraction=0, update=0)
    assert attention.summarise(
        measured.assign(speaker="s"), ["corpus", "fraction", "update"], params.evaluation, seed=1
    ).empty


def test_watching_changes_nothing(make_data, params):
    data = make_data()
    net = fit.build(data, params, seed=1)
    seen = []

    def watch(one, update):
        seen.append(update)
        attention.measure(one, data, range(4))

    settings = {"start": "pretrained", "rng_key": ("test",)}
    plain = fit.finetune(net, data, np.arange(40), params, **settings)
    watched = fit.finetune(net, data, np.arange(40), params, watch=watch, **settings)
    assert seen == list(range(params.finetune.updates + 1))
    for one, other in zip(plain.state_dict().values(), watched.state_dict().values()):
        assert torch.equal(one, other)
