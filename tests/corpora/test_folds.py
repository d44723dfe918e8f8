"""Folds that come with a corpus: who is in them, and that nothing leaks."""

import subprocess
import sys

import numpy as np
import pytest

import hump
from hump import corpora
from hump.corpora import folds, splits
from hump.errors import CorpusError, LeakageError, ParameterError
from hump.params import folders

FIRST = {"mesd": "named", "savee": "folders", "tess": "flat"}
# Number of folds of each scheme.
SCHEMES = {
    "iemocap": {"speakers": 10, "sessions": 5},
    "emodb": {"speakers": 10, "speakers_and_sentences": 20},
    "emovo": {"speakers": 6}, "mesd": {"voice_types": 3}, "casia": {"speakers": 4},
    "esd_en": {"speakers": 10}, "esd_zh": {"speakers": 10},
    "ravdess": {"actor_groups": 6, "actor_groups_and_statements": 12},
    "savee": {"speakers": 4}, "tess": {"speakers": 2}, "cremad": {"actor_groups": 5}, "urdu": {},
    "nemo": {"speakers": 9},
}  # fmt: skip
EVERY = [(name, scheme) for name, known in SCHEMES.items() for scheme in known]


@pytest.fixture
def rows(full):
    return lambda name: corpora.used(full(name, FIRST.get(name, "plain")))


def test_study_names_the_scheme():
    params = hump.load_params("params/open.yaml")
    assert corpora.frozen_folds("emodb", params) == folds.frozen("emodb", "speakers")
    other = params.model_copy(update={"folds": {"emodb": "speakers_and_sentences"}})
    assert len(corpora.frozen_folds("emodb", other)) == 20
    assert corpora.frozen_folds("demo_german", params) == ()


def test_folds_are_had_without_recipes_and_demo_speech():
    """Jobs import them; a reworded recipe must not make every job run again."""
    code = "import sys; from hump.corpora import frozen_folds, used; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert "hump.corpora.folds" in loaded
    assert not [m for m in loaded if m.startswith(("hump.corpora.recipe", "hump.demo"))]


def test_schemes():
    for name, known in SCHEMES.items():
        assert folders.fold_schemes(name) == tuple(known)
    for name in ("demo_german", "urdu"):
        assert folders.fold_schemes(name) == folds.frozen(name) == ()


@pytest.mark.parametrize(("name", "scheme"), EVERY)
def test_each_utterance_is_tested_once_and_nothing_leaks(rows, name, scheme):
    table = rows(name)
    made = splits.speaker_folds(table, 3, folds.frozen(name, scheme))
    assert len(made) == SCHEMES[name][scheme]
    tested = np.concatenate([fold.test for fold in made])
    assert sorted(tested) == list(range(len(table)))
    for fold in made:
        train, test = (table.iloc[part] for part in (fold.train, fold.test))
        assert len(train) and len(test)
        for column in fold.apart:
            assert not set(train[column]) & set(test[column])
        assert ("sentence" in fold.apart) == ("sentences" in scheme or "statements" in scheme)
        if "sentence" not in fold.apart:
            assert set(test["emotion"]) == set(table["emotion"]), "every emotion is tested"


@pytest.mark.parametrize(("name", "scheme"), [pair for pair in EVERY if pair[0] != "tess"])
def test_three_training_speakers_validate(rows, name, scheme):
    table = rows(name)
    for fold in splits.source_folds(table, 3, folds.frozen(name, scheme)):
        parts = [set(table["speaker"].iloc[p]) for p in (fold.train, fold.validation, fold.test)]
        assert len(parts[1]) == min(3, len(parts[0] | parts[1]) // 2)
        assert sum(map(len, parts)) == table["speaker"].nunique()


def test_iemocap_is_validated_by_the_other_actor_of_the_session_too(rows):
    table = rows("iemocap")
    for fold in splits.source_folds(table, 3, folds.frozen("iemocap")):
        test, validation = (table["speaker"].iloc[p].unique() for p in (fold.test, fold.validation))
        assert test[0][0] + {"F": "M", "M": "F"}[test[0][1]] in validation
        assert not table["speaker"].iloc[fold.train].str.startswith(test[0][0]).any()


def test_ravdess_groups_are_those_of_emobox():
    groups = [set(map(int, fold.test)) for fold in folds.frozen("ravdess")]
    assert groups == [
        {1, 11, 20, 21}, {4, 10, 12, 14}, {8, 9, 19, 23},
        {3, 5, 7, 24}, {2, 15, 16, 18}, {6, 13, 17, 22},
    ]  # fmt: skip


def test_cremad_groups_are_alike(rows):
    table = rows("cremad")
    for fold in folds.frozen("cremad"):
        sexes = table[table["speaker"].isin(fold.test)].drop_duplicates("speaker")["sex"]
        assert sexes.value_counts()["f"] in (8, 9) and len(sexes) in (18, 19)


def test_partial_copy_keeps_the_folds_that_it_has_speakers_for(rows):
    table = rows("ravdess")
    half = table[table["speaker"].astype(int) <= 12].reset_index(drop=True)
    made = splits.speaker_folds(half, 3, folds.frozen("ravdess"))
    assert [sorted(half["speaker"].iloc[fold.test].unique()) for fold in made] == [
        ["01", "11"], ["04", "10", "12"], ["08", "09"], ["03", "05", "07"], ["02"], ["06"],
    ]  # fmt: skip
    assert len(splits.source_folds(half, 3, folds.frozen("ravdess"))) == 6


def test_speakers_of_too_few_folds(rows):
    table = rows("ravdess")
    group = table[table["speaker"].isin(["01", "11", "04"])].reset_index(drop=True)
    with pytest.raises(CorpusError, match="ravdess: its 3 speakers in use are all in the same 2 "):
        splits.source_folds(group, 3, folds.frozen("ravdess"))


def test_speaker_that_is_in_no_fold(rows):
    table = rows("casia").copy()
    table.loc[0, "speaker"] = "somebody"
    with pytest.raises(CorpusError, match="casia: speaker=somebody: in none of the corpus's folds"):
        splits.speaker_folds(table, 3, folds.frozen("casia"))


def test_sentence_in_training_and_test_is_refused(rows):
    table = rows("emodb").copy()
    fold = splits.speaker_folds(table, 3, folds.frozen("emodb", "speakers_and_sentences"))[0]
    table.loc[fold.train[0], "sentence"] = table["sentence"].iloc[fold.test[0]]
    expected = "sentence='a0.' is in training and in test of fold '03 a'"
    with pytest.raises(LeakageError, match=expected):
        fold.checked(table)


@pytest.mark.parametrize(("name", "scheme", "message"), [
    ("emodb", "sessions", r"folds.emodb='sessions': no such folds; choose one of speakers, speak"),
    ("urdu", "speakers", r"folds.urdu='speakers': no such folds; urdu has none of its own"),
])  # fmt: skip
def test_unknown_scheme(name, scheme, message):
    with pytest.raises(ParameterError, match=message):
        folds.frozen(name, scheme)
