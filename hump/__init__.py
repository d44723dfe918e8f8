"""hump: a reproducible study of cross-lingual speech emotion recognition.

Three streams of an utterance (HuBERT hidden states, MFCC, prosody) are fused by a two-stage
cross-attention transformer, pre-trained on one corpus and fine-tuned on small parts of others
(HuMP-CAT, arXiv:2501.10408). The notebooks tell the study; this package computes it.
"""

import importlib

from hump.params import Params, load_params

__all__ = ["Params", "load_params", "predict"]
__version__ = "0.1.0"



def __getattr__(name):
    # Late, since they bring libraries that reading a parameter file should not wait for.
    if name == "predict":
        from hump.prediction import predict

        return predict
    if name in ("audio", "corpora", "features", "model"):
        return importlib.import_module(f"hump.{name}")
    raise AttributeError(f"module 'hump' has no attribute {name!r}")
