"""A file -> mono float32 at 16 kHz, or a clear error."""

import contextlib
import errno
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from hump.errors import AudioError

SAMPLING_RATE = 16_000
# In less, DisVoice has no two segments to describe, and delta-MFCC have no nine frames.
MIN_DURATION_S = 0.25
# In Hz: of telephone speech, the lowest in use, and of the highest that recorders offer.
MIN_SAMPLING_RATE, MAX_SAMPLING_RATE = 8_000, 384_000
# No utterance lasts so long, and the encoder's time grows with the square.
MAX_DURATION_S = 3_600
# Files with other endings are not audio; whether one with these is, reading it shows.
ENDINGS = frozenset(
    (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf",
     ".rf64", ".w64", ".sph", ".m4a", ".aac", ".wma")
)  # fmt: skip
# Formats that libsndfile does not read.
_CONVERT = (".m4a", ".aac", ".wma")

_FULL_SCALE = 0.999
# Floats may pass full scale a little; 24 dB beyond, the scale is not 1, and energies mean nothing.
_HIGHEST = 16
# Two steps of 16 bits: dither, or the noise of an open input.
_STEP = 2 / 32768
# Channels cancel each other out if their mean has less than this share of their power: 60 dB.
_CANCELLED = 1e-6
# A frame is silent up to this share of the loudest one's power: 40 dB below.
_SILENT = 1e-4
_FRAMES_PER_SECOND = 50
# Samples read at once: memory is made for what is there, not for what a header promises.
_BLOCK = 2**22
# Faults of the machine, not of the file: too many are open, no memory is left.
_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_LFS_POINTER = b"version https://git-lfs"
# A program that writes to a pipe cannot know the length, and gives at least this.
_LENGTH_UNKNOWN = 2**31 - 2**16
# In libsndfile's log: the bytes that the header promises, and those that are there.
_DATA_CHUNK = re.compile(r"^data : (\d+) \(should be (\d+)\)$", re.MULTILINE)
# And where it finds neither audio nor anything else that it knows.
_UNKNOWN_CHUNK = re.compile(r"Unknown chunk marker .* at position (\d+)")


@dataclass(frozen=True)
class AudioFacts:
    """What an audio file holds.

    Attributes
    ----------
    sampling_rate : int
        Hz, as recorded.
    channels : int
    duration_s : float
    level_db : float
        Mean power of the mono signal, dB relative to full scale.
    silence : float
        Share of frames of 20 ms at least 40 dB below the loudest, in [0, 1).
    clipped : float
        Share of samples at full scale with at least two neighbours that are, in a run of three or
        more; in [0, 1].
    sha256 : str
        Hash of the decoded samples, the channels and the rate: equal for the same audio under
        another name, header or lossless format.
    """

    sampling_rate: int
    channels: int
    duration_s: float
    level_db: float
    silence: float
    clipped: float
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
    samples, signal, rate = _decode(Path(path))
    digest = hashlib.sha256(f"{rate} {samples.shape[1]} ".encode())
    digest.update(np.ascontiguousarray(samples))
    return AudioFacts(
        sampling_rate=rate,
        channels=samples.shape[1],
        duration_s=len(samples) / rate,
        level_db=float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64)))),
        silence=_silence(signal, rate),
        clipped=_clipped(samples),
        sha256=digest.hexdigest(),
    )


def load(path) -> np.ndarray:
    """Read a recording as every stream expects it.

    Channels are averaged; another sampling rate is converted by soxr at its highest quality.
    A 16-bit file at 16 kHz keeps its values exactly (sample / 32768).

    Parameters
    ----------
    path : str or Path
        Anything that libsndfile reads, whatever its ending: WAV, FLAC, OGG, MP3, ...

    Returns
    -------
    numpy.ndarray, shape (samples,), float32
        16 kHz, mono, full scale 1.

    Raises
    ------
    AudioError
        The file is missing, cannot be opened or is not audio; is cut off; holds no samples, or
        samples that are not numbers or far beyond full scale; is silent throughout; is shorter
        than `MIN_DURATION_S` or longer than `MAX_DURATION_S`; or has a rate below
        `MIN_SAMPLING_RATE` or above `MAX_SAMPLING_RATE`.
    """
    _, signal, rate = _decode(Path(path))
    return _resampled(signal, rate)


