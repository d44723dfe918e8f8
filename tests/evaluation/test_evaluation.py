"""Metrics against scikit-learn, intervals and tests against cases with a known answer."""

import importlib.util
import itertools
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

import hump
from hump import evaluation
from hump.evaluation import components, intervals, paired
from hump.params import ROOT
from hump.params.names import AVERAGE

LABELS = ["angry", "happy", "neutral", "sad"]


@pytest.fixture
def settings():
    return hump.load_params("params/demo.yaml").evaluation


@pytest.fixture(scope="module")
def benchmark():
    place = ROOT / "benchmarks" / "intervals.py"
    spec = importlib.util.spec_from_file_location("intervals_benchmark", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_chance_is_that_of_the_rows_that_are_tested():
    rows = pd.DataFrame({"corpus": ["a"] * 6 + ["b"] * 4, "emotion": [*LABELS[:3] * 2, *LABELS]})
    assert evaluation.chance(rows) == {"a": 1 / 3, "b": 0.25, AVERAGE: (1 / 3 + 0.25) / 2}
    # What always says one class that occurs gets it.
    for corpus, part in rows.groupby("corpus"):
        guess = ["angry"] * len(part)
        found = metrics.balanced_accuracy_score(part["emotion"], guess)
        assert found == pytest.approx(evaluation.chance(rows)[corpus])


def table(rng, speakers=8, per_speaker=40, accuracy=0.7, repeats=2, **columns):
    lines = []
    cells = itertools.product(range(repeats), range(speakers), range(per_speaker))
    for repeat, speaker, k in cells:
        emotion = LABELS[k % 4]
        guess = emotion if rng.random() < accuracy else rng.choice(LABELS)
        lines.append((repeat, f"s{speaker}", f"u{speaker}-{k}", emotion, guess))
    names = ["repeat", "speaker", "utterance_id", "emotion", "predicted"]
    return pd.DataFrame(lines, columns=names).assign(
        **{"fold": "x", "n_train": 10, "corpus": "c"} | columns
    )


def test_scores_equal_scikit_learn():
    rng = np.random.default_rng(0)
    true, guess = rng.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05]), rng.choice(4, 300)
    scores = evaluation.scores(metrics.confusion_matrix(true, guess))
    assert scores["wa"] == pytest.approx(metrics.accuracy_score(true, guess))
    assert scores["uar"] == pytest.approx(metrics.balanced_accuracy_score(true, guess))
    assert scores["f1"] == pytest.approx(metrics.f1_score(true, guess, average="macro"))
    assert evaluation.uar(true, guess) == pytest.approx(scores["uar"])


def test_uar_is_exactly_that_of_scikit_learn():
    """Scores of epochs are compared, so the last digit counts."""
    rng = np.random.default_rng(7)
    for _ in range(50):
        true, guess = rng.choice(7, 30), rng.choice(7, 30)
        with warnings.catch_warnings(action="ignore"):  # a predicted class may have no utterances
            expected = metrics.balanced_accuracy_score(true, guess)
        assert evaluation.uar(true, guess) == expected


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
    # Of 320 independent utterances it would be 0.445 to 0.555.
    assert line["uar_low"] < 0.125 and line["uar_high"] > 0.875
    assert line["uar_high"] == pytest.approx(1 - line["uar_low"], abs=0.02)


def test_widening_is_students_and_the_lost_degree_of_freedom():
    """Where the logit is straight, the interval is that of the t test of the speakers' values."""
    rng = np.random.default_rng(3)
    speakers = rng.normal(0.5, 0.02, 6)
    samples = rng.choice(speakers, (200_000, 6)).mean(axis=1)
    low, high = intervals.limits([np.r_[speakers.mean(), samples]], [6], [10_000], 0.95)
    reach = stats.t.ppf(0.975, 5) * speakers.std(ddof=1) / np.sqrt(6)
    assert (high - low) / 2 == pytest.approx(reach, rel=0.01)


