import os
import signal as signals
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from threading import Thread

import joblib
import numpy as np
import pytest
import threadpoolctl
import torch

from hump import audio, features
from hump.errors import AudioError, EncoderError, FeatureError, ParameterError
from hump.features import egemaps, encoders, extraction, hubert, mfcc, prosody, store, streams
from hump.features.base import Stream
from hump.util import files, parallel

WIDTHS = {
    "hubert": (2, 5),
    "mfcc": (39,),
    "prosody": (103,),
    "egemaps": (88,),
    "pooled": (13, 2, 5),
}


def fake(stream, signal):
    """Quick values that depend on the signal, in the place of a stream's own."""
    values = np.zeros(WIDTHS[stream.name])
    return (
        signal[: len(signal) // 320].reshape(-1, *[1] * values.ndim) + values
        if (stream.sequence)
        else signal[0] + values
    )


def fake_streams(compute):
    """`streams.STREAMS` and `streams.encode` with values by a function of stream and signal."""

    def extract(stream):
        return None if stream.encoded else lambda signal, **_: compute(stream, signal)

    def encode(wanted, signals, request):
        return {stream: [compute(stream, signal) for signal in signals] for stream in wanted}

    return tuple(replace(s, extract=extract(s)) for s in streams.STREAMS), encode


@pytest.fixture
def computed(monkeypatch):
    """Fake values; the names of the streams computed, one entry an utterance."""
    calls = []

    def compute(stream, signal):
        calls.append(stream.name)
        return fake(stream, signal)

    registered, encode = fake_streams(compute)
    monkeypatch.setattr(streams, "STREAMS", registered)
    monkeypatch.setattr(streams, "encode", encode)
    return calls


def extract(manifest, params, root, **options):
    return features.extract_corpus(
        manifest, params, root=root, **({"workers": 1, "progress": False} | options)
    )


def contents(folder):
    """Bytes of all stored files."""
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*-*") if path.is_file()}


@pytest.fixture
def one_thread():
    """One thread for torch and BLAS, as in a worker: on several, sums are rounded differently."""
    with parallel.one_thread(), threadpoolctl.threadpool_limits(1):
        yield


def test_values_are_those_of_the_streams(corpus, params, one_thread, place):
    root, manifest = corpus(3)
    stored = extract(manifest, params(place), root)
    assert stored.utterance_ids == ("toy-00", "toy-01", "toy-02")
    assert (stored.corpus, stored.encoder, stored.trained) == ("toy", "untrained encoder", False)
    assert stored.layers == (1, 3)
    assert len(stored) == 3
    assert stored.pooled is None
    signals = [audio.load(root / path) for path in manifest["path"]]
    encoder = hubert.load_encoder("untrained", layers=(1, 3), device=place)
    states = hubert.extract(signals, encoder=encoder, layers=(1, 3))
    for i, signal in enumerate(signals):
        np.testing.assert_array_equal(stored.hubert[i], states[i].astype(np.float16))
        np.testing.assert_array_equal(stored.mfcc[i], mfcc.extract(signal).astype(np.float16))
        np.testing.assert_array_equal(stored.prosody[i], prosody.clean(prosody.extract(signal)))
        np.testing.assert_array_equal(stored.egemaps[i], egemaps.extract(signal))
    assert (stored.prosody.dtype, stored.egemaps.dtype) == (np.float32, np.float32)


def test_statistics_of_all_layers_are_kept_when_asked(corpus, params, one_thread):
    root, manifest = corpus(3)
    without = extract(manifest, params(), root)
    (file,) = params().cache.rglob("hubert-*.npy")
    written = file.stat().st_mtime_ns
    stored = extract(manifest, params(pooled=True), root)
    assert (stored.pooled.shape, stored.pooled.dtype) == ((3, 13, 2, 256), np.float32)
    signals = [audio.load(root / path) for path in manifest["path"]]
    np.testing.assert_array_equal(stored.pooled, hubert.pool(signals, encoder="untrained"))
    # What the models read is the same, and was not computed again.
    assert stored.fingerprint == without.fingerprint
    assert file.stat().st_mtime_ns == written


def test_sequences_and_statistics_take_one_pass(corpus, params, monkeypatch):
    passes = []

    def encode(wanted, signals, request):
        passes.append([stream.name for stream in wanted])
        return {stream: [fake(stream, signal) for signal in signals] for stream in wanted}

    monkeypatch.setattr(streams, "encode", encode)
    root, manifest = corpus(2)
    extract(manifest, params(pooled=True), root)
    assert passes == [["hubert", "pooled"]]


def test_workers_change_no_byte(corpus, params, tmp_path, monkeypatch):
    root, manifest = corpus(4)
    monkeypatch.setattr(store, "UTTERANCES", 1)
    # The two whose libraries depend on threads, or on what they were given before.
    monkeypatch.setattr(streams, "STREAMS", (hubert.STREAM, prosody.STREAM))
    info = encoders.find("untrained")
    results = []
    for workers in (2, 1):
        settings = params()
        settings.cache = tmp_path / str(workers)
        job = features._job(manifest, settings, info, root)
        extraction.run(job, workers=workers, progress=False)
        results.append(contents(settings.cache))
    assert results[0] == results[1]
    assert len(results[0]) == 4


def test_processes_of_an_earlier_task_are_not_taken_over(corpus, params, monkeypatch):
    """joblib replaces a worker in mid-run that has grown by 300 MB since its first task."""
    before = set(joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(2)))
    monkeypatch.setattr(store, "UTTERANCES", 2)
    root, manifest = corpus(6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extract(manifest, params(), root, workers=2)
    after = joblib.externals.loky.get_reusable_executor(reuse=True)._processes
    assert after and not before & set(after)


def test_stored_features_are_used_while_nothing_changed(corpus, params, computed):
    root, manifest = corpus(3)
    first = extract(manifest, params(), root)
    assert len(computed) == 4 * 3
    again = extract(manifest, params(), root)
    assert len(computed) == 4 * 3
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.mfcc[1], first.mfcc[1])


