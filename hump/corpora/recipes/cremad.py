"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (North American English).

Paper: Cao, Cooper, Keutmann, Gur, Nenkova & Verma (2014), IEEE Transactions on Affective Computing
5(4), 377-390, doi:10.1109/TAFFC.2014.2336244. Licence: ODbL 1.0. Get it from
https://github.com/CheyneyComputerScience/CREMA-D, with git-lfs: the archive that the site offers
contains pointers instead of audio.

File names, ``AudioWAV/1001_DFA_ANG_XX.wav``: actor (1001 to 1091), sentence (12), emotion, level
(LO, MD, HI, or XX unspecified). Example: ``AudioWAV/1064_IEO_HAP_HI.wav`` is actor 1064, "It's
eleven o'clock", happy, high. ``AudioMP3`` contains the same recordings. ``1076_MTI_SAD_XX`` is
silent. Three recordings are stored twice, under two emotions (1006 TIE, 1013 WSI, 1017 IWW), and
are not used.
"""

import re

from hump.corpora.recipe import Recipe

SENTENCES = {
    "IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI",
}  # fmt: skip
SILENT = "1076_MTI_SAD_XX"
# One file name has a single X.
LEVELS = ("XX", "X", "LO", "MD", "HI")
EMOTIONS = {
    "ANG": "angry", "HAP": "happy", "NEU": "neutral", "SAD": "sad", "DIS": None, "FEA": None,
}  # fmt: skip
# From the corpus's VideoDemographics.csv.
WOMEN = {
    *(1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025),
    *(1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060),
    *(1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091),
}


def _decode(match):
    actor = int(match["actor"])
    if not 1001 <= actor <= 1091:
        raise KeyError(match["actor"])
    for known, group in ((SENTENCES, "sentence"), (EMOTIONS, "emotion"), (LEVELS, "level")):
        if match[group] not in known:
            raise KeyError(match[group])
    faulty = {"excluded": "no speech in it"} if match["utterance"] == SILENT else {}
    return faulty | {
        "speaker": match["actor"],
        "sex": "f" if actor in WOMEN else "m",
        "emotion_raw": match["emotion"],
        "sentence": match["sentence"],
    }


RECIPE = Recipe(
    name="cremad",
    title="CREMA-D, Crowd-sourced Emotional Multimodal Actors Dataset",
    language="en",
    source="https://github.com/CheyneyComputerScience/CREMA-D",
    licence="ODbL 1.0",
    layout="cremad/AudioWAV/<actor>_<sentence>_<EMOTION>_<level>.wav, for example "
    "cremad/AudioWAV/1001_DFA_ANG_XX.wav",
    pattern=re.compile(
        r"(?:.*/)?(?P<utterance>(?P<actor>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})"
        r"_(?P<level>[A-Z]{1,2}))"
    ),
    decode=_decode,
    emotions=EMOTIONS,
    sampling_rate=16_000,
    # An archive of the repository would hold pointers of git-LFS instead of audio.
    archive="https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/"
    "AudioWAV/",
)
