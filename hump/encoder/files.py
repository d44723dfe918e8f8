"""A trained encoder on disk: stored as any HuBERT is, with its model card."""

import copy
import json
import platform
from pathlib import Path

import jinja2
import torch
from transformers import HubertModel, Wav2Vec2FeatureExtractor

from hump.encoder import speech
from hump.encoder.data import Recipe
from hump.util import code, files, parallel


def export(model: HubertModel, folder, card: str) -> Path:
    """Write a network as `transformers` stores a HuBERT, in float16.

    Parameters
    ----------
    model : transformers.HubertModel
        Left as it is.
    folder : str or Path
    card : str
        Its model card, Markdown.

    Returns
    -------
    Path
        The folder: ``config.json``, ``model.safetensors``, ``preprocessor_config.json``,
        ``README.md``.
    """
    folder = Path(folder)
    copy.deepcopy(model).half().save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"  # in which `transformers` then computes, as a CPU needs it
    files.write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")
    files.write_text(folder / "README.md", card)
    return folder


def card(recipe: Recipe, evaluations, model: HubertModel, *, seed: int, device: str) -> str:
    """The model card: what the encoder was trained on, where, how long, and what it is good for.

    Parameters
    ----------
    recipe : Recipe
    evaluations : pandas.DataFrame
        As `hump.encoder.joined`.
    model : transformers.HubertModel
    seed : int
    device : str

    Returns
    -------
    str
        Markdown.
    """
    template = Path(__file__).with_name("card.md").read_text(encoding="utf-8")
    settings = {"undefined": jinja2.StrictUndefined, "keep_trailing_newline": True}
    cores = f"{parallel.workers()} cores ({platform.machine()})"
    return jinja2.Template(template, **settings).render(
        recipe=recipe,
        last=evaluations.groupby("iteration").tail(1).to_dict("records"),
        model=model,
        speech=speech,
        seed=seed,
        machine=torch.cuda.get_device_name() if device == "cuda" else cores,
        code_version=code.version("hump.encoder.training")[:16],
    )
