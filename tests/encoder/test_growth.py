"""A network made wider computes what it computed before."""

import pytest
import torch
from transformers import HubertConfig, HubertModel

from hump.encoder import growth
from hump.errors import EncoderError

NARROW = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 40,
    "conv_dim": [8, 12], "conv_kernel": [10, 8], "conv_stride": [5, 4], "conv_bias": False,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
WIDE = {"hidden_size": 48, "intermediate_size": 64, "conv_dim": [8, 24]}


@pytest.fixture(scope="module")
def narrow():
    torch.manual_seed(1)
    model = HubertModel(HubertConfig(**NARROW)).eval()
    for weight in model.parameters():  # biases and norms that are neutral hide mistakes
        torch.nn.init.normal_(weight, 0.0, 0.3)
    return model


@torch.no_grad()
def states(model, signals):
    return model(signals, output_hidden_states=True).hidden_states


def test_every_state_is_the_former_one_in_copies(narrow):
    wide = growth.grown(narrow, HubertConfig(**NARROW | WIDE), 1).eval()
    signals = torch.randn(2, 1600)
    for before, after in zip(states(narrow, signals), states(wide, signals), strict=True):
        torch.testing.assert_close(after, before.repeat_interleave(2, dim=-1), rtol=1e-3, atol=1e-4)


def test_a_start_that_is_wider_is_refused(narrow):
    for name, size in (("hidden_size", 12), ("intermediate_size", 20)):
        with pytest.raises(EncoderError, match="start from one that is no wider"):
            growth.grown(narrow, HubertConfig(**NARROW | {name: size}), 1)


def test_copies_get_gradients_of_their_own(narrow):
    wide = growth.grown(narrow, HubertConfig(**NARROW | WIDE), 1)
    wide(torch.randn(2, 1600)).last_hidden_state[..., ::3].square().sum().backward()
    gradient = wide.encoder.layers[0].attention.v_proj.weight.grad
    assert (gradient[0] - gradient[1]).norm() > 0.1 * gradient[0].norm()


def test_without_growth_nothing_changes_and_of_positions_the_middle_is_kept(narrow):
    same = growth.grown(narrow, narrow.config, 1).eval()
    signals = torch.randn(1, 1600)
    torch.testing.assert_close(states(same, signals), states(narrow, signals))
    fewer = growth.grown(narrow, HubertConfig(**NARROW | {"num_conv_pos_embeddings": 8}), 1)
    weight = narrow.encoder.pos_conv_embed.conv.weight
    torch.testing.assert_close(fewer.encoder.pos_conv_embed.conv.weight, weight[..., 4:12])


def test_the_callers_random_numbers_are_left_alone(narrow):
    before = torch.get_rng_state()
    growth.grown(narrow, narrow.config, 1)
    assert torch.equal(torch.get_rng_state(), before)
