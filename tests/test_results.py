"""Tables of a study are read as they were written, and say what they are made from."""

import numpy as np
import pandas as pd
import pytest

from hump import results
from hump.errors import HumpError
from hump.params import ROOT, load_params

PUBLISHED = ("demo", "open", "open_hubert", "plus", "ablations", "native")


def test_table_that_is_not_there(params):
    with pytest.raises(HumpError, match=r"main\.csv: no such table; run the notebooks before"):
        results.read(params, "main")


def test_what_is_said_of_a_source_is_of_the_rows_own(params, monkeypatch):
    a, b, *_ = params.corpus_names
    listed = results.corpora(params).assign(remark=lambda t: "odd " + t["corpus"])
    results.write(listed.drop(columns=["note"]), params, results.CORPORA, encoder=False)
    target = params.corpus_names[-1]
    rows = pd.DataFrame({"source": [a, b, "all others"], "corpus": target, "uar": 0.5})
    results.write(rows, params, "x")
    said = pd.read_csv(results.table(params, "x"))["note"]
    assert [f"odd {a}" in one for one in said] == [True, False, True]
    assert [f"odd {b}" in one for one in said] == [False, b != a, True]
    results.write(rows.assign(source="Zhao et al."), params, "x")
    said = pd.read_csv(results.table(params, "x"))["note"]
    assert said.str.contains(f"odd {params.source}").all(), "a citation is no source"


def test_identifiers_stay_text(params):
    rows = pd.DataFrame(
        {"speaker": ["03", "NA"], "session": ["1", "02"], "uar": [0.1234567, np.nan]}
    )
    results.write(rows, params, "x")
    again = results.read(params, "x")
    assert again["speaker"].tolist() == ["03", "NA"] and again["session"].tolist() == ["1", "02"]
    assert again["uar"].iloc[0] == 0.123457 and np.isnan(again["uar"].iloc[1])
    assert list(again) == ["speaker", "session", "uar"], "without what was added"
    written = pd.read_csv(results.table(params, "x"))
    words = "synthetic demo speech; small encoder distilled from Whisper"
    assert written["note"].unique().tolist() == [words]
    assert written["fingerprint"].unique().tolist() == [results.fingerprint(params)]


@pytest.mark.parametrize("study", PUBLISHED)
def test_published_tables_follow_from_the_published_predictions(study):
    """UAR by its definition: recalls of classes, their mean, and the mean over trainings."""
    folder = ROOT / "results" / "published" / study
    files = sorted(folder.glob("predictions/predictions_*.parquet"))
    assert len(files) == len(load_params(f"params/{study}.yaml").targets)
    for file in files:
        corpus, cell = file.stem.partition("_")[2], ["protocol", "fraction", "system"]
        rows = pd.read_parquet(file).astype({"emotion": str, "predicted": str})
        rows["right"] = rows["emotion"] == rows["predicted"]
        recalls = rows.groupby([*cell, "repeat", "emotion"], observed=True)["right"].mean()
        uars = recalls.groupby([*cell, "repeat"], observed=True).mean()
        found = uars.groupby(cell, observed=True).agg(["mean", "std"]).fillna(0.0).sort_index()
        table = pd.read_csv(folder / "tables" / f"finetune_{corpus}.csv")
        table = table.set_index(cell).sort_index()
        assert table.index.tolist() == found.index.tolist(), corpus
        np.testing.assert_allclose(table["uar"], found["mean"], atol=1e-6)
        np.testing.assert_allclose(table["uar_sd"].fillna(0.0), found["std"], atol=1e-6)
