"""Folds that come with a corpus, fixed as files beside the recipes.

``<corpus>.folds.csv`` has one row for each fold: scheme; fold; test (speakers, separated by
spaces); sentences (if any, the fold tests on these sentences and trains on the others); validation
(speakers that may validate a model of the source, the best choice first; if none, a test speaker of
the next fold does). The first scheme is the default. RAVDESS's are those of EmoBox (Ma et al. 2024,
arXiv:2406.07162). CREMA-D's actors are assigned to groups round-robin within each sex. URDU has
none: no folds can make up for speakers of a single emotion.
"""

import csv
import functools
from pathlib import Path

from hump.corpora.splits import Fold
from hump.errors import ParameterError
from hump.params import Params
from hump.params.folders import fold_schemes


def frozen_folds(name: str, params: Params) -> tuple[Fold, ...]:
    """Folds that come with a corpus, by the scheme that the parameters name.

    Parameters
    ----------
    name : str
    params : Params

    Returns
    -------
    tuple of Fold
        Empty if the corpus has none.

    Raises
    ------
    ParameterError
        The corpus has no such scheme.
    """
    return frozen(name, params.folds.get(name))


def frozen(name: str, scheme: str | None = None) -> tuple[Fold, ...]:
    """Folds that come with a corpus.

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
    known = fold_schemes(name)
    if scheme is not None and scheme not in known:
        raise ParameterError(
            f"folds.{name}={scheme!r}: no such folds; "
            + (f"choose one of {', '.join(known)}" if known else f"{name} has none of its own")
        )
    columns = ("test", "sentences", "validation")
    return tuple(
        Fold(row["fold"], *(tuple(row[column].split()) for column in columns))
        for row in _rows(name)
        if row["scheme"] == (scheme or known[0])
    )


@functools.cache
def _rows(name):
    file = Path(__file__).parent / f"recipes/{name}.folds.csv"
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
