"""The study's experiments: what is trained and tested, and the tables made of it.

`runner` runs jobs and keeps their results. `protocol` pre-trains on the source and fine-tunes on
targets (03, 04); `variants` trains variants of the model, which `fusion` (05), `layers` (06),
`architecture` (08) and `encoders` (11) choose and compare; `fractions`, `tuning` and `few_shot`
are for 07, `diagnosis` looks into fine-tuned models (04), `summary` puts all targets together
(09), `transfer` tests what makes source models carry over (12), and in `matrix` every corpus is a
source (13).

In 05 and 06 a few comparisons are `PRIMARY`: the paper's claims. They are a family of their own:
with eight speakers no p-value is below 1 / 128, and Holm's correction for fifteen tests would leave
nothing that could be decided. All others are `FURTHER`.
"""

PRIMARY, FURTHER = "primary", "further"
