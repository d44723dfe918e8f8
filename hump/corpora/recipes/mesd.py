"""MESD, the Mexican Emotional Speech Database (Spanish).

Paper: Duville, Alonso-Valerdi & Ibarra-Zarate (2021), IEEE EMBC, 1644-1647; data
doi:10.17632/cy34mh68j9. Licence: CC BY 4.0. Get it from
https://data.mendeley.com/datasets/cy34mh68j9.

File names, ``<Emotion>_<voice>_<list>_<word>.wav``: voice (F woman, M man, C child), list (A: words
spoken in every emotion, B: words chosen for the emotion), and the word, which may have underscores
and accents. Example: ``Anger_C_A_abajo.wav`` is an angry child saying abajo. The
distributed folder is called ``Mexican Emotional Speech Database (MESD)``.

**Speakers are not named.** Three women, two men and six children speak, and no file says who. No
person has two voice types, so voice types stand for speakers here: no person is in training and in
test. The price is that a fold also changes age or sex.
"""

import re

from hump.corpora.recipe import Recipe

LISTS = ("A", "B")
VOICES = {"F": "f", "M": "m", "C": None}
EMOTIONS = {
    "Anger": "angry", "Happiness": "happy", "Neutral": "neutral", "Sadness": "sad",
    "Disgust": None, "Fear": None,
}  # fmt: skip


def _decode(match):
    for known, group in ((EMOTIONS, "emotion"), (LISTS, "list")):
        if match[group] not in known:
            raise KeyError(match[group])
    return {
        "speaker": match["voice"],
        "sex": VOICES[match["voice"]],
        "emotion_raw": match["emotion"],
        "sentence": f"{match['list']} {match['word']}",
    }


RECIPE = Recipe(
    name="mesd",
    title="MESD, Mexican Emotional Speech Database",
    language="es",
    source="https://data.mendeley.com/datasets/cy34mh68j9",
    licence="CC BY 4.0",
    layout="mesd/<Emotion>_<F|M|C>_<A|B>_<word>.wav, in a folder of any name, for example "
    "mesd/Mexican Emotional Speech Database (MESD)/Anger_C_A_abajo.wav",
    pattern=re.compile(
        r"(?:.*/)?(?P<emotion>[A-Z][a-z]+)_(?P<voice>[A-Z])_(?P<list>[A-Z])_(?P<word>[^/]+)"
    ),
    decode=_decode,
    emotions=EMOTIONS,
    sampling_rate=48_000,
    archive="https://data.mendeley.com/public-api/zip/cy34mh68j9/download/5",
    warning="no speaker identities: voice types (woman, man, child) stand for speakers, so folds "
    "also change age or sex",
)
