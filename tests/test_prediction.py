"""A saved model on new files gives what the study's own path gives."""

import io
import multiprocessing
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import soundfile
import torch

import hump
from hump import __main__ as command_line
from hump import audio, features, model, prediction
from hump.errors import AudioError, ModelError, ParameterError
from hump.experiments import calibration
from hump.features import encoders, recordings
from hump.params import ROOT, names
from hump.training import fit
from hump.training.dataset import Data


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Two sounds with pitch, pauses and hiss, of different length."""
    folder, rng = tmp_path_factory.mktemp("speech"), np.random.default_rng(0)
    for name, seconds, pitch in (("low", 1.2, 110), ("high", 1.7, 220)):
        time = np.arange(int(seconds * audio.SAMPLING_RATE)) / audio.SAMPLING_RATE
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(4 * time))) / audio.SAMPLING_RATE
        voice = sum(np.sin(k * phase) / k for k in range(1, 12)) * (np.sin(9 * time) > -0.4)
        signal = 0.1 * voice + rng.normal(0, 0.01, len(time))
        soundfile.write(folder / f"{name}.wav", signal, audio.SAMPLING_RATE)
    return folder


@pytest.fixture(scope="module")
def made(speech, tmp_path_factory):
    """A model with random weights, scaled by the two sounds, and its own probabilities of them."""
    rows = pd.DataFrame({
        "utterance_id": ["low", "high"], "corpus": "x", "path": ["low.wav", "high.wav"],
        "audio_sha256": ["1", "2"], "speaker": "s", "emotion": ["sad", "angry"],
        "duration_s": 1.0,
    })  # fmt: skip
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hump.params.schema.ROOT", place)
        params = hump.load_params(ROOT / "params" / "smoke.yaml")
        exact = params.features.model_copy(update={"dtype": "float32"})
        params = params.model_copy(update={"features": exact})
        stored = features.extract_corpus(rows, params, root=speech, workers=1, progress=False)
    data = Data(rows, stored, names.EMOTIONS)
    net = fit.build(data, params, seed=3)
    fit.fit_scaling(net, data, [0, 1])
    origin = {"encoder": params.features.encoder, "layers": [1, 9]}
    return model.save(net, place / "m", origin=origin), fit.predict(net, data, [0, 1])


@pytest.fixture
def trained(made, tmp_path):
    """A copy of the model, and the probabilities."""
    return Path(shutil.copytree(made[0], tmp_path / "m")), made[1]


def with_origin(folder, **facts):
    net = model.load(folder)
    model.save(net, folder, origin=net.origin | facts)


def probabilities(table):
    return table[list(names.EMOTIONS)].to_numpy(float)


def test_same_as_in_the_study(trained, speech):
    folder, expected = trained
    table = hump.predict([speech / "low.wav", str(speech / "high.wav")], model=folder)
    times = ["path", "start_s", "end_s", "emotion"]
    assert list(table.columns) == [*times, *names.EMOTIONS, "remark"]
    np.testing.assert_allclose(probabilities(table), expected, atol=1e-5)
    assert table["emotion"].tolist() == [names.EMOTIONS[k] for k in expected.argmax(1)]
    assert table["path"].tolist() == [str(speech / "low.wav"), str(speech / "high.wav")]
    assert table[["start_s", "end_s"]].to_numpy().tolist() == [[0, 1.2], [0, 1.7]]
    assert set(table["remark"]) == {"probabilities are not calibrated"}
    for path, row in zip(table["path"], expected):
        alone = hump.predict(path, model=folder)
        np.testing.assert_allclose(probabilities(alone), row[None], atol=1e-5)


def test_recordings_may_be_given_in_many_ways(trained, speech, monkeypatch):
    folder, expected = trained
    signal, rate = soundfile.read(speech / "low.wav")
    stereo, whole = np.stack([signal, signal], axis=1), np.round(signal * 2**15).astype(np.int16)
    monkeypatch.setenv("HOME", str(speech.parent))
    low, high = speech / "low.wav", speech / "high.wav"
    (speech / "notes.txt").write_text("no audio, and not looked at")
    for given, rows in (
        (low, [0]), (str(low), [0]), (f"~/{speech.name}/low.wav", [0]), ((signal, rate), [0]),
        ([(stereo, rate), (whole, rate), (list(signal), rate)], [0, 0, 0]), (speech, [1, 0]),
        (f"{speech}/*.wav", [1, 0]), (f"~/{speech.name}/l*", [0]),
        ((p for p in (low, high)), [0, 1]), ((low, high), [0, 1]), (pd.Series([str(high)]), [1]),
        (np.array([str(low)]), [0]),
    ):  # fmt: skip
        found = hump.predict(given, model=folder)
        np.testing.assert_allclose(probabilities(found), expected[rows], atol=1e-5)
    assert hump.predict((signal, rate), model=folder)["path"].tolist() == ["recording 1"]


def test_a_file_that_cannot_be_read_does_not_lose_the_others(trained, speech, tmp_path):
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0 ftypM4A " * 30)
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "short.wav", np.sin(np.arange(999)), 16_000)
    bad = [tmp_path / name for name in ("a.m4a", "silent.wav", "short.wav", "none.wav", "*.mp3")]
    given = [speech / "low.wav", *bad, None, (np.ones((2, 99)), 16_000), speech / "high.wav"]
    table = hump.predict(given, model=trained[0])
    np.testing.assert_allclose(probabilities(table.iloc[[0, -1]]), trained[1], atol=1e-5)
    for row, why in zip(table.iloc[1:-1].itertuples(), (
        r"cannot be read as audio .*; convert it to WAV or FLAC", "is silent", "lasts 0.062 s",
        "no such file; check the path", "matches no audio file", "is of type NoneType: give",
        "transpose it",
    )):  # fmt: skip
        assert re.search(why, row.remark) and pd.isna(row.emotion) and np.isnan(row.sad), row
        assert not row.remark.startswith(row.path)
    with pytest.raises(AudioError, match=r"a\.m4a: cannot be read(.|\n)*none\.wav: no such file"):
        hump.predict(bad, model=trained[0])


def test_a_long_recording_is_described_in_windows(trained, speech, tmp_path, monkeypatch):
    folder, place = trained[0], tmp_path / "long.wav"
    signal = np.concatenate([soundfile.read(speech / f"{name}.wav")[0] for name in ("low", "high")])
    signal = np.concatenate([signal, np.zeros(16_000), signal[:1600]])
    soundfile.write(place, signal, 16_000)
    call = {"window_s": 0.8, "hop_s": 0.5, "embeddings": True, "model": folder}
    rows = hump.predict([place], timeline=True, **call)
    starts = [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.2]
    np.testing.assert_allclose(rows["start_s"], starts)
    np.testing.assert_allclose(rows["end_s"], np.array(starts) + 0.8)
    assert rows["remark"][6].startswith("silent: ") and rows["emotion"].isna().sum() == 1
    heard = rows[rows["emotion"].notna()]
    cut = [
        (signal[round(s * 16_000) : round((s + 0.8) * 16_000)], 16_000) for s in heard["start_s"]
    ]
    alone = hump.predict(cut, model=folder)
    np.testing.assert_allclose(probabilities(heard), probabilities(alone), atol=1e-4)
    whole = hump.predict(place, **call)
    assert len(whole) == 1 and "average" not in whole["remark"][0]
    monkeypatch.setattr(prediction, "LONGEST_S", 2.0)
    # Read in pieces of 0.1 s, as a recording of hours is in pieces of minutes.
    monkeypatch.setattr(audio, "_BLOCK", 1600)
    (mean,) = hump.predict([place], **call).itertuples()
    np.testing.assert_allclose(
        [getattr(mean, name) for name in names.EMOTIONS], probabilities(heard).mean(0), atol=1e-4
    )
    np.testing.assert_allclose(mean.embedding, np.stack(heard["embedding"]).mean(axis=0), atol=1e-3)
    assert mean.remark.startswith(
        "average of 7 windows of 0.8 s: see timeline=True; 1 more are silent"
    )
    assert (mean.start_s, mean.end_s) == (0, 4.0)


def test_memory_holds_a_part_of_a_long_recording(speech):
    signal = soundfile.read(speech / "low.wav")[0].astype(np.float32)
    sizes, longest = [], 0

    def minutes():
        for _ in range(500):
            sizes.append(len(signal))
            yield signal

    for start, window in recordings._windows(minutes(), 30 * 16_000, 48_000, 16_000):
        longest = max(longest, sum(sizes) - start)
        assert len(window) == 48_000
    assert sum(sizes) / 16_000 == 600 and longest < 33 * 16_000


def test_probabilities_are_calibrated_and_it_abstains_in_words(trained, speech, tmp_path):
    folder, plain = trained
    usual = dict(zip(("hubert", "mfcc", "prosody"), (9.0, 9.0, 9.0)))
    with_origin(folder, temperature=2.5, usual=usual)
    table = hump.predict(speech, model=folder)
    expected = calibration.scale(plain[[1, 0]], 2.5)
    np.testing.assert_allclose(probabilities(table), expected, atol=1e-5)
    assert table["remark"].tolist() == ["", ""]
    low, high = sorted(expected.max(1))
    unsure = hump.predict(speech, model=folder, abstain_below=(low + high) / 2)
    assert unsure["emotion"].isna().sum() == 1
    said = unsure.loc[unsure["emotion"].isna(), "remark"].item()
    assert said == f"not sure: {low:.2f} is below {(low + high) / 2:g}"
    with_origin(folder, usual=usual | {"mfcc": 0.01})
    told = hump.predict(speech, model=folder)
    assert (
        set(told["remark"]) == {"unlike the training data in MFCC"}
        and told["emotion"].notna().all()
    )
    assert hump.predict(speech, model=folder, abstain_if_unlike=True)["emotion"].isna().all()


def test_another_device_is_refused_where_it_is_not(trained, speech):
    with pytest.raises(ParameterError, match="device='gpu': choose auto, cpu or cuda"):
        hump.predict(speech, model=trained[0], device="gpu")


def test_a_model_that_was_moved_finds_its_encoder(trained, speech, tmp_path, monkeypatch):
    folder, expected = trained
    encoder = ROOT / "hump" / "assets" / "hubert-mini"
    with_origin(folder, encoder="mine", encoder_fingerprint=encoders.find(encoder).fingerprint)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"mine with the .* is not found; put the folder"):
        hump.predict(speech, model="m")
    (tmp_path / "elsewhere").mkdir()
    folder.rename(tmp_path / "elsewhere" / "m")
    shutil.copytree(encoder, tmp_path / "elsewhere" / "mine")
    found = hump.predict(speech, model="elsewhere/m")
    np.testing.assert_allclose(probabilities(found), expected[[1, 0]], atol=1e-5)
    # That which comes with the package is known wherever the model says that it was.
    with_origin("elsewhere/m", encoder="gone/hubert-mini")
    found = hump.predict(speech, model=prediction.load("elsewhere/m"))
    np.testing.assert_allclose(probabilities(found), expected[[1, 0]], atol=1e-5)


def test_the_command(trained, speech, tmp_path, capsys):
    arguments = [str(speech / "low.wav"), str(tmp_path / "none.wav"), "--model", str(trained[0])]
    assert command_line.main(["predict", *arguments, "--csv"]) == 1
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    np.testing.assert_allclose(probabilities(table[:1]), trained[1][:1], atol=1e-4)
    assert table["remark"].tolist()[1] == "no such file; check the path"
    assert command_line.main(["predict", *arguments[:1], *arguments[2:], "--timeline"]) == 0
    assert "low.wav" in capsys.readouterr().out
    assert command_line.main(["predict", *arguments[1:]]) == 2
    assert "none.wav: no such file; check the path" in capsys.readouterr().err


def test_a_model_that_is_saved_again_is_used(trained, speech):
    folder, before = trained
    net = model.load(folder)
    with torch.no_grad():
        for weight in net.head.parameters():
            weight.copy_(weight.roll(1, 0))
    model.save(net, folder, origin=net.origin)
    after = probabilities(hump.predict([speech / "low.wav"], model=folder))
    assert np.abs(after - before[:1]).max() > 0.01


def test_the_encoder_is_known_by_what_it_holds(trained, speech, tmp_path, monkeypatch):
    folder, expected = trained
    net, call = model.load(folder), {"model": folder, "recordings": [speech / "low.wav"]}
    here, there = tmp_path / "here", tmp_path / "there"
    for place in (here, there):
        shutil.copytree(ROOT / net.origin["encoder"], place / "encoder")
    weights = safetensors.torch.load_file(there / "encoder" / "model.safetensors")
    weights["encoder.layers.0.final_layer_norm.weight"] *= 2
    safetensors.torch.save_file(weights, there / "encoder" / "model.safetensors")
    model.save(net, folder, origin=net.origin | {"encoder": "encoder"})
    results = []
    for place in (here, there):
        monkeypatch.chdir(place)
        results.append(probabilities(hump.predict(**call)))
    np.testing.assert_allclose(results[0], expected[:1], atol=1e-5)
    assert np.abs(results[1] - results[0]).max() > 1e-3
    # The same path, with other contents: and what the model was trained with, where it says so.
    shutil.copytree(here / "encoder", there / "encoder", dirs_exist_ok=True)
    again = probabilities(hump.predict(**call))
    np.testing.assert_array_equal(again, results[0])
    model.save(net, folder, origin=net.origin | {"encoder_fingerprint": "0" * 64})
    with pytest.raises(
        ModelError, match=r"fingerprint 0000(.|\n)*train again:\n.*hubert-mini: is another"
    ):
        hump.predict(**call)


THREADS = """
import threading, hump
def call():
    try:
        results.append(hump.predict(**arguments))
    except BaseException as error:
        results.append(error)
