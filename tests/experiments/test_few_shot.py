"""Few-shot draws: so many of each emotion, of one speaker or of many, and never a test speaker."""

import numpy as np
import pytest

from hump.experiments import few_shot, protocol
from hump.params import names
from hump.report import answers


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


@pytest.fixture
def study(make_data, params):
    source = make_data("demo_source")
    targets = {"demo_german": make_data("demo_german", speakers=3, seed=1),
               "demo_mandarin": make_data("demo_mandarin", speakers=3, seed=2)}  # fmt: skip
    protocol.train_final_source(source, params, 2)
    return params, source, targets


def test_few_shot_cells_and_tables(study):
    params, source, targets = study
    rows = few_shot.run(source, targets, params)
    assert set(rows["n_train"]) == {4} and set(rows["heard"]) == {few_shot.ONE, few_shot.MANY}
    assert set(rows["system"]) == {names.PRETRAINED, names.SCRATCH, names.SVM}
    assert (rows["fold"] == rows["speaker"]).all(), "one speaker out"
    zero = rows[rows["heard"] == few_shot.ONE].drop(columns=["shots", "heard"])
    zero = zero.assign(fraction=0.0, n_train=0)
    zero = zero[zero["system"] != names.SCRATCH]
    table = few_shot.table(rows, zero, params)
    assert set(table["shots"]) == {0, 1}
    assert set(table.loc[table["shots"] == 0, "system"]) == {names.PRETRAINED, names.SVM}
    assert list(dict.fromkeys(table["corpus"]))[-1] == "average of targets"
    contrasts = few_shot.contrasts(rows, params)
    assert contrasts["contrast"].nunique() == 2 and len(contrasts) == 3 * (3 + 2)
    assert "many speakers - one speaker is" in answers.about_few_shot(contrasts)
