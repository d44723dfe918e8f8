"""A saved model on new files gives what the study's own path gives."""

import multiprocessing
import shutil

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import soundfile
import torch

import hump
from hump import audio, features, model
from hump.errors import AudioError, ModelError, ParameterError
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


@pytest.fixture
def trained(params, speech, tmp_path):
    """A model with random weights, scaled by the two sounds, and its own probabilities of them."""
    rows = pd.DataFrame({
        "utterance_id": ["low", "high"], "corpus": "x", "path": ["low.wav", "high.wav"],
        "audio_sha256": ["1", "2"], "speaker": "s", "emotion": ["sad", "angry"],
        "duration_s": 1.0,
    })  # fmt: skip
    exact = params.features.model_copy(update={"dtype": "float32"})
    params = params.model_copy(update={"features": exact})
    stored = features.extract_corpus(rows, params, root=speech, workers=1, progress=False)
    data = Data(rows, stored, names.EMOTIONS)
    net = fit.build(data, params, seed=3)
    fit.fit_scaling(net, data, [0, 1])
    model.save(net, tmp_path / "m", origin={"encoder": params.features.encoder, "layers": [1, 9]})
    return tmp_path / "m", fit.predict(net, data, [0, 1])


def test_same_as_in_the_study(trained, speech):
    folder, expected = trained
    table = hump.predict([speech / "low.wav", str(speech / "high.wav")], model=folder)
    assert list(table.columns) == ["path", "emotion", *names.EMOTIONS]
    np.testing.assert_allclose(table[list(names.EMOTIONS)], expected, atol=1e-5)
    assert table["emotion"].tolist() == [names.EMOTIONS[k] for k in expected.argmax(1)]
    assert table["path"].tolist() == [str(speech / "low.wav"), str(speech / "high.wav")]


def test_a_model_that_is_saved_again_is_used(trained, speech):
    folder, before = trained
    net = model.load(folder)
    with torch.no_grad():
        for weight in net.head.parameters():
            weight.copy_(weight.roll(1, 0))
    model.save(net, folder, origin=net.origin)
    after = hump.predict([speech / "low.wav"], model=folder)[list(names.EMOTIONS)].to_numpy()
    assert np.abs(after - before[:1]).max() > 0.01


def test_the_encoder_is_known_by_what_it_holds(trained, speech, tmp_path, monkeypatch):
    folder, expected = trained
    net, call = model.load(folder), {"model": folder, "paths": [speech / "low.wav"]}
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
        results.append(hump.predict(**call)[list(names.EMOTIONS)].to_numpy())
    np.testing.assert_allclose(results[0], expected[:1], atol=1e-5)
    assert np.abs(results[1] - results[0]).max() > 1e-3
    # The same path, with other contents: and what the model was trained with, where it says so.
    shutil.copytree(here / "encoder", there / "encoder", dirs_exist_ok=True)
    again = hump.predict(**call)[list(names.EMOTIONS)].to_numpy()
    np.testing.assert_array_equal(again, results[0])
    model.save(net, folder, origin=net.origin | {"encoder_fingerprint": "0" * 64})
    with pytest.raises(
        ModelError, match=r"trained with another encoder than .*expected 000.*again"
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
    arguments = {"paths": [str(speech / "low.wav")], "model": str(trained[0])}
    hump.predict(**arguments)  # after which a forked process would hang
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply_async(exec, (THREADS, {"arguments": arguments})).get(timeout=300)


def test_misuse(trained, speech, tmp_path):
    with pytest.raises(ParameterError, match="paths='a.wav': give a list of audio files"):
        hump.predict("a.wav", model=trained[0])
    with pytest.raises(AudioError, match=r"a\.wav: no such file"):
        hump.predict(["a.wav"], model=trained[0])
    with pytest.raises(ModelError, match=r"config\.json: no such file"):
        hump.predict([speech / "low.wav"], model=tmp_path)
