"""Names that tables and figures share: labels, systems, and the note on demo speech."""

EMOTIONS = ("angry", "happy", "neutral", "sad")
# What corpora call these, and others that several of them have, in small letters.
ALIKE = {
    "ang": "angry", "anger": "angry", "exc": "happy", "hap": "happy", "happiness": "happy",
    "joy": "happy", "neu": "neutral", "sadness": "sad", "fea": "fear", "fearful": "fear",
    "dis": "disgust", "sur": "surprise", "surprised": "surprise", "ps": "surprise",
}  # fmt: skip

# Systems, in the order of columns and legends.
PRETRAINED, SCRATCH = "HuMP-CAT pre-trained", "HuMP-CAT from scratch"
# Beyond the paper: probabilities of several trainings and of a linear probe a layer, averaged.
PLUS = "HuMP-CAT+"
PROBES = f"{PLUS}, its probes alone"
PROBE, SVM, MAJORITY = "linear probe on the encoder", "SVM on eGeMAPS", "majority class"
ORDER = (PLUS, PROBES, PRETRAINED, SCRATCH, PROBE, SVM, MAJORITY)
SYSTEMS = {"pretrained": PRETRAINED, "scratch": SCRATCH}

# In the column ``corpus``: the mean over targets.
AVERAGE = "average of targets"
# As people write them.
STREAMS = {"hubert": "encoder", "mfcc": "MFCC", "prosody": "prosody"}
# The note on every table and figure of demo speech.
SYNTHETIC = "synthetic demo speech"
# What validation speakers choose, in each fold anew.
CHOSEN = "chosen on validation speakers"

# In a notebook's answer; what stands above it is shown at the notebook's top too.
DETAILS = "### Details"
