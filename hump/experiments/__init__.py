"""The experiments on the model itself: 05 fusion, 06 layers, 08 architecture.

Each is a list of variants of the study's model. `training` trains every variant on the same folds
with the same random numbers; the modules `fusion`, `layers` and `architecture` say which variants
there are, and make tables of what came out; `answers` puts these into words.
"""
