"""Utterances of a corpus as the model takes them: manifest rows beside their features."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from hump.errors import FeatureError
from hump.model import Batch

# Hidden states per second.
HUBERT_RATE = 50


@dataclass(frozen=True)
class Data:
    """A corpus in use.

    Attributes
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    features : hump.features.Features
        Of at least these rows.
    labels : tuple of str
        Classes, in the order of the model's outputs.
    """

    rows: pd.DataFrame
    features: Any
    labels: tuple[str, ...]

    @property
    def corpus(self) -> str:
        """Name of the corpus."""
        return self.rows["corpus"].iloc[0]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of utterances, speakers and labels in use, and of the features."""
        text = self.rows[["utterance_id", "speaker", "emotion"]].to_csv(index=False)
        text += f"{self.labels} {self.features.fingerprint}"
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def at(self) -> np.ndarray:
        """Position of each row in the features."""
        return self.features.index(self.rows["utterance_id"])

    @cached_property
    def classes(self) -> np.ndarray:
        """Class of each row, shape (rows,), int64."""
        return pd.Categorical(self.rows["emotion"], categories=self.labels).codes.astype(np.int64)

    @property
    def prosody(self) -> np.ndarray:
        """Prosody of each row, shape (rows, 103), float32."""
        return self.features.prosody[self.at]

    @property
    def egemaps(self) -> np.ndarray:
        """eGeMAPS functionals of each row, shape (rows, 88), float32."""
        return self.features.egemaps[self.at]

    @cached_property
    def moments(self) -> dict[str, np.ndarray]:
        """Of each row what means and variances are made of, computed once for all fits.

        Stream (``hubert``, ``mfcc``, ``prosody``) -> shape (rows, 3, features), float64: number of
        frames, sum and sum of squares; NaN is left out.
        """
        features, prosody = self.features, self.features.prosody
        return {
            "hubert": np.stack([_moments(features.hubert[i]) for i in self.at]),
            "mfcc": np.stack([_moments(features.mfcc[i]) for i in self.at]),
            "prosody": np.stack([_moments(prosody[i : i + 1]) for i in self.at]),
        }

    @cached_property
    def pooled(self) -> np.ndarray:
        """Mean and standard deviation of HuBERT layers over time, shape (rows, 2 L W), float32."""
        mean, variance = mean_and_variance(self.moments["hubert"].swapaxes(0, 1))
        return np.concatenate([mean, np.sqrt(variance)], axis=1, dtype=np.float32)

    def of_layers(self, layers) -> "Data":
        """The same utterances with a subset of the encoder layers that the features hold.

        Parameters
        ----------
        layers : sequence of int
            Layer numbers, in the order wanted.

        Returns
        -------
        Data
            Nothing is copied.

        Raises
        ------
        FeatureError
            The features do not hold a layer.
        """
        own, layers = tuple(self.features.layers), tuple(layers)
        if layers == own:
            return self
        if absent := [layer for layer in layers if layer not in own]:
            raise FeatureError(
                f"layers={list(layers)}: these features are of layers {list(own)}; name layer "
                f"{absent[0]} in features.layers and extract them again"
            )
        hubert, columns = self.features.hubert, [own.index(layer) for layer in layers]
        name = hashlib.sha256(f"{self.features.fingerprint} {layers}".encode()).hexdigest()
        chosen = _View(lambda i: hubert[i][:, columns])
        streams = {**self.features.streams, "hubert": chosen}
        features = replace(self.features, streams=streams, layers=layers, fingerprint=name)
        chosen = replace(self, features=features)
        parts = self.moments["hubert"].reshape(len(self.rows), 3, len(own), -1)[:, :, columns]
        # A cached property is found where its value lies.
        vars(chosen)["moments"] = self.moments | {"hubert": parts.reshape(len(self.rows), 3, -1)}
        return chosen

    def only(self, rows) -> "Data":
        """Some of the utterances.

        Parameters
        ----------
        rows : numpy.ndarray of int

        Returns
        -------
        Data
            Nothing is copied.
        """
        chosen = replace(self, rows=self.rows.iloc[rows].reset_index(drop=True))
        vars(chosen)["moments"] = {stream: own[rows] for stream, own in self.moments.items()}
        return chosen

    def scaled(self) -> "Data":
        """Features with mean 0 and variance 1 over this corpus, whose labels are not read.

        Corpora differ in microphones, rooms and voices, which this takes out (Schuller et al. 2010,
        doi:10.1109/T-AFFC.2010.8). It needs the recordings of a corpus together.

        Returns
        -------
        Data
            Sequences are scaled when they are read.
        """
        streams, moments = dict(self.features.streams), {}
        for stream, parts in self.moments.items():
            mean, variance = mean_and_variance(parts.sum(axis=0))
            # A feature that no utterance has is left as it is, NaN; a constant one becomes 0.
            mean = np.nan_to_num(mean)
            deviation = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
            count, total, square = parts.swapaxes(0, 1)
            square = square - 2 * mean * total + mean**2 * count
            own = count, (total - mean * count) / deviation, square / deviation**2
            moments[stream] = np.stack(own, axis=1)
            by = (torch.from_numpy(values).float() for values in (mean, deviation))
            streams[stream] = _View(partial(_scaled, streams[stream], *by))
        streams["prosody"] = streams["prosody"][:]
        name = hashlib.sha256(f"{self.fingerprint} scaled".encode()).hexdigest()
        scaled = replace(self, features=replace(self.features, streams=streams, fingerprint=name))
        vars(scaled)["moments"] = moments
        return scaled

    def shuffled(self, stream: str, rows, rng) -> "Data":
        """Some rows exchange a stream among one another, so that it no longer fits the utterance.

        Parameters
        ----------
        stream : str
            ``hubert``, ``mfcc`` or ``prosody``.
        rows : sequence of int
            None of these rows keeps its own, unless it is the only one.
        rng : numpy.random.Generator

        Returns
        -------
        Data
        """
        order = rng.permutation(self.at[rows])
        place = np.arange(len(self.features))
        place[order] = np.roll(order, 1)
        arrays = getattr(self.features, stream)
        return self._with(stream, lambda i: arrays[place[i]])

    def averaged(self, stream: str, mean) -> "Data":
        """Every frame of a stream is the same, so that it carries no information.

        Parameters
        ----------
        stream : str
            ``mfcc`` or ``prosody``.
        mean : numpy.ndarray, shape (features,), float32
            Mean of training rows.

        Returns
        -------
        Data
        """
        arrays = getattr(self.features, stream)
        return self._with(stream, lambda i: np.broadcast_to(mean, np.shape(arrays[i])))

    def _with(self, stream, get):
        arrays = _View(get)
        if stream == "prosody":
            arrays = np.stack([get(i) for i in range(len(self.features))])
        streams = {**self.features.streams, stream: arrays}
        return replace(self, features=replace(self.features, streams=streams))

    def class_weights(self, rows) -> torch.Tensor:
        """Weights inverse to the size of each class, with mean 1 over the rows.

        Parameters
        ----------
        rows : numpy.ndarray of int
            The rows that are counted.

        Returns
        -------
        torch.Tensor, shape (classes,), float32
            0 for a class without rows.
        """
        classes = self.classes[rows]
        count = np.bincount(classes, minlength=len(self.labels))
        present = count > 0
        weight = np.where(present, len(classes) / (present.sum() * np.maximum(count, 1)), 0.0)
        return torch.tensor(weight, dtype=torch.float32)

    def target(self, rows) -> torch.Tensor:
        """Classes of some rows, shape (batch,), int64."""
        return torch.from_numpy(self.classes[rows])

    def batch(self, rows, *, crop_s: float | None = None, rng=None, pinned=False) -> Batch:
        """Some rows as model input.

        Parameters
        ----------
        rows : sequence of int
        crop_s : float, optional
            Crop longer utterances to so many seconds: HuBERT and MFCC alike, prosody stays whole.
            One long utterance would otherwise slow down the whole batch.
        rng : numpy.random.Generator, optional
            Draws where each crop begins.
        pinned : bool
            Leave sequences in their own type, in memory that a GPU copies from quickly.

        Returns
        -------
        Batch
        """
        at = self.at[rows]
        hubert, mfcc = [self.features.hubert[i] for i in at], [self.features.mfcc[i] for i in at]
        if crop_s is not None:
            begins = rng.random(len(at))
            hubert = [_crop(*pair, crop_s * HUBERT_RATE) for pair in zip(hubert, begins)]
            mfcc = [_crop(*pair, crop_s * self.features.mfcc_rate) for pair in zip(mfcc, begins)]
        prosody = torch.from_numpy(self.features.prosody[at].astype(np.float32))
        return Batch(*_joined(hubert, pinned), *_joined(mfcc, pinned), prosody)


