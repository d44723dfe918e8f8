"""SAVEE, Surrey Audio-Visual Expressed Emotion (British English).

Paper: Haq & Jackson (2009), AVSP; (2010) in Machine Audition, IGI Global, 398-423. Licence: on
registration, for research. Get it from http://kahlan.eps.surrey.ac.uk/savee/.

File names, ``AudioData/DC/a01.wav`` or, flat, ``DC_a01.wav``: speaker, emotion (a anger, d disgust,
f fear, h happiness, n neutral, sa sadness, su surprise) and number. Example: ``JK/su05.wav`` is
speaker JK, surprise; taking one letter would merge sadness with surprise. Names clash across
folders, so an utterance is called ``JK_su05``. The four speakers are men. Of the 15 sentences of an
emotion 3 are common to all, 2 are about the emotion and 10 are its own; no file says which.
"""

import re

from hump.corpora.recipe import Recipe, same

__all__ = ["RECIPE"]

SPEAKERS = ("DC", "JE", "JK", "KL")
CODES = {
    "a": "anger", "d": "disgust", "f": "fear", "h": "happiness",
    "n": "neutral", "sa": "sadness", "su": "surprise",
}  # fmt: skip


def _decode(match):
    same(folder=match["folder"], file_name=match["prefix"])
    speaker = match["prefix"] or match["folder"]
    if speaker is None:
        return "neither folder nor file name gives the speaker"
    if speaker not in SPEAKERS:
        raise KeyError(speaker)
    return {
        "utterance_id": f"{speaker}_{match['emotion']}{match['number']}",
        "speaker": speaker,
        "sex": "m",
        "emotion_raw": CODES[match["emotion"]],
        "sentence": None,
    }


RECIPE = Recipe(
    name="savee",
    title="SAVEE, Surrey Audio-Visual Expressed Emotion",
    language="en",
    source="http://kahlan.eps.surrey.ac.uk/savee/",
    licence="on registration, for research",
    layout="savee/AudioData/<speaker>/<emotion>NN.wav or savee/<speaker>_<emotion>NN.wav, for "
    "example savee/AudioData/DC/sa01.wav or savee/DC_sa01.wav",
    pattern=re.compile(
        r"(?:.*?/)??(?:(?P<folder>[A-Z]{2})/)?(?:(?P<prefix>[A-Z]{2})_)?"
        r"(?P<emotion>[a-z]{1,2})(?P<number>\d\d)"
    ),
    decode=_decode,
    emotions={
        "anger": "angry", "happiness": "happy", "neutral": "neutral", "sadness": "sad",
        "disgust": None, "fear": None, "surprise": None,
    },
    sampling_rate=44_100,
    warning="10 of the 15 sentences of an emotion are spoken in that emotion only, so words "
    "predict the label",
)  # fmt: skip
