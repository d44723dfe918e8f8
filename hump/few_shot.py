"""Few-shot fine-tuning: k utterances of each emotion, of one speaker or of many.

Folds and test speakers are those of `04_finetune`. Whoever records a few utterances would like to
ask one person; whether that will do is what the two draws are compared for.
"""

import numpy as np
import pandas as pd

from hump import baselines, corpora, jobs, protocol, records, seeds, splits, training
from hump.differences import cells, differences

__all__ = ["MANY", "ONE", "answer", "contrasts", "draw", "run", "table"]

ONE, MANY, NOBODY = "one speaker", "many speakers", "no target speaker"
SVM = "SVM on eGeMAPS"


def draw(rows, positions, shots: int, rng, *, heard: str) -> np.ndarray | None:
    """Some utterances of each emotion, all of one speaker or each of another.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    positions : numpy.ndarray of int
        Training rows, drawn from.
    shots : int
        Utterances of each emotion.
    rng : numpy.random.Generator
    heard : str
        `ONE`: a speaker drawn from those who have so many of every emotion. `MANY`: speakers take
        turns in random order, anew for each emotion.

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


def run(source, targets, params) -> pd.DataFrame:
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
        Columns shots, heard, system, repeat, fold, n_train, corpus, utterance_id, speaker, emotion,
        predicted. Cells that no speaker can fill are left out.
    """
    settings, folder = params.fraction_curves.few_shot, params.results / "models" / "source"
    targets = dict(list(targets.items())[: settings.targets])
    own = {name: corpora.frozen_folds(name, params) for name in targets}
    folds = {
        name: splits.speaker_folds(data.rows, params.finetune.max_folds, own[name])
        for name, data in targets.items()
    }
    tasks = [
        {"corpus": name, "fold": fold, "draw": number, "shots": shots, "heard": heard}
        for number in range(settings.draws) for name in targets
        for fold in range(min(settings.folds, len(folds[name])))
        for shots in settings.utterances for heard in (ONE, MANY)
    ]  # fmt: skip
    results = jobs.run(
        _few_shot_job,
        tasks,
        shared={"source": source, "targets": targets, "params": params, "folds": folds,
                "folder": folder},
        key=[records.model_hash(folder), source.features.fingerprint,
             *(records.job_key(params, targets[name], "finetune", own[name]) for name in targets)],
        folder=params.cache / "jobs",
        label="few-shot",
        device=params.device,
    )  # fmt: skip
    parts = []
    for task, result in zip(tasks, results):
        fold = folds[task["corpus"]][task["fold"]]
        parts += [
            records.predictions(targets[task["corpus"]], fold.test, predicted, shots=task["shots"],
                                heard=task["heard"], system=system, repeat=task["draw"],
                                fold=fold.name, n_train=result["n_train"])
            for system, predicted in result["predicted"].items()
        ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _few_shot_job(task, source, targets, params, folds, folder):
    data, fold = targets[task["corpus"]], folds[task["corpus"]][task["fold"]]
    # Not of the number of shots, nor of who is heard.
    purpose = (params.seed, "few-shot", task["corpus"], fold.name, task["draw"])
    rng = seeds.generator(*purpose, "draw", task["heard"])
    train = draw(data.rows, fold.train, task["shots"], rng, heard=task["heard"])
    if train is None:
        return {"n_train": 0, "predicted": {}}
    predicted = {SVM: baselines.fit_predict(SVM, data, train, data, fold.test).tolist()}
    for start in params.finetune.starts:
        net = training.starting(start, folder, data, params, purpose=purpose)
        net = training.finetune(
            net, data, train, params, start=start, purpose=purpose, source=source
        )
        guess = training.predict(net, data, fold.test).argmax(1)
        predicted[protocol.SYSTEMS[start]] = guess.tolist()
    return {"n_train": len(train), "predicted": predicted}


def table(predictions, all_fractions, params) -> pd.DataFrame:
    """UAR by number of shots, who is heard, and system; at 0 shots without any target data.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `run`.
    all_fractions : pandas.DataFrame
        Predictions of `04_finetune`, of which those at 0 % on the same utterances are shown too.
    params : Params

    Returns
    -------
    pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus and on average.
    """
    none = all_fractions[all_fractions["fraction"] == 0]
    none = none[none["system"].isin(predictions["system"])]
    tested = predictions[["corpus", "utterance_id"]].drop_duplicates()
    none = none.merge(tested, on=["corpus", "utterance_id"]).assign(shots=0, heard=NOBODY)
    everything = pd.concat([none[[*predictions.columns]], predictions], ignore_index=True)
    seed = seeds.seed_of(params.seed, "few-shot")
    return cells(everything, ["shots", "heard", "system"], params.evaluation, seed=seed)


def contrasts(predictions, params) -> pd.DataFrame:
    """Many speakers against one at equal shots, and pre-trained against from scratch.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `run`.
    params : Params

    Returns
    -------
    pandas.DataFrame
        Columns contrast, corpus, shots, within (the system, or who is heard), speakers, difference,
        difference_low, difference_high.
    """
    settings, seed = params.evaluation, seeds.seed_of(params.seed, "few-shot")
    parts = []
    for column, first, second, within in (
        ("heard", MANY, ONE, "system"),
        ("system", protocol.PRETRAINED, protocol.SCRATCH, "heard"),
    ):
        found = differences(
            predictions, ["shots", within], column, first, second, settings, seed=seed
        )
        found = found.rename(columns={within: "within"})
        parts.append(found.assign(contrast=f"{first} - {second}"))
    found = pd.concat(parts, ignore_index=True)
    return found[["contrast", *found.columns.drop("contrast")]]


def answer(found: pd.DataFrame) -> str:
    """What few utterances bring, in sentences with intervals, of the average or the only target.

    Parameters
    ----------
    found : pandas.DataFrame
        As `contrasts`.

    Returns
    -------
    str
        Markdown items.
    """
    if found.empty:
        return "* **Few-shot**: no speaker has so many utterances of every emotion."
    rows = found[found["corpus"] == found["corpus"].iloc[-1]]
    rows = rows[rows["within"].isin([protocol.PRETRAINED, MANY])]
    return "\n".join(
        f"* **Few-shot**, {row.shots} of each emotion, {row.within}: {row.contrast} is "
        f"{row.difference:+.3f} [{row.difference_low:+.3f}, {row.difference_high:+.3f}] UAR "
        f"({row.corpus}, {row.speakers} speakers)."
        for row in rows.itertuples()
    )
