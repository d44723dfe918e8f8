"""Audio files, good and bad."""

import errno
import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_other_rates_are_converted(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate=rate), rate, subtype="FLOAT")
    signal = audio.load(tmp_path / "a.wav")
    assert len(signal) == pytest.approx(RATE, abs=2)
    middle = slice(2000, 14000)
    np.testing.assert_allclose(signal[middle], tone()[: len(signal)][middle], atol=2e-3)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_recording_read_piece_by_piece_is_the_same(tmp_path, monkeypatch, rate):
    stereo = np.stack([tone(rate=rate), 0.2 * tone(rate=rate, frequency=300)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, rate, subtype="FLOAT")
    whole = audio.load(tmp_path / "a.wav")
    np.testing.assert_array_equal(np.concatenate([*audio.stream(tmp_path / "a.wav")]), whole)
    np.testing.assert_allclose(audio.from_array(stereo, rate), whole, atol=1e-6)
    monkeypatch.setattr(audio, "_BLOCK", 2000)
    pieces = list(audio.stream(tmp_path / "a.wav"))
    assert len(pieces) > 5 and len(np.concatenate(pieces)) == len(whole)
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-4000])
    with pytest.raises(AudioError, match="is cut off, its header promises"):
        list(audio.stream(tmp_path / "a.wav"))


@pytest.mark.parametrize(("samples", "rate", "message"), [
    (["a", "b"], RATE, "has shape .* expected"), (np.ones((2, RATE)), RATE, "transpose it"),
    (tone(), 99, "sampling rate of 99 Hz"), (np.zeros(RATE), RATE, "is silent"),
    (tone() * 32768, RATE, "reaches 1.64e.04, full scale is 1"), (tone(0.1), RATE, "lasts 0.100 s"),
    (tone() * np.nan, RATE, "are not numbers"), ([], RATE, "no samples"),
    (np.ones((RATE, 0)), RATE, "has shape"), ([300, -300] * RATE, RATE, "int64, .* 16 or 32 bits"),
])  # fmt: skip
def test_samples_that_are_no_recording(samples, rate, message):
    with pytest.raises(AudioError, match=f"mine: .*{message}"):
        audio.from_array(samples, rate, name="mine")


@pytest.mark.parametrize("name", ["ü b'.wav", "-rf.wav", "语音.flac"])
def test_odd_names(tmp_path, name):
    soundfile.write(tmp_path / name, tone(), RATE)
    assert len(audio.load(tmp_path / name)) == RATE


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is empty"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a git-LFS pointer, not"),
    (b"<html>404 not found</html>\n" * 20, r"cannot be read as audio \(Format not recognised\)"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as audio"),
])  # fmt: skip
def test_no_audio(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=rf"a\.wav: {message}"):
        audio.load(tmp_path / "a.wav")


@pytest.mark.parametrize(("samples", "message"), [
    (np.zeros(0), "holds a header and no samples"),
    (np.zeros(RATE), "is silent, every sample has the same value"),
    (np.full(RATE, 0.25), "is silent, every sample has the same value"),
    (np.stack([tone(), -tone()], axis=1), "is silent, its channels cancel each other out"),
    (tone(0.1), r"lasts 0\.100 s, expected at least 0\.25 s"),
    (np.r_[tone(), np.nan, np.inf], "2 samples are not numbers"),
])  # fmt: skip
def test_unusable_samples(tmp_path, samples, message):
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=message):
        audio.load(tmp_path / "a.wav")


def test_eight_channels_are_averaged(tmp_path):
    channels = np.stack([tone(frequency=200 + 50 * k) for k in range(8)], axis=1)
    soundfile.write(tmp_path / "a.wav", channels, RATE, subtype="FLOAT")
    np.testing.assert_allclose(audio.load(tmp_path / "a.wav"), channels.mean(1), atol=1e-6)
    assert audio.examine(tmp_path / "a.wav").channels == 8


# Of each way to store a sample, how far it may be from the truth.
@pytest.mark.parametrize(("subtype", "error"), [
    ("PCM_U8", 2**-7), ("PCM_24", 2**-23), ("PCM_32", 2**-23), ("FLOAT", 2**-24),
    ("DOUBLE", 2**-24), ("ULAW", 2**-5), ("ALAW", 2**-5),
])  # fmt: skip
def test_every_sample_format_is_decoded(tmp_path, subtype, error):
    soundfile.write(tmp_path / "a.wav", tone(), RATE, subtype=subtype)
    np.testing.assert_allclose(audio.load(tmp_path / "a.wav"), tone(), atol=error)


