"""nEMO, Polish emotional speech.

Paper: Christop (2024), LREC-COLING, arXiv:2404.06292. Licence: CC BY-NC-SA 4.0. Get it from
https://github.com/amu-cai/nEMO.

File names, ``samples/WR0_surprised_64.wav``: speaker, emotion, number of the sentence (90, each
spoken in every emotion). Example: ``EB0_anger_1.wav`` is the woman EB0, angry, sentence 1. The text
of each sentence is in ``data.tsv``, which is not read.
"""

import re

from hump.corpora.recipe import Recipe

# Sex and age, from ``data.tsv``.
SPEAKERS = {
    "EB0": ("f", 27), "IC0": ("f", 28), "KD0": ("f", 28), "KS0": ("m", 23), "MK0": ("f", 23),
    "MP0": ("m", 24), "SM0": ("m", 24), "TP0": ("m", 26), "WR0": ("m", 23),
}  # fmt: skip
EMOTIONS = {
    "anger": "angry", "happiness": "happy", "neutral": "neutral", "sadness": "sad", "fear": None,
    "surprised": None,
}  # fmt: skip


def _decode(match):
    if match["emotion"] not in EMOTIONS:
        raise KeyError(match["emotion"])
    sex, age = SPEAKERS[match["speaker"]]
    return {
        "speaker": match["speaker"],
        "sex": sex,
        "age": age,
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
    archive="https://github.com/amu-cai/nEMO/archive/HEAD.zip",
)
