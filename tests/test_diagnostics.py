"""Diagnostics: entropies, calibration and rates of which the truth is known; nothing leaks."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch

from hump import data as hump_data
from hump import diagnostics, model, protocol, seeds, splits, summary, training
from hump.diagnostics import attention, calibration, embedding, fold, intervals


def everyone(*size):
    return torch.ones(size, dtype=torch.bool)


def test_uniform_attention_has_entropy_one_and_one_hot_zero():
    uniform, one_hot = torch.full((2, 3, 5, 4), 0.25), torch.zeros(2, 3, 5, 4)
    one_hot[..., 2] = 1
    for weights, expected in ((uniform, 1.0), (one_hot, 0.0)):
        found = diagnostics.entropy(weights, everyone(2, 5), everyone(2, 4))
        assert found.shape == (2, 3) and found.tolist() == [[expected] * 3] * 2


def test_entropy_of_two_keys_of_four_is_a_half():
    weights = torch.tensor([0.5, 0.5, 0.0, 0.0]).expand(1, 1, 3, 4)
    found = diagnostics.entropy(weights, everyone(1, 3), everyone(1, 4))
    assert found.item() == pytest.approx(math.log(2) / math.log(4))


def test_padding_plays_no_part_in_entropy():
    weights = torch.rand(1, 2, 3, 4).softmax(-1)
    padded = torch.full((1, 2, 6, 9), 0.7)
    padded[:, :, :3, :4] = weights
    queries, keys = torch.arange(6)[None] < 3, torch.arange(9)[None] < 4
    alone = diagnostics.entropy(weights, everyone(1, 3), everyone(1, 4))
    torch.testing.assert_close(diagnostics.entropy(padded, queries, keys), alone)


def test_one_key_leaves_entropy_undefined():
    found = diagnostics.entropy(torch.ones(1, 2, 3, 1), everyone(1, 3), everyone(1, 1))
    assert found.isnan().all()


@pytest.mark.parametrize(
    ("value", "said"),
    [(1.0, "uniform"), (0.991, "uniform"), (0.99, "no"), (0.05, "no"), (0.049, "one key"),
     (math.nan, "no choice")],
)  # fmt: skip
def test_collapse(value, said):
    assert diagnostics.collapse(value) == said


def test_measured_alike_alone_and_in_a_padded_batch(make_data, params):
    data = make_data()
    net = training.build(data, params, seed=1)
    together = attention.measure(net, data, range(6))
    alone = pd.concat([attention.measure(net, data, [k]) for k in range(6)])
    order = ["stage", "direction", "block", "head", "position"]
    together, alone = (table.sort_values(order).reset_index(drop=True)
                       for table in (together, alone))  # fmt: skip
    pd.testing.assert_frame_equal(together, alone, check_dtype=False, atol=1e-5)
    assert together["entropy"].dropna().between(0, 1 + 1e-6).all()
    steps = together.query("direction == 'prosody to MFCC' and head == 1").set_index("position")
    frames = [len(data.features.hubert[k]) for k in range(6)]
    assert steps["keys"].tolist() == [max(1, (n - 10) // 4 + 1) for n in frames]
    fused = together.query("direction == 'HuBERT to fused' and head == 1").set_index("position")
    assert (fused["keys"] == steps["keys"] + 4).all(), "four prosody tokens before the MFCC steps"


def test_heads_without_weights_attend_uniformly(make_data, params):
    data = make_data()
    net = training.build(data, params, seed=1)
    for name, weights in net.named_parameters():
        if "in_proj" in name:
            weights.data.zero_()
    found = attention.measure(net, data, range(20))
    assert found["entropy"].isna().eq(found["keys"] == 1).all()
    assert found["entropy"].dropna().to_numpy() == pytest.approx(1.0)


def test_one_prosody_token_is_no_choice_and_concatenation_has_no_heads(make_data, params):
    data = make_data()
    one = params.model.model_copy(update={"prosody_tokens": 1})
    net = training.build(data, params.model_copy(update={"model": one}), seed=1)
    found = attention.measure(net, data, range(4))
    assert found.loc[found["direction"] == "MFCC to prosody", "entropy"].isna().all()
    concat = params.model.fusion.model_copy(update={"stage1": "concat", "stage2": "concat"})
    plain = params.model.model_copy(update={"fusion": concat})
    net = training.build(data, params.model_copy(update={"model": plain}), seed=1)
    found = attention.measure(net, data, range(4)).assign(corpus="x", fraction=0, update=0)
    assert attention.summarise(
        found.assign(speaker="s"), ["corpus", "fraction", "update"], params.evaluation, seed=1
    ).empty


def test_watching_changes_nothing(make_data, params):
    data = make_data()
    net = training.build(data, params, seed=1)
    seen = []

    def watch(one, update):
        seen.append(update)
        attention.measure(one, data, range(4))

    settings = {"start": "pretrained", "purpose": ("test",)}
    plain = training.finetune(net, data, np.arange(40), params, **settings)
    watched = training.finetune(net, data, np.arange(40), params, watch=watch, **settings)
    assert seen == list(range(params.finetune.updates + 1))
    for one, other in zip(plain.state_dict().values(), watched.state_dict().values()):
        assert torch.equal(one, other)


def test_temperature_of_known_overconfidence():
    rng = np.random.default_rng(1)
    true = rng.dirichlet(np.ones(4), 20_000)
    classes = (true.cumsum(1) < rng.random((20_000, 1))).sum(1)
    too_sure = true**2.5 / (true**2.5).sum(1, keepdims=True)
    found = diagnostics.fit_temperature(too_sure, classes)
    assert found == pytest.approx(2.5, rel=0.03)
    mended = diagnostics.scale(too_sure, found)
    np.testing.assert_allclose(diagnostics.scale(too_sure, 2.5), true, atol=1e-9)
    right = mended.argmax(1) == classes
    assert (mended.argmax(1) == too_sure.argmax(1)).all(), "no decision changes"
    assert diagnostics.ece(mended.max(1), right) < 0.01 < diagnostics.ece(too_sure.max(1), right)


def test_temperature_in_closed_form():
    """All are 90 % sure of class 0 and 70 % are of it: T = logit 0.9 / logit 0.7."""
    probabilities, classes = np.tile([0.9, 0.1], (10, 1)), np.repeat([0, 1], [7, 3])
    expected = math.log(9) / math.log(7 / 3)
    assert diagnostics.fit_temperature(probabilities, classes) == pytest.approx(expected, rel=1e-4)


def test_temperature_stays_within_bounds():
    sure = np.tile([0.8, 0.2], (5, 1))
    for classes, bound in ((np.zeros(5, int), 0.1), (np.ones(5, int), 10.0)):
        found = diagnostics.fit_temperature(sure, classes)
        assert found == pytest.approx(bound, rel=1e-3)


def test_certainty_in_single_precision_can_be_scaled():
    found = diagnostics.scale(np.array([[1.0, 0.0, 0.0]], np.float32), 2.0)
    assert np.isfinite(found).all() and found.sum() == pytest.approx(1.0)


def test_ece_in_closed_form():
    confidence, right = np.repeat([0.55, 0.95], [10, 30]), np.zeros(40, bool)
    right[:6], right[10:31] = True, True
    expected = (10 * 0.05 + 30 * 0.25) / 40
    assert diagnostics.ece(confidence, right) == pytest.approx(expected)
    # A tenth a bin would part the 10 alike from none: ties stay together.
    assert diagnostics.ece(confidence, right, mass=True) == pytest.approx(expected)
    assert diagnostics.ece([1.0] * 5, [True] * 5) == 0


def test_bins_of_equal_width_are_open_below():
    found = calibration._bins(np.array([0.1, 0.1001, 0.95, 1.0]), mass=False)
    assert found.tolist() == [0, 1, 9, 9]


def test_bins_of_equal_mass_hold_as_many():
    found = calibration._bins(np.random.default_rng(1).random(200), mass=True)
    assert np.bincount(found).tolist() == [20] * diagnostics.BINS


def test_chance_covers_a_calibrated_model():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.3, 1, 100)
    limit = diagnostics.ece_by_chance(confidence, 0.95, seed=2)
    drawn = [diagnostics.ece(confidence, rng.random(100) < confidence) for _ in range(1000)]
    assert np.mean(np.array(drawn) < limit) == pytest.approx(0.95, abs=0.025)


def test_means_over_speakers(params):
    speakers = np.repeat(["a", "b", "c"], [1, 2, 3])
    values = np.array([1.0, 0.0, 0.0, 0.0, np.nan, 1.0])
    mean, low, high = intervals.mean_over_speakers(values, speakers, params.evaluation, seed=1)
    # Without speaker c the mean is 1 / 3; of c's two known values one is 1.
    assert mean == pytest.approx(2 / 5) and low == 0 and high >= 0.6
    one = intervals.mean_over_speakers([1.0, 0.0], ["a", "a"], params.evaluation, seed=1)
    assert one[0] == 0.5 and np.isnan(one[1:]).all()
    assert np.isnan(intervals.mean_over_speakers([np.nan], ["a"], params.evaluation, seed=1)).all()


def test_label_rates(params):
    true = ["neutral", "sad"] * 4
    said = ["neutral"] * 6 + ["sad"] * 2
    rows = pd.DataFrame({
        "protocol": "speaker_independent", "fraction": 0.0, "system": "x", "corpus": "demo_german",
        "repeat": 0, "speaker": list("aabbccdd"), "utterance_id": range(8), "emotion": true,
        "predicted": said,
    })  # fmt: skip
    other = rows.assign(protocol="paper", predicted="sad")
    table = diagnostics.label_rates(pd.concat([rows, other]), ("neutral", "sad"), params)
    neutral = table.set_index("emotion").loc["neutral"]
    assert neutral["true_rate"] == 0.5 and neutral["predicted_rate"] == 0.75
    assert neutral["difference"] == 0.25 and neutral["utterances"] == 8
    assert neutral["difference_low"] < 0.25 < neutral["difference_high"]
    assert table.set_index("emotion").loc["sad", "difference"] == -0.25
    twice = diagnostics.label_rates(
        pd.concat([rows, rows.assign(repeat=1, predicted="sad")]), ("neutral", "sad"), params
    )
    assert twice["predicted_rate"].tolist() == [0.375, 0.625], "the mean over repeats"


def test_silhouette_of_groups_far_apart_and_mixed():
    rng = np.random.default_rng(1)
    centres = ((9, 0, 0), (0, 9, 0))
    apart = np.concatenate([rng.normal(centre, 0.1, (20, 3)) for centre in centres])
    groups = np.repeat([0, 1], 20)
    assert embedding.silhouette(apart, groups) > 0.95
    assert abs(embedding.silhouette(rng.normal(size=(40, 3)), groups)) < 0.1
    assert np.isnan(embedding.silhouette(apart, np.zeros(40)))


def test_projection_keeps_groups_and_repeats():
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(k, 0.1, (15, 8)) for k in (0, 3)]).astype(np.float32)
    found = embedding.project(vectors, seed=5)
    assert found.shape == (30, 2)
    distance = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(1) // 15 == np.arange(30) // 15).all()
    assert np.array_equal(found, embedding.project(vectors, seed=5))


@pytest.fixture
def study(make_data, params, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    source, target = make_data("demo_source"), make_data("demo_german", speakers=4, seed=1)
    protocol.train_final_source(source, params, 2)
    return params, source, target


def test_temperature_is_fitted_on_held_out_training_speakers(study):
    params, _, target = study
    folds = splits.speaker_folds(target.rows, params.finetune.max_folds)
    for number, one in enumerate(folds):
        split = fold.calibration_split(target, one, number, params)
        speakers = [set(target.rows["speaker"].iloc[rows])
                    for rows in (split.train, split.validation, split.test)]  # fmt: skip
        assert len(speakers[1]) == 1 and len(set.union(*speakers)) == sum(map(len, speakers))
        task = {"protocol": "speaker_independent", "repeat": 0, "fold": number,
                "fraction": summary.headline(params)}  # fmt: skip
        train, test, _ = protocol._rows_of(task, target, params, folds, "demo_german")
        assert sorted([*split.train, *split.validation]) == train.tolist(), "the study's own draw"
        assert split.test.tolist() == test.tolist()


def test_one_training_speaker_leaves_nobody_to_hold_out(make_data, params):
    data = make_data("demo_german", speakers=2)
    (one, _) = splits.speaker_folds(data.rows, 2)
    split = fold.calibration_split(data, one, 0, params)
    assert len(split.validation) == 0 and len(split.train)


def test_diagnosis_of_a_target(study):
    params, source, target = study
    found = diagnostics.diagnose_target(source, target, params)
    assert sorted(found.attention["update"].unique()) == [0, 1, 2, 3]
    heads = params.model.heads * 4
    assert len(found.attention) == 4 * heads
    assert found.attention["utterances"].eq(32).all(), "two folds of a speaker"
    assert found.attention["speakers"].eq(2).all()
    assert found.calibration[["fraction", "scaling"]].to_numpy().tolist() == [
        [0.0, "none"], [0.5, "none"], [0.5, "temperature"],
    ]  # fmt: skip
    plain, scaled = found.calibration.iloc[1], found.calibration.iloc[2]
    assert plain["accuracy"] == scaled["accuracy"] and plain["temperature"] == 1
    assert scaled["n_train"] + scaled["n_calibration"] == 24 and scaled["utterances"] == 32
    bins = found.reliability.groupby(["fraction", "scaling"])["utterances"].sum()
    assert bins.tolist() == [32, 32, 32]
    assert found.embeddings.groupby("moment").size().to_dict() == {"after": 120, "before": 120}
    assert found.separation["silhouette"].between(-1, 1).all()


def test_zero_shot_confidence_is_the_source_models(study):
    params, source, target = study
    found = diagnostics.diagnose_target(source, target, params).calibration.iloc[0]
    net = model.load(params.results / "models" / "source")
    tested = np.flatnonzero(target.rows["speaker"].isin(["s0", "s3"]))
    assert params.diagnostics.folds == 2 and found["utterances"] == len(tested)
    probabilities = training.predict(net, target, tested)
    assert found["confidence"] == pytest.approx(probabilities.max(1).mean())
    assert found["accuracy"] == (probabilities.argmax(1) == target.classes[tested]).mean()


def test_diagnosis_repeats_exactly(study, tmp_path):
    params, source, target = study
    one = diagnostics.diagnose_target(source, target, params)
    for file in (tmp_path / "cache" / "jobs").iterdir():
        file.unlink()
    other = diagnostics.diagnose_target(source, target, params)
    for name in (field.name for field in dataclasses.fields(one)):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


def test_test_labels_change_no_model(study):
    """With labels of the test speakers permuted, predictions, attention and temperature stay."""
    params, _, target = study
    (first, *_) = folds = splits.speaker_folds(target.rows, params.finetune.max_folds)
    emotion = target.rows["emotion"].to_numpy().copy()
    emotion[first.test] = seeds.generator(1).permutation(emotion[first.test])
    other = hump_data.Data(target.rows.assign(emotion=emotion), target.features, target.labels)
    folder = params.results / "models" / "source"
    results = [
        fold.job({"fold": 0}, one, one, params, folds, folder) for one in (target, other)
    ]  # fmt: skip
    for name in ("probabilities", "temperature", "attention", "n_calibration"):
        assert str(results[0][name]) == str(results[1][name]), name


def test_own_labels_have_no_zero_shot_and_remarks_say_the_rest(study):
    params, source, target = study
    renamed = target.rows.assign(emotion=target.rows["emotion"].replace("angry", "rage"))
    labels = ("happy", "neutral", "rage", "sad")
    native = hump_data.Data(renamed, target.features, labels)
    found = diagnostics.diagnose_target(source, native, params)
    assert found.calibration["fraction"].tolist() == [0.5, 0.5]
    rows = pd.DataFrame({
        "protocol": "speaker_independent", "fraction": 0.5, "system": protocol.PRETRAINED,
        "corpus": "demo_german", "repeat": 0, "speaker": renamed["speaker"],
        "utterance_id": renamed["utterance_id"], "emotion": renamed["emotion"],
        "predicted": "neutral",
    })  # fmt: skip
    text = diagnostics.remarks(found, diagnostics.label_rates(rows, labels, params), params)
    assert "said too often, of 100 % [100, 100] of utterances; 25 % are neutral" in text
    assert "of 8 heads" in text and "over folds, each fitted on" in text