def test_extra_chunks_are_passed_over(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE, subtype="PCM_16")
    whole = (tmp_path / "a.wav").read_bytes()
    chunk = b"LIST" + (26).to_bytes(4, "little") + b"INFOISFT" + (14).to_bytes(4, "little")
    chunk += b"somebody's rec"
    body = whole[12:36] + chunk + whole[36:] + b"junk" + (4).to_bytes(4, "little") + b"abcd"
    head = b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WAVE"
    (tmp_path / "b.wav").write_bytes(head + body)
    np.testing.assert_array_equal(audio.load(tmp_path / "a.wav"), audio.load(tmp_path / "b.wav"))


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(("form", "error"), [("WAV", 1e-4), ("FLAC", 1e-4), ("OGG", 0.05),
                                             ("MP3", 0.05)])  # fmt: skip
def test_content_counts_not_the_ending(tmp_path, form, error, ending):
    file = tmp_path / f"a.{ending}"
    soundfile.write(file, tone(), RATE, format=form)
    signal = audio.load(file)
    middle = slice(2000, 14000)
    np.testing.assert_allclose(signal[: len(tone())][middle], tone()[middle], atol=error)


@pytest.mark.parametrize(("form", "message"), [
    ("WAV", r"is cut off, its header promises 32000 bytes of audio and \d+ are there"),
    ("FLAC", "cannot be read as audio"), ("MP3", "is cut off or damaged, its header promises"),
    ("OGG", "holds a header and no samples|cannot be read as audio"),
])  # fmt: skip
def test_cut_off(tmp_path, form, message):
    file = tmp_path / f"a.{form.lower()}"
    soundfile.write(file, tone(), RATE, format=form)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match=message):
        audio.load(file)


def test_stream_of_unknown_length_is_whole(tmp_path):
    """A program that writes to a pipe cannot put the length into the header."""
    soundfile.write(tmp_path / "a.wav", tone(), RATE, subtype="PCM_16")
    whole = (tmp_path / "a.wav").read_bytes()
    unknown = b"\xff\xff\xff\xff"
    (tmp_path / "b.wav").write_bytes(whole[:4] + unknown + whole[8:40] + unknown + whole[44:])
    np.testing.assert_array_equal(audio.load(tmp_path / "a.wav"), audio.load(tmp_path / "b.wav"))


def test_file_that_may_not_be_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    (tmp_path / "a.wav").chmod(0)
    tmp_path.chmod(0o755)
    # As somebody who is not root, whom permissions do not stop.
    code = (
        "import os, sys; from hump import audio\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try: audio.load('a.wav')\n"
        "except audio.AudioError as error: print(error)"
    )
    search = {**os.environ, "PYTHONPATH": str(Path(audio.__file__).parent.parent)}
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=search,
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert run.stdout == (
        "a.wav: cannot be opened (Permission denied); make it readable or remove it\n"
    )


def test_level_silence_and_clipping(tmp_path):
    half = np.r_[tone(1.0), np.zeros(RATE)]
    soundfile.write(tmp_path / "a.wav", half, RATE, subtype="FLOAT")
    facts = audio.examine(tmp_path / "a.wav")
    # A sine of amplitude 0.5 has a mean square of 0.125, and half of the file is silent.
    assert facts.level_db == pytest.approx(10 * np.log10(0.125 / 2), abs=0.01)
    assert facts.silence == pytest.approx(0.5, abs=0.01) and facts.clipped == 0
    loud = np.clip(4 * tone(), -1, 1)
    soundfile.write(tmp_path / "b.wav", loud, RATE, subtype="FLOAT")
    clipped = audio.examine(tmp_path / "b.wav").clipped
    assert clipped == pytest.approx((np.abs(loud) >= 1).mean(), abs=0.01) and clipped > 0.5
    # A peak of one sample is a normalised recording, not a clipped one.
    soundfile.write(tmp_path / "c.wav", np.r_[tone(), 1.0, tone()], RATE, subtype="FLOAT")
    assert audio.examine(tmp_path / "c.wav").clipped == 0


def test_a_fault_of_the_machine_is_not_one_of_the_recording(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)

    def full(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(OSError, match="Too many open files") as caught:
        audio.load(tmp_path / "a.wav")
    assert not isinstance(caught.value, AudioError)


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


@pytest.mark.parametrize(("ending", "advice"), [
    ("m4a", "convert it to WAV or FLAC"), ("wav", "copy it again or remove it"),
])  # fmt: skip
def test_format_that_is_not_read_is_to_be_converted(tmp_path, ending, advice):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(range(256)) * 40)
    with pytest.raises(AudioError, match=f"{path}: cannot be read as audio .*; {advice}$"):
        audio.load(path)
