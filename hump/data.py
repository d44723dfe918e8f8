"""Utterances of a corpus as the model takes them: manifest rows beside their features."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from hump import corpora, names, tables
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
