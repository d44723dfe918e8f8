"""Every family of encoders gives what transformers gives for one file alone."""

import json
import operator
import re

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers
from transformers import AutoFeatureExtractor, SeamlessM4TFeatureExtractor, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hump.errors import EncoderError
from hump.features import encoders, hubert

SIZE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 48}  # fmt: skip
WAVES = {**SIZE, "conv_dim": [16] * 7, "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
         "conv_stride": [5, 2, 2, 2, 2, 2, 2], "num_conv_pos_embedding_groups": 4}  # fmt: skip
GROUP = {**WAVES, "num_conv_pos_embeddings": 16}
LAYER = {**GROUP, "feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
BERT = {**SIZE, "conv_depthwise_kernel_size": 5, "left_max_position_embeddings": 7}
# A window of 2 s.
WHISPER = {"d_model": 32, "encoder_layers": 3, "encoder_attention_heads": 4, "encoder_ffn_dim": 48,
           "max_source_positions": 100, "num_mel_bins": 20}  # fmt: skip
KINDS = {
    "hubert": ("hubert", GROUP),
    "hubert, layer norm": ("hubert", LAYER),
    "wav2vec2": ("wav2vec2", GROUP),
    "wav2vec2, layer norm (XLS-R)": ("wav2vec2", LAYER),
    "wav2vec2, adapters (MMS)": ("wav2vec2", {**LAYER, "adapter_attn_dim": 8}),
    "unispeech-sat": ("unispeech-sat", GROUP),
    "unispeech-sat, layer norm": ("unispeech-sat", LAYER),
    "wavlm": ("wavlm", {**GROUP, "num_buckets": 20, "max_bucket_distance": 40}),
    "wavlm, layer norm": ("wavlm", LAYER),
    "data2vec-audio": ("data2vec-audio", {**WAVES, "conv_pos_kernel_size": 5}),
    "wav2vec2-bert": ("wav2vec2-bert", BERT),
    "wav2vec2-bert, rotary": ("wav2vec2-bert", {**BERT, "position_embeddings_type": "rotary"}),
    "wav2vec2-bert, relative": ("wav2vec2-bert", {**BERT, "position_embeddings_type": "relative"}),
    "whisper": ("whisper", WHISPER),
}


def model_class(kind):
    return operator.attrgetter(encoders.FAMILIES[kind].model)(transformers)


def save(folder, kind, dtype=torch.float32, **changes):
    """A small encoder of random weights, in a local folder."""
    kind, settings = KINDS[kind]
    model = model_class(kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = model(model.config_class(**settings | changes)).eval()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                # neutral ones would hide what is applied once too often or not at all
                if re.search("norm|bias|gru_rel_pos_const", name):
                    parameter.add_(torch.rand_like(parameter))
    network.to(dtype).save_pretrained(folder)
    if kind == "whisper":
        WhisperFeatureExtractor(feature_size=20, chunk_length=2).save_pretrained(folder)
    elif kind == "wav2vec2-bert":
        SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return folder


def plain(folder, signal, context="own"):
    """All hidden states of one file, by transformers."""
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    model = model_class(kind).from_pretrained(folder, dtype=torch.float32).eval()
    if kind == "whisper":
        return plain_whisper(model, AutoFeatureExtractor.from_pretrained(folder), signal, context)
    if kind == "wav2vec2-bert":
        inputs = AutoFeatureExtractor.from_pretrained(folder)(
            signal, sampling_rate=16_000, return_tensors="pt"
        )
        kept = inputs["attention_mask"][0].bool()
    else:
        extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
        inputs, kept = extractor(signal, sampling_rate=16_000, return_tensors="pt"), slice(None)
    with torch.no_grad():
        states = model(**inputs, output_hidden_states=True).hidden_states
    return torch.cat(states)[:, kept].transpose(0, 1).numpy()


def plain_whisper(model, extractor, signal, context):
    """With ``own`` the network is told that its window is as long as the recording."""
    window = {"padding": False} if context == "own" else {}
    inputs = extractor(signal, sampling_rate=16_000, return_tensors="pt", **window).input_features
    frames = -(-(len(signal) // 160) // 2)
    if context == "own":
        vars(model.config)["max_source_positions"] = inputs.shape[-1] / 2  # may be odd
        model.embed_positions = torch.nn.Embedding.from_pretrained(
            model.embed_positions.weight[:frames]
        )
    with torch.no_grad():
        states = model(inputs, output_hidden_states=True).hidden_states
    return torch.cat(states)[:, :frames].transpose(0, 1).numpy()


def error(values, expected):
    """Largest relative error over layers."""
    assert values.shape == expected.shape
    wrong, size = (np.linalg.norm(v, axis=(0, 2)) for v in (values - expected, expected))
    return max(wrong / size)


def test_every_family_is_tested():
    assert {kind for kind, _ in KINDS.values()} == set(encoders.FAMILIES)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_give_what_transformers_gives_alone(tmp_path, speech, kind, place):
    folder = save(tmp_path / "it", kind)
    signals = [speech(s, seed=i) for i, s in enumerate((0.3, 0.615, 0.3, 1.2, 0.615, 0.0925))]
    encoder = hubert.load_encoder(folder, layers=(3,), device=place)
    everything = (0, 1, 2, 3)
    expected = [plain(folder, signal) for signal in signals]
    for batch_s in (0.01, 1.5, 100):
        found = hubert.extract(signals, encoder=encoder, layers=everything, batch_s=batch_s)
        assert max(map(error, found, expected)) < 1e-5
    (fewer,) = hubert.extract(signals[:1], encoder=folder, layers=(2, 1))
    assert error(fewer, expected[0][:, [2, 1]]) < 1e-5
    pooled = hubert.pool(signals, encoder=encoder)
    np.testing.assert_allclose(pooled[3, :, 0], expected[3].mean(0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_is_near(tmp_path, speech, kind):
    folder, signal = save(tmp_path / "it", kind), speech(0.6, seed=1)
    (rough,) = hubert.extract([signal], encoder=folder, layers=(1, 3), precision="bfloat16")
    assert 1e-4 < error(rough, plain(folder, signal)[:, [1, 3]]) < 0.05


def test_whisper_pads_to_its_window_only_if_told_to(tmp_path, speech):
    folder = save(tmp_path / "it", "whisper")
    signals = [speech(seconds, seed=1) for seconds in (1.2, 0.5, 2.0)]
    full = hubert.extract(signals, encoder=folder, layers=range(4), context="full")
    for signal, values in zip(signals, full, strict=True):
        assert error(values, plain(folder, signal, "full")) < 1e-5
    own = hubert.extract(signals, encoder=folder, layers=range(4))
    assert error(own[0], full[0]) > 1e-3
    assert error(own[2], full[2]) < 1e-5, "a whole window has no padding"


@pytest.mark.parametrize("context", ["own", "full"])
def test_what_is_longer_than_whispers_window_is_cut_into_several(tmp_path, speech, context):
    folder, signal = save(tmp_path / "it", "whisper"), speech(5.01, seed=1)
    others = [speech(0.3, seed=2), signal[: 4 * 16_000 + 399]]
    (found, _, short) = hubert.extract(
        [signal, *others], encoder=folder, layers=range(4), context=context
    )
    windows = [plain(folder, part, context) for part in np.split(signal, [32_000, 64_000])]
    assert error(found, np.concatenate(windows)) < 1e-5
    assert len(short) == 200, "a rest below 400 samples makes no frame"


def test_the_last_norm_of_a_whisper_cut_short_is_left_out(tmp_path, speech):
    folder, signal = save(tmp_path / "it", "whisper"), speech(0.5, seed=1)
    config = json.loads((folder / "config.json").read_text())
    whole = hubert.extract([signal], encoder=folder, layers=(2, 3))[0]
    (folder / "config.json").write_text(json.dumps(config | {"layers_before_cut": 6}))
    (cut,) = hubert.extract([signal], encoder=folder, layers=(2, 3))
    np.testing.assert_array_equal(cut[:, 0], whole[:, 0])
    norm = WhisperEncoder.from_pretrained(folder).layer_norm
    with torch.no_grad():
        np.testing.assert_allclose(norm(torch.from_numpy(cut[:, 1])), whole[:, 1], atol=1e-5)


@pytest.mark.parametrize("prefix", ["encoder.", "model.encoder."])
def test_the_encoder_of_a_whole_whisper_is_loaded(tmp_path, speech, prefix):
    folder, signal = save(tmp_path / "it", "whisper"), speech(0.5, seed=1)
    expected = hubert.extract([signal], encoder=folder, layers=(1, 3))[0]
    file = folder / "model.safetensors"
    weights = {prefix + k: v for k, v in safetensors.torch.load_file(file).items()}
    decoder = {prefix.replace("en", "de") + "layers.0.fc1.weight": torch.zeros(2, 2)}
    safetensors.torch.save_file(weights | decoder, file, metadata={"format": "pt"})
    (found,) = hubert.extract([signal], encoder=folder, layers=(1, 3))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["wavlm", "whisper"])
def test_half_precision_and_divided_weights_load(tmp_path, speech, kind):
    half, signal = save(tmp_path / "half", kind, dtype=torch.float16), speech(0.5, seed=1)
    expected = plain(half, signal)
    (found,) = hubert.extract([signal], encoder=half, layers=range(4))
    assert error(found, expected) < 1e-5
    network = model_class(kind).from_pretrained(half)
    network.save_pretrained(half, max_shard_size="20KB")
    (half / "model.safetensors").unlink()
    shards = sorted(half.glob("model-*.safetensors"))
    assert len(shards) > 1
    (found,) = hubert.extract([signal], encoder=half, layers=range(4))
    assert error(found, expected) < 1e-5
    before = encoders.find(half).fingerprint
    content = bytearray(shards[1].read_bytes())
    content[-1] ^= 1
    shards[1].write_bytes(content)
    assert encoders.find(half).fingerprint != before
    shards[1].unlink()
    with pytest.raises(EncoderError, match=rf"has no {shards[1].name} \(found config.json, "):
        encoders.find(half)


def test_weights_of_another_family_are_refused(tmp_path):
    folder = save(tmp_path / "it", "wavlm")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "data2vec-audio"}))
    with pytest.raises(EncoderError, match=r"Data2VecAudioModel that its config.json describes"):
        hubert.load_encoder(folder, layers=(1,))


def test_an_encoder_of_another_rate_is_refused(tmp_path):
    folder = save(tmp_path / "it", "wav2vec2", conv_stride=[5, 2, 2, 2, 2, 2, 1])
    with pytest.raises(EncoderError, match=r"a frame every 160 samples: one every 320 is required"):
        hubert.load_encoder(folder, layers=(1,))


@pytest.mark.parametrize("kind", ["hubert", "whisper"])
def test_layers_are_those_of_the_encoder(tmp_path, kind):
    folder = save(tmp_path / "three", kind)
    with pytest.raises(EncoderError, match=r"layers=\[1, 9\]: three has layers 0 .* to 3; choose"):
        hubert.load_encoder(folder, layers=(1, 9))