def test_trainings_widen_the_interval_of_a_metric():
    """Where the logit is straight: variances add up, with Satterthwaite's degrees of freedom."""
    rng = np.random.default_rng(3)
    speakers, runs = rng.normal(0.5, 0.02, 6), rng.normal(0.5, 0.03, 5)
    samples = rng.choice(speakers, (200_000, 6)).mean(axis=1)
    drawn = [np.r_[speakers.mean(), samples]]
    low, high = intervals.limits(drawn, [6], [10_000], 0.95, [runs])
    parts = np.array([speakers.var(ddof=1) / 6, runs.var(ddof=1) / 5])
    freedom = parts.sum() ** 2 / (parts[0] ** 2 / 5 + parts[1] ** 2 / 4)
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum())
    assert (high - low) / 2 == pytest.approx(reach, rel=0.01)
    alone = intervals.limits(drawn, [6], [10_000], 0.95)
    assert alone == intervals.limits(drawn, [6], [10_000], 0.95, [runs[:1]])


def test_widened_interval_is_that_of_the_t_test():
    rng = np.random.default_rng(4)
    values = rng.normal(0.1, 0.05, 8)
    samples = rng.choice(values, (40_000, 8)).mean(axis=1)
    interval = intervals.widened(values.mean(), samples.std(), 8 / 7, 7, 0.95)
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(interval, known, atol=1e-3)


@pytest.mark.parametrize(("accuracy", "inside"), [(1.0, (0.9, 1.0)), (0.0, (0.0, 0.1))])
def test_interval_where_no_speaker_errs_or_none_does_not(settings, accuracy, inside):
    rows = table(np.random.default_rng(0), accuracy=accuracy)
    if accuracy == 0:
        rows["predicted"] = rows["emotion"].map(dict(zip(LABELS, LABELS[::-1])))
    line = evaluation.summarise(rows, ["corpus"], LABELS, settings, seed=0).iloc[0]
    assert inside[0] <= line["uar_low"] < line["uar_high"] <= inside[1]
    assert line["uar_low"] <= line["uar"] <= line["uar_high"]


def test_constant_guess_has_no_spread(settings):
    rows = table(np.random.default_rng(0)).assign(predicted="sad")
    line = evaluation.summarise(rows, ["corpus"], LABELS, settings, seed=0).iloc[0]
    assert line["uar_low"] == pytest.approx(0.25) == line["uar_high"]


def test_one_speaker_has_no_interval(settings):
    line = evaluation.summarise(
        table(np.random.default_rng(0), speakers=1), ["corpus"], LABELS, settings, seed=0
    ).iloc[0]
    assert np.isnan(line["uar_low"]) and line["uar"] > 0


def test_difference_has_no_interval_where_a_corpus_has_one_speaker(settings):
    rng = np.random.default_rng(8)
    rows = pd.concat([
        table(rng, speakers=speakers, accuracy=accuracy, system=system).assign(corpus=corpus)
        for corpus, speakers in (("one", 1), ("many", 6))
        for system, accuracy in (("a", 0.8), ("b", 0.6))
    ])  # fmt: skip
    found = evaluation.differences(rows, ["fold"], "system", "a", "b", settings)
    assert found["corpus"].tolist() == ["one", "many", AVERAGE]
    assert found["speakers"].tolist() == [1, 6, 7]
    assert found["difference_low"].isna().tolist() == [True, False, True]
    assert found["difference"][2] == pytest.approx(found["difference"][:2].mean())
    many = found.iloc[1]
    assert many["difference_low"] < many["difference"] < many["difference_high"]


@pytest.mark.parametrize(("speakers", "design"), [
    (4, "usual"), (6, "skewed"), (8, "easy"), (12, "emotions unbalanced"),
])  # fmt: skip
def test_coverage(benchmark, speakers, design):
    """95 % intervals hold the truth in 93 to 97 %, and percentiles of few speakers do not."""
    corpora = 250
    lines = benchmark.coverage(speakers, benchmark.DESIGNS[design], corpora, seed=1)
    held = {(line["method"], line["metric"]): line["coverage"] for line in lines}
    # Two and a half standard errors of so many simulated corpora.
    noise = 2.5 * np.sqrt(0.95 * 0.05 / corpora)
    for metric in evaluation.METRICS:
        assert 0.93 - noise <= held[benchmark.OURS, metric] <= 0.97 + noise
    if speakers == 4:
        assert held["percentile", "uar"] < 0.85


def test_coverage_of_an_average(benchmark):
    noise = 2.5 * np.sqrt(0.95 * 0.05 / 200)
    assert 0.93 - noise <= benchmark.average_coverage(200, seed=1) <= 0.97 + noise


