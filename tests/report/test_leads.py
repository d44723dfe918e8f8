"""The answer that stands first says what the rows say, and no more."""

import shutil

import numpy as np
import pandas as pd
import pytest

from hump.experiments import PRIMARY, fusion
from hump.params import ROOT, names
from hump.report import answers, leads, shown


def compared(difference, half, p_holm, **changes):
    row = {
        "comparison": "emodb", "a": "layers 1 + 9", "b": fusion.MATCHED, "speakers": 10,
        "question": PRIMARY, "difference": difference, "difference_low": difference - half,
        "difference_high": difference + half, "p": p_holm / 2, "p_holm": p_holm, "p_least": 0.001,
        "family": 2, "detectable": 0.09,
    }  # fmt: skip
    return pd.DataFrame(
        [row | changes, row | {"b": "last layer", "comparison": "HuMP-CAT"} | changes]
    )


@pytest.mark.parametrize(("difference", "half", "p", "verdict", "said", "limit"), [
    (0.1, 0.05, 0.01, "better", "Cross-attention is better than concatenation.", False),
    (-0.1, 0.05, 0.01, "worse", "Cross-attention is worse than concatenation.", False),
    (-0.1, 0.05, 0.2, "not decided", "Cross-attention was not shown to beat concatenation.", True),
    (0.1, 0.2, 0.01, "not decided", "Cross-attention was not shown to beat concatenation.", True),
])  # fmt: skip
def test_attention(params, difference, half, p, verdict, said, limit):
    found = leads.about_fusion(compared(difference, half, p), params)
    assert (found.verdict, found.headline) == (verdict, said)
    assert (
        f"by {difference:+.3f} [{difference - half:+.3f}, {difference + half:+.3f}] on EMODB (10 "
        in found.sentence
    )
    assert ("find a true difference of 0.090 in 80 % of studies" in found.sentence) == limit
    favoured = "cross-attention" if difference > 0 else "concatenation"
    assert f"both estimates favour {favoured}" in found.sentence


def test_decided_both_ways_is_mixed(params):
    both = pd.concat([compared(0.1, 0.05, 0.01), compared(-0.1, 0.05, 0.01)])
    assert leads.about_fusion(both, params).verdict == "mixed"


@pytest.mark.parametrize(("verdict", "badge", "word"), [
    ("transfer helps", "better", "helps."), ("negative transfer", "worse", "hurts."),
    ("not decided", "not decided", "not shown to help or to hurt."),
])  # fmt: skip
def test_transfer_is_that_of_the_average_at_the_headline_fraction(params, verdict, badge, word):
    rows = pd.DataFrame({
        "corpus": ["emodb", names.AVERAGE, names.AVERAGE], "protocol": "speaker_independent",
        "fraction": [params.headline, params.headline, 1.0], "speakers": 20,
        "difference": [0.5, 0.1, 0.02], "difference_low": -0.1, "difference_high": 0.2,
        "p_holm": 0.2, "verdict": verdict,
    })  # fmt: skip
    found = leads.about_transfer(rows, params)
    assert found.verdict == badge and found.headline.endswith(word)
    assert "+0.100 [-0.100, +0.200] (average of targets, 20 unseen" in found.sentence
    assert "+0.020 (100 %)" in found.sentence and "0.5" not in found.sentence


@pytest.mark.parametrize(("point", "high", "verdict", "said"), [
    (0.1, 0.33, "10 %", "10 % of the data is as good as all of it."),
    (0.1, 1.0, "not decided", "10 % of the data may be as good as all of it; that is not decided."),
    (1.0, 1.0, "not decided", "No smaller share of the data was shown to be as good as all of it."),
])  # fmt: skip
def test_how_much_data_is_enough(params, point, high, verdict, said):
    rows = pd.DataFrame([{"corpus": "emodb", "system": names.PRETRAINED, "speakers": 10,
                          "full": 1.0, "uar_full": 0.7, "breakpoint": point,
                          "breakpoint_low": 0.05, "breakpoint_high": high}])  # fmt: skip
    found = leads.about_enough(rows, params)
    assert (found.verdict, found.headline) == (verdict, said)


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (0.01, 0.1, "higher"), (-0.1, -0.01, "lower"), (-0.1, 0.1, "not decided"),
])  # fmt: skip
def test_overlap(params, low, high, verdict):
    rows = pd.DataFrame([{"corpus": "emodb", "system": names.PRETRAINED, "speakers": 10,
                          "fraction": params.headline, "difference": (low + high) / 2,
                          "difference_low": low, "difference_high": high}])  # fmt: skip
    assert leads.about_overlap(rows, params).verdict == verdict


def test_main_claims_that_were_not_tested_are_told(params):
    rows = compared(0.1, 0.05, 0.01).assign(claim="fusion helps", fraction=0.1)
    for family, said in ((2, "."), (5, "; 3 were not tested.")):
        found = leads.about_main_claims(rows.assign(family=family), params)
        assert found.verdict == f"2 of {family} supported"
        assert found.headline == (
            f"Of {family} main claims, 2 are supported, 0 contradicted and 0 not decided{said}"
        )


@pytest.mark.parametrize("study", ["open", "demo"])
def test_published_answers_have_short_headlines(params, study):
    tables = ROOT / "results" / "published" / study / "tables"
    asked = [question for question in leads.QUESTIONS if (tables / f"{question[1]}.csv").is_file()]
    assert len(asked) >= 4
    for _, table, about, _ in asked:
        found = about(pd.read_csv(tables / f"{table}.csv"), params)
        assert 3 < len(found.headline.split()) <= 30
        assert "[" in found.sentence and "speakers" in found.sentence
        assert "nan" not in str(found)


def test_without_enough_speakers_that_is_said(params):
    few = compared(0.1, 0.3, 1.0, p_least=0.1, detectable=np.nan)
    assert "With so few speakers, no difference can be shown." in str(
        leads.about_fusion(few, params)
    )


def test_what_a_study_now_leaves_out_answers_nothing(params, tmp_path):
    shutil.copytree(ROOT / "results/published/demo/tables", tmp_path / "tables")
    asked = [question for question, *_ in shown.Study(tmp_path, params).leads()]
    less = params.model_copy(update={"leave_out": ("06_layer_sensitivity",)})
    left = [question for question, *_ in shown.Study(tmp_path, less).leads()]
    assert [question for question in asked if question not in left] == [
        "Are the study's layers the right ones?"
    ]


def test_one_layer_is_one(params):
    rows = compared(0.1, 0.3, 1.0).assign(a="layer 9")
    assert leads.about_layers(rows, params).headline.startswith("Layer 9 was not shown to be")


def test_one_family_of_comparisons_is_corrected_alone():
    rows = pd.DataFrame({"question": ["primary"] * 3})
    assert answers.corrected(rows).endswith(
        "within 3 primary comparisons (bold: the paper's claims)"
    )


def test_a_question_whose_table_is_empty_is_not_asked(params, tmp_path):
    shutil.copytree(ROOT / "results/published/demo/tables", tmp_path / "tables")
    asked = [question for question, *_ in shown.Study(tmp_path, params).leads()]
    file = tmp_path / "tables" / "speaker_overlap.csv"
    pd.read_csv(file)[:0].to_csv(file, index=False)
    left = [question for question, *_ in shown.Study(tmp_path, params).leads()]
    assert [question for question in asked if question not in left] == [
        "How much does speaker overlap flatter?"
    ]
