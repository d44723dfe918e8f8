"""Tables of the whole study."""

import itertools

import numpy as np
import pandas as pd
import pytest

from hump import evaluation, results
from hump.experiments import summary
from hump.params import names
from hump.report import answers
from hump.report.leads import DETAILS


@pytest.fixture
def predicted(params):
    rng = np.random.default_rng(0)
    lines = []
    skill = {names.PRETRAINED: 0.9, names.SCRATCH: 0.4, "SVM on eGeMAPS": 0.9}
    cells = itertools.product(params.targets, (0.0, 0.5), skill, range(8), range(12))
    for corpus, fraction, system, speaker, k in cells:
        emotion = names.EMOTIONS[k % 4]
        guess = emotion if rng.random() < skill[system] else rng.choice(names.EMOTIONS)
        lines.append((corpus, fraction, system, f"s{speaker}", f"s{speaker}-{k}", emotion, guess))
    columns = ["corpus", "fraction", "system", "speaker", "utterance_id", "emotion", "predicted"]
    return pd.DataFrame(lines, columns=columns).assign(
        protocol="speaker_independent", repeat=0, fold="x", n_train=7, train_speakers=3, rng_key="1"
    )


def test_comparisons_find_what_is_there_and_no_more(predicted, params):
    one = params.finetune.model_copy(update={"fractions": {0.5: 1, 1: 1}})
    params = params.model_copy(update={"finetune": one})
    table = summary.comparisons(predicted, params).set_index(["fraction", "b"])
    assert (table["speakers"] == 16).all(), "speakers of both targets"
    assert (table.loc[(slice(None), names.SCRATCH), "p_holm"] < 0.01).all()
    assert (table.loc[(slice(None), "SVM on eGeMAPS"), "p_holm"] > 0.05).all()
    text = answers.about_claims(summary.comparisons(predicted, params), params)
    assert text.startswith("**Pre-trained HuMP-CAT in 4 comparisons: 2 better, 2 not decided.**")
    grouped = text.partition(DETAILS)[2]
    assert grouped.count("**better**: HuMP-CAT from scratch, 50 %") == 1
    assert grouped.count("**not decided**: SVM on eGeMAPS") == 1 and grouped.count("(p = ") == 4
    assert "synthetic demo speech; small encoder distilled from Whisper" in text
    assert "one family of 4 Holm-corrected tests" in text
    assert "intervals cover speakers alone, since there is one draw and seed." in text
    detectable = table.loc[(slice(None), "SVM on eGeMAPS"), "detectable"]
    assert f"a true difference of {detectable.min():.3f} to {detectable.max():.3f} in 80 %" in text
    three = params.model_copy(
        update={"finetune": params.finetune.model_copy(update={"fractions": {0.5: 3, 1: 4}})}
    )
    text = answers.about_claims(summary.comparisons(predicted, params), three)
    assert "intervals cover speakers and 3 to 4 draws and seeds." in text
    some = params.finetune.model_copy(update={"fractions": {0.5: 3, 1: 1}})
    some = params.model_copy(update={"finetune": some})
    text = answers.about_claims(summary.comparisons(predicted, params), some)
    assert "speakers, and draws and seeds where there are several (up to 3)." in text


def test_a_second_average_leaves_out_what_it_says(predicted, params):
    assert summary.second_average(predicted, params).empty
    first, other = params.targets
    third = predicted[predicted["corpus"] == other].assign(corpus="third")
    every = pd.concat([predicted, third.assign(predicted="sad")])
    params = params.model_copy(update={"average_without": (first,)})
    found = summary.second_average(every, params)
    assert set(found["corpus"]) == {f"average without {first}"} and (found["speakers"] == 16).all()
    right = every["emotion"].eq(every["predicted"])
    by = [every["corpus"], every["fraction"], every["system"], every["emotion"]]
    uar = right.groupby(by).mean().groupby(level=[0, 1, 2]).mean()
    for row in found.itertuples():
        expected = [uar[name, row.fraction, row.system] for name in (other, "third")]
        assert row.uar == pytest.approx(np.mean(expected))


def test_too_few_speakers_are_said_to_be_too_few(predicted, params):
    few = predicted[predicted["speaker"].isin(["s0", "s1"])]
    text = answers.about_claims(summary.comparisons(few, params), params)
    assert text.startswith("**Pre-trained HuMP-CAT was not shown to be better or worse than")
    assert "**cannot be decided with 4 speakers**" in text and "80 % of studies" not in text


def test_spread_is_of_unseen_speakers_at_the_headlines_fraction(predicted, params):
    table = summary.spread(predicted, params)
    assert set(table["fraction"]) == {0.5} and set(table["corpus"]) == set(params.targets)
    assert set(table["component"]) == {"speaker"} and (table["levels"] == 8).all()


def test_wide_table(predicted, params):
    for name in params.targets:
        part = predicted[predicted["corpus"] == name]
        by = ["corpus", "protocol", "fraction", "system"]
        table = evaluation.summarise(part, by, names.EMOTIONS, params.evaluation, seed=0)
        results.write(table, params, f"finetune_{name}")
    cells = summary.cells(predicted, params)
    wide = summary.wide(cells, "speaker_independent")
    assert wide["corpus"].tolist() == [
        *("demo_german",) * 2, *("demo_mandarin",) * 2, *("average of targets",) * 2,
    ]  # fmt: skip
    assert wide.columns.tolist() == [
        "corpus", "data", "n_train", "train_speakers", "folds", "repeats", "rng_key",
        "utterances", "speakers",
        names.PRETRAINED, names.SCRATCH, "SVM on eGeMAPS",
    ]  # fmt: skip
    part = cells[cells["system"] == names.SCRATCH]
    row = part.query("corpus == 'demo_german' and fraction == 0.5").iloc[0]
    shown = f"{row.uar:.3f} [{row.uar_low:.3f}, {row.uar_high:.3f}]"
    assert wide.loc[1, names.SCRATCH] == shown and wide.loc[1, "data"] == "50 %"
    assert summary.wide(cells, "paper").empty
