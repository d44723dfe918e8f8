"""How an emotion is acted: rules from the literature, and actors who follow them.

Each emotion has two styles, after Banse and Scherer (1996), who found different acoustic profiles
for hot and cold anger, elation and happiness, despair and sadness. The directions of F0, range,
rate, loudness and high-frequency energy follow the reviews of Murray and Arnott (1993), Juslin and
Laukka (2003) and Scherer (2003): anger and joy are higher, wider, faster, louder and brighter,
sadness is lower, narrower, slower, softer and darker. Smiling raises formants (Tartter 1980). The
sizes are this project's choice, set so that listeners and classifiers make mistakes.

References
----------
Banse, Scherer (1996), J. Pers. Soc. Psychol. 70(3), doi:10.1037/0022-3514.70.3.614
Juslin, Laukka (2003), Psychol. Bull. 129(5), doi:10.1037/0033-2909.129.5.770
Murray, Arnott (1993), J. Acoust. Soc. Am. 93(2), doi:10.1121/1.405558
Scherer (2003), Speech Commun. 40(1-2), doi:10.1016/S0167-6393(02)00084-5
Tartter (1980), Percept. Psychophys. 27(1), doi:10.3758/BF03199901
"""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import yaml

from hump.params.names import EMOTIONS

_SAID = yaml.safe_load(Path(__file__).with_name("acting.yaml").read_text(encoding="utf-8"))
# Cue -> standard deviation of a take; emotion -> values of the cues in each of its two styles.
CUES = _SAID["cues"]
STYLES = {emotion: np.array([*two.values()]) for emotion, two in _SAID["styles"].items()}
# Voice variants of eSpeak NG; each actor of a corpus has a different one.
VARIANTS = frozenset(name for names in _SAID["variants"].values() for name in names)
CAST = len(VARIANTS)

_TAKE_STRENGTH = 0.13  # standard deviation, log
_TAKE_STYLE = 0.10  # standard deviation, share of the second style
_HABITS = 0.35  # standard deviation between actors, relative to that between takes
_STRENGTH = 0.12  # standard deviation between actors, log
_STYLE = 0.10  # standard deviation between actors, share of the second style


@dataclasses.dataclass(frozen=True)
class Culture:
    """How the actors of a corpus act on average.

    Attributes
    ----------
    strength : dict of str to float
        How strongly each emotion is acted; 1 is the strength of `STYLES`.
    style : dict of str to float
        Share of each emotion's second style, 0 to 1.
    weights : dict of str to float
        Weight of each cue, where it is not 1.
    """

    strength: dict
    style: dict
    weights: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Manner:
    """How one actor differs from the culture.

    Attributes
    ----------
    strength : dict of str to float
        Strength of each emotion relative to the culture's.
    style : dict of str to float
        What is added to the culture's share of each emotion's second style.
    habits : numpy.ndarray, shape (cues,), float64
        What is added to each cue, whatever the emotion.
    """

    strength: dict
    style: dict
    habits: np.ndarray


def portray(emotion: str, *, culture: Culture, manner: Manner, rng) -> dict[str, float]:
    """The cues of one take, relative to the actor's everyday speech.

    Parameters
    ----------
    emotion : str
        One of `hump.params.names.EMOTIONS`.
    culture : Culture
    manner : Manner
    rng : numpy.random.Generator
        For what differs from take to take.

    Returns
    -------
    dict of str to float
        Value of each cue, units as in `CUES`.
    """
    share = culture.style[emotion] + manner.style[emotion] + rng.normal(0, _TAKE_STYLE)
    first, second = STYLES[emotion]
    share = np.clip(share, 0, 1)
    strength = culture.strength[emotion] * manner.strength[emotion]
    strength *= np.exp(rng.normal(0, _TAKE_STRENGTH))
    weights = np.array([culture.weights.get(cue, 1.0) for cue in CUES])
    meant = strength * weights * ((1 - share) * first + share * second)
    done = meant + manner.habits + rng.normal(0, list(CUES.values()))
    return dict(zip(CUES, done.tolist(), strict=True))


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
    order = generator(seed, corpus, "cast", sex).permutation(_SAID["variants"][sex])
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
