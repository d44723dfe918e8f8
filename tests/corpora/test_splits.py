"""Splits: no speaker is in two parts, and draws are nested and stratified."""

import numpy as np
import pandas as pd
import pytest

from hump.corpora import splits
from hump.errors import CorpusError, LeakageError


@pytest.fixture
def rows():
    lines = [
        {
            "speaker": f"s{s:02d}",
            "sex": "fm"[s % 2],
            "emotion": emotion,
            "corpus": "c",
            "session": None,
        }
        for s in range(6)
        for emotion, count in {"angry": 8, "happy": 4, "neutral": 2, "sad": 6}.items()
        for _ in range(count)
    ]
    table = pd.DataFrame(lines).sample(frac=1, random_state=0, ignore_index=True)
    return table.assign(audio_sha256=[f"hash{i}" for i in table.index])


def speakers(rows, positions):
    return set(rows["speaker"].iloc[positions])


@pytest.mark.parametrize("max_folds", [2, 3, 6, 99])
def test_each_speaker_is_tested_once(rows, max_folds):
    folds = splits.speaker_folds(rows, max_folds)
    assert len(folds) == min(max_folds, 6)
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(rows)))
    for fold in folds:
        assert not speakers(rows, fold.train) & speakers(rows, fold.test)
        assert len(fold.train) + len(fold.test) == len(rows)


def test_round_robin_folds_mix_sexes(rows):
    for fold in splits.speaker_folds(rows, 3):
        assert set(rows["sex"].iloc[fold.test]) == {"f", "m"}


@pytest.mark.parametrize(("others", "count"), [(1, 0), (2, 1), (5, 2), (6, 3), (9, 3), (23, 3)])
def test_three_speakers_validate_but_at_most_half(others, count):
    names = [f"s{k}" for k in range(others)]
    assert splits.validating([*names, *names]) == names[:count]


def test_source_folds_have_validation_speakers(rows):
    folds = splits.source_folds(rows, 99)
    assert len(folds) == 6
    for fold in folds:
        parts = [speakers(rows, p) for p in (fold.train, fold.validation, fold.test)]
        assert [len(p) for p in parts] == [3, 2, 1]
        assert len(set.union(*parts)) == 6


def test_too_few_speakers(rows):
    with pytest.raises(CorpusError, match="c: 2 speakers in use, the protocol needs at least 3"):
        splits.source_folds(rows[rows["speaker"].isin(["s00", "s01"])], 5)


def test_speaker_in_training_and_test_is_refused(rows):
    everything = np.arange(len(rows))
    leak = splits.Split("x", everything[::2], np.empty(0, int), everything[1::2])
    with pytest.raises(LeakageError, match="speaker='s0.' is in training and in test of fold 'x'"):
        leak.checked(rows)
    splits.Split("x", leak.train, leak.validation, leak.test, ("audio_sha256",)).checked(rows)


def test_audio_in_training_and_test_is_refused_in_every_protocol(rows):
    rows = rows.copy()
    fold = splits.speaker_folds(rows, 6)[0]
    rows.loc[fold.test[0], "audio_sha256"] = rows.loc[fold.train[0], "audio_sha256"]
    with pytest.raises(LeakageError, match="audio_sha256='hash.*' is in training and in test"):
        splits.speaker_folds(rows, 6)
    rows["audio_sha256"] = "same"
    with pytest.raises(LeakageError, match="audio_sha256='same'"):
        splits.paper_split(rows, 0.3, np.random.default_rng(0))


def test_draw_keeps_the_test_rows_and_is_checked(rows):
    fold = splits.source_folds(rows, 6)[0]
    drawn = fold.with_train(fold.train[:5], rows)
    assert drawn.train.tolist() == fold.train[:5].tolist()
    assert (drawn.name, drawn.apart) == (fold.name, fold.apart)
    for part in ("validation", "test"):
        assert getattr(drawn, part) is getattr(fold, part)


def test_draw_may_replace_the_validation_rows(rows):
    fold = splits.speaker_folds(rows, 6)[0]
    first = rows["speaker"].iloc[fold.train] == rows["speaker"].iloc[fold.train[0]]
    drawn = fold.with_train(fold.train[~first], rows, validation=fold.train[first])
    assert len(speakers(rows, drawn.validation)) == 1 and len(speakers(rows, drawn.train)) == 4
    with pytest.raises(LeakageError, match="is in training and in validation"):
        fold.with_train(fold.train, rows, validation=fold.train[first])


@pytest.mark.parametrize("part", ["validation", "test"])
def test_draw_from_the_speakers_of_another_part_is_refused(rows, part):
    fold = splits.source_folds(rows, 6)[0]
    drawn = np.append(fold.train[:5], getattr(fold, part)[0])
    with pytest.raises(LeakageError, match=f"speaker='s0.' is in training and in {part} of fold"):
        fold.with_train(drawn, rows)


def test_draw_of_a_test_row_is_refused_where_speakers_are_shared_too(rows):
    split = splits.paper_split(rows, 0.3, np.random.default_rng(0))
    with pytest.raises(LeakageError, match="audio_sha256='hash.*' is in training and in test"):
        split.with_train(split.test[:1], rows)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.33, 0.5, 1.0])
def test_draw_is_stratified(rows, fraction):
    positions = np.arange(len(rows))
    drawn = splits.stratified_draw(rows, positions, fraction, np.random.default_rng(3))
    size = rows["emotion"].value_counts()
    counts = rows["emotion"].iloc[drawn].value_counts()
    for emotion, n in size.items():
        assert counts[emotion] == max(1, round(fraction * n))
    assert len(set(drawn)) == len(drawn)


def test_larger_draw_contains_the_smaller(rows):
    positions = np.arange(len(rows))
    draws = [
        set(splits.stratified_draw(rows, positions, f, np.random.default_rng(5)))
        for f in (0.05, 0.1, 0.33, 1)
    ]
    assert draws[0] < draws[1] < draws[2] < draws[3] == set(positions)


def test_paper_split_shares_speakers_and_no_utterance(rows):
    split = splits.paper_split(rows, 0.33, np.random.default_rng(0))
    assert sorted(np.r_[split.train, split.test]) == list(range(len(rows)))
    assert speakers(rows, split.train) & speakers(rows, split.test)
