"""What jobs are known by, and what is written down of their results."""

import hashlib

import numpy as np
import pandas as pd

from hump import tables

__all__ = ["identity", "job_key", "model_hash", "origin", "predictions"]


def job_key(params, data, section: str, folds) -> list:
    """What the results of a corpus's jobs depend on besides the task.

    Parameters
    ----------
    params : Params
    data : Data
    section : str
        Of the parameters, the one that the jobs follow.
    folds : sequence of Fold or Split

    Returns
    -------
    list
        For `hump.jobs.run`.
    """
    settings = params.model_dump(mode="json")
    needed = {k: settings[k] for k in ("seed", "source", "labels", "model", "device", section)}
    return [needed, *identity(data), [vars(fold) for fold in folds]]


def identity(data) -> list[str]:
    """Hash of a corpus's labels in use, and fingerprint of its features.

    Parameters
    ----------
    data : Data
    """
    rows = data.rows[["utterance_id", "speaker", "emotion"]].to_csv(index=False)
    return [hashlib.sha256(rows.encode()).hexdigest(), data.features.fingerprint]


def model_hash(folder) -> str:
    """Identity of a saved model's weights, 64 hexadecimal digits.

    Parameters
    ----------
    folder : Path
    """
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def predictions(data, positions, predicted, **columns) -> pd.DataFrame:
    """Predictions as a table.

    Parameters
    ----------
    data : Data
    positions : sequence of int
        Rows that were tested.
    predicted : sequence of int
        Class of each.
    **columns
        Further columns, the same in every row.

    Returns
    -------
    pandas.DataFrame
        Those, and corpus, utterance_id, speaker, emotion, predicted.
    """
    rows = data.rows.iloc[positions]
    return pd.DataFrame({
        **columns,
        "corpus": rows["corpus"].to_numpy(),
        "utterance_id": rows["utterance_id"].to_numpy(),
        "speaker": rows["speaker"].to_numpy(),
        "emotion": rows["emotion"].to_numpy(),
        "predicted": np.array(data.labels, dtype=object)[predicted],
    })  # fmt: skip


def origin(params, data, trained_on) -> dict:
    """Where a model comes from and what its input is, to be saved with it.

    Parameters
    ----------
    params : Params
    data : Data
    trained_on : list of str
        Corpora.

    Returns
    -------
    dict
        For `hump.model.save`.
    """
    return {
        "study": params.study,
        "seed": params.seed,
        "trained_on": trained_on,
        "synthetic": params.synthetic,
        "encoder": params.features.encoder,
        "encoder_label": data.features.encoder,
        "layers": list(params.features.layers),
        "features": data.features.fingerprint,
        "corpora": tables.fingerprint(params),
    }
