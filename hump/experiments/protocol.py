"""The study's two experiments: pre-training on the source, fine-tuning on a target."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hump import corpora, model, results
from hump.corpora import splits
from hump.experiments import calibration, runner
from hump.model import familiar
from hump.params import Params, names
from hump.training import baselines, fit
from hump.training.dataset import Data, joined
from hump.util import seeds

# Share of the training utterances that lie no further from their mean than what is called usual.
USUAL = 0.99


@dataclass(frozen=True)
class SourceRun:
    """Cross-validation of the source.

    Attributes
    ----------
    predictions : pandas.DataFrame
        Test predictions of every fold and system.
    history : pandas.DataFrame
        Columns fold, epoch, loss, validation_uar, kept.
    epochs : int
        Median over folds of the epochs that validation speakers chose.
    calibration : pandas.DataFrame
        As `hump.experiments.calibration.summarise`: temperatures are fitted on validation speakers,
        and everything else is measured on test speakers.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    epochs: int
    calibration: pd.DataFrame


def pretrain_source(data: Data, params: Params) -> SourceRun:
    """Cross-validate on the source, leaving one speaker (or group) out.

    Parameters
    ----------
    data : Data
    params : Params

    Returns
    -------
    SourceRun
    """
    own = corpora.frozen_folds(params.source, params)
    folds = splits.source_folds(data.rows, params.pretrain.max_folds, own)
    settings = params.only("seed", "source", "model", "pretrain", "device")
    calls = [{"data": data, "fold": fold, "params": settings} for fold in folds]
    done = runner.run(_pretrain_job, calls, params, label=f"{params.source}: folds")
    facts = {"protocol": "source", "fraction": 1.0, "repeat": 0}
    facts["rng_key"] = f"{params.seed} pretrain"
    tested = [runner.predictions(data, result, **facts) for result in done]
    history = pd.concat(
        pd.DataFrame({"fold": one["fold"], **one["history"], "kept": one["best_epoch"]})
        for one in done
    )
    epochs = int(np.median([result["best_epoch"] for result in done]))
    scored, seed = calibration.scored(data, done, 1.0), seeds.seed_of(params.seed, "calibration")
    trusted = calibration.summarise(scored, params.evaluation, seed=seed)
    return SourceRun(pd.concat(tested, ignore_index=True), history, epochs, trusted)


def _pretrain_job(data, fold, params):
    fold = fold.checked(data.rows)
    rng_key = (params.seed, "pretrain", params.source, fold.name)
    net, history = fit.pretrain(data, fold, params, rng_key=rng_key)
    predicted = {names.PRETRAINED: fit.classify(net, data, fold.test)}
    predicted |= _baselines(data, fold.train, data, fold.test)
    epochs = list(range(1, len(history.loss) + 1))
    course = {"epoch": epochs, "loss": history.loss, "validation_uar": history.validation_uar}
    measured = fit.outcome(data, fold, predicted) | calibration.measure(net, data, fold)
    return measured | {"history": course, "best_epoch": history.best_epoch}


def _baselines(data, train, test_data, test):
    return {
        name: baselines.fit_predict(name, data, train, test_data, test).tolist()
        for name in baselines.BASELINES
    }


def chosen_epochs(params: Params) -> int:
    """Epochs that validation speakers of the source chose, as the source model says."""
    return model.load(results.model(params)).origin["epochs"]


def source_models(data: Data, params: Params, epochs: int) -> list[Path]:
    """Train the source models that targets start from, on all source speakers.

    They differ in their seeds, of weights, order and dropout. One model decides more than the
    architecture does, so that a target's repeats start from different ones.

    Parameters
    ----------
    data : Data
    params : Params
    epochs : int
        As `chosen_epochs`.

    Returns
    -------
    list of Path
        Folders, as many as `finetune_target` needs; finished models are found again.
    """
    last = max(
        (repeats - 1) * params.stride + params.members(fraction)
        for fraction, repeats in params.finetune.fractions.items()
    )
    calls = [source_training(data, params, epochs, number) for number in range(last)]
    return runner.models(fit.pretrain_all, calls, params, label=f"{params.source}: models")