def test_frames_of_mfcc_are_those_of_the_parameters(corpus, params, monkeypatch):
    monkeypatch.setattr(streams, "STREAMS", (mfcc.STREAM,))
    root, manifest = corpus(1)
    settings = {"frame_ms": 40, "hop_ms": 20, "window": "hamming"}
    stored = extract(manifest, params(mfcc=settings, dtype="float32"), root)
    expected = mfcc.extract(audio.load(root / manifest["path"][0]), **settings)
    np.testing.assert_array_equal(stored.mfcc[0], expected)
    assert stored.mfcc_rate == 50
    assert extract(manifest, params(), root).mfcc_rate == 100


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dtype": "float32"}, {"hubert", "mfcc"}),
        ({"layers": (1, 4)}, {"hubert"}),
        ({"mfcc": {"frame_ms": 40, "hop_ms": 20, "window": "hamming"}}, {"mfcc"}),
        ({"pooled": True}, {"pooled"}),
    ],
)
def test_changed_parameters_recompute_what_depends_on_them(
    corpus, params, computed, changes, expected
):
    root, manifest = corpus(2)
    first = extract(manifest, params(), root)
    computed.clear()
    second = extract(manifest, params(**changes), root)
    assert set(computed) == expected
    assert (second.fingerprint != first.fingerprint) == (expected != {"pooled"})


def test_precision_is_part_of_the_identity(params, monkeypatch):
    info = encoders.find("untrained")
    monkeypatch.setattr(streams.device, "has_bfloat16", lambda device: True)
    described = [
        [
            streams.dependencies(s, streams.request(params(precision=precision), info), ["hash"])
            for s in (hubert.STREAM, hubert.POOLED, mfcc.STREAM)
        ]
        for precision in ("float32", "bfloat16")
    ]
    assert [a == b for a, b in zip(*described, strict=True)] == [False, False, True]


def test_emulated_bfloat16_is_refused(params, monkeypatch):
    info = encoders.find("untrained")
    settings = params(precision="bfloat16")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    with pytest.raises(ParameterError, match="features.precision='bfloat16': this.*use float32"):
        streams.request(settings, info)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert streams.request(settings, info).precision == "bfloat16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr(streams.device, "resolve", lambda name: "cuda")
    assert streams.request(settings, info).precision == "bfloat16"


def test_changed_audio_order_encoder_device_and_code_recompute(
    corpus, params, computed, monkeypatch
):
    root, manifest = corpus(2)
    extract(manifest, params(), root)

    def recomputed(frame, settings):
        computed.clear()
        extract(frame, settings, root)
        return set(computed)

    everything = {"hubert", "mfcc", "prosody", "egemaps"}
    changed = manifest.assign(audio_sha256=["0" * 64, manifest["audio_sha256"][1]])
    assert recomputed(changed, params()) == everything
    assert recomputed(manifest[::-1], params()) == everything
    with monkeypatch.context() as patch:
        patch.setattr(encoders, "UNTRAINED_SEED", 2)
        assert recomputed(manifest, params()) == {"hubert"}
    with monkeypatch.context() as patch:
        patch.setattr(streams.device, "resolve", lambda name: "cuda")
        assert recomputed(manifest, params()) == {"hubert"}
    with monkeypatch.context() as patch:
        patch.setattr(streams.code, "version", lambda *names: f"new {names}")
        assert recomputed(manifest, params()) == everything
    assert recomputed(manifest, params()) == set()


