"""Names that tables and figures share: labels, systems, and the note on demo speech."""

EMOTIONS = ("angry", "happy", "neutral", "sad")

# Systems, in the order of columns and legends.
PRETRAINED, SCRATCH = "HuMP-CAT pre-trained", "HuMP-CAT from scratch"
PROBE, SVM, MAJORITY = "linear probe on HuBERT", "SVM on eGeMAPS", "majority class"
ORDER = (PRETRAINED, SCRATCH, PROBE, SVM, MAJORITY)
SYSTEMS = {"pretrained": PRETRAINED, "scratch": SCRATCH}

# In the column ``corpus``: the mean over targets.
AVERAGE = "average of targets"
# As people write them.
STREAMS = {"hubert": "HuBERT", "mfcc": "MFCC", "prosody": "prosody"}
# The note on every table and figure of demo speech.
SYNTHETIC = "synthetic demo speech"
# What validation speakers choose, in each fold anew.
CHOSEN = "chosen on validation speakers"
