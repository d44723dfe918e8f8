"""Trained weights of a HuBERT, as transformers reads them, quietly and without pickle."""

import contextlib

from hump.errors import EncoderError

__all__ = ["load"]


def load(found, config):
    """Load a HuBERT's weights from its safetensors file.

    Parameters
    ----------
    found : hump.features.encoders.Found
    config : transformers.HubertConfig
        May have fewer layers than the file.

    Returns
    -------
    transformers.HubertModel
        float32. The caller's random state is left alone.

    Raises
    ------
    EncoderError
        The file is damaged, or lacks weights that `config` asks for.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import HubertModel

    try:
        # Unread weights are drawn at random before they are replaced: not from the caller's dice.
        with _quiet(), torch.random.fork_rng(devices=[]):
            model, report = HubertModel.from_pretrained(
                found.weights.parent,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise EncoderError(
            f"{found.weights}: cannot be read as the HuBERT that its config.json describes "
            f"({error}); download both again"
        ) from error
    # Used in training alone.
    missing = sorted(set(report["missing_keys"]) - {"masked_spec_embed"})
    if missing:
        raise EncoderError(
            f"{found.weights}: lacks {len(missing)} weights of the HuBERT that its config.json "
            f"describes, {missing[0]} for one; download both again"
        )
    return model


@contextlib.contextmanager
def _quiet():
    """No progress bar for a load of seconds, no list of the layers that were left out."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
