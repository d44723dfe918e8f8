"""Prosody that DisVoice cannot compute: how often, and what it changes to call it unknown.

    python benchmarks/prosody.py [folder of corpora]

DisVoice writes 0 for a group of statistics that it has nothing to compute from
(`hump.features.prosody.clean`). For each corpus of the folder (default: HUMP_DATA) this counts the
recordings in use without any prosody, without a family, and without statistics of pauses, in a
sample of 300 where nothing is trained. On three corpora
HuMP-CAT and the same model on prosody alone are trained and tested on unseen speakers, by the code
and settings of `05_fusion_ablation` in the open study, with the zeros as numbers and as unknown.
Differences are of the same folds and random numbers. Writes `results/prosody.json`.
"""

import hashlib
import json
import os
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
os.environ["PYTHONPATH"] = sys.path[0]

from hump import audio, corpora, evaluation, params  # noqa: E402
from hump.experiments import fusion, variants  # noqa: E402
from hump.features import extract_corpus, prosody  # noqa: E402
from hump.params import folders, names  # noqa: E402
from hump.training.dataset import Data  # noqa: E402
from hump.util import parallel  # noqa: E402

TRAINED = ("ravdess", "emodb", "casia")
SAMPLE = 300
SYSTEMS = (fusion.FULL, "prosody alone")
ZERO, UNKNOWN = "0", "unknown"


def main(arguments):
    study = params.load_params(HERE.parent / "params" / "open.yaml")
    root, started = Path(arguments[0] if arguments else study.data).resolve(), time.time()
    os.environ["HUMP_DATA"] = str(root)
    counted, lines = [], []
    present = [n for n in folders.CORPORA if folders.corpus_folder(n, root).is_dir()]
    for name in sorted(present, key=lambda name: name not in TRAINED):
        rows = corpora.used(corpora.read(name, root))
        if name not in TRAINED:
            rows = rows.iloc[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)]
        values = _values(rows, folders.corpus_folder(name, root))
        counted.append(_counted(name, values))
        print(json.dumps(counted[-1]), flush=True)
        if name in TRAINED:
            lines += _compared(name, rows, values, study)
            print(json.dumps(lines[-len(SYSTEMS) :], indent=1), flush=True)
    result = {
        "machine": {"machine": platform.machine(), "cores": parallel.workers(),
                    "seconds": round(time.time() - started)},
        "unknown": counted, "uar": lines,
    }  # fmt: skip
    (HERE / "results" / "prosody.json").write_text(json.dumps(result, indent=1) + "\n")


def _values(rows, folder):
    """What DisVoice gives of every utterance, shape (rows, 103); NaN where it fails."""
    pool = joblib.Parallel(n_jobs=parallel.workers())
    return np.stack(pool(joblib.delayed(_extract)(folder / path) for path in rows["path"]))


def _extract(file):
    try:
        return prosody.extract(audio.load(file))
    except prosody.NoProsody:
        return np.full(prosody.WIDTH, np.nan)


def _counted(name, values):
    unknown = np.isnan(prosody.clean(values))
    families = dict(zip(prosody.FAMILIES, prosody.undefined_families(prosody.clean(values)).T))
    families["pauses"] = unknown[:, prosody.feature_names().index("avgdurpause")]
    return {
        "corpus": name,
        "utterances": len(values),
        "without_prosody": int(unknown.all(axis=1).sum()),
        **{f"share_{family}": round(float(rows.mean()), 4) for family, rows in families.items()},
        "values_unknown_before": round(float(np.isnan(_with_zeros(values)).mean()), 4),
        "values_unknown": round(float(unknown.mean()), 4),
    }


def _with_zeros(values):
    defined = np.abs(values) < prosody.UNDEFINED
    return np.where(defined, values, np.nan).astype(np.float32)


def _compared(name, rows, values, study):
    """UAR of both systems with zeros as numbers and as unknown, and the difference."""
    own = study.model_copy(update={"source": name, "folds": {}})
    data = Data(rows, extract_corpus(rows, own), names.EMOTIONS)
    kinds = {ZERO: _with_zeros(values), UNKNOWN: prosody.clean(values)}
    described = {"study": data} | {kind: _with(data, kinds[kind]) for kind in kinds}
    every = fusion.systems(data, own)
    chosen = [
        replace(variant, system=f"{variant.system}|{kind}", data=kind)
        for kind in kinds for variant in every if variant.system in SYSTEMS
    ]  # fmt: skip
    run = variants.cross_validate(described, chosen, own, label=name)
    table = run.predictions.assign(corpus=name)
    table[["system", "zeros"]] = table["system"].str.split("|", expand=True).to_numpy()
    scores = evaluation.cells(table, ["system", "zeros"], own.evaluation, seed=own.seed)
    apart = evaluation.differences(
        table, ["system"], "zeros", UNKNOWN, ZERO, own.evaluation, seed=own.seed
    )
    return [_line(name, system, scores, apart) for system in SYSTEMS]


def _with(data, values):
    mark = hashlib.sha256(values.tobytes()).hexdigest()
    streams = {**data.features.streams, "prosody": values}
    return replace(data, features=replace(data.features, streams=streams, fingerprint=mark))


def _line(name, system, scores, apart):
    scores = scores[scores["system"] == system].set_index("zeros")
    (difference,) = apart[apart["system"] == system].to_dict("records")
    line = {"corpus": name, "system": system, "speakers": int(difference["speakers"])}
    for kind in (ZERO, UNKNOWN):
        shown = scores.loc[kind, ["uar", "uar_low", "uar_high"]]
        line[f"uar_{kind}"] = [round(float(value), 4) for value in shown]
    keys = ("difference", "difference_low", "difference_high")
    return line | {"difference": [round(float(difference[key]), 4) for key in keys]}


if __name__ == "__main__":
    main(sys.argv[1:])
