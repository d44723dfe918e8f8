"""EMODB, the Berlin Database of Emotional Speech (German).

Paper: Burkhardt, Paeschke, Rolfes, Sendlmeier & Weiss (2005), "A database of German emotional
speech", Interspeech. Licence: free to use. Get it from http://emodb.bilderbar.info.

File names, ``wav/SSTTTEV.wav``: SS speaker, TTT text, E emotion (first letter of the German word),
V version of the take. Example: ``wav/03a01Fa.wav`` is speaker 03, text a01, Freude (happiness),
version a.
"""

import re

from hump.corpora.recipe import Recipe

SEX = {
    "03": "m", "08": "f", "09": "f", "10": "m", "11": "m",
    "12": "m", "13": "f", "14": "f", "15": "m", "16": "f",
}  # fmt: skip

# Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
CODES = {
    "W": "anger", "L": "boredom", "E": "disgust", "A": "fear",
    "F": "happiness", "T": "sadness", "N": "neutral",
}  # fmt: skip


def _decode(match):
    return {
        "speaker": match["speaker"],
        "sex": SEX[match["speaker"]],
        "emotion_raw": CODES[match["emotion"]],
        "sentence": match["text"],
    }


RECIPE = Recipe(
    name="emodb",
    title="EMODB, the Berlin Database of Emotional Speech",
    language="de",
    source="http://emodb.bilderbar.info",
    licence="free to use",
    layout="emodb/wav/SSTTTEV.wav, for example emodb/wav/03a01Fa.wav",
    pattern=re.compile(
        r"(?:.*/)?(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[A-Z])(?P<version>[a-z])?"
    ),
    decode=_decode,
    emotions={
        "anger": "angry", "happiness": "happy", "neutral": "neutral", "sadness": "sad",
        "boredom": None, "disgust": None, "fear": None,
    },
    sampling_rate=16_000,
    archive="http://emodb.bilderbar.info/download/download.zip",
)  # fmt: skip