def test_damaged_file_is_computed_again(corpus, params, computed):
    root, manifest = corpus(3)
    settings = params()
    extract(manifest, settings, root)
    before = contents(settings.cache)
    (file,) = settings.cache.rglob("mfcc-*.npy")
    file.write_bytes(file.read_bytes()[:-1])
    computed.clear()
    with pytest.warns(UserWarning, match=r"mfcc-.*is damaged"):
        extract(manifest, settings, root)
    assert computed == ["mfcc"] * 3
    assert contents(settings.cache) == before


KILLED = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
import pandas as pd
sys.path.insert(0, {tests!r})
from test_extraction import fake, fake_streams
from hump import features
from hump.features import store, streams

def slow(stream, signal):
    time.sleep(0.02)
    return fake(stream, signal)

streams.STREAMS, streams.encode = fake_streams(slow)
store.UTTERANCES = 2
settings = SimpleNamespace(device="cpu", cache=Path({cache!r}), features=SimpleNamespace(
    encoder="untrained", layers=(1, 3), pooled=False, dtype="float16", precision="float32",
    context="own",
    mfcc={{"frame_ms": 25, "hop_ms": 10, "window": "hann"}}))
manifest = pd.read_csv({manifest!r}, dtype=str)
features.extract_corpus(manifest, settings, root={root!r}, workers=1, progress=False)
"""


def test_killed_run_is_resumed(corpus, params, computed, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "UTTERANCES", 2)
    root, manifest = corpus(12)
    settings = params()
    manifest.to_csv(tmp_path / "manifest", index=False)
    script = KILLED.format(
        tests=str(Path(__file__).parent),
        cache=str(settings.cache),
        manifest=str(tmp_path / "manifest"),
        root=str(root),
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 60
    while len(list(settings.cache.rglob("*.npz"))) < 6 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signals.SIGKILL)
    assert process.wait() == -signals.SIGKILL
    kept = len(list(settings.cache.rglob("*.npz")))
    assert 6 <= kept < 24
    extract(manifest, settings, root)
    assert len(computed) == 4 * 12 - 2 * kept
    resumed = contents(settings.cache)
    settings.cache = tmp_path / "undisturbed"
    extract(manifest, settings, root)
    assert contents(settings.cache) == resumed
    assert not list(tmp_path.rglob("*.parts"))


def test_second_process_waits_and_uses_the_result(corpus, params, computed, capsys):
    root, manifest = corpus(2)
    settings = params()
    folder = settings.cache / "features" / "toy"
    with files.lock(folder / ".lock"):
        waiting = Thread(target=extract, args=(manifest, settings, root), kwargs={"progress": True})
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        assert computed == []
    waiting.join()
    assert len(computed) == 4 * 2
    assert "toy: another process computes the features; waiting" in capsys.readouterr().out


def test_failing_utterance_is_named(corpus, params, wav, computed, monkeypatch):
    root, manifest = corpus(2)
    (root / "wav" / "01.wav").write_bytes(b"")
    with pytest.raises(AudioError, match=r"01\.wav: is empty"):
        extract(manifest, params(), root)
    root, manifest = corpus(2)

    def fails_together(wanted, signals, request):
        if len(signals) > 1:
            raise MemoryError("no memory")

    monkeypatch.setattr(streams, "encode", fails_together)
    message = r"00\.wav and the 1 after it: hubert fails \(MemoryError: no memory\);"
    with pytest.raises(FeatureError, match=message):
        extract(manifest, params(), root)

    def overflows(wanted, signals, request):
        return {hubert.STREAM: [np.zeros((3, 2, 5)), np.full((3, 2, 5), 7e4)]}

    monkeypatch.setattr(streams, "encode", overflows)
    with pytest.raises(FeatureError, match=r"01\.wav: hubert: .*70000 does not fit.*float16"):
        extract(manifest, params(), root)

    def refuses(wanted, signals, request):
        raise EncoderError("no such layer")

    monkeypatch.setattr(streams, "encode", refuses)
    with pytest.raises(EncoderError, match="^no such layer"):
        extract(manifest, params(), root)

    def fails(signal, **_):
        if len(signal) != 16_000:
            raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(streams, "STREAMS", (replace(mfcc.STREAM, extract=fails),))
    with pytest.raises(FeatureError, match=r"00\.wav: mfcc fails \(ZeroDivisionError: div.*\);"):
        extract(manifest, params(), root)


def test_what_fails_whatever_the_recording_blames_none(corpus, params, monkeypatch):
    """As librosa does, where numba finds no folder that it may write to."""
    root, manifest = corpus(2)

    def fails(signal, **_):
        raise RuntimeError("cannot cache function '__o_fold': no locator available")

    monkeypatch.setattr(streams, "STREAMS", (replace(mfcc.STREAM, extract=fails),))
    with pytest.raises(FeatureError) as caught:
        extract(manifest, params(), root)
    told = str(caught.value)
    assert told.startswith("mfcc: fails whatever the recording (RuntimeError: cannot cache functi")
    assert ".wav" not in told and "check the installed packages" in told


def test_value_that_cannot_be_stored_is_an_error():
    message = r"mfcc: .*70000 does not fit features.dtype=float16.*set .*float32"
    with pytest.raises(FeatureError, match=message):
        mfcc.STREAM.rows(np.full((3, 39), 7e4, np.float32), "float16")
    for value in (np.inf, np.nan):
        with pytest.raises(FeatureError, match="mfcc: values are not finite"):
            mfcc.STREAM.rows(np.full((3, 39), value, np.float32), "float32")
    with pytest.raises(FeatureError, match="prosody: values are not finite"):
        prosody.STREAM.rows(np.full(103, np.inf), "float32")
    # NaN says that prosody is not defined; all of it may be so.
    rows = prosody.STREAM.rows(np.full(103, np.nan), "float16")
    assert (rows.shape, rows.dtype) == ((1, 103), np.float32) and np.isnan(rows).all()


# In the study a stream's module is one of the package's own, whose code is part of the key.
MODULE = "hump.features.base"
LOUDNESS = Stream("loudness", MODULE, lambda signal: np.square(signal).mean(keepdims=True))
ENVELOPE = Stream("envelope", MODULE, lambda signal: abs(signal[::160, None]), sequence=True)


def test_a_registered_stream_is_extracted_stored_read_and_resumed(corpus, params, monkeypatch):
    """A new stream is one object, and one line in `streams.STREAMS`."""
    root, manifest = corpus(3)
    own = (mfcc.STREAM, egemaps.STREAM)
    monkeypatch.setattr(streams, "STREAMS", own)
    before = extract(manifest, params(), root)
    times = {file: file.stat().st_mtime_ns for file in params().cache.rglob("*.npy")}
    monkeypatch.setattr(streams, "STREAMS", (*own, LOUDNESS, ENVELOPE))
    stored = extract(manifest, params(), root)
    assert stored.fingerprint != before.fingerprint
    assert list(stored.streams) == ["mfcc", "egemaps", "loudness", "envelope"]
    assert (stored["loudness"].shape, stored["loudness"].dtype) == ((3, 1), np.float32)
    assert stored.envelope is stored["envelope"]
    for i, path in enumerate(manifest["path"]):
        signal = audio.load(root / path)
        assert stored["loudness"][i] == np.square(signal).mean()
        envelope = abs(signal[::160, None]).astype(np.float16)
        np.testing.assert_array_equal(stored.envelope[i], envelope)
    # What was stored is not computed again.
    assert times == {file: file.stat().st_mtime_ns for file in times}
    (file,) = params().cache.rglob("loudness-*.npy")
    written = file.stat().st_mtime_ns
    assert extract(manifest, params(), root).fingerprint == stored.fingerprint
    assert file.stat().st_mtime_ns == written
    monkeypatch.setattr(streams, "STREAMS", (*own, LOUDNESS, replace(ENVELOPE, optional=True)))
    without = params()
    without.features.envelope = False
    assert extract(manifest, without, root).envelope is None
    with pytest.raises(FeatureError, match=r"features\['pitch'\]: toy has mfcc, egemaps, loud"):
        stored["pitch"]
    with pytest.raises(AttributeError, match="no attribute 'pitch'"):
        _ = stored.pitch


def test_a_stopped_stream_is_resumed(corpus, params, monkeypatch):
    root, manifest = corpus(3)
    calls = []

    def stops(signal):
        calls.append(len(signal))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return signal[:1]

    monkeypatch.setattr(store, "UTTERANCES", 1)
    monkeypatch.setattr(streams, "STREAMS", (replace(LOUDNESS, extract=stops),))
    with pytest.raises(KeyboardInterrupt):
        extract(manifest, params(), root)
    assert extract(manifest, params(), root)["loudness"].shape == (3, 1)
    assert len(calls) == 4  # the third utterance twice


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.drop(columns=["path", "corpus"]), "lacks the columns corpus, path"),
        (lambda m: m.assign(corpus=["a", "b"]), r"2 corpora \(a, b\).*extract each"),
        (lambda m: m.head(0), r"0 corpora"),
        (lambda m: m.assign(utterance_id="same"), "utterance_id='same' is listed twice"),
    ],
)
def test_manifest_of_anything_else_is_refused(corpus, params, change, message):
    root, manifest = corpus(2)
    with pytest.raises(FeatureError, match=message):
        extract(change(manifest), params(), root)


def test_layers_are_checked_before_anything_is_computed(corpus, params, computed):
    root, manifest = corpus(2)
    with pytest.raises(EncoderError, match=r"layers=\[13\].*to 12"):
        extract(manifest, params(layers=(13,)), root)
    assert computed == []


def test_cuda_without_a_gpu_is_refused(corpus, params, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    root, manifest = corpus(2)
    settings = params()
    settings.device = "cuda"
    with pytest.raises(ParameterError, match="device='cuda': torch finds no GPU.*auto or cpu"):
        extract(manifest, settings, root)


@pytest.fixture
def on_gpu(monkeypatch):
    """The way of a GPU, where the encoder runs in this process; the encoder itself on the CPU."""
    monkeypatch.setattr(streams.device, "resolve", lambda name: "cuda")
    load = hubert.load_encoder
    monkeypatch.setattr(
        hubert, "load_encoder", lambda *args, **options: load(*args, **options | {"device": "cpu"})
    )


def test_with_a_gpu_the_encoder_runs_beside_the_workers(
    corpus, params, on_gpu, monkeypatch, one_thread, capfd
):
    monkeypatch.setattr(store, "UTTERANCES", 2)
    root, manifest = corpus(5)
    stored = extract(manifest, params(pooled=True), root, workers=2, progress=True)
    signals = [audio.load(root / path) for path in manifest["path"]]
    for i, states in enumerate(hubert.extract(signals, encoder="untrained", layers=(1, 3))):
        np.testing.assert_allclose(stored.hubert[i], states, rtol=2e-3, atol=2e-3)  # float16
        np.testing.assert_array_equal(stored.mfcc[i], mfcc.extract(signals[i]).astype(np.float16))
    expected = hubert.pool(signals, encoder="untrained")
    np.testing.assert_allclose(stored.pooled, expected, rtol=1e-4, atol=1e-5)
    assert "features of toy: 100%" in capfd.readouterr().err


def test_an_error_on_the_gpu_is_named_and_what_is_done_is_kept(
    corpus, params, on_gpu, computed, monkeypatch
):
    monkeypatch.setattr(store, "UTTERANCES", 1)
    root, manifest = corpus(4)
    settings = params()
    encode, seen = streams.encode, []

    def fails_from_the_third(wanted, signals, request):
        seen.append(wanted)
        if len(seen) >= 3:
            raise RuntimeError("out of memory")
        return encode(wanted, signals, request)

    with monkeypatch.context() as patch:
        patch.setattr(streams, "encode", fails_from_the_third)
        with pytest.raises(FeatureError, match=r"^hubert: fails whatever .*\(RuntimeError: out of"):
            extract(manifest, settings, root)
    assert len(list(settings.cache.rglob("hubert-*/*.npz"))) == 2
    extract(manifest, settings, root)
    assert computed.count("hubert") == computed.count("mfcc") == 4


def test_index(corpus, params, computed):
    root, manifest = corpus(3)
    stored = extract(manifest, params(), root)
    assert stored.index(["toy-02", "toy-00"]).tolist() == [2, 0]
    with pytest.raises(FeatureError, match=r"utterance_id='toy-9'.*\(1 such\)"):
        stored.index(["toy-9"])


def test_importing_features_is_cheap():
    heavy = {"torch", "transformers", "librosa", "opensmile", "pysptk", "sklearn", "matplotlib"}
    script = f"import sys, hump.features; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
