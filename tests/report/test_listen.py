"""What is recorded or uploaded is what the next cells read; examples are kept as small files."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
import soundfile

import hump
from hump import audio
from hump.report import listen


def test_the_example_is_chosen_until_something_is_recorded_or_uploaded(tmp_path, monkeypatch):
    monkeypatch.delenv("HUMP_HEADLESS", raising=False)
    shown = []
    monkeypatch.setattr(listen, "display", shown.append)
    choice = listen.Choice(tmp_path / "example.wav")
    assert choice.recording == tmp_path / "example.wav"
    recorder, upload, told = shown[0].children
    spoken = np.sin(np.arange(16_000)).astype(np.float32)
    recorder.set_state({"samples": memoryview(spoken.tobytes())})  # as a browser sends it
    samples, rate = choice.recording
    np.testing.assert_array_equal(samples, spoken)
    assert rate == 16_000 and told.value.startswith("Your recording is chosen: run the cells below")
    upload.value = ({"name": "../a.wav", "type": "", "size": 3, "content": memoryview(b"abc"),
                     "last_modified": datetime.now()},)  # fmt: skip
    assert choice.recording.read_bytes() == b"abc" and choice.recording.name == "a.wav"
    assert told.value.startswith("a.wav is chosen")


def test_headless_runs_show_no_recorder(monkeypatch, capsys):
    monkeypatch.setenv("HUMP_HEADLESS", "1")
    monkeypatch.setattr(listen, "display", pytest.fail)
    assert listen.Choice("example.wav").recording == "example.wav"
    assert "JupyterLab only" in capsys.readouterr().out


def test_the_recorder_comes_with_the_package():
    script = hump.report.listen.Recorder._esm
    assert "getUserMedia" in str(script) and "http" not in str(script)


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
