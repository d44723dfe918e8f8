"""How to fine-tune: strategies and feature scalings, and what choosing among them is worth.

The study's own strategy is fixed in its parameter file, before any result. Here it is compared with
the others on test speakers, and with a choice that is made anew in each fold and at each fraction:
in each fold some training speakers are held out, the others' rows fine-tune, those held out
choose, and the fold's test speakers are tested. Every variant has the same rows, batches and random
numbers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hump import evaluation, model
from hump.corpora import splits
from hump.errors import HumpError
from hump.experiments import intervals, protocol, runner
from hump.params import Params, names
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

    They are the first test speakers of the folds that follow, as many as
    `hump.corpora.splits.validating` takes; a fold with one training speaker is left out.

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
        choice = [name for other in following for name in speaker[other.test]]
        held = splits.validating(name for name in choice if name in training)
        if not held:
            continue
        validates = np.isin(speaker[fold.train], held)
        training, held = fold.train[~validates], fold.train[validates]
        inner.append(fold.with_train(training, rows, validation=held))
    return inner


def compare(source, targets, params: Params) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of every variant on validation speakers, and on test speakers.

    Parameters
    ----------
    source : Data
    targets : dict of str to Data
        The first few are used, as the parameters say.
    params : Params

    Returns
    -------
    validation, tested : pandas.DataFrame
        Columns variant, fraction, repeat, fold, n_train, corpus, utterance_id, speaker, emotion,
        predicted.

    Raises
    ------
    HumpError
        No target has three speakers.
    """
    settings, own = params.fraction_curves.strategies, variants(params)
    key = f"{params.seed} strategies"
    inner = {
        name: inner_splits(data.rows, protocol.target_folds(data, params))
        for name, data in targets.items()
    }
    used = [data for name, data in targets.items() if inner[name]][: settings.targets]
    if not used:
        raise HumpError(
            f"study={params.study}: no target has three speakers, one to test, one to validate and "
            "one to train, so that no strategy can be chosen; add 15_strategies to leave_out"
        )
    shared = protocol.finetuning(source, params) | {"variants": own}
    calls = [
        shared | {"data": data, "fold": fold, "repeat": repeat, "fraction": fraction}
        for repeat in range(settings.draws)
        for data in used
        for fraction in settings.fractions
        for fold in inner[data.corpus][: settings.folds]
    ]
    done = runner.run(_compare_job, calls, params, label="fine-tuning strategies")
    parts = {"validation": [], "test": []}
    for call, result in zip(calls, done):
        facts = {name: call[name] for name in ("repeat", "fraction")} | {"column": "variant"}
        for name, found in parts.items():
            one = runner.predictions(call["data"], result[name], rng_key=key, **facts)
            found.append(one)
    return tuple(pd.concat(found, ignore_index=True) for found in parts.values())


def _compare_job(source, data, folder, fold, repeat, fraction, variants, params):
    key = (params.seed, "strategies", data.corpus, fold.name, repeat)
    rows = splits.stratified_draw(data.rows, fold.train, fraction, seeds.generator(*key, "draw"))
    drawn, pretrained = fold.with_train(rows, data.rows), model.load(folder)
    validated, tested = {}, {}
    for variant in variants:
        settings, start = variant.applied(params), variant.start
        net = fit.finetune(
            pretrained, data, drawn.train, settings, start=start, rng_key=key, source=source
        )
        validated[variant.name] = fit.classify(net, data, drawn.validation)
        tested[variant.name] = fit.classify(net, data, drawn.test)
    validation = fit.outcome(data, drawn, validated) | {"rows": drawn.validation.tolist()}
    return {"validation": validation, "test": fit.outcome(data, drawn, tested)}


def table(validation: pd.DataFrame, tested: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The comparison on test speakers: each variant, and what each fold chose, by corpus.

    Parameters
    ----------
    validation, tested : pandas.DataFrame
        As `compare`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, fraction, variant (the last is `hump.params.names.CHOSEN`), strategy,
        scaling_prior, start, in_force (whether it is the study's own), chosen_by (so many of the
        ``runs``, folds and draws, chose it on their validation speakers), the columns of
        `hump.evaluation.summarise`, and the difference in UAR to the study's own with its interval.
    """
    known, settings = variants(params), params.evaluation
    own, by = known[0].name, ["fraction"]
    tuned = [variant.name for variant in known if variant.start == "pretrained"]
    chosen, choice = evaluation.nested(validation, tested, by, "variant", tuned)
    every = pd.concat([tested, chosen], ignore_index=True)
    cells = evaluation.cells(every, [*by, "variant"], **intervals(params, "strategies"))
    facts = pd.DataFrame([vars(variant) for variant in known]).rename(columns={"name": "variant"})
    cells = cells.merge(facts, on="variant", how="left")
    cells["in_force"] = cells["variant"] == own
    apart = evaluation.against(every, by, "variant", own, settings).drop(columns="speakers")
    cells = cells.merge(apart, on=["corpus", *by, "variant"], how="left")
    cells = cells.join(_votes(choice, by), on=["corpus", *by, "variant"])
    cells["chosen_by"] = cells["chosen_by"].fillna(0).astype(int)
    cells["runs"] = cells.groupby(["corpus", *by])["chosen_by"].transform("sum")
    known = [*cells["corpus"].unique(), *(variant.name for variant in known), names.CHOSEN]
    rank = {name: place for place, name in enumerate(known)}
    cells = cells.sort_values(
        ["corpus", *by, "variant"], key=lambda c: c if c.name in by else c.map(rank)
    )
    first = ["corpus", *by, "variant", "strategy", "scaling_prior", "start", "in_force",
             "chosen_by", "runs"]  # fmt: skip
    return cells[[*first, *cells.columns.difference(first, sort=False)]].reset_index(drop=True)


def _votes(choice, by):
    """How many runs chose each variant, of each corpus and of all together."""
    parts = [
        rows.assign(corpus=name) for name, rows in evaluation.with_average(choice.reset_index())
    ]
    votes = pd.concat(parts).groupby(["corpus", *by])["variant"].value_counts()
    return votes.rename("chosen_by")
