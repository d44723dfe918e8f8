"""Every corpus as a source: joined corpora, the pairs, and the test of language distance."""

import numpy as np
import pandas as pd
import pytest

from hump import plots
from hump.experiments import matrix, protocol
from hump.params import names
from hump.report import answers
from hump.training.dataset import Data, joined


@pytest.fixture
def corpora(make_data):
    named = ("demo_source", "demo_german", "demo_mandarin")
    made = {name: make_data(name, speakers=3, seed=k) for k, name in enumerate(named)}
    for data, language in zip(made.values(), ("en", "de", "zh")):
        data.rows["language"] = language
    return made


def test_joined_corpora_hold_the_utterances_of_both(corpora):
    parts = [corpora["demo_source"], corpora["demo_german"]]
    both = joined(parts)
    assert both.rows["speaker"].nunique() == 6 and both.rows["utterance_id"].is_unique
    at = len(parts[0].rows) + 5
    one, alone = both.batch([3, at]), [parts[0].batch([3]), parts[1].batch([5])]
    for stream in ("hubert", "hubert_length", "mfcc", "mfcc_length", "prosody"):
        expected = np.concatenate([getattr(other, stream) for other in alone])
        np.testing.assert_array_equal(getattr(one, stream), expected)
    assert both.classes.tolist() == [*parts[0].classes, *parts[1].classes]
    assert both.fingerprint != joined(parts[::-1]).fingerprint
    for stream, moments in Data(both.rows, both.features, both.labels).moments.items():
        np.testing.assert_array_equal(both.moments[stream], moments)


def test_every_pair_is_tested_on_all_utterances(corpora, params):
    protocol.train_final_source(corpora["demo_source"], params, 1)
    rows = matrix.predict(corpora, params)
    pairs = {(source, corpus) for source, corpus in rows[["source", "corpus"]].to_numpy()}
    singles = {(a, b) for a in corpora for b in corpora if a != b}
    assert pairs == singles | {(matrix.OTHERS, name) for name in corpora}
    for key, part in rows.groupby(["source", "corpus", "fraction", "system", "repeat"]):
        assert sorted(part["utterance_id"]) == sorted(corpora[key[1]].rows["utterance_id"]), key
    table = matrix.summarise(rows, params)
    assert set(table.loc[table["fraction"] > 0, "system"]) == {names.PRETRAINED}
    languages = {"demo_source": "en", "demo_german": "de", "demo_mandarin": "zh"}
    said = answers.about_matrix(table, matrix.by_distance(table, languages))
    assert said.count("without target data: best from") == 3
    assert said.startswith(("**No source is the best for every other", "**demo "))
    single = table["source"] != matrix.OTHERS
    for name, title in (("demo_german", "demo German"), ("demo_source", "demo source")):
        best = table.assign(uar=table["uar"].where(~single | (table["source"] != name), 0.99))
        won = answers.about_matrix(best, matrix.by_distance(table, languages))
        assert won.startswith(f"**{title} is the best source for every other corpus.**")
    ring = {"demo_german": "demo_source", "demo_mandarin": "demo_german",
            "demo_source": "demo_mandarin"}  # fmt: skip
    wins = table["source"].map(ring) == table["corpus"]
    none = table.assign(uar=table["uar"].where(~single | ~wins, 0.99))
    assert answers.about_matrix(none, matrix.by_distance(table, languages)).startswith(
        "**No source is the best for every other corpus.**"
    )
    two = table[(table[["source", "corpus"]] != "demo_mandarin").all(axis=1)]
    assert answers.about_matrix(two, matrix.by_distance(table, languages)).startswith(
        "**With two corpora each has one source.**"
    )
    assert "All other languages together" in said and "Distance of language" in said
    assert len(plots.matrix(table).axes) == 3


@pytest.mark.parametrize(("pair", "steps"), [
    ("en en", 0), ("en de", 1), ("en pl", 2), ("de zh", 3), ("xx yy", 3), ("xx xx", 0),
])  # fmt: skip
def test_distance_of_languages(pair, steps):
    assert matrix.distance(*pair.split()) == steps == matrix.distance(*pair.split()[::-1])


@pytest.mark.parametrize("effect", [0.0, -0.05])
def test_a_known_effect_of_distance_is_found(effect, rng):
    """UAR of levels of sources and targets, and so much a step of distance."""
    languages = dict(zip("abcdefg", ("en", "de", "it", "zh", "ur", "pl", "en")))
    levels = {name: rng.normal(0, 0.1, 2) for name in languages}
    table = pd.DataFrame([
        {"source": a, "corpus": b, "fraction": 0.0, "system": names.PRETRAINED,
         "uar": 0.6 + levels[a][0] + levels[b][1]
         + effect * matrix.distance(languages[a], languages[b])}
        for a in languages for b in languages if a != b
    ])  # fmt: skip
    found = matrix.by_distance(table, languages)
    assert found["slope"] == pytest.approx(effect, abs=1e-9)
    assert (found["p"] < 0.05) == (effect != 0)
