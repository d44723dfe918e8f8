"""08: heads, width, depth and the loss, one factor at a time around the study's model."""

import pandas as pd

from hump import evaluation
from hump.experiments import cost, intervals
from hump.experiments.variants import Run, Variant, changed
from hump.params import Params, names
from hump.training.dataset import Data

DEFAULT = "the study's model"
FACTORS = ("heads", "width", "depth", "scale", "margin", "head")
NAMES = {"softmax": "plain softmax", "am_softmax": "AM-Softmax"}
PRICES = ["parameters", "multiply_adds"]


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
    layers = tuple(params.features.layers)
    found = [Variant(DEFAULT, params.model, layers)]
    for factor in FACTORS:
        own = getattr(params.model, factor)
        # A plain softmax has neither scale nor margin to change.
        moot = factor in ("scale", "margin") and params.model.head == "softmax"
        for value in () if moot else getattr(params.experiments.architecture, factor):
            if value != own:
                name = NAMES[value] if factor == "head" else f"{factor} {value:g}"
                model = changed(params, **_changes(factor, value, params))
                found.append(Variant(name, model, layers))
    return found


def _changes(factor, value, params):
    if factor != "width":
        return {factor: value}
    ratio = params.model.feed_forward / params.model.width
    return {"width": value, "feed_forward": max(1, round(ratio * value))}


def summarise(run: Run, data: Data, params: Params) -> pd.DataFrame:
    """Every variant on test speakers of the source, with what it costs, and a choice in each fold.

    UAR of validation speakers is not shown: it is the best of many epochs, and that of what was
    chosen the best of many variants too.

    Parameters
    ----------
    run : Run
    data : Data
        Of the source.
    params : Params

    Returns
    -------
    pandas.DataFrame
        In the order of `systems`: corpus, system, factor, chosen_by (so many of the ``runs``, folds
        and repeats, chose it on their own validation speakers), parameters, multiply_adds, the
        columns of `hump.evaluation.summarise` and the difference in UAR to the study's model. The
        last row, `hump.params.names.CHOSEN`, is of what each fold chose.
    """
    tried = systems(params)
    order = [variant.system for variant in tried]
    tested = run.predictions[run.predictions["system"].isin(order)]
    nested, choice = evaluation.nested(run.validation, tested, [], "system", order)
    every, by = pd.concat([tested, nested], ignore_index=True), ["corpus", "system"]
    table = evaluation.cells(every, ["system"], **intervals(params, "architecture"))
    apart = evaluation.against(every, [], "system", DEFAULT, params.evaluation)
    table = table.merge(apart.drop(columns="speakers"), "left", on=by)
    # Whole numbers, and none for what each fold chose.
    price = cost.measure(data, tried, params).astype(dict.fromkeys(PRICES, "Int64"))
    table = table.merge(price, "left", on="system").set_index("system")
    table["factor"] = pd.Series({v.system: _factor(v.model, params) for v in tried})
    table["chosen_by"] = choice.value_counts().reindex(table.index).fillna(0).astype(int)
    table["runs"] = len(choice)
    table = table.loc[[*order, names.CHOSEN]].fillna({"factor": ""}).reset_index()
    first = [*by, "factor", "chosen_by", "runs", *PRICES]
    return table[[*first, *table.columns.difference(first, sort=False)]]


def _factor(model, params):
    own = params.model
    return next((f for f in FACTORS if getattr(model, f) != getattr(own, f)), "")
