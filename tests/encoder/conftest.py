"""A teacher, recordings and a network to start from, all tiny and made here."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hump import encoder


@pytest.fixture(autouse=True)
def one_worker(monkeypatch):
    """Test processes share the cores."""
    monkeypatch.setenv("HUMP_WORKERS", "1")


@pytest.fixture(scope="session")
def recipe():
    """Seconds of training."""
    return dataclasses.replace(
        encoder.Recipe(), steps=(12, 4), predicts=(((0, 0), (2, 1)), ((3, 2),)), pieces=8,
        network={"hidden_size": 32}, seconds=1.0, shortest=0.6, batch=2, warm_up=2, held_out=2,
        evaluate_every=3,
    )  # fmt: skip


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    """Random weights, which tell frames apart all the same."""
    folder = tmp_path_factory.mktemp("teacher")
    config = WhisperConfig(d_model=24, encoder_layers=3, encoder_attention_heads=2,
                           encoder_ffn_dim=48, num_mel_bins=20, max_source_positions=240,
                           architectures=["WhisperEncoder"])  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = WhisperEncoder(config)
        for part in (model.conv1, model.conv2, model.layers):
            for weight in part.parameters():
                torch.nn.init.normal_(weight, 0.0, 0.2)
    config.save_pretrained(folder)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "LICENSE").write_text("free to use\n")
    return folder


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """A narrow HuBERT of three layers."""
    folder = tmp_path_factory.mktemp("start")
    config = HubertConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        conv_dim=[8, 8, 8, 8, 8, 8, 16], num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder.export(HubertModel(config), folder, "# card\n")
    return folder


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """Tones for speech: 21 speakers of one source, of whom one is held out, and one of another."""
    folder = tmp_path_factory.mktemp("speech")
    rows, time = [], np.arange(12_000) / 16_000
    speakers = [("a", f"a{n:02}") for n in range(21)] + [("b", "b00")]
    for n, (source, speaker) in enumerate(speakers):
        for take in ("x", "y"):
            file = f"{source}-{speaker}-{take}.wav"
            tone = 0.1 * np.sin(2 * np.pi * (150 + 20 * n) * time) * np.hanning(len(time))
            soundfile.write(folder / file, tone, 16_000)
            rows.append((file, source, speaker, "Tonal", 0.75))
    columns = ["file", "source", "speaker", "language", "seconds"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "manifest.csv", index=False)
    return folder
