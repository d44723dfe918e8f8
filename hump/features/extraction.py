"""All streams of a corpus: computed once, in parallel, resumably, then read from disk."""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from hump import audio, cores
from hump.errors import FeatureError, HumpError
from hump.features import parts, store, streams

__all__ = ["Job", "run"]


@dataclass(frozen=True)
class Job:
    """A corpus whose streams are wanted.

    Attributes
    ----------
    corpus : str
    folder : Path
        Where the streams are stored.
    files : tuple of Path
        Audio of the utterances, in order.
    request : streams.Request
    keys : dict
        Stream -> identity of its values.
    about : dict
        Stream -> what its values depend on.
    """

    corpus: str
    folder: Path
    files: tuple[Path, ...]
    request: streams.Request
    keys: dict[str, str]
    about: dict[str, dict]

    def name(self, stream) -> str:
        """Name of a stream's stored files."""
        return f"{stream}-{self.keys[stream][:16]}"

    def part(self, stream, rows) -> Path:
        """File of a finished part."""
        return self.folder / f"{self.name(stream)}.parts" / parts.name(rows)


def run(job, *, workers, progress) -> dict[str, store.Ragged]:
    """Read the streams of a corpus, computing what is not stored yet.

    Parameters
    ----------
    job : Job
    workers : int
        Processes, of one thread each. Their number changes no byte of the result.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    dict
        Stream -> Ragged.

    Raises
    ------
    AudioError, EncoderError, FeatureError
        An utterance cannot be read or described; or the disk is full.
    """
    stored = _read(job, streams.NAMES)
    missing = [stream for stream in streams.NAMES if stored[stream] is None]
    if missing:
        with _alone(job, progress):
            stored |= _read(job, missing)  # another process may have been here
            missing = [stream for stream in missing if stored[stream] is None]
            _compute(job, missing, workers, progress)
            for stream in missing:
                _join(job, stream)
            stored |= _read(job, missing)
    return stored


def _read(job, names):
    return {stream: store.read(job.folder, job.name(stream)) for stream in names}


@contextlib.contextmanager
def _alone(job, progress):
    """Let one process at a time compute the features of a corpus; the lock dies with it."""
    from filelock import FileLock, Timeout

    job.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(job.folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if progress:
            print(f"{job.corpus}: another process computes the features; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _compute(job, missing, workers, progress):
    import joblib
    from tqdm.auto import tqdm

    tasks = []
    for rows in parts.ranges(len(job.files)):
        todo = [s for s in missing if not parts.usable(job.part(s, rows), rows)]
        if todo:
            tasks.append((rows, todo))
    remaining = sum(len(rows) for rows, _ in tasks)
    n_jobs = max(1, min(workers, len(tasks)))
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    with tqdm(
        total=len(job.files), initial=len(job.files) - remaining, desc=f"features of {job.corpus}",
        unit="utt", disable=not progress or not tasks,
    ) as bar:
        for done in parallel(joblib.delayed(_compute_part)(job, *task) for task in tasks):
            bar.update(done)


def _compute_part(job, rows, todo):
    """Compute and store some streams of some utterances; runs in a worker."""
    signals = [audio.load(job.files[row]) for row in rows]
    with _one_thread(todo):
        for stream in todo:
            arrays = [
                _describe(stream, signal, job.files[row], job.request)
                for row, signal in zip(rows, signals, strict=True)
            ]
            parts.write(job.part(stream, rows), arrays)
    return len(rows)


def _describe(stream, signal, file, request):
    try:
        return streams.compute(stream, signal, request)
    except HumpError as error:
        raise type(error)(f"{file}: {error}") from error
    except Exception as error:
        raise FeatureError(
            f"{file}: {stream} fails ({type(error).__name__}: {error}); "
            "check the recording, or leave it out"
        ) from error


@contextlib.contextmanager
def _one_thread(todo):
    """Run on one thread, since sums are rounded differently on several."""
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1):
        # Only HuBERT needs torch, which the other streams should not wait for.
        with cores.one_thread() if "hubert" in todo else contextlib.nullcontext():
            yield


def _join(job, stream):
    """Put the parts of a stream together and remove them."""
    files = [job.part(stream, rows) for rows in parts.ranges(len(job.files))]
    first = parts.values(files[0])
    store.write(
        job.folder, job.name(stream), map(parts.values, files), shape=first.shape[1:],
        dtype=first.dtype, lengths=[length for file in files for length in parts.lengths(file)],
        about=job.about[stream],
    )
    # A worker that outlives a killed run may still write here; what it leaves is never read.
    shutil.rmtree(files[0].parent, ignore_errors=True)
