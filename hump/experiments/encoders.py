"""10: which encoder should one use? Each describes the source for HuMP-CAT and a linear probe."""

import time

import numpy as np
import pandas as pd

from hump import audio, evaluation
from hump.experiments import runner, variants
from hump.experiments.layers import MODEL, PROBE, described
from hump.experiments.variants import Variant
from hump.features import hubert
from hump.params import Params, names
from hump.training import baselines, fit
from hump.training.dataset import Data
from hump.util import parallel, seeds

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
        stored = described(study, params, encoder=encoder, layers=layers)
        found[encoder] = study if same else stored
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
    described = {name: corpus for name, corpus in data.items() if name != "study"}
    systems = [
        # The study's own is called so, since 05 and 06 have trained it then.
        Variant(name, params.model, corpus.features.layers,
                "study" if corpus is data["study"] else name)
        for name, corpus in described.items()
    ]  # fmt: skip
    run = variants.cross_validate(data, systems, params, label=f"{params.source}: encoders")
    parts = [run.predictions[run.predictions["system"].isin(described)].assign(model=MODEL)]
    for name, corpus in described.items():
        for fold in variants.folds(corpus, params):
            train = np.union1d(fold.train, fold.validation)
            guess = baselines.fit_predict(names.PROBE, corpus, train, corpus, fold.test)
            outcome = fit.outcome(corpus, fold, {name: guess}) | {"n_train": len(train)}
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
    rows = data["study"].rows[:TIMED]
    signals = [audio.load(params.folder(params.source) / path) for path in rows["path"]]
    lines = []
    for name, corpus in data.items():
        if name == "study":
            continue
        layers, context = corpus.features.layers, params.features.context
        encoder = hubert.load_encoder(name, layers=layers, context=context)
        weights = sum(weight.numel() for weight in encoder.forward.model.parameters())
        with parallel.one_thread():
            hubert.extract(signals[:1], encoder=encoder, layers=layers)
            begin = time.perf_counter()
            for signal in signals:
                hubert.extract([signal], encoder=encoder, layers=layers)
            each = (time.perf_counter() - begin) / len(signals)
        lines.append({"system": name, "layers": " + ".join(map(str, layers)), "weights": weights,
                      "utterance_s": each})  # fmt: skip
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
    table = evaluation.summarise(
        predicted,
        ["corpus", "model", "system"],
        sorted(predicted["emotion"].unique()),
        params.evaluation,
        seed=seeds.seed_of(params.seed, "encoders"),
    )
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
    return evaluation.compare(
        predicted.assign(comparison=predicted["model"]),
        {MODEL: pairs, PROBE: pairs},
        params.evaluation,
        seed=seeds.seed_of(params.seed, "encoder comparisons"),
    )
