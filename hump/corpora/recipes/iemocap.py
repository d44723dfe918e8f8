"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database (North American English).

Paper: Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee & Narayanan (2008), Language Resources
and Evaluation 42(4), doi:10.1007/s10579-008-9076-6. Licence: on request, for research. Get it from
https://sail.usc.edu/iemocap/.

File names, ``SessionN/sentences/wav/<dialogue>/<dialogue>_<turn>.wav``: the dialogue is
``Ses01F_impro05a`` (session, the actor who wears the markers, scenario, part) and the turn the sex
of **who speaks** and a number. Example: ``Ses01F_impro01_M003`` is spoken by the man of session 1,
speaker 1M, though the dialogue is named after the woman. There are ten actors, two a session.

Labels are in ``SessionN/dialog/EmoEvaluation/<dialogue>.txt``, one line for each utterance, with
tabs between fields: ``[6.2901 - 8.2357]``, ``Ses01F_impro01_F000``, ``neu``,
``[2.5000, 2.5000, 2.5000]``. All other lines (header, blank lines, single raters) are ignored, and
so are the folders beside these files, which contain the labels of single raters. Excited counts as
happy, as is usual with four classes; whether in the HuMP-CAT paper, is not stated.
"""

import re

from hump.corpora.recipe import Recipe, text_files
from hump.errors import CorpusError

EMOTIONS = {
    "neu": "neutral", "hap": "happy", "exc": "happy", "ang": "angry", "sad": "sad",
    "fru": None, "fea": None, "sur": None, "dis": None, "oth": None, "xxx": None,
}  # fmt: skip

LABEL = re.compile(
    r"\[\d+\.\d+ - \d+\.\d+\]\t(?P<turn>Ses0[1-5][FM]_\w+)\t(?P<emotion>\w+)\t\[.*\]\s*"
)


def _prepare(folder):
    labels = {}
    for file in text_files(folder, "dialog/EmoEvaluation/*.txt"):
        _add_labels(file, labels)

    def decode(match):
        turn = match["turn"]
        if turn not in labels:
            return "no label in dialog/EmoEvaluation"
        return {
            "speaker": match["session"] + match["sex"],
            "sex": match["sex"].lower(),
            "emotion_raw": labels[turn],
            # Not the words but the scene: every session plays the same scripts.
            "sentence": match["scenario"],
        }

    return decode


def _add_labels(file, labels):
    # Raters' comments are in several encodings; the lines of labels are ASCII.
    text = file.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("["):
            continue
        match, where = LABEL.fullmatch(line), f"{file}, line {number}"
        if match is None:
            raise CorpusError(
                f"{where}: {line!r}: expected '[start - end]', turn, emotion and '[valence, "
                "activation, dominance]' between tabs; copy the file again"
            )
        turn, emotion = match["turn"], match["emotion"]
        if emotion not in EMOTIONS:
            raise CorpusError(
                f"{where}: emotion={emotion!r}: expected one of {', '.join(EMOTIONS)}; copy the "
                "file again"
            )
        if labels.setdefault(turn, emotion) != emotion:
            raise CorpusError(
                f"{where}: {turn} is {emotion!r} here and {labels[turn]!r} before; "
                "keep one copy of the evaluation"
            )


RECIPE = Recipe(
    name="iemocap",
    title="IEMOCAP, Interactive Emotional Dyadic Motion Capture database",
    language="en",
    source="https://sail.usc.edu/iemocap/",
    licence="on request, for research",
    layout="iemocap/SessionN/sentences/wav/<dialogue>/<dialogue>_<turn>.wav with "
    "iemocap/SessionN/dialog/EmoEvaluation/<dialogue>.txt, for example "
    "iemocap/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav",
    pattern=re.compile(
        r"(?:.*/)?sentences/wav/[^/]+/"
        r"(?P<turn>Ses0(?P<session>[1-5])[FM]_(?P<scenario>(?:impro|script)\d\d(?:_\d)?)[a-z]?"
        r"_(?P<sex>[FM])\d{3})"
    ),
    prepare=_prepare,
    emotions=EMOTIONS,
    sampling_rate=16_000,
)