def from_array(samples, rate, *, name: str = "array") -> np.ndarray:
    """Samples in memory as `load` gives those of a file, under the same conditions.

    Parameters
    ----------
    samples : array_like, shape (samples,) or (samples, channels)
        Floats of full scale 1, or signed integers of at most 32 bits, whose type says what full
        scale is.
    rate : int
        Sampling rate in Hz.
    name : str
        What messages call it.

    Returns
    -------
    numpy.ndarray, shape (samples,), float32

    Raises
    ------
    AudioError
        Of another shape or type, or not as `load` wants it.
    """
    samples = np.asarray(samples)
    shape = samples.shape
    whole = samples.dtype.kind == "i" and samples.dtype.itemsize <= 4
    known = (whole or samples.dtype.kind == "f") and len(shape) in (1, 2)
    if not known or shape[-1] > shape[0] or 0 in shape[1:]:
        raise AudioError(
            f"{name}: has shape {shape} and type {samples.dtype}, expected (samples,) or (samples, "
            "channels) of floats or signed integers of 16 or 32 bits; convert or transpose it"
        )
    _check_rate(name, rate)
    if whole:
        samples = samples / -float(np.iinfo(samples.dtype).min)
    samples = samples.astype(np.float32).reshape(shape[0], *shape[1:] or (1,))
    _check_samples(name, samples, signal := _mono(samples), rate)
    return _resampled(signal, rate)