def joined(parts) -> Data:
    """Several corpora as one; speakers and utterances are told apart by their corpus.

    Parameters
    ----------
    parts : sequence of Data
        With the same labels and layers.

    Returns
    -------
    Data
        Nothing is copied but prosody and eGeMAPS.
    """
    place = [(data, k) for data in parts for k in data.at]

    def view(stream):
        return _View(lambda i: getattr(place[i][0].features, stream)[place[i][1]])

    rows = pd.concat([data.rows for data in parts], ignore_index=True)
    for column in ("utterance_id", "speaker"):
        rows[column] = rows["corpus"] + "/" + rows[column]
    rows["corpus"] = " + ".join(data.corpus for data in parts)
    streams = {
        "hubert": view("hubert"),
        "mfcc": view("mfcc"),
        "prosody": np.concatenate([data.prosody for data in parts]),
        "egemaps": np.concatenate([data.egemaps for data in parts]),
    }
    name = hashlib.sha256(" ".join(data.fingerprint for data in parts).encode()).hexdigest()
    features = replace(
        parts[0].features,
        utterance_ids=tuple(rows["utterance_id"]),
        corpus=rows["corpus"].iloc[0],
        streams=streams,
        fingerprint=name,
    )
    whole = Data(rows, features, parts[0].labels)
    each = [data.moments for data in parts]
    vars(whole)["moments"] = {s: np.concatenate([own[s] for own in each]) for s in each[0]}
    return whole


