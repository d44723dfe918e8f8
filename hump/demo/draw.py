"""Random numbers that depend on a name alone, never on what was drawn before."""

import hashlib

import numpy as np

__all__ = ["generator"]


def generator(*name) -> np.random.Generator:
    """A random generator of its own for everything that has a name.

    Parameters
    ----------
    *name : int or str
        What the numbers are for, such as seed, corpus, speaker, emotion, sentence, take.

    Returns
    -------
    numpy.random.Generator
        PCG64, seeded with the SHA-256 of the name.
    """
    # An integer of numpy must name the same thing as one of Python, though it prints otherwise.
    plain = tuple(part if isinstance(part, str) else int(part) for part in name)
    digest = hashlib.sha256(repr(plain).encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(digest))))
