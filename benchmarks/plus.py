"""What HuMP-CAT+ learns from, and how: recipes compared on validation speakers.

    HUMP_DATA=~/corpora python benchmarks/plus.py

For EMODB, EMOVO and CASIA, in four folds each, some training speakers are held out, the others'
rows fine-tune, and those held out are predicted; the labels of the folds' test speakers are not
read, but their features count where a corpus is scaled by all of its utterances. The study is
`params/plus.yaml`, whose first three notebooks must have run. Writes `results/plus.json`.
"""

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

from hump.util.parallel import SAME_EVERYWHERE

os.environ |= SAME_EVERYWHERE  # as a study does; a training amplifies the last digit

import librosa  # noqa: E402
import pandas as pd  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import hump  # noqa: E402
from hump import audio, evaluation, features, training  # noqa: E402
from hump.experiments import protocol, runner, tuning  # noqa: E402
from hump.model import HumpCat  # noqa: E402
from hump.params import names  # noqa: E402
from hump.training import fit  # noqa: E402
from hump.training.dataset import Data  # noqa: E402

TARGETS, FOLDS, FRACTIONS, SPEEDS = ("emodb", "emovo", "casia"), 4, (0.1, 1.0), (0.9, 1.1)
OPEN = {"members": 3, "strategy": "all", "scaling": "training", "sources": "one"}
EPOCHS = {"updates": None, "epochs": 50}
# Name -> what it learns from, what differs in `plus`, `model` or `finetune`, and the trial.
RECIPES = {
    "one source, as in params/open.yaml": ("as it is", {"plus": OPEN}, ""),
    "one source": ("one", {}, ""),
    "one source, at three speeds": ("speeds", {}, ""),
    "all other corpora": ("others", {}, ""),
    "all other corpora, three trainings": ("others", {"plus": {"members": 3}}, ""),
    "all other corpora, width 128": ("others", {"model": {"width": 128}}, ""),
    "all other corpora, 50 epochs": ("others", {"finetune": EPOCHS}, ""),
    "all other corpora, mixup": ("others", {}, "mixup"),
    "all other corpora, SpecAugment": ("others", {}, "masks"),
    "all other corpora, dropout of streams": ("others", {}, "streams"),
    "all other corpora, supervised contrastive loss": ("others", {}, "contrastive"),
}
CHOSEN = "all other corpora"


def mixup(net, batch, target, weight=None):
    """Embeddings of pairs mixed, and their losses (Zhang et al. 2018, arXiv:1710.09412)."""
    embedding, order = net(batch), torch.randperm(len(target))
    share = torch.distributions.Beta(0.4, 0.4).sample()
    mixed = share * embedding + (1 - share) * embedding[order]
    own, other = (net.head.loss(mixed, one, weight) for one in (target, target[order]))
    return share * own + (1 - share) * other


def contrastive(net, batch, target, weight=None):
    """Half of the loss draws a class together (Khosla et al. 2020, arXiv:2004.11362, eq. 2)."""
    embedding = net(batch)
    unit, itself = F.normalize(embedding), torch.eye(len(target), dtype=bool)
    near = F.log_softmax((unit @ unit.T / 0.1).masked_fill(itself, -torch.inf), dim=1)
    alike = (target[:, None] == target) & ~itself
    drawn = near.where(alike, 0.0).sum(1) / alike.sum(1).clamp(min=1)
    return 0.5 * net.head.loss(embedding, target, weight) - 0.5 * drawn.mean()


