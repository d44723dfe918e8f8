"""Fine-tuned models are measured after the fact: test speakers choose nothing, and it repeats."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from hump import evaluation, model, results
from hump.corpora import splits
from hump.experiments import bias, diagnosis, protocol
from hump.params import names
from hump.report import answers
from hump.training import fit
from hump.training.dataset import Data
from hump.util import seeds


def test_silhouette_of_groups_far_apart_and_mixed():
    rng = np.random.default_rng(1)
    centres = ((9, 0, 0), (0, 9, 0))
    apart = np.concatenate([rng.normal(centre, 0.1, (20, 3)) for centre in centres])
    groups = np.repeat([0, 1], 20)
    assert diagnosis.silhouette(apart, groups) > 0.95
    assert abs(diagnosis.silhouette(rng.normal(size=(40, 3)), groups)) < 0.1
    assert np.isnan(diagnosis.silhouette(apart, np.zeros(40)))


def test_projection_keeps_groups_and_repeats():
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(k, 0.1, (15, 8)) for k in (0, 3)]).astype(np.float32)
    points = diagnosis.project(vectors, seed=5)
    assert points.shape == (30, 2)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(1) // 15 == np.arange(30) // 15).all()
    assert np.array_equal(points, diagnosis.project(vectors, seed=5))


@pytest.fixture
def study(make_data, params):
    source, target = make_data("demo_source"), make_data("demo_german", speakers=4, seed=1)
    protocol.train_final_source(source, params, 2)
    return params, source, target


def test_temperature_is_fitted_on_held_out_training_speakers(study):
    params, _, target = study
    folds = splits.speaker_folds(target.rows, params.finetune.max_folds)
    for number, one in enumerate(folds):
        split = diagnosis.calibration_split(target, one, number, params)
        speakers = [set(target.rows["speaker"].iloc[rows])
                    for rows in (split.train, split.validation, split.test)]  # fmt: skip
        assert len(speakers[1]) == 1 and len(set.union(*speakers)) == sum(map(len, speakers))
        drawn = protocol.draw(target, one, number, params.headline, params)
        rows = sorted([*split.train, *split.validation])
        assert rows == drawn.train.tolist(), "the study's own draw"
        assert split.test.tolist() == one.test.tolist() == drawn.test.tolist()


def test_one_training_speaker_leaves_nobody_to_hold_out(make_data, params):
    data = make_data("demo_german", speakers=2)
    (one, _) = splits.speaker_folds(data.rows, 2)
    split = diagnosis.calibration_split(data, one, 0, params)
    assert len(split.validation) == 0 and len(split.train)


def test_diagnosis_of_a_target(study):
    params, source, target = study
    measured = diagnosis.diagnose_target(source, target, params)
    assert sorted(measured.attention["update"].unique()) == [0, 1, 2, 3]
    heads = params.model.heads * 4
    assert len(measured.attention) == 4 * heads
    assert measured.attention["utterances"].eq(32).all(), "two folds of a speaker"
    assert measured.attention["speakers"].eq(2).all()
    assert measured.calibration[["fraction", "scaling"]].to_numpy().tolist() == [
        [0.0, "none"], [0.5, "none"], [0.5, "temperature"],
    ]  # fmt: skip
    plain, scaled = measured.calibration.iloc[1], measured.calibration.iloc[2]
    assert plain["accuracy"] == scaled["accuracy"] and plain["temperature"] == 1
    assert scaled["n_train"] + scaled["n_calibration"] == 24 and scaled["utterances"] == 32
    bins = measured.reliability.groupby(["fraction", "scaling"])["utterances"].sum()
    assert bins.tolist() == [32, 32, 32]
    assert measured.embeddings.groupby("moment").size().to_dict() == {"after": 120, "before": 120}
    assert measured.separation["silhouette"].between(-1, 1).all()


def test_moments_are_shares_of_each_folds_updates(study):
    """With epochs, a fold of fewer rows makes fewer updates: no moment is of some folds alone."""
    params, source, target = study
    kept = np.flatnonzero((target.rows["speaker"] != "s3") | (target.rows["sentence"] == "0"))
    settings = params.finetune.model_copy(
        update={"updates": None, "epochs": 5, "batch_size": 4, "fractions": {1.0: 1}}
    )
    study = params.model_copy(update={"finetune": settings})
    data = target.only(kept)
    folds = protocol.target_folds(data, study)
    updates = {fit.updates_of(settings, len(fold.train)) for fold in folds}
    assert len(updates) == 2, "folds differ"
    table = diagnosis.diagnose_target(source, data, study).attention
    assert table["speakers"].eq(2).all() and table["update"].nunique() == 6


def test_zero_shot_confidence_is_the_source_models(study):
    params, source, target = study
    row = diagnosis.diagnose_target(source, target, params).calibration.iloc[0]
    net = model.load(results.model(params))
    tested = np.flatnonzero(target.rows["speaker"].isin(["s0", "s3"]))
    assert params.diagnostics.folds == 2 and row["utterances"] == len(tested)
    probabilities = fit.predict(net, target, tested)
    assert row["confidence"] == pytest.approx(probabilities.max(1).mean())
    assert row["accuracy"] == (probabilities.argmax(1) == target.classes[tested]).mean()


def test_diagnosis_repeats_exactly(study, tmp_path):
    params, source, target = study
    one = diagnosis.diagnose_target(source, target, params)
    for file in (tmp_path / "cache" / "jobs").iterdir():
        file.unlink()
    other = diagnosis.diagnose_target(source, target, params)
    for name in (field.name for field in dataclasses.fields(one)):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


def test_test_labels_change_no_model(study):
    """With labels of the test speakers permuted, predictions, attention and temperature stay."""
    params, _, target = study
    first = splits.speaker_folds(target.rows, params.finetune.max_folds)[0]
    emotion = target.rows["emotion"].to_numpy().copy()
    emotion[first.test] = seeds.generator(1).permutation(emotion[first.test])
    other = Data(target.rows.assign(emotion=emotion), target.features, target.labels)
    folder = results.model(params)
    measured = [
        diagnosis._job(one, one, folder, diagnosis.calibration_split(one, first, 0, params), 0,
                       params)
        for one in (target, other)
    ]  # fmt: skip
    for name in ("probabilities", "temperature", "attention", "n_calibration"):
        assert str(measured[0][name]) == str(measured[1][name]), name


def test_own_labels_have_no_zero_shot_and_the_answer_says_the_rest(study):
    params, source, target = study
    renamed = target.rows.assign(emotion=target.rows["emotion"].replace("angry", "rage"))
    labels = ("happy", "neutral", "rage", "sad")
    native = Data(renamed, target.features, labels)
    measured = diagnosis.diagnose_target(source, native, params)
    assert measured.calibration["fraction"].tolist() == [0.5, 0.5]
    rows = pd.DataFrame({
        "protocol": "speaker_independent", "fraction": 0.5, "system": names.PRETRAINED,
        "corpus": "demo_german", "repeat": 0, "speaker": renamed["speaker"],
        "utterance_id": renamed["utterance_id"], "emotion": renamed["emotion"],
        "predicted": "neutral", "n_train": 24,
    })  # fmt: skip
    table = evaluation.summarise(
        rows, ["corpus", "protocol", "fraction", "system"], labels, params.evaluation, seed=0
    )
    rates = bias.label_rates(rows, labels, params)
    text = answers.about_target(table, params)
    assert "* 50 % (24 utterances): **0.250 [0.250, 0.250]**" in text
    text = answers.about_diagnosis(measured, rates, params)
    assert "predicted too often, for 100 % [100, 100] of utterances; 25 % are neutral" in text
    assert "of 8 heads" in text and "over folds, each fitted on" in text
    assert "silhouettes before and after" in text
