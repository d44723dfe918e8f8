"""Answers of the notebooks, in Markdown: the words are in ``answers.md``.

Each function picks the rows of the study's tables that an answer is about.
"""

import pandas as pd

from hump import evaluation, results
from hump.experiments import (
    FURTHER,
    PRIMARY,
    architecture,
    few_shot,
    fractions,
    fusion,
    layers,
    matrix,
    transfer,
)
from hump.params import Params, names
from hump.report import leads
from hump.report.leads import DETAILS, lead, say


def remark(params: Params, about=None) -> str:
    """What must be known of the data, or that it is recorded speech."""
    return results.brief(params, about=about) or "recorded speech"


def about_source(table: pd.DataFrame, params: Params, chance: float) -> str:
    """03: UAR on the source.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.evaluation.summarise`, by corpus and system.
    params : Params
    chance : float
        UAR of guessing.
    """
    row = table.set_index("system").loc[names.PRETRAINED]
    return str(lead("source", "", row, params, remark(params, [params.source]), chance))


def about_target(table: pd.DataFrame, params: Params) -> str:
    """04: UAR by fraction.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.evaluation.summarise`, of one target, test speakers unseen.
    params : Params
    """
    corpus, own = table["corpus"].iloc[0], table[table["system"] == names.PRETRAINED]
    rows = list(own.itertuples())
    at = {row.fraction: row for row in rows}
    scratch = table[(table["system"] == names.SCRATCH) & (table["fraction"] == params.headline)]
    first = lead("target", "", corpus, remark(params, [params.source, corpus]),
                 at.get(params.headline, rows[-1]), rows, at.get(0.0),
                 next(scratch.itertuples(), None))  # fmt: skip
    return first.then("target", rows)


def about_diagnosis(diagnosis, rates: pd.DataFrame, params: Params) -> str:
    """14: whether the answers of a fine-tuned model can be trusted.

    Parameters
    ----------
    diagnosis : hump.experiments.diagnosis.Diagnosis
    rates : pandas.DataFrame
        As `hump.experiments.bias.label_rates`, of the same target.
    params : Params
    """
    table = diagnosis.calibration
    is_it = rates["emotion"].str.lower().replace(names.ALIKE) == "neutral"
    neutral = rates[(rates["system"] == names.PRETRAINED) & is_it]
    lines = []
    for row in table.itertuples():
        words = ("lowers", "raises", "does not measurably change")
        does = _side(row, "nll_change", *words) if row.scaling == "temperature" else ""
        lines.append(say("calibration", row, params.evaluation.confidence, does))
    for row in neutral.itertuples():
        words = ("too rarely", "too often", "not measurably more or less often than it is true")
        lines.append(say("neutral", row, _side(row, "difference", *words)))
    lines.append(about_attention(diagnosis.attention, "update", "after fine-tuning"))
    separation = diagnosis.separation.set_index(["moment", "groups"])["silhouette"]
    lines.append(say("embeddings", separation))
    # The last has a temperature, unless no speaker could be held out.
    own = table[table["fraction"] == params.headline].iloc[-1]
    sure = _side(own, "overconfidence", "less sure", "surer", "")
    facts = (own, sure, remark(params, [params.source, own["corpus"]]))
    return lead("diagnosis", "", *facts).then("diagnosis", lines)


def about_attention(table: pd.DataFrame, time: str, when: str) -> str:
    """How many heads have collapsed at the last time, and how even the others are.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.attention.summarise`, of one corpus.
    time : str
        ``update`` or ``epoch``.
    when : str
        The last time in words.
    """
    last = table[table[time] == table[time].max()] if len(table) else table
    count = last["collapse"].value_counts().reindex(["uniform", "one key", "no choice"]).fillna(0)
    return say("attention", len(last), count, last["entropy"].dropna(), when)


def _side(row, name, below, above, neither):
    """What an interval says of a difference: it is below 0, above 0, or neither is shown."""
    low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
    return below if high < 0 else above if low > 0 else neither


def corrected(comparisons: pd.DataFrame) -> str:
    """How p-values were corrected, for captions.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        As `hump.evaluation.compare_families`.
    """
    sizes = comparisons["question"].value_counts()
    return say("corrected", sizes.get(PRIMARY, 0), sizes.get(FURTHER, 0))


def _with_verdict(row, params):
    return row, evaluation.verdict(row, row.family, params.evaluation)


def _grouped(rows, params):
    """Verdict -> its rows, the largest difference first."""
    groups = {}
    for row in rows.sort_values("difference", ascending=False).itertuples():
        groups.setdefault(_with_verdict(row, params)[1], []).append(row)
    return groups


