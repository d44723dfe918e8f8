"""The recipes: one module for each published corpus, and one for all demo corpora.

A module's docstring says where the corpus comes from, under which licence, and what its file names
mean, with an example. Beside it lie ``<corpus>.published.csv`` (see `hump.corpora.counts`) and
``<corpus>.folds.csv`` (see `hump.corpora.folds`). `hump.corpora.catalogue` lists all recipes.
"""
