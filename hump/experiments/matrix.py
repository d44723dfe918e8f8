"""13: every corpus as the source of every other, and all other languages together as one source."""

import itertools

import numpy as np
import pandas as pd

from hump import evaluation, model
from hump.experiments import protocol, runner
from hump.experiments.transfer import fractions
from hump.params import Params, names
from hump.training import baselines, fit
from hump.training.dataset import joined
from hump.util import seeds

OTHERS = "all other languages"
# ISO 639 code -> family, branch (Eberhard et al., Ethnologue); the study's languages.
FAMILIES = {
    "en": ("Indo-European", "Germanic"), "de": ("Indo-European", "Germanic"),
    "it": ("Indo-European", "Romance"), "es": ("Indo-European", "Romance"),
    "pl": ("Indo-European", "Slavic"), "ur": ("Indo-European", "Indo-Aryan"),
    "zh": ("Sino-Tibetan", "Sinitic"),
}  # fmt: skip


def sources(corpora: dict, target: str) -> dict:
    """Sources for a target: each other corpus, and those of other languages together, if several.

    Together are those with the labels of the target.

    Parameters
    ----------
    corpora : dict of str to Data
    target : str

    Returns
    -------
    dict of str to Data
    """
    single = {name: data for name, data in corpora.items() if name != target}
    own = _language(corpora[target])
    others = [data for data in single.values() if _language(data) != own]
    others = [data for data in others if data.labels == corpora[target].labels]
    return single | ({OTHERS: joined(others)} if len(others) > 1 else {})


def _language(data):
    return data.rows["language"].iloc[0]


def predict(corpora: dict, params: Params) -> pd.DataFrame:
    """Predictions for every pair of source and target, by HuMP-CAT and by a linear probe.

    Parameters
    ----------
    corpora : dict of str to Data
        Of the study.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns source, system, fraction, repeat, rng_key, and those of
        `hump.experiments.runner.predictions`. The probe has no fine-tuning: it is trained on the
        source alone.
    """
    pairs = [(s, data, t) for t in corpora for s, data in sources(corpora, t).items()]
    epochs, count = protocol.chosen_epochs(params), params.experiments.matrix.trainings
    cells = [(*pair, repeat) for pair in pairs for repeat in range(count)]
    calls = [
        protocol.source_training(data, params, epochs, repeat * params.stride)
        for _, data, _, repeat in cells
    ]
    folders = runner.models(fit.pretrain_all, calls, params, label="sources")
    settings = params.only("seed", "model", "finetune", "device")
    jobs = [
        (source,
         {"source": data, "data": corpora[target], "folder": folder, "fold": fold,
          "number": number, "fraction": fraction, "repeat": repeat, "params": settings})
        for (source, data, target, repeat), folder in zip(cells, folders)
        for fraction in fractions(params)
        if not fraction or repeat < params.experiments.matrix.tuned
        for number, fold in _folds(corpora[target], fraction, params)
    ]  # fmt: skip
    done = runner.run(_pair_job, [call for _, call in jobs], params, label="pairs of corpora")
    parts, key = [], {"rng_key": f"{params.seed} finetune"}
    for (source, call), result in zip(jobs, done):
        facts = {"source": source} | {name: call[name] for name in ("fraction", "repeat")} | key
        parts.append(runner.predictions(call["data"], result, **facts))
    return pd.concat(parts, ignore_index=True)


def _folds(data, fraction, params):
    folds = protocol.target_folds(data, params) if fraction else [protocol.untrained(data)]
    return enumerate(folds)


def _pair_job(source, data, folder, fold, number, fraction, repeat, params):
    net = model.load(folder)
    if not fraction:
        everything = np.arange(len(source.rows))
        probe = baselines.fit_predict(names.PROBE, source, everything, data, fold.test)
        predicted = {names.PROBE: probe.tolist()}
    else:
        fold = protocol.draw(data, fold, number, fraction, params, repeat=repeat)
        net = protocol.finetuned(net, source, data, fold, params, fraction=fraction, repeat=repeat)
        predicted = {}
    predicted[names.PRETRAINED] = fit.classify(net, data, fold.test)
    return fit.outcome(data, fold, predicted)


def summarise(predictions: pd.DataFrame, params: Params) -> pd.DataFrame:
    """UAR of every pair, with intervals over speakers and trainings.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `predict`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by source, corpus, fraction and system.
    """
    by, labels = ["source", "corpus", "fraction", "system"], sorted(predictions["emotion"].unique())
    settings = {"settings": params.evaluation, "seed": seeds.seed_of(params.seed, "matrix")}
    return evaluation.summarise(predictions, by, labels, **settings)


def distance(one: str, other: str) -> int:
    """Steps between languages: 0 the same, 1 of a branch, 2 of a family, 3 of different families.

    Parameters
    ----------
    one, other : str
        ISO 639 codes; one that `FAMILIES` lacks is of a family of its own.
    """
    if one == other:
        return 0
    first, second = FAMILIES.get(one, (one, one)), FAMILIES.get(other, (other, other))
    return 3 - sum(a == b for a, b in zip(first, second))


def by_distance(table: pd.DataFrame, languages: dict) -> dict:
    """Does UAR without target data fall with the distance of languages?

    Every source and every target has a level of its own (its loudness, recording and speakers);
    what these leave is compared with the distance. The test exchanges the languages of corpora, in
    all ways if there are at most seven, in 4,999 else (Mantel 1967).

    Parameters
    ----------
    table : pandas.DataFrame
        As `summarise`.
    languages : dict of str to str
        Corpus -> ISO 639 code.

    Returns
    -------
    dict of str to float
        ``slope``, UAR a step of distance; ``p``, two-sided; ``corpora``.
    """
    own = table[(table["fraction"] == 0) & (table["system"] == names.PRETRAINED)]
    known = list(languages)
    uar = own.pivot_table("uar", "source", "corpus").reindex(known, columns=known).to_numpy()
    pairs = ~np.eye(len(known), dtype=bool)
    if len(known) < 3 or np.isnan(uar[pairs]).any():
        return {"slope": np.nan, "p": np.nan, "corpora": len(known)}
    rows, columns = np.nonzero(pairs)
    levels = np.eye(len(known))
    design = np.hstack([levels[rows], levels[columns]])
    project = np.eye(len(rows)) - design @ np.linalg.pinv(design)
    steps = np.array([[distance(languages[a], languages[b]) for b in known] for a in known], float)
    left = project @ uar[pairs]

    def slope(order):
        apart = project @ steps[np.ix_(order, order)][pairs]
        size = apart @ apart
        return apart @ left / size if size > 1e-12 else 0.0

    orders = itertools.permutations(range(len(known)))
    if len(known) > 7:
        rng = np.random.default_rng(0)
        orders = [np.arange(len(known)), *(rng.permutation(len(known)) for _ in range(4999))]
    drawn = np.array([slope(np.array(order)) for order in orders])
    p = np.mean(np.abs(drawn) >= abs(drawn[0]) - 1e-12)
    return {"slope": float(drawn[0]), "p": float(p), "corpora": len(known)}
