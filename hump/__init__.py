"""hump: a reproducible study of cross-lingual speech emotion recognition (HuMP-CAT).

Each utterance is described by HuBERT hidden states, MFCC and prosody. A two-stage cross-attention
transformer fuses them; it is pre-trained on one corpus and fine-tuned on small parts of others
(arXiv:2501.10408). The notebooks tell the study, and this package computes it. Importing it is
cheap: each of its modules is imported when it is first used.

Examples
--------
The parameters of a study, and the corpora that hump can read:

>>> import hump
>>> params = hump.load_params("params/demo.yaml")
>>> params.source, params.labels
('demo_source', 'shared')
>>> "emodb" in hump.corpora.NAMES
True

A recording, here a quiet tone at 44.1 kHz, as every feature expects it: mono, 16 kHz.

>>> import tempfile
>>> import numpy as np, soundfile
>>> tone = 0.1 * np.sin(2 * np.pi * 220 * np.arange(44_100) / 44_100)
>>> with tempfile.NamedTemporaryFile(suffix=".wav") as file:
...     soundfile.write(file.name, tone, 44_100)
...     signal = hump.audio.load(file.name)
>>> signal.shape, signal.dtype
((16000,), dtype('float32'))

Two of its feature streams:

>>> hump.features.mfcc.extract(signal).shape
(101, 39)
>>> hump.features.prosody.extract(signal).shape
(103,)

Unweighted average recall of predicted classes:

>>> hump.evaluation.uar([0, 0, 1, 1], [0, 0, 0, 1])
0.75
"""

import lazy_loader

from hump.util.files import find_caches

find_caches()  # before a library looks for its own
__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "audio", "corpora", "demo", "encoder", "errors", "evaluation", "experiments", "features",
        "model", "params", "plots", "report", "results", "training",
    ],
    submod_attrs={
        "params.load": ["load_params"],
        "params.schema": ["Params"],
        "prediction": ["predict"],
    },
)  # fmt: skip
