"""Names that tables and figures share: labels, systems, and the note on demo speech."""

from hump.params.folders import CORPORA

EMOTIONS = ("angry", "happy", "neutral", "sad")

# Systems, in the order of columns and legends.
PRETRAINED, SCRATCH = "HuMP-CAT pre-trained", "HuMP-CAT from scratch"
PROBE, SVM, MAJORITY = "linear probe on HuBERT", "SVM on eGeMAPS", "majority class"
ORDER = (PRETRAINED, SCRATCH, PROBE, SVM, MAJORITY)
SYSTEMS = {"pretrained": PRETRAINED, "scratch": SCRATCH}

# In the column ``corpus``: the mean over targets.
AVERAGE = "average of targets"
# The note on every table and figure of demo speech.
SYNTHETIC = "synthetic demo speech"
# What validation speakers choose, in each fold anew.
CHOSEN = "chosen on validation speakers"

# In a notebook's answer; what stands above it is shown at the notebook's top too.
DETAILS = "### Details"

# Corpora whose names are not written in capitals.
_WRITTEN = {"cremad": "CREMA-D", "nemo": "nEMO", "esd_en": "ESD English", "esd_zh": "ESD Mandarin"}


def title(corpus: str) -> str:
    """A corpus's name as people write it: EMODB, CREMA-D, demo German.

    Parameters
    ----------
    corpus : str

    Returns
    -------
    str
        Other names, such as those of users' own corpora and of averages, as they are.
    """
    first, _, language = corpus.partition("_")
    if first == "demo" and language:
        return f"demo {language if language == 'source' else language.capitalize()}"
    return _WRITTEN.get(corpus, corpus.upper() if corpus in CORPORA else corpus)
