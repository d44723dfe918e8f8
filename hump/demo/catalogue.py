"""The six demo corpora: language, recording and culture of acting.

Corpora differ as published ones do: in bandwidth, noise, room and level, and in how their actors
act. Emotions in the voice are understood across cultures, though worse than within one (Scherer,
Banse and Wallbott 2001, J. Cross-Cult. Psychol. 32(1), doi:10.1177/0022022101032001009): cues are
shared, their sizes and styles are not.
"""

import dataclasses

from hump.demo.acting import Culture
from hump.demo.recording import Recording


@dataclasses.dataclass(frozen=True)
class Corpus:
    """What a demo corpus is made of.

    Attributes
    ----------
    language : str
        In English words.
    prefix : str
        First letters of its speakers' names.
    script : str
        Key of `hump.demo.scripts.SENTENCES`.
    voice : str
        Language of eSpeak NG.
    rate_wpm : float
        Usual rate of speech, words per minute.
    recording : Recording
    culture : Culture
    acting : str
        The culture in words.
    """

    language: str
    prefix: str
    script: str
    voice: str
    rate_wpm: float
    recording: Recording
    culture: Culture
    acting: str


def _per_emotion(angry, happy, neutral, sad):
    return {"angry": angry, "happy": happy, "neutral": neutral, "sad": sad}


# Arguments of Recording: band, noise, its slope, microphone's slope, reverberation, direct sound,
# level, its standard deviation. Of Culture: strength, style, weights.
CATALOGUE = {
    "demo_source": Corpus(
        "English", "us", "english", "en-us", 170,
        Recording((60, 7600), -62, -3, 0.0, 0.20, 12, -28, 5),
        Culture(_per_emotion(1.2, 1.25, 1.0, 1.25), _per_emotion(0.25, 0.25, 0.3, 0.15)),
        "hot anger, elation, quiet sorrow",
    ),
    "demo_english": Corpus(
        "English", "gb", "english_target", "en", 165,
        Recording((80, 7000), -56, -2, 3.0, 0.30, 9, -26, 5),
        Culture(_per_emotion(1.15, 1.2, 1.0, 1.2), _per_emotion(0.45, 0.45, 0.3, 0.25)),
        "anger and happiness between their two styles, quiet sorrow",
    ),
    "demo_german": Corpus(
        "German", "de", "german", "de", 170,
        Recording((40, 8000), -70, -4, 2.2, 0.12, 15, -25, 5),
        Culture(_per_emotion(1.15, 0.95, 1.0, 1.1), _per_emotion(0.1, 0.3, 0.2, 0.2)),
        "hot anger, elation, quiet sorrow, all clear",
    ),
    "demo_italian": Corpus(
        "Italian", "it", "italian", "it", 175,
        Recording((60, 6500), -54, -3, 1.0, 0.45, 5, -27, 4),
        Culture(_per_emotion(1.15, 1.25, 1.0, 1.35), _per_emotion(0.3, 0.2, 0.6, 0.85)),
        "hot anger, elation, loud sobbing despair",
    ),
    "demo_spanish": Corpus(
        "Spanish", "es", "spanish", "es", 175,
        Recording((80, 4600), -60, -3, 0.0, 0.15, 12, -26, 4),
        Culture(_per_emotion(0.95, 1.0, 1.0, 0.95), _per_emotion(0.85, 0.8, 0.5, 0.4)),
        "cold anger, contentment rather than elation",
    ),
    "demo_mandarin": Corpus(
        "Mandarin", "zh", "mandarin", "cmn", 185,
        Recording((70, 5200), -52, -5, -1.5, 0.25, 8, -30, 5),
        Culture(_per_emotion(1.1, 1.0, 1.0, 1.0), _per_emotion(0.6, 0.7, 0.1, 0.5),
                {"pitch_st": 0.5, "range_oct": 0.5, "rate_oct": 1.2, "tilt_db": 1.2}),
        "rate and voice quality rather than pitch, which carries tones",
    ),
}  # fmt: skip
