import hashlib
import json

import numpy as np
import pytest
import safetensors.torch
import torch
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from hump.errors import EncoderError, FeatureError, ParameterError
from hump.features import encoders, hubert, packed, wav2vec2

FRONT_END = {
    "conv_dim": [16] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
}
KINDS = {
    "base": {"feat_extract_norm": "group", "do_stable_layer_norm": False},
    "large": {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
    "odd": {  # what neither has, but transformers allows
        "conv_bias": True, "feat_proj_layer_norm": False, "conv_pos_batch_norm": True,
        "num_conv_pos_embeddings": 7, "hidden_act": "relu", "conv_kernel": [9, 4, 3, 3, 2, 2, 2],
    },
    "adapted": {"do_stable_layer_norm": True, "adapter_attn_dim": 8},
}  # fmt: skip


def save(folder, kind, *, do_normalize=True):
    """A small HuBERT with the norms of HuBERT-base or HuBERT-large, in a local folder."""
    config = HubertConfig(**{
        "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4,
        "intermediate_size": 48, "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4, **FRONT_END, **KINDS[kind],
    })  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = HubertModel(config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                # neutral ones would hide what is applied once too often or not at all
                if "norm" in name or name.endswith("bias"):
                    parameter.add_(torch.rand_like(parameter))
            for name, buffer in model.named_buffers():
                if name.endswith("running_mean"):
                    buffer.add_(torch.rand_like(buffer))
    model.save_pretrained(folder)
    if do_normalize is not None:
        Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return folder


def error(values, expected):
    """Largest relative error over layers."""
    wrong, size = (np.linalg.norm(v, axis=(0, 2)) for v in (values - expected, expected))
    return max(wrong / size)


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
def test_values_are_those_of_transformers_one_at_a_time(tmp_path, speech, kind, layers, place):
    folder = save(tmp_path / kind, kind)
    signals = [speech(duration, seed=1) for duration in (0.3, 0.61, 0.3, 1.2)]
    encoder = hubert.load_encoder(folder, layers=layers, device=place)
    extracted = hubert.extract(signals, encoder=encoder, layers=layers)
    for signal, values in zip(signals, extracted, strict=True):
        expected = plain(folder, signal, layers)
        assert values.dtype == np.float32
        assert values.shape == expected.shape
        assert kind == "odd" or len(values) == 1 + (len(signal) - 400) // 320
        assert error(values, expected) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_s", [0.01, 1, 3, 100])
def test_company_and_order_change_nothing(tmp_path, speech, kind, batch_s, place):
    encoder = hubert.load_encoder(save(tmp_path / kind, kind), layers=(4,), device=place)
    durations = np.random.default_rng(0).choice([0.025, 0.2, 0.7, 0.7, 1.3, 2.9], 12)
    signals = [0.01 * 4**i * speech(duration, seed=i) for i, duration in enumerate(durations)]
    extracted = hubert.extract(signals, encoder=encoder, layers=(1, 4), batch_s=batch_s)
    for signal, values in zip(signals, extracted, strict=True):
        assert error(values, plain(tmp_path / kind, signal, (1, 4))) < 1e-5
    again = hubert.extract(signals[::-1], encoder=encoder, layers=(1, 4), batch_s=batch_s)[::-1]
    assert max(error(a, b) for a, b in zip(again, extracted, strict=True)) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_a_long_recording_change_nothing(tmp_path, speech, kind, monkeypatch, place):
    signal = 0.3 + speech(6.1, seed=1)
    expected = plain(save(tmp_path / kind, kind), signal, (0, 4))
    monkeypatch.setitem(wav2vec2.PIECE, place, 7 * 64 * 16)  # seven frames
    monkeypatch.setattr(wav2vec2, "FEED_FORWARD_ROWS", 50)
    monkeypatch.setattr(wav2vec2, "BLOCKS", 3)
    encoder = hubert.load_encoder(tmp_path / kind, layers=(0, 4), device=place)
    (values,) = hubert.extract([signal], encoder=encoder, layers=(0, 4))
    assert error(values, expected) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_of_the_hidden_states(tmp_path, speech, kind):
    folder = save(tmp_path / kind, kind)
    signals = [speech(duration, seed=1) for duration in (0.9, 0.3, 0.3)]
    extracted = hubert.pool(signals, encoder=folder)
    assert (extracted.shape, extracted.dtype) == ((3, 5, 2, 32), np.float32)
    for signal, values in zip(signals, extracted, strict=True):
        states = plain(folder, signal, range(5)).astype(np.float64)
        expected = np.stack([states.mean(axis=0), states.std(axis=0)], axis=1)
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=2e-5)
    assert hubert.pool([], encoder=folder).shape == (0, 5, 2, 32)


def test_batches_are_by_length_and_bounded():
    spans = [16_000 * seconds for seconds in (3, 1, 9, 1, 2, 1)]
    assert hubert._batches(spans, 4) == [[1, 3, 5], [4], [0], [2]]
    assert hubert._batches([], 4) == []


def test_bfloat16_is_a_choice_with_an_error(tmp_path, speech):
    folder = save(tmp_path / "rough", "large")
    signal = speech(1.0, seed=1)
    (values,) = hubert.extract([signal], encoder=folder, layers=(1, 4), precision="bfloat16")
    assert values.dtype == np.float32
    assert 1e-4 < error(values, plain(folder, signal, (1, 4))) < 0.03
    with pytest.raises(EncoderError, match="precision='float8': choose one of float32, bfloat16"):
        hubert.load_encoder(folder, layers=(1,), precision="float8")
    with pytest.raises(EncoderError, match="context='all': choose one of own, full"):
        hubert.load_encoder(folder, layers=(1,), context="all")


def test_matrix_products_are_not_rounded_and_the_setting_is_restored(speech, monkeypatch):
    during = []
    forward = packed.Forward.__call__

    def spy(self, *args):
        during.append(torch.get_float32_matmul_precision())
        return forward(self, *args)

    monkeypatch.setattr(packed.Forward, "__call__", spy)
    torch.set_float32_matmul_precision("medium")
    try:
        hubert.extract([speech(0.3, seed=1)], encoder="untrained", layers=(1,))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert during == ["highest"]


@pytest.mark.parametrize("do_normalize", [True, False, None])
def test_input_is_normalised_as_the_preprocessor_says(tmp_path, speech, do_normalize):
    folder = save(tmp_path / "encoder", "large", do_normalize=do_normalize)
    signal = 0.2 + speech(0.4, seed=2)
    expected = plain(folder, signal, (2,), do_normalize=do_normalize is not False)
    (values,) = hubert.extract([signal], encoder=folder, layers=(2,))
    assert error(values, expected) < 1e-5


def test_only_the_layers_needed_are_kept(tmp_path):
    encoder = hubert.load_encoder(save(tmp_path / "my-hubert", "base"), layers=(2, 1))
    assert len(encoder.forward.model.encoder.layers) == encoder.kept == 2
    assert (encoder.info.n_layers, encoder.width, encoder.info.trained) == (4, 32, True)
    assert encoder.info.label == "my-hubert"
    assert not encoder.forward.model.training
    with pytest.raises(EncoderError, match=r"layers=\[3\].*loaded with layers 0 to 2"):
        hubert.extract([], encoder=encoder, layers=(3,))


def test_device_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="device='cuda': torch finds no GPU"):
        hubert.load_encoder("untrained", layers=(1,), device="cuda")
    assert hubert.load_encoder("untrained", layers=(1,), device="auto").device == "cpu"


