"""How an emotion is acted: rules from the literature, turned into changes of speech.

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

import numpy as np

# Cue: standard deviation of a take from what its actor means to do. The comments give the unit.
CUES = {
    "pitch_st": 0.6,      # mean F0, semitones
    "range_oct": 0.13,    # F0 range, log2 of the ratio
    "rate_oct": 0.09,     # rate of speech, log2 of the ratio
    "loudness_db": 2.0,   # level, dB
    "tilt_db": 0.4,       # spectral slope above 500 Hz, dB per octave
    "breath_db": 1.6,     # aspiration noise, dB relative to a modal voice's
    "roughness": 0.20,    # irregularity of period and amplitude, in per cent
    "tremor_st": 0.05,    # depth of a 5 to 7 Hz modulation of F0, semitones
    "emphasis": 0.07,     # contrast of loud and soft syllables, exponent on the envelope
    "fall_db": 1.0,       # loss of level from the first to the last word, dB
    "smile": 0.006,       # relative shift of all formants
}  # fmt: skip

# Emotion and style, two styles each; columns as in CUES. Every take lies somewhere between the two.
STYLES = {
    #                       pitch range   rate  loud  tilt breath rough trem   emph  fall   smile
    ("angry", "hot"):       (6.0,  0.80,  0.10,  4.0,  4.0, -3.0,  3.6, 0.00,  0.25, -1.0, -0.010),
    ("angry", "cold"):      (0.5,  0.10,  0.02,  2.5,  4.0, -5.0,  2.2, 0.00,  0.60, -2.0, -0.025),
    ("happy", "elation"):   (7.5,  0.95,  0.08,  3.0,  0.6,  5.0, -0.2, 0.10, -0.05,  0.0,  0.095),
    ("happy", "content"):   (4.5,  0.75,  0.12,  0.5, -1.0,  9.0, -0.3, 0.00, -0.30,  0.0,  0.115),
    ("neutral", "plain"):   (0.0, -0.20,  0.00,  0.0,  0.0, -3.0,  0.0, 0.00,  0.00,  0.0,  0.000),
    ("neutral", "engaged"): (0.5,  0.00,  0.05,  0.5,  0.6, -3.0,  0.0, 0.00,  0.15, -1.0,  0.000),
    ("sad", "sorrow"):     (-2.5, -0.95, -0.14, -3.0, -3.5, 10.0,  0.2, 0.08, -0.35,  5.0, -0.020),
    ("sad", "despair"):     (3.5, -0.10, -0.12,  1.5, -1.8, 12.0,  1.6, 0.90,  0.05,  5.0, -0.025),
}  # fmt: skip

_TAKE_STRENGTH = 0.13  # standard deviation, log
_TAKE_STYLE = 0.10  # standard deviation, share of the second style


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
    first, second = (np.array(row) for (acted, _), row in STYLES.items() if acted == emotion)
    share = np.clip(share, 0, 1)
    strength = culture.strength[emotion] * manner.strength[emotion]
    strength *= np.exp(rng.normal(0, _TAKE_STRENGTH))
    weights = np.array([culture.weights.get(cue, 1.0) for cue in CUES])
    meant = strength * weights * ((1 - share) * first + share * second)
    done = meant + manner.habits + rng.normal(0, list(CUES.values()))
    return dict(zip(CUES, done.tolist(), strict=True))
