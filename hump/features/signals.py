"""What every stream asks of the signal that it is given."""

import numpy as np

from hump.audio import SAMPLING_RATE
from hump.errors import FeatureError

__all__ = ["check"]


def check(signal, *, stream, min_samples=1) -> np.ndarray:
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
    numpy.ndarray, shape (samples,), float32, contiguous

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
