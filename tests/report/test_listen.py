"""Examples of synthetic speech are kept as small files that sound as the speech does."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from hump import audio
from hump.report import listen


def test_kept_examples_are_small_and_last_as_long(tmp_path):
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(2 * audio.SAMPLING_RATE) / audio.SAMPLING_RATE)
    soundfile.write(tmp_path / "a.wav", tone, audio.SAMPLING_RATE)
    rows = pd.DataFrame([{"corpus": "demo_german", "emotion": "sad", "path": "a.wav"}])
    listen.keep(rows, tmp_path, tmp_path / "audio")
    (file,) = (tmp_path / "audio").iterdir()
    assert file.name == "demo_german-sad.mp3" and file.stat().st_size < 20_000
    kept, rate = soundfile.read(file)
    assert rate == audio.SAMPLING_RATE and abs(len(kept) - len(tone)) < 0.1 * rate
    spectrum = np.abs(np.fft.rfft(kept))
    assert np.fft.rfftfreq(len(kept), 1 / rate)[spectrum.argmax()] == pytest.approx(300, abs=1)
