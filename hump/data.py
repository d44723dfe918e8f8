"""Utterances of a corpus as the model takes them: manifest rows beside their features."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from hump import corpora, names, tables
from hump.errors import FeatureError
from hump.features import Features, extract_corpus
from hump.model import Batch

__all__ = ["Data", "load"]

# Frames a second.
HUBERT_RATE, MFCC_RATE = 50, 100


def load(corpus: str, params) -> "Data":
    """A corpus of the study, as `01_data` listed it and `02_features` described it.

    Parameters
    ----------
    corpus : str
    params : Params

    Returns
    -------
    Data
        Its labels are the study's four, or the corpus's own if the parameters say so and it is a
        target.

    Raises
    ------
    HumpError
        `01_data` has not been run.
    """
    manifest = tables.read(params, "manifest")
    rows = corpora.used(manifest[manifest["corpus"] == corpus])
    native = params.labels == "native" and corpus != params.source
    labels = tuple(sorted(rows["emotion"].unique())) if native else names.EMOTIONS
    return Data(rows, extract_corpus(rows, params), labels)


@dataclass(frozen=True)
class Data:
    """A corpus in use.

    Attributes
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    features : Features
        Of at least these rows.
    labels : tuple of str
        Classes, in the order of the model's outputs.
    """

    rows: pd.DataFrame
    features: Features
    labels: tuple[str, ...]

    @cached_property
    def at(self) -> np.ndarray:
        """Position of each row in the features."""
        return self.features.index(self.rows["utterance_id"])

    @cached_property
    def classes(self) -> np.ndarray:
        """Class of each row, int64."""
        return pd.Categorical(self.rows["emotion"], categories=self.labels).codes.astype(np.int64)

    @property
    def prosody(self) -> np.ndarray:
        """Prosody of each row, float32, shape (rows, 103)."""
        return self.features.prosody[self.at]

    @property
    def egemaps(self) -> np.ndarray:
        """eGeMAPS functionals of each row, float32, shape (rows, 88)."""
        return self.features.egemaps[self.at]

    @cached_property
    def pooled(self) -> np.ndarray:
        """Mean and deviation over time of the HuBERT layers, float32, shape (rows, 2 L W)."""
        hubert = (self.features.hubert[i].astype(np.float32) for i in self.at)
        return np.stack([np.concatenate([h.mean(0), h.std(0)], None) for h in hubert])

    def of_layers(self, layers) -> "Data":
        """The same utterances, described by some of the encoder's layers that are there.

        Parameters
        ----------
        layers : sequence of int
            Their numbers, in the order wanted.

        Returns
        -------
        Data
            Nothing is copied.

        Raises
        ------
        FeatureError
            A layer is not there.
        """
        own, layers = tuple(self.features.layers), tuple(layers)
        if layers == own:
            return self
        if absent := [layer for layer in layers if layer not in own]:
            raise FeatureError(
                f"layers={list(layers)}: these features are of layers {list(own)}; name layer "
                f"{absent[0]} in features.layers and extract them again"
            )
        chosen = _Layers(self.features.hubert, [own.index(layer) for layer in layers])
        name = hashlib.sha256(f"{self.features.fingerprint} {layers}".encode()).hexdigest()
        features = replace(self.features, hubert=chosen, layers=layers, fingerprint=name)
        return replace(self, features=features)

    def shuffled(self, stream: str, positions, rng) -> "Data":
        """Some rows exchange a stream among one another, so that what it says does not fit.

        Parameters
        ----------
        stream : str
            ``hubert``, ``mfcc`` or ``prosody``.
        positions : sequence of int
            None of these rows keeps its own, unless it is the only one.
        rng : numpy.random.Generator

        Returns
        -------
        Data
        """
        order = rng.permutation(self.at[positions])
        place = np.arange(len(self.features))
        place[order] = np.roll(order, 1)
        return self._with(stream, _Reordered(getattr(self.features, stream), place))

    def averaged(self, stream: str, mean) -> "Data":
        """Every frame of a stream is the same, so that it says nothing.

        Parameters
        ----------
        stream : str
            ``mfcc`` or ``prosody``.
        mean : numpy.ndarray, float32, shape (features,)
            Of training rows.

        Returns
        -------
        Data
        """
        return self._with(stream, _Averaged(getattr(self.features, stream), mean))

    def _with(self, stream, arrays):
        if stream == "prosody":
            arrays = np.stack([arrays[i] for i in range(len(self.features))])
        return replace(self, features=replace(self.features, **{stream: arrays}))

    def target(self, positions) -> torch.Tensor:
        """Classes of some rows, int64, shape (B,)."""
        return torch.from_numpy(self.classes[positions])

    def batch(self, positions, *, crop_s=None, rng=None) -> Batch:
        """Some rows, padded to the longest.

        Parameters
        ----------
        positions : sequence of int
        crop_s : float, optional
            Of what is longer, take a piece of so many seconds: the same of HuBERT and MFCC, whole
            prosody. One long utterance would otherwise pad, and slow down, the whole batch.
        rng : numpy.random.Generator, optional
            Draws where each piece begins.

        Returns
        -------
        Batch
        """
        at = self.at[positions]
        hubert, mfcc = [self.features.hubert[i] for i in at], [self.features.mfcc[i] for i in at]
        if crop_s is not None:
            begins = rng.random(len(at))
            hubert = [_crop(*pair, crop_s * HUBERT_RATE) for pair in zip(hubert, begins)]
            mfcc = [_crop(*pair, crop_s * MFCC_RATE) for pair in zip(mfcc, begins)]
        hubert, hubert_length = _pad(hubert)
        mfcc, mfcc_length = _pad(mfcc)
        prosody = torch.from_numpy(self.features.prosody[at].astype(np.float32))
        return Batch(hubert, hubert_length, mfcc, mfcc_length, prosody)


@dataclass(frozen=True)
class _Layers:
    """Some layers of sequences."""

    arrays: object
    columns: list

    def __getitem__(self, index):
        return self.arrays[index][:, self.columns]


@dataclass(frozen=True)
class _Reordered:
    """Arrays in another order."""

    arrays: object
    place: np.ndarray

    def __getitem__(self, index):
        return self.arrays[self.place[index]]


@dataclass(frozen=True)
class _Averaged:
    """Arrays of the same length, each row of which is `mean`."""

    arrays: object
    mean: np.ndarray

    def __getitem__(self, index):
        return np.broadcast_to(self.mean, np.shape(self.arrays[index]))


def _crop(array, begin, frames):
    """Piece of an array that begins at a share of what is left over."""
    spare = len(array) - int(frames)
    return array if spare <= 0 else array[(first := round(begin * spare)) : first + int(frames)]


def _pad(arrays):
    lengths = [len(array) for array in arrays]
    padded = np.zeros((len(arrays), max(lengths), *arrays[0].shape[1:]), np.float32)
    for row, array in zip(padded, arrays):
        row[: len(array)] = array
    return torch.from_numpy(padded), torch.tensor(lengths)
