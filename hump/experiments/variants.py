"""What a variant of the study's model is, and what identifies its training."""

import json
from dataclasses import dataclass

from hump import records
from hump.data import Data
from hump.schema import ModelParams

__all__ = ["Variant", "changed", "identity", "key", "reference", "settings"]


@dataclass(frozen=True)
class Variant:
    """A model to train.

    Attributes
    ----------
    system : str
        Its name in tables.
    model : ModelParams
    layers : tuple of int
        Of the encoder.
    data : str
        Which features: a key of what `train` is given.
    """

    system: str
    model: ModelParams
    layers: tuple[int, ...]
    data: str = "study"


def changed(params, **changes) -> ModelParams:
    """The study's model with some settings changed.

    Parameters
    ----------
    params : Params
    **changes
        Keys of ``model`` or of ``model.fusion``.

    Returns
    -------
    ModelParams
    """
    known = type(params.model.fusion).model_fields
    stages = {name: value for name, value in changes.items() if name in known}
    others = {name: value for name, value in changes.items() if name not in known}
    fusion = params.model.fusion.model_copy(update=stages)
    return params.model.model_copy(update={"fusion": fusion, **others})


def reference(params) -> ModelParams:
    """The study's model with all streams and both stages by cross-attention."""
    return changed(
        params,
        streams=("hubert", "mfcc", "prosody"),
        stage1="cross_attention",
        stage2="cross_attention",
    )


def identity(variant: Variant, data: dict[str, Data], params) -> dict:
    """What identifies the training of a variant, as JSON; its name does not.

    ``ablate`` says whether it is the reference, which is also tested without some streams.
    """
    own = data[variant.data]
    whole = variant.data == "study" and variant.layers == tuple(params.features.layers)
    return {
        "data": variant.data,
        "features": own.features.fingerprint,
        "layers": list(variant.layers),
        "model": variant.model.model_dump(mode="json"),
        "ablate": whole and variant.model == reference(params),
    }


def settings(task: dict, params):
    """The study's parameters, for training the variant that `identity` told of."""
    chosen = ModelParams.model_validate_json(json.dumps(task["model"]))
    short = params.pretrain.model_copy(update={"epochs": params.experiments.epochs})
    return params.model_copy(update={"model": chosen, "pretrain": short})


def key(params, data: Data, *sections) -> list:
    """What else the training of any variant depends on."""
    values = params.model_dump(mode="json")
    needed = {k: values[k] for k in ("seed", "source", "labels", "device", "folds", *sections)}
    size = {k: values["experiments"][k] for k in ("folds", "epochs")}
    return [needed, size, records.identity(data)]
