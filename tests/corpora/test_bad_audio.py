"""Files with every known fault: each is decoded correctly or excluded with a reason.

Every stream can be extracted from those that are used.
"""

import itertools
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile

import hump
from hump import audio, corpora, features
from hump.errors import AudioError, CorpusError

RATE = 16_000
NAMES = [f"03{text}{letter}{version}" for text, letter, version in itertools.product(
    ("a01", "a02", "a04", "b01", "b02"), "WFTN", "abc")]  # fmt: skip


def speech(seconds=0.5, seed=0, channels=1):
    """Bursts of a gliding tone over noise; another seed, other audio."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * (150 + 40 * seed % 97) * t) * (np.sin(2 * np.pi * 4 * t) > 0)
    signal = 0.2 * tone + rng.normal(0, 0.01, len(t))
    return signal if channels == 1 else np.stack([signal * (k + 1) / channels
                                                  for k in range(channels)], axis=1)  # fmt: skip


def wav(path, samples=None, rate=RATE, **options):
    soundfile.write(path, speech(seed=int.from_bytes(path.name.encode()[2:7]) % 1000)
                    if samples is None else samples, rate, **options)  # fmt: skip


def shortened(path, form, keep):
    wav(path, format=form)
    path.write_bytes(path.read_bytes()[:keep])


def one_step():
    """Noise of plus or minus one step of 16 bits."""
    return np.random.default_rng(1).integers(-1, 2, RATE) / 32768


def half_its_length(path):
    """A header that names half of the samples that follow it."""
    wav(path)
    data = path.read_bytes()
    place = data.index(b"data") + 4
    length = int.from_bytes(data[place : place + 4], "little") // 2
    path.write_bytes(data[:place] + length.to_bytes(4, "little") + data[place + 4 :])


def promised(path, samples):
    """A FLAC file whose header promises so many samples: the last 36 of 64 bits at byte 18."""
    wav(path, format="FLAC")
    data = path.read_bytes()
    field = int.from_bytes(data[18:26]) >> 36 << 36 | samples
    path.write_bytes(data[:18] + field.to_bytes(8) + data[26:])


# How a file is written, and how the reason for excluding it begins; None: it is used.
KINDS = {
    "whole": (wav, None),
    "stereo": (lambda p: wav(p, speech(seed=1, channels=2)), None),
    "8 channels": (lambda p: wav(p, speech(seed=2, channels=8)), None),
    "8 kHz": (lambda p: wav(p, speech(1, seed=3), rate=8_000), None),
    "192 kHz": (lambda p: wav(p, speech(4, seed=4), rate=192_000), None),
    "24 bit": (lambda p: wav(p, subtype="PCM_24"), None),
    "float64": (lambda p: wav(p, subtype="DOUBLE"), None),
    "mu-law": (lambda p: wav(p, subtype="ULAW"), None),
    "FLAC named wav": (lambda p: wav(p, format="FLAC"), None),
    "MP3 named wav": (lambda p: wav(p, format="MP3"), None),
    "OGG named wav": (lambda p: wav(p, format="OGG"), None),
    "a quarter of a second": (lambda p: wav(p, speech(0.25, seed=5)), None),
    "faint": (lambda p: wav(p, 1e-3 * speech(seed=6)), None),
    "an offset": (lambda p: wav(p, 0.5 + speech(seed=7)), None),
    "8 kHz GSM 6.10": (lambda p: wav(p, speech(4, seed=11), rate=8_000, subtype="GSM610"), None),
    "G.721": (lambda p: wav(p, speech(2, seed=12), format="AU", subtype="G721_32"), None),
    "3 dB over": (lambda p: wav(p, 1.4 * speech(seed=13), subtype="FLOAT"), None),
    "a click": (lambda p: wav(p, np.eye(1, RATE, 999)[0] * 0.9), "is silent, but for 1 samples"),
    "one step": (lambda p: wav(p, one_step()), "is silent, it is noise of a step of 16 bits"),
    "all but cancelling": (lambda p: wav(p, np.stack([speech(), -0.9999 * speech()], 1)),
                           "is silent, its channels cancel each other out"),
    "integers as floats": (lambda p: wav(p, 32_767 * speech(), subtype="FLOAT"), "reaches "),
    "1e30": (lambda p: wav(p, np.r_[speech(), 1e30], subtype="FLOAT"), "reaches 1e+30, full scale"),
    "1 Hz": (lambda p: wav(p, rate=1), "has a sampling rate of 1 Hz, expected at least 8000"),
    "2 GHz": (lambda p: wav(p, rate=2**31 - 1), "has a sampling rate of 2147483647 Hz, expected"),
    "50 days": (lambda p: promised(p, 2**36 - 1), "lasts 4294967 s by its header, expected at mo"),
    "half an hour": (lambda p: promised(p, 30 * 60 * RATE), "cannot be read as audio"),
    "half its length": (half_its_length, "is damaged, its header promises audio up to byte"),
    "clipped": (lambda p: wav(p, np.clip(20 * speech(seed=8), -1, 1)), None),
    "mostly silence": (lambda p: wav(p, np.r_[np.zeros(3 * RATE), speech(0.3, seed=10)]), None),
    "0 bytes": (lambda p: p.write_bytes(b""), "is empty (0 bytes)"),
    "text": (lambda p: p.write_text("not audio\n" * 99), "cannot be read as audio (Format not rec"),
    "git-LFS pointer": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"),
                        "is a git-LFS pointer, not audio; run 'git lfs pull'"),
    "cut header": (lambda p: shortened(p, "WAV", 30), "cannot be read as audio"),
    "cut data": (lambda p: shortened(p, "WAV", 9_000), "is cut off, its header promises 16000 byt"),
    "cut FLAC": (lambda p: shortened(p, "FLAC", 5_000), "cannot be read as audio (Error : flac"),
    "cut MP3": (lambda p: shortened(p, "MP3", 1_200), "is cut off or damaged, its header promise"),
    "no samples": (lambda p: wav(p, np.zeros(0)), "holds a header and no samples"),
    "too short": (lambda p: wav(p, speech(0.2)), "lasts 0.200 s, expected at least 0.25 s"),
    "zeros": (lambda p: wav(p, np.zeros(RATE)), "is silent, every sample has the same value"),
    "cancelling": (lambda p: wav(p, np.stack([speech(), -speech()], 1)), "is silent, its channels"),
    "NaN": (lambda p: wav(p, np.r_[speech(), np.nan], subtype="FLOAT"), "1 samples are not number"),
    "infinity": (lambda p: wav(p, np.r_[speech(), np.inf], subtype="FLOAT"), "1 samples are not"),
    "link to itself": (lambda p: p.symlink_to(p.name), "cannot be opened (Too many levels of symb"),
    "link to nothing": (lambda p: p.symlink_to("nothing"), "is a link to nothing"),
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The manifest of a corpus with one file of each kind, indexed by kind; and its folder."""
    root = tmp_path_factory.mktemp("corpora")
    (root / "emodb/wav").mkdir(parents=True)
    for name, (write, _) in zip(NAMES, KINDS.values()):
        write(root / f"emodb/wav/{name}.wav")
    table = corpora.read("emodb", root).set_index("utterance_id").loc[NAMES[: len(KINDS)]]
    return table.reset_index().set_index(pd.Index(KINDS)), root


