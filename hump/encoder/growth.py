"""A network made wider that computes what it computed before.

Chen, Goodfellow, Shlens (2016): Net2Net, ICLR, arXiv 1511.05641. Each value is held by one or more
copies. What reads them shares its weight among them at random, so that the copies get different
gradients and do not stay copies.
"""

import torch
from transformers import HubertConfig, HubertModel

from hump.errors import EncoderError
from hump.util import seeds


def grown(model: HubertModel, config: HubertConfig, seed: int) -> HubertModel:
    """A network with the function of another one, and at least its widths.

    Parameters
    ----------
    model : transformers.HubertModel
        Left as it is.
    config : transformers.HubertConfig
        Of the same kind, with as many layers and heads. Fewer positions are those in the middle.
    seed : int

    Returns
    -------
    transformers.HubertModel

    Raises
    ------
    EncoderError
        The network to start from is wider.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seeds.seed_of(seed, "growth"))
        wide = HubertModel(config)
        old, new = dict(_weights(model)), dict(_weights(wide))
        for name, weight in new.items():
            if any(now < was for now, was in zip(weight.shape[:2], old[name].shape[:2])):
                raise EncoderError(
                    f"{name}: is {tuple(old[name].shape)} in the network to start from and "
                    f"{tuple(weight.shape)} in the one to train; start from one that is no wider"
                )
            weight.copy_(_copied(old[name], weight.shape))
        for layer, before in zip(wide.encoder.layers, model.encoder.layers, strict=True):
            # Scores are sums over a head's values, divided by the root of their number.
            scale = (before.attention.head_dim / layer.attention.head_dim) ** 0.5
            for weight in layer.attention.q_proj.parameters():
                weight.mul_(scale)
        wide.encoder.pos_conv_embed.conv.weight = new["positions"]
    return wide


def _weights(model):
    """Weights by name; that of the convolution over positions as one."""
    for name, weight in model.named_parameters():
        if "parametrizations" not in name:
            yield name, weight
    yield "positions", model.encoder.pos_conv_embed.conv.weight.detach().clone()


def _copied(weight, shape):
    if weight.ndim == 3 and weight.shape[2] != shape[2]:
        cut = (weight.shape[2] - shape[2]) // 2
        weight = weight[:, :, cut : cut + shape[2]]
    weight = weight[_copies(weight.shape[0], shape[0])]
    if weight.ndim == 1 or weight.shape[1] == shape[1]:
        return weight
    copies = _copies(weight.shape[1], shape[1])
    groups = torch.nn.functional.one_hot(copies).to(weight.dtype)  # (new, old)
    count = groups.sum(0)
    draws = torch.randn(weight.shape[0], shape[1]) / 2
    draws = draws - ((draws @ groups) / count) @ groups.T
    share = 1 / count[copies] + draws * (count[copies] > 1)
    return weight[:, copies] * share.view(*share.shape, *[1] * (weight.ndim - 2))


def _copies(old, new):
    """Which of the old values each new one is a copy of."""
    return torch.arange(new) * old // new