def source_training(data: Data, params: Params, epochs: int, number: int) -> dict:
    """Arguments of `hump.training.fit.pretrain_all` for the source model of a number."""
    settings = params.only("seed", "model", "pretrain", "device")
    rng_key = (params.seed, "pretrain", data.corpus, "all", *([number] if number else []))
    return {"data": data, "params": settings, "epochs": epochs, "rng_key": rng_key}


def train_final_source(data: Data, params: Params, epochs: int, trusted=None) -> Path:
    """Train the source models, and save the first.

    Parameters
    ----------
    data : Data
    params : Params
    epochs : int
        As `chosen_epochs`.
    trusted : pandas.DataFrame, optional
        `SourceRun.calibration`, whose temperature is stored with the model.

    Returns
    -------
    Path
        Folder of the first.
    """
    first = source_models(data, params, epochs)[0]
    return _save(first, data, params, [params.source], trusted, epochs=epochs)


def _save(trained, data, params, trained_on, trusted, **more):
    """Save a trained model with what `hump.predict` needs to say how far to trust it."""
    origin = results.origin(params, data.features, trained_on)
    net = model.load(trained)
    measure = functools.partial(familiar.distances, net)
    far = np.quantile(fit.outputs(net, measure, data, np.arange(len(data.rows))), USUAL, axis=0)
    usual = dict(zip(net.config.streams, far.tolist()))
    trust = {"temperature": calibration.temperature(trusted), "usual": usual}
    return model.save(net, results.model(params, *trained_on[1:]), origin=origin | trust | more)


def finetune_target(source: Data, data: Data, params: Params, others=()) -> pd.DataFrame:
    """Every cell of a target: protocols, fractions, draws, folds, starts, and the baselines.

    Parameters
    ----------
    source, data : Data
        The source corpus, on which zero-shot baselines are trained, and the target.
    params : Params
    others : sequence of Data
        Further sources of HuMP-CAT+, as `hump.training.others` loads them.

    Returns
    -------
    pandas.DataFrame
        Predictions: columns protocol, fraction, repeat, rng_key, and those of
        `hump.experiments.runner.predictions`.
    """
    cells, epochs = _cells(data, params), chosen_epochs(params)
    models = source_models(source, params, epochs)
    settings = params.only("seed", "model", "finetune", "device")
    shared = {"source": source, "data": data, "params": settings}
    calls = [cell | shared | {"folder": _starts(models, cell, params)[0]} for cell in cells]
    done = runner.run(_finetune_job, calls, params, label=f"{data.corpus}: fine-tuning")
    shared["params"] = params.only("seed", "model", "finetune", "plus", "device")
    if params.plus.sources == "others":
        shared |= {"source": several([source, *others], params), "data": data.scaled()}
        models = source_models(shared["source"], params, epochs)
    averaged = [place for place, cell in enumerate(cells) if params.plus.averaged(cell["fraction"])]
    calls = [cells[place] | shared | {"folders": _starts(models, cells[place], params)}
             for place in averaged]  # fmt: skip
    means = runner.run(_plus_job, calls, params, label=f"{data.corpus}: {names.PLUS}")
    for place, mean in zip(averaged, means):
        done[place]["predicted"] |= mean["predicted"]
    own, key = ("protocol", "fraction", "repeat"), {"rng_key": f"{params.seed} finetune"}
    facts = [key | {name: cell[name] for name in own} for cell in cells]
    parts = [runner.predictions(data, result, **fact) for result, fact in zip(done, facts)]
    return pd.concat(parts, ignore_index=True)


def several(sources, params: Params) -> Data:
    """Corpora as one source: each scaled by itself, and none much larger than the first.

    Parameters
    ----------
    sources : sequence of Data
        Of those with more utterances than the first as many are drawn, of all emotions alike.
    params : Params

    Returns
    -------
    Data
    """
    parts, most = [], len(sources[0].rows)
    for data in sources:
        rows, rng = np.arange(len(data.rows)), seeds.generator(params.seed, "several", data.corpus)
        share = min(1.0, most / len(rows))
        parts.append(data.scaled().only(splits.stratified_draw(data.rows, rows, share, rng)))
    return joined(parts)


