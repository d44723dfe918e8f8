"""What can go wrong, by whose hand: every error that hump raises on purpose.

A message names the file or key, the value found, what was expected and what to do.
"""

__all__ = [
    "AudioError",
    "CorpusError",
    "EncoderError",
    "FeatureError",
    "HumpError",
    "LeakageError",
    "ModelError",
    "ParameterError",
]


class HumpError(Exception):
    """Base of every error raised on purpose by hump."""


class ParameterError(HumpError, ValueError):
    """A parameter file, or an argument, does not say what it must."""


class CorpusError(HumpError, ValueError):
    """A corpus is missing, or is not laid out or labelled as published."""


class AudioError(HumpError, ValueError):
    """A file is not audio that the streams can be computed from."""


class EncoderError(HumpError, ValueError):
    """A HuBERT encoder cannot be loaded, or lacks the layers asked for."""


class FeatureError(HumpError, RuntimeError):
    """Features cannot be computed, stored or read back."""


class ModelError(HumpError, ValueError):
    """A saved model is incomplete, or does not fit what it is used on."""


class LeakageError(HumpError, RuntimeError):
    """The same speaker, or the same audio, is on both sides of a split."""
