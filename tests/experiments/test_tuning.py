"""Ways to fine-tune: in each fold validation speakers choose, and others are tested."""

import numpy as np
import pandas as pd
import pytest

from hump.corpora import splits
from hump.errors import HumpError, LeakageError
from hump.experiments import protocol, tuning
from hump.params import ROOT, load_params, names
from hump.report import answers


def test_validation_speakers_are_training_speakers(make_data):
    rows = make_data(speakers=5).rows
    folds = splits.speaker_folds(rows, 5)
    speaker, validating = rows["speaker"].to_numpy(), []
    for fold, inner in zip(folds, tuning.inner_splits(rows, folds), strict=True):
        parts = [set(speaker[p]) for p in (inner.train, inner.validation, fold.test)]
        assert set.union(*parts) == set(speaker) and list(map(len, parts)) == [2, 2, 1]
        validating += sorted(parts[1])
    assert sorted(validating) == sorted([*set(speaker)] * 2), "each validates twice"


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


def test_targets_of_two_speakers_are_passed_over(study, make_data):
    params, source, targets = study
    two = make_data("demo_german", speakers=2, seed=1)
    mandarin = targets["demo_mandarin"]
    found, _ = tuning.compare(source, {"demo_german": two, "demo_mandarin": mandarin}, params)
    assert found["corpus"].unique().tolist() == ["demo_mandarin"]
    with pytest.raises(HumpError, match="no target has three speakers.*15_strategies to leave_out"):
        tuning.compare(source, {"demo_german": two}, params)


def test_each_fold_chooses_without_its_test_speakers(study):
    params, source, targets = study
    validation, tested = tuning.compare(source, targets, params)
    limits, known = params.fraction_curves.strategies, tuning.variants(params)
    assert validation["corpus"].unique().tolist() == ["demo_german"] and limits.targets == 1
    for rows in (validation, tested):
        assert rows["variant"].nunique() == len(known) and rows["fold"].nunique() == limits.folds
    table = tuning.table(validation, tested, params)
    assert table["in_force"].sum() == 1 and table["variant"].iloc[-1] == names.CHOSEN
    assert table["chosen_by"].sum() == limits.folds == table["runs"].iloc[0]
    assert table.loc[table["in_force"], "difference"].isna().all()
    uar = table.set_index("variant")["uar"]
    by_hand = tested[tested["variant"] == "head first"]
    recall = by_hand["emotion"].eq(by_hand["predicted"]).groupby(by_hand["emotion"]).mean()
    assert uar["head first"] == pytest.approx(recall.mean()), "of test speakers"
    # Nothing that test speakers are given can change who is chosen, and validation decides.
    assert tuning.table(validation, tested.assign(predicted="sad"), params)["chosen_by"].equals(
        table["chosen_by"]
    )
    right = validation.assign(predicted=validation["emotion"].where(
        validation["variant"] == "gradual unfreezing", "none"))  # fmt: skip
    other = tuning.table(right, tested, params).set_index("variant")
    assert other.loc["gradual unfreezing", "chosen_by"] == limits.folds
    assert other.loc[names.CHOSEN, "uar"] == pytest.approx(uar["gradual unfreezing"])
    assert f"{uar[names.CHOSEN]:.3f}" in answers.about_strategies(
        table, pd.DataFrame(columns=["corpus", "within"]), params
    )


def test_a_choice_cannot_be_reported_on_its_own_test_speakers(study):
    """Not even by one speaker of one fold; and a study's own strategy is fixed beforehand."""
    params, source, targets = study
    validation, tested = tuning.compare(source, targets, params)
    fold = tested["fold"].iloc[0]
    leak = tested[tested["fold"] == fold].assign(fold=validation["fold"].iloc[0])
    mixed = pd.concat([validation, leak.head(1)])
    with pytest.raises(LeakageError, match="demo_german: speaker='s0' chooses among variants and"):
        tuning.table(mixed, tested, params)
    for file in sorted((ROOT / "params").glob("*.yaml")):
        assert load_params(file).finetune.strategy == "all", file


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
