"""Corpora: what lies where, what a file name means, and what of it the study uses.

`read` lists a corpus by its recipe and `examine` says whether the copy is whole; `manifests` and
`examinations` do so for a study, which settles the labels and stops when too much cannot be used.
"""

from hump.corpora.catalogue import NAMES, RECIPES, examine, read, used
from hump.corpora.counts import account
from hump.corpora.doctor import Examination
from hump.corpora.study import (
    examinations,
    files,
    folder,
    frozen_folds,
    manifests,
    missing,
    overview,
)

__all__ = [
    "NAMES",
    "RECIPES",
    "Examination",
    "account",
    "examinations",
    "examine",
    "files",
    "folder",
    "frozen_folds",
    "manifests",
    "missing",
    "overview",
    "read",
    "used",
]
