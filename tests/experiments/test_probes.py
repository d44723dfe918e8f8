"""Probes of pairs of layers: those of the study, nested, and no group chooses its own."""

import numpy as np

from hump import evaluation
from hump.corpora import splits
from hump.corpora.folds import Fold
from hump.experiments import probes
from hump.training import baselines

LAYERS = 4


def test_pair_of_layers_equals_the_studys_probe(data):
    pooled, classes = data["all"].features.pooled, data["all"].classes
    train, test = np.arange(0, 48), np.arange(48, 80)
    own, other = probes.kernels(pooled, train, test)
    for a, b in probes.pairs(LAYERS):
        chosen = [a] if a == b else [a, b]
        values = pooled[:, chosen].reshape(len(pooled), -1)
        svm = baselines.linear_svm(values.shape[1]).fit(values[train], classes[train])
        guess = probes.fit_predict(own, other, (a, b), classes[train])
        assert guess.tolist() == svm.predict(values[test]).tolist(), (a, b)


def test_choice_of_layers_is_nested(data, params):
    """What is chosen for a group, from first principles, by the study's own probe."""
    corpus = data["all"]
    found = probes.run(corpus, params, label="t")
    groups = splits.speaker_folds(corpus.rows, params.experiments.layers.probe_folds)
    assert [g.name for g in found.groups] == [g.name for g in groups]
    pooled, classes = corpus.features.pooled, corpus.classes

    def probe(pair, train, test):
        values = pooled[:, sorted(set(pair))].reshape(len(pooled), -1)
        svm = baselines.linear_svm(values.shape[1]).fit(values[train], classes[train])
        return svm.predict(values[test])

    for held, best in zip(range(len(groups)), found.best_on_training(classes)):
        scores = []
        for pair in found.pairs:
            truth, guess = [], []
            for k in (k for k in range(len(groups)) if k != held):
                out = np.r_[groups[held].test, groups[k].test]
                train = np.setdiff1d(np.arange(len(classes)), out)
                truth.append(classes[groups[k].test])
                guess.append(probe(pair, train, groups[k].test))
            scores.append(evaluation.uar(np.concatenate(truth), np.concatenate(guess)))
        assert best == int(np.argmax(scores))
        test = groups[held].test
        wanted = probe(found.pairs[best], groups[held].train, test)
        assert found.nested(classes)[test].tolist() == wanted.tolist()


def test_folds_that_keep_sentences_apart_are_not_those_of_pairs_of_layers(
    data, params, monkeypatch
):
    """Their test rows are of some sentences alone; the speakers' other rows must not train."""
    halves = [Fold(f"s{s} {half}", (f"s{s}",), sentences=half)
              for s in range(5) for half in (("0", "1"), ("2", "3"))]  # fmt: skip
    monkeypatch.setattr(probes.corpora, "frozen_folds", lambda *_: halves)
    layers = params.experiments.layers.model_copy(update={"probe_folds": len(halves)})
    sections = params.experiments.model_copy(update={"layers": layers})
    study = params.model_copy(update={"experiments": sections})
    found = probes.run(data["all"], study, label="t")
    speakers = data["all"].rows["speaker"]
    assert [set(speakers.iloc[group.test]) for group in found.groups] == [
        {f"s{s}"} for s in range(5)
    ]
    assert all(len(group.test) == 16 for group in found.groups)


def test_a_groups_own_rows_do_not_choose_its_layers(data, params):
    corpus = data["all"]
    before = probes.run(corpus, params, label="t")
    wrecked = corpus.classes.copy()
    group = before.groups[0].test
    wrecked[group] = 0
    assert before.best_on_training(wrecked)[0] == before.best_on_training(corpus.classes)[0]
