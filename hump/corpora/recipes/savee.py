"""SAVEE, Surrey Audio-Visual Expressed Emotion (British English).

Paper: Haq & Jackson (2009), AVSP; (2010) in Machine Audition, IGI Global, 398-423. Licence: on
registration, for research. Get it from http://kahlan.eps.surrey.ac.uk/savee/.

File names, ``AudioData/DC/a01.wav`` or, flat, ``DC_a01.wav``: speaker, emotion (a anger, d disgust,
f fear, h happiness, n neutral, sa sadness, su surprise) and number. Example: ``JK/su05.wav`` is
speaker JK, surprise. (The first letter alone would merge sadness and surprise.) File names repeat
in every folder, so the utterance is named ``JK_su05``. The four speakers are men. Each emotion has
15 sentences: 3 are spoken in all emotions, 2 are about the emotion, and 10 are spoken in no other
emotion; no file says which.
"""

import re

from hump.corpora.recipe import Recipe, same

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
