"""MFCC: 13 cepstral coefficients with their first and second time derivatives.

Davis & Mermelstein (1980), doi:10.1109/TASSP.1980.1163420, as librosa computes them: 25 ms Hann
windows every 10 ms, 40 mel bands (Slaney's scale), power in dB, orthonormal DCT-II; derivatives
by a Savitzky-Golay filter over nine frames.
"""

import numpy as np

from hump.audio import SAMPLING_RATE
from hump.features import signals

__all__ = ["WIDTH", "extract", "feature_names"]

N_MFCC = 13
WIDTH = 3 * N_MFCC
WIN_LENGTH = 400
HOP_LENGTH = 160
N_FFT = 512
N_MELS = 40
DELTA_WIDTH = 9
# The derivative's polynomial is fitted to nine frames; a frame is centred every hop from 0 on.
MIN_SAMPLES = (DELTA_WIDTH - 1) * HOP_LENGTH


def extract(signal) -> np.ndarray:
    """MFCC, delta and delta-delta of one utterance.

    Parameters
    ----------
    signal : array_like, shape (samples,)
        16 kHz, full scale 1.

    Returns
    -------
    numpy.ndarray, shape (frames, 39), float32
        ``frames = 1 + samples // 160``; columns as `feature_names`. The values of librosa's own
        calls; unitless (cepstra of dB).

    Raises
    ------
    FeatureError
        Shorter than nine frames (80 ms), for which the derivatives are not defined; other edge
        rules would give such a signal numbers that mean something else than everywhere else.

    Examples
    --------
    >>> extract(np.sin(np.arange(16_000, dtype="float32"))).shape
    (101, 39)
    """
    import librosa  # here, so that reading stored features does not pay for it

    signal = signals.check(signal, stream="mfcc", min_samples=MIN_SAMPLES)
    cepstra = librosa.feature.mfcc(
        y=signal,
        sr=SAMPLING_RATE,
        n_mfcc=N_MFCC,
        n_fft=N_FFT,
        win_length=WIN_LENGTH,
        hop_length=HOP_LENGTH,
        n_mels=N_MELS,
    )
    deltas = [librosa.feature.delta(cepstra, width=DELTA_WIDTH, order=order) for order in (1, 2)]
    return np.ascontiguousarray(np.concatenate([cepstra, *deltas]).T, dtype=np.float32)


def feature_names() -> tuple[str, ...]:
    """Names of the 39 columns of `extract`."""
    prefixes = ("mfcc", "delta_mfcc", "delta2_mfcc")
    return tuple(f"{prefix}_{i}" for prefix in prefixes for i in range(N_MFCC))