results = []
threads = [threading.Thread(target=call) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(results) == 4 and all(results[0].equals(other) for other in results), results
from transformers.utils import logging
assert logging.is_progress_bar_enabled() and logging.get_verbosity() == logging.WARNING
"""


def test_four_threads_of_a_spawned_process_may_call_it_at_once(trained, speech):
    arguments = {"recordings": [str(speech / "low.wav")], "model": str(trained[0])}
    hump.predict(**arguments)  # after which a forked process would hang
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply_async(exec, (THREADS, {"arguments": arguments})).get(timeout=300)


def test_misuse(trained, speech, tmp_path):
    for wrong in (None, 3, np.ones(16_000)):
        told = rf"recordings={type(wrong).__name__}: give an audio file, a folder, a pattern"
        with pytest.raises(ParameterError, match=told):
            hump.predict(wrong, model=trained[0])
    with pytest.raises(ParameterError, match=r"recordings=\[\]: is empty; give audio files"):
        hump.predict([], model=trained[0])
    with pytest.raises(AudioError, match="recording 1: is of type ndarray: give"):
        hump.predict((np.ones(16_000), "16 kHz"), model=trained[0])
    with pytest.raises(AudioError, match=r"a\.wav: no such file"):
        hump.predict(["a.wav"], model=trained[0])
    with pytest.raises(AudioError, match="holds or matches no audio file"):
        hump.predict(tmp_path / "m", model=trained[0])
    with pytest.raises(
        ParameterError, match="window_s=3.0, hop_s=4.0: a window lasts 0.25 to 30 s"
    ):
        hump.predict("a.wav", model=trained[0], hop_s=4.0)
    for wrong in (80, -1, float("nan")):
        with pytest.raises(ParameterError, match=f"abstain_below={wrong}: a probability from 0"):
            hump.predict("a.wav", model=trained[0], abstain_below=wrong)
    bare = hump.model.save(hump.model.load(trained[0]), tmp_path / "bare", origin={})
    with pytest.raises(ModelError, match="bare: does not say which encoder it needs"):
        hump.predict([speech / "low.wav"], model=bare)
    with pytest.raises(ModelError, match=r"config\.json: no such file"):
        hump.predict([speech / "low.wav"], model=tmp_path)
