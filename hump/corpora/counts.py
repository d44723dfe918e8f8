"""How many utterances a copy of a corpus has, compared with the published counts.

``<corpus>.published.csv`` has one row for each published count: speaker and emotion_raw (several
are separated by spaces; empty means all) and utterances. Its rows without a speaker add up to the
corpus. Sources: the corpora's papers, file lists and EmoBox (Ma et al. 2024, arXiv:2406.07162).
"""

import functools
from pathlib import Path

import pandas as pd

from hump.corpora.manifest import in_use


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
    file = Path(__file__).parent / f"recipes/{name}.published.csv"
    if not file.is_file():
        return pd.DataFrame({"speaker": [], "emotion_raw": [], "utterances": []}, dtype=object)
    text = {"speaker": str, "emotion_raw": str}
    return pd.read_csv(file, dtype=text, keep_default_na=False)


def compare(rows) -> pd.DataFrame:
    """Published counts beside those of a copy.

    Each utterance is counted once, however many files it has, and whether or not it is used.

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
    sizes = _utterances(rows).groupby(["speaker", "emotion_raw"]).size().rename("n").reset_index()
    table["found"] = [
        int(sizes["n"][_matches(sizes, row, "speaker") & _matches(sizes, row, "emotion_raw")].sum())
        for row in table.itertuples()
    ]
    table.insert(0, "corpus", name)
    return table


def _utterances(rows):
    """Each labelled utterance once: a copy has the utterance's name, a published twin has not."""
    labelled = rows[rows["emotion_raw"].notna()]
    name = labelled["utterance_id"].str.replace(r"#\d+$", "", regex=True)
    return labelled[~name.duplicated()]


def _matches(sizes, row, column):
    wanted = getattr(row, column).split()
    return sizes[column].isin(wanted) | (not wanted)


def mismatches(table) -> pd.DataFrame:
    """Published counts that a copy does not have.

    Speakers with no utterance share one row, and a label with none has one for all speakers.

    Parameters
    ----------
    table : pandas.DataFrame
        As `compare` returns it.

    Returns
    -------
    pandas.DataFrame
        The same columns, with "all" where speaker or emotion_raw is empty.
    """
    of_one = table[table["speaker"].str.fullmatch(r"\S+").astype(bool)]
    absent = of_one[of_one.groupby("speaker")["found"].transform("sum").eq(0)]
    missing = table["emotion_raw"][(table["speaker"] == "") & (table["found"] == 0)]
    is_repeated = table["emotion_raw"].isin(missing) & (table["speaker"] != "")
    is_repeated |= table.index.isin(absent.index)
    differ = table[table["expected"].ne(table["found"]) & ~is_repeated]
    if len(absent):
        speakers = " ".join(absent["speaker"].unique())
        row = [table["corpus"].iloc[0], speakers, "", absent["expected"].sum(), 0]
        differ = pd.concat([differ, pd.DataFrame([row], columns=table.columns)])
    for_all = {"speaker": {"": "all"}, "emotion_raw": {"": "all"}}
    return differ.replace(for_all).reset_index(drop=True)


def shortfall(rows, labels) -> str:
    """Say in a few words how a copy differs in size from the published corpus.

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
    if table["expected"].eq(table["found"]).all():
        return ""
    classes = table[table["speaker"] == ""]
    of_all, of_used = (
        f"{part['found'].sum()} of {part['expected'].sum()}"
        for part in (classes, classes[classes["emotion_raw"].isin(labels)])
    )
    kind = "partial copy" if (table["found"] < table["expected"]).any() else "more than published"
    return f"{kind}, {of_all} utterances, of labels in use {of_used}"


def account(rows) -> pd.DataFrame:
    """Count the files that were found, used, and excluded for each reason.

    Parameters
    ----------
    rows : pandas.DataFrame
        A manifest.

    Returns
    -------
    pandas.DataFrame
        Columns corpus, status (found, used, excluded), reason, files; used and excluded add up to
        found.
    """
    is_used = in_use(rows)
    reasons = rows.loc[~is_used, "excluded"].fillna("label outside the study")
    # Reasons that differ in a file's name or in numbers are counted together.
    copy = r"^(copy of|another recording of the utterance in) .*"
    reasons = reasons.str.replace(copy, r"\1 another file", regex=True)
    reasons = reasons.str.replace(r"^(contradicts itself): .*", r"\1", regex=True)
    is_audio = reasons.str.startswith("audio")
    reasons[is_audio] = reasons[is_audio].str.replace(r"\d+(\.\d+)?", "N", regex=True)
    counts = [("found", "", len(rows)), ("used", "", int(is_used.sum()))]
    counts += [("excluded", reason, n) for reason, n in sorted(reasons.value_counts().items())]
    table = pd.DataFrame(counts, columns=["status", "reason", "files"])
    table.insert(0, "corpus", rows["corpus"].iloc[0])
    return table
