"""A small untrained HuBERT: what `hump.minihubert` starts from, and its control.

HuBERT-base's architecture at a sixth of its width, with fixed random weights of the distributions
that HuBERT's own training starts from. Nothing in it was chosen by looking at labels. Random
convolutions are a strong control: whatever a trained encoder is credited with must exceed them.
"""

import math

__all__ = ["CONFIG", "SEED", "build"]

SEED = 1
CONFIG = {
    "model_type": "hubert",
    "hidden_size": 128,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "conv_dim": [64, 64, 64, 64, 64, 96, 128],
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": False,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "do_stable_layer_norm": False,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
}


def build(config):
    """Build the network with its fixed weights.

    Parameters
    ----------
    config : transformers.HubertConfig
        Of `CONFIG`, with as many layers as are needed.

    Returns
    -------
    transformers.HubertModel
        The same weights on every machine and for every number of layers: normal numbers from
        NumPy's PCG64, one generator a part. The caller's random state is left alone.
    """
    import torch
    from transformers import HubertModel

    with torch.random.fork_rng(devices=[]):
        model = HubertModel(config)
    with torch.no_grad():
        for part, (deviation, module) in enumerate(_parts(model)):
            _fill(module, [SEED, part], deviation)
        _position_scale(model.encoder.pos_conv_embed.conv)
        model.masked_spec_embed.zero_()  # used in training alone
    return model


def _parts(model):
    """What has weights, with the deviation of them by the number of inputs to one output.

    Transformer layers come last: leaving some out changes none of the others.
    """
    yield (lambda inputs: math.sqrt(1 / (3 * inputs))), model.feature_projection.projection
    yield (lambda inputs: 2 / math.sqrt(inputs)), model.encoder.pos_conv_embed
    for layer in model.feature_extractor.conv_layers:
        yield (lambda inputs: math.sqrt(2 / inputs)), layer.conv
    for layer in model.encoder.layers:
        yield (lambda inputs: model.config.initializer_range), layer


def _fill(module, seed, deviation):
    import numpy as np
    import torch

    generator = np.random.default_rng(seed)
    for _, weight in module.named_parameters():
        if weight.ndim > 1:  # biases are zero, and norms neutral, from the start
            values = generator.normal(0, deviation(math.prod(weight.shape[1:])), weight.shape)
            weight.copy_(torch.from_numpy(values.astype(np.float32)))


def _position_scale(convolution):
    """Set the norms of the position embedding's weight normalisation to those of its weights.

    NumPy's root is the nearest number; the last digit of torch's depends on the processor's maker.
    """
    import numpy as np
    import torch

    norms, weight = (convolution.parametrizations.weight.original0,
                     convolution.parametrizations.weight.original1)
    squares = np.square(weight.numpy(), dtype=np.float64).sum(axis=(0, 1), keepdims=True)
    norms.copy_(torch.from_numpy(np.sqrt(squares)))
