"""Which way to fine-tune: strategies and scalings, compared on validation speakers.

Of each fold's training speakers some are held out; the others' rows fine-tune, those validate, and
the fold's test speakers play no part. Every variant has the same rows, batches and random numbers.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hump import corpora, jobs, records, seeds, splits, training
from hump.differences import cells, differences

__all__ = ["Variant", "answer", "compare", "inner_splits", "table", "variants"]

NAMES = {
    "all": "everything at once",
    "head_first": "head first",
    "gradual": "gradual unfreezing",
    "l2sp": "pull to the source (L2-SP)",
    "joint": "joint with source rows",
}
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

    def applied(self, params):
        """Parameters under which `hump.training.finetune` does this."""
        changed = {"strategy": self.strategy, "scaling_prior": self.scaling_prior}
        tune = params.finetune.model_copy(update=changed)
        return params.model_copy(update={"finetune": tune})


def variants(params) -> list[Variant]:
    """What is compared: strategies, then scalings under the strategy in force, then scratch.

    Parameters
    ----------
    params : Params

    Returns
    -------
    list of Variant
        The first is the one in force.
    """
    settings, tune = params.fraction_curves.strategies, params.finetune
    order = sorted(settings.compared, key=lambda name: name != tune.strategy)
    found = [Variant(NAMES[name], name, tune.scaling_prior) for name in order]
    found += [
        Variant(f"{NAMES[tune.strategy]}, {name}'s scaling alone", tune.strategy, SCALINGS[name])
        for name in settings.scalings
    ]
    return [*found, Variant(FROM_SCRATCH, "all", 0.0, start="scratch")]


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
    speaker, found = rows["speaker"].to_numpy(), []
    for number, fold in enumerate(folds):
        heard = set(speaker[fold.train])
        following = folds[number + 1 :] + folds[:number]
        choice = [heard & set(speaker[other.test]) for other in following]
        choice.append(set(sorted(heard)[: len(heard) // 2]))
        held = next((names for names in choice if names and names != heard), None)
        if held is None:
            continue
        validates = np.isin(speaker[fold.train], sorted(held))
        parts = {"train": fold.train[~validates], "validation": fold.train[validates]}
        found.append(replace(fold, **parts).checked(rows))
    return found


def compare(source, targets, params) -> pd.DataFrame:
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
    settings, folder = params.fraction_curves.strategies, params.results / "models" / "source"
    targets = dict(list(targets.items())[: settings.targets])
    own = {name: corpora.frozen_folds(name, params) for name in targets}
    inner = {
        name: inner_splits(
            data.rows, splits.speaker_folds(data.rows, params.finetune.max_folds, own[name])
        )[: settings.folds]
        for name, data in targets.items()
    }
    tasks = [
        {"corpus": name, "fold": fold, "draw": draw}
        for draw in range(settings.draws) for name in targets for fold in range(len(inner[name]))
    ]  # fmt: skip
    results = jobs.run(
        _compare_job,
        tasks,
        shared={"source": source, "targets": targets, "params": params, "inner": inner,
                "folder": folder},
        key=[settings.model_dump(), records.model_hash(folder), source.features.fingerprint,
             *(records.job_key(params, targets[name], "finetune", own[name]) for name in targets)],
        folder=params.cache / "jobs",
        label="fine-tuning strategies",
        device=params.device,
    )  # fmt: skip
    parts = []
    for task, result in zip(tasks, results):
        fold = inner[task["corpus"]][task["fold"]]
        parts += [
            records.predictions(targets[task["corpus"]], fold.validation, predicted, variant=name,
                                repeat=task["draw"], fold=fold.name, n_train=result["n_train"])
            for name, predicted in result["predicted"].items()
        ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _compare_job(task, source, targets, params, inner, folder):
    data, fold = targets[task["corpus"]], inner[task["corpus"]][task["fold"]]
    fraction = params.fraction_curves.strategies.fraction
    purpose = (params.seed, "strategies", task["corpus"], fold.name, task["draw"])
    rng = seeds.generator(*purpose, "draw")
    train = splits.stratified_draw(data.rows, fold.train, fraction, rng)
    predicted = {}
    for variant in variants(params):
        net = training.starting(variant.start, folder, data, params, purpose=purpose)
        net = training.finetune(net, data, train, variant.applied(params), start=variant.start,
                                purpose=purpose, source=source)  # fmt: skip
        guess = training.predict(net, data, fold.validation).argmax(1)
        predicted[variant.name] = guess.tolist()
    return {"n_train": len(train), "predicted": predicted}


def table(predictions, params) -> pd.DataFrame:
    """The comparison: each variant by corpus and on average.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `compare`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns corpus, variant, strategy, scaling_prior, start, in_force, winner (of those from
        pre-trained weights, by UAR), n_train, utterances, speakers, repeats, the metrics with
        ``_low`` and ``_high``, and the difference in UAR to the variant in force with its own.
    """
    known, settings = variants(params), params.evaluation
    seed = seeds.seed_of(params.seed, "strategies")
    found = cells(predictions, ["variant"], settings, seed=seed)
    facts = pd.DataFrame([vars(variant) for variant in known]).rename(columns={"name": "variant"})
    facts["in_force"] = facts["variant"] == known[0].name
    found = found.merge(facts, on="variant")
    pairs = [
        predictions[predictions["variant"] == name].assign(variant=other.name, side=side)
        for other in known[1:] for side, name in (("other", other.name), ("force", known[0].name))
    ]  # fmt: skip
    apart = differences(
        pd.concat(pairs), ["variant"], "side", "other", "force", settings, seed=seed
    )
    found = found.merge(apart.drop(columns="speakers"), on=["corpus", "variant"], how="left")
    rank = {variant.name: number for number, variant in enumerate(known)}
    corpora_in_order = list(dict.fromkeys(found["corpus"]))
    place = found["corpus"].map(corpora_in_order.index) * len(rank) + found["variant"].map(rank)
    found = found.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
    # Of equals the first, which is the one in force if it is among them.
    tuned = found[found["start"] == "pretrained"]
    found["winner"] = found.index.isin(tuned.groupby("corpus")["uar"].idxmax())
    first = ["corpus", "variant", "strategy", "scaling_prior", "start", "in_force", "winner"]
    return found[[*first, *found.columns.difference(first, sort=False)]]


def answer(found: pd.DataFrame) -> str:
    """Which strategy wins on validation speakers, and whether it is the one in force.

    Parameters
    ----------
    found : pandas.DataFrame
        As `table`.

    Returns
    -------
    str
        A Markdown sentence.
    """
    rows = found[found["corpus"] == found["corpus"].iloc[-1]]  # the average, if there is one
    force, best = (rows[rows[column]].iloc[0] for column in ("in_force", "winner"))
    tuned = rows[rows["start"] == "pretrained"]
    equals = int(np.isclose(tuned["uar"], best.uar).sum()) - 1
    text = (
        f"**Strategy** ({best.corpus}, {best.speakers} validation speakers, fine-tuned on "
        f"{best.n_train} utterances): of {len(tuned)} ways the best is *{best.variant}* with a "
        f"UAR of {best.uar:.3f} [{best.uar_low:.3f}, {best.uar_high:.3f}]"
    )
    text += f", level with {equals} others" if equals else ""
    if best.in_force:
        return text + "; it is the one in force."
    low, high = best.difference_low, best.difference_high
    told = "the interval leaves out 0, but" if low > 0 else "the interval holds 0, and"
    return text + (
        f"; the one in force is *{force.variant}*, {best.difference:.3f} [{low:+.3f}, {high:+.3f}] "
        f"below it ({told} is not corrected for choosing the best of {len(tuned)})."
    )
