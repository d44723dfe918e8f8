"""The embedded demo corpora: synthetic demo speech, made by `hump.demo`.

File names, ``<speaker>/<speaker>_<emotion>_sNN_tN.wav``: sentence and take are counted from 1; the
speaker's last letter is the sex of the voice. Example: ``de03f/de03f_angry_s07_t1.wav``.
"""

import re

from hump.corpora.recipe import Recipe
from hump.params import names

LANGUAGES = {
    "demo_source": "en", "demo_english": "en", "demo_german": "de",
    "demo_italian": "it", "demo_spanish": "es", "demo_mandarin": "zh",
}  # fmt: skip


def _decode(match):
    if match["emotion"] not in names.EMOTIONS:
        raise KeyError(match["emotion"])
    return {
        "speaker": match["speaker"],
        "sex": match["speaker"][-1],
        "emotion_raw": match["emotion"],
        "sentence": match["sentence"],
    }


RECIPES = tuple(
    Recipe(
        name=name,
        title=f"{name} ({names.SYNTHETIC})",
        language=language,
        source="hump.demo.build",
        licence="MIT, as hump",
        layout=f"{name}/<speaker>/<speaker>_<emotion>_sNN_tN.wav",
        pattern=re.compile(
            r"(?P<folder>[a-z0-9]+[fm])/(?P<speaker>(?P=folder))_(?P<emotion>[a-z]+)"
            r"_s(?P<sentence>\d\d)_t(?P<take>\d+)"
        ),
        decode=_decode,
        emotions={emotion: emotion for emotion in names.EMOTIONS},
    )
    for name, language in LANGUAGES.items()
)
