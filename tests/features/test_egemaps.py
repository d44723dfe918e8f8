import numpy as np
import opensmile
import pytest

from hump.errors import FeatureError
from hump.features import egemaps


def test_values_are_opensmiles_and_one_object_serves_all(speech, monkeypatch):
    signals = [speech(0.5, seed=0), speech(0.8, seed=1)]
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    expected = [smile.process_signal(signal, 16_000).to_numpy()[0] for signal in signals]
    egemaps.extract(signals[0])
    monkeypatch.setattr(opensmile, "Smile", None)
    for signal, values in zip(signals, expected, strict=True):
        ours = egemaps.extract(signal)
        assert ours.dtype == np.float32
        np.testing.assert_array_equal(ours, values)
    assert list(egemaps.feature_names()) == list(smile.feature_names)
    assert len(egemaps.feature_names()) == egemaps.WIDTH == 88


def test_one_pitch_frame_is_needed(speech):
    signal = speech(0.2, seed=2)
    assert np.isfinite(egemaps.extract(signal[:960])).all()
    with pytest.raises(FeatureError, match=r"959 samples.*at least 960"):
        egemaps.extract(signal[:959])
