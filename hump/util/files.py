"""Files: where the project lies, and how a file is written, locked and hashed."""

import contextlib
import errno
import fcntl
import hashlib
import os
import uuid
from pathlib import Path

from hump.errors import DiskFullError

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def atomic(path):
    """Open a file for writing that appears under its name only once it is complete.

    A reader sees the old file or the new one, never a part: what is written goes to another name,
    is flushed to the disk and then renamed.

    Parameters
    ----------
    path : Path
        Its folder is made if missing.

    Yields
    ------
    binary file

    Raises
    ------
    DiskFullError
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            f"{path}: cannot be written, the disk is full; free some space and run the same "
            "command again: what is finished is kept"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(path, text: str) -> None:
    """Write a UTF-8 text file by `atomic`."""
    with atomic(path) as file:
        file.write(text.encode())


@contextlib.contextmanager
def lock(path, *, wait: bool = True):
    """Hold a lock file; the system frees it when its holders are gone, however they ended.

    Parameters
    ----------
    path : Path
        Its folder is made if missing.
    wait : bool
        Whether to wait for another holder.

    Yields
    ------
    file
        A child process that inherits its descriptor holds the lock too.

    Raises
    ------
    BlockingIOError
        Another process holds it, and `wait` is False.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file


def sha256(path) -> str:
    """SHA-256 of a file's contents, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
