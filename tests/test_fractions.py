"""What fraction curves say, where the truth is known; few-shot draws; strategies compared."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hump import differences, few_shot, fractions, names, protocol, splits, training, tuning

SYSTEMS = (protocol.PRETRAINED, protocol.SCRATCH, "SVM on eGeMAPS", "majority class")


def predicted(rights, corpus="demo_german", speakers=12, kind="speaker_independent"):
    """Predictions of which a given share is right, for every speaker and emotion alike.

    `rights` maps (fraction, system) to how many of ten utterances are right.
    """
    lines = []
    for (fraction, system), right in rights.items():
        for s in range(speakers):
            for e, emotion in enumerate(names.EMOTIONS):
                wrong = names.EMOTIONS[(e + 1) % 4]
                for k in range(10):
                    lines.append({
                        "protocol": kind, "fraction": fraction, "system": system, "repeat": 0,
                        "fold": f"s{s}", "n_train": int(100 * fraction), "corpus": corpus,
                        "utterance_id": f"{s}-{e}-{k}", "speaker": f"s{s}", "emotion": emotion,
                        "predicted": emotion if k < right else wrong,
                    })  # fmt: skip
    return pd.DataFrame(lines)


@pytest.fixture
def curves():
    """Pre-trained is ahead at 10 % and behind at all data; scratch is level at 33 %."""
    rights = {(0.1, SYSTEMS[0]): 6, (0.33, SYSTEMS[0]): 7, (1.0, SYSTEMS[0]): 7,
              (0.1, SYSTEMS[1]): 4, (0.33, SYSTEMS[1]): 7, (1.0, SYSTEMS[1]): 9,
              (0.1, SYSTEMS[3]): 3, (0.33, SYSTEMS[3]): 3, (1.0, SYSTEMS[3]): 3}  # fmt: skip
    return predicted(rights)


def test_transfer_is_told_where_it_is(curves, params):
    found = fractions.transfer(curves, params).set_index("fraction")
    assert found["difference"].round(6).tolist() == [0.2, 0.0, -0.2]
    assert found["verdict"].tolist() == [fractions.HELPS, fractions.OPEN, fractions.HURTS]
    assert found.loc[0.1, "p"] == pytest.approx(2 / 2**12)
    assert found.loc[0.1, "p_holm"] == pytest.approx(3 * 2 / 2**12), "corrected for three"


def test_too_few_speakers_are_said_to_be_too_few(params):
    rights = {(0.1, SYSTEMS[0]): 9, (0.1, SYSTEMS[1]): 1}
    found = fractions.transfer(predicted(rights, speakers=4), params)
    assert found["verdict"].tolist() == ["4 speakers cannot decide it among 1 tests"]


def test_average_pairs_the_speakers_of_all_targets(curves, params):
    both = pd.concat([curves, curves.assign(corpus="demo_mandarin")])
    found = fractions.transfer(both, params)
    assert found.groupby("corpus", sort=False)["speakers"].first().tolist() == [12, 12, 24]
    assert len(found) == 9


def test_without_models_from_scratch_nothing_is_tested(curves, params):
    alone = curves[curves["system"] != protocol.SCRATCH]
    found = fractions.transfer(alone, params)
    assert found.empty and "verdict" in found


def test_break_point_is_the_smallest_fraction_that_is_enough(curves, params):
    found = fractions.breakpoints(curves, params).set_index("system")
    assert found["breakpoint"].to_dict() == {protocol.PRETRAINED: 0.33, protocol.SCRATCH: 1.0}
    assert found["uar_full"].round(6).tolist() == [0.7, 0.9]
    assert (found["breakpoint_low"] == found["breakpoint"]).all(), "all speakers are alike"
    tolerant = params.fraction_curves.model_copy(update={"tolerance": 0.21})
    tolerant = params.model_copy(update={"fraction_curves": tolerant})
    found = fractions.breakpoints(curves, tolerant).set_index("system")
    assert found["breakpoint"].to_dict() == {protocol.PRETRAINED: 0.1, protocol.SCRATCH: 0.33}


def test_interval_of_the_break_point_holds_fractions_of_the_study(curves, params, rng):
    noisy = curves.copy()
    flip = rng.random(len(noisy)) < 0.4
    noisy.loc[flip, "predicted"] = rng.choice(names.EMOTIONS, flip.sum())
    found = fractions.breakpoints(noisy, params)
    for column in ("breakpoint", "breakpoint_low", "breakpoint_high"):
        assert set(found[column]) <= {0.1, 0.33, 1.0}
    assert (found["breakpoint_low"] <= found["breakpoint"]).all()
    assert (found["breakpoint"] <= found["breakpoint_high"]).all()


def test_overlap_is_what_the_papers_protocol_adds(params):
    unseen = predicted({(0.1, SYSTEMS[0]): 5, (1.0, SYSTEMS[0]): 6})
    shared = predicted({(0.1, SYSTEMS[0]): 8}, kind="paper")
    found = fractions.overlap(pd.concat([unseen, shared]), params)
    assert found["fraction"].tolist() == [0.1], "all data is run under one protocol"
    assert found[["difference", "difference_low"]].to_numpy() == pytest.approx(0.3)
    assert fractions.overlap(unseen, params).empty


def test_answers_are_those_of_the_tables(curves, params):
    tests, points = fractions.transfer(curves, params), fractions.breakpoints(curves, params)
    text = fractions.answer(tests, points, fractions.overlap(curves, params), params)
    assert "at 100 %: negative transfer (-0.200 [-0.200, -0.200]" in text
    assert "**Enough data**, HuMP-CAT pre-trained: 33 % [33 %, 33 %]" in text
    assert "shown in 1 of 3 cells" in text and "Speaker overlap" not in text


def test_differences_are_paired_by_speaker(params):
    """Speakers differ much, conditions little: a paired interval is narrow."""
    rows = pd.concat([
        predicted({(0.1, "a"): 2 + 6 * (s % 2), (0.1, "b"): 1 + 6 * (s % 2)}, speakers=1)
        .assign(speaker=f"s{s}") for s in range(8)
    ])  # fmt: skip
    found = differences.differences(
        rows, ["fraction"], "system", "a", "b", params.evaluation, seed=1
    ).iloc[0]
    assert [found.difference_low, found.difference_high] == pytest.approx([0.1, 0.1])


def test_speakers_without_both_conditions_are_left_out(params):
    rows = predicted({(0.1, "a"): 8, (0.1, "b"): 5}, speakers=4)
    rows = rows[(rows["system"] == "a") | (rows["speaker"] != "s3")]
    found = differences.differences(
        rows, ["fraction"], "system", "a", "b", params.evaluation, seed=1
    )
    assert found["speakers"].tolist() == [3]


@pytest.mark.parametrize("heard", [few_shot.ONE, few_shot.MANY])
@pytest.mark.parametrize("shots", [1, 3, 4])
def test_shots_of_each_emotion_from_one_speaker_or_many(make_data, rng, heard, shots):
    data = make_data(speakers=6)
    rows = data.rows.set_axis(range(500, 500 + len(data.rows)))
    training_rows = np.flatnonzero(rows["speaker"] != "s5")
    chosen = rows.iloc[few_shot.draw(rows, training_rows, shots, rng, heard=heard)]
    assert chosen["emotion"].value_counts().to_dict() == dict.fromkeys(names.EMOTIONS, shots)
    speakers = chosen.groupby("emotion")["speaker"].nunique()
    assert (speakers == (1 if heard == few_shot.ONE else min(shots, 5))).all()
    assert "s5" not in set(chosen["speaker"])
    if heard == few_shot.ONE:
        assert chosen["speaker"].nunique() == 1


def test_more_shots_than_anybody_has_are_not_drawn(make_data, rng):
    rows = make_data().rows
    everything = np.arange(len(rows))
    assert few_shot.draw(rows, everything, 5, rng, heard=few_shot.ONE) is None
    assert few_shot.draw(rows, everything, 5, rng, heard=few_shot.MANY) is not None
    assert few_shot.draw(rows, everything, 21, rng, heard=few_shot.MANY) is None


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
def study(make_data, params, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    source = make_data("demo_source")
    targets = {"demo_german": make_data("demo_german", speakers=3, seed=1),
               "demo_mandarin": make_data("demo_mandarin", speakers=3, seed=2)}  # fmt: skip
    protocol.train_final_source(source, params, 2)
    return params, source, targets


def test_test_speakers_play_no_part_in_choosing_a_strategy(study, monkeypatch):
    params, source, targets = study
    used, finetune, predict = [], training.finetune, training.predict
    monkeypatch.setattr(training, "finetune", lambda net, data, rows, *a, **more: (
        used.append([data, rows]), finetune(net, data, rows, *a, **more))[1])  # fmt: skip
    monkeypatch.setattr(training, "predict", lambda net, data, rows: (
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
    assert f"{best.max():.3f}" in tuning.answer(table)


def test_variants_apply_what_they_name(params):
    found = {variant.name: variant for variant in tuning.variants(params)}
    first = next(iter(found.values()))
    assert first.applied(params) == params, "the one in force changes nothing"
    assert found["head first"].applied(params).finetune.strategy == "head_first"
    source = found["everything at once, source's scaling alone"]
    assert source.applied(params).finetune.scaling_prior == np.inf
    tune = params.finetune.model_copy(update={"strategy": "gradual"})
    other = tuning.variants(params.model_copy(update={"finetune": tune}))
    assert other[0].strategy == "gradual" and other[-1].start == "scratch"


def test_few_shot_cells_and_tables(study):
    params, source, targets = study
    rows = few_shot.run(source, targets, params)
    assert set(rows["n_train"]) == {4} and set(rows["heard"]) == {few_shot.ONE, few_shot.MANY}
    assert set(rows["system"]) == {protocol.PRETRAINED, protocol.SCRATCH, few_shot.SVM}
    assert (rows["fold"] == rows["speaker"]).all(), "one speaker out"
    zero = rows[rows["heard"] == few_shot.ONE].drop(columns=["shots", "heard"])
    zero = zero.assign(fraction=0.0, n_train=0)
    zero = zero[zero["system"] != protocol.SCRATCH]
    table = few_shot.table(rows, zero, params)
    assert set(table["shots"]) == {0, 1}
    assert set(table.loc[table["shots"] == 0, "system"]) == {protocol.PRETRAINED, few_shot.SVM}
    assert list(dict.fromkeys(table["corpus"]))[-1] == "average of targets"
    found = few_shot.contrasts(rows, params)
    assert found["contrast"].nunique() == 2 and len(found) == 3 * (3 + 2)
    assert "many speakers - one speaker is" in few_shot.answer(found)


def test_an_interval_is_that_of_student_where_a_difference_is_a_mean_over_speakers():
    rng = np.random.default_rng(4)
    values = rng.normal(0.1, 0.05, 8)
    drawn = rng.choice(values, (40_000, 8)).mean(axis=1)
    settings = SimpleNamespace(confidence=0.95)
    low, high = differences.interval(values.mean(), drawn, [8], settings)
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([low, high], known, atol=1e-3)
    assert np.isnan(differences.interval(0.0, drawn, [8, 1], settings)).all()
