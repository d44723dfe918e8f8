"""Every corpus by its name, on its own: to read it and to examine it."""

import pandas as pd

from hump import names
from hump.corpora import (
    casia,
    counts,
    cremad,
    demo,
    doctor,
    emodb,
    emovo,
    esd,
    iemocap,
    mesd,
    ravdess,
    recipe,
    savee,
    tess,
    urdu,
)
from hump.errors import CorpusError

__all__ = ["NAMES", "RECIPES", "examine", "find", "read", "remark", "settled", "used"]

_ALL = (
    *(module.RECIPE for module in (iemocap, emodb, emovo, mesd, casia)),
    *(esd.ENGLISH, esd.MANDARIN),
    *(module.RECIPE for module in (ravdess, savee, tess, cremad, urdu)),
    *demo.RECIPES.values(),
)
RECIPES = {one.name: one for one in _ALL}
NAMES = names.CORPORA


def find(name) -> recipe.Recipe:
    """The recipe of a corpus.

    Raises
    ------
    CorpusError
        Unknown name; the message lists all.
    """
    if name not in RECIPES:
        raise CorpusError(f"corpus={name!r}: no such corpus; choose one of {', '.join(NAMES)}")
    return RECIPES[name]


def read(name, root) -> pd.DataFrame:
    """List a corpus.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    root : str or Path
        Folder of corpora; the corpus lies in ``root/name``.

    Returns
    -------
    pandas.DataFrame
        The manifest; see `hump.corpora.recipe.read`.

    Raises
    ------
    CorpusError
        Unknown name; or the corpus is missing, empty, or has a path with an unknown code.
    """
    return recipe.read(find(name), root)


def examine(name, root) -> doctor.Examination:
    """Examine a copy of a corpus: is it whole, and can its labels be guessed without listening?

    Parameters
    ----------
    name : str
        One of `NAMES`.
    root : str or Path
        Folder of corpora; the corpus lies in ``root/name``.

    Returns
    -------
    Examination
        Counts against the published ones, files with faults, facts of the audio, the shortcut
        audit, and the fingerprint.

    Raises
    ------
    CorpusError
        As `read`; or no file can be used, or those of too few speakers.
    """
    rows = settled(read(name, root), recipe.locate(find(name), root))
    return doctor.diagnose(rows, RECIPES[name], remark(rows))


def settled(rows, place) -> pd.DataFrame:
    """A manifest whose rows without a label in use say so.

    Parameters
    ----------
    rows : pandas.DataFrame
        Changed.
    place : Path
        Of the corpus, for the message.

    Returns
    -------
    pandas.DataFrame
        The same.

    Raises
    ------
    CorpusError
        No file is left.
    """
    outside = rows["excluded"].isna() & rows["emotion"].isna()
    rows.loc[outside, "excluded"] = "label outside the study: " + rows["emotion_raw"]
    if used(rows).empty:
        reasons = counts.account(rows).to_string(index=False)
        raise CorpusError(f"{place}: none of {len(rows)} files can be used:\n{reasons}")
    return rows


def remark(rows) -> str:
    """What must stand beside every result of a corpus, or nothing.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.

    Returns
    -------
    str
    """
    known = RECIPES[rows["corpus"].iloc[0]]
    in_use = set(rows.loc[rows["emotion"].notna(), "emotion_raw"])
    in_use |= {raw for raw, emotion in known.emotions.items() if emotion}
    return "; ".join(filter(None, [counts.shortfall(rows, in_use), known.warning]))


def used(rows) -> pd.DataFrame:
    """Rows of a manifest that the study uses, with a fresh index.

    Parameters
    ----------
    rows : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
    """
    return rows[recipe.in_use(rows)].reset_index(drop=True)