def _starts(models, cell, params):
    first = cell["repeat"] * params.stride
    return models[first : first + params.members(cell["fraction"])]


def finetuning(source: Data, params: Params) -> dict:
    """Arguments of every job that fine-tunes the source model."""
    settings = params.only("seed", "model", "finetune", "device")
    return {"source": source, "folder": results.model(params), "params": settings}


def _cells(data, params):
    """The jobs of a target; without target data there is one cell, the same for all protocols."""
    settings, folds, cells = params.finetune, list(enumerate(target_folds(data, params))), []
    for protocol in settings.protocols:
        independent = protocol == "speaker_independent"
        for fraction, trainings in settings.fractions.items():
            numbered = folds if independent and fraction else [(None, None)]
            one = dict(protocol=protocol, fraction=float(fraction))
            cells += [
                one | dict(repeat=repeat, number=number, fold=fold)
                for repeat in range(trainings if independent or 0 < fraction < 1 else 0)
                for number, fold in numbered
            ]
    return cells


def target_folds(data: Data, params: Params) -> list[splits.Split]:
    """Folds over the speakers of a target."""
    own = corpora.frozen_folds(data.corpus, params)
    return splits.speaker_folds(data.rows, params.finetune.max_folds, own)


def _finetune_job(source, data, folder, params, protocol, fraction, repeat, number, fold):
    net = model.load(folder)
    if fraction == 0:
        split, everything = untrained(data), np.arange(len(source.rows))
        predicted = {names.PRETRAINED: fit.classify(net, data, split.test)}
        predicted |= _baselines(source, everything, data, split.test)
        return fit.outcome(data, split, predicted)
    split = _split(data, params, protocol, fraction, repeat, number, fold)
    key, predicted = _key(params, data, protocol, repeat, split, fraction), {}
    for start in params.finetune.starts:
        tuned = fit.finetune(
            net, data, split.train, params, start=start, rng_key=(*key, start), source=source
        )
        predicted[names.SYSTEMS[start]] = fit.classify(tuned, data, split.test)
    predicted |= _baselines(data, split.train, data, split.test)
    return fit.outcome(data, split, predicted)


def _plus_job(source, data, folders, params, protocol, fraction, repeat, number, fold):
    models, together = [model.load(folder) for folder in folders], params.plus.sources == "others"
    if fraction == 0:
        split = untrained(data)
        votes = [fit.predict(own_scaling(net, data), data, split.test) for net in models]
    else:
        split = _split(data, params, protocol, fraction, repeat, number, fold)
        key = _key(params, data, protocol, repeat, split, fraction)
        votes = [
            fit.predict(member(net, place, source, data, split, params, key), data, split.test)
            for place, net in enumerate(models)
        ]
    layers = data.features.layers if fraction or together else ()  # nothing to learn from else
    # A probe a layer: chosen on the source, where it beats one on all layers together.
    probes = [_probe(source if together else None, data, split, layer, params) for layer in layers]
    averaged = {names.PLUS: votes + probes} | ({names.PROBES: probes} if together else {})
    predicted = {name: np.mean(v, axis=0).argmax(1).tolist() for name, v in averaged.items()}
    return fit.outcome(data, split, predicted)


def _probe(source, data, split, layer, params):
    """Class probabilities by logistic regression on a layer; with the source's rows, if given."""
    data = data.of_layers([layer])
    if source is None:
        return baselines.probabilities(data, split.train, split.test)
    both, first = joined([source.of_layers([layer]), data]), len(source.rows)
    train, test = np.r_[np.arange(first), first + split.train], first + split.test
    share = params.finetune.joint.share if len(split.train) else 1.0
    weight = np.full(len(train), share * len(train) / first)
    weight[first:] = (1 - share) * len(train) / max(1, len(split.train))
    return baselines.probabilities(both, train, test, weight)


