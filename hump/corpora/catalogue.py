"""All recipes by the name of their corpus, and how one corpus is read."""

from pathlib import Path

import pandas as pd
import yaml

from hump.corpora import counts, manifest, recipe, table
from hump.corpora.recipes.casia import Casia
from hump.corpora.recipes.esd import Esd
from hump.corpora.recipes.iemocap import Iemocap
from hump.errors import CorpusError
from hump.params import Params
from hump.params.folders import CORPORA as NAMES
from hump.params.folders import corpus_folder

# Recipes that need more than the keys of a `Recipe`.
_CLASSES = {"casia": Casia, "esd": Esd, "iemocap": Iemocap}


def _recipe(name):
    """The recipe in a file, which may be of several corpora: ``esd.yaml`` is of ``esd_en`` too."""
    family = name.partition("_")[0]
    text = (Path(__file__).parent / f"recipes/{family}.yaml").read_text(encoding="utf-8")
    said = yaml.safe_load(text.replace("{name}", name))
    own = said.pop("corpora", {}).get(name, {})
    return _CLASSES.get(family, recipe.Recipe)(name=name, **said, **own)


RECIPES = {name: _recipe(name) for name in NAMES}


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