@pytest.mark.parametrize(("spread", "least"), [
    ("equal", 0.94), ("unequal", 0.93), ("most where there are two speakers", 0.87),
])  # fmt: skip
def test_coverage_of_an_average_difference(benchmark, spread, least):
    """With the numbers of speakers of the paper's targets; pooled degrees of freedom are worse."""
    held = benchmark.average_difference_coverage(benchmark.SPREADS[spread], 800, seed=1)
    noise = 2.5 * np.sqrt(0.95 * 0.05 / 800)
    assert least - noise <= held["Satterthwaite (ours)"] <= 0.97 + noise
    assert held["pooled"] < held["Satterthwaite (ours)"] - 0.03


def test_an_interval_of_a_difference_covers_other_trainings(benchmark):
    """Noise that the folds of a repeat share cannot be seen among speakers."""
    design = benchmark.TRAINED["noise of repeats"]
    held = benchmark.training_coverage((10, 10, 3), design, 200, seed=1)
    noise = 2.5 * np.sqrt(0.95 * 0.05 / 200)
    assert held["speakers and repeats (ours), coverage"] >= 0.95 - noise
    assert held["speakers, coverage"] < 0.93
    assert held["p and interval (ours)"] <= 0.05 + noise


@pytest.mark.parametrize("speakers", [4, 6, 10])
def test_false_positives_and_power(benchmark, speakers):
    """At most 5 % of tests, and of families after Holm, find what is not there."""
    found = benchmark.errors(speakers, 1_000, seed=1)
    noise = 2.5 * np.sqrt(0.05 * 0.95 / 1_000)
    assert found["single"] <= 0.05 + noise and found["family"] <= 0.05 + noise
    assert found["interval"] == pytest.approx(0.95, abs=0.02)
    if speakers == 4:
        assert found["detected"] is None and found["single"] == 0
    else:
        assert found["detected"] == pytest.approx(0.8, abs=0.05)
    if speakers == 10:
        assert found["detected_in_family"] == pytest.approx(0.8, abs=0.05)
    else:  # no p of six speakers is below a fifth of 5 %
        assert found["detected_in_family"] is None


def test_published_simulation_is_of_this_method(benchmark):
    """The study's own method is within bounds wherever speakers are not skewed near the top."""
    found = json.loads((benchmark.RESULTS / "intervals.json").read_text())
    own = pd.DataFrame(found["coverage"]).query("method == @benchmark.OURS")
    noise = 2.5 * np.sqrt(0.95 * 0.05 / found["corpora"])
    rest = own[own["design"] != "easy and skewed"]["coverage"]
    assert rest.between(0.93 - noise, 0.97 + noise).all()
    assert rest.mean() == pytest.approx(0.95, abs=0.01)
    four = pd.DataFrame(found["coverage"]).query("speakers == 4 and metric == 'uar'")
    held = four.groupby("method")["coverage"].mean()
    shown = (f"contain the true value for {100 * held[benchmark.OURS]:.0f} % of corpora",
             f"percentiles for {100 * held['percentile']:.0f} %")  # fmt: skip
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert all(words in readme for words in shown)
    erred = pd.DataFrame(found["false_positives"]).query("differences == 'symmetric'")
    assert (erred[["single", "family"]] <= 0.05 + 2.5 * np.sqrt(0.0475 / found["studies"])).all(
        axis=None
    )


def test_published_simulation_of_differences_supports_the_method(benchmark):
    """Of the ways to count trainings in, the one in use covers best; README says what is left."""
    found = json.loads((benchmark.RESULTS / "intervals.json").read_text())
    held = pd.DataFrame(found["difference_after_training"]).set_index("design")
    known = held[~held.index.str.startswith("training sets")]
    ours = "speakers and repeats (ours), coverage"
    noise = 2.5 * np.sqrt(0.95 * 0.05 / found["studies"])
    assert known[ours].min() >= 0.95 - noise
    others = [name for name in held if name.endswith("coverage") and name != ours]
    assert len(others) == 3 and (held[others].min() < held[ours].min()).all()
    assert (known["p and interval (ours)"] <= 0.05 + noise).all()
    joint = pd.DataFrame(found["average_after_training"]).set_index("shared")
    assert (joint["added up over corpora (ours)"] >= 0.95 - noise).all()
    assert joint.loc["most", "as if independent"] < 0.9, "source models that targets share"
    averages = pd.DataFrame(found["average_difference"]).set_index("spread")
    assert (averages["Satterthwaite (ours)"] > averages["pooled"] + 0.05).all()
    worst = averages.loc["most where there are two speakers", "Satterthwaite (ours)"]
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"true value in {100 * worst:.0f} % of simulations" in readme


