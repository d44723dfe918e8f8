"""URDU, emotional clips of Urdu talk shows.

Paper: Latif, Qayyum, Usman & Qadir (2018), International Conference on Frontiers of Information
Technology, arXiv:1812.10411. Licence: for research only, says its README. Get it from
https://github.com/siddiquelatif/URDU-Dataset.

File names, ``Angry/SM1_F10_A010.wav``: speaker (S, sex, number), file number of that speaker, first
letter of the emotion and number. Example: ``Sad/SF11_F2_S04.wav`` is woman 11, sad. The files are
of 29 speakers (its description says 38).

**The speaker predicts the label**: only SM3, SM5 and SM6 speak in more than one emotion, so the
speaker alone gives the label of 384 of 400 clips. The corpus is a stress test, not a benchmark.
"""

import re

from hump.corpora.recipe import Recipe, same

EMOTIONS = {"Angry": "angry", "Happy": "happy", "Neutral": "neutral", "Sad": "sad"}
CODES = {emotion[0]: emotion for emotion in EMOTIONS}


def _decode(match):
    if match["folder"] not in EMOTIONS:
        raise KeyError(match["folder"])
    same(folder=match["folder"], file_name=CODES[match["emotion"]])
    return {
        "speaker": match["speaker"],
        "sex": match["sex"].lower(),
        "emotion_raw": match["folder"],
        "sentence": None,
    }


RECIPE = Recipe(
    name="urdu",
    title="URDU, emotional clips of Urdu talk shows",
    language="ur",
    source="https://github.com/siddiquelatif/URDU-Dataset",
    licence="for research only",
    layout="urdu/<Emotion>/S<M|F>N_FN_<E>N.wav, for example urdu/Angry/SM1_F10_A010.wav",
    pattern=re.compile(
        r"(?:.*/)?(?P<folder>[A-Z][a-z]+)/(?P<speaker>S(?P<sex>[MF])\d+)_F\d+_(?P<emotion>[A-Z])\d+"
    ),
    decode=_decode,
    emotions=EMOTIONS,
    sampling_rate=44_100,
    archive="https://github.com/siddiquelatif/URDU-Dataset/archive/HEAD.zip",
    warning="the speaker predicts the label (of 96 % of the clips), so results measure who speaks",
)
