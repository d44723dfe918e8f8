"""Tables of the whole study."""

import itertools

import numpy as np
import pandas as pd
import pytest

from hump import names, protocol, summary, tables
from hump.errors import HumpError


@pytest.fixture
def predicted(params):
    rng = np.random.default_rng(0)
    lines = []
    skill = {protocol.PRETRAINED: 0.9, protocol.SCRATCH: 0.4, "SVM on eGeMAPS": 0.9}
    cells = itertools.product(params.targets, (0.0, 0.5), skill, range(8), range(12))
    for corpus, fraction, system, speaker, k in cells:
        emotion = names.EMOTIONS[k % 4]
        guess = emotion if rng.random() < skill[system] else rng.choice(names.EMOTIONS)
        lines.append((corpus, fraction, system, f"s{speaker}", f"s{speaker}-{k}", emotion, guess))
    columns = ["corpus", "fraction", "system", "speaker", "utterance_id", "emotion", "predicted"]
    return pd.DataFrame(lines, columns=columns).assign(
        protocol="speaker_independent", repeat=0, fold="x", n_train=7
    )


def test_comparisons_find_what_is_there_and_no_more(predicted, params):
    table = summary.comparisons(predicted, params).set_index(["fraction", "b"])
    assert (table["speakers"] == 16).all(), "speakers of both targets"
    assert (table.loc[(slice(None), protocol.SCRATCH), "p_holm"] < 0.01).all()
    assert (table.loc[(slice(None), "SVM on eGeMAPS"), "p_holm"] > 0.05).all()
    text = summary.claims(summary.comparisons(predicted, params), params)
    assert text.count("**better**") == 2 and text.count("not decided") == 2
    assert "synthetic demo speech; small encoder trained on synthetic speech" in text
    assert "one family of 4 Holm-corrected tests" in text and text.count("detectable: 0.") == 4


def test_too_few_speakers_are_said_to_be_too_few(predicted, params):
    few = predicted[predicted["speaker"].isin(["s0", "s1"])]
    text = summary.claims(summary.comparisons(few, params), params)
    assert "cannot be decided with 4 speakers" in text and "better" not in text
    assert "detectable: nothing" in text


def test_spread_is_of_unseen_speakers_at_the_headlines_fraction(predicted, params):
    table = summary.spread(predicted, params)
    assert set(table["fraction"]) == {0.5} and set(table["corpus"]) == set(params.targets)
    assert set(table["component"]) == {"speaker"} and (table["levels"] == 8).all()


def test_wide_table(predicted, params):
    from hump import evaluation

    for name in params.targets:
        part = predicted[predicted["corpus"] == name]
        by = ["corpus", "protocol", "fraction", "system"]
        table = evaluation.summarise(part, by, names.EMOTIONS, params.evaluation, seed=0)
        tables.write(table, params, f"finetune_{name}")
    cells = summary.cells(predicted, params)
    wide = summary.wide(cells, "speaker_independent")
    assert wide["corpus"].tolist() == [
        *("demo_german",) * 2, *("demo_mandarin",) * 2, *("average of targets",) * 2,
    ]  # fmt: skip
    assert wide.columns.tolist() == [
        "corpus", "data", "n_train", "utterances", "speakers",
        protocol.PRETRAINED, protocol.SCRATCH, "SVM on eGeMAPS",
    ]  # fmt: skip
    part = cells[cells["system"] == protocol.SCRATCH]
    row = part.query("corpus == 'demo_german' and fraction == 0.5").iloc[0]
    shown = f"{row.uar:.3f} [{row.uar_low:.3f}, {row.uar_high:.3f}]"
    assert wide.loc[1, protocol.SCRATCH] == shown and wide.loc[1, "data"] == "50 %"
    assert summary.wide(cells, "paper").empty


@pytest.mark.parametrize(("fractions", "expected"), [
    ((0.0, 0.1, 0.33, 1.0), 0.33), ((0.0, 0.5, 1.0), 0.5), ((0.01,), 0.01),
])  # fmt: skip
def test_headline_is_the_papers_third_or_the_next(params, fractions, expected):
    tune = params.finetune.model_copy(update={"fractions": fractions})
    assert summary.headline(params.model_copy(update={"finetune": tune})) == expected


def test_table_that_is_not_there(params):
    with pytest.raises(HumpError, match=r"main\.csv: no such table; run the notebooks before"):
        tables.read(params, "main")


def test_identifiers_stay_text(params):
    rows = pd.DataFrame({"speaker": ["03", "16"], "uar": [0.1234567, np.nan]})
    tables.write(rows, params, "x")
    again = tables.read(params, "x")
    assert again["speaker"].tolist() == ["03", "16"]
    assert again["uar"].iloc[0] == 0.123457
    assert list(again) == ["speaker", "uar"], "without what was added"
    written = pd.read_csv(params.results / "tables" / "x.csv")
    words = "synthetic demo speech; small encoder trained on synthetic speech"
    assert written["note"].unique().tolist() == [words]
    assert written["fingerprint"].unique().tolist() == [tables.fingerprint(params)]
