"""The corpora that the project knows, where they lie, and which folds they come with."""

import csv
import re
from pathlib import Path

DEMO = (
    "demo_source", "demo_english", "demo_german", "demo_italian", "demo_spanish", "demo_mandarin",
)  # fmt: skip
CORPORA = (
    "iemocap", "emodb", "emovo", "mesd", "casia", "esd_en", "esd_zh", "ravdess", "savee", "tess",
    "cremad", "urdu", "nemo", *DEMO,
)  # fmt: skip
# Other names that a corpus's folder may have.
_OTHER_NAMES = {"esd_en": ("esd",), "esd_zh": ("esd",)}
_CORPUS = re.compile(rf"\b({'|'.join(CORPORA)})\b")
# Corpora whose names are not written in capitals.
_WRITTEN = {"cremad": "CREMA-D", "nemo": "nEMO", "esd_en": "ESD English", "esd_zh": "ESD Mandarin"}
_RECIPES = Path(__file__).parents[1] / "corpora" / "recipes"


def corpus_folder(corpus: str, root) -> Path:
    """Folder of a corpus: the first of its names that exists, else where it should be.

    Parameters
    ----------
    corpus : str
    root : str or Path
        Folder of corpora.

    Returns
    -------
    Path
    """
    paths = [Path(root).expanduser() / name for name in (corpus, *_OTHER_NAMES.get(corpus, ()))]
    return next((path for path in paths if path.is_dir()), paths[0])


def fold_schemes(corpus: str) -> tuple[str, ...]:
    """Names of the folds that a corpus comes with, the usual ones first; empty if it has none.

    Parameters
    ----------
    corpus : str

    Returns
    -------
    tuple of str
    """
    file = _RECIPES / f"{corpus}.folds.csv"
    if not file.is_file():
        return ()
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(dict.fromkeys(row["scheme"] for row in csv.DictReader(lines)))


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
