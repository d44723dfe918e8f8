"""All recipes by the name of their corpus, and how one corpus is read."""

import pandas as pd

from hump.corpora import counts, manifest, recipe, table
from hump.corpora.recipes import (
    casia,
    cremad,
    demo,
    emodb,
    emovo,
    esd,
    iemocap,
    mesd,
    nemo,
    ravdess,
    savee,
    tess,
    urdu,
)
from hump.errors import CorpusError
from hump.params import Params
from hump.params.folders import CORPORA as NAMES
from hump.params.folders import corpus_folder

_ONE_EACH = (casia, cremad, emodb, emovo, iemocap, mesd, nemo, ravdess, savee, tess, urdu)
_ALL = (*(m.RECIPE for m in _ONE_EACH), esd.ENGLISH, esd.MANDARIN, *demo.RECIPES)
RECIPES = {one.name: one for one in _ALL}


def read(name, root) -> pd.DataFrame:
    """List the files of a corpus.

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
        The name is unknown; or the corpus is missing or empty.
    """
    if name not in RECIPES:
        raise CorpusError(f"corpus={name!r}: no such corpus; choose one of {', '.join(NAMES)}")
    return recipe.read(RECIPES[name], corpus_folder(name, root))


def recipe_of(name: str, params: Params) -> recipe.Recipe:
    """Recipe of a corpus of a study.

    Parameters
    ----------
    name : str
        One of `NAMES`, or of the user's own under ``corpora`` in the parameter file.
    params : Params

    Returns
    -------
    Recipe

    Raises
    ------
    CorpusError
        As `hump.corpora.table.recipe`, of the user's own.
    """
    if name in params.corpora:
        return table.recipe(name, params.corpora[name], params.table(name))
    return RECIPES[name]


def exclude_unlabelled(rows, folder) -> pd.DataFrame:
    """Write the reason into rows that are not used because of their label.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest; changed in place.
    folder : Path
        Folder of the corpus, for the message.

    Returns
    -------
    pandas.DataFrame
        The same rows.

    Raises
    ------
    CorpusError
        No file is left to use.
    """
    outside = rows["excluded"].isna() & rows["emotion"].isna()
    rows.loc[outside, "excluded"] = "label outside the study: " + rows["emotion_raw"]
    if not manifest.in_use(rows).any():
        reasons = counts.account(rows).to_string(index=False)
        raise CorpusError(f"{folder}: none of {len(rows)} files can be used:\n{reasons}")
    return rows
