"""How many utterances there are, against how many were published.

``<corpus>.published.csv`` lists counts of files as published: speaker and emotion_raw (several
separated by spaces; none: all of them) and utterances. Its lines without a speaker add up to the
corpus. Sources: the corpora's papers, file lists and EmoBox (Ma et al. 2024, arXiv:2406.07162).
"""

import functools
from pathlib import Path

import pandas as pd

from hump.corpora import recipe

__all__ = ["account", "compare", "mismatches", "published", "shortfall"]


@functools.cache
def published(name: str) -> pd.DataFrame:
    """Published counts of a corpus.

    Parameters
    ----------
    name : str

    Returns
    -------
    pandas.DataFrame
        Columns speaker, emotion_raw (text) and utterances; no rows for demo corpora.
    """
    file = Path(__file__).with_name(f"{name}.published.csv")
    if not file.is_file():
        return pd.DataFrame({"speaker": [], "emotion_raw": [], "utterances": []}, dtype=object)
    text = {"speaker": str, "emotion_raw": str}
    return pd.read_csv(file, dtype=text, keep_default_na=False)


def compare(rows) -> pd.DataFrame:
    """Published counts beside those found.

    An utterance counts once however often it lies in the folder, and whether or not it is used.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.

    Returns
    -------
    pandas.DataFrame
        Columns corpus, speaker, emotion_raw (empty: all), expected, found.
    """
    name = rows["corpus"].iloc[0]
    table = published(name).rename(columns={"utterances": "expected"})
    labelled = _utterances(rows).groupby(["speaker", "emotion_raw"]).size()
    found = labelled.rename("n").reset_index()
    table["found"] = [
        int(found[_is(found, row, "speaker") & _is(found, row, "emotion_raw")]["n"].sum())
        for row in table.itertuples()
    ]
    table.insert(0, "corpus", name)
    return table


def mismatches(table) -> pd.DataFrame:
    """Published counts that were not found; the speakers that are not there at all in one line.

    Parameters
    ----------
    table : pandas.DataFrame
        As `compare`.

    Returns
    -------
    pandas.DataFrame
        As `compare`, with "all" where that is empty.
    """
    alone = table[~table["speaker"].isin([""]) & ~table["speaker"].str.contains(" ")]
    found = alone.groupby("speaker")["found"].sum()
    absent = alone[alone["speaker"].map(found).eq(0)]
    differ = table[table["expected"].ne(table["found"]) & ~table.index.isin(absent.index)]
    if len(absent):
        line = {
            "corpus": table["corpus"].iloc[0], "speaker": " ".join(absent["speaker"].unique()),
            "emotion_raw": "", "expected": absent["expected"].sum(), "found": 0,
        }  # fmt: skip
        differ = pd.concat([differ, pd.DataFrame([line])])
    anybody = {"speaker": {"": "all"}, "emotion_raw": {"": "all"}}
    return differ.replace(anybody).reset_index(drop=True)


def _utterances(rows):
    """Each labelled utterance once: a published twin has a name of its own, a copy has not."""
    name = rows["utterance_id"].str.replace(r"#\d+$", "", regex=True)
    return rows[rows["emotion_raw"].notna() & ~name.where(rows["emotion_raw"].notna()).duplicated()]


def _is(found, row, column):
    wanted = getattr(row, column).split()
    return found[column].isin(wanted) if wanted else True


def shortfall(rows, labels) -> str:
    """Say in a few words that a copy is not the published corpus, or nothing.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.
    labels : collection of str
        Raw labels in use.

    Returns
    -------
    str
        Empty if all counts are the published ones.
    """
    table = compare(rows)
    if table.empty or (table["expected"] == table["found"]).all():
        return ""
    classes = table[table["speaker"] == ""]
    short = (table["found"] < table["expected"]).any()
    return (
        f"{'partial copy' if short else 'more than published'}, {_share(classes)} utterances, of "
        f"labels in use {_share(classes[classes['emotion_raw'].isin(labels)])}"
    )


def _share(lines):
    return f"{lines['found'].sum()} of {lines['expected'].sum()}"


def account(rows) -> pd.DataFrame:
    """Count what was found, used and excluded, with the reason.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.

    Returns
    -------
    pandas.DataFrame
        Columns corpus, status (found, used, excluded), reason, files; the counts of used and
        excluded rows add up to that of found.
    """
    is_used = recipe.in_use(rows)
    reasons = rows.loc[~is_used, "excluded"].fillna("label outside the study")
    # Files that differ in their details share a reason.
    copy = r"^(copy of|another recording of the utterance in) .*"
    reasons = reasons.str.replace(copy, r"\1 another file", regex=True)
    is_audio = reasons.str.startswith("audio")
    reasons[is_audio] = reasons[is_audio].str.replace(r"\d+(\.\d+)?", "N", regex=True)
    lines = [("found", "", len(rows)), ("used", "", int(is_used.sum()))]
    lines += [("excluded", reason, n) for reason, n in sorted(reasons.value_counts().items())]
    table = pd.DataFrame(lines, columns=["status", "reason", "files"])
    table.insert(0, "corpus", rows["corpus"].iloc[0])
    return table
