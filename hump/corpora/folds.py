"""Folds that a corpus comes with, frozen as files beside the recipes.

``<corpus>.folds.csv`` has one row a fold: scheme, fold, test (speakers, separated by spaces),
sentences (if any: tested on these, trained on the others), validation (speakers that may validate
a model of the source, the best choice first; if none, a speaker of the next fold does). The first
scheme is the default. Those of RAVDESS are EmoBox's (Ma et al. 2024, arXiv:2406.07162); actors of
CREMA-D are dealt to groups by sex. URDU has none: no fold makes up for its speakers.
"""

import functools
from pathlib import Path

import pandas as pd

from hump.errors import ParameterError
from hump.splits import Fold

__all__ = ["frozen", "schemes"]


def schemes(name: str) -> tuple[str, ...]:
    """Names of a corpus's fold schemes, the default first; empty if it has none.

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple of str
    """
    return tuple(dict.fromkeys(_table(name)["scheme"]))


def frozen(name: str, scheme: str | None = None) -> tuple[Fold, ...]:
    """Folds of a corpus.

    Parameters
    ----------
    name : str
    scheme : str, optional
        By default the corpus's first.

    Returns
    -------
    tuple of Fold
        Empty if the corpus has none.

    Raises
    ------
    ParameterError
        The corpus has no such scheme.
    """
    known = schemes(name)
    if scheme is None and not known:
        return ()
    scheme = known[0] if scheme is None else scheme
    if scheme not in known:
        raise ParameterError(
            f"folds.{name}={scheme!r}: no such folds; "
            + (f"choose one of {', '.join(known)}" if known else f"{name} has none of its own")
        )
    table = _table(name)
    return tuple(
        Fold(row.fold, *(tuple(cell.split()) for cell in (row.test, row.sentences, row.validation)))
        for row in table[table["scheme"] == scheme].itertuples()
    )


@functools.cache
def _table(name):
    file = Path(__file__).with_name(f"{name}.folds.csv")
    if not file.is_file():
        return pd.DataFrame(columns=["scheme", "fold", "test", "sentences", "validation"])
    return pd.read_csv(file, dtype=str, keep_default_na=False)