@pytest.mark.parametrize("kind", KINDS)
def test_used_or_excluded_with_its_reason(rows, kind):
    reason, expected = rows[0].loc[kind, "excluded"], KINDS[kind][1]
    if expected is None:
        assert pd.isna(reason) and rows[0].loc[kind, "duration_s"] >= 0.25
    else:
        assert reason.startswith(f"audio {expected}")


def test_memory_is_bounded_by_what_the_file_holds(tmp_path):
    file, hour = tmp_path / "a.flac", 3_600 * RATE
    promised(file, hour)  # 230 MB as floats
    tracemalloc.start()
    with pytest.raises(AudioError, match="cannot be read as audio|is cut off or damaged"):
        audio.load(file)
    assert tracemalloc.get_traced_memory()[1] < 40e6
    tracemalloc.stop()


def test_streams_of_used_files_are_finite(rows, params):
    table, root = rows
    used = corpora.used(table)
    streams = features.extract_corpus(used, params, root=root / "emodb", workers=1, progress=False)
    assert len(streams) == len(used) == sum(expected is None for _, expected in KINDS.values())
    for arrays in (streams.hubert, streams.mfcc, streams.egemaps):
        assert all(np.isfinite(arrays[k]).all() for k in range(len(streams)))
    assert not np.isinf(streams.prosody).any()


def test_too_many_stop_the_study_at_once_with_the_list(rows, monkeypatch):
    table, root = rows
    monkeypatch.setenv("HUMP_DATA", str(root))
    params = hump.load_params("params/open.yaml").model_copy(update={"source": "emodb"})
    monkeypatch.setattr(type(params), "corpus_names", property(lambda self: ("emodb",)))
    bad = {kind: expected for kind, (_, expected) in KINDS.items() if expected}
    with pytest.raises(CorpusError) as error:
        corpora.manifests(params)
    told = str(error.value)
    assert f"{len(bad)} of {len(KINDS)} files cannot be used, max_excluded=0.02 allows 2 %" in told
    for kind, expected in bad.items():
        assert f"{table.loc[kind, 'path']}: audio {expected}" in told
    lenient = params.model_copy(update={"max_excluded": 0.9})
    assert corpora.manifests(lenient)["emodb"]["excluded"].notna().sum() == len(bad)
