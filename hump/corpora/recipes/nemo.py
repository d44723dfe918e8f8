"""nEMO, Polish emotional speech.

Paper: Christop (2024), LREC-COLING, arXiv:2404.06292. Licence: CC BY-NC-SA 4.0. Get it from
https://github.com/amu-cai/nEMO.

File names, ``samples/WR0_surprised_64.wav``: speaker, emotion, number of the sentence (90, each
spoken in every emotion). Example: ``EB0_anger_1.wav`` is the woman EB0, angry, sentence 1. The text
of each sentence and the age of each speaker (23 to 28) are in ``data.tsv``, which is not read.
"""

import re

from hump.corpora.recipe import Recipe

SPEAKERS = {
    "EB0": "f", "IC0": "f", "KD0": "f", "KS0": "m", "MK0": "f", "MP0": "m", "SM0": "m",
    "TP0": "m", "WR0": "m",
}  # fmt: skip
EMOTIONS = {
    "anger": "angry", "happiness": "happy", "neutral": "neutral", "sadness": "sad", "fear": None,
    "surprised": None,
}  # fmt: skip


def _decode(match):
    if match["emotion"] not in EMOTIONS:
        raise KeyError(match["emotion"])
    return {
        "speaker": match["speaker"],
        "sex": SPEAKERS[match["speaker"]],
        "emotion_raw": match["emotion"],
        "sentence": match["sentence"],
    }


RECIPE = Recipe(
    name="nemo",
    title="nEMO, Polish emotional speech",
    language="pl",
    source="https://github.com/amu-cai/nEMO",
    licence="CC BY-NC-SA 4.0",
    layout="nemo/samples/<speaker>_<emotion>_<sentence>.wav, for example samples/EB0_anger_1.wav",
    pattern=re.compile(
        r"(?:.*/)?(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_(?P<sentence>\d{1,2})"
    ),
    decode=_decode,
    emotions=EMOTIONS,
    sampling_rate=24_000,
)