def member(net, place: int, source: Data, data: Data, split, params: Params, key):
    """One of the trainings that HuMP-CAT+ averages.

    Parameters
    ----------
    net : HumpCat
        The source model that it starts from.
    place : int
        Its number among them.
    source, data : Data
    split : Split
    params : Params
    key : tuple
        Begins the RNG key.

    Returns
    -------
    HumpCat
    """
    finetune = params.finetune.model_copy(update={"strategy": params.plus.strategy})
    everything = np.arange(len(data.rows))
    return fit.finetune(
        net, data, split.train, params.model_copy(update={"finetune": finetune}),
        start="pretrained", rng_key=(*key, "pretrained", *([place] if place else [])),
        source=source, scaled_by=everything if params.plus.scaling == "target" else None,
    )  # fmt: skip


def _split(data, params, protocol, fraction, repeat, number, fold):
    if protocol == "paper":
        rng = seeds.generator(*_draw_key(params, data, protocol, repeat, number))
        return splits.paper_split(data.rows, fraction, rng)
    return draw(data, fold, number, fraction, params, repeat=repeat)


def _key(params, data, protocol, repeat, split, fraction):
    return (params.seed, "finetune", data.corpus, protocol, repeat, split.name, fraction)


def finetuned(net, source: Data, data: Data, split, params: Params, *, fraction, repeat):
    """A source model fine-tuned on a draw, by the random numbers of 04's speaker-independent ones.

    Parameters
    ----------
    net : HumpCat
    source, data : Data
    split : Split
        As `draw`.
    params : Params
    fraction : float
    repeat : int

    Returns
    -------
    HumpCat
    """
    key = _key(params, data, "speaker_independent", repeat, split, fraction)
    return fit.finetune(
        net, data, split.train, params, start="pretrained", rng_key=(*key, "pretrained"),
        source=source,
    )  # fmt: skip


def _draw_key(params, data, protocol, repeat, number):
    # Without the fraction: a larger draw holds the smaller one.
    return (params.seed, "draw", data.corpus, protocol, repeat, number)


def draw(data: Data, fold, number: int, fraction: float, params: Params, *, repeat: int = 0):
    """A fold whose training rows are a stratified draw of the fold's.

    Parameters
    ----------
    data : Data
    fold : Split
    number : int
        Number of the fold, part of the RNG key.
    fraction : float
        Share of the fold's training rows.
    params : Params
    repeat : int
        Number of the draw.

    Returns
    -------
    Split
    """
    rng = seeds.generator(*_draw_key(params, data, "speaker_independent", repeat, number))
    rows = splits.stratified_draw(data.rows, fold.train, fraction, rng)
    return fold.with_train(rows, data.rows)


def own_scaling(net, data: Data):
    """Let a model scale features by all utterances of a corpus, whose labels are not read.

    Corpora differ in microphones, rooms and voices, which this takes out (Schuller et al. 2010,
    doi:10.1109/T-AFFC.2010.8). It needs the recordings of the target together.

    Parameters
    ----------
    net : HumpCat
        Changed in place.
    data : Data

    Returns
    -------
    HumpCat
        The same.
    """
    fit.fit_scaling(net, data, np.arange(len(data.rows)))
    return net


def untrained(data: Data) -> splits.Split:
    """All rows test a model that was trained on none of them."""
    test = np.arange(len(data.rows))
    return splits.Split("all", test[:0], test[:0], test)


def train_final_target(source: Data, data: Data, params: Params, trusted=None) -> Path:
    """Fine-tune the source model on all of a target's utterances and save it, for use on new files.

    Nothing is tested with it.

    Parameters
    ----------
    source, data : Data
    params : Params
    trusted : pandas.DataFrame, optional
        `hump.experiments.diagnosis.Diagnosis.calibration`, whose temperature is stored with the
        model.

    Returns
    -------
    Path
        Its folder.
    """
    call = finetuning(source, params) | {"data": data}
    trained = runner.models(_target_model, [call], params, label=f"{data.corpus}: final model")[0]
    return _save(trained, data, params, [params.source, data.corpus], trusted)


def _target_model(source, data, folder, params):
    net, rows = model.load(folder), np.arange(len(data.rows))
    key = (params.seed, "finetune", data.corpus, "final")
    return fit.finetune(net, data, rows, params, start="pretrained", rng_key=key, source=source)
