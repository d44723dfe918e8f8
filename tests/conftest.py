"""Shared pieces: a small corpus of made-up features, and a study that fits it."""

import os

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
import torch

import hump
from hump import results
from hump.features import Features
from hump.params import names
from hump.training.dataset import Data

# Test processes share the cores: more threads than cores wait for one another.
torch.set_num_threads(1)
threadpoolctl.threadpool_limits(1)


# ``HUMP_TEST_DEVICE=cuda`` runs what these tests train, predict and extract on a GPU.
DEVICE = os.environ.get("HUMP_TEST_DEVICE", "cpu")


def pytest_report_header():
    """Say what the tests compute on."""
    return f"device of the tests: {DEVICE} (HUMP_TEST_DEVICE=cuda: a GPU)"


def pytest_collection_modifyitems(items):
    """The end-to-end test first: it takes as long as most others together."""
    items.sort(key=lambda item: item.path.name != "test_study.py")


def made_up_features(rows, seed, width=6, layers=2):
    """Features that carry the emotion, and a speaker's offset, beside noise."""
    rng = np.random.default_rng(seed)
    emotion = pd.Categorical(rows["emotion"], categories=names.EMOTIONS).codes
    speaker = pd.factorize(rows["speaker"], sort=True)[0]
    hubert, mfcc = [], []
    for e, s in zip(emotion, speaker):
        frames = int(rng.integers(5, 40))
        cue = np.zeros(width)
        cue[e % width] = 2.0
        noise = rng.normal(0, 1, (frames, layers, width))
        hubert.append((noise + cue + 0.3 * s).astype(np.float32))
        mfcc.append(rng.normal(0.5 * e, 1, (2 * frames + 1, 39)).astype(np.float32))
    prosody = rng.normal(emotion[:, None] * 0.2, 1, (len(rows), 103)).astype(np.float32)
    prosody[rng.random(prosody.shape) < 0.02] = np.nan
    egemaps = rng.normal(emotion[:, None] * 0.4, 1, (len(rows), 88)).astype(np.float32)
    return Features(
        utterance_ids=tuple(rows["utterance_id"]), corpus=rows["corpus"].iloc[0],
        streams={"hubert": hubert, "mfcc": mfcc, "prosody": prosody, "egemaps": egemaps},
        encoder="made-up encoder", trained=True, layers=(1, 9)[:layers],
        fingerprint=f"made-up-{seed}", mfcc_rate=100,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_data():
    """Make a corpus: 5 speakers, 4 emotions, 4 utterances of each."""

    def make(corpus="demo_source", speakers=5, seed=0):
        lines = [
            {"utterance_id": f"s{s}-{emotion}-{k}", "corpus": corpus, "language": "en",
             "speaker": f"s{s}",
             "sex": "fm"[s % 2], "emotion": emotion, "duration_s": 1.0, "sentence": str(k),
             "session": None, "audio_sha256": f"{corpus}-{s}-{emotion}-{k}"}
            for s in range(speakers) for emotion in names.EMOTIONS for k in range(4)
        ]  # fmt: skip
        rows = pd.DataFrame(lines)
        return Data(rows, made_up_features(rows, seed), names.EMOTIONS)

    return make


@pytest.fixture
def place():
    """What these tests compute on."""
    return DEVICE


@pytest.fixture
def params(tmp_path, monkeypatch):
    """The smoke study, writing under a folder of the test's own, with its corpora listed."""
    monkeypatch.setattr("hump.params.schema.ROOT", tmp_path)
    study = hump.load_params(hump.__path__[0] + "/../params/smoke.yaml")
    study = study.model_copy(update={"device": DEVICE})
    lines = [{"corpus": name, "remark": "", "fingerprint": f"{k:016x}"}
             for k, name in enumerate(study.corpus_names)]  # fmt: skip
    results.write(pd.DataFrame(lines), study, results.CORPORA, encoder=False)
    return study


@pytest.fixture
def rng():
    """Random numbers that are the same in every run."""
    return np.random.default_rng(7)
