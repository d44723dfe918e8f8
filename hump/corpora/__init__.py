"""Corpora: where they lie, what their file names mean, and which utterances the study uses.

`read` lists one corpus by its recipe, and `examine` checks whether a copy is complete. `manifests`
and `examinations` do the same for all corpora of a study: they settle the labels, and stop if too
many files cannot be used. `hump.corpora.splits` makes folds and draws that are checked for leakage.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "catalogue": ["NAMES", "RECIPES", "read", "recipe_of"],
        "counts": ["account"],
        "doctor": ["Examination", "examine"],
        "folds": ["frozen", "frozen_folds"],
        "manifest": ["used"],
        "study": ["examinations", "files", "manifests", "missing", "overview"],
    },
)
