"""06: which layers of the encoder serve best, chosen on training speakers alone?"""

import numpy as np
import pandas as pd

from hump import evaluation
from hump.experiments import FURTHER, PRIMARY, intervals, probes, runner
from hump.experiments.variants import Variant, changed
from hump.features import encoders, extract_corpus
from hump.params import Params
from hump.training import fit
from hump.training.dataset import Data

MODEL, PROBE = "HuMP-CAT", "linear probe"
CONTROL = ", untrained encoder"
SUM, ALL = "weighted sum of all layers", "all layers"
ON_TRAINING, ON_TEST = "pair chosen on training speakers", "pair chosen on test speakers"


def load(study: Data, params: Params) -> dict[str, Data]:
    """The source with all layers of the encoder, and of the untrained one if parameters ask for it.

    Parameters
    ----------
    study : Data
        The source as the study has it.
    params : Params

    Returns
    -------
    dict of str to Data
        ``study`` as given, ``all`` and, unless the study's own encoder is untrained,
        ``untrained``; the last two with statistics of all layers.
    """
    found = {"study": study, "all": _all_layers(study, params, params.features.encoder)}
    if params.experiments.layers.untrained_control and study.features.trained:
        found["untrained"] = _all_layers(study, params, encoders.UNTRAINED)
    return found


def _all_layers(study, params, encoder):
    layers = tuple(range(encoders.find(encoder).n_layers + 1))
    return described(study, params, encoder=encoder, layers=layers, pooled=True)


def described(study: Data, params: Params, **changes) -> Data:
    """The source by other features.

    Parameters
    ----------
    study : Data
        The source as the study has it.
    params : Params
    **changes
        Settings of ``features`` that differ from those of `params`.

    Returns
    -------
    Data
    """
    features = params.features.model_copy(update=changes)
    stored = extract_corpus(study.rows, params.model_copy(update={"features": features}))
    return Data(study.rows, stored, study.labels)


def named(layers) -> str:
    """Name of some layers: ``layers 1 + 9``, or ``layer 9``.

    Parameters
    ----------
    layers : sequence of int

    Returns
    -------
    str
    """
    return f"layer{'s' if len(layers) > 1 else ''} " + " + ".join(map(str, layers))


def systems(data: dict[str, Data], params: Params) -> list[Variant]:
    """The variants, the study's layers first.

    Parameters
    ----------
    data : dict of str to Data
        As `load`.
    params : Params

    Returns
    -------
    list of Variant
        Of a control that has fewer layers than the study's encoder, those that it has.
    """
    found, own = [], tuple(params.features.layers)
    summed = changed(params, layer_fusion="weighted_sum")
    for key, suffix in _encoders(data):
        depth = max(data[key].features.layers)
        for name, chosen in _subsets(own, depth).items():
            if max(chosen) <= depth:
                same = key == "all" and chosen == own
                found.append(Variant(name + suffix, params.model, chosen, "study" if same else key))
        every = tuple(range(depth + 1))
        found.append(Variant(ALL + suffix, params.model, every, key))
        found.append(Variant(SUM + suffix, summed, every, key))
    return found


def _encoders(data):
    """Keys of what has all layers, with what the names of its systems end with."""
    return [(key, CONTROL if key == "untrained" else "") for key in data if key != "study"]


def _subsets(own, depth):
    """The study's layers, each of them alone, and the last."""
    return {named(own): own} | {named([one]): (one,) for one in own} | {"last layer": (depth,)}


def probe(data: dict[str, Data], params: Params) -> dict[str, probes.Probes]:
    """Probe every pair of layers of each encoder.

    Parameters
    ----------
    data : dict of str to Data
        As `load`.
    params : Params

    Returns
    -------
    dict of str to Probes
        Keys ``all`` and, if it is there, ``untrained``.
    """
    label = "{0.features.encoder}: pairs of layers"
    keys = [key for key, _ in _encoders(data)]
    return {key: probes.run(data[key], params, label=label.format(data[key])) for key in keys}


