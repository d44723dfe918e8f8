"""All streams of a corpus: computed once, in parallel, resumably, then read from disk.

On a CPU each worker process takes a part of the corpus through all streams. With a GPU the encoder
runs in this process, on parts that threads have decoded meanwhile, while the worker processes
compute the other streams.
"""

import collections
import concurrent.futures
import contextlib
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from hump import audio, cores
from hump.errors import FeatureError, HumpError
from hump.features import parts, store, streams

__all__ = ["Job", "run"]

# One has the GPU, one decodes what is next, one stores what is done.
GPU_THREADS = 3


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
    durations : tuple of float
        Seconds.
    request : streams.Request
    keys : dict
        Stream wanted -> identity of its values.
    about : dict
        Stream -> what its values depend on.
    """

    corpus: str
    folder: Path
    files: tuple[Path, ...]
    durations: tuple[float, ...]
    request: streams.Request
    keys: dict[str, str]
    about: dict[str, dict]

    def name(self, stream) -> str:
        """Name of a stream's stored files."""
        return f"{stream}-{self.keys[stream][:16]}"

    def part(self, stream, rows) -> Path:
        """File of a finished part."""
        return self.folder / f"{self.name(stream)}.parts" / parts.name(rows)


@dataclass(frozen=True)
class _Task:
    """Some streams of a part of a corpus: all that a worker needs to be sent."""

    rows: range
    files: tuple[Path, ...]
    request: streams.Request
    targets: dict[str, Path]


def run(job, *, workers, progress) -> dict[str, store.Ragged]:
    """Read the streams of a corpus, computing what is not stored yet.

    Parameters
    ----------
    job : Job
    workers : int
        Processes, of one thread each, beside this one. Their number changes no byte of the result.
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
    stored = _read(job, job.keys)
    missing = [stream for stream in job.keys if stored[stream] is None]
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

    here, elsewhere = _tasks(job, missing)
    tasks_of = collections.Counter(task.rows for task in here + elsewhere)
    with tqdm(
        total=len(job.files), initial=len(job.files) - sum(map(len, tasks_of)),
        desc=f"features of {job.corpus}", unit="utt", disable=not progress or not tasks_of,
    ) as bar, _threads(here) as running:  # fmt: skip
        tally = _Tally(bar, tasks_of)
        for future in running:
            future.add_done_callback(lambda done: tally.add(done.result()) if _fine(done) else None)
        parallel = joblib.Parallel(
            n_jobs=max(1, min(workers, len(elsewhere))), return_as="generator_unordered",
            initializer=_begin,
        )  # fmt: skip
        for rows in parallel(joblib.delayed(_compute_part)(task) for task in elsewhere):
            tally.add(rows)
            for future in running:
                if future.done():
                    future.result()  # an error of the GPU's stops the rest
        for future in running:
            future.result()


def _tasks(job, missing):
    """What is left to do: for this process, which has the GPU, and for workers."""
    here, elsewhere = [], []
    for rows in parts.ranges(job.durations):
        todo = [s for s in missing if not parts.usable(job.part(s, rows), rows)]
        encoded = [s for s in todo if s in streams.ENCODED and job.request.device != "cpu"]
        others = [s for s in todo if s not in encoded]
        files = job.files[rows.start:rows.stop]
        for tasks, names in ((here, encoded), (elsewhere, others)):
            if names:
                targets = {stream: job.part(stream, rows) for stream in names}
                tasks.append(_Task(rows, files, job.request, targets))
    return here, elsewhere


def _begin():
    """Give extraction workers of its own, not those of whatever ran before.

    joblib replaces a worker that has grown by 300 MB since its first task, as one that had a small
    task before it loaded an encoder would.
    """


class _Tally:
    """Move a bar on when all tasks of a part are done; called from several threads."""

    def __init__(self, bar, tasks_of):
        self._bar, self._left, self._lock = bar, dict(tasks_of), threading.Lock()

    def add(self, rows):
        with self._lock:
            self._left[rows] -= 1
            if not self._left[rows]:
                self._bar.update(len(rows))


def _fine(future):
    return not future.cancelled() and future.exception() is None


@contextlib.contextmanager
def _threads(tasks):
    """Futures of the encoder's tasks; those that have not begun are dropped at the end."""
    turn = threading.Lock()
    pool = concurrent.futures.ThreadPoolExecutor(GPU_THREADS)
    try:
        yield [pool.submit(_encode_part, task, turn) for task in tasks]
    finally:
        pool.shutdown(cancel_futures=True)


def _encode_part(task, turn):
    """Compute and store what the encoder gives of some utterances; runs in a thread."""
    signals = [audio.load(file) for file in task.files]
    with turn:
        found = _encode(task, list(task.targets), signals)
    for stream, arrays in found.items():
        parts.write(task.targets[stream], arrays)
    return task.rows


def _compute_part(task):
    """Compute and store some streams of some utterances; runs in a worker."""
    signals = [audio.load(file) for file in task.files]
    encoded = [stream for stream in task.targets if stream in streams.ENCODED]
    with _one_thread(encoded):
        found = _encode(task, encoded, signals) if encoded else {}
        for stream, target in task.targets.items():
            if stream not in encoded:
                found[stream] = []
                for file, signal in zip(task.files, signals, strict=True):
                    with _named(file, stream):
                        found[stream].append(streams.compute(stream, signal, task.request))
            parts.write(target, found.pop(stream))
    return task.rows


def _encode(task, names, signals):
    for file, signal in zip(task.files, signals, strict=True):
        with _named(file, "hubert"):
            streams.check(names, signal, task.request)
    others = f" and the {len(signals) - 1} after it" if len(signals) > 1 else ""
    with _named(f"{task.files[0]}{others}", "hubert"):
        found = streams.encode(names, signals, task.request)
    for stream, arrays in found.items():
        for i, file in enumerate(task.files):
            with _named(file, stream):
                arrays[i] = streams.cast(arrays[i], stream, task.request)
    return found


@contextlib.contextmanager
def _named(what, stream):
    """Begin an error's message with the recording that it is about."""
    try:
        yield
    except HumpError as error:
        raise type(error)(f"{what}: {error}") from error
    except Exception as error:
        raise FeatureError(
            f"{what}: {stream} fails ({type(error).__name__}: {error}); "
            "check the recording, or leave it out"
        ) from error


@contextlib.contextmanager
def _one_thread(encoded):
    """Run on one thread, since sums are rounded differently on several."""
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1):
        # Only HuBERT needs torch, which the other streams should not wait for.
        with cores.one_thread() if encoded else contextlib.nullcontext():
            yield


def _join(job, stream):
    """Put the parts of a stream together and remove them."""
    files = [job.part(stream, rows) for rows in parts.ranges(job.durations)]
    first = parts.values(files[0])
    store.write(
        job.folder, job.name(stream), map(parts.values, files), shape=first.shape[1:],
        dtype=first.dtype, lengths=[length for file in files for length in parts.lengths(file)],
        about=job.about[stream],
    )
    # A worker that outlives a killed run may still write here; what it leaves is never read.
    shutil.rmtree(files[0].parent, ignore_errors=True)
