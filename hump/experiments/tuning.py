"""How to fine-tune: strategies and feature scalings, compared on validation speakers.

In each fold some training speakers are held out: the others' rows fine-tune, those validate, and
the fold's test speakers play no part. Every variant has the same rows, batches and random numbers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hump import evaluation, model
from hump.corpora import splits
from hump.experiments import protocol, runner
from hump.params import Params
from hump.training import fit
from hump.training.strategies import STRATEGIES
from hump.util import seeds

SCALINGS = {"source": np.inf, "target": 0.0}
FROM_SCRATCH = "from scratch"


@dataclass(frozen=True)
class Variant:
    """A way to fine-tune.

    Attributes
    ----------
    name : str
    strategy : str
    scaling_prior : float
        Utterances that the source's scaling counts for; infinite: the source's alone.
    start : str
    """

    name: str
    strategy: str
    scaling_prior: float
    start: str = "pretrained"

    def applied(self, params: Params) -> Params:
        """Parameters under which `hump.training.fit.finetune` does this."""
        changed = {"strategy": self.strategy, "scaling_prior": self.scaling_prior}
        finetune = params.finetune.model_copy(update=changed)
        return params.model_copy(update={"finetune": finetune})


def variants(params: Params) -> list[Variant]:
    """What is compared: strategies, then scalings under the study's strategy, then from scratch.

    Parameters
    ----------
    params : Params

    Returns
    -------
    list of Variant
        The first is the study's own.
    """
    settings, own = params.fraction_curves.strategies, params.finetune
    order = sorted(settings.compared, key=lambda name: name != own.strategy)
    compared = [Variant(STRATEGIES[name].title, name, own.scaling_prior) for name in order]
    title = STRATEGIES[own.strategy].title
    compared += [
        Variant(f"{title}, {name}'s scaling alone", own.strategy, SCALINGS[name])
        for name in settings.scalings
    ]
    return [*compared, Variant(FROM_SCRATCH, "all", 0.0, start="scratch")]


def inner_splits(rows, folds) -> list[splits.Split]:
    """Folds with validation speakers taken from their training speakers.

    They are the test speakers of the next fold that leaves somebody to train on, else half of the
    training speakers; a fold with one training speaker is left out.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    folds : list of Split

    Returns
    -------
    list of Split
    """
    speaker, inner = rows["speaker"].to_numpy(), []
    for number, fold in enumerate(folds):
        training = set(speaker[fold.train])
        following = folds[number + 1 :] + folds[:number]
        choice = [training & set(speaker[other.test]) for other in following]
        choice.append(set(sorted(training)[: len(training) // 2]))
        held = next((names for names in choice if names and names != training), None)
        if held is None:
            continue
        validates = np.isin(speaker[fold.train], sorted(held))
        training, held = fold.train[~validates], fold.train[validates]
        inner.append(fold.with_train(training, rows, validation=held))
    return inner


def compare(source, targets, params: Params) -> pd.DataFrame:
    """Predictions of every variant on validation speakers.

    Parameters
    ----------
    source : Data
    targets : dict of str to Data
        The first few are used, as the parameters say.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns variant, repeat, fold, n_train, corpus, utterance_id, speaker, emotion, predicted.
    """
    settings, own = params.fraction_curves.strategies, variants(params)
    used = list(targets.values())[: settings.targets]
    inner = {
        data.corpus: inner_splits(data.rows, protocol.target_folds(data, params))[: settings.folds]
        for data in used
    }
    cells = [
        {"data": data, "fold": fold, "repeat": repeat}
        for repeat in range(settings.draws)
        for data in used
        for fold in inner[data.corpus]
    ]
    shared = protocol.finetuning(source, params) | {"variants": own, "fraction": settings.fraction}
    calls = [cell | shared for cell in cells]
    done = runner.run(_compare_job, calls, params, label="fine-tuning strategies")
    parts = [
        runner.predictions(cell["data"], result, column="variant", repeat=cell["repeat"])
        for cell, result in zip(cells, done)
    ]
    return pd.concat(parts, ignore_index=True)


def _compare_job(source, data, folder, fold, repeat, fraction, variants, params):
    key = (params.seed, "strategies", data.corpus, fold.name, repeat)
    rows = splits.stratified_draw(data.rows, fold.train, fraction, seeds.generator(*key, "draw"))
    drawn, pretrained, predicted = fold.with_train(rows, data.rows), model.load(folder), {}
    for variant in variants:
        settings, start = variant.applied(params), variant.start
        net = fit.finetune(
            pretrained, data, drawn.train, settings, start=start, rng_key=key, source=source
        )
        predicted[variant.name] = fit.classify(net, data, drawn.validation)
    return fit.outcome(drawn, predicted) | {"rows": drawn.validation.tolist()}


def table(predictions: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The comparison: each variant by corpus and on average.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `compare`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, variant, strategy, scaling_prior, start, in_force (whether it is the
        study's own), winner (best UAR from pre-trained weights), n_train, utterances, speakers,
        repeats, the metrics with ``_low`` and ``_high``, and the difference in UAR to the study's
        own with its interval.
    """
    known, settings = variants(params), params.evaluation
    own, seed = known[0].name, seeds.seed_of(params.seed, "strategies")
    cells = evaluation.cells(predictions, ["variant"], settings, seed=seed)
    facts = pd.DataFrame([vars(variant) for variant in known]).rename(columns={"name": "variant"})
    facts["in_force"] = facts["variant"] == own
    cells = cells.merge(facts, on="variant")
    pairs = [
        predictions[predictions["variant"] == name].assign(variant=other.name, side=side)
        for other in known[1:]
        for side, name in (("other", other.name), ("own", own))
    ]
    apart = evaluation.differences(pd.concat(pairs), ["variant"], "side", "other", "own", settings)
    cells = cells.merge(apart.drop(columns="speakers"), on=["corpus", "variant"], how="left")
    rank = {variant.name: number for number, variant in enumerate(known)}
    corpora_in_order = list(dict.fromkeys(cells["corpus"]))
    place = cells["corpus"].map(corpora_in_order.index) * len(rank) + cells["variant"].map(rank)
    cells = cells.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
    # Among equals the first, which is the study's own if it is one of them.
    tuned = cells[cells["start"] == "pretrained"]
    cells["winner"] = cells.index.isin(tuned.groupby("corpus")["uar"].idxmax())
    first = ["corpus", "variant", "strategy", "scaling_prior", "start", "in_force", "winner"]
    return cells[[*first, *cells.columns.difference(first, sort=False)]]
