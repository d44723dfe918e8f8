"""Sentences say what the tables say."""

import numpy as np
import pandas as pd
import pytest

from hump.params import names
from hump.report import answers


def test_source_and_chance(params):
    row = {"corpus": "demo_source", "system": names.PRETRAINED, "utterances": 80, "speakers": 5,
           "uar": 0.7, "uar_low": 0.6, "uar_high": 0.8}  # fmt: skip
    table = pd.DataFrame([row, row | {"system": names.SVM, "uar": 0.1}])
    assert answers.about_source(table, params, 0.25) == (
        "On demo_source (synthetic demo speech; small encoder distilled from Whisper), "
        "HuMP-CAT reaches a UAR of **0.700 [0.600, 0.800]** on unseen speakers (80 utterances, 5 "
        "speakers; chance 0.25)."
    )


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


def strategies(*, in_force=0, low=0.01, second=0.5):
    """Two strategies, of which the first is best or as good, and the model from scratch."""
    table = pd.DataFrame({
        "corpus": "demo_german", "variant": ["joint", "all", "from scratch"],
        "start": ["pretrained", "pretrained", "scratch"], "uar": [0.6, second, 0.9],
        "uar_low": 0.4, "uar_high": 0.95, "speakers": 3, "n_train": 24, "difference": 0.1,
        "difference_low": low, "difference_high": 0.2,
    })  # fmt: skip
    return table.assign(winner=table.index == 0, in_force=table.index == in_force)


@pytest.mark.parametrize(("table", "said"), [
    (strategies(), "the best is *joint* with a UAR of 0.600 [0.400, 0.950]; it is the one in"),
    (strategies(second=0.6), "[0.400, 0.950], level with 1 other; it is the one in force."),
    (strategies(in_force=1), "the one in force is *all*; the best is ahead by +0.100 [+0.010, "),
    (strategies(in_force=1), "(the interval excludes 0, but is not corrected for choosing"),
    (strategies(in_force=1, low=-0.1), "(the interval contains 0, and is not corrected"),
])  # fmt: skip
def test_strategy_chosen_beside_the_one_in_force(table, said):
    text = answers.about_strategies(table)
    assert said in text
    assert (
        "(demo_german, 3 validation speakers, fine-tuned on 24 utterances): of 2 strategies" in text
    )


def test_few_shot_without_a_speaker_who_has_enough():
    nothing = pd.DataFrame(columns=["corpus", "within"])
    assert "no speaker has so many utterances" in answers.about_few_shot(nothing)
