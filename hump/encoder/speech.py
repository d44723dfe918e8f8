"""Random synthetic speech: any number of sentences in many voices and rooms.

Words are Faker's (https://faker.readthedocs.io), speech eSpeak NG's. No sentence and no actor's
voice of the demo corpora is among them. Voices vary as widely as acted emotions do, but each cue is
drawn independently of the others, so nothing shows which cues make an emotion.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np

from hump.demo import voice
from hump.demo.acting import CUES, STYLES, VARIANTS
from hump.demo.recording import SAMPLING_RATE, Recording, record
from hump.util import seeds

# eSpeak NG's language and the locale of Faker's words.
LANGUAGES = {
    "en-us": "en_US", "en": "en_GB", "de": "de_DE", "it": "it_IT", "es": "es_ES",
    "cmn": "zh_CN", "fr": "fr_FR", "nl": "nl_NL", "pl": "pl_PL", "ru": "ru_RU",
}  # fmt: skip
WORDS = 8  # of a sentence, on average
# At an F0 near 40 Hz eSpeak NG writes beyond a buffer and ends the process: the two deepest voices
# are left out, and the others go no lower than this, in semitones from their own F0.
TOO_DEEP = frozenset({"Demonic", "rob"})
LOWEST_ST = -5.0
MARGIN = 1.1  # cues are drawn from the range of `STYLES`, widened by this factor


@dataclass(frozen=True)
class Utterance:
    """A stretch of synthetic speech.

    Attributes
    ----------
    signal : numpy.ndarray, shape (samples,), float32
        16 kHz, within -0.97 to 0.97.
    language, variant : str
        Language and voice variant of eSpeak NG.
    text : str
        The sentences it was cut from.
    """

    signal: np.ndarray
    language: str
    variant: str
    text: str


def speak(*rng_key, seconds: float) -> Utterance:
    """Random speech, the same for the same key.

    Parameters
    ----------
    *rng_key : str or int
        As in `hump.util.seeds.generator`: for example seed, "train 1", number.
    seconds : float
        Its length. Sentences are joined until they are long enough.

    Returns
    -------
    Utterance
    """
    rng = seeds.generator(*rng_key)
    language = str(rng.choice(list(LANGUAGES)))
    variant = str(rng.choice(variants()))
    # Formants from a tall man's to a child's; the other ranges are those of the demo's actors and
    # of what they act, drawn independently of each other.
    ranges = {"formants": (0.88, 1.16), "pitch_st": (-3, 3), "rate_wpm": (130, 220)}
    own = {name: rng.uniform(*limits) for name, limits in ranges.items()}
    timbre_db = rng.normal(0, 2.0, size=8)
    cues = _cues(rng)
    signal, texts = np.zeros(0), []
    needed = int(seconds * SAMPLING_RATE)
    while len(signal) < needed:
        texts.append(_sentence(language, rng))
        spoken = voice.speak(
            texts[-1], voice=f"{language}+{variant}", cues=cues, rng=rng, lowest_st=LOWEST_ST, **own
        )
        pause = np.zeros(int(rng.uniform(0.1, 0.4) * SAMPLING_RATE))
        signal = np.concatenate([signal, pause, spoken])
    signal = voice.colour(signal, timbre_db=timbre_db, cues=cues, rng=rng)
    first = rng.integers(len(signal) - needed + 1)
    signal = signal[first : first + needed]
    recording, loudness_db = random_recording(rng), cues["loudness_db"]
    signal = record(signal, recording=recording, loudness_db=loudness_db, rng=rng)
    return Utterance(signal[:needed], language, variant, " ".join(texts))


@functools.cache
def variants() -> tuple[str, ...]:
    """Voice variants of eSpeak NG that can be used and that no actor of the demo corpora has."""
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return tuple(sorted({path.name for path in folder.iterdir()} - VARIANTS - TOO_DEEP))


def _cues(rng):
    styles = np.concatenate([*STYLES.values()])
    low, high = styles.min(0), styles.max(0)
    middle, reach = (low + high) / 2, (high - low) / 2 * MARGIN
    return dict(zip(CUES, rng.uniform(middle - reach, middle + reach).tolist(), strict=True))


def random_recording(rng) -> Recording:
    """A random room, microphone and level."""
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
    faker = _faker(LANGUAGES[language])
    faker.seed_instance(int(rng.integers(2**31)))
    return faker.sentence(nb_words=WORDS)


@functools.cache
def _faker(locale):
    from faker import Faker  # here, since nothing else of a study needs it

    return Faker(locale)