def about_fusion(table: pd.DataFrame, comparisons: pd.DataFrame, params: Params) -> str:
    """05: is cross-attention better than concatenation, and which streams does the model need?

    Parameters
    ----------
    table, comparisons : pandas.DataFrame
        As `hump.experiments.fusion.summarise` and `compare`.
    params : Params
    """
    full, rows = table.set_index("system").loc[fusion.FULL], comparisons.set_index("b", drop=False)
    tests = [_with_verdict(rows.loc[name], params) for name in (fusion.PLAIN, fusion.MATCHED)]
    further = rows[rows["question"] == FURTHER]
    facts = (full["corpus"], remark(params, [full["corpus"]]), full, *tests)
    details = (about_direction(comparisons, params), *facts, further, _grouped(further, params))
    return leads.about_fusion(comparisons, params).then("fusion", *details)


def about_direction(comparisons: pd.DataFrame, params: Params) -> str:
    """05: which way the primary differences point, whatever can be decided of each.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        As `hump.experiments.fusion.compare`.
    params : Params
    """
    rows = comparisons[comparisons["question"] == PRIMARY]
    ahead, level = int((rows["difference"] > 0).sum()), 1 - params.evaluation.confidence
    clearest = rows.loc[rows["p"].idxmin()]
    return say("direction", len(rows), ahead, int((rows["p_holm"] < level).sum()), clearest)


def about_layers(table, comparisons, cells, params: Params) -> str:
    """06: are the study's layers the right ones, and how much does choosing on test speakers add?

    Parameters
    ----------
    table, comparisons, cells : pandas.DataFrame
        As `hump.experiments.layers.summarise`, `compare` and `layer_pairs`.
    params : Params
    """
    own, rows = layers.named(params.features.layers), table.set_index(["model", "system"])
    asked = comparisons[comparisons["a"] == own]
    groups = asked.groupby(["question", "comparison"], sort=False)
    families = [(kind, part, _grouped(part, params)) for (_, kind), part in groups]
    first = cells[cells["encoder"] == cells["encoder"].iloc[0]]
    votes = [(_pair(row), row) for row in _votes(first)]
    best = _pair(next(first[first["best_on_test"]].itertuples()))
    tests = comparisons.set_index(["comparison", "a", "b"]).sort_index()
    gap = tests.loc[layers.PROBE, layers.ON_TEST, layers.ON_TRAINING]
    model, nested = rows.loc[layers.MODEL, own], rows.loc[layers.PROBE, layers.ON_TRAINING]
    remarked = remark(params, [params.source])
    details = (params, remarked, own, model, families, votes, nested, best, gap)
    return leads.about_layers(comparisons, params).then("layers", *details)


def _pair(row):
    return layers.named(sorted({row.layer_a, row.layer_b}))


def about_encoders(table: pd.DataFrame, comparisons: pd.DataFrame, params: Params) -> str:
    """11: which encoder does best, and is the first of the list better than the others?

    Parameters
    ----------
    table, comparisons : pandas.DataFrame
        As `hump.experiments.encoders.summarise` and `compare`.
    params : Params
    """
    best = table.loc[table.groupby("model", sort=False)["uar"].idxmax()]
    tests = [_with_verdict(row, params) for row in comparisons.itertuples()]
    best, (verdict, *counts) = list(best.itertuples()), leads.counted(comparisons, params)
    first = lead("encoders", verdict, remark(params, [params.source]), best, tests, *counts)
    return first.then("encoders", best, tests)


def about_fractions(tests, points, overlap, params: Params) -> str:
    """07: enough data, transfer, and speaker overlap, on average or for the only target.

    Parameters
    ----------
    tests, points, overlap : pandas.DataFrame
        As `hump.experiments.fractions.transfer`, `breakpoints` and `overlap`.
    params : Params
    """
    told = [(leads.about_transfer, tests), (leads.about_enough, points)]
    # The last is the average, if there is one.
    corpus = [*params.targets[:1], *tests["corpus"], *points["corpus"]][-1]
    points, own = (list(t[t["corpus"] == corpus].itertuples()) for t in (points, tests))
    unseen = [row for row in own if row.protocol == "speaker_independent"]
    hurt, behind = (tests["verdict"] == fractions.HURTS).sum(), (tests["difference"] < 0).sum()
    shared = overlap[(overlap["corpus"] == corpus) & (overlap["system"] == names.PRETRAINED)]
    facts = (corpus, points, params.fraction_curves.tolerance, unseen, len(tests), hurt, behind)
    told += [(leads.about_overlap, overlap)]
    first = [about(rows, params) for about, rows in told if len(rows)]
    details = say("fractions", *facts, list(shared.itertuples()))
    return "\n\n".join(map(str, first)) + DETAILS + details


