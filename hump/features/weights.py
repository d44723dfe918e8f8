"""Weights of an encoder: those of its file, or the fixed random ones of the untrained control.

Nothing in the untrained encoder was chosen by looking at labels. Random convolutions are a strong
control: whatever a trained encoder is credited with must exceed them.
"""

import contextlib
import math
import operator

import numpy as np
import torch
import transformers
from safetensors import SafetensorError
from transformers import HubertModel
from transformers.utils import logging

from hump.errors import EncoderError
from hump.features import encoders

# Of whole Whispers, of which the encoder alone is loaded.
_RENAMED = {r"^(model\.)?encoder\.": ""}


def configure(info: encoders.EncoderInfo, layers: int):
    """Configuration of an encoder that is cut after so many layers.

    Attention is this package's own, whatever kind the file asks for.

    Parameters
    ----------
    info : encoders.EncoderInfo
    layers : int

    Returns
    -------
    transformers.PreTrainedConfig
        Of the class that belongs to `info.family`.

    Raises
    ------
    EncoderError
        A value is none of that family, or the weights are quantised.
    """
    if "quantization_config" in info.config:
        raise EncoderError(
            f"encoder={info.label!r}: its config.json says that the weights are quantised "
            "(quantization_config), which are not read; choose the encoder's original weights"
        )
    kind = _class(info)
    settings = {**info.config, info.family.depth: layers}
    for name in ("_attn_implementation", "attn_implementation"):
        settings.pop(name, None)
    try:
        return kind.config_class.from_dict(settings)
    except Exception as error:  # transformers has no common one
        raise EncoderError(
            f"encoder={info.label!r}: its config.json is not that of a {kind.__name__} ({error}); "
            "download it again, or choose another encoder"
        ) from error


def _class(info):
    return operator.attrgetter(info.family.model)(transformers)


def load(info: encoders.EncoderInfo, layers: int):
    """Load an encoder, cut after so many layers.

    Parameters
    ----------
    info : encoders.EncoderInfo
    layers : int

    Returns
    -------
    transformers.PreTrainedModel
        Of the class that `encoders.FAMILIES` names, float32. The caller's random state is left
        alone.

    Raises
    ------
    EncoderError
        The files are damaged, quantised, lack weights that the configuration asks for, or hold
        some that are not finite.
    """
    kind, config = _class(info), configure(info, layers)
    if info.weights is None:
        return build(config)
    try:
        # Unread weights are drawn at random before they are replaced.
        with _quiet(), torch.random.fork_rng(devices=[]):
            model, report = kind.from_pretrained(
                info.weights.parent,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                key_mapping=_RENAMED if info.config["model_type"] == "whisper" else None,
            )
    except (SafetensorError, ImportError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise EncoderError(
            f"{info.weights}: cannot be read as the {kind.__name__} that its config.json describes "
            f"({error}); download both again"
        ) from error
    # This one is used in training alone.
    missing = sorted(set(report["missing_keys"]) - {"masked_spec_embed"})
    if missing:
        raise EncoderError(
            f"{info.weights}: lacks {len(missing)} weights of the {kind.__name__} that its "
            f"config.json describes, {missing[0]} for one; download both again"
        )
    broken = [n for n, value in model.named_parameters() if not value.isfinite().all()]
    if broken:
        raise EncoderError(
            f"{info.weights}: {broken[0]} holds values that are not finite; download it again"
        )
    return model


@contextlib.contextmanager
def _quiet():
    """No progress bar for a load of seconds, no list of the layers that were left out."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def build(config):
    """Build the untrained encoder with its fixed weights.

    The weights have the distributions that HuBERT's own training starts from.

    Parameters
    ----------
    config : transformers.HubertConfig
        Of `encoders.UNTRAINED_CONFIG`, with as many layers as are needed.

    Returns
    -------
    transformers.HubertModel
        The same weights on every machine and for every number of layers: normal random numbers
        from NumPy's PCG64, one generator for each part. The caller's random state is left alone.
    """
    with torch.random.fork_rng(devices=[]):
        model = HubertModel(config)
    with torch.no_grad():
        for part, (std, module) in enumerate(_parts(model)):
            _fill(module, [encoders.UNTRAINED_SEED, part], std)
        _set_position_norms(model.encoder.pos_conv_embed.conv)
        model.masked_spec_embed.zero_()  # used in training alone
    return model


def _parts(model):
    """Parts with weights, and their standard deviation by the number of inputs to an output.

    Transformer layers come last: leaving some out changes none of the others.
    """
    yield (lambda inputs: math.sqrt(1 / (3 * inputs))), model.feature_projection.projection
    yield (lambda inputs: 2 / math.sqrt(inputs)), model.encoder.pos_conv_embed
    for layer in model.feature_extractor.conv_layers:
        yield (lambda inputs: math.sqrt(2 / inputs)), layer.conv
    for layer in model.encoder.layers:
        yield (lambda inputs: model.config.initializer_range), layer


def _fill(module, seed, std):
    generator = np.random.default_rng(seed)
    for _, weight in module.named_parameters():
        if weight.ndim > 1:  # biases are zero, and norms neutral, from the start
            values = generator.normal(0, std(math.prod(weight.shape[1:])), weight.shape)
            weight.copy_(torch.from_numpy(values.astype(np.float32)))


def _set_position_norms(convolution):
    """Set the norms of the position embedding's weight normalisation to those of its weights.

    NumPy's square root is the nearest number; the last digit of torch's depends on the processor.
    """
    parts = convolution.parametrizations.weight
    squares = np.square(parts.original1.numpy(), dtype=np.float64).sum((0, 1), keepdims=True)
    parts.original0.copy_(torch.from_numpy(np.sqrt(squares)))
