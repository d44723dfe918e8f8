"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (North American English).

Paper: Livingstone & Russo (2018), PLOS ONE 13(5), doi:10.1371/journal.pone.0196391. Licence:
CC BY-NC-SA 4.0. Get ``Audio_Speech_Actors_01-24.zip`` from https://zenodo.org/records/1188976.

File names, seven two-digit fields ``MM-CC-EE-II-SS-RR-AA.wav``: modality (03 audio only), vocal
channel (01 speech, 02 song), emotion, intensity, statement, repetition, actor (odd: male). Example:
``Actor_12/03-01-06-01-02-01-12.wav`` is spoken, fearful, normal intensity, second statement, first
repetition, actor 12, female. The actors' folders may be inside ``Audio_Speech_Actors_01-24``. Some
copies contain every file twice; each recording is used once.
"""

import re

from hump.corpora.recipe import Recipe, same

CODES = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad",
    "05": "angry", "06": "fearful", "07": "disgust", "08": "surprised",
}  # fmt: skip


def _decode(match):
    if match["modality"] != "03":
        return "not an audio-only file (modality is not 03)"
    if match["channel"] == "02":
        return "song, not speech"
    if not 1 <= int(match["actor"]) <= 24:
        raise KeyError(match["actor"])
    same(folder=match["folder"], file_name=match["actor"])
    return {
        "speaker": match["actor"],
        "sex": "m" if int(match["actor"]) % 2 else "f",
        "emotion_raw": CODES[match["emotion"]],
        "sentence": match["statement"],
    }


RECIPE = Recipe(
    name="ravdess",
    title="RAVDESS, Ryerson Audio-Visual Database of Emotional Speech and Song",
    language="en",
    source="https://zenodo.org/records/1188976",
    licence="CC BY-NC-SA 4.0",
    layout="ravdess/Actor_NN/MM-CC-EE-II-SS-RR-AA.wav, for example "
    "ravdess/Actor_12/03-01-06-01-02-01-12.wav",
    pattern=re.compile(
        r"(?:.*?/)??(?:Actor_(?P<folder>\d\d)/)?"
        r"(?P<modality>\d\d)-(?P<channel>\d\d)-(?P<emotion>\d\d)-(?P<intensity>\d\d)"
        r"-(?P<statement>\d\d)-(?P<repetition>\d\d)-(?P<actor>\d\d)"
    ),
    decode=_decode,
    emotions={
        "neutral": "neutral", "happy": "happy", "sad": "sad", "angry": "angry",
        "calm": None, "fearful": None, "disgust": None, "surprised": None,
    },
    sampling_rate=48_000,
    archive="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
    checksum="md5:bc696df654c87fed845eb13823edef8a",
)  # fmt: skip
