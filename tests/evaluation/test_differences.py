"""Means and differences over speakers, where the truth is known, and what a test of them says."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hump.evaluation import cells, differences, mean_over_speakers, verdict
from hump.params import names


def predicted(rights, speakers):
    """Predictions of ten utterances of each emotion by each speaker; `rights` of them are right.

    `rights` maps a system to a function of the speaker's number.
    """
    lines = []
    for system, right in rights.items():
        for s in range(speakers):
            for e, emotion in enumerate(names.EMOTIONS):
                wrong = names.EMOTIONS[(e + 1) % 4]
                for k in range(10):
                    lines.append({
                        "system": system, "fraction": 0.1, "repeat": 0, "corpus": "demo_german",
                        "utterance_id": f"{s}-{e}-{k}", "speaker": f"s{s}", "emotion": emotion,
                        "predicted": emotion if k < right(s) else wrong,
                    })  # fmt: skip
    return pd.DataFrame(lines)


def of_a_and_b(rows, params):
    return differences(rows, ["fraction"], "system", "a", "b", params.evaluation)


def test_differences_are_paired_by_speaker(params):
    """Speakers differ much, conditions little: a paired interval is narrow."""
    rows = predicted({"a": lambda s: 2 + 6 * (s % 2), "b": lambda s: 1 + 6 * (s % 2)}, speakers=8)
    row = of_a_and_b(rows, params).iloc[0]
    assert [row.difference_low, row.difference_high] == pytest.approx([0.1, 0.1])


def test_repeats_widen_the_interval(params):
    """All speakers differ alike, by 0.1, 0.2 and 0.3: the interval is that of the repeats."""
    rows = pd.concat([
        predicted({"a": lambda s, k=k: 5 + k, "b": lambda s: 5}, speakers=8).assign(repeat=k)
        for k in (1, 2, 3)
    ])  # fmt: skip
    row = of_a_and_b(rows, params).iloc[0]
    known = stats.ttest_1samp([0.1, 0.2, 0.3], 0).confidence_interval(0.95)
    assert [row.difference_low, row.difference_high] == pytest.approx(list(known))


@pytest.mark.parametrize(("sign", "uars"), [(1, (0.1, 0.2, 0.3)), (-1, (0.2, 0.2, 0.2))])
def test_trainings_that_corpora_share_count_together(params, sign, uars):
    """A source model that is better for one target is better, or worse, for the other."""
    rows = pd.concat([
        predicted({"a": lambda s, right=7 + c * k: right, "b": lambda s: 5}, speakers=8)
        .assign(repeat=k, corpus=corpus)
        for corpus, c in (("one", 1), ("other", sign)) for k in (-1, 0, 1)
    ])  # fmt: skip
    row = of_a_and_b(rows, params).set_index("corpus").loc[names.AVERAGE]
    known = 0.2 + stats.t.ppf([0.025, 0.975], 2) * np.std(uars, ddof=1) / np.sqrt(3)
    assert [row.difference_low, row.difference_high] == pytest.approx(list(known))
    means = cells(rows[rows["system"] == "a"], ["fraction"], params.evaluation, seed=0)
    deviation = means.set_index("corpus").loc[names.AVERAGE, "uar_sd"]
    assert deviation == pytest.approx(np.std(uars, ddof=1), abs=1e-12)


@pytest.mark.parametrize("repeats", [(0,), (7, 8, 9)])
def test_repeats_that_are_not_paired_widen_the_interval_too(params, repeats):
    rows = pd.concat([
        predicted({"a": lambda s, k=k: 5 + k}, speakers=8).assign(repeat=k) for k in (1, 2, 3)
    ] + [predicted({"b": lambda s: 5}, speakers=8).assign(repeat=k) for k in repeats])  # fmt: skip
    row = of_a_and_b(rows, params).iloc[0]
    known = stats.ttest_1samp([0.1, 0.2, 0.3], 0).confidence_interval(0.95)
    assert [row.difference_low, row.difference_high] == pytest.approx(list(known))


def test_speakers_without_both_conditions_are_left_out(params):
    rows = predicted({"a": lambda s: 8, "b": lambda s: 5}, speakers=4)
    rows = rows[(rows["system"] == "a") | (rows["speaker"] != "s3")]
    assert of_a_and_b(rows, params)["speakers"].tolist() == [3]


def test_means_over_speakers(params):
    speakers = np.repeat(["a", "b", "c"], [1, 2, 3])
    values = np.array([1.0, 0.0, 0.0, 0.0, np.nan, 1.0])
    mean, low, high = mean_over_speakers(values, speakers, params.evaluation, seed=1)
    # Without speaker c the mean is 1 / 3; of c's two known values one is 1.
    assert mean == pytest.approx(2 / 5) and low == 0 and high >= 0.6
    one = mean_over_speakers([1.0, 0.0], ["a", "a"], params.evaluation, seed=1)
    assert one[0] == 0.5 and np.isnan(one[1:]).all()
    assert np.isnan(mean_over_speakers([np.nan], ["a"], params.evaluation, seed=1)).all()


@pytest.mark.parametrize(("row", "expected"), [
    ((0.1, 0.05, 0.15, 0.01, 0.001), "better"), ((-0.1, -0.15, -0.05, 0.01, 0.001), "worse"),
    ((0.1, -0.1, 0.3, 0.3, 0.001), "not decided"),
    # Speakers agree, but other trainings might not.
    ((0.1, -0.1, 0.3, 0.01, 0.001), "not decided"),
    ((0.1, -0.1, 0.3, 0.3, 0.02), "cannot be decided with 8 speakers"),
])  # fmt: skip
def test_verdict_says_when_so_few_speakers_could_not_tell(params, row, expected):
    names = ("difference", "difference_low", "difference_high", "p_holm", "p_least")
    line = pd.Series(dict(zip(names, row)) | {"speakers": 8})
    assert verdict(line, 5, params.evaluation) == expected
