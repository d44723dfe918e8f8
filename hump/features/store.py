"""Ragged arrays on disk: one memory-mapped file for all utterances of a stream, and an index.

``<name>.npy`` holds the frames of all utterances one after the other; ``<name>.json`` says where
each begins, what the values were computed from, and the checksum of the first. The index is
written last, so a file without one is unfinished. Every write goes to a name of its own, is
flushed to the disk and then renamed: a reader sees all of a file or none.
"""

import contextlib
import errno
import hashlib
import json
import os
import uuid
import warnings

import numpy as np

from hump.errors import FeatureError

__all__ = ["Ragged", "atomic", "read", "write"]

# Files whose checksum this process has verified: path, size and time of change.
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
        """The array of one utterance: a view of shape (frames, ...)."""
        end = self._ends[index]
        return self.values[end - self.lengths[index]:end]


def read(folder, name):
    """Open what `write` stored, once its checksum is verified (once a process).

    Parameters
    ----------
    folder : Path
    name : str

    Returns
    -------
    Ragged or None
        Read-only, memory-mapped. None if there is none, or it is damaged, which is warned of.
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


def write(folder, name, arrays, *, shape, dtype, lengths, about):
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
        What the values were computed from; kept in the index for people.

    Raises
    ------
    FeatureError
        The disk is full.
    """
    shape = (int(sum(lengths)), *shape)
    digest = hashlib.sha256()
    needed = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with atomic(folder / f"{name}.npy", needed=needed) as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(_Hashed(file, digest), header)
        for array in arrays:
            _Hashed(file, digest).write(np.ascontiguousarray(array, dtype=dtype).data)
    lengths = [int(length) for length in lengths]
    content = json.dumps({**about, "sha256": digest.hexdigest(), "lengths": lengths}, indent=1)
    with atomic(folder / f"{name}.json", needed=len(content)) as file:
        file.write(content.encode())


@contextlib.contextmanager
def atomic(path, *, needed):
    """Open a file to write that appears under its name only when it is complete.

    Parameters
    ----------
    path : Path
    needed : int
        Bytes, for the message.

    Yields
    ------
    binary file

    Raises
    ------
    FeatureError
        The disk is full.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FeatureError(
            f"{path.parent}: the disk is full: {needed / 2**20:.1f} MiB are needed for "
            f"{path.name}; free some space and run again, what is finished is kept"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


class _Hashed:
    """A file that is hashed as it is written."""

    def __init__(self, file, digest):
        self._file, self._digest = file, digest

    def write(self, data):
        self._digest.update(data)
        return self._file.write(data)


def _verify(file, expected):
    facts = file.stat()
    state = (str(file), facts.st_size, facts.st_mtime_ns, expected)
    if state in _VERIFIED:
        return
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise FeatureError("its checksum is not the one in its index")
    _VERIFIED.add(state)
