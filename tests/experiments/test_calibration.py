"""Temperature and calibration error, where they are known."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from hump.corpora import splits
from hump.experiments import calibration
from hump.training import fit


def test_temperature_of_known_overconfidence():
    rng = np.random.default_rng(1)
    true = rng.dirichlet(np.ones(4), 20_000)
    classes = (true.cumsum(1) < rng.random((20_000, 1))).sum(1)
    too_sure = true**2.5 / (true**2.5).sum(1, keepdims=True)
    temperature = calibration.fit_temperature(too_sure, classes)
    assert temperature == pytest.approx(2.5, rel=0.03)
    mended = calibration.scale(too_sure, temperature)
    np.testing.assert_allclose(calibration.scale(too_sure, 2.5), true, atol=1e-9)
    right = mended.argmax(1) == classes
    assert (mended.argmax(1) == too_sure.argmax(1)).all(), "no decision changes"
    assert calibration.ece(mended.max(1), right) < 0.01 < calibration.ece(too_sure.max(1), right)


def test_temperature_in_closed_form():
    """All are 90 % sure of class 0 and 70 % are of it: T = logit 0.9 / logit 0.7."""
    probabilities, classes = np.tile([0.9, 0.1], (10, 1)), np.repeat([0, 1], [7, 3])
    expected = math.log(9) / math.log(7 / 3)
    assert calibration.fit_temperature(probabilities, classes) == pytest.approx(expected, rel=1e-4)


def test_temperature_stays_within_bounds():
    sure = np.tile([0.8, 0.2], (5, 1))
    for classes, bound in ((np.zeros(5, int), 0.1), (np.ones(5, int), 10.0)):
        temperature = calibration.fit_temperature(sure, classes)
        assert temperature == pytest.approx(bound, rel=1e-3)


def test_certainty_in_single_precision_can_be_scaled():
    scaled = calibration.scale(np.array([[1.0, 0.0, 0.0]], np.float32), 2.0)
    assert np.isfinite(scaled).all() and scaled.sum() == pytest.approx(1.0)


def test_ece_in_closed_form():
    confidence, right = np.repeat([0.55, 0.95], [10, 30]), np.zeros(40, bool)
    right[:6], right[10:31] = True, True
    expected = (10 * 0.05 + 30 * 0.25) / 40
    assert calibration.ece(confidence, right) == pytest.approx(expected)
    # A tenth a bin would part the 10 alike from none: ties stay together.
    assert calibration.ece(confidence, right, mass=True) == pytest.approx(expected)
    assert calibration.ece([1.0] * 5, [True] * 5) == 0


def test_bins_of_equal_width_are_open_below():
    bins = calibration._bins(np.array([0.1, 0.1001, 0.95, 1.0]), mass=False)
    assert bins.tolist() == [0, 1, 9, 9]


def test_bins_of_equal_mass_hold_as_many():
    bins = calibration._bins(np.random.default_rng(1).random(200), mass=True)
    assert np.bincount(bins).tolist() == [20] * calibration.BINS


def test_chance_covers_a_calibrated_model():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.3, 1, 100)
    limit = calibration.ece_by_chance(confidence, 0.95, seed=2)
    drawn = [calibration.ece(confidence, rng.random(100) < confidence) for _ in range(1000)]
    assert np.mean(np.array(drawn) < limit) == pytest.approx(0.95, abs=0.025)


def test_validation_rows_alone_fit_the_temperature(make_data, monkeypatch):
    """90 % sure of one of four classes and right in 75 %: T = log 27 / log 9."""
    data = make_data()
    split = splits.source_folds(data.rows, 8)[0]

    def three_of_four(net, data, rows):
        said = (data.classes[rows] + (np.arange(len(rows)) % 4 == 0)) % 4
        return np.where(np.arange(4) == said[:, None], 0.9, 0.1 / 3)

    monkeypatch.setattr(fit, "predict", three_of_four)
    found = calibration.measure(None, data, split)
    assert found["temperature"] == pytest.approx(1.5, rel=1e-4)
    assert found["n_calibration"] == 32 and found["test"] == split.test.tolist()
    emotion = data.rows["emotion"].mask(np.isin(np.arange(80), split.test), "sad")
    wrecked = dataclasses.replace(data, rows=data.rows.assign(emotion=emotion))
    assert calibration.measure(None, wrecked, split)["temperature"] == found["temperature"]
    nobody = dataclasses.replace(split, validation=split.test[:0])
    assert np.isnan(calibration.measure(None, data, nobody)["temperature"])
    rows = calibration.scored(data, [{"fold": "a", "n_train": 48, **found}], 1.0)
    table = pd.DataFrame({"scaling": ["none", "temperature"], "temperature": [1.0, 1.5]})
    assert rows.groupby("scaling")["temperature"].first().tolist() == [1.0, found["temperature"]]
    assert calibration.temperature(table) == 1.5 and calibration.temperature(None) is None
    assert calibration.temperature(table[:1]) is None
