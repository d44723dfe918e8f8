"""How much encoders know about emotions: linear probes on their layers and on rivals.

    python benchmarks/encoder.py CORPORA hubert-mini=hump/assets/hubert-mini untrained=untrained
        teacher=FOLDER former=FOLDER ...

Six corpora are read from the folder CORPORA, of nEMO 1,200 utterances. An utterance is described by
the mean and standard deviation over time of a layer of an encoder or of 39-d MFCC; or by eGeMAPS.
The probe is the study's linear SVM, tested on speakers it was not trained on: in up to ten folds of
whole speakers. Intervals come from resampling speakers; the first encoder's layers 1 and 9 are
tested against each rival over the speakers of all corpora together (Holm's correction). `teacher`
is an upper mark; `former`, HuBERT's own recipe on synthetic speech. Settings were chosen on
RAVDESS; the other corpora were looked at once. Features are kept in ``cache/benchmark-encoder``.
Writes `results/encoder.json` and a figure.
"""

import hashlib
import json
import os
import platform
import sys
import time
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
os.environ["PYTHONPATH"] = sys.path[0]

from hump import audio, corpora, evaluation, params  # noqa: E402
from hump.evaluation import paired  # noqa: E402
from hump.features import egemaps, encoders, hubert, mfcc  # noqa: E402
from hump.plots.style import applied  # noqa: E402
from hump.util import parallel  # noqa: E402

CORPORA = ("emodb", "casia", "urdu", "emovo", "ravdess", "nemo")
LARGEST = 1_200
RIVALS = ("MFCC statistics", "eGeMAPS")
PAPERS = "layers 1 and 9"
FOLDS, SEED = 10, 1
CACHE = HERE.parent / "cache" / "benchmark-encoder"


def main(arguments):
    folder, named = arguments[0], dict(argument.split("=", 1) for argument in arguments[1:])
    study = params.load_params(HERE.parent / "params" / "demo.yaml")
    started, predictions = time.time(), []
    for name in CORPORA:
        root = Path(folder) / name
        rows = corpora.used(corpora.read(name, Path(folder)))
        rows = rows.sample(min(len(rows), LARGEST), random_state=SEED).reset_index(drop=True)
        predicted = _predictions(rows, _features(name, rows, root, named))
        predictions.append(predicted.assign(corpus=name))
        print(_printed(_summary(predictions[-1:], study)), flush=True)
    table = _summary(predictions, study)
    tests = _tests(pd.concat(predictions), next(iter(named)), study)
    print(tests.to_string())
    result = {
        "machine": {"machine": platform.machine(), "cores": parallel.workers(),
                    "seconds": round(time.time() - started)},
        "encoders": {label: encoders.find(name).fingerprint for label, name in named.items()},
        "tests": json.loads(tests.round(5).to_json(orient="records")),
        "lines": json.loads(table.round(4).to_json(orient="records")),
    }  # fmt: skip
    (HERE / "results" / "encoder.json").write_text(json.dumps(result, indent=1) + "\n")
    _figure(table, list(named), HERE / "results" / "encoder.png")


def _features(corpus, rows, root, named):
    """Encoder and kind of features -> one row an utterance."""
    files = [root / path for path in rows["path"]]
    acoustic = _kept(f"{corpus}-acoustic", files, _acoustic, "")
    kinds = {("none", rival): acoustic[:, part] for rival, part in zip(RIVALS, _PARTS, strict=True)}
    for label, name in named.items():
        mark = encoders.find(name).fingerprint[:12]
        pooled = _kept(f"{corpus}-{mark}", files, _pooled, name)
        layers = [layer.reshape(len(files), -1) for layer in pooled.swapaxes(0, 1)]
        kinds |= {(label, f"layer {number}"): values for number, values in enumerate(layers)}
        if len(layers) > 9:
            kinds[label, PAPERS] = np.concatenate([layers[1], layers[9]], axis=1)
    return kinds


_PARTS = (slice(0, 78), slice(78, None))  # of what `_acoustic` gives


