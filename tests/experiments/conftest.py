"""Shared by tests of the experiments: jobs run in this process, and corpora with all layers."""

import numpy as np
import pytest

from hump.features import Features, Ragged
from hump.training.dataset import Data

LAYERS = 4


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")


@pytest.fixture
def data(make_data):
    """The made-up source as stored features of layers 1 and 9, and of all four layers, twice."""
    made = make_data()
    own, rows = made.features, made.rows

    def stored(layers, seed):
        rng = np.random.default_rng(seed)
        hubert = [h[:, np.arange(len(layers)) % 2] + rng.normal(0, 0.1, (len(h), len(layers), 6))
                  for h in own.hubert]  # fmt: skip
        hubert = [h.astype(np.float32) for h in hubert]
        streams = {
            "hubert": Ragged(np.concatenate(hubert), [len(h) for h in hubert]),
            "mfcc": Ragged(np.concatenate(own.mfcc), [len(m) for m in own.mfcc]),
            "prosody": own.prosody, "egemaps": own.egemaps,
            "pooled": np.stack([np.stack([h.mean(0), h.std(0)], axis=1) for h in hubert]),
        }  # fmt: skip
        return Features(
            utterance_ids=own.utterance_ids, corpus="demo_source", streams=streams,
            encoder="made-up encoder", trained=True, layers=layers,
            fingerprint=f"stored-{seed}-{layers}",
        )  # fmt: skip

    sizes = {"study": ((1, 9), 0), "all": (tuple(range(LAYERS)), 1),
             "untrained": (tuple(range(LAYERS)), 2)}  # fmt: skip
    return {name: Data(rows, stored(*size), made.labels) for name, size in sizes.items()}
