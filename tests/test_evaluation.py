"""Metrics against scikit-learn, intervals and tests against cases with a known answer."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import hump
from hump import evaluation

LABELS = ["angry", "happy", "neutral", "sad"]


@pytest.fixture
def settings():
    return hump.load_params("params/demo.yaml").evaluation


def table(rng, speakers=8, per_speaker=40, accuracy=0.7, repeats=2, **columns):
    lines = []
    cells = itertools.product(range(repeats), range(speakers), range(per_speaker))
    for repeat, speaker, k in cells:
        emotion = LABELS[k % 4]
        guess = emotion if rng.random() < accuracy else rng.choice(LABELS)
        lines.append((repeat, f"s{speaker}", f"u{speaker}-{k}", emotion, guess))
    names = ["repeat", "speaker", "utterance_id", "emotion", "predicted"]
    return pd.DataFrame(lines, columns=names).assign(
        fold="x", n_train=10, corpus="c", **columns
    )  # fmt: skip


def test_scores_equal_scikit_learn():
    rng = np.random.default_rng(0)
    true, guess = rng.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05]), rng.choice(4, 300)
    scores = evaluation.scores(metrics.confusion_matrix(true, guess))
    assert scores["wa"] == pytest.approx(metrics.accuracy_score(true, guess))
    assert scores["uar"] == pytest.approx(metrics.balanced_accuracy_score(true, guess))
    assert scores["f1"] == pytest.approx(metrics.f1_score(true, guess, average="macro"))
    assert evaluation.uar(true, guess) == pytest.approx(scores["uar"])


def test_absent_class_has_no_recall():
    assert evaluation.uar([0, 0, 1], [0, 2, 1]) == pytest.approx((0.5 + 1) / 2)


def test_value_is_the_mean_over_repeats(settings):
    rows = table(np.random.default_rng(1))
    line = evaluation.summarise(rows, ["corpus"], LABELS, settings, seed=0).iloc[0]
    each = [
        metrics.balanced_accuracy_score(part["emotion"], part["predicted"])
        for _, part in rows.groupby("repeat")
    ]
    assert line["uar"] == pytest.approx(np.mean(each))
    assert (line["utterances"], line["speakers"], line["repeats"]) == (320, 8, 2)
    assert line["uar_low"] < line["uar"] < line["uar_high"]


def test_interval_resamples_speakers_not_utterances(settings):
    """Half the speakers are always right, half always wrong: utterances would hide that."""
    rows = table(np.random.default_rng(2), repeats=1, accuracy=1.0)
    wrong = rows["speaker"].isin(["s0", "s1", "s2", "s3"])
    rows.loc[wrong, "predicted"] = rows.loc[wrong, "emotion"].map(dict(zip(LABELS, LABELS[::-1])))
    line = evaluation.summarise(rows, ["corpus"], LABELS, settings, seed=0).iloc[0]
    assert line["uar"] == 0.5
    # Binomial(8, 1/2) / 8 has its 2.5 % and 97.5 % quantiles at 1/8 and 7/8.
    assert (line["uar_low"], line["uar_high"]) == (0.125, 0.875)


def test_one_speaker_has_no_interval(settings):
    line = evaluation.summarise(
        table(np.random.default_rng(0), speakers=1), ["corpus"], LABELS, settings, seed=0
    ).iloc[0]
    assert np.isnan(line["uar_low"]) and line["uar"] > 0


def test_coverage_with_many_speakers(settings):
    """The true UAR lies in about 95 % of intervals when speakers are many."""
    settings, hits = settings.model_copy(update={"resamples": 300}), 0
    for number in range(100):
        rng = np.random.default_rng(number)
        skill = rng.normal(0.6, 0.1, 40)
        lines = [
            (0, f"s{s}", f"u{s}-{k}", LABELS[k % 4],
             LABELS[k % 4] if rng.random() < skill[s] else LABELS[(k + 1) % 4])
            for s in range(40) for k in range(16)
        ]  # fmt: skip
        rows = pd.DataFrame(lines, columns=["repeat", "speaker", "utterance_id", "emotion",
                                            "predicted"])  # fmt: skip
        rows = rows.assign(fold="x", n_train=1, corpus="c")
        line = evaluation.summarise(rows, ["corpus"], LABELS, settings, seed=number).iloc[0]
        hits += line["uar_low"] <= 0.6 <= line["uar_high"]
    assert 88 <= hits <= 99


def test_average_over_corpora(settings):
    rng = np.random.default_rng(4)
    a, b = table(rng, accuracy=0.9), table(rng, accuracy=0.3).assign(corpus="d")
    both = evaluation.average(pd.concat([a, b]), ["fold"], LABELS, settings, seed=0).iloc[0]
    single = [
        evaluation.summarise(t, ["corpus"], LABELS, settings, seed=0)["uar"].iloc[0] for t in (a, b)
    ]
    assert both["uar"] == pytest.approx(np.mean(single))
    assert both["speakers"] == 16 and both["utterances"] == 640


def test_paired_test_is_the_exact_sign_flip_test(settings):
    rng = np.random.default_rng(5)
    a = table(rng, speakers=6, accuracy=0.9, system="a", comparison="x")
    b = table(rng, speakers=6, accuracy=0.5, system="b", comparison="x")
    line = evaluation.compare(pd.concat([a, b]), [("a", "b")], settings, seed=0).iloc[0]
    difference = []
    for speaker in sorted(set(a["speaker"])):
        uars = [
            np.mean([metrics.balanced_accuracy_score(p["emotion"], p["predicted"])
                     for _, p in t[t["speaker"] == speaker].groupby("repeat")])
            for t in (a, b)
        ]  # fmt: skip
        difference.append(uars[0] - uars[1])
    signs = np.array(list(itertools.product([-1, 1], repeat=6)))
    flipped = (signs * difference).mean(1)
    p = np.mean(np.abs(flipped) >= abs(np.mean(difference)) - 1e-12)
    assert line["difference"] == pytest.approx(np.mean(difference))
    assert line["p"] == pytest.approx(p)
    assert line["p_least"] == 2 / 2**6


def test_holm_correction(settings):
    rng = np.random.default_rng(6)
    parts = []
    for number in range(3):
        parts += [
            table(rng, accuracy=0.5 + 0.1 * number, system="a", comparison=number),
            table(rng, accuracy=0.5, system="b", comparison=number),
        ]
    result = evaluation.compare(pd.concat(parts), [("a", "b")], settings, seed=0)
    p = np.sort(result["p"])
    expected = np.minimum(np.maximum.accumulate(p * [3, 2, 1]), 1)
    np.testing.assert_allclose(np.sort(result["p_holm"]), expected)