def masks(batch, rng):
    """Up to a fifth of the time and of the features is 0 (Park et al. 2019, arXiv:1904.08779)."""
    for values, lengths in ((batch.hubert, batch.hubert_length), (batch.mfcc, batch.mfcc_length)):
        for part in values.split(lengths.tolist()):
            for axis, size in enumerate(part.shape):
                width = int(rng.integers(0, size // 5 + 1))
                part.narrow(axis, int(rng.integers(0, size - width + 1)), width).zero_()


def streams(batch, rng):
    """One of the three streams is 0, in a fifth of the utterances."""
    hubert = batch.hubert.split(batch.hubert_length.tolist())
    for parts in zip(hubert, batch.mfcc.split(batch.mfcc_length.tolist()), batch.prosody):
        if rng.random() < 0.2:
            parts[rng.integers(3)].zero_()


def _changed(change):
    """`Data.batch` whose training batches are changed; 0 is the mean of scaled features."""
    batch = Data.batch

    def changed(data, rows, *, crop_s=None, rng=None, **more):
        made = batch(data, rows, crop_s=crop_s, rng=rng, **more)
        if crop_s is not None:
            change(made, rng)
        return made

    return mock.patch.object(Data, "batch", changed)


TRIALS = {
    "mixup": lambda: mock.patch.object(HumpCat, "loss", mixup),
    "contrastive": lambda: mock.patch.object(HumpCat, "loss", contrastive),
    "masks": lambda: _changed(masks),
    "streams": lambda: _changed(streams),
}


def _source_model(trial, **call):
    with TRIALS[trial]():
        return fit.pretrain_all(**call)


def _fold(trial, **call):
    with TRIALS[trial]():
        return protocol._plus_job(**call)


def main():
    study = hump.load_params(Path(__file__).parents[1] / "params" / "plus.yaml")
    loaded = {name: training.load(name, study) for name in study.corpus_names}
    loaded |= {speed: _at_speed(speed, loaded[study.source], study) for speed in SPEEDS}
    validated = pd.concat(_validated(name, loaded, study) for name in RECIPES)
    by, settings = ["fraction"], study.evaluation
    cells = evaluation.cells(validated, [*by, "recipe"], settings, seed=study.seed)
    apart = evaluation.against(validated, by, "recipe", CHOSEN, settings)
    table = cells.merge(apart, on=["corpus", *by, "recipe"], how="left", suffixes=("", "_apart"))
    kept = ["corpus", *by, "recipe", "speakers", "uar",
            "difference", "difference_low", "difference_high"]  # fmt: skip
    lines = table[kept].round(4).astype(object).where(table[kept].notna(), None)
    result = {"compared_with": CHOSEN, "folds": FOLDS, "cells": lines.to_dict("records")}
    place = Path(__file__).parent / "results" / "plus.json"
    place.write_text(json.dumps(result, indent=1) + "\n")
    print(table[kept].to_string(index=False))


def _at_speed(speed, data, study):
    """A corpus played faster or slower, pitch and all (Ko et al. 2015, Interspeech)."""
    rows, folder = data.rows.copy(), study.folder(data.corpus)
    rows["corpus"] = f"{data.corpus}-{speed}"
    rows["audio_sha256"] += f" at {speed}"
    rows["duration_s"] /= speed
    with tempfile.TemporaryDirectory() as place:
        for path in rows["path"]:
            played = librosa.resample(
                audio.load(folder / path),
                orig_sr=speed * audio.SAMPLING_RATE,
                target_sr=audio.SAMPLING_RATE,
            )
            out = Path(place, path)
            out.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(out, played, audio.SAMPLING_RATE, subtype="PCM_24")
        return replace(data, rows=rows, features=features.extract_corpus(rows, study, root=place))


def _sources(kind, corpus, loaded, study):
    """What a recipe learns from, and its target, each scaled by itself."""
    first, data = loaded[study.source], loaded[corpus]
    if kind == "as it is":
        return first, data
    others = [name for name in study.targets if name != corpus]
    more = [loaded[name] for name in {"one": (), "speeds": SPEEDS, "others": others}[kind]]
    return protocol.several([first, *more], study), data.scaled()


def _validated(name, loaded, study):
    """Predictions of one recipe for the held-out speakers of the targets' folds."""
    kind, changed, trial = RECIPES[name]
    sections = {key: getattr(study, key).model_copy(update=own) for key, own in changed.items()}
    params = study.model_copy(update=sections)
    # What changes settings alone is a job of the study's own code, and found again.
    train, fold_job = (_source_model, _fold) if trial else (fit.pretrain_all, protocol._plus_job)
    tried = {"trial": trial} if trial else {}
    pairs = [_sources(kind, corpus, loaded, params) for corpus in TARGETS]
    trained = [
        protocol.source_training(source, params, protocol.chosen_epochs(study), number) | tried
        for source, _ in pairs for number in range(params.plus.members)
    ]  # fmt: skip
    models = iter(runner.models(train, trained, params, label=f"{name}: models"))
    calls = []
    for source, data in pairs:
        folders = [next(models) for _ in range(params.plus.members)]
        folds = tuning.inner_splits(data.rows, protocol.target_folds(data, params))[:FOLDS]
        calls += [{
            "source": source, "data": data, "folders": folders, **tried,
            "params": params.only("seed", "model", "finetune", "plus", "device"),
            "protocol": "speaker_independent", "fraction": fraction, "repeat": 0, "number": number,
            "fold": replace(fold, validation=fold.test[:0], test=fold.validation),
        } for fraction in FRACTIONS for number, fold in enumerate(folds)]  # fmt: skip
    done = runner.run(fold_job, calls, params, label=name)
    rows = pd.concat(
        runner.predictions(call["data"], result, fraction=call["fraction"], repeat=0,
                           rng_key=f"{params.seed} finetune")
        for call, result in zip(calls, done)
    )  # fmt: skip
    named = {names.PLUS: name}
    if not (changed or trial):  # which change nothing of the probes
        named[names.PROBES] = f"{name}, its probes alone"
    rows = rows[rows["system"].isin(named)]
    return rows.assign(recipe=rows["system"].map(named))


if __name__ == "__main__":
    main()
