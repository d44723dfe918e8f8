"""Ways to fine-tune are compared on validation speakers; test speakers play no part."""

import numpy as np
import pytest

from hump.corpora import splits
from hump.experiments import protocol, tuning
from hump.report import answers
from hump.training import fit


def test_validation_speakers_are_training_speakers(make_data):
    rows = make_data(speakers=5).rows
    folds = splits.speaker_folds(rows, 5)
    speaker, validating = rows["speaker"].to_numpy(), []
    for fold, inner in zip(folds, tuning.inner_splits(rows, folds), strict=True):
        parts = [set(speaker[p]) for p in (inner.train, inner.validation, fold.test)]
        assert set.union(*parts) == set(speaker) and sum(map(len, parts)) == 5
        validating += sorted(parts[1])
    assert sorted(validating) == sorted(set(speaker)), "each validates once"


def test_two_folds_leave_somebody_to_train_on(make_data):
    rows = make_data(speakers=4).rows
    inner = tuning.inner_splits(rows, splits.speaker_folds(rows, 2))
    assert [rows["speaker"].iloc[s.train].nunique() for s in inner] == [1, 1]
    two = make_data(speakers=2).rows
    assert tuning.inner_splits(two, splits.speaker_folds(two, 2)) == []


@pytest.fixture
def study(make_data, params):
    source = make_data("demo_source")
    targets = {"demo_german": make_data("demo_german", speakers=3, seed=1),
               "demo_mandarin": make_data("demo_mandarin", speakers=3, seed=2)}  # fmt: skip
    protocol.train_final_source(source, params, 2)
    return params, source, targets


def test_test_speakers_play_no_part_in_choosing_a_strategy(study, monkeypatch):
    params, source, targets = study
    used, finetune, predict = [], fit.finetune, fit.predict
    monkeypatch.setattr(fit, "finetune", lambda net, data, rows, *a, **more: (
        used.append([data, rows]), finetune(net, data, rows, *a, **more))[1])  # fmt: skip
    monkeypatch.setattr(fit, "predict", lambda net, data, rows: (
        used[-1].append(rows), predict(net, data, rows))[1])  # fmt: skip
    rows = tuning.compare(source, targets, params)
    limits = params.fraction_curves.strategies
    assert rows["corpus"].nunique() == limits.targets
    assert len(used) == limits.targets * limits.folds * len(tuning.variants(params))
    (data,) = targets.values() if len(targets) == 1 else [targets["demo_german"]]
    folds = splits.speaker_folds(data.rows, params.finetune.max_folds)
    for number, (_, train, validation) in enumerate(used):
        tested = folds[number // len(tuning.variants(params))].test
        assert not set(tested) & {*train, *validation}
    table = tuning.table(rows, params)
    assert table["in_force"].sum() == 1 and table["winner"].sum() == 1
    best = table[table["start"] == "pretrained"].set_index("variant")["uar"]
    assert table.loc[table["winner"], "uar"].item() == best.max()
    assert table.loc[table["in_force"], "difference"].isna().all()
    assert f"{best.max():.3f}" in answers.about_strategies(table)


def test_variants_apply_what_they_name(params):
    known = {variant.name: variant for variant in tuning.variants(params)}
    first = next(iter(known.values()))
    assert first.applied(params) == params, "the one in force changes nothing"
    assert known["head first"].applied(params).finetune.strategy == "head_first"
    source = known["everything at once, source's scaling alone"]
    assert source.applied(params).finetune.scaling_prior == np.inf
    tune = params.finetune.model_copy(update={"strategy": "gradual"})
    other = tuning.variants(params.model_copy(update={"finetune": tune}))
    assert other[0].strategy == "gradual" and other[-1].start == "scratch"
