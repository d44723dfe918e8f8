"""The actors: six women and six men a corpus, each with a voice and a manner of acting."""

import dataclasses
import hashlib

import numpy as np

from hump.demo.acting import CUES, Manner
from hump.params.names import EMOTIONS

# Voice variants of eSpeak NG; each actor of a corpus has a different one.
_VARIANTS = {
    "f": ("f1", "f2", "f3", "f4", "f5", "linda"),
    "m": ("m1", "m2", "m3", "m4", "m7", "m8"),
}
VARIANTS = frozenset(name for names in _VARIANTS.values() for name in names)
CAST = len(VARIANTS)

_HABITS = 0.35  # standard deviation between actors, relative to that between takes
_STRENGTH = 0.12  # standard deviation between actors, log
_STYLE = 0.10  # standard deviation between actors, share of the second style


@dataclasses.dataclass(frozen=True)
class Actor:
    """A voice and a manner of acting.

    Attributes
    ----------
    variant : str
        Voice variant of eSpeak NG.
    pitch_st : float
        F0 relative to the variant's, semitones.
    rate : float
        Rate of speech relative to the language's.
    formants : float
        Formant frequencies relative to the variant's.
    timbre_db : numpy.ndarray, shape (8,), float64
        Gain of the voice at 8 frequencies evenly spaced in octaves from 62.5 to 8000 Hz, dB.
    manner : Manner
    """

    variant: str
    pitch_st: float
    rate: float
    formants: float
    timbre_db: np.ndarray
    manner: Manner


def speaker_name(prefix: str, number: int) -> str:
    """Name of an actor, such as ``de03f``: corpus, number, sex; odd numbers are women."""
    return f"{prefix}{number:02d}{_sex(number)}"


def actor(corpus: str, number: int, *, seed: int) -> Actor:
    """One actor of a corpus, the same whoever else is in the cast.

    Parameters
    ----------
    corpus : str
        Name of the corpus.
    number : int
        1 to `CAST`.
    seed : int

    Returns
    -------
    Actor
    """
    sex = _sex(number)
    # One order of variants for the whole corpus, so that no voice is cast twice.
    order = generator(seed, corpus, "cast", sex).permutation(_VARIANTS[sex])
    rng = generator(seed, corpus, "actor", number)
    return Actor(
        variant=str(order[(number - 1) // 2]),
        pitch_st=rng.uniform(-1.5, 1.2),
        rate=rng.uniform(0.90, 1.12),
        formants=rng.uniform(0.96, 1.04),
        timbre_db=rng.normal(0, 1.0, size=8),
        manner=_manner(rng),
    )


def generator(*rng_key) -> np.random.Generator:
    """A random generator that depends on its key alone, never on what was drawn before.

    Parameters
    ----------
    *rng_key : int or str
        Such as seed, corpus, speaker, emotion, sentence, take.

    Returns
    -------
    numpy.random.Generator
        PCG64, seeded with the SHA-256 of the key.
    """
    # An integer of numpy must mean the same as one of Python, though it prints otherwise.
    plain = tuple(part if isinstance(part, str) else int(part) for part in rng_key)
    digest = hashlib.sha256(repr(plain).encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(digest))))


def _sex(number):
    return "f" if number % 2 else "m"


def _manner(rng):
    return Manner(
        strength={emotion: np.exp(rng.normal(0, _STRENGTH)) for emotion in EMOTIONS},
        style={emotion: rng.normal(0, _STYLE) for emotion in EMOTIONS},
        habits=rng.normal(0, _HABITS * np.array(list(CUES.values()))),
    )