def test_a_table_says_how_its_models_were_trained(settings):
    """Folds, training speakers and random numbers: what may differ between two tables."""
    rows = table(np.random.default_rng(1), rng_key="1 pretrain")
    rows["fold"] = rows["speaker"].isin(["s0", "s1", "s2"]).map({True: "a", False: "b"})
    rows["train_speakers"] = rows["fold"].map({"a": 4, "b": 2})
    line = evaluation.summarise(rows, ["corpus"], LABELS, settings, seed=0).iloc[0]
    assert (line["folds"], line["train_speakers"], line["rng_key"]) == (2, 3, "1 pretrain")
    two = pd.concat([rows, rows.assign(corpus="d", rng_key="1 finetune")])
    line = evaluation.average(two, ["n_train"], LABELS, settings, seed=0).iloc[0]
    assert (line["folds"], line["rng_key"]) == (4, "1 finetune, 1 pretrain")


def test_average_over_corpora(settings):
    rng = np.random.default_rng(4)
    a, b = table(rng, accuracy=0.9), table(rng, accuracy=0.3).assign(corpus="d")
    both = evaluation.average(pd.concat([a, b]), ["fold"], LABELS, settings, seed=0).iloc[0]
    single = [
        evaluation.summarise(t, ["corpus"], LABELS, settings, seed=0)["uar"].iloc[0] for t in (a, b)
    ]
    assert both["uar"] == pytest.approx(np.mean(single))
    assert both["speakers"] == 16 and both["utterances"] == 640


def of_unequal_speakers(rng, accuracy, **columns):
    """Four speakers with 8 to 32 utterances: means over speakers and over utterances differ."""
    rows = table(rng, speakers=4, accuracy=accuracy, **columns)
    number = rows["speaker"].str[1:].astype(int)
    return rows[rows["utterance_id"].str.split("-").str[1].astype(int) < 8 + 8 * number]


def uar_of(rows):
    """Mean over repeats of the UAR of all utterances."""
    recall = rows["emotion"].eq(rows["predicted"]).groupby([rows["repeat"], rows["emotion"]]).mean()
    return recall.groupby("repeat").mean().mean()


def test_paired_test_exchanges_the_systems_predictions_speaker_by_speaker(settings):
    """The statistic is the difference of the UARs that the tables show, mean over corpora."""
    rng = np.random.default_rng(5)
    a, b = (of_unequal_speakers(rng, accuracy) for accuracy in (0.9, 0.5))
    a2, b2 = (table(rng, speakers=2, accuracy=accuracy, corpus="d") for accuracy in (0.6, 0.7))
    pairs, difference = [(a, b), (a2, b2)], []
    for exchanged in itertools.product([False, True], repeat=6):
        apart = []
        for (one, other), flips in zip(pairs, (exchanged[:4], exchanged[4:])):
            swap = one["speaker"].isin([f"s{k}" for k, flip in enumerate(flips) if flip])
            apart.append(uar_of(pd.concat([one[~swap], other[swap]]))
                         - uar_of(pd.concat([other[~swap], one[swap]])))  # fmt: skip
        difference.append(np.mean(apart))
    rows = pd.concat([
        part.assign(system=name, comparison="x") for pair in pairs for name, part in zip("ab", pair)
    ])  # fmt: skip
    line = evaluation.compare(rows, [("a", "b")], settings, seed=0).iloc[0]
    assert line["difference"] == pytest.approx(difference[0])
    assert line["p"] == pytest.approx(np.mean(np.abs(difference) >= abs(difference[0]) - 1e-12))
    assert (line["speakers"], line["p_least"]) == (6, 2 / 2**6)
    cells = evaluation.average(rows, ["system"], LABELS, settings, seed=0).set_index("system")
    assert line["difference"] == pytest.approx(cells.loc["a", "uar"] - cells.loc["b", "uar"])


def test_deviations_give_the_jackknifes_variance_of_the_uar():
    """An independent estimate of how the UAR varies with its speakers, of unequal sizes."""
    rows = of_unequal_speakers(np.random.default_rng(9), 0.7, system="a").query("repeat == 0")
    counts = evaluation.confusions(rows, LABELS)
    shares, deviations = evaluation.metrics.shares(counts)
    assert shares.sum() == pytest.approx(uar_of(rows)) and abs(deviations.sum()) < 1e-12
    without = [uar_of(rows[rows["speaker"] != s]) for s in sorted(set(rows["speaker"]))]
    jackknife = 3 / 4 * np.sum((np.array(without) - np.mean(without)) ** 2)
    assert 4 / 3 * np.sum(deviations**2) == pytest.approx(jackknife, rel=0.3)


