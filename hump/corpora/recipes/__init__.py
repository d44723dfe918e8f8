"""The recipes: ``<corpus>.yaml`` for each published corpus, and one for all demo corpora.

A recipe says where the corpus comes from, under which licence, and what its file names mean, with
an example; its keys are those of `hump.corpora.recipe.Recipe`. A module of the same name has what
cannot be said by keys. Beside it lie ``<corpus>.published.csv`` (see `hump.corpora.counts`) and
``<corpus>.folds.csv`` (see `hump.corpora.folds`). `hump.corpora.catalogue` reads all recipes.
"""
