"""11: which encoder should one use? Each describes the source for HuMP-CAT and a linear probe."""

from functools import partial

import numpy as np
import pandas as pd

from hump import audio, evaluation
from hump.experiments import cost, intervals, runner, variants
from hump.experiments.layers import MODEL, PROBE, described
from hump.experiments.variants import Variant
from hump.features import hubert
from hump.params import Params, names
from hump.training import baselines, fit
from hump.training.dataset import Data
from hump.util import parallel

# Utterances that are timed.
TIMED = 8


def load(study: Data, params: Params) -> dict[str, Data]:
    """The source as each encoder of the parameters describes it.

    Parameters
    ----------
    study : Data
        The source as the study has it.
    params : Params

    Returns
    -------
    dict of str to Data
        ``study`` as given, and the encoders as ``experiments.encoders`` names them.
    """
    found, own = {"study": study}, params.features
    for encoder, layers in params.experiments.encoders.items():
        same = (encoder, layers) == (own.encoder, own.layers)
        found[encoder] = study if same else described(study, params, encoder=encoder, layers=layers)
    return found


def predict(data: dict[str, Data], params: Params) -> pd.DataFrame:
    """Predictions of HuMP-CAT and of the linear probe with each encoder, on the same folds.

    Parameters
    ----------
    data : dict of str to Data
        As `load`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns as of `hump.experiments.variants.Run`, and model; ``system`` is the encoder. The
        probe has no epochs to choose, so it is trained on the validation speakers, too.
    """
    described, study = {n: data[n] for n in params.experiments.encoders}, data["study"]
    # The study's own is called so, since 05 and 06 have trained it then.
    systems = [
        Variant(name, params.model, one.features.layers, "study" if one is study else name)
        for name, one in described.items()
    ]
    run = variants.cross_validate(data, systems, params, label=f"{params.source}: encoders")
    parts = [run.predictions[run.predictions["system"].isin(described)].assign(model=MODEL)]
    for name, corpus in described.items():
        for fold in variants.folds(corpus, params):
            held = fold.validation
            if "sentence" in fold.apart:
                said = corpus.rows["sentence"]
                held = held[~said.iloc[held].isin(said.iloc[fold.test]).to_numpy()]
            train = np.union1d(fold.train, held)
            fold = fold.with_train(train, corpus.rows, validation=held[:0])
            guess = baselines.fit_predict(names.PROBE, corpus, fold.train, corpus, fold.test)
            outcome = fit.outcome(corpus, fold, {name: guess})
            parts.append(runner.predictions(corpus, outcome, repeat=0, rng_key="none", model=PROBE))
    return pd.concat(parts, ignore_index=True)


def costs(data: dict[str, Data], params: Params) -> pd.DataFrame:
    """Size of each encoder, and its time on this machine with one thread, one file at a time.

    Parameters
    ----------
    data : dict of str to Data
        As `load`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns system, layers, weights (up to the last of these layers), and utterance_s, which
        differs from run to run and belongs in no table file.
    """
    paths, lines = data["study"].rows["path"][:TIMED], []
    signals = [audio.load(params.folder(params.source) / path) for path in paths]
    for name in params.experiments.encoders:
        layers, context = data[name].features.layers, params.features.context
        encoder = hubert.load_encoder(name, layers=layers, context=context)
        extract = partial(hubert.extract, encoder=encoder, layers=layers)
        with parallel.one_thread():
            seconds = sum(cost.timed(partial(extract, [signal]), 1) for signal in signals)
        lines.append({"system": name, "layers": " + ".join(map(str, layers)),
                      "weights": cost.parameters(encoder.forward.model),
                      "utterance_s": seconds / len(signals)})  # fmt: skip
    return pd.DataFrame(lines)


def summarise(predicted: pd.DataFrame, priced: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Metrics of both models with each encoder, beside its size.

    Parameters
    ----------
    predicted : pandas.DataFrame
        As `predict`.
    priced : pandas.DataFrame
        As `costs`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus, model and system, and columns layers and weights.
    """
    by, labels = ["corpus", "model", "system"], sorted(predicted["emotion"].unique())
    table = evaluation.summarise(predicted, by, labels, **intervals(params, "encoders"))
    return table.merge(priced[["system", "layers", "weights"]], on="system")


def compare(predicted: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Paired tests of the first encoder against each other one, by either model.

    Parameters
    ----------
    predicted : pandas.DataFrame
        As `predict`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.compare`, one family; ``comparison`` is the model.
    """
    first, *others = params.experiments.encoders
    pairs = [(first, other) for other in others]
    rows = predicted.assign(comparison=predicted["model"])
    settings = intervals(params, "encoder comparisons")
    return evaluation.compare(rows, {MODEL: pairs, PROBE: pairs}, **settings)
