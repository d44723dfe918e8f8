"""What the experiments' tables allow one to say, in Markdown: numbers are read from the tables."""

import pandas as pd

from hump import evaluation, tables
from hump.experiments import FURTHER, PRIMARY, architecture, fusion, layers
from hump.summary import AVERAGE, headline

__all__ = ["about_architecture", "about_fusion", "about_layers", "corrected"]


def _value(row):
    return f"{row.uar:.3f} [{row.uar_low:.3f}, {row.uar_high:.3f}]"


def _difference(row):
    # Adding 0 makes a rounded -0 a 0.
    shown = (round(v, 3) + 0.0 for v in (row.difference, row.difference_low, row.difference_high))
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*shown)


def _tested(row, params):
    return (
        f"{_difference(row)} (p = {row.p_holm:.3g}, Holm-corrected for a family of {row.family:g}, "
        f"{row.speakers:g} speakers: {evaluation.verdict(row, row.family, params.evaluation)})"
    )


def _grouped(rows, params):
    """A line a verdict, with the systems that it is about."""
    groups = {}
    for row in rows.sort_values("difference", ascending=False).itertuples():
        said = evaluation.verdict(row, row.family, params.evaluation)
        groups.setdefault(said, []).append(f"{row.b} {_difference(row)}")
    return [f"* {said}: {'; '.join(systems)}" for said, systems in groups.items()]


def _family(rows):
    first = rows.iloc[0]
    return f"{first.question} comparisons, a family of {first.family:g}"


def corrected(comparisons: pd.DataFrame) -> str:
    """How p-values were corrected, for captions.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        As `hump.evaluation.compare_families`.

    Returns
    -------
    str
    """
    sizes = comparisons["question"].value_counts()
    return (
        f"Holm's correction within {sizes[PRIMARY]} primary comparisons (bold: the paper's claims) "
        f"and within {sizes[FURTHER]} further ones"
    )


def about_fusion(table: pd.DataFrame, comparisons: pd.DataFrame, params) -> str:
    """Does cross-attention help, and which stream does?

    Parameters
    ----------
    table, comparisons : pandas.DataFrame
        As `hump.experiments.fusion.summarise` and `compare`.
    params : Params

    Returns
    -------
    str
    """
    lines = []
    for corpus, part in comparisons.groupby("comparison", sort=False):
        own = table[table["corpus"] == corpus].set_index("system")
        rows = part.set_index("b", drop=False)
        full, remark = own.loc[fusion.FULL], tables.note(params, about=[corpus])
        lines.append(
            f"**{corpus}** ({remark or 'recorded speech'}): two stages of cross-attention reach a "
            f"UAR of **{_value(full)}** on unseen speakers ({full.utterances:g} utterances, "
            f"{full.speakers:g} speakers). Their difference to plain concatenation in both stages "
            f"is {_tested(rows.loc[fusion.PLAIN], params)}, to a model of as many weights "
            f"without attention {_tested(rows.loc[fusion.MATCHED], params)}."
        )
        further = part[part["question"] == FURTHER]
        lines += [f"The full model, difference in UAR to each other system ({_family(further)}):"]
        lines += ["\n".join(_grouped(further, params))]
    return "\n\n".join(lines)


def about_layers(table, comparisons, cells, params) -> str:
    """Are the study's layers the right ones, and what does choosing on test speakers flatter?

    Parameters
    ----------
    table, comparisons, cells : pandas.DataFrame
        As `hump.experiments.layers.summarise`, `compare` and `layer_pairs`.
    params : Params

    Returns
    -------
    str
    """
    own = layers.named(params.features.layers)
    remark = tables.note(params, about=[params.source]) or "recorded speech"
    rows = table.set_index(["model", "system"])
    tests = comparisons.set_index(["comparison", "a", "b"], drop=False).sort_index()
    model = rows.loc[layers.MODEL, own]
    lines = [
        f"On {params.source} ({remark}), HuMP-CAT on {own} reaches a UAR of **{_value(model)}** on "
        f"unseen speakers ({model.utterances:g} utterances, {model.speakers:g} speakers)."
    ]
    asked = comparisons[comparisons["a"] == own].groupby(["question", "comparison"])
    for question in (PRIMARY, FURTHER):
        for kind in (layers.MODEL, layers.PROBE):
            if (question, kind) in asked.groups:
                part = asked.get_group((question, kind))
                lines += [f"{kind}, difference in UAR of {own} to other choices ({_family(part)}):"]
                lines += ["\n".join(_grouped(part, params))]
    nested = rows.loc[layers.PROBE, layers.ON_TRAINING]
    gap = tests.loc[layers.PROBE, layers.ON_TEST, layers.ON_TRAINING]
    first = cells[cells["encoder"] == cells["encoder"].iloc[0]]
    chosen = first[first["chosen_by"] > 0].sort_values("chosen_by", ascending=False)
    votes = ", ".join(f"{_pair(row)} in {row.chosen_by} of {row.folds} folds"
                      for row in chosen.itertuples())  # fmt: skip
    best = _pair(next(first[first["best_on_test"]].itertuples()))
    lines.append(
        f"The linear probe, with the pair that training speakers choose ({votes}), reaches "
        f"{_value(nested)}. The pair that is best on the test speakers themselves ({best}) would "
        f"have shown {_difference(gap)} more: that is what choosing on test flatters."
    )
    return "\n\n".join(lines)


def _pair(row):
    same = row.layer_a == row.layer_b
    return layers.named([row.layer_a] if same else [row.layer_a, row.layer_b])


def about_architecture(table, targets, params) -> str:
    """What do validation speakers choose, and does the choice carry over to targets?

    Parameters
    ----------
    table, targets : pandas.DataFrame
        As `hump.experiments.architecture.summarise` and `targets`.
    params : Params

    Returns
    -------
    str
    """
    rows = table.set_index("system", drop=False)
    own, best = rows.loc[architecture.DEFAULT], table[table["chosen"]].iloc[0]
    remark = tables.note(params) or "recorded speech"
    text = (
        f"Of {len(table)} models, {best.validation_speakers:g} validation speakers of "
        f"{params.source} choose **{best.system}** (UAR {best.validation_uar:.3f} "
        f"[{best.validation_uar_low:.3f}, {best.validation_uar_high:.3f}]; {remark}"
    )
    if best.system == own.system:
        return text + "): no change of one factor does better, so there is none to carry over."
    text += f"; the study's model: {own.validation_uar:.3f}). "
    tests = targets[targets["difference"].notna()]
    row = tests[tests["corpus"] == AVERAGE] if len(tests) > 1 else tests
    row = row.iloc[0]
    return text + (
        f"After fine-tuning with {100 * headline(params):g} % of the data, its difference to the "
        f"study's model on {row.corpus} is {_tested(row, params)}."
    )
