"""The study's linear probe on every pair of layers, and which pair training speakers choose.

The kernel of two layers together is the sum of theirs, so an SVM on each of the pairs needs one
kernel a layer. Groups of speakers are left out two at a time: the probe trained without two groups
serves the choice for either of them (nested leave-one-out), and the probe trained without one group
is tested on it.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hump import corpora, evaluation
from hump.corpora import splits
from hump.experiments import runner
from hump.params import Params
from hump.training.dataset import Data


@dataclass(frozen=True)
class Probes:
    """Predictions of a probe on each pair of layers.

    Attributes
    ----------
    pairs : list of tuple of int
        Layers (a, b), a <= b; a layer with itself is that layer alone.
    groups : list of Split
        The speakers that each fold tests.
    tested : numpy.ndarray of int, shape (pairs, rows)
        Class predicted by the probe trained on all groups but the row's own.
    inner : dict of (int, int) to numpy.ndarray of int, shape (pairs, rows of group)
        (left out, validated) -> classes predicted for the second group by the probe trained without
        both.
    """

    pairs: list
    groups: list
    tested: np.ndarray
    inner: dict

    def best_on_training(self, classes) -> list[int]:
        """For each group, the pair that is best on the other groups: position in `pairs`.

        Parameters
        ----------
        classes : numpy.ndarray of int, shape (rows,)

        Returns
        -------
        list of int
            The first among equals.
        """
        chosen = []
        for held in range(len(self.groups)):
            others = [k for k in range(len(self.groups)) if k != held]
            truth = classes[np.concatenate([self.groups[k].test for k in others])]
            guesses = np.concatenate([self.inner[held, k] for k in others], axis=1)
            chosen.append(int(np.argmax([evaluation.uar(truth, guess) for guess in guesses])))
        return chosen

    def best_on_test(self, classes) -> int:
        """The pair that is best on the test rows themselves, which must choose nothing.

        Parameters
        ----------
        classes : numpy.ndarray of int, shape (rows,)

        Returns
        -------
        int
            Position in `pairs`; the first among equals.
        """
        rows = np.concatenate([group.test for group in self.groups])
        scores = [evaluation.uar(classes[rows], guess[rows]) for guess in self.tested]
        return int(np.argmax(scores))

    def nested(self, classes) -> np.ndarray:
        """Predictions with the pair that each group's training speakers chose.

        Parameters
        ----------
        classes : numpy.ndarray of int, shape (rows,)

        Returns
        -------
        numpy.ndarray of int, shape (rows,)
        """
        predicted = self.tested[0].copy()
        for group, pair in zip(self.groups, self.best_on_training(classes)):
            predicted[group.test] = self.tested[pair, group.test]
        return predicted


def pairs(layers: int) -> list[tuple[int, int]]:
    """All pairs of so many layers, and each with itself.

    Parameters
    ----------
    layers : int

    Returns
    -------
    list of tuple of int
    """
    return list(itertools.combinations_with_replacement(range(layers), 2))


def kernels(pooled, train, test) -> tuple[np.ndarray, np.ndarray]:
    """Linear kernels of each layer's statistics, scaled by training rows.

    Parameters
    ----------
    pooled : numpy.ndarray, float32, shape (rows, layers, 2, width)
    train, test : numpy.ndarray of int

    Returns
    -------
    numpy.ndarray, float32, shape (layers, train rows, train rows)
    numpy.ndarray, float32, shape (layers, test rows, train rows)
        Divided by twice the number of features, so that a sum of two stands for C = 1.
    """
    own, other = [], []
    for layer in range(pooled.shape[1]):
        values = pooled[:, layer].reshape(len(pooled), -1).astype(np.float64)
        scaler = StandardScaler().fit(values[train])
        known, asked = scaler.transform(values[train]), scaler.transform(values[test])
        divisor = 2 * values.shape[1]
        # Half the memory: a corpus of 5,500 utterances has kernels of 120 MB a layer.
        own.append((known @ known.T / divisor).astype(np.float32))
        other.append((asked @ known.T / divisor).astype(np.float32))
    return np.stack(own), np.stack(other)


def fit_predict(own, other, pair, classes) -> np.ndarray:
    """`hump.training.baselines.linear_svm` on two layers, by their kernels.

    Parameters
    ----------
    own, other : numpy.ndarray
        As `kernels`.
    pair : tuple of int
    classes : numpy.ndarray of int, shape (train rows,)

    Returns
    -------
    numpy.ndarray of int, shape (test rows,)
    """
    a, b = pair
    svm = SVC(kernel="precomputed", class_weight="balanced").fit(own[a] + own[b], classes)
    return svm.predict(other[a] + other[b])


def run(data: Data, params: Params, *, label: str) -> Probes:
    """Probe every pair of layers, nested.

    Parameters
    ----------
    data : Data
        With statistics of all layers.
    params : Params
    label : str
        Shown beside the progress bar.

    Returns
    -------
    Probes
    """
    own = corpora.frozen_folds(data.corpus, params)
    count = params.experiments.layers.probe_folds
    # Two groups are left out at once, which folds that keep sentences apart do not allow.
    usable = len(own) <= count and not any(fold.sentences for fold in own)
    groups = splits.speaker_folds(data.rows, count, own if usable else ())
    pooled, tests = data.features.pooled[data.at], [group.test for group in groups]
    held = list(itertools.combinations_with_replacement(range(len(groups)), 2))
    out = [[tests[k] for k in dict.fromkeys(both)] for both in held]
    calls = [{"pooled": pooled, "classes": data.classes, "out": rows} for rows in out]
    results = runner.run(_probe_job, calls, params, label=label, cpu_only=True)
    every = pairs(pooled.shape[1])
    tested, inner = np.zeros((len(every), len(data.rows)), np.int64), {}
    for (a, b), result in zip(held, results):
        predicted = [np.array(part) for part in result]
        if a == b:
            tested[:, tests[a]] = predicted[0]
        else:
            inner[b, a], inner[a, b] = predicted
    return Probes(every, groups, tested, inner)


def _probe_job(pooled, classes, out):
    """Predictions of each pair of layers for each group left out."""
    left_out = np.concatenate(out)
    train = np.setdiff1d(np.arange(len(classes)), left_out)
    own, other = kernels(pooled, train, left_out)
    predicted = np.stack(
        [fit_predict(own, other, pair, classes[train]) for pair in pairs(pooled.shape[1])]
    )
    ends = np.cumsum([len(rows) for rows in out])
    return [part.tolist() for part in np.split(predicted, ends[:-1], axis=1)]