def test_holm_correction(settings):
    rng = np.random.default_rng(6)
    parts = []
    for number in range(3):
        parts += [
            table(rng, accuracy=0.5 + 0.1 * number, system="a", comparison=number),
            table(rng, accuracy=0.5, system="b", comparison=number),
        ]
    for declared, times in ((0, [3, 2, 1]), (5, [5, 4, 3])):
        result = evaluation.compare(
            pd.concat(parts), [("a", "b")], settings, seed=0, declared=declared
        )
        p = np.sort(result["p"])
        expected = np.minimum(np.maximum.accumulate(p * times), 1)
        np.testing.assert_allclose(np.sort(result["p_holm"]), expected)
        assert (result["family"] == times[0]).all(), "tests that were not made count too"


def test_families_are_corrected_each_by_itself(settings):
    rng = np.random.default_rng(6)
    rows = pd.concat([
        table(rng, accuracy=accuracy, system=system, comparison=comparison)
        for comparison in ("x", "y") for system, accuracy in zip("abc", (0.8, 0.6, 0.5))
    ])  # fmt: skip
    families = {"first": {"x": [("a", "b")]}, "rest": [("a", "c"), ("b", "c"), ("a", "nobody")]}
    found = evaluation.compare_families(rows, families, settings, seed=0)
    assert found["question"].tolist() == ["first"] + ["rest"] * 4
    assert found["family"].tolist() == [1] + [4] * 4
    assert found["p_holm"][0] == found["p"][0]
    alone = evaluation.compare(rows, families["rest"], settings, seed=0)
    pd.testing.assert_frame_equal(
        found[found["question"] == "rest"].drop(columns="question").reset_index(drop=True), alone
    )


@pytest.mark.parametrize("speakers", [2, 5, 9])
def test_sign_flip_equals_scipy(speakers):
    rng = np.random.default_rng(speakers)
    # Rounded, so that sums are often equal.
    rows = rng.normal(0.1, 0.3, (5, speakers)).round(1)
    expected = [
        stats.permutation_test((row,), np.mean, permutation_type="samples", vectorized=True).pvalue
        for row in rows
    ]
    np.testing.assert_allclose(paired.sign_flip(rows), expected)


def one_corpus(benchmark, values, settings):
    return paired.paired_test([benchmark.parts_of(np.array(values)[:, None])], settings, seed=0)


def test_many_speakers_are_tested_by_drawn_flips(benchmark, settings):
    row = np.random.default_rng(0).normal(0.1, 0.2, 30)
    found, known = one_corpus(benchmark, row, settings), stats.ttest_1samp(row, 0)
    assert found["p"] == pytest.approx(known.pvalue, abs=0.01)
    assert found["p_least"] == 1e-4
    ends = found["difference_low"], found["difference_high"]
    np.testing.assert_allclose(ends, known.confidence_interval(0.95))


def test_what_could_have_been_found(benchmark, settings):
    few = one_corpus(benchmark, [0.1, 0.2, 0.3, 0.2], settings)
    assert few["p"] == few["p_least"] == 0.125 and np.isnan(paired.least_effect(4, 0.05))
    one = one_corpus(benchmark, [0.1], settings)
    assert (one["p"], one["p_least"]) == (1, 1) and np.isnan(one["difference_low"])
    # Exact tests of 12 speakers and the t test have nearly the same power.
    from statsmodels.stats.power import TTestPower

    by_t = TTestPower().solve_power(nobs=12, alpha=0.05, power=0.8)
    assert paired.least_effect(12, 0.05) == pytest.approx(by_t, rel=0.05)
    # Of six, all must point one way: Phi(effect)**6 = 0.8.
    assert paired.least_effect(6, 0.05) == pytest.approx(stats.norm.ppf(0.8 ** (1 / 6)), rel=0.05)


