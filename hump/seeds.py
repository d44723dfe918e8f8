"""Random numbers that depend on what they are for, not on what was drawn before."""

import hashlib

import numpy as np

__all__ = ["generator", "seed_of"]


def seed_of(*purpose) -> int:
    """A seed from the study's seed and a purpose, the same on every machine.

    Parameters
    ----------
    *purpose : str, int or float
        For example ``params.seed, "finetune", corpus, fold``.

    Returns
    -------
    int
        In [0, 2**63).

    Examples
    --------
    >>> seed_of(1, "pretrain") == seed_of(1, "pretrain") != seed_of(2, "pretrain")
    True
    """
    text = "\x1f".join(str(part) for part in purpose)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*purpose) -> np.random.Generator:
    """A NumPy generator seeded by `seed_of`."""
    return np.random.default_rng(seed_of(*purpose))
