"""How much a trained encoder knows about emotions: linear probes on its layers and on rivals.

    python benchmarks/encoder.py ENCODER [folder of corpora]

EMODB and RAVDESS are read from the folder (default: HUMP_DATA), the demo corpora are synthesised.
An utterance is described by the mean and standard deviation over time of a layer, of the same layer
of the untrained encoder, or of 39-d MFCC; or by eGeMAPS. The probe is the study's linear SVM,
trained on all speakers but one and tested on that one; intervals come from resampling speakers.
"Layer chosen" uses for a test speaker the layer that is best on the others, each left out in turn.
The best of all layers would be chosen on the test speakers, and so be too good. Writes
`results/encoder.json` and a figure.
"""

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

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
os.environ["PYTHONPATH"] = sys.path[0]

from hump import audio, corpora, evaluation, params  # noqa: E402
from hump.features import egemaps, encoders, hubert, mfcc  # noqa: E402
from hump.plots.style import applied  # noqa: E402
from hump.training import baselines  # noqa: E402
from hump.util import parallel  # noqa: E402

RECORDED = ("emodb", "ravdess")
UNTRAINED = "untrained"
LAYERS = 13
RIVALS = ("MFCC statistics", "eGeMAPS")
CHOSEN, PAPERS = "layer chosen on training speakers", "layers 1 and 9"
SEED = 1


def main(arguments):
    study = params.load_params(HERE.parent / "params" / "demo.yaml")
    lines, predictions = [], []
    started = time.time()
    encoder = arguments[0]
    info = encoders.find(encoder)
    for name, rows, root in _corpora(study, arguments[1:]):
        predicted = _predictions(rows, root, encoder)
        lines.append(evaluation.summarise(
            predicted.assign(corpus=name), ["corpus", "encoder", "features"],
            sorted(rows["emotion"].unique()), study.evaluation, seed=SEED,
        ))  # fmt: skip
        predictions.append(predicted.assign(corpus=name))
        print(_printed(lines[-1]), flush=True)
    everything = pd.concat(predictions, ignore_index=True)
    demo = everything[~everything["corpus"].isin(RECORDED)]
    labels = sorted(demo["emotion"].unique())
    average = evaluation.average(demo, ["encoder", "features"], labels, study.evaluation, seed=SEED)
    lines.append(average.assign(corpus="demo speech, average"))
    table = pd.concat(lines, ignore_index=True)
    result = {
        "machine": {"machine": platform.machine(), "cores": parallel.workers(),
                    "seconds": round(time.time() - started)},
        "encoder": {"label": info.label, "fingerprint": info.fingerprint},
        "lines": json.loads(table.round(4).to_json(orient="records")),
    }  # fmt: skip
    (HERE / "results" / "encoder.json").write_text(json.dumps(result, indent=1) + "\n")
    _figure(table, HERE / "results" / "encoder.png")


def _corpora(study, arguments):
    """Name, manifest rows in use and folder of each corpus."""
    root = Path(arguments[0] if arguments else study.data)
    for name in RECORDED:
        yield name, corpora.used(corpora.read(name, root)), root / name
    for name, manifest in corpora.manifests(study).items():
        yield name, corpora.used(manifest), study.folder(name)


