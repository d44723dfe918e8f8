"""Names that the whole study shares: the labels, and the corpora that it knows."""

from pathlib import PurePath

__all__ = ["CORPORA", "DEMO", "EMBEDDED", "EMOTIONS", "SYNTHETIC", "UNTRAINED", "about_encoder"]

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
# The encoder that comes with the project, as a study's parameters name it.
EMBEDDED = "hump/assets/hubert-mini"
_ENCODERS = {"untrained": UNTRAINED, "hubert-mini": "small encoder trained on synthetic speech"}


def about_encoder(encoder: str) -> str | None:
    """What tables and figures say of an encoder, by the last part of its name; None of others."""
    return _ENCODERS.get(PurePath(encoder).name)