def stream(path):
    """Read a recording of any length, piece by piece, as `load` would give it.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    numpy.ndarray, shape (samples,), float32
        16 kHz, mono, full scale 1: a recording of up to `_BLOCK` samples in one piece.

    Raises
    ------
    AudioError
        As `load`, but for the longest duration; silence is an error only of a single piece.
    """
    path, read, last = Path(path), 0, False
    with _opened(path, longest_s=np.inf) as file:
        rate, size = file.samplerate, max(_BLOCK // file.channels, 1)
        convert = soxr.ResampleStream(rate, SAMPLING_RATE, 1, dtype="float32", quality="VHQ")
        while not last:
            samples = file.read(size, dtype="float32", always_2d=True)
            signal, first, last = _mono(samples), not read, len(samples) < size
            read += len(samples)
            if first and last:
                _check_whole(path, read, file)
                _check_samples(path, samples, signal, rate)
                yield _resampled(signal, rate)
                return
            _check_scale(path, samples)
            yield signal if rate == SAMPLING_RATE else convert.resample_chunk(signal, last=last)
        _check_whole(path, read, file)


def why_silent(signal) -> str:
    """Why there is nothing to hear in a signal as `load` gives it; empty if there is.

    Parameters
    ----------
    signal : numpy.ndarray, shape (samples,), float32
    """
    return _silent(signal[:, None], signal, SAMPLING_RATE)


def _mono(samples):
    return samples.mean(axis=1, dtype=np.float32) if samples.shape[1] > 1 else samples[:, 0]


def _resampled(signal, rate):
    if rate != SAMPLING_RATE:
        signal = soxr.resample(signal, rate, SAMPLING_RATE, quality="VHQ")
    return np.ascontiguousarray(signal, dtype=np.float32)


def _decode(path):
    """Samples as recorded, shape (samples, channels), their mean over channels, and the rate."""
    with _opened(path) as file:
        samples, rate = _read(file), file.samplerate
        _check_whole(path, len(samples), file)
    signal = _mono(samples)
    _check_samples(path, samples, signal, rate)
    return samples, signal, rate


@contextlib.contextmanager
def _opened(path, longest_s=MAX_DURATION_S):
    """A file whose header may be that of a recording of speech, to be read."""
    _check_file(path)
    try:
        # As bytes, since a name need not be valid in any encoding.
        with soundfile.SoundFile(os.fsencode(path)) as file:
            _check_rate(path, file.samplerate)
            if (seconds := file.frames / file.samplerate) > longest_s:
                raise AudioError(
                    f"{path}: lasts {seconds:.0f} s by its header, expected at most "
                    f"{MAX_DURATION_S} s; cut it into utterances, or copy it again if it is shorter"
                )
            yield file
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        advice = "copy it again or remove it"
        if path.suffix.lower() in _CONVERT:
            advice = "convert it to WAV or FLAC"
        raise AudioError(
            f"{path}: cannot be read as audio ({reason.strip().rstrip('.')}); {advice}"
        ) from error


def _check_file(path):
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
    except FileNotFoundError:
        what = "is a link to nothing" if path.is_symlink() else "no such file"
        raise AudioError(f"{path}: {what}; check the path") from None
    except OSError as error:
        if error.errno in _MACHINE:
            raise
        raise AudioError(
            f"{path}: cannot be opened ({error.strerror}); make it readable or remove it"
        ) from error
    if not head:
        raise AudioError(f"{path}: is empty (0 bytes); copy it again")
    if head == _LFS_POINTER:
        raise AudioError(
            f"{path}: is a git-LFS pointer, not audio; run 'git lfs pull' where it was cloned"
        )


def _check_rate(path, rate):
    if not MIN_SAMPLING_RATE <= rate <= MAX_SAMPLING_RATE:
        raise AudioError(
            f"{path}: has a sampling rate of {rate} Hz, expected at least {MIN_SAMPLING_RATE} and "
            f"at most {MAX_SAMPLING_RATE}; remove it"
        )


def _read(file):
    blocks, size = [], max(_BLOCK // file.channels, 1)
    while not blocks or len(blocks[-1]) == size:
        blocks.append(file.read(size, dtype="float32", always_2d=True))
    return np.concatenate(blocks) if len(blocks) > 1 else blocks[0]


def _check_whole(path, read, file):
    """Refuse a file that ends before its header says; so many samples could be read."""
    promised, rate, log = file.frames, file.samplerate, file.extra_info
    chunk = _DATA_CHUNK.search(log)
    said, held = map(int, chunk.groups()) if chunk else (0, 0)
    if held < said < _LENGTH_UNKNOWN:
        raise AudioError(
            f"{path}: is cut off, its header promises {said} bytes of audio and {held} are there; "
            "copy it again or remove it"
        )
    junk = _UNKNOWN_CHUNK.search(log)
    size = path.stat().st_size
    if junk and int(junk[1]) < 0.9 * size:
        raise AudioError(
            f"{path}: is damaged, its header promises audio up to byte {junk[1]} of {size}, and "
            "what follows is unknown; copy it again or remove it"
        )
    if read < promised:
        raise AudioError(
            f"{path}: is cut off or damaged, its header promises {promised / rate:.3f} s and "
            f"{read / rate:.3f} s can be read; copy it again or remove it"
        )


def _check_scale(path, samples):
    if count := int((~np.isfinite(samples)).sum()):
        raise AudioError(f"{path}: {count} samples are not numbers; convert it again or remove it")
    if (peak := np.abs(samples).max(initial=0)) > _HIGHEST:
        raise AudioError(
            f"{path}: reaches {peak:.3g}, full scale is 1 (integers written as floats?); divide "
            "its samples by 32768 or convert it again"
        )


def _check_samples(path, samples, signal, rate):
    if len(samples) == 0:
        raise AudioError(f"{path}: holds a header and no samples; copy it again or remove it")
    _check_scale(path, samples)
    if why := _silent(samples, signal, rate):
        raise AudioError(f"{path}: is silent, {why}; remove it")
    if len(samples) < MIN_DURATION_S * rate:
        raise AudioError(
            f"{path}: lasts {len(samples) / rate:.3f} s, expected at least {MIN_DURATION_S} s; "
            "remove it"
        )


def _silent(samples, signal, rate):
    """Why a recording has nothing to hear; empty if it has."""
    if samples.shape[1] > 1 and signal.var() < _CANCELLED * samples.var(axis=0).mean():
        return "its channels cancel each other out"
    # Every 16th sample tells the level of rest; a median of all would double the time of a file.
    sounding = int((np.abs(signal - np.median(signal[::16])) > _STEP).sum())
    if sounding >= rate / _FRAMES_PER_SECOND:
        return ""
    if sounding:
        return f"but for {sounding} samples"
    constant = (signal == signal[0]).all()
    return "every sample has the same value" if constant else "it is noise of a step of 16 bits"


def _silence(signal, rate):
    size = max(rate // _FRAMES_PER_SECOND, 1)
    frames = signal[: len(signal) // size * size].reshape(-1, size)
    power = np.einsum("fs,fs->f", frames, frames)
    return float((power <= _SILENT * power.max()).mean())


def _clipped(samples):
    full = np.abs(samples) >= _FULL_SCALE
    if not full.any():
        return 0.0
    runs = full[2:] & full[1:-1] & full[:-2]
    within = np.zeros_like(full)
    for offset in range(3):
        within[offset : len(full) - 2 + offset] |= runs
    return float(within.mean())
