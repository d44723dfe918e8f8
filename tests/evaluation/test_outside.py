"""Predictions of an independent system, by scikit-learn alone, on the project's folds."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

import hump
from hump.corpora.splits import Fold
from hump.errors import HumpError
from hump.evaluation.outside import YOURS
from hump.params import ROOT, names

FOLDS = [Fold(f"fold {k}", (f"s{k}",)) for k in range(6)]


@pytest.fixture
def settings():
    return hump.load_params("params/demo.yaml").evaluation


@pytest.fixture
def corpus():
    """A manifest: 6 speakers, of whom the last has said less; some rows are not used."""
    rows = pd.DataFrame([
        {"corpus": "c", "utterance_id": f"{s}-{e}-{k}", "speaker": f"s{s}", "emotion": e,
         "sentence": str(k), "excluded": pd.NA}
        for s in range(6) for e in names.EMOTIONS for k in range(6 if s < 5 else 2)
    ])  # fmt: skip
    rest = rows.head(2).assign(utterance_id=["broken", "bored"], excluded=["silence", pd.NA])
    rest["emotion"] = ["sad", pd.NA]
    return pd.concat([rows, rest], ignore_index=True)


@pytest.fixture
def theirs(corpus):
    """Leave one speaker out, by scikit-learn: a column predicted beside the truth."""
    used = corpus[corpus["excluded"].isna() & corpus["emotion"].notna()].reset_index(drop=True)
    true = pd.Categorical(used["emotion"]).codes
    values = np.random.default_rng(0).normal(size=(len(used), 4)) + 3 * np.eye(4)[true]
    predicted = np.empty(len(used), object)
    for fold in FOLDS:
        test = used["speaker"].isin(fold.test).to_numpy()
        model = LogisticRegression().fit(values[~test], used["emotion"][~test])
        predicted[test] = model.predict(values[test])
    return used.assign(predicted=predicted)


@pytest.fixture
def ours(theirs):
    """The study's own predictions at two fractions, as `04_finetune` writes them."""
    parts = []
    for fraction, right in ((0.1, 0.3), (1.0, 0.5)):
        rng = np.random.default_rng(1)
        guess = theirs["emotion"].where(rng.random(len(theirs)) < right, "sad")
        facts = {"fraction": fraction, "repeat": 0, "system": "SVM", "fold": "x"}
        parts.append(theirs.assign(predicted=guess, protocol="speaker_independent", **facts))
    shared = parts[-1].assign(protocol="paper", predicted="angry")
    return pd.concat([*parts, shared])


def test_an_independent_system_beside_the_studys(corpus, theirs, ours, settings, tmp_path):
    file, own = tmp_path / "predictions.csv", tmp_path / "predictions_c.csv"
    theirs[["utterance_id", "predicted"]].sample(frac=1, random_state=0).to_csv(file, index=False)
    ours.to_csv(own, index=False)
    found = hump.evaluation.score(file, corpus=corpus, folds=FOLDS, settings=settings, against=own)
    table, test = found.table.set_index("system"), found.tests.iloc[0]
    last = ours[(ours["fraction"] == 1) & (ours["protocol"] != "paper")]
    known = [balanced_accuracy_score(rows["emotion"], rows["predicted"]) for rows in (theirs, last)]
    assert table.loc[[YOURS, "SVM"], "uar"].tolist() == pytest.approx(known)
    assert table.loc[YOURS, ["utterances", "speakers"]].tolist() == [128, 6]
    assert table.loc[YOURS, "uar_low"] < known[0] < table.loc[YOURS, "uar_high"]
    assert test["difference"] == pytest.approx(known[0] - known[1])
    assert test["p"] == test["p_least"] == 2 / 2**6, "all six speakers are better off"
    alone = hump.evaluation.score(theirs, corpus=corpus, folds=FOLDS, settings=settings)
    assert len(alone.tests) == 0 and alone.table["uar"].tolist() == pytest.approx(known[:1])


@pytest.mark.parametrize(("change", "said"), [
    (lambda t: t.drop(columns="predicted"), "predictions: no column predicted; add it"),
    (lambda t: t.assign(predicted="happyy"), "128 rows, first predicted='happyy': no such label"),
    (lambda t: t.iloc[1:], "1 rows, first utterance_id='0-angry-0': no prediction in repeat 0"),
    (lambda t: pd.concat([t, t.head(1)]), "first utterance_id='0-angry-0': there twice"),
    (lambda t: pd.concat([t, t.head(1).assign(utterance_id="broken")]), "'broken': no test row"),
    (lambda t: t.assign(fold=t["speaker"].map(lambda s: "fold 0" if s < "s5" else "fold 5")),
     "96 rows, first utterance_id='1-angry-0': in another fold than that which tests"),
])  # fmt: skip
def test_what_is_wrong_with_predictions_is_said(corpus, theirs, settings, change, said):
    given = change(theirs.drop(columns=["corpus", "emotion", "sentence", "excluded"]))
    with pytest.raises(HumpError, match=re.escape(said)):
        hump.evaluation.score(given, corpus=corpus, folds=FOLDS, settings=settings)


def test_predictions_of_other_rows_are_not_compared(corpus, theirs, ours, settings, tmp_path):
    inputs = {"corpus": corpus, "folds": FOLDS, "settings": settings}
    with pytest.raises(HumpError, match=r"its test rows are others \(24 utterances, one is '0-"):
        hump.evaluation.score(theirs, against=ours[ours["speaker"] != "s0"], **inputs)
    with pytest.raises(HumpError, match="none of them tests an utterance of this corpus"):
        hump.evaluation.score(theirs, **inputs | {"folds": [Fold("x", ("nobody",))]})
    with pytest.raises(HumpError, match="nothing.csv: no such file of predictions"):
        hump.evaluation.score(tmp_path / "nothing.csv", **inputs)


def test_folds_that_keep_sentences_apart(corpus, theirs, settings):
    folds = [
        Fold(f"{f.name}, {half}", f.test, tuple(half)) for f in FOLDS for half in ("012", "345")
    ]
    given = theirs[["utterance_id", "predicted"]]
    found = hump.evaluation.score(given, corpus=corpus, folds=folds, settings=settings).table
    assert (found["folds"].item(), found["utterances"].item()) == (11, 128)


def test_the_page_calls_it_as_it_is():
    """The code of the page, with a corpus that is not here, fails only for want of its folder."""
    page = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)
    with pytest.raises(HumpError, match="emodb"):
        exec(code.replace("~/corpora", "/nowhere"), {})
