"""The teacher's states are Whisper's, on the student's frames."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hump.encoder import teacher as teaching
from hump.errors import EncoderError


@pytest.fixture
def exact(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {})


def test_states_are_those_of_transformers_without_padding(teacher, exact):
    signal = np.random.default_rng(0).normal(0, 0.1, (2, 16_000)).astype(np.float32)
    states = teaching.Teacher(teacher, (0, 1, 3))(signal)
    assert states.shape == (2, 49, 3, 24)
    # transformers insists on a window of fixed length: of 49 frames, here.
    config = WhisperConfig.from_pretrained(teacher)
    plain = WhisperEncoder(config).eval()
    plain.load_state_dict(load_file(teacher / "model.safetensors"))
    plain.config.max_source_positions = 49
    plain.embed_positions = torch.nn.Embedding.from_pretrained(plain.embed_positions.weight[:49])
    mel = teaching.Teacher(teacher, [0]).mel(
        list(signal[:, 200:]), sampling_rate=16_000, padding="longest", return_tensors="pt"
    )["input_features"]
    plain.layer_norm = torch.nn.Identity()
    with torch.no_grad():
        last = plain(mel).last_hidden_state
    torch.testing.assert_close(states[:, :, 2], last, rtol=1e-4, atol=1e-4)


def test_a_click_is_heard_in_the_frame_where_hubert_hears_it(teacher, exact):
    for frame in (10, 30):
        signal = np.zeros((1, 16_000), np.float32)
        signal[0, frame * 320 + 200] = 0.5  # the middle of HuBERT's frame
        moved = teaching.Teacher(teacher, [0])(signal)[0, :, 0]
        size = (moved - moved[frame + 10]).norm(dim=-1)
        assert int(size.argmax()) == frame
        around = size[frame - 3 : frame + 4]
        assert around[2] == pytest.approx(float(around[4]), rel=0.5)


def test_what_is_no_whisper_encoder_is_refused(teacher, tmp_path, monkeypatch):
    with pytest.raises(EncoderError, match=r"has 3 layers; layer 4"):
        teaching.Teacher(teacher, (1, 4))
    config = json.loads((teacher / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"d_model": 32}))
    with pytest.raises(EncoderError, match=r"cannot be read as Whisper's encoder.*model.safetens"):
        teaching.Teacher(tmp_path, [1])
    (tmp_path / "model.safetensors").write_bytes((teacher / "model.safetensors").read_bytes())
    with pytest.raises(EncoderError, match="size mismatch"):
        teaching.Teacher(tmp_path, [1])
