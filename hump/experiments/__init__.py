"""The experiments on the model itself: 05 fusion, 06 layers, 08 architecture.

Each is a list of variants of the study's model. `training` trains every variant on the same folds
with the same random numbers; the modules `fusion`, `layers` and `architecture` say which variants
there are, and make tables of what came out; `answers` puts these into words.

In 05 and 06 a few comparisons are `PRIMARY`: the paper's claims. They are a family of their own,
since with eight speakers no p-value is below 1 / 128, and Holm's correction for fifteen tests
leaves nothing that could be decided. All others are `FURTHER`.
"""

__all__ = ["FURTHER", "PRIMARY"]

PRIMARY, FURTHER = "primary", "further"
