"""CASIA, the Mandarin emotional corpus of the Chinese Academy of Sciences: its public subset.

Paper: none of its own; described in Tao, Liu, Zhang & Jia (2008), Blizzard Challenge workshop.
Licence: Chinese LDC agreement; the subset circulates for research. Get it from
http://www.chineseldc.org.

File names, ``<speaker>/<emotion>/2NN.wav``: the number (201 to 250) is the text, which all four
speakers read in all six emotions. Example: ``wangzhe/happy/207.wav``. Each file name occurs 24
times, so the utterance is named after its path, ``wangzhe-happy-207``. Some copies spell
``ZhaoZuoxiang``, others have the layout ``happy/207-happy-wangzhe.wav``; the spelling ``liuchanhg``
is the corpus's own. The speakers are two women and two men; no file says which.
"""

import re

from hump.corpora.recipe import Recipe, same

SPEAKERS = ("liuchanhg", "wangzhe", "zhaoquanyin", "zhaozuoxiang")
EMOTIONS = {
    "angry": "angry", "happy": "happy", "neutral": "neutral", "sad": "sad",
    "fear": None, "surprise": None,
}  # fmt: skip


def _decode(match):
    speaker = (match["speaker"] or match["name"]).lower()
    emotion, text = (match["emotion"] or match["label"]).lower(), match["text"] or match["number"]
    if match["label"]:
        same(folder=match["folder"] and match["folder"].lower(), file_name=emotion)
    for known, code in ((SPEAKERS, speaker), (EMOTIONS, emotion)):
        if code not in known:
            raise KeyError(code)
    if not 201 <= int(text) <= 250:
        return "not of the public subset (texts 201 to 250)"
    return {
        "utterance_id": f"{speaker}-{emotion}-{text}",
        "speaker": speaker,
        "sex": None,
        "emotion_raw": emotion,
        "sentence": text,
    }


RECIPE = Recipe(
    name="casia",
    title="CASIA Mandarin emotional corpus, public subset",
    language="zh",
    source="http://www.chineseldc.org",
    licence="Chinese LDC agreement, for research",
    layout="casia/<speaker>/<emotion>/2NN.wav, for example casia/wangzhe/happy/207.wav",
    pattern=re.compile(
        r"(?:.*/)?(?P<speaker>[A-Za-z]+)/(?P<emotion>[A-Za-z]+)/(?P<text>\d{3})"
        r"|(?:(?:.*/)?(?P<folder>[A-Za-z]+)/)?"
        r"(?P<number>\d{3})-(?P<label>[A-Za-z]+)-(?P<name>[A-Za-z]+)"
    ),
    decode=_decode,
    emotions=EMOTIONS,
    sampling_rate=16_000,
)
