"""Generated signals, corpora and encoders; no recording is used."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

RATE = 16_000


def make_speech(duration_s, seed):
    """Gliding harmonic tones of 0.1 to 0.3 s between gaps, over noise: shape (samples,), float32.

    Multiples of 1/32768, as a 16-bit recording has them.
    """
    rng = np.random.default_rng(seed)
    signal = 0.003 * rng.standard_normal(round(duration_s * RATE))
    position = 800
    while position < len(signal):
        length = min(int(rng.integers(1600, 4800)), len(signal) - position)
        t = np.arange(length) / RATE
        pitch = rng.uniform(90, 240) + rng.uniform(-150, 150) * t
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        tone = sum(np.sin(k * phase) / k for k in range(1, 12))
        signal[position : position + length] += 0.1 * tone * np.hanning(length)
        position += length + int(rng.integers(800, 4000))
    return (np.rint(signal * 32768) / 32768).astype(np.float32)


def write_wav(path, signal):
    """Store a signal as 16-bit PCM."""
    wavfile.write(path, RATE, np.rint(signal * 32768).astype(np.int16))


@pytest.fixture
def speech():
    """Generated speech: a function of a duration in seconds and a seed."""
    return make_speech


@pytest.fixture
def wav():
    """A function that stores a signal as 16-bit PCM."""
    return write_wav


@pytest.fixture
def corpus(tmp_path):
    """A function that makes a corpus of `n` utterances: root and manifest."""

    def make(n, duration_s=0.5):
        root = tmp_path / "toy"
        (root / "wav").mkdir(parents=True, exist_ok=True)
        rows = []
        for i in range(n):
            signal = make_speech(duration_s + 0.01 * i, seed=i)
            write_wav(root / "wav" / f"{i:02d}.wav", signal)
            digest = hashlib.sha256(signal.tobytes()).hexdigest()
            seconds = len(signal) / RATE
            rows.append((f"toy-{i:02d}", "toy", f"wav/{i:02d}.wav", seconds, digest))
        columns = ["utterance_id", "corpus", "path", "duration_s", "audio_sha256"]
        return root, pd.DataFrame(rows, columns=columns)

    return make


@pytest.fixture
def params(tmp_path):
    """The part of the parameters that features use: a function of changes to it."""

    def make(device="cpu", **changes):
        features = {
            "encoder": "untrained",
            "layers": (1, 3),
            "pooled": False,
            "dtype": "float16",
            "precision": "float32",
            "context": "own",
            "mfcc": {"frame_ms": 25, "hop_ms": 10, "window": "hann"},
        }
        return SimpleNamespace(
            features=SimpleNamespace(**(features | changes)),
            device=device,
            cache=tmp_path / "cache",
        )

    return make
