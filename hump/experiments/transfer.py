"""12: what makes a source model carry over to other corpora, and how far its trainings differ.

Every control changes one thing. It is trained on the source several times, with the seeds of the
study's own source models, and tested on all utterances of every target as it is. Those that the
paper's claims are about are fine-tuned too, at the smallest fraction, as in 04; where that takes
more trainings of the study's own model than 04 has, they are made here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from hump import evaluation, model, results
from hump.experiments import families, intervals, protocol, runner, summary
from hump.experiments.fusion import PLAIN, STAGES
from hump.experiments.layers import named
from hump.experiments.variants import changed
from hump.params import Params, names
from hump.training import baselines, fit
from hump.training.dataset import Data

ATTENTION = "cross-attention beats concatenation"
SCALED = "scaled by the target"
PROBE = f"{names.PROBE}, {SCALED}"


@dataclass(frozen=True)
class Control:
    """A way to train source models.

    Attributes
    ----------
    system : str
        Its name in tables.
    params : Params
        Those that `hump.training.fit.pretrain_all` and `finetune` read.
    layers : tuple of int
    epochs : int
        On the source.
    scaled : bool
        Whether the target's own utterances scale the features, as in HuMP-CAT+ without target data.
    """

    system: str
    params: Params
    layers: tuple[int, ...]
    epochs: int
    scaled: bool = False


def primary(params: Params) -> list[str]:
    """Controls that the paper's claims are about: without attention, and one layer alone."""
    layers = params.features.layers
    return [PLAIN, *(f"{named([layer])} alone" for layer in layers if len(layers) > 1)]


def controls(params: Params) -> list[Control]:
    """The controls; the study's own model is not among them.

    Parameters
    ----------
    params : Params

    Returns
    -------
    list of Control
    """
    study = _study(params)
    settings, layers, epochs = study.params, study.layers, study.epochs
    alone = zip(layers, primary(params)[1:])
    found = [Control(PLAIN, _model(settings, **STAGES[PLAIN]), layers, epochs)]
    found += [Control(name, settings, (layer,), epochs) for layer, name in alone]
    models = {
        "encoder alone": {"streams": ("hubert",)},
        "MFCC + prosody": {"streams": ("mfcc", "prosody")},
        "softmax head": {"head": "softmax"},
        "margin 0": {"margin": 0.0},
        "margin 0.4": {"margin": 0.4},
        "no dropout": {"dropout": 0.0},
    }
    found += [
        Control(name, _model(settings, **changes), layers, epochs)
        for name, changes in models.items()
        if changed(settings, **changes) != params.model
    ]
    constant = params.pretrain.schedule == "constant"
    other = "linear" if constant else "constant"
    schedule = settings.pretrain.model_copy(update={"schedule": other})
    name = "rate that falls to 0" if constant else "constant rate"
    found.append(Control(name, settings.model_copy(update={"pretrain": schedule}), layers, epochs))
    found.append(Control(SCALED, settings, layers, epochs, scaled=True))
    return [*found, Control("three times as many epochs", settings, layers, 3 * epochs)]


def _study(params):
    settings = params.only("seed", "model", "pretrain", "finetune", "device")
    layers, epochs = tuple(params.features.layers), protocol.chosen_epochs(params)
    return Control(names.PRETRAINED, settings, layers, epochs)


def _model(params, **changes):
    return params.model_copy(update={"model": changed(params, **changes)})


def fractions(params: Params) -> list[float]:
    """No target data, if the study tests that, and the smallest fraction above."""
    known = list(params.finetune.fractions)
    return sorted({min(known), min(fraction for fraction in known if fraction)})


def predict(source: Data, targets: dict, params: Params) -> pd.DataFrame:
    """Predictions of every control on every target.

    Parameters
    ----------
    source : Data
    targets : dict of str to Data
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns system, fraction, repeat (number of the training), rng_key, and those of
        `hump.experiments.runner.predictions`; with the rows of 04 of the study's own model.
    """
    tests = [
        (control, fraction, repeat)
        for control in (_study(params), *controls(params))
        for fraction in fractions(params)
        for repeat in _trainings(control.system, fraction, params)
    ]
    # As the source model that a repeat of 04 starts from, but for what the control changes.
    calls = {
        (one.system, repeat): protocol.source_training(
            source.of_layers(one.layers), one.params, one.epochs, repeat * params.stride
        )
        for one, _, repeat in tests
    }
    models = runner.models(fit.pretrain_all, list(calls.values()), params, label="controls")
    folders = dict(zip(calls, models))
    jobs = [
        (control.system,
         {"source": source, "data": data, "folder": folders[control.system, repeat],
          "layers": control.layers, "fold": fold, "fraction": fraction, "repeat": repeat,
          "scaled": control.scaled, "params": control.params})
        for control, fraction, repeat in tests
        for data in targets.values()
        for fold in _folds(data, fraction, repeat, params)
    ]  # fmt: skip
    done = runner.run(_test_job, [call for _, call in jobs], params, label="controls on targets")
    parts, key = [], {"rng_key": f"{params.seed} finetune"}
    for (system, call), result in zip(jobs, done):
        facts = {name: call[name] for name in ("fraction", "repeat")} | key
        outcome = result | {"predicted": {system: result["predicted"]}}
        parts.append(runner.predictions(call["data"], outcome, **facts))
    if 0 in fractions(params):
        for data in targets.values():
            outcome = fit.outcome(
                data, protocol.untrained(data), {PROBE: _scaled_probe(source, data)}
            )
            parts.append(runner.predictions(data, outcome, fraction=0.0, repeat=0, rng_key=""))
    return pd.concat([own(params), *parts], ignore_index=True)


