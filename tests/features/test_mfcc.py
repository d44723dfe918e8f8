import librosa
import numpy as np
import pytest

from hump.errors import FeatureError
from hump.features import mfcc


@pytest.mark.parametrize(("own", "librosas"), [
    ({}, {"n_fft": 512, "win_length": 400, "hop_length": 160}),
    ({"frame_ms": 40, "hop_ms": 20, "window": "hamming"},
     {"n_fft": 1024, "win_length": 640, "hop_length": 320, "window": "hamming"}),
])  # fmt: skip
def test_values_are_librosas(speech, own, librosas):
    signal = speech(1.3, seed=0)
    cepstra = librosa.feature.mfcc(y=signal, sr=16_000, n_mfcc=13, n_mels=40, **librosas)
    expected = [cepstra, librosa.feature.delta(cepstra), librosa.feature.delta(cepstra, order=2)]
    np.testing.assert_array_equal(mfcc.extract(signal, **own), np.concatenate(expected).T)


def test_shape_type_and_names(speech):
    values = mfcc.extract(speech(1.0, seed=1))
    assert values.shape == (101, 39)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert len(set(mfcc.feature_names())) == mfcc.WIDTH == 39


def test_nine_frames_are_enough_and_eight_are_not(speech):
    signal = speech(0.2, seed=2)
    assert mfcc.extract(signal[:1280]).shape == (9, 39)
    with pytest.raises(FeatureError, match=r"1279 samples.*at least 1280.*leave"):
        mfcc.extract(signal[:1279])


def test_silence_is_finite():
    assert np.isfinite(mfcc.extract(np.zeros(8000, np.float32))).all()


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros((2, 8000), np.float32), r"shape \(2, 8000\).*hump.audio.load"),
        (np.zeros(8000, np.int16), r"int16.*hump.audio.load"),
        (np.full(8000, np.nan, np.float32), "NaN or infinity"),
    ],
)
def test_what_is_not_a_signal_is_refused(signal, message):
    with pytest.raises(FeatureError, match=message):
        mfcc.extract(signal)
