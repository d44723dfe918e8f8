"""A trained encoder on disk: stored as any HuBERT is, with its model card."""

import copy
import json
import platform
import shutil
from pathlib import Path

import jinja2
import pandas as pd
import torch
from transformers import HubertModel, Wav2Vec2FeatureExtractor

from hump.encoder import speech
from hump.encoder.data import Recipe, manifest
from hump.util import code, files, parallel


def export(model: HubertModel, folder, card: str, teacher=None) -> Path:
    """Write a network as `transformers` stores a HuBERT, in float16.

    Parameters
    ----------
    model : transformers.HubertModel
        Left as it is.
    folder : str or Path
    card : str
        Its model card, Markdown.
    teacher : str or Path, optional
        If this folder has a ``LICENSE``, it is copied as ``LICENSE.teacher``.

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
    if teacher and (Path(teacher) / "LICENSE").is_file():
        shutil.copyfile(Path(teacher) / "LICENSE", folder / "LICENSE.teacher")
    return folder


def card(recipe: Recipe, evaluations, model, *, teacher, recorded, start, seed, device) -> str:
    """The model card: who taught the encoder, what it has heard, where, and how long.

    Parameters
    ----------
    recipe : Recipe
    evaluations : pandas.DataFrame
        As `hump.encoder.train` gives them.
    model : transformers.HubertModel
    teacher : str or Path
    recorded : str or Path
        Folder of recorded speech.
    start : str or Path
        What the student started from.
    seed : int
    device : str

    Returns
    -------
    str
        Markdown.
    """
    template = Path(__file__).with_name("card.md").read_text(encoding="utf-8")
    licences = pd.read_csv(Path(__file__).with_name("licences.csv"), index_col="source")
    table = manifest(recorded).groupby(["source", "language"], as_index=False).agg(
        speakers=("speaker", "nunique"), hours=("seconds", lambda s: s.sum() / 3600)
    )  # fmt: skip
    table = table.join(licences, "source").fillna("see its source")
    settings = {"undefined": jinja2.StrictUndefined, "keep_trailing_newline": True}
    cores = f"{parallel.workers()} cores ({platform.machine()})"
    return jinja2.Template(template, **settings).render(
        recipe=recipe, model=model, speech=speech, seed=seed, start=start,
        teacher=Path(teacher).name,
        last=evaluations.groupby("stage").tail(1).to_dict("records"),
        sources=table.to_dict("records"),
        machine=torch.cuda.get_device_name() if device == "cuda" else cores,
        code_version=code.version("hump.encoder.training")[:16],
    )  # fmt: skip