@pytest.mark.parametrize("layers", [(5,), (-1,), ()])
def test_layers_out_of_range_are_named(tmp_path, layers):
    folder = save(tmp_path / "four", "base")
    with pytest.raises(EncoderError, match=r"layers=\[.*\]: four has layers 0 .* to 4; choose"):
        hubert.load_encoder(folder, layers=layers)


def test_fingerprint_follows_weights_configuration_and_preprocessing(tmp_path):
    folder = save(tmp_path / "a", "base")
    first = hubert.load_encoder(folder, layers=(1,)).info.fingerprint
    assert hubert.load_encoder(folder, layers=(3,)).info.fingerprint == first
    weights, seen = folder / "model.safetensors", {first}
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    seen.add(hubert.load_encoder(folder, layers=(1,)).info.fingerprint)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-4}))
    seen.add(hubert.load_encoder(folder, layers=(1,)).info.fingerprint)
    (folder / "preprocessor_config.json").write_text('{"do_normalize": false}')
    seen.add(hubert.load_encoder(folder, layers=(1,)).info.fingerprint)
    assert len(seen) == 4


@pytest.mark.parametrize(("asked", "message"), [
    ({"quantization_config": {"load_in_4bit": True}}, "are quantised .*choose .* original"),
    ({"num_hidden_layers": None}, "num_hidden_layers=None: a number of layers is required"),
    ({"conv_dim": [1]}, r"(?s)config\.json is not that of a HubertModel .*download it again"),
    ({"dtype": "x"}, r"config\.json is not that of a HubertModel .*download it again"),
    ({"_attn_implementation": "flash_attention_2"}, None),
    ({"attn_implementation": "x"}, None),
])  # fmt: skip
def test_what_a_configuration_may_ask_for(tmp_path, speech, asked, message):
    folder = save(tmp_path / "asks", "base")
    call = {"encoder": folder, "layers": (1,)}
    (expected,) = hubert.extract([speech(0.3, seed=1)], **call)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | asked))
    if message:
        with pytest.raises(EncoderError, match=message):
            hubert.extract([speech(0.3, seed=1)], **call)
    else:  # attention is hump's own
        np.testing.assert_array_equal(hubert.extract([speech(0.3, seed=1)], **call)[0], expected)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    folder = save(tmp_path / "odd", "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 6}))
    with pytest.raises(EncoderError, match=r"model.safetensors: lacks .* weights.*download"):
        hubert.load_encoder(folder, layers=(6,))
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    with pytest.raises(EncoderError, match=r"cannot be read as the HubertModel.*download"):
        hubert.load_encoder(folder, layers=(1,))
    (folder / "config.json").write_text(json.dumps(config))
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    weights["encoder.layer_norm.bias"][0] = np.inf
    safetensors.torch.save_file(weights, folder / "model.safetensors")
    with pytest.raises(
        EncoderError, match=r"encoder\.layer_norm\.bias holds values that are not f"
    ):
        hubert.load_encoder(folder, layers=(1,))
    (folder / "model.safetensors").write_bytes(b"no tensors at all")
    with pytest.raises(EncoderError, match=r"cannot be read as the HubertModel.*download"):
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
    assert hubert.extract([signal[:400]], encoder=encoder, layers=(1,))[0].shape == (1, 1, 256)
    with pytest.raises(FeatureError, match=r"399 samples.*at least 400"):
        hubert.extract([signal[:399]], encoder=encoder, layers=(1,))


def test_untrained_is_the_same_everywhere(speech):
    torch.manual_seed(5)
    nine, two = (hubert.load_encoder("untrained", layers=(layer,)) for layer in (9, 2))
    info = nine.info
    assert (info.trained, info.label, info.n_layers) == (False, encoders.UNTRAINED_LABEL, 12)
    assert info.fingerprint == two.info.fingerprint
    weights, fewer = (encoder.forward.model.state_dict() for encoder in (nine, two))
    assert all(torch.equal(weights[name], fewer[name]) for name in fewer)
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(weights[name].numpy().tobytes())
    assert digest.hexdigest() == WEIGHTS
    signal = speech(0.4, seed=4)
    (long,) = hubert.extract([signal], encoder=nine, layers=(1, 2))
    (short,) = hubert.extract([signal], encoder=two, layers=(1, 2))
    np.testing.assert_array_equal(long, short)


def test_untrained_has_the_front_end_of_hubert_base():
    base = HubertConfig().to_dict()
    ours = HubertConfig.from_dict(encoders.UNTRAINED_CONFIG).to_dict()
    sizes = {"hidden_size", "num_attention_heads", "intermediate_size", "conv_dim",
             "num_conv_pos_embeddings"}  # fmt: skip
    assert {key for key in base if ours[key] != base[key]} == sizes


# Changes only with the seed, the configuration or the distributions of the untrained encoder: not
# with the machine or the versions of libraries.
WEIGHTS = "48934ece9389edd777c22b0a8cb274f0a8f265f1081a6b41617d09562c095ff2"
