"""A model on disk: ``config.json`` and ``model.safetensors``; nothing is pickled."""

import dataclasses
import json
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError

from hump.errors import ModelError
from hump.model.network import HumpCat, ModelConfig
from hump.util import files

_FORMAT = 2


def save(model: HumpCat, folder, *, origin: dict) -> Path:
    """Write a model.

    Parameters
    ----------
    model : HumpCat
    folder : str or Path
        Made if missing.
    origin : dict
        Where the model comes from and what its input is, as JSON: at least ``encoder`` and
        ``layers``, by which `hump.predict` computes the streams.

    Returns
    -------
    Path
        The folder.
    """
    folder = Path(folder)
    config = {"format": _FORMAT, "model": dataclasses.asdict(model.config), "origin": origin}
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with files.atomic(folder / "model.safetensors") as file:
        file.write(safetensors.torch.save(weights, metadata={"format": "pt"}))
    # Last, so that a folder with a configuration is complete.
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    files.write_text(folder / "config.json", text)
    return folder


def load(folder, *, device="cpu") -> HumpCat:
    """Read a model that `save` wrote.

    Parameters
    ----------
    folder : str or Path
    device : str
        Where its weights go.

    Returns
    -------
    HumpCat
        In evaluation mode; its attribute ``origin`` is what `save` was given.

    Raises
    ------
    ModelError
        A file is missing or damaged, is of another format, does not fit the configuration, or
        holds weights that are not finite.
    """
    folder = Path(folder)
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise ModelError(
                f"{folder / name}: no such file; expected the folder of a trained model, "
                "for example results/demo/models/source; run the study first"
            )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = config["format"]
        if found != _FORMAT:
            raise ModelError(
                f"{folder / 'config.json'}: format={found!r}, expected {_FORMAT}; train it again"
            )
        settings = config["model"]
        settings |= {name: tuple(settings[name]) for name in ("labels", "families", "streams")}
        model = HumpCat(ModelConfig(**settings))
        weights = safetensors.torch.load_file(folder / "model.safetensors", device=device)
        model.to(device).load_state_dict(weights)
        if broken := [name for name, value in weights.items() if not value.isfinite().all()]:
            raise ModelError(
                f"{folder / 'model.safetensors'}: {broken[0]} holds values that are not finite, "
                "as after a training that diverged; train it again"
            )
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"{folder}: is not a model that hump saved ({error}); train it again"
        ) from error
    model.origin = config["origin"]
    return model.eval()
