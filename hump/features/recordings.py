"""Recordings of one's own as signals: files, folders, patterns and arrays; long ones in windows."""

import glob
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hump import audio
from hump.errors import AudioError, ParameterError

_EXPECTED = (
    "give an audio file, a folder, a pattern such as calls/*.wav, (samples, sampling rate), or a "
    "list of these"
)


@dataclass(frozen=True)
class Piece:
    """A recording, or a window of it.

    Attributes
    ----------
    number : int
        Of the recording.
    path : str
        Or what else it is called.
    start_s, end_s : float
        NaN if the recording as a whole cannot be used.
    signal : numpy.ndarray or None
        Shape (samples,), 16 kHz; None if there is nothing to hear.
    remark : str
        Why there is no signal.
    """

    number: int
    path: str
    start_s: float = np.nan
    end_s: float = np.nan
    signal: np.ndarray | None = None
    remark: str = ""


def pieces(recordings, *, longest_s: float, window_s: float, hop_s: float) -> Iterator[Piece]:
    """Read recordings one after another.

    Parameters
    ----------
    recordings : str, Path, (array, rate), or iterable of these
        As for `hump.predict`.
    longest_s : float
        Longer recordings are cut into windows.
    window_s, hop_s : float
        Length of a window, and time from one to the next; the last one ends with the recording.

    Returns
    -------
    iterator of Piece
        In order. Of a long recording only a part is in memory at a time. What cannot be read is a
        piece with a remark and, where it shows only at the end of a recording, follows others of
        the same number.

    Raises
    ------
    ParameterError
        `recordings` is none of these.
    """
    if isinstance(recordings, (str, os.PathLike)) or _is_samples(recordings):
        recordings = (recordings,)
    kind = getattr(getattr(recordings, "dtype", None), "kind", None)
    if kind in tuple("biuf") or not np.iterable(recordings):
        raise ParameterError(f"recordings={type(recordings).__name__}: {_EXPECTED}")
    sizes = [round(s * audio.SAMPLING_RATE) for s in (longest_s, window_s, hop_s)]
    found = itertools.chain.from_iterable(map(_found, recordings, itertools.count(1)))
    return itertools.chain.from_iterable(_read(k, *one, sizes) for k, one in enumerate(found))


def _is_samples(recording):
    pair = isinstance(recording, tuple) and len(recording) == 2
    return pair and np.ndim(recording[0]) > 0 and isinstance(recording[1], (int, float, np.number))


def _found(recording, number):
    """What an item stands for: pairs of a name and a path, samples with their rate, or a fault."""
    name = f"recording {number}"
    if _is_samples(recording):
        return [(name, recording)]
    if not isinstance(recording, (str, os.PathLike)):
        return [(name, AudioError(f"is of type {type(recording).__name__}: {_EXPECTED}"))]
    path, found = Path(recording).expanduser(), []
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.suffix.lower() in audio.ENDINGS]
    elif path.exists() or not glob.has_magic(str(path)):
        return [(str(path), path)]
    else:  # pathlib's knows no absolute patterns
        found = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207
    files = sorted(file for file in found if not file.is_dir())
    missing = AudioError("holds or matches no audio file; check the path")
    return [(str(file), file) for file in files] or [(str(path), missing)]


def _read(number, name, recording, sizes):
    try:
        if isinstance(recording, AudioError):
            raise recording
        if isinstance(recording, tuple):
            signals = (audio.from_array(*recording, name=name),)
        else:
            signals = audio.stream(recording)
        for start, signal in _windows(signals, *sizes):
            begin, end = (n / audio.SAMPLING_RATE for n in (start, start + len(signal)))
            why = audio.why_silent(signal)
            told = (None, f"silent: {why}") if why else (signal, "")
            yield Piece(number, name, begin, end, *told)
    except AudioError as error:
        yield Piece(number, name, remark=str(error).removeprefix(f"{name}: "))


def _windows(signals, longest, window, hop):
    """Yield where each window begins, and its samples; the last one ends with the recording."""
    kept, start, before = np.empty(0, np.float32), 0, None
    for signal in signals:
        kept = np.concatenate([kept, signal])
        while len(kept) > longest:
            before, longest = kept[:window], window
            yield start, before
            kept, start = kept[hop:], start + hop
    if before is None:
        yield start, kept
    elif len(kept) > window - hop:
        yield start + len(kept) - window, np.concatenate([before[:hop], kept])[-window:]
