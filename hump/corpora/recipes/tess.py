"""TESS, the Toronto Emotional Speech Set (Canadian English).

Paper: Dupuis & Pichora-Fuller (2011), Canadian Acoustics 39(3), 182-183; data
doi:10.5683/SP2/E8H2MF. Licence: CC BY-NC-ND 4.0. Get it from https://doi.org/10.5683/SP2/E8H2MF.

File names, ``OAF_back_angry.wav``: speaker (OAF the older, YAF the younger woman), the word that
ends "Say the word ...", emotion (ps: pleasant surprise). Example: ``YAF_youth_ps.wav``. Files are
in one folder, or in one for each speaker and emotion. Both women speak all 200 words in all seven
emotions. A common copy contains every file twice and spells one ``OA_bite_neutral``.
"""

import re

from hump.corpora.recipe import Recipe

SPEAKERS = {"OAF": "OAF", "OA": "OAF", "YAF": "YAF"}
EMOTIONS = {
    "angry": "angry", "happy": "happy", "neutral": "neutral", "sad": "sad",
    "disgust": None, "fear": None, "ps": None,
}  # fmt: skip


def _decode(match):
    speaker = SPEAKERS[match["speaker"]]
    if match["emotion"] not in EMOTIONS:
        raise KeyError(match["emotion"])
    return {
        "utterance_id": f"{speaker}_{match['word']}_{match['emotion']}",
        "speaker": speaker,
        "sex": "f",
        "emotion_raw": match["emotion"],
        "sentence": match["word"],
    }


RECIPE = Recipe(
    name="tess",
    title="TESS, Toronto Emotional Speech Set",
    language="en",
    source="https://doi.org/10.5683/SP2/E8H2MF",
    licence="CC BY-NC-ND 4.0",
    layout="tess/<speaker>_<word>_<emotion>.wav, flat or in folders, for example "
    "tess/OAF_back_angry.wav",
    pattern=re.compile(r"(?:.*/)?(?P<speaker>[A-Z]+)_(?P<word>[a-z]+)_(?P<emotion>[a-z]+)"),
    decode=_decode,
    emotions=EMOTIONS,
    sampling_rate=24_414,
    archive="https://borealisdata.ca/api/access/dataset/:persistentId/"
    "?persistentId=doi:10.5683/SP2/E8H2MF",
)
