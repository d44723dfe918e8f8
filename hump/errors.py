"""The errors that hump raises; all of them are `HumpError`.

A message names the file or key, the value there, what was expected and what to do.
"""


class HumpError(Exception):
    """Base of all errors that hump raises."""


class ParameterError(HumpError, ValueError):
    """A parameter file or an argument has a value that is not allowed."""


class CorpusError(HumpError, ValueError):
    """A corpus is missing, or its files or labels are not as published."""


class AudioError(HumpError, ValueError):
    """A file is not audio that features can be computed from."""


class DiskFullError(HumpError, OSError):
    """A file cannot be written because the disk is full."""


class EncoderError(HumpError, ValueError):
    """An encoder cannot be loaded, or lacks a layer that was asked for."""


class FeatureError(HumpError, RuntimeError):
    """Features cannot be computed, stored or read."""


class ModelError(HumpError, ValueError):
    """A saved model is incomplete, or does not fit the data."""


class TrainingError(HumpError, RuntimeError):
    """A training diverges: its loss, its weights or its predictions are no finite numbers."""


class LeakageError(HumpError, RuntimeError):
    """The same speaker, or the same audio, is on both sides of a split."""
