"""Speech from eSpeak NG: repeatable, adjustable, and from wherever it is installed."""

import ctypes
import shutil
import time
from _ctypes import dlclose

import espeakng_loader
import numpy as np
import pytest

from hump.demo import espeak
from hump.demo.acting import VARIANTS
from hump.errors import HumpError, ParameterError

PLAIN = {"voice": "en-us+f3", "pitch_st": 0.0, "range_oct": 0.0, "rate_wpm": 170}
TEXT = "The parcel will arrive on Thursday morning."


def test_same_bytes_whatever_was_said_before():
    first = espeak.speak(TEXT, **PLAIN)
    espeak.speak("Der Zug kommt.", **{**PLAIN, "voice": "de+m2", "pitch_st": 5.0})
    np.testing.assert_array_equal(espeak.speak(TEXT, **PLAIN), first)


def test_same_bytes_at_another_time():
    # The library seeds its breath noise with the seconds of the clock.
    voices = [f"en-us+{variant}" for variant in sorted(VARIANTS)]
    first = [espeak.speak("Hello.", **{**PLAIN, "voice": voice}) for voice in voices]
    time.sleep(1.1)
    for voice, before in zip(voices, first, strict=True):
        np.testing.assert_array_equal(espeak.speak("Hello.", **{**PLAIN, "voice": voice}), before)


def test_silence_before_and_after_is_cut():
    signal = np.abs(espeak.speak(TEXT, **PLAIN))
    assert signal[0] > 0.002 and signal[-1] > 0.002 and (signal < 0.002).any()


def test_faster_is_shorter():
    fast = espeak.speak(TEXT, **{**PLAIN, "rate_wpm": 250})
    assert len(fast) < 0.85 * len(espeak.speak(TEXT, **PLAIN))


def test_unknown_voice():
    with pytest.raises(ParameterError, match=r"voice='xx\+f3': eSpeak NG has no such voice"):
        espeak.speak(TEXT, **{**PLAIN, "voice": "xx+f3"})


@pytest.fixture
def fresh_path():
    espeak._data_path.cache_clear()
    yield
    espeak._data_path.cache_clear()


def test_long_data_path(fresh_path, tmp_path, monkeypatch):
    expected = espeak.speak(TEXT, **PLAIN)
    far = tmp_path / ("x" * 100) / ("y" * 100) / "espeak-ng-data"
    shutil.copytree(espeakng_loader.get_data_path(), far)
    espeak._data_path.cache_clear()
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(far))
    np.testing.assert_array_equal(espeak.speak(TEXT, **PLAIN), expected)


def test_library_held_by_another():
    expected = espeak.speak(TEXT, **PLAIN)
    held = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        with pytest.raises(HumpError, match="is held by something else.*process of their own"):
            espeak.speak(TEXT, **PLAIN)
    finally:
        dlclose(held._handle)
    np.testing.assert_array_equal(espeak.speak(TEXT, **PLAIN), expected)
