"""Endless speech for self-supervised training: random sentences in many voices and rooms.

Nothing of the demo corpora is in it: neither their sentences nor the voice variants of their
actors. Voices vary as widely as acted emotions do, but each cue by itself, so that which cues make
an emotion is told nowhere. Words are Faker's (https://faker.readthedocs.io), speech eSpeak NG's.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np

from hump import seeds
from hump.demo import actors, espeak
from hump.demo.acting import CUES, STYLES
from hump.demo.recording import Recording, record
from hump.demo.voice import SAMPLING_RATE, colour, warp

__all__ = ["LANGUAGES", "SAMPLING_RATE", "Take", "speak", "variants"]

# eSpeak NG's language -> the locale of Faker's words.
LANGUAGES = {
    "en-us": "en_US",
    "en": "en_GB",
    "de": "de_DE",
    "it": "it_IT",
    "es": "es_ES",
    "cmn": "zh_CN",
    "fr": "fr_FR",
    "nl": "nl_NL",
    "pl": "pl_PL",
    "ru": "ru_RU",
}
WORDS = 8  # of a sentence, on average
# At an F0 near 40 Hz eSpeak NG writes beyond a buffer and ends the process: the two deepest voices
# are left out, and the others go no lower than this below their own F0.
TOO_DEEP = frozenset({"Demonic", "rob"})
LOWEST_ST = -5.0
MARGIN = 1.1  # acted cues lie within the extremes of `STYLES`; draws go a little beyond
_LOUD = 0.002  # of full scale; what is below, before and after the words, is cut


@dataclass(frozen=True)
class Take:
    """A piece of random speech.

    Attributes
    ----------
    signal : numpy.ndarray, float32 [shape=(samples,)]
        16 kHz, within -0.97 to 0.97.
    language, variant, text : str
        What was spoken, by which voice of eSpeak NG.
    """

    signal: np.ndarray
    language: str
    variant: str
    text: str


def speak(*purpose, seconds: float) -> Take:
    """A random piece of speech, the same for the same purpose.

    Parameters
    ----------
    *purpose : str or int
        What the piece is for, as in `hump.seeds.generator`: for example seed, "train", number.
    seconds : float
        Its length. Sentences are joined until they are long enough.

    Returns
    -------
    Take
    """
    rng = seeds.generator(*purpose)
    language = str(rng.choice(list(LANGUAGES)))
    variant = str(rng.choice(variants()))
    # Formants from a tall man's to a child's; the other ranges are those of the demo's actors and
    # of what they act, drawn independently of each other.
    formants = rng.uniform(0.88, 1.16)
    pitch_st = rng.uniform(-3, 3)
    rate_wpm = rng.uniform(130, 220)
    timbre_db = rng.normal(0, 2.0, size=8)
    cues = _cues(rng)
    voice, texts = np.zeros(0), []
    needed = int(seconds * SAMPLING_RATE)
    while len(voice) < needed:
        texts.append(_sentence(language, rng))
        plain = espeak.speak(
            texts[-1],
            voice=f"{language}+{variant}",
            pitch_st=max(LOWEST_ST, pitch_st + cues["pitch_st"] - 12 * np.log2(formants)),
            range_oct=cues["range_oct"],
            rate_wpm=rate_wpm * 2 ** cues["rate_oct"] / formants,
        )
        spoken = warp(_trim(plain), espeak.SAMPLING_RATE, formants=formants, cues=cues, rng=rng)
        pause = np.zeros(int(rng.uniform(0.1, 0.4) * SAMPLING_RATE))
        voice = np.concatenate([voice, pause, spoken])
    voice = colour(voice, timbre_db=timbre_db, cues=cues, rng=rng)
    first = rng.integers(len(voice) - needed + 1)
    tape = record(
        voice[first : first + needed],
        SAMPLING_RATE,
        recording=_recording(rng),
        loudness_db=cues["loudness_db"],
        rng=rng,
    )
    return Take(tape[:needed], language, variant, " ".join(texts))


@functools.cache
def variants() -> tuple[str, ...]:
    """Voice variants of eSpeak NG that can be used and that no actor of the demo corpora has."""
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return tuple(sorted({path.name for path in folder.iterdir()} - actors.VARIANTS - TOO_DEEP))


def _cues(rng):
    low, high = np.array(list(STYLES.values())).min(0), np.array(list(STYLES.values())).max(0)
    middle, reach = (low + high) / 2, (high - low) / 2 * MARGIN
    return dict(zip(CUES, rng.uniform(middle - reach, middle + reach).tolist(), strict=True))


def _recording(rng):
    return Recording(
        band_hz=(rng.uniform(40, 120), min(8000, rng.uniform(6000, 10000))),
        noise_db=rng.uniform(-75, -45),
        noise_slope_db=rng.uniform(-6, 0),
        tone_db=rng.uniform(-1.5, 1.5),
        reverberation_s=rng.uniform(0.08, 0.3),
        direct_db=rng.uniform(12, 30),
        level_db=rng.uniform(-32, -20),
        distance_db=3.0,
    )


def _sentence(language, rng):
    words = _words(LANGUAGES[language])
    words.seed_instance(int(rng.integers(2**31)))
    return words.sentence(nb_words=WORDS)


@functools.cache
def _words(locale):
    from faker import Faker  # here, since nothing else of a study needs it

    return Faker(locale)


def _trim(signal):
    loud = np.flatnonzero(np.abs(signal) > _LOUD)
    return signal[loud[0] : loud[-1] + 1]