def about_strategies(table: pd.DataFrame, contrasts: pd.DataFrame, params: Params) -> str:
    """15: what choosing a strategy on validation speakers is worth, and what few utterances bring.

    On average, or for the only target.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.tuning.table`.
    contrasts : pandas.DataFrame
        As `hump.experiments.few_shot.contrasts`.
    params : Params
    """
    rows = table[table["corpus"] == table["corpus"].iloc[-1]]
    words, lines = ("worse than", "better than", "not measurably different from"), []
    first = None
    for _, part in rows.groupby("fraction"):
        own, nested = part[part["in_force"]].iloc[0], part[part["variant"] == names.CHOSEN].iloc[0]
        side = _side(nested, "difference", *words)
        lines.append(say("strategies", own, nested, _votes(part), side))
        first = first or (own, nested, side, remark(params))
    lines.append(about_few_shot(contrasts))
    return f"{lead('strategies', '', *first)}{DETAILS}" + "\n".join(lines)


def _votes(table):
    """Rows that were chosen by some fold, the most often chosen first."""
    chosen = table[table["chosen_by"] > 0].sort_values("chosen_by", ascending=False)
    return list(chosen.itertuples())


def about_few_shot(contrasts: pd.DataFrame) -> str:
    """15: what a few utterances bring, on average or for the only target.

    Parameters
    ----------
    contrasts : pandas.DataFrame
        As `hump.experiments.few_shot.contrasts`.
    """
    rows = contrasts[contrasts["corpus"].isin(contrasts["corpus"].tail(1))]
    rows = rows[rows["within"].isin([names.PRETRAINED, few_shot.MANY])]
    return say("few_shot", list(rows.itertuples()))


def about_architecture(table: pd.DataFrame, params: Params) -> str:
    """08: what is a choice on validation speakers worth?

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.architecture.summarise`.
    params : Params
    """
    rows = table.set_index("system", drop=False)
    own, nested = rows.loc[architecture.DEFAULT], rows.loc[names.CHOSEN]
    does = _side(nested, "difference", "costs", "gains", "changes nothing measurable:")
    first = lead("architecture", "", len(table) - 1, own, nested, does, remark(params), params)
    return first.then("architecture", _votes(table))


def about_claims(table: pd.DataFrame, params: Params) -> str:
    """09: what the tests of all targets together allow one to say.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.summary.comparisons`.
    params : Params
    """
    repeats = params.finetune.fractions.values()
    details = (_grouped(table, params), remark(params), len(table), min(repeats), max(repeats))
    return leads.about_tests(table, params).then("claims", *details)


def about_main_claims(table: pd.DataFrame, params: Params) -> str:
    """09: the claims that were declared beforehand.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.transfer.claims`.
    params : Params
    """
    rows = [_with_verdict(row, params) for row in table.itertuples()]
    return leads.about_main_claims(table, params).then("main_claims", rows)


def about_controls(table: pd.DataFrame, comparisons: pd.DataFrame, params: Params) -> str:
    """12: what helps and what loses most, and how far trainings differ.

    Parameters
    ----------
    table, comparisons : pandas.DataFrame
        As `hump.experiments.transfer.summarise` and `compare`.
    params : Params
    """
    # What a control changes: the other way round than in the table.
    low, high = -comparisons["difference_high"], -comparisons["difference_low"]
    changes = comparisons.assign(
        difference=-comparisons["difference"], difference_low=low, difference_high=high
    )
    tests = [_with_verdict(row, params) for row in changes.itertuples()]
    at = table[table["fraction"] == table["fraction"].min()]
    first = [pair for pair in tests if pair[0].comparison == transfer.share(at["fraction"].iloc[0])]
    first.sort(key=lambda pair: pair[0].difference)
    best = next((row for row, verdict in reversed(first) if verdict == "better"), None)
    worst = next((row for row, verdict in first if verdict == "worse"), None)
    own = at[at["system"] == names.PRETRAINED]
    other = at[at["system"] == best.b].set_index("corpus") if best else {}
    uars = [(row, other.loc[row.corpus] if best else None) for row in own.itertuples()]
    decided = [pair for pair in tests if pair[1] in ("better", "worse")]
    left = [pair for pair in tests if pair not in decided]
    facts = (best, worst, uars)
    return lead("controls", "", *facts).then("controls", uars[-1][0].corpus, decided, left)


def about_matrix(table: pd.DataFrame, found: dict) -> str:
    """13: which source for which target, and whether related languages help.

    Parameters
    ----------
    table : pandas.DataFrame
        As `hump.experiments.matrix.summarise`.
    found : dict
        As `hump.experiments.matrix.by_distance`.
    """
    own = table[(table["fraction"] == 0) & (table["system"] == names.PRETRAINED)]
    rows, others = [], []
    for _, part in own.groupby("corpus", sort=False):
        single = list(part[part["source"] != matrix.OTHERS].sort_values("uar").itertuples())
        worst, best = single[0], single[-1]
        rows.append((best, worst))
        others += [(row, best) for row in part[part["source"] == matrix.OTHERS].itertuples()]
    # No corpus is its own source.
    winners = [one for one in own["source"].unique()
               if all(one in (best.source, best.corpus) for best, _ in rows)]  # fmt: skip
    return lead("matrix", "", rows, found, next(iter(winners), None)).then(
        "matrix", rows, found, others
    )
