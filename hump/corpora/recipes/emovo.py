"""EMOVO, the Italian emotional speech database.

Paper: Costantini, Iaderola, Paoloni & Todisco (2014), LREC, 3501-3504. Licence: free for research;
redistributed as CC BY-NC-SA. Get it from http://voice.fub.it/activities/corpora/emovo/index.html.

File names, ``f1/dis-f1-b1.wav``: emotion (first letters of the Italian word), speaker, sentence
(14, each spoken in every emotion: b short, l long, n nonsense, d questions). Example:
``m2/gio-m2-l3.wav`` is the second man, gioia (joy), third long sentence. There is also a folder of
documents.
"""

import re

from hump.corpora.recipe import Recipe, same

CODES = {
    "neu": "neutral", "dis": "disgust", "gio": "joy", "pau": "fear",
    "rab": "anger", "sor": "surprise", "tri": "sadness",
}  # fmt: skip
SPEAKERS = {"f1": "f", "f2": "f", "f3": "f", "m1": "m", "m2": "m", "m3": "m"}


def _decode(match):
    same(folder=match["folder"], file_name=match["speaker"])
    return {
        "speaker": match["speaker"],
        "sex": SPEAKERS[match["speaker"]],
        "emotion_raw": CODES[match["emotion"]],
        "sentence": match["sentence"],
    }


RECIPE = Recipe(
    name="emovo",
    title="EMOVO, Italian emotional speech database",
    language="it",
    source="http://voice.fub.it/activities/corpora/emovo/index.html",
    licence="free for research, CC BY-NC-SA",
    layout="emovo/<speaker>/<emotion>-<speaker>-<sentence>.wav, for example emovo/f1/dis-f1-b1.wav",
    pattern=re.compile(
        r"(?:.*?/)??(?:(?P<folder>[fm]\d)/)?"
        r"(?P<emotion>[a-z]{3})-(?P<speaker>[a-z]\d)-(?P<sentence>[bdln]\d)"
    ),
    decode=_decode,
    emotions={
        "neutral": "neutral", "joy": "happy", "anger": "angry", "sadness": "sad",
        "disgust": None, "fear": None, "surprise": None,
    },
    sampling_rate=48_000,
)  # fmt: skip
