"""What fine-tuning does to a model, on a target: one fine-tuning in each of some folds, watched.

It is the study's own at its headline fraction (first draw), but for some training speakers whose
drawn utterances are held out to fit a temperature. Nothing is chosen by test speakers: they are
measured afterwards, and their labels enter only what is reported.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hump import corpora, jobs, records, seeds, splits, summary
from hump.data import Data
from hump.diagnostics import attention, calibration
from hump.diagnostics.fold import job

__all__ = ["Diagnosis", "diagnose_target"]


@dataclass(frozen=True)
class Diagnosis:
    """Of one target.

    Attributes
    ----------
    attention : pandas.DataFrame
        Normalised entropy a head and update, on test speakers; as
        `hump.diagnostics.attention.summarise`. Update 0 is the source model, its feature scaling
        already the target's.
    calibration, reliability : pandas.DataFrame
        As `hump.diagnostics.calibration.summarise` and ``reliability``, at 0 % and at the headline
        fraction.
    embeddings : pandas.DataFrame
        A row an utterance and moment: moment (``before`` or ``after`` fine-tuning), corpus,
        utterance_id, emotion, x, y, by the first fold's model; no target utterance shown was
        trained on.
    separation : pandas.DataFrame
        Silhouettes of the same embeddings: corpus, moment, groups (``emotions``, of the target, or
        ``corpora``), utterances, silhouette.
    """

    attention: pd.DataFrame
    calibration: pd.DataFrame
    reliability: pd.DataFrame
    embeddings: pd.DataFrame
    separation: pd.DataFrame


def diagnose_target(source: Data, data: Data, params) -> Diagnosis:
    """Fine-tune in some folds (`diagnostics.folds`) and look inside.

    Parameters
    ----------
    source, data : Data
        The source corpus, of which some utterances are embedded beside the target's, and the
        target.
    params : Params

    Returns
    -------
    Diagnosis
    """
    corpus = data.rows["corpus"].iloc[0]
    folder = params.results / "models" / "source"
    own = corpora.frozen_folds(corpus, params)
    folds = splits.speaker_folds(data.rows, params.finetune.max_folds, own)
    # Evenly over all folds, which may be sorted by sex.
    looked_into = np.linspace(0, len(folds) - 1, min(len(folds), params.diagnostics.folds))
    results = jobs.run(
        job,
        [{"fold": None}, *({"fold": int(number)} for number in looked_into)],
        shared={"source": source, "data": data, "params": params, "folds": folds, "folder": folder},
        key=_key(source, data, params, folds, folder),
        folder=params.cache / "jobs",
        label=f"{corpus}: diagnostics",
        device=params.device,
    )
    fraction = summary.headline(params)
    seed = seeds.seed_of(params.seed, "diagnostics", corpus)
    scored = pd.concat(
        [_scored(data, result, corpus, fraction) for result in results], ignore_index=True
    )
    # The source model is compared on the same utterances.
    scored = scored[scored["utterance_id"].isin(scored.loc[scored["n_train"] > 0, "utterance_id"])]
    measured = [pd.DataFrame(result["attention"]) for result in results[1:]]
    measured = pd.concat(measured, ignore_index=True).assign(corpus=corpus, fraction=fraction)
    measured["speaker"] = data.rows["speaker"].to_numpy()[measured["position"].astype(int)]
    return Diagnosis(
        attention.summarise(
            measured, ["corpus", "fraction", "update"], params.evaluation, seed=seed
        ),
        calibration.summarise(scored, params.evaluation, seed=seed),
        calibration.reliability(scored, params.evaluation, seed=seed),
        pd.DataFrame(results[1]["embeddings"]),
        pd.DataFrame(results[1]["separation"]).assign(corpus=corpus),
    )


def _key(source, data, params, folds, folder):
    settings = params.model_dump(mode="json")
    needed = ("seed", "source", "labels", "model", "device", "finetune")
    identities = [*records.identity(source), *records.identity(data), records.model_hash(folder)]
    chosen = [np.r_[fold.train, -1, fold.test].tolist() for fold in folds]
    return ["diagnostics", {key: settings[key] for key in needed}, identities, chosen]


def _scored(data, result, corpus, fraction):
    """A row an utterance: how sure the model was, and whether it was right."""
    if not result["test"]:
        return pd.DataFrame()
    positions, probabilities = np.array(result["test"]), np.array(result["probabilities"])
    facts = {key: result[key] for key in ("fold", "n_train", "n_calibration")}
    scalings, fitted = [("none", 1.0, probabilities)], result["temperature"]
    if not np.isnan(fitted):
        scalings.append(("temperature", fitted, calibration.scale(probabilities, fitted)))
    true = data.classes[positions]
    parts = [
        pd.DataFrame({
            "corpus": corpus, "fraction": fraction if result["n_train"] else 0.0,
            "scaling": name, "temperature": temperature, **facts,
            "utterance_id": data.rows["utterance_id"].to_numpy()[positions],
            "speaker": data.rows["speaker"].to_numpy()[positions],
            "confidence": p.max(axis=1), "right": p.argmax(axis=1) == true,
            "nll": -np.log(np.maximum(p[np.arange(len(true)), true], np.finfo(np.float32).tiny)),
        })
        for name, temperature, p in scalings
    ]  # fmt: skip
    return pd.concat(parts)
