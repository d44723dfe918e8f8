"""Finished pieces of an extraction: what a run that was stopped leaves for the next one."""

import warnings
import zipfile

import numpy as np

from hump.features import store

__all__ = ["SECONDS", "UTTERANCES", "lengths", "name", "ranges", "usable", "values", "write"]

# Of a part: what is lost at most, for each worker, when a run is stopped, and what it holds in
# memory.
UTTERANCES, SECONDS = 16, 600


def ranges(durations) -> list[range]:
    """Rows of each part of utterances that last `durations` seconds; at least one in each."""
    found, start, total = [], 0, 0.0
    for row, seconds in enumerate(durations):
        if row > start and (row - start == UTTERANCES or total + seconds > SECONDS):
            found.append(range(start, row))
            start, total = row, 0.0
        total += seconds
    return [*found, range(start, len(durations))] if len(durations) else []


def name(rows) -> str:
    """File name of the part that holds `rows`."""
    return f"{rows.start:06d}-{rows.stop:06d}.npz"


def write(path, arrays):
    """Store the arrays of a part, each of shape (frames, ...).

    Raises
    ------
    FeatureError
        The disk is full.
    """
    joined = np.concatenate(arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.atomic(path, needed=joined.nbytes) as file:
        np.savez(file, values=joined, lengths=[len(array) for array in arrays])


def usable(path, rows) -> bool:
    """Whether a part is there and undamaged (the format has a checksum); warns if it is not."""
    if not path.is_file():
        return False
    try:
        complete = len(lengths(path)) == len(rows) and len(values(path)) == lengths(path).sum()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        warnings.warn(f"{path}: is damaged ({error}); it is computed again", stacklevel=2)
        return False
    return complete


def lengths(path) -> np.ndarray:
    """Frames of each utterance of a part."""
    with np.load(path, allow_pickle=False) as part:
        return part["lengths"]


def values(path) -> np.ndarray:
    """Frames of all utterances of a part, one after the other."""
    with np.load(path, allow_pickle=False) as part:
        return part["values"]
