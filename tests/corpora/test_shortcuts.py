"""The audit detects a shortcut that exists, and none in data without one."""

import numpy as np
import pytest

from hump.corpora import shortcuts, splits

UNSEEN, SHARED = shortcuts.CONDITIONS


@pytest.fixture
def rows(make_data):
    """Five speakers, four emotions, eight utterances of each; nothing predicts anything."""
    rows = make_data(speakers=10).rows
    rng = np.random.default_rng(0)
    rows["duration_s"] = rng.uniform(1, 2, len(rows))
    rows["level_db"] = rng.uniform(-40, -20, len(rows))
    rows["sentence"] = rng.choice(list("abcd"), len(rows))
    return rows


def audited(rows, params):
    folds = splits.speaker_folds(rows, 10)
    table = shortcuts.audit(rows, folds, params.evaluation, seed=1)
    assert (table["utterances"] == len(rows)).all() and (table["uar_low"] <= table["uar"]).all()
    return table.set_index(["system", "condition"])["uar"]


def test_scores_are_near_chance_without_a_shortcut(rows, params):
    uar = audited(rows, params)
    assert len(uar) == 8 and uar.max() < 0.36
    assert uar["speaker alone", UNSEEN] == 0.25, "an unseen speaker predicts nothing"
    assert uar["speaker alone", SHARED] == 0.25, "nor does one who speaks in all emotions alike"


@pytest.mark.parametrize(("name", "column", "cue"), [
    ("loudness alone", "level_db", {"angry": -10, "happy": -20, "neutral": -30, "sad": -40}),
    ("duration alone", "duration_s", {"angry": 1, "happy": 2, "neutral": 3, "sad": 4}),
    ("sentence alone", "sentence", {"angry": "a", "happy": "b", "neutral": "c", "sad": "d"}),
])  # fmt: skip
def test_shortcut_is_detected(rows, params, name, column, cue):
    rows[column] = rows["emotion"].map(cue)
    uar = audited(rows, params)
    assert uar[name, UNSEEN] == uar[name, SHARED] == 1
    assert uar.drop(name, level="system").max() < 0.36


def test_speaker_is_a_shortcut_only_where_speakers_are_shared(rows, params):
    one_emotion = rows.groupby("speaker").ngroup() % 4
    rows["emotion"] = np.array(["angry", "happy", "neutral", "sad"])[one_emotion]
    uar = audited(rows, params)
    assert uar["speaker alone", SHARED] == 1 and uar["speaker alone", UNSEEN] == 0.25


def test_sentence_is_left_out_if_file_names_do_not_contain_it(rows, params):
    rows["sentence"] = None
    assert "sentence alone" not in audited(rows, params).index.get_level_values("system")
