"""Features: the streams that describe an utterance, and their storage.

Each stream's module has ``extract(signal)``; `extract_corpus` runs all of them over a corpus and
keeps the results on disk. Importing this package is cheap: the libraries behind a stream are
imported when it is computed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hump.errors import FeatureError
from hump.features import egemaps, encoders, extraction, hubert, mfcc, prosody, streams
from hump.features.store import Ragged
from hump.params import Params
from hump.util import parallel

__all__ = ["Features", "Ragged", "egemaps", "extract_corpus", "hubert", "mfcc", "prosody"]


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a corpus, in the order of its manifest; read-only, memory-mapped.

    A stream is read as ``features["mfcc"]`` or ``features.mfcc``. Sequences are `Ragged`, that is
    an array per utterance, of type ``features.dtype``; vectors are a ``numpy.ndarray`` of all
    utterances, float32:

    - ``hubert``: each of shape (frames, layers, width); 50 frames a second.
    - ``mfcc``: each of shape (frames, 39); `mfcc_rate` frames a second.
    - ``prosody``: shape (n, 103). NaN where a value is undefined for an utterance; see
      `hump.features.prosody.clean`.
    - ``egemaps``: shape (n, 88).
    - ``pooled``: shape (n, encoder layers + 1, 2, width). Mean and standard deviation over time of
      each layer's hidden states, from layer 0, the input of the first. None, as an attribute,
      unless the parameters ask for it.

    Attributes
    ----------
    utterance_ids : tuple of str
    corpus : str
    streams : Mapping of str to Ragged or numpy.ndarray
    encoder : str
        For people; "untrained encoder" for the control.
    trained : bool
        Whether the encoder is.
    layers : tuple of int
        Of the encoder, along axis 1 of `hubert`.
    fingerprint : str
        Hash of all that the values depend on, optional streams apart: no model reads them.
    mfcc_rate : float
        Frames of MFCC a second.
    """

    utterance_ids: tuple[str, ...]
    corpus: str
    streams: Mapping[str, Ragged | np.ndarray]
    encoder: str
    trained: bool
    layers: tuple[int, ...]
    fingerprint: str
    mfcc_rate: float = 1000 / mfcc.HOP_MS

    def __len__(self):
        return len(self.utterance_ids)

    def __getitem__(self, stream):
        """A stream by its name."""
        if stream not in self.streams:
            raise FeatureError(
                f"features[{stream!r}]: {self.corpus} has {', '.join(self.streams)}; choose one"
            )
        return self.streams[stream]

    def __getattr__(self, name):
        if name not in {stream.name for stream in streams.STREAMS}:
            raise AttributeError(f"Features have no attribute {name!r}")
        return self.streams.get(name)

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
        wanted = list(utterance_ids)
        positions = pd.Index(self.utterance_ids).get_indexer(wanted)
        if unknown := [name for name, at in zip(wanted, positions, strict=True) if at < 0]:
            raise FeatureError(
                f"utterance_id={unknown[0]!r}: {self.corpus} has no features of it "
                f"({len(unknown)} such); extract them from a manifest that lists it"
            )
        return positions


def extract_corpus(
    manifest: pd.DataFrame, params: Params, *, root=None, workers=None, progress=True
) -> Features:
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
        be loaded; the manifest is not of one corpus.
    DiskFullError
    ParameterError
        The device or the precision is not to be had on this machine.
    """
    info = encoders.find(params.features.encoder)
    job = _job(manifest, params, info, root)
    workers = parallel.workers() if workers is None else workers
    stored = extraction.run(job, workers=workers, progress=progress)
    keys = "\n".join(job.key(stream) for stream in job.streams if not stream.optional)
    return Features(
        utterance_ids=tuple(manifest["utterance_id"]),
        corpus=job.corpus,
        streams={s.name: stored[s] if s.sequence else stored[s].values for s in job.streams},
        encoder=info.label,
        trained=info.trained,
        layers=job.request.layers,
        fingerprint=hashlib.sha256(keys.encode()).hexdigest(),
        mfcc_rate=1000 / job.request.mfcc["hop_ms"],
    )


def _job(manifest, params, info, root):
    corpus = _corpus(manifest)
    request = streams.request(params, info)
    hashes = manifest["audio_sha256"].astype(str)
    root = params.folder(corpus) if root is None else Path(root)
    return extraction.Job(
        corpus=corpus,
        folder=Path(params.cache) / "features" / corpus,
        files=tuple(root / path for path in manifest["path"]),
        durations=tuple(float(seconds) for seconds in manifest["duration_s"]),
        request=request,
        streams={s: streams.dependencies(s, request, hashes) for s in streams.wanted(params)},
    )


def _corpus(manifest):
    """Name of the corpus that a manifest lists, each utterance once."""
    absent = {"utterance_id", "corpus", "path", "duration_s", "audio_sha256"} - set(manifest)
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