def probed(found: dict[str, probes.Probes], data: dict[str, Data], params: Params) -> pd.DataFrame:
    """The linear probe on the study's layers, the last, and the pairs that were chosen.

    Parameters
    ----------
    found : dict of str to Probes
    data : dict of str to Data
    params : Params

    Returns
    -------
    pandas.DataFrame
        Predictions, columns as of `hump.experiments.variants.Run`.
    """
    parts, own = [], tuple(params.features.layers)
    for key, suffix in _encoders(found):
        corpus, result = data[key], found[key]
        place = {pair: number for number, pair in enumerate(result.pairs)}
        subsets = _subsets(own, max(corpus.features.layers)).items()
        known = {name: (min(layers), max(layers)) for name, layers in subsets if len(layers) <= 2}
        guesses = {n: result.tested[place[pair]] for n, pair in known.items() if pair in place}
        guesses[ON_TRAINING] = result.nested(corpus.classes)
        guesses[ON_TEST] = result.tested[result.best_on_test(corpus.classes)]
        parts += [_rows(result, corpus, guess, name + suffix) for name, guess in guesses.items()]
    return pd.concat(parts, ignore_index=True)


def _rows(result, data, guess, system):
    outcomes = [fit.outcome(data, fold, {system: guess[fold.test]}) for fold in result.groups]
    return pd.concat(runner.predictions(data, o, repeat=0, rng_key="none") for o in outcomes)


def summarise(predicted: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Metrics of every choice of layers.

    Parameters
    ----------
    predicted : pandas.DataFrame
        With a column model: `MODEL` or `PROBE`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus, model and system.
    """
    by, labels = ["corpus", "model", "system"], sorted(predicted["emotion"].unique())
    return evaluation.summarise(predicted, by, labels, **intervals(params, "layers"))


def compare(predicted: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Paired tests: the study's layers against others, and each choice against the control's.

    Primary are, of HuMP-CAT, the study's layers against the last, against a weighted sum of all,
    and against the same layers of the control.

    Parameters
    ----------
    predicted : pandas.DataFrame
        As `summarise`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.compare_families`; ``comparison`` is the model. The row of the two
        chosen pairs is the gap that choosing on test speakers opens.
    """
    own, names = named(params.features.layers), list(dict.fromkeys(predicted["system"]))
    rivals = [name for name in names if name not in (own, ON_TEST) and CONTROL not in name]
    tests = [(own, rival) for rival in rivals]
    tests += [(name, name + CONTROL) for name in names if name + CONTROL in names]
    tests.append((ON_TEST, ON_TRAINING))
    first = [(own, "last layer"), (own, SUM), (own, own + CONTROL)]
    rest = {MODEL: [pair for pair in tests if pair not in first], PROBE: tests}
    asked = {PRIMARY: {MODEL: first}, FURTHER: rest}
    rows = predicted.assign(comparison=predicted["model"])
    return evaluation.compare_families(rows, asked, **intervals(params, "layer comparisons"))


def layer_pairs(found: dict[str, probes.Probes], data, params: Params) -> pd.DataFrame:
    """The probe's UAR on unseen speakers for every pair of layers, and who chose which.

    Parameters
    ----------
    found : dict of str to Probes
    data : dict of str to Data
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, encoder, layer_a, layer_b, the columns of `hump.evaluation.summarise`,
        folds, chosen_by (of the folds: so many chose it on their training speakers), and
        best_on_test.
    """
    parts = []
    for key, result in found.items():
        corpus = data[key]
        guesses = enumerate(result.tested)
        every = pd.concat(_rows(result, corpus, guess, number) for number, guess in guesses)
        by, settings = ["corpus", "system"], intervals(params, "layers")
        table = evaluation.summarise(every, by, corpus.labels, **settings)
        votes = np.bincount(result.best_on_training(corpus.classes), minlength=len(result.pairs))
        table.insert(1, "encoder", corpus.features.encoder)
        table.insert(2, "layer_a", [pair[0] for pair in result.pairs])
        table.insert(3, "layer_b", [pair[1] for pair in result.pairs])
        table["folds"], table["chosen_by"] = len(result.groups), votes
        table["best_on_test"] = table["system"] == result.best_on_test(corpus.classes)
        parts.append(table.drop(columns="system"))
    return pd.concat(parts, ignore_index=True)
