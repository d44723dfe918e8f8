"""One recording as a model sees it, in numbers and in words."""

import numpy as np
import pytest
import soundfile
import torch

import hump
from hump import model, plots, prediction
from hump.experiments import recording
from hump.features import prosody
from hump.model import network
from hump.params import ROOT, names

RATE = 16_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with random weights, of the sizes of the embedded encoder."""
    config = network.ModelConfig(
        labels=names.EMOTIONS, layers=2, layer_fusion="concat", hubert_width=256,
        families=tuple(f.stop - f.start for f in prosody.FAMILIES.values()), width=16, heads=2,
        depth=1, feed_forward=16, norm="pre", dropout=0.3, streams=("hubert", "mfcc", "prosody"),
        prosody_tokens="groups", stage1="cross_attention", stage2="cross_attention",
        concat_feed_forward=0, head="am_softmax", scale=15.0, margin=0.2,
    )  # fmt: skip
    torch.manual_seed(1)
    origin = {"encoder": "hump/assets/hubert-mini", "layers": [1, 9], "temperature": 1.0}
    origin["usual"] = {"hubert": 99.0, "mfcc": 99.0, "prosody": 99.0}
    place = tmp_path_factory.mktemp("model")
    return model.save(network.HumpCat(config), place, origin=origin)


@pytest.fixture(scope="module")
def voice():
    time = np.arange(int(2.2 * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 9))
    noise = np.random.default_rng(0).normal(0, 0.01, len(time))
    return 0.1 * tone * (np.sin(7 * time) > -0.3) + noise, RATE


def test_what_a_model_makes_of_a_recording(folder, voice):
    seen = recording.look(voice, folder, abstain_below=0.0)
    table = hump.predict(voice, model=folder)
    answer = table["emotion"][0]
    assert seen.probabilities.index[0] == answer
    assert seen.words.startswith(f"**{answer}**: {answer} {table[answer][0]:.2f}, ")
    assert seen.timeline["start_s"].tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1.2])
    # A frame every 20 ms, ten of which make a step, and a step every four: those of 2.2 s.
    assert seen.attention.columns.tolist() == ["time_s", "prosody to MFCC", "fused to encoder"]
    assert len(seen.attention) == (109 - 10) // 4 + 1
    assert seen.attention["time_s"][:2].tolist() == pytest.approx([0.1, 0.18])
    np.testing.assert_allclose(seen.attention.iloc[:, 1:].mean(), 1, atol=1e-4)
    assert seen.attention.iloc[:, 1:].std().min() > 1e-4
    assert seen.streams["with all streams"] == pytest.approx(table[answer][0], abs=1e-5)
    loaded, position = prediction.load(folder), names.EMOTIONS.index(answer)
    batch = loaded.batch([voice[0].astype(np.float32)])
    unknown = torch.full_like(batch.prosody, torch.nan)
    silent = loaded.describe(network.Batch(**{**vars(batch), "prosody": unknown}))[0][0, position]
    assert seen.streams["without prosody"] == pytest.approx(silent, abs=1e-6)
    assert all(axis.has_data() for axis in plots.recording(seen).axes)


def test_a_beginning_that_is_silent_is_passed_over(folder, voice):
    sound, rate = voice
    late = np.concatenate([np.zeros(31 * rate, np.float32), sound.astype(np.float32)])
    seen = recording.look((late, rate), folder, abstain_below=0.0)
    assert seen.words.startswith("**") and np.abs(seen.signal).max() > 0.05


def test_it_abstains_in_words(folder, voice, tmp_path):
    unsure = recording.look(voice, folder, abstain_below=1.0)
    first = unsure.probabilities
    said = f"**No answer**: not sure: {first.iloc[0]:.2f} is below 1 ({first.index[0]} "
    assert unsure.words.startswith(said) and unsure.signal is not None
    net = model.load(folder)
    usual = net.origin["usual"] | {"hubert": 0.001, "mfcc": 0.001}
    other = model.save(net, tmp_path / "m", origin=net.origin | {"usual": usual})
    words = recording.look(voice, other, abstain_below=0.01).words
    assert words.startswith("**No answer**: unlike the training data in encoder, MFCC (")
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    for nothing, why in (
        (tmp_path / "silent.wav", "is silent"),
        ((voice[0][4000:7000], RATE), "lasts 0.188 s"),
    ):
        seen = recording.look(nothing, folder)
        assert seen.words.startswith("**No answer**: ") and why in seen.words
        assert seen.signal is None and plots.recording(seen)


def test_a_model_without_attention_has_nothing_to_show_of_it(folder, voice, tmp_path):
    net = model.load(folder)
    plain = network.HumpCat(
        network.ModelConfig(**{**vars(net.config), "stage1": "concat", "stage2": "concat"})
    )
    other = model.save(plain, tmp_path / "m", origin=net.origin)
    seen = recording.look(voice, other)
    assert seen.attention.columns.tolist() == ["time_s"] and plots.recording(seen)


def test_the_example_needs_no_people():
    """The notebook's parameters are the demo's."""
    assert hump.load_params(ROOT / "params" / "demo.yaml").synthetic
