"""05: what do the two stages of cross-attention contribute, and what does each stream?"""

import pandas as pd

from hump import evaluation
from hump.experiments import cost, families, intervals
from hump.experiments.variants import ABLATED, Variant, changed, reference
from hump.params import Params
from hump.training import fit
from hump.training.dataset import Data

FULL = "cross-attention, both stages"
PLAIN = "concatenation, both stages"
MATCHED = "concatenation, parameters matched"
STAGES = {
    "concatenation, stage 1": {"stage1": "concat"},
    "concatenation, stage 2": {"stage2": "concat"},
    PLAIN: {"stage1": "concat", "stage2": "concat"},
}
STREAMS = {
    "encoder alone": ("hubert",),
    "MFCC alone": ("mfcc",),
    "prosody alone": ("prosody",),
    "encoder + MFCC": ("hubert", "mfcc"),
    "encoder + prosody": ("hubert", "prosody"),
    "MFCC + prosody": ("mfcc", "prosody"),
}
TOKENS = {1: "one prosody token", "groups": "a prosody token a family"}


def systems(data: Data, params: Params) -> list[Variant]:
    """The variants, the study's model first.

    Parameters
    ----------
    data : Data
        The source; its features determine how many weights a model has.
    params : Params

    Returns
    -------
    list of Variant
    """
    full = reference(params)
    own = params.model_copy(update={"model": full})
    models = {FULL: full}
    models |= {name: changed(own, **stages) for name, stages in STAGES.items()}
    models[MATCHED] = _matched(data, own)
    models |= {name: changed(own, streams=streams) for name, streams in STREAMS.items()}
    other = next(tokens for tokens in TOKENS if tokens != full.prosody_tokens)
    models[TOKENS[other]] = changed(own, prosody_tokens=other)
    layers = tuple(params.features.layers)
    return [Variant(name, chosen, layers) for name, chosen in models.items()]


def _matched(data, params):
    """Concatenation with feed-forward blocks wide enough to have as many weights as attention."""

    def count(model):
        chosen = params.model_copy(update={"model": model})
        return cost.parameters(fit.build(data, chosen, seed=0))

    def of_width(hidden):
        return changed(params, **STAGES[PLAIN], concat_feed_forward=hidden)

    # The number of weights is linear in the width of the blocks.
    one, two = count(of_width(1)), count(of_width(2))
    return of_width(max(1, 1 + round((count(params.model) - one) / (two - one))))


def tolerance(costs: pd.DataFrame) -> float:
    """Relative difference in the number of weights between the matched and the full model.

    Parameters
    ----------
    costs : pandas.DataFrame
        As `hump.experiments.cost.measure`.

    Returns
    -------
    float
    """
    count = costs.set_index("system")["parameters"]
    return abs(count[MATCHED] / count[FULL] - 1)


def summarise(predictions: pd.DataFrame, costs: pd.DataFrame, labels, params) -> pd.DataFrame:
    """Metrics of every system on every corpus, with what it costs.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As of `hump.experiments.variants.Run`.
    costs : pandas.DataFrame
        As `hump.experiments.cost.measure`.
    labels : sequence of str
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus and system, best first, and columns parameters
        and multiply_adds.
    """
    by, settings = ["corpus", "system"], intervals(params, "fusion")
    table = evaluation.summarise(predictions, by, labels, **settings)
    # Streams that are spoilt at test time cost what the whole model costs.
    priced = table["system"].where(~table["system"].isin(ABLATED.values()), FULL)
    price = costs.set_index("system")
    for name in ("parameters", "multiply_adds"):
        table[name] = priced.map(price[name])
    return table.sort_values(["corpus", "uar"], ascending=[True, False], ignore_index=True)


def compare(predictions: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Paired tests of the full model against every other; against concatenation they are primary.

    Parameters
    ----------
    predictions : pandas.DataFrame
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.compare_families`; ``comparison`` is the corpus.
    """
    rows = predictions.assign(comparison=predictions["corpus"])
    pairs = families(FULL, list(predictions["system"]), (PLAIN, MATCHED))
    return evaluation.compare_families(rows, pairs, **intervals(params, "fusion comparisons"))
