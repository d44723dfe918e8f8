"""Names that the whole study shares: the labels, and the corpora that it knows."""

__all__ = ["CORPORA", "DEMO", "EMOTIONS", "SYNTHETIC", "UNTRAINED"]

EMOTIONS = ("angry", "happy", "neutral", "sad")

DEMO = (
    "demo_source",
    "demo_english",
    "demo_german",
    "demo_italian",
    "demo_spanish",
    "demo_mandarin",
)
CORPORA = (
    "iemocap",
    "emodb",
    "emovo",
    "mesd",
    "casia",
    "esd_en",
    "esd_zh",
    "ravdess",
    "savee",
    "tess",
    "cremad",
    "urdu",
    *DEMO,
)

# The words that every table and figure carries where they apply.
SYNTHETIC = "synthetic demo speech"
UNTRAINED = "untrained encoder"
