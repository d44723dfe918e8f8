"""Features on disk: the finished parts of a stream, and the whole stream as one file.

A part, ``<rows>.npz``, holds some utterances: what a run that was stopped leaves for the next one.
A whole stream is memory-mapped: ``<name>.npy`` holds the frames of all utterances one after the
other; ``<name>.json`` says how many each has, what the values depend on, and the checksum of the
first. The JSON file is written last, so a file without one is unfinished.
"""

import hashlib
import io
import json
import warnings
import zipfile

import numpy as np

from hump.errors import FeatureError
from hump.util import files

# The most that a part holds: what each worker keeps in memory, and loses when a run is stopped.
UTTERANCES, SECONDS = 16, 600

# Files whose checksum this process has verified: path, size, time of change and checksum.
_VERIFIED = set()


class Ragged:
    """Arrays of different lengths, one after the other.

    Parameters
    ----------
    values : numpy.ndarray, shape (total, ...)
        May be memory-mapped.
    lengths : sequence of int
        Rows of each array; their sum is `total`.
    """

    def __init__(self, values, lengths):
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.values = np.asarray(values)  # a view: the base class is faster to slice than memmap
        self._ends = np.cumsum(self.lengths)
        total = int(self._ends[-1]) if len(self.lengths) else 0
        if total != len(self.values):
            raise FeatureError(
                f"lengths add up to {total} rows, the values have {len(self.values)}: "
                "give the length of every array"
            )

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, index):
        """The array of one utterance: a view, shape (frames, ...)."""
        end = self._ends[index]
        return self.values[end - self.lengths[index] : end]


def read(folder, name: str) -> Ragged | None:
    """Open what `write` stored, once its checksum is verified (once a process).

    Parameters
    ----------
    folder : Path
    name : str

    Returns
    -------
    Ragged or None
        Read-only, memory-mapped. None if nothing is stored, or it is damaged, which is warned of.
    """
    data, index = folder / f"{name}.npy", folder / f"{name}.json"
    if not index.is_file():
        return None
    try:
        about = json.loads(index.read_text(encoding="utf-8"))
        _verify(data, about["sha256"])
        return Ragged(np.load(data, mmap_mode="r", allow_pickle=False), about["lengths"])
    except (OSError, ValueError, KeyError, TypeError, FeatureError) as error:
        warnings.warn(
            f"{data}: is damaged ({error}); its features are computed again", stacklevel=2
        )
        return None


def write(folder, name: str, arrays, *, shape, dtype, lengths, about: dict) -> None:
    """Store arrays, given one after the other: memory holds one at a time.

    Parameters
    ----------
    folder : Path
    name : str
    arrays : iterable of numpy.ndarray, each of shape (rows, ...)
        Their rows, in order, are those of the utterances.
    shape : tuple of int
        Of one row.
    dtype : str
    lengths : sequence of int
        Rows of each utterance.
    about : dict
        What the values depend on.

    Raises
    ------
    DiskFullError
    """
    header = io.BytesIO()
    described = {"descr": np.dtype(dtype).str, "fortran_order": False,
                 "shape": (int(sum(lengths)), *shape)}  # fmt: skip
    np.lib.format.write_array_header_1_0(header, described)
    digest = hashlib.sha256(header.getvalue())
    with files.atomic(folder / f"{name}.npy") as file:
        file.write(header.getvalue())
        for array in arrays:
            data = np.ascontiguousarray(array, dtype=dtype).data
            digest.update(data)
            file.write(data)
    lengths = [int(length) for length in lengths]
    index = {**about, "sha256": digest.hexdigest(), "lengths": lengths}
    files.write_text(folder / f"{name}.json", json.dumps(index, indent=1))


def _verify(file, expected):
    facts = file.stat()
    state = (file, facts.st_size, facts.st_mtime_ns, expected)
    if state not in _VERIFIED and files.sha256(file) != expected:
        raise FeatureError("its checksum is not the one in its index")
    _VERIFIED.add(state)


def parts(durations) -> list[range]:
    """The utterances of each part, at least one; `durations` are in seconds."""
    ranges, start, total = [], 0, 0.0
    for row, seconds in enumerate(durations):
        if row > start and (row - start == UTTERANCES or total + seconds > SECONDS):
            ranges.append(range(start, row))
            start, total = row, 0.0
        total += seconds
    return [*ranges, range(start, len(durations))] if len(durations) else []


def write_part(path, arrays) -> None:
    """Store the arrays of a part, each of shape (frames, ...); may raise DiskFullError."""
    with files.atomic(path) as file:
        np.savez(file, values=np.concatenate(arrays), lengths=[len(array) for array in arrays])


def read_part(path, member: str) -> np.ndarray:
    """Of a part, ``values``, shape (total, ...), or the ``lengths`` of its utterances."""
    with np.load(path, allow_pickle=False) as part:
        return part[member]


def is_usable(path, rows: range) -> bool:
    """Whether a part is there and undamaged (the format has a checksum); warns if it is damaged."""
    if not path.is_file():
        return False
    try:
        lengths = read_part(path, "lengths")
        return len(lengths) == len(rows) and len(read_part(path, "values")) == lengths.sum()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        warnings.warn(f"{path}: is damaged ({error}); it is computed again", stacklevel=2)
        return False
