"""Encoders side by side: the same folds, a model and a probe on each, sizes that are counted."""

import numpy as np
import pytest

from hump.corpora import splits
from hump.corpora.folds import Fold
from hump.experiments import encoders, layers, variants
from hump.features import encoders as known
from hump.features import hubert
from hump.report import answers

OWN, OTHER = "hump/assets/hubert-mini", "untrained"


@pytest.fixture
def corpora(data):
    return {"study": data["study"], OWN: data["study"], OTHER: data["untrained"].of_layers((1, 3))}


@pytest.fixture
def priced(corpora, params, monkeypatch, rng):
    noise = rng.normal(0, 0.1, 8_000).astype(np.float32)
    monkeypatch.setattr("hump.experiments.encoders.audio.load", lambda path: noise)
    corpora["study"].rows["path"] = "any.wav"
    return encoders.costs(corpora, params).set_index("system")


def test_features_are_of_each_encoder_of_the_list(data, params, monkeypatch):
    asked = []

    def extract(rows, changed):
        asked.append((changed.features.encoder, changed.features.layers))
        return data["study"].features

    monkeypatch.setattr(layers, "extract_corpus", extract)
    found = encoders.load(data["study"], params)
    assert asked == [(OTHER, (1, 9))], "the study has its own encoder's features"
    assert list(found) == ["study", OWN, OTHER]
    assert found[OWN] is data["study"] and found[OTHER] is not data["study"]


def test_both_models_are_tested_once_on_every_utterance_by_unseen_speakers(corpora, params, priced):
    predicted = encoders.predict(corpora, params)
    tested = predicted.groupby(["model", "system"])["utterance_id"].agg(sorted)
    assert len(tested) == 4
    assert all(ids == sorted(corpora["study"].rows["utterance_id"]) for ids in tested)
    folds = {fold.name: fold for fold in variants.folds(corpora["study"], params)}
    for (model, fold), rows in predicted.groupby(["model", "fold"]):
        train, validation = folds[fold].train, folds[fold].validation
        trained = train if model == "HuMP-CAT" else np.union1d(train, validation)
        speakers = corpora["study"].rows["speaker"].iloc[trained].nunique()
        assert set(rows["n_train"]) == {len(trained)}
        assert set(rows["train_speakers"]) == {speakers}
    table = encoders.summarise(predicted, priced.reset_index(), params)
    rows = table.set_index(["model", "system"])
    assert rows.loc[("linear probe", OWN), "uar"] > 0.6, "made-up features tell the emotion"
    assert rows.loc[("HuMP-CAT", OTHER), "layers"] == "1 + 3"
    compared = encoders.compare(predicted, params)
    assert compared[["comparison", "a", "b"]].to_numpy().tolist() == [
        ["HuMP-CAT", OWN, OTHER], ["linear probe", OWN, OTHER]
    ]  # fmt: skip
    said = answers.about_encoders(table, compared, params)
    best = table[table["model"] == "linear probe"].sort_values("uar").iloc[-1]
    assert f"linear probe is highest with {best['system']}" in said
    assert f"UAR {best['uar']:.3f} [" in said and f"HuMP-CAT, {OWN} less {OTHER}" in said


def test_sentences_that_a_fold_keeps_apart_train_no_probe(corpora, params, priced, monkeypatch):
    halves = [Fold(f"s{s} {half}", (f"s{s}",), sentences=half)
              for s in range(5) for half in (("0", "1"), ("2", "3"))]  # fmt: skip
    folds = splits.source_folds(corpora["study"].rows, len(halves), halves)
    monkeypatch.setattr(variants, "folds", lambda *_: folds)
    predicted = encoders.predict(corpora, params)
    probes = predicted[predicted["model"] == "linear probe"]
    assert set(probes["n_train"]) == {32}, "two sentences of four other speakers"
    assert set(probes["train_speakers"]) == {4}


def test_weights_are_counted_up_to_the_last_layer_used(priced):
    assert known.find(OWN).config["num_hidden_layers"] == 12
    encoder = hubert.load_encoder(OWN, layers=(9,))
    model = encoder.forward.model
    assert priced.loc[OWN, "weights"] == sum(w.numel() for w in model.parameters())
    assert len(model.encoder.layers) == 9
    assert 0 < priced.loc[OTHER, "weights"] < priced.loc[OWN, "weights"]
    assert (priced["utterance_s"] > 0).all()
