"""Audio files, good and bad."""

import numpy as np
import pytest
import soundfile

from hump import audio
from hump.errors import AudioError

RATE = audio.SAMPLING_RATE


def tone(seconds=1.0, rate=RATE, frequency=440.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def test_16_bit_values_are_exact(tmp_path):
    values = np.random.default_rng(0).integers(-(2**15), 2**15, RATE).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", values, RATE)
    signal = audio.load(tmp_path / "a.wav")
    assert signal.dtype == np.float32
    np.testing.assert_array_equal(signal, values.astype(np.float32) / 2**15)


def test_stereo_is_averaged_not_concatenated(tmp_path):
    stereo = np.stack([tone(), 0.2 * tone(frequency=300)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE, subtype="FLOAT")
    np.testing.assert_allclose(audio.load(tmp_path / "a.wav"), stereo.mean(1), atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_other_rates_are_converted(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate=rate), rate, subtype="FLOAT")
    signal = audio.load(tmp_path / "a.wav")
    assert len(signal) == pytest.approx(RATE, abs=2)
    middle = slice(2000, 14000)
    np.testing.assert_allclose(signal[middle], tone()[: len(signal)][middle], atol=2e-3)


@pytest.mark.parametrize("name", ["ü b'.wav", "-rf.wav", "语音.flac"])
def test_odd_names(tmp_path, name):
    soundfile.write(tmp_path / name, tone(), RATE)
    assert len(audio.load(tmp_path / name)) == RATE


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is empty"),
    (b"version https://git-lfs.github.com/spec/v1\n", "cannot be read as audio"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as audio"),
])  # fmt: skip
def test_no_audio(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=rf"a\.wav: {message}"):
        audio.load(tmp_path / "a.wav")


@pytest.mark.parametrize(("samples", "message"), [
    (np.zeros(0), "holds a header and no samples"),
    (np.zeros(RATE), "is silent"),
    (tone(0.1), r"lasts 0\.100 s, expected at least 0\.25 s"),
    (np.r_[tone(), np.nan, np.inf], "2 samples are not numbers"),
])  # fmt: skip
def test_unusable_samples(tmp_path, samples, message):
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=message):
        audio.load(tmp_path / "a.wav")


def test_missing_file(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        audio.load(tmp_path / "a.wav")


def test_hash_is_of_the_audio_not_of_the_file(tmp_path):
    values = (tone() * 2**15).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", values, RATE)
    soundfile.write(tmp_path / "b.flac", values, RATE)
    soundfile.write(tmp_path / "c.wav", values[1:], RATE)
    a, b, c = (audio.examine(tmp_path / n) for n in ("a.wav", "b.flac", "c.wav"))
    assert a.sha256 == b.sha256 != c.sha256
    assert (a.sampling_rate, a.channels, a.duration_s) == (RATE, 1, 1.0)
