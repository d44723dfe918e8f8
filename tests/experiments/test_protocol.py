"""The experiments: every cell, the same test rows for all, and nothing learnt from them."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hump import model, results, training
from hump.experiments import protocol
from hump.params import names
from hump.training import baselines, corpus, fit


@pytest.fixture
def study(make_data, params, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    tune = params.finetune.model_copy(update={"fractions": {0.0: 2, 0.25: 2, 1.0: 2}})
    params = params.model_copy(update={"finetune": tune})
    source, target = make_data("demo_source"), make_data("demo_german", speakers=4, seed=1)
    run = protocol.pretrain_source(source, params)
    protocol.train_final_source(source, params, run.epochs)
    return params, source, target, run


def test_source_tests_each_utterance_once_by_each_system(study):
    _, source, _, run = study
    systems = run.predictions.groupby("system")["utterance_id"]
    assert set(systems.groups) == {names.PRETRAINED, *baselines.BASELINES}
    for _, tested in systems:
        assert sorted(tested) == sorted(source.rows["utterance_id"])
    assert (run.predictions["fold"] == run.predictions["speaker"]).all()
    assert 1 <= run.epochs <= 3
    kept = run.history.groupby("fold").apply(lambda h: h["validation_uar"].to_numpy().argmax() + 1)
    assert (kept == run.history.groupby("fold")["kept"].first()).all()


def test_cells_and_rows_of_a_target(study):
    params, source, target, _ = study
    rows = protocol.finetune_target(source, target, params)
    independent = rows[rows["protocol"] == "speaker_independent"]
    every = sorted(target.rows["utterance_id"])
    for cell, part in independent.groupby(["fraction", "system", "repeat"]):
        assert sorted(part["utterance_id"]) == every, cell
    assert independent.groupby("fraction")["n_train"].unique().map(list).to_dict() == {
        0.0: [0], 0.25: [12], 1.0: [48],
    }  # fmt: skip
    paper = rows[rows["protocol"] == "paper"]
    assert set(paper["fraction"]) == {0.25}, "all data would leave nothing to test"
    assert len(paper[(paper["repeat"] == 0) & (paper["system"] == names.SCRATCH)]) == 48
    assert names.SCRATCH not in set(rows.loc[rows["fraction"] == 0, "system"])
    truth = target.rows.set_index("utterance_id")["emotion"]
    assert (rows["emotion"] == rows["utterance_id"].map(truth)).all()


def test_zero_shot_is_the_source_model_as_it_is(study):
    params, source, target, _ = study
    rows = protocol.finetune_target(source, target, params)
    rows = rows[(rows["fraction"] == 0) & (rows["system"] == names.PRETRAINED)]
    net = model.load(results.model(params))
    guess = fit.predict(net, target, np.arange(len(target.rows))).argmax(1)
    first = rows.loc[rows["repeat"] == 0, "predicted"]
    assert first.tolist() == [target.labels[k] for k in guess]


def test_more_fractions_and_trainings_do_not_repeat_a_fit(study, tmp_path):
    params, source, target, _ = study
    few = protocol.finetune_target(source, target, params)
    jobs = tmp_path / "cache" / "jobs"
    before = {file.name: file.stat().st_mtime_ns for file in jobs.iterdir()}
    tune = params.finetune.model_copy(update={"fractions": {0.0: 2, 0.25: 3, 0.5: 1, 1.0: 2}})
    more = protocol.finetune_target(source, target, params.model_copy(update={"finetune": tune}))
    after = {file.name: file.stat().st_mtime_ns for file in jobs.iterdir()}
    assert before.items() <= after.items()
    folds = few.query("protocol == 'speaker_independent' and fraction == 1")["fold"].nunique()
    own, plus = (folds + 1) * 2, (folds + 1) * 2 * bool(params.plus.members)
    assert len(after) - len(before) == own + plus, "of each new training: folds, and paper's split"
    keys = ["protocol", "fraction", "repeat", "system", "utterance_id"]
    same = few.merge(more, on=keys, suffixes=("", "_more"))
    assert len(same) == len(few)
    assert (same["predicted"] == same["predicted_more"]).all()


def test_several_sources_are_scaled_each_by_itself_and_of_one_size(make_data, params):
    first, large = make_data("demo_source", speakers=2), make_data("demo_mandarin", seed=3)
    both = protocol.several([first, large], params)
    sizes = both.rows["utterance_id"].str.split("/").str[0].value_counts()
    assert sizes.to_dict() == {"demo_source": 32, "demo_mandarin": 32}
    drawn = both.rows[32:]
    assert drawn["emotion"].value_counts().eq(8).all() and drawn["speaker"].nunique() == 5
    at = large.rows["utterance_id"].tolist().index(drawn["utterance_id"].iloc[3].split("/")[1])
    every = np.concatenate(large.features.mfcc).astype(float)
    expected = (large.features.mfcc[at] - every.mean(0)) / every.std(0)
    np.testing.assert_allclose(both.features.mfcc[35], expected, rtol=1e-4, atol=1e-5)
    assert protocol.several([first, large], params).fingerprint == both.fingerprint


@pytest.mark.parametrize(("sources", "loaded"), [
    ("one", []), ("others", ["demo_spanish", "demo_mandarin"]),
])  # fmt: skip
def test_other_sources_of_a_target_are_the_other_targets(params, monkeypatch, sources, loaded):
    plus = params.plus.model_copy(update={"sources": sources})
    targets = ("demo_spanish", "demo_german", "demo_mandarin")
    params = params.model_copy(update={"plus": plus, "targets": targets})
    monkeypatch.setattr(corpus, "load", lambda name, _: name)
    assert training.others("demo_german", params) == loaded


def test_several_sources_by_hand(study, make_data):
    """Source models of them, fine-tuned jointly, and probes on all rows that train."""
    params, source, target, _ = study
    plus = params.plus.model_copy(
        update={"sources": "others", "strategy": "joint", "scaling": "target", "members": 1,
                "zero_shot": 1}
    )  # fmt: skip
    params = params.model_copy(update={"plus": plus})
    others = [make_data("demo_mandarin", speakers=3, seed=2)]
    rows = protocol.finetune_target(source, target, params, others)
    rows = rows[rows["protocol"] == "speaker_independent"]
    both, own = protocol.several([source, *others], params), target.scaled()
    model_of = protocol.source_models(both, params, protocol.chosen_epochs(params))
    every, first = np.arange(len(own.rows)), len(both.rows)

    def probes(train, test, share):
        votes = []
        for layer in own.features.layers:
            known = np.concatenate([both.of_layers([layer]).pooled, own.of_layers([layer]).pooled])
            classes, at = np.r_[both.classes, own.classes], np.r_[np.arange(first), first + train]
            scale = StandardScaler().fit(known[at])
            weight = np.r_[np.full(first, share / first), np.full(len(train), (1 - share) / 1)]
            weight[first:] /= max(1, len(train))
            regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
            regression.fit(scale.transform(known[at]), classes[at], len(at) * weight)
            votes.append(regression.predict_proba(scale.transform(known[first + test])))
        return votes

    def found(fraction, system, fold):
        part = rows[(rows["fraction"] == fraction) & (rows["system"] == system)]
        part = part[(part["repeat"] == 1) & (part["fold"] == fold)]["predicted"]
        return [own.labels.index(label) for label in part]

    votes = probes(every[:0], every, 1.0)
    assert found(0, names.PROBES, "all") == np.mean(votes, 0).argmax(1).tolist()
    net = fit.predict(protocol.own_scaling(model.load(model_of[1]), own), own, every)
    assert found(0, names.PLUS, "all") == np.mean([net, *votes], 0).argmax(1).tolist()
    fold = protocol.target_folds(target, params)[0]
    split = protocol.draw(target, fold, 0, 0.25, params, repeat=1)
    votes = probes(split.train, split.test, 0.5)
    assert found(0.25, names.PROBES, fold.name) == np.mean(votes, 0).argmax(1).tolist()
    joint = params.model_copy(
        update={"finetune": params.finetune.model_copy(update={"strategy": "joint"})}
    )
    key = (params.seed, "finetune", target.corpus, "speaker_independent", 1, fold.name, 0.25)
    tuned = fit.finetune(
        model.load(model_of[1]), own, split.train, joint, start="pretrained",
        rng_key=(*key, "pretrained"), source=both, scaled_by=every,
    )  # fmt: skip
    votes = [fit.predict(tuned, own, split.test), *votes]
    assert found(0.25, names.PLUS, fold.name) == np.mean(votes, 0).argmax(1).tolist()


def test_number_of_processes_changes_nothing(study, monkeypatch, tmp_path):
    params, source, target, _ = study
    one = protocol.finetune_target(source, target, params)
    monkeypatch.setenv("HUMP_WORKERS", "2")
    for file in (tmp_path / "cache" / "jobs").iterdir():
        file.unlink()
    pd.testing.assert_frame_equal(one, protocol.finetune_target(source, target, params))


def test_number_of_threads_changes_nothing(study):
    params, source, _, run = study
    before, found = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        shutil.rmtree(params.cache / "models")
        folder = protocol.train_final_source(source, params, run.epochs)
        found.append((folder / "model.safetensors").read_bytes())
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert found[0] == found[1]


def test_native_labels_get_a_new_head(study):
    params, source, target, _ = study
    renamed = target.rows.assign(emotion=target.rows["emotion"].map(
        {"angry": "rage", "happy": "joy", "neutral": "neutral", "sad": "grief"}
    ))  # fmt: skip
    labels = tuple(sorted(renamed["emotion"].unique()))
    native = type(target)(renamed, target.features, labels)
    tune = params.finetune.model_copy(update={"fractions": {1.0: 2}})
    plus = params.plus.model_copy(update={"strategy": "all"})
    params = params.model_copy(update={"finetune": tune, "plus": plus, "labels": "native"})
    rows = protocol.finetune_target(source, native, params)
    assert set(rows["predicted"]) <= set(labels)
    folder = protocol.train_final_target(source, native, params)
    saved = model.load(folder)
    assert saved.config.labels == labels
    assert saved.origin["trained_on"] == ["demo_source", "demo_german"]
    assert saved.origin["encoder"] == params.features.encoder and saved.origin["layers"] == [1, 9]


def test_baselines_learn_from_their_training_rows_alone(make_data):
    data, wrecked = make_data(), make_data()
    train, test = np.arange(0, 64), np.arange(64, 80)
    wrecked.features.egemaps[test[1:]] = 1e6
    one = baselines.fit_predict("SVM on eGeMAPS", data, train, data, test)
    other = baselines.fit_predict("SVM on eGeMAPS", wrecked, train, wrecked, test)
    assert one[0] == other[0], "the other test rows played no part"
    assert (one == data.classes[test]).mean() > 0.8


def test_baseline_is_scikit_learns_svm_on_a_kernel_divided_by_the_number_of_features(make_data):
    data = make_data()
    train, test = np.arange(0, 48), np.arange(48, 80)
    mean, deviation = data.egemaps[train].mean(0), data.egemaps[train].std(0)
    scaled = (data.egemaps.astype(float) - mean) / deviation
    kernel = scaled @ scaled[train].T / 88
    svm = SVC(kernel="precomputed", class_weight="balanced")
    svm.fit(kernel[train], data.classes[train])
    guess = baselines.fit_predict("SVM on eGeMAPS", data, train, data, test)
    assert guess.tolist() == svm.predict(kernel[test]).tolist()


def test_majority_class_is_that_of_the_training_rows(make_data):
    data = make_data()
    happy = np.flatnonzero(data.classes == 1)
    guess = baselines.fit_predict("majority class", data, np.r_[happy, 0], data, np.arange(9))
    assert (guess == 1).all()