def _predictions(rows, root, trained):
    """Predictions from every kind of features for every utterance, its speaker left out."""
    rows = rows.reset_index(drop=True)
    files = [root / path for path in rows["path"]]
    classes, speakers = rows["emotion"].to_numpy(), rows["speaker"].to_numpy()
    pool = joblib.Parallel(n_jobs=parallel.workers())
    acoustic = pool(joblib.delayed(_acoustic)(file) for file in files)
    kinds = dict(zip([("none", rival) for rival in RIVALS], map(np.stack, zip(*acoustic))))
    for encoder in (trained, UNTRAINED):
        shares = np.array_split(files, parallel.workers())
        pooled = np.concatenate(pool(joblib.delayed(_pooled)(s, encoder) for s in shares))
        label = "trained" if encoder == trained else "untrained"
        layers = [pooled[:, layer].reshape(len(files), -1) for layer in range(LAYERS)]
        kinds |= {(label, f"layer {i}"): values for i, values in enumerate(layers)}
        kinds[label, PAPERS] = np.concatenate([layers[1], layers[9]], axis=1)
        kinds[label, CHOSEN] = np.stack(layers)
    tested = [(kind, speaker) for kind in kinds for speaker in np.unique(speakers)]
    parts = pool(
        joblib.delayed(_tested)(kinds[kind], classes, speakers, speaker) for kind, speaker in tested
    )
    frames = []
    for ((encoder, features), speaker), (predicted, n_train) in zip(tested, parts, strict=True):
        part = rows.loc[speakers == speaker, ["utterance_id", "speaker", "emotion"]]
        frames.append(part.assign(encoder=encoder, features=features, fold=speaker, repeat=0,
                                  predicted=predicted, n_train=n_train))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _acoustic(file):
    signal = audio.load(file)
    frames = mfcc.extract(signal)
    return np.concatenate([frames.mean(0), frames.std(0)]), egemaps.extract(signal)


def _pooled(files, encoder):
    with parallel.one_thread():
        return hubert.pool([audio.load(file) for file in files], encoder=encoder)


def _tested(values, classes, speakers, speaker):
    """Predictions for a speaker by a probe trained on all others, on the layer best for those."""
    train, test = speakers != speaker, speakers == speaker
    if values.ndim == 3:
        values = values[_best(values[:, train], classes[train], speakers[train])]
    model = baselines.linear_svm(values.shape[1]).fit(values[train], classes[train])
    return model.predict(values[test]), int(train.sum())


def _best(layers, classes, speakers):
    scores = []
    for values in layers:
        predicted = np.empty_like(classes)
        for speaker in np.unique(speakers):
            train, test = speakers != speaker, speakers == speaker
            model = baselines.linear_svm(values.shape[1]).fit(values[train], classes[train])
            predicted[test] = model.predict(values[test])
        hits = pd.Series(predicted == classes).groupby(classes).mean()
        scores.append(hits.mean())
    return int(np.argmax(scores))


def _printed(table):
    shown = table[["corpus", "encoder", "features", "uar", "uar_low", "uar_high"]]
    return shown.round(3).to_string(index=False)


@applied
def _figure(table, path):
    panels = [*RECORDED, "demo speech, average"]
    colours = {"trained": ("#0072B2", -0.12), "untrained": ("#999999", 0.12)}
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
    for axis, corpus in zip(axes, panels):
        part = table[table["corpus"] == corpus].set_index(["encoder", "features"])
        for encoder, (colour, shift) in colours.items():
            lines = part.loc[encoder].loc[[f"layer {i}" for i in range(LAYERS)]]
            axis.errorbar(
                np.arange(LAYERS) + shift, lines["uar"],
                yerr=[lines["uar"] - lines["uar_low"], lines["uar_high"] - lines["uar"]],
                color=colour, marker="o", elinewidth=1, label=f"hubert-mini, {encoder}",
            )  # fmt: skip
        for rival, colour in zip(RIVALS, ("#E69F00", "#009E73")):
            line = part.loc[("none", rival)]
            axis.axhline(line["uar"], color=colour, label=rival, lw=1.4)
            axis.axhspan(line["uar_low"], line["uar_high"], color=colour, alpha=0.1, lw=0)
        count = part.iloc[0]
        axis.set_title(f"{corpus} (n={count['utterances']}, {count['speakers']} speakers)",
                       fontsize=8)  # fmt: skip
        axis.set(xlabel="layer", xticks=range(LAYERS))
    axes[0].set_ylabel("UAR, leave one speaker out")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4,
                  fontsize=8)  # fmt: skip
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main(sys.argv[1:])
