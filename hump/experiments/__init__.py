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

from hump import evaluation
from hump.util import seeds

PRIMARY, FURTHER = "primary", "further"


def intervals(params, name: str) -> dict:
    """What functions of `hump.evaluation` ask for beside predictions: their settings, and a seed.

    Parameters
    ----------
    params : Params
    name : str
        What is computed; part of the RNG key.

    Returns
    -------
    dict
        Keys ``settings`` and ``seed``.
    """
    return {"settings": params.evaluation, "seed": seeds.seed_of(params.seed, name)}


def families(own: str, systems, primary) -> dict:
    """Pairs of a system with every other one, for `hump.evaluation.compare_families`.

    Parameters
    ----------
    own : str
    systems, primary : sequence of str
        All systems, and those that the paper's claims are about.

    Returns
    -------
    dict of str to list of tuple of str
    """
    others = [name for name in dict.fromkeys(systems) if name not in (own, *primary)]
    asked = {PRIMARY: [name for name in primary if name in systems], FURTHER: others}
    return {question: [(own, name) for name in names] for question, names in asked.items()}


def means(rows, columns, **settings) -> dict:
    """Means over utterances with intervals over speakers, as columns of a table.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns speaker and those of `columns`.
    columns : sequence of str
    **settings
        As `intervals`.

    Returns
    -------
    dict of str to float
        Of each column, its mean and the limits ``_low`` and ``_high``.
    """
    line = {}
    for name in columns:
        mean = evaluation.mean_over_speakers(rows[name], rows["speaker"], **settings)
        line |= evaluation.interval_columns(name, *mean)
    return line
