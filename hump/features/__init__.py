"""Features: three streams for the model, one baseline, and their storage.

Each stream's module has ``extract(signal)``; `extract_corpus` runs all of them over a corpus and
keeps the results on disk. Importing this package is cheap: the libraries behind a stream are
imported when it is computed.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hump import cores
from hump.errors import FeatureError
from hump.features import egemaps, encoders, extraction, hubert, mfcc, prosody, streams
from hump.features.store import Ragged

__all__ = ["Features", "Ragged", "egemaps", "extract_corpus", "hubert", "mfcc", "prosody"]


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a corpus, in the order of its manifest; read-only, memory-mapped.

    Attributes
    ----------
    utterance_ids : tuple of str
    corpus : str
    hubert : Ragged
        Each of shape (frames, layers, width), ``features.dtype``; 50 frames a second.
    mfcc : Ragged
        Each of shape (frames, 39), ``features.dtype``; 100 frames a second.
    prosody : numpy.ndarray, shape (n, 103), float32
        NaN where a value is undefined for an utterance; see `hump.features.prosody.clean`.
    egemaps : numpy.ndarray, shape (n, 88), float32
    pooled : numpy.ndarray or None, shape (n, encoder layers + 1, 2, width), float32
        Mean and standard deviation over time of each layer's hidden states, from layer 0, the
        input of the first; None unless the parameters ask for it (``features.pooled``).
    encoder : str
        For people; "untrained encoder" for the control.
    trained : bool
        Whether the encoder is.
    layers : tuple of int
        Of the encoder, along axis 1 of `hubert`.
    fingerprint : str
        Hash of all that the values depend on, `pooled` apart: no model reads it.
    """

    utterance_ids: tuple[str, ...]
    corpus: str
    hubert: Ragged
    mfcc: Ragged
    prosody: np.ndarray
    egemaps: np.ndarray
    pooled: np.ndarray | None
    encoder: str
    trained: bool
    layers: tuple[int, ...]
    fingerprint: str

    def __len__(self):
        return len(self.utterance_ids)

    def index(self, utterance_ids) -> np.ndarray:
        """Positions of utterances.

        Parameters
        ----------
        utterance_ids : iterable of str

        Returns
        -------
        numpy.ndarray, shape (n,), int64

        Raises
        ------
        FeatureError
            The corpus has no features of an utterance.
        """
        position = {name: i for i, name in enumerate(self.utterance_ids)}
        wanted = list(utterance_ids)
        unknown = [name for name in wanted if name not in position]
        if unknown:
            raise FeatureError(
                f"utterance_id={unknown[0]!r}: {self.corpus} has no features of it "
                f"({len(unknown)} such); extract them from a manifest that lists it"
            )
        return np.array([position[name] for name in wanted], dtype=np.int64)


def extract_corpus(manifest, params, *, root=None, workers=None, progress=True) -> Features:
    """Features of a corpus: read from disk, or computed and stored there.

    Stored features are used while nothing that they depend on has changed: the audio, in its
    order, the encoder, layers and type, the code of the stream and its libraries' versions. A run
    that was stopped goes on where it was; processes that want the same wait for one another.

    Parameters
    ----------
    manifest : pandas.DataFrame
        Of one corpus: columns `utterance_id`, `corpus`, `path` (relative to `root`), `duration_s`
        and `audio_sha256`.
    params : Params
        `features`, `device` and `cache` are used.
    root : str or Path, optional
        Folder of the corpus; by default where the study has it.
    workers : int, optional
        Processes; by default HUMP_WORKERS, or all cores. Changes no byte of the result.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Features

    Raises
    ------
    AudioError, EncoderError, FeatureError
        An utterance cannot be read or described (the message names its file); the encoder cannot
        be loaded; the manifest is not of one corpus; the disk is full.
    """
    found = encoders.find(params.features.encoder)
    job = _job(manifest, params, found, root)
    workers = cores.workers() if workers is None else workers
    stored = extraction.run(job, workers=workers, progress=progress)
    keys = "\n".join(job.keys[stream] for stream in streams.NAMES)
    return Features(
        utterance_ids=tuple(manifest["utterance_id"]),
        corpus=job.corpus,
        hubert=stored["hubert"],
        mfcc=stored["mfcc"],
        prosody=stored["prosody"].values,
        egemaps=stored["egemaps"].values,
        pooled=stored[streams.POOLED].values if job.request.pooled else None,
        encoder=found.label,
        trained=found.trained,
        layers=job.request.layers,
        fingerprint=hashlib.sha256(keys.encode()).hexdigest(),
    )


def _job(manifest, params, found, root):
    corpus = _corpus(manifest)
    request = streams.request(params, found)
    hashes = [str(value) for value in manifest["audio_sha256"]]
    keys = {stream: streams.key(stream, request, hashes) for stream in request.streams}
    root = Path(root) if root is not None else _default_root(corpus, params)
    return extraction.Job(
        corpus=corpus,
        folder=Path(params.cache) / "features" / corpus,
        files=tuple(root / path for path in manifest["path"]),
        durations=tuple(float(seconds) for seconds in manifest["duration_s"]),
        request=request,
        keys={stream: key for stream, (key, _) in keys.items()},
        about={stream: about for stream, (_, about) in keys.items()},
    )


def _corpus(manifest) -> str:
    needed = {"utterance_id", "corpus", "path", "duration_s", "audio_sha256"}
    absent = needed - set(manifest.columns)
    if absent:
        raise FeatureError(
            f"manifest: lacks the columns {', '.join(sorted(absent))}; make it with "
            "hump.corpora.read"
        )
    names = sorted(set(manifest["corpus"]))
    if len(names) != 1:
        raise FeatureError(
            f"manifest: is of {len(names)} corpora ({', '.join(names)}): "
            "exactly one is required; extract each corpus by itself"
        )
    twice = manifest["utterance_id"][manifest["utterance_id"].duplicated()]
    if len(twice):
        raise FeatureError(f"manifest: utterance_id={twice.iloc[0]!r} is listed twice; keep one")
    return names[0]


def _default_root(corpus, params):
    from hump import corpora  # the only place where features know where a corpus lies

    return Path(corpora.folder(corpus, params))