def _kept(name, files, function, encoder):
    """What a function makes of files, from the cache if it is there."""
    listed = hashlib.sha256("".join(map(str, files)).encode()).hexdigest()[:8]
    path = CACHE / f"{name}-{listed}.npy"
    if not path.is_file():
        shares = np.array_split(files, max(1, len(files) // 20))
        pool = joblib.Parallel(n_jobs=parallel.workers())
        made = np.concatenate(pool(joblib.delayed(function)(share, encoder) for share in shares))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, made)
    return np.load(path)


def _acoustic(files, _):
    made = []
    for file in files:
        signal = audio.load(file)
        frames = mfcc.extract(signal)
        made.append(np.concatenate([frames.mean(0), frames.std(0), egemaps.extract(signal)]))
    return np.stack(made)


def _pooled(files, encoder):
    with parallel.one_thread():
        return hubert.pool([audio.load(file) for file in files], encoder=encoder)


def _predictions(rows, kinds):
    """Predictions from every kind of features for every utterance, its speaker left out."""
    speakers, classes = rows["speaker"].to_numpy(), rows["emotion"].to_numpy()
    folds = list(GroupKFold(min(FOLDS, len(set(speakers)))).split(speakers, groups=speakers))
    jobs = [(kind, fold) for kind in kinds for fold in folds]
    pool = joblib.Parallel(n_jobs=parallel.workers())
    tested = pool(joblib.delayed(_tested)(kinds[kind], classes, *fold) for kind, fold in jobs)
    frames = []
    for ((encoder, features), (train, test)), predicted in zip(jobs, tested, strict=True):
        part = rows.loc[test, ["utterance_id", "speaker", "emotion"]]
        frames.append(part.assign(encoder=encoder, features=features, fold=str(test[0]), repeat=0,
                                  predicted=predicted, n_train=len(train)))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _tested(values, classes, train, test):
    """`hump.training.baselines.linear_svm`, with its kernel computed once: many times as fast."""
    scaled = StandardScaler().fit(values[train]).transform(values)
    kernel = scaled @ scaled[train].T
    model = SVC(kernel="precomputed", C=1 / values.shape[1], class_weight="balanced")
    return model.fit(kernel[train], classes[train]).predict(kernel[test])


def _summary(predictions, study):
    by = ["encoder", "features"]
    tables = [
        evaluation.summarise(part, ["corpus", *by], sorted(part["emotion"].unique()),
                             study.evaluation, seed=SEED)
        for part in predictions
    ]  # fmt: skip
    if len(predictions) > 1:
        whole = pd.concat(predictions)
        labels = sorted(whole["emotion"].unique())
        average = evaluation.average(whole, by, labels, study.evaluation, seed=SEED)
        tables.append(average.assign(corpus="average"))
    return pd.concat(tables, ignore_index=True)


def _tests(predictions, first, study):
    names = predictions["encoder"] + ", " + predictions["features"]
    systems = predictions.assign(system=names, comparison="all corpora together")
    pairs = [(f"{first}, {PAPERS}", f"none, {rival}") for rival in RIVALS]
    others = [name for name in predictions["encoder"].unique() if name in ("untrained", "former")]
    pairs += [(f"{first}, {PAPERS}", f"{other}, {PAPERS}") for other in others]
    return paired.compare(systems, pairs, study.evaluation, seed=SEED)


def _printed(table):
    shown = table[["corpus", "encoder", "features", "uar", "uar_low", "uar_high"]]
    return shown.round(3).to_string(index=False)


@applied
def _figure(table, named, path):
    colours = dict(zip(named, ("#0072B2", "#999999", "#D55E00", "#CC79A7")))
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), sharey=True)
    for axis, corpus in zip(axes.flat, CORPORA):
        part = table[table["corpus"] == corpus].set_index(["encoder", "features"])
        for encoder, colour in colours.items():
            lines = part.loc[encoder]
            lines = lines[lines.index.str.startswith("layer ")]
            axis.errorbar(
                np.arange(len(lines)), lines["uar"],
                yerr=[lines["uar"] - lines["uar_low"], lines["uar_high"] - lines["uar"]],
                color=colour, marker="o", elinewidth=1, label=encoder,
            )  # fmt: skip
        for rival, colour in zip(RIVALS, ("#E69F00", "#009E73")):
            line = part.loc[("none", rival)]
            axis.axhline(line["uar"], color=colour, label=rival, lw=1.4)
            axis.axhspan(line["uar_low"], line["uar_high"], color=colour, alpha=0.1, lw=0)
        count = part.iloc[0]
        title = f"{corpus} (n={count['utterances']:g}, {count['speakers']:g} speakers)"
        axis.set_title(title, fontsize=8)
        axis.set(xlabel="layer", xticks=range(13))
    for axis in axes[:, 0]:
        axis.set_ylabel("UAR, unseen speakers")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6,
                  fontsize=8)  # fmt: skip
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main(sys.argv[1:])
