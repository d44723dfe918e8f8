"""Few-shot fine-tuning: k utterances of each emotion, of one speaker or of many.

Folds and test speakers are those of `04_finetune`. Whoever records a few utterances would rather
ask one person; the two ways to draw show whether that is enough.
"""

import numpy as np
import pandas as pd

from hump import evaluation, model
from hump.errors import HumpError
from hump.experiments import intervals, protocol, runner
from hump.params import Params, names
from hump.training import baselines, fit
from hump.util import seeds

ONE, MANY, NOBODY = "one speaker", "many speakers", "no target speaker"


def draw(rows, positions, shots: int, rng, *, heard: str) -> np.ndarray | None:
    """Some utterances of each emotion, all of one speaker or spread over speakers.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    positions : numpy.ndarray of int
        Training rows, to draw from.
    shots : int
        Utterances of each emotion.
    rng : numpy.random.Generator
    heard : str
        `ONE`: a random speaker among those who have so many of every emotion. `MANY`: speakers
        take turns in random order, anew for each emotion.

    Returns
    -------
    numpy.ndarray of int or None
        Sorted positions; None if no speaker, or not all together, have so many of every emotion.
    """
    part = rows.iloc[positions][["speaker", "emotion"]].assign(position=positions)
    counts = pd.crosstab(part["speaker"], part["emotion"])
    if heard == ONE:
        able = counts.index[(counts >= shots).all(axis=1)].to_numpy()
        if not len(able):
            return None
        part = part[part["speaker"] == rng.choice(able)]
    elif (counts.sum() < shots).any():
        return None
    part = part.iloc[rng.permutation(len(part))]
    turn = part.groupby(["emotion", "speaker"]).cumcount()
    taken = part.iloc[np.argsort(turn, kind="stable")].groupby("emotion").head(shots)
    return np.sort(taken["position"].to_numpy())


def run(source, targets, params: Params) -> pd.DataFrame:
    """Predictions of every cell.

    Parameters
    ----------
    source : Data
        The source corpus, for the strategy ``joint``.
    targets : dict of str to Data
        The first few are used, as the parameters say.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns system, shots, heard, repeat, fold, n_train, corpus, utterance_id, speaker, emotion,
        predicted. Cells that no speaker can fill are left out.
    """
    settings = params.fraction_curves.few_shot
    used = list(targets.values())[: settings.targets]
    shared = protocol.finetuning(source, params)
    calls = [
        shared | {"data": data, "fold": fold, "repeat": repeat, "shots": shots, "heard": heard}
        for repeat in range(settings.draws)
        for data in used
        for fold in protocol.target_folds(data, params)[: settings.folds]
        for shots in settings.utterances
        for heard in (ONE, MANY)
    ]
    done = runner.run(_few_shot_job, calls, params, label="few-shot")
    facts, key = ("shots", "heard", "repeat"), {"rng_key": f"{params.seed} few-shot"}
    parts = [
        runner.predictions(call["data"], result, **key, **{name: call[name] for name in facts})
        for call, result in zip(calls, done)
        if result["predicted"]
    ]
    if not parts:
        raise HumpError(
            f"study={params.study}: no speaker of {', '.join(data.corpus for data in used)} has "
            f"{min(settings.utterances)} utterances of each emotion; lower "
            "fraction_curves.few_shot.utterances, or add 15_strategies to leave_out"
        )
    return pd.concat(parts, ignore_index=True)


def _few_shot_job(source, data, folder, fold, repeat, shots, heard, params):
    # Without the number of shots and the way to draw: only the training rows differ.
    key = (params.seed, "few-shot", data.corpus, fold.name, repeat)
    rng = seeds.generator(*key, "draw", heard)
    rows = draw(data.rows, fold.train, shots, rng, heard=heard)
    if rows is None:
        return fit.outcome(data, fold, {})
    split = fold.with_train(rows, data.rows)
    svm = baselines.fit_predict(names.SVM, data, split.train, data, split.test)
    keys = dict.fromkeys(params.finetune.starts, key)
    tuned = fit.finetune_and_test(model.load(folder), data, split, params, keys, source)
    return fit.outcome(data, split, {names.SVM: svm.tolist()} | tuned)


def table(predictions, all_fractions, params: Params) -> pd.DataFrame:
    """UAR by number of shots, way to draw, and system; at 0 shots without any target data.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `run`.
    all_fractions : pandas.DataFrame
        Predictions of `04_finetune`; those at 0 % on the same utterances are added.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.cells`.
    """
    none = all_fractions[all_fractions["fraction"] == 0]
    none = none[none["system"].isin(predictions["system"])]
    tested = predictions[["corpus", "utterance_id"]].drop_duplicates()
    none = none.merge(tested, on=["corpus", "utterance_id"]).assign(shots=0, heard=NOBODY)
    everything = pd.concat([none[[*predictions.columns]], predictions], ignore_index=True)
    by = ["shots", "heard", "system"]
    return evaluation.cells(everything, by, **intervals(params, "few-shot"))


def contrasts(predictions, params: Params) -> pd.DataFrame:
    """Many speakers against one at equal shots, and pre-trained against from scratch.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `run`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns contrast, corpus, shots, within (the system, or the way to draw), speakers,
        difference, difference_low, difference_high.
    """
    parts = []
    for column, first, second, within in (
        ("heard", MANY, ONE, "system"),
        ("system", names.PRETRAINED, names.SCRATCH, "heard"),
    ):
        rows = evaluation.differences(
            predictions, ["shots", within], column, first, second, params.evaluation
        )
        parts.append(rows.rename(columns={within: "within"}).assign(contrast=f"{first} - {second}"))
    rows = pd.concat(parts, ignore_index=True)
    return rows[["contrast", *rows.columns.drop("contrast")]]
