"""Variants of the study's model, trained on the same folds with the same random numbers.

The source's speakers are assigned to folds; in each, three further speakers choose the epoch, as in
`03_pretrain`. A job is named by what is trained, not by the experiment: a variant that two
experiments share is trained once.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hump import corpora
from hump.corpora import splits
from hump.experiments import attention, runner
from hump.params import Params
from hump.params.sections import ModelParams
from hump.training import fit
from hump.training.dataset import Data
from hump.util import seeds

# Only at test time, on the reference model, which is trained with all streams.
ABLATED = {
    ("mfcc", "shuffled"): "MFCC shuffled at test",
    ("mfcc", "zeroed"): "MFCC zeroed at test",
    ("prosody", "shuffled"): "prosody shuffled at test",
    ("prosody", "zeroed"): "prosody zeroed at test",
}


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
        Which features: a key of what `cross_validate` is given.
    """

    system: str
    model: ModelParams
    layers: tuple[int, ...]
    data: str = "study"


@dataclass(frozen=True)
class Run:
    """Cross-validation of variants on the source.

    Attributes
    ----------
    predictions, validation : pandas.DataFrame
        Of test speakers, and of the speakers that chose the epoch: columns repeat, rng_key, and
        those of `hump.experiments.runner.predictions`.
    attention : pandas.DataFrame
        Of the reference model, on its test speakers, whose labels play no part: columns corpus,
        epoch (those that every fold was trained for; 0 before training), speaker, and those of
        `hump.experiments.attention.measure`. Empty if the reference is not among the variants.
    """

    predictions: pd.DataFrame
    validation: pd.DataFrame
    attention: pd.DataFrame


def changed(params: Params, **changes) -> ModelParams:
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


def reference(params: Params) -> ModelParams:
    """The study's model with all streams and cross-attention in both stages."""
    attending = dict.fromkeys(("stage1", "stage2"), "cross_attention")
    return changed(params, streams=("hubert", "mfcc", "prosody"), **attending)


def folds(source: Data, params: Params) -> list[splits.Split]:
    """The folds of `cross_validate`.

    Parameters
    ----------
    source : Data
    params : Params

    Returns
    -------
    list of Split
    """
    own, count = corpora.frozen_folds(params.source, params), params.experiments.folds
    return splits.source_folds(source.rows, count, own if len(own) <= count else ())


def cross_validate(data: dict[str, Data], systems, params: Params, *, label: str) -> Run:
    """Cross-validate variants on the source, test speakers unseen.

    Parameters
    ----------
    data : dict of str to Data
        The source, described by one encoder or several; ``study`` is as the study has it.
    systems : sequence of Variant
    params : Params
        ``experiments.folds`` groups of speakers are left out in turn, or the corpus's own folds if
        these are not more.
    label : str
        Shown beside the progress bar.

    Returns
    -------
    Run
        With the systems `ABLATED` too, if the reference is among the variants.
    """
    cells = [
        (variant, repeat, fold)
        for variant in systems
        for repeat in range(params.experiments.repeats)
        for fold in folds(data["study"], params)
    ]
    calls = [
        _training(variant, data[variant.data], repeat, params)
        | {"fold": fold, "ablate": _is_reference(variant, params)}
        for variant, repeat, fold in cells
    ]
    done = runner.run(_source_job, calls, params, label=label)
    tested, validated = [], []
    for (variant, repeat, _), result in zip(cells, done):
        for outcome, parts in ((result["test"], tested), (result["validation"], validated)):
            parts.append(_named(data[variant.data], outcome, variant, repeat, params))
    return Run(
        pd.concat(tested, ignore_index=True),
        pd.concat(validated, ignore_index=True),
        _attention([pd.DataFrame(result["attention"]) for result in done], data["study"]),
    )


def _named(data, outcome, variant, repeat, params):
    """The outcome as a table, the variant called by its name, which its job does not know."""
    predicted = {name or variant.system: rows for name, rows in outcome["predicted"].items()}
    facts = {"repeat": repeat, "rng_key": f"{params.seed} experiments"}
    return runner.predictions(data, outcome | {"predicted": predicted}, **facts)


def _is_reference(variant, params):
    whole = variant.data == "study" and variant.layers == tuple(params.features.layers)
    return whole and variant.model == reference(params)


def _training(variant, data, repeat, params):
    """Arguments of a job that trains a variant."""
    short = params.pretrain.model_copy(update={"epochs": params.experiments.epochs})
    chosen = params.model_copy(update={"model": variant.model, "pretrain": short})
    settings = chosen.only("seed", "source", "model", "device", "pretrain")
    return {"source": data, "layers": variant.layers, "repeat": repeat, "params": settings}


def _attention(parts, data):
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=["corpus", "epoch", "speaker", "position"])
    together = min(part["epoch"].max() for part in parts)
    measured = pd.concat(parts, ignore_index=True)
    measured = measured[measured["epoch"] <= together]
    speakers = np.asarray(data.rows["speaker"])[measured["position"]]
    return measured.assign(corpus=data.corpus, speaker=speakers)


def _source_job(source, layers, repeat, fold, ablate, params):
    own, fold, measured = source.of_layers(layers), fold.checked(source.rows), []
    key = (params.seed, "experiments", params.source, fold.name, repeat)

    def watch(model, epoch):
        measured.append(attention.measure(model, own, fold.test).assign(epoch=epoch))

    net, history = fit.pretrain(own, fold, params, rng_key=key, watch=watch if ablate else None)
    inputs = {"": own} | (_ablated(own, fold.test, net, key) if ablate else {})
    tested = {name: fit.classify(net, data, fold.test) for name, data in inputs.items()}
    validated = fit.outcome(own, fold, {"": fit.classify(net, own, fold.validation)})
    return {
        "test": fit.outcome(own, fold, tested),
        "validation": validated | {"rows": fold.validation.tolist()},
        "epoch": history.best_epoch,
        "attention": pd.concat(measured).to_dict("list") if measured else {},
    }


def _ablated(data, test, net, rng_key):
    """The same utterances with a stream of another test utterance, or with the training mean."""
    inputs = {}
    for (stream, how), name in ABLATED.items():
        if how == "zeroed":
            mean = getattr(net, f"scale_{stream}").mean
            inputs[name] = data.averaged(stream, mean.cpu().numpy())
        else:
            rng = seeds.generator(*rng_key, how, stream)
            inputs[name] = data.shuffled(stream, test, rng)
    return inputs
