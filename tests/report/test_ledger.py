"""Verdicts follow their rules, from result files alone, and never from synthetic speech."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import hump
from hump import plots, results
from hump.params import ROOT, folders, names
from hump.report import ledger, tables


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The paper's study, writing elsewhere, with nothing measured yet."""
    monkeypatch.setattr("hump.params.schema.ROOT", tmp_path)
    params = hump.load_params(ROOT / "params" / "paper.yaml")
    lines = [{"corpus": name, "remark": "", "fingerprint": "0"} for name in params.corpus_names]
    results.write(pd.DataFrame(lines), params, results.CORPORA, encoder=False)
    return params


def one(**changes):
    facts = {
        "claim": "c", "kind": "number", "value": 0.8, "metric": "wa", "setting": "s",
        "unseen": "unknown", "source": "x", "corpora": ("emodb",), "needs": {},
        "notebook": "04_finetune", "table": "finetune_emodb",
        "rows": {"protocol": "paper", "fraction": "headline", "system": "HuMP-CAT pre-trained"},
    }  # fmt: skip
    return ledger.Claim(**(facts | changes))


def cells(wa, low, high, **changes):
    """A table of one system, whose test speakers are shared or, at 0.4, unseen."""
    shared = {"corpus": "emodb", "protocol": "paper", "fraction": 0.33,
              "system": "HuMP-CAT pre-trained", "wa": wa, "wa_low": low,
              "wa_high": high}  # fmt: skip
    unseen = shared | {"protocol": "speaker_independent", "wa": 0.4, "wa_low": 0.3, "wa_high": 0.5}
    other = shared | {"fraction": 0.1, "wa": 0.1}
    return pd.DataFrame([shared, unseen, other]).assign(**changes)


def verdict(params, claim):
    table = ledger.collect(params, [claim])
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize(("measured", "expected", "because"), [
    ((0.78, 0.74, 0.82), "supported", "lies in the interval"),
    ((0.70, 0.65, 0.75), "contradicted", "measured lower than claimed"),
    ((0.90, 0.86, 0.93), "contradicted", "measured higher than claimed"),
    ((0.78, 0.60, 0.90), "undecided", "the interval spans 30 points; at most 20 decide"),
    ((0.78, np.nan, np.nan), "undecided", "no interval"),
])  # fmt: skip
def test_number_against_the_interval(study, measured, expected, because):
    results.write(cells(*measured), study, "finetune_emodb")
    row = verdict(study, one())
    assert row["verdict"] == expected and because in row["because"]
    assert row["value"] == measured[0] and row["protocol"] == "paper"
    assert (row["unseen"], row["unseen_low"], row["unseen_high"]) == (0.4, 0.3, 0.5)
    assert row["table"] == "finetune_emodb.csv" and row["notebook"] == "04_finetune"


def test_number_of_another_system_is_shown_but_not_judged(study):
    results.write(cells(0.5, 0.45, 0.55), study, "finetune_emodb")
    row = verdict(study, one(needs={"source": "ravdess", "encoder": "hubert-base-ls960"}))
    assert row["verdict"] == "undecided" and row["value"] == 0.5
    assert row["because"] == "another system: source iemocap, claimed with ravdess"
    same = one(needs={"source": "iemocap", "encoder": "hubert-base-ls960", "labels": "shared"})
    assert verdict(study, same)["verdict"] == "contradicted"


def test_absent_corpus_and_absent_table_are_not_run(study):
    row = verdict(study, one(corpora=("emodb", "esd_zh", "urdu")))
    assert (row["verdict"], row["because"]) == ("not run", "corpus absent: esd_zh, urdu")
    row = verdict(study, one())
    assert (row["verdict"], row["because"]) == ("not run", "finetune_emodb.csv is not there")
    source = one(corpora=("iemocap",), table="finetune_iemocap")
    assert verdict(study, source)["because"] == "iemocap is not a target of this study"
    results.write(cells(0.8, 0.7, 0.9).query("fraction < 0.3"), study, "finetune_emodb")
    assert verdict(study, one())["because"] == "finetune_emodb.csv has no such row"
    results.write(cells(0.8, 0.7, 0.9).drop(columns="system"), study, "finetune_emodb")
    assert verdict(study, one())["because"] == "finetune_emodb.csv has no column system"


def test_table_of_other_data_does_not_count(study):
    results.write(cells(0.8, 0.7, 0.9), study, "finetune_emodb")
    lines = results.corpora(study).assign(fingerprint="1")
    results.write(lines, study, results.CORPORA, encoder=False)
    row = verdict(study, one())
    assert (row["verdict"], row["because"]) == ("not run", "finetune_emodb.csv is of other data")


MECHANISM = {
    "kind": "mechanism", "value": None, "metric": "uar", "corpora": (), "table": "t",
    "rows": {"a": "x", "b": ["y", "z"]},
}  # fmt: skip


def comparisons(**changes):
    line = {"comparison": "emodb", "a": "x", "b": "y", "speakers": 10, "difference": 0.05,
            "difference_low": 0.01, "difference_high": 0.09, "p_holm": 0.01, "p_least": 0.001,
            "family": 4, "detectable": 0.04}  # fmt: skip
    return pd.DataFrame([line | changes])


