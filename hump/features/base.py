"""What a stream is: one description of an utterance, such as its MFCC.

A new stream is a module of this package that makes a `Stream`, and a line in
`hump.features.streams.STREAMS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hump.audio import SAMPLING_RATE
from hump.errors import FeatureError


@dataclass(frozen=True)
class Stream:
    """How a stream is named, computed and stored.

    Attributes
    ----------
    name : str
        As in ``features[name]``, and in the names of stored files.
    module : str
        The stream's module, ``__name__``: stored values are used while its code is the same.
    extract : callable, optional
        From the signal of an utterance, ``numpy.ndarray, shape (samples,), float32``, to a
        ``numpy.ndarray``: shape (frames, ...) for a sequence, any shape for a vector. None for
        what the encoder computes: `hump.features.hubert.describe` gives it.
    sequence : bool
        Whether there is a row per frame, stored as ``features.dtype``. Otherwise there is one array
        per utterance, stored as float32.
    may_be_nan : bool
        Whether NaN is a value, for what is not defined in an utterance.
    optional : bool
        Whether the stream is computed only if the parameter ``features.<name>`` is true. No model
        reads it, so it is not part of a corpus's fingerprint.
    settings : tuple of str
        Attributes of `hump.features.streams.Request` that the values depend on.
    """

    name: str
    module: str
    extract: Callable[[np.ndarray], np.ndarray] | None = None
    sequence: bool = False
    may_be_nan: bool = False
    optional: bool = False
    settings: tuple[str, ...] = ()

    @property
    def encoded(self) -> bool:
        """Whether the encoder computes the stream."""
        return self.extract is None

    def rows(self, values, sequence_dtype) -> np.ndarray:
        """The values of an utterance as they are stored.

        Parameters
        ----------
        values : numpy.ndarray
            As `extract` returns them.
        sequence_dtype : str
            Type of a sequence.

        Returns
        -------
        numpy.ndarray, shape (frames, ...) for a sequence, (1, ...) for a vector

        Raises
        ------
        FeatureError
            A value is not finite, or too large for the type.
        """
        dtype = sequence_dtype if self.sequence else "float32"
        defined = values[~np.isnan(values)] if self.may_be_nan else values
        largest = np.abs(defined).max(initial=0)
        if not np.isfinite(largest):
            raise FeatureError(f"{self.name}: values are not finite; leave this recording out")
        if largest > np.finfo(dtype).max:
            raise FeatureError(
                f"{self.name}: a value of magnitude {largest:.6g} does not fit features.dtype="
                f"{dtype}, whose largest is {np.finfo(dtype).max:.6g}; set features.dtype: float32"
            )
        return (values if self.sequence else values[None]).astype(dtype)


def check_signal(signal, *, stream: str, min_samples: int = 1) -> np.ndarray:
    """Refuse a signal that a stream cannot be computed from.

    Parameters
    ----------
    signal : array_like, shape (samples,)
        Mono audio at 16 kHz, full scale 1.
    stream : str
        Named in the message.
    min_samples : int
        Fewest samples that the stream is defined for.

    Returns
    -------
    numpy.ndarray, shape (samples,), float32
        Contiguous.

    Raises
    ------
    FeatureError
        Not one channel of finite numbers, or too short.
    """
    signal = np.asarray(signal)
    if signal.ndim != 1 or not np.issubdtype(signal.dtype, np.floating):
        raise FeatureError(
            f"{stream}: signal of shape {signal.shape} and type {signal.dtype}: a mono signal of "
            "floats at 16 kHz is required; read the file with hump.audio.load"
        )
    if len(signal) < min_samples:
        raise FeatureError(
            f"{stream}: signal of {len(signal)} samples ({len(signal) / SAMPLING_RATE:.3f} s): at "
            f"least {min_samples} samples ({min_samples / SAMPLING_RATE:.3f} s) are required; "
            "leave this recording out"
        )
    if not np.isfinite(signal).all():
        raise FeatureError(f"{stream}: signal holds NaN or infinity; repair or leave it out")
    return np.ascontiguousarray(signal, dtype=np.float32)
