"""Files: where the project lies, and how a file is written, read again, locked and hashed."""

import atexit
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import uuid
from pathlib import Path

from hump.errors import DiskFullError, HumpError

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def writing(path=None):
    """Say clearly that a file cannot be written.

    Parameters
    ----------
    path : Path or None
        None: the one that the system names, if it does.

    Raises
    ------
    DiskFullError
        The disk, or the user's share of it, is full.
    HumpError
        The file system is read-only, or the file is not the user's to write.
    """
    try:
        yield
    except OSError as error:
        name = path or error.filename or "a file of this study"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"{name}: cannot be written, the disk is full; free some space and run the same "
                "command again: what is finished is kept"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise HumpError(
                f"{name}: {error.strerror}; make it readable and writable, or move the project to "
                "where it is, and run the same command again"
            ) from error
        raise


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
    DiskFullError, HumpError
        As `writing`.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def write_text(path, text: str) -> None:
    """Write a UTF-8 text file by `atomic`."""
    with atomic(path) as file:
        file.write(text.encode())


def read_json(path):
    """What a JSON file holds; None if it is missing or damaged, so that it is made again."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


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

    Notes
    -----
    Some file systems have no locks. What a lock guards is done there without one, and said.
    """
    path = Path(path)
    with contextlib.ExitStack() as opened:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = opened.enter_context(path.open("a"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            told = f"{path}: its file system has no locks; run one process at a time here"
            print(told, file=sys.stderr, flush=True)
        yield file


_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def find_caches() -> None:
    """Give libraries a temporary folder for their caches where the home folder has none for them.

    Without any, numba, and so librosa, cannot be imported. Variables that the user has set stay.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        home.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=home).close()
    except OSError:
        folder = tempfile.mkdtemp(prefix="hump-caches-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ.setdefault("HF_HOME", str(home / "huggingface"))  # which may be read
        os.environ["XDG_CACHE_HOME"] = folder
        for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR"):
            os.environ.setdefault(name, folder)


def first_in(folder, variable: str) -> str:
    """A search path of the environment, with a folder before those that it has."""
    return os.pathsep.join(filter(None, (str(folder), os.environ.get(variable))))


def sha256(path) -> str:
    """SHA-256 of a file's contents, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
