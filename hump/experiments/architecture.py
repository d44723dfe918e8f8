"""08: heads, width, depth and the loss, one factor at a time around the study's model."""

import pandas as pd

from hump import evaluation
from hump.experiments import cost
from hump.experiments.variants import Run, Variant, changed
from hump.params import Params
from hump.training.dataset import Data
from hump.util import seeds

DEFAULT = "the study's model"
FACTORS = ("heads", "width", "depth", "scale", "margin", "head")
NAMES = {"softmax": "plain softmax", "am_softmax": "AM-Softmax"}


def systems(params: Params) -> list[Variant]:
    """The study's model, and it with one factor changed.

    Parameters
    ----------
    params : Params
        ``experiments.architecture`` has the values of each factor; the study's own is left out.
        With the width, that of the feed-forward layers changes in proportion.

    Returns
    -------
    list of Variant
    """
    layers, found = tuple(params.features.layers), [("", params.model)]
    for factor in FACTORS:
        own = getattr(params.model, factor)
        # A plain softmax has neither scale nor margin to change.
        moot = factor in ("scale", "margin") and params.model.head == "softmax"
        for value in () if moot else getattr(params.experiments.architecture, factor):
            if value != own:
                changes = _changes(factor, value, params)
                found.append((_name(factor, value), changed(params, **changes)))
    return [Variant(name or DEFAULT, model, layers) for name, model in found]


def _name(factor, value):
    return NAMES[value] if factor == "head" else f"{factor} {value:g}"


def _changes(factor, value, params):
    if factor != "width":
        return {factor: value}
    ratio = params.model.feed_forward / params.model.width
    return {"width": value, "feed_forward": max(1, round(ratio * value))}


def choose(run: Run, params: Params) -> str:
    """The variant that is best on the validation speakers of the source; test rows play no part.

    Parameters
    ----------
    run : Run
    params : Params

    Returns
    -------
    str
        Its system; among equals the first of `systems`, which starts with the study's model.
    """
    table = _summary(run.validation, ["system"], params).set_index("system")
    order = [variant.system for variant in systems(params)]
    # Differences in the last digits do not count.
    return table.loc[order, "uar"].round(9).idxmax()


def summarise(run: Run, data: Data, params: Params) -> pd.DataFrame:
    """Every variant on validation and test speakers of the source, with what it costs.

    Parameters
    ----------
    run : Run
    data : Data
        Of the source.
    params : Params

    Returns
    -------
    pandas.DataFrame
        In the order of `systems`: corpus, factor, system, chosen, validation_speakers,
        validation_uar with ``_low`` and ``_high``, parameters, multiply_adds, and the columns of
        `hump.evaluation.summarise` for the test speakers.
    """
    tried = systems(params)
    order = [variant.system for variant in tried]
    seen = _summary(run.validation, ["system"], params).set_index("system").loc[order]
    tested = run.predictions[run.predictions["system"].isin(order)]
    tested = _summary(tested, ["corpus", "system"], params).set_index("system").loc[order]
    columns = {"uar": "validation_uar", "uar_low": "validation_uar_low",
               "uar_high": "validation_uar_high", "speakers": "validation_speakers"}  # fmt: skip
    price = cost.measure(data, tried, params).set_index("system")
    table = pd.concat([seen[list(columns)].rename(columns=columns), price, tested], axis=1)
    table.insert(0, "chosen", table.index == choose(run, params))
    table.insert(0, "factor", [_factor(variant.model, params) for variant in tried])
    table = table.reset_index(names="system")
    return table[["corpus", *(name for name in table if name != "corpus")]]


def _factor(model, params):
    own = params.model
    return next((f for f in FACTORS if getattr(model, f) != getattr(own, f)), "")


def targets(predictions: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The chosen model and the study's on targets, after fine-tuning.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `hump.experiments.variants.finetune`; one or two systems.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Per corpus and system, and over all targets if there are several, the columns of
        `hump.evaluation.summarise`; beside the chosen model, if it is another, difference (chosen
        less the study's UAR) with interval, p, p_least and p_holm.
    """
    seed = seeds.seed_of(params.seed, "architecture")
    table = evaluation.cells(predictions, ["system"], params.evaluation, seed=seed)
    others = [name for name in predictions["system"].unique() if name != DEFAULT]
    if not others:
        return table
    every = [rows.assign(comparison=name) for name, rows in evaluation.with_average(predictions)]
    tests = evaluation.compare(
        pd.concat(every),
        [(others[0], DEFAULT)],
        params.evaluation,
        seed=seeds.seed_of(params.seed, "architecture comparisons"),
    ).rename(columns={"comparison": "corpus", "a": "system"})
    return table.merge(tests.drop(columns=["b", "speakers"]), "left", on=["corpus", "system"])


def _summary(predictions, by, params):
    return evaluation.summarise(
        predictions,
        by,
        sorted(predictions["emotion"].unique()),
        params.evaluation,
        seed=seeds.seed_of(params.seed, "architecture"),
    )