@dataclass(frozen=True)
class _View:
    """Arrays by position, computed when they are asked for."""

    get: Callable[[int], np.ndarray]

    def __getitem__(self, index):
        return self.get(index)


def _scaled(arrays, mean, deviation, index):
    """Arrays of a stream, scaled, by their index."""
    # torch converts much faster than NumPy, and wants writable arrays
    values = torch.from_numpy(np.require(arrays[index], requirements="W")).float()
    return values.flatten(1).sub(mean).div_(deviation).view(values.shape).numpy()


def _crop(array, begin, frames):
    """Part of so many frames; `begin`, in [0, 1), is where it starts within what is left over."""
    spare = len(array) - int(frames)
    return array if spare <= 0 else array[(first := round(begin * spare)) : first + int(frames)]


def mean_and_variance(moments):
    """Of number, sum and sum of squares, shape (3, ...); NaN where the number is 0."""
    count, total, square = moments
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        return mean, np.maximum(square / count - mean**2, 0.0)


def _moments(array):
    values = torch.from_numpy(np.array(array)).double().flatten(1)
    known = ~values.isnan()
    values = torch.where(known, values, 0.0)
    return torch.stack([known.sum(0), values.sum(0), values.square().sum(0)]).numpy()


def _joined(arrays, pinned):
    """Arrays one after the other, and their lengths; torch converts much faster than NumPy."""
    # torch wants writable arrays
    parts = [torch.from_numpy(np.require(array, requirements="W")) for array in arrays]
    lengths, dtype = [len(part) for part in parts], parts[0].dtype if pinned else torch.float32
    joined = torch.empty(sum(lengths), *parts[0].shape[1:], dtype=dtype, pin_memory=pinned)
    for place, part in zip(joined.split(lengths), parts):
        place.copy_(part)
    return joined, torch.tensor(lengths)