@pytest.mark.parametrize(("changes", "expected", "because"), [
    ({}, "supported", "p = 0.01 (Holm)"),
    ({"difference": -0.05, "difference_low": -0.09, "difference_high": -0.01}, "contradicted",
     "p = 0.01 (Holm)"),
    # Other trainings might give the opposite.
    ({"difference_low": -0.01}, "undecided", "p = 0.01 (Holm), 10 speakers; detectable: 0.040"),
    ({"p_holm": 0.3}, "undecided", "p = 0.3 (Holm), 10 speakers; detectable: 0.040"),
    ({"p_holm": 0.3, "detectable": np.nan}, "undecided", "p = 0.3 (Holm), 10 speakers"),
])  # fmt: skip
def test_mechanism_by_sign_and_corrected_p(study, changes, expected, because):
    results.write(comparisons(**changes), study, "t")
    row = verdict(study, one(**MECHANISM))
    assert (row["verdict"], row["because"]) == (expected, because)
    assert row["detail"] == "emodb, against y" and np.isnan(row["claimed"])


def test_every_row_of_a_mechanism_is_a_line_unless_narrower_ones_are_there(study):
    both = pd.concat([comparisons(), comparisons(b="z"), comparisons(b="other")])
    results.write(both, study, "t")
    assert len(ledger.collect(study, [one(**MECHANISM)])) == 2
    assert len(ledger.collect(study, [one(**MECHANISM, rather={"b": "z"})])) == 1
    assert len(ledger.collect(study, [one(**MECHANISM, rather={"b": "w"})])) == 2


def test_synthetic_speech_decides_nothing(params):
    results.write(comparisons(), params, "t")
    row = verdict(params, one(**MECHANISM))
    assert (row["verdict"], row["value"]) == ("undecided", 0.05)
    assert row["because"] == "the study's speech is synthetic"
    table = ledger.collect(params)
    assert set(table["verdict"]) == {"not run"}, "none of their tables is there"
    assert (table["verdict"].eq("not run") == table["value"].isna()).all()
    results.write(cells(0.8, 0.7, 0.9), params, "finetune_emodb")
    number = verdict(params, one(corpora=()))
    assert number["verdict"] == "not run" and np.isnan(number["value"])


@pytest.mark.parametrize(("needs", "differs"), [
    ({"layers": "1 + 9", "classifier": "HuMP-CAT", "share": "33 %"}, ""),
    ({"layers": "learnt sum of all"}, "layers 1 + 9, claimed with learnt sum of all"),
    ({"classifier": "linear layer"}, "classifier HuMP-CAT, claimed with linear layer"),
    ({"share": "80 %"}, "share 33 %, claimed with 80 %"),
    ({"folds": "speakers"}, "folds speakers shared, claimed with speakers"),
    ({"folds": "not stated"}, "folds speakers shared, claimed with not stated"),
])  # fmt: skip
def test_a_figure_of_another_system_is_never_judged_by_ours(study, needs, differs):
    results.write(cells(0.5, 0.45, 0.55), study, "finetune_emodb")
    row = verdict(study, one(needs=needs))
    assert row["verdict"] == ("undecided" if differs else "contradicted")
    assert differs in row["because"]


def test_folds_are_those_that_the_study_names(study):
    table = cells(0.5, 0.45, 0.55).query("protocol == 'speaker_independent'")
    rows = {"protocol": "speaker_independent"}
    for corpus, folds in (("emodb", "speakers"), ("iemocap", "speakers"), ("mesd", "voice_types")):
        results.write(table.assign(corpus=corpus), study, "source")
        claim = one(table="source", rows=rows, corpora=(corpus,), needs={"folds": "sessions"})
        assert verdict(study, claim)["because"].endswith(f"folds {folds}, claimed with sessions")


def test_ledger_knows_its_claims_corpora_and_notebooks(study):
    entries = ledger.claims()
    numbers = [c.value for c in entries if c.kind == "number"]
    assert numbers == [0.7875, 0.8869, 0.7948, 0.6035, 0.6035]
    assert len([c for c in entries if c.kind == "mechanism"]) == 4
    for claim in entries:
        assert set(claim.corpora) <= set(folders.CORPORA) - set(folders.DEMO)
        assert (claim.value is None) == (claim.kind == "mechanism")
        assert set(claim.needs) <= {
            "source", "encoder", "labels", "targets", "layers", "classifier", "folds", "share",
        }  # fmt: skip
        if claim.kind == "published":  # a figure of others has a classifier and folds of its own
            assert {"classifier", "folds", "labels"} <= set(claim.needs)
        assert re.fullmatch(r"0[3-9]_[a-z_]+", claim.notebook)
        assert claim.rows.get("system", names.PROBE) in names.ORDER
    table = pd.read_csv(ROOT / "results" / "published" / "open" / "tables" / "main_claims.csv")
    named = {c.rows["claim"] for c in entries if c.table == "main_claims"}
    assert named and named <= set(table["claim"])
    average = entries[0]
    assert average.needs["targets"] == ", ".join(sorted(study.targets))
    assert set(average.corpora) == set(study.targets)


def test_table_and_picture_show_every_line(study):
    results.write(cells(0.78, 0.74, 0.82), study, "finetune_emodb")
    entries = [one(claim="accuracy on EMODB"), one(claim="absent", corpora=("urdu",))]
    table = ledger.collect(study, entries)
    shown = tables.compact(table, study, ["claimed", "value", "unseen", "verdict"])
    first = ["0.8", "0.780 [0.740, 0.820]", "0.400 [0.300, 0.500]", "supported"]
    assert shown.to_numpy().tolist() == [first, ["0.8", "", "", "not run"]]
    figure = plots.claim_ledger(table)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["accuracy on EMODB", "absent"]
    assert [t.get_text() for t in figure.axes[0].texts] == ["supported", "not run"]
    plt.close(figure)
