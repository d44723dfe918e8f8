"""Random numbers that depend on an RNG key, not on what was drawn before.

An RNG key is what the numbers are for: the study's seed, a word, and whatever else tells this use
from others, such as a corpus and a fold.
"""

import hashlib

import numpy as np


def seed_of(*key) -> int:
    """Hash an RNG key to a seed that is the same on every machine.

    Parameters
    ----------
    *key : str, int or float
        An RNG key: what the numbers are for, such as ``params.seed, "finetune", corpus, fold``.
        Its parts are hashed as text, in order.

    Returns
    -------
    int
        At least 0, below 2**63.

    Examples
    --------
    >>> seed_of(1, "pretrain") == seed_of(1, "pretrain") != seed_of(2, "pretrain")
    True
    """
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*key) -> np.random.Generator:
    """Make a NumPy generator for an RNG key.

    Parameters
    ----------
    *key : str, int or float
        As `seed_of`.

    Returns
    -------
    numpy.random.Generator
    """
    return np.random.default_rng(seed_of(*key))
