import hashlib
import json

import numpy as np
import pytest
import torch
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from hump import names
from hump.errors import EncoderError, FeatureError
from hump.features import hubert, stand_in

FRONT_END = {"conv_dim": [16] * 7, "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
             "conv_stride": [5, 2, 2, 2, 2, 2, 2]}
KINDS = {
    "base": {"feat_extract_norm": "group", "do_stable_layer_norm": False},
    "large": {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
}


def save(folder, kind, *, do_normalize=True):
    """A small HuBERT with the norms of HuBERT-base or HuBERT-large, in a local folder."""
    config = HubertConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=48,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, **FRONT_END, **KINDS[kind],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = HubertModel(config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" in name:  # neutral ones would hide one applied once too often
                    parameter.add_(torch.rand_like(parameter))
    model.save_pretrained(folder)
    if do_normalize is not None:
        Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return folder


def plain(folder, signal, layers, *, do_normalize=True):
    """One file at a time, with all layers and hidden states."""
    model = HubertModel.from_pretrained(folder).eval()
    extractor = Wav2Vec2FeatureExtractor(do_normalize=do_normalize)
    inputs = extractor(signal, sampling_rate=16_000, return_tensors="pt").input_values
    with torch.no_grad():
        states = model(inputs, output_hidden_states=True).hidden_states
    return torch.stack([states[layer][0] for layer in layers], dim=1).numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [(0,), (1, 3), (3, 0, 2), (4,)])
def test_values_are_those_of_transformers_one_at_a_time(tmp_path, speech, kind, layers):
    folder = save(tmp_path / kind, kind)
    signals = [speech(duration, seed=1) for duration in (0.3, 0.61, 0.3, 1.2)]
    found = hubert.extract(signals, encoder=folder, layers=layers)
    for signal, values in zip(signals, found, strict=True):
        assert values.dtype == np.float32
        assert values.shape == (1 + (len(signal) - 400) // 320, len(layers), 32)
        np.testing.assert_array_equal(values, plain(folder, signal, layers))


@pytest.mark.parametrize("do_normalize", [True, False, None])
def test_input_is_normalised_as_the_preprocessor_says(tmp_path, speech, do_normalize):
    folder = save(tmp_path / "encoder", "large", do_normalize=do_normalize)
    signal = 0.2 + speech(0.4, seed=2)
    expected = plain(folder, signal, (2,), do_normalize=do_normalize is not False)
    (found,) = hubert.extract([signal], encoder=folder, layers=(2,))
    np.testing.assert_array_equal(found, expected)


def test_only_the_layers_needed_are_kept(tmp_path):
    encoder = hubert.load_encoder(save(tmp_path / "my-hubert", "base"), layers=(2, 1))
    assert len(encoder.model.encoder.layers) == encoder.kept == 2
    assert (encoder.n_layers, encoder.width, encoder.trained) == (4, 32, True)
    assert encoder.label == "my-hubert"
    assert not encoder.model.training
    with pytest.raises(EncoderError, match=r"layers=\[3\].*loaded with layers 0 to 2"):
        hubert.extract([], encoder=encoder, layers=(3,))


@pytest.mark.parametrize("layers", [(5,), (-1,), ()])
def test_layers_out_of_range_are_named(tmp_path, layers):
    folder = save(tmp_path / "four", "base")
    with pytest.raises(EncoderError, match=r"layers=\[.*\]: four has layers 0 .* to 4; choose"):
        hubert.load_encoder(folder, layers=layers)


def test_fingerprint_follows_weights_configuration_and_preprocessing(tmp_path):
    folder = save(tmp_path / "a", "base")
    first = hubert.load_encoder(folder, layers=(1,)).fingerprint
    assert hubert.load_encoder(folder, layers=(3,)).fingerprint == first
    weights, seen = folder / "model.safetensors", {first}
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    seen.add(hubert.load_encoder(folder, layers=(1,)).fingerprint)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-4}))
    seen.add(hubert.load_encoder(folder, layers=(1,)).fingerprint)
    (folder / "preprocessor_config.json").write_text('{"do_normalize": false}')
    seen.add(hubert.load_encoder(folder, layers=(1,)).fingerprint)
    assert len(seen) == 4


def test_weights_that_do_not_fit_are_refused(tmp_path):
    folder = save(tmp_path / "odd", "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 6}))
    with pytest.raises(EncoderError, match=r"model.safetensors: lacks .* weights.*download"):
        hubert.load_encoder(folder, layers=(6,))
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    with pytest.raises(EncoderError, match=r"cannot be read as the HuBERT.*download"):
        hubert.load_encoder(folder, layers=(1,))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"no tensors at all")
    with pytest.raises(EncoderError, match=r"cannot be read as the HuBERT.*download"):
        hubert.load_encoder(folder, layers=(1,))


def test_loading_prints_nothing_and_restores_the_state(tmp_path, capfd):
    from transformers.utils import logging

    folder = save(tmp_path / "quiet", "base")
    capfd.readouterr()
    before = torch.get_rng_state(), logging.get_verbosity(), logging.is_progress_bar_enabled()
    for encoder in (folder, "untrained"):
        hubert.load_encoder(encoder, layers=(1,))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before[1:]
    assert capfd.readouterr() == ("", "")


def test_less_than_a_frame_is_refused(speech):
    encoder = hubert.load_encoder("untrained", layers=(1,))
    signal = speech(0.1, seed=3)
    assert hubert.extract([signal[:400]], encoder=encoder, layers=(1,))[0].shape == (1, 1, 128)
    with pytest.raises(FeatureError, match=r"399 samples.*at least 400"):
        hubert.extract([signal[:399]], encoder=encoder, layers=(1,))


def test_stand_in_is_the_same_everywhere(speech):
    torch.manual_seed(5)
    nine, two = (hubert.load_encoder("untrained", layers=(layer,)) for layer in (9, 2))
    assert (nine.trained, nine.label, nine.n_layers) == (False, names.UNTRAINED, 12)
    assert nine.fingerprint == two.fingerprint
    weights, fewer = nine.model.state_dict(), two.model.state_dict()
    assert all(torch.equal(weights[name], fewer[name]) for name in fewer)
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(weights[name].numpy().tobytes())
    assert digest.hexdigest() == WEIGHTS
    signal = speech(0.4, seed=4)
    (long,) = hubert.extract([signal], encoder=nine, layers=(1, 2))
    (short,) = hubert.extract([signal], encoder=two, layers=(1, 2))
    np.testing.assert_array_equal(long, short)


def test_stand_in_has_the_front_end_of_hubert_base():
    base, ours = HubertConfig().to_dict(), HubertConfig.from_dict(stand_in.CONFIG).to_dict()
    sizes = {"hidden_size", "num_attention_heads", "intermediate_size", "conv_dim"}
    assert {key for key in base if ours[key] != base[key]} == sizes


# Changes with SEED, CONFIG or the distributions of `stand_in` alone: on no machine, in no version.
WEIGHTS = "8f5221af39de4b6a3c15569d51f89e5e10927ead4d2a00661ba7a461924f80de"