@pytest.mark.parametrize("family", [4, 5, 14, 36])
def test_what_could_have_been_found_is_a_number_in_any_family(family):
    """With 60 speakers statsmodels solves it for 5, 14 and 36 tests by its second solver alone."""
    from statsmodels.stats.power import TTestPower

    level = 0.05 / family
    effect = paired.least_effect(60, level)
    assert isinstance(effect, float)
    assert TTestPower().power(effect, 60, level) == pytest.approx(0.8, abs=1e-6)


def test_detectable_accounts_for_the_family(settings):
    """Ten speakers in a family of 17: all must point one way, so 2.0 deviations and not 1.0."""
    rng = np.random.default_rng(3)
    rows = pd.concat([
        table(rng, 10, 20, accuracy, repeats=1, system=system, comparison=number)
        for number in range(17) for system, accuracy in (("a", 0.8), ("b", 0.6))
    ])  # fmt: skip
    found = evaluation.compare(rows, [("a", "b")], settings, seed=0).iloc[0]
    one = rows[rows["comparison"] == 0].groupby(["system", "speaker"])
    uars = one.apply(uar_of, include_groups=False).unstack("system")
    deviation = (uars["a"] - uars["b"]).std()
    assert found["detectable"] / deviation == pytest.approx(
        stats.norm.ppf(0.8 ** (1 / 10)), rel=0.05
    )


def test_systems_without_a_speaker_in_common_are_not_compared(settings):
    rng = np.random.default_rng(0)
    a = table(rng, speakers=2, system="a", comparison="x")
    b = table(rng, speakers=2, system="b", comparison="x").assign(
        speaker=lambda rows: "other " + rows["speaker"]
    )
    assert evaluation.compare(pd.concat([a, b]), [("a", "b")], settings, seed=0).empty


def test_components_of_a_known_simulation():
    """Folds, speakers in folds, draws in folds and seeds in draws, estimated without bias."""
    keys = pd.DataFrame(
        list(itertools.product(range(5), range(2), range(3), range(2))),
        columns=["fold", "speaker", "draw", "seed"],
    )
    factors = {
        "fold": keys["fold"], "speaker": keys.groupby(["fold", "speaker"]).ngroup(),
        "draw": keys.groupby(["fold", "draw"]).ngroup(),
        "seed": keys.groupby(["fold", "draw", "seed"]).ngroup(),
    }  # fmt: skip
    factors = {name: level.to_numpy() for name, level in factors.items()}
    true = {"fold": 0.08, "speaker": 0.1, "draw": 0.06, "seed": 0.04, "rest": 0.05}
    rng, found, means = np.random.default_rng(0), [], []
    for _ in range(100):
        value = 0.6 + true["rest"] * rng.standard_normal(len(keys))
        for name, level in factors.items():
            value += true[name] * rng.standard_normal(level.max() + 1)[level]
        table = components.components(value, factors).set_index("component")
        found.append(table["variance"])
        means.append((value.mean(), (table["deviation_of_mean"] ** 2).sum()))
    mean = pd.concat(found, axis=1).mean(axis=1)
    for name, deviation in true.items():
        assert mean[name] == pytest.approx(deviation**2, rel=0.25), name
    means = np.array(means)
    assert means[:, 1].mean() == pytest.approx(means[:, 0].var(), rel=0.25)


def test_components_equal_the_textbooks_mean_squares():
    value = np.random.default_rng(1).normal(size=(6, 4)) + np.arange(6)[:, None]
    found = components.components(value.ravel(), {"group": np.repeat(np.arange(6), 4)})
    within = value.var(axis=1, ddof=1).mean()
    between = (4 * value.mean(axis=1).var(ddof=1) - within) / 4
    assert found["variance"].tolist() == pytest.approx([between, within])
    assert found["share"].sum() == pytest.approx(1)


def test_variance_names_what_cannot_be_told_apart():
    rows = table(np.random.default_rng(2), speakers=3, repeats=2)
    rows["fold"] = rows["speaker"]
    assert evaluation.variance(rows, ["corpus"])["component"].tolist() == [
        "fold and speaker", "draw and seed",
    ]  # fmt: skip
    once = evaluation.variance(rows[rows["repeat"] == 0], ["corpus"])
    assert once["component"].tolist() == ["fold and speaker and draw and seed"]
    seeds = pd.concat([rows.assign(seed=number) for number in range(2)])
    found = evaluation.variance(seeds, ["corpus"]).set_index("component")
    assert found.index.tolist() == ["fold and speaker", "draw", "seed"]
    assert found.loc["seed", "variance"] == pytest.approx(0), "both seeds predict the same"
