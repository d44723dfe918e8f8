"""Tables of few columns, for notebooks and pages: what decides is seen without scrolling."""

import pandas as pd

from hump.params import Params, folders
from hump.report import leads
from hump.util import text

_WORDS = {"speaker_independent": "unseen", "paper": "shared"}


def compact(table: pd.DataFrame, params: Params, columns) -> pd.DataFrame:
    """Some columns of a table as text, each value with its interval in one.

    Parameters
    ----------
    table : pandas.DataFrame
        A table of the study. Paired tests get their verdict.
    params : Params
    columns : dict of str to str, or list of str
        Title shown -> column; columns that the table lacks are left out.

    Returns
    -------
    pandas.DataFrame
        As many rows, for example of ``difference`` ``+0.039 [-0.031, +0.109]``.
    """
    columns = columns if isinstance(columns, dict) else dict(zip(columns, columns))
    table = table.rename(columns={"low": "value_low", "high": "value_high"})
    if {"p_holm", "p_least", "family"} <= set(table):
        tested = table[table["p_holm"].notna()]
        table = table.assign(verdict=leads.verdicts(tested, params))
    shown = {title: column for title, column in columns.items() if column in table}
    lines = [[_cell(row, c) for c in shown.values()] for row in table.to_dict("records")]
    return pd.DataFrame(lines, index=table.index, columns=list(shown))


def _cell(row, column):
    value, ends = row[column], [row.get(f"{column}_{end}") for end in ("low", "high")]
    mechanism = row.get("kind") == "mechanism"
    if pd.isna(value):
        return "better" if column == "claimed" and mechanism else ""
    if column in ("fraction", "breakpoint"):
        shown = [text.percent(share) for share in (value, *ends) if share is not None]
        return shown[0] + (f" [{', '.join(shown[1:])}]" if shown[1:] else "")
    if None not in ends:
        sign = mechanism or column in ("difference", "overconfidence")
        return text.interval(value, *ends, sign=sign)
    if isinstance(value, str):
        return folders.title(_WORDS.get(value, value))
    whole = isinstance(value, int) or (value == round(value) and abs(value) > 1)
    return f"{value:,.0f}" if whole else f"{value:.3g}"
