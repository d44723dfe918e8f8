"""ESD, the Emotional Speech Dataset: two corpora, its English half and its Mandarin half.

Paper: Zhou, Sisman, Liu & Li (2021), ICASSP, 920-924; (2022) Speech Communication 137. Licence: on
request, for research. Get it from https://github.com/HLTSingapore/Emotional-Speech-Data.

File names, ``0001/Angry/0001_000351.wav``: speaker (0001 to 0010 Mandarin, 0011 to 0020 English),
and a number, which also gives the emotion: neutral 1 to 350, angry to 700, happy to 1050, sad to
1400, surprise to 1750. Example: ``0012/Happy/0012_000701.wav``. Some copies have folders ``train``,
``test`` and ``evaluation`` below the emotion, or one more folder above the speakers. The label is
that of the folder and must agree with the number. The position within these 350 is taken as the
sentence: by the corpus's description it is the same text in every emotion. Transcripts are not
read, since their encodings differ.

Both halves may lie in one folder ``esd``.
"""

import re

from hump.corpora.recipe import Recipe, same

# Sex of speakers 0001, 0002, ...
SEX = "fffmmmfmfmmmmmfffffm"
# In the order of the file numbers.
EMOTIONS = {
    "Neutral": "neutral", "Angry": "angry", "Happy": "happy", "Sad": "sad", "Surprise": None,
}  # fmt: skip
TEXTS = 350


def _decoder(mine, other):
    def decode(match):
        speaker, number = int(match["speaker"]), int(match["number"]) - 1
        if match["emotion"] not in EMOTIONS:
            raise KeyError(match["emotion"])
        if not 1 <= speaker <= len(SEX):
            raise KeyError(match["speaker"])
        if not 0 <= number < TEXTS * len(EMOTIONS):
            raise KeyError(match["number"])
        same(folder=match["folder"], file_name=match["speaker"])
        same(folder=match["emotion"], number=list(EMOTIONS)[number // TEXTS])
        if speaker not in mine:
            return f"of the other language, see {other}"
        return {
            "speaker": match["speaker"],
            "sex": SEX[speaker - 1],
            "emotion_raw": match["emotion"],
            "sentence": f"{number % TEXTS + 1:03d}",
        }

    return decode


def _recipe(name, title, language, mine, other):
    return Recipe(
        name=name,
        title=f"ESD, Emotional Speech Dataset, {title}",
        language=language,
        source="https://github.com/HLTSingapore/Emotional-Speech-Data",
        licence="on request, for research",
        layout=f"{name}/SSSS/<Emotion>/SSSS_NNNNNN.wav (or esd/ for both halves; train, test and "
        f"evaluation may lie between), for example {name}/{mine[0]:04d}/Angry/"
        f"{mine[0]:04d}_000351.wav",
        pattern=re.compile(
            r"(?:.*/)?(?P<folder>\d{4})/(?P<emotion>[A-Z][a-z]+)/(?:train/|test/|evaluation/)?"
            r"(?P<speaker>\d{4})_(?P<number>\d{6})"
        ),
        decode=_decoder(mine, other),
        emotions=EMOTIONS,
        sampling_rate=16_000,
    )


MANDARIN = _recipe("esd_zh", "Mandarin", "zh", range(1, 11), "esd_en")
ENGLISH = _recipe("esd_en", "English", "en", range(11, 21), "esd_zh")
