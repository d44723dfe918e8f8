"""Where utterances lie before and after fine-tuning: do emotions part, do corpora meet?

A map by t-SNE shows it, but distorts; the silhouettes beside it are measured on the embeddings.
"""

import numpy as np
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from hump import training
from hump.model import HumpCat

__all__ = ["embed", "project", "silhouette"]

PERPLEXITY, ITERATIONS = 30, 500


def embed(model: HumpCat, data, positions) -> np.ndarray:
    """Embeddings of some rows, of length 1, since the classifier sees their direction alone.

    Parameters
    ----------
    model : HumpCat
        Set to evaluation mode.
    data : Data
    positions : sequence of int

    Returns
    -------
    numpy.ndarray, float32, shape (rows, d)
    """
    return normalize(training.outputs(model, model, data, positions))


def project(vectors: np.ndarray, *, seed: int) -> np.ndarray:
    """Map to the plane by t-SNE (van der Maaten and Hinton 2008), started from the main components.

    Parameters
    ----------
    vectors : numpy.ndarray, shape (n, d)
        At least 3.
    seed : int

    Returns
    -------
    numpy.ndarray, float32, shape (n, 2)
        The same on any number of cores.
    """
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    fit = TSNE(perplexity=perplexity, max_iter=ITERATIONS, init="pca", random_state=seed % 2**32)
    with threadpool_limits(1):
        return fit.fit_transform(vectors)


def silhouette(vectors: np.ndarray, groups) -> float:
    """How well groups part: mean silhouette by cosine distance (Rousseeuw 1987).

    Parameters
    ----------
    vectors : numpy.ndarray, shape (n, d)
    groups : array_like, shape (n,)

    Returns
    -------
    float
        1: far apart; 0: they overlap; NaN with one group, or with a group a row.
    """
    count = len(set(groups))
    if not 1 < count < len(vectors):
        return np.nan
    return float(silhouette_score(vectors, groups, metric="cosine"))
