"""IEMOCAP: its labels, which are in files of their own; see ``iemocap.yaml``.

``SessionN/dialog/EmoEvaluation/<dialogue>.txt`` has one line for each utterance, with tabs between
fields: ``[6.2901 - 8.2357]``, ``Ses01F_impro01_F000``, ``neu``, ``[2.5000, 2.5000, 2.5000]``. All
other lines (header, blank lines, single raters) are ignored, and so are the folders beside these
files, which contain the labels of single raters.
"""

import re

from hump.corpora.recipe import Recipe, text_files
from hump.errors import CorpusError

LABEL = re.compile(
    r"\[\d+\.\d+ - \d+\.\d+\]\t(?P<turn>Ses0[1-5][FM]_\w+)\t(?P<emotion>\w+)\t\[.*\]\s*"
)


class Iemocap(Recipe):
    """The recipe of IEMOCAP."""

    def decoder(self, folder):
        """As `Recipe.decoder`, with the labels of the files in a folder."""
        labels = {}
        for file in text_files(folder, "dialog/EmoEvaluation/*.txt"):
            self._add_labels(file, labels)

        def decode(said):
            if said["turn"] not in labels:
                return "no label in dialog/EmoEvaluation"
            speaker = said["session"] + said["sex"]
            return self.decode(said | {"speaker": speaker, "emotion": labels[said["turn"]]})

        return decode

    def _add_labels(self, file, labels):
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
            if emotion not in self.emotions:
                raise CorpusError(
                    f"{where}: emotion={emotion!r}: expected one of {', '.join(self.emotions)}; "
                    "copy the file again"
                )
            if labels.setdefault(turn, emotion) != emotion:
                raise CorpusError(
                    f"{where}: {turn} is {emotion!r} here and {labels[turn]!r} before; "
                    "keep one copy of the evaluation"
                )
