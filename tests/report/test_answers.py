"""Sentences say what the tables say."""

import numpy as np
import pandas as pd
import pytest

from hump.experiments import PRIMARY
from hump.experiments.diagnosis import Diagnosis
from hump.params import names
from hump.report import answers

NO_SHOTS = pd.DataFrame(columns=["corpus", "within"])


def test_source_and_chance(params):
    row = {"corpus": "demo_source", "system": names.PRETRAINED, "utterances": 80, "speakers": 5,
           "uar": 0.7, "uar_low": 0.6, "uar_high": 0.8}  # fmt: skip
    for folds, said in ((5, "one speaker left out at a time"), (3, "in 3 folds of speakers")):
        table = pd.DataFrame([row, row | {"system": names.SVM, "uar": 0.1}]).assign(folds=folds)
        assert answers.about_source(table, params, 0.25) == (
            "**On unseen speakers of demo source, HuMP-CAT reaches a UAR of 0.70; chance is 0.25.**"
            f" It is 0.700 [0.600, 0.800], {said} (80 utterances, 5 speakers; synthetic demo "
            "speech; small encoder distilled from Whisper)."
        )


@pytest.mark.parametrize(("differences", "p_holm", "said"), [
    ((-0.1, -0.2), 0.3, "All 2 primary comparisons favour concatenation over cross-attention;"),
    ((0.1, -0.2), 0.3, "ahead of concatenation in 1 of 2 primary comparisons; none is significant"),
    ((0.1, 0.2), 0.01, "ahead of concatenation in all 2 primary comparisons; 2 are significant"),
])  # fmt: skip
def test_which_way_comparisons_point_is_said_whatever_is_decided(params, differences, p_holm, said):
    table = pd.DataFrame({
        "comparison": "c", "b": ["x", "y"], "question": PRIMARY, "difference": differences,
        "difference_low": -0.3, "difference_high": 0.3, "p": [0.02, 0.01], "p_holm": p_holm,
    })  # fmt: skip
    table = pd.concat([table, table.assign(question="further", difference=-0.5, p=0.0)])
    text = answers.about_direction(table, params)
    assert said in text
    shown = f"{differences[1]:+.3f} [-0.300, +0.300], 0.01 before the correction and {p_holm}"
    assert f"The smallest p is that against y on c: {shown} after it." in text


def test_remark_of_recorded_speech(params):
    hub = params.features.model_copy(update={"encoder": "facebook/hubert-base-ls960"})
    real = params.model_copy(update={"source": "ravdess", "targets": ("emodb",), "features": hub})
    assert answers.remark(real, ["emodb"]) == "recorded speech"


def heads(**changes):
    rows = pd.DataFrame({"update": [0, 3, 3, 3, 3], "entropy": [0.5, 1.0, 0.8, 0.01, np.nan],
                         "collapse": ["no", "uniform", "no", "one key", "no choice"]})  # fmt: skip
    return rows.assign(**changes)


def test_attention_is_counted_at_the_last_time():
    said = answers.about_attention(heads(), "update", "after fine-tuning")
    assert said == (
        "Attention after fine-tuning: of 4 heads 1 weigh all keys alike, 1 look at one key, and 1 "
        "have one key only and cannot choose; normalised entropy 0.01 to 1.00, median 0.80 (1 is "
        "uniform)."
    )
    none = heads(entropy=np.nan, collapse="no choice")
    assert "entropy" not in answers.about_attention(none, "update", "after fine-tuning")
    assert answers.about_attention(heads()[:0], "update", "x") == "Attention: no stage attends."


@pytest.mark.parametrize(("low", "high", "said"), [
    (0.01, 0.2, "better than"), (-0.2, -0.01, "worse than"),
    (-0.1, 0.3, "not measurably different from"),
])  # fmt: skip
def test_what_choosing_a_strategy_is_worth(params, low, high, said):
    table = pd.DataFrame({
        "corpus": "demo_german", "fraction": 0.1, "variant": ["all", "joint", names.CHOSEN],
        "uar": [0.5, 0.7, 0.6], "uar_low": 0.4, "uar_high": 0.95, "speakers": 3, "n_train": 24,
        "difference": 0.1, "difference_low": low, "difference_high": high,
        "in_force": [True, False, False], "chosen_by": [1, 2, 0], "runs": 3,
    })  # fmt: skip
    text = answers.about_strategies(table, NO_SHOTS, params)
    assert f"on validation speakers is {said} fixing it beforehand.** With 10 % of the data" in text
    assert f"which is {said} it (+0.100 [{low:+.3f}, {high:+.3f}])" in text
    assert "*all*, fixed beforehand, reaches 0.500 [0.400, 0.950]" in text
    assert "(joint in 2 of 3, all in 1 of 3), reaches 0.600 [0.400, 0.950]" in text


def test_few_shot_without_a_speaker_who_has_enough():
    assert "no speaker has so many utterances" in answers.about_few_shot(NO_SHOTS)


@pytest.mark.parametrize(("low", "high", "said"), [
    (0.01, 0.2, "is surer than it is right."), (-0.2, -0.01, "is less sure than it is right."),
    (-0.1, 0.3, "was not shown to be surer, or less sure, than it is right."),
])  # fmt: skip
def test_whether_a_model_can_be_trusted_is_said_of_the_headline_fraction(params, low, high, said):
    row = {"corpus": "demo_german", "scaling": "none", "utterances": 96, "speakers": 4, "ece": 0.2,
           "ece_by_chance": 0.05, "temperature": 2.0, "temperature_lowest": 1.0,
           "temperature_highest": 3.0, "n_calibration": 16, "nll_change": -0.1,
           "nll_change_low": -0.2, "nll_change_high": -0.05, "overconfidence": 0.3,
           "overconfidence_low": 0.2, "overconfidence_high": 0.4}  # fmt: skip
    own = {"overconfidence": 0.1, "overconfidence_low": low, "overconfidence_high": high}
    table = pd.DataFrame([
        row | {"fraction": 0.0}, row | {"fraction": params.headline},
        row | {"fraction": params.headline, "scaling": "temperature"} | own,
    ])  # fmt: skip
    rates = pd.DataFrame(columns=["system", "emotion"])
    places = [(moment, of) for moment in ("before", "after") for of in ("emotions", "corpora")]
    separation = pd.DataFrame(places, columns=["moment", "groups"]).assign(silhouette=0.5)
    found = Diagnosis(heads(), table, None, None, separation)
    text = answers.about_diagnosis(found, rates, params)
    assert text.startswith(f"**On demo German, the fine-tuned model {said}** With its temperature,")
    assert f"confidence less accuracy is +0.100 [{low:+.3f}, {high:+.3f}]" in text
    assert text.count("ECE") == 3 and "lowers the negative log-likelihood" in text
