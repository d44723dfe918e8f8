"""What the demo speech sounds like, measured without the code that made it."""

import itertools

import librosa
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hump.demo.recording import SAMPLING_RATE
from hump.demo.synthesis import synthesise
from hump.params.folders import DEMO
from hump.params.names import EMOTIONS


def utterances(name, *, actors, sentences):
    rows = itertools.product(range(1, actors + 1), EMOTIONS, range(1, sentences + 1))
    return pd.DataFrame(
        [
            {
                "actor": actor,
                "emotion": emotion,
                "signal": synthesise(
                    name, seed=1, number=actor, emotion=emotion, sentence=sentence, take=1
                ),
            }
            for actor, emotion, sentence in rows
        ]
    )


@pytest.fixture(scope="module")
def source():
    return utterances("demo_source", actors=6, sentences=3)


@pytest.fixture(scope="module")
def spectra():
    """Mean power spectrum of a few utterances of each corpus, dB."""
    result = {}
    for name in DEMO:
        power = [
            np.mean(np.abs(librosa.stft(signal, n_fft=512)) ** 2, axis=1)
            for signal in utterances(name, actors=1, sentences=1)["signal"]
        ]
        result[name] = 10 * np.log10(np.mean(power, axis=0))
    return result


def test_signals_are_sound(source):
    assert SAMPLING_RATE == 16000
    for signal in source["signal"]:
        assert signal.dtype == np.float32
        assert 0.8 <= len(signal) / SAMPLING_RATE <= 5
        assert 0.02 < np.abs(signal).max() < 0.98
        assert np.isfinite(signal).all()


def test_aroused_emotions_are_higher_than_neutral_and_sadness_lower(source):
    f0 = [
        np.nanmedian(librosa.yin(signal, fmin=60, fmax=450, sr=SAMPLING_RATE, hop_length=512))
        for signal in source["signal"]
    ]
    median = source.assign(f0=f0).groupby(["actor", "emotion"])["f0"].median().unstack()
    for emotion in ("angry", "happy"):
        assert (median[emotion] > median["neutral"]).mean() > 0.8
    assert (median["neutral"] > median["sad"]).mean() > 0.5


def test_anger_is_brighter_than_sadness(source):
    slope = [
        np.mean(librosa.feature.spectral_centroid(y=signal, sr=SAMPLING_RATE))
        for signal in source["signal"]
    ]
    mean = source.assign(slope=slope).groupby("emotion")["slope"].mean()
    assert mean["angry"] > mean["sad"]


@pytest.mark.parametrize(("name", "cutoff_hz"), [("demo_spanish", 4600), ("demo_mandarin", 5200)])
def test_band_is_limited(name, cutoff_hz, spectra):
    frequency = librosa.fft_frequencies(sr=SAMPLING_RATE, n_fft=512)
    above = frequency > 1.15 * cutoff_hz
    assert spectra[name][above].mean() < spectra["demo_german"][above].mean() - 15


def test_corpora_differ_in_noise(source):
    def floor_db(signal):
        frames = librosa.util.frame(signal, frame_length=400, hop_length=200)
        return 10 * np.log10(np.percentile(np.mean(frames**2, axis=0), 2))

    german = utterances("demo_german", actors=2, sentences=1)
    noisy = utterances("demo_mandarin", actors=2, sentences=1)
    assert noisy["signal"].map(floor_db).median() > german["signal"].map(floor_db).median() + 10


@pytest.mark.parametrize(
    "shortcut",
    [
        pytest.param(lambda signal: 10 * np.log10(np.mean(signal**2)), id="loudness"),
        pytest.param(len, id="duration"),
    ],
)
def test_one_trivial_number_does_not_solve_the_task(shortcut, source):
    values = source["signal"].map(shortcut).to_numpy(dtype=float)[:, None]
    guesses = cross_val_predict(
        make_pipeline(StandardScaler(), SVC(class_weight="balanced")),
        values,
        source["emotion"],
        groups=source["actor"],
        cv=LeaveOneGroupOut(),
    )
    assert recall_score(source["emotion"], guesses, average="macro") < 0.5
