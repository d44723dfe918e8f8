"""A file -> mono float32 at 16 kHz, or a clear error."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from hump.errors import AudioError

__all__ = ["MIN_DURATION_S", "SAMPLING_RATE", "AudioFacts", "examine", "load"]

SAMPLING_RATE = 16_000
# Below this DisVoice finds no two segments to describe, and delta-MFCC have no nine frames.
MIN_DURATION_S = 0.25


@dataclass(frozen=True)
class AudioFacts:
    """What a file holds.

    Attributes
    ----------
    sampling_rate : int
        Hz, as recorded.
    channels : int
    duration_s : float
        Seconds.
    sha256 : str
        Hash of the decoded samples, the channels and the rate: equal for the same audio under
        another name, header or lossless format.
    """

    sampling_rate: int
    channels: int
    duration_s: float
    sha256: str


def examine(path) -> AudioFacts:
    """Decode a file and describe it.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    AudioFacts

    Raises
    ------
    AudioError
        As `load`.
    """
    samples, rate = _decode(Path(path))
    digest = hashlib.sha256(f"{rate} {samples.shape[1]} ".encode())
    digest.update(np.ascontiguousarray(samples).tobytes())
    return AudioFacts(
        sampling_rate=rate,
        channels=samples.shape[1],
        duration_s=len(samples) / rate,
        sha256=digest.hexdigest(),
    )


def load(path) -> np.ndarray:
    """Read a recording as every stream expects it.

    Channels are averaged; another sampling rate is converted by soxr at its highest quality.
    A 16-bit file at 16 kHz keeps its values exactly (sample / 32768).

    Parameters
    ----------
    path : str or Path
        Anything that libsndfile reads: WAV, FLAC, OGG, MP3, ...

    Returns
    -------
    numpy.ndarray of float32, shape (samples,)
        16 kHz, mono, full scale is 1.

    Raises
    ------
    AudioError
        The file is missing, unreadable or no audio; holds no samples, or samples that are not
        numbers; is silent throughout; or is shorter than `MIN_DURATION_S`.
    """
    samples, rate = _decode(Path(path))
    signal = samples.mean(axis=1, dtype=np.float32) if samples.shape[1] > 1 else samples[:, 0]
    if rate != SAMPLING_RATE:
        signal = soxr.resample(signal, rate, SAMPLING_RATE, quality="VHQ")
    return np.ascontiguousarray(signal, dtype=np.float32)


def _decode(path):
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the path")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: is empty (0 bytes); copy it again")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise AudioError(
            f"{path}: cannot be read as audio ({reason.strip().rstrip('.')}); "
            "copy it again or remove it"
        ) from error
    if len(samples) == 0:
        raise AudioError(f"{path}: holds a header and no samples; copy it again or remove it")
    if not np.isfinite(samples).all():
        count = int((~np.isfinite(samples)).sum())
        raise AudioError(f"{path}: {count} samples are not numbers; convert it again or remove it")
    if not samples.any():
        raise AudioError(f"{path}: is silent, every sample is 0; remove it")
    if len(samples) < MIN_DURATION_S * rate:
        raise AudioError(
            f"{path}: lasts {len(samples) / rate:.3f} s, expected at least {MIN_DURATION_S} s; "
            "remove it"
        )
    return samples, rate
