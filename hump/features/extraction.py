"""All streams of a corpus: computed once, in parallel, resumably, then read from disk.

On a CPU each worker process computes all streams of a part of the corpus. With a GPU the encoder
runs in this process, on parts that threads have decoded meanwhile, while the worker processes
compute the other streams.
"""

import collections
import concurrent.futures
import contextlib
import functools
import hashlib
import json
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import threadpoolctl

from hump import audio
from hump.errors import FeatureError, HumpError
from hump.features import store, streams
from hump.features.base import Stream
from hump.util import files, parallel

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
    streams : dict
        Stream wanted -> what its values depend on, for JSON.
    """

    corpus: str
    folder: Path
    files: tuple[Path, ...]
    durations: tuple[float, ...]
    request: streams.Request
    streams: dict[Stream, dict]

    def key(self, stream) -> str:
        """Hash of all that a stream's values depend on, 64 hexadecimal digits."""
        text = json.dumps(self.streams[stream], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def name(self, stream) -> str:
        """Name of a stream's stored files."""
        return f"{stream.name}-{self.key(stream)[:16]}"

    def part(self, stream, rows) -> Path:
        """File of a part of a stream."""
        return self.folder / f"{self.name(stream)}.parts" / f"{rows.start:06d}-{rows.stop:06d}.npz"


@dataclass(frozen=True)
class _Task:
    """Some streams of a part of a corpus: all that a worker needs to be sent."""

    rows: range
    files: tuple[Path, ...]
    request: streams.Request
    targets: dict[Stream, Path]


def run(job: Job, *, workers: int, progress: bool) -> dict[Stream, store.Ragged]:
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
    AudioError, EncoderError, FeatureError, DiskFullError
        An utterance cannot be read or described; or the disk is full.
    """
    stored = _read(job, job.streams)
    missing = [stream for stream in job.streams if stored[stream] is None]
    if missing:
        with _alone(job, progress):
            stored |= _read(job, missing)  # another process may have been here
            missing = [stream for stream in missing if stored[stream] is None]
            _compute(job, missing, workers, progress)
            for stream in missing:
                _join(job, stream)
            stored |= _read(job, missing)
    return stored


def _read(job, wanted):
    return {stream: store.read(job.folder, job.name(stream)) for stream in wanted}


@contextlib.contextmanager
def _alone(job, progress):
    """Let one process at a time compute the features of a corpus."""
    path = job.folder / ".lock"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(files.lock(path, wait=False))
        except BlockingIOError:
            if progress:
                print(f"{job.corpus}: another process computes the features; waiting for it")
            held.enter_context(files.lock(path))
        yield


def _compute(job, missing, workers, progress):
    from tqdm.auto import tqdm

    here, elsewhere = _tasks(job, missing)
    left = collections.Counter(task.rows for task in here + elsewhere)
    with tqdm(
        total=len(job.files), initial=len(job.files) - sum(map(len, left)),
        desc=f"features of {job.corpus}", unit="utt", disable=not progress or not left,
    ) as bar:  # fmt: skip
        for rows in _finished(here, elsewhere, workers):
            left[rows] -= 1
            bar.update(0 if left[rows] else len(rows))


def _tasks(job, missing):
    """What is left to do: for this process, which has the GPU, and for workers."""
    here, elsewhere = [], []
    for rows in store.parts(job.durations):
        todo = [s for s in missing if not store.is_usable(job.part(s, rows), rows)]
        on_gpu = [s for s in todo if s.encoded and job.request.device != "cpu"]
        for tasks, chosen in ((here, on_gpu), (elsewhere, [s for s in todo if s not in on_gpu])):
            if chosen:
                targets = {stream: job.part(stream, rows) for stream in chosen}
                part = job.files[rows.start : rows.stop]
                tasks.append(_Task(rows, part, job.request, targets))
    return here, elsewhere


def _finished(here, elsewhere, workers):
    """Run all tasks; yields the rows of each when it is done."""
    import joblib

    turn = threading.Lock()
    pool = concurrent.futures.ThreadPoolExecutor(GPU_THREADS)
    try:
        running = {pool.submit(_compute_part, task, turn) for task in here}
        processes = joblib.Parallel(
            n_jobs=max(1, min(workers, len(elsewhere))), return_as="generator_unordered",
            initializer=_begin,
        )  # fmt: skip
        for rows in processes(joblib.delayed(_compute_part)(task) for task in elsewhere):
            yield rows
            for future in [future for future in running if future.done()]:
                running.remove(future)
                yield future.result()  # an error on the GPU stops the rest
        for future in concurrent.futures.as_completed(running):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin():
    """Give extraction workers of its own, not those of whatever ran before.

    joblib replaces a worker that has grown by 300 MB since its first task, as one that had a small
    task before it loaded an encoder would.
    """


def _compute_part(task, turn=None):
    """Compute and store a task: in a worker, or in a thread that takes its turn with the GPU."""
    signals = [audio.load(file) for file in task.files]
    with contextlib.ExitStack() as held:
        if turn:
            held.enter_context(turn)
        else:  # on one thread, since sums are rounded differently on several
            held.enter_context(parallel.one_thread())
            held.enter_context(threadpoolctl.threadpool_limits(1))
        rows = _encode(task, signals)
        for stream in task.targets:
            if not stream.encoded:
                # A stream's settings are its own arguments, if it is not the encoder's.
                given = {k: v for s in stream.settings for k, v in getattr(task.request, s).items()}
                compute = functools.partial(stream.extract, **given)
                rows[stream] = _rows(task, stream, list(signals), compute)
    for stream, path in task.targets.items():
        store.write_part(path, rows[stream])
    return task.rows


def _encode(task, signals):
    """What the encoder gives of a part, as it is stored: stream -> an array per utterance."""
    encoded = [stream for stream in task.targets if stream.encoded]
    if not encoded:
        return {}
    others = f" and the {len(signals) - 1} after it" if len(signals) > 1 else ""

    def encode(signals):
        return streams.encode(encoded, signals, task.request)

    with _named(f"{task.files[0]}{others}", "hubert", lambda noise: encode([noise])):
        arrays = encode(signals)
    return {stream: _rows(task, stream, arrays[stream]) for stream in encoded}


def _rows(task, stream, values, compute=None):
    """What is stored of each utterance; it replaces `values`, so that memory holds one of them."""
    for i, file in enumerate(task.files):
        with _named(file, stream.name, compute):
            computed = compute(values[i]) if compute else values[i]
            values[i] = stream.rows(computed, task.request.dtype)
    return values


@contextlib.contextmanager
def _named(what, stream, compute):
    """Begin an error's message with the recording that it is about, if it is about a recording."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, HumpError)
        if compute and _always_fails(compute):
            if known:
                raise
            raise FeatureError(
                f"{stream}: fails whatever the recording ({type(error).__name__}: {error}); check "
                "the installed packages, the disk and the memory"
            ) from error
        if known:
            raise type(error)(f"{what}: {error}") from error
        raise FeatureError(
            f"{what}: {stream} fails ({type(error).__name__}: {error}); "
            "check the recording, or leave it out"
        ) from error


def _always_fails(compute):
    """Whether something cannot be computed of a second of noise either."""
    noise = np.random.default_rng(0).normal(0, 0.1, audio.SAMPLING_RATE).astype(np.float32)
    try:
        compute(noise)
    except Exception:  # of whatever kind: the caller tells of the recording's own error
        return True
    return False


def _join(job, stream):
    """Put the parts of a stream together and remove them."""
    paths = [job.part(stream, rows) for rows in store.parts(job.durations)]
    first = store.read_part(paths[0], "values")
    lengths = [length for path in paths for length in store.read_part(path, "lengths")]
    store.write(
        job.folder, job.name(stream), (store.read_part(path, "values") for path in paths),
        shape=first.shape[1:], dtype=first.dtype, lengths=lengths, about=job.streams[stream],
    )  # fmt: skip
    # A worker that outlives a killed run may still write here; what it leaves is never read.
    shutil.rmtree(paths[0].parent, ignore_errors=True)