def _scaled_probe(source, data):
    """What the probe predicts if each corpus scales its features by its own utterances."""
    features, tested = (StandardScaler().fit_transform(one.pooled) for one in (source, data))
    probe = baselines.linear_svm(features.shape[1]).fit(features, source.classes)
    return probe.predict(tested).tolist()


def own(params: Params) -> pd.DataFrame:
    """What 04 predicts with the study's own model, of the trainings that are compared."""
    rows, wanted = summary.predictions(params), params.experiments.transfer
    keep = rows["system"].eq(names.PRETRAINED) & rows["protocol"].eq("speaker_independent")
    keep &= rows["fraction"].isin(fractions(params))
    # As many as of the controls: differences are those of trainings that both have.
    keep &= rows["repeat"] < np.where(rows["fraction"] > 0, wanted.tuned, wanted.trainings)
    return rows[keep].drop(columns="protocol")


def _trainings(system, fraction, params):
    """Numbers of the trainings that are tested here at a fraction; 04 has some of the study's."""
    wanted, study = params.experiments.transfer, system == names.PRETRAINED
    tuned = wanted.tuned if study or system in primary(params) else 0
    first = params.finetune.fractions[fraction] if study else 0
    return range(first, tuned if fraction else wanted.trainings)


def _folds(data, fraction, repeat, params):
    """What a control is tested on: all rows as it is, or folds after fine-tuning."""
    if not fraction:
        return [protocol.untrained(data)]
    return [
        protocol.draw(data, fold, number, fraction, params, repeat=repeat)
        for number, fold in enumerate(protocol.target_folds(data, params))
    ]


def _test_job(source, data, folder, layers, fold, fraction, repeat, scaled, params):
    net, data = model.load(folder), data.of_layers(layers)
    if scaled:
        net = protocol.own_scaling(net, data)
    if fraction:
        heard = source.of_layers(layers)
        net = protocol.finetuned(net, heard, data, fold, params, fraction=fraction, repeat=repeat)
    return fit.outcome(data, fold, fit.classify(net, data, fold.test))


def saved(params: Params) -> pd.DataFrame:
    """What `predict` found, as 12 wrote it; no rows where 12 is left out or has not been run."""
    written = results.table(params, "control_predictions").is_file()
    if "12_transfer" in params.leave_out or not written:
        return summary.predictions(params)[:0]
    return results.read(params, "control_predictions")


def summarise(predictions: pd.DataFrame, params: Params) -> pd.DataFrame:
    """UAR of every control by fraction, on every target and on average.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `predict`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.cells`, with uar_sd, the standard deviation over trainings.
    """
    settings = intervals(params, "transfer controls")
    return evaluation.cells(predictions, ["fraction", "system"], **settings)


def share(fraction: float) -> str:
    """What comparisons at a fraction of the data are called."""
    return f"{100 * fraction:g} % of the data"


def compare(predictions: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The study's own model against every control, over the speakers of all targets together.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `predict`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.compare_families`; ``comparison`` is the fraction as text.
    """
    part = predictions.assign(comparison=predictions["fraction"].map(share))
    systems = [*(control.system for control in controls(params)), PROBE]
    pairs = families(names.PRETRAINED, systems, primary(params))
    return evaluation.compare_families(part, pairs, **intervals(params, "transfer controls"))


def claims(predicted: pd.DataFrame, controlled: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The study's main claims, one family, each on the speakers of all targets together.

    They were declared before their results: at the smallest fraction of target data, at the
    headline's, without any, and with all.

    Parameters
    ----------
    predicted : pandas.DataFrame
        As `hump.experiments.summary.predictions`.
    controlled : pandas.DataFrame
        As `predict`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.compare`, with the claim and its fraction, in the order declared. A
        claim whose systems the study lacks is left out, but the others are corrected for it.
    """
    shares = [fraction for fraction in params.finetune.fractions if fraction]
    few, headline, every = min(shares), params.headline, max(shares)
    best = "HuMP-CAT+ beats a probe with all data" if every == 1 else "HuMP-CAT+ beats a probe"
    claimed = [
        ("pre-training helps", few, names.PRETRAINED, names.SCRATCH),
        ("pre-training helps", headline, names.PRETRAINED, names.SCRATCH),
        ("without target data HuMP-CAT beats a probe", 0.0, names.PRETRAINED, names.PROBE),
        ("fusion beats a probe on the same encoder", few, names.PRETRAINED, names.PROBE),
        (best, every, names.PLUS, names.PROBE),
    ]
    claimed += [
        (ATTENTION if name == PLAIN else f"two layers beat {name}", few, names.PRETRAINED, name)
        for name in primary(params)
    ]
    unseen = predicted[predicted["protocol"] == "speaker_independent"].drop(columns="protocol")
    known = params.finetune.fractions
    claimed = [claim for claim in dict.fromkeys(claimed) if claim[1] in known]
    rows = pd.concat(
        _paired(controlled if pair[1] in primary(params) else unseen, fraction, pair).assign(
            comparison=number
        )
        for number, (_, fraction, *pair) in enumerate(claimed)
    )
    pairs = {number: [tuple(pair)] for number, (_, _, *pair) in enumerate(claimed)}
    settings = intervals(params, "main claims")
    table = evaluation.compare(rows, pairs, **settings, declared=len(claimed))
    about = pd.DataFrame(claimed, columns=["claim", "fraction", "a", "b"])[["claim", "fraction"]]
    return about.join(table.set_index("comparison"), how="inner").reset_index(drop=True)


def _paired(predicted, fraction, pair):
    """Rows of two systems at a fraction, of the repeats that both have."""
    every = predicted[(predicted["fraction"] == fraction) & predicted["system"].isin(pair)]
    both = set.intersection(*(set(every.loc[every["system"] == s, "repeat"]) for s in pair))
    return every[every["repeat"].isin(both)]
