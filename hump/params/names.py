"""Names that tables and figures share: labels, systems, and the note on demo speech."""

import re

from hump.params.folders import CORPORA

EMOTIONS = ("angry", "happy", "neutral", "sad")

# Systems, in the order of columns and legends.
PRETRAINED, SCRATCH = "HuMP-CAT pre-trained", "HuMP-CAT from scratch"
# Beyond the paper: probabilities of several trainings and of a linear probe a layer, averaged.
PLUS = "HuMP-CAT+"
PROBE, SVM, MAJORITY = "linear probe on the encoder", "SVM on eGeMAPS", "majority class"
ORDER = (PLUS, PRETRAINED, SCRATCH, PROBE, SVM, MAJORITY)
SYSTEMS = {"pretrained": PRETRAINED, "scratch": SCRATCH}

# In the column ``corpus``: the mean over targets.
AVERAGE = "average of targets"
# The note on every table and figure of demo speech.
SYNTHETIC = "synthetic demo speech"
# What validation speakers choose, in each fold anew.
CHOSEN = "chosen on validation speakers"

# In a notebook's answer; what stands above it is shown at the notebook's top too.
DETAILS = "### Details"

_CORPUS = re.compile(rf"\b({'|'.join(CORPORA)})\b")
# Corpora whose names are not written in capitals.
_WRITTEN = {"cremad": "CREMA-D", "nemo": "nEMO", "esd_en": "ESD English", "esd_zh": "ESD Mandarin"}


def title(text: str) -> str:
    """A text with the names of corpora as people write them: EMODB, CREMA-D, demo German.

    Parameters
    ----------
    text : str
        For example one name; those of users' own corpora stay as they are.

    Returns
    -------
    str
    """
    return _CORPUS.sub(_write, text)


def _write(match):
    first, _, language = match[0].partition("_")
    if first == "demo":
        return f"demo {language if language == 'source' else language.capitalize()}"
    return _WRITTEN.get(match[0], match[0].upper())
