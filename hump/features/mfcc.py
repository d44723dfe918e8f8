"""MFCC: 13 cepstral coefficients with their first and second time derivatives.

Davis & Mermelstein (1980), doi:10.1109/TASSP.1980.1163420, as librosa computes them: usually 25 ms
Hann windows every 10 ms, 40 mel bands (Slaney's scale), power in dB, orthonormal DCT-II;
derivatives by a Savitzky-Golay filter over nine frames.
"""

import functools

import numpy as np
from scipy import linalg, ndimage
from scipy import signal as dsp

from hump.audio import SAMPLING_RATE
from hump.features.base import Stream, check_signal

N_MFCC = 13
WIDTH = 3 * N_MFCC
FRAME_MS, HOP_MS, WINDOW = 25, 10, "hann"
N_MELS = 40
DELTA_WIDTH = 9


def extract(signal, *, frame_ms=FRAME_MS, hop_ms=HOP_MS, window=WINDOW) -> np.ndarray:
    """MFCC, delta and delta-delta of one utterance.

    Parameters
    ----------
    signal : array_like, shape (samples,)
        16 kHz, full scale 1.
    frame_ms, hop_ms : int
        Length of a frame, and time from one to the next.
    window : str
        ``hann`` or ``hamming``.

    Returns
    -------
    numpy.ndarray, shape (frames, 39), float32
        ``frames = 1 + samples // (16 * hop_ms)``; columns as `feature_names`. The values of
        librosa's own calls, to the last bit; unitless (cepstra of dB).

    Raises
    ------
    FeatureError
        Shorter than nine frames (80 ms with the usual hop), for which the derivatives are not
        defined; other edge rules would give such a signal numbers that mean something else than
        everywhere else.

    Examples
    --------
    >>> extract(np.sin(np.arange(16_000, dtype="float32"))).shape
    (101, 39)
    """
    import librosa  # here, so that reading stored features does not pay for it

    length, hop = (time * SAMPLING_RATE // 1000 for time in (frame_ms, hop_ms))
    # The derivative's polynomial is fitted to nine frames; one is centred every hop from 0 on.
    signal = check_signal(signal, stream="mfcc", min_samples=(DELTA_WIDTH - 1) * hop)
    n_fft = max(512, 1 << (length - 1).bit_length())
    frames = librosa.stft(
        signal, n_fft=n_fft, win_length=length, hop_length=hop, window=window, pad_mode="constant"
    )
    power = np.einsum("...ft,mf->...mt", np.abs(frames) ** 2, _mel_bands(n_fft), optimize=True)
    cepstra = librosa.feature.mfcc(S=librosa.power_to_db(power), n_mfcc=N_MFCC)
    deltas = [_delta(cepstra, order) for order in (1, 2)]
    return np.ascontiguousarray(np.concatenate([cepstra, *deltas]).T, dtype=np.float32)


@functools.cache
def _mel_bands(n_fft):
    """The filters of `librosa.feature.melspectrogram`, which makes them anew at every call."""
    import librosa

    return librosa.filters.mel(sr=SAMPLING_RATE, n_fft=n_fft, n_mels=N_MELS)


def _delta(cepstra, order):
    """`librosa.feature.delta`, to the last bit: SciPy's Savitzky-Golay filter, prepared once.

    The degree of the polynomial is the order of the derivative, which is therefore constant: the
    highest coefficient times a factorial. At either end SciPy fits one polynomial to nine frames
    and gives the outer four this constant; here too, by SciPy's least squares in single precision.
    """
    inner, powers, scale = _savitzky_golay(order)
    smooth = ndimage.convolve1d(cepstra, inner, axis=-1, mode="constant")
    outer, least = DELTA_WIDTH // 2, DELTA_WIDTH * np.finfo(np.float32).eps
    for nine, outermost in (
        (cepstra[:, :DELTA_WIDTH], smooth[:, :outer]),
        (cepstra[:, -DELTA_WIDTH:], smooth[:, -outer:]),
    ):
        fitted = linalg.lstsq(powers, nine.T, cond=least, check_finite=False)[0]
        outermost[:] = (fitted[0] / scale * order)[:, None]  # 1! and 2! are the order itself
    return smooth


@functools.cache
def _savitzky_golay(order):
    """The filter, and for its ends the powers of frame numbers and the highest's norm."""
    numbers = np.arange(DELTA_WIDTH, dtype=np.float32)
    powers = numbers[:, None] ** np.arange(order, -1, -1, dtype=np.float32)
    norms = np.sqrt((powers**2).sum(axis=0))
    inner = dsp.savgol_coeffs(DELTA_WIDTH, order, deriv=order)
    return inner, powers / norms, norms[0]


def feature_names() -> tuple[str, ...]:
    """Names of the 39 columns of `extract`."""
    prefixes = ("mfcc", "delta_mfcc", "delta2_mfcc")
    return tuple(f"{prefix}_{i}" for prefix in prefixes for i in range(N_MFCC))


STREAM = Stream("mfcc", __name__, extract, sequence=True, settings=("mfcc",))
